// Sending: once a turn each connection that owes something pays it.
#pragma once
#include "ip/ip_head.h"
#include "stack.h"
#include "tcp/conn.h"
#include "tcp/tcp_timers.h"

// Pays as much as cwnd, windows, packet buffers and fairness between connections allow. What is
// still in conn->owed afterwards is for the next turn.
void ft_tcp_output_pay(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);

// ---- what tcp_output.c and tcp_predicted.h have in common ----

// Data leaves ACKs and resets the rest of the queue for themselves. So many frames of it may be queued now.
static inline uint32_t ft_tcp_output_room(const struct ft_stack *stack)
{
	const uint32_t most = FT_TX_QUEUE / 4 * 3;

	if (stack->tx_count >= most || stack->loopback.count >= FT_LOOPBACK_QUEUE / 4 * 3)
		return 0;
	return most - stack->tx_count;
}

static inline bool ft_tcp_output_has_room(const struct ft_stack *stack)
{
	return ft_tcp_output_room(stack) > 0;
}

// What stands before its segments, if they need not go the long way (ip_head.h): of the first one,
static inline const struct ft_ip_head *ft_tcp_output_first_head(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	const struct ft_ip_head *head =
		ft_ip_head_recall(stack, &conn->tuple, conn->options.ttl, conn->options.tos, now);

	conn->head_number = head != NULL ? head->number : 0;
	return head;
}

// and of the next: nearly always what stood before the last one.
static inline const struct ft_ip_head *ft_tcp_output_head(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	const struct ft_ip_head *head = ft_ip_head_again(stack, conn->head_number, now);

	return likely(head != NULL) ? head : ft_tcp_output_first_head(stack, conn, now);
}

// An ACK went out.
static inline void ft_tcp_output_note_ack(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	conn->owed &= ~FT_OWE_ACK;
	conn->rcv.acked = conn->rcv.nxt;
	ft_tcp_timers_ack_sent(stack, conn);
}

// What begins before SND.MAX was sent once more. A probe's byte is the same again and again, and says nothing
// about losses.
void ft_tcp_output_count_again(struct ft_stack *stack, struct ft_tcp_conn *conn);

// A segment that occupies seq .. end - 1 went out: SND.NXT, the measurement of round trips, timers.
static __rte_always_inline void ft_tcp_output_note(
	struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t seq, uint32_t end, ft_time now)
{
	if (unlikely(ft_seq_is_before(seq, conn->snd.max)))
		ft_tcp_output_count_again(stack, conn);
	ft_tcp_timers_sent(stack, conn, now);
	ft_retransmit_sent(&conn->retransmit, seq, end, conn->snd.max, now);
	conn->snd.nxt = ft_seq_later(conn->snd.nxt, end);
	conn->snd.max = ft_seq_later(conn->snd.max, end);
	conn->last_sent = now;
}
