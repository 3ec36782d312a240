#include "two_ways.h"

#include "eth/ethernet.h"
#include "usual_frame_take.h"

// What is behind the cleared part of the info is as the last user left it.
#define LEFTOVER 0xa5

static void make_leftovers(struct ft_pkt_info *info)
{
	memset((char *)info + FT_PKT_INFO_CLEARED, LEFTOVER, sizeof(*info) - FT_PKT_INFO_CLEARED);
}

static bool is_same_segment(const struct ft_segment *a, const struct ft_segment *b)
{
	return a->seq == b->seq && a->ack == b->ack && a->length == b->length &&
	       a->ts_value == b->ts_value && a->ts_echo == b->ts_echo && a->window == b->window &&
	       a->urgent == b->urgent && a->mss == b->mss && a->flags == b->flags &&
	       a->options == b->options && a->window_scale == b->window_scale;
}

static bool is_same_info(const struct ft_pkt_info *a, const struct ft_pkt_info *b)
{
	return memcmp(a, b, FT_PKT_INFO_CLEARED) == 0 && a->next == b->next &&
	       a->found == b->found && is_same_segment(&a->seg, &b->seg) &&
	       memcmp(&a->block, &b->block, sizeof(a->block)) == 0;
}

static bool is_same_packet(struct rte_mbuf *a, struct rte_mbuf *b)
{
	return is_same_info(ft_pkt_info(a), ft_pkt_info(b)) && a->pkt_len == b->pkt_len &&
	       a->data_len == b->data_len && a->data_off == b->data_off &&
	       a->nb_segs == b->nb_segs && a->ol_flags == b->ol_flags &&
	       memcmp(rte_pktmbuf_mtod(a, void *), rte_pktmbuf_mtod(b, void *), a->data_len) == 0;
}

// What a glance at the frame tells, and what parsing it did, which must have been possible; but for what is left to the
// connection.
static bool is_as_glanced(
	const struct ft_stack *stack, const struct ft_incoming *incoming, bool is_taken)
{
	const struct ft_pkt_info *info = ft_pkt_info(incoming->pkt);
	const uint8_t unseen = FT_TCP_PSH | FT_TCP_ECE | FT_TCP_CWR;
	struct ft_segment segment = ft_usual_segment_and_fin(incoming);
	const struct ft_tuple tuple = ft_usual_tuple(incoming, stack);

	if (!is_taken)
		return ft_usual_is_from_martian(incoming->frame, &stack->ip.routes) ||
		       !ft_usual_has_ports(incoming->frame);
	segment.flags |= info->seg.flags & unseen;
	segment.urgent = info->seg.urgent;
	return is_same_segment(&segment, &info->seg) &&
	       incoming->hash == ft_tuple_hash(&stack->key, &info->tuple) &&
	       ft_usual_is_of(incoming, stack, &info->tuple) &&
	       ft_tuple_is_equal(&tuple, &info->tuple) &&
	       ft_usual_text_bytes(incoming) == info->payload_length &&
	       ft_usual_text(incoming) == rte_pktmbuf_mtod_offset(incoming->pkt, const uint8_t *,
						  info->payload_offset);
}

// Of a packet from the NIC that was parsed: as a plain SYN it would have been noted alike, whatever had stood there.
static bool is_as_plain_syn(struct ft_stack *stack, struct rte_mbuf *pkt, bool is_taken)
{
	const size_t noted_bytes = offsetof(struct ft_pkt_info, recorded) + sizeof(uint8_t);
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	const struct ft_pkt_info parsed = *info;
	uint64_t hash;

	memset(info, LEFTOVER, noted_bytes); // and nothing behind it means anything
	if (!ft_usual_frame_take_plain_syn(stack, pkt)) {
		*info = parsed;
		return true;
	}
	hash = info->hash;
	info->hash = parsed.hash;
	return is_taken && is_same_info(info, &parsed) &&
	       hash == ft_tuple_hash(&stack->key, &info->tuple);
}

static enum ft_drop go_the_long_way(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	if (ft_pkt_info(pkt)->flags & FT_PKT_LOOPBACK)
		return ft_ip_parse(stack, pkt, RTE_ETHER_TYPE_IPV4);
	return ft_ethernet_parse(stack, pkt);
}

enum test_way test_two_ways(struct ft_stack *stack, struct rte_mbuf *pkt, struct rte_mbuf *other)
{
	const struct ft_counters before = stack->counters;
	struct ft_counters after;
	struct ft_incoming incoming = { .pkt = pkt };
	const bool is_from_nic = ft_pkt_info(pkt)->flags == 0;
	const bool is_glanced = is_from_nic && ft_usual_is_vouched_for(pkt) &&
				ft_usual_glance(stack, pkt, &incoming);
	bool is_taken, is_same = true;

	make_leftovers(ft_pkt_info(pkt));
	make_leftovers(ft_pkt_info(other));
	is_taken = ft_usual_frame_take(stack, pkt);
	after = stack->counters;
	stack->counters = before;
	if (is_taken)
		is_same = go_the_long_way(stack, other) == FT_TAKEN;
	is_same = is_same && (!is_glanced || is_as_glanced(stack, &incoming, is_taken)) &&
		  is_same_packet(pkt, other) &&
		  memcmp(&stack->counters, &after, sizeof(after)) == 0;
	is_same = is_same && (!is_from_nic || is_as_plain_syn(stack, pkt, is_taken));
	stack->counters = before;
	rte_pktmbuf_free(pkt);
	rte_pktmbuf_free(other);
	return !is_same ? TEST_WRONG_WAY : is_taken ? TEST_SHORT_WAY : TEST_LONG_WAY;
}
