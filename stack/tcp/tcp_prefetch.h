// Cache misses of a burst, taken together: what will be touched when its packets are delivered and the applications
// read them is fetched ahead. In stages, so that no stage waits for a miss of its own. A hint, no more.
#pragma once
#include <stdint.h>

#include <rte_prefetch.h>

#include "tcp/conn.h"

static inline void ft_tcp_prefetch_lines(const void *object, uint32_t bytes)
{
#pragma GCC unroll 16
	for (uint32_t line = 0; line < bytes; line += RTE_CACHE_LINE_SIZE)
		rte_prefetch0((const char *)object + line);
}

// Of a connection that was found its block. Returns how many there are, 0 or 1: *conn.
static inline uint16_t ft_tcp_prefetch_block(
	const struct ft_tcp_anchor *anchor, struct ft_tcp_conn **conn)
{
	if (unlikely(ft_anchor_is_at_rest(anchor))) {
		ft_tcp_prefetch_lines(anchor, sizeof(*anchor));
		return 0;
	}
	*conn = anchor->conn;
	ft_tcp_prefetch_lines(*conn, sizeof(**conn));
	return 1;
}

// Of blocks that were fetched the socket, and what that points to.
void ft_tcp_prefetch_around(
	struct ft_stack *stack, struct ft_tcp_conn *const *conns, uint16_t count);
