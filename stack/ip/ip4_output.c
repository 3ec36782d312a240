// From a transport's packet to frames: header, checksums, cutting, next hop.
#include <string.h>

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "eth/arp.h"
#include "eth/ethernet.h"
#include "ip/checksum.h"
#include "ip/ip4.h"
#include "stack.h"

#define HEADER_BYTES sizeof(struct rte_ipv4_hdr)

// A datagram with DF is atomic: nobody will look at its identification (RFC 6864 4.1). The others
// get one that does not repeat soon between two hosts and tells a third nothing about our traffic
// (RFC 7739 5.3: a counter for a group of destinations, seen through a keyed hash).
static __attribute__((noinline)) uint16_t next_id(
	struct ft_stack *stack, const struct ft_ip_send *send)
{
	const uint32_t what[3] = { ft_addr_ip4(&send->source), ft_addr_ip4(&send->destination),
		send->protocol };
	uint64_t hash = ft_siphash(&stack->key, what, sizeof(what));

	return (uint16_t)hash + stack->ip.next_id[hash >> 32 & (FT_IP_ID_COUNTERS - 1)]++;
}

// Multicast stays on the local network unless asked otherwise (RFC 1112 6.1).
static uint8_t choose_ttl(
	struct ft_stack *stack, const struct ft_ip_send *send, const struct ft_route *route)
{
	if (send->ttl != 0)
		return send->ttl;
	return route->is_multicast ? 1 : stack->config.ip.ttl;
}

static void fill_header(struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_ip_send *send,
	const struct ft_route *route)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(pkt, struct rte_ipv4_hdr *);

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = send->tos,
		.total_length = rte_cpu_to_be_16((uint16_t)rte_pktmbuf_pkt_len(pkt)),
		.packet_id = send->dont_fragment ? 0 : rte_cpu_to_be_16(next_id(stack, send)),
		.fragment_offset = send->dont_fragment ? RTE_BE16(RTE_IPV4_HDR_DF_FLAG) : 0,
		.time_to_live = choose_ttl(stack, send, route),
		.next_proto_id = send->protocol,
		.src_addr = ft_addr_ip4(&send->source),
		.dst_addr = ft_addr_ip4(&send->destination),
	};
}

static void fill_transport_checksum(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_ip_send *send, bool is_whole)
{
	uint32_t offload =
		send->protocol == IPPROTO_TCP ? FT_OFFLOAD_TCP_CHECKSUM : FT_OFFLOAD_UDP_CHECKSUM;

	if (send->checksum_offset == UINT16_MAX)
		return;
	if (unlikely(send->segment_bytes != 0))
		ft_checksum_offload_segments(pkt, send->checksum_offset, send->segment_bytes);
	else if (is_whole && stack->netif.offloads & offload)
		ft_checksum_offload(pkt, send->checksum_offset);
	else
		ft_checksum_fill(pkt, send->checksum_offset);
}

static void fill_header_checksum(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(pkt, struct rte_ipv4_hdr *);

	if (!(stack->netif.offloads & FT_OFFLOAD_IP4_CHECKSUM)) {
		ip->hdr_checksum = rte_ipv4_cksum(ip);
		return;
	}
	pkt->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
	pkt->l2_len = sizeof(struct rte_ether_hdr);
	pkt->l3_len = HEADER_BYTES;
}

// RFC 1112 6.4: the low 23 bits of the group, behind 01:00:5e.
static struct rte_ether_addr multicast_mac(const struct ft_addr *group)
{
	const uint8_t *ip = &group->bytes[12];

	return (struct rte_ether_addr){ { 0x01, 0x00, 0x5e, ip[1] & 0x7f, ip[2], ip[3] } };
}

static void send_to_link(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_route *route, ft_time now)
{
	static const struct rte_ether_addr broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	struct rte_ether_addr mac;

	fill_header_checksum(stack, pkt);
	if (route->is_broadcast) {
		ft_ethernet_output(stack, pkt, &broadcast, RTE_ETHER_TYPE_IPV4);
	} else if (route->is_multicast) {
		mac = multicast_mac(&route->next_hop);
		ft_ethernet_output(stack, pkt, &mac, RTE_ETHER_TYPE_IPV4);
	} else {
		ft_arp_output(stack, pkt, &route->next_hop, now);
	}
}

// A copy of `length` bytes of the payload from `offset` on, behind a header that says so; NULL
// without memory.
static struct rte_mbuf *make_fragment(
	struct ft_stack *stack, const struct rte_mbuf *pkt, uint32_t offset, uint32_t length)
{
	uint32_t payload_bytes = rte_pktmbuf_pkt_len(pkt) - HEADER_BYTES;
	uint16_t more = offset + length < payload_bytes ? RTE_IPV4_HDR_MF_FLAG : 0;
	struct rte_mbuf *fragment;
	struct rte_ipv4_hdr *ip;

	fragment = rte_pktmbuf_copy(pkt, stack->send_pool, HEADER_BYTES + offset, length);
	if (fragment == NULL)
		return NULL;
	ft_pkt_info_clear(fragment);
	ip = (struct rte_ipv4_hdr *)rte_pktmbuf_prepend(fragment, HEADER_BYTES);
	if (ip == NULL) {
		rte_pktmbuf_free(fragment);
		return NULL;
	}
	memcpy(ip, rte_pktmbuf_mtod(pkt, void *), HEADER_BYTES);
	ip->total_length = rte_cpu_to_be_16(HEADER_BYTES + length);
	ip->fragment_offset = rte_cpu_to_be_16(more | offset / RTE_IPV4_HDR_OFFSET_UNITS);
	return fragment;
}

static __attribute__((noinline)) void cut(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_route *route, ft_time now)
{
	const struct ft_route way = *route; // sending a fragment may have another route looked for
	uint32_t payload_bytes = rte_pktmbuf_pkt_len(pkt) - HEADER_BYTES;
	uint32_t step = RTE_ALIGN_FLOOR(way.mtu - HEADER_BYTES, (size_t)RTE_IPV4_HDR_OFFSET_UNITS);

	for (uint32_t offset = 0; offset < payload_bytes; offset += step) {
		uint32_t length = RTE_MIN(step, payload_bytes - offset);
		struct rte_mbuf *fragment = make_fragment(stack, pkt, offset, length);

		if (fragment == NULL) {
			ft_stack_drop_output(stack, pkt, FT_DROP_NO_MBUF);
			return;
		}
		ft_stack_count(stack, FT_COUNTER_IP_FRAGMENTS_SENT);
		send_to_link(stack, fragment, &way, now);
	}
	rte_pktmbuf_free(pkt);
}

// Why the packet may not go this way, or FT_TAKEN.
static enum ft_drop check_route(
	const struct rte_mbuf *pkt, const struct ft_ip_send *send, const struct ft_route *route)
{
	uint32_t total_bytes = HEADER_BYTES + rte_pktmbuf_pkt_len(pkt);

	if (total_bytes > RTE_IPV4_MAX_PKT_LEN)
		return FT_DROP_IP_TOO_BIG;
	if (route->is_local)
		return FT_TAKEN;
	if (ft_addr_is_loopback(&send->source)) // RFC 1122 3.2.1.3(g): never outside a host
		return FT_DROP_IP_BAD_SOURCE;
	if (total_bytes > route->mtu && send->dont_fragment && send->segment_bytes == 0)
		return FT_DROP_IP_TOO_BIG;
	return FT_TAKEN;
}

void ft_ip4_output(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_ip_send *send, ft_time now)
{
	const struct ft_route *route = ft_route_recall(stack, &send->destination, now);
	enum ft_drop reason = FT_DROP_IP_NO_ROUTE;
	bool is_whole;

	if (route != NULL)
		reason = check_route(pkt, send, route);
	if (reason == FT_TAKEN && rte_pktmbuf_prepend(pkt, HEADER_BYTES) == NULL)
		reason = FT_DROP_NO_MBUF;
	if (reason != FT_TAKEN) {
		ft_stack_drop_output(stack, pkt, reason);
		return;
	}

	fill_header(stack, pkt, send, route);
	if (route->is_local) { // needs no checksums: it never leaves our memory
		ft_stack_loop_back(stack, pkt);
		return;
	}
	is_whole = rte_pktmbuf_pkt_len(pkt) <= route->mtu || send->segment_bytes != 0;
	fill_transport_checksum(stack, pkt, send, is_whole);
	if (is_whole)
		send_to_link(stack, pkt, route, now);
	else
		cut(stack, pkt, route, now);
}
