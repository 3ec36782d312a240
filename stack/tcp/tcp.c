// The beginning and the end of TCP in one stack, and its part of the turn: paying what is owed.
#include "tcp/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_common.h>

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/listener.h"
#include "tcp/tcp_output.h"
#include "tcp/tcp_passage.h"
#include "tcp/tcp_predicted.h"
#include "tcp/tcp_timers.h"

#define CACHE_LINE	 64
#define UNPAID_PER_TURN	 32
#define WANTING_PER_TURN 32

// ---- paying ----

// Puts `to` in the place of `from`, which is empty then.
static void move_list(struct ft_list *from, struct ft_list *to)
{
	ft_list_init(to);
	ft_list_insert_before(from, to);
	ft_list_remove(from);
}

// Puts all nodes of `from`, which is not empty, before those of `to`.
static void move_to_front(struct ft_list *from, struct ft_list *to)
{
	from->previous->next = to->next;
	to->next->previous = from->previous;
	from->next->previous = to;
	to->next = from->next;
}

// False when it could not pay all.
static bool pay_at_length(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	bool is_owed_peer = false;

	ft_tcp_output_pay(stack, conn, now);
	if (conn->owed != 0 && ft_list_is_empty(&conn->owing_node)) {
		is_owed_peer = conn->owed != FT_OWE_ROOM;
		ft_list_append(
			is_owed_peer ? &stack->tcp.owing : &stack->tcp.wanting, &conn->owing_node);
	}
	ft_conn_reap(stack, conn);
	return !is_owed_peer;
}

// How many may be paid shortly, in one frame each.
static inline uint32_t room_for_short(const struct ft_stack *stack)
{
	return likely(!ft_tcp_predicted_is_off(stack)) ? ft_tcp_output_room(stack) : 0;
}

// Each connection once: those that still owe afterwards stay for the next turn, behind those whose turn
// did not come because the NIC takes no more. A million that have to wait must not be looked at in each
// turn, so it ends after some that could not pay. (While single segments are sent, which is all there is to do for
// nearly every connection, nothing looks at the list, and it is left as it is.)
static void pay_peers(struct ft_stack *stack, ft_time now)
{
	struct ft_tcp *tcp = &stack->tcp;
	struct rte_mempool_cache *cache;
	uint32_t room, unpaid = 0;
	struct ft_list due, *first;

	if (ft_list_is_empty(&tcp->owing) || !ft_stack_may_transmit(stack))
		return;
	cache = rte_mempool_default_cache(stack->send_pool, rte_lcore_id());
	move_list(&tcp->owing, &due);
	room = room_for_short(stack);
	for (first = due.next; first != &due;) {
		struct ft_tcp_conn *conn = ft_container_of(first, struct ft_tcp_conn, owing_node);

		first = first->next;
		ft_list_init(&conn->owing_node);
		if (likely(room > 0 && ft_tcp_predicted_output(stack, conn, cache, now))) {
			room--; // with something in flight it can't rest
			continue;
		}
		if (likely(room > 0 && ft_tcp_passage_output(stack, conn, cache, now))) {
			room--;
			continue;
		}
		due.next = first;
		first->previous = &due;
		if (!pay_at_length(stack, conn, now))
			unpaid++;
		first = due.next;
		if (unpaid == UNPAID_PER_TURN || !ft_stack_may_transmit(stack))
			break;
		room = room_for_short(stack);
	}
	if (first != &due)
		move_to_front(&due, &tcp->owing);
}

// Peers do not stand in line with them; and who has to wait on is asked again when all others have been.
static void tell_of_room(struct ft_stack *stack, ft_time now)
{
	struct ft_tcp *tcp = &stack->tcp;

	for (int i = 0; i < WANTING_PER_TURN && !ft_list_is_empty(&tcp->wanting); i++) {
		struct ft_tcp_conn *conn =
			ft_container_of(tcp->wanting.next, struct ft_tcp_conn, owing_node);

		ft_list_remove(&conn->owing_node);
		ft_tcp_output_pay(stack, conn, now);
		if (conn->owed != 0)
			ft_list_append(&tcp->wanting, &conn->owing_node);
		ft_conn_reap(stack, conn);
	}
}

void ft_tcp_pay(struct ft_stack *stack, ft_time now)
{
	pay_peers(stack, now);
	tell_of_room(stack, now);
	ft_tcp_timers_forget_acks(stack);
}

// ---- beginning and end ----

// One use for each local address and port with connections: at most one for each connection.
static int init_tables(struct ft_stack *stack)
{
	struct ft_tcp *tcp = &stack->tcp;
	const struct ft_config_range *range = &stack->config.tcp.ephemeral_ports;
	int error;

	error = ft_conn_table_init(&tcp->connections, &tcp->anchors, &stack->key);
	if (error != 0)
		return error;
	error = ft_port_table_init(&tcp->ports, IPPROTO_TCP, range->first, range->last,
		stack->config.tcp.connections, &stack->random, &stack->key);
	if (error != 0)
		ft_conn_table_free(&tcp->connections);
	return error;
}

// How many blocks: as configured, or one for each connection.
static uint32_t most_blocks(const struct ft_config *config)
{
	uint32_t active = config->tcp.active_connections;

	return active != 0 ? RTE_MIN(active, config->tcp.connections) : config->tcp.connections;
}

// None need be when there is a block for everybody.
static uint32_t reserved_blocks(const struct ft_tcp *tcp)
{
	return tcp->conns.maximum < tcp->anchors.maximum ? tcp->conns.maximum / 8 : 0;
}

static int init_pools(struct ft_stack *stack)
{
	struct ft_tcp *tcp = &stack->tcp;
	const struct ft_config *config = &stack->config;
	const uint32_t most = config->tcp.connections;
	int error = ft_pool_init(&tcp->anchors, most, sizeof(struct ft_tcp_anchor), CACHE_LINE);

	if (error == 0)
		error = ft_pool_init(
			&tcp->conns, most_blocks(config), sizeof(struct ft_tcp_conn), CACHE_LINE);
	tcp->conns_reserved = reserved_blocks(tcp);
	if (error == 0)
		error = ft_pool_init(&tcp->alarms, most, sizeof(struct ft_tcp_alarm), 8);
	if (error == 0)
		error = ft_pool_init(&tcp->listeners, config->tcp.listeners,
			sizeof(struct ft_tcp_listener), CACHE_LINE);
	return error;
}

static void free_pools(struct ft_tcp *tcp)
{
	ft_pool_free(&tcp->listeners);
	ft_pool_free(&tcp->alarms);
	ft_pool_free(&tcp->conns);
	ft_pool_free(&tcp->anchors);
}

int ft_tcp_init(struct ft_stack *stack)
{
	struct ft_tcp *tcp = &stack->tcp;
	int error;

	ft_list_init(&tcp->owing);
	ft_list_init(&tcp->wanting);
	ft_list_init(&tcp->lingering);
	tcp->fresh_acks.first = tcp->fresh_acks.end = tcp->fresh_acks.acks;
	tcp->congestion = ft_cc_find(stack->config.tcp.congestion);
	if (tcp->congestion == NULL)
		tcp->congestion = &ft_cc_newreno;
	error = init_pools(stack);
	if (error == 0)
		error = init_tables(stack);
	if (error != 0)
		free_pools(tcp);
	return error;
}

void ft_tcp_stop(struct ft_stack *stack)
{
	stack->tcp.is_ending = true;
}

// The sockets are closed already; what lives on without them ends without a word to its peer. A
// block given back is in CLOSED with its queues empty, so all ever used can be visited. What rests holds
// nothing that would have to be given back.
void ft_tcp_free(struct ft_stack *stack)
{
	struct ft_tcp *tcp = &stack->tcp;

	for (uint32_t i = 0; i < tcp->conns.fresh; i++) {
		struct ft_tcp_conn *conn = ft_pool_at(&tcp->conns, i);

		if (conn->state != FT_TCP_CLOSED)
			ft_conn_end(stack, conn, 0);
		ft_conn_discard_received(stack, conn);
	}
	ft_port_table_free(&tcp->ports);
	ft_conn_table_free(&tcp->connections);
	free_pools(tcp);
}

void ft_tcp_options_init(struct ft_stack *stack, struct ft_tcp_options *options)
{
	const struct ft_config *config = &stack->config;

	*options = (struct ft_tcp_options){
		.receive_buffer = config->tcp.receive_buffer,
		.send_buffer = config->tcp.send_buffer,
		.keepalive_idle = config->tcp.keepalive_idle,
		.keepalive_interval = config->tcp.keepalive_interval,
		.keepalive_count = config->tcp.keepalive_count,
	};
	memcpy(options->congestion, config->tcp.congestion, sizeof(options->congestion));
}
