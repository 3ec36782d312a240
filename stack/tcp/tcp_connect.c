#include "tcp/tcp_connect.h"

#include <errno.h>

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/conn_create.h"
#include "tcp/handshake.h"
#include "tcp/isn.h"

// ---- the call ----

int ft_tcp_connect(struct ft_stack *stack, const struct ft_tuple *tuple, struct ft_socket *socket,
	const struct ft_tcp_options *options, ft_time now, struct ft_tcp_anchor **conn)
{
	uint64_t hash = ft_tuple_hash(&stack->key, tuple);
	struct ft_tcp_conn *opened, model;
	struct ft_route route;

	if (ft_route_find(stack, &tuple->remote, now, &route) != 0 || route.is_broadcast ||
		route.is_multicast)
		return -ENETUNREACH;
	if (ft_conn_table_find(&stack->tcp.connections, tuple, hash) != FT_CONN_NONE)
		return -EADDRNOTAVAIL;
	ft_conn_init(
		stack, &model, options, ft_port_reuse(options->reuse_address, options->reuse_port));
	ft_handshake_prepare(stack, &model, &tuple->remote);
	opened = ft_conn_create(stack, tuple, hash, &model);
	if (opened == NULL)
		return -ENOMEM;
	opened->has_martian_peer = ft_conn_is_peer_martian(stack, tuple);
	opened->socket = socket;
	opened->anchor->socket = ft_socket_index(stack->sockets, socket);
	socket->description.is_at_work = true;
	ft_handshake_begin(opened, ft_isn_choose(&stack->key, hash, now), now);
	ft_conn_set_state(stack, opened, FT_TCP_SYN_SENT);
	ft_stack_count(stack, FT_COUNTER_TCP_ACTIVE_OPENS);
	ft_conn_owe(stack, opened, FT_OWE_OUTPUT, "SYN");
	*conn = opened->anchor;
	return 0;
}

// ---- first, check the ACK bit ----

enum ft_drop ft_tcp_connect_ack_step(struct ft_arrival *arrival)
{
	const struct ft_tcp_conn *conn = arrival->conn;
	const struct ft_segment *seg = &arrival->seg;

	if (!(seg->flags & FT_TCP_ACK) ||
		(seg->ack == conn->snd.iss + 1 && conn->snd.max == seg->ack))
		return FT_TAKEN;
	arrival->owes_reset = true;
	return FT_DROP_TCP_BAD_ACK;
}

// ---- second, check the RST bit ----

// Only one that acknowledges our SYN is the peer's (RFC 5961 3.2 leaves this check as it was).
enum ft_drop ft_tcp_connect_rst_step(struct ft_arrival *arrival)
{
	if (!(arrival->seg.flags & FT_TCP_RST))
		return FT_TAKEN;
	if (!(arrival->seg.flags & FT_TCP_ACK))
		return FT_DROP_TCP_BAD_RESET;
	ft_stack_count(arrival->stack, FT_COUNTER_TCP_RESETS_RECEIVED);
	ft_conn_end(arrival->stack, arrival->conn, ECONNREFUSED);
	return FT_DROP_TCP_CONSUMED;
}

// ---- fourth, check the SYN bit ----

// Both ends have sent a SYN at the same time (RFC 9293 figure 8). Text beside the SYN is not
// acknowledged, so it comes again when it can be used.
static enum ft_drop open_simultaneously(struct ft_arrival *arrival)
{
	ft_conn_set_state(arrival->stack, arrival->conn, FT_TCP_SYN_RECEIVED);
	ft_conn_owe(arrival->stack, arrival->conn, FT_OWE_RETRANSMIT, "SYN-ACK, simultaneous open");
	return FT_DROP_TCP_CONSUMED;
}

static enum ft_drop establish(struct ft_arrival *arrival)
{
	ft_handshake_established(arrival->stack, arrival->conn, arrival->now);
	ft_conn_owe(
		arrival->stack, arrival->conn, FT_OWE_ACK | FT_OWE_OUTPUT, "ACK of the SYN-ACK");
	ft_arrival_cut_front(arrival, 1);
	return FT_TAKEN;
}

enum ft_drop ft_tcp_connect_syn_step(struct ft_arrival *arrival)
{
	if (!(arrival->seg.flags & FT_TCP_SYN))
		return FT_DROP_TCP_BAD_FLAGS;
	ft_handshake_take_syn(arrival->stack, arrival->conn, &arrival->seg, arrival->now);
	if (!(arrival->seg.flags & FT_TCP_ACK))
		return open_simultaneously(arrival);
	return establish(arrival);
}
