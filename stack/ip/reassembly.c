// Each datagram has a bitmap of the 8-byte blocks that came, so that checking a fragment for
// overlaps costs the same however many came before it (at most 128 words), and a list of fragments
// in the order they came. They are put in order once, when all are there:
//
//	blocks      1 1 1 1 1 1 0 0 0 1 1 1       bit i: bytes 8i .. 8i+7 of the payload
//	fragments   [ offset 9 ] -> [ offset 0 ] -> [ offset 3 ]
#include "ip/reassembly.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "base/hash.h"
#include "base/trace.h"
#include "ip/icmp.h"
#include "stack.h"

#define BLOCK_BYTES RTE_IPV4_HDR_OFFSET_UNITS

struct datagram_key { // RFC 791 3.2: what fragments of one datagram have in common
	rte_be32_t source;
	rte_be32_t destination;
	rte_be16_t id;
	uint16_t protocol;
};

struct datagram {
	struct datagram_key key;
	struct ft_list in_bucket;
	struct ft_list in_order; // of age
	ft_time deadline;
	bool is_refused;	// an overlap was seen: nothing more of it is taken (RFC 5722 4)
	uint32_t total_bytes;	// of payload; 0 until the last fragment tells
	uint32_t end_bytes;	// the highest end seen
	uint32_t present_bytes; // what came
	uint64_t held_bytes;	// what is charged to the two budgets
	uint32_t held_mbufs;
	struct rte_mbuf *first; // the fragment at offset 0, or NULL
	struct ft_pkt_queue fragments;
	uint64_t blocks[FT_REASSEMBLY_BLOCKS / 64];
};

struct fragment { // of the payload, in bytes
	uint32_t offset;
	uint32_t length;
	bool is_last;
};

static const struct rte_ipv4_hdr *header_of(struct rte_mbuf *pkt)
{
	return rte_pktmbuf_mtod_offset(
		pkt, const struct rte_ipv4_hdr *, ft_pkt_info(pkt)->ip_offset);
}

static struct fragment read_fragment(struct rte_mbuf *pkt)
{
	uint16_t field = rte_be_to_cpu_16(header_of(pkt)->fragment_offset);

	return (struct fragment){
		.offset = (field & RTE_IPV4_HDR_OFFSET_MASK) * BLOCK_BYTES,
		.length = ft_pkt_info(pkt)->payload_length,
		.is_last = !(field & RTE_IPV4_HDR_MF_FLAG),
	};
}

// ---- is the fragment one that an honest host sends? ----

// Header bytes that the transport must find in the first fragment, so that nobody can hide ports or
// flags from a filter on the way (RFC 1858 3.2).
static uint32_t transport_header_bytes(struct rte_mbuf *pkt)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	uint8_t data_offset;

	if (info->tuple.protocol == IPPROTO_UDP)
		return sizeof(struct rte_udp_hdr);
	if (info->tuple.protocol == IPPROTO_ICMP)
		return sizeof(struct rte_icmp_hdr);
	if (ft_pkt_copy_out(pkt, info->transport_offset + 12, &data_offset, 1) != 1)
		return sizeof(struct tcphdr);
	return RTE_MAX(sizeof(struct tcphdr), (data_offset >> 4) * 4u);
}

static bool is_sound(struct rte_mbuf *pkt, const struct fragment *fragment)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	uint32_t header_bytes = info->transport_offset - info->ip_offset;

	if (fragment->length == 0 || (!fragment->is_last && fragment->length % BLOCK_BYTES != 0))
		return false;
	if (header_bytes + fragment->offset + fragment->length > RTE_IPV4_MAX_PKT_LEN)
		return false;
	if (fragment->offset == 0)
		return fragment->length >= transport_header_bytes(pkt);
	// RFC 3128: a fragment at offset 8 would overwrite the flags of a TCP header.
	return info->tuple.protocol != IPPROTO_TCP || fragment->offset >= sizeof(struct tcphdr);
}

// ---- what is held, and letting go of it ----

static uint64_t memory_of(const struct rte_mbuf *pkt)
{
	uint64_t bytes = 0;

	for (; pkt != NULL; pkt = pkt->next)
		bytes += pkt->buf_len;
	return bytes;
}

static bool can_hold(struct ft_stack *stack, const struct rte_mbuf *pkt)
{
	const struct ft_budget *bytes = &stack->ip.reassembly.bytes;
	const struct ft_budget *mbufs = &stack->receive_held.mbufs;

	return bytes->used + memory_of(pkt) <= bytes->limit &&
	       mbufs->used + pkt->nb_segs <= mbufs->limit;
}

static void hold(struct ft_stack *stack, struct datagram *datagram, struct rte_mbuf *pkt)
{
	uint64_t bytes = memory_of(pkt);

	ft_budget_take(&stack->ip.reassembly.bytes, bytes);
	ft_budget_take(&stack->receive_held.mbufs, pkt->nb_segs);
	datagram->held_bytes += bytes;
	datagram->held_mbufs += pkt->nb_segs;
	ft_pkt_queue_append(&datagram->fragments, pkt);
}

// Gives the budgets back what this datagram was charged; its fragments are about to leave.
static void release(struct ft_stack *stack, struct datagram *datagram)
{
	ft_budget_give(&stack->ip.reassembly.bytes, datagram->held_bytes);
	ft_budget_give(&stack->receive_held.mbufs, datagram->held_mbufs);
	datagram->held_bytes = 0;
	datagram->held_mbufs = 0;
	datagram->first = NULL;
}

static void discard_fragments(
	struct ft_stack *stack, struct datagram *datagram, enum ft_drop reason)
{
	struct rte_mbuf *pkt;

	release(stack, datagram);
	while ((pkt = ft_pkt_queue_take(&datagram->fragments)) != NULL)
		ft_stack_drop_late(stack, pkt, reason);
}

// ---- the datagrams under way ----

static struct datagram *oldest_of(struct ft_reassembly *reassembly)
{
	if (ft_list_is_empty(&reassembly->oldest))
		return NULL;
	return ft_container_of(reassembly->oldest.next, struct datagram, in_order);
}

static void set_timer(struct ft_stack *stack)
{
	const struct datagram *oldest = oldest_of(&stack->ip.reassembly);

	ft_timer_set(&stack->wheel, &stack->ip.reassembly.timer,
		oldest != NULL ? oldest->deadline : FT_NEVER);
}

static void end(struct ft_stack *stack, struct datagram *datagram)
{
	ft_list_remove(&datagram->in_bucket);
	ft_list_remove(&datagram->in_order);
	ft_pool_give(&stack->ip.reassembly.datagrams, datagram);
	set_timer(stack);
}

static struct datagram_key key_of(struct rte_mbuf *pkt)
{
	const struct rte_ipv4_hdr *ip = header_of(pkt);

	return (struct datagram_key){
		.source = ip->src_addr,
		.destination = ip->dst_addr,
		.id = ip->packet_id,
		.protocol = ip->next_proto_id,
	};
}

static struct ft_list *bucket_of(struct ft_stack *stack, const struct datagram_key *key)
{
	struct ft_reassembly *reassembly = &stack->ip.reassembly;
	uint64_t hash = ft_siphash(&stack->key, key, sizeof(*key));

	return &reassembly->buckets[hash & (reassembly->bucket_count - 1)];
}

static struct datagram *find(struct ft_stack *stack, const struct datagram_key *key)
{
	ft_list_for_each (node, bucket_of(stack, key)) {
		struct datagram *datagram = ft_container_of(node, struct datagram, in_bucket);

		if (memcmp(&datagram->key, key, sizeof(*key)) == 0)
			return datagram;
	}
	return NULL;
}

// The oldest datagram but `spared` makes room: whoever sends fragments that never become whole
// then has to send faster than everybody else to be in their way. False when there is none.
static bool evict_oldest(struct ft_stack *stack, const struct datagram *spared)
{
	struct ft_list *oldest = &stack->ip.reassembly.oldest;

	// The analyzer does not know that links are never NULL.
	// NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
	ft_list_for_each (node, oldest) {
		struct datagram *datagram = ft_container_of(node, struct datagram, in_order);

		if (datagram == spared)
			continue;
		discard_fragments(stack, datagram, FT_DROP_IP_FRAGMENT_LIMIT);
		end(stack, datagram);
		return true;
	}
	return false;
}

static struct datagram *begin(struct ft_stack *stack, const struct datagram_key *key, ft_time now)
{
	struct ft_reassembly *reassembly = &stack->ip.reassembly;
	char left[FT_TRACE_TIME_BYTES];
	struct datagram *datagram;

	if (reassembly->datagrams.in_use == reassembly->datagrams.maximum)
		evict_oldest(stack, NULL);
	datagram = ft_pool_take(&reassembly->datagrams);
	if (datagram == NULL)
		return NULL;
	*datagram = (struct datagram){
		.key = *key,
		.deadline = now + stack->config.ip.reassembly_timeout,
	};
	ft_list_append(bucket_of(stack, key), &datagram->in_bucket);
	ft_list_append(&reassembly->oldest, &datagram->in_order);
	set_timer(stack);
	ft_trace(stack, FT_TRACE_TIMER, "reassembly of datagram 0x%04x may take %s",
		rte_be_to_cpu_16(key->id), ft_trace_time_left(now, datagram->deadline, left));
	return datagram;
}

// ---- a fragment joins its datagram ----

enum presence { NONE, SOME, ALL };

// How many of the blocks first .. last came already.
static enum presence presence_of(const struct datagram *datagram, uint32_t first, uint32_t last)
{
	bool has_some = false, lacks_some = false;

	for (uint32_t word = first / 64; word <= last / 64; word++) {
		uint64_t mask = UINT64_MAX;

		if (word == first / 64)
			mask &= UINT64_MAX << first % 64;
		if (word == last / 64)
			mask &= UINT64_MAX >> (63 - last % 64);
		has_some |= (datagram->blocks[word] & mask) != 0;
		lacks_some |= (~datagram->blocks[word] & mask) != 0;
	}
	return !has_some ? NONE : lacks_some ? SOME : ALL;
}

static void mark(struct datagram *datagram, uint32_t first, uint32_t last)
{
	for (uint32_t block = first; block <= last; block++)
		datagram->blocks[block / 64] |= 1ull << block % 64;
}

static bool contradicts(const struct datagram *datagram, const struct fragment *fragment)
{
	uint32_t end_bytes = fragment->offset + fragment->length;

	if (datagram->total_bytes != 0)
		return fragment->is_last ? end_bytes != datagram->total_bytes
					 : end_bytes >= datagram->total_bytes;
	return fragment->is_last && end_bytes < datagram->end_bytes;
}

// Why the fragment cannot belong to this datagram, or FT_TAKEN. Bytes that came before may come
// again (networks duplicate packets) and change nothing; but a fragment partly new and partly old
// is an attempt to make two readers see different datagrams.
static enum ft_drop check_place(const struct datagram *datagram, const struct fragment *fragment)
{
	uint32_t end_bytes = fragment->offset + fragment->length;
	uint32_t first = fragment->offset / BLOCK_BYTES;
	uint32_t last = (end_bytes - 1) / BLOCK_BYTES;

	if (contradicts(datagram, fragment))
		return FT_DROP_IP_BAD_FRAGMENT;
	switch (presence_of(datagram, first, last)) {
	case ALL:
		return FT_DROP_IP_FRAGMENT_DUPLICATE;
	case SOME:
		return FT_DROP_IP_BAD_FRAGMENT;
	case NONE:
		break;
	}
	return FT_TAKEN;
}

static void place(struct datagram *datagram, const struct fragment *fragment)
{
	uint32_t end_bytes = fragment->offset + fragment->length;

	mark(datagram, fragment->offset / BLOCK_BYTES, (end_bytes - 1) / BLOCK_BYTES);
	datagram->present_bytes += fragment->length;
	datagram->end_bytes = RTE_MAX(datagram->end_bytes, end_bytes);
	if (fragment->is_last)
		datagram->total_bytes = end_bytes;
}

static enum ft_drop join(struct ft_stack *stack, struct datagram *datagram, struct rte_mbuf *pkt)
{
	struct fragment fragment = read_fragment(pkt);
	enum ft_drop reason = check_place(datagram, &fragment);

	if (reason != FT_TAKEN)
		return reason;
	while (!can_hold(stack, pkt))
		if (!evict_oldest(stack, datagram))
			return FT_DROP_IP_FRAGMENT_LIMIT;
	place(datagram, &fragment);
	hold(stack, datagram, pkt);
	ft_trace(stack, FT_TRACE_IP, "fragment of datagram 0x%04x: bytes %u to %u%s; %u are there",
		rte_be_to_cpu_16(datagram->key.id), fragment.offset,
		fragment.offset + fragment.length - 1, fragment.is_last ? ", the last" : "",
		datagram->present_bytes);
	if (fragment.offset == 0)
		datagram->first = pkt;
	return FT_TAKEN;
}

// ---- all are there ----

static bool is_complete(const struct datagram *datagram)
{
	return datagram->total_bytes != 0 && datagram->present_bytes == datagram->total_bytes;
}

static void sort_into(struct rte_mbuf **begins_at, struct ft_pkt_queue *fragments)
{
	struct rte_mbuf *pkt;

	while ((pkt = ft_pkt_queue_take(fragments)) != NULL)
		begins_at[read_fragment(pkt).offset / BLOCK_BYTES] = pkt;
}

// Each fragment begins where the one before it ended, so the payload is one walk.
static struct rte_mbuf *chain(struct rte_mbuf **begins_at, uint32_t total_bytes)
{
	struct rte_mbuf *whole = begins_at[0];
	struct rte_mbuf *last = NULL;
	uint32_t offset = 0;

	while (offset < total_bytes) {
		struct rte_mbuf *pkt = begins_at[offset / BLOCK_BYTES];

		begins_at[offset / BLOCK_BYTES] = NULL;
		offset += ft_pkt_info(pkt)->payload_length;
		if (last != NULL) {
			ft_pkt_cut_front(pkt, ft_pkt_info(pkt)->payload_offset);
			last->next = pkt;
			whole->nb_segs += pkt->nb_segs;
			whole->pkt_len += rte_pktmbuf_pkt_len(pkt);
		}
		last = rte_pktmbuf_lastseg(pkt);
	}
	return whole;
}

// The first fragment's header becomes the datagram's. What the NIC said of the fragments' checksums
// says nothing of the whole.
static void make_header_whole(struct rte_mbuf *whole)
{
	struct ft_pkt_info *info = ft_pkt_info(whole);
	uint8_t flags = info->flags & (FT_PKT_LINK_GROUP | FT_PKT_IP_GROUP | FT_PKT_LOOPBACK);
	struct rte_ipv4_hdr *ip;

	ft_pkt_cut_front(whole, info->ip_offset);
	ft_pkt_info_clear(whole)->flags = flags | FT_PKT_REASSEMBLED | FT_PKT_IP_CHECKSUM_GOOD;
	ip = rte_pktmbuf_mtod(whole, struct rte_ipv4_hdr *);
	ip->total_length = rte_cpu_to_be_16((uint16_t)rte_pktmbuf_pkt_len(whole));
	ip->fragment_offset = 0;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

// NULL when the first fragment's header, longer than the others', makes it more than IP can carry.
static struct rte_mbuf *make_whole(struct ft_stack *stack, struct datagram *datagram)
{
	const struct ft_pkt_info *info = ft_pkt_info(datagram->first);
	uint32_t header_bytes = info->transport_offset - info->ip_offset;
	struct rte_mbuf *whole = NULL;

	if (header_bytes + datagram->total_bytes > RTE_IPV4_MAX_PKT_LEN) {
		discard_fragments(stack, datagram, FT_DROP_IP_BAD_FRAGMENT);
	} else {
		release(stack, datagram);
		sort_into(stack->ip.reassembly.begins_at, &datagram->fragments);
		whole = chain(stack->ip.reassembly.begins_at, datagram->total_bytes);
		make_header_whole(whole);
		ft_stack_count(stack, FT_COUNTER_IP_REASSEMBLED);
		ft_trace(stack, FT_TRACE_IP, "datagram of %u bytes put together from fragments",
			rte_pktmbuf_pkt_len(whole));
	}
	end(stack, datagram);
	return whole;
}

// ---- from the loop ----

enum ft_drop ft_reassembly_input(
	struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now, struct rte_mbuf **whole)
{
	struct datagram_key key = key_of(pkt);
	struct fragment fragment = read_fragment(pkt);
	struct datagram *datagram;
	enum ft_drop reason;

	*whole = NULL;
	if (!is_sound(pkt, &fragment))
		return FT_DROP_IP_BAD_FRAGMENT;
	datagram = find(stack, &key);
	if (datagram == NULL)
		datagram = begin(stack, &key, now);
	if (datagram == NULL)
		return FT_DROP_IP_FRAGMENT_LIMIT;
	if (datagram->is_refused)
		return FT_DROP_IP_BAD_FRAGMENT;

	reason = join(stack, datagram, pkt);
	if (reason == FT_DROP_IP_BAD_FRAGMENT || reason == FT_DROP_IP_FRAGMENT_LIMIT) {
		datagram->is_refused = true;
		discard_fragments(stack, datagram, reason);
	}
	if (reason == FT_TAKEN && is_complete(datagram))
		*whole = make_whole(stack, datagram);
	return reason;
}

static void time_out(struct ft_stack *stack, struct datagram *datagram, ft_time now)
{
	ft_trace(stack, FT_TRACE_TIMER, "reassembly of datagram 0x%04x has taken too long",
		rte_be_to_cpu_16(datagram->key.id));
	if (datagram->first != NULL) // RFC 792: else nobody could tell what it was about
		ft_icmp_send_error(stack, datagram->first, FT_ICMP_REASSEMBLY_TIMEOUT, now);
	discard_fragments(stack, datagram, FT_DROP_IP_FRAGMENT_TIMEOUT);
	end(stack, datagram);
}

void ft_reassembly_expire(struct ft_stack *stack, struct ft_timer *timer, ft_time now)
{
	struct datagram *datagram;

	while ((datagram = oldest_of(&stack->ip.reassembly)) != NULL && datagram->deadline <= now)
		time_out(stack, datagram, now);
}

int ft_reassembly_init(struct ft_stack *stack)
{
	struct ft_reassembly *reassembly = &stack->ip.reassembly;
	uint32_t maximum = stack->config.ip.reassembly_datagrams;

	reassembly->bytes.limit = stack->config.ip.reassembly_bytes;
	reassembly->bucket_count = rte_align32pow2(maximum);
	reassembly->buckets = calloc(reassembly->bucket_count, sizeof(*reassembly->buckets));
	if (reassembly->buckets == NULL)
		return -ENOMEM;
	if (ft_pool_init(&reassembly->datagrams, maximum, sizeof(struct datagram), 64) != 0) {
		free(reassembly->buckets);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < reassembly->bucket_count; i++)
		ft_list_init(&reassembly->buckets[i]);
	ft_list_init(&reassembly->oldest);
	ft_timer_init(&reassembly->timer, FT_TIMER_REASSEMBLY);
	return 0;
}

void ft_reassembly_free(struct ft_stack *stack)
{
	struct ft_reassembly *reassembly = &stack->ip.reassembly;
	struct datagram *datagram;

	while ((datagram = oldest_of(reassembly)) != NULL) {
		discard_fragments(stack, datagram, FT_DROP_OWNER_GONE);
		end(stack, datagram);
	}
	ft_pool_free(&reassembly->datagrams);
	free(reassembly->buckets);
}
