// What a connection's received packets occupy, in the receive queue and out of order together:
// whole buffers, not the payload in them. Each queue charges a packet when it goes in and gives the
// charge back when it comes out. A packet that moves from one queue to the other finds its place in the
// connection's bound; in the stack's, when that is short, it may not.
#pragma once
#include "base/budget.h"
#include "base/drop.h"
#include "base/held.h"
#include "base/pkt.h"

struct ft_receive_memory {
	struct ft_budget bytes; // of this connection's buffers; the limit is the owner's choice
	struct ft_held *held;	// over all sockets of the stack: stack->receive_held
};

// FT_TAKEN, and `*pkt` is what to keep: the packet, or what ft_held_take() moved it to, which is told
// what is `occupied`. Or which bound was hit: the connection's (TCP_QUEUE_FULL) or the stack's
// (RECEIVE_MEMORY); then it is as it was.
static inline enum ft_drop ft_receive_memory_take(
	struct ft_receive_memory *memory, struct rte_mbuf **pkt, uint64_t occupied)
{
	const uint64_t bytes = ft_pkt_occupied_bytes(*pkt);
	struct rte_mbuf *kept;

	if (!ft_budget_take(&memory->bytes, bytes))
		return FT_DROP_TCP_QUEUE_FULL;
	kept = ft_held_take(memory->held, *pkt, occupied);
	if (likely(kept == *pkt))
		return FT_TAKEN;
	ft_budget_give(&memory->bytes, bytes);
	if (kept == NULL)
		return FT_DROP_RECEIVE_MEMORY;
	memory->bytes.used += ft_pkt_occupied_bytes(kept);
	*pkt = kept;
	return FT_TAKEN;
}

static inline void ft_receive_memory_give(struct ft_receive_memory *memory, struct rte_mbuf *pkt)
{
	ft_budget_give(&memory->bytes, ft_pkt_occupied_bytes(pkt));
	ft_held_give(memory->held, pkt);
}
