// How each of the public calls begins and ends: a descriptor becomes a socket, a negative errno
// becomes -1 and errno. Between the two everything works with negative errnos.
#pragma once
#include "socket/socket.h"

struct ft_stack;

// The calling thread's stack, or NULL with errno ENXIO.
struct ft_stack *ft_call_stack(void);

// What `fd` leads to, and the stack it belongs to; or NULL with errno ENXIO or EBADF.
struct ft_description *ft_call_description(int fd, struct ft_stack **stack);

// The socket that `fd` leads to; or NULL with errno as above, or ENOTSOCK.
struct ft_socket *ft_call_socket(int fd, struct ft_stack **stack);

// A result of 0 or more as it is; a negative one as errno and -1.
long ft_call_result(long result);
