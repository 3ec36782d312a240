#include "tcp/handshake.h"

#include <string.h>
#include <sys/epoll.h>

#include <rte_common.h>
#include <rte_tcp.h>

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/isn.h"
#include "tcp/tcp_timers.h"
#include "tcp/window.h"

#define MINIMUM_MSS   64 // a peer that says less wants to cost us packets (CVE-2019-11479)
#define RESTARTED_RTO (3 * FT_SECOND) // RFC 6298 (5.7)

// ---- MSS ----

static uint16_t lower(uint16_t mss, uint32_t limit)
{
	return limit != 0 && limit < mss ? (uint16_t)limit : mss;
}

// Of a peer that sends no MSS option (RFC 9293 3.7.1).
static uint16_t default_mss(const struct ft_tcp_conn *conn)
{
	return ft_ip_default_payload(&conn->tuple.remote) - sizeof(struct rte_tcp_hdr);
}

// What an MTU leaves for the payload, further limited by configuration and TCP_MAXSEG.
static uint16_t mss_of_mtu(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn, uint16_t mtu)
{
	uint16_t headers = ft_ip_header_bytes(&conn->tuple.remote) + sizeof(struct rte_tcp_hdr);
	uint16_t mss = mtu > headers + MINIMUM_MSS ? mtu - headers : MINIMUM_MSS;

	mss = lower(mss, stack->config.tcp.mss);
	return lower(mss, conn->options.mss);
}

// What a segment to send may carry is also limited by our packet buffers.
static uint16_t send_buffer_room(const struct ft_stack *stack)
{
	return rte_pktmbuf_data_room_size(stack->send_pool) - RTE_PKTMBUF_HEADROOM;
}

uint16_t ft_handshake_announced_mss(const struct ft_stack *stack, const struct ft_tcp_conn *conn)
{
	return mss_of_mtu(stack, conn, stack->netif.mtu);
}

void ft_handshake_update_mss(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	const struct ft_route *route = ft_route_recall(stack, &conn->tuple.remote, now);
	uint16_t mtu = route != NULL ? route->mtu : stack->netif.mtu;
	uint16_t mss = RTE_MIN(mss_of_mtu(stack, conn, mtu), conn->offer_mss);

	mss = RTE_MAX(mss, MINIMUM_MSS);
	mss -= conn->has_timestamps ? FT_TCP_TIMESTAMP_BYTES : 0;
	conn->mss = RTE_MIN(mss, send_buffer_room(stack));
	conn->cc.mss = conn->mss;
	conn->cc.cwnd = RTE_MAX(conn->cc.cwnd, (uint32_t)conn->mss);
}

// ---- SYN ----

void ft_handshake_begin(
	struct ft_stack *stack, struct ft_tcp_conn *conn, struct ft_isn isn, ft_time now)
{
	const uint32_t iss = isn.sequence;

	conn->snd.iss = iss;
	conn->snd.una = iss;
	conn->snd.nxt = iss;
	conn->snd.max = iss;
	conn->snd.sml = iss;
	conn->ts_offset = isn.ts_offset;
	conn->offer_mss = default_mss(conn);
	conn->rcv_mss = conn->offer_mss;
	conn->announced_mss = ft_handshake_announced_mss(stack, conn);
	conn->last_heard = now;
	conn->last_sent = now;
	conn->last_received = now;
	conn->rcv.wnd = RTE_MIN(conn->options.receive_buffer, (uint64_t)UINT16_MAX);
	conn->rcv_scale = stack->config.tcp.window_scaling
				  ? ft_window_scale(conn->options.receive_buffer)
				  : 0;
	ft_rtt_init(&conn->rtt, stack->config.tcp.initial_rto);
	ft_retransmit_init(&conn->retransmit, iss);
}

void ft_handshake_take_syn(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	conn->rcv.irs = seg->seq;
	conn->rcv.nxt = seg->seq + 1;
	conn->rcv.acked = conn->rcv.nxt;
	if (seg->options & FT_TCP_HAS_MSS)
		conn->offer_mss = RTE_MAX(seg->mss, MINIMUM_MSS);
	conn->has_scaling =
		stack->config.tcp.window_scaling && (seg->options & FT_TCP_HAS_WINDOW_SCALE);
	conn->snd_scale = conn->has_scaling ? seg->window_scale : 0;
	conn->rcv_scale = conn->has_scaling ? conn->rcv_scale : 0;
	conn->has_timestamps =
		stack->config.tcp.timestamps && (seg->options & FT_TCP_HAS_TIMESTAMP);
	conn->rcv.ts_recent = seg->ts_value;
	conn->ts_recent_age = ft_conn_age(now);
	// The window of a SYN is never scaled (RFC 7323 2.2).
	conn->snd.wnd = seg->window;
	conn->snd.max_wnd = seg->window;
	conn->snd.wl1 = seg->seq;
	conn->snd.wl2 = seg->ack;
}

void ft_handshake_offer(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn, struct ft_segment *seg)
{
	bool is_answer = conn->state == FT_TCP_SYN_RECEIVED;

	seg->options = FT_TCP_HAS_MSS;
	seg->mss = conn->announced_mss;
	if (is_answer ? conn->has_timestamps : stack->config.tcp.timestamps)
		seg->options |= FT_TCP_HAS_TIMESTAMP;
	if (is_answer ? conn->has_scaling : stack->config.tcp.window_scaling)
		seg->options |= FT_TCP_HAS_WINDOW_SCALE;
	seg->window_scale = conn->rcv_scale;
}

// ---- established ----

static void measure_handshake(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	struct ft_rtt_limits limits = ft_tcp_timers_limits(stack);
	ft_time rtt;

	if (ft_retransmit_measure(&conn->retransmit, conn->snd.iss + 1, now, &rtt))
		ft_rtt_sample(&conn->rtt, rtt, &limits);
	else if (conn->was_syn_lost)
		ft_rtt_restart(&conn->rtt, RESTARTED_RTO);
}

static const struct ft_cc_algorithm *chosen_algorithm(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn)
{
	const char *configured = stack->config.tcp.congestion;
	const struct ft_cc_algorithm *algorithm = NULL;

	if (memcmp(conn->options.congestion, configured, sizeof(conn->options.congestion)) != 0)
		algorithm = ft_cc_find(conn->options.congestion);
	return algorithm != NULL ? algorithm : stack->tcp.congestion;
}

void ft_handshake_begin_congestion(const struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	uint32_t segments = conn->was_syn_lost ? 1 : stack->config.tcp.initial_window;

	ft_cc_init(&conn->cc, chosen_algorithm(stack, conn), conn->mss, segments);
}

void ft_handshake_established(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	conn->snd.una = conn->snd.iss + 1;
	conn->snd.nxt = conn->snd.una;
	measure_handshake(stack, conn, now);
	ft_retransmit_init(&conn->retransmit, conn->snd.iss);
	ft_conn_set_state(stack, conn, FT_TCP_ESTABLISHED);
	ft_handshake_update_mss(stack, conn, now);
	ft_handshake_begin_congestion(stack, conn);
	ft_tcp_timers_established(stack, conn, now);
	ft_conn_notify(stack, conn, EPOLLOUT);
}
