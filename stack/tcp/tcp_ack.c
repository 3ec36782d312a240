#include "tcp/tcp_ack.h"

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/handshake.h"
#include "tcp/isn.h"

// ---- the window ----

void ft_tcp_ack_window_turned(
	struct ft_stack *stack, struct ft_tcp_conn *conn, bool was_closed, ft_time now)
{
	if (!was_closed) {
		ft_tcp_timers_window_closed(stack, conn, now);
		return;
	}
	// A probe in flight was not taken, or this would acknowledge it.
	conn->snd.nxt = conn->snd.una;
	conn->again = FT_PKT_WINDOW_OPENED;
	ft_tcp_timers_window_opened(stack, conn, now);
}

// ---- new data acknowledged ----

void ft_tcp_ack_measure_by_echo(
	struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t ts_echo, ft_time now)
{
	struct ft_rtt_limits limits = ft_tcp_timers_limits(stack);
	uint32_t clock = ft_isn_timestamp(conn->ts_offset, now);
	ft_time echoed = (clock - ts_echo) * FT_MILLISECOND;

	if (echoed < limits.maximum)
		ft_rtt_sample(&conn->rtt, RTE_MIN(echoed, 2 * conn->rtt.rto), &limits);
	else // a loop that stood still, not a path
		ft_rtt_end_backoff(&conn->rtt);
}

void ft_tcp_ack_control_recovery(struct ft_stack *stack, struct ft_tcp_conn *conn,
	enum ft_retransmit_event event, uint32_t acked)
{
	if (event == FT_RETRANSMIT_PARTIAL) {
		ft_cc_partial_ack(&conn->cc, acked);
		ft_conn_owe(stack, conn, FT_OWE_RETRANSMIT, "segment, the next one lost");
	} else {
		ft_cc_exit_recovery(&conn->cc, conn->snd.max - conn->snd.una);
		conn->owed &= ~FT_OWE_RETRANSMIT; // of a partial ACK in the same burst
	}
}

// A window must fit twice: once in flight, once waiting to follow, or the ACK that opens it would find
// nothing to send (Linux does the same, tcp_sndbuf_expand()). While more than half of the packets to send
// are held already, nobody gets more.
void ft_tcp_ack_grow_send_buffer(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	uint64_t wanted = RTE_MIN(2 * (uint64_t)conn->cc.cwnd, stack->config.tcp.send_buffer_max);
	bool was_writable;

	if (conn->options.is_send_buffer_set || wanted <= conn->send_limit ||
		stack->send_held.used > stack->send_held.limit / 2)
		return;
	was_writable = ft_tcp_is_writable(conn);
	conn->send_limit = (uint32_t)wanted;
	if (!was_writable && ft_tcp_is_writable(conn))
		ft_conn_notify(stack, conn, EPOLLOUT);
}

// ---- nothing new acknowledged ----

static void enter_recovery(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;

	ft_stack_count(arrival->stack, FT_COUNTER_TCP_FAST_RETRANSMITS);
	ft_cc_enter_recovery(&conn->cc, conn->snd.max - conn->snd.una, arrival->now);
	ft_conn_owe(
		arrival->stack, conn, FT_OWE_RETRANSMIT, "segment, lost by three duplicate ACKs");
}

static __attribute__((noinline)) void acknowledge_again(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;

	switch (ft_retransmit_duplicate(&conn->retransmit, conn->snd.una, conn->snd.max)) {
	case FT_RETRANSMIT_ENTER:
		enter_recovery(arrival);
		break;
	case FT_RETRANSMIT_INFLATE:
		ft_cc_duplicate_ack(&conn->cc);
		ft_conn_owe(arrival->stack, conn, FT_OWE_OUTPUT, "data, a packet left the network");
		break;
	case FT_RETRANSMIT_DUPLICATE:
		ft_conn_owe(arrival->stack, conn, FT_OWE_OUTPUT, "data, limited transmit");
		break;
	default:
		break;
	}
}

// While the window is closed, ACKs that acknowledge nothing are answers to probes.
static bool is_duplicate(const struct ft_arrival *arrival)
{
	const struct ft_tcp_conn *conn = arrival->conn;
	uint32_t window = (uint32_t)arrival->seg.window << conn->snd_scale;

	return conn->snd.wnd > 0 && ft_retransmit_is_duplicate(&arrival->seg, conn->snd.una,
					    conn->snd.max, window, conn->snd.wnd);
}

// ---- the step, by state ----

// What has not been sent nobody can acknowledge: a peer that knows the ISS from a connection before, by the same
// ports, could do so in one burst with its SYN.
static __attribute__((noinline)) enum ft_drop establish(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;

	if (arrival->seg.ack != conn->snd.iss + 1 || arrival->seg.ack != conn->snd.max) {
		arrival->owes_reset = true;
		return FT_DROP_TCP_BAD_ACK;
	}
	if (!ft_tcp_ack_may_establish(conn))
		return FT_DROP_TCP_BACKLOG_FULL;
	ft_handshake_acknowledged(
		arrival->stack, conn, arrival->seg.seq, arrival->seg.ack, arrival->now);
	return FT_TAKEN;
}

// RFC 5961 5.2: an ACK must lie in [SND.UNA - MAX.SND.WND, SND.NXT].
static bool is_plausible(const struct ft_arrival *arrival)
{
	const struct ft_tcp_conn *conn = arrival->conn;
	uint32_t oldest = conn->snd.una - conn->snd.max_wnd;

	return ft_seq_is_at_or_after(arrival->seg.ack, oldest) &&
	       ft_seq_is_at_or_before(arrival->seg.ack, conn->snd.max);
}

// In the closing states.
enum ft_drop ft_tcp_ack_fin_acked(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	switch ((enum ft_tcp_state)conn->state) {
	case FT_TCP_FIN_WAIT_1:
		ft_conn_set_state(stack, conn, FT_TCP_FIN_WAIT_2);
		if (conn->is_orphan)
			ft_conn_orphaned(stack, conn, now);
		return FT_TAKEN;
	case FT_TCP_CLOSING:
		ft_conn_enter_time_wait(stack, conn, now);
		return FT_TAKEN;
	case FT_TCP_LAST_ACK:
		ft_conn_end(stack, conn, 0);
		return FT_DROP_TCP_CONSUMED;
	default:
		return FT_TAKEN;
	}
}

enum ft_drop ft_tcp_ack_step(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;
	enum ft_drop reason;

	if (!(arrival->seg.flags & FT_TCP_ACK))
		return FT_DROP_TCP_NO_ACK;
	if (conn->state == FT_TCP_SYN_RECEIVED) {
		reason = establish(arrival);
		if (reason != FT_TAKEN)
			return reason;
	}
	if (!is_plausible(arrival)) {
		ft_conn_challenge(arrival->stack, conn, arrival->now);
		return FT_DROP_TCP_BAD_ACK;
	}
	if (ft_seq_is_after(arrival->seg.ack, conn->snd.una))
		ft_tcp_ack_new(
			arrival->stack, conn, arrival->seg.ack, arrival->seg.ts_echo, arrival->now);
	else if (is_duplicate(arrival))
		acknowledge_again(arrival);
	if (ft_seq_is_at_or_after(arrival->seg.ack, conn->snd.una))
		ft_tcp_ack_update_window(arrival->stack, conn, &arrival->seg, arrival->now);
	return likely(!conn->is_fin_acked)
		       ? FT_TAKEN
		       : ft_tcp_ack_fin_acked(arrival->stack, conn, arrival->now);
}
