// The socket: what stands between a protocol and a descriptor. Protocols tell it that something
// happened; epoll and blocked calls are told by it.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct ft_socket;
struct ft_stack;

// Makes stack->sockets: room for config.socket.descriptors. Returns 0 or -ENOMEM.
int ft_socket_init(struct ft_stack *stack);
// Closes what is open (connections are aborted) and frees it all.
void ft_socket_free(struct ft_stack *stack);

// Tells everyone who watches this socket that the EPOLL* events in `events` may hold now. Cheap
// when nobody watches; never calls back into the protocol. Called by tcp/ and udp/ after their
// state has changed.
void ft_socket_notify(struct ft_stack *stack, struct ft_socket *socket, uint32_t events);

// Makes stack->sockets with config.socket.descriptors descriptors; called by ft_stack_init() after
// the protocols. Returns 0 or -ENOMEM.
int ft_socket_init(struct ft_stack *stack);

// Closes every descriptor, without waiting; called by ft_stack_free() before the protocols are
// freed.
void ft_socket_free(struct ft_stack *stack);
