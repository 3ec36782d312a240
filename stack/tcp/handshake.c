#include "tcp/handshake.h"

#include <string.h>
#include <sys/epoll.h>

#include <rte_common.h>
#include <rte_tcp.h>

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/listener.h"
#include "tcp/tcp_timers.h"
#include "tcp/window.h"

#define RESTARTED_RTO (3 * FT_SECOND) // RFC 6298 (5.7)

// ---- MSS ----

static uint16_t lower(uint16_t mss, uint32_t limit)
{
	return limit != 0 && limit < mss ? (uint16_t)limit : mss;
}

// Of a peer that sends no MSS option (RFC 9293 3.7.1).
static uint16_t default_mss(const struct ft_addr *remote)
{
	return ft_ip_default_payload(remote) - sizeof(struct rte_tcp_hdr);
}

// What an MTU leaves for the payload, further limited by configuration and TCP_MAXSEG.
static inline uint16_t mss_of_mtu(const struct ft_stack *stack, const struct ft_tcp_conn *conn,
	const struct ft_addr *remote, uint16_t mtu)
{
	uint16_t headers = ft_ip_header_bytes(remote) + sizeof(struct rte_tcp_hdr);
	uint16_t mss =
		mtu > headers + FT_HANDSHAKE_MINIMUM_MSS ? mtu - headers : FT_HANDSHAKE_MINIMUM_MSS;

	mss = lower(mss, stack->config.tcp.mss);
	return lower(mss, conn->options.mss);
}

// What a segment to send may carry is also limited by our packet buffers.
static uint16_t send_buffer_room(const struct ft_stack *stack)
{
	return rte_pktmbuf_data_room_size(stack->send_pool) - RTE_PKTMBUF_HEADROOM;
}

uint16_t ft_handshake_announced_mss(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn, const struct ft_addr *remote)
{
	return mss_of_mtu(stack, conn, remote, stack->netif.mtu);
}

// The MTU of the path allows so much. While none is known to have less than the device, that was looked up for our SYN;
// and where a listener opened it, nobody has set TCP_MAXSEG since.
static inline uint16_t mss_of_path(
	struct ft_stack *stack, const struct ft_tcp_conn *conn, ft_time now)
{
	const struct ft_route *route;

	if (likely(conn->is_passive && !ft_conn_is_synchronized(conn) &&
		    now >= stack->ip.routes.paths_expire))
		return conn->announced_mss;
	route = ft_route_recall(stack, &conn->tuple.remote, now);
	return mss_of_mtu(
		stack, conn, &conn->tuple.remote, route != NULL ? route->mtu : stack->netif.mtu);
}

static inline void choose_mss(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	uint16_t mss = RTE_MIN(mss_of_path(stack, conn, now), conn->offer_mss);

	mss = RTE_MAX(mss, FT_HANDSHAKE_MINIMUM_MSS);
	mss -= conn->has_timestamps ? FT_TCP_TIMESTAMP_BYTES : 0;
	conn->mss = RTE_MIN(mss, send_buffer_room(stack));
}

void ft_handshake_update_mss(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	choose_mss(stack, conn, now);
	conn->cc.mss = conn->mss;
	conn->cc.cwnd = RTE_MAX(conn->cc.cwnd, (uint32_t)conn->mss);
}

// ---- SYN ----

void ft_handshake_prepare(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_addr *remote)
{
	conn->offer_mss = default_mss(remote);
	conn->rcv_mss = conn->offer_mss;
	conn->announced_mss = ft_handshake_announced_mss(stack, conn, remote);
	conn->rcv.wnd = RTE_MIN(conn->options.receive_buffer, (uint64_t)UINT16_MAX);
	conn->rcv_scale = stack->config.tcp.window_scaling
				  ? ft_window_scale(conn->options.receive_buffer)
				  : 0;
	ft_rtt_init(&conn->rtt, stack->config.tcp.initial_rto);
}

// ---- established ----

static __rte_always_inline void measure_handshake(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	struct ft_rtt_limits limits = ft_tcp_timers_limits(stack);
	ft_time rtt;

	if (ft_retransmit_measure(&conn->retransmit, conn->snd.iss + 1, now, &rtt))
		ft_rtt_sample(&conn->rtt, rtt, &limits);
	else if (conn->was_syn_lost)
		ft_rtt_restart(&conn->rtt, RESTARTED_RTO);
}

static inline const struct ft_cc_algorithm *chosen_algorithm(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn)
{
	const char *configured = stack->config.tcp.congestion;
	const struct ft_cc_algorithm *algorithm = NULL;

	if (memcmp(conn->options.congestion, configured, sizeof(conn->options.congestion)) != 0)
		algorithm = ft_cc_find(conn->options.congestion);
	return algorithm != NULL ? algorithm : stack->tcp.congestion;
}

static inline void begin_congestion(const struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	uint32_t segments = conn->was_syn_lost ? 1 : stack->config.tcp.initial_window;

	ft_cc_init(&conn->cc, chosen_algorithm(stack, conn), conn->mss, segments);
}

void ft_handshake_begin_congestion(const struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	begin_congestion(stack, conn);
}

// Compiled into both that follow, of which nearly every connection goes through one.
static __rte_always_inline void establish(
	struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	conn->snd.una = conn->snd.iss + 1;
	conn->snd.nxt = conn->snd.una;
	measure_handshake(stack, conn, now);
	ft_retransmit_init(&conn->retransmit, conn->snd.iss);
	choose_mss(stack, conn, now);
	ft_conn_set_state(stack, conn, FT_TCP_ESTABLISHED);
	begin_congestion(stack, conn);
	ft_tcp_timers_established(stack, conn, now);
	ft_conn_notify(stack, conn, EPOLLOUT);
}

void ft_handshake_established(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	establish(stack, conn, now);
}

// The queue has moved on while the handshake ran: a close that came meanwhile is carried out now.
static void close_if_asked(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	if (likely(!conn->is_fin_queued))
		return;
	ft_conn_set_state(stack, conn, FT_TCP_FIN_WAIT_1);
	ft_conn_owe(stack, conn, FT_OWE_OUTPUT, "FIN");
}

void ft_handshake_acknowledged(
	struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t seq, uint32_t ack, ft_time now)
{
	establish(stack, conn, now);
	conn->snd.wl1 = seq;
	conn->snd.wl2 = ack;
	if (likely(conn->listener != NULL))
		ft_listener_established(stack, conn);
	close_if_asked(stack, conn);
}
