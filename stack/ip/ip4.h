// IPv4 (RFC 791) behind the waist of ip.h.
#pragma once
#include "ip/ip.h"

enum ft_drop ft_ip4_parse(struct ft_stack *stack, struct rte_mbuf *pkt);

void ft_ip4_output(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_ip_send *send, ft_time now);
