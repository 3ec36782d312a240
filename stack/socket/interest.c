#include "socket/interest.h"

#include <errno.h>

#include "socket/socket.h"
#include "stack.h"

// What is not an event but tells how to report one.
#define MODES (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP)

// What may stand beside EPOLLEXCLUSIVE (epoll_ctl(2)).
#define EXCLUSIVE_ALLOWED \
	(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

int ft_interest_create(struct ft_stack *stack, struct ft_epoll **epoll, int *fd)
{
	struct ft_sockets *sockets = stack->sockets;

	*epoll = ft_pool_take(&sockets->epolls);
	if (*epoll == NULL)
		return -ENOMEM;
	**epoll = (struct ft_epoll){ .description.kind = FT_DESCRIPTION_EPOLL };
	ft_list_init(&(*epoll)->watches);
	ft_list_init(&(*epoll)->ready);
	*fd = ft_descriptor_take(&sockets->descriptors, &(*epoll)->description, 0);
	if (*fd < 0) {
		ft_pool_give(&sockets->epolls, *epoll);
		return *fd;
	}
	return 0;
}

static void make_ready(struct ft_watch *watch)
{
	if (!ft_list_is_empty(&watch->ready))
		return;
	ft_list_append(&watch->epoll->ready, &watch->ready);
	watch->epoll->ready_count++;
}

static void make_unready(struct ft_watch *watch)
{
	if (ft_list_is_empty(&watch->ready))
		return;
	ft_list_remove(&watch->ready);
	watch->epoll->ready_count--;
}

static void remove_watch(struct ft_stack *stack, struct ft_watch *watch)
{
	make_unready(watch);
	ft_list_remove(&watch->of_socket);
	ft_list_remove(&watch->of_epoll);
	ft_pool_give(&stack->sockets->watches, watch);
}

void ft_interest_destroy(struct ft_stack *stack, struct ft_epoll *epoll)
{
	ft_list_for_each_safe (node, &epoll->watches)
		remove_watch(stack, ft_container_of(node, struct ft_watch, of_epoll));
	ft_pool_give(&stack->sockets->epolls, epoll);
}

void ft_interest_forget(struct ft_stack *stack, struct ft_socket *socket)
{
	ft_list_for_each_safe (node, &socket->watches)
		remove_watch(stack, ft_container_of(node, struct ft_watch, of_socket));
}

// A socket is in few epolls, so its own list is the short one.
static struct ft_watch *find(struct ft_epoll *epoll, struct ft_socket *socket, int fd)
{
	ft_list_for_each (node, &socket->watches) {
		struct ft_watch *watch = ft_container_of(node, struct ft_watch, of_socket);

		if (watch->epoll == epoll && watch->fd == fd)
			return watch;
	}
	return NULL;
}

// What the watch's owner wants to hear and holds now. Errors and hang-ups are always wanted, but
// not by a watch that EPOLLONESHOT has disarmed.
static uint32_t wanted_now(const struct ft_watch *watch)
{
	uint32_t wanted = watch->wanted.events & ~MODES;

	if (watch->wanted.events == 0)
		return 0;
	return ft_socket_readiness(&watch->socket->description) & (wanted | EPOLLERR | EPOLLHUP);
}

static void want(struct ft_watch *watch, const struct epoll_event *event)
{
	watch->wanted = *event;
	watch->wanted.events |= EPOLLERR | EPOLLHUP;
	if (wanted_now(watch) != 0)
		make_ready(watch);
}

int ft_interest_add(struct ft_stack *stack, struct ft_epoll *epoll, struct ft_socket *socket,
	int fd, const struct epoll_event *event)
{
	struct ft_watch *watch;

	if ((event->events & EPOLLEXCLUSIVE) && (event->events & ~EXCLUSIVE_ALLOWED))
		return -EINVAL;
	if (find(epoll, socket, fd) != NULL)
		return -EEXIST;
	watch = ft_pool_take(&stack->sockets->watches);
	if (watch == NULL)
		return -ENOSPC;
	*watch = (struct ft_watch){ .socket = socket, .epoll = epoll, .fd = fd };
	ft_list_init(&watch->ready);
	ft_list_append(&socket->watches, &watch->of_socket);
	ft_list_append(&epoll->watches, &watch->of_epoll);
	want(watch, event);
	return 0;
}

int ft_interest_modify(
	struct ft_epoll *epoll, struct ft_socket *socket, int fd, const struct epoll_event *event)
{
	struct ft_watch *watch = find(epoll, socket, fd);

	if (watch == NULL)
		return -ENOENT;
	if ((event->events | watch->wanted.events) & EPOLLEXCLUSIVE)
		return -EINVAL; // epoll_ctl(2)
	want(watch, event);
	return 0;
}

int ft_interest_remove(
	struct ft_stack *stack, struct ft_epoll *epoll, struct ft_socket *socket, int fd)
{
	struct ft_watch *watch = find(epoll, socket, fd);

	if (watch == NULL)
		return -ENOENT;
	remove_watch(stack, watch);
	return 0;
}

void ft_interest_wake(struct ft_socket *socket, uint32_t events)
{
	ft_list_for_each (node, &socket->watches) {
		struct ft_watch *watch = ft_container_of(node, struct ft_watch, of_socket);

		if (watch->wanted.events & events)
			make_ready(watch);
	}
}

// After a report: level triggered it stays, at the end of the line; else it waits to be woken.
static void put_back(struct ft_watch *watch)
{
	bool is_level = !(watch->wanted.events & (EPOLLET | EPOLLONESHOT));

	make_unready(watch);
	if (watch->wanted.events & EPOLLONESHOT)
		watch->wanted.events = 0;
	if (is_level)
		make_ready(watch);
}

int ft_interest_collect(struct ft_epoll *epoll, struct epoll_event *events, int most)
{
	int count = 0;

	for (uint32_t left = epoll->ready_count; left > 0 && count < most; left--) {
		struct ft_watch *watch = ft_container_of(epoll->ready.next, struct ft_watch, ready);
		uint32_t now = wanted_now(watch);

		if (now == 0) {
			make_unready(watch);
			continue;
		}
		events[count++] = (struct epoll_event){ .events = now, .data = watch->wanted.data };
		put_back(watch);
	}
	return count;
}

bool ft_interest_is_ready(const struct ft_epoll *epoll)
{
	ft_list_for_each (node, &epoll->ready) {
		if (wanted_now(ft_container_of(node, struct ft_watch, ready)) != 0)
			return true;
	}
	return false;
}
