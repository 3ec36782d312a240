// The calls under test, and the two that offer them: the kernel and fourtuple.
#pragma once
#include <stdint.h>

#include "fourtuple.h"

// Every call of <fourtuple.h> that has a twin in the kernel.
#define FT_CALLS(CALL)      \
	CALL(socket)        \
	CALL(bind)          \
	CALL(listen)        \
	CALL(accept)        \
	CALL(accept4)       \
	CALL(connect)       \
	CALL(shutdown)      \
	CALL(close)         \
	CALL(dup)           \
	CALL(getsockname)   \
	CALL(getpeername)   \
	CALL(sockatmark)    \
	CALL(send)          \
	CALL(sendto)        \
	CALL(sendmsg)       \
	CALL(write)         \
	CALL(writev)        \
	CALL(recv)          \
	CALL(recvfrom)      \
	CALL(recvmsg)       \
	CALL(read)          \
	CALL(readv)         \
	CALL(getsockopt)    \
	CALL(setsockopt)    \
	CALL(fcntl)         \
	CALL(ioctl)         \
	CALL(poll)          \
	CALL(ppoll)         \
	CALL(select)        \
	CALL(epoll_create)  \
	CALL(epoll_create1) \
	CALL(epoll_ctl)     \
	CALL(epoll_wait)

struct ft_calls {
#define DECLARE(name) __typeof__(ft_##name) *name;
	FT_CALLS(DECLARE)
#undef DECLARE
};

struct ft_side {
	const char *name;
	struct ft_calls calls;
	void (*begin)(void);	     // a case: nothing is open
	void (*end)(void);	     // whatever is open is closed
	void (*settle)(void);	     // until every packet sent has arrived, and its answers
	uint64_t (*now_ns)(void);    // a clock
	uint16_t (*free_port)(void); // it and the next are free, for TCP and UDP
};

extern const struct ft_side ft_side_kernel, ft_side_fourtuple;
