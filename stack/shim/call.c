#include "shim/call.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "shim/thread.h"
#include "stack.h"

static __attribute__((cold, noinline)) struct ft_stack *lack_stack(void)
{
	static _Thread_local bool was_logged;

	if (!was_logged)
		ft_log_error("this thread has no stack: call ft_init() first, in the same thread");
	was_logged = true;
	errno = ENXIO;
	return NULL;
}

// Apart, so that a call that goes well has nothing to keep over this one.
static __attribute__((cold, noinline)) void *refuse(int error)
{
	errno = error;
	return NULL;
}

static inline struct ft_stack *find_stack(void)
{
	struct ft_stack *stack = ft_thread_stack();

	if (unlikely(stack == NULL))
		return lack_stack();
	if (unlikely(ft_thread_begin.calls_left == 0))
		ft_thread_turn_at_once();
	else
		ft_thread_begin.calls_left--;
	return stack;
}

long ft_call_failed(int error)
{
	if (ft_thread_stack() != NULL && ft_thread_begin.calls_left < FT_CALLS_TO_A_TURN)
		ft_thread_turn_at_once();
	errno = error;
	return -1;
}

struct ft_stack *ft_call_stack(void)
{
	return find_stack();
}

struct ft_description *ft_call_find_description(int fd)
{
	struct ft_stack *stack = find_stack();
	struct ft_description *description;

	if (stack == NULL)
		return NULL;
	description = ft_descriptor_description(&stack->sockets->descriptors, fd);
	return likely(description != NULL) ? description : refuse(EBADF);
}

struct ft_socket *ft_call_find_socket(int fd)
{
	struct ft_description *description = ft_call_find_description(fd);

	if (description == NULL)
		return NULL;
	if (description->kind != FT_DESCRIPTION_SOCKET)
		return refuse(ENOTSOCK);
	return ft_container_of(description, struct ft_socket, description);
}

const struct ft_tuple *ft_call_tuple(const struct ft_socket *socket)
{
	if (socket->is_udp)
		return socket->udp->is_connected ? &socket->udp->tuple : NULL;
	return socket->conn != NULL ? ft_tcp_tuple(socket->conn) : NULL;
}

void ft_call_tell(
	struct ft_stack *stack, const struct ft_tuple *tuple, long result, const char *format, ...)
{
	char call[256], how[64];
	va_list args;

	assert(format != NULL); // or gcc fears for it under sanitizers
	va_start(args, format);
	vsnprintf(call, sizeof(call), format, args);
	va_end(args);
	if (result > 0)
		snprintf(how, sizeof(how), "fd %ld", result);
	else
		snprintf(how, sizeof(how), "%s", result == 0 ? "done" : strerror((int)-result));
	ft_trace_of(stack, FT_TRACE_SOCKET, tuple, "%s: %s", call, how);
}
