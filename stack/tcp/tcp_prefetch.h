// Cache misses of a burst, taken together: what will be touched when its packets are delivered and the applications
// read them is fetched ahead. In stages, so that no stage waits for a miss of its own. A hint, no more.
#pragma once
#include <stdint.h>

#include <rte_prefetch.h>

#include "tcp/conn.h"

#define FT_TCP_LINE 64 // bytes, as conn.h counts

static inline void ft_tcp_prefetch_lines(const void *object, uint32_t first, uint32_t end)
{
#pragma GCC unroll 8
	for (uint32_t line = first; line < end; line++)
		rte_prefetch0((const char *)object + line * FT_TCP_LINE);
}

// So many bytes of a request, and of an answer, lie in lines that are needed anyway; more, or what notes the packets they
// wait in, in the line behind.
#define FT_TCP_NEAR_BYTES 30

_Static_assert(
	offsetof(struct ft_tcp_conn, receive_queue.few) + FT_TCP_NEAR_BYTES == 6 * FT_TCP_LINE &&
		offsetof(struct ft_tcp_conn, send_queue.few) + FT_TCP_NEAR_BYTES <= 8 * FT_TCP_LINE,
	"in lines 5 and 7");

// Of a connection that was found those lines of its block that a request of few bytes needs (conn.h), or what it left at
// rest. The segment is `length` long; the answer may be, too.
static inline void ft_tcp_prefetch_block(const struct ft_tcp_anchor *anchor, uint32_t length)
{
	if (unlikely(ft_anchor_is_at_rest(anchor))) {
		ft_tcp_prefetch_lines(anchor, 1, 2); // the first has been read
		return;
	}
	ft_tcp_prefetch_lines(anchor->conn, 0, 6);
	ft_tcp_prefetch_lines(anchor->conn, 7, 8);
	ft_tcp_prefetch_lines(anchor->conn, 10, 11);
	if (length > FT_TCP_NEAR_BYTES) {
		ft_tcp_prefetch_lines(anchor->conn, 6, 7);
		ft_tcp_prefetch_lines(anchor->conn, 8, 9);
	}
}

// Of those that stand one behind the other in a pool half lie in two lines.
static inline void ft_tcp_prefetch_object(const void *object, size_t bytes)
{
	const uintptr_t address = (uintptr_t)object;

	rte_prefetch0((const void *)address);
	rte_prefetch0((const void *)(address + bytes - 1));
}

// And if its application will hear of the segment the socket, which is returned. (One that is just opening has none, and
// gets that of another; which is none in use, maybe.)
static inline const struct ft_socket *ft_tcp_prefetch_socket(
	const struct ft_stack *stack, const struct ft_tcp_anchor *anchor)
{
	const struct ft_socket *sockets = (struct ft_socket *)stack->sockets->sockets.objects;
	const struct ft_socket *socket = sockets + anchor->socket;

	ft_tcp_prefetch_object(socket, sizeof(*socket));
	return socket;
}

// Then what these sockets point to.
void ft_tcp_prefetch_around(
	struct ft_stack *stack, const struct ft_socket *const *sockets, uint32_t count);
