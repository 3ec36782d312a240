// Sending. Read from the end: ft_tcp_output_pay().
#include "tcp/tcp_output.h"

#include <assert.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include <rte_tcp.h>

#include "ip/ip_head.h"
#include "stack.h"
#include "tcp/conn.h"
#include "tcp/handshake.h"
#include "tcp/isn.h"
#include "tcp/segment.h"
#include "tcp/tcp_timers.h"
#include "tcp/tcp_trace.h"
#include "tcp/window.h"

#define SEGMENTS_PER_TURN 64 // of one connection, before the next has its turn
#define SEGMENTS_CUT	  44 // by the NIC of one packet, at most: 64 KB of the usual MSS

// ---- one segment ----

// A SYN's is not scaled (RFC 7323 2.2).
static uint16_t choose_window(struct ft_tcp_conn *conn, bool is_syn)
{
	return is_syn ? ft_window_field(conn->rcv.wnd, 0) : ft_conn_offer_window(conn);
}

static void add_timestamp(const struct ft_tcp_conn *conn, struct ft_segment *seg, ft_time now)
{
	if (conn->has_timestamps)
		seg->options |= FT_TCP_HAS_TIMESTAMP;
	seg->ts_value = ft_isn_timestamp(conn->ts_offset, now);
	seg->ts_echo = seg->flags & FT_TCP_ACK ? conn->rcv.ts_recent : 0;
}

// The pointer says where urgent data ends, as far as 16 bits reach (RFC 9293 3.8.5, RFC 6093 3.1:
// it points behind the last urgent byte, as Linux and BSD have it).
static void add_urgent(const struct ft_tcp_conn *conn, struct ft_segment *seg)
{
	uint32_t distance = conn->snd.up - seg->seq;

	if (!conn->is_sending_urgent || distance == 0 || distance > UINT16_MAX)
		return;
	seg->flags |= FT_TCP_URG;
	seg->urgent = (uint16_t)distance;
}

static __attribute__((noinline)) void go_the_long_way(struct ft_stack *stack,
	struct ft_tcp_conn *conn, struct rte_mbuf *pkt, uint16_t segment_bytes, ft_time now)
{
	const struct ft_ip_send send = {
		.source = conn->tuple.local,
		.destination = conn->tuple.remote,
		.protocol = IPPROTO_TCP,
		.ttl = conn->options.ttl,
		.tos = conn->options.tos,
		.dont_fragment = true,
		.checksum_offset = offsetof(struct rte_tcp_hdr, cksum),
		.segment_bytes = segment_bytes,
	};

	ft_ip_output(stack, pkt, &send, now);
}

static inline void transmit(struct ft_stack *stack, struct ft_tcp_conn *conn, struct rte_mbuf *pkt,
	const struct ft_segment *seg, ft_time now)
{
	const struct ft_ip_head *head;
	uint16_t segment_bytes = 0;

	if (unlikely(pkt->pkt_len > conn->mss)) { // one header for several: send_many()
		segment_bytes = conn->mss;
		stack->counters.count[FT_COUNTER_TCP_SEGMENTS_OUT] += pkt->pkt_len / conn->mss - 1;
	}
	ft_segment_write(pkt, seg, conn->tuple.local_port, conn->tuple.remote_port);
	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_OUT);
	head = ft_tcp_output_head(stack, conn, now);
	if (head == NULL || segment_bytes != 0 || !ft_ip_head_fits(stack, pkt->pkt_len)) {
		go_the_long_way(stack, conn, pkt, segment_bytes, now);
		return;
	}
	ft_ip_head_write(head, pkt);
	ft_stack_transmit(stack, pkt);
}

static bool is_window_probe(const struct ft_tcp_conn *conn)
{
	return (conn->owed & (FT_OWE_RETRANSMIT | FT_OWE_PROBE)) == FT_OWE_PROBE &&
	       conn->snd.wnd == 0;
}

void ft_tcp_output_count_again(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	if (is_window_probe(conn))
		return;
	ft_stack_count(stack, FT_COUNTER_TCP_RETRANSMITTED);
	conn->total_retransmits++;
}

static uint8_t cause_of_another_syn(const struct ft_tcp_conn *conn, uint8_t flags)
{
	if (!(flags & FT_TCP_ACK))
		return FT_PKT_SYN_AGAIN;
	return conn->again == FT_PKT_SYN_CAME_AGAIN ? conn->again : FT_PKT_SYN_ACK_AGAIN;
}

// Either the first segment is owed once more, or SND.NXT went back.
static uint8_t cause_of_retransmission(const struct ft_tcp_conn *conn)
{
	if (!(conn->owed & FT_OWE_RETRANSMIT) || conn->retransmit.phase != FT_RETRANSMIT_RECOVERY)
		return conn->again;
	return conn->retransmit.partial_acks > 0 ? FT_PKT_PARTIAL_ACK : FT_PKT_FAST_RETRANSMIT;
}

// Why this segment goes out, if it is not for something new: the recorder tells it. What is owed is
// struck out only when it has been sent.
static void note_cause(const struct ft_tcp_conn *conn, struct ft_pkt_info *info,
	const struct ft_segment *seg, uint32_t end)
{
	bool is_again = ft_seq_is_before(seg->seq, conn->snd.max);

	if (seg->seq == end) {
		if (seg->seq == conn->snd.una - 1 && ft_conn_is_synchronized(conn)) {
			info->cause = FT_PKT_KEEPALIVE;
			info->cause_number = conn->unanswered_probes;
		}
	} else if (is_again && seg->flags & FT_TCP_SYN) {
		info->cause = cause_of_another_syn(conn, seg->flags);
		info->cause_number = (uint8_t)RTE_MIN(conn->total_retransmits + 1, UINT8_MAX);
	} else if (is_window_probe(conn)) {
		info->cause = FT_PKT_WINDOW_PROBE;
		info->cause_number = conn->window_probes;
	} else if (is_again) {
		info->cause = cause_of_retransmission(conn);
		info->cause_number = info->cause == FT_PKT_TIMEOUT ? conn->timeouts : 0;
	}
}

static bool add_payload(struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t seq,
	uint32_t bytes, struct rte_mbuf *pkt)
{
	uint64_t offset = seq - ft_conn_data_seq(conn);

	if (unlikely(bytes > conn->mss))
		return ft_send_queue_refer(&conn->send_queue, offset, bytes, stack->send_pool, pkt);
	if (!ft_send_queue_copy(&conn->send_queue, offset, bytes, pkt))
		assert(!"the bytes are queued, and the MSS fits a packet");
	return true;
}

// Sends `bytes` of the send queue from `seq` on (none for a pure ACK), with `flags` and whatever
// else the connection's state adds. False when no packet buffer is left, or no room to wait for the NIC:
// nothing has happened then.
static bool send_segment(struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t seq,
	uint32_t bytes, uint8_t flags, ft_time now)
{
	struct ft_segment seg = { .seq = seq, .ack = conn->rcv.nxt, .flags = flags };
	uint32_t end = seq + bytes + ((flags & (FT_TCP_SYN | FT_TCP_FIN)) != 0);
	struct rte_mbuf *pkt;

	if (!ft_stack_may_transmit(stack) || (pkt = ft_stack_new_packet(stack)) == NULL)
		return false;
	if (bytes > 0 && !add_payload(stack, conn, seq, bytes, pkt)) {
		rte_pktmbuf_free(pkt);
		return false;
	}
	if (flags & FT_TCP_SYN)
		ft_handshake_offer(stack, conn, &seg);
	seg.window = choose_window(conn, flags & FT_TCP_SYN);
	add_timestamp(conn, &seg, now);
	add_urgent(conn, &seg);
	if (ft_is_traced(stack, FT_TRACE_TCP))
		ft_tcp_trace_sent(stack, conn, &seg, bytes);
	if (unlikely(stack->recorder != NULL))
		note_cause(conn, ft_pkt_info(pkt), &seg, end);
	transmit(stack, conn, pkt, &seg, now);
	if (flags & FT_TCP_ACK)
		ft_tcp_output_note_ack(stack, conn);
	if (flags & FT_TCP_SYN)
		ft_tcp_timers_syn_sent(stack, conn, now);
	if (end != seq)
		ft_tcp_output_note(stack, conn, seq, end, now);
	return true;
}

// ---- SYN ----

static bool pay_handshake(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	uint8_t flags = FT_TCP_SYN;

	if (conn->state == FT_TCP_SYN_RECEIVED)
		flags |= FT_TCP_ACK;
	if (conn->owed & (FT_OWE_OUTPUT | FT_OWE_RETRANSMIT))
		return send_segment(stack, conn, conn->snd.iss, 0, flags, now);
	return send_segment(stack, conn, conn->snd.nxt, 0, FT_TCP_ACK, now);
}

// ---- data ----

// What the peer's window and cwnd leave beyond SND.NXT.
static uint32_t usable_bytes(const struct ft_tcp_conn *conn)
{
	uint32_t cwnd = ft_cc_window(&conn->cc, ft_retransmit_allowance(&conn->retransmit));
	uint32_t edge = conn->snd.una + RTE_MIN(cwnd, conn->snd.wnd);

	return ft_seq_is_after(edge, conn->snd.nxt) ? edge - conn->snd.nxt : 0;
}

// What is sent again after a timeout has been held back long enough the first time; and what is urgent is
// not held back at all.
static uint32_t next_bytes(const struct ft_tcp_conn *conn)
{
	uint32_t unsent = ft_conn_unsent_bytes(conn);
	bool is_again = ft_seq_is_before(conn->snd.nxt, conn->snd.max);
	bool may_not_wait = is_again || conn->is_flushed || conn->is_sending_urgent;
	struct ft_window_send send;

	if (unsent == 0)
		return 0;
	send = (struct ft_window_send){
		.unsent_bytes = unsent,
		.usable_bytes = usable_bytes(conn),
		.largest_window = conn->snd.max_wnd,
		.mss = conn->mss,
		.no_delay = conn->options.no_delay || may_not_wait,
		.is_corked = (conn->options.cork || conn->is_more_coming) && !may_not_wait,
		.is_last = conn->is_fin_queued,
		.has_small_in_flight = ft_conn_has_in_flight(conn) &&
				       ft_seq_is_after(conn->snd.sml, conn->snd.una),
	};

	return ft_window_send_bytes(&send);
}

// The flags of a data segment: PSH where the queue ends (RFC 9293 3.9.1, SEND), FIN behind its end.
static uint8_t data_flags(const struct ft_tcp_conn *conn, uint32_t seq, uint32_t bytes)
{
	uint8_t flags = FT_TCP_ACK;

	if (seq + bytes != ft_conn_end_seq(conn))
		return flags;
	if (bytes > 0)
		flags |= FT_TCP_PSH;
	if (conn->is_fin_queued && !conn->is_fin_acked)
		flags |= FT_TCP_FIN;
	return flags;
}

static bool send_data(
	struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t seq, uint32_t bytes, ft_time now)
{
	if (!send_segment(stack, conn, seq, bytes, data_flags(conn, seq, bytes), now))
		return false;
	if (bytes > 0 && bytes < conn->mss)
		conn->snd.sml = ft_seq_later(conn->snd.sml, seq + bytes);
	return true;
}

// RFC 5681 4.1: what cwnd was learned about may have changed while nothing was sent.
static void restart_after_idle(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	struct ft_rtt_limits limits = ft_tcp_timers_limits(stack);

	if (ft_conn_has_in_flight(conn) || now - conn->last_sent <= limits.minimum)
		return;
	if (now > conn->last_sent + ft_rtt_timeout(&conn->rtt, &limits))
		ft_cc_idle_restart(&conn->cc);
}

// Data waits while the NIC is behind, rather than be dropped there.
static bool has_transmit_room(struct ft_stack *stack)
{
	if (unlikely(stack->tx_count >= FT_TX_QUEUE / 4 * 3))
		ft_stack_make_room(stack);
	return ft_tcp_output_has_room(stack);
}

// After one full segment: how many bytes, in full segments, may go as one packet that the NIC cuts. What
// is sent again goes piece by piece, and so does urgent data, whose pointer no NIC moves.
static uint32_t many_bytes(const struct ft_stack *stack, const struct ft_tcp_conn *conn)
{
	uint32_t most =
		RTE_MIN((uint32_t)stack->netif.tso_bytes, SEGMENTS_CUT * (uint32_t)conn->mss);
	uint32_t bytes = RTE_MIN(ft_conn_unsent_bytes(conn), usable_bytes(conn));

	assert(conn->mss > 0);
	if (most < conn->mss || conn->is_sending_urgent ||
		ft_seq_is_before(conn->snd.nxt, conn->snd.max))
		return conn->mss;
	return RTE_MIN(bytes, most) / conn->mss * conn->mss;
}

// With few packet buffers left, one segment at a time still gets through; and of many connections not
// each tries in vain.
static __attribute__((noinline)) bool send_many(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	uint32_t bytes = many_bytes(stack, conn);

	if (bytes > conn->mss && stack->tcp.chain_failed_at != now) {
		if (send_data(stack, conn, conn->snd.nxt, bytes, now))
			return true;
		stack->tcp.chain_failed_at = now;
	}
	return send_data(stack, conn, conn->snd.nxt, conn->mss, now);
}

static bool send_next(struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t bytes, ft_time now)
{
	if (bytes == conn->mss && unlikely(stack->netif.tso_bytes > 0))
		return send_many(stack, conn, now);
	return send_data(stack, conn, conn->snd.nxt, bytes, now);
}

// New data, then the FIN. True when nothing more can be sent for now.
static bool send_new(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	uint32_t end = conn->snd.nxt + SEGMENTS_PER_TURN * conn->mss;

	restart_after_idle(stack, conn, now);
	while (ft_seq_is_before(conn->snd.nxt, end)) {
		uint32_t bytes = next_bytes(conn);
		bool is_fin_next = ft_conn_owes_fin(conn) && bytes == ft_conn_unsent_bytes(conn);

		if (bytes == 0 && !is_fin_next)
			return true;
		if (!has_transmit_room(stack) || !send_next(stack, conn, bytes, now))
			return false;
		conn->is_cwnd_limited = conn->snd.nxt - conn->snd.una + conn->mss > conn->cc.cwnd;
	}
	return false;
}

// The segment at SND.UNA once more (RFC 5681 3.2: fast retransmit), as much of it as was sent.
static bool send_first_again(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	uint32_t sent = conn->snd.max - conn->snd.una;
	uint32_t bytes = (uint32_t)RTE_MIN(conn->send_queue.bytes, (uint64_t)conn->mss);

	if (sent == 0)
		return true;
	return send_data(stack, conn, conn->snd.una, RTE_MIN(bytes, sent), now);
}

// The window is closed: one byte beyond it (RFC 9293 3.8.6.1). Or it is open, and what was held
// back goes as it is: the override of 3.8.6.2.1 (4), the end of Cork's patience.
static bool send_probe(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	uint32_t unsent = ft_conn_unsent_bytes(conn);
	uint32_t window = RTE_MAX(conn->snd.wnd, 1u);
	uint32_t bytes = RTE_MIN(window, (uint32_t)conn->mss);

	if (unsent == 0 || ft_conn_has_in_flight(conn))
		return true;
	if (!send_data(stack, conn, conn->snd.nxt, RTE_MIN(bytes, unsent), now))
		return false;
	if (conn->snd.wnd == 0)
		ft_stack_count(stack, FT_COUNTER_TCP_PERSIST_PROBES);
	return true;
}

// ---- nothing but an ACK ----

static bool send_ack(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	return send_segment(stack, conn, ft_conn_acceptable_seq(conn), 0, FT_TCP_ACK, now);
}

// A number already acknowledged, which makes the peer answer (RFC 9293 3.8.4).
static bool send_keepalive(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	if (!send_segment(stack, conn, conn->snd.una - 1, 0, FT_TCP_ACK, now))
		return false;
	ft_stack_count(stack, FT_COUNTER_TCP_KEEPALIVE_PROBES);
	return true;
}

// ---- paying ----

// The application was refused for want of packet buffers, not of room in its send buffer, so no ACK
// will tell it when to try again.
static bool tell_of_room(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	if (!ft_send_queue_may_grow(&conn->send_queue, &stack->send_held))
		return false;
	conn->owed &= ~FT_OWE_ROOM;
	ft_conn_notify(stack, conn, EPOLLOUT);
	return true;
}

static bool pay_one(
	struct ft_stack *stack, struct ft_tcp_conn *conn, enum ft_tcp_owed owed, ft_time now)
{
	switch (owed) {
	case FT_OWE_RETRANSMIT:
		return send_first_again(stack, conn, now);
	case FT_OWE_PROBE:
		return send_probe(stack, conn, now);
	case FT_OWE_OUTPUT:
		return send_new(stack, conn, now);
	case FT_OWE_KEEPALIVE:
		return send_keepalive(stack, conn, now);
	case FT_OWE_ACK:
		return send_ack(stack, conn, now);
	case FT_OWE_ROOM:
		return tell_of_room(stack, conn);
	}
	return true;
}

void ft_tcp_output_pay(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	uint8_t tried = 0, left;

	if (!ft_conn_is_synchronized(conn)) {
		if (pay_handshake(stack, conn, now))
			conn->owed = 0;
		return;
	}
	while ((left = conn->owed & ~tried) != 0) {
		uint8_t lowest = left & -left;

		tried |= lowest;
		if (pay_one(stack, conn, lowest, now))
			conn->owed &= ~lowest;
	}
	ft_tcp_timers_output_done(stack, conn, now);
}
