// A socket in LISTEN: the connections that peers have begun with it and the application has not
// taken.
//
//	SYN ──► SYN queue ──final ACK──► accept queue ──accept()──► a socket
//	        SYN-RECEIVED             ESTABLISHED, CLOSE-WAIT, or reset meanwhile
//
// Each holds at most `backlog` connections and one more, as on Linux. A full SYN queue or accept
// queue drops SYNs. When the accept queue is full the final ACK is ignored: the
// connection stays in SYN-RECEIVED, its SYN-ACK is retransmitted, and the ACK that answers tries
// again.
#pragma once
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include <rte_branch_prediction.h>

#include "base/list.h"
#include "socket/interest.h"
#include "stack.h"
#include "tcp/conn.h"
#include "tcp/tcp.h"

struct ft_tcp_listener {
	struct ft_binding *binding;
	struct ft_socket *socket;
	const struct ft_tcp_options *options; // the socket's own: later changes count
	uint32_t backlog;
	uint32_t syn_count;
	uint32_t accept_count;
	bool was_told;		  // since it listens: not all that wait here need have its options
	bool has_model;		  // of the options as they are now
	struct ft_list syn_queue; // struct ft_tcp_conn by queue_node, oldest first
	struct ft_list accept_queue; // the same
	struct ft_tcp_conn model;    // what its connections begin with
};

static inline bool ft_listener_can_accept(const struct ft_tcp_listener *listener)
{
	return listener->accept_count <= listener->backlog;
}

static inline void ft_listener_notify(struct ft_stack *stack, struct ft_socket *socket)
{
	if (ft_is_traced(stack, FT_TRACE_SOCKET))
		ft_socket_notify(stack, socket, EPOLLIN);
	else
		ft_socket_notify_readable(stack, socket);
}

// A connection of the SYN queue has reached ESTABLISHED: moves it to the accept queue and tells the
// socket. Ask ft_listener_can_accept() before the step that establishes it.
static inline void ft_listener_established(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	struct ft_tcp_listener *listener = conn->listener;

	ft_list_remove(&conn->queue_node);
	listener->syn_count--;
	ft_list_append(&listener->accept_queue, &conn->queue_node);
	listener->accept_count++;
	if (listener->socket != NULL)
		ft_listener_notify(stack, listener->socket);
}

// Takes a connection that ended out of the SYN queue. In the accept queue it stays: accept()
// returns it, and its first receive tells what happened.
static inline void ft_listener_forget(struct ft_tcp_conn *conn)
{
	if (likely(conn->listener == NULL) || conn->state != FT_TCP_SYN_RECEIVED)
		return;
	ft_list_remove(&conn->queue_node);
	conn->listener->syn_count--;
	conn->listener = NULL;
}

// ---- for the shim ----

// A connection to accept.
static inline bool ft_tcp_has_waiting(const struct ft_tcp_listener *listener)
{
	return listener->accept_count > 0;
}

// The oldest connection waiting, while ft_tcp_has_waiting(): it is the socket's, which is from then on told of its
// events. It may have been reset meanwhile: its first receive says so. (What is in a queue has its block: it could
// not rest.)
static inline struct ft_tcp_anchor *ft_tcp_accept(
	struct ft_stack *stack, struct ft_tcp_listener *listener, struct ft_socket *socket)
{
	struct ft_tcp_conn *conn =
		ft_container_of(listener->accept_queue.next, struct ft_tcp_conn, queue_node);

	assert(listener->accept_count > 0);
	ft_list_remove(&conn->queue_node);
	listener->accept_count--;
	conn->listener = NULL;
	conn->socket = socket;
	conn->anchor->socket = ft_socket_index(stack->sockets, socket);
	socket->description.is_at_work = true;
	return conn->anchor;
}
