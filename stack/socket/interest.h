// An epoll instance: its interest list and, of that, its ready list (the words of epoll(7)).
// (The interest list is no list: each watch says whose it is, and nobody asks for those of one epoll but when it
// is closed.)
//
//	protocol: something happened --> ft_socket_notify() --> watches of the socket --> ready list
//	ft_epoll_wait() --> walks the ready list only, asks each socket what holds now
//
// The ready list holds every watch that may be ready; one that turns out not to be is taken off. So
// a wait costs what is ready, not what is watched.
#pragma once
#include <stdint.h>
#include <sys/epoll.h>

#include "socket/descriptor.h"
#include "socket/socket.h"
#include "stack.h"

// Where its neighbours in the ready list are, or the first and the last: indices of watches, FT_POOL_NONE for none.
// (There is a watch for each connection, and pointers would take twice the memory.)
struct ft_watch_links {
	uint32_t next;
	uint32_t previous;
};

struct ft_epoll {
	struct ft_description description;
	struct ft_watch_links ready; // next: the first; previous: the last
	uint32_t watch_count;
} __rte_cache_aligned;

// One socket in one epoll, under one number: a socket's two descriptors may both be added, as in
// Linux.
struct ft_watch {
	struct ft_watch_links links;
	uint32_t next_of_socket;
	uint32_t socket;
	uint32_t epoll; // FT_POOL_NONE: the watch is free
	int fd : 31;
	bool is_ready : 1;	   // in the ready list
	struct epoll_event wanted; // after EPOLLONESHOT has fired: no events
};

// 36 where epoll_event is packed.
_Static_assert(sizeof(struct ft_watch) <= 40, "each connection in an epoll has one");

// Its pool's objects stand one behind the other; so do sockets and epolls.
static inline struct ft_watch *ft_watch_in(const struct ft_sockets *sockets, uint32_t index)
{
	struct ft_watch *watches = (struct ft_watch *)sockets->watches.objects;

	return index == FT_POOL_NONE ? NULL : watches + index;
}

static inline uint32_t ft_watch_index(
	const struct ft_sockets *sockets, const struct ft_watch *watch)
{
	return (uint32_t)(watch - (const struct ft_watch *)sockets->watches.objects);
}

static inline struct ft_watch *ft_watch_at(const struct ft_stack *stack, uint32_t index)
{
	return ft_watch_in(stack->sockets, index);
}

static inline struct ft_socket *ft_watch_sockets(struct ft_stack *stack)
{
	return (struct ft_socket *)stack->sockets->sockets.objects;
}

static inline struct ft_socket *ft_watch_socket(
	struct ft_stack *stack, const struct ft_watch *watch)
{
	return ft_watch_sockets(stack) + watch->socket;
}

static inline struct ft_epoll *ft_interest_epoll_of(
	const struct ft_sockets *sockets, const struct ft_watch *watch)
{
	return (struct ft_epoll *)sockets->epolls.objects + watch->epoll;
}

static inline uint32_t ft_interest_epoll_index(
	const struct ft_sockets *sockets, const struct ft_epoll *epoll)
{
	return (uint32_t)(epoll - (const struct ft_epoll *)sockets->epolls.objects);
}

// The watches of a socket: the first, the next, NULL.
static inline struct ft_watch *ft_watch_first(
	struct ft_stack *stack, const struct ft_socket *socket)
{
	return ft_watch_at(stack, socket->first_watch);
}

static inline struct ft_watch *ft_watch_next(struct ft_stack *stack, const struct ft_watch *watch)
{
	return ft_watch_at(stack, watch->next_of_socket);
}

// A new epoll with one descriptor, *fd. Returns 0, -EMFILE or -ENOMEM.
int ft_interest_create(struct ft_stack *stack, struct ft_epoll **epoll, int *fd);
void ft_interest_destroy(struct ft_stack *stack, struct ft_epoll *epoll);

// EPOLL_CTL_ADD (-EEXIST, -ENOSPC), _MOD and _DEL (-ENOENT).
int ft_interest_add(struct ft_stack *stack, struct ft_epoll *epoll, struct ft_socket *socket,
	int fd, const struct epoll_event *event);
int ft_interest_modify(struct ft_stack *stack, struct ft_epoll *epoll, struct ft_socket *socket,
	int fd, const struct epoll_event *event);
int ft_interest_remove(
	struct ft_stack *stack, struct ft_epoll *epoll, struct ft_socket *socket, int fd);

// Removes a socket from every epoll: it is being closed.
void ft_interest_forget(struct ft_sockets *sockets, struct ft_socket *socket);

// ---- the ready list, for interest.c and for those who are told in line; they are given what they would
// load anew after each store, for all that the compiler knows ----

// The links of a watch, or the list's own.
static inline struct ft_watch_links *ft_interest_links_of(
	const struct ft_sockets *sockets, struct ft_epoll *epoll, uint32_t index)
{
	return index == FT_POOL_NONE ? &epoll->ready : &ft_watch_in(sockets, index)->links;
}

static inline void ft_interest_append(const struct ft_sockets *sockets, struct ft_epoll *epoll,
	struct ft_watch *watch, uint32_t index)
{
	uint32_t last = epoll->ready.previous;

	watch->links = (struct ft_watch_links){ .next = FT_POOL_NONE, .previous = last };
	ft_interest_links_of(sockets, epoll, last)->next = index;
	epoll->ready.previous = index;
}

static inline void ft_interest_make_ready(
	const struct ft_sockets *sockets, struct ft_watch *watch, uint32_t index)
{
	if (watch->is_ready)
		return;
	watch->is_ready = true;
	ft_interest_append(sockets, ft_interest_epoll_of(sockets, watch), watch, index);
}

// Puts the watches that want one of `events` on their ready lists.
static inline void ft_interest_wake(
	const struct ft_sockets *sockets, struct ft_socket *socket, uint32_t events)
{
	uint32_t index = socket->first_watch;

	while (index != FT_POOL_NONE) {
		struct ft_watch *watch = ft_watch_in(sockets, index);

		if (watch->wanted.events & events)
			ft_interest_make_ready(sockets, watch, index);
		index = watch->next_of_socket;
	}
}

// ft_socket_notify() of EPOLLIN, while nothing is traced.
static inline void ft_socket_notify_readable(struct ft_stack *stack, struct ft_socket *socket)
{
	struct ft_sockets *sockets = stack->sockets;

	ft_interest_wake(sockets, socket, EPOLLIN | EPOLLRDNORM);
	sockets->notifications++;
}

// Reports up to `most` ready sockets into `events` and returns how many. Those reported level
// triggered go to the end of the line, so that with more ready than `most` all get their turn.
int ft_interest_collect(
	struct ft_stack *stack, struct ft_epoll *epoll, struct epoll_event *events, int most);

// True when ft_interest_collect() would report something.
bool ft_interest_is_ready(struct ft_stack *stack, const struct ft_epoll *epoll);
