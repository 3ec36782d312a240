#include "tcp/tcp_listen.h"

#include <errno.h>

#include "socket/socket.h"
#include "stack.h"
#include "tcp/conn.h"
#include "tcp/conn_create.h"
#include "tcp/handshake.h"
#include "tcp/isn.h"
#include "tcp/listener.h"
#include "tcp/tcp_reset.h"

// ---- a SYN ----

static bool is_full(const struct ft_tcp_listener *listener)
{
	return listener->syn_count > listener->backlog || !ft_listener_can_accept(listener);
}

static struct ft_isn choose_isn(
	struct ft_stack *stack, uint64_t tuple_hash, uint32_t least_iss, ft_time now)
{
	struct ft_isn isn = ft_isn_choose(&stack->key, tuple_hash, now);

	if (least_iss != 0)
		isn.sequence = ft_seq_later(isn.sequence, least_iss);
	return isn;
}

// Before its first connection, and after it was told other options. (All peers are of one family.)
static __attribute__((noinline)) void make_model(
	struct ft_stack *stack, struct ft_tcp_listener *listener, const struct ft_addr *remote)
{
	ft_conn_init(stack, &listener->model, listener->options, 0);
	ft_handshake_prepare(stack, &listener->model, remote);
	listener->model.is_passive = true;
	listener->model.listener = listener;
	listener->has_model = true;
}

// Of a connection that could not be made: it ends to use the port.
static __attribute__((noinline)) void release_port(struct ft_stack *stack,
	const struct ft_tcp_listener *listener, const struct ft_pkt_info *info)
{
	ft_port_release(&stack->tcp.ports, &info->tuple, listener->model.reuse);
}

static inline struct ft_tcp_conn *create_held(
	struct ft_stack *stack, struct ft_tcp_listener *listener, const struct ft_pkt_info *info)
{
	uint8_t reuse = ft_port_reuse_of(listener->binding);
	struct ft_tcp_conn *conn;

	if (unlikely(!listener->has_model))
		make_model(stack, listener, &info->tuple.remote);
	listener->model.reuse = reuse;
	if (ft_port_hold_found(&stack->tcp.ports, &info->tuple, reuse) != 0)
		return NULL;
	conn = ft_conn_create(stack, &info->tuple, info->hash, &listener->model);
	if (unlikely(conn == NULL))
		release_port(stack, listener, info);
	else if (unlikely(info->flags & FT_PKT_LOOPBACK)) // else it would have been dropped
		conn->has_martian_peer = ft_conn_is_peer_martian(stack, &info->tuple);
	return conn;
}

static void enter_syn_queue(struct ft_tcp_listener *listener, struct ft_tcp_conn *conn)
{
	ft_list_append(&listener->syn_queue, &conn->queue_node);
	listener->syn_count++;
}

// RFC 9293 3.10.7.2 third. Text or controls beside the SYN are not acknowledged: they come again.
static enum ft_drop open_passively(struct ft_stack *stack, struct ft_tcp_listener *listener,
	struct rte_mbuf *pkt, uint32_t least_iss, ft_time now)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct ft_tcp_conn *conn;

	if (is_full(listener))
		return FT_DROP_TCP_BACKLOG_FULL;
	conn = create_held(stack, listener, info);
	if (conn == NULL)
		return FT_DROP_TCP_NO_CONN_MEMORY;
	ft_handshake_begin(conn, choose_isn(stack, info->hash, least_iss, now), now);
	ft_handshake_take_syn(stack, conn, &info->seg, now);
	ft_conn_set_state(stack, conn, FT_TCP_SYN_RECEIVED);
	ft_stack_count(stack, FT_COUNTER_TCP_PASSIVE_OPENS);
	enter_syn_queue(listener, conn);
	ft_conn_owe(stack, conn, FT_OWE_OUTPUT, "SYN-ACK");
	ft_stack_done_with(stack, pkt);
	return FT_TAKEN;
}

// Apart, so that a SYN has nothing to keep over its calls. RFC 9293 3.10.7.2 first, second, fourth.
static __attribute__((noinline)) enum ft_drop refuse(
	struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now)
{
	const uint8_t flags = ft_pkt_info(pkt)->seg.flags;

	if (flags & FT_TCP_RST)
		return FT_DROP_TCP_STRAY_RESET;
	if (!(flags & FT_TCP_ACK))
		return FT_DROP_TCP_BAD_FLAGS;
	ft_tcp_reset_answer(stack, pkt, now);
	return FT_DROP_TCP_NO_CONNECTION;
}

enum ft_drop ft_tcp_listen_input(struct ft_stack *stack, struct ft_tcp_listener *listener,
	struct rte_mbuf *pkt, uint32_t least_iss, ft_time now)
{
	const uint8_t controls = FT_TCP_RST | FT_TCP_ACK | FT_TCP_SYN | FT_TCP_FIN;

	if (unlikely((ft_pkt_info(pkt)->seg.flags & controls) != FT_TCP_SYN))
		return refuse(stack, pkt, now);
	return open_passively(stack, listener, pkt, least_iss, now);
}

// ---- the calls ----

int ft_tcp_listen(struct ft_stack *stack, struct ft_binding *binding, struct ft_socket *socket,
	const struct ft_tcp_options *options, uint32_t backlog, struct ft_tcp_listener **listener)
{
	struct ft_tcp_listener *opened = ft_pool_take(&stack->tcp.listeners);

	if (opened == NULL)
		return -ENOMEM;
	*opened = (struct ft_tcp_listener){
		.binding = binding, .socket = socket, .options = options, .backlog = backlog
	};
	ft_list_init(&opened->syn_queue);
	ft_list_init(&opened->accept_queue);
	binding->listener = opened;
	stack->tcp.in_state[FT_TCP_LISTEN]++;
	*listener = opened;
	return 0;
}

void ft_tcp_set_listener_options(
	struct ft_tcp_listener *listener, const struct ft_tcp_options *options)
{
	listener->options = options;
	listener->was_told = true;
	listener->has_model = false;
}

void ft_tcp_set_backlog(struct ft_tcp_listener *listener, uint32_t backlog)
{
	listener->backlog = backlog;
}

static void reset_queue(struct ft_stack *stack, struct ft_list *queue, ft_time now)
{
	while (!ft_list_is_empty(queue)) {
		struct ft_tcp_conn *conn =
			ft_container_of(queue->next, struct ft_tcp_conn, queue_node);

		ft_list_remove(&conn->queue_node);
		conn->listener = NULL;
		ft_tcp_abort_conn(stack, conn, ECONNABORTED, now);
	}
}

void ft_tcp_close_listener(struct ft_stack *stack, struct ft_tcp_listener *listener, ft_time now)
{
	reset_queue(stack, &listener->syn_queue, now);
	reset_queue(stack, &listener->accept_queue, now);
	listener->binding->listener = NULL;
	listener->socket = NULL; // how a listing tells a free block
	stack->tcp.in_state[FT_TCP_LISTEN]--;
	ft_pool_give(&stack->tcp.listeners, listener);
}
