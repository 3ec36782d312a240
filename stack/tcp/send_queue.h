// Bytes from SND.UNA on, sent or not: a FIFO of mbufs filled to their last byte. A segment copies
// its payload from here, what the NIC cuts into segments points to it; an acknowledgment drops bytes from
// the front. A few bytes, as a short answer is, stay in the queue itself and need no mbuf.
//
//	    front = SND.UNA      offset                            end
//	|...|###############|###################|###################|.......|
//	 mbuf                mbuf <- cursor      mbuf                 room for more
//
// What is acknowledged of the first mbuf stays there, and no mbuf but the last is changed: packets point into them,
// or have them as parts.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include "base/budget.h"
#include "base/few.h"
#include "base/pkt.h"

struct rte_mempool;

#define FT_SEND_QUEUE_FEW FT_FEW

// All zero: empty.
struct ft_send_queue {
	struct ft_pkt_queue packets; // single mbufs, which info->next links; none: all is in `few`
	uint32_t bytes;		     // from SND.UNA to the end
	uint32_t first_acked;	     // bytes of the first mbuf that are before SND.UNA
	uint8_t few[FT_SEND_QUEUE_FEW];
	struct rte_mbuf *cursor; // the mbuf where the last copy began: the next begins nearby
	uint32_t cursor_offset;	 // of the cursor's first byte from the first mbuf's
	uint32_t old_bytes;	 // of `bytes`, those that were there at a moment: tcp_hoarders.h
};

// Where the mbufs come from and how many may be held by all connections together.
struct ft_send_memory {
	struct rte_mempool *pool; // stack->send_pool
	struct ft_budget *held;	  // mbufs: stack->send_held
};

// Whether it would get an mbuf now, as far as the budget goes.
static inline bool ft_send_queue_may_grow(
	const struct ft_send_queue *queue, const struct ft_budget *held)
{
	return ft_budget_has_share(held, queue->packets.count);
}

static inline bool ft_send_queue_has_few(const struct ft_send_queue *queue)
{
	return queue->packets.first == NULL;
}

// Whether `bytes` more need no mbuf.
static inline bool ft_send_queue_may_append_few(const struct ft_send_queue *queue, uint64_t bytes)
{
	return ft_send_queue_has_few(queue) && bytes <= sizeof(queue->few) - queue->bytes;
}

// Appends them; there is one at least.
static inline void ft_send_queue_append_few(
	struct ft_send_queue *queue, const void *from, uint64_t bytes)
{
	ft_few_copy(queue->few + queue->bytes, from, bytes);
	queue->bytes += bytes;
}

// Appends up to `most` bytes of `iov`. Returns how many fitted: fewer when the budget or the pool
// is exhausted, 0 when nothing did.
uint64_t ft_send_queue_append(struct ft_send_queue *queue, const struct iovec *iov, int iov_count,
	uint64_t most, const struct ft_send_memory *memory);

// Drops the first `bytes` (at most queue->bytes): they were acknowledged.
void ft_send_queue_drop(
	struct ft_send_queue *queue, uint64_t bytes, const struct ft_send_memory *memory);

// Appends `bytes` of the queue, from `offset` on, to the data of `pkt` (one mbuf). False, and
// nothing done, when the queue has not so many bytes there or the packet not so much room. Copying
// on from where the last copy ended, or at the front, takes constant time; elsewhere it walks.
bool ft_send_queue_copy(
	struct ft_send_queue *queue, uint64_t offset, uint32_t bytes, struct rte_mbuf *pkt);

// Appends `bytes` of the queue, from `offset` on, to the chain `pkt` without copying them: the queue's mbufs, and mbufs
// of `pool` that point into them, which live until both are done with them. So the chain, but for its first mbuf, is
// not to be written to. False when the queue has not so many bytes there, or keeps them in itself, or the pool is
// empty; what was appended by then is the caller's to free, with the packet.
bool ft_send_queue_refer(struct ft_send_queue *queue, uint64_t offset, uint32_t bytes,
	struct rte_mempool *pool, struct rte_mbuf *pkt);

// Drops all.
void ft_send_queue_free(struct ft_send_queue *queue, const struct ft_send_memory *memory);
