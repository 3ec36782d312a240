// What nearly every connection begins and ends with, in as few steps as can be: tcp_predicted.h has what lies
// between, and its rules hold here, too.
//
//	in  SYN-RECEIVED  the ACK of our SYN
//	    later         in order, without text: a FIN, an ACK of ours, or both at once
#include "tcp/tcp_passage.h"

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/tcp_ack.h"
#include "tcp/tcp_predicted.h"
#include "tcp/tcp_receive.h"
#include "tcp/tcp_timers.h"

// ---- the steps of RFC 9293 3.10.7.4, for a segment that has passed the first four ----
static void take_ack_of_syn(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	ft_tcp_timers_heard(conn, now);
	ft_tcp_ack_establish(stack, conn, seg, now);
	ft_tcp_ack_update_window(stack, conn, seg, now);
	if (conn->has_timestamps)
		ft_tcp_receive_note_timestamp(conn, seg, now);
}

static void take_closing(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	ft_tcp_timers_heard(conn, now);
	if (seg->ack != conn->snd.una)
		ft_tcp_ack_new(stack, conn, seg, now);
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

	if ((seg->flags & controls) != FT_TCP_ACK || ft_pkt_info(pkt)->payload_length > 0 ||
		ft_tcp_predicted_is_off(stack))
		return false;
	if (!(is_opening || ft_conn_is_synchronized(conn)) || conn->has_urgent ||
		conn->is_read_shut || !ft_tcp_predicted_is_in_order(conn, seg))
		return false;
	if (!(is_opening ? is_established_by(conn, seg) : may_close(conn, seg)))
		return false;
	ft_stack_count(stack, FT_COUNTER_TCP_SEGMENTS_IN);
	if (is_opening)
		take_ack_of_syn(stack, conn, seg, now);
	else if (is_over(conn, seg))
		ft_conn_end(stack, conn, 0);
	else
		take_closing(stack, conn, seg, now);
	ft_pkt_free(pkt);
	ft_conn_reap(stack, conn);
	return true;
}
