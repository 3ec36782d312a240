#include "socket/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <netinet/in.h>

#include "socket/interest.h"
#include "stack.h"

static int init_pools(struct ft_sockets *sockets, uint32_t count)
{
	int error = ft_descriptor_init(&sockets->descriptors, count);

	if (error == 0)
		error = ft_pool_init(&sockets->sockets, count, sizeof(struct ft_socket), 16);
	if (error == 0)
		error = ft_pool_init(&sockets->epolls, count, sizeof(struct ft_epoll), 64);
	if (error == 0)
		error = ft_pool_init(&sockets->watches, count, sizeof(struct ft_watch), 16);
	return error;
}

static void free_pools(struct ft_sockets *sockets)
{
	ft_pool_free(&sockets->watches);
	ft_pool_free(&sockets->epolls);
	ft_pool_free(&sockets->sockets);
	ft_descriptor_free(&sockets->descriptors);
}

int ft_socket_init(struct ft_stack *stack)
{
	int error;

	stack->sockets = calloc(1, sizeof(*stack->sockets));
	if (stack->sockets == NULL)
		return -ENOMEM;
	error = init_pools(stack->sockets, stack->config.socket.descriptors);
	if (error != 0) {
		free_pools(stack->sockets);
		free(stack->sockets);
		stack->sockets = NULL;
	}
	return error;
}

void ft_socket_free(struct ft_stack *stack)
{
	if (stack->sockets == NULL)
		return;
	ft_socket_close_all(stack, stack->now);
	free_pools(stack->sockets);
	free(stack->sockets);
	stack->sockets = NULL;
}

void ft_socket_close_all(struct ft_stack *stack, ft_time now)
{
	struct ft_descriptors *descriptors = &stack->sockets->descriptors;

	for (uint32_t word = 0; word < (descriptors->maximum + 63) / 64; word++) {
		while (descriptors->used[word] != 0)
			ft_socket_close(
				stack, word * 64 + __builtin_ctzll(descriptors->used[word]), now);
	}
}

static void set_defaults(struct ft_stack *stack, struct ft_socket *socket, bool is_udp)
{
	*socket = (struct ft_socket){
		.description.kind = FT_DESCRIPTION_SOCKET,
		.is_udp = is_udp,
		.mtu_discover = IP_PMTUDISC_WANT,
		.receive_timeout = FT_NEVER,
		.send_timeout = FT_NEVER,
	};
	ft_list_init(&socket->watches);
	ft_list_init(&socket->binding.node);
	ft_tcp_options_init(stack, &socket->options);
	if (is_udp)
		socket->options.receive_buffer = stack->config.udp.receive_buffer;
}

int ft_socket_create(struct ft_stack *stack, bool is_udp, struct ft_socket **created, int *fd)
{
	struct ft_sockets *sockets = stack->sockets;
	struct ft_socket *socket = ft_pool_take(&sockets->sockets);

	if (socket == NULL)
		return -EMFILE;
	set_defaults(stack, socket, is_udp);
	*fd = ft_descriptor_take(&sockets->descriptors, &socket->description, 0);
	if (*fd < 0)
		goto no_descriptor;
	if (is_udp) {
		socket->udp = ft_udp_open(stack, socket);
		if (socket->udp == NULL)
			goto no_udp;
	}
	*created = socket;
	return 0;

no_udp:
	ft_descriptor_give(&sockets->descriptors, *fd);
	*fd = -ENOMEM;
no_descriptor:
	ft_pool_give(&sockets->sockets, socket);
	return *fd;
}

// SO_LINGER with zero seconds is how an application asks for a reset.
static void close_tcp(struct ft_stack *stack, struct ft_socket *socket, ft_time now)
{
	if (socket->listener != NULL)
		ft_tcp_close_listener(stack, socket->listener, now);
	if (socket->conn != NULL && socket->has_linger && socket->linger_s == 0)
		ft_tcp_abort(stack, socket->conn, now);
	else if (socket->conn != NULL)
		ft_tcp_close(stack, socket->conn, now);
	if (socket->is_bound)
		ft_port_unbind(&stack->tcp.ports, &socket->binding);
}

static void close_socket(struct ft_stack *stack, struct ft_socket *socket, ft_time now)
{
	ft_interest_forget(stack, socket);
	if (socket->is_udp)
		ft_udp_close(stack, socket->udp);
	else
		close_tcp(stack, socket, now);
	ft_pool_give(&stack->sockets->sockets, socket);
}

int ft_socket_close(struct ft_stack *stack, int fd, ft_time now)
{
	struct ft_descriptors *descriptors = &stack->sockets->descriptors;
	struct ft_description *description;

	if (ft_descriptor_find(descriptors, fd) == NULL)
		return -EBADF;
	description = ft_descriptor_give(descriptors, fd);
	if (description->descriptors > 0)
		return 0;
	if (description->kind == FT_DESCRIPTION_EPOLL)
		ft_interest_destroy(
			stack, ft_container_of(description, struct ft_epoll, description));
	else
		close_socket(
			stack, ft_container_of(description, struct ft_socket, description), now);
	return 0;
}

static int number_of(const struct ft_description *description)
{
	return description->first != 0 ? description->first : -1;
}

int ft_socket_number(const struct ft_socket *socket)
{
	return number_of(&socket->description);
}

static __attribute__((cold)) void trace_events(
	struct ft_stack *stack, struct ft_socket *socket, uint32_t events)
{
	const struct ft_tuple *tuple = socket->conn != NULL ? ft_tcp_tuple(socket->conn) : NULL;

	ft_trace_of(stack, FT_TRACE_SOCKET, tuple, "socket fd %d:%s%s%s%s",
		number_of(&socket->description), events & EPOLLIN ? " readable" : "",
		events & EPOLLOUT ? " writable" : "", events & EPOLLHUP ? " hung up" : "",
		events & EPOLLERR ? " error" : "");
	ft_list_for_each (node, &socket->watches) {
		struct ft_watch *watch = ft_container_of(node, struct ft_watch, of_socket);

		if (watch->wanted.events & events)
			ft_trace_of(stack, FT_TRACE_SOCKET, tuple, "epoll fd %d woken for fd %d",
				number_of(&watch->epoll->description), watch->fd);
	}
}

// Apart, so that while nothing is traced the function below has nothing to keep over a call.
static __attribute__((cold, noinline)) void notify_and_tell(
	struct ft_stack *stack, struct ft_socket *socket, uint32_t events)
{
	trace_events(stack, socket, events);
	ft_interest_wake(socket, events);
}

void ft_socket_notify(struct ft_stack *stack, struct ft_socket *socket, uint32_t events)
{
	// The same events under their System V names.
	if (events & EPOLLIN)
		events |= EPOLLRDNORM;
	if (events & EPOLLOUT)
		events |= EPOLLWRNORM;
	stack->sockets->notifications++;
	if (ft_is_traced(stack, FT_TRACE_SOCKET))
		notify_and_tell(stack, socket, events);
	else
		ft_interest_wake(socket, events);
}

// A TCP socket that is neither connected nor listening hangs up, as Linux's does.
static uint32_t tcp_readiness(const struct ft_socket *socket)
{
	if (socket->conn != NULL)
		return ft_tcp_readiness(socket->conn);
	if (socket->listener == NULL)
		return EPOLLOUT | EPOLLWRNORM | EPOLLHUP;
	return ft_tcp_has_waiting(socket->listener) ? EPOLLIN | EPOLLRDNORM : 0;
}

uint32_t ft_socket_readiness(const struct ft_description *description)
{
	const struct ft_socket *socket;

	if (description->kind == FT_DESCRIPTION_EPOLL)
		return ft_interest_is_ready(
			       ft_container_of(description, struct ft_epoll, description))
			       ? EPOLLIN | EPOLLRDNORM
			       : 0;
	socket = ft_container_of(description, struct ft_socket, description);
	return socket->is_udp ? ft_udp_readiness(socket->udp) : tcp_readiness(socket);
}
