#include "base/held.h"

struct rte_mbuf *ft_held_take_scarce(struct ft_held *held, struct rte_mbuf *pkt)
{
	struct rte_mbuf *small = ft_pkt_copy_small(pkt, held->small_pool);

	if (small != NULL) {
		rte_pktmbuf_free(pkt);
		return small;
	}
	return ft_budget_take(&held->mbufs, ft_held_mbufs(pkt)) ? pkt : NULL;
}
