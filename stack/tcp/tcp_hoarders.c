#include "tcp/tcp_hoarders.h"

#include <errno.h>

#include "tcp/tcp_reset.h"

#define PATIENCE	4  // ticks: 26 to 34 s
#define BLOCKS_EXAMINED 32 // in a turn

static bool is_hoarding(const struct ft_tcp_conn *conn, ft_time now)
{
	uint8_t ticks = (uint8_t)((now >> FT_HOARDERS_TICK_SHIFT) - conn->packets_moved);

	return conn->send_queue.packets.count > 0 && ticks >= PATIENCE;
}

static void end(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_stack_count(stack, FT_COUNTER_TCP_HOARDERS_RESET);
	ft_tcp_reset_conn(stack, conn, now);
	ft_conn_end(stack, conn, ETIMEDOUT);
	ft_conn_reap(stack, conn);
}

// Goes round all blocks ever used, beginning where the last search ended: so there is no list to keep while
// there is enough for all. A block given back has no packets.
void ft_tcp_hoarders_search(struct ft_stack *stack, ft_time now)
{
	struct ft_tcp *tcp = &stack->tcp;

	for (int i = 0; i < BLOCKS_EXAMINED && tcp->conns.fresh > 0; i++) {
		struct ft_tcp_conn *conn;

		tcp->hoarder_hand = (tcp->hoarder_hand + 1) % tcp->conns.fresh;
		conn = ft_pool_at(&tcp->conns, tcp->hoarder_hand);
		if (is_hoarding(conn, now))
			end(stack, conn, now);
	}
}
