#include "tcp/tcp_passage.h"

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/handshake.h"
#include "tcp/isn.h"
#include "tcp/tcp_ack.h"
#include "tcp/tcp_output.h"
#include "tcp/tcp_predicted.h"
#include "tcp/tcp_receive.h"
#include "tcp/tcp_timers.h"

// A function for each, which begins once it is known that it is what is owed.

// Nothing is in flight, so all that is queued may go if it is one segment that is not full. It is the last, so
// nothing holds it back. (Such a segment fits the link, as every one does that has a head: ip_head.h.)
static bool is_fin_next(const struct ft_stack *stack, const struct ft_tcp_conn *conn, ft_time now)
{
	const uint32_t bytes = conn->send_queue.bytes;

	if (!ft_conn_is_synchronized(conn) || !conn->is_fin_queued || conn->is_fin_acked)
		return false;
	if (conn->snd.una != conn->snd.max || conn->snd.nxt != conn->snd.max)
		return false;
	if (bytes > 0 && (bytes >= conn->mss || bytes > conn->snd.wnd || bytes > conn->cc.cwnd))
		return false;
	return now - conn->last_sent <= stack->config.tcp.minimum_rto;
}

static __rte_always_inline struct ft_segment segment_of(
	struct ft_tcp_conn *conn, uint32_t seq, uint8_t flags, uint8_t options, ft_time now)
{
	return (struct ft_segment){
		.seq = seq,
		.ack = conn->rcv.nxt,
		.flags = flags,
		.window = ft_conn_offer_window(conn),
		.options = options,
		.ts_value = ft_isn_timestamp(conn->ts_offset, now),
		.ts_echo = conn->rcv.ts_recent,
	};
}

static __rte_always_inline void write_plain(struct ft_tcp_conn *conn, uint32_t seq, uint8_t flags,
	const struct ft_ip_head *head, uint32_t bytes, struct rte_mbuf *pkt, ft_time now)
{
	struct ft_segment seg;

	if (likely(conn->has_timestamps)) { // so that for the compiler the size is a constant
		seg = segment_of(conn, seq, flags, FT_TCP_HAS_TIMESTAMP, now);
		ft_tcp_predicted_write(conn, &seg, head, bytes, pkt);
	} else {
		seg = segment_of(conn, seq, flags, 0, now);
		ft_tcp_predicted_write(conn, &seg, head, bytes, pkt);
	}
}

// It is written: it goes, and all is paid.
static __rte_always_inline void queue(
	struct ft_stack *stack, struct ft_tcp_conn *conn, struct rte_mbuf *pkt)
{
	ft_stack_queue_frame(stack, pkt);
	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_OUT);
	conn->rcv.acked = conn->rcv.nxt;
	conn->owed = 0;
}

// What tcp_output.c notes of the SYN or the FIN, when nothing was in flight.
static __rte_always_inline void note_control(struct ft_tcp_conn *conn, uint32_t end, ft_time now)
{
	ft_retransmit_sent_first(&conn->retransmit, end, now);
	conn->snd.nxt = conn->snd.max = end;
	conn->last_sent = now;
}

_Static_assert(sizeof(struct ft_ip_frame) + sizeof(struct rte_tcp_hdr) +
			       sizeof(struct ft_segment_syn_options) <=
		       FT_TCP_PREDICTED_PAYLOAD,
	"the headers fit before it");

// A SYN's window is not scaled (RFC 7323 2.2).
static __rte_always_inline struct ft_segment syn_ack_of(
	const struct ft_tcp_conn *conn, uint8_t options, ft_time now)
{
	return (struct ft_segment){
		.seq = conn->snd.iss,
		.ack = conn->rcv.nxt,
		.flags = FT_TCP_SYN | FT_TCP_ACK,
		.window = ft_window_field(conn->rcv.wnd, 0),
		.options = options,
		.ts_value = ft_isn_timestamp(conn->ts_offset, now),
		.ts_echo = conn->rcv.ts_recent,
		.mss = conn->announced_mss,
		.window_scale = conn->rcv_scale,
	};
}

// To a peer that offered timestamps and scaling.
static __rte_always_inline void write_usual_syn_ack(const struct ft_tcp_conn *conn,
	const struct ft_ip_head *head, struct rte_mbuf *pkt, ft_time now)
{
	const uint16_t bytes = sizeof(struct rte_tcp_hdr) + sizeof(struct ft_segment_syn_options);
	const struct ft_segment seg = syn_ack_of(conn, FT_TCP_USUAL_SYN_OPTIONS, now);
	struct ft_ip_frame *frame = ft_tcp_predicted_place(pkt, bytes, 0);
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)(frame + 1);

	ft_segment_write_header(
		header, bytes, &seg, conn->tuple.local_port, conn->tuple.remote_port);
	ft_segment_write_usual_syn_options(header, &seg);
	ft_ip_head_fill(head, pkt, frame, bytes);
}

static __attribute__((noinline)) void write_any_syn_ack(const struct ft_stack *stack,
	const struct ft_tcp_conn *conn, const struct ft_ip_head *head, struct rte_mbuf *pkt,
	ft_time now)
{
	struct ft_segment seg = syn_ack_of(conn, 0, now);

	ft_handshake_offer(stack, conn, &seg);
	rte_pktmbuf_reset(pkt);
	ft_segment_write(pkt, &seg, conn->tuple.local_port, conn->tuple.remote_port);
	ft_ip_head_write(head, pkt);
}

static __attribute__((noinline)) bool send_syn_ack(struct ft_stack *stack, struct ft_tcp_conn *conn,
	struct rte_mempool_cache *cache, ft_time now)
{
	const struct ft_ip_head *head = ft_tcp_output_first_head(stack, conn, now);
	struct rte_mbuf *pkt;

	if (unlikely(head == NULL || (pkt = ft_tcp_predicted_take_packet(stack, cache)) == NULL))
		return false;
	if (likely(conn->has_timestamps && conn->has_scaling))
		write_usual_syn_ack(conn, head, pkt, now);
	else
		write_any_syn_ack(stack, conn, head, pkt, now);
	queue(stack, conn, pkt);
	note_control(conn, conn->snd.iss + 1, now);
	ft_tcp_timers_syn_answered(stack, conn, now);
	return true;
}

// With all that is queued before it.
static __attribute__((noinline)) bool send_fin(struct ft_stack *stack, struct ft_tcp_conn *conn,
	struct rte_mempool_cache *cache, ft_time now)
{
	const struct ft_ip_head *head = ft_tcp_output_head(stack, conn, now);
	const uint32_t bytes = conn->send_queue.bytes;
	const uint32_t seq = conn->snd.nxt;
	struct rte_mbuf *pkt;

	if (unlikely(head == NULL || (pkt = ft_tcp_predicted_take_packet(stack, cache)) == NULL))
		return false;
	if (bytes > 0) {
		ft_tcp_predicted_copy(&conn->send_queue, bytes, pkt);
		conn->snd.sml = seq + bytes;
	}
	write_plain(conn, seq, FT_TCP_FIN | FT_TCP_ACK | (bytes > 0 ? FT_TCP_PSH : 0), head, bytes,
		pkt, now);
	queue(stack, conn, pkt);
	note_control(conn, seq + bytes + 1, now);
	conn->is_cwnd_limited = bytes + 1 + conn->mss > conn->cc.cwnd;
	ft_tcp_timers_answered(stack, conn, now);
	return true;
}

static __attribute__((noinline)) bool send_ack(struct ft_stack *stack, struct ft_tcp_conn *conn,
	struct rte_mempool_cache *cache, ft_time now)
{
	const struct ft_ip_head *head = ft_tcp_output_head(stack, conn, now);
	struct rte_mbuf *pkt;

	if (unlikely(head == NULL || (pkt = ft_tcp_predicted_take_packet(stack, cache)) == NULL))
		return false;
	write_plain(conn, ft_conn_acceptable_seq(conn), FT_TCP_ACK, head, 0, pkt, now);
	queue(stack, conn, pkt);
	ft_tcp_timers_ack_sent(stack, conn);
	if (ft_conn_data_waits(conn))
		ft_tcp_timers_output_done(stack, conn, now);
	ft_conn_reap(stack, conn); // after a SYN or a FIN of ours it can't rest
	return true;
}

static inline bool is_first_syn_ack(const struct ft_tcp_conn *conn)
{
	return conn->state == FT_TCP_SYN_RECEIVED && conn->snd.max == conn->snd.iss;
}

bool ft_tcp_passage_output(struct ft_stack *stack, struct ft_tcp_conn *conn,
	struct rte_mempool_cache *cache, ft_time now)
{
	if (conn->is_sending_urgent)
		return false;
	if (conn->owed == FT_OWE_ACK)
		return ft_conn_is_synchronized(conn) && send_ack(stack, conn, cache, now);
	if ((conn->owed & ~FT_OWE_ACK) != FT_OWE_OUTPUT)
		return false;
	if (is_first_syn_ack(conn))
		return send_syn_ack(stack, conn, cache, now);
	return is_fin_next(stack, conn, now) && send_fin(stack, conn, cache, now);
}
