// Names: bind(2), listen(2), getsockname(2), getpeername(2).
#include <errno.h>
#include <stdio.h>

#include <linux/capability.h>

#include "base/capability.h"
#include "fourtuple.h"
#include "shim/address.h"
#include "shim/call.h"
#include "stack.h"

// Linux, too, takes AF_UNSPEC for AF_INET in bind(), when the address is 0.0.0.0.
static int read_own_name(
	const struct sockaddr *address, socklen_t length, struct ft_addr *addr, uint16_t *port)
{
	int error = ft_address_read_leniently(address, length, addr, port);

	if (error == 0 && address->sa_family == AF_UNSPEC && !ft_addr_is_any(addr))
		return -EAFNOSUPPORT;
	return error;
}

static bool may_bind_to(struct ft_stack *stack, const struct ft_addr *addr, bool is_udp)
{
	if (ft_addr_is_any(addr) || ft_route_is_local(stack, addr))
		return true;
	return is_udp && ft_route_is_broadcast(stack, addr);
}

static int bind_tcp(
	struct ft_stack *stack, struct ft_socket *socket, const struct ft_addr *addr, uint16_t port)
{
	struct ft_binding *binding = ft_socket_need_binding(stack, socket);
	int error;

	binding->address = *addr;
	binding->port = port;
	error = ft_port_bind(&stack->tcp.ports, binding);
	socket->is_bound = error == 0;
	if (error != 0)
		binding->port = 0;
	return error;
}

// The port is left to connect(), listen() or the first datagram.
static int bind_address(struct ft_binding *binding, const struct ft_addr *addr)
{
	binding->address = *addr;
	return 0;
}

static bool is_named(const struct ft_socket *socket)
{
	if (socket->is_udp)
		return socket->udp->is_bound;
	return socket->is_bound || socket->conn != NULL;
}

static int bind_socket(struct ft_stack *stack, struct ft_socket *socket,
	const struct sockaddr *address, socklen_t length)
{
	struct ft_binding *binding;
	struct ft_addr addr;
	uint16_t port;
	int error = read_own_name(address, length, &addr, &port);

	if (error != 0)
		return error;
	if (!may_bind_to(stack, &addr, socket->is_udp))
		return -EADDRNOTAVAIL;
	if (port != 0 && port < stack->config.ip.unprivileged_port_start &&
		!ft_capability_has(1ull << CAP_NET_BIND_SERVICE))
		return -EACCES;
	if (is_named(socket))
		return -EINVAL;
	binding = ft_socket_need_binding(stack, socket);
	if (port == 0 && socket->binds_no_port)
		return bind_address(binding, &addr);
	error = socket->is_udp ? ft_udp_bind(stack, socket->udp, &addr, port)
			       : bind_tcp(stack, socket, &addr, port);
	if (error != 0) // listen() and sendto() are to choose as if it had never been tried
		binding->address = (struct ft_addr){ 0 };
	return error;
}

// The call found the port taken: by whom?
static __attribute__((cold)) void trace_conflict(struct ft_stack *stack,
	const struct ft_socket *socket, const struct ft_addr *addr, uint16_t port, const char *call)
{
	const struct ft_port_table *ports = socket->is_udp ? &stack->udp.ports : &stack->tcp.ports;
	struct ft_binding wanted = *ft_socket_get_binding(socket);
	const struct ft_binding *holder;
	char endpoint[FT_ENDPOINT_TEXT_BYTES];
	const struct ft_socket *other;

	wanted.address = *addr;
	holder = ft_port_holder(ports, &wanted, port);
	if (holder == NULL) {
		ft_trace(stack, FT_TRACE_SOCKET, "%s: address already in use by connections", call);
		return;
	}
	other = socket->is_udp ? ft_container_of(holder, struct ft_udp_socket, binding)->socket
			       : ft_container_of(holder, struct ft_socket_binding, binding)->socket;
	ft_trace(stack, FT_TRACE_SOCKET, "%s: address already in use: held by fd %d, %s %s", call,
		ft_socket_number(other), holder->is_listening ? "a listener on" : "bound to",
		ft_endpoint_text(&holder->address, holder->port, endpoint));
}

static __attribute__((cold)) void trace_bind(struct ft_stack *stack, const struct ft_socket *socket,
	int fd, const struct sockaddr *address, socklen_t length, int error)
{
	char call[128], endpoint[FT_ENDPOINT_TEXT_BYTES];
	struct ft_addr addr;
	uint16_t port = 0;

	if (read_own_name(address, length, &addr, &port) != 0)
		snprintf(call, sizeof(call), "bind(fd %d)", fd);
	else
		snprintf(call, sizeof(call), "bind(fd %d, %s)", fd,
			ft_endpoint_text(&addr,
				error == 0 ? ft_socket_get_binding(socket)->port : port, endpoint));
	if (error == -EADDRINUSE && port != 0)
		trace_conflict(stack, socket, &addr, port, call);
	else
		ft_call_tell(stack, NULL, error, "%s", call);
}

static __attribute__((cold)) void trace_listen(
	struct ft_stack *stack, const struct ft_socket *socket, int fd, int backlog, int error)
{
	char call[64];

	snprintf(call, sizeof(call), "listen(fd %d, backlog %d)", fd, backlog);
	if (error == -EADDRINUSE && socket->is_bound)
		trace_conflict(
			stack, socket, &socket->binding->address, socket->binding->port, call);
	else
		ft_call_tell(stack, NULL, error, "%s", call);
}

int ft_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	struct ft_stack *stack;
	struct ft_socket *socket = ft_call_socket(fd, &stack);
	int error;

	if (socket == NULL)
		return -1;
	error = bind_socket(stack, socket, address, length);
	if (ft_is_traced(stack, FT_TRACE_SOCKET))
		trace_bind(stack, socket, fd, address, length, error);
	return ft_call_result(error);
}

static int start_listening(struct ft_stack *stack, struct ft_socket *socket, uint32_t backlog)
{
	struct ft_tcp_listener *listener;
	int error = ft_port_listen(&stack->tcp.ports, socket->binding);

	if (error != 0)
		return error;
	error = ft_tcp_listen(
		stack, socket->binding, socket, &socket->settings->options, backlog, &listener);
	if (error != 0)
		ft_port_unlisten(&stack->tcp.ports, socket->binding);
	return error;
}

static int listen_on(struct ft_stack *stack, struct ft_socket *socket, int backlog)
{
	// A negative backlog is a large one, as in Linux.
	uint32_t granted = RTE_MIN((uint32_t)backlog, stack->config.tcp.backlog);
	struct ft_addr address;
	int error;

	if (socket->is_udp)
		return -EOPNOTSUPP;
	if (socket->conn != NULL)
		return -EINVAL;
	if (ft_socket_listener(socket) != NULL) {
		ft_tcp_set_backlog(ft_socket_listener(socket), granted);
		return 0;
	}
	address = ft_socket_need_binding(stack, socket)->address;
	if (ft_addr_is_any(&address))
		address = ft_address_any();
	if (!socket->is_bound && (error = bind_tcp(stack, socket, &address, 0)) != 0)
		return error;
	return start_listening(stack, socket, granted);
}

int ft_listen(int fd, int backlog)
{
	struct ft_stack *stack;
	struct ft_socket *socket = ft_call_socket(fd, &stack);
	int error;

	if (socket == NULL)
		return -1;
	error = listen_on(stack, socket, backlog);
	if (ft_is_traced(stack, FT_TRACE_SOCKET))
		trace_listen(stack, socket, fd, backlog, error);
	return ft_call_result(error);
}

int ft_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
	static const struct ft_binding unbound;
	struct ft_stack *stack;
	struct ft_socket *socket = ft_call_socket(fd, &stack);
	const struct ft_binding *binding;
	const struct ft_tuple *tuple;

	if (socket == NULL)
		return -1;
	tuple = ft_call_tuple(socket);
	if (tuple != NULL)
		return ft_call_result(
			ft_address_write(&tuple->local, tuple->local_port, address, length));
	binding = ft_socket_get_binding(socket);
	if (binding == NULL) // accepted, and disconnected since
		binding = &unbound;
	return ft_call_result(ft_address_write(&binding->address, binding->port, address, length));
}

// A connection in TIME-WAIT has said goodbye: Linux, too, knows no peer then.
static bool has_peer(const struct ft_socket *socket)
{
	if (socket->is_udp)
		return socket->udp->is_connected;
	if (socket->conn == NULL)
		return false;
	switch (ft_tcp_state(socket->conn)) {
	case FT_TCP_SYN_SENT:
	case FT_TCP_TIME_WAIT:
	case FT_TCP_CLOSED:
		return false;
	default:
		return true;
	}
}

int ft_getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
	struct ft_stack *stack;
	struct ft_socket *socket = ft_call_socket(fd, &stack);
	const struct ft_tuple *tuple;

	if (socket == NULL)
		return -1;
	if (!has_peer(socket))
		return ft_call_result(-ENOTCONN);
	tuple = ft_call_tuple(socket);
	return ft_call_result(
		ft_address_write(&tuple->remote, tuple->remote_port, address, length));
}
