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

struct ft_stack *ft_call_stack(void)
{
	static _Thread_local bool was_logged;
	struct ft_stack *stack = ft_thread_stack();

	if (stack != NULL)
		return stack;
	if (!was_logged)
		ft_log_error("this thread has no stack: call ft_init() first, in the same thread");
	was_logged = true;
	errno = ENXIO;
	return NULL;
}

struct ft_description *ft_call_description(int fd, struct ft_stack **stack)
{
	struct ft_descriptor *descriptor;

	*stack = ft_call_stack();
	if (*stack == NULL)
		return NULL;
	descriptor = ft_descriptor_find(&(*stack)->sockets->descriptors, fd);
	if (descriptor == NULL) {
		errno = EBADF;
		return NULL;
	}
	return descriptor->description;
}

struct ft_socket *ft_call_socket(int fd, struct ft_stack **stack)
{
	struct ft_description *description = ft_call_description(fd, stack);

	if (description == NULL)
		return NULL;
	if (description->kind != FT_DESCRIPTION_SOCKET) {
		errno = ENOTSOCK;
		return NULL;
	}
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

long ft_call_result(long result)
{
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}
