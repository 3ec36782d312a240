#include "tcp/send_queue.h"

#include <string.h>

#include <rte_common.h>

#include "base/iov.h"

// The last mbuf when it has room, else a new one behind it; NULL when there is none to be had.
static struct rte_mbuf *tail_with_room(
	struct ft_send_queue *queue, const struct ft_send_memory *memory)
{
	struct rte_mbuf *tail = queue->packets.last;

	if (tail != NULL && rte_pktmbuf_tailroom(tail) > 0)
		return tail;
	if (!ft_send_queue_may_grow(queue, memory->held) || !ft_budget_take(memory->held, 1))
		return NULL;
	tail = rte_pktmbuf_alloc(memory->pool);
	if (tail == NULL) {
		ft_budget_give(memory->held, 1);
		return NULL;
	}
	tail->data_off = 0; // no header will stand before these bytes: they are copied out
	ft_pkt_queue_append(&queue->packets, tail);
	return tail;
}

// They become the first of the first mbuf. False when there is none to be had.
static bool move_few(struct ft_send_queue *queue, const struct ft_send_memory *memory)
{
	struct rte_mbuf *first = tail_with_room(queue, memory);

	if (first == NULL)
		return false;
	memcpy(rte_pktmbuf_append(first, queue->bytes), queue->few, queue->bytes);
	return true;
}

static __attribute__((noinline)) uint64_t append_to_packets(struct ft_send_queue *queue,
	const uint8_t *from, uint64_t bytes, const struct ft_send_memory *memory)
{
	uint64_t done = 0;

	if (ft_send_queue_has_few(queue) && queue->bytes > 0 && !move_few(queue, memory))
		return 0;
	while (done < bytes) {
		struct rte_mbuf *tail = tail_with_room(queue, memory);
		uint16_t count;

		if (tail == NULL)
			break;
		count = RTE_MIN(bytes - done, (uint64_t)rte_pktmbuf_tailroom(tail));
		memcpy(rte_pktmbuf_append(tail, count), from + done, count);
		done += count;
	}
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

static inline void drop_first(struct ft_send_queue *queue, const struct ft_send_memory *memory)
{
	struct rte_mbuf *first = ft_pkt_queue_take(&queue->packets);

	if (queue->cursor == first) {
		queue->cursor = queue->packets.first;
		queue->cursor_offset = 0;
	} else {
		queue->cursor_offset -= first->data_len;
	}
	queue->bytes -= first->data_len;
	rte_pktmbuf_free_seg(first);
	ft_budget_give(memory->held, 1);
}

static __attribute__((noinline)) void drop_from_packets(
	struct ft_send_queue *queue, uint64_t bytes, const struct ft_send_memory *memory)
{
	queue->old_bytes -= RTE_MIN(queue->old_bytes, bytes);
	while (bytes > 0 && bytes >= queue->packets.first->data_len) {
		bytes -= queue->packets.first->data_len;
		drop_first(queue, memory);
	}
	if (bytes == 0)
		return;
	rte_pktmbuf_adj(queue->packets.first, bytes);
	queue->bytes -= bytes;
	if (queue->cursor != queue->packets.first)
		queue->cursor_offset -= bytes;
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

// Moves the cursor to the mbuf that holds the byte at `offset`, which is in the queue.
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

static void append_part(struct rte_mbuf *pkt, struct rte_mbuf *part, struct rte_mbuf *from,
	uint32_t skip, uint32_t bytes)
{
	rte_pktmbuf_attach(part, from);
	part->data_off += skip;
	part->data_len = bytes;
	pkt->pkt_len += bytes;
	pkt->nb_segs++;
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

		last->next = rte_pktmbuf_alloc(pool);
		if (last->next == NULL)
			return false;
		last = last->next;
		append_part(pkt, last, from, offset, count);
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
