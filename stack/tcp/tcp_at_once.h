// SEND and RECEIVE (RFC 9293 3.9.1) as nearly every call of a server is: a short request, all of it, or a short
// answer, on an open connection where nothing else is to be thought of. In line in the calls; whatever needs a
// second look is for tcp_user.c, which would do the same and find out more slowly. So is what is traced.
#pragma once
#include "stack.h"
#include "tcp/conn.h"
#include "tcp/window.h"

// The block of the socket's connection, or NULL: that rests, or there is none.
static inline struct ft_tcp_conn *ft_tcp_at_work(const struct ft_socket *socket)
{
	struct ft_tcp_conn *conn = NULL;

	if (likely(socket->description.is_at_work)) {
		conn = socket->conn->conn;
		if (conn == NULL)
			__builtin_unreachable(); // so the caller's check costs nothing here
	}
	return conn;
}

// ---- SEND ----

// The state knows of FINs, and no send buffer is smaller than what needs no packet.
static inline bool ft_tcp_may_send_at_once(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn, uint64_t bytes)
{
	return conn->state == FT_TCP_ESTABLISHED && conn->error == 0 &&
	       !(conn->owed & FT_OWE_ROOM) && bytes > 0 &&
	       ft_send_queue_may_append_few(&conn->send_queue, bytes) && stack->trace == 0;
}

static inline void ft_tcp_send_at_once(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const void *from, uint64_t bytes)
{
	ft_send_queue_append_few(&conn->send_queue, from, bytes);
	conn->is_more_coming = false;
	conn->is_flushed = false;
	conn->owed |= FT_OWE_OUTPUT;
	if (ft_list_is_empty(&conn->owing_node))
		ft_list_append(&stack->tcp.owing, &conn->owing_node);
}

// ---- RECEIVE ----

// All that is there fits.
static inline bool ft_tcp_may_receive_at_once(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn, int64_t room_bytes)
{
	return ft_receive_queue_has_few(&conn->receive_queue) &&
	       (int64_t)conn->receive_queue.bytes <= room_bytes && !conn->has_urgent &&
	       stack->trace == 0;
}

// After `bytes` were read, all there was, and the window may have opened; while nothing is traced. Returns `bytes`.
uint64_t ft_tcp_have_read_all(struct ft_stack *stack, struct ft_tcp_conn *conn, uint64_t bytes);

// A window that has opened is to be told, as that of each connection has once its first request is read: what a
// SYN offers has no scale.
static inline uint64_t ft_tcp_receive_at_once(
	struct ft_stack *stack, struct ft_tcp_conn *conn, void *to)
{
	const uint64_t bytes = ft_receive_queue_take_few(&conn->receive_queue, to);

	if (likely(ft_window_is_all_but(
		    conn->options.receive_buffer, conn->rcv.wnd, conn->rcv_mss)))
		return bytes;
	return ft_tcp_have_read_all(stack, conn, bytes);
}

// The peer has ended the stream, and all of it was read.
static inline bool ft_tcp_is_at_end(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn, int64_t room_bytes)
{
	return conn->is_fin_received && conn->receive_queue.bytes == 0 && room_bytes >= 0 &&
	       !conn->has_urgent && stack->trace == 0;
}
