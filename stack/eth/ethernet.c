#include "eth/ethernet.h"

#include "ip/ip.h"
#include "stack.h"

// What every NIC takes in one packet (i40e, the strictest: 8), if it takes more than one at all.
#define SEGMENTS_MAX 8

// A source is a single station. It may have our own address: the two ends of a tap share one. (What
// we sent ourselves and came back is known by its IP addresses.)
static enum ft_drop check_addresses(
	struct ft_stack *stack, const struct rte_ether_hdr *eth, struct ft_pkt_info *info)
{
	if (rte_is_multicast_ether_addr(&eth->src_addr))
		return FT_DROP_ETH_BAD_SOURCE;
	if (rte_is_multicast_ether_addr(&eth->dst_addr))
		info->flags |= FT_PKT_LINK_GROUP;
	else if (!rte_is_same_ether_addr(&eth->dst_addr, &stack->netif.mac))
		return FT_DROP_ETH_NOT_FOR_US;
	return FT_TAKEN;
}

// Finds the EtherType (host order) behind at most one tag, and where what it names begins. VLAN 0
// means "no VLAN, only a priority" (IEEE 802.1Q 9.6); a tag the NIC took off is in the mbuf.
static enum ft_drop find_type(struct rte_mbuf *pkt, uint16_t *type)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(pkt, const struct rte_ether_hdr *);
	const struct rte_vlan_hdr *vlan;
	uint16_t vlan_id = 0;

	ft_pkt_info(pkt)->ip_offset = sizeof(*eth);
	*type = rte_be_to_cpu_16(eth->ether_type);
	if (pkt->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
		vlan_id = RTE_VLAN_TCI_ID(pkt->vlan_tci);
	if (*type == RTE_ETHER_TYPE_VLAN) {
		eth = ft_pkt_pull(pkt, sizeof(*eth) + sizeof(*vlan));
		if (eth == NULL)
			return FT_DROP_ETH_SHORT;
		vlan = (const struct rte_vlan_hdr *)(eth + 1);
		vlan_id |= RTE_VLAN_TCI_ID(rte_be_to_cpu_16(vlan->vlan_tci));
		*type = rte_be_to_cpu_16(vlan->eth_proto);
		ft_pkt_info(pkt)->ip_offset += sizeof(*vlan);
	}
	return vlan_id == 0 ? FT_TAKEN : FT_DROP_ETH_VLAN;
}

enum ft_drop ft_ethernet_parse(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	const struct rte_ether_hdr *eth = ft_pkt_pull(pkt, sizeof(*eth));
	enum ft_drop reason;
	uint16_t type;

	if (eth == NULL)
		return FT_DROP_ETH_SHORT;
	if ((reason = check_addresses(stack, eth, info)) != FT_TAKEN)
		return reason;
	if ((reason = find_type(pkt, &type)) != FT_TAKEN)
		return reason;
	if (type == RTE_ETHER_TYPE_ARP) {
		info->kind = FT_PKT_ARP;
		return FT_TAKEN;
	}
	info->flags |= ft_ethernet_checksum_flags(pkt);
	return ft_ip_parse(stack, pkt, type);
}

// Copies a chain into one mbuf, since the NIC wants no more segments; owns the packet. NULL when it
// had to be dropped.
static __attribute__((noinline)) struct rte_mbuf *make_linear(
	struct ft_stack *stack, struct rte_mbuf *pkt)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(pkt, stack->send_pool, 0, UINT32_MAX);

	if (copy == NULL) {
		ft_stack_drop_output(stack, pkt, FT_DROP_NO_MBUF);
		return NULL;
	}
	*ft_pkt_info(copy) = *ft_pkt_info(pkt);
	rte_pktmbuf_free(pkt);
	if (copy->nb_segs > 1 && !(stack->netif.offloads & FT_OFFLOAD_MULTI_SEGMENT)) {
		ft_stack_drop_output(stack, copy, FT_DROP_IP_TOO_BIG);
		return NULL;
	}
	return copy;
}

static bool has_too_many_segments(const struct ft_stack *stack, const struct rte_mbuf *pkt)
{
	bool is_multi_segment = stack->netif.offloads & FT_OFFLOAD_MULTI_SEGMENT;
	bool is_cut_by_nic = pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG; // which takes longer chains

	return pkt->nb_segs > (is_multi_segment ? SEGMENTS_MAX : 1) && !is_cut_by_nic;
}

void ft_ethernet_output(struct ft_stack *stack, struct rte_mbuf *pkt,
	const struct rte_ether_addr *destination, uint16_t type)
{
	struct rte_ether_hdr *eth;

	if (unlikely(pkt->nb_segs > 1) && has_too_many_segments(stack, pkt)) {
		pkt = make_linear(stack, pkt);
		if (pkt == NULL)
			return;
	}
	eth = (struct rte_ether_hdr *)rte_pktmbuf_prepend(pkt, sizeof(*eth));
	if (eth == NULL) {
		ft_stack_drop_output(stack, pkt, FT_DROP_NO_MBUF);
		return;
	}
	eth->dst_addr = *destination;
	eth->src_addr = stack->netif.mac;
	eth->ether_type = rte_cpu_to_be_16(type);
	ft_stack_transmit(stack, pkt);
}
