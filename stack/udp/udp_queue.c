#include "udp/udp_queue.h"

#include "stack.h"

// Whole buffers, however little is in them: a peer that sends single bytes is charged what it
// costs.
static uint64_t occupied_bytes(const struct rte_mbuf *pkt)
{
	uint64_t bytes = 0;

	for (; pkt != NULL; pkt = pkt->next)
		bytes += sizeof(*pkt) + pkt->priv_size + pkt->buf_len;
	return bytes;
}

enum ft_drop ft_udp_queue_append(
	struct ft_stack *stack, struct ft_udp_socket *udp, struct rte_mbuf *pkt)
{
	if (udp->receive_bytes.used >= udp->receive_bytes.limit)
		return FT_DROP_UDP_QUEUE_FULL;
	if (!ft_budget_take(&stack->receive_held, pkt->nb_segs))
		return FT_DROP_RECEIVE_MEMORY;
	udp->receive_bytes.used += occupied_bytes(pkt);
	ft_pkt_queue_append(&udp->received, pkt);
	return FT_TAKEN;
}

struct rte_mbuf *ft_udp_queue_take(struct ft_stack *stack, struct ft_udp_socket *udp)
{
	struct rte_mbuf *pkt = ft_pkt_queue_take(&udp->received);

	if (pkt == NULL)
		return NULL;
	ft_budget_give(&udp->receive_bytes, occupied_bytes(pkt));
	ft_budget_give(&stack->receive_held, pkt->nb_segs);
	return pkt;
}
