#include "udp/udp_queue.h"

#include "stack.h"

enum ft_drop ft_udp_queue_append(
	struct ft_stack *stack, struct ft_udp_socket *udp, struct rte_mbuf *pkt)
{
	if (udp->receive_bytes.used >= udp->receive_bytes.limit)
		return FT_DROP_UDP_QUEUE_FULL;
	pkt = ft_held_take(&stack->receive_held, pkt, udp->receive_bytes.used);
	if (pkt == NULL)
		return FT_DROP_RECEIVE_MEMORY;
	udp->receive_bytes.used += ft_pkt_occupied_bytes(pkt);
	ft_pkt_queue_append(&udp->received, pkt);
	return FT_TAKEN;
}

struct rte_mbuf *ft_udp_queue_take(struct ft_stack *stack, struct ft_udp_socket *udp)
{
	struct rte_mbuf *pkt = ft_pkt_queue_take(&udp->received);

	if (pkt == NULL)
		return NULL;
	ft_budget_give(&udp->receive_bytes, ft_pkt_occupied_bytes(pkt));
	ft_held_give(&stack->receive_held, pkt);
	return pkt;
}
