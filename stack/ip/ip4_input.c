// What a host checks of an IPv4 packet before any protocol sees it (RFC 1122 3.2.1, RFC 1812 5.2.2
// and 5.3.7), in the order of the header: lengths, checksum, options, addresses.
#include <netinet/in.h>
#include <netinet/ip.h>

#include <rte_ip.h>

#include "ip/ip4.h"
#include "stack.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

static struct rte_ipv4_hdr *header_of(struct rte_mbuf *pkt)
{
	return rte_pktmbuf_mtod_offset(pkt, struct rte_ipv4_hdr *, ft_pkt_info(pkt)->ip_offset);
}

// After this the header, options included, is contiguous, and the packet ends where IP says: what a
// short frame was padded with is gone.
static enum ft_drop check_lengths(struct rte_mbuf *pkt)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	const struct rte_ipv4_hdr *ip;
	uint32_t header_bytes, total_bytes;

	if (ft_pkt_pull(pkt, info->ip_offset + sizeof(*ip)) == NULL)
		return FT_DROP_IP_SHORT;
	ip = header_of(pkt);
	if (ip->version_ihl >> 4 != IPVERSION)
		return FT_DROP_IP_BAD_VERSION;
	header_bytes = rte_ipv4_hdr_len(ip);
	total_bytes = rte_be_to_cpu_16(ip->total_length);
	if (header_bytes < sizeof(*ip) || total_bytes < header_bytes)
		return FT_DROP_IP_BAD_HEADER;
	if (info->ip_offset + total_bytes > rte_pktmbuf_pkt_len(pkt))
		return FT_DROP_IP_SHORT;

	ft_pkt_trim_to(pkt, info->ip_offset + total_bytes);
	if (header_bytes > sizeof(*ip) && ft_pkt_pull(pkt, info->ip_offset + header_bytes) == NULL)
		return FT_DROP_IP_SHORT;
	info->transport_offset = info->ip_offset + header_bytes;
	info->payload_offset = info->transport_offset;
	info->payload_length = total_bytes - header_bytes;
	return FT_TAKEN;
}

static enum ft_drop check_header_checksum(
	struct ft_stack *stack, const struct ft_pkt_info *info, const struct rte_ipv4_hdr *ip)
{
	if (info->flags & (FT_PKT_IP_CHECKSUM_GOOD | FT_PKT_LOOPBACK))
		return FT_TAKEN;
	ft_stack_count(stack, FT_COUNTER_IP_CHECKSUMS_VERIFIED);
	return rte_raw_cksum(ip, rte_ipv4_hdr_len(ip)) == 0xffff ? FT_TAKEN
								 : FT_DROP_IP_BAD_CHECKSUM;
}

// Options mean nothing to us, but must be well-formed; source routes are an attacker's tool only
// (RFC 6274 3.13.2.3).
static enum ft_drop check_options(const struct rte_ipv4_hdr *ip)
{
	const uint8_t *option = (const uint8_t *)(ip + 1);
	const uint8_t *end = (const uint8_t *)ip + rte_ipv4_hdr_len(ip);

	while (option < end && option[0] != IPOPT_EOL) {
		if (option[0] == IPOPT_NOP) {
			option++;
			continue;
		}
		if (end - option < 2 || option[1] < 2 || option[1] > end - option)
			return FT_DROP_IP_BAD_OPTIONS;
		if (option[0] == IPOPT_LSRR || option[0] == IPOPT_SSRR)
			return FT_DROP_IP_SOURCE_ROUTED;
		option += option[1];
	}
	return FT_TAKEN;
}

static enum ft_drop check_destination(struct ft_stack *stack, struct ft_pkt_info *info)
{
	const struct ft_addr *destination = &info->tuple.local;
	bool is_plain = !(info->flags & (FT_PKT_LINK_GROUP | FT_PKT_LOOPBACK));

	if (likely(is_plain && ft_addr_is_equal(destination, &stack->ip.routes.local[0].addr)))
		return FT_TAKEN;
	if (ft_addr_is_multicast(destination) || ft_route_is_broadcast(stack, destination)) {
		info->flags |= FT_PKT_IP_GROUP;
		return FT_TAKEN;
	}
	if (!ft_route_is_local(stack, destination))
		return FT_DROP_IP_NOT_FOR_US;
	if (info->flags & FT_PKT_LOOPBACK)
		return FT_TAKEN;
	if (ft_addr_is_loopback(destination))
		return FT_DROP_IP_NOT_FOR_US;
	// RFC 1122 3.3.6: or else a broadcast could be turned into an attack on one service.
	if (info->flags & FT_PKT_LINK_GROUP)
		return FT_DROP_IP_GROUP_FRAME;
	return FT_TAKEN;
}

// Martians (RFC 1812 5.3.7): addresses that no other host can have.
static enum ft_drop check_source(struct ft_stack *stack, const struct ft_pkt_info *info)
{
	const struct ft_addr *source = &info->tuple.remote;

	if (info->flags & FT_PKT_LOOPBACK)
		return FT_TAKEN;
	if (ft_ip4_is_no_host(source->bytes[12]))
		return FT_DROP_IP_BAD_SOURCE;
	return ft_route_is_taken(&stack->ip.routes, source) ? FT_DROP_IP_BAD_SOURCE : FT_TAKEN;
}

static enum ft_drop check_addresses(
	struct ft_stack *stack, struct ft_pkt_info *info, const struct rte_ipv4_hdr *ip)
{
	enum ft_drop reason;

	info->tuple = (struct ft_tuple){
		.local = ft_addr_from_ip4(ip->dst_addr),
		.remote = ft_addr_from_ip4(ip->src_addr),
		.protocol = ip->next_proto_id,
	};
	info->ttl = ip->time_to_live;
	info->tos = ip->type_of_service;
	if ((reason = check_destination(stack, info)) != FT_TAKEN)
		return reason;
	return check_source(stack, info);
}

// A fragment waits for reassembly before its protocol reads it; of a protocol nobody speaks, the
// first fragment gets the ICMP error and the others are not worth keeping.
static enum ft_drop parse_transport(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct rte_ipv4_hdr *ip)
{
	uint16_t fragment = rte_be_to_cpu_16(ip->fragment_offset);
	bool is_first = (fragment & RTE_IPV4_HDR_OFFSET_MASK) == 0;
	bool is_fragment = !is_first || fragment & RTE_IPV4_HDR_MF_FLAG;
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	uint8_t protocol = info->tuple.protocol;

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_ICMP) {
		info->kind = FT_PKT_UNKNOWN_PROTOCOL;
		return is_first ? FT_TAKEN : FT_DROP_IP_UNKNOWN_PROTOCOL;
	}
	if (is_fragment) {
		info->kind = FT_PKT_FRAGMENT;
		return FT_TAKEN;
	}
	if (protocol == IPPROTO_TCP)
		return ft_tcp_parse(stack, pkt);
	if (protocol == IPPROTO_UDP)
		return ft_udp_parse(stack, pkt);
	info->kind = FT_PKT_ICMP;
	return FT_TAKEN;
}

enum ft_drop ft_ip4_parse(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	const struct rte_ipv4_hdr *ip;
	enum ft_drop reason;

	if ((reason = check_lengths(pkt)) != FT_TAKEN)
		return reason;
	ip = header_of(pkt);
	if ((reason = check_header_checksum(stack, info, ip)) != FT_TAKEN)
		return reason;
	if ((reason = check_options(ip)) != FT_TAKEN)
		return reason;
	if ((reason = check_addresses(stack, info, ip)) != FT_TAKEN)
		return reason;
	return parse_transport(stack, pkt, ip);
}
