#include "story.h"

#include <stdio.h>
#include <string.h>

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "base/trace.h"
#include "stack.h"

const char *ft_story_flags(uint8_t flags, char *text)
{
	static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE",
		"CWR" };
	size_t length = 0;

	text[0] = 0;
	for (unsigned i = 0; i < RTE_DIM(names); i++)
		if (flags & 1u << i)
			length += (size_t)snprintf(text + length, FT_STORY_FLAGS_BYTES - length,
				"%s%s", length > 0 ? " " : "", names[i]);
	return length > 0 ? text : "no flags";
}

const char *ft_story_options(const struct ft_segment *seg, char *text)
{
	char mss[16] = "", scale[24] = "";

	if (seg->options & FT_TCP_HAS_MSS)
		snprintf(mss, sizeof(mss), ", MSS %u", seg->mss);
	if (seg->options & FT_TCP_HAS_WINDOW_SCALE)
		snprintf(scale, sizeof(scale), ", window scale %u", seg->window_scale);
	snprintf(text, FT_STORY_OPTIONS_BYTES, "%s%s%s", mss, scale,
		seg->options & FT_TCP_HAS_TIMESTAMP ? ", timestamps" : "");
	if (!(seg->flags & FT_TCP_SYN))
		text[0] = 0;
	return text;
}

static const char *vouched_by(uint8_t flags, enum ft_pkt_flag by_nic)
{
	if (flags & FT_PKT_LOOPBACK)
		return "not needed from ourselves";
	return flags & by_nic ? "verified by the NIC" : "verified in software";
}

static void tell_frame(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(pkt, const struct rte_ether_hdr *);

	if (ft_pkt_info(pkt)->flags & FT_PKT_LOOPBACK)
		ft_trace(stack, FT_TRACE_ETH, "packet of %u bytes from ourselves, without a frame",
			rte_pktmbuf_pkt_len(pkt));
	else if (rte_pktmbuf_data_len(pkt) < sizeof(*eth))
		ft_trace(stack, FT_TRACE_ETH, "frame of %u bytes", rte_pktmbuf_pkt_len(pkt));
	else
		ft_trace(stack, FT_TRACE_ETH,
			"frame of %u bytes from " RTE_ETHER_ADDR_PRT_FMT
			" to " RTE_ETHER_ADDR_PRT_FMT ", EtherType 0x%04x",
			rte_pktmbuf_pkt_len(pkt), RTE_ETHER_ADDR_BYTES(&eth->src_addr),
			RTE_ETHER_ADDR_BYTES(&eth->dst_addr), rte_be_to_cpu_16(eth->ether_type));
}

static void tell_ip(struct ft_stack *stack, const struct ft_pkt_info *info)
{
	char from[FT_ADDR_TEXT_BYTES], to[FT_ADDR_TEXT_BYTES];

	ft_trace(stack, FT_TRACE_IP, "%s -> %s, protocol %u, TTL %u; header checksum %s",
		ft_addr_text(&info->tuple.remote, from), ft_addr_text(&info->tuple.local, to),
		info->tuple.protocol, info->ttl, vouched_by(info->flags, FT_PKT_IP_CHECKSUM_GOOD));
}

static void tell_segment(struct ft_stack *stack, const struct ft_pkt_info *info)
{
	const struct ft_segment *seg = &info->seg;
	char flags[FT_STORY_FLAGS_BYTES], options[FT_STORY_OPTIONS_BYTES], ack[24] = "";

	if (seg->flags & FT_TCP_ACK)
		snprintf(ack, sizeof(ack), ", ACK %u", seg->ack);
	ft_trace(stack, FT_TRACE_TCP,
		"segment port %u -> %u: %s, SEQ %u%s, window %u%s, %u bytes; checksum %s",
		info->tuple.remote_port, info->tuple.local_port, ft_story_flags(seg->flags, flags),
		seg->seq, ack, seg->window, ft_story_options(seg, options), info->payload_length,
		vouched_by(info->flags, FT_PKT_L4_CHECKSUM_GOOD));
}

static void tell_lookup(
	struct ft_stack *stack, const struct ft_pkt_info *info, const struct ft_conn_table *table)
{
	struct ft_conn_explanation found;
	char result[32] = "none is its connection";

	ft_conn_table_explain(table, &info->tuple, info->hash, &found);
	if (found.index != FT_CONN_NONE)
		snprintf(result, sizeof(result), "connection %u", found.index);
	ft_trace(stack, FT_TRACE_DEMUX,
		"hash 0x%016llx: bucket %llu of %llu, tag 0x%02x; candidates compared: %u; %s",
		(unsigned long long)info->hash, (unsigned long long)found.bucket,
		(unsigned long long)found.buckets, found.tag, found.compared, result);
}

static void tell_transport(struct ft_stack *stack, const struct ft_pkt_info *info)
{
	if (info->kind == FT_PKT_TCP) {
		tell_segment(stack, info);
		tell_lookup(stack, info, &stack->tcp.connections);
	} else if (info->kind == FT_PKT_UDP) {
		ft_trace(stack, FT_TRACE_UDP, "datagram port %u -> %u, %u bytes",
			info->tuple.remote_port, info->tuple.local_port, info->payload_length);
		tell_lookup(stack, info, &stack->udp.connected);
	}
}

// Each part only if parsing came so far; a packet that is about to be dropped has no hash yet.
void ft_story_received(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	bool has_addresses = info->tuple.protocol != 0;

	ft_trace_begin_packet(stack, has_addresses ? &info->tuple : NULL);
	tell_frame(stack, pkt);
	if (has_addresses)
		tell_ip(stack, info);
	if (info->hash != 0)
		tell_transport(stack, info);
}

// Who speaks to whom in a frame of ours; false for ARP.
static bool read_tuple(struct rte_mbuf *pkt, struct ft_tuple *tuple)
{
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	rte_be16_t ports[2] = { 0 };

	if (ft_pkt_copy_out(pkt, 0, &eth, sizeof(eth)) != sizeof(eth) ||
		eth.ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
		ft_pkt_copy_out(pkt, sizeof(eth), &ip, sizeof(ip)) != sizeof(ip))
		return false;
	if (ip.next_proto_id == IPPROTO_TCP || ip.next_proto_id == IPPROTO_UDP)
		ft_pkt_copy_out(pkt, sizeof(eth) + rte_ipv4_hdr_len(&ip), ports, sizeof(ports));
	*tuple = (struct ft_tuple){
		.local = ft_addr_from_ip4(ip.src_addr),
		.remote = ft_addr_from_ip4(ip.dst_addr),
		.local_port = rte_be_to_cpu_16(ports[0]),
		.remote_port = rte_be_to_cpu_16(ports[1]),
		.protocol = ip.next_proto_id,
	};
	return true;
}

void ft_story_sent(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(pkt, const struct rte_ether_hdr *);
	struct ft_tuple tuple;

	if (read_tuple(pkt, &tuple))
		ft_trace_sent(stack, FT_TRACE_ETH, &tuple,
			"frame of %u bytes to " RTE_ETHER_ADDR_PRT_FMT, rte_pktmbuf_pkt_len(pkt),
			RTE_ETHER_ADDR_BYTES(&eth->dst_addr));
	else
		ft_trace(stack, FT_TRACE_ETH, "ARP frame of %u bytes to " RTE_ETHER_ADDR_PRT_FMT,
			rte_pktmbuf_pkt_len(pkt), RTE_ETHER_ADDR_BYTES(&eth->dst_addr));
}
