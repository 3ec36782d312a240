// Where the generations of a connection table lie, and how they come to their pages.
//
// All that the table may ever have stand in one region of address space, the one of n buckets at bucket n:
//
//	0    64     128           256                           512
//	|    |  64  |     128     |             256             |  ...
//
// So a resize maps nothing and unmaps nothing. DPDK's control thread (base/pages.h) watches how far the
// table has come; it gives pages ahead of where a generation is filled, and takes those of what has been
// left. Without it they come at the touch, and go as they are left.
//
// Only one thing must not happen: that pages are taken from a generation that the table has begun to use
// again. So each says first what it is about to do, and then looks what the other has said:
//
//	table                                      control thread
//	wanted += n                                taking = n
//	n in taking? then at the next change       n in wanted? then not
//	fills generation n                         takes its pages, taking = 0
//
// Nobody waits. Nor has anything to be cleared: a bucket that has been emptied is as good as one that was
// never used (conn_bucket.h).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/pages.h"
#include "demux/conn_bucket.h"

// Where nobody tends, buckets that have been left are given back so many at a time: 256 KiB.
#define FT_CONN_LEFT_AT_ONCE UINT64_C(4096)

// A generation is named by its number of buckets, a power of two; a set of them is their sum.
struct ft_conn_pages {
	struct ft_conn_bucket *region;
	uint64_t most;	   // the largest
	uint64_t to, from; // the one in use, and the one before it

	// The table tells the control thread:
	uint64_t wanted;  // a set: those it uses or expects
	uint64_t filling; // the one expected, or being filled; or 0
	uint64_t
		leaving; // in the region, the first bucket of `from` that has not been left; 0 when all have

	// And that the table:
	uint64_t taking; // a set

	uint64_t held; // a set: those that may have pages

	// The control thread's own:
	struct ft_pages_watch watch;
	uint64_t seen;	   // `leaving`
	uint64_t taken;	   // in the region: so far has it taken what is being left
	uint64_t front_of; // the generation whose halves these are, or 0:
	struct ft_pages_front fronts[2];
};

// It begins with a generation of `fewest` buckets; `most` is that of the largest, both powers of two. It may not be
// moved until it is freed. Returns 0 or -ENOMEM.
int ft_conn_pages_init(struct ft_conn_pages *pages, uint64_t fewest, uint64_t most);
void ft_conn_pages_free(struct ft_conn_pages *pages);

// From now on it may soon go on to a generation of so many buckets.
void ft_conn_pages_expect(struct ft_conn_pages *pages, uint64_t buckets);

// It goes on to that: all its buckets are empty. False: not now, as its pages are being taken.
bool ft_conn_pages_begin(struct ft_conn_pages *pages, uint64_t buckets);

// Those of the generation before it have been left up to `moved`, which is told one by one.
void ft_conn_pages_leave(struct ft_conn_pages *pages, uint64_t moved);
