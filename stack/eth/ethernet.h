// Ethernet II frames, with or without an 802.1Q tag of priority only (VLAN 0).
#pragma once
#include <stdint.h>

#include <rte_ether.h>

#include "base/drop.h"
#include "base/pkt.h"
#include "base/time.h"

struct ft_stack;

// Parses a frame from the NIC: the Ethernet header, then ARP or IP (ft_ip_parse), filling the info.
// Changes nothing in the stack; FT_TAKEN means sound, the caller still owns the packet and delivers
// it by info->kind.
enum ft_drop ft_ethernet_parse(struct ft_stack *stack, struct rte_mbuf *pkt);

// Puts an Ethernet header before `pkt` and transmits it; owns the packet. `type` in host order.
void ft_ethernet_output(struct ft_stack *stack, struct rte_mbuf *pkt,
	const struct rte_ether_addr *destination, uint16_t type);
