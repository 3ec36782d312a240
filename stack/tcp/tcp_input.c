// A segment arrives (RFC 9293 3.10.7). Read from the end: ft_tcp_input() finds who it is for, and
// step_by_step() is the way of every segment of a connection, in the RFC's order (tcp_predicted.h knows a
// shorter one for most). A step changes the connection and notes what is owed; nothing is sent from here, but
// for the reset that answers a segment no connection wants.
#include "tcp/tcp_input.h"

#include <errno.h>

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/isn.h"
#include "tcp/tcp_ack.h"
#include "tcp/tcp_connect.h"
#include "tcp/tcp_listen.h"
#include "tcp/tcp_passage.h"
#include "tcp/tcp_predicted.h"
#include "tcp/tcp_receive.h"
#include "tcp/tcp_reset.h"
#include "tcp/tcp_timers.h"
#include "tcp/tcp_trace.h"

#define PAWS_IDLE (24 * 24 * 3600 * FT_SECOND) // half a circle of the fastest clock (RFC 7323 5.5)

void ft_arrival_cut_front(struct ft_arrival *arrival, uint32_t count)
{
	ft_segment_cut_front(arrival->pkt, count);
	arrival->seg = ft_pkt_info(arrival->pkt)->seg;
}

void ft_arrival_cut_end(struct ft_arrival *arrival, uint32_t count)
{
	ft_segment_cut_end(arrival->pkt, count);
	arrival->seg = ft_pkt_info(arrival->pkt)->seg;
}

// ---- first, check the sequence number ----

static bool is_older_than_recent(const struct ft_arrival *arrival)
{
	const struct ft_tcp_conn *conn = arrival->conn;

	if (likely((int32_t)(arrival->seg.ts_value - conn->rcv.ts_recent) >= 0))
		return false;
	return ft_conn_age(arrival->now) - conn->ts_recent_age < ft_conn_age(PAWS_IDLE);
}

// RFC 7323 5.3 (R1) and 3.2. Resets need no timestamp.
static enum ft_drop check_timestamp(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;

	if (!conn->has_timestamps || (arrival->seg.flags & FT_TCP_RST))
		return FT_TAKEN;
	if (!(arrival->seg.options & FT_TCP_HAS_TIMESTAMP))
		return FT_DROP_TCP_NO_TIMESTAMP;
	if (!is_older_than_recent(arrival))
		return FT_TAKEN;
	if (arrival->seg.length > 0 || ft_conn_may_challenge(arrival->stack, conn, arrival->now))
		ft_conn_owe(arrival->stack, conn, FT_OWE_ACK, "ACK, timestamp too old");
	return FT_DROP_TCP_PAWS;
}

// With the window closed a segment at RCV.NXT is a probe: its text will be cut, its ACK counts.
static bool is_acceptable(const struct ft_arrival *arrival)
{
	const struct ft_tcp_conn *conn = arrival->conn;
	const struct ft_segment *seg = &arrival->seg;

	if (conn->rcv.wnd == 0 && seg->seq == conn->rcv.nxt)
		return true;
	return ft_seq_is_acceptable(seg->seq, seg->length, conn->rcv.nxt, conn->rcv.wnd);
}

// Ours was lost on the way, or theirs came twice. (A SYN-ACK here is the simultaneous open's: plain
// ACKs from both ends complete it.)
static bool is_repeated_syn(const struct ft_arrival *arrival)
{
	const struct ft_tcp_conn *conn = arrival->conn;
	uint8_t flags = arrival->seg.flags & (FT_TCP_SYN | FT_TCP_ACK | FT_TCP_RST);

	return conn->state == FT_TCP_SYN_RECEIVED && flags == FT_TCP_SYN &&
	       arrival->seg.seq == conn->rcv.irs;
}

static enum ft_drop answer_repeated_syn(struct ft_arrival *arrival)
{
	if (ft_conn_may_challenge(arrival->stack, arrival->conn, arrival->now)) {
		arrival->conn->again = FT_PKT_SYN_CAME_AGAIN;
		ft_conn_owe(arrival->stack, arrival->conn, FT_OWE_RETRANSMIT, "SYN-ACK once more");
	}
	return FT_DROP_TCP_DUPLICATE;
}

// Every such segment is answered, since the peer may be out of step; but two ends that are must not
// answer each other for ever, so empty segments are answered within the limit of challenge ACKs.
static enum ft_drop refuse(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;
	uint32_t end = arrival->seg.seq + arrival->seg.length;

	if (arrival->seg.flags & FT_TCP_RST)
		return FT_DROP_TCP_BAD_RESET;
	if (conn->state == FT_TCP_TIME_WAIT && (arrival->seg.flags & FT_TCP_FIN))
		ft_tcp_timers_time_wait(arrival->stack, conn, arrival->now);
	if (arrival->seg.length > 0 || ft_conn_may_challenge(arrival->stack, conn, arrival->now))
		ft_conn_owe(arrival->stack, conn, FT_OWE_ACK, "ACK, segment not acceptable");
	return ft_seq_is_at_or_before(end, conn->rcv.nxt) ? FT_DROP_TCP_DUPLICATE
							  : FT_DROP_TCP_OUT_OF_WINDOW;
}

static enum ft_drop check_sequence(struct ft_arrival *arrival)
{
	enum ft_drop reason = check_timestamp(arrival);

	if (reason != FT_TAKEN)
		return reason;
	if (is_repeated_syn(arrival))
		return answer_repeated_syn(arrival);
	if (!is_acceptable(arrival))
		return refuse(arrival);
	ft_tcp_timers_heard(arrival->conn, arrival->now);
	return FT_TAKEN;
}

// ---- second, check the RST bit ----

// What the application is told, as Linux tells it.
static int reset_error(const struct ft_tcp_conn *conn)
{
	switch ((enum ft_tcp_state)conn->state) {
	case FT_TCP_SYN_RECEIVED:
		return ECONNREFUSED;
	case FT_TCP_CLOSE_WAIT:
		return EPIPE;
	default:
		return ECONNRESET;
	}
}

// RFC 5961 3.2: only the exact number resets. RFC 1337: in TIME-WAIT none does.
static enum ft_drop check_rst(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;

	if (!(arrival->seg.flags & FT_TCP_RST))
		return FT_TAKEN;
	if (conn->state == FT_TCP_TIME_WAIT)
		return FT_DROP_TCP_BAD_RESET;
	if (arrival->seg.seq != conn->rcv.nxt) {
		ft_conn_challenge(arrival->stack, conn, arrival->now);
		return FT_DROP_TCP_BAD_RESET;
	}
	ft_stack_count(arrival->stack, FT_COUNTER_TCP_RESETS_RECEIVED);
	ft_conn_end(arrival->stack, conn, reset_error(conn));
	return FT_DROP_TCP_CONSUMED;
}

// ---- fourth, check the SYN bit (third, security, has no successor in use) ----

// RFC 5961 4.2. In SYN-RECEIVED of a passive open the peer has begun anew: back to LISTEN.
static enum ft_drop check_syn(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;

	if (!(arrival->seg.flags & FT_TCP_SYN))
		return FT_TAKEN;
	if (conn->state == FT_TCP_SYN_RECEIVED && conn->is_passive) {
		ft_conn_end(arrival->stack, conn, 0);
		return FT_DROP_TCP_BAD_SYN;
	}
	ft_conn_challenge(arrival->stack, conn, arrival->now);
	return FT_DROP_TCP_BAD_SYN;
}

// ---- TS.Recent, once sequence number and ACK were found good (RFC 7323 4.3 (2), 5.3 (R3)) ----

static void note_timestamp(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;

	if (!conn->has_timestamps || is_older_than_recent(arrival))
		return;
	ft_tcp_receive_note_timestamp(conn, &arrival->seg, arrival->now);
}

// ---- the steps, in order ----

// Sixth to eighth.
static enum ft_drop text_and_controls(struct ft_arrival *arrival)
{
	enum ft_drop reason;

	if ((reason = ft_tcp_receive_urgent_step(arrival)) != FT_TAKEN)
		return reason;
	if ((reason = ft_tcp_receive_text_step(arrival)) != FT_TAKEN)
		return reason;
	return ft_tcp_receive_fin_step(arrival);
}

// RFC 9293 3.10.7.4.
static __attribute__((noinline)) enum ft_drop step_by_step(struct ft_arrival *arrival)
{
	enum ft_drop reason;

	if ((reason = check_sequence(arrival)) != FT_TAKEN) // first
		return reason;
	if ((reason = check_rst(arrival)) != FT_TAKEN) // second
		return reason;
	if ((reason = check_syn(arrival)) != FT_TAKEN) // fourth
		return reason;
	if ((reason = ft_tcp_ack_step(arrival)) != FT_TAKEN) // fifth
		return reason;
	note_timestamp(arrival);
	return text_and_controls(arrival);
}

// RFC 9293 3.10.7.3.
static __attribute__((noinline)) enum ft_drop syn_sent(struct ft_arrival *arrival)
{
	enum ft_drop reason;

	if ((reason = ft_tcp_connect_ack_step(arrival)) != FT_TAKEN) // first
		return reason;
	if ((reason = ft_tcp_connect_rst_step(arrival)) != FT_TAKEN) // second
		return reason;
	if ((reason = ft_tcp_connect_syn_step(arrival)) != FT_TAKEN) // fourth and fifth
		return reason;
	return text_and_controls(arrival); // beside the SYN
}

// ---- no connection: LISTEN or CLOSED ----

static enum ft_drop no_connection(struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now)
{
	if (ft_pkt_info(pkt)->seg.flags & FT_TCP_RST)
		return FT_DROP_TCP_STRAY_RESET;
	ft_tcp_reset_answer(stack, pkt, now);
	return FT_DROP_TCP_NO_CONNECTION;
}

// Apart, so that what is usual has nothing to keep over its calls.
static __attribute__((noinline)) enum ft_drop look_for_listener(
	struct ft_stack *stack, struct rte_mbuf *pkt, uint32_t least_iss, ft_time now)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct ft_binding *binding = ft_port_find(&stack->tcp.ports, &info->tuple, info->hash);
	struct ft_tcp_listener *listener = binding != NULL ? binding->listener : NULL;

	if (ft_is_traced(stack, FT_TRACE_DEMUX))
		ft_tcp_trace_listener(stack, &info->tuple, listener);
	if (listener == NULL)
		return no_connection(stack, pkt, now);
	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_IN);
	return ft_tcp_listen_input(stack, listener, pkt, least_iss, now);
}

static inline enum ft_drop without_connection(
	struct ft_stack *stack, struct rte_mbuf *pkt, uint32_t least_iss, ft_time now)
{
	struct ft_binding *binding = ft_port_recall(&stack->tcp.ports, &ft_pkt_info(pkt)->tuple);

	if (unlikely(binding == NULL || binding->listener == NULL ||
		     ft_is_traced(stack, FT_TRACE_DEMUX)))
		return look_for_listener(stack, pkt, least_iss, now);
	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_IN);
	return ft_tcp_listen_input(stack, binding->listener, pkt, least_iss, now);
}

// In TIME-WAIT (RFC 6191 2): a SYN that can be told from an old one by its timestamp or number may open
// anew what waits here, if somebody listens.
static __attribute__((noinline)) bool may_reopen(
	struct ft_stack *stack, const struct ft_tcp_conn *conn, const struct ft_pkt_info *info)
{
	const struct ft_segment *seg = &info->seg;
	uint8_t flags = seg->flags & (FT_TCP_SYN | FT_TCP_ACK | FT_TCP_RST | FT_TCP_FIN);
	bool has_both = conn->has_timestamps && (seg->options & FT_TCP_HAS_TIMESTAMP);
	int32_t newer = (int32_t)(seg->ts_value - conn->rcv.ts_recent);
	struct ft_binding *binding;

	if (flags != FT_TCP_SYN)
		return false;
	if (has_both && newer < 0)
		return false;
	if (!(has_both && newer > 0) && !ft_seq_is_after(seg->seq, conn->rcv.nxt))
		return false;
	binding = ft_port_find(&stack->tcp.ports, &info->tuple, info->hash);
	return binding != NULL && binding->listener != NULL;
}

// The new connection's numbers must begin beyond those of the old (RFC 9293 3.4.3), which ISN's
// clock alone does not assure after a fast transfer.
static __attribute__((noinline)) enum ft_drop reopen(
	struct ft_stack *stack, struct ft_tcp_conn *conn, struct rte_mbuf *pkt, ft_time now)
{
	uint32_t least_iss = conn->snd.max + UINT16_MAX + 1;

	ft_stack_count(stack, FT_COUNTER_TCP_TIME_WAIT_REUSED);
	ft_conn_end(stack, conn, 0);
	ft_conn_reap(stack, conn);
	return without_connection(stack, pkt, least_iss, now);
}

// ---- the entry ----

static __attribute__((noinline)) enum ft_drop with_connection(
	struct ft_stack *stack, struct ft_tcp_conn *conn, struct rte_mbuf *pkt, ft_time now)
{
	struct ft_arrival arrival = {
		.stack = stack, .conn = conn, .pkt = pkt, .seg = ft_pkt_info(pkt)->seg, .now = now
	};
	enum ft_drop reason;

	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_IN);
	if (ft_is_traced(stack, FT_TRACE_TCP))
		ft_tcp_trace_arrival(stack, conn, &arrival.seg);
	if (conn->state == FT_TCP_SYN_SENT)
		reason = syn_sent(&arrival);
	else
		reason = step_by_step(&arrival);
	if (arrival.owes_reset)
		ft_tcp_reset_answer(stack, pkt, now);
	ft_conn_reap(stack, conn);
	if (reason != FT_TAKEN && reason != FT_DROP_TCP_CONSUMED)
		return reason;
	if (arrival.pkt != NULL)
		ft_pkt_free(pkt);
	return FT_TAKEN;
}

enum ft_drop ft_tcp_input(
	struct ft_stack *stack, struct rte_mbuf *pkt, struct ft_tcp_anchor *candidate, ft_time now)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct ft_tcp_conn *conn;

	if (info->flags & (FT_PKT_LINK_GROUP | FT_PKT_IP_GROUP))
		return FT_DROP_TCP_NOT_UNICAST;
	if (candidate == NULL)
		return without_connection(stack, pkt, 0, now);
	conn = ft_anchor_wake(stack, candidate, false);
	if (conn == NULL)
		return FT_DROP_TCP_NO_CONN_MEMORY;
	if (unlikely(conn->state == FT_TCP_TIME_WAIT) && may_reopen(stack, conn, info))
		return reopen(stack, conn, pkt, now);
	return with_connection(stack, conn, pkt, now);
}

// The connection's block, if the packet is a segment of one; or NULL.
static inline struct ft_tcp_conn *conn_of(struct ft_stack *stack, const struct ft_pkt_info *info)
{
	if (unlikely(info->kind != FT_PKT_TCP || info->found == NULL ||
		     (info->flags & (FT_PKT_LINK_GROUP | FT_PKT_IP_GROUP))))
		return NULL;
	return ft_anchor_wake(stack, info->found, false);
}

// The same, after the table has seen more than `changes`; apart, so that nothing is kept over it in the loop below.
// Nearly always what was found is still this tuple's. (If its connection has ended, it is not for the short ways, and
// ft_tcp_input() is told what the table has now.)
static __attribute__((noinline)) struct ft_tcp_conn *conn_now(
	struct ft_stack *stack, struct ft_pkt_info *info, uint64_t changes)
{
	const struct ft_tcp_anchor *anchor = info->found;

	if (info->kind != FT_PKT_TCP)
		return NULL;
	if (unlikely(anchor == NULL || !ft_tuple_is_equal(&anchor->tuple, &info->tuple)))
		info->found = ft_conn_table_find_again(
			&stack->tcp.connections, changes, info->found, &info->tuple, info->hash);
	return conn_of(stack, info);
}

static inline struct ft_tcp_conn *conn_of_parsed(
	struct ft_stack *stack, struct ft_pkt_info *info, uint64_t changes)
{
	// What is woken may end what lingers, too.
	return likely(stack->tcp.connections.changes == changes) ? conn_of(stack, info)
								 : conn_now(stack, info, changes);
}

// What was found of a frame may be another tuple's by now, or nobody's.
static inline struct ft_tcp_conn *conn_of_glanced(
	struct ft_stack *stack, const struct ft_incoming *incoming, uint64_t changes)
{
	struct ft_tcp_anchor *anchor = incoming->found;

	if (unlikely(anchor == NULL || (stack->tcp.connections.changes != changes &&
					       !ft_usual_is_of(incoming, stack, &anchor->tuple))))
		return NULL;
	return ft_anchor_wake(stack, anchor, false);
}

// What opens or closes a connection.
static __attribute__((noinline)) bool take_glanced_passage(struct ft_stack *stack,
	struct ft_tcp_conn *conn, const struct ft_incoming *incoming, ft_time now)
{
	const struct ft_segment seg = ft_usual_segment_and_fin(incoming);

	if (unlikely(ft_usual_text_bytes(incoming) > 0 || conn->has_martian_peer ||
		     !ft_tcp_passage_input(stack, conn, &seg, incoming->hash, now)))
		return false;
	ft_stack_done_with_plain(stack, incoming->pkt);
	ft_conn_reap(stack, conn);
	return true;
}

static inline bool take_glanced(
	struct ft_stack *stack, const struct ft_incoming *incoming, uint64_t changes, ft_time now)
{
	struct ft_tcp_conn *conn;

	if (unlikely(incoming->frame == NULL))
		return false;
	conn = conn_of_glanced(stack, incoming, changes);
	if (unlikely(conn == NULL))
		return false;
	return likely(ft_tcp_predicted_input_glanced(stack, conn, incoming, now)) ||
	       take_glanced_passage(stack, conn, incoming, now);
}

// One that was parsed, or is after all.
static inline struct ft_tcp_conn *conn_of_any(
	struct ft_stack *stack, struct ft_incoming *incoming, uint64_t changes)
{
	struct ft_tcp_conn *conn;

	if (incoming->frame == NULL)
		return conn_of_parsed(stack, ft_pkt_info(incoming->pkt), changes);
	conn = conn_of_glanced(stack, incoming, changes);
	if (unlikely(conn == NULL || conn->has_martian_peer))
		return NULL;
	ft_usual_frame_take_glanced(stack, incoming);
	return conn;
}

static __attribute__((noinline)) bool take_parsed_passage(
	struct ft_stack *stack, struct ft_tcp_conn *conn, struct rte_mbuf *pkt, ft_time now)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);

	if (info->payload_length > 0 ||
		!ft_tcp_passage_input(stack, conn, &info->seg, info->hash, now))
		return false;
	ft_stack_done_with(stack, pkt);
	ft_conn_reap(stack, conn);
	return true;
}

// A SYN, most often, as ft_tcp_input() takes it. One of the same tuple may have come before it in this burst.
static inline bool take_without_connection(struct ft_stack *stack, struct rte_mbuf *pkt,
	uint64_t changes, ft_time now, enum ft_drop *reason)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);

	if (unlikely(info->flags & (FT_PKT_LINK_GROUP | FT_PKT_IP_GROUP)))
		return false;
	if (unlikely(ft_conn_table_find_again(&stack->tcp.connections, changes, NULL, &info->tuple,
			     info->hash) != NULL))
		return false;
	*reason = without_connection(stack, pkt, 0, now);
	return *reason == FT_TAKEN;
}

static inline bool take_parsed(struct ft_stack *stack, struct ft_incoming *incoming,
	uint64_t changes, ft_time now, enum ft_drop *reason)
{
	struct rte_mbuf *pkt = incoming->pkt;
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct ft_tcp_conn *conn;

	if (incoming->frame == NULL && info->kind == FT_PKT_TCP && info->found == NULL)
		return take_without_connection(stack, pkt, changes, now, reason);
	conn = conn_of_any(stack, incoming, changes);
	return conn != NULL &&
	       (ft_tcp_predicted_input(stack, conn, pkt, now, reason) ||
		       take_parsed_passage(stack, conn, pkt, now)) &&
	       *reason == FT_TAKEN;
}

// From the first on those before the next one that was glanced at. Returns that one, or the first that is not taken:
// then *is_over.
static __attribute__((noinline)) struct ft_incoming *take_run_of_parsed(struct ft_stack *stack,
	struct ft_incoming *next, const struct ft_incoming *end, uint64_t changes, ft_time now,
	enum ft_drop *reason, bool *is_over)
{
	do {
		if (unlikely(!take_parsed(stack, next, changes, now, reason))) {
			*is_over = true;
			break;
		}
		next++;
	} while (next < end && next->frame == NULL);
	return next;
}

uint16_t ft_tcp_input_predicted(struct ft_stack *stack, struct ft_incoming *incoming,
	uint16_t count, uint64_t changes, ft_time now, enum ft_drop *reason)
{
	const struct ft_incoming *end = incoming + count;
	struct ft_incoming *next = incoming;
	bool is_over = ft_tcp_predicted_is_off(stack);

	*reason = FT_TAKEN;
	while (next < end && !is_over) {
		if (likely(take_glanced(stack, next, changes, now)))
			next++;
		else
			next = take_run_of_parsed(stack, next, end, changes, now, reason, &is_over);
	}
	return (uint16_t)(next - incoming);
}
