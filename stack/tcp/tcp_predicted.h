// What nearly every segment is, in as few steps as can be (header prediction: Van Jacobson 1990; RFC 7323
// appendix E). Whatever is out of the ordinary is left to the other files, which would do the same and find
// out more slowly. What is traced or recorded goes their way, too. Called in one place each, and in line.
#pragma once
#include "ip/ip_head.h"
#include "stack.h"
#include "tcp/conn.h"
#include "tcp/isn.h"
#include "tcp/tcp_ack.h"
#include "tcp/tcp_output.h"
#include "tcp/tcp_receive.h"
#include "tcp/tcp_timers.h"

static inline bool ft_tcp_predicted_is_off(const struct ft_stack *stack)
{
	return stack->trace != 0 || stack->recorder != NULL;
}

// ---- in: of the steps of RFC 9293 3.10.7.4, those that have something to do ----

// First to fourth: no control, nothing missing before it or waiting behind it.
static inline bool ft_tcp_predicted_is_next(
	const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	const uint8_t controls = FT_TCP_FIN | FT_TCP_SYN | FT_TCP_RST | FT_TCP_URG | FT_TCP_ACK;

	if (conn->state != FT_TCP_ESTABLISHED || conn->has_urgent || conn->is_read_shut)
		return false;
	if ((seg->flags & controls) != FT_TCP_ACK)
		return false;
	if (seg->seq != conn->rcv.nxt || seg->length > conn->rcv.wnd)
		return false;
	if (!ft_reorder_has_nothing(&conn->reorder))
		return false;
	return !conn->has_timestamps ||
	       ((seg->options & FT_TCP_HAS_TIMESTAMP) &&
		       (int32_t)(seg->ts_value - conn->rcv.ts_recent) >= 0);
}

// Fifth: it acknowledges something, or comes beside text, or nothing is in flight. Else it may be a duplicate.
static inline bool ft_tcp_predicted_is_plain_ack(
	const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	uint32_t acked = seg->ack - conn->snd.una;
	uint32_t in_flight = conn->snd.max - conn->snd.una;

	return acked <= in_flight && (acked > 0 || in_flight == 0 || seg->length > 0);
}

// Seventh.
static inline enum ft_drop ft_tcp_predicted_take_text(
	struct ft_stack *stack, struct ft_tcp_conn *conn, struct rte_mbuf *pkt, ft_time now)
{
	const uint16_t bytes = ft_pkt_info(pkt)->payload_length;
	enum ft_drop reason =
		ft_receive_queue_append(&conn->receive_queue, pkt, &conn->receive_memory);

	if (unlikely(reason != FT_TAKEN)) {
		ft_conn_owe(stack, conn, FT_OWE_ACK, "ACK, no room for the data");
		return reason;
	}
	ft_tcp_receive_advance(conn, bytes);
	ft_tcp_receive_took_text(stack, conn, bytes, false, now);
	ft_conn_notify(stack, conn, EPOLLIN);
	return FT_TAKEN;
}

// Takes a segment of a connection, if it is the one that comes next on an open one, with text or an ACK in it and
// nothing else; then *reason is FT_TAKEN, or why its text was not. False: nothing has happened, and tcp_input.c
// has to look.
static inline bool ft_tcp_predicted_input(struct ft_stack *stack, struct ft_tcp_conn *conn,
	struct rte_mbuf *pkt, ft_time now, enum ft_drop *reason)
{
	const struct ft_segment *seg = &ft_pkt_info(pkt)->seg;

	if (unlikely(!ft_tcp_predicted_is_next(conn, seg) ||
		     !ft_tcp_predicted_is_plain_ack(conn, seg) || ft_tcp_predicted_is_off(stack)))
		return false;
	*reason = FT_TAKEN;
	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_IN);
	ft_tcp_timers_heard(conn, now);
	if (seg->ack != conn->snd.una)
		ft_tcp_ack_new(stack, conn, seg, now);
	ft_tcp_ack_update_window(stack, conn, seg, now);
	if (conn->has_timestamps)
		ft_tcp_receive_note_timestamp(conn, seg, now);
	if (seg->length > 0)
		*reason = ft_tcp_predicted_take_text(stack, conn, pkt, now);
	else
		rte_pktmbuf_free(pkt);
	ft_conn_reap(stack, conn);
	return true;
}

// ---- out ----

// All that is queued, in one segment that is not full, with nothing in flight before it.
static inline bool ft_tcp_predicted_is_answer(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn, ft_time now)
{
	uint32_t most = RTE_MIN(conn->cc.cwnd, conn->snd.wnd);

	if ((conn->owed & ~FT_OWE_ACK) != FT_OWE_OUTPUT || conn->state != FT_TCP_ESTABLISHED)
		return false;
	if (conn->snd.una != conn->snd.max)
		return false;
	if (conn->send_queue.bytes - 1 >= RTE_MIN(most, conn->mss - 1u))
		return false; // too many, or none
	return !conn->options.cork && !conn->is_more_coming && !conn->is_sending_urgent &&
	       now - conn->last_sent <= stack->config.tcp.minimum_rto;
}

static inline struct ft_segment ft_tcp_predicted_segment(struct ft_tcp_conn *conn, ft_time now)
{
	return (struct ft_segment){
		.seq = conn->snd.nxt,
		.ack = conn->rcv.nxt,
		.flags = FT_TCP_PSH | FT_TCP_ACK,
		.window = ft_conn_offer_window(conn),
		.options = conn->has_timestamps ? FT_TCP_HAS_TIMESTAMP : 0,
		.ts_value = ft_isn_timestamp(conn->ts_offset, now),
		.ts_echo = conn->rcv.ts_recent,
	};
}

// The packet is fresh.
static inline void ft_tcp_predicted_copy(
	struct ft_send_queue *queue, uint32_t bytes, struct rte_mbuf *pkt)
{
	if (likely(ft_send_queue_has_few(queue))) {
		memcpy(rte_pktmbuf_mtod(pkt, void *), queue->few, bytes);
		pkt->data_len = (uint16_t)bytes;
		pkt->pkt_len = bytes;
	} else if (!ft_send_queue_copy(queue, 0, bytes, pkt)) {
		assert(!"the bytes are queued, and the MSS fits a packet");
	}
}

static inline void ft_tcp_predicted_write(
	const struct ft_tcp_conn *conn, const struct ft_segment *seg, struct rte_mbuf *pkt)
{
	const uint16_t bytes = ft_segment_plain_bytes(seg);
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)rte_pktmbuf_prepend(pkt, bytes);

	assert(header != NULL);
	ft_segment_write_header(
		header, bytes, seg, conn->tuple.local_port, conn->tuple.remote_port);
	ft_segment_write_timestamp(header, seg);
}

// What tcp_output.c notes of a segment with data and an ACK.
static inline void ft_tcp_predicted_note(
	struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t bytes, ft_time now)
{
	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_OUT);
	ft_tcp_output_note_ack(stack, conn);
	ft_tcp_output_note(stack, conn, conn->snd.nxt, conn->snd.nxt + bytes, now);
	conn->owed = 0;
	conn->snd.sml = conn->snd.nxt;
	conn->is_cwnd_limited = bytes + conn->mss > conn->cc.cwnd;
}

// Pays all that the connection owes, if that is an answer: one short segment with all that is queued, and
// nothing that holds it back. False: nothing has happened, and tcp_output.c has to look. (What is noted about a
// packet, ft_pkt_info(), is not cleared here: only a recorder reads it.)
static inline bool ft_tcp_predicted_output(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	const uint32_t bytes = (uint32_t)conn->send_queue.bytes;
	const uint32_t most_bytes = sizeof(struct rte_tcp_hdr) + FT_TCP_TIMESTAMP_BYTES + bytes;
	const struct ft_ip_head *head;
	struct ft_segment seg;
	struct rte_mbuf *pkt;

	if (unlikely(!ft_tcp_predicted_is_answer(stack, conn, now) ||
		     !ft_ip_head_fits(stack, most_bytes) || !ft_tcp_output_has_room(stack) ||
		     ft_tcp_predicted_is_off(stack)))
		return false;
	head = ft_ip_head_recall(stack, &conn->tuple, conn->options.ttl, conn->options.tos, now);
	if (unlikely(head == NULL || (pkt = rte_pktmbuf_alloc(stack->send_pool)) == NULL))
		return false;
	ft_tcp_predicted_copy(&conn->send_queue, bytes, pkt);
	seg = ft_tcp_predicted_segment(conn, now);
	ft_tcp_predicted_write(conn, &seg, pkt);
	ft_ip_head_write(head, pkt);
	ft_stack_queue_frame(stack, pkt);
	ft_tcp_predicted_note(stack, conn, bytes, now);
	return true;
}
