// The socket: what stands between a protocol and a descriptor. Protocols tell it that something
// happened; epoll and blocked calls are told by it.
//
//	descriptor 3 --+                           +-- conn, or binding and listener (tcp/)
//	               +--> struct ft_socket ------+
//	descriptor 5 --+        |                  +-- struct ft_udp_socket (udp/)
//	(dup of 3)              +-- watches: one for each epoll that has it (interest.h)
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "demux/port_table.h"
#include "socket/descriptor.h"
#include "socket/settings.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

struct ft_stack;

struct ft_socket {
	struct ft_description description;
	uint32_t first_watch; // the others behind it; FT_POOL_NONE: none
	bool is_udp : 1;
	bool is_bound : 1;	// TCP: `binding` claims a port
	bool is_connecting : 1; // TCP: connect() has begun and has not told yet how it ended
	bool may_broadcast : 1; // SO_BROADCAST
	bool binds_no_port : 1; // IP_BIND_ADDRESS_NO_PORT
	uint8_t mtu_discover;	// IP_MTU_DISCOVER
	struct ft_settings *settings;
	struct ft_tcp_anchor *conn; // TCP, from connect() or accept() on
	union {
		struct ft_binding *binding; // TCP; NULL: accepted, so its port is the listener's
		struct ft_udp_socket *udp;  // which has its own
	};
};

// What socket->binding points into: most sockets are accepted and have none.
struct ft_socket_binding {
	struct ft_binding binding;
	struct ft_socket *socket;
};

_Static_assert(sizeof(struct ft_socket) == 48, "each connection of an application has one");

// All sockets of a stack, and the descriptors that lead to them.
struct ft_sockets {
	struct ft_descriptors descriptors;
	struct ft_pool sockets;	 // struct ft_socket
	struct ft_pool bindings; // struct ft_socket_binding
	struct ft_pool settings; // struct ft_settings
	uint32_t settings_chains[FT_SETTINGS_CHAINS];
	struct ft_settings *first_settings[2]; // of TCP, of UDP
	struct ft_pool epolls;		       // struct ft_epoll
	struct ft_pool watches;		       // struct ft_watch
	// Rises with each ft_socket_notify(), so that who watches many sockets without an epoll
	// need not look at them again while nothing has happened.
	uint64_t notifications;
};

// Its pool's objects stand one behind the other, so that no division by a stride is needed.
static inline uint32_t ft_socket_index(
	const struct ft_sockets *sockets, const struct ft_socket *socket)
{
	return (uint32_t)(socket - (const struct ft_socket *)sockets->sockets.objects);
}

// Makes stack->sockets: room for config.socket.descriptors. Returns 0 or -ENOMEM.
int ft_socket_init(struct ft_stack *stack);
// Closes what is open (connections are aborted) and frees it all.
void ft_socket_free(struct ft_stack *stack);

// Closes every descriptor, without waiting: connections say goodbye in the turns that follow.
void ft_socket_close_all(struct ft_stack *stack, ft_time now);

// Tells everyone who watches this socket that the EPOLL* events in `events` may hold now. Cheap
// when nobody watches; never calls back into the protocol. Called by tcp/ and udp/ after their
// state has changed.
void ft_socket_notify(struct ft_stack *stack, struct ft_socket *socket, uint32_t events);

// A UDP socket, or one for TCP, with the configured settings and one descriptor, *fd. Returns 0,
// -EMFILE or -ENOMEM.
int ft_socket_create(struct ft_stack *stack, bool is_udp, struct ft_socket **socket, int *fd);

// A TCP socket that was told what a listening one was, with one descriptor, for a connection that waits there. NULL:
// all are in use.
struct ft_socket *ft_socket_create_accepted(
	struct ft_stack *stack, const struct ft_socket *listening, bool is_nonblocking);

// A socket's binding, made if it has none: an accepted one that has lost its connection may be bound. There is
// one for each socket.
struct ft_binding *ft_socket_need_binding(struct ft_stack *stack, struct ft_socket *socket);

// NULL: accepted, so its port is the listener's.
static inline struct ft_binding *ft_socket_get_binding(const struct ft_socket *socket)
{
	return socket->is_udp ? &socket->udp->binding : socket->binding;
}

// NULL unless the socket listens.
static inline struct ft_tcp_listener *ft_socket_listener(const struct ft_socket *socket)
{
	return socket->is_udp || socket->binding == NULL ? NULL : socket->binding->listener;
}

// Gives up one descriptor, a number in use; with the last one the socket or epoll behind it is closed, as CLOSE of
// its protocol says.
void ft_socket_close_number(struct ft_stack *stack, int fd, ft_time now);

// A descriptor that leads here, -1 when there is none.
int ft_socket_number(const struct ft_socket *socket);

// The EPOLL* events that hold now, of a socket or an epoll.
uint32_t ft_socket_readiness(struct ft_stack *stack, const struct ft_description *description);
