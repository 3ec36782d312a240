// Received packets that wait for their application or for what is missing: they are charged as mbufs of
// the receive pool, which also feeds the NIC. While less than half of what may be held is held, a packet
// waits in the buffer it came in, which costs nothing. From there on few bytes do not pin a large buffer:
// they are moved to a small one, of a pool of its own. When that is empty, too, they wait as they came.
// So do fragments (ip.reassembly_bytes bounds them), and the rest of a large packet of which the
// application has read a part. When three quarters are held, nobody who has many gets more (base/budget.h).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/pkt.h"

struct ft_held {
	struct ft_budget mbufs;		// of the receive pool
	struct rte_mempool *small_pool; // from ft_pkt_small_pool_create()
};

// Of the receive pool: packets in small buffers take none.
static inline uint32_t ft_held_mbufs(struct rte_mbuf *pkt)
{
	return unlikely(ft_pkt_info(pkt)->flags & FT_PKT_SMALL) ? 0 : pkt->nb_segs;
}

struct rte_mbuf *ft_held_take_scarce(struct ft_held *held, struct rte_mbuf *pkt, uint64_t occupied);

// Of somebody who can do without: gets nothing of what is scarce.
#define FT_HELD_LAST UINT64_MAX

// Charges a packet, stripped to its payload or not, and returns it; or its payload in a small buffer,
// which is to be kept instead: then the packet is gone. NULL: too many are held, and nothing has changed.
// `occupied`: bytes of packets that the socket has already, or FT_HELD_LAST.
static inline struct rte_mbuf *ft_held_take(
	struct ft_held *held, struct rte_mbuf *pkt, uint64_t occupied)
{
	const uint32_t mbufs = ft_held_mbufs(pkt);

	if (unlikely(held->mbufs.used + mbufs > held->mbufs.limit / 2))
		return ft_held_take_scarce(held, pkt, occupied);
	held->mbufs.used += mbufs;
	return pkt;
}

// Before the packet is freed or cut.
static inline void ft_held_give(struct ft_held *held, struct rte_mbuf *pkt)
{
	ft_budget_give(&held->mbufs, ft_held_mbufs(pkt));
}
