// What stands before the segments of a conversation: an Ethernet and an IPv4 header that differ from one packet
// to the next in length and checksum alone. Made once for two addresses that speak to each other, then copied
// (as Linux's hh_cache is, which has the link's header alone).
//
//	Ethernet             | IPv4                                       | TCP, as the transport wrote it
//	MACs and type copied | copied, but total length, header checksum  | but checksum
//
// So goes what needs no second look: to a neighbour heard of lately, in one mbuf, no larger than the link's
// MTU while no path is known to have less. All else is for ft_ip_output().
#pragma once
#include <assert.h>
#include <endian.h> // rte_cpu_to_be_16() is assembly, of which the compiler can share nothing

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "ip/checksum.h"
#include "stack.h"

#define FT_IP_HEADS 256 // a power of two
// The datagram that every host takes whole (RFC 791 3.1): on a link for smaller ones all go the long way. So TCP may
// rely on it that a segment shorter than its MSS fits the link.
#define FT_IP_HEAD_SMALLEST_MTU 576

struct ft_ip_frame {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
} __rte_packed __rte_aligned(2);

struct ft_ip_head {
	struct ft_addr source;
	struct ft_addr destination;
	uint64_t number; // no other ever had it, and which place it has, modulo FT_IP_HEADS; not 0
	uint64_t arp_changes; // stack->arp.changes when it was made: good until there is another
	struct ft_list *neighbour;  // its place in stack->arp.resolved; NULL: go the long way
	uint64_t offloads;	    // ol_flags: what the NIC computes
	uint16_t header_sum;	    // of frame.ip
	uint16_t pseudo_header_sum; // with a length that lacks as many bytes as frame.ip has
	uint8_t ttl, tos;	    // as asked, 0: the configured default
	bool is_for_us_to_sum;	    // the NIC does not compute both checksums
	struct ft_ip_frame frame;   // total length and checksum 0
};

int ft_ip_head_init(struct ft_stack *stack);
void ft_ip_head_free(struct ft_stack *stack);

// What ft_ip_head_recall() does when it has to be made anew.
struct ft_ip_head *ft_ip_head_make(struct ft_stack *stack, struct ft_ip_head *head,
	const struct ft_tuple *tuple, uint8_t ttl, uint8_t tos, ft_time now);

// By the last two bytes of both addresses, without a key: a collision costs what it costs to make one.
static inline struct ft_ip_head *ft_ip_head_of(struct ft_stack *stack, const struct ft_tuple *tuple)
{
	uint8_t bytes[4];
	rte_be32_t both = tuple->local.words[3] ^ tuple->remote.words[3];

	memcpy(bytes, &both, sizeof(both));
	return &stack->ip.heads[bytes[2] ^ bytes[3]];
}

_Static_assert(FT_IP_HEADS == 256, "a byte tells which");

static inline bool ft_ip_head_is_of(
	const struct ft_ip_head *head, const struct ft_tuple *tuple, uint8_t ttl, uint8_t tos)
{
	return (head->ttl | head->tos << 8) == (ttl | tos << 8) &&
	       ft_addr_is_equal(&head->source, &tuple->local) &&
	       ft_addr_is_equal(&head->destination, &tuple->remote);
}

// The head for packets from tuple->local to tuple->remote, `ttl` and `tos` as in struct ft_ip_send. NULL:
// they have to go the long way now.
static inline const struct ft_ip_head *ft_ip_head_recall(
	struct ft_stack *stack, const struct ft_tuple *tuple, uint8_t ttl, uint8_t tos, ft_time now)
{
	struct ft_ip_head *head = ft_ip_head_of(stack, tuple);

	if (unlikely(head->arp_changes != stack->arp.changes ||
		     !ft_ip_head_is_of(head, tuple, ttl, tos)))
		head = ft_ip_head_make(stack, head, tuple, ttl, tos, now);
	if (unlikely(head->neighbour == NULL || now < stack->ip.routes.paths_expire))
		return NULL;
	ft_arp_note_use(&stack->arp, head->neighbour);
	return head;
}

// The head that ft_ip_head_recall() once returned, by its number, if it is that still, and would be returned again.
static inline const struct ft_ip_head *ft_ip_head_again(
	struct ft_stack *stack, uint64_t number, ft_time now)
{
	const struct ft_ip_head *head = &stack->ip.heads[number % FT_IP_HEADS];

	if (unlikely(head->number != number || head->arp_changes != stack->arp.changes ||
		     now < stack->ip.routes.paths_expire))
		return NULL;
	ft_arp_note_use(&stack->arp, head->neighbour);
	return head;
}

// Whether a segment of so many bytes, its header included, fits the link: paths with less have no head.
static inline bool ft_ip_head_fits(const struct ft_stack *stack, uint32_t segment_bytes)
{
	return segment_bytes + sizeof(struct rte_ipv4_hdr) <= stack->netif.mtu;
}

// The sum over something in which a word was zero (RFC 1071 2).
static inline uint16_t ft_ip_head_add(uint16_t sum, rte_be16_t word)
{
	uint32_t both = (uint32_t)sum + word;

	return (uint16_t)((both & 0xffff) + (both >> 16));
}

// What no NIC computes.
static inline void ft_ip_head_sum_up(
	const struct ft_ip_head *head, struct ft_ip_frame *frame, struct rte_mbuf *pkt)
{
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(frame + 1);

	if (!(head->offloads & RTE_MBUF_F_TX_IP_CKSUM))
		frame->ip.hdr_checksum = ~ft_ip_head_add(head->header_sum, frame->ip.total_length);
	if (!(head->offloads & RTE_MBUF_F_TX_TCP_CKSUM))
		tcp->cksum = ft_checksum_from(pkt, sizeof(*frame));
}

// Writes the head to `frame`, the beginning of a packet, where there is room for it and behind it stand `bytes` from the
// TCP header on, the checksum zero. They fit, and it is one mbuf.
static inline void ft_ip_head_fill(const struct ft_ip_head *head, struct rte_mbuf *pkt,
	struct ft_ip_frame *frame, uint16_t bytes)
{
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(frame + 1);

	*frame = head->frame;
	frame->ip.total_length = htobe16(bytes + sizeof(frame->ip));
	tcp->cksum = ft_ip_head_add(head->pseudo_header_sum, frame->ip.total_length);
	pkt->ol_flags = head->offloads;
	pkt->tx_offload = rte_mbuf_tx_offload(sizeof(frame->eth), sizeof(frame->ip), 0, 0, 0, 0, 0);
	if (unlikely(head->is_for_us_to_sum))
		ft_ip_head_sum_up(head, frame, pkt);
}

// Puts the head before a packet's data, which begins with its TCP header.
static inline void ft_ip_head_write(const struct ft_ip_head *head, struct rte_mbuf *pkt)
{
	const uint16_t bytes = pkt->data_len;

	if (rte_pktmbuf_prepend(pkt, sizeof(struct ft_ip_frame)) == NULL)
		assert(!"a fresh packet has the headroom");
	ft_ip_head_fill(head, pkt, rte_pktmbuf_mtod(pkt, struct ft_ip_frame *), bytes);
}
