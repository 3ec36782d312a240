// Buckets, tags and overflow counters are those of F14 (Bronson and Shi 2019), with resizing spread
// over the insertions and removals that follow.
#include "demux/conn_table.h"

#include <assert.h>
#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_prefetch.h>

#include "demux/conn_bucket.h"

#define FEWEST_BUCKETS 64

// Entries for each bucket of 12. The table grows above the first and shrinks below the second; between these
// two and the next two its pages are given ahead (conn_pages.h); above the last it is full (when it could
// not begin to grow). After either change the load is between 2.5 and 6.
#define MOST_BEFORE_GROWING    8
#define LEAST_BEFORE_SHRINKING 2
#define MOST_BEFORE_EXPECTING  6
#define LEAST_BEFORE_EXPECTING 3
#define MOST		       11

// A step of resizing moves so many entries, or passes empty buckets instead. A table of n buckets
// doubles with 8n entries, and does so again after 8n insertions at the earliest; it halves with 2n
// entries, and does so again after n removals. While it doubles the buckets not yet reached go on
// filling, by one for n insertions, up to 9 e^(1/4) - 1 = 10.6: that takes 2.6n steps. Halving takes 3n / 4.
#define MOVED_AT_ONCE 4

// But one in the first 1,024th: these steps find nothing in any cache, not even their own code.
#define MOVED_SINGLY 1024

_Static_assert(FT_CONN_LEFT_AT_ONCE % (FT_CONN_BLOCK_MASK + 1) == 0, "whole blocks");

static inline const struct ft_tuple *tuple_of(const struct ft_conn_table *table, uint32_t index)
{
	return ft_conn_table_object(table, index);
}

// ---- one generation of buckets ----

// The probe sequence of a hash. The step is odd and the number of buckets in a block a power of two,
// so that it visits every bucket of the block.
struct probe {
	uint64_t at;
	uint64_t step;
	uint8_t tag;
};

static inline struct probe probe_for(uint64_t hash)
{
	uint8_t tag = ft_conn_bucket_tag(hash);

	return (struct probe){ .at = hash, .step = 2u * tag + 1, .tag = tag };
}

static inline void probe_on(struct probe *probe)
{
	uint64_t block = probe->at & ~FT_CONN_BLOCK_MASK;

	probe->at = block | ((probe->at + probe->step) & FT_CONN_BLOCK_MASK);
}

static inline struct ft_conn_bucket *bucket_at(const struct ft_conn_half *half, struct probe probe)
{
	return &half->buckets[probe.at & half->mask];
}

static inline uint64_t bucket_count(const struct ft_conn_half *half)
{
	return half->buckets == NULL ? 0 : half->mask + 1;
}

static inline uint64_t probe_count(const struct ft_conn_half *half)
{
	return RTE_MIN(half->mask, FT_CONN_BLOCK_MASK) + 1;
}

static inline uint32_t half_find(const struct ft_conn_table *table, const struct ft_conn_half *half,
	const struct ft_tuple *tuple, uint64_t hash)
{
	struct probe probe = probe_for(hash);

	for (uint64_t i = 0; i < probe_count(half); i++, probe_on(&probe)) {
		const struct ft_conn_bucket *bucket = bucket_at(half, probe);
		uint32_t matches = ft_conn_bucket_match(bucket, probe.tag);

		for (; matches != 0; matches &= matches - 1) {
			uint32_t index = bucket->indices[__builtin_ctz(matches)];

			if (likely(ft_tuple_is_equal(tuple_of(table, index), tuple)))
				return index;
		}
		if (likely(bucket->overflow == 0))
			break;
	}
	return FT_CONN_NONE;
}

// Nearly always an entry stands, or finds room, where its hash says.
static inline struct ft_conn_bucket *home_of(const struct ft_conn_half *half, uint64_t hash)
{
	return &half->buckets[hash & half->mask];
}

static inline bool has_room(const struct ft_conn_bucket *bucket)
{
	return ft_conn_bucket_match(bucket, FT_CONN_BUCKET_EMPTY) != 0;
}

// The bucket that an entry would go to, or NULL when its block is full.
static struct ft_conn_bucket *half_find_room(const struct ft_conn_half *half, uint64_t hash)
{
	struct probe probe = probe_for(hash);

	for (uint64_t i = 0; i < probe_count(half); i++, probe_on(&probe)) {
		struct ft_conn_bucket *bucket = bucket_at(half, probe);

		if (likely(has_room(bucket)))
			return bucket;
	}
	return NULL;
}

static inline void put_into(struct ft_conn_bucket *bucket, uint8_t tag, uint32_t index)
{
	uint32_t slot = (uint32_t)__builtin_ctz(ft_conn_bucket_match(bucket, FT_CONN_BUCKET_EMPTY));

	bucket->tags[slot] = tag;
	bucket->indices[slot] = index;
}

// Puts the object into `bucket`, where half_find_room() found room; the buckets before it on the
// way have one entry more to look for behind them.
static void half_insert(const struct ft_conn_half *half, struct ft_conn_bucket *bucket,
	uint64_t hash, uint32_t index)
{
	struct probe probe = probe_for(hash);

	for (; bucket_at(half, probe) != bucket; probe_on(&probe))
		bucket_at(half, probe)->overflow++;
	put_into(bucket, probe.tag, index);
}

// Where in the bucket the object stands, or FT_CONN_BUCKET_SLOTS.
static inline uint32_t slot_of(const struct ft_conn_bucket *bucket, uint8_t tag, uint32_t index)
{
	uint32_t matches = ft_conn_bucket_match(bucket, tag);

	for (; matches != 0; matches &= matches - 1) {
		uint32_t slot = (uint32_t)__builtin_ctz(matches);

		if (bucket->indices[slot] == index)
			return slot;
	}
	return FT_CONN_BUCKET_SLOTS;
}

static struct ft_conn_bucket *half_find_bucket(
	const struct ft_conn_half *half, uint64_t hash, uint32_t index)
{
	struct probe probe = probe_for(hash);

	for (uint64_t i = 0; i < probe_count(half); i++, probe_on(&probe)) {
		struct ft_conn_bucket *bucket = bucket_at(half, probe);

		if (slot_of(bucket, probe.tag, index) < FT_CONN_BUCKET_SLOTS)
			return bucket;
		if (bucket->overflow == 0)
			break;
	}
	return NULL;
}

// Removes the object from `bucket`: the reverse of half_insert().
static void half_remove(const struct ft_conn_half *half, struct ft_conn_bucket *bucket,
	uint64_t hash, uint32_t index)
{
	struct probe probe = probe_for(hash);

	for (; bucket_at(half, probe) != bucket; probe_on(&probe))
		bucket_at(half, probe)->overflow--;
	bucket->tags[slot_of(bucket, probe.tag, index)] = FT_CONN_BUCKET_EMPTY;
}

// ---- resizing ----
//
// Why no entry is missed. Each generation by itself is sound: from an entry's home, the bucket that
// its hash names, to its place lead buckets whose overflow counters count it. All of them are of one
// block. Which generation an entry is in, the block of its home in the old one tells:
//
//   - behind that of `moved`: the old one. Insertions go there, and it is not yet its buckets that
//     are emptied.
//   - before that of `moved`: the current one. All buckets of its block in the old one have been
//     emptied, wherever in it it stood, and since `moved` had reached the first of them, insertions
//     went to the current one.
//   - the same: both are asked. Insertions go to the current one.
//
// For the same reason nothing leads to a block of the old generation again that has been emptied.

static void pass_bucket(struct ft_conn_table *table)
{
	table->moved++;
	ft_conn_pages_leave(&table->pages, table->moved);
	if (table->moved == bucket_count(&table->old))
		table->old = (struct ft_conn_half){ 0 };
}

// A bit for each entry of the bucket that is emptied next.
static inline uint32_t to_be_moved(const struct ft_conn_table *table)
{
	const struct ft_conn_bucket *bucket = &table->old.buckets[table->moved];

	return ~ft_conn_bucket_match(bucket, FT_CONN_BUCKET_EMPTY) & FT_CONN_BUCKET_ALL_SLOTS;
}

// There is room: a block has about 4 entries for each bucket.
static void move_entry(struct ft_conn_table *table, struct ft_conn_bucket *bucket, uint32_t slot)
{
	uint32_t index = bucket->indices[slot];
	uint64_t hash = ft_tuple_hash(table->key, tuple_of(table, index));

	half_remove(&table->old, bucket, hash, index);
	half_insert(&table->current, half_find_room(&table->current, hash), hash, index);
}

static struct ft_conn_half half_of(const struct ft_conn_table *table, uint64_t buckets)
{
	return (struct ft_conn_half){ table->pages.region + buckets, buckets - 1 };
}

// Lines that the next steps need are on their way to the cache until then: the bucket of the old generation and,
// growing, those that its entries go to.
static void prefetch_buckets(const struct ft_conn_table *table, uint64_t bucket)
{
	uint64_t mask = table->current.mask;

	rte_prefetch0(&table->old.buckets[bucket]);
	rte_prefetch0(&table->current.buckets[bucket & mask]);
	rte_prefetch0(&table->current.buckets[(bucket + bucket_count(&table->old)) & mask]);
}

// And the tuples that it hashes.
static void prefetch_next_step(const struct ft_conn_table *table)
{
	uint32_t used = to_be_moved(table);

	prefetch_buckets(table, table->moved + 1);
	for (unsigned i = 0; i < MOVED_AT_ONCE && used != 0; i++, used &= used - 1) {
		uint32_t slot = (uint32_t)__builtin_ctz(used);

		rte_prefetch0(tuple_of(table, table->old.buckets[table->moved].indices[slot]));
	}
}

static void step_resizing(struct ft_conn_table *table)
{
	unsigned most = table->moved < bucket_count(&table->old) / MOVED_SINGLY ? 1 : MOVED_AT_ONCE;

	for (unsigned i = 0; i < most && ft_conn_table_is_resizing(table); i++) {
		uint32_t used = to_be_moved(table);

		if (used != 0)
			move_entry(table, &table->old.buckets[table->moved],
				(uint32_t)__builtin_ctz(used));
		else
			pass_bucket(table);
	}
	if (ft_conn_table_is_resizing(table))
		prefetch_next_step(table);
}

// When that is not possible now it stays as it is, and tries again at the next change.
static void start_resizing(struct ft_conn_table *table, uint64_t buckets)
{
	if (!ft_conn_pages_begin(&table->pages, buckets))
		return;
	table->old = table->current;
	table->current = half_of(table, buckets);
	table->moved = 0;
	prefetch_buckets(table, 0);
}

// A table of the largest size has room for all objects.
static void note_calm(struct ft_conn_table *table)
{
	uint64_t buckets = bucket_count(&table->current), next = table->pages.filling;
	uint64_t least =
		next != 0 && next < buckets ? LEAST_BEFORE_SHRINKING : LEAST_BEFORE_EXPECTING;
	uint64_t most = next > buckets ? MOST_BEFORE_GROWING : MOST_BEFORE_EXPECTING;

	if (ft_conn_table_is_resizing(table)) {
		table->calm_from = UINT64_MAX;
		table->calm_more = 0;
		return;
	}
	if (buckets == FEWEST_BUCKETS)
		least = 0;
	if (buckets == table->pages.most)
		most = MOST;
	table->calm_from = least * buckets;
	table->calm_more = (most - least) * buckets;
}

static __attribute__((noinline)) void change_size(struct ft_conn_table *table)
{
	uint64_t buckets = bucket_count(&table->current);

	if (ft_conn_table_is_resizing(table))
		step_resizing(table);
	else if (table->entries > MOST_BEFORE_GROWING * buckets)
		start_resizing(table, buckets * 2);
	else if (table->entries > MOST_BEFORE_EXPECTING * buckets)
		ft_conn_pages_expect(&table->pages, buckets * 2);
	else if (table->entries < LEAST_BEFORE_SHRINKING * buckets)
		start_resizing(table, buckets / 2);
	else if (table->entries < LEAST_BEFORE_EXPECTING * buckets)
		ft_conn_pages_expect(&table->pages, buckets / 2);
	note_calm(table);
}

// Then it is not resizing either.
static inline bool is_calm(const struct ft_conn_table *table, uint64_t entries)
{
	return likely(entries - table->calm_from <= table->calm_more);
}

static inline void keep_size(struct ft_conn_table *table)
{
	if (!is_calm(table, table->entries))
		change_size(table);
}

// ---- the table ----

// As many buckets as the table has at the most.
static uint64_t most_buckets(const struct ft_pool *objects)
{
	uint64_t buckets = FEWEST_BUCKETS;

	while (objects->maximum > MOST_BEFORE_GROWING * buckets)
		buckets *= 2;
	return buckets;
}

int ft_conn_table_init(
	struct ft_conn_table *table, const struct ft_pool *objects, const struct ft_hash_key *key)
{
	*table = (struct ft_conn_table){
		.objects = objects->objects,
		.object_bytes = objects->stride,
		.key = key,
	};
	if (ft_conn_pages_init(&table->pages, FEWEST_BUCKETS, most_buckets(objects)) != 0)
		return -ENOMEM;
	table->current = half_of(table, FEWEST_BUCKETS);
	note_calm(table);
	return 0;
}

void ft_conn_table_free(struct ft_conn_table *table)
{
	ft_conn_pages_free(&table->pages);
	*table = (struct ft_conn_table){ 0 };
}

// The new generation is filled in order: growing, two buckets for each that was emptied.
static uint64_t touched_buckets(const struct ft_conn_table *table)
{
	uint64_t current = bucket_count(&table->current), old = bucket_count(&table->old);

	return ft_conn_table_is_resizing(table)
		       ? RTE_MIN(current, table->moved * RTE_MAX(1u, current / old))
		       : current;
}

static uint64_t buckets_left(const struct ft_conn_table *table)
{
	return ft_conn_table_is_resizing(table)
		       ? bucket_count(&table->old) -
				 RTE_ALIGN_FLOOR(table->moved, FT_CONN_LEFT_AT_ONCE)
		       : 0;
}

uint64_t ft_conn_table_bytes(const struct ft_conn_table *table)
{
	return (touched_buckets(table) + buckets_left(table)) * sizeof(struct ft_conn_bucket);
}

uint32_t ft_conn_table_find(
	const struct ft_conn_table *table, const struct ft_tuple *tuple, uint64_t hash)
{
	uint32_t index = half_find(table, ft_conn_table_half_for(table, hash), tuple, hash);

	if (index == FT_CONN_NONE && ft_conn_table_is_in_either(table, hash))
		index = half_find(table, &table->old, tuple, hash);
	return index;
}

static void find_staged(const struct ft_conn_table *table, const struct ft_tuple *const *tuples,
	uint64_t *hashes, uint32_t *indices, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		hashes[i] = ft_tuple_hash(table->key, tuples[i]);
		ft_conn_table_expect(table, hashes[i]);
	}
	for (uint32_t i = 0; i < count; i++)
		indices[i] = ft_conn_table_candidate(table, hashes[i]);
	for (uint32_t i = 0; i < count; i++)
		indices[i] = ft_conn_table_prove(table, indices[i], tuples[i], hashes[i]);
}

// An idle NIC delivers bursts of one: nothing to overlap, so no stages.
void ft_conn_table_find_burst(const struct ft_conn_table *table,
	const struct ft_tuple *const *tuples, uint64_t *hashes, uint32_t *indices, uint32_t count)
{
	assert(count <= FT_CONN_BURST);
	if (count != 1) {
		find_staged(table, tuples, hashes, indices, count);
		return;
	}
	hashes[0] = ft_tuple_hash(table->key, tuples[0]);
	indices[0] = ft_conn_table_find(table, tuples[0], hashes[0]);
}

// The way of half_find(), counted. True when the object was found.
static bool half_explain(const struct ft_conn_table *table, const struct ft_conn_half *half,
	const struct ft_tuple *tuple, uint64_t hash, struct ft_conn_explanation *explanation)
{
	struct probe probe = probe_for(hash);

	for (uint64_t i = 0; i < probe_count(half); i++, probe_on(&probe)) {
		const struct ft_conn_bucket *bucket = bucket_at(half, probe);
		uint32_t matches = ft_conn_bucket_match(bucket, probe.tag);

		explanation->asked++;
		for (; matches != 0; matches &= matches - 1) {
			uint32_t index = bucket->indices[__builtin_ctz(matches)];

			explanation->compared++;
			if (!ft_tuple_is_equal(tuple_of(table, index), tuple))
				continue;
			explanation->index = index;
			return true;
		}
		if (bucket->overflow == 0)
			break;
	}
	return false;
}

void ft_conn_table_explain(const struct ft_conn_table *table, const struct ft_tuple *tuple,
	uint64_t hash, struct ft_conn_explanation *explanation)
{
	const struct ft_conn_half *first = ft_conn_table_half_for(table, hash);

	*explanation = (struct ft_conn_explanation){
		.bucket = hash & first->mask,
		.buckets = bucket_count(first),
		.index = FT_CONN_NONE,
		.tag = ft_conn_bucket_tag(hash),
	};
	if (!half_explain(table, first, tuple, hash, explanation) &&
		ft_conn_table_is_in_either(table, hash))
		half_explain(table, &table->old, tuple, hash, explanation);
}

static inline void note_inserted(struct ft_conn_table *table, uint64_t hash)
{
	table->entries++;
	table->inserted_at[hash >> 56] = (uint32_t)++table->changes;
}

// Not where its hash says, or while the table's size changes; apart, so that the usual way has nothing to keep over a
// call.
static __attribute__((noinline)) int insert_elsewhere(
	struct ft_conn_table *table, uint64_t hash, uint32_t index)
{
	const struct ft_conn_half *half;
	struct ft_conn_bucket *bucket;

	keep_size(table);
	if (table->entries >= MOST * bucket_count(&table->current))
		return -ENOMEM;
	half = ft_conn_table_half_for(table, hash);
	bucket = half_find_room(half, hash);
	if (bucket == NULL)
		return -ENOMEM;
	half_insert(half, bucket, hash, index);
	note_inserted(table, hash);
	return 0;
}

int ft_conn_table_insert(struct ft_conn_table *table, uint64_t hash, uint32_t index)
{
	struct ft_conn_bucket *home = home_of(&table->current, hash);

	if (unlikely(!is_calm(table, table->entries) || !has_room(home)))
		return insert_elsewhere(table, hash, index);
	put_into(home, ft_conn_bucket_tag(hash), index);
	note_inserted(table, hash);
	return 0;
}

static inline void note_removed(struct ft_conn_table *table)
{
	table->entries--;
	table->changes++;
}

// As insert_elsewhere().
static __attribute__((noinline)) void remove_elsewhere(
	struct ft_conn_table *table, uint64_t hash, uint32_t index)
{
	const struct ft_conn_half *half = ft_conn_table_half_for(table, hash);
	struct ft_conn_bucket *bucket = half_find_bucket(half, hash, index);

	if (bucket == NULL) {
		half = &table->old;
		bucket = half_find_bucket(half, hash, index);
	}
	assert(bucket != NULL);
	half_remove(half, bucket, hash, index);
	note_removed(table);
	keep_size(table);
}

void ft_conn_table_remove(struct ft_conn_table *table, uint64_t hash, uint32_t index)
{
	struct ft_conn_bucket *home = home_of(&table->current, hash);
	uint32_t slot = FT_CONN_BUCKET_SLOTS;

	if (is_calm(table, table->entries - 1))
		slot = slot_of(home, ft_conn_bucket_tag(hash), index);
	if (unlikely(slot == FT_CONN_BUCKET_SLOTS)) {
		remove_elsewhere(table, hash, index);
		return;
	}
	home->tags[slot] = FT_CONN_BUCKET_EMPTY;
	note_removed(table);
}
