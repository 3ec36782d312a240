// DPDK's af_packet driver puts its sockets into a fanout group and has the kernel reassemble IP
// datagrams first, so that all fragments of one reach the same queue. We have one queue, and a
// stack that reassembles for itself; and a whole datagram would be cut to the driver's frame size
// (2048 bytes), which is to say lost. The flag can neither be chosen in the device string nor taken
// back later (EALREADY), so it is masked on its way into the kernel: the driver, as every library,
// finds this setsockopt() before libc's, in the program (linked with libfourtuple.a) or in
// libfourtuple.so, which stands before libc in the order of look-up since a program names libc last.
// A library opened later, with dlopen(), comes too late for that: then fragments are lost on
// af_packet, and only there.
#include "drivers/fanout.h"

#include <linux/if_packet.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_keeping;

void ft_fanout_keep_fragments(bool keep)
{
	is_keeping = keep;
}

// The argument holds a group's number in its lower half, its kind and flags in the upper.
__attribute__((visibility("default"))) int setsockopt(
	int fd, int level, int name, const void *value, socklen_t bytes)
{
	uint32_t fanout;

	if (is_keeping && level == SOL_PACKET && name == PACKET_FANOUT && bytes == sizeof(fanout)) {
		memcpy(&fanout, value, sizeof(fanout));
		fanout &= ~((uint32_t)PACKET_FANOUT_FLAG_DEFRAG << 16);
		value = &fanout;
	}
	return (int)syscall(SYS_setsockopt, fd, level, name, value, bytes);
}
