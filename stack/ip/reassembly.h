// Datagrams being put together from fragments (RFC 791, RFC 815), up to 65,535 bytes, bounded in
// number, memory and time. Overlaps drop the whole datagram (as RFC 5722 does for IPv6).
#pragma once
#include "base/budget.h"
#include "base/drop.h"
#include "base/list.h"
#include "base/pkt.h"
#include "base/pool.h"
#include "base/time.h"
#include "base/timer.h"

struct ft_stack;

#define FT_REASSEMBLY_BLOCKS 8192 // of 8 bytes, the unit of fragment offsets, in 65,536 bytes

struct ft_reassembly {
	struct ft_pool datagrams;
	struct ft_list *buckets; // by keyed hash of source, destination, protocol, id
	uint32_t bucket_count;	 // a power of two
	struct ft_list oldest;	 // in order of arrival of the first fragment
	struct ft_timer timer;	 // for the oldest; all have the same lifetime
	struct ft_budget bytes;	 // of mbufs held
	// For putting one datagram together: which fragment begins at which block. All NULL
	// between.
	struct rte_mbuf *begins_at[FT_REASSEMBLY_BLOCKS];
};

int ft_reassembly_init(struct ft_stack *stack);
void ft_reassembly_free(struct ft_stack *stack);

// Takes a fragment (kind FT_PKT_FRAGMENT) and returns FT_TAKEN, or why it must be dropped. When it
// completes its datagram, *whole is the datagram as one packet (a chain of mbufs), its IP header
// made whole, to be parsed and delivered as if just received, but not counted again; else NULL.
enum ft_drop ft_reassembly_input(
	struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now, struct rte_mbuf **whole);

// The expiry of FT_TIMER_REASSEMBLY.
void ft_reassembly_expire(struct ft_stack *stack, struct ft_timer *timer, ft_time now);
