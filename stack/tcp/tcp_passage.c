// What nearly every connection begins and ends with, in as few steps as can be: tcp_predicted.h has what lies
// between, and its rules hold here, too.
//
//	in  SYN-RECEIVED  the ACK of our SYN
//	    later         in order, without text: a FIN, an ACK of ours, or both at once
//	out SYN-RECEIVED  SYN-ACK, the first one
//	    later         FIN, alone or behind a short answer; an ACK alone
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

// ---- in: the steps of RFC 9293 3.10.7.4, for a segment that has passed the first four ----

static void take_ack_of_syn(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	ft_tcp_timers_heard(conn, now);
	ft_tcp_ack_establish(stack, conn, seg, now);
	ft_tcp_ack_update_window(stack, conn, seg, now);
	if (conn->has_timestamps)
		ft_tcp_receive_note_timestamp(conn, seg, now);
}

// A peer that closes first acknowledges the answer with its FIN, most often.
static inline void take_ack(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	if (conn->state == FT_TCP_ESTABLISHED)
		ft_tcp_predicted_ack(stack, conn, seg, now);
	else
		ft_tcp_ack_new(stack, conn, seg->ack, seg->ts_echo, now);
}

static void take_closing(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	ft_tcp_timers_heard(conn, now);
	if (seg->ack != conn->snd.una)
		take_ack(stack, conn, seg, now);
	ft_tcp_ack_update_window(stack, conn, seg, now);
	if (conn->is_fin_acked && ft_tcp_ack_fin_acked(stack, conn, now) == FT_DROP_TCP_CONSUMED)
		return;
	if (conn->has_timestamps)
		ft_tcp_receive_note_timestamp(conn, seg, now);
	if (seg->flags & FT_TCP_FIN)
		ft_tcp_receive_take_fin(stack, conn, now);
}

// Our SYN-ACK has gone out, and this is the ACK of it, with nothing else.
static bool is_established_by(const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	return seg->length == 0 && seg->ack == conn->snd.iss + 1 && seg->ack == conn->snd.max &&
	       ft_tcp_ack_may_establish(conn);
}

// A FIN counts where the peer's was not heard yet.
static bool may_close(const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	if (conn->state == FT_TCP_TIME_WAIT || !ft_tcp_predicted_is_plain_ack(conn, seg))
		return false;
	return !(seg->flags & FT_TCP_FIN) || ft_conn_may_receive(conn);
}

// Our FIN was the last thing to be acknowledged, and nobody will ask how the connection fared.
static bool is_over(const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	return conn->state == FT_TCP_LAST_ACK && conn->is_orphan &&
	       seg->ack - conn->snd.una > conn->send_queue.bytes;
}

bool ft_tcp_passage_input(
	struct ft_stack *stack, struct ft_tcp_conn *conn, struct rte_mbuf *pkt, ft_time now)
{
	const uint8_t controls = FT_TCP_SYN | FT_TCP_RST | FT_TCP_URG | FT_TCP_ACK;
	const struct ft_segment *seg = &ft_pkt_info(pkt)->seg;
	bool is_opening = conn->state == FT_TCP_SYN_RECEIVED;

	if ((seg->flags & controls) != FT_TCP_ACK || ft_pkt_info(pkt)->payload_length > 0)
		return false;
	if (!(is_opening || ft_conn_is_synchronized(conn)) || conn->has_urgent ||
		conn->is_read_shut || conn->has_gap || !ft_tcp_predicted_is_in_order(conn, seg))
		return false;
	if (!(is_opening ? is_established_by(conn, seg) : may_close(conn, seg)))
		return false;
	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_IN);
	if (is_opening)
		take_ack_of_syn(stack, conn, seg, now);
	else if (is_over(conn, seg))
		ft_conn_end_hashed(stack, conn, ft_pkt_info(pkt)->hash, 0);
	else
		take_closing(stack, conn, seg, now);
	ft_stack_done_with(stack, pkt);
	ft_conn_reap(stack, conn);
	return true;
}

// ---- out ----

enum passage { NONE, SYN_ACK, FIN, ACK };

static bool is_first_syn_ack(const struct ft_tcp_conn *conn)
{
	return conn->state == FT_TCP_SYN_RECEIVED && conn->snd.max == conn->snd.iss;
}

// No link is too small for a header alone.
static bool fits(const struct ft_stack *stack, uint64_t bytes)
{
	return ft_ip_head_fits(
		stack, sizeof(struct rte_tcp_hdr) + FT_TCP_TIMESTAMP_BYTES + (uint32_t)bytes);
}

// Nothing is in flight, so all that is queued may go if it is one segment that is not full. It is the last, so
// nothing holds it back.
static bool is_fin_next(const struct ft_stack *stack, const struct ft_tcp_conn *conn, ft_time now)
{
	const uint64_t bytes = conn->send_queue.bytes;
	uint32_t most = RTE_MIN(RTE_MIN(conn->cc.cwnd, conn->snd.wnd), conn->mss - 1u);

	return ft_conn_is_synchronized(conn) && conn->is_fin_queued && !conn->is_fin_acked &&
	       conn->snd.una == conn->snd.max && conn->snd.nxt == conn->snd.max &&
	       (bytes == 0 || (bytes <= most && fits(stack, bytes))) &&
	       now - conn->last_sent <= stack->config.tcp.minimum_rto;
}

static enum passage passage_of(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn, ft_time now)
{
	if (conn->owed == FT_OWE_ACK)
		return ft_conn_is_synchronized(conn) ? ACK : NONE;
	if ((conn->owed & ~FT_OWE_ACK) != FT_OWE_OUTPUT)
		return NONE;
	if (is_first_syn_ack(conn))
		return SYN_ACK;
	return is_fin_next(stack, conn, now) ? FIN : NONE;
}

static struct ft_segment segment_of(
	const struct ft_tcp_conn *conn, uint32_t seq, uint8_t flags, ft_time now)
{
	return (struct ft_segment){
		.seq = seq,
		.ack = conn->rcv.nxt,
		.flags = flags,
		.options = conn->has_timestamps ? FT_TCP_HAS_TIMESTAMP : 0,
		.ts_value = ft_isn_timestamp(conn->ts_offset, now),
		.ts_echo = conn->rcv.ts_recent,
	};
}

_Static_assert(sizeof(struct ft_ip_frame) + sizeof(struct rte_tcp_hdr) +
			       sizeof(struct ft_segment_syn_options) <=
		       FT_TCP_PREDICTED_PAYLOAD,
	"the headers fit before it");

static inline void write_usual_syn_ack(const struct ft_tcp_conn *conn, const struct ft_segment *seg,
	const struct ft_ip_head *head, struct rte_mbuf *pkt)
{
	const uint16_t bytes = sizeof(struct rte_tcp_hdr) + sizeof(struct ft_segment_syn_options);
	struct ft_ip_frame *frame = ft_tcp_predicted_place(pkt, bytes, 0);
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)(frame + 1);

	ft_segment_write_header(
		header, bytes, seg, conn->tuple.local_port, conn->tuple.remote_port);
	ft_segment_write_usual_syn_options(header, seg);
	ft_ip_head_fill(head, pkt, frame, bytes);
}

static __attribute__((noinline)) void write_any_syn_ack(const struct ft_tcp_conn *conn,
	const struct ft_segment *seg, const struct ft_ip_head *head, struct rte_mbuf *pkt)
{
	rte_pktmbuf_reset(pkt);
	ft_segment_write(pkt, seg, conn->tuple.local_port, conn->tuple.remote_port);
	ft_ip_head_write(head, pkt);
}

// A SYN's window is not scaled (RFC 7323 2.2).
static void make_syn_ack(struct ft_stack *stack, struct ft_tcp_conn *conn,
	const struct ft_ip_head *head, struct rte_mbuf *pkt, ft_time now)
{
	struct ft_segment seg = segment_of(conn, conn->snd.iss, FT_TCP_SYN | FT_TCP_ACK, now);

	ft_handshake_offer(stack, conn, &seg);
	seg.window = ft_window_field(conn->rcv.wnd, 0);
	if (likely(ft_segment_is_usual_syn(&seg)))
		write_usual_syn_ack(conn, &seg, head, pkt);
	else
		write_any_syn_ack(conn, &seg, head, pkt);
	ft_tcp_timers_syn_sent(stack, conn, now);
	ft_tcp_output_note(stack, conn, conn->snd.iss, conn->snd.iss + 1, now);
}

// With all that is queued before it.
static void make_fin(struct ft_stack *stack, struct ft_tcp_conn *conn,
	const struct ft_ip_head *head, struct rte_mbuf *pkt, ft_time now)
{
	const uint32_t bytes = (uint32_t)conn->send_queue.bytes;
	const uint8_t push = bytes > 0 ? FT_TCP_PSH : 0;
	const uint32_t seq = conn->snd.nxt;
	struct ft_segment seg = segment_of(conn, seq, FT_TCP_FIN | FT_TCP_ACK | push, now);

	seg.window = ft_conn_offer_window(conn);
	if (bytes > 0)
		ft_tcp_predicted_copy(&conn->send_queue, bytes, pkt);
	ft_tcp_predicted_write(conn, &seg, head, bytes, pkt);
	ft_tcp_output_note(stack, conn, seq, seq + bytes + 1, now);
	if (bytes > 0)
		conn->snd.sml = seq + bytes;
	conn->is_cwnd_limited = bytes + 1 + conn->mss > conn->cc.cwnd;
}

static void make_ack(struct ft_stack *stack, struct ft_tcp_conn *conn,
	const struct ft_ip_head *head, struct rte_mbuf *pkt, ft_time now)
{
	struct ft_segment seg = segment_of(conn, ft_conn_acceptable_seq(conn), FT_TCP_ACK, now);

	seg.window = ft_conn_offer_window(conn);
	ft_tcp_predicted_write(conn, &seg, head, 0, pkt);
	ft_tcp_timers_output_done(stack, conn, now);
}

static inline void make(struct ft_stack *stack, struct ft_tcp_conn *conn, enum passage next,
	const struct ft_ip_head *head, struct rte_mbuf *pkt, ft_time now)
{
	if (next == SYN_ACK)
		make_syn_ack(stack, conn, head, pkt, now);
	else if (next == FIN)
		make_fin(stack, conn, head, pkt, now);
	else
		make_ack(stack, conn, head, pkt, now);
}

bool ft_tcp_passage_output(struct ft_stack *stack, struct ft_tcp_conn *conn,
	struct rte_mempool_cache *cache, ft_time now)
{
	const enum passage next = passage_of(stack, conn, now);
	const struct ft_ip_head *head;
	struct rte_mbuf *pkt;

	if (next == NONE || conn->is_sending_urgent || !ft_tcp_output_has_room(stack))
		return false;
	head = ft_tcp_output_head(stack, conn, now);
	if (unlikely(head == NULL ||
		     rte_mempool_generic_get(stack->send_pool, (void **)&pkt, 1, cache) != 0))
		return false;
	make(stack, conn, next, head, pkt, now);
	ft_stack_queue_frame(stack, pkt);
	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_OUT);
	ft_tcp_output_note_ack(stack, conn);
	conn->owed = 0;
	return true;
}
