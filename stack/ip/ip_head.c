#include "ip/ip_head.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

static uint64_t offloads_of(const struct ft_netif *netif)
{
	uint64_t flags = 0;

	if (netif->offloads & FT_OFFLOAD_IP4_CHECKSUM)
		flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
	if (netif->offloads & FT_OFFLOAD_TCP_CHECKSUM)
		flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM;
	return flags;
}

// Less the IP header's length, so that the total length may be added instead of the segment's. (To subtract is to add
// the complement: RFC 1071 2.)
static uint16_t pseudo_header_sum(const struct rte_ipv4_hdr *ip)
{
	const uint16_t sum = rte_ipv4_phdr_cksum(ip, RTE_MBUF_F_TX_TCP_SEG); // without a length

	return ft_ip_head_add(sum, (rte_be16_t)~RTE_BE16(sizeof(*ip)));
}

static void fill_in(
	struct ft_stack *stack, struct ft_ip_head *head, const struct rte_ether_addr *mac)
{
	const uint64_t both = RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;

	head->frame.eth = (struct rte_ether_hdr){
		.dst_addr = *mac,
		.src_addr = stack->netif.mac,
		.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4),
	};
	head->frame.ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = head->tos,
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = head->ttl != 0 ? head->ttl : stack->config.ip.ttl,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = ft_addr_ip4(&head->source),
		.dst_addr = ft_addr_ip4(&head->destination),
	};
	head->header_sum = rte_raw_cksum(&head->frame.ip, sizeof(head->frame.ip));
	head->pseudo_header_sum = pseudo_header_sum(&head->frame.ip);
	head->offloads = offloads_of(&stack->netif);
	head->is_for_us_to_sum = (head->offloads & both) != both;
}

static bool is_to_single_host(const struct ft_ip_head *head, const struct ft_route *route)
{
	return ft_addr_is_ip4(&head->source) && ft_addr_is_ip4(&head->destination) &&
	       !ft_addr_is_loopback(&head->source) && !route->is_local && !route->is_broadcast &&
	       !route->is_multicast;
}

// Also notes that there is none, until ARP knows more.
struct ft_ip_head *ft_ip_head_make(struct ft_stack *stack, struct ft_ip_head *head,
	const struct ft_tuple *tuple, uint8_t ttl, uint8_t tos, ft_time now)
{
	struct rte_ether_addr mac;
	struct ft_route route;

	*head = (struct ft_ip_head){
		.source = tuple->local,
		.destination = tuple->remote,
		.number = ++stack->ip.heads_made * FT_IP_HEADS + (uint64_t)(head - stack->ip.heads),
		.arp_changes = stack->arp.changes,
		.ttl = ttl,
		.tos = tos,
	};
	if (stack->netif.mtu < FT_IP_HEAD_SMALLEST_MTU ||
		ft_route_find(stack, &tuple->remote, now, &route) != 0 ||
		!is_to_single_host(head, &route))
		return head;
	head->neighbour = ft_arp_recall(stack, &route.next_hop, &mac);
	if (head->neighbour != NULL)
		fill_in(stack, head, &mac);
	return head;
}

int ft_ip_head_init(struct ft_stack *stack)
{
	stack->ip.heads = calloc(FT_IP_HEADS, sizeof(*stack->ip.heads));
	return stack->ip.heads == NULL ? -ENOMEM : 0;
}

void ft_ip_head_free(struct ft_stack *stack)
{
	free(stack->ip.heads);
	stack->ip.heads = NULL;
}
