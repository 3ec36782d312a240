// Options of a living connection, and what it tells about itself.
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/handshake.h"
#include "tcp/listener.h"
#include "tcp/tcp_readiness.h"
#include "tcp/tcp_timers.h"

bool ft_tcp_has_options(const struct ft_tcp_anchor *anchor, const struct ft_tcp_options *options)
{
	return memcmp(&anchor->conn->options, options, sizeof(*options)) == 0;
}

void ft_tcp_get_options(
	struct ft_stack *stack, struct ft_tcp_anchor *anchor, struct ft_tcp_options *options)
{
	struct ft_tcp_conn room;

	*options = ft_anchor_look(stack, anchor, &room)->options;
}

static bool has_deadlines_changed(
	const struct ft_tcp_options *before, const struct ft_tcp_options *after)
{
	return before->keepalive != after->keepalive ||
	       before->keepalive_idle != after->keepalive_idle ||
	       before->keepalive_interval != after->keepalive_interval ||
	       before->user_timeout != after->user_timeout;
}

// NODELAY, or the end of CORK, releases what was held back.
static bool has_released(const struct ft_tcp_options *before, const struct ft_tcp_options *after)
{
	return (before->cork && !after->cork) || (!before->no_delay && after->no_delay);
}

static int switch_congestion(struct ft_tcp_conn *conn, const char *name)
{
	const struct ft_cc_algorithm *algorithm;

	if (strcmp(conn->options.congestion, name) == 0)
		return 0;
	algorithm = ft_cc_find(name);
	if (algorithm == NULL)
		return -ENOENT;
	if (ft_conn_is_synchronized(conn))
		ft_cc_switch(&conn->cc, algorithm);
	return 0;
}

static void apply(struct ft_stack *stack, struct ft_tcp_conn *conn,
	const struct ft_tcp_options *before, ft_time now)
{
	const struct ft_tcp_options *after = &conn->options;

	if (before->mss != after->mss)
		ft_handshake_update_mss(stack, conn, now);
	if (has_deadlines_changed(before, after))
		ft_tcp_timers_options_changed(stack, conn, now);
	if (has_released(before, after) && ft_conn_unsent_bytes(conn) > 0)
		ft_conn_owe(stack, conn, FT_OWE_OUTPUT, "data that was held back");
	if (before->send_buffer != after->send_buffer)
		ft_conn_notify(stack, conn, ft_conn_readiness(conn) & EPOLLOUT);
	if (after->quick_ack && !before->quick_ack && conn->rcv.acked != conn->rcv.nxt)
		ft_conn_owe(stack, conn, FT_OWE_ACK, "ACK, TCP_QUICKACK");
}

int ft_tcp_set_options(struct ft_stack *stack, struct ft_tcp_anchor *anchor,
	const struct ft_tcp_options *options, ft_time now)
{
	struct ft_tcp_conn *conn = ft_anchor_wake(stack, anchor, true);
	struct ft_tcp_options before;
	int error;

	if (conn == NULL)
		return -ENOBUFS;
	before = conn->options;
	error = switch_congestion(conn, options->congestion);
	if (error != 0)
		return error;
	conn->options = *options;
	conn->head_number = 0; // TTL or TOS may be others
	if (before.send_buffer != options->send_buffer)
		conn->send_limit = (uint32_t)options->send_buffer;
	ft_conn_set_receive_buffer(conn, options->receive_buffer);
	if (ft_conn_is_synchronized(conn))
		apply(stack, conn, &before, now);
	return 0;
}

uint16_t ft_tcp_mss(const struct ft_tcp_anchor *anchor)
{
	const struct ft_tcp_conn *conn = anchor->conn;

	if (ft_anchor_is_at_rest(anchor))
		return anchor->rest.mss;
	return conn->mss != 0 ? conn->mss : conn->offer_mss;
}

// ---- TCP_INFO ----

// Linux numbers the states otherwise (netinet/tcp.h).
static const uint8_t linux_state[FT_TCP_STATE_COUNT] = {
	[FT_TCP_CLOSED] = TCP_CLOSE,
	[FT_TCP_LISTEN] = TCP_LISTEN,
	[FT_TCP_SYN_SENT] = TCP_SYN_SENT,
	[FT_TCP_SYN_RECEIVED] = TCP_SYN_RECV,
	[FT_TCP_ESTABLISHED] = TCP_ESTABLISHED,
	[FT_TCP_FIN_WAIT_1] = TCP_FIN_WAIT1,
	[FT_TCP_FIN_WAIT_2] = TCP_FIN_WAIT2,
	[FT_TCP_CLOSE_WAIT] = TCP_CLOSE_WAIT,
	[FT_TCP_CLOSING] = TCP_CLOSING,
	[FT_TCP_LAST_ACK] = TCP_LAST_ACK,
	[FT_TCP_TIME_WAIT] = TCP_TIME_WAIT,
};

static uint8_t linux_phase(const struct ft_retransmit *retransmit)
{
	if (retransmit->phase == FT_RETRANSMIT_RECOVERY)
		return TCP_CA_Recovery;
	if (retransmit->phase == FT_RETRANSMIT_LOSS)
		return TCP_CA_Loss;
	return retransmit->duplicate_acks > 0 ? TCP_CA_Disorder : TCP_CA_Open;
}

// Before the MSS is known there is a SYN.
static uint32_t in_segments(const struct ft_tcp_conn *conn, uint32_t bytes)
{
	return conn->mss == 0 ? bytes > 0 : (bytes + conn->mss - 1) / conn->mss;
}

// Sent again and not yet acknowledged: in fast recovery the segment at SND.UNA; after a timeout all from there
// on that has gone out again.
static uint32_t bytes_again(const struct ft_tcp_conn *conn)
{
	uint32_t again = conn->snd.nxt - conn->snd.una;

	switch (conn->retransmit.phase) {
	case FT_RETRANSMIT_RECOVERY:
		return RTE_MIN(again, (uint32_t)conn->mss);
	case FT_RETRANSMIT_LOSS:
		return RTE_MIN(again, conn->retransmit.recover - conn->snd.una);
	default:
		return 0;
	}
}

static void fill_congestion(const struct ft_tcp_conn *conn, struct tcp_info *info)
{
	info->tcpi_ca_state = linux_phase(&conn->retransmit);
	info->tcpi_snd_cwnd = in_segments(conn, conn->cc.cwnd);
	info->tcpi_snd_ssthresh =
		conn->cc.ssthresh == UINT32_MAX ? INT32_MAX : in_segments(conn, conn->cc.ssthresh);
	info->tcpi_unacked = in_segments(conn, conn->snd.max - conn->snd.una);
	info->tcpi_lost = conn->retransmit.phase == FT_RETRANSMIT_LOSS
				  ? in_segments(conn, conn->snd.max - conn->snd.nxt)
				  : 0;
	info->tcpi_retrans = in_segments(conn, bytes_again(conn));
	info->tcpi_total_retrans = conn->total_retransmits;
}

static void fill_times(const struct ft_stack *stack, const struct ft_tcp_conn *conn, ft_time now,
	struct tcp_info *info)
{
	struct ft_rtt_limits limits = ft_tcp_timers_limits(stack);

	info->tcpi_rto = (uint32_t)(ft_rtt_timeout(&conn->rtt, &limits) / FT_MICROSECOND);
	info->tcpi_rtt = (uint32_t)(conn->rtt.srtt / FT_MICROSECOND);
	info->tcpi_rttvar = (uint32_t)(conn->rtt.rttvar / FT_MICROSECOND);
	info->tcpi_last_data_sent = (uint32_t)((now - conn->last_sent) / FT_MILLISECOND);
	info->tcpi_last_ack_recv = (uint32_t)((now - conn->last_heard) / FT_MILLISECOND);
	info->tcpi_last_data_recv = (uint32_t)((now - conn->last_received) / FT_MILLISECOND);
}

static uint32_t path_mtu(struct ft_stack *stack, const struct ft_tcp_conn *conn, ft_time now)
{
	struct ft_route route = { .mtu = stack->netif.mtu };

	ft_route_find(stack, &conn->tuple.remote, now, &route);
	return route.mtu;
}

void ft_tcp_info(
	struct ft_stack *stack, struct ft_tcp_anchor *anchor, ft_time now, struct tcp_info *info)
{
	struct ft_tcp_conn room;

	ft_conn_info(stack, ft_anchor_look(stack, anchor, &room), now, info);
}

void ft_tcp_listener_info(const struct ft_tcp_listener *listener, struct tcp_info *info)
{
	*info = (struct tcp_info){
		.tcpi_state = linux_state[FT_TCP_LISTEN],
		.tcpi_unacked = listener->accept_count,
		.tcpi_sacked = listener->backlog,
	};
}

// From the first number to `number`, which has gone round `laps` times: bytes, and SYN and FIN as `controls`.
static uint64_t octets(uint32_t first, uint32_t number, uint64_t laps, uint32_t controls)
{
	uint64_t distance = laps << 32 | (number - first);

	return distance > controls ? distance - controls : 0;
}

struct ft_tcp_volume ft_conn_volume(const struct ft_tcp_conn *conn)
{
	return (struct ft_tcp_volume){
		octets(conn->snd.iss, conn->snd.una, conn->snd_laps, 1 + conn->is_fin_acked),
		octets(conn->rcv.irs, conn->rcv.nxt, conn->rcv_laps, 1 + conn->is_fin_received),
	};
}

struct ft_tcp_volume ft_tcp_volume(struct ft_stack *stack, struct ft_tcp_anchor *anchor)
{
	struct ft_tcp_conn room;

	return ft_conn_volume(ft_anchor_look(stack, anchor, &room));
}

void ft_conn_info(
	struct ft_stack *stack, const struct ft_tcp_conn *conn, ft_time now, struct tcp_info *info)
{
	*info = (struct tcp_info){
		.tcpi_state = linux_state[conn->state],
		.tcpi_retransmits =
			ft_conn_is_synchronized(conn) ? conn->timeouts : conn->rtt.backoff,
		.tcpi_probes = conn->unanswered_probes,
		.tcpi_backoff = conn->rtt.backoff,
		.tcpi_options = (conn->has_timestamps ? TCPI_OPT_TIMESTAMPS : 0) |
				(conn->has_scaling ? TCPI_OPT_WSCALE : 0),
		.tcpi_snd_wscale = conn->snd_scale,
		.tcpi_rcv_wscale = conn->has_scaling ? conn->rcv_scale : 0,
		.tcpi_snd_mss = conn->mss,
		.tcpi_rcv_mss = conn->rcv_mss,
		.tcpi_advmss =
			conn->announced_mss - (conn->has_timestamps ? FT_TCP_TIMESTAMP_BYTES : 0),
		.tcpi_rcv_space = conn->rcv.wnd,
		.tcpi_pmtu = path_mtu(stack, conn, now),
	};
	fill_congestion(conn, info);
	fill_times(stack, conn, now, info);
}
