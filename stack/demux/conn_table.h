// The connection table: from a four-tuple to the object that owns it, in two cache misses.
//
//	bucket (conn_bucket.h)  64 bytes: 12 tags, compared all at once, and 12 indices
//	object `index`          its first 40 bytes are its tuple: a match is always proven there
//
// A full bucket overflows to the next of a probe sequence and counts how many did, so that a miss
// knows when to stop. The sequence stays within a block of 1,024 buckets.
//
// The table grows and shrinks while in use: every insertion and removal moves a few entries from the
// old generation of buckets to the current one, block by block. So the block that an entry's
// bucket in the old one belongs to tells which generation to ask:
//
//	0                        moved                             n
//	|  ...  |  block  |  block |  |  block  |  block  |  ...  |
//	| all in current  | in either | all in old                |
//
// Of the current generation nothing is read that is not being filled, so that no page of it is there
// too early; and what has been emptied of the old one is given back (conn_pages.h). One table for TCP,
// another for connected UDP.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include "base/pool.h"
#include "demux/conn_bucket.h"
#include "demux/conn_pages.h"
#include "demux/tuple.h"

#define FT_CONN_NONE UINT32_MAX

// Of a block's 12,288 slots 10,800 are used at the most, on average: that one is full is fourteen
// standard deviations away.
#define FT_CONN_BLOCK_MASK UINT64_C(1023)

// One generation of buckets: there are two while the table is growing or shrinking.
struct ft_conn_half {
	struct ft_conn_bucket *buckets;
	uint64_t mask; // how many buckets, less one
};

struct ft_conn_table {
	const char *objects;   // those of the pool,
	uint64_t object_bytes; // so far apart
	const struct ft_hash_key *key;
	struct ft_conn_half current;
	struct ft_conn_half old; // being emptied into current; buckets NULL when not resizing
	uint64_t moved;		 // old buckets below this are empty
	uint64_t entries;
	// With so many entries and up to so many more there is nothing to do about its size. Never: UINT64_MAX, 0.
	uint64_t calm_from, calm_more;
	uint64_t changes; // insertions and removals ever: tells a burst if its lookup still holds
	// By the top byte of its hash, what `changes` became (modulo 2^32) when an entry was last inserted.
	uint32_t inserted_at[256];
	struct ft_conn_pages pages;
};

// `objects` is the pool whose objects begin with their tuple, each in the table once at the most; `key` what
// ft_tuple_hash() is called with; both must outlive the table. It may not be moved. Returns 0 or -ENOMEM.
int ft_conn_table_init(
	struct ft_conn_table *table, const struct ft_pool *objects, const struct ft_hash_key *key);
void ft_conn_table_free(struct ft_conn_table *table);

// ft_pool_at() of its pool.
static inline void *ft_conn_table_object(const struct ft_conn_table *table, uint32_t index)
{
	return (void *)(table->objects + index * table->object_bytes);
}

// The memory that its buckets occupy, both generations' while there are two: what was not touched yet or
// has been left behind does not count, though where pages are tended (base/pages.h) they come some way ahead and go
// some time later.
uint64_t ft_conn_table_bytes(const struct ft_conn_table *table);

// The index whose tuple equals `tuple`, or FT_CONN_NONE. `hash` is ft_tuple_hash() of it.
uint32_t ft_conn_table_find(
	const struct ft_conn_table *table, const struct ft_tuple *tuple, uint64_t hash);

// ---- the same in three stages, for a burst: so the cache misses of its packets overlap ----

static inline bool ft_conn_table_is_resizing(const struct ft_conn_table *table)
{
	return table->old.buckets != NULL;
}

// Its block has not been begun: if it is in the table, it is in the old generation.
static inline bool ft_conn_table_is_old(const struct ft_conn_table *table, uint64_t hash)
{
	return unlikely(ft_conn_table_is_resizing(table)) &&
	       (hash & table->old.mask) > (table->moved | FT_CONN_BLOCK_MASK);
}

// Its block is being emptied: it may be in either.
static inline bool ft_conn_table_is_in_either(const struct ft_conn_table *table, uint64_t hash)
{
	return unlikely(ft_conn_table_is_resizing(table)) &&
	       ((hash & table->old.mask) ^ table->moved) <= FT_CONN_BLOCK_MASK;
}

// The generation to ask first. There is a second only when it may be in either, which is then the old one.
static inline const struct ft_conn_half *ft_conn_table_half_for(
	const struct ft_conn_table *table, uint64_t hash)
{
	return unlikely(ft_conn_table_is_old(table, hash)) ? &table->old : &table->current;
}

static inline const struct ft_conn_bucket *ft_conn_table_likely_bucket(
	const struct ft_conn_table *table, uint64_t hash)
{
	const struct ft_conn_half *half = ft_conn_table_half_for(table, hash);

	return &half->buckets[hash & half->mask];
}

// First: the bucket is on its way to the cache.
static inline void ft_conn_table_expect(const struct ft_conn_table *table, uint64_t hash)
{
	rte_prefetch0(ft_conn_table_likely_bucket(table, hash));
}

// No candidate, but the object may be elsewhere: the bucket has overflowed, or it may be in either
// generation.
#define FT_CONN_ELSEWHERE (UINT32_MAX - 1)

static inline uint32_t ft_conn_table_no_candidate(
	const struct ft_conn_table *table, const struct ft_conn_bucket *bucket, uint64_t hash)
{
	return bucket->overflow == 0 && !ft_conn_table_is_in_either(table, hash)
		       ? FT_CONN_NONE
		       : FT_CONN_ELSEWHERE;
}

// Second: the first index in the bucket whose tag agrees. It and the others (one lookup in fifty has another, by
// chance) are on their way. FT_CONN_NONE: a miss, as a SYN's should be; or FT_CONN_ELSEWHERE.
static inline uint32_t ft_conn_table_candidate(const struct ft_conn_table *table, uint64_t hash)
{
	const struct ft_conn_bucket *bucket = ft_conn_table_likely_bucket(table, hash);
	uint32_t matches = ft_conn_bucket_match(bucket, ft_conn_bucket_tag(hash));
	uint32_t index;

	if (unlikely(matches == 0))
		return ft_conn_table_no_candidate(table, bucket, hash);
	index = bucket->indices[__builtin_ctz(matches)];
	rte_prefetch0(ft_conn_table_object(table, index));
	while (unlikely((matches &= matches - 1) != 0))
		rte_prefetch0(ft_conn_table_object(table, bucket->indices[__builtin_ctz(matches)]));
	return index;
}

// Third: what the lookup finds. If it is not the candidate, that was a tag that agreed by chance, or the object is
// elsewhere: the plain search knows.
static inline uint32_t ft_conn_table_prove(const struct ft_conn_table *table, uint32_t candidate,
	const struct ft_tuple *tuple, uint64_t hash)
{
	if (likely(candidate < FT_CONN_ELSEWHERE &&
		    ft_tuple_is_equal(ft_conn_table_object(table, candidate), tuple)))
		return candidate;
	return candidate == FT_CONN_NONE ? FT_CONN_NONE : ft_conn_table_find(table, tuple, hash);
}

// The object itself, or NULL.
static inline void *ft_conn_table_proven(const struct ft_conn_table *table, uint32_t candidate,
	const struct ft_tuple *tuple, uint64_t hash)
{
	uint32_t index = ft_conn_table_prove(table, candidate, tuple, hash);

	return index == FT_CONN_NONE ? NULL : ft_conn_table_object(table, index);
}

// Whether what was not there when the table had seen `changes` may be there now: something with such a hash was
// inserted since. (Or so long ago that it looks as if.)
static inline bool ft_conn_table_may_have_gained(
	const struct ft_conn_table *table, uint64_t changes, uint64_t hash)
{
	return (int32_t)(table->inserted_at[hash >> 56] - (uint32_t)changes) > 0;
}

// What was found no longer holds when the table has changed since it had seen `changes`: an earlier packet of the same
// burst has opened or ended a connection. Then all three are made again; but of what was not there, as a SYN's should
// not be, only if it may be now.
static inline void *ft_conn_table_find_again(const struct ft_conn_table *table, uint64_t changes,
	void *found, const struct ft_tuple *tuple, uint64_t hash)
{
	if (found == NULL ? likely(!ft_conn_table_may_have_gained(table, changes, hash))
			  : likely(table->changes == changes))
		return found;
	return ft_conn_table_proven(table, ft_conn_table_candidate(table, hash), tuple, hash);
}

// All three. hashes[i] is ft_tuple_hash() of tuples[i] afterwards, indices[i] FT_CONN_NONE for
// a miss. At most FT_CONN_BURST at a time.
#define FT_CONN_BURST 64
void ft_conn_table_find_burst(const struct ft_conn_table *table,
	const struct ft_tuple *const *tuples, uint64_t *hashes, uint32_t *indices, uint32_t count);

// How a search went, for the trace: where it began, and what it found. Not for the packet path.
struct ft_conn_explanation {
	uint64_t bucket, buckets; // the first one asked, and how many there are
	uint32_t asked;		  // so many of them, in all
	uint32_t compared;	  // candidates: those whose tags agreed
	uint32_t index;		  // FT_CONN_NONE: not found
	uint8_t tag;
};
void ft_conn_table_explain(const struct ft_conn_table *table, const struct ft_tuple *tuple,
	uint64_t hash, struct ft_conn_explanation *explanation) __attribute__((cold));

// Adds an object whose tuple is in place and not in the table yet. Returns 0, or -ENOMEM when the
// table, or the block, is full: it could not begin to grow for long (conn_pages.h).
int ft_conn_table_insert(struct ft_conn_table *table, uint64_t hash, uint32_t index);

// Removes an object; it must be there, its tuple as it was when inserted.
void ft_conn_table_remove(struct ft_conn_table *table, uint64_t hash, uint32_t index);
