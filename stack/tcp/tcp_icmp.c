// ICMP errors about our segments, which anyone on the Internet may forge (RFC 5927).
#include <errno.h>

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/handshake.h"

static struct ft_tcp_anchor *find(struct ft_stack *stack, const struct ft_tuple *tuple)
{
	uint64_t hash = ft_tuple_hash(&stack->key, tuple);
	uint32_t index = ft_conn_table_find(&stack->tcp.connections, tuple, hash);

	return index == FT_CONN_NONE ? NULL : ft_pool_at(&stack->tcp.anchors, index);
}

// RFC 5927 4.1: the segment quoted must be one that is in flight.
static bool is_in_flight(const struct ft_tcp_conn *conn, uint32_t seq)
{
	return ft_seq_is_in(seq, conn->snd.una, conn->snd.max - conn->snd.una);
}

// The lost segment tells of the path, not of congestion: what is in flight is cut anew and sent
// again at once, cwnd as it was (RFC 1191 6.4).
static enum ft_drop lower_mtu(
	struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t mtu, ft_time now)
{
	uint16_t mss = conn->mss;

	if (!ft_conn_is_synchronized(conn))
		return FT_DROP_ICMP_REJECTED; // no handshake is as large as any path's MTU
	ft_route_lower_mtu(stack, &conn->tuple.remote, mtu, now);
	ft_handshake_update_mss(stack, conn, now);
	if (conn->mss >= mss)
		return FT_DROP_ICMP_REJECTED;
	conn->snd.nxt = conn->snd.una;
	conn->again = FT_PKT_SMALLER_MTU;
	ft_conn_owe(stack, conn, FT_OWE_OUTPUT, "data again, in smaller segments");
	return FT_TAKEN;
}

// RFC 5927 5.2: hard errors end a connection only while it is being opened. All else is remembered,
// to be told when the connection times out (RFC 1122 4.2.3.9).
static enum ft_drop note_error(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_icmp_error *error)
{
	if (conn->state == FT_TCP_SYN_SENT && error->is_hard) {
		ft_conn_end(stack, conn, error->error);
		ft_conn_reap(stack, conn);
		return FT_TAKEN;
	}
	conn->soft_error = (uint8_t)error->error;
	return FT_TAKEN;
}

enum ft_drop ft_tcp_error(struct ft_stack *stack, const struct ft_icmp_error *error, ft_time now)
{
	struct ft_tcp_anchor *anchor = find(stack, &error->tuple);
	struct ft_tcp_conn *conn;

	if (anchor == NULL)
		return FT_DROP_ICMP_NO_SOCKET;
	if (ft_anchor_is_at_rest(anchor)) // so nothing is in flight
		return FT_DROP_ICMP_REJECTED;
	conn = anchor->conn;
	if (!is_in_flight(conn, error->seq))
		return FT_DROP_ICMP_REJECTED;
	if (error->mtu != 0)
		return lower_mtu(stack, conn, error->mtu, now);
	return note_error(stack, conn, error);
}
