// The waist below TCP and UDP: the same whatever the address family. (IPv6 will be a second pair of
// files behind this header.)
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_ip.h>

#include "base/budget.h"
#include "base/list.h"
#include "base/pkt.h"
#include "base/pool.h"
#include "base/timer.h"
#include "ip/addr.h"
#include "ip/icmp.h"
#include "ip/reassembly.h"
#include "ip/route.h"

struct ft_ip_head;
struct ft_stack;

#define FT_IP_ID_COUNTERS 256 // a power of two

// All that IP and ICMP own in one stack.
struct ft_ip {
	struct ft_routes routes; // our addresses, on-link prefixes, gateway, path MTUs
	struct ft_reassembly reassembly;
	struct ft_icmp icmp;
	// Identification of datagrams that may be cut on their way, a counter for each of many
	// groups of destinations (RFC 7739 5.3).
	uint16_t next_id[FT_IP_ID_COUNTERS];
	struct ft_ip_head *heads; // ip_head.h
	uint64_t heads_made;
};

// What a transport asks of IP for one packet. The packet's data begins at the transport header; its
// first mbuf is not shared with another packet and has room for the headers before it (what follows
// in the chain may be shared).
struct ft_ip_send {
	struct ft_addr source;
	struct ft_addr destination;
	uint8_t protocol; // IPPROTO_*
	uint8_t ttl;	  // 0: the configured default
	uint8_t tos;
	bool dont_fragment; // too large a packet is dropped (IP_TOO_BIG) instead of cut
	// Where the transport header has its 16-bit checksum, which must be zero; IP fills it in,
	// or has the NIC do it. UINT16_MAX: the transport has none, or has filled it in.
	uint16_t checksum_offset;
	// The NIC cuts the packet into TCP segments with so many bytes of payload (TSO); 0: it does not.
	// Only where the netif has tso_bytes.
	uint16_t segment_bytes;
};

// Sends a packet and owns it from here: adds the IP header, cuts it where needed and allowed, finds
// the next hop, and hands frames to ft_stack_transmit(); or drops it with a reason counted in
// dropped_output. Packets to our own addresses come back with the next turn.
void ft_ip_output(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_ip_send *send, ft_time now);

// Parses and checks a packet whose IP header begins at info->ip_offset, for the EtherType `type`
// (host order): header, addresses, options (RFC 1122 3.2.1, RFC 1812 5.2.2), cuts link padding,
// then has UDP or TCP parse its header. Fills the info. Changes nothing in the stack. FT_TAKEN
// means sound: the caller still owns the packet and delivers it by info->kind.
enum ft_drop ft_ip_parse(struct ft_stack *stack, struct rte_mbuf *pkt, uint16_t type);

// ft_ip_has_good_checksum() of a packet for which nobody else vouches.
bool ft_ip_verify_checksum(struct ft_stack *stack, struct rte_mbuf *pkt);

// True when the TCP or UDP checksum over pseudo-header, header and payload is right, or the NIC
// says so, or the packet came over loopback.
static inline bool ft_ip_has_good_checksum(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	return ft_pkt_info(pkt)->flags & (FT_PKT_L4_CHECKSUM_GOOD | FT_PKT_LOOPBACK) ||
	       ft_ip_verify_checksum(stack, pkt);
}

// Header bytes that IP adds for this destination (20 for IPv4): what TCP's MSS is computed with.
static inline uint16_t ft_ip_header_bytes(const struct ft_addr *destination)
{
	return ft_addr_is_ip4(destination) ? sizeof(struct rte_ipv4_hdr)
					   : sizeof(struct rte_ipv6_hdr);
}

// The largest IP payload that any path to this family's hosts carries whole: what TCP may send to a
// peer that does not say (RFC 9293 3.7.1; less 20 bytes of TCP header: 536 for IPv4).
static inline uint16_t ft_ip_default_payload(const struct ft_addr *destination)
{
	uint16_t smallest_mtu = ft_addr_is_ip4(destination) ? 576 : 1280;

	return smallest_mtu - ft_ip_header_bytes(destination);
}

// The largest payload of one IP packet, cut on the way or not (65,515 for IPv4).
uint32_t ft_ip_largest_payload(const struct ft_addr *destination);

// Whether UDP may do without a checksum: IPv4 alone allows that (RFC 768; RFC 8200 8.1).
bool ft_ip_may_lack_checksum(struct rte_mbuf *pkt);

int ft_ip_init(struct ft_stack *stack);
void ft_ip_free(struct ft_stack *stack);
