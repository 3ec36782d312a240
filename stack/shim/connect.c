// Peers: connect(2), accept(2), shutdown(2).
#include <errno.h>
#include <string.h>

#include "fourtuple.h"
#include "shim/address.h"
#include "shim/call.h"
#include "shim/thread.h"
#include "shim/wait.h"
#include "stack.h"
#include "tcp/listener.h"

// The local half of the tuple: the address bound, or the one the route says; the port bound, or one
// chosen for this destination.
static int choose_local(
	struct ft_stack *stack, struct ft_socket *socket, ft_time now, struct ft_tuple *tuple)
{
	const struct ft_binding *binding;
	struct ft_route route;
	int error = ft_route_find(stack, &tuple->remote, now, &route);

	if (error != 0)
		return error;
	if (route.is_broadcast || route.is_multicast)
		return -ENETUNREACH;
	binding = ft_socket_need_binding(stack, socket);
	tuple->local = ft_addr_is_any(&binding->address) ? route.source : binding->address;
	if (ft_addr_is_loopback(&tuple->local) && !route.is_local)
		return -EINVAL;
	if (socket->is_bound) {
		tuple->local_port = binding->port;
		return 0;
	}
	return ft_port_choose(&stack->tcp.ports, &stack->tcp.connections, tuple);
}

static int start_tcp(struct ft_stack *stack, struct ft_socket *socket, const struct ft_addr *remote,
	uint16_t remote_port, ft_time now)
{
	struct ft_tuple tuple = {
		.remote = *remote, .remote_port = remote_port, .protocol = IPPROTO_TCP
	};
	const struct ft_tcp_options *options = &socket->settings->options;
	uint8_t reuse = ft_port_reuse(options->reuse_address, options->reuse_port);
	int error;

	if (remote_port == 0)
		return -ECONNREFUSED; // nobody can listen there
	error = choose_local(stack, socket, now, &tuple);
	if (error == 0)
		error = ft_port_hold(&stack->tcp.ports, &tuple, reuse);
	if (error != 0)
		return error;
	error = ft_tcp_connect(stack, &tuple, socket, options, now, &socket->conn);
	if (error != 0)
		ft_port_release(&stack->tcp.ports, &tuple, reuse);
	else
		socket->is_connecting = true;
	return error;
}

// After a connection that failed, the socket is as it was before connect().
static int end_failed(struct ft_stack *stack, struct ft_socket *socket)
{
	int error = ft_tcp_take_error(socket->conn);

	ft_tcp_close(stack, socket->conn, ft_thread_now());
	socket->conn = NULL;
	socket->is_connecting = false;
	return error != 0 ? -error : -ECONNABORTED;
}

// How the connecting went: 0, -EAGAIN while it is not known, or why it failed.
static int outcome(struct ft_stack *stack, struct ft_socket *socket)
{
	switch (ft_tcp_state(socket->conn)) {
	case FT_TCP_SYN_SENT:
	case FT_TCP_SYN_RECEIVED:
		return -EAGAIN;
	case FT_TCP_CLOSED:
		return end_failed(stack, socket);
	default:
		socket->is_connecting = false;
		return 0;
	}
}

// `late` is what a call that can't wait, or may wait no longer, says: -EINPROGRESS if it was this
// one that began, -EALREADY if another did.
static int await_connection(struct ft_stack *stack, struct ft_socket *socket, int late)
{
	struct ft_wait wait;
	int result, error;

	ft_wait_begin(&wait, socket->description.is_nonblocking, socket->settings->send_timeout);
	while ((result = outcome(stack, socket)) == -EAGAIN) {
		error = ft_wait_turn(&wait);
		if (error != 0)
			return error == -EAGAIN ? late : error;
	}
	return result;
}

static bool has_role(const struct ft_socket *socket)
{
	return ft_socket_listener(socket) != NULL || socket->conn != NULL;
}

// Of a stream that listens or has its peer, whatever address is named now.
static int connect_again(struct ft_stack *stack, struct ft_socket *socket)
{
	return socket->is_connecting ? await_connection(stack, socket, -EALREADY) : -EISCONN;
}

static int connect_tcp(struct ft_stack *stack, struct ft_socket *socket,
	const struct ft_addr *remote, uint16_t port)
{
	int error = start_tcp(stack, socket, remote, port, ft_thread_now());

	return error != 0 ? error : await_connection(stack, socket, -EINPROGRESS);
}

static int stop_listening(struct ft_stack *stack, struct ft_socket *socket)
{
	ft_tcp_close_listener(stack, ft_socket_listener(socket), ft_thread_now());
	ft_port_unlisten(&stack->tcp.ports, socket->binding);
	ft_socket_notify(stack, socket, EPOLLIN | EPOLLOUT | EPOLLHUP);
	return 0;
}

// AF_UNSPEC: back to a socket without a peer, a TCP connection being reset (connect(2)).
static int disconnect(struct ft_stack *stack, struct ft_socket *socket)
{
	if (socket->is_udp) {
		ft_udp_disconnect(stack, socket->udp);
	} else if (ft_socket_listener(socket) != NULL) {
		return stop_listening(stack, socket);
	} else if (socket->conn != NULL) {
		ft_tcp_abort(stack, socket->conn, ft_thread_now());
		socket->conn = NULL;
		socket->is_connecting = false;
		ft_socket_notify(stack, socket, EPOLLOUT | EPOLLHUP);
	}
	return 0;
}

static __attribute__((cold)) void trace_connect(struct ft_stack *stack,
	const struct ft_socket *socket, const struct ft_addr *remote, uint16_t port)
{
	char endpoint[FT_ENDPOINT_TEXT_BYTES];

	ft_trace(stack, FT_TRACE_SOCKET, "connect(fd %d, %s) begins", ft_socket_number(socket),
		ft_endpoint_text(remote, port, endpoint));
}

static int connect_to(struct ft_stack *stack, struct ft_socket *socket,
	const struct sockaddr *address, socklen_t length)
{
	struct ft_addr remote;
	uint16_t port;
	int error;

	if (length < sizeof(address->sa_family) || length > sizeof(struct sockaddr_storage))
		return -EINVAL;
	if (address == NULL)
		return -EFAULT;
	if (address->sa_family == AF_UNSPEC)
		return disconnect(stack, socket);
	if (!socket->is_udp && has_role(socket))
		return connect_again(stack, socket);
	error = ft_address_read(address, length, &remote, &port);
	if (error != 0)
		return error;
	if (ft_is_traced(stack, FT_TRACE_SOCKET))
		trace_connect(stack, socket, &remote, port);
	if (ft_addr_is_any(&remote))
		remote = ft_address_of_host(stack, socket);
	if (!socket->is_udp)
		return connect_tcp(stack, socket, &remote, port);
	return ft_udp_connect(stack, socket->udp, &remote, port, ft_thread_now());
}

int ft_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	struct ft_stack *stack;
	struct ft_socket *socket = ft_call_socket(fd, &stack);
	int error;

	if (socket == NULL)
		return -1;
	error = connect_to(stack, socket, address, length);
	ft_call_trace(stack, ft_call_tuple(socket), error, "connect(fd %d)", fd);
	return ft_call_result(error);
}

// The listener has been told something else since the SYN came.
static __attribute__((noinline)) void keep_own_options(
	struct ft_stack *stack, struct ft_socket *socket)
{
	struct ft_settings own;

	memcpy(&own, socket->settings, sizeof(own));
	ft_tcp_get_options(stack, socket->conn, &own.options);
	ft_settings_change(stack, socket, &own);
}

// 0 once a connection waits.
static inline int look_for_peer(const struct ft_socket *listening)
{
	const struct ft_tcp_listener *listener = ft_socket_listener(listening);

	if (unlikely(listener == NULL))
		return -EINVAL;
	return likely(ft_tcp_has_waiting(listener)) ? 0 : -EAGAIN;
}

static __attribute__((noinline)) int await_peer(const struct ft_socket *listening)
{
	struct ft_wait wait;
	int result, error;

	ft_wait_begin(
		&wait, listening->description.is_nonblocking, listening->settings->receive_timeout);
	do {
		error = ft_wait_turn(&wait);
		if (error != 0)
			return error;
	} while ((result = look_for_peer(listening)) == -EAGAIN);
	return result;
}

// A new socket for the oldest connection waiting, or NULL. What the listener was told by setsockopt() holds
// for it too; O_NONBLOCK does not, as in Linux.
static inline struct ft_socket *take_connection(
	struct ft_stack *stack, const struct ft_socket *listening, int flags)
{
	struct ft_tcp_listener *listener = ft_socket_listener(listening);
	struct ft_socket *socket =
		ft_socket_create_accepted(stack, listening, flags & SOCK_NONBLOCK);

	if (unlikely(socket == NULL))
		return NULL;
	socket->conn = ft_tcp_accept(stack, listener, socket);
	return socket;
}

static void tell_peer(const struct ft_socket *socket, struct sockaddr *address, socklen_t *length)
{
	const struct ft_tuple *tuple = ft_tcp_tuple(socket->conn);

	ft_address_write(&tuple->remote, tuple->remote_port, address, length);
}

static int accept_peer(struct ft_stack *stack, const struct ft_socket *listening,
	struct sockaddr *address, socklen_t *length, int flags)
{
	struct ft_socket *socket;
	int fd, error;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (listening->is_udp)
		return -EOPNOTSUPP;
	if (address != NULL && (length == NULL || (int)*length < 0))
		return length == NULL ? -EFAULT : -EINVAL;
	error = look_for_peer(listening);
	if (error == -EAGAIN)
		error = await_peer(listening);
	if (error != 0)
		return error;
	socket = take_connection(stack, listening, flags);
	if (socket == NULL)
		return -EMFILE;
	if (ft_socket_listener(listening)->was_told &&
		!ft_tcp_has_options(socket->conn, &socket->settings->options))
		keep_own_options(stack, socket);
	fd = socket->description.first;
	if (flags & SOCK_CLOEXEC)
		ft_descriptor_find(&stack->sockets->descriptors, fd)->close_on_exec = true;
	if (address != NULL)
		tell_peer(socket, address, length);
	ft_call_trace(stack, ft_tcp_tuple(socket->conn), fd, "accept(fd %d)",
		ft_socket_number(listening));
	return fd;
}

static __attribute__((noinline)) int accept_otherwise(
	int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	struct ft_stack *stack;
	struct ft_socket *socket = ft_call_socket(fd, &stack);

	if (socket == NULL)
		return -1;
	return ft_call_result(accept_peer(stack, socket, address, length, flags));
}

// A connection waits, which has its listener's options, and nothing is to be told.
static inline bool may_accept_at_once(
	const struct ft_stack *stack, const struct ft_description *description)
{
	const struct ft_socket *socket =
		ft_container_of(description, const struct ft_socket, description);
	const struct ft_tcp_listener *listener;

	if (description->kind != FT_DESCRIPTION_SOCKET)
		return false;
	listener = ft_socket_listener(socket);
	return listener != NULL && ft_tcp_has_waiting(listener) && !listener->was_told &&
	       stack->trace == 0;
}

int ft_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	struct ft_stack *stack = ft_thread_stack();
	const struct ft_description *description = ft_call_look(fd, stack);
	struct ft_socket *socket;

	if (unlikely(description == NULL || address != NULL || (flags & ~SOCK_NONBLOCK) ||
		     !may_accept_at_once(stack, description)))
		return accept_otherwise(fd, address, length, flags);
	ft_thread_begin.calls_left--;
	socket = take_connection(
		stack, ft_container_of(description, const struct ft_socket, description), flags);
	return ft_call_result(socket != NULL ? socket->description.first : -EMFILE);
}

int ft_accept(int fd, struct sockaddr *address, socklen_t *length)
{
	return ft_accept4(fd, address, length, 0);
}

static int shut_down(struct ft_stack *stack, struct ft_socket *socket, int how)
{
	bool read = how == SHUT_RD || how == SHUT_RDWR;
	bool write = how == SHUT_WR || how == SHUT_RDWR;
	int error;

	if (!read && !write)
		return -EINVAL;
	if (socket->is_udp)
		return ft_udp_shutdown(stack, socket->udp, read, write);
	if (ft_socket_listener(socket) != NULL) // writing ends nothing there: as in Linux
		return read ? stop_listening(stack, socket) : 0;
	if (socket->conn == NULL)
		return -ENOTCONN;
	if (ft_tcp_state(socket->conn) == FT_TCP_SYN_SENT) // an attempt is given up as a whole
		return disconnect(stack, socket);
	error = ft_tcp_shutdown(stack, socket->conn, read, write, ft_thread_now());
	if (error == 0) // then it has connected, which connect() need not tell any more
		socket->is_connecting = false;
	return error;
}

int ft_shutdown(int fd, int how)
{
	struct ft_stack *stack;
	struct ft_socket *socket = ft_call_socket(fd, &stack);
	int error;

	if (socket == NULL)
		return -1;
	error = shut_down(stack, socket, how);
	ft_call_trace(stack, ft_call_tuple(socket), error, "shutdown(fd %d, %s)", fd,
		how == SHUT_RD	 ? "reading"
		: how == SHUT_WR ? "writing"
				 : "both");
	return ft_call_result(error);
}
