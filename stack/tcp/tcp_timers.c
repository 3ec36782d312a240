// The timers of a connection. Entries: ft_tcp_expire() and ft_tcp_expire_alarm(), at the end.
//
// RETRANSMIT   Something sent (SYN, data, FIN) is not acknowledged: send it again after RFC 6298's
//              timeout, which doubles each time. A handshake gives up after tcp.syn_retries or
//              tcp.synack_retries; data does not count tries but time (USER).
//              The same deadline is the persist timer (RFC 9293 3.8.6.1): when the window is
//              closed no ACK will come to wake us, so a probe goes out, again and again, ever
//              later. And it ends the patience of Cork and silly-window avoidance when nothing is
//              in flight and something waits.
// DELAYED ACK  Data, or the FIN of a peer that closes first, was received and not acknowledged: an ACK
//              goes out if by tcp.delayed_ack no data or FIN has carried it (RFC 9293 3.8.6.3).
// KEEPALIVE    With SO_KEEPALIVE: nothing was heard for keepalive_idle, so ask; then every
//              keepalive_interval; after keepalive_count questions without an answer, or after
//              the user timeout the application asked for, the connection is reset (RFC 9293
//              3.8.4, tcp(7)).
// USER         Something is not acknowledged, and there was no progress for the user timeout: the
//              connection ends (RFC 9293 3.8.3). A closed window does not count: while the peer
//              answers probes it is alive, and PROBES_UNANSWERED in a row end the connection. But
//              it does count when the application asked for the timeout, as on Linux, and when
//              the application has closed the connection: peers cannot hoard those. (Nor others
//              while packets to send are short: tcp_hoarders.h.)
// REST         Nothing has happened for FT_TCP_REST_AFTER: if nothing is under way either, the connection
//              gives its block back (anchor.h). Of one that rests, KEEPALIVE's deadline alone can stand,
//              in a timer of its own, an alarm, which wakes it.
// QUIET        FIN-WAIT-2 of a connection the application closed: the peer's FIN does not come.
//              Then TIME-WAIT: 2 MSL have passed.
//
// All share one node in the wheel. It stands at the earliest deadline or before it: when a deadline
// moves back, the node stays and expires once for nothing, so that the retransmission timer, which
// every ACK moves, costs no wheel operation for each. And it is lazy (base/timer.h), as nearly all its expiries are
// for nothing.
#include "tcp/tcp_timers.h"

#include <errno.h>

#include <rte_common.h>

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/handshake.h"
#include "tcp/tcp_reset.h"
#include "tcp/tcp_trace.h"

#define PROBES_UNANSWERED 15 // Linux's tcp_retries2
#define ALARM_AGAIN	  (100 * FT_MILLISECOND)
#define CORK_LIMIT	  (200 * FT_MILLISECOND) // tcp(7): TCP_CORK holds data back no longer

// ---- setting and clearing ----

void ft_tcp_timers_tell_and_move(
	struct ft_stack *stack, struct ft_tcp_conn *conn, enum ft_tcp_timer timer, ft_time deadline)
{
	ft_tcp_trace_timer(stack, conn, timer, deadline);
	ft_tcp_timers_move(stack, conn, timer, deadline);
}

// ---- events; those of the packet path are in tcp_timers.h ----

void ft_tcp_timers_output_done(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_time wait;

	if (ft_conn_has_in_flight(conn) || ft_conn_unsent_bytes(conn) == 0)
		return;
	wait = ft_tcp_timers_retransmit_timeout(stack, conn);
	if (conn->options.cork || conn->is_more_coming)
		wait = RTE_MIN(wait, CORK_LIMIT);
	if (!ft_tcp_timers_is_running(conn, FT_TCP_TIMER_RETRANSMIT))
		ft_tcp_timers_set(stack, conn, FT_TCP_TIMER_RETRANSMIT, now + wait);
	if (!ft_tcp_timers_is_running(conn, FT_TCP_TIMER_USER))
		ft_tcp_timers_start_user(stack, conn, now);
}

void ft_tcp_timers_tidy_acks(struct ft_stack *stack)
{
	struct ft_tcp_fresh_acks *fresh = &stack->tcp.fresh_acks;
	struct ft_tcp_fresh_ack *kept = fresh->acks;

	for (struct ft_tcp_fresh_ack *ack = fresh->first; ack < fresh->end; ack++) {
		if (!ft_tcp_timers_does_wait(ack))
			continue;
		if (ack < fresh->acks + FT_TCP_FRESH_ACKS / 2)
			ft_tcp_timers_start_by(stack, ack->conn, ack->deadline);
		else
			*kept++ = *ack;
	}
	fresh->first = fresh->acks;
	fresh->end = kept;
}

// The peer may take back what it offered while data is in flight (RFC 9293 3.8.6: robust to that).
void ft_tcp_timers_window_closed(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	conn->window_probes = 0;
	if (ft_tcp_timers_is_running(conn, FT_TCP_TIMER_USER))
		ft_tcp_timers_start_user(stack, conn, now);
}

// What waited goes out at once, and its loss is then found by a timeout that starts anew.
void ft_tcp_timers_window_opened(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_tcp_timers_clear(stack, conn, FT_TCP_TIMER_RETRANSMIT);
	ft_rtt_end_backoff(&conn->rtt);
	if (ft_tcp_timers_is_running(conn, FT_TCP_TIMER_USER))
		ft_tcp_timers_start_user(stack, conn, now);
}

void ft_tcp_timers_woken(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time keepalive)
{
	conn->deadlines[FT_TCP_TIMER_KEEPALIVE] = keepalive;
	conn->deadlines[FT_TCP_TIMER_REST] = stack->now + FT_TCP_REST_AFTER;
	ft_timer_set(&stack->wheel, &conn->timer,
		RTE_MIN(keepalive, conn->deadlines[FT_TCP_TIMER_REST]));
}

void ft_tcp_timers_options_changed(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	if (!ft_conn_is_synchronized(conn) || conn->state == FT_TCP_TIME_WAIT)
		return;
	ft_tcp_timers_clear(stack, conn, FT_TCP_TIMER_KEEPALIVE);
	if (conn->options.keepalive)
		ft_tcp_timers_set(stack, conn, FT_TCP_TIMER_KEEPALIVE,
			RTE_MAX(now, conn->last_heard + conn->options.keepalive_idle));
	ft_tcp_timers_make_up_user(stack, conn);
	if (ft_tcp_timers_is_running(conn, FT_TCP_TIMER_USER))
		ft_tcp_timers_start_user(stack, conn, now);
}

void ft_tcp_timers_try_now(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_tcp_timers_set(stack, conn, FT_TCP_TIMER_RETRANSMIT, now);
}

// Of which TIME-WAIT has none.
static void clear_all_but_quiet(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	if (ft_is_traced(stack, FT_TRACE_TIMER)) {
		for (int timer = 0; timer < FT_TCP_TIMER_QUIET; timer++)
			ft_tcp_timers_tell_and_move(stack, conn, timer, FT_NEVER);
		return;
	}
	for (int timer = 0; timer < FT_TCP_TIMER_QUIET; timer++)
		conn->deadlines[timer] = FT_NEVER;
}

void ft_tcp_timers_time_wait(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	clear_all_but_quiet(stack, conn);
	ft_tcp_timers_set(stack, conn, FT_TCP_TIMER_QUIET, now + stack->config.tcp.time_wait);
}

void ft_tcp_timers_orphaned(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	if (conn->state == FT_TCP_FIN_WAIT_2)
		ft_tcp_timers_set(
			stack, conn, FT_TCP_TIMER_QUIET, now + stack->config.tcp.fin_wait_2);
	else if (conn->state != FT_TCP_TIME_WAIT)
		ft_tcp_timers_start_user(stack, conn, now);
}

// ---- expiries ----

// The peer may be there after all, and only its answers got lost: it should not wait for ever. (It is
// not told of a handshake that came to nothing: its address may be forged.)
static void give_up(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	if (ft_conn_is_synchronized(conn))
		ft_tcp_reset_conn(stack, conn, now);
	ft_conn_end(stack, conn, conn->soft_error != 0 ? conn->soft_error : ETIMEDOUT);
}

static void back_off(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_rtt_back_off(&conn->rtt);
	ft_tcp_timers_set(stack, conn, FT_TCP_TIMER_RETRANSMIT,
		now + ft_tcp_timers_retransmit_timeout(stack, conn));
}

static void handshake_timed_out(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	uint32_t retries = conn->state == FT_TCP_SYN_SENT ? stack->config.tcp.syn_retries
							  : stack->config.tcp.synack_retries;

	if (conn->rtt.backoff >= retries) {
		give_up(stack, conn, now);
		return;
	}
	conn->was_syn_lost = true;
	conn->again = FT_PKT_TIMEOUT;
	ft_retransmit_timeout(&conn->retransmit, conn->snd.max);
	back_off(stack, conn, now);
	ft_conn_owe(stack, conn, FT_OWE_RETRANSMIT, "SYN, not acknowledged in time");
}

// While the window is closed, what is in flight is only the last probe; so its loss means nothing
// for the network, and the next probe sends the same byte.
static void persist_timed_out(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	if (conn->unanswered_probes >= PROBES_UNANSWERED) {
		give_up(stack, conn, now);
		return;
	}
	conn->unanswered_probes++;
	if (conn->window_probes < UINT8_MAX)
		conn->window_probes++;
	conn->snd.nxt = conn->snd.una;
	back_off(stack, conn, now);
	ft_conn_owe(stack, conn, FT_OWE_PROBE, "probe of a closed window");
}

// RFC 6298 (5.4) to (5.6), RFC 5681 3.1: all in flight counts as lost, and is sent again from
// SND.UNA on in slow start. The path may have changed meanwhile, and its MTU.
static void data_timed_out(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	uint32_t flight = conn->snd.max - conn->snd.una;

	ft_tcp_timers_make_up_user(stack, conn);
	ft_cc_timeout(&conn->cc, flight, conn->timeouts == 0, now);
	if (conn->timeouts < UINT8_MAX)
		conn->timeouts++;
	ft_retransmit_timeout(&conn->retransmit, conn->snd.max);
	ft_handshake_update_mss(stack, conn, now);
	conn->snd.nxt = conn->snd.una;
	conn->again = FT_PKT_TIMEOUT;
	back_off(stack, conn, now);
	ft_conn_owe(stack, conn, FT_OWE_OUTPUT, "retransmission, not acknowledged in time");
}

static void retransmit_expired(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	bool is_held_back = !ft_conn_has_in_flight(conn) && conn->snd.wnd > 0;

	if (!ft_conn_is_synchronized(conn)) {
		ft_stack_count(stack, FT_COUNTER_TCP_TIMEOUTS);
		handshake_timed_out(stack, conn, now);
	} else if (is_held_back && ft_conn_data_waits(conn)) {
		ft_conn_owe(stack, conn, FT_OWE_PROBE, "data held back long enough");
	} else if (conn->snd.wnd == 0 && ft_conn_data_waits(conn)) {
		persist_timed_out(stack, conn, now);
	} else if (conn->snd.una != conn->snd.max) {
		ft_stack_count(stack, FT_COUNTER_TCP_TIMEOUTS);
		data_timed_out(stack, conn, now);
	}
}

static void delayed_ack_expired(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_conn_owe(stack, conn, FT_OWE_ACK, "ACK, delayed long enough");
}

// A user timeout that the application asked for counts time instead of probes (tcp(7)).
static bool has_kept_silent(const struct ft_tcp_conn *conn, ft_time now)
{
	if (conn->options.user_timeout != 0)
		return conn->unanswered_probes > 0 &&
		       now - conn->last_heard >= conn->options.user_timeout;
	return conn->unanswered_probes >= conn->options.keepalive_count;
}

static void keepalive_expired(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_time idle_until = conn->last_heard + conn->options.keepalive_idle;
	bool is_retransmitting = conn->snd.una != conn->snd.max; // that probes already

	if (now < idle_until || is_retransmitting) {
		ft_tcp_timers_set(stack, conn, FT_TCP_TIMER_KEEPALIVE,
			RTE_MAX(idle_until, now + conn->options.keepalive_interval));
		return;
	}
	if (has_kept_silent(conn, now)) {
		give_up(stack, conn, now);
		return;
	}
	conn->unanswered_probes++;
	ft_tcp_timers_set(
		stack, conn, FT_TCP_TIMER_KEEPALIVE, now + conn->options.keepalive_interval);
	ft_conn_owe(stack, conn, FT_OWE_KEEPALIVE, "keepalive probe");
}

// A loop that stood still for long (a debugger, a virtual machine moved) finds this deadline passed
// before it has tried anything. The peer gets the three tries of RFC 1122 4.2.3.5 (R1) first.
static void user_expired(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	bool is_trying = ft_tcp_timers_is_running(conn, FT_TCP_TIMER_RETRANSMIT) &&
			 conn->snd.wnd > 0 && conn->timeouts < 3;

	if (is_trying && conn->options.user_timeout == 0)
		ft_tcp_timers_set(
			stack, conn, FT_TCP_TIMER_USER, conn->deadlines[FT_TCP_TIMER_RETRANSMIT]);
	else
		give_up(stack, conn, now);
}

// Like keepalive's, this deadline is not moved with each segment. While it stands not, ft_conn_reap()
// lets the connection rest.
static void rest_expired(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_time since = RTE_MAX(conn->last_heard, conn->last_sent);
	bool is_quiet = now >= since + FT_TCP_REST_AFTER;

	if (!is_quiet)
		ft_tcp_timers_set(stack, conn, FT_TCP_TIMER_REST, since + FT_TCP_REST_AFTER);
	else if (!ft_anchor_may_rest(stack, conn))
		ft_tcp_timers_set(stack, conn, FT_TCP_TIMER_REST, now + FT_TCP_REST_AFTER);
}

static void quiet_expired(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_conn_end(stack, conn, 0);
}

static void (*const expired[FT_TCP_TIMER_COUNT])(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now) = {
	[FT_TCP_TIMER_RETRANSMIT] = retransmit_expired,
	[FT_TCP_TIMER_DELAYED_ACK] = delayed_ack_expired,
	[FT_TCP_TIMER_KEEPALIVE] = keepalive_expired,
	[FT_TCP_TIMER_USER] = user_expired,
	[FT_TCP_TIMER_REST] = rest_expired,
	[FT_TCP_TIMER_QUIET] = quiet_expired,
};

static ft_time earliest_deadline(const struct ft_tcp_conn *conn)
{
	ft_time earliest = FT_NEVER;

	for (int timer = 0; timer < FT_TCP_TIMER_COUNT; timer++)
		earliest = RTE_MIN(earliest, conn->deadlines[timer]);
	return earliest;
}

static void expire_deadlines(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	bool is_any_due = false;

	// An expiry that ends the connection clears all the other deadlines.
	for (int which = 0; which < FT_TCP_TIMER_COUNT; which++) {
		if (conn->deadlines[which] > now)
			continue;
		is_any_due = true;
		if (ft_is_traced(stack, FT_TRACE_TIMER))
			ft_tcp_trace_expired(stack, conn, which);
		conn->deadlines[which] = FT_NEVER;
		expired[which](stack, conn, now);
	}
	ft_timer_set(&stack->wheel, &conn->timer, earliest_deadline(conn));
	if (is_any_due) // else it has been reaped since it last changed
		ft_conn_reap(stack, conn);
}

void ft_tcp_expire(struct ft_stack *stack, struct ft_timer *timer, ft_time now)
{
	expire_deadlines(stack, ft_container_of(timer, struct ft_tcp_conn, timer), now);
}

// All blocks may be in use: then it is tried again until one is free.
void ft_tcp_expire_alarm(struct ft_stack *stack, struct ft_timer *timer, ft_time now)
{
	struct ft_tcp_alarm *alarm = ft_container_of(timer, struct ft_tcp_alarm, timer);
	struct ft_tcp_conn *conn;

	timer->deadline = now; // which the connection takes over, to have it expire
	conn = ft_anchor_wake(stack, alarm->anchor, false);
	if (conn == NULL)
		ft_timer_set(&stack->wheel, timer, now + ALARM_AGAIN);
	else
		expire_deadlines(stack, conn, now);
}
