// Beginning and end: socket(2), dup(2), close(2).
#include <errno.h>

#include "fourtuple.h"
#include "shim/call.h"
#include "shim/thread.h"
#include "shim/wait.h"
#include "stack.h"

static int open_socket(struct ft_stack *stack, int domain, int type, int protocol)
{
	int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct ft_socket *socket;
	int fd, error;

	if (domain != AF_INET)
		return -EAFNOSUPPORT;
	// What no protocol could mean is EINVAL, what none of ours does is named.
	if (kind < 0 || kind > SOCK_PACKET || protocol < 0 || protocol >= IPPROTO_MAX)
		return -EINVAL;
	if (kind != SOCK_STREAM && kind != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != 0 && protocol != (kind == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP))
		return -EPROTONOSUPPORT;
	error = ft_socket_create(stack, kind == SOCK_DGRAM, &socket, &fd);
	if (error != 0)
		return error;
	socket->description.is_nonblocking = type & SOCK_NONBLOCK;
	ft_descriptor_find(&stack->sockets->descriptors, fd)->close_on_exec = type & SOCK_CLOEXEC;
	return fd;
}

int ft_socket(int domain, int type, int protocol)
{
	struct ft_stack *stack = ft_call_stack();
	int fd;

	if (stack == NULL)
		return -1;
	fd = open_socket(stack, domain, type, protocol);
	ft_call_trace(stack, NULL, fd, "socket(%s)",
		(type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_DGRAM ? "UDP" : "TCP");
	return ft_call_result(fd);
}

int ft_dup(int fd)
{
	struct ft_stack *stack;
	struct ft_description *description = ft_call_description(fd, &stack);

	if (description == NULL)
		return -1;
	return ft_call_result(ft_descriptor_take(&stack->sockets->descriptors, description, 0));
}

// Only the last descriptor of a blocking socket with SO_LINGER waits, and only for what the peer
// may still acknowledge: received data left unread will reset the connection anyhow (RFC
// 2525 2.17).
static bool has_to_linger(const struct ft_socket *socket)
{
	return socket->description.descriptors == 1 && !socket->description.is_nonblocking &&
	       socket->conn != NULL && socket->settings->has_linger &&
	       socket->settings->linger_s > 0 && ft_tcp_state(socket->conn) != FT_TCP_SYN_SENT &&
	       ft_tcp_readable_bytes(socket->conn) == 0;
}

static bool is_fin_acknowledged(const struct ft_tcp_anchor *conn)
{
	enum ft_tcp_state state = ft_tcp_state(conn);

	return state == FT_TCP_FIN_WAIT_2 || state == FT_TCP_TIME_WAIT || state == FT_TCP_CLOSED;
}

static inline int close_number(struct ft_stack *stack, int fd, int result)
{
	ft_call_trace(stack, NULL, result, "close(fd %d)", fd);
	ft_socket_close_number(stack, fd, ft_thread_now());
	return ft_call_result(result);
}

// Waits until all data and the FIN are acknowledged, or SO_LINGER's time is over; then the close
// goes on in the background.
static int linger(struct ft_stack *stack, struct ft_socket *socket)
{
	struct ft_wait wait;
	int error = 0;

	ft_tcp_shutdown(stack, socket->conn, false, true, ft_thread_now());
	ft_wait_begin(&wait, false, socket->settings->linger_s * FT_SECOND);
	while (!is_fin_acknowledged(socket->conn) && error == 0)
		error = ft_wait_turn(&wait);
	return error == -EINTR ? error : 0;
}

// The descriptor is closed even if the waiting was interrupted, as in Linux.
static __attribute__((noinline)) int linger_and_close(
	struct ft_stack *stack, struct ft_socket *socket, int fd)
{
	return close_number(stack, fd, linger(stack, socket));
}

int ft_close(int fd)
{
	struct ft_stack *stack;
	struct ft_description *description = ft_call_description(fd, &stack);
	struct ft_socket *socket;

	if (description == NULL)
		return -1;
	socket = ft_container_of(description, struct ft_socket, description);
	if (description->kind == FT_DESCRIPTION_SOCKET && unlikely(has_to_linger(socket)))
		return linger_and_close(stack, socket, fd);
	return close_number(stack, fd, 0);
}
