// What nearly every segment is, in as few steps as can be (header prediction: Van Jacobson 1990; RFC 7323
// appendix E). Whatever is out of the ordinary is left to the other files, which would do the same and find
// out more slowly. What is traced or recorded goes their way, too. Called in one place each, and in line.
#pragma once
#include "ip/ip_head.h"
#include "socket/interest.h"
#include "stack.h"
#include "tcp/conn.h"
#include "tcp/isn.h"
#include "tcp/tcp_ack.h"
#include "tcp/tcp_output.h"
#include "tcp/tcp_receive.h"
#include "tcp/tcp_timers.h"
#include "usual_frame_take.h"

static inline bool ft_tcp_predicted_is_off(const struct ft_stack *stack)
{
	return stack->trace != 0 || stack->recorder != NULL;
}

// ---- in: of the steps of RFC 9293 3.10.7.4, those that have something to do ----

// First: nothing missing before it.
static inline bool ft_tcp_predicted_is_in_order(
	const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	if (seg->seq != conn->rcv.nxt || seg->length > conn->rcv.wnd)
		return false;
	return !conn->has_timestamps ||
	       ((seg->options & FT_TCP_HAS_TIMESTAMP) &&
		       (int32_t)(seg->ts_value - conn->rcv.ts_recent) >= 0);
}

// First to fourth, for a segment that is no control: nothing waits behind it, either. (What is asked of the connection
// is one compare.)
static inline bool ft_tcp_predicted_is_next(
	const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	if (conn->state != FT_TCP_ESTABLISHED || conn->has_urgent || conn->is_read_shut ||
		conn->has_gap)
		return false;
	return ft_tcp_predicted_is_in_order(conn, seg);
}

// Likewise, from outside.
static inline bool ft_tcp_predicted_is_next_glanced(
	const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	if (conn->state != FT_TCP_ESTABLISHED || conn->has_urgent || conn->is_read_shut ||
		conn->has_gap || conn->has_martian_peer)
		return false;
	return ft_tcp_predicted_is_in_order(conn, seg);
}

// Fifth: it acknowledges something, or comes beside text, or nothing is in flight. Else it may be a duplicate.
static inline bool ft_tcp_predicted_is_plain_ack(
	const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	uint32_t acked = seg->ack - conn->snd.una;
	uint32_t in_flight = conn->snd.max - conn->snd.una;

	if (likely(seg->ack == conn->snd.max))
		return true;
	return acked <= in_flight && (acked > 0 || in_flight == 0 || seg->length > 0);
}

static __rte_always_inline void ft_tcp_predicted_ack(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	if (likely(ft_tcp_ack_is_of_answer(conn, seg)))
		ft_tcp_ack_answer(stack, conn, seg, now);
	else
		ft_tcp_ack_new(stack, conn, seg->ack, seg->ts_echo, now);
}

// What is left of the first five steps for a segment that is as predicted.
static __rte_always_inline void ft_tcp_predicted_take_header(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_IN);
	ft_tcp_timers_heard(conn, now);
	if (seg->ack != conn->snd.una)
		ft_tcp_predicted_ack(stack, conn, seg, now);
	ft_tcp_ack_update_window(stack, conn, seg, now);
	if (conn->has_timestamps)
		ft_tcp_receive_note_timestamp(conn, seg, now);
}

// Seventh: the text is queued.
static __rte_always_inline void ft_tcp_predicted_took_text(
	struct ft_stack *stack, struct ft_tcp_conn *conn, uint16_t bytes, ft_time now)
{
	ft_tcp_receive_advance(conn, bytes);
	ft_tcp_receive_took_text(stack, conn, bytes, false, now);
	if (likely(conn->socket != NULL))
		ft_socket_notify_readable(stack, conn->socket);
}

static inline enum ft_drop ft_tcp_predicted_take_text(
	struct ft_stack *stack, struct ft_tcp_conn *conn, struct rte_mbuf *pkt, ft_time now)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	const uint16_t bytes = info->payload_length;
	enum ft_drop reason = FT_TAKEN;

	if (likely(ft_receive_queue_may_append_few(&conn->receive_queue, bytes))) {
		ft_receive_queue_append_few(&conn->receive_queue, pkt, info->payload_offset, bytes);
		ft_stack_done_with(stack, pkt);
	} else {
		reason = ft_receive_queue_append(&conn->receive_queue, pkt, &conn->receive_memory);
	}
	if (unlikely(reason != FT_TAKEN)) {
		ft_conn_owe(stack, conn, FT_OWE_ACK, "ACK, no room for the data");
		return reason;
	}
	ft_tcp_predicted_took_text(stack, conn, bytes, now);
	return FT_TAKEN;
}

// Takes a segment of a connection, if it is the one that comes next on an open one, with text or an ACK in it and
// nothing else; then *reason is FT_TAKEN, or why its text was not. Not while ft_tcp_predicted_is_off(). False:
// nothing has happened, and tcp_input.c has to look.
static inline bool ft_tcp_predicted_input(struct ft_stack *stack, struct ft_tcp_conn *conn,
	struct rte_mbuf *pkt, ft_time now, enum ft_drop *reason)
{
	const uint8_t controls = FT_TCP_FIN | FT_TCP_SYN | FT_TCP_RST | FT_TCP_URG | FT_TCP_ACK;
	const struct ft_segment copy = ft_pkt_info(pkt)->seg; // which nothing written can change
	const struct ft_segment *seg = &copy;

	if (unlikely((seg->flags & controls) != FT_TCP_ACK ||
		     !ft_tcp_predicted_is_next(conn, seg) ||
		     !ft_tcp_predicted_is_plain_ack(conn, seg)))
		return false;
	ft_tcp_predicted_take_header(stack, conn, seg, now);
	if (seg->length > 0) { // which keeps it from resting
		*reason = ft_tcp_predicted_take_text(stack, conn, pkt, now);
		return true;
	}
	ft_stack_done_with(stack, pkt);
	ft_conn_reap(stack, conn);
	return true;
}

// The same for one that was but glanced at, from the frame itself, if few bytes wait yet. So it is always taken.
static __rte_always_inline bool ft_tcp_predicted_input_glanced(struct ft_stack *stack,
	struct ft_tcp_conn *conn, const struct ft_incoming *incoming, ft_time now)
{
	const struct ft_segment seg = ft_usual_segment(incoming);
	const uint16_t bytes = (uint16_t)seg.length;
	const bool is_first = conn->receive_queue.bytes == 0; // as glanced at, so few fit then

	if (unlikely(ft_usual_has_fin(incoming) || !ft_tcp_predicted_is_next_glanced(conn, &seg) ||
		     !ft_tcp_predicted_is_plain_ack(conn, &seg)))
		return false;
	if (unlikely(!is_first) && bytes > 0 &&
		!ft_receive_queue_may_append_few(&conn->receive_queue, bytes))
		return false;
	ft_tcp_predicted_take_header(stack, conn, &seg, now);
	if (bytes == 0) {
		ft_stack_done_with_plain(stack, incoming->pkt);
		ft_conn_reap(stack, conn);
		return true;
	}
	if (likely(is_first))
		ft_receive_queue_begin_few(&conn->receive_queue, ft_usual_text(incoming), bytes);
	else
		ft_receive_queue_add_few(&conn->receive_queue, ft_usual_text(incoming), bytes);
	ft_stack_done_with_plain(stack, incoming->pkt); // whose text was read
	ft_tcp_predicted_took_text(stack, conn, bytes, now);
	return true;
}

// ---- out ----

// All that is queued, in one segment that is not full, with nothing in flight before it, and behind it room in cwnd
// for a full one.
static inline bool ft_tcp_predicted_is_answer(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn, ft_time now)
{
	const uint32_t bytes = conn->send_queue.bytes;

	if (conn->state != FT_TCP_ESTABLISHED || conn->is_more_coming || conn->is_sending_urgent)
		return false;
	if ((conn->owed & ~FT_OWE_ACK) != FT_OWE_OUTPUT || conn->snd.una != conn->snd.max)
		return false;
	if (bytes - 1 >= (uint32_t)conn->mss - 1) // none, or a full segment
		return false;
	if (bytes > conn->snd.wnd || bytes + conn->mss > conn->cc.cwnd)
		return false;
	return !conn->options.cork && now - conn->last_sent <= stack->config.tcp.minimum_rto;
}

static __rte_always_inline struct ft_segment ft_tcp_predicted_segment(
	struct ft_tcp_conn *conn, uint8_t options, ft_time now)
{
	return (struct ft_segment){
		.seq = conn->snd.nxt,
		.ack = conn->rcv.nxt,
		.flags = FT_TCP_PSH | FT_TCP_ACK,
		.window = ft_conn_offer_window(conn),
		.options = options,
		.ts_value = ft_isn_timestamp(conn->ts_offset, now),
		.ts_echo = conn->rcv.ts_recent,
	};
}

// Where the payload begins in a packet that we make.
#define FT_TCP_PREDICTED_PAYLOAD RTE_PKTMBUF_HEADROOM

_Static_assert(sizeof(struct ft_ip_frame) + sizeof(struct rte_tcp_hdr) + FT_TCP_TIMESTAMP_BYTES <=
		       FT_TCP_PREDICTED_PAYLOAD,
	"the headers fit before it");

// A packet, what is in its header as its last user left it; NULL: there is none. Nearly always it is the last that the
// core gave back, as rte_mempool_generic_get() would take it, in a dozen steps, since it may be asked for many.
static __rte_always_inline struct rte_mbuf *ft_tcp_predicted_take_packet(
	const struct ft_stack *stack, struct rte_mempool_cache *cache)
{
	void *pkt;

	if (unlikely(cache == NULL || cache->len == 0))
		return rte_mempool_generic_get(stack->send_pool, &pkt, 1, cache) == 0 ? pkt : NULL;
	pkt = cache->objs[--cache->len];
	if (pkt == NULL)
		__builtin_unreachable(); // so the caller's check costs nothing here
	return pkt;
}

// The packet is fresh.
static inline void ft_tcp_predicted_copy(
	struct ft_send_queue *queue, uint32_t bytes, struct rte_mbuf *pkt)
{
	if (likely(ft_send_queue_has_few(queue))) {
		ft_few_copy_roomy(
			(uint8_t *)pkt->buf_addr + FT_TCP_PREDICTED_PAYLOAD, queue->few, bytes);
		return;
	}
	rte_pktmbuf_reset(pkt);
	if (!ft_send_queue_copy(queue, 0, bytes, pkt))
		assert(!"the bytes are queued, and the MSS fits a packet");
}

// Where the headers are to be written, before the payload. Of the packet's own fields those are set that are read of
// one sent, in one mbuf.
static __rte_always_inline struct ft_ip_frame *ft_tcp_predicted_place(
	struct rte_mbuf *pkt, uint16_t header_bytes, uint32_t bytes)
{
	const uint16_t before = sizeof(struct ft_ip_frame) + header_bytes;
	const uint16_t offset = FT_TCP_PREDICTED_PAYLOAD - before;

	pkt->data_off = offset;
	pkt->data_len = (uint16_t)(before + bytes);
	pkt->pkt_len = before + bytes;
	return (struct ft_ip_frame *)((uint8_t *)pkt->buf_addr + offset);
}

// All headers.
static __rte_always_inline void ft_tcp_predicted_write(const struct ft_tcp_conn *conn,
	const struct ft_segment *seg, const struct ft_ip_head *head, uint32_t bytes,
	struct rte_mbuf *pkt)
{
	const uint16_t header_bytes = ft_segment_plain_bytes(seg);
	struct ft_ip_frame *frame = ft_tcp_predicted_place(pkt, header_bytes, bytes);
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)(frame + 1);

	ft_segment_write_header(
		header, header_bytes, seg, conn->tuple.local_port, conn->tuple.remote_port);
	ft_segment_write_timestamp(header, seg);
	ft_ip_head_fill(head, pkt, frame, (uint16_t)(header_bytes + bytes));
}

static __rte_always_inline void ft_tcp_predicted_make(struct ft_tcp_conn *conn,
	const struct ft_ip_head *head, uint32_t bytes, uint8_t options, ft_time now,
	struct rte_mbuf *pkt)
{
	const struct ft_segment seg = ft_tcp_predicted_segment(conn, options, now);

	ft_tcp_predicted_write(conn, &seg, head, bytes, pkt);
}

// What tcp_output.c notes of a segment with data and an ACK, when nothing was in flight.
static inline void ft_tcp_predicted_note(
	struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t bytes, ft_time now)
{
	const uint32_t end = conn->snd.max + bytes;

	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_OUT);
	ft_tcp_timers_answered(stack, conn, now);
	ft_retransmit_sent_first(&conn->retransmit, end, now);
	conn->snd.nxt = conn->snd.max = conn->snd.sml = end;
	conn->rcv.acked = conn->rcv.nxt;
	conn->last_sent = now;
	conn->owed = 0;
	conn->is_cwnd_limited = false;
}

// Pays all that the connection owes, if that is an answer: one short segment with all that is queued, and
// nothing that holds it back; not while ft_tcp_predicted_is_off(), nor without ft_tcp_output_room(). False: nothing
// has happened, and tcp_output.c has to look. `cache` is that of the send pool, rte_mempool_default_cache(), or NULL. (What is noted about a
// packet, ft_pkt_info(), is not cleared here: only a recorder reads it.)
static inline bool ft_tcp_predicted_output(struct ft_stack *stack, struct ft_tcp_conn *conn,
	struct rte_mempool_cache *cache, ft_time now)
{
	const uint32_t bytes = (uint32_t)conn->send_queue.bytes;
	const struct ft_ip_head *head;
	struct rte_mbuf *pkt;

	if (unlikely(!ft_tcp_predicted_is_answer(stack, conn, now)))
		return false;
	head = ft_tcp_output_head(stack, conn, now); // and with one it fits the link
	if (unlikely(head == NULL || (pkt = ft_tcp_predicted_take_packet(stack, cache)) == NULL))
		return false;
	ft_tcp_predicted_copy(&conn->send_queue, bytes, pkt);
	if (likely(conn->has_timestamps)) // so that for the compiler the headers' size is a constant
		ft_tcp_predicted_make(conn, head, bytes, FT_TCP_HAS_TIMESTAMP, now, pkt);
	else
		ft_tcp_predicted_make(conn, head, bytes, 0, now, pkt);
	ft_stack_queue_frame(stack, pkt);
	ft_tcp_predicted_note(stack, conn, bytes, now);
	return true;
}
