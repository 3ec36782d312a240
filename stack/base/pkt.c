#include "base/pkt.h"

#include <string.h>

#include <rte_common.h>
#include <rte_mempool.h>

// Buffers that a core keeps at hand without asking the shared ring; a small pool must not have most
// of its packets there.
static unsigned cache_size(uint32_t count)
{
	return RTE_MIN(count / 8, (uint32_t)RTE_MEMPOOL_CACHE_MAX_SIZE / 2);
}

struct rte_mempool *ft_pkt_pool_create(
	const char *name, uint32_t count, uint16_t data_bytes, int socket)
{
	return rte_pktmbuf_pool_create(name, count, cache_size(count),
		RTE_ALIGN_CEIL(sizeof(struct ft_pkt_info), RTE_MBUF_PRIV_ALIGN),
		RTE_PKTMBUF_HEADROOM + data_bytes, socket);
}

// The headroom, which a copy has no use for, counts as room.
struct rte_mempool *ft_pkt_small_pool_create(const char *name, uint32_t count, int socket)
{
	return ft_pkt_pool_create(name, count, FT_PKT_SMALL_BYTES - RTE_PKTMBUF_HEADROOM, socket);
}

struct rte_mbuf *ft_pkt_copy_small(struct rte_mbuf *pkt, struct rte_mempool *small_pool)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct rte_mbuf *copy;

	if (info->payload_length > FT_PKT_SMALL_BYTES || (info->flags & FT_PKT_SMALL))
		return NULL;
	copy = rte_pktmbuf_alloc(small_pool);
	if (copy == NULL)
		return NULL;
	*ft_pkt_info(copy) = *info;
	ft_pkt_info(copy)->flags |= FT_PKT_SMALL;
	ft_pkt_info(copy)->payload_offset = 0;
	copy->data_off = 0;
	copy->data_len = info->payload_length;
	copy->pkt_len = info->payload_length;
	ft_pkt_copy_out(pkt, info->payload_offset, rte_pktmbuf_mtod(copy, void *), copy->data_len);
	return copy;
}

static void free_second_segment(struct rte_mbuf *pkt)
{
	struct rte_mbuf *second = pkt->next;

	pkt->next = second->next;
	pkt->nb_segs--;
	rte_pktmbuf_free_seg(second);
}

// Makes room behind the first segment's data for it to grow to `bytes`, at the headroom's expense.
static bool make_room(struct rte_mbuf *pkt, uint32_t bytes)
{
	if (pkt->data_off + bytes <= pkt->buf_len)
		return true;
	if (bytes > pkt->buf_len)
		return false;
	memmove(pkt->buf_addr, rte_pktmbuf_mtod(pkt, void *), pkt->data_len);
	pkt->data_off = 0;
	return true;
}

void *ft_pkt_pull_together(struct rte_mbuf *pkt, uint32_t bytes)
{
	if (bytes > pkt->pkt_len || !make_room(pkt, bytes))
		return NULL;
	while (pkt->data_len < bytes) {
		struct rte_mbuf *second = pkt->next;
		uint16_t part = RTE_MIN(bytes - pkt->data_len, (uint32_t)second->data_len);

		memcpy(rte_pktmbuf_mtod_offset(pkt, char *, pkt->data_len),
			rte_pktmbuf_mtod(second, char *), part);
		pkt->data_len += part;
		second->data_off += part;
		second->data_len -= part;
		if (second->data_len == 0)
			free_second_segment(pkt);
	}
	return rte_pktmbuf_mtod(pkt, void *);
}

void ft_pkt_cut_end(struct rte_mbuf *pkt, uint32_t bytes)
{
	struct rte_mbuf *last = pkt;
	uint16_t segments = 1;
	uint32_t left = bytes;

	while (left > last->data_len) {
		left -= last->data_len;
		last = last->next;
		segments++;
	}
	last->data_len = (uint16_t)left;
	rte_pktmbuf_free(last->next);
	last->next = NULL;
	pkt->nb_segs = segments;
	pkt->pkt_len = bytes;
}

void ft_pkt_cut_segments(struct rte_mbuf *pkt, uint32_t bytes)
{
	uint16_t part = RTE_MIN(bytes, (uint32_t)pkt->data_len);
	uint32_t left = bytes - part;

	pkt->data_off += part;
	pkt->data_len -= part;
	pkt->pkt_len -= bytes;
	while (left > 0 && left >= pkt->next->data_len) {
		left -= pkt->next->data_len;
		free_second_segment(pkt);
	}
	if (left > 0) {
		pkt->next->data_off += left;
		pkt->next->data_len -= left;
	}
}

uint32_t ft_pkt_copy_segments(const struct rte_mbuf *pkt, uint32_t offset, void *to, uint32_t bytes)
{
	uint32_t copied = 0;

	for (const struct rte_mbuf *seg = pkt; seg != NULL && copied < bytes; seg = seg->next) {
		uint32_t part;

		if (offset >= seg->data_len) {
			offset -= seg->data_len;
			continue;
		}
		part = RTE_MIN(seg->data_len - offset, bytes - copied);
		memcpy((char *)to + copied, rte_pktmbuf_mtod_offset(seg, char *, offset), part);
		copied += part;
		offset = 0;
	}
	return copied;
}
