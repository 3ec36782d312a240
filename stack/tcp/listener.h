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
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "tcp/tcp.h"

struct ft_tcp_listener {
	struct ft_binding *binding;
	struct ft_socket *socket;
	const struct ft_tcp_options *options; // the socket's own: later changes count
	uint32_t backlog;
	uint32_t syn_count;
	uint32_t accept_count;
	struct ft_list syn_queue;    // struct ft_tcp_conn by queue_node, oldest first
	struct ft_list accept_queue; // the same
};

// A connection of the SYN queue has reached ESTABLISHED: moves it to the accept queue and tells the
// socket. Ask ft_listener_can_accept() before the step that establishes it.
void ft_listener_established(struct ft_stack *stack, struct ft_tcp_conn *conn);
static inline bool ft_listener_can_accept(const struct ft_tcp_listener *listener)
{
	return listener->accept_count <= listener->backlog;
}

// Takes a connection that ended out of the SYN queue. In the accept queue it stays: accept()
// returns it, and its first receive tells what happened.
void ft_listener_forget(struct ft_tcp_conn *conn);
