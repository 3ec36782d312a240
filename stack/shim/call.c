#include "shim/call.h"

#include <errno.h>
#include <stdbool.h>

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

long ft_call_result(long result)
{
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}
