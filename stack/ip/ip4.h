// IPv4 (RFC 791) behind the waist of ip.h.
#pragma once
#include "ip/ip.h"

enum ft_drop ft_ip4_parse(struct ft_stack *stack, struct rte_mbuf *pkt);

// This network, loopback, multicast, class E, broadcast: no host's address begins so.
static inline bool ft_ip4_is_no_host(uint8_t first_byte)
{
	return first_byte == 0 || first_byte == 127 || first_byte >= 224;
}

void ft_ip4_output(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_ip_send *send, ft_time now);
