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
	};
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

	if ((pkt->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) || !ft_usual_is_expected(stack, pkt))
		return false;
	payload = ft_usual_payload_offset(frame);
	if (payload == 0 || payload > ft_usual_frame_bytes(frame))
		return false;
	if (ft_usual_frame_bytes(frame) != pkt->data_len) // ft_checksum_is_good() wants no padding
		return false;
	if (!verify(stack, pkt, flags))
		return false;
	ft_usual_fill(stack, pkt, payload, flags);
	return true;
}
