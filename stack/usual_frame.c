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
	SYN_BYTES = FT_USUAL_SYN_BYTES,
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

// All that is known beforehand but the options behind MSS and the length.
static __rte_always_inline bool is_plain_syn(
	const struct ft_usual_headers *frame, const struct ft_usual_frame *usual)
{
	const ft_usual_block mask = ft_usual_block_of((struct ft_usual_tail){
		.data_offset = UINT8_MAX,
		.flags = FT_TCP_FIN | FT_TCP_SYN | FT_TCP_RST | FT_TCP_URG | FT_TCP_ACK,
		.options_begin = RTE_BE32(UINT32_C(0xffff0000)),
	});
	const ft_usual_block expected = ft_usual_block_of((struct ft_usual_tail){
		.data_offset = SYN_DATA_OFFSET,
		.flags = FT_TCP_SYN,
		.options_begin = RTE_BE32((uint32_t)FT_TCP_MSS_WORD << 16),
	});
	const ft_usual_block tail = (ft_usual_load(frame, FT_USUAL_TAIL) & mask) ^ expected;
	const ft_usual_block any = tail | ft_usual_difference(frame, usual);

	return (any[0] | any[1]) == 0;
}

static __rte_always_inline void note_plain_syn(
	const struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_usual_headers *frame)
{
	const uint64_t remote = ft_usual_remote(frame), ports = ft_usual_tuple_end(frame);
	struct ft_pkt_info *info = ft_pkt_info(pkt);

	info->tuple = ft_tuple_that_ends_in(&stack->ip.routes.local[0].addr, remote, ports);
	info->hash = ft_tuple_hash_end(&stack->key, stack->usual.hash_begin, 0, remote, ports);
	info->ip_offset = FT_USUAL_IP_OFFSET;
	info->transport_offset = FT_USUAL_TCP_OFFSET;
	info->payload_offset = SYN_BYTES;
	info->payload_length = 0;
	info->kind = FT_PKT_TCP;
	info->flags = FT_USUAL_FLAGS_VOUCHED_FOR;
	info->ttl = frame->ip.time_to_live;
	info->tos = frame->ip.type_of_service;
	info->cause = info->cause_number = info->recorded = 0;
	ft_usual_fill_segment(&info->seg, frame, 0);
	info->seg.length = 1;
	ft_segment_take_usual_syn_options(&info->seg, syn_options_of(frame));
}

bool ft_usual_frame_take_plain_syn(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const struct ft_usual_headers *frame =
		rte_pktmbuf_mtod(pkt, const struct ft_usual_headers *);

	if (pkt->data_len != SYN_BYTES || !ft_usual_is_vouched_for(pkt) || !ft_usual_is_alone(pkt))
		return false;
	if (!is_plain_syn(frame, &stack->usual) ||
		frame->ip.total_length != RTE_BE16(SYN_BYTES - FT_USUAL_IP_OFFSET) ||
		!ft_segment_has_usual_syn_options(syn_options_of(frame)))
		return false;
	if (ft_usual_is_from_martian(frame, &stack->ip.routes) || !ft_usual_has_ports(frame))
		return false;
	note_plain_syn(stack, pkt, frame);
	return true;
}

// ---- who vouches for the checksums ----

// A sum that is a multiple of all ones is all ones when it is folded, if it is not zero (RFC 1071 2): here it is never,
// as a version and a protocol are in it.
static __rte_always_inline bool is_all_ones(uint64_t sum)
{
	return sum % UINT16_MAX == 0;
}

static __rte_always_inline bool is_ip_sum_good(const struct ft_usual_headers *frame)
{
	uint32_t words[sizeof(frame->ip) / sizeof(uint32_t)];
	uint64_t sum = 0;

	memcpy(words, &frame->ip, sizeof(words));
	for (uint32_t i = 0; i < RTE_DIM(words); i++)
		sum += words[i];
	return is_all_ones(sum);
}

// Of the pseudo-header (RFC 9293 3.1) the addresses stand just before the segment.
static __rte_always_inline bool is_tcp_sum_good(
	const struct ft_usual_headers *frame, const struct rte_mbuf *pkt)
{
	const uint16_t checksum =
		ft_checksum_from(pkt, offsetof(struct ft_usual_headers, ip.src_addr));
	const uint32_t rest = htobe16(IPPROTO_TCP) + htobe16(pkt->data_len - FT_USUAL_TCP_OFFSET);

	return is_all_ones(rest + (uint16_t)~checksum);
}

// Of a frame as expected, without padding.
static __rte_always_inline bool verify(
	struct ft_stack *stack, const struct rte_mbuf *pkt, uint8_t flags)
{
	const struct ft_usual_headers *frame =
		rte_pktmbuf_mtod(pkt, const struct ft_usual_headers *);
	uint64_t *verified = &stack->counters.count[FT_COUNTER_IP_CHECKSUMS_VERIFIED];
	const bool is_ip_vouched_for = flags & FT_PKT_IP_CHECKSUM_GOOD;
	const bool is_tcp_vouched_for = flags & FT_PKT_L4_CHECKSUM_GOOD;

	if (!is_ip_vouched_for && !is_ip_sum_good(frame))
		return false;
	if (!is_tcp_vouched_for && !is_tcp_sum_good(frame, pkt))
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
	if (ft_usual_frame_bytes(frame) != pkt->data_len) // no padding is summed up
		return false;
	if (!verify(stack, pkt, flags))
		return false;
	if (unlikely(is_syn))
		fill_syn(stack, pkt, flags);
	else
		ft_usual_fill(stack, pkt, payload, flags);
	return true;
}

bool ft_usual_frame_vouch_for(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const struct ft_usual_headers *frame =
		rte_pktmbuf_mtod(pkt, const struct ft_usual_headers *);
	const uint64_t said = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
	const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;

	if ((pkt->ol_flags & said) == good) // by the NIC, but its buffer may be no plain one
		return ft_usual_is_vouched_for(pkt);
	if (pkt->nb_segs != 1 || pkt->data_len < FT_USUAL_BARE_BYTES ||
		!ft_usual_is_as_expected(frame, &stack->usual) ||
		ft_usual_frame_bytes(frame) != pkt->data_len ||
		!verify(stack, pkt, ft_ethernet_checksum_flags(pkt)))
		return false;
	pkt->ol_flags = (pkt->ol_flags & ~said) | good;
	return ft_usual_is_vouched_for(pkt);
}
