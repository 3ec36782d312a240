#include "shim/wait.h"

#include <errno.h>

#include "shim/thread.h"

void ft_wait_begin(struct ft_wait *wait, bool is_nonblocking, ft_time timeout)
{
	*wait = (struct ft_wait){ .deadline = FT_NEVER, .is_nonblocking = is_nonblocking };
	if (!is_nonblocking && timeout != FT_NEVER)
		wait->deadline = ft_thread_now() + timeout;
}

int ft_wait_turn(struct ft_wait *wait)
{
	if (wait->is_nonblocking && wait->has_turned)
		return -EAGAIN;
	if (!wait->is_nonblocking && ft_thread_take_interrupt())
		return -EINTR;
	if (wait->deadline != FT_NEVER && ft_thread_now() >= wait->deadline)
		return -EAGAIN;
	wait->has_turned = true;
	ft_thread_turn();
	return 0;
}
