// Buckets, tags and overflow counters are those of F14 (Bronson and Shi 2019), with resizing spread
// over the insertions and removals that follow.
#include "demux/conn_table.h"

#include <assert.h>
#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_prefetch.h>

#include "base/pages.h"
#include "demux/conn_bucket.h"

#define FEWEST_BUCKETS 64

// Entries for each bucket of 12: above the first the next generation is mapped, so that its first
// pages are there by then (pages.h), above the second the table grows, below the third it shrinks,
// above the fourth it is full (when growing failed). After either change the load is about 4, far
// from both.
#define MOST_BEFORE_PREPARING  8
#define MOST_BEFORE_GROWING    9
#define LEAST_BEFORE_SHRINKING 2
#define MOST		       11

// A step of resizing moves so many entries, or passes empty buckets instead. A table of n buckets
// doubles with 9n entries, and does so again after 9n insertions at the earliest; it halves with 2n
// entries, and does so again after n removals. The first takes 10n / 4 steps, the second 3n / 4.
#define MOVED_AT_ONCE	      4
#define BYTES_RETIRED_AT_ONCE (256 * 1024)

static inline const struct ft_tuple *tuple_of(const struct ft_conn_table *table, uint32_t index)
{
	return ft_pool_at(table->objects, index);
}

// ---- one generation of buckets ----

// The probe sequence of a hash. The step is odd and the number of buckets a power of two, so that
// it visits every bucket.
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

static inline struct ft_conn_bucket *bucket_at(const struct ft_conn_half *half, struct probe probe)
{
	return &half->buckets[probe.at & half->mask];
}

static inline uint64_t bucket_count(const struct ft_conn_half *half)
{
	return half->buckets == NULL ? 0 : half->mask + 1;
}

static inline uint64_t half_bytes(const struct ft_conn_half *half)
{
	return bucket_count(half) * sizeof(struct ft_conn_bucket);
}

static int half_init(struct ft_conn_half *half, uint64_t buckets)
{
	*half = (struct ft_conn_half){
		.buckets = ft_pages_map(buckets * sizeof(struct ft_conn_bucket)),
		.mask = buckets - 1,
	};
	return half->buckets == NULL ? -ENOMEM : 0;
}

static void half_free(struct ft_conn_half *half)
{
	ft_pages_unmap(half->buckets, half_bytes(half));
	*half = (struct ft_conn_half){ 0 };
}

static inline uint32_t half_find(const struct ft_conn_table *table, const struct ft_conn_half *half,
	const struct ft_tuple *tuple, uint64_t hash)
{
	struct probe probe = probe_for(hash);

	for (uint64_t i = 0; i <= half->mask; i++, probe.at += probe.step) {
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

// The bucket that an entry would go to, or NULL when that is one below `lowest`, or there is none.
static struct ft_conn_bucket *half_find_room(
	const struct ft_conn_half *half, uint64_t lowest, uint64_t hash)
{
	struct probe probe = probe_for(hash);

	for (uint64_t i = 0; i < bucket_count(half); i++, probe.at += probe.step) {
		struct ft_conn_bucket *bucket = bucket_at(half, probe);

		if ((probe.at & half->mask) < lowest)
			return NULL;
		if (ft_conn_bucket_match(bucket, FT_CONN_BUCKET_EMPTY) != 0)
			return bucket;
	}
	return NULL;
}

// Puts the object into `bucket`, where half_find_room() found room; the buckets before it on the
// way have one entry more to look for behind them.
static void half_insert(const struct ft_conn_half *half, struct ft_conn_bucket *bucket,
	uint64_t hash, uint32_t index)
{
	uint32_t slot = (uint32_t)__builtin_ctz(ft_conn_bucket_match(bucket, FT_CONN_BUCKET_EMPTY));
	struct probe probe = probe_for(hash);

	for (; bucket_at(half, probe) != bucket; probe.at += probe.step)
		bucket_at(half, probe)->overflow++;
	bucket->tags[slot] = probe.tag;
	bucket->indices[slot] = index;
}

// Where in the bucket the object stands, or FT_CONN_BUCKET_SLOTS.
static uint32_t slot_of(const struct ft_conn_bucket *bucket, uint8_t tag, uint32_t index)
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

	for (uint64_t i = 0; i < bucket_count(half); i++, probe.at += probe.step) {
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

	for (; bucket_at(half, probe) != bucket; probe.at += probe.step)
		bucket_at(half, probe)->overflow--;
	bucket->tags[slot_of(bucket, probe.tag, index)] = FT_CONN_BUCKET_EMPTY;
}

// ---- resizing ----

static void retire_some(struct ft_conn_table *table, uint64_t most_bytes)
{
	uint64_t bytes = RTE_MIN(table->retired_bytes, most_bytes);

	if (bytes == 0)
		return;
	table->retired_bytes -= bytes;
	ft_pages_unmap(table->retired + table->retired_bytes, bytes);
}

// All that was retired before is gone: it was when this resizing began.
static void finish_resizing(struct ft_conn_table *table)
{
	struct ft_conn_half *old = &table->old;

	if (!ft_pages_unmap_later(old->buckets, half_bytes(old))) {
		table->retired = (char *)old->buckets;
		table->retired_bytes = half_bytes(old);
	}
	*old = (struct ft_conn_half){ 0 };
}

// In order, from 0: then the new generation is first touched in order, too, and the kernel has to
// clear one page of it at a time. So a new entry goes to the old generation, unless its place there
// has been emptied: elsewhere it would touch a page at random.
static void put(struct ft_conn_table *table, uint64_t hash, uint32_t index)
{
	const struct ft_conn_half *half = &table->old;
	struct ft_conn_bucket *bucket = NULL;

	if (unlikely(ft_conn_table_is_resizing(table)))
		bucket = half_find_room(half, table->moved, hash);
	if (likely(bucket == NULL)) {
		half = &table->current;
		bucket = half_find_room(half, 0, hash);
	}
	half_insert(half, bucket, hash, index);
}

// A bit for each entry of the bucket that is emptied next.
static inline uint32_t to_be_moved(const struct ft_conn_table *table)
{
	const struct ft_conn_bucket *bucket = &table->old.buckets[table->moved];

	return ~ft_conn_bucket_match(bucket, FT_CONN_BUCKET_EMPTY) & FT_CONN_BUCKET_ALL_SLOTS;
}

static void move_entry(struct ft_conn_table *table, struct ft_conn_bucket *bucket, uint32_t slot)
{
	uint32_t index = bucket->indices[slot];
	uint64_t hash = ft_tuple_hash(table->key, tuple_of(table, index));

	half_remove(&table->old, bucket, hash, index);
	half_insert(&table->current, half_find_room(&table->current, 0, hash), hash, index);
}

// The tuples that the next step hashes are on their way to the cache until then.
static void prefetch_next_step(const struct ft_conn_table *table)
{
	uint32_t used = ft_conn_table_is_resizing(table) ? to_be_moved(table) : 0;

	for (unsigned i = 0; i < MOVED_AT_ONCE && used != 0; i++, used &= used - 1) {
		uint32_t slot = (uint32_t)__builtin_ctz(used);

		rte_prefetch0(tuple_of(table, table->old.buckets[table->moved].indices[slot]));
	}
}

// Growing, the entries of old bucket b go to b and to b plus half the new ones. (Shrinking, the
// second half is filled later than this says.)
static void use_fronts(struct ft_conn_table *table)
{
	uint64_t bytes = table->moved * sizeof(struct ft_conn_bucket);

	ft_pages_front_use(&table->fronts[0], bytes);
	ft_pages_front_use(&table->fronts[1], bytes);
}

static void step_resizing(struct ft_conn_table *table)
{
	retire_some(table, BYTES_RETIRED_AT_ONCE);
	for (unsigned i = 0; i < MOVED_AT_ONCE && ft_conn_table_is_resizing(table); i++) {
		uint32_t used = to_be_moved(table);

		if (used != 0)
			move_entry(table, &table->old.buckets[table->moved],
				(uint32_t)__builtin_ctz(used));
		else if (++table->moved == bucket_count(&table->old))
			finish_resizing(table);
	}
	use_fronts(table);
	prefetch_next_step(table);
}

// One half of the next generation. What the first old buckets hold may have overflowed from the
// last ones: its home is at the very end.
static void prepare_front(
	struct ft_pages_front *front, struct ft_conn_bucket *buckets, uint64_t count)
{
	uint64_t last = RTE_MIN(count, 8u * UINT8_MAX);

	ft_pages_front_init(front, buckets, count * sizeof(*buckets));
	ft_pages_front_prepare(front);
	ft_pages_give_soon(buckets + count - last, last * sizeof(*buckets));
}

// Unless that is done already. Without memory for it there is no next generation.
static void map_next(struct ft_conn_table *table, uint64_t buckets)
{
	if (bucket_count(&table->next) == buckets)
		return;
	half_free(&table->next);
	if (half_init(&table->next, buckets) != 0)
		return;
	for (unsigned i = 0; i < 2; i++)
		prepare_front(
			&table->fronts[i], table->next.buckets + i * (buckets / 2), buckets / 2);
}

// Without memory for it the table stays as it is, and tries again at the next change.
static void start_resizing(struct ft_conn_table *table, uint64_t buckets)
{
	map_next(table, buckets);
	if (table->next.buckets == NULL)
		return;
	table->old = table->current;
	table->current = table->next;
	table->next = (struct ft_conn_half){ 0 };
	table->moved = 0;
}

static void note_calm(struct ft_conn_table *table)
{
	uint64_t buckets = bucket_count(&table->current);
	bool is_changing = ft_conn_table_is_resizing(table) || table->retired_bytes > 0;
	uint64_t least = buckets > FEWEST_BUCKETS ? LEAST_BEFORE_SHRINKING * buckets : 0;

	table->calm_from = is_changing ? UINT64_MAX : least;
	table->calm_more = is_changing ? 0 : MOST_BEFORE_PREPARING * buckets - least;
}

static __attribute__((noinline)) void change_size(struct ft_conn_table *table)
{
	uint64_t buckets = bucket_count(&table->current);

	if (ft_conn_table_is_resizing(table) || table->retired_bytes > 0)
		step_resizing(table);
	else if (table->entries > MOST_BEFORE_GROWING * buckets)
		start_resizing(table, buckets * 2);
	else if (table->entries > MOST_BEFORE_PREPARING * buckets)
		map_next(table, buckets * 2);
	else if (table->entries < LEAST_BEFORE_SHRINKING * buckets && buckets > FEWEST_BUCKETS)
		start_resizing(table, buckets / 2);
	note_calm(table);
}

static inline void keep_size(struct ft_conn_table *table)
{
	if (unlikely(table->entries - table->calm_from > table->calm_more))
		change_size(table);
}

// ---- the table ----

int ft_conn_table_init(
	struct ft_conn_table *table, const struct ft_pool *objects, const struct ft_hash_key *key)
{
	int error;

	*table = (struct ft_conn_table){ .objects = objects, .key = key };
	error = half_init(&table->current, FEWEST_BUCKETS);
	note_calm(table);
	return error;
}

void ft_conn_table_free(struct ft_conn_table *table)
{
	retire_some(table, UINT64_MAX);
	half_free(&table->next);
	half_free(&table->old);
	half_free(&table->current);
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

uint64_t ft_conn_table_bytes(const struct ft_conn_table *table)
{
	return (touched_buckets(table) + bucket_count(&table->old)) *
		       sizeof(struct ft_conn_bucket) +
	       table->retired_bytes;
}

static uint32_t find_in_both(
	const struct ft_conn_table *table, const struct ft_tuple *tuple, uint64_t hash)
{
	bool is_old_first = ft_conn_table_is_likely_old(table, hash);
	const struct ft_conn_half *first = is_old_first ? &table->old : &table->current;
	const struct ft_conn_half *second = is_old_first ? &table->current : &table->old;
	uint32_t index = half_find(table, first, tuple, hash);

	return index != FT_CONN_NONE ? index : half_find(table, second, tuple, hash);
}

uint32_t ft_conn_table_find(
	const struct ft_conn_table *table, const struct ft_tuple *tuple, uint64_t hash)
{
	if (unlikely(ft_conn_table_is_resizing(table)))
		return find_in_both(table, tuple, hash);
	return half_find(table, &table->current, tuple, hash);
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

	for (uint64_t i = 0; i < bucket_count(half); i++, probe.at += probe.step) {
		const struct ft_conn_bucket *bucket = bucket_at(half, probe);
		uint32_t matches = ft_conn_bucket_match(bucket, probe.tag);

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
	bool is_old_first = ft_conn_table_is_likely_old(table, hash);
	const struct ft_conn_half *first = is_old_first ? &table->old : &table->current;
	const struct ft_conn_half *second = is_old_first ? &table->current : &table->old;

	*explanation = (struct ft_conn_explanation){
		.bucket = hash & first->mask,
		.buckets = bucket_count(first),
		.index = FT_CONN_NONE,
		.tag = ft_conn_bucket_tag(hash),
	};
	if (!half_explain(table, first, tuple, hash, explanation))
		half_explain(table, second, tuple, hash, explanation);
}

int ft_conn_table_insert(struct ft_conn_table *table, uint64_t hash, uint32_t index)
{
	keep_size(table);
	if (table->entries >= MOST * bucket_count(&table->current))
		return -ENOMEM;
	put(table, hash, index);
	table->entries++;
	table->changes++;
	return 0;
}

void ft_conn_table_remove(struct ft_conn_table *table, uint64_t hash, uint32_t index)
{
	const struct ft_conn_half *half = &table->current;
	struct ft_conn_bucket *bucket = half_find_bucket(half, hash, index);

	if (bucket == NULL) {
		half = &table->old;
		bucket = half_find_bucket(half, hash, index);
	}
	assert(bucket != NULL);
	half_remove(half, bucket, hash, index);
	table->entries--;
	table->changes++;
	keep_size(table);
}
