// Segments that came before their time (RFC 9293 3.10.7.4 "seventh"): kept until what is missing
// arrives. Contiguous packets form blocks; the blocks are a sorted list.
//
//	RCV.NXT     block              block
//	   |        +----+----+----+   +----+
//	   v  hole  |pkt |pkt |pkt |   |pkt |      the next packet most often extends the last block
//	            +----+----+----+   +----+
//
// A new packet extends a block, joins two, or begins one. There are at most FT_REORDER_BLOCKS, so a
// segment costs at most that many comparisons whatever the peer sends (CVE-2018-5390), in fact two
// for the sender who loses a packet now and then. Small packets are copied together as in
// receive_queue.h (base/held.h, too), and what is held is charged by its buffers. The blocks are what SACK will
// report.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/pkt.h"
#include "tcp/receive_memory.h"
#include "tcp/seq.h"

#define FT_REORDER_BLOCKS 128

// All zero: empty.
struct ft_reorder {
	struct rte_mbuf *first_block; // the first packet of each block holds its links: info->block
	struct rte_mbuf *last_block;
	uint64_t bytes;	  // of payload held
	uint32_t fin_seq; // where the peer's FIN stands, if has_fin
	uint16_t block_count : 15;
	uint16_t has_fin : 1; // of one word with the count: ft_reorder_has_nothing()
};

// Nor a FIN.
static inline bool ft_reorder_has_nothing(const struct ft_reorder *reorder)
{
	return reorder->block_count == 0 && !reorder->has_fin;
}

static inline bool ft_reorder_is_empty(const struct ft_reorder *reorder)
{
	return reorder->first_block == NULL;
}

// Keeps the payload of a segment that begins beyond RCV.NXT and ends within the window (the caller
// has cut it so), and notes its FIN. What overlaps bytes already held is cut off; held bytes win.
// FT_TAKEN: the packet is kept, or copied and freed, or carried only a FIN. Else it stays the
// caller's: TCP_DUPLICATE (all of it is held), TCP_QUEUE_FULL (too many blocks, or the connection's
// memory bound), RECEIVE_MEMORY.
enum ft_drop ft_reorder_insert(
	struct ft_reorder *reorder, struct rte_mbuf *pkt, struct ft_receive_memory *memory);

// After RCV.NXT moved to `rcv_nxt`: the first packet, cut to begin exactly there, or NULL when it
// begins later. Its info->payload_length says how far RCV.NXT moves when it is appended to the
// receive queue; then call again. It is 0 when RCV.NXT has overtaken the whole packet.
struct rte_mbuf *ft_reorder_take(
	struct ft_reorder *reorder, uint32_t rcv_nxt, struct ft_receive_memory *memory);

// Whether the peer's FIN, seen earlier, stands at `rcv_nxt`: all before it has arrived.
static inline bool ft_reorder_has_fin_at(const struct ft_reorder *reorder, uint32_t rcv_nxt)
{
	return reorder->has_fin && reorder->fin_seq == rcv_nxt;
}

// After RCV.NXT moved to `rcv_nxt`: a FIN before it was taken, or was none, since the stream went on. Nothing waits for
// it any more.
static inline void ft_reorder_forget_fin(struct ft_reorder *reorder, uint32_t rcv_nxt)
{
	if (unlikely(reorder->has_fin) && ft_seq_is_before(reorder->fin_seq, rcv_nxt))
		reorder->has_fin = false;
}

// Removes the lowest packet and returns it, or NULL: to throw the queue away, at the end of the
// connection or because in-order data needs the memory. (Nothing kept here was acknowledged, so the
// peer sends it again.) Where the FIN stands is not forgotten by this.
struct rte_mbuf *ft_reorder_pop(struct ft_reorder *reorder, struct ft_receive_memory *memory);
