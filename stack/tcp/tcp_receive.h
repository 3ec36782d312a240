// The sixth to eighth steps: urgent data, text, FIN (RFC 9293 3.10.7.4).
#pragma once
#include <sys/epoll.h>

#include "tcp/conn.h"
#include "tcp/tcp_input.h"
#include "tcp/tcp_timers.h"

// TS.Recent, from a timestamp that is not older (RFC 7323 4.3 (2)).
static inline void ft_tcp_receive_note_timestamp(
	struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	if (ft_seq_is_after(seg->seq, conn->rcv.acked))
		return;
	conn->rcv.ts_recent = seg->ts_value;
	conn->ts_recent_age = ft_conn_age(now);
}

// RCV.NXT moves on.
static inline void ft_tcp_receive_advance(struct ft_tcp_conn *conn, uint32_t count)
{
	conn->rcv.nxt += count;
	conn->rcv_laps += conn->rcv.nxt - conn->rcv.irs < count;
	conn->rcv.wnd = likely(count <= conn->rcv.wnd) ? conn->rcv.wnd - count : 0;
}

// Whether an ACK may wait at all: the application, or the configuration, may want none to.
static inline bool ft_tcp_receive_may_ack_late(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn)
{
	return !conn->options.quick_ack && stack->config.tcp.delayed_ack != 0;
}

// In-order text of `bytes` has been taken. RFC 5681 4.2: the ACK goes out at once when something is missing or
// was missing (`is_urgent`), or the second full segment is in; so too when the application asked for it. Else
// it waits for data to ride on.
static inline void ft_tcp_receive_took_text(struct ft_stack *stack, struct ft_tcp_conn *conn,
	uint16_t bytes, bool is_urgent, ft_time now)
{
	// What is longer than we allow is several, merged on the way to us.
	if (unlikely(bytes > conn->rcv_mss))
		conn->rcv_mss = RTE_MAX(conn->rcv_mss, RTE_MIN(bytes, conn->announced_mss));
	conn->last_received = now;
	if (is_urgent || !ft_tcp_receive_may_ack_late(stack, conn))
		ft_conn_owe(stack, conn, FT_OWE_ACK, "ACK, at once");
	else if (conn->rcv.nxt - conn->rcv.acked > conn->rcv_mss)
		ft_conn_owe(stack, conn, FT_OWE_ACK, "ACK, of the second full segment");
	else
		ft_tcp_timers_ack_waits(stack, conn, now);
}

// Where the application has sent something, and is still to close, its own FIN is likely to follow, and carries
// the ACK like any other answer (RFC 9293 3.8.6.3; Linux's tcp_fin() does the same). Where it has closed, nothing
// follows; where it has not said a word, who knows.
static inline bool ft_tcp_receive_may_ack_fin_late(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn)
{
	return conn->state == FT_TCP_ESTABLISHED && conn->snd.max != conn->snd.iss + 1 &&
	       ft_tcp_receive_may_ack_late(stack, conn);
}

static inline void ft_tcp_receive_ack_fin(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	if (ft_tcp_receive_may_ack_fin_late(stack, conn))
		ft_tcp_timers_ack_waits(stack, conn, now);
	else
		ft_conn_owe(stack, conn, FT_OWE_ACK, "ACK of the FIN");
}

// RCV.NXT has come to the peer's FIN.
static __rte_always_inline void ft_tcp_receive_take_fin(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_tcp_receive_advance(conn, 1);
	conn->is_fin_received = true;
	ft_tcp_receive_ack_fin(stack, conn, now);
	switch ((enum ft_tcp_state)conn->state) {
	case FT_TCP_ESTABLISHED:
		ft_conn_set_state(stack, conn, FT_TCP_CLOSE_WAIT);
		break;
	case FT_TCP_FIN_WAIT_1:
		ft_conn_set_state(stack, conn, FT_TCP_CLOSING);
		break;
	default:
		ft_conn_enter_time_wait(stack, conn, now);
		break;
	}
	ft_conn_notify(stack, conn, EPOLLIN | EPOLLRDHUP | (conn->is_fin_queued ? EPOLLHUP : 0));
}

enum ft_drop ft_tcp_receive_urgent_step(struct ft_arrival *arrival);
enum ft_drop ft_tcp_receive_text_step(struct ft_arrival *arrival);

enum ft_drop ft_tcp_receive_fin_step(struct ft_arrival *arrival);
