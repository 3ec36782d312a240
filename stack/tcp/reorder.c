#include "tcp/reorder.h"

#include "tcp/segment.h"
#include "tcp/seq.h"

// A block is named by its first packet; within it, packets follow each other through info->next.
static uint32_t start_of(struct rte_mbuf *pkt)
{
	return ft_pkt_info(pkt)->seg.seq;
}

static uint32_t end_of(struct rte_mbuf *pkt)
{
	return start_of(pkt) + ft_pkt_info(pkt)->payload_length;
}

static struct ft_pkt_block *block_of(struct rte_mbuf *first)
{
	return &ft_pkt_info(first)->block;
}

// Takes the FIN off the segment, so that only payload is left of it.
static void note_fin(struct ft_reorder *reorder, struct rte_mbuf *pkt)
{
	const struct ft_segment *seg = &ft_pkt_info(pkt)->seg;

	if (!(seg->flags & FT_TCP_FIN))
		return;
	if (!reorder->has_fin) {
		reorder->has_fin = true;
		reorder->fin_seq = seg->seq + seg->length - 1;
	}
	ft_segment_cut_end(pkt, 1);
}

// The last block that begins at or before `seq`, or NULL.
static struct rte_mbuf *find_before(const struct ft_reorder *reorder, uint32_t seq)
{
	struct rte_mbuf *before = NULL;

	if (reorder->last_block != NULL &&
		ft_seq_is_at_or_after(seq, start_of(reorder->last_block)))
		return reorder->last_block;
	for (struct rte_mbuf *block = reorder->first_block;
		block != NULL && ft_seq_is_at_or_after(seq, start_of(block));
		block = block_of(block)->next)
		before = block;
	return before;
}

// Cuts off what the neighbouring blocks hold. Returns false when nothing is left.
static bool cut_overlap(struct rte_mbuf *pkt, struct rte_mbuf *before, struct rte_mbuf *after)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);

	if (before != NULL) {
		uint32_t held_end = end_of(block_of(before)->last);

		if (ft_seq_is_at_or_before(end_of(pkt), held_end))
			return false;
		if (ft_seq_is_before(info->seg.seq, held_end))
			ft_segment_cut_front(pkt, held_end - info->seg.seq);
	}
	if (after != NULL && ft_seq_is_after(end_of(pkt), start_of(after)))
		ft_segment_cut_end(pkt, end_of(pkt) - start_of(after));
	return true;
}

static void begin_block(struct ft_reorder *reorder, struct rte_mbuf *pkt, struct rte_mbuf *before,
	struct rte_mbuf *after)
{
	*block_of(pkt) = (struct ft_pkt_block){ .last = pkt, .next = after };
	if (before == NULL)
		reorder->first_block = pkt;
	else
		block_of(before)->next = pkt;
	if (after == NULL)
		reorder->last_block = pkt;
	reorder->block_count++;
}

static void extend_block(struct rte_mbuf *block, struct rte_mbuf *pkt)
{
	ft_pkt_info(block_of(block)->last)->next = pkt;
	block_of(block)->last = pkt;
}

// The block that follows has become contiguous with this one.
static void join_next(struct ft_reorder *reorder, struct rte_mbuf *block)
{
	struct rte_mbuf *after = block_of(block)->next;

	extend_block(block, after);
	*block_of(block) = *block_of(after);
	if (reorder->last_block == after)
		reorder->last_block = block;
	reorder->block_count--;
}

enum ft_drop ft_reorder_insert(
	struct ft_reorder *reorder, struct rte_mbuf *pkt, struct ft_receive_memory *memory)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct rte_mbuf *before, *after;
	bool joins_before, joins_after;
	enum ft_drop reason;

	note_fin(reorder, pkt);
	if (info->payload_length == 0) {
		rte_pktmbuf_free(pkt);
		return FT_TAKEN;
	}
	before = find_before(reorder, info->seg.seq);
	after = before == NULL ? reorder->first_block : block_of(before)->next;
	if (!cut_overlap(pkt, before, after))
		return FT_DROP_TCP_DUPLICATE;
	ft_pkt_strip(pkt);

	joins_before = before != NULL && end_of(block_of(before)->last) == start_of(pkt);
	joins_after = after != NULL && end_of(pkt) == start_of(after);
	if (!joins_before && !joins_after && reorder->block_count == FT_REORDER_BLOCKS)
		return FT_DROP_TCP_QUEUE_FULL;

	if (joins_before && ft_segment_merge(block_of(before)->last, pkt)) {
		reorder->bytes += info->payload_length;
		rte_pktmbuf_free(pkt);
	} else {
		// The peer keeps it, and sends it again.
		reason = ft_receive_memory_take(memory, &pkt, FT_HELD_LAST);
		if (reason != FT_TAKEN)
			return reason;
		info = ft_pkt_info(pkt);
		reorder->bytes += info->payload_length;
		info->next = NULL;
		if (joins_before)
			extend_block(before, pkt);
		else
			begin_block(reorder, pkt, before, after);
	}
	if (joins_after)
		join_next(reorder, joins_before ? before : pkt);
	return FT_TAKEN;
}

struct rte_mbuf *ft_reorder_pop(struct ft_reorder *reorder, struct ft_receive_memory *memory)
{
	struct rte_mbuf *pkt = reorder->first_block;
	struct rte_mbuf *rest;

	if (pkt == NULL)
		return NULL;
	rest = ft_pkt_info(pkt)->next;
	if (rest != NULL)
		*block_of(rest) = *block_of(pkt);
	else
		reorder->block_count--;
	reorder->first_block = rest != NULL ? rest : block_of(pkt)->next;
	if (reorder->last_block == pkt)
		reorder->last_block = rest;
	reorder->bytes -= ft_pkt_info(pkt)->payload_length;
	ft_receive_memory_give(memory, pkt);
	return pkt;
}

struct rte_mbuf *ft_reorder_take(
	struct ft_reorder *reorder, uint32_t rcv_nxt, struct ft_receive_memory *memory)
{
	struct rte_mbuf *pkt;
	uint32_t old;

	if (reorder->first_block == NULL ||
		ft_seq_is_after(start_of(reorder->first_block), rcv_nxt))
		return NULL;
	pkt = ft_reorder_pop(reorder, memory);
	old = rcv_nxt - start_of(pkt);
	ft_segment_cut_front(pkt, RTE_MIN(old, (uint32_t)ft_pkt_info(pkt)->payload_length));
	return pkt;
}
