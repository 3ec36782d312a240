#include "ip/ip.h"

#include <rte_ether.h>
#include <rte_ip.h>

#include "ip/checksum.h"
#include "ip/ip4.h"
#include "ip/ip_head.h"
#include "stack.h"

enum ft_drop ft_ip_parse(struct ft_stack *stack, struct rte_mbuf *pkt, uint16_t type)
{
	if (type != RTE_ETHER_TYPE_IPV4)
		return FT_DROP_ETH_UNKNOWN_TYPE;
	return ft_ip4_parse(stack, pkt);
}

void ft_ip_output(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_ip_send *send, ft_time now)
{
	if (!ft_addr_is_ip4(&send->destination) || !ft_addr_is_ip4(&send->source)) {
		ft_stack_drop_output(stack, pkt, FT_DROP_IP_NO_ROUTE);
		return;
	}
	ft_ip4_output(stack, pkt, send, now);
}

bool ft_ip_verify_checksum(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);

	ft_stack_count(stack, FT_COUNTER_IP_CHECKSUMS_VERIFIED);
	return ft_checksum_is_good(pkt, info->ip_offset, info->transport_offset);
}

// IPv6's length field does not count the header.
uint32_t ft_ip_largest_payload(const struct ft_addr *destination)
{
	return ft_addr_is_ip4(destination) ? RTE_IPV4_MAX_PKT_LEN - sizeof(struct rte_ipv4_hdr)
					   : UINT16_MAX;
}

bool ft_ip_may_lack_checksum(struct rte_mbuf *pkt)
{
	return ft_addr_is_ip4(&ft_pkt_info(pkt)->tuple.local);
}

int ft_ip_init(struct ft_stack *stack)
{
	int error = ft_route_init(stack);

	if (error != 0)
		return error;
	error = ft_ip_head_init(stack);
	if (error != 0)
		return error;
	ft_icmp_init(stack);
	for (uint32_t i = 0; i < FT_IP_ID_COUNTERS; i++)
		stack->ip.next_id[i] = (uint16_t)ft_random_next(&stack->random);
	error = ft_reassembly_init(stack);
	if (error != 0)
		ft_ip_head_free(stack);
	return error;
}

void ft_ip_free(struct ft_stack *stack)
{
	ft_reassembly_free(stack);
	ft_ip_head_free(stack);
}
