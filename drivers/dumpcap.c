// When dpdk-dumpcap goes, it asks us to call it back no more, and as soon as it has our answer it frees
// what the copies were written to. DPDK 22.11 gives this answer from a thread of its own, without asking
// whether the loop's thread is just within a burst, and so within the callback: that one would then
// write to memory that is gone.
//
//	loop's thread     | burst: callback, copying ............. |
//	DPDK's thread           "no more!" callback removed ........ answer
//	dpdk-dumpcap                                                       frees
//
// So the answer waits for the end of the burst. It goes out by sendmsg() to the other process's
// mp_socket_*: DPDK's libraries find this one before libc's, as with setsockopt() in fanout.c.
#include "drivers/dumpcap.h"

#include <dlfcn.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <rte_errno.h>
#include <rte_pdump.h>

#include "base/log.h"

struct ft_dumpcap ft_dumpcap;

int ft_dumpcap_start(void)
{
	ft_dumpcap.is_on = rte_pdump_init() == 0;
	if (ft_dumpcap.is_on)
		return 0;
	ft_log_error("[nic] dumpcap = yes: DPDK's packet capture did not start: %s",
		rte_strerror(rte_errno));
	return rte_errno > 0 ? -rte_errno : -EIO;
}

void ft_dumpcap_stop(void)
{
	if (ft_dumpcap.is_on)
		rte_pdump_uninit();
	ft_dumpcap.is_on = false;
}

static bool is_to_other_process(const struct msghdr *message)
{
	const struct sockaddr_un *to = message->msg_name;

	return to != NULL && message->msg_namelen >= sizeof(*to) && to->sun_family == AF_UNIX &&
	       memmem(to->sun_path, sizeof(to->sun_path), "/mp_socket", 10) != NULL;
}

// A burst that begins later does not see the callback any more: the fence stands between its removal
// and the look at the count, as in ft_dumpcap_begin_burst() the addition before the look for callbacks.
static void wait_for_end_of_burst(void)
{
	uint64_t seen;

	atomic_thread_fence(memory_order_seq_cst);
	seen = atomic_load(&ft_dumpcap.bursts);
	while (seen % 2 == 1 && atomic_load(&ft_dumpcap.bursts) == seen)
		sched_yield();
}

__attribute__((visibility("default"))) ssize_t sendmsg(
	int fd, const struct msghdr *message, int flags)
{
	static ssize_t (*next)(int, const struct msghdr *, int);

	if (next == NULL)
		next = dlsym(RTLD_NEXT, "sendmsg");
	if (ft_dumpcap.is_on && is_to_other_process(message))
		wait_for_end_of_burst();
	return next(fd, message, flags);
}
