#include "tcp/receive_queue.h"

#include <rte_common.h>

#include "base/iov.h"
#include "tcp/segment.h"

static uint32_t few_bytes(const struct ft_receive_queue *queue)
{
	return queue->few_end - queue->few_first;
}

// Of those from `from` on, as many as `walk` has room for, at most `most`. Returns how many.
static uint64_t copy_few(
	const struct ft_receive_queue *queue, uint64_t from, struct ft_iov *walk, uint64_t most)
{
	const uint8_t *next = queue->few + queue->few_first + from;
	uint64_t left = few_bytes(queue) - RTE_MIN(from, (uint64_t)few_bytes(queue));
	uint64_t total = 0;
	size_t count;

	for (left = RTE_MIN(left, most); left > 0; left -= count, total += count) {
		void *to = ft_iov_next(walk, left, &count);

		if (count == 0)
			break;
		memcpy(to, next + total, count);
	}
	return total;
}

static void drop_few(struct ft_receive_queue *queue, uint32_t bytes)
{
	queue->bytes -= bytes;
	queue->few_first += bytes;
	if (queue->few_first == queue->few_end)
		queue->few_first = queue->few_end = 0;
}

// The queue's first packet, which there is, taken off.
static inline struct rte_mbuf *take_first(
	struct ft_receive_queue *queue, struct ft_receive_memory *memory)
{
	struct rte_mbuf *pkt = ft_pkt_queue_take(&queue->packets);

	queue->bytes -= ft_pkt_info(pkt)->payload_length;
	ft_receive_memory_give(memory, pkt);
	return pkt;
}

uint64_t ft_receive_queue_peek(const struct ft_receive_queue *queue, uint64_t from,
	const struct iovec *iov, int iov_count, uint64_t most)
{
	struct ft_iov walk = { .iov = iov, .count = iov_count };
	uint64_t total = copy_few(queue, from, &walk, most);
	struct rte_mbuf *pkt = queue->packets.first;
	uint64_t offset =
		from -
		RTE_MIN(from, (uint64_t)few_bytes(queue)); // of this packet's payload, done already

	while (pkt != NULL && offset >= ft_pkt_info(pkt)->payload_length) {
		offset -= ft_pkt_info(pkt)->payload_length;
		pkt = ft_pkt_info(pkt)->next;
	}

	while (pkt != NULL && total < most) {
		const struct ft_pkt_info *info = ft_pkt_info(pkt);
		size_t wanted = RTE_MIN(most - total, (uint64_t)info->payload_length - offset);
		size_t count;
		void *to = ft_iov_next(&walk, wanted, &count);

		if (count == 0)
			break;
		ft_pkt_copy_out(pkt, info->payload_offset + offset, to, count);
		total += count;
		offset += count;
		if (offset == info->payload_length) {
			pkt = info->next;
			offset = 0;
		}
	}
	return total;
}

uint64_t ft_receive_queue_take(struct ft_receive_queue *queue, const struct iovec *iov,
	int iov_count, uint64_t most, struct ft_receive_memory *memory)
{
	struct ft_iov walk = { .iov = iov, .count = iov_count };
	uint64_t total = copy_few(queue, 0, &walk, most);

	drop_few(queue, total);
	while (queue->packets.first != NULL && total < most) {
		struct rte_mbuf *pkt = queue->packets.first;
		const struct ft_pkt_info *info = ft_pkt_info(pkt);
		size_t wanted = RTE_MIN(most - total, (uint64_t)info->payload_length);
		size_t count;
		void *to = ft_iov_next(&walk, wanted, &count);

		if (count == 0)
			break;
		ft_pkt_copy_out(pkt, info->payload_offset, to, count);
		total += count;
		if (count == info->payload_length) {
			ft_pkt_free(take_first(queue, memory));
		} else {
			ft_segment_cut_front(pkt, count);
			queue->bytes -= count;
		}
	}
	return total;
}

bool ft_receive_queue_byte_at(const struct ft_receive_queue *queue, uint64_t offset, uint8_t *byte)
{
	if (offset >= queue->bytes)
		return false;
	if (offset < few_bytes(queue)) {
		*byte = queue->few[queue->few_first + offset];
		return true;
	}
	offset -= few_bytes(queue);
	for (struct rte_mbuf *pkt = queue->packets.first; pkt != NULL;
		pkt = ft_pkt_info(pkt)->next) {
		const struct ft_pkt_info *info = ft_pkt_info(pkt);

		if (offset < info->payload_length)
			return ft_pkt_copy_out(pkt, info->payload_offset + offset, byte, 1) == 1;
		offset -= info->payload_length;
	}
	return false;
}

uint64_t ft_receive_queue_discard(
	struct ft_receive_queue *queue, uint64_t bytes, struct ft_receive_memory *memory)
{
	uint64_t left = RTE_MIN(bytes, queue->bytes);
	const uint64_t discarded = left;
	const uint32_t few = RTE_MIN(left, (uint64_t)few_bytes(queue));

	drop_few(queue, few);
	left -= few;
	while (left > 0) {
		struct ft_pkt_info *info = ft_pkt_info(queue->packets.first);

		if (left < info->payload_length) {
			ft_segment_cut_front(queue->packets.first, left);
			queue->bytes -= left;
			break;
		}
		left -= info->payload_length;
		ft_pkt_free(take_first(queue, memory));
	}
	return discarded;
}

struct rte_mbuf *ft_receive_queue_pop(
	struct ft_receive_queue *queue, struct ft_receive_memory *memory)
{
	drop_few(queue, few_bytes(queue));
	return queue->packets.first == NULL ? NULL : take_first(queue, memory);
}
