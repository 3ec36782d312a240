#include "usual_frame.h"

#include <endian.h> // rte_be_to_cpu_16() is assembly, of which the compiler can share nothing
#include <string.h>

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "eth/ethernet.h"
#include "ip/checksum.h"
#include "ip/ip4.h"
#include "stack.h"

// The headers, as they lie in the frame.
struct frame {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
};

// What may follow them (RFC 7323 A).
struct timestamps {
	rte_be32_t word;
	rte_be32_t value;
	rte_be32_t echo;
} __rte_packed;

enum {
	IP_OFFSET = offsetof(struct frame, ip),
	TCP_OFFSET = offsetof(struct frame, tcp),
	BARE_BYTES = sizeof(struct frame),
	TIMESTAMPS_BYTES = BARE_BYTES + sizeof(struct timestamps),
	BARE_DATA_OFFSET = 5 << 4,
	TIMESTAMPS_DATA_OFFSET = 8 << 4,
	FLAGS_VOUCHED_FOR = FT_PKT_IP_CHECKSUM_GOOD | FT_PKT_L4_CHECKSUM_GOOD,
};

_Static_assert(BARE_BYTES == 14 + 20 + 20, "nothing lies between the headers");
_Static_assert(TIMESTAMPS_BYTES - BARE_BYTES == FT_TCP_TIMESTAMP_BYTES, "likewise");

// ---- the two compares ----

// Two blocks of 16 bytes hold all of Ethernet and IP that is known but the length, which differs:
//
//	front, from byte 0              back, from byte 18
//	destination  ours               identification    any
//	source       not a group's      fragment          whole; DF or not
//	EtherType    IPv4               TTL               any
//	version, IHL 4, 5               protocol          TCP
//	TOS          any                checksum, source  any
//	                                destination       our first address
#define BACK 18

_Static_assert(BACK + sizeof(ft_usual_block) == TCP_OFFSET, "the back ends with the destination");

static const struct frame mask = {
	.eth.dst_addr = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
	.eth.src_addr = { { RTE_ETHER_GROUP_ADDR } },
	.eth.ether_type = UINT16_MAX,
	.ip.version_ihl = UINT8_MAX,
	.ip.fragment_offset = RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK),
	.ip.next_proto_id = UINT8_MAX,
	.ip.dst_addr = UINT32_MAX,
};

static __rte_always_inline ft_usual_block load(const struct frame *frame, uint32_t offset)
{
	ft_usual_block block;

	memcpy(&block, (const uint8_t *)frame + offset, sizeof(block));
	return block;
}

static __rte_always_inline bool is_as_expected(
	const struct frame *frame, const struct ft_usual_frame *usual)
{
	const ft_usual_block front = (load(frame, 0) & load(&mask, 0)) ^ usual->front;
	const ft_usual_block back = (load(frame, BACK) & load(&mask, BACK)) ^ usual->back;
	const ft_usual_block either = front | back;

	return (either[0] | either[1]) == 0;
}

void ft_usual_frame_init(struct ft_stack *stack)
{
	const struct ft_routes *routes = &stack->ip.routes;
	struct frame frame = {
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
		.front = load(&frame, 0),
		.back = load(&frame, BACK),
	};
}

// ---- what is no constant ----

// All that Ethernet carries of it; what follows is padding.
static __rte_always_inline uint32_t frame_bytes(const struct frame *frame)
{
	return IP_OFFSET + be16toh(frame->ip.total_length);
}

// Where the payload begins, if the four bits beside the data offset are zero.
static __rte_always_inline uint32_t headers_bytes(const struct frame *frame)
{
	return TCP_OFFSET + frame->tcp.data_off / 4;
}

static __rte_always_inline bool has_timestamps(const struct frame *frame)
{
	return frame->tcp.data_off == TIMESTAMPS_DATA_OFFSET;
}

static __rte_always_inline const struct timestamps *timestamps_of(const struct frame *frame)
{
	return (const struct timestamps *)(frame + 1);
}

static __rte_always_inline bool has_usual_options(const struct frame *frame)
{
	if (has_timestamps(frame))
		return timestamps_of(frame)->word == RTE_BE32(FT_TCP_TIMESTAMP_WORD);
	return frame->tcp.data_off == BARE_DATA_OFFSET;
}

// The source's in the upper half.
static __rte_always_inline uint32_t ports_of(const struct frame *frame)
{
	rte_be32_t ports;

	memcpy(&ports, &frame->tcp.src_port, sizeof(ports));
	return be32toh(ports);
}

static __rte_always_inline bool has_ports(const struct frame *frame)
{
	return frame->tcp.src_port != 0 && frame->tcp.dst_port != 0;
}

// Only in IPv4 do the last bytes say it all; to the others of ours they say the long way.
static __rte_always_inline bool is_taken(const struct ft_local_address *local, rte_be32_t address)
{
	return address == local->addr.words[3] || address == local->broadcast.words[3];
}

// Martians (RFC 1812 5.3.7), as in ip/ip4_input.c.
static __rte_always_inline bool is_from_martian(
	const struct frame *frame, const struct ft_routes *routes)
{
	const rte_be32_t source = frame->ip.src_addr;

	if (ft_ip4_is_no_host((uint8_t)source) || is_taken(&routes->local[0], source))
		return true;
	for (uint32_t i = 1; unlikely(i < routes->local_count); i++)
		if (is_taken(&routes->local[i], source))
			return true;
	return false;
}

static __rte_always_inline bool is_usual(const struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const struct frame *frame = rte_pktmbuf_mtod(pkt, const struct frame *);

	return ft_pkt_info(pkt)->flags == 0 && // not from loopback, where there is no Ethernet
	       pkt->nb_segs == 1 && pkt->data_len >= BARE_BYTES &&
	       is_as_expected(frame, &stack->usual) && !is_from_martian(frame, &stack->ip.routes) &&
	       frame_bytes(frame) <= pkt->data_len && headers_bytes(frame) <= frame_bytes(frame) &&
	       has_usual_options(frame) && !(frame->tcp.tcp_flags & FT_TCP_SYN) && has_ports(frame);
}

// ---- what is noted about it ----

static __rte_always_inline void fill_segment(
	struct ft_segment *seg, const struct frame *frame, uint32_t payload_length)
{
	const struct rte_tcp_hdr *tcp = &frame->tcp;
	const uint32_t has_fin = (tcp->tcp_flags & FT_TCP_FIN) != 0;

	*seg = (struct ft_segment){
		.seq = be32toh(tcp->sent_seq),
		.ack = be32toh(tcp->recv_ack),
		.length = payload_length + has_fin,
		.window = be16toh(tcp->rx_win),
		.urgent = be16toh(tcp->tcp_urp),
		.flags = tcp->tcp_flags,
	};
	if (has_timestamps(frame)) {
		seg->ts_value = be32toh(timestamps_of(frame)->value);
		seg->ts_echo = be32toh(timestamps_of(frame)->echo);
		seg->options = FT_TCP_HAS_TIMESTAMP;
	}
}

static __rte_always_inline void fill(
	const struct ft_stack *stack, struct rte_mbuf *pkt, uint8_t flags)
{
	const struct frame *frame = rte_pktmbuf_mtod(pkt, const struct frame *);
	const uint32_t ports = ports_of(frame);
	const uint32_t end = frame_bytes(frame);
	const uint32_t payload = headers_bytes(frame);
	struct ft_pkt_info *info = ft_pkt_info(pkt);

	pkt->data_len = (uint16_t)end;
	pkt->pkt_len = end;
	info->tuple.local = stack->ip.routes.local[0].addr;
	info->tuple.remote = ft_addr_from_ip4(frame->ip.src_addr);
	info->tuple.local_port = (uint16_t)ports;
	info->tuple.remote_port = ports >> 16;
	info->tuple.protocol = IPPROTO_TCP;
	info->ip_offset = IP_OFFSET;
	info->transport_offset = TCP_OFFSET;
	info->payload_offset = payload;
	info->payload_length = end - payload;
	info->kind = FT_PKT_TCP;
	info->flags = flags;
	info->ttl = frame->ip.time_to_live;
	info->tos = frame->ip.type_of_service;
	fill_segment(&info->seg, frame, end - payload);
}

// ---- who vouches for the checksums ----

static bool verify(struct ft_stack *stack, const struct rte_mbuf *pkt, uint8_t flags)
{
	const struct frame *frame = rte_pktmbuf_mtod(pkt, const struct frame *);
	uint64_t *verified = &stack->counters.count[FT_COUNTER_IP_CHECKSUMS_VERIFIED];
	const bool is_ip_vouched_for = flags & FT_PKT_IP_CHECKSUM_GOOD;
	const bool is_tcp_vouched_for = flags & FT_PKT_L4_CHECKSUM_GOOD;

	if (!is_ip_vouched_for && rte_raw_cksum(&frame->ip, sizeof(frame->ip)) != 0xffff)
		return false;
	if (!is_tcp_vouched_for && !ft_checksum_is_good(pkt, IP_OFFSET, TCP_OFFSET))
		return false;
	*verified += !is_ip_vouched_for + !is_tcp_vouched_for;
	return true;
}

// The NIC does not vouch for both. A wrong sum is found again, and counted, on the long way; so is a
// tag that the NIC took off.
static __attribute__((noinline)) bool take_verified(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const struct frame *frame = rte_pktmbuf_mtod(pkt, const struct frame *);
	const uint8_t flags = ft_ethernet_checksum_flags(pkt);

	if ((pkt->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) || !is_usual(stack, pkt))
		return false;
	if (frame_bytes(frame) != pkt->data_len) // ft_checksum_is_good() wants no padding
		return false;
	if (!verify(stack, pkt, flags))
		return false;
	fill(stack, pkt, flags);
	return true;
}

bool ft_usual_frame_take(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const uint64_t matters = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK |
				 RTE_MBUF_F_RX_VLAN_STRIPPED;
	const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;

	if (unlikely((pkt->ol_flags & matters) != good))
		return take_verified(stack, pkt);
	if (likely(is_usual(stack, pkt))) {
		fill(stack, pkt, FLAGS_VOUCHED_FOR);
		return true;
	}
	return false;
}
