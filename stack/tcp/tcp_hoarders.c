#include "tcp/tcp_hoarders.h"

#include <errno.h>

#include "tcp/tcp_reset.h"

#define PATIENCE	4  // ticks: 26 to 34 s
#define BLOCKS_EXAMINED 32 // in a turn

// Time counts only while the loop turns: after one that stood still (a debugger, an application that
// computes) peers' answers wait in the NIC, and data has not gone out yet.
static bool has_been_short(struct ft_stack *stack, ft_time now)
{
	struct ft_tcp *tcp = &stack->tcp;

	if (now - tcp->short_at > FT_SECOND)
		tcp->short_since = now;
	tcp->short_at = now;
	return now - tcp->short_since >= (ft_time)PATIENCE << FT_HOARDERS_TICK_SHIFT;
}

static bool is_hoarding(const struct ft_tcp_conn *conn, ft_time now)
{
	uint8_t ticks = (uint8_t)((now >> FT_HOARDERS_TICK_SHIFT) - conn->packets_moved);

	return conn->send_queue.packets.count > 0 && ticks >= PATIENCE;
}

static void reset(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_trace_of(stack, FT_TRACE_TCP, &conn->tuple,
		"takes nothing while packets to send are short: reset");
	ft_stack_count(stack, FT_COUNTER_TCP_HOARDERS_RESET);
	ft_tcp_abort_conn(stack, conn, ETIMEDOUT, now);
}

// Goes round all blocks ever used, beginning where the last search ended: so there is no list to keep while
// there is enough for all. A block given back has no packets. (Without a link nobody can take anything.)
void ft_tcp_hoarders_search(struct ft_stack *stack, ft_time now)
{
	struct ft_tcp *tcp = &stack->tcp;

	if (!has_been_short(stack, now) || !stack->is_link_up)
		return;
	for (int i = 0; i < BLOCKS_EXAMINED && tcp->conns.fresh > 0; i++) {
		struct ft_tcp_conn *conn = ft_pool_at(&tcp->conns, tcp->hoarder_hand);

		tcp->hoarder_hand = (tcp->hoarder_hand + 1) % tcp->conns.fresh;
		if (is_hoarding(conn, now))
			reset(stack, conn, now);
	}
}
