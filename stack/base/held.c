#include "base/held.h"

struct rte_mbuf *ft_held_take_scarce(struct ft_held *held, struct rte_mbuf *pkt, uint64_t occupied)
{
	struct rte_mbuf *small = ft_pkt_copy_small(pkt, held->small_pool);

	if (small != NULL) {
		rte_pktmbuf_free(pkt);
		return small;
	}
	if (!ft_budget_has_share(&held->mbufs, occupied / RTE_MBUF_DEFAULT_BUF_SIZE))
		return NULL;
	return ft_budget_take(&held->mbufs, ft_held_mbufs(pkt)) ? pkt : NULL;
}
