// A new connection, made like a model. Compiled into the two that make one: a SYN to a listener, and connect().
#pragma once
#include <string.h>

#include "stack.h"
#include "tcp/conn.h"

static inline struct ft_tcp_anchor *ft_conn_take_anchor(struct ft_stack *stack)
{
	struct ft_tcp_anchor *anchor = ft_pool_take(&stack->tcp.anchors);

	while (anchor == NULL && ft_conn_end_oldest_lingering(stack))
		anchor = ft_pool_take(&stack->tcp.anchors);
	return anchor;
}

// From a member on, up to another one: as in the model, or as in every model.
#define FT_CONN_COPY(conn, model, from, end)                                \
	memcpy((char *)(conn) + offsetof(struct ft_tcp_conn, from),         \
		(const char *)(model) + offsetof(struct ft_tcp_conn, from), \
		offsetof(struct ft_tcp_conn, end) - offsetof(struct ft_tcp_conn, from))
#define FT_CONN_CLEAR(conn, from, end)                                 \
	memset((char *)(conn) + offsetof(struct ft_tcp_conn, from), 0, \
		offsetof(struct ft_tcp_conn, end) - offsetof(struct ft_tcp_conn, from))

// Its lists are empty, not the model's; what a queue has room for is not read before it is written.
static inline void ft_conn_make_like(
	struct ft_tcp_conn *conn, const struct ft_tcp_conn *model, const struct ft_tuple *tuple)
{
	FT_CONN_COPY(conn, model, tuple.local_port, retransmit);
	conn->tuple = *tuple;
	FT_CONN_CLEAR(conn, retransmit, timer);
	ft_list_init(&conn->timer.node);
	FT_CONN_COPY(conn, model, timer.deadline, last_heard);
	FT_CONN_CLEAR(conn, last_heard, owing_node);
	ft_list_init(&conn->owing_node);
	FT_CONN_CLEAR(conn, socket, receive_queue.few);
	FT_CONN_COPY(conn, model, receive_memory, send_queue);
	FT_CONN_CLEAR(conn, send_queue, send_queue.few);
	FT_CONN_CLEAR(conn, send_queue.cursor, options);
	FT_CONN_COPY(conn, model, options, head_number);
	FT_CONN_CLEAR(conn, head_number, queue_node);
	ft_list_init(&conn->queue_node);
	conn->listener = model->listener;
	conn->challenge_second = model->challenge_second;
	conn->total_retransmits = 0;
}

// A connection like the model, in CLOSED with its anchor, and its tuple in the table (`hash` is ft_tuple_hash() of it),
// in no listener's queue, its peer no martian. The caller has held the port with model->reuse; it is given back when the
// connection ends. NULL when a pool is empty (and nothing lingers that could end early) or the table full.
//
// A free anchor's state says that it does not rest, and then no more of it counts than its tuple and its block.
static inline struct ft_tcp_conn *ft_conn_create(struct ft_stack *stack,
	const struct ft_tuple *tuple, uint64_t hash, const struct ft_tcp_conn *model)
{
	struct ft_tcp *tcp = &stack->tcp;
	struct ft_tcp_anchor *anchor = ft_conn_take_anchor(stack);
	struct ft_tcp_conn *conn;

	if (anchor == NULL)
		return NULL;
	conn = ft_conn_take_block(stack, true);
	if (conn == NULL)
		goto no_block;
	anchor->tuple = *tuple;
	anchor->conn = conn;
	if (ft_conn_table_insert(&tcp->connections, hash, ft_pool_index(&tcp->anchors, anchor)) !=
		0)
		goto no_table;
	ft_conn_make_like(conn, model, tuple);
	conn->anchor = anchor;
	tcp->in_state[FT_TCP_CLOSED]++;
	return conn;

no_table:
	anchor->conn = NULL;
	ft_pool_give(&tcp->conns, conn);
no_block:
	ft_pool_give(&tcp->anchors, anchor);
	return NULL;
}
