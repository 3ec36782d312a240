// What a connection's received packets occupy, in the receive queue and out of order together:
// whole buffers, not the payload in them. Each queue charges a packet when it goes in and gives the
// charge back when it comes out; what was just given back can always be taken again, so a packet
// that moves from one queue to the other cannot fail.
#pragma once
#include "base/budget.h"
#include "base/drop.h"
#include "base/pkt.h"

struct ft_receive_memory {
	struct ft_budget bytes;	   // of this connection's buffers; the limit is the owner's choice
	struct ft_budget *packets; // mbufs, over all sockets of the stack: stack->receive_held
};

// FT_TAKEN, or which bound was hit: the connection's (TCP_QUEUE_FULL) or the stack's
// (RECEIVE_MEMORY).
static inline enum ft_drop ft_receive_memory_take(
	struct ft_receive_memory *memory, const struct rte_mbuf *pkt)
{
	uint64_t bytes = ft_pkt_occupied_bytes(pkt);

	if (!ft_budget_take(&memory->bytes, bytes))
		return FT_DROP_TCP_QUEUE_FULL;
	if (!ft_budget_take(memory->packets, pkt->nb_segs)) {
		ft_budget_give(&memory->bytes, bytes);
		return FT_DROP_RECEIVE_MEMORY;
	}
	return FT_TAKEN;
}

static inline void ft_receive_memory_give(
	struct ft_receive_memory *memory, const struct rte_mbuf *pkt)
{
	ft_budget_give(&memory->bytes, ft_pkt_occupied_bytes(pkt));
	ft_budget_give(memory->packets, pkt->nb_segs);
}
