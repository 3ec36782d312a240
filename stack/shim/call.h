// How each of the public calls begins and ends: a descriptor becomes a socket, a negative errno
// becomes -1 and errno. Between the two everything works with negative errnos.
//
// No program that only calls may keep its stack from running, by asking again and again for what fails, or
// for what is always there. So a call that fails turns the loop, if it has not, and so does every
// FT_CALLS_TO_A_TURN-th that comes without a turn. No sooner: a program that has all it is told of done before
// more comes in is not flooded.
#pragma once
#include <errno.h>

#include "base/trace.h"
#include "shim/thread.h"
#include "socket/socket.h"
#include "stack.h"
#include "tcp/tcp_at_once.h"

// The calling thread's stack, or NULL with errno ENXIO.
struct ft_stack *ft_call_stack(void);

// The tuple of what has a peer or had one, else NULL.
const struct ft_tuple *ft_call_tuple(const struct ft_socket *socket);

// Tells the trace of a call as a textbook writes it, "bind(fd 3, 0.0.0.0:7)", and how it went: "done",
// "fd 4" when `result` is a descriptor, or the error in words. `tuple` is the connection's it concerns,
// NULL if none.
void ft_call_tell(struct ft_stack *stack, const struct ft_tuple *tuple, long result,
	const char *format, ...) __attribute__((cold, format(printf, 4, 5)));

#define ft_call_trace(stack, tuple, result, ...)                         \
	do {                                                             \
		if (ft_is_traced(stack, FT_TRACE_SOCKET))                \
			ft_call_tell(stack, tuple, result, __VA_ARGS__); \
	} while (0)

#define FT_CALLS_TO_A_TURN 1024

// The long ways of the functions below.
struct ft_description *ft_call_find_description(int fd) __attribute__((cold));
struct ft_socket *ft_call_find_socket(int fd) __attribute__((cold));

// What `fd` leads to on the calling thread's stack, if all is as usual, or NULL. Nothing is changed: the call is not
// counted yet, so that whatever is not as usual begins anew.
static inline struct ft_description *ft_call_look(int fd, const struct ft_stack *stack)
{
	if (unlikely(ft_thread_begin.calls_left == 0))
		return NULL;
	return ft_descriptor_description(&stack->sockets->descriptors, fd);
}

// What `fd` leads to, and the stack it belongs to; or NULL with errno ENXIO or EBADF.
static inline struct ft_description *ft_call_description(int fd, struct ft_stack **stack)
{
	struct ft_description *description;

	*stack = ft_thread_stack();
	description = ft_call_look(fd, *stack);
	if (unlikely(description == NULL))
		return ft_call_find_description(fd);
	ft_thread_begin.calls_left--;
	return description;
}

// Likewise the socket, or NULL with errno ENOTSOCK.
static inline struct ft_socket *ft_call_socket(int fd, struct ft_stack **stack)
{
	struct ft_description *description;

	*stack = ft_thread_stack();
	description = ft_call_look(fd, *stack);
	if (unlikely(description == NULL || description->kind != FT_DESCRIPTION_SOCKET))
		return ft_call_find_socket(fd);
	ft_thread_begin.calls_left--;
	return ft_container_of(description, struct ft_socket, description);
}

// The connection at work that `fd` leads to on the calling thread's stack; or NULL, when it is for the function above
// to find what there is instead. The call is not counted.
static inline struct ft_tcp_conn *ft_call_find_at_work(int fd, struct ft_stack *stack)
{
	const struct ft_description *description = ft_call_look(fd, stack);

	if (unlikely(description == NULL))
		return NULL;
	return ft_tcp_at_work(ft_container_of(description, const struct ft_socket, description));
}

long ft_call_failed(int error) __attribute__((cold));

// A result of 0 or more as it is; a negative one as errno and -1.
static inline long ft_call_result(long result)
{
	return likely(result >= 0) ? result : ft_call_failed((int)-result);
}
