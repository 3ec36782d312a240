// poll(2), ppoll(2), and select(2) made of it.
#include <errno.h>
#include <signal.h>

#include "fourtuple.h"
#include "shim/call.h"
#include "shim/thread.h"
#include "shim/wait.h"
#include "stack.h"

// The poll bits and the epoll bits have the same values.
_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLPRI == EPOLLPRI &&
		       POLLERR == EPOLLERR && POLLHUP == EPOLLHUP && POLLRDHUP == EPOLLRDHUP,
	"as in Linux");

// What poll() reports without being asked.
#define ALWAYS (POLLERR | POLLHUP)

static short look_at(struct ft_stack *stack, const struct pollfd *fd, short always)
{
	struct ft_descriptor *descriptor;

	if (fd->fd < 0)
		return 0;
	descriptor = ft_descriptor_find(&stack->sockets->descriptors, fd->fd);
	if (descriptor == NULL)
		return POLLNVAL;
	return ft_socket_readiness(stack, descriptor->description) & (fd->events | always);
}

static int look_at_all(struct ft_stack *stack, struct pollfd *fds, nfds_t count, short always)
{
	int ready = 0;

	for (nfds_t i = 0; i < count; i++) {
		fds[i].revents = look_at(stack, &fds[i], always);
		ready += fds[i].revents != 0;
	}
	return ready;
}

// Looks again only after something has happened to some socket.
static int await_any(
	struct ft_stack *stack, struct pollfd *fds, nfds_t count, short always, ft_time timeout)
{
	struct ft_wait wait;
	uint64_t seen;
	int ready, error;

	ft_wait_begin(&wait, timeout == 0, timeout);
	for (;;) {
		seen = stack->sockets->notifications;
		ready = look_at_all(stack, fds, count, always);
		if (ready > 0)
			return ready;
		do {
			error = ft_wait_turn(&wait);
			if (error != 0)
				return error == -EAGAIN ? 0 : error;
		} while (stack->sockets->notifications == seen);
	}
}

static int poll_all(struct ft_stack *stack, struct pollfd *fds, nfds_t count, ft_time timeout)
{
	if (count > stack->sockets->descriptors.maximum)
		return -EINVAL;
	if (fds == NULL && count > 0)
		return -EFAULT;
	return await_any(stack, fds, count, ALWAYS, timeout);
}

int ft_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct ft_stack *stack = ft_call_stack();
	ft_time timeout = timeout_ms < 0 ? FT_NEVER : (ft_time)timeout_ms * FT_MILLISECOND;

	if (stack == NULL)
		return -1;
	return ft_call_result(poll_all(stack, fds, count, timeout));
}

// Seconds and a fraction; at most what a clock can count.
static int read_timeout(int64_t seconds, int64_t fraction, int64_t in_a_second, ft_time *timeout)
{
	if (seconds < 0 || fraction < 0 || fraction >= in_a_second)
		return -EINVAL;
	*timeout = FT_NEVER;
	if ((uint64_t)seconds < UINT32_MAX)
		*timeout = seconds * FT_SECOND + fraction * (FT_SECOND / in_a_second);
	return 0;
}

static int poll_masked(struct ft_stack *stack, struct pollfd *fds, nfds_t count, ft_time timeout,
	const sigset_t *mask)
{
	sigset_t before;
	int result;

	if (mask != NULL)
		pthread_sigmask(SIG_SETMASK, mask, &before);
	result = poll_all(stack, fds, count, timeout);
	if (mask != NULL)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

int ft_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
	struct ft_stack *stack = ft_call_stack();
	ft_time timeout_ns = FT_NEVER;

	if (stack == NULL)
		return -1;
	if (timeout != NULL &&
		read_timeout(timeout->tv_sec, timeout->tv_nsec, FT_SECOND, &timeout_ns) != 0)
		return ft_call_result(-EINVAL);
	return ft_call_result(poll_masked(stack, fds, count, timeout_ns, mask));
}

// What makes a descriptor a member of each set, as Linux has it.
#define READ_EVENTS   (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define WRITE_EVENTS  (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define EXCEPT_EVENTS POLLPRI

struct sets {
	fd_set *set[3];
};

static const short set_events[3] = { READ_EVENTS, WRITE_EVENTS, EXCEPT_EVENTS };

static bool is_member(int fd, const fd_set *set)
{
	return set != NULL && FD_ISSET(fd, set);
}

static int read_sets(int count, const struct sets *sets, struct pollfd *fds)
{
	int used = 0;

	for (int fd = 0; fd < count; fd++) {
		short events = 0;

		for (int i = 0; i < 3; i++)
			events |= is_member(fd, sets->set[i]) ? set_events[i] : 0;
		if (events != 0)
			fds[used++] = (struct pollfd){ .fd = fd, .events = events };
	}
	return used;
}

// Leaves in the sets what is ready, and counts the bits that are.
static int write_sets(const struct sets *sets, const struct pollfd *fds, int used)
{
	int bits = 0;

	for (int i = 0; i < used; i++) {
		if (fds[i].revents & POLLNVAL)
			return -EBADF;
	}
	for (int i = 0; i < used; i++) {
		for (int s = 0; s < 3; s++) {
			if (!is_member(fds[i].fd, sets->set[s]))
				continue;
			if (fds[i].revents & set_events[s])
				bits++;
			else
				FD_CLR(fds[i].fd, sets->set[s]);
		}
	}
	return bits;
}

// More microseconds than a second has are seconds, as in Linux.
static int read_timeval(const struct timeval *time, ft_time *timeout)
{
	int64_t seconds;

	if (time->tv_sec < 0 || time->tv_usec < 0)
		return -EINVAL;
	if (__builtin_add_overflow(time->tv_sec, time->tv_usec / 1000000, &seconds))
		seconds = INT64_MAX;
	return read_timeout(seconds, time->tv_usec % 1000000, 1000000, timeout);
}

static int select_any(
	struct ft_stack *stack, int count, const struct sets *sets, struct timeval *timeout)
{
	struct pollfd fds[FD_SETSIZE];
	ft_time timeout_ns = FT_NEVER;
	int used, ready;

	if (count < 0)
		return -EINVAL;
	if (timeout != NULL && read_timeval(timeout, &timeout_ns) != 0)
		return -EINVAL;
	used = read_sets(RTE_MIN(count, FD_SETSIZE), sets, fds);
	ready = await_any(stack, fds, used, 0, timeout_ns);
	return ready < 0 ? ready : write_sets(sets, fds, used);
}

int ft_select(
	int count, fd_set *read_fds, fd_set *write_fds, fd_set *except_fds, struct timeval *timeout)
{
	struct sets sets = { .set = { read_fds, write_fds, except_fds } };
	struct ft_stack *stack = ft_call_stack();

	if (stack == NULL)
		return -1;
	return ft_call_result(select_any(stack, count, &sets, timeout));
}
