// What nearly every connection begins and ends with, in as few steps as can be: tcp_predicted.h has what lies
// between, and its rules hold here, too.
//
//	in  SYN-RECEIVED  the ACK of our SYN
//	    later         in order, without text: a FIN, an ACK of ours, or both at once
//	out SYN-RECEIVED  SYN-ACK, the first one
//	    later         FIN, alone or behind a short answer; an ACK alone
#pragma once
#include <stdbool.h>

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/handshake.h"
#include "tcp/tcp_ack.h"
#include "tcp/tcp_predicted.h"
#include "tcp/tcp_receive.h"
#include "tcp/tcp_timers.h"

// ---- in: the steps of RFC 9293 3.10.7.4, for a segment that has passed the first four ----

static __rte_always_inline void ft_tcp_passage_take_ack_of_syn(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	ft_tcp_timers_heard(conn, now);
	ft_handshake_acknowledged(stack, conn, seg->seq, seg->ack, now);
	ft_tcp_ack_update_window(stack, conn, seg, now);
	if (conn->has_timestamps)
		ft_tcp_receive_note_timestamp(conn, seg, now);
}

// A peer that closes first acknowledges the answer with its FIN, most often; and ours, if we do.
static __rte_always_inline void ft_tcp_passage_take_ack(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	const bool is_open = conn->state == FT_TCP_ESTABLISHED;

	if (likely(is_open ? ft_tcp_ack_is_of_answer(conn, seg)
			   : ft_tcp_ack_is_of_fin(conn, seg))) {
		ft_tcp_ack_answer(stack, conn, seg, now);
		conn->is_fin_acked = !is_open;
	} else {
		ft_tcp_ack_new(stack, conn, seg->ack, seg->ts_echo, now);
	}
}

// What the ACK of our FIN comes to; whether that was the end of the connection. The FIN that comes with it ends
// FIN-WAIT-2 before anything is waited for there.
static __rte_always_inline bool ft_tcp_passage_has_ended(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	if (conn->state == FT_TCP_FIN_WAIT_1 && (seg->flags & FT_TCP_FIN)) {
		ft_conn_set_state(stack, conn, FT_TCP_FIN_WAIT_2);
		return false;
	}
	return ft_tcp_ack_fin_acked(stack, conn, now) == FT_DROP_TCP_CONSUMED;
}

static __rte_always_inline void ft_tcp_passage_take_closing(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	ft_tcp_timers_heard(conn, now);
	if (seg->ack != conn->snd.una)
		ft_tcp_passage_take_ack(stack, conn, seg, now);
	ft_tcp_ack_update_window(stack, conn, seg, now);
	if (conn->is_fin_acked && ft_tcp_passage_has_ended(stack, conn, seg, now))
		return;
	if (conn->has_timestamps)
		ft_tcp_receive_note_timestamp(conn, seg, now);
	if (seg->flags & FT_TCP_FIN)
		ft_tcp_receive_take_fin(stack, conn, now);
}

// Our SYN-ACK has gone out, and this is the ACK of it, with nothing else.
static inline bool ft_tcp_passage_is_established_by(
	const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	return seg->length == 0 && seg->ack == conn->snd.iss + 1 && seg->ack == conn->snd.max &&
	       ft_tcp_ack_may_establish(conn);
}

// A FIN counts where the peer's was not heard yet.
static inline bool ft_tcp_passage_may_close(
	const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	if (conn->state == FT_TCP_TIME_WAIT || !ft_tcp_predicted_is_plain_ack(conn, seg))
		return false;
	return !(seg->flags & FT_TCP_FIN) || ft_conn_may_receive(conn);
}

// Our FIN was the last thing to be acknowledged, and nobody will ask how the connection fared.
static inline bool ft_tcp_passage_is_over(
	const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	return conn->state == FT_TCP_LAST_ACK && conn->is_orphan &&
	       seg->ack - conn->snd.una > conn->send_queue.bytes;
}

// Takes a segment without text, if it is one of the above; not while ft_tcp_predicted_is_off(). `hash` is that of its
// tuple. The caller is done with its packet then, and reaps the connection, which may have ended. False: nothing has
// happened, and tcp_input.c has to look.
static __rte_always_inline bool ft_tcp_passage_input(struct ft_stack *stack,
	struct ft_tcp_conn *conn, const struct ft_segment *seg, uint64_t hash, ft_time now)
{
	const uint8_t controls = FT_TCP_SYN | FT_TCP_RST | FT_TCP_URG | FT_TCP_ACK;
	bool is_opening = conn->state == FT_TCP_SYN_RECEIVED;

	if ((seg->flags & controls) != FT_TCP_ACK)
		return false;
	if (!(is_opening || ft_conn_is_synchronized(conn)) || conn->has_urgent ||
		conn->is_read_shut || conn->has_gap || !ft_tcp_predicted_is_in_order(conn, seg))
		return false;
	if (!(is_opening ? ft_tcp_passage_is_established_by(conn, seg)
			 : ft_tcp_passage_may_close(conn, seg)))
		return false;
	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_IN);
	if (is_opening)
		ft_tcp_passage_take_ack_of_syn(stack, conn, seg, now);
	else if (ft_tcp_passage_is_over(conn, seg))
		ft_conn_end_hashed(stack, conn, hash, 0);
	else
		ft_tcp_passage_take_closing(stack, conn, seg, now);
	return true;
}

// ---- out (tcp_passage.c) ----

// Pays all that the connection owes, if that is one segment that it knows; not while ft_tcp_predicted_is_off(), nor
// without ft_tcp_output_room(). False: nothing has happened, and tcp_output.c has to look. It has been reaped. `cache`
// is that of the send pool, or NULL. (As in tcp_predicted.h, what is noted about a packet is not cleared.)
bool ft_tcp_passage_output(struct ft_stack *stack, struct ft_tcp_conn *conn,
	struct rte_mempool_cache *cache, ft_time now);
