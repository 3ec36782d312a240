#include "socket/interest.h"

#include <errno.h>

#include "socket/socket.h"
#include "stack.h"
#include "tcp/tcp_at_once.h"
#include "tcp/tcp_readiness.h"

// What may stand beside EPOLLEXCLUSIVE (epoll_ctl(2)).
#define EXCLUSIVE_ALLOWED \
	(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

int ft_interest_create(struct ft_stack *stack, struct ft_epoll **epoll, int *fd)
{
	struct ft_sockets *sockets = stack->sockets;

	*epoll = ft_pool_take(&sockets->epolls);
	if (*epoll == NULL)
		return -ENOMEM;
	**epoll = (struct ft_epoll){
		.description.kind = FT_DESCRIPTION_EPOLL,
		.ready = { FT_POOL_NONE, FT_POOL_NONE },
	};
	*fd = ft_descriptor_take(&sockets->descriptors, &(*epoll)->description, 0);
	if (*fd < 0) {
		ft_pool_give(&sockets->epolls, *epoll);
		return *fd;
	}
	return 0;
}

// ---- lists ----

static inline void make_unready(
	const struct ft_sockets *sockets, struct ft_epoll *epoll, struct ft_watch *watch)
{
	const struct ft_watch_links links = watch->links;

	if (!watch->is_ready)
		return;
	watch->is_ready = false;
	ft_interest_links_of(sockets, epoll, links.previous)->next = links.next;
	ft_interest_links_of(sockets, epoll, links.next)->previous = links.previous;
}

// The ready list after a report: first those that it did not come to, from `next` on, then those that stay, in
// their order.
static void put_behind(struct ft_stack *stack, struct ft_epoll *epoll, uint32_t next,
	struct ft_watch_links staying)
{
	struct ft_watch_links *line = &epoll->ready;
	const uint32_t last = next == FT_POOL_NONE ? FT_POOL_NONE : line->previous;

	line->next = next;
	line->previous = last;
	ft_interest_links_of(stack->sockets, epoll, next)->previous = FT_POOL_NONE;
	if (staying.next == FT_POOL_NONE)
		return;
	ft_interest_links_of(stack->sockets, epoll, last)->next = staying.next;
	ft_watch_at(stack, staying.next)->links.previous = last;
	line->previous = staying.previous;
}

// A socket is in few epolls, so its own list is the short one.
static inline void take_from_socket(struct ft_stack *stack, struct ft_watch *watch)
{
	struct ft_socket *socket = ft_watch_socket(stack, watch);
	uint32_t *link = &socket->first_watch;

	while (ft_watch_at(stack, *link) != watch)
		link = &ft_watch_at(stack, *link)->next_of_socket;
	*link = watch->next_of_socket;
}

static inline void give_back(struct ft_sockets *sockets, struct ft_watch *watch)
{
	struct ft_epoll *epoll = ft_interest_epoll_of(sockets, watch);

	make_unready(sockets, epoll, watch);
	watch->epoll = FT_POOL_NONE;
	epoll->watch_count--;
	ft_pool_give(&sockets->watches, watch);
}

static void remove_watch(struct ft_stack *stack, struct ft_watch *watch)
{
	take_from_socket(stack, watch);
	give_back(stack->sockets, watch);
}

// Its watches are somewhere among all of the stack.
void ft_interest_destroy(struct ft_stack *stack, struct ft_epoll *epoll)
{
	const uint32_t own = ft_interest_epoll_index(stack->sockets, epoll);

	for (uint32_t i = 0; epoll->watch_count > 0; i++) {
		struct ft_watch *watch = ft_watch_at(stack, i);

		if (watch->epoll == own)
			remove_watch(stack, watch);
	}
	ft_pool_give(&stack->sockets->epolls, epoll);
}

void ft_interest_forget(struct ft_sockets *sockets, struct ft_socket *socket)
{
	uint32_t index = socket->first_watch;

	while (index != FT_POOL_NONE) {
		struct ft_watch *watch = ft_watch_in(sockets, index);

		index = watch->next_of_socket;
		give_back(sockets, watch);
	}
	socket->first_watch = FT_POOL_NONE;
}

static struct ft_watch *find(
	struct ft_stack *stack, const struct ft_epoll *epoll, struct ft_socket *socket, int fd)
{
	struct ft_watch *watch = ft_watch_first(stack, socket);

	while (watch != NULL &&
		(ft_interest_epoll_of(stack->sockets, watch) != epoll || watch->fd != fd))
		watch = ft_watch_next(stack, watch);
	return watch;
}

// What the watch's owner wants to hear and holds now. (EPOLLERR and EPOLLHUP are always wanted, as want() says, but
// nothing by a watch that EPOLLONESHOT has disarmed. How to report is no event, so it never holds.)
static __rte_always_inline uint32_t wanted_now(
	struct ft_stack *stack, const struct ft_socket *sockets, const struct ft_watch *watch)
{
	const struct ft_socket *socket = sockets + watch->socket;
	const struct ft_tcp_conn *conn = ft_tcp_at_work(socket);
	const uint32_t wanted = watch->wanted.events;

	if (likely(conn != NULL))
		return ft_tcp_readiness_now(conn, wanted) & wanted;
	return ft_socket_readiness(stack, &socket->description) & wanted;
}

static __attribute__((noinline)) void look_if_ready(
	struct ft_stack *stack, struct ft_watch *watch, uint32_t index)
{
	if (wanted_now(stack, ft_watch_sockets(stack), watch) != 0)
		ft_interest_make_ready(stack->sockets, watch, index);
}

// Most sockets are watched as soon as they are accepted, when their connection is plainly ready.
static inline void want(struct ft_stack *stack, const struct ft_socket *socket,
	struct ft_watch *watch, uint32_t index, const struct epoll_event *event)
{
	const struct ft_tcp_conn *conn = ft_tcp_at_work(socket);
	const uint32_t wanted = event->events | EPOLLERR | EPOLLHUP;

	watch->wanted = (struct epoll_event){ wanted, event->data };
	if (unlikely(conn == NULL || !ft_tcp_is_plainly_ready(conn)))
		look_if_ready(stack, watch, index);
	else if (ft_tcp_plain_readiness(conn, wanted) & wanted)
		ft_interest_make_ready(stack->sockets, watch, index);
}

static inline int add(struct ft_stack *stack, struct ft_epoll *epoll, struct ft_socket *socket,
	int fd, const struct epoll_event *event)
{
	struct ft_sockets *sockets = stack->sockets;
	struct ft_watch *watch;
	uint32_t index;

	watch = ft_pool_take(&sockets->watches);
	if (watch == NULL)
		return -ENOSPC;
	index = ft_watch_index(sockets, watch);
	watch->next_of_socket = socket->first_watch;
	watch->socket = ft_socket_index(sockets, socket);
	watch->epoll = ft_interest_epoll_index(sockets, epoll);
	watch->fd = fd;
	watch->is_ready = false;
	socket->first_watch = index;
	epoll->watch_count++;
	want(stack, socket, watch, index, event);
	return 0;
}

// Beside others of its socket.
static __attribute__((noinline)) int add_another(struct ft_stack *stack, struct ft_epoll *epoll,
	struct ft_socket *socket, int fd, const struct epoll_event *event)
{
	if (find(stack, epoll, socket, fd) != NULL)
		return -EEXIST;
	return add(stack, epoll, socket, fd, event);
}

int ft_interest_add(struct ft_stack *stack, struct ft_epoll *epoll, struct ft_socket *socket,
	int fd, const struct epoll_event *event)
{
	if ((event->events & EPOLLEXCLUSIVE) && (event->events & ~EXCLUSIVE_ALLOWED))
		return -EINVAL;
	if (unlikely(socket->first_watch != FT_POOL_NONE))
		return add_another(stack, epoll, socket, fd, event);
	return add(stack, epoll, socket, fd, event);
}

int ft_interest_modify(struct ft_stack *stack, struct ft_epoll *epoll, struct ft_socket *socket,
	int fd, const struct epoll_event *event)
{
	struct ft_watch *watch = find(stack, epoll, socket, fd);

	if (watch == NULL)
		return -ENOENT;
	if ((event->events | watch->wanted.events) & EPOLLEXCLUSIVE)
		return -EINVAL; // epoll_ctl(2)
	want(stack, socket, watch, ft_watch_index(stack->sockets, watch), event);
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

// After a report only what is level triggered stays in the line; else it waits to be woken.
static inline bool does_stay(struct ft_watch *watch)
{
	if (likely(!(watch->wanted.events & (EPOLLET | EPOLLONESHOT))))
		return true;
	if (watch->wanted.events & EPOLLONESHOT)
		watch->wanted.events = 0;
	return false;
}

// All that it comes to is taken out of the line, and those that stay are linked anew: most were read since they were
// reported, and are not ready.
int ft_interest_collect(
	struct ft_stack *stack, struct ft_epoll *epoll, struct epoll_event *events, int most)
{
	const struct ft_socket *sockets = ft_watch_sockets(stack);
	struct ft_watch *watches = ft_watch_at(stack, 0);
	struct epoll_event *event = events, *end = events + most;
	uint32_t first = FT_POOL_NONE, last = FT_POOL_NONE; // of those that stay
	uint32_t *link = &first;			    // where the next one is named
	uint32_t index = epoll->ready.next, next;

	for (; index != FT_POOL_NONE && event < end; index = next) {
		struct ft_watch *watch = watches + index;
		const uint32_t now = wanted_now(stack, sockets, watch);

		next = watch->links.next;
		if (now != 0)
			*event++ = (struct epoll_event){ now, watch->wanted.data };
		if (now == 0 || !does_stay(watch)) {
			watch->is_ready = false;
			continue;
		}
		watch->links.previous = last;
		*link = last = index;
		link = &watch->links.next;
	}
	*link = FT_POOL_NONE;
	put_behind(stack, epoll, index, (struct ft_watch_links){ first, last });
	return (int)(event - events);
}

bool ft_interest_is_ready(struct ft_stack *stack, const struct ft_epoll *epoll)
{
	struct ft_watch *watch = ft_watch_at(stack, epoll->ready.next);

	while (watch != NULL && wanted_now(stack, ft_watch_sockets(stack), watch) == 0)
		watch = ft_watch_at(stack, watch->links.next);
	return watch != NULL;
}
