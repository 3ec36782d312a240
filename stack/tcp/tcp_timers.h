// The timers of a connection are told events; here and in tcp_timers.c alone it is decided which starts or
// stops.
#pragma once
#include <stdbool.h>

#include "stack.h"
#include "tcp/conn.h"

static inline void ft_tcp_timers_init(struct ft_tcp_conn *conn)
{
	ft_timer_init(&conn->timer, FT_TIMER_TCP);
	conn->timer.is_lazy = true;
	for (int timer = 0; timer < FT_TCP_TIMER_COUNT; timer++)
		conn->deadlines[timer] = FT_NEVER;
}

// The connection ended.
static inline void ft_tcp_timers_stop(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	ft_timer_cancel(&stack->wheel, &conn->timer);
	for (int timer = 0; timer < FT_TCP_TIMER_COUNT; timer++)
		conn->deadlines[timer] = FT_NEVER;
}

// Output sent what it could; something may have been held back.
void ft_tcp_timers_output_done(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
// The peer's window closed, or opened again.
void ft_tcp_timers_window_closed(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
void ft_tcp_timers_window_opened(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);

// It rested, with keepalive's deadline (FT_NEVER: without).
void ft_tcp_timers_woken(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time keepalive);
void ft_tcp_timers_time_wait(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
// The application closed the connection, or a connection it closed reached FIN-WAIT-2.
void ft_tcp_timers_orphaned(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
// What the retransmission timer does, it is to do in the next turn: a retransmission or a probe.
void ft_tcp_timers_try_now(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
// SO_KEEPALIVE, TCP_KEEPIDLE, TCP_USER_TIMEOUT... changed.
void ft_tcp_timers_options_changed(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);

// RFC 6298's bounds, as configured.
static inline struct ft_rtt_limits ft_tcp_timers_limits(const struct ft_stack *stack)
{
	return (struct ft_rtt_limits){ .minimum = stack->config.tcp.minimum_rto,
		.maximum = stack->config.tcp.maximum_rto };
}

static inline ft_time ft_tcp_timers_retransmit_timeout(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn)
{
	struct ft_rtt_limits limits = ft_tcp_timers_limits(stack);

	return ft_rtt_timeout(&conn->rtt, &limits);
}

// ---- setting and clearing, for this file and tcp_timers.c alone ----

static inline void ft_tcp_timers_start_by(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time deadline)
{
	if (deadline < conn->timer.deadline)
		ft_timer_set(&stack->wheel, &conn->timer, deadline);
}

static inline void ft_tcp_timers_move(
	struct ft_stack *stack, struct ft_tcp_conn *conn, enum ft_tcp_timer timer, ft_time deadline)
{
	conn->deadlines[timer] = deadline;
	ft_tcp_timers_start_by(stack, conn, deadline);
}

// Apart, so that while nothing is traced the two below have nothing to keep over a call.
void ft_tcp_timers_tell_and_move(struct ft_stack *stack, struct ft_tcp_conn *conn,
	enum ft_tcp_timer timer, ft_time deadline) __attribute__((cold, noinline));

static inline void ft_tcp_timers_set(
	struct ft_stack *stack, struct ft_tcp_conn *conn, enum ft_tcp_timer timer, ft_time deadline)
{
	if (ft_is_traced(stack, FT_TRACE_TIMER))
		ft_tcp_timers_tell_and_move(stack, conn, timer, deadline);
	else
		ft_tcp_timers_move(stack, conn, timer, deadline);
}

static inline void ft_tcp_timers_clear(
	struct ft_stack *stack, struct ft_tcp_conn *conn, enum ft_tcp_timer timer)
{
	if (ft_is_traced(stack, FT_TRACE_TIMER))
		ft_tcp_timers_tell_and_move(stack, conn, timer, FT_NEVER);
	else
		conn->deadlines[timer] = FT_NEVER;
}

static inline bool ft_tcp_timers_is_running(const struct ft_tcp_conn *conn, enum ft_tcp_timer timer)
{
	return conn->deadlines[timer] != FT_NEVER;
}

// As asked, or as configured.
static inline ft_time ft_tcp_timers_user_timeout(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn)
{
	ft_time asked = conn->options.user_timeout;

	return asked != 0 ? asked : stack->config.tcp.user_timeout;
}

// A handshake counts tries instead, and a closed window unanswered probes.
static inline void ft_tcp_timers_start_user(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	bool is_persisting = conn->snd.wnd == 0 && ft_conn_data_waits(conn) && !conn->is_orphan;
	bool is_counting = !ft_conn_is_synchronized(conn) || is_persisting;

	if (is_counting && conn->options.user_timeout == 0)
		ft_tcp_timers_clear(stack, conn, FT_TCP_TIMER_USER);
	else
		ft_tcp_timers_set(stack, conn, FT_TCP_TIMER_USER,
			now + ft_tcp_timers_user_timeout(stack, conn));
}

// An answer may be in flight without it (ft_tcp_timers_answered()), and nothing else then. (When a window opens that
// was probed, SND.NXT has gone back.)
static inline void ft_tcp_timers_make_up_user(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	if (!ft_tcp_timers_is_running(conn, FT_TCP_TIMER_USER) && ft_conn_has_in_flight(conn))
		ft_tcp_timers_start_user(stack, conn, conn->last_sent);
}

// ---- the events of the packet path ----

// Keepalive begins, if it is wanted.
static inline void ft_tcp_timers_established(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_tcp_timers_clear(stack, conn, FT_TCP_TIMER_RETRANSMIT);
	ft_tcp_timers_clear(stack, conn, FT_TCP_TIMER_USER);
	conn->last_heard = now;
	ft_tcp_timers_set(stack, conn, FT_TCP_TIMER_REST, now + FT_TCP_REST_AFTER);
	if (unlikely(conn->options.keepalive))
		ft_tcp_timers_options_changed(stack, conn, now);
}

// An acceptable segment came.
static inline void ft_tcp_timers_heard(struct ft_tcp_conn *conn, ft_time now)
{
	// The keepalive deadline is not moved with each segment: its expiry looks at last_heard.
	conn->last_heard = now;
	conn->unanswered_probes = 0;
}

// A segment that must be acknowledged (SYN, data, FIN) was sent (RFC 6298 5.1). With nothing in flight before,
// what runs is the persist timer.
static __rte_always_inline void ft_tcp_timers_sent(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	if (!ft_tcp_timers_is_running(conn, FT_TCP_TIMER_RETRANSMIT) ||
		!ft_conn_has_in_flight(conn))
		ft_tcp_timers_set(stack, conn, FT_TCP_TIMER_RETRANSMIT,
			now + ft_tcp_timers_retransmit_timeout(stack, conn));
	if (!ft_tcp_timers_is_running(conn, FT_TCP_TIMER_USER)) {
		ft_tcp_timers_make_up_user(stack, conn);
		if (!ft_tcp_timers_is_running(conn, FT_TCP_TIMER_USER))
			ft_tcp_timers_start_user(stack, conn, now);
	}
}

// It was a SYN, or ours of the answer to one. What follows soon has a shorter timeout: the node stands where that may
// end, so that it need not be moved forward then.
static inline void ft_tcp_timers_syn_sent(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_tcp_timers_start_by(stack, conn, now + stack->config.tcp.minimum_rto);
}

// SND.UNA moved (RFC 6298 5.2, 5.3). `may_restart` is false for the later partial ACKs of a fast recovery (RFC
// 6582 3.2 step 3: they leave the retransmission timer running).
static inline void ft_tcp_timers_acked(
	struct ft_stack *stack, struct ft_tcp_conn *conn, bool may_restart, ft_time now)
{
	conn->timeouts = 0;
	if (conn->snd.una == conn->snd.max) {
		ft_tcp_timers_clear(stack, conn, FT_TCP_TIMER_RETRANSMIT);
		ft_tcp_timers_clear(stack, conn, FT_TCP_TIMER_USER);
		return;
	}
	if (may_restart)
		ft_tcp_timers_set(stack, conn, FT_TCP_TIMER_RETRANSMIT,
			now + ft_tcp_timers_retransmit_timeout(stack, conn));
	ft_tcp_timers_start_user(stack, conn, now);
}

// Else it was sent, or its connection has ended or waits with another one.
static inline bool ft_tcp_timers_does_wait(const struct ft_tcp_fresh_ack *ack)
{
	return ack->conn->deadlines[FT_TCP_TIMER_DELAYED_ACK] == ack->deadline;
}

// Makes room for more: of those in the older half that still wait the wheel hears.
void ft_tcp_timers_tidy_acks(struct ft_stack *stack) __attribute__((noinline));

// An ACK is due, but may wait for data to ride on. It hardly ever waits until its deadline, as the application
// answers long before: so it is only then, or when many others wait, that the wheel hears of it.
static inline void ft_tcp_timers_ack_waits(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	struct ft_tcp_fresh_acks *fresh = &stack->tcp.fresh_acks;
	const ft_time deadline = now + stack->config.tcp.delayed_ack;

	if (ft_tcp_timers_is_running(conn, FT_TCP_TIMER_DELAYED_ACK))
		return;
	if (ft_is_traced(stack, FT_TRACE_TIMER)) {
		ft_tcp_timers_set(stack, conn, FT_TCP_TIMER_DELAYED_ACK, deadline);
		return;
	}
	conn->deadlines[FT_TCP_TIMER_DELAYED_ACK] = deadline;
	if (unlikely(fresh->end == fresh->acks + FT_TCP_FRESH_ACKS))
		ft_tcp_timers_tidy_acks(stack);
	*fresh->end++ = (struct ft_tcp_fresh_ack){ conn, deadline };
}

// The turn has sent what it could.
static inline void ft_tcp_timers_forget_acks(struct ft_stack *stack)
{
	struct ft_tcp_fresh_acks *fresh = &stack->tcp.fresh_acks;
	struct ft_tcp_fresh_ack *ack = fresh->first;

	while (ack < fresh->end && !ft_tcp_timers_does_wait(ack))
		ack++;
	if (ack == fresh->end)
		ack = fresh->end = fresh->acks;
	fresh->first = ack;
}

// Before the wheel tells what is due by now: all have waited for the same time, so the oldest is due first.
static inline void ft_tcp_timers_start_acks(struct ft_stack *stack, ft_time now)
{
	struct ft_tcp_fresh_acks *fresh = &stack->tcp.fresh_acks;

	for (; fresh->first < fresh->end; fresh->first++) {
		const struct ft_tcp_fresh_ack *oldest = fresh->first;

		if (likely(oldest->deadline > now))
			return;
		if (ft_tcp_timers_does_wait(oldest))
			ft_tcp_timers_start_by(stack, oldest->conn, oldest->deadline);
	}
}

static inline void ft_tcp_timers_ack_sent(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	ft_tcp_timers_clear(stack, conn, FT_TCP_TIMER_DELAYED_ACK);
}

// An answer was sent: data and an ACK, nothing in flight before, on an open connection with an open window. What
// the events above that are about it come to; while nothing is traced. (But the user timeout, unless the application
// has asked for one, begins only if the retransmission timer expires, or more is sent: before three timeouts it
// ends nothing.)
static __rte_always_inline void ft_tcp_timers_answered(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	const ft_time deadline = now + ft_tcp_timers_retransmit_timeout(stack, conn);

	conn->deadlines[FT_TCP_TIMER_DELAYED_ACK] = FT_NEVER;
	conn->deadlines[FT_TCP_TIMER_RETRANSMIT] = deadline;
	ft_tcp_timers_start_by(stack, conn, deadline);
	if (unlikely(conn->options.user_timeout != 0) &&
		!ft_tcp_timers_is_running(conn, FT_TCP_TIMER_USER))
		ft_tcp_timers_start_user(stack, conn, now);
}

// A SYN was answered for the first time: what they come to likewise.
static __rte_always_inline void ft_tcp_timers_syn_answered(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	const ft_time deadline = now + ft_tcp_timers_retransmit_timeout(stack, conn);

	conn->deadlines[FT_TCP_TIMER_RETRANSMIT] = deadline;
	ft_tcp_timers_start_by(stack, conn, RTE_MIN(deadline, now + stack->config.tcp.minimum_rto));
	if (unlikely(conn->options.user_timeout != 0))
		ft_tcp_timers_start_user(stack, conn, now);
}

// The application closed an open connection: what ft_tcp_timers_orphaned() comes to, likewise.
static inline void ft_tcp_timers_closed(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_tcp_timers_move(
		stack, conn, FT_TCP_TIMER_USER, now + ft_tcp_timers_user_timeout(stack, conn));
}

// The answer was acknowledged, all of it: what ft_tcp_timers_acked() comes to.
static inline void ft_tcp_timers_answer_acked(struct ft_tcp_conn *conn)
{
	conn->timeouts = 0;
	conn->deadlines[FT_TCP_TIMER_RETRANSMIT] = FT_NEVER;
	conn->deadlines[FT_TCP_TIMER_USER] = FT_NEVER;
}
