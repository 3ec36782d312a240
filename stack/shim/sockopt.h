// Option values as getsockopt(2) and setsockopt(2) carry them.
#pragma once
#include <sys/socket.h>

struct ft_socket;
struct ft_stack;
struct ft_tcp_options;

// An int; the value may be longer than that, not shorter: -EINVAL.
int ft_sockopt_read_int(const void *value, socklen_t length, int *number);

// As much as *length allows, which is then what was written.
int ft_sockopt_write(const void *data, socklen_t bytes, void *value, socklen_t *length);
int ft_sockopt_write_int(int number, void *value, socklen_t *length);

// Changes the options in force: those of the socket, and of what stands behind it, which are the same.
int ft_sockopt_apply(
	struct ft_stack *stack, struct ft_socket *socket, const struct ft_tcp_options *options);

// The level IPPROTO_TCP (sockopt_tcp.c).
int ft_sockopt_tcp_get(
	struct ft_stack *stack, struct ft_socket *socket, int name, void *value, socklen_t *length);
int ft_sockopt_tcp_set(struct ft_stack *stack, struct ft_socket *socket, int name,
	const void *value, socklen_t length);
