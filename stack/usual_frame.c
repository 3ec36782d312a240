#include "usual_frame_take.h"

#include "eth/ethernet.h"
#include "ip/checksum.h"

void ft_usual_frame_init(struct ft_stack *stack)
{
	const struct ft_routes *routes = &stack->ip.routes;
	struct ft_usual_headers frame = {
		.eth.dst_addr = stack->netif.mac,
		.eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.ip.version_ihl = RTE_IPV4_VHL_DEF,
		.ip.next_proto_id = IPPROTO_TCP,
		.ip.dst_addr = ft_addr_ip4(&routes->local[0].addr),
	};

	// No frame is this: where the mask has zeros it never has ones.
	if (routes->local_count == 0 || rte_is_multicast_ether_addr(&stack->netif.mac))
		memset(&frame, 0xff, sizeof(frame));
	stack->usual = (struct ft_usual_frame){
		.front = ft_usual_load(&frame, 0),
		.back = ft_usual_load(&frame, FT_USUAL_BACK),
		.hash_begin = ft_tuple_hash_begin(&stack->key, &routes->local[0].addr),
	};
}

// ---- a SYN ----

enum {
	SYN_BYTES = FT_USUAL_BARE_BYTES + sizeof(struct ft_segment_syn_options),
	SYN_DATA_OFFSET = 10 << 4,
};

static const struct ft_segment_syn_options *syn_options_of(const struct ft_usual_headers *frame)
{
	return (const struct ft_segment_syn_options *)(frame + 1);
}

// Where what a SYN carries begins (nothing, nearly always), or 0: its options are laid out otherwise.
static uint32_t syn_payload_offset(const struct ft_usual_headers *frame)
{
	bool is_usual = frame->tcp.data_off == SYN_DATA_OFFSET &&
			SYN_BYTES <= ft_usual_frame_bytes(frame) &&
			ft_segment_has_usual_syn_options(syn_options_of(frame));

	return is_usual ? SYN_BYTES : 0;
}

static void fill_syn(const struct ft_stack *stack, struct rte_mbuf *pkt, uint8_t flags)
{
	struct ft_segment *seg = &ft_pkt_info(pkt)->seg;

	ft_usual_fill(stack, pkt, SYN_BYTES, flags);
	ft_segment_take_usual_syn_options(
		seg, syn_options_of(rte_pktmbuf_mtod(pkt, const struct ft_usual_headers *)));
	seg->length++;
}

bool ft_usual_frame_take_syn(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	if (syn_payload_offset(rte_pktmbuf_mtod(pkt, const struct ft_usual_headers *)) == 0)
		return false;
	fill_syn(stack, pkt, FT_USUAL_FLAGS_VOUCHED_FOR);
	return true;
}

// ---- who vouches for the checksums ----

static bool verify(struct ft_stack *stack, const struct rte_mbuf *pkt, uint8_t flags)
{
	const struct ft_usual_headers *frame =
		rte_pktmbuf_mtod(pkt, const struct ft_usual_headers *);
	uint64_t *verified = &stack->counters.count[FT_COUNTER_IP_CHECKSUMS_VERIFIED];
	const bool is_ip_vouched_for = flags & FT_PKT_IP_CHECKSUM_GOOD;
	const bool is_tcp_vouched_for = flags & FT_PKT_L4_CHECKSUM_GOOD;

	if (!is_ip_vouched_for && rte_raw_cksum(&frame->ip, sizeof(frame->ip)) != 0xffff)
		return false;
	if (!is_tcp_vouched_for &&
		!ft_checksum_is_good(pkt, FT_USUAL_IP_OFFSET, FT_USUAL_TCP_OFFSET))
		return false;
	*verified += !is_ip_vouched_for + !is_tcp_vouched_for;
	return true;
}

// A wrong sum is found again, and counted, on the long way; so is a tag that the NIC took off.
bool ft_usual_frame_take_verified(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const struct ft_usual_headers *frame =
		rte_pktmbuf_mtod(pkt, const struct ft_usual_headers *);
	const uint8_t flags = ft_ethernet_checksum_flags(pkt);
	uint32_t payload;
	bool is_syn;

	if ((pkt->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) || !ft_usual_is_expected(stack, pkt))
		return false;
	is_syn = frame->tcp.tcp_flags & FT_TCP_SYN;
	payload = unlikely(is_syn) ? syn_payload_offset(frame) : ft_usual_payload_offset(frame);
	if (payload == 0)
		return false;
	if (ft_usual_frame_bytes(frame) != pkt->data_len) // ft_checksum_is_good() wants no padding
		return false;
	if (!verify(stack, pkt, flags))
		return false;
	if (unlikely(is_syn))
		fill_syn(stack, pkt, flags);
	else
		ft_usual_fill(stack, pkt, payload, flags);
	return true;
}
