#include "tcp/conn.h"

#include <string.h>
#include <sys/epoll.h>

#include "ip/ip4.h"
#include "stack.h"
#include "tcp/listener.h"
#include "tcp/tcp_timers.h"

#define BLOCKS_EXAMINED 64

#define TO(state) (1u << FT_TCP_##state)

// CLOSED can be reached from everywhere: resets, timeouts, aborts. TIME-WAIT never follows FIN-WAIT-1
// directly, because "fifth, check the ACK" comes before "eighth, check the FIN".
const uint16_t ft_conn_legal_moves[FT_TCP_STATE_COUNT] = {
	[FT_TCP_CLOSED] = TO(SYN_SENT) | TO(SYN_RECEIVED),
	[FT_TCP_SYN_SENT] = TO(CLOSED) | TO(SYN_RECEIVED) | TO(ESTABLISHED),
	[FT_TCP_SYN_RECEIVED] = TO(CLOSED) | TO(ESTABLISHED),
	[FT_TCP_ESTABLISHED] = TO(CLOSED) | TO(FIN_WAIT_1) | TO(CLOSE_WAIT),
	[FT_TCP_FIN_WAIT_1] = TO(CLOSED) | TO(FIN_WAIT_2) | TO(CLOSING),
	[FT_TCP_FIN_WAIT_2] = TO(CLOSED) | TO(TIME_WAIT),
	[FT_TCP_CLOSE_WAIT] = TO(CLOSED) | TO(LAST_ACK),
	[FT_TCP_CLOSING] = TO(CLOSED) | TO(TIME_WAIT),
	[FT_TCP_LAST_ACK] = TO(CLOSED),
	[FT_TCP_TIME_WAIT] = TO(CLOSED),
};

static const char *const state_names[FT_TCP_STATE_COUNT] = {
	[FT_TCP_CLOSED] = "CLOSED",
	[FT_TCP_LISTEN] = "LISTEN",
	[FT_TCP_SYN_SENT] = "SYN-SENT",
	[FT_TCP_SYN_RECEIVED] = "SYN-RECEIVED",
	[FT_TCP_ESTABLISHED] = "ESTABLISHED",
	[FT_TCP_FIN_WAIT_1] = "FIN-WAIT-1",
	[FT_TCP_FIN_WAIT_2] = "FIN-WAIT-2",
	[FT_TCP_CLOSE_WAIT] = "CLOSE-WAIT",
	[FT_TCP_CLOSING] = "CLOSING",
	[FT_TCP_LAST_ACK] = "LAST-ACK",
	[FT_TCP_TIME_WAIT] = "TIME-WAIT",
};

const char *ft_tcp_state_name(enum ft_tcp_state state)
{
	return (unsigned)state < FT_TCP_STATE_COUNT ? state_names[state] : "unknown";
}

// ---- beginning ----

bool ft_conn_end_oldest_lingering(struct ft_stack *stack)
{
	struct ft_list *oldest = stack->tcp.lingering.next;
	struct ft_tcp_conn *conn;

	if (oldest == &stack->tcp.lingering)
		return false;
	conn = ft_container_of(oldest, struct ft_tcp_conn, queue_node);
	ft_conn_end(stack, conn, 0);
	ft_conn_reap(stack, conn);
	return true;
}

// Looks at some blocks, beginning where the last search ended, for one whose connection can rest.
static bool rest_one(struct ft_stack *stack)
{
	struct ft_tcp *tcp = &stack->tcp;

	for (int i = 0; i < BLOCKS_EXAMINED; i++) {
		struct ft_tcp_conn *conn = ft_pool_at(&tcp->conns, tcp->rest_hand);

		tcp->rest_hand = (tcp->rest_hand + 1) % tcp->conns.maximum;
		if (ft_anchor_rest(stack, conn))
			return true;
	}
	return false;
}

bool ft_conn_make_room(struct ft_stack *stack, uint32_t most)
{
	// One that still has a socket frees no block: the next may.
	while (stack->tcp.conns.in_use >= most &&
		(rest_one(stack) || ft_conn_end_oldest_lingering(stack)))
		;
	return stack->tcp.conns.in_use < most;
}

// Three times what is offered: the receive queue needs at most two buffers for one buffer's worth
// of payload, headers and headroom come on top. The least allows for large buffers and a gap.
static uint64_t receive_memory_limit(uint64_t receive_buffer)
{
	return RTE_MAX(3 * receive_buffer, 65536u);
}

void ft_conn_set_receive_buffer(struct ft_tcp_conn *conn, uint64_t bytes)
{
	conn->options.receive_buffer = bytes;
	conn->receive_memory.bytes.limit = receive_memory_limit(bytes);
}

void ft_conn_init(struct ft_stack *stack, struct ft_tcp_conn *conn,
	const struct ft_tcp_options *options, uint8_t reuse)
{
	memset(conn, 0, sizeof(*conn)); // its queues: empty
	conn->options = *options;
	conn->send_limit = (uint32_t)options->send_buffer;
	conn->reuse = reuse;
	ft_conn_set_receive_buffer(conn, options->receive_buffer);
	conn->receive_memory.held = &stack->receive_held;
	ft_list_init(&conn->owing_node);
	ft_list_init(&conn->queue_node);
	ft_tcp_timers_init(conn);
	conn->challenge_second = UINT32_MAX;
}

bool ft_conn_is_peer_martian(const struct ft_stack *stack, const struct ft_tuple *tuple)
{
	return ft_ip4_is_no_host(tuple->remote.bytes[12]) ||
	       ft_route_is_taken(&stack->ip.routes, &tuple->remote);
}

// ---- end ----

static void linger(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	ft_list_remove(&conn->queue_node);
	ft_list_append(&stack->tcp.lingering, &conn->queue_node);
}

void ft_conn_orphaned(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	if (conn->state == FT_TCP_FIN_WAIT_2)
		linger(stack, conn);
	ft_tcp_timers_orphaned(stack, conn, now);
}

void ft_conn_enter_time_wait(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_conn_set_state(stack, conn, FT_TCP_TIME_WAIT);
	linger(stack, conn);
	ft_tcp_timers_time_wait(stack, conn, now);
}

static void discard_reorder(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	struct rte_mbuf *pkt;

	while ((pkt = ft_reorder_pop(&conn->reorder, &conn->receive_memory)) != NULL)
		ft_stack_drop_late(stack, pkt, FT_DROP_OWNER_GONE);
}

void ft_conn_discard_unread(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	struct rte_mbuf *pkt;

	if (conn->receive_queue.few_end > 0) // their packet is gone already
		stack->counters.dropped_late[FT_DROP_OWNER_GONE]++;
	while ((pkt = ft_receive_queue_pop(&conn->receive_queue, &conn->receive_memory)) != NULL)
		ft_stack_drop_late(stack, pkt, FT_DROP_OWNER_GONE);
}

static __attribute__((noinline)) void discard_unsent(
	struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	struct ft_send_memory memory = ft_conn_send_memory(stack);

	ft_send_queue_free(&conn->send_queue, &memory);
}

void ft_conn_end(struct ft_stack *stack, struct ft_tcp_conn *conn, int error)
{
	ft_conn_end_hashed(stack, conn, ft_tuple_hash(&stack->key, &conn->tuple), error);
}

void ft_conn_end_hashed(struct ft_stack *stack, struct ft_tcp_conn *conn, uint64_t hash, int error)
{
	struct ft_tcp *tcp = &stack->tcp;

	if (conn->state == FT_TCP_CLOSED)
		return;
	ft_listener_forget(conn);
	if (conn->state == FT_TCP_TIME_WAIT || conn->state == FT_TCP_FIN_WAIT_2)
		ft_list_remove(&conn->queue_node);
	ft_conn_set_state(stack, conn, FT_TCP_CLOSED);
	ft_stack_count(stack, FT_COUNTER_TCP_CONNECTIONS_CLOSED);
	ft_conn_table_remove(&tcp->connections, hash, ft_pool_index(&tcp->anchors, conn->anchor));
	ft_port_release(&tcp->ports, &conn->tuple, conn->reuse);
	ft_tcp_timers_stop(stack, conn);
	if (unlikely(!ft_list_is_empty(&conn->owing_node)))
		ft_list_remove(&conn->owing_node);
	conn->owed = 0;
	if (conn->send_queue.bytes > 0)
		discard_unsent(stack, conn);
	if (!ft_reorder_is_empty(&conn->reorder))
		discard_reorder(stack, conn);
	if (error != 0)
		conn->error = (uint8_t)error;
	ft_conn_notify(stack, conn,
		EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | (error != 0 ? EPOLLERR : 0));
}

void ft_conn_release(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	struct ft_tcp *tcp = &stack->tcp;

	if (conn->state != FT_TCP_CLOSED) {
		ft_anchor_rest(stack, conn);
		return;
	}
	if (conn->socket != NULL || conn->listener != NULL)
		return;
	ft_conn_discard_received(stack, conn);
	tcp->in_state[FT_TCP_CLOSED]--;
	conn->anchor->conn = NULL;
	ft_pool_give(&tcp->anchors, conn->anchor);
	ft_pool_give(&tcp->conns, conn);
}

// ---- what is owed, and who is told ----

bool ft_conn_may_challenge(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	uint32_t second = (uint32_t)(now / FT_SECOND);

	if (conn->challenge_second != second) {
		conn->challenge_second = second;
		conn->challenges_left = 5 + ft_random_below(&stack->random, 6);
	}
	if (conn->challenges_left == 0)
		return false;
	conn->challenges_left--;
	return true;
}

void ft_conn_challenge(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	if (!ft_conn_may_challenge(stack, conn, now))
		return;
	ft_stack_count(stack, FT_COUNTER_TCP_CHALLENGE_ACKS);
	ft_conn_owe(stack, conn, FT_OWE_ACK, "challenge ACK");
}
