#include "tcp/tcp_receive.h"

#include <errno.h>
#include <sys/epoll.h>

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/tcp_readiness.h"
#include "tcp/tcp_timers.h"

// ---- sixth, check the URG bit ----

// The urgent byte is the one before where the pointer points, as Linux and BSD have it (RFC 6093
// 2.2). A pointer to nothing we could still receive (zero, behind, beyond the window) leaves plain
// data: that is what broke URGENT/11's stacks.
enum ft_drop ft_tcp_receive_urgent_step(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;
	uint32_t byte = arrival->seg.seq + arrival->seg.urgent - 1;

	if (!(arrival->seg.flags & FT_TCP_URG) || arrival->seg.urgent == 0)
		return FT_TAKEN;
	if (!ft_conn_may_receive(conn) || conn->is_read_shut)
		return FT_TAKEN;
	if (!ft_seq_is_in(byte, conn->rcv.nxt, conn->rcv.wnd))
		return FT_TAKEN;
	if (conn->has_urgent && ft_seq_is_at_or_before(byte, conn->rcv_up))
		return FT_TAKEN;
	// There is one mark only. A reader who stands at the old one would later find its byte in the
	// stream, perhaps for the second time: it is passed now, as in Linux.
	if (conn->has_urgent)
		ft_conn_pass_mark(conn);
	conn->has_urgent = true;
	conn->is_urgent_readable = false;
	conn->rcv_up = byte;
	return FT_TAKEN;
}

void ft_conn_pass_mark(struct ft_tcp_conn *conn)
{
	if (ft_conn_bytes_before_mark(conn) != 0 || !ft_conn_is_mark_readable(conn))
		return;
	conn->has_urgent = false;
	conn->is_urgent_readable = false;
	if (!conn->options.oob_inline)
		ft_receive_queue_discard(&conn->receive_queue, 1, &conn->receive_memory);
}

// Keeps the urgent byte apart once it has come, so that MSG_OOB finds it wherever the reader
// stands.
static __attribute__((noinline)) void look_for_urgent_byte(
	struct ft_arrival *arrival, uint32_t from)
{
	struct ft_tcp_conn *conn = arrival->conn;

	if (!ft_seq_is_in(conn->rcv_up, from, conn->rcv.nxt - from))
		return;
	if (!ft_receive_queue_byte_at(&conn->receive_queue, conn->rcv_up - ft_conn_unread_seq(conn),
		    &conn->urgent_byte))
		return;
	conn->is_urgent_readable = true;
	ft_conn_notify(arrival->stack, conn, EPOLLPRI);
}

// ---- seventh, process the segment text ----

// What is kept out of order was not acknowledged, so it can be given up for what comes in order.
static __attribute__((noinline)) enum ft_drop append_instead(
	struct ft_arrival *arrival, struct rte_mbuf *pkt, enum ft_drop reason)
{
	struct ft_tcp_conn *conn = arrival->conn;
	struct rte_mbuf *victim;

	while (reason != FT_TAKEN) {
		victim = ft_reorder_pop(&conn->reorder, &conn->receive_memory);
		if (victim == NULL)
			break;
		ft_stack_drop_late(arrival->stack, victim, reason);
		reason = ft_receive_queue_append(&conn->receive_queue, pkt, &conn->receive_memory);
	}
	return reason;
}

static inline enum ft_drop append(struct ft_arrival *arrival, struct rte_mbuf *pkt)
{
	struct ft_tcp_conn *conn = arrival->conn;
	enum ft_drop reason =
		ft_receive_queue_append(&conn->receive_queue, pkt, &conn->receive_memory);

	return likely(reason == FT_TAKEN) ? FT_TAKEN : append_instead(arrival, pkt, reason);
}

// After SHUT_RD. What was received before stays readable, and an urgent mark in it where it is: its distance
// from RCV.NXT grows by what is never queued.
static __attribute__((noinline)) void throw_away(struct ft_arrival *arrival, struct rte_mbuf *pkt)
{
	struct ft_tcp_conn *conn = arrival->conn;
	uint16_t bytes = ft_pkt_info(pkt)->payload_length;

	ft_stack_drop_late(arrival->stack, pkt, FT_DROP_TCP_SHUT_RD);
	conn->has_urgent = conn->has_urgent && ft_conn_is_mark_readable(conn);
	conn->rcv_up += bytes;
	ft_tcp_receive_advance(conn, bytes);
}

// Takes in-order payload: to the receive queue, or after SHUT_RD to nowhere.
static inline enum ft_drop take_in_order(struct ft_arrival *arrival, struct rte_mbuf *pkt)
{
	struct ft_tcp_conn *conn = arrival->conn;
	uint32_t from = conn->rcv.nxt;
	uint16_t bytes = ft_pkt_info(pkt)->payload_length;
	enum ft_drop reason;

	if (unlikely(conn->is_read_shut)) {
		throw_away(arrival, pkt);
		return FT_TAKEN;
	}
	reason = append(arrival, pkt);
	if (reason != FT_TAKEN)
		return reason;
	ft_tcp_receive_advance(conn, bytes);
	if (unlikely(conn->has_urgent))
		look_for_urgent_byte(arrival, from);
	return FT_TAKEN;
}

static __attribute__((noinline)) void take_what_waited(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;
	struct rte_mbuf *pkt;

	while ((pkt = ft_reorder_take(&conn->reorder, conn->rcv.nxt, &conn->receive_memory)) !=
		NULL) {
		bool is_overtaken = ft_pkt_info(pkt)->payload_length == 0;
		enum ft_drop reason =
			is_overtaken ? FT_DROP_TCP_DUPLICATE : take_in_order(arrival, pkt);

		if (reason == FT_TAKEN)
			continue;
		ft_stack_drop_late(arrival->stack, pkt, reason);
		if (!is_overtaken)
			return;
	}
}

static enum ft_drop receive_in_order(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;
	bool had_gap = !ft_reorder_has_nothing(&conn->reorder); // a FIN may wait alone
	uint16_t bytes = ft_pkt_info(arrival->pkt)->payload_length;
	enum ft_drop reason;

	if (bytes == 0)
		return FT_TAKEN; // a FIN alone
	reason = take_in_order(arrival, arrival->pkt);
	if (reason != FT_TAKEN) {
		ft_conn_owe(arrival->stack, conn, FT_OWE_ACK, "ACK, no room for the data");
		return reason;
	}
	arrival->pkt = NULL;
	if (unlikely(had_gap))
		take_what_waited(arrival);
	ft_tcp_receive_took_text(arrival->stack, conn, bytes, had_gap, arrival->now);
	ft_conn_notify(arrival->stack, conn, EPOLLIN);
	return FT_TAKEN;
}

// The ACK sent at once is the duplicate that tells the peer what is missing.
static enum ft_drop receive_out_of_order(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;
	enum ft_drop reason;

	ft_conn_owe(arrival->stack, conn, FT_OWE_ACK, "ACK, a segment is missing");
	conn->has_gap = true;
	reason = ft_reorder_insert(&conn->reorder, arrival->pkt, &conn->receive_memory);
	if (reason != FT_TAKEN)
		return reason;
	ft_stack_count(arrival->stack, FT_COUNTER_TCP_OUT_OF_ORDER);
	arrival->pkt = NULL;
	return FT_TAKEN;
}

// Cuts what was received before and what lies beyond the window; but a FIN at the very edge takes
// no room.
static void trim(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;
	uint32_t edge = conn->rcv.nxt + conn->rcv.wnd;
	uint32_t old, excess;

	if (ft_seq_is_before(arrival->seg.seq, conn->rcv.nxt)) {
		old = conn->rcv.nxt - arrival->seg.seq;
		ft_arrival_cut_front(arrival, RTE_MIN(old, arrival->seg.length));
		ft_conn_owe(arrival->stack, conn, FT_OWE_ACK, "ACK, part of a segment came again");
	}
	if (!ft_seq_is_after(arrival->seg.seq + arrival->seg.length, edge))
		return;
	excess = arrival->seg.seq + arrival->seg.length - edge;
	if (excess == 1 && (arrival->seg.flags & FT_TCP_FIN))
		return;
	ft_arrival_cut_end(arrival, RTE_MIN(excess, arrival->seg.length));
	ft_conn_owe(
		arrival->stack, conn, FT_OWE_ACK, "ACK, part of a segment is beyond the window");
}

// The application closed, or shut down both ways, and will read nothing.
static bool is_deaf(const struct ft_tcp_conn *conn)
{
	return conn->is_orphan || (conn->is_read_shut && conn->is_fin_queued);
}

// The peer must not believe that its data arrived (RFC 9293 3.10.4, RFC 2525 2.17).
static enum ft_drop refuse_data(struct ft_arrival *arrival)
{
	arrival->owes_reset = true;
	ft_conn_end(arrival->stack, arrival->conn, ECONNRESET);
	return FT_DROP_TCP_CLOSED_RECEIVER;
}

enum ft_drop ft_tcp_receive_text_step(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;

	if (!ft_conn_may_receive(conn) || arrival->seg.length == 0)
		return FT_TAKEN;
	trim(arrival);
	if (arrival->seg.length == 0)
		return FT_TAKEN;
	if (is_deaf(conn) && ft_pkt_info(arrival->pkt)->payload_length > 0)
		return refuse_data(arrival);
	return arrival->seg.seq == conn->rcv.nxt ? receive_in_order(arrival)
						 : receive_out_of_order(arrival);
}

// ---- eighth, check the FIN bit ----

// In this segment, or in one that came before its time.
static bool is_fin_due(const struct ft_arrival *arrival)
{
	const struct ft_tcp_conn *conn = arrival->conn;
	bool is_here = (arrival->seg.flags & FT_TCP_FIN) &&
		       arrival->seg.seq + arrival->seg.length == conn->rcv.nxt + 1;

	return is_here || ft_reorder_has_fin_at(&conn->reorder, conn->rcv.nxt);
}

enum ft_drop ft_tcp_receive_fin_step(struct ft_arrival *arrival)
{
	struct ft_tcp_conn *conn = arrival->conn;

	if (ft_conn_may_receive(conn) && is_fin_due(arrival))
		ft_tcp_receive_take_fin(arrival->stack, conn, arrival->now);
	ft_reorder_forget_fin(&conn->reorder, conn->rcv.nxt);
	conn->has_gap = !ft_reorder_has_nothing(&conn->reorder);
	return FT_TAKEN;
}
