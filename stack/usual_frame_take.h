// How a usual frame (usual_frame.h) is told and read: in line in the loop.
#pragma once
#include <endian.h> // rte_be_to_cpu_16() is assembly, of which the compiler can share nothing
#include <string.h>

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "base/few.h"
#include "incoming.h"
#include "ip/ip4.h"
#include "stack.h"

// The headers, as they lie in the frame.
struct ft_usual_headers {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
};

// What may follow them (RFC 7323 A).
struct ft_usual_timestamps {
	rte_be32_t word;
	rte_be32_t value;
	rte_be32_t echo;
} __rte_packed;

enum {
	FT_USUAL_IP_OFFSET = offsetof(struct ft_usual_headers, ip),
	FT_USUAL_TCP_OFFSET = offsetof(struct ft_usual_headers, tcp),
	FT_USUAL_BARE_BYTES = sizeof(struct ft_usual_headers),
	FT_USUAL_TIMESTAMPS_BYTES = FT_USUAL_BARE_BYTES + sizeof(struct ft_usual_timestamps),
	FT_USUAL_SYN_BYTES = FT_USUAL_BARE_BYTES + sizeof(struct ft_segment_syn_options),
	FT_USUAL_BARE_DATA_OFFSET = 5 << 4,
	FT_USUAL_TIMESTAMPS_DATA_OFFSET = 8 << 4,
	FT_USUAL_FLAGS_VOUCHED_FOR = FT_PKT_IP_CHECKSUM_GOOD | FT_PKT_L4_CHECKSUM_GOOD,
};

_Static_assert(FT_USUAL_BARE_BYTES == 14 + 20 + 20, "nothing lies between the headers");
_Static_assert(
	FT_USUAL_TIMESTAMPS_BYTES - FT_USUAL_BARE_BYTES == FT_TCP_TIMESTAMP_BYTES, "likewise");

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
#define FT_USUAL_BACK 18

_Static_assert(FT_USUAL_BACK + sizeof(ft_usual_block) == FT_USUAL_TCP_OFFSET,
	"the back ends with the destination");

// A third, with timestamps, is looked at where nothing is noted (below); of it all that is known is the same
// for every stack:
//
//	tail, from byte 42
//	acknowledgment   any                 window, checksum, urgent pointer  any
//	data offset      8 words             NOP, NOP, timestamps
//	flags            ACK; FIN, PSH, ECE, CWR or not
#define FT_USUAL_TAIL 42

static const struct ft_usual_headers ft_usual_mask = {
	.eth.dst_addr = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
	.eth.src_addr = { { RTE_ETHER_GROUP_ADDR } },
	.eth.ether_type = UINT16_MAX,
	.ip.version_ihl = UINT8_MAX,
	.ip.fragment_offset = RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK),
	.ip.next_proto_id = UINT8_MAX,
	.ip.dst_addr = UINT32_MAX,
};

static __rte_always_inline ft_usual_block ft_usual_load(
	const struct ft_usual_headers *frame, uint32_t offset)
{
	ft_usual_block block;

	memcpy(&block, (const uint8_t *)frame + offset, sizeof(block));
	return block;
}

// Zero: it is as expected.
static __rte_always_inline ft_usual_block ft_usual_difference(
	const struct ft_usual_headers *frame, const struct ft_usual_frame *usual)
{
	const ft_usual_block front =
		(ft_usual_load(frame, 0) & ft_usual_load(&ft_usual_mask, 0)) ^ usual->front;
	const ft_usual_block back = (ft_usual_load(frame, FT_USUAL_BACK) &
					    ft_usual_load(&ft_usual_mask, FT_USUAL_BACK)) ^
				    usual->back;

	return front | back;
}

static __rte_always_inline bool ft_usual_is_as_expected(
	const struct ft_usual_headers *frame, const struct ft_usual_frame *usual)
{
	const ft_usual_block either = ft_usual_difference(frame, usual);

	return (either[0] | either[1]) == 0;
}

// ---- what is no constant ----

// All that Ethernet carries of it; what follows is padding.
static __rte_always_inline uint32_t ft_usual_frame_bytes(const struct ft_usual_headers *frame)
{
	return FT_USUAL_IP_OFFSET + be16toh(frame->ip.total_length);
}

static __rte_always_inline const struct ft_usual_timestamps *ft_usual_timestamps_of(
	const struct ft_usual_headers *frame)
{
	return (const struct ft_usual_timestamps *)(frame + 1);
}

// The source's in the upper half.
static __rte_always_inline uint32_t ft_usual_ports_of(const struct ft_usual_headers *frame)
{
	rte_be32_t ports;

	memcpy(&ports, &frame->tcp.src_port, sizeof(ports));
	return be32toh(ports);
}

static __rte_always_inline bool ft_usual_has_ports(const struct ft_usual_headers *frame)
{
	return frame->tcp.src_port != 0 && frame->tcp.dst_port != 0;
}

// Only in IPv4 do the last bytes say it all; to the others of ours they say the long way.
static __rte_always_inline bool ft_usual_is_taken(
	const struct ft_local_address *local, rte_be32_t address)
{
	return address == local->addr.words[3] || address == local->broadcast.words[3];
}

// Martians (RFC 1812 5.3.7), as in ip/ip4_input.c.
static __rte_always_inline bool ft_usual_is_from_martian(
	const struct ft_usual_headers *frame, const struct ft_routes *routes)
{
	const rte_be32_t source = frame->ip.src_addr;

	if (unlikely(ft_ip4_is_no_host((uint8_t)source) ||
		     ft_usual_is_taken(&routes->local[0], source)))
		return true;
	for (uint32_t i = 1; unlikely(i < routes->local_count); i++)
		if (ft_usual_is_taken(&routes->local[i], source))
			return true;
	return false;
}

// Where the payload begins, or 0: the options are others, or the four bits beside the data offset are not zero, or
// the frame ends before.
static __rte_always_inline uint32_t ft_usual_payload_offset(const struct ft_usual_headers *frame)
{
	const uint32_t bytes = ft_usual_frame_bytes(frame);

	if (likely(frame->tcp.data_off == FT_USUAL_TIMESTAMPS_DATA_OFFSET &&
		    bytes >= FT_USUAL_TIMESTAMPS_BYTES &&
		    ft_usual_timestamps_of(frame)->word == RTE_BE32(FT_TCP_TIMESTAMP_WORD)))
		return FT_USUAL_TIMESTAMPS_BYTES;
	return frame->tcp.data_off == FT_USUAL_BARE_DATA_OFFSET && bytes >= FT_USUAL_BARE_BYTES
		       ? FT_USUAL_BARE_BYTES
		       : 0;
}

// Whether it is such a frame, but for what it has behind the fixed part of its TCP header.
static __rte_always_inline bool ft_usual_is_expected(
	const struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const struct ft_usual_headers *frame =
		rte_pktmbuf_mtod(pkt, const struct ft_usual_headers *);

	return ft_pkt_info(pkt)->flags == 0 && // not from loopback, where there is no Ethernet
	       pkt->nb_segs == 1 && pkt->data_len >= FT_USUAL_BARE_BYTES &&
	       ft_usual_is_as_expected(frame, &stack->usual) &&
	       !ft_usual_is_from_martian(frame, &stack->ip.routes) &&
	       ft_usual_frame_bytes(frame) <= pkt->data_len && ft_usual_has_ports(frame);
}

// ---- what is but glanced at ----

struct ft_usual_tail {
	rte_be32_t ack;
	uint8_t data_offset;
	uint8_t flags;
	uint16_t window, checksum, urgent;
	rte_be32_t options_begin;
} __rte_packed __rte_aligned(16);

_Static_assert(
	sizeof(struct ft_usual_tail) == sizeof(ft_usual_block) &&
		FT_USUAL_TAIL == offsetof(struct ft_usual_headers, tcp.recv_ack) &&
		FT_USUAL_TAIL + sizeof(ft_usual_block) == FT_USUAL_BARE_BYTES + sizeof(rte_be32_t),
	"the tail ends with the timestamps' word, or with how a SYN's options begin");

static __rte_always_inline ft_usual_block ft_usual_block_of(struct ft_usual_tail tail)
{
	ft_usual_block block;

	memcpy(&block, &tail, sizeof(block));
	return block;
}

static __rte_always_inline bool ft_usual_is_short_segment(
	const struct ft_usual_headers *frame, const struct ft_usual_frame *usual)
{
	const ft_usual_block mask = ft_usual_block_of((struct ft_usual_tail){
		.data_offset = UINT8_MAX,
		.flags = FT_TCP_SYN | FT_TCP_RST | FT_TCP_URG | FT_TCP_ACK,
		.options_begin = UINT32_MAX,
	});
	const ft_usual_block expected = ft_usual_block_of((struct ft_usual_tail){
		.data_offset = FT_USUAL_TIMESTAMPS_DATA_OFFSET,
		.flags = FT_TCP_ACK,
		.options_begin = RTE_BE32(FT_TCP_TIMESTAMP_WORD),
	});
	const ft_usual_block tail = (ft_usual_load(frame, FT_USUAL_TAIL) & mask) ^ expected;
	const ft_usual_block any = tail | ft_usual_difference(frame, usual);

	return (any[0] | any[1]) == 0;
}

// The two words with which its tuple ends (ft_tuple_ends_in()).
static __rte_always_inline uint64_t ft_usual_remote(const struct ft_usual_headers *frame)
{
	return ft_addr_from_ip4(frame->ip.src_addr).halves[1];
}

static __rte_always_inline uint64_t ft_usual_tuple_end(const struct ft_usual_headers *frame)
{
	const uint64_t ports = ft_usual_ports_of(frame);

	if (RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN)
		return ports | (uint64_t)IPPROTO_TCP << 32;
	return ports << 48 | ports >> 16 << 32 | IPPROTO_TCP << 24;
}

_Static_assert(offsetof(struct ft_tuple, local_port) == 32 &&
		       offsetof(struct ft_tuple, remote_port) == 34 &&
		       offsetof(struct ft_tuple, protocol) == 36,
	"a word of its own");

// One mbuf, that nobody else uses: ft_pkt_is_plain() but for its buffer.
static __rte_always_inline bool ft_usual_is_alone(const struct rte_mbuf *pkt)
{
	const uint16_t alone[2] = { 1, 1 };

	return memcmp(&pkt->refcnt, alone, sizeof(alone)) == 0;
}

_Static_assert(offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) + 2,
	"they are compared together");

// Both checksums are good, the buffer is the packet's own, no tag was taken off.
static __rte_always_inline bool ft_usual_is_vouched_for(const struct rte_mbuf *pkt)
{
	const uint64_t matters = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK |
				 RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_INDIRECT |
				 RTE_MBUF_F_EXTERNAL;
	const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;

	return (pkt->ol_flags & matters) == good;
}

// Where the NIC does not, the stack may: verifies what the NIC does not vouch for, if the packet may be a usual frame,
// and if all is right notes it in the packet as the NIC would have. Returns whether it is vouched for now. (A wrong sum
// is found again, and counted, on the long way.)
bool ft_usual_frame_vouch_for(struct ft_stack *stack, struct rte_mbuf *pkt);

// Whether a packet may be a segment of few bytes or none, with a FIN or without, of a connection that has heard our SYN,
// with nothing out of the ordinary. It is vouched for, and it is nobody else's. What is not looked at, the
// connection answers for: that has ports, and knows of its peer (has_martian_peer in tcp/conn.h). Nothing is written to
// the packet.
static __rte_always_inline bool ft_usual_glance(
	const struct ft_stack *stack, struct rte_mbuf *pkt, struct ft_incoming *incoming)
{
	const struct ft_usual_headers *frame =
		rte_pktmbuf_mtod(pkt, const struct ft_usual_headers *);
	const uint32_t bytes = (uint32_t)pkt->data_len - FT_USUAL_TIMESTAMPS_BYTES;

	if (unlikely(bytes > FT_FEW))
		return false;
	if (unlikely(!ft_usual_is_alone(pkt))) // apart, or the compiler makes twice as much of it
		return false;
	if (unlikely(!ft_usual_is_short_segment(frame, &stack->usual) ||
		     frame->ip.total_length != htobe16(pkt->data_len - FT_USUAL_IP_OFFSET)))
		return false;
	incoming->frame = frame;
	incoming->remote = ft_usual_remote(frame);
	incoming->ports = ft_usual_tuple_end(frame);
	incoming->hash = ft_tuple_hash_end(
		&stack->key, stack->usual.hash_begin, 0, incoming->remote, incoming->ports);
	return true;
}

// Of one glanced at.
static __rte_always_inline bool ft_usual_is_of(const struct ft_incoming *incoming,
	const struct ft_stack *stack, const struct ft_tuple *tuple)
{
	return ft_tuple_ends_in(
		tuple, &stack->ip.routes.local[0].addr, incoming->remote, incoming->ports);
}

static inline struct ft_tuple ft_usual_tuple(
	const struct ft_incoming *incoming, const struct ft_stack *stack)
{
	return ft_tuple_that_ends_in(
		&stack->ip.routes.local[0].addr, incoming->remote, incoming->ports);
}

static __rte_always_inline uint32_t ft_usual_text_bytes(const struct ft_incoming *incoming)
{
	return (uint32_t)incoming->pkt->data_len - FT_USUAL_TIMESTAMPS_BYTES;
}

static __rte_always_inline const uint8_t *ft_usual_text(const struct ft_incoming *incoming)
{
	return (const uint8_t *)incoming->frame + FT_USUAL_TIMESTAMPS_BYTES;
}

static __rte_always_inline bool ft_usual_has_fin(const struct ft_incoming *incoming)
{
	return (incoming->frame->tcp.tcp_flags & FT_TCP_FIN) != 0;
}

// As if it had no FIN.
static __rte_always_inline struct ft_segment ft_usual_segment(const struct ft_incoming *incoming)
{
	const struct rte_tcp_hdr *tcp = &incoming->frame->tcp;
	const struct ft_usual_timestamps *timestamps = ft_usual_timestamps_of(incoming->frame);

	return (struct ft_segment){
		.seq = be32toh(tcp->sent_seq),
		.ack = be32toh(tcp->recv_ack),
		.length = ft_usual_text_bytes(incoming),
		.window = be16toh(tcp->rx_win),
		.flags = FT_TCP_ACK,
		.options = FT_TCP_HAS_TIMESTAMP,
		.ts_value = be32toh(timestamps->value),
		.ts_echo = be32toh(timestamps->echo),
	};
}

static __rte_always_inline struct ft_segment ft_usual_segment_and_fin(
	const struct ft_incoming *incoming)
{
	struct ft_segment seg = ft_usual_segment(incoming);

	if (ft_usual_has_fin(incoming)) {
		seg.flags |= FT_TCP_FIN;
		seg.length++;
	}
	return seg;
}

// ---- what is noted about it ----

static __rte_always_inline void ft_usual_fill_segment(
	struct ft_segment *seg, const struct ft_usual_headers *frame, uint32_t payload_length)
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
}

static __rte_always_inline void ft_usual_fill_timestamps(
	struct ft_segment *seg, const struct ft_usual_headers *frame)
{
	seg->ts_value = be32toh(ft_usual_timestamps_of(frame)->value);
	seg->ts_echo = be32toh(ft_usual_timestamps_of(frame)->echo);
	seg->options = FT_TCP_HAS_TIMESTAMP;
}

static __rte_always_inline void ft_usual_fill(
	const struct ft_stack *stack, struct rte_mbuf *pkt, uint32_t payload, uint8_t flags)
{
	const struct ft_usual_headers *frame =
		rte_pktmbuf_mtod(pkt, const struct ft_usual_headers *);
	const uint32_t ports = ft_usual_ports_of(frame);
	const uint32_t end = ft_usual_frame_bytes(frame);
	struct ft_pkt_info *info = ft_pkt_info(pkt);

	pkt->data_len = (uint16_t)end;
	pkt->pkt_len = end;
	info->tuple.local = stack->ip.routes.local[0].addr;
	info->tuple.remote = ft_addr_from_ip4(frame->ip.src_addr);
	info->tuple.local_port = (uint16_t)ports;
	info->tuple.remote_port = ports >> 16;
	info->tuple.protocol = IPPROTO_TCP;
	info->ip_offset = FT_USUAL_IP_OFFSET;
	info->transport_offset = FT_USUAL_TCP_OFFSET;
	info->payload_offset = payload;
	info->payload_length = end - payload;
	info->kind = FT_PKT_TCP;
	info->flags = flags;
	info->ttl = frame->ip.time_to_live;
	info->tos = frame->ip.type_of_service;
	ft_usual_fill_segment(&info->seg, frame, end - payload);
	if (payload == FT_USUAL_TIMESTAMPS_BYTES)
		ft_usual_fill_timestamps(&info->seg, frame);
}

// The NIC does not vouch for both checksums.
bool ft_usual_frame_take_verified(struct ft_stack *stack, struct rte_mbuf *pkt);

// It is vouched for; a SYN, and as expected but for its options.
bool ft_usual_frame_take_syn(struct ft_stack *stack, struct rte_mbuf *pkt);

// Nearly every SYN from the NIC that is vouched for: nothing beside it, options as Linux lays them out. True: its info,
// whatever stood there, is as the long way would have left it, with the hash. False: nothing was changed.
bool ft_usual_frame_take_plain_syn(struct ft_stack *stack, struct rte_mbuf *pkt);

// True: the packet was such a frame, and is as ft_ethernet_parse() would have left it when it says
// FT_TAKEN; the counters, too. False: nothing was changed.
static __rte_always_inline bool ft_usual_frame_take(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const uint64_t matters = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK |
				 RTE_MBUF_F_RX_VLAN_STRIPPED;
	const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	const struct ft_usual_headers *frame =
		rte_pktmbuf_mtod(pkt, const struct ft_usual_headers *);
	uint32_t payload;

	if (unlikely((pkt->ol_flags & matters) != good))
		return ft_usual_frame_take_verified(stack, pkt);
	if (unlikely(!ft_usual_is_expected(stack, pkt)))
		return false;
	if (unlikely(frame->tcp.tcp_flags & FT_TCP_SYN))
		return ft_usual_frame_take_syn(stack, pkt);
	payload = ft_usual_payload_offset(frame);
	if (unlikely(payload == 0))
		return false;
	// Twice, so that for the compiler the first is a constant.
	if (likely(payload == FT_USUAL_TIMESTAMPS_BYTES))
		ft_usual_fill(stack, pkt, FT_USUAL_TIMESTAMPS_BYTES, FT_USUAL_FLAGS_VOUCHED_FOR);
	else
		ft_usual_fill(stack, pkt, payload, FT_USUAL_FLAGS_VOUCHED_FOR);
	return true;
}

// Takes one after all that was but glanced at, when the connection found has answered for the rest.
static __rte_always_inline void ft_usual_frame_take_glanced(
	struct ft_stack *stack, struct ft_incoming *incoming)
{
	struct ft_pkt_info *info = ft_pkt_info_clear(incoming->pkt);

	ft_usual_fill(stack, incoming->pkt, FT_USUAL_TIMESTAMPS_BYTES, FT_USUAL_FLAGS_VOUCHED_FOR);
	info->hash = incoming->hash;
	info->found = incoming->found;
	incoming->frame = NULL;
}
