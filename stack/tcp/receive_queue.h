// Bytes in order that wait for the application. A few, as a request is, wait in the queue itself; what comes
// behind them is a FIFO of received packets. A packet that fits into
// the room left behind the last one is copied there, so any two neighbours hold more than one
// buffer's worth: the memory held is at most about twice the payload, even when the peer sends
// single bytes (and full-sized segments are never copied). What a queue of few bytes holds, and there may
// be many such queues, is base/held.h's business.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/few.h"
#include "base/pkt.h"
#include "tcp/receive_memory.h"
#include "tcp/segment.h"

// All zero: empty.
struct ft_receive_queue {
	struct ft_pkt_queue packets; // each stripped to its payload, which info->payload_* delimit
	uint64_t bytes;
	uint8_t few_first; // where those in `few` begin, and end: equal if there are none, and then 0
	uint8_t few_end;
	uint8_t few[FT_FEW]; // before those of the packets
};

static inline bool ft_receive_queue_is_empty(const struct ft_receive_queue *queue)
{
	return queue->packets.first == NULL && queue->few_end == 0;
}

// Whether all there is, which is something, is in `few`.
static inline bool ft_receive_queue_has_few(const struct ft_receive_queue *queue)
{
	return queue->packets.first == NULL && queue->bytes > 0;
}

// Whether `bytes` more, which are some, need no packet.
static inline bool ft_receive_queue_may_append_few(
	const struct ft_receive_queue *queue, uint32_t bytes)
{
	return queue->packets.first == NULL && bytes - 1 < (uint32_t)FT_FEW - queue->few_end;
}

// Puts from 1 to FT_FEW bytes into a queue of none; they stand in a received packet, whose buffer goes on for FT_FEW
// bytes from there at least, whatever of it was written.
static __rte_always_inline void ft_receive_queue_begin_few(
	struct ft_receive_queue *queue, const uint8_t *from, uint32_t bytes)
{
	ft_few_copy_roomy(queue->few, from, bytes);
	queue->few_end = (uint8_t)bytes;
	queue->bytes = bytes;
}

// Appends them to others.
static inline void ft_receive_queue_add_few(
	struct ft_receive_queue *queue, const uint8_t *from, uint32_t bytes)
{
	ft_few_copy(queue->few + queue->few_end, from, bytes);
	queue->few_end += bytes;
	queue->bytes += bytes;
}

// Appends the payload of a packet, which stays the caller's.
static inline void ft_receive_queue_append_few(
	struct ft_receive_queue *queue, const struct rte_mbuf *pkt, uint32_t offset, uint32_t bytes)
{
	uint8_t *to = queue->few + queue->few_end;

	if (likely(offset + bytes <= pkt->data_len))
		ft_few_copy(to, rte_pktmbuf_mtod_offset(pkt, const uint8_t *, offset), bytes);
	else
		ft_pkt_copy_segments(pkt, offset, to, bytes);
	queue->few_end += bytes;
	queue->bytes += bytes;
}

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

	if (ft_receive_queue_may_append_few(queue, bytes)) {
		ft_receive_queue_append_few(queue, pkt, ft_pkt_info(pkt)->payload_offset, bytes);
		ft_pkt_free(pkt);
		return FT_TAKEN;
	}
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

// The same when one packet is all there is, with room at `to` for all of it.
static inline uint64_t ft_receive_queue_take_only(
	struct ft_receive_queue *queue, void *to, struct ft_receive_memory *memory)
{
	struct rte_mbuf *pkt = queue->packets.first;
	const uint64_t bytes = queue->bytes;

	queue->packets = (struct ft_pkt_queue){ 0 };
	queue->bytes = 0;
	ft_receive_memory_give(memory, pkt);
	ft_pkt_copy_out(pkt, ft_pkt_info(pkt)->payload_offset, to, bytes);
	ft_pkt_free(pkt);
	return bytes;
}

// The same when ft_receive_queue_has_few(), with room at `to` for all.
static inline uint64_t ft_receive_queue_take_few(struct ft_receive_queue *queue, void *to)
{
	const uint64_t bytes = queue->bytes;

	ft_few_copy(to, queue->few + queue->few_first, bytes);
	queue->bytes = 0;
	queue->few_first = queue->few_end = 0;
	return bytes;
}

// Removes up to `bytes` from the front and returns how many. Frees the packets emptied.
uint64_t ft_receive_queue_discard(
	struct ft_receive_queue *queue, uint64_t bytes, struct ft_receive_memory *memory);

// Removes the first packet, whole, and returns it, or NULL: for an owner that counts what is thrown
// away (ft_stack_drop_late()). The few bytes before it are forgotten.
struct rte_mbuf *ft_receive_queue_pop(
	struct ft_receive_queue *queue, struct ft_receive_memory *memory);
