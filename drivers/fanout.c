// DPDK's af_packet driver puts its sockets into a fanout group and has the kernel reassemble IP
// datagrams first, so that all fragments of one reach the same queue. We have one queue, and a
// stack that reassembles for itself; and a whole datagram would be cut to the driver's frame size
// (2048 bytes), which is to say lost. Nor can a group be told before Linux 6.2 that it is not to receive what the
// interface sends, as our own segments that the kernel cuts (kernel_gso.h); a single socket can. None of that can be
// chosen in the device string or taken back later, so it is changed on its way into the kernel: the driver, as every
// library, finds this setsockopt() before libc's, in the program (linked with libfourtuple.a) or in
// libfourtuple.so, which stands before libc in the order of look-up since a program names libc last.
// A library opened later, with dlopen(), comes too late for that: then fragments are lost on
// af_packet, and what the kernel cuts comes back to be dropped; and only there.
#include "drivers/fanout.h"

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_staying_out;

void ft_fanout_stay_out(bool stay_out)
{
	is_staying_out = stay_out;
}

static int set(int fd, int level, int name, const void *value, socklen_t bytes)
{
	return (int)syscall(SYS_setsockopt, fd, level, name, value, bytes);
}

__attribute__((visibility("default"))) int setsockopt(
	int fd, int level, int name, const void *value, socklen_t bytes)
{
	const int on = 1;

	if (!is_staying_out || level != SOL_PACKET || name != PACKET_FANOUT)
		return set(fd, level, name, value, bytes);
	// Linux before 4.20 does not know it: then we drop them, since they are for another station.
	set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	return 0;
}
