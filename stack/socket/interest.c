#include "socket/interest.h"

#include <errno.h>

#include "socket/socket.h"
#include "stack.h"
#include "tcp/tcp_readiness.h"

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
	for (int list = 0; list < FT_INTEREST_LISTS; list++)
		(*epoll)->lists[list] = (struct ft_watch_links){ FT_POOL_NONE, FT_POOL_NONE };
	*fd = ft_descriptor_take(&sockets->descriptors, &(*epoll)->description, 0);
	if (*fd < 0) {
		ft_pool_give(&sockets->epolls, *epoll);
		return *fd;
	}
	return 0;
}

// ---- lists ----

static void take_out(struct ft_stack *stack, struct ft_epoll *epoll, enum ft_interest_list list,
	const struct ft_watch *watch)
{
	struct ft_watch_links links = watch->links[list];

	ft_interest_links_of(stack, epoll, list, links.previous)->next = links.next;
	ft_interest_links_of(stack, epoll, list, links.next)->previous = links.previous;
}

static void make_unready(struct ft_stack *stack, struct ft_epoll *epoll, struct ft_watch *watch)
{
	if (!watch->is_ready)
		return;
	watch->is_ready = false;
	take_out(stack, epoll, FT_INTEREST_READY, watch);
}

// Makes `index` the first in the line: those before it go to the end, in their order.
static void rotate(struct ft_stack *stack, struct ft_epoll *epoll, uint32_t index)
{
	struct ft_watch_links *line = &epoll->lists[FT_INTEREST_READY];
	struct ft_watch_links *first =
		ft_interest_links_of(stack, epoll, FT_INTEREST_READY, line->next);
	struct ft_watch_links *last =
		ft_interest_links_of(stack, epoll, FT_INTEREST_READY, line->previous);
	struct ft_watch_links *begin = ft_interest_links_of(stack, epoll, FT_INTEREST_READY, index);

	first->previous = line->previous;
	last->next = line->next;
	line->next = index;
	line->previous = begin->previous;
	ft_interest_links_of(stack, epoll, FT_INTEREST_READY, begin->previous)->next = FT_POOL_NONE;
	begin->previous = FT_POOL_NONE;
}

// A socket is in few epolls, so its own list is the short one.
static void take_from_socket(struct ft_stack *stack, struct ft_watch *watch)
{
	struct ft_socket *socket = ft_watch_socket(stack, watch);
	uint32_t *link = &socket->first_watch;

	while (ft_watch_at(stack, *link) != watch)
		link = &ft_watch_at(stack, *link)->next_of_socket;
	*link = watch->next_of_socket;
}

static void remove_watch(struct ft_stack *stack, struct ft_watch *watch)
{
	struct ft_epoll *epoll = ft_interest_epoll_of(stack, watch);

	make_unready(stack, epoll, watch);
	take_from_socket(stack, watch);
	take_out(stack, epoll, FT_INTEREST_ALL, watch);
	ft_pool_give(&stack->sockets->watches, watch);
}

void ft_interest_destroy(struct ft_stack *stack, struct ft_epoll *epoll)
{
	struct ft_watch *watch;

	while ((watch = ft_watch_at(stack, epoll->lists[FT_INTEREST_ALL].next)) != NULL)
		remove_watch(stack, watch);
	ft_pool_give(&stack->sockets->epolls, epoll);
}

void ft_interest_forget(struct ft_stack *stack, struct ft_socket *socket)
{
	while (socket->first_watch != FT_POOL_NONE)
		remove_watch(stack, ft_watch_first(stack, socket));
}

static struct ft_watch *find(
	struct ft_stack *stack, const struct ft_epoll *epoll, struct ft_socket *socket, int fd)
{
	struct ft_watch *watch = ft_watch_first(stack, socket);

	while (watch != NULL && (ft_interest_epoll_of(stack, watch) != epoll || watch->fd != fd))
		watch = ft_watch_next(stack, watch);
	return watch;
}

// What the watch's owner wants to hear and holds now. Errors and hang-ups are always wanted, but
// not by a watch that EPOLLONESHOT has disarmed.
static inline uint32_t wanted_now(struct ft_stack *stack, const struct ft_watch *watch)
{
	const struct ft_socket *socket = ft_watch_socket(stack, watch);
	uint32_t wanted = watch->wanted.events & ~MODES;
	uint32_t now;

	if (unlikely(watch->wanted.events == 0))
		return 0;
	if (likely(socket->conn != NULL))
		now = ft_tcp_readiness_now(socket->conn, wanted);
	else
		now = ft_socket_readiness(stack, &socket->description);
	return now & wanted; // EPOLLERR and EPOLLHUP are wanted: want()
}

static void want(struct ft_stack *stack, struct ft_watch *watch, const struct epoll_event *event)
{
	watch->wanted = *event;
	watch->wanted.events |= EPOLLERR | EPOLLHUP;
	if (wanted_now(stack, watch) != 0)
		ft_interest_make_ready(
			stack, watch, ft_pool_index(&stack->sockets->watches, watch));
}

int ft_interest_add(struct ft_stack *stack, struct ft_epoll *epoll, struct ft_socket *socket,
	int fd, const struct epoll_event *event)
{
	struct ft_sockets *sockets = stack->sockets;
	struct ft_watch *watch;

	if ((event->events & EPOLLEXCLUSIVE) && (event->events & ~EXCLUSIVE_ALLOWED))
		return -EINVAL;
	if (find(stack, epoll, socket, fd) != NULL)
		return -EEXIST;
	watch = ft_pool_take(&sockets->watches);
	if (watch == NULL)
		return -ENOSPC;
	*watch = (struct ft_watch){
		.next_of_socket = socket->first_watch,
		.socket = ft_pool_index(&sockets->sockets, socket),
		.epoll = ft_pool_index(&sockets->epolls, epoll),
		.fd = fd,
	};
	socket->first_watch = ft_pool_index(&sockets->watches, watch);
	ft_interest_append(stack, epoll, FT_INTEREST_ALL, watch, socket->first_watch);
	want(stack, watch, event);
	return 0;
}

int ft_interest_modify(struct ft_stack *stack, struct ft_epoll *epoll, struct ft_socket *socket,
	int fd, const struct epoll_event *event)
{
	struct ft_watch *watch = find(stack, epoll, socket, fd);

	if (watch == NULL)
		return -ENOENT;
	if ((event->events | watch->wanted.events) & EPOLLEXCLUSIVE)
		return -EINVAL; // epoll_ctl(2)
	want(stack, watch, event);
	return 0;
}

int ft_interest_remove(
	struct ft_stack *stack, struct ft_epoll *epoll, struct ft_socket *socket, int fd)
{
	struct ft_watch *watch = find(stack, epoll, socket, fd);

	if (watch == NULL)
		return -ENOENT;
	remove_watch(stack, watch);
	return 0;
}

// After a report: level triggered it stays in the line; else it waits to be woken.
static void leave_or_stay(struct ft_stack *stack, struct ft_epoll *epoll, struct ft_watch *watch)
{
	if (!(watch->wanted.events & (EPOLLET | EPOLLONESHOT)))
		return;
	make_unready(stack, epoll, watch);
	if (watch->wanted.events & EPOLLONESHOT)
		watch->wanted.events = 0;
}

int ft_interest_collect(
	struct ft_stack *stack, struct ft_epoll *epoll, struct epoll_event *events, int most)
{
	uint32_t next = epoll->lists[FT_INTEREST_READY].next;
	int count = 0;

	while (next != FT_POOL_NONE && count < most) {
		struct ft_watch *watch = ft_watch_at(stack, next);
		uint32_t now = wanted_now(stack, watch);

		next = watch->links[FT_INTEREST_READY].next;
		if (now == 0) {
			make_unready(stack, epoll, watch);
			continue;
		}
		events[count++] = (struct epoll_event){ .events = now, .data = watch->wanted.data };
		leave_or_stay(stack, epoll, watch);
	}
	if (next != FT_POOL_NONE && next != epoll->lists[FT_INTEREST_READY].next)
		rotate(stack, epoll, next);
	return count;
}

bool ft_interest_is_ready(struct ft_stack *stack, const struct ft_epoll *epoll)
{
	struct ft_watch *watch = ft_watch_at(stack, epoll->lists[FT_INTEREST_READY].next);

	while (watch != NULL && wanted_now(stack, watch) == 0)
		watch = ft_watch_at(stack, watch->links[FT_INTEREST_READY].next);
	return watch != NULL;
}
