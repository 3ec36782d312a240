// A wire in memory between two hosts: what one transmits, the other receives, the very same mbuf.
// Nothing is copied, lost or reordered; a full ring takes no more until the other end has read. Only what
// a NIC with TSO would have cut is cut, on the side of the receiver, who pays for it.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "drivers/gso.h"
#include "netif.h"

#define MEMORY_WIRE_FRAMES   4096 // that one end can hold
#define MEMORY_WIRE_SEGMENTS 64	  // of one packet

// What one host sees: frames for it, and the ring where the other host finds its own.
struct memory_end {
	struct rte_ring *arriving;
	struct memory_end *other;
	bool has_offload; // checksums: what arrives counts as verified, what is sent has none
	bool has_tso;	  // cuts what it sends, with has_offload; else drivers/gso.c does
	bool has_gro;	  // merges what arrives as drivers/gro.c does

	// For an end that receives from one with TSO: a large packet's segments, and where they are made.
	struct rte_mempool *pool, *indirect_pool;
	struct ft_gso gso;
	struct rte_mbuf *cut[MEMORY_WIRE_SEGMENTS];
	uint32_t cut_first, cut_count;
};

struct memory_wire {
	struct memory_end ends[2];
};

void memory_wire_init(struct memory_wire *wire, bool has_offload);

// The other end has TSO: segments are made in `pool`.
void memory_end_expect_tso(struct memory_end *end, struct rte_mempool *pool);
// This end has TSO and no offload: it cuts in software, and takes headers from `pool`.
void memory_end_cut(struct memory_end *end, struct rte_mempool *pool);
// Frees what is under way.
void memory_wire_empty(struct memory_wire *wire);
void memory_wire_free(struct memory_wire *wire);

// The netif of one end, with the MAC 02:00:00:00:00:`number`.
struct ft_netif memory_wire_netif(struct memory_end *end, uint8_t number);

// What a netif's functions do, for a host that has no stack. `receive` gives up to `count` frames.
uint16_t memory_end_receive(struct memory_end *end, struct rte_mbuf **pkts, uint16_t count);
uint16_t memory_end_transmit(struct memory_end *end, struct rte_mbuf **pkts, uint16_t count);
uint32_t memory_end_room(const struct memory_end *end);
bool memory_end_has_frames(const struct memory_end *end); // arrived, and not received yet
