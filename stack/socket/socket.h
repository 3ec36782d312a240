// The socket: what stands between a protocol and a descriptor. Protocols tell it that something
// happened; epoll and blocked calls are told by it.
//
//	descriptor 3 --+                           +-- conn or listener (tcp/)
//	               +--> struct ft_socket ------+
//	descriptor 5 --+        |                  +-- struct ft_udp_socket (udp/)
//	(dup of 3)              +-- watches: one for each epoll that has it (interest.h)
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/pool.h"
#include "demux/port_table.h"
#include "socket/descriptor.h"
#include "tcp/tcp.h"

struct ft_stack;
struct ft_udp_socket;

struct ft_socket {
	struct ft_description description;
	struct ft_list watches;
	bool is_udp;
	bool is_bound;	      // TCP: `binding` claims a port
	bool is_connecting;   // TCP: connect() has begun and has not told yet how it ended
	bool may_broadcast;   // SO_BROADCAST
	bool binds_no_port;   // IP_BIND_ADDRESS_NO_PORT
	uint8_t mtu_discover; // IP_MTU_DISCOVER
	bool has_linger;      // SO_LINGER
	uint32_t linger_s;
	ft_time receive_timeout; // SO_RCVTIMEO, FT_NEVER when there is none
	ft_time send_timeout;
	struct ft_tcp_options options;	  // of UDP too, as far as they apply
	struct ft_binding binding;	  // TCP; UDP has its own
	struct ft_tcp_anchor *conn;	  // TCP, from connect() or accept() on
	struct ft_tcp_listener *listener; // TCP, from listen() on
	struct ft_udp_socket *udp;
};

// All sockets of a stack, and the descriptors that lead to them.
struct ft_sockets {
	struct ft_descriptors descriptors;
	struct ft_pool sockets; // struct ft_socket
	struct ft_pool epolls;	// struct ft_epoll
	struct ft_pool watches; // struct ft_watch
	// Rises with each ft_socket_notify(), so that who watches many sockets without an epoll
	// need not look at them again while nothing has happened.
	uint64_t notifications;
};

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

// A UDP socket, or one for TCP, with the configured options and one descriptor, *fd. Returns 0,
// -EMFILE or -ENOMEM.
int ft_socket_create(struct ft_stack *stack, bool is_udp, struct ft_socket **socket, int *fd);

// Gives up one descriptor; with the last one the socket or epoll behind it is closed, as CLOSE of
// its protocol says. Returns 0 or -EBADF.
int ft_socket_close(struct ft_stack *stack, int fd, ft_time now);

// A descriptor that leads here, -1 when there is none.
int ft_socket_number(const struct ft_socket *socket);

// The EPOLL* events that hold now, of a socket or an epoll.
uint32_t ft_socket_readiness(const struct ft_description *description);
