#include "tcp/tcp_hoarders.h"

#include <errno.h>

#include "tcp/tcp_reset.h"
#include "tcp/tcp_timers.h"

#define SCARCE_FOR	(25 * FT_SECOND)
#define PATIENCE	3 // ticks: 17 to 26 s
#define PATIENCE_TRIED	2 // and 9 to 17 s after the last try
#define BLOCKS_EXAMINED 4 // in a turn

// Counted up while packets are scarce, and down while they are not: a moment of plenty now and then does
// not begin it anew. Time in which the loop does not turn counts up as well to a second (an application that
// computes), and down beyond (a debugger): peers' answers wait in the NIC, and data has not gone out yet.
static bool has_been_scarce(struct ft_stack *stack, ft_time now)
{
	struct ft_tcp *tcp = &stack->tcp;
	ft_time passed = now - tcp->scarce_at;

	if (tcp->scarce_for == 0)
		tcp->scarce_began = now;
	tcp->scarce_at = now;
	if (passed <= FT_SECOND)
		tcp->scarce_for = RTE_MIN(tcp->scarce_for + passed, SCARCE_FOR);
	else
		tcp->scarce_for -= RTE_MIN(tcp->scarce_for, passed);
	return tcp->scarce_for == SCARCE_FOR;
}

static bool is_hoarding(const struct ft_tcp_conn *conn, ft_time now)
{
	uint8_t ticks = (uint8_t)((now >> FT_HOARDERS_TICK_SHIFT) - conn->packets_moved);

	return conn->send_queue.packets.count > 0 &&
	       ticks >= (conn->was_hoarder_tried ? PATIENCE_TRIED : PATIENCE);
}

// A try counts if it was made in this time of scarcity.
static bool was_tried(const struct ft_stack *stack, const struct ft_tcp_conn *conn)
{
	return conn->was_hoarder_tried && conn->last_sent >= stack->tcp.scarce_began;
}

static void try_once_more(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_tcp_hoarders_moved(conn, now);
	conn->was_hoarder_tried = true;
	ft_tcp_timers_try_now(stack, conn, now);
}

static void reset(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	ft_trace_of(stack, FT_TRACE_TCP, &conn->tuple,
		"takes nothing while packets to send are scarce: reset");
	ft_stack_count(stack, FT_COUNTER_TCP_HOARDERS_RESET);
	ft_tcp_abort_conn(stack, conn, ETIMEDOUT, now);
}

// Goes round all blocks ever used, beginning where the last search ended: so there is no list to keep while
// there is enough for all. A block given back has no packets. Without a link nobody can take anything, and
// afterwards all begins anew.
void ft_tcp_hoarders_search(struct ft_stack *stack, ft_time now)
{
	struct ft_tcp *tcp = &stack->tcp;

	if (!stack->is_link_up)
		tcp->scarce_for = 0;
	if (!stack->is_link_up || !has_been_scarce(stack, now))
		return;
	for (int i = 0; i < BLOCKS_EXAMINED && tcp->conns.fresh > 0; i++) {
		struct ft_tcp_conn *conn = ft_pool_at(&tcp->conns, tcp->hoarder_hand);

		tcp->hoarder_hand = (tcp->hoarder_hand + 1) % tcp->conns.fresh;
		if (!is_hoarding(conn, now))
			continue;
		if (was_tried(stack, conn))
			reset(stack, conn, now);
		else
			try_once_more(stack, conn, now);
	}
}
