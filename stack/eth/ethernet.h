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

// What the NIC says of the packet's checksums, as bits of info->flags. Anything but "good" is to be
// verified in software: some NICs say "unknown" of bad frames.
static inline uint8_t ft_ethernet_checksum_flags(const struct rte_mbuf *pkt)
{
	uint8_t flags = 0;

	if ((pkt->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
		flags |= FT_PKT_IP_CHECKSUM_GOOD;
	if ((pkt->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		flags |= FT_PKT_L4_CHECKSUM_GOOD;
	return flags;
}

// Puts an Ethernet header before `pkt` and transmits it; owns the packet. `type` in host order.
void ft_ethernet_output(struct ft_stack *stack, struct rte_mbuf *pkt,
	const struct rte_ether_addr *destination, uint16_t type);
