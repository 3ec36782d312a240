// epoll(7); socket/interest.h has the lists.
#include <errno.h>
#include <limits.h>

#include "fourtuple.h"
#include "shim/call.h"
#include "shim/thread.h"
#include "shim/wait.h"
#include "socket/interest.h"
#include "stack.h"

static int create(struct ft_stack *stack, int flags)
{
	struct ft_epoll *epoll;
	int fd, error;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	error = ft_interest_create(stack, &epoll, &fd);
	if (error != 0)
		return error;
	ft_descriptor_find(&stack->sockets->descriptors, fd)->close_on_exec = flags & EPOLL_CLOEXEC;
	return fd;
}

int ft_epoll_create1(int flags)
{
	struct ft_stack *stack = ft_call_stack();

	return stack == NULL ? -1 : (int)ft_call_result(create(stack, flags));
}

int ft_epoll_create(int size)
{
	return size <= 0 ? (int)ft_call_result(-EINVAL) : ft_epoll_create1(0);
}

static inline struct ft_epoll *find_epoll(int fd, struct ft_stack **stack)
{
	struct ft_description *description = ft_call_description(fd, stack);

	if (description == NULL)
		return NULL;
	if (description->kind != FT_DESCRIPTION_EPOLL) {
		errno = EINVAL;
		return NULL;
	}
	return ft_container_of(description, struct ft_epoll, description);
}

static inline int change(struct ft_stack *stack, struct ft_epoll *epoll, int operation,
	struct ft_socket *socket, int fd, const struct epoll_event *event)
{
	if (likely(operation == EPOLL_CTL_ADD))
		return ft_interest_add(stack, epoll, socket, fd, event);
	switch (operation) {
	case EPOLL_CTL_MOD:
		return ft_interest_modify(stack, epoll, socket, fd, event);
	case EPOLL_CTL_DEL:
		return ft_interest_remove(stack, epoll, socket, fd);
	default:
		return -EINVAL;
	}
}

// Finds out what is not as it should be, if anything is.
static __attribute__((noinline)) int change_carefully(
	int epoll_fd, int operation, int fd, const struct epoll_event *event)
{
	struct ft_stack *stack;
	struct ft_description *watched = ft_call_description(fd, &stack);
	struct ft_epoll *epoll;

	if (watched == NULL)
		return -1;
	epoll = find_epoll(epoll_fd, &stack);
	if (epoll == NULL)
		return -1;
	if (watched->kind == FT_DESCRIPTION_EPOLL)
		return ft_call_result(-EINVAL);
	if (event == NULL && operation != EPOLL_CTL_DEL)
		return ft_call_result(-EFAULT);
	return ft_call_result(change(stack, epoll, operation,
		ft_container_of(watched, struct ft_socket, description), fd, event));
}

int ft_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	struct ft_stack *stack = ft_thread_stack();
	struct ft_description *watched = ft_call_look(fd, stack);
	struct ft_description *watching = ft_call_look(epoll_fd, stack);

	if (unlikely(watched == NULL || watched->kind != FT_DESCRIPTION_SOCKET ||
		     watching == NULL || watching->kind != FT_DESCRIPTION_EPOLL || event == NULL))
		return change_carefully(epoll_fd, operation, fd, event);
	ft_thread_begin.calls_left--;
	return ft_call_result(change(stack, ft_container_of(watching, struct ft_epoll, description),
		operation, ft_container_of(watched, struct ft_socket, description), fd, event));
}

static int wait_for_events(struct ft_stack *stack, struct ft_epoll *epoll,
	struct epoll_event *events, int most, int timeout_ms)
{
	struct ft_wait wait;
	int count, error;

	ft_wait_begin(&wait, timeout_ms == 0,
		timeout_ms < 0 ? FT_NEVER : (ft_time)timeout_ms * FT_MILLISECOND);
	while ((count = ft_interest_collect(stack, epoll, events, most)) == 0) {
		error = ft_wait_turn(&wait);
		if (error != 0)
			return error == -EAGAIN ? 0 : error;
	}
	return count;
}

int ft_epoll_wait(int epoll_fd, struct epoll_event *events, int max_events, int timeout_ms)
{
	struct ft_stack *stack;
	struct ft_epoll *epoll;

	if (max_events <= 0 || (size_t)max_events > INT_MAX / sizeof(*events))
		return ft_call_result(-EINVAL);
	epoll = find_epoll(epoll_fd, &stack);
	if (epoll == NULL)
		return -1;
	if (events == NULL)
		return ft_call_result(-EFAULT);
	return ft_call_result(wait_for_events(stack, epoll, events, max_events, timeout_ms));
}
