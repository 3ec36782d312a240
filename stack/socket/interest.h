// An epoll instance: its interest list and, of that, its ready list (the words of epoll(7)).
//
//	protocol: something happened --> ft_socket_notify() --> watches of the socket --> ready list
//	ft_epoll_wait() --> walks the ready list only, asks each socket what holds now
//
// The ready list holds every watch that may be ready; one that turns out not to be is taken off. So
// a wait costs what is ready, not what is watched.
#pragma once
#include <stdint.h>
#include <sys/epoll.h>

#include "base/list.h"
#include "socket/descriptor.h"

struct ft_socket;
struct ft_sockets;
struct ft_stack;

struct ft_epoll {
	struct ft_description description;
	struct ft_list watches; // all: the interest list
	struct ft_list ready;
	uint32_t ready_count;
};

// One socket in one epoll, under one number: a socket's two descriptors may both be added, as in
// Linux.
struct ft_watch {
	struct ft_list of_socket;
	struct ft_list of_epoll;
	struct ft_list ready; // on itself when not in the ready list
	struct ft_socket *socket;
	struct ft_epoll *epoll;
	int fd;
	struct epoll_event wanted; // after EPOLLONESHOT has fired: no events
};

// A new epoll with one descriptor, *fd. Returns 0, -EMFILE or -ENOMEM.
int ft_interest_create(struct ft_stack *stack, struct ft_epoll **epoll, int *fd);
void ft_interest_destroy(struct ft_stack *stack, struct ft_epoll *epoll);

// EPOLL_CTL_ADD (-EEXIST, -ENOSPC), _MOD and _DEL (-ENOENT).
int ft_interest_add(struct ft_stack *stack, struct ft_epoll *epoll, struct ft_socket *socket,
	int fd, const struct epoll_event *event);
int ft_interest_modify(
	struct ft_epoll *epoll, struct ft_socket *socket, int fd, const struct epoll_event *event);
int ft_interest_remove(
	struct ft_stack *stack, struct ft_epoll *epoll, struct ft_socket *socket, int fd);

// Removes a socket from every epoll: it is being closed.
void ft_interest_forget(struct ft_stack *stack, struct ft_socket *socket);

// Puts the watches that want one of `events` on their ready lists.
void ft_interest_wake(struct ft_socket *socket, uint32_t events);

// Reports up to `most` ready sockets into `events` and returns how many. Those reported level
// triggered go to the end of the line, so that with more ready than `most` all get their turn.
int ft_interest_collect(struct ft_epoll *epoll, struct epoll_event *events, int most);

// True when ft_interest_collect() would report something.
bool ft_interest_is_ready(const struct ft_epoll *epoll);
