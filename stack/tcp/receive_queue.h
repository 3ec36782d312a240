// Bytes in order that wait for the application: a FIFO of received packets. A packet that fits into
// the room left behind the last one is copied there, so any two neighbours hold more than one
// buffer's worth: the memory held is at most about twice the payload, even when the peer sends
// single bytes (and full-sized segments are never copied). What a queue of few bytes holds, and there may
// be many such queues, is base/held.h's business.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/pkt.h"
#include "tcp/receive_memory.h"
#include "tcp/segment.h"

struct ft_receive_queue {
	struct ft_pkt_queue packets; // each stripped to its payload, which info->payload_* delimit
	uint64_t bytes;
};

// All zero is an empty queue; this says so in words.
void ft_receive_queue_init(struct ft_receive_queue *queue);

// Takes the payload of a segment that begins where the queue ends (the packet need not be stripped;
// its FIN, if any, is the caller's business). The packet is the queue's, or was copied and freed:
// FT_TAKEN. Or it was refused and stays the caller's: TCP_QUEUE_FULL, RECEIVE_MEMORY. Then what
// waits out of order may be given up for it: see ft_reorder_pop(). A payload of 0 bytes is taken
// and freed.
static inline enum ft_drop ft_receive_queue_append(
	struct ft_receive_queue *queue, struct rte_mbuf *pkt, struct ft_receive_memory *memory)
{
	const uint32_t bytes = ft_pkt_info(pkt)->payload_length;
	enum ft_drop reason;

	ft_pkt_strip(pkt);
	if (unlikely(bytes == 0) ||
		(queue->packets.last != NULL && ft_segment_merge(queue->packets.last, pkt))) {
		queue->bytes += bytes;
		ft_pkt_free(pkt);
		return FT_TAKEN;
	}
	reason = ft_receive_memory_take(memory, &pkt, memory->bytes.used);
	if (reason != FT_TAKEN)
		return reason;
	ft_pkt_queue_append(&queue->packets, pkt);
	queue->bytes += bytes;
	return FT_TAKEN;
}

// Copies bytes, beginning `from` bytes behind the front, at most `most` (the distance to the urgent
// mark, or UINT64_MAX) and at most what `iov` holds. Returns how many; removes nothing:
// MSG_PEEK. MSG_TRUNC is a discard.
uint64_t ft_receive_queue_peek(const struct ft_receive_queue *queue, uint64_t from,
	const struct iovec *iov, int iov_count, uint64_t most);

// The byte `offset` bytes behind the front: the urgent one. False when it is not there.
bool ft_receive_queue_byte_at(const struct ft_receive_queue *queue, uint64_t offset, uint8_t *byte);

// A peek from the front and a discard of as many, in one: RECEIVE.
uint64_t ft_receive_queue_take(struct ft_receive_queue *queue, const struct iovec *iov,
	int iov_count, uint64_t most, struct ft_receive_memory *memory);

// The same of the only packet, which there is, with room at `to` for all of it.
static inline uint64_t ft_receive_queue_take_only(
	struct ft_receive_queue *queue, void *to, struct ft_receive_memory *memory)
{
	struct rte_mbuf *pkt = queue->packets.first;
	const uint64_t bytes = queue->bytes;

	*queue = (struct ft_receive_queue){ 0 };
	ft_receive_memory_give(memory, pkt);
	ft_pkt_copy_out(pkt, ft_pkt_info(pkt)->payload_offset, to, bytes);
	ft_pkt_free(pkt);
	return bytes;
}

// Removes up to `bytes` from the front and returns how many. Frees the packets emptied.
uint64_t ft_receive_queue_discard(
	struct ft_receive_queue *queue, uint64_t bytes, struct ft_receive_memory *memory);

// Removes the first packet, whole, and returns it, or NULL: for an owner that counts what is thrown
// away (ft_stack_drop_late()).
struct rte_mbuf *ft_receive_queue_pop(
	struct ft_receive_queue *queue, struct ft_receive_memory *memory);
