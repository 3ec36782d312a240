#include "tcp/tcp_reset.h"

#include <netinet/in.h>

#include <rte_tcp.h>

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/isn.h"
#include "tcp/segment.h"
#include "tcp/tcp_trace.h"

static bool send_reset(struct ft_stack *stack, const struct ft_tuple *tuple,
	const struct ft_segment *seg, ft_time now)
{
	struct rte_mbuf *pkt = ft_stack_new_packet(stack);
	struct ft_ip_send send = {
		.source = tuple->local,
		.destination = tuple->remote,
		.protocol = IPPROTO_TCP,
		.dont_fragment = true,
		.checksum_offset = offsetof(struct rte_tcp_hdr, cksum),
	};

	if (pkt == NULL) {
		stack->counters.dropped_output[FT_DROP_NO_MBUF]++;
		return false;
	}
	ft_segment_write(pkt, seg, tuple->local_port, tuple->remote_port);
	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_OUT);
	ft_stack_count(stack, FT_COUNTER_TCP_RESETS_SENT);
	ft_ip_output(stack, pkt, &send, now);
	return true;
}

void ft_tcp_reset_answer(struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	const struct ft_segment *seg = &info->seg;
	struct ft_segment reset = { .flags = FT_TCP_RST };

	if (seg->flags & FT_TCP_RST)
		return;
	if (seg->flags & FT_TCP_ACK) {
		reset.seq = seg->ack;
	} else {
		reset.flags |= FT_TCP_ACK;
		reset.ack = seg->seq + seg->length;
	}
	if (send_reset(stack, &info->tuple, &reset, now))
		ft_trace_sent(stack, FT_TRACE_TCP, &info->tuple, "sends RST, SEQ %u", reset.seq);
}

// RFC 9293 3.10.5 (ABORT): a peer that may still wait for something of ours must be told. In
// CLOSING and LAST-ACK that is so until our FIN is acknowledged: there the RFC's FIN has been sent,
// while ours may stand behind data in the send queue.
static bool must_be_told(const struct ft_tcp_conn *conn)
{
	switch ((enum ft_tcp_state)conn->state) {
	case FT_TCP_SYN_RECEIVED:
	case FT_TCP_ESTABLISHED:
	case FT_TCP_FIN_WAIT_1:
	case FT_TCP_FIN_WAIT_2:
	case FT_TCP_CLOSE_WAIT:
		return true;
	case FT_TCP_CLOSING:
	case FT_TCP_LAST_ACK:
		return !conn->is_fin_acked;
	default:
		return false;
	}
}

void ft_tcp_reset_conn(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	struct ft_segment reset = {
		.seq = ft_conn_acceptable_seq(conn),
		.ack = conn->rcv.nxt,
		.flags = FT_TCP_RST | FT_TCP_ACK,
	};

	if (conn->has_timestamps) { // RFC 7323 3.2: should be in a reset, too
		reset.options = FT_TCP_HAS_TIMESTAMP;
		reset.ts_value = ft_isn_timestamp(conn->ts_offset, now);
		reset.ts_echo = conn->rcv.ts_recent;
	}
	if (must_be_told(conn) && send_reset(stack, &conn->tuple, &reset, now) &&
		ft_is_traced(stack, FT_TRACE_TCP))
		ft_tcp_trace_sent(stack, conn, &reset, 0);
}

void ft_tcp_abort_conn(struct ft_stack *stack, struct ft_tcp_conn *conn, int error, ft_time now)
{
	ft_tcp_reset_conn(stack, conn, now);
	ft_conn_end(stack, conn, error);
	ft_conn_reap(stack, conn);
}
