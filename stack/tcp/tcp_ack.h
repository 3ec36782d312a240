// The fifth step: what an ACK acknowledges, and what its absence tells (RFC 9293 3.10.7.4, RFC
// 5681).
#pragma once
#include <sys/epoll.h>

#include "tcp/conn.h"
#include "tcp/listener.h"
#include "tcp/tcp_hoarders.h"
#include "tcp/tcp_input.h"
#include "tcp/tcp_readiness.h"
#include "tcp/tcp_timers.h"

// In all states but LISTEN and SYN-SENT.
enum ft_drop ft_tcp_ack_step(struct ft_arrival *arrival);

// The parts of it that tcp_passage.h needs: an ACK of our SYN, for which the listener's queue has room; what
// else an ACK of our FIN means, TCP_CONSUMED when that has ended the connection.
static inline bool ft_tcp_ack_may_establish(const struct ft_tcp_conn *conn)
{
	return conn->listener == NULL || ft_listener_can_accept(conn->listener);
}

enum ft_drop ft_tcp_ack_fin_acked(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);

static inline bool ft_tcp_ack_has_more_to_send(const struct ft_tcp_conn *conn)
{
	return ft_conn_unsent_bytes(conn) > 0 || ft_conn_owes_fin(conn);
}

// ---- the window ----

// The peer closed its window, or opened it again.
void ft_tcp_ack_window_turned(
	struct ft_stack *stack, struct ft_tcp_conn *conn, bool was_closed, ft_time now);

// SND.WND from a segment new enough (RFC 9293 3.10.7.4: SND.WL1, SND.WL2). What a SYN said was not
// scaled; this one is.
static __rte_always_inline void ft_tcp_ack_update_window(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	uint32_t window = (uint32_t)seg->window << conn->snd_scale;
	bool was_closed = conn->snd.wnd == 0;
	bool is_newer =
		ft_seq_is_before(conn->snd.wl1, seg->seq) ||
		(conn->snd.wl1 == seg->seq && ft_seq_is_at_or_before(conn->snd.wl2, seg->ack));

	if (!is_newer)
		return;
	conn->snd.wl1 = seg->seq;
	conn->snd.wl2 = seg->ack;
	if (window == conn->snd.wnd)
		return;
	if (window > conn->snd.wnd && ft_tcp_ack_has_more_to_send(conn))
		ft_conn_owe(stack, conn, FT_OWE_OUTPUT, "data, the window grew");
	conn->snd.wnd = window;
	conn->snd.max_wnd = RTE_MAX(conn->snd.max_wnd, window);
	if (unlikely(was_closed != (window == 0)))
		ft_tcp_ack_window_turned(stack, conn, was_closed, now);
}

// ---- new data acknowledged ----

void ft_tcp_ack_measure_by_echo(
	struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t ts_echo, ft_time now);

// One segment is timed in each round trip, to the nanosecond. What was sent again can't be timed so
// (Karn); then a timestamp's echo tells, to the millisecond. But where it was the ACK that got
// lost, the peer still echoes the first copy, and all the waiting since would seem to be the
// path's: so one such sample counts for no more than one step of backoff. Without a measurement the
// timeout stays backed off (RFC 6298 5), or a path grown slower would never be measured again.
static inline void ft_tcp_ack_measure(struct ft_stack *stack, struct ft_tcp_conn *conn,
	uint32_t ack, uint32_t ts_echo, ft_time now)
{
	struct ft_rtt_limits limits = ft_tcp_timers_limits(stack);
	bool was_timing = conn->retransmit.is_timing;
	ft_time rtt;

	if (ft_retransmit_measure(&conn->retransmit, ack, now, &rtt))
		ft_rtt_sample(&conn->rtt, rtt, &limits);
	else if (conn->has_timestamps && ts_echo != 0 && !was_timing)
		ft_tcp_ack_measure_by_echo(stack, conn, ts_echo, now);
}

static inline void ft_tcp_ack_advance(struct ft_tcp_conn *conn, uint32_t ack)
{
	uint32_t acked = ack - conn->snd.una;

	conn->snd.una = ack;
	conn->snd_laps += conn->snd.una - conn->snd.iss < acked;
}

static inline void ft_tcp_ack_drop(
	struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t ack, ft_time now)
{
	struct ft_send_memory memory = ft_conn_send_memory(stack);
	uint32_t acked = ack - conn->snd.una;
	uint64_t bytes = RTE_MIN((uint64_t)acked, conn->send_queue.bytes);
	const uint32_t packets = conn->send_queue.packets.count;
	bool was_writable = ft_tcp_is_writable(conn);

	ft_send_queue_drop(&conn->send_queue, bytes, &memory);
	if (packets > 0 &&
		(conn->send_queue.packets.count < packets || conn->send_queue.old_bytes == 0))
		ft_tcp_hoarders_moved(conn, now);
	if (acked > bytes)
		conn->is_fin_acked = true;
	ft_tcp_ack_advance(conn, ack);
	conn->snd.nxt = ft_seq_later(conn->snd.nxt, conn->snd.una);
	conn->snd.sml = ft_seq_later(conn->snd.sml, conn->snd.una);
	if (ft_seq_is_at_or_before(conn->snd.up, conn->snd.una))
		conn->is_sending_urgent = false;
	if (unlikely(!was_writable && ft_tcp_is_writable(conn)))
		ft_conn_notify(stack, conn, EPOLLOUT);
}

void ft_tcp_ack_control_recovery(struct ft_stack *stack, struct ft_tcp_conn *conn,
	enum ft_retransmit_event event, uint32_t acked);

// More than it has: twice cwnd.
void ft_tcp_ack_grow_send_buffer(struct ft_stack *stack, struct ft_tcp_conn *conn);

// (Of the segment only what is needed, which so need not stand in memory.)
static inline void ft_tcp_ack_new(struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t ack,
	uint32_t ts_echo, ft_time now)
{
	uint32_t acked = ack - conn->snd.una;
	enum ft_retransmit_event event;
	bool may_restart;

	ft_tcp_ack_measure(stack, conn, ack, ts_echo, now);
	ft_tcp_ack_drop(stack, conn, ack, now);
	event = ft_retransmit_acked(&conn->retransmit, ack);
	if (likely(event == FT_RETRANSMIT_NOTHING))
		ft_cc_ack(&conn->cc, acked, conn->is_cwnd_limited, now);
	else
		ft_tcp_ack_control_recovery(stack, conn, event, acked);
	if (unlikely(2 * (uint64_t)conn->cc.cwnd > conn->send_limit))
		ft_tcp_ack_grow_send_buffer(stack, conn);
	may_restart = event != FT_RETRANSMIT_PARTIAL || conn->retransmit.partial_acks <= 1;
	ft_tcp_timers_acked(stack, conn, may_restart, now);
	conn->soft_error = 0;
	conn->is_more_coming = false;
	if (ft_tcp_ack_has_more_to_send(conn))
		ft_conn_owe(stack, conn, FT_OWE_OUTPUT, "data, after an ACK");
}

// ---- an answer acknowledged ----

// On an open connection: all that was in flight, which is all that is queued and needed no packet; and nothing
// was lost.
static inline bool ft_tcp_ack_is_of_answer(
	const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	return seg->ack == conn->snd.max && conn->send_queue.bytes == seg->ack - conn->snd.una &&
	       ft_send_queue_has_few(&conn->send_queue) && !conn->is_sending_urgent &&
	       conn->retransmit.phase == FT_RETRANSMIT_OPEN;
}

// What ft_tcp_ack_new() comes to then, while nothing is traced. (So few bytes are less than a third of any send
// buffer: it was writable, or packets are being waited for as before.)
static __rte_always_inline void ft_tcp_ack_answer(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	uint32_t acked = seg->ack - conn->snd.una;

	ft_tcp_ack_measure(stack, conn, seg->ack, seg->ts_echo, now);
	conn->send_queue.bytes = 0;
	ft_tcp_ack_advance(conn, seg->ack);
	conn->snd.nxt = conn->snd.sml = seg->ack;
	ft_retransmit_acked_open(&conn->retransmit, seg->ack);
	ft_cc_ack(&conn->cc, acked, conn->is_cwnd_limited, now);
	if (unlikely(2 * (uint64_t)conn->cc.cwnd > conn->send_limit))
		ft_tcp_ack_grow_send_buffer(stack, conn);
	ft_tcp_timers_answer_acked(conn);
	conn->soft_error = 0;
	conn->is_more_coming = false;
}

// ---- a FIN acknowledged ----

// Ours, and with it all that was in flight before it; else likewise.
static inline bool ft_tcp_ack_is_of_fin(
	const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	return seg->ack == conn->snd.max &&
	       conn->send_queue.bytes + 1 == seg->ack - conn->snd.una &&
	       ft_send_queue_has_few(&conn->send_queue) && !conn->is_sending_urgent &&
	       conn->retransmit.phase == FT_RETRANSMIT_OPEN;
}
