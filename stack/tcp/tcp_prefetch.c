#include "tcp/tcp_prefetch.h"

#include <rte_prefetch.h>

#include "socket/interest.h"
#include "socket/socket.h"
#include "stack.h"
#include "tcp/conn.h"

static inline void prefetch(const void *object, uint32_t bytes)
{
#pragma GCC unroll 16
	for (uint32_t line = 0; line < bytes; line += RTE_CACHE_LINE_SIZE)
		rte_prefetch0((const char *)object + line);
}

static uint16_t prefetch_blocks(struct ft_stack *stack, struct rte_mbuf *const *pkts,
	uint16_t count, struct ft_tcp_conn **conns)
{
	uint16_t found = 0;

	for (uint16_t i = 0; i < count; i++) {
		const struct ft_pkt_info *info = ft_pkt_info(pkts[i]);
		const struct ft_tcp_anchor *anchor;

		if (info->kind != FT_PKT_TCP || (uint32_t)info->candidate == FT_CONN_NONE)
			continue;
		anchor = ft_pool_at(&stack->tcp.anchors, (uint32_t)info->candidate);
		if (ft_anchor_is_at_rest(anchor)) {
			prefetch(anchor, sizeof(*anchor));
			continue;
		}
		conns[found] = anchor->conn;
		prefetch(conns[found++], sizeof(*conns[0]));
	}
	return found;
}

// The epoll that watches it, and the descriptor that the application will name.
static void prefetch_around(struct ft_stack *stack, const struct ft_socket *socket)
{
	const struct ft_watch *watch = ft_watch_first(stack, socket);

	if (watch != NULL)
		prefetch(watch, sizeof(*watch));
	rte_prefetch0(&stack->sockets->descriptors.table[socket->description.first]);
}

void ft_tcp_prefetch(struct ft_stack *stack, struct rte_mbuf *const *pkts, uint16_t count)
{
	struct ft_tcp_conn *conns[FT_RX_BURST];
	uint16_t found = prefetch_blocks(stack, pkts, count, conns);

	for (uint16_t i = 0; i < found; i++)
		if (conns[i]->socket != NULL)
			prefetch(conns[i]->socket, sizeof(*conns[i]->socket));
	for (uint16_t i = 0; i < found; i++) {
		// The timer's neighbours in the wheel, which a timer that is set again lets go.
		rte_prefetch0(conns[i]->timer.node.next);
		rte_prefetch0(conns[i]->timer.node.previous);
		if (conns[i]->socket != NULL)
			prefetch_around(stack, conns[i]->socket);
	}
}
