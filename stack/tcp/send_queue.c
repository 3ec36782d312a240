#include "tcp/send_queue.h"

#include <string.h>

#include <rte_common.h>

#include "base/iov.h"

#define BATCH 32 // mbufs that come from the pool, or go there, at once

// Fills the last mbuf. Returns how many bytes had room there.
static uint64_t append_to_last(struct ft_send_queue *queue, const uint8_t *from, uint64_t bytes)
{
	struct rte_mbuf *last = queue->packets.last;
	uint16_t count;

	if (last == NULL)
		return 0;
	count = (uint16_t)RTE_MIN(bytes, (uint64_t)rte_pktmbuf_tailroom(last));
	if (count > 0)
		memcpy(rte_pktmbuf_append(last, count), from, count);
	return count;
}

// As many as budget and pool give, up to `wanted`, which they do at once as a rule.
static uint32_t take_packets(struct ft_send_queue *queue, struct rte_mbuf **packets,
	uint32_t wanted, const struct ft_send_memory *memory)
{
	uint32_t count = 0, taken = 0;

	while (count < wanted && ft_budget_has_share(memory->held, queue->packets.count + count) &&
		ft_budget_take(memory->held, 1))
		count++;
	if (count > 0 && likely(rte_pktmbuf_alloc_bulk(memory->pool, packets, count) == 0))
		return count;
	while (taken < count && (packets[taken] = rte_pktmbuf_alloc(memory->pool)) != NULL)
		taken++;
	ft_budget_give(memory->held, count - taken);
	return taken;
}

// In new mbufs, up to BATCH of them. Returns how many bytes; 0: there are none to be had.
static uint64_t append_new(struct ft_send_queue *queue, const uint8_t *from, uint64_t bytes,
	const struct ft_send_memory *memory)
{
	const uint64_t room = rte_pktmbuf_data_room_size(memory->pool);
	struct rte_mbuf *packets[BATCH];
	uint64_t done = 0;
	uint32_t count;

	count = take_packets(queue, packets,
		(uint32_t)RTE_MIN((bytes + room - 1) / room, (uint64_t)BATCH), memory);
	for (uint32_t i = 0; i < count; i++) {
		uint16_t part = (uint16_t)RTE_MIN(bytes - done, room);

		packets[i]->data_off = 0; // no header will stand before these bytes
		packets[i]->data_len = part;
		packets[i]->pkt_len = part;
		memcpy(rte_pktmbuf_mtod(packets[i], void *), from + done, part);
		ft_pkt_queue_append(&queue->packets, packets[i]);
		done += part;
	}
	return done;
}

static __attribute__((noinline)) uint64_t append_to_packets(struct ft_send_queue *queue,
	const uint8_t *from, uint64_t bytes, const struct ft_send_memory *memory)
{
	uint64_t done, more;

	if (ft_send_queue_has_few(queue) && queue->bytes > 0 &&
		append_new(queue, queue->few, queue->bytes, memory) == 0)
		return 0;
	done = append_to_last(queue, from, bytes);
	while (done < bytes && (more = append_new(queue, from + done, bytes - done, memory)) > 0)
		done += more;
	queue->bytes += done;
	return done;
}

static uint64_t append_bytes(struct ft_send_queue *queue, const uint8_t *from, uint64_t bytes,
	const struct ft_send_memory *memory)
{
	if (bytes == 0)
		return 0;
	if (!ft_send_queue_may_append_few(queue, bytes))
		return append_to_packets(queue, from, bytes, memory);
	ft_send_queue_append_few(queue, from, bytes);
	return bytes;
}

static __attribute__((noinline)) uint64_t append_many(struct ft_send_queue *queue,
	const struct iovec *iov, int iov_count, uint64_t most, const struct ft_send_memory *memory)
{
	struct ft_iov walk = { .iov = iov, .count = iov_count };
	uint64_t total = 0;

	while (total < most) {
		size_t wanted;
		const void *from = ft_iov_next(&walk, most - total, &wanted);
		uint64_t done;

		if (wanted == 0) // the end
			break;
		done = append_bytes(queue, from, wanted, memory);
		total += done;
		if (done < wanted)
			break;
	}
	return total;
}

uint64_t ft_send_queue_append(struct ft_send_queue *queue, const struct iovec *iov, int iov_count,
	uint64_t most, const struct ft_send_memory *memory)
{
	if (iov_count == 1)
		return append_bytes(queue, iov->iov_base, RTE_MIN(iov->iov_len, most), memory);
	return append_many(queue, iov, iov_count, most, memory);
}

static inline struct rte_mbuf *take_first(struct ft_send_queue *queue)
{
	struct rte_mbuf *first = ft_pkt_queue_take(&queue->packets);

	if (queue->cursor == first) {
		queue->cursor = queue->packets.first;
		queue->cursor_offset = 0;
	} else {
		queue->cursor_offset -= first->data_len;
	}
	return first;
}

// What packets point to lives on, and is theirs to free.
static __attribute__((noinline)) void drop_from_packets(
	struct ft_send_queue *queue, uint64_t bytes, const struct ft_send_memory *memory)
{
	const uint32_t before = queue->packets.count;
	uint64_t left = queue->first_acked + bytes;
	void *unused[BATCH];
	uint32_t count = 0;

	queue->old_bytes -= RTE_MIN(queue->old_bytes, bytes);
	queue->bytes -= bytes;
	while (left > 0 && left >= queue->packets.first->data_len) {
		struct rte_mbuf *first = take_first(queue);

		left -= first->data_len;
		first = rte_pktmbuf_prefree_seg(first);
		if (first != NULL)
			unused[count++] = first;
		if (count == BATCH) {
			rte_mempool_put_bulk(memory->pool, unused, count);
			count = 0;
		}
	}
	queue->first_acked = (uint32_t)left;
	if (count > 0)
		rte_mempool_put_bulk(memory->pool, unused, count);
	ft_budget_give(memory->held, before - queue->packets.count);
}

void ft_send_queue_drop(
	struct ft_send_queue *queue, uint64_t bytes, const struct ft_send_memory *memory)
{
	if (!ft_send_queue_has_few(queue)) {
		drop_from_packets(queue, bytes, memory);
		return;
	}
	queue->bytes -= bytes;
	if (queue->bytes > 0)
		memmove(queue->few, queue->few + bytes, queue->bytes);
}

// Moves the cursor to the mbuf that holds the byte at `offset`, counted from the first mbuf's first.
static void seek(struct ft_send_queue *queue, uint64_t offset)
{
	if (queue->cursor == NULL || offset < queue->cursor_offset) {
		queue->cursor = queue->packets.first;
		queue->cursor_offset = 0;
	}
	while (offset - queue->cursor_offset >= queue->cursor->data_len) {
		queue->cursor_offset += queue->cursor->data_len;
		queue->cursor = ft_pkt_info(queue->cursor)->next;
	}
}

static void copy_from(struct rte_mbuf *from, uint32_t skip, uint8_t *to, uint32_t bytes)
{
	while (bytes > 0) {
		uint32_t count = RTE_MIN(bytes, from->data_len - skip);

		memcpy(to, rte_pktmbuf_mtod_offset(from, uint8_t *, skip), count);
		to += count;
		bytes -= count;
		skip = 0;
		from = ft_pkt_info(from)->next;
	}
}

// The mbuf with the byte at `*offset`, which then counts from that mbuf's first. Retransmissions begin at the
// front: the cursor stays where new data is sent from.
static struct rte_mbuf *find(struct ft_send_queue *queue, uint64_t *offset)
{
	*offset += queue->first_acked;
	if (*offset < queue->packets.first->data_len)
		return queue->packets.first;
	seek(queue, *offset);
	*offset -= queue->cursor_offset;
	return queue->cursor;
}

static __attribute__((noinline)) void copy_from_packets(
	struct ft_send_queue *queue, uint64_t offset, uint8_t *to, uint32_t bytes)
{
	struct rte_mbuf *from = find(queue, &offset);

	copy_from(from, offset, to, bytes);
}

bool ft_send_queue_copy(
	struct ft_send_queue *queue, uint64_t offset, uint32_t bytes, struct rte_mbuf *pkt)
{
	uint8_t *to;

	if (offset > queue->bytes || bytes > queue->bytes - offset || bytes > UINT16_MAX)
		return false;
	if (bytes == 0)
		return true;
	to = (uint8_t *)rte_pktmbuf_append(pkt, bytes);
	if (to == NULL)
		return false;
	if (ft_send_queue_has_few(queue))
		memcpy(to, queue->few + offset, bytes);
	else
		copy_from_packets(queue, offset, to, bytes);
	return true;
}

// All of an mbuf to which no more is appended can be part of one packet itself; then it has two users, and the last
// of them frees it. Else an mbuf of `pool` that points into it. NULL: there is none.
static inline struct rte_mbuf *refer_to(const struct ft_send_queue *queue, struct rte_mbuf *from,
	uint32_t skip, uint32_t bytes, struct rte_mempool *pool)
{
	struct rte_mbuf *part;

	if (likely(bytes == from->data_len && from != queue->packets.last &&
		    rte_mbuf_refcnt_read(from) == 1)) {
		rte_mbuf_refcnt_set(from, 2);
		from->next = NULL; // of the packet it was part of before, if any
		return from;
	}
	part = rte_pktmbuf_alloc(pool);
	if (part == NULL)
		return NULL;
	rte_pktmbuf_attach(part, from);
	part->data_off += skip;
	part->data_len = (uint16_t)bytes;
	return part;
}

bool ft_send_queue_refer(struct ft_send_queue *queue, uint64_t offset, uint32_t bytes,
	struct rte_mempool *pool, struct rte_mbuf *pkt)
{
	struct rte_mbuf *last = rte_pktmbuf_lastseg(pkt), *from;

	if (offset > queue->bytes || bytes > queue->bytes - offset || ft_send_queue_has_few(queue))
		return false;
	from = bytes > 0 ? find(queue, &offset) : NULL;
	while (bytes > 0) {
		uint32_t count = RTE_MIN(bytes, from->data_len - (uint32_t)offset);
		struct rte_mbuf *part = refer_to(queue, from, (uint32_t)offset, count, pool);

		if (part == NULL)
			return false;
		last->next = part;
		last = part;
		pkt->pkt_len += count;
		pkt->nb_segs++;
		bytes -= count;
		offset = 0;
		from = ft_pkt_info(from)->next;
	}
	return true;
}

void ft_send_queue_free(struct ft_send_queue *queue, const struct ft_send_memory *memory)
{
	ft_send_queue_drop(queue, queue->bytes, memory);
}
