#include "socket/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include <netinet/in.h>

#include "socket/interest.h"
#include "stack.h"
#include "tcp/listener.h"

static int init_pools(struct ft_sockets *sockets, uint32_t count)
{
	int error = ft_descriptor_init(&sockets->descriptors, count);

	if (error == 0)
		error = ft_pool_init(&sockets->sockets, count, sizeof(struct ft_socket), 16);
	if (error == 0)
		error = ft_pool_init(
			&sockets->bindings, count, sizeof(struct ft_socket_binding), 8);
	if (error == 0)
		error = ft_pool_init(&sockets->settings, count + FT_SETTINGS_SPARE,
			sizeof(struct ft_settings), 8);
	if (error == 0)
		error = ft_pool_init(&sockets->epolls, count, sizeof(struct ft_epoll), 64);
	if (error == 0)
		error = ft_pool_init(&sockets->watches, count, sizeof(struct ft_watch),
			_Alignof(struct ft_watch));
	assert(error != 0 || sockets->sockets.stride == sizeof(struct ft_socket));
	assert(error != 0 || sockets->watches.stride == sizeof(struct ft_watch));
	assert(error != 0 || sockets->epolls.stride == sizeof(struct ft_epoll));
	return error;
}

static void free_pools(struct ft_sockets *sockets)
{
	ft_pool_free(&sockets->watches);
	ft_pool_free(&sockets->epolls);
	ft_pool_free(&sockets->settings);
	ft_pool_free(&sockets->bindings);
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
		return error;
	}
	ft_settings_init(stack);
	return 0;
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

static void close_all_of(struct ft_stack *stack, enum ft_description_kind kind, ft_time now)
{
	const struct ft_descriptors *descriptors = &stack->sockets->descriptors;

	for (uint32_t word = 0; word < (descriptors->maximum + 63) / 64; word++) {
		for (uint64_t left = descriptors->used[word]; left != 0; left &= left - 1) {
			uint32_t fd = word * 64 + __builtin_ctzll(left);

			if (descriptors->table[fd].description->kind == kind)
				ft_socket_close_number(stack, (int)fd, now);
		}
	}
}

// When the epolls' turn comes, nothing is watched any more.
void ft_socket_close_all(struct ft_stack *stack, ft_time now)
{
	close_all_of(stack, FT_DESCRIPTION_SOCKET, now);
	close_all_of(stack, FT_DESCRIPTION_EPOLL, now);
}

// Gives one that was just filled its descriptor. False: there is none left, and it is given back.
static inline bool take_number(struct ft_sockets *sockets, struct ft_socket *socket)
{
	if (unlikely(ft_descriptor_take(&sockets->descriptors, &socket->description, 0) < 0)) {
		ft_pool_give(&sockets->sockets, socket);
		return false;
	}
	ft_settings_share(socket->settings);
	return true;
}

struct ft_binding *ft_socket_need_binding(struct ft_stack *stack, struct ft_socket *socket)
{
	struct ft_socket_binding *made;

	if (ft_socket_get_binding(socket) != NULL)
		return ft_socket_get_binding(socket);
	made = ft_pool_take(&stack->sockets->bindings);
	*made = (struct ft_socket_binding){
		.binding.reuse_address = socket->settings->options.reuse_address,
		.binding.reuse_port = socket->settings->options.reuse_port,
		.socket = socket,
	};
	ft_list_init(&made->binding.node);
	socket->binding = &made->binding;
	return socket->binding;
}

static int open_transport(struct ft_stack *stack, struct ft_socket *socket)
{
	if (!socket->is_udp) {
		ft_socket_need_binding(stack, socket);
		return 0;
	}
	socket->udp = ft_udp_open(stack, socket);
	return socket->udp != NULL ? 0 : -ENOMEM;
}

int ft_socket_create(struct ft_stack *stack, bool is_udp, struct ft_socket **created, int *fd)
{
	struct ft_sockets *sockets = stack->sockets;
	struct ft_socket *socket = ft_pool_take(&sockets->sockets);
	int error;

	if (socket == NULL)
		return -EMFILE;
	*socket = (struct ft_socket){
		.description.kind = FT_DESCRIPTION_SOCKET,
		.first_watch = FT_POOL_NONE,
		.is_udp = is_udp,
		.mtu_discover = IP_PMTUDISC_WANT,
		.settings = sockets->first_settings[is_udp],
	};
	if (!take_number(sockets, socket))
		return -EMFILE;
	error = open_transport(stack, socket);
	*created = socket;
	*fd = socket->description.first;
	if (error == 0)
		return 0;
	ft_descriptor_give(&sockets->descriptors, *fd);
	ft_settings_release(stack, socket->settings);
	ft_pool_give(&sockets->sockets, socket);
	return error;
}

struct ft_socket *ft_socket_create_accepted(
	struct ft_stack *stack, const struct ft_socket *listening, bool is_nonblocking)
{
	struct ft_sockets *sockets = stack->sockets;
	struct ft_socket *socket = ft_pool_take(&sockets->sockets);

	if (unlikely(socket == NULL))
		return NULL;
	*socket = (struct ft_socket){
		.description.kind = FT_DESCRIPTION_SOCKET,
		.description.is_nonblocking = is_nonblocking,
		.first_watch = FT_POOL_NONE,
		.may_broadcast = listening->may_broadcast,
		.binds_no_port = listening->binds_no_port,
		.mtu_discover = listening->mtu_discover,
		.settings = listening->settings,
	};
	return take_number(sockets, socket) ? socket : NULL;
}

// Of a socket that was not accepted; its connection is closed.
static __attribute__((noinline)) void close_binding(
	struct ft_stack *stack, struct ft_socket *socket, ft_time now)
{
	struct ft_binding *binding = socket->binding;

	if (binding->listener != NULL)
		ft_tcp_close_listener(stack, binding->listener, now);
	if (socket->is_bound)
		ft_port_unbind(&stack->tcp.ports, binding);
	ft_pool_give(&stack->sockets->bindings,
		ft_container_of(binding, struct ft_socket_binding, binding));
}

// SO_LINGER with zero seconds is how an application asks for a reset.
static inline void close_tcp(struct ft_stack *stack, struct ft_socket *socket, ft_time now)
{
	const struct ft_settings *settings = socket->settings;

	if (socket->conn != NULL && unlikely(settings->has_linger && settings->linger_s == 0))
		ft_tcp_abort(stack, socket->conn, now);
	else if (socket->conn != NULL)
		ft_tcp_close(stack, socket->conn, now);
	if (unlikely(socket->binding != NULL))
		close_binding(stack, socket, now);
}

static void close_socket(struct ft_stack *stack, struct ft_socket *socket, ft_time now)
{
	ft_interest_forget(stack->sockets, socket);
	if (socket->is_udp)
		ft_udp_close(stack, socket->udp);
	else
		close_tcp(stack, socket, now);
	ft_settings_release(stack, socket->settings);
	ft_pool_give(&stack->sockets->sockets, socket);
}

void ft_socket_close_number(struct ft_stack *stack, int fd, ft_time now)
{
	struct ft_description *description = ft_descriptor_give(&stack->sockets->descriptors, fd);

	if (description->descriptors > 0)
		return;
	if (description->kind == FT_DESCRIPTION_EPOLL)
		ft_interest_destroy(
			stack, ft_container_of(description, struct ft_epoll, description));
	else
		close_socket(
			stack, ft_container_of(description, struct ft_socket, description), now);
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
	for (struct ft_watch *watch = ft_watch_first(stack, socket); watch != NULL;
		watch = ft_watch_next(stack, watch)) {
		struct ft_epoll *epoll = ft_pool_at(&stack->sockets->epolls, watch->epoll);

		if (watch->wanted.events & events)
			ft_trace_of(stack, FT_TRACE_SOCKET, tuple, "epoll fd %d woken for fd %d",
				number_of(&epoll->description), watch->fd);
	}
}

// Apart, so that while nothing is traced the function below has nothing to keep over a call.
static __attribute__((cold, noinline)) void notify_and_tell(
	struct ft_stack *stack, struct ft_socket *socket, uint32_t events)
{
	trace_events(stack, socket, events);
	ft_interest_wake(stack->sockets, socket, events);
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
		ft_interest_wake(stack->sockets, socket, events);
}

// A TCP socket that is neither connected nor listening hangs up, as Linux's does.
static uint32_t tcp_readiness(const struct ft_socket *socket)
{
	if (socket->conn != NULL)
		return ft_tcp_readiness(socket->conn);
	if (ft_socket_listener(socket) == NULL)
		return EPOLLOUT | EPOLLWRNORM | EPOLLHUP;
	return ft_tcp_has_waiting(ft_socket_listener(socket)) ? EPOLLIN | EPOLLRDNORM : 0;
}

uint32_t ft_socket_readiness(struct ft_stack *stack, const struct ft_description *description)
{
	const struct ft_socket *socket;

	if (description->kind == FT_DESCRIPTION_EPOLL)
		return ft_interest_is_ready(
			       stack, ft_container_of(description, struct ft_epoll, description))
			       ? EPOLLIN | EPOLLRDNORM
			       : 0;
	socket = ft_container_of(description, struct ft_socket, description);
	return socket->is_udp ? ft_udp_readiness(socket->udp) : tcp_readiness(socket);
}
