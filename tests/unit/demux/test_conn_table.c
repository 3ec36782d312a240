#include "../support.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pages.h"
#include "base/random.h"
#include "demux/conn_bucket.h"
#include "demux/conn_table.h"

#define OBJECTS	 20000
#define MODELLED 40000
#define MANY	 300000
#define MOST	 2500000

struct object {
	struct ft_tuple tuple;
	bool is_in_table;
};

struct fixture {
	struct ft_random random;
	struct ft_hash_key key;
	struct ft_pool pool;
	struct ft_conn_table table;
};

static struct ft_tuple make_tuple(uint32_t remote, uint16_t remote_port)
{
	return (struct ft_tuple){
		.local = ft_addr_from_ip4(RTE_BE32(0x0a090002)),
		.remote = ft_addr_from_ip4(rte_cpu_to_be_32(remote)),
		.local_port = 7,
		.remote_port = remote_port,
		.protocol = 6,
	};
}

static void start_with_many(struct fixture *fixture, uint64_t seed, uint32_t objects)
{
	ft_random_init(&fixture->random, seed);
	ft_hash_key_init(&fixture->key, &fixture->random);
	assert_int_equal(ft_pool_init(&fixture->pool, objects, sizeof(struct object), 64), 0);
	assert_int_equal(ft_conn_table_init(&fixture->table, &fixture->pool, &fixture->key), 0);
}

static void start(struct fixture *fixture, uint64_t seed)
{
	start_with_many(fixture, seed, OBJECTS);
}

static void stop(struct fixture *fixture)
{
	ft_conn_table_free(&fixture->table);
	ft_pool_free(&fixture->pool);
}

static uint64_t hash_of(const struct fixture *fixture, const struct ft_tuple *tuple)
{
	return ft_tuple_hash(&fixture->key, tuple);
}

static uint32_t find(const struct fixture *fixture, const struct ft_tuple *tuple)
{
	return ft_conn_table_find(&fixture->table, tuple, hash_of(fixture, tuple));
}

static uint32_t add(struct fixture *fixture, const struct ft_tuple *tuple)
{
	struct object *object = ft_pool_take(&fixture->pool);
	uint32_t index = ft_pool_index(&fixture->pool, object);
	int error;

	object->tuple = *tuple;
	// While pages are taken it can be that a table that wants to grow may not yet.
	do
		error = ft_conn_table_insert(&fixture->table, hash_of(fixture, tuple), index);
	while (error != 0 && ft_pages_are_tended());
	assert_int_equal(error, 0);
	return index;
}

static void take_away(struct fixture *fixture, uint32_t index)
{
	struct object *object = ft_pool_at(&fixture->pool, index);

	ft_conn_table_remove(&fixture->table, hash_of(fixture, &object->tuple), index);
	ft_pool_give(&fixture->pool, object);
}

// ---- what a table must always be ----

static uint64_t buckets_of(const struct ft_conn_half *half)
{
	return half->buckets == NULL ? 0 : half->mask + 1;
}

// Those before it have been given back: there is no memory any more.
static uint64_t first_bucket(const struct ft_conn_table *table, const struct ft_conn_half *half)
{
	return half == &table->old ? table->moved & ~UINT64_C(4095) : 0;
}

static uint64_t next_on_the_way(uint64_t bucket, uint8_t tag)
{
	return (bucket & ~UINT64_C(1023)) | ((bucket + 2u * tag + 1) & 1023);
}

// What the overflow counters of a generation must be, counted anew from its entries.
static uint64_t check_half(const struct fixture *fixture, const struct ft_conn_half *half)
{
	uint64_t buckets = buckets_of(half);
	uint32_t *overflow = calloc(buckets + 1, sizeof(*overflow));
	uint64_t first = first_bucket(&fixture->table, half);
	uint64_t entries = 0;

	for (uint64_t b = first; b < buckets; b++) {
		for (unsigned slot = 0; slot < FT_CONN_BUCKET_SLOTS; slot++) {
			const struct object *object;
			uint64_t hash;
			uint8_t tag = half->buckets[b].tags[slot];

			if (tag == FT_CONN_BUCKET_EMPTY)
				continue;
			entries++;
			object = ft_pool_at(&fixture->pool, half->buckets[b].indices[slot]);
			hash = hash_of(fixture, &object->tuple);
			assert_int_equal(tag, ft_conn_bucket_tag(hash));
			for (; (hash & half->mask) != b; hash = next_on_the_way(hash, tag))
				overflow[hash & half->mask]++;
		}
	}
	for (uint64_t b = first; b < buckets; b++)
		assert_int_equal(half->buckets[b].overflow, overflow[b]);
	free(overflow);
	return entries;
}

// Where the block of the entry in the old generation is, against the one that is being emptied.
static void check_block(
	const struct fixture *fixture, const struct ft_conn_half *half, uint32_t index)
{
	const struct ft_conn_table *table = &fixture->table;
	const struct object *object = ft_pool_at(&fixture->pool, index);
	uint64_t block = (hash_of(fixture, &object->tuple) & table->old.mask) / 1024;

	if (half == &table->old)
		assert_true(block >= table->moved / 1024);
	else
		assert_true(block <= table->moved / 1024);
}

static void check_blocks(const struct fixture *fixture, const struct ft_conn_half *half)
{
	for (uint64_t b = first_bucket(&fixture->table, half); b < buckets_of(half); b++)
		for (unsigned slot = 0; slot < FT_CONN_BUCKET_SLOTS; slot++)
			if (half->buckets[b].tags[slot] != FT_CONN_BUCKET_EMPTY)
				check_block(fixture, half, half->buckets[b].indices[slot]);
}

static void check_table(const struct fixture *fixture)
{
	uint64_t entries = check_half(fixture, &fixture->table.current) +
			   check_half(fixture, &fixture->table.old);

	assert_int_equal(entries, fixture->table.entries);
	if (fixture->table.old.buckets == NULL)
		return;
	check_blocks(fixture, &fixture->table.old);
	check_blocks(fixture, &fixture->table.current);
	for (uint64_t b = first_bucket(&fixture->table, &fixture->table.old);
		b < fixture->table.moved; b++)
		assert_int_equal(ft_conn_bucket_match_portable(
					 &fixture->table.old.buckets[b], FT_CONN_BUCKET_EMPTY),
			FT_CONN_BUCKET_ALL_SLOTS);
}

// ---- buckets ----

static void simd_and_portable_match_agree(void **state)
{
	struct ft_random random;

	ft_random_init(&random, 1);
	for (unsigned i = 0; i < 200000; i++) {
		struct ft_conn_bucket bucket = { .overflow = (uint32_t)ft_random_next(&random) };
		uint32_t range = 1 + ft_random_below(&random, 256);
		uint8_t tag = (uint8_t)ft_random_below(&random, range);
		uint32_t expected = 0;

		for (unsigned slot = 0; slot < FT_CONN_BUCKET_SLOTS; slot++) {
			bucket.tags[slot] = (uint8_t)ft_random_below(&random, range);
			expected |= (uint32_t)(bucket.tags[slot] == tag) << slot;
		}
		assert_int_equal(ft_conn_bucket_match(&bucket, tag), expected);
		assert_int_equal(ft_conn_bucket_match_portable(&bucket, tag), expected);
	}
}

static void tags_are_never_the_empty_one(void **state)
{
	for (uint64_t top = 0; top < 256; top++)
		assert_int_not_equal(ft_conn_bucket_tag(top << 56), FT_CONN_BUCKET_EMPTY);
}

// ---- the table ----

static void empty_table_finds_nothing(void **state)
{
	struct ft_tuple tuple = make_tuple(1, 2);
	struct fixture fixture;

	start(&fixture, 1);
	assert_int_equal(find(&fixture, &tuple), FT_CONN_NONE);
	stop(&fixture);
}

static void every_part_of_the_tuple_counts(void **state)
{
	struct ft_tuple tuple = make_tuple(0x0a090001, 40000);
	struct fixture fixture;
	uint32_t index;

	start(&fixture, 1);
	index = add(&fixture, &tuple);
	assert_int_equal(find(&fixture, &tuple), index);
	for (size_t byte = 0; byte < sizeof(tuple); byte++) {
		struct ft_tuple other = tuple;

		((uint8_t *)&other)[byte] ^= 1;
		assert_int_equal(find(&fixture, &other), FT_CONN_NONE);
		// Nor when all of the hash agrees by chance.
		assert_int_equal(
			ft_conn_table_find(&fixture.table, &other, hash_of(&fixture, &tuple)),
			FT_CONN_NONE);
	}
	stop(&fixture);
}

static void equal_hashes_are_told_apart_by_their_tuples(void **state)
{
	struct fixture fixture;
	uint32_t indices[100];

	start(&fixture, 1);
	for (uint16_t i = 0; i < 100; i++) {
		struct object *object = ft_pool_take(&fixture.pool);

		object->tuple = make_tuple(1, i);
		indices[i] = ft_pool_index(&fixture.pool, object);
		assert_int_equal(ft_conn_table_insert(&fixture.table, 12345, indices[i]), 0);
	}
	for (uint16_t i = 0; i < 100; i++) {
		struct ft_tuple tuple = make_tuple(1, i);

		assert_int_equal(ft_conn_table_find(&fixture.table, &tuple, 12345), indices[i]);
		ft_conn_table_remove(&fixture.table, 12345, indices[i]);
		assert_int_equal(ft_conn_table_find(&fixture.table, &tuple, 12345), FT_CONN_NONE);
	}
	for (uint64_t b = 0; b <= fixture.table.current.mask; b++)
		assert_int_equal(fixture.table.current.buckets[b].overflow, 0);
	stop(&fixture);
}

// Five candidates in one bucket, one after the other: the trace tells how many were compared.
static void explanation_counts_the_candidates(void **state)
{
	struct ft_conn_explanation found;
	struct fixture fixture;
	uint32_t compared = 0;
	struct ft_tuple tuple;

	start(&fixture, 1);
	for (uint16_t i = 0; i < 5; i++) {
		struct object *object = ft_pool_take(&fixture.pool);

		object->tuple = make_tuple(1, i);
		assert_int_equal(ft_conn_table_insert(&fixture.table, 12345,
					 ft_pool_index(&fixture.pool, object)),
			0);
	}
	for (uint16_t i = 0; i < 5; i++) {
		tuple = make_tuple(1, i);
		ft_conn_table_explain(&fixture.table, &tuple, 12345, &found);
		assert_int_equal(found.index, ft_conn_table_find(&fixture.table, &tuple, 12345));
		compared += found.compared;
	}
	assert_int_equal(compared, 1 + 2 + 3 + 4 + 5);
	tuple = make_tuple(1, 5);
	ft_conn_table_explain(&fixture.table, &tuple, 12345, &found);
	assert_int_equal(found.index, FT_CONN_NONE);
	assert_int_equal(found.compared, 5);
	stop(&fixture);
}

static void *find_again(const struct fixture *fixture, uint64_t changes, void *found, uint32_t i)
{
	struct ft_tuple tuple = make_tuple(i, 80);

	return ft_conn_table_find_again(
		&fixture->table, changes, found, &tuple, hash_of(fixture, &tuple));
}

// A burst of lookups is made, and what is in the table changes before the last of them is used. (What is counted of
// the changes goes round meanwhile.)
static void what_a_burst_did_not_find_is_found_once_inserted(void **state)
{
	struct fixture fixture;
	uint32_t indices[32];

	start(&fixture, 1);
	for (uint32_t i = 0; i < OBJECTS - 32; i++) {
		struct ft_tuple tuple = make_tuple(i, 81);

		add(&fixture, &tuple);
	}
	fixture.table.changes = UINT32_MAX - OBJECTS;
	for (uint32_t first = 0; first < OBJECTS; first += 32) {
		const uint64_t changes = fixture.table.changes;

		for (uint32_t i = 0; i < 32; i++) {
			struct ft_tuple tuple = make_tuple(first + i, 80);

			assert_null(find_again(&fixture, changes, NULL, first + i));
			indices[i] = add(&fixture, &tuple);
			assert_ptr_equal(find_again(&fixture, changes, NULL, first + i),
				ft_pool_at(&fixture.pool, indices[i]));
		}
		for (uint32_t i = 0; i < 32; i++) {
			void *found = ft_pool_at(&fixture.pool, indices[i]);

			assert_ptr_equal(find_again(&fixture, changes, NULL, first + i), found);
			take_away(&fixture, indices[i]);
			assert_null(find_again(&fixture, changes, found, first + i));
			assert_null(find_again(&fixture, changes, NULL, first + i));
		}
	}
	stop(&fixture);
}

static void growing_and_shrinking_table_keeps_every_entry(void **state)
{
	struct fixture fixture;
	uint32_t indices[OBJECTS];
	uint64_t most_buckets;

	start(&fixture, 3);
	for (uint32_t i = 0; i < OBJECTS; i++) {
		struct ft_tuple tuple = make_tuple(i, 80);
		struct ft_tuple earlier = make_tuple(ft_random_below(&fixture.random, i + 1), 80);

		indices[i] = add(&fixture, &tuple);
		assert_int_equal(find(&fixture, &earlier),
			indices[rte_be_to_cpu_32(ft_addr_ip4(&earlier.remote))]);
		if (i % 512 == 0)
			check_table(&fixture);
	}
	most_buckets = fixture.table.current.mask + 1;
	assert_true(most_buckets * 8 >= OBJECTS && most_buckets * 4 <= OBJECTS);
	for (uint32_t i = 0; i < OBJECTS; i++) {
		struct ft_tuple tuple = make_tuple(i, 80);
		struct ft_tuple last = make_tuple(OBJECTS - 1, 80);

		assert_int_equal(find(&fixture, &last), indices[OBJECTS - 1]);
		assert_int_equal(find(&fixture, &tuple), indices[i]);
		take_away(&fixture, indices[i]);
		assert_int_equal(find(&fixture, &tuple), FT_CONN_NONE);
		if (i % 512 == 0)
			check_table(&fixture);
	}
	check_table(&fixture);
	assert_true(fixture.table.current.mask + 1 <= most_buckets / 8);
	stop(&fixture);
}

static int try_to_add(struct fixture *fixture, uint32_t i)
{
	struct object *object = ft_pool_take(&fixture->pool);
	uint32_t index = ft_pool_index(&fixture->pool, object);
	int error;

	object->tuple = make_tuple(i, 80);
	error = ft_conn_table_insert(&fixture->table, hash_of(fixture, &object->tuple), index);
	if (error != 0)
		ft_pool_give(&fixture->pool, object);
	return error;
}

// Eleven entries for each of the 64 buckets it begins with, and all are found; then it grows.
static void never_able_to_grow_full_table_refuses(void **state)
{
	struct fixture fixture;
	uint32_t count = 0;

	start(&fixture, 6);
	fixture.table.pages.taking = UINT64_MAX; // DPDK's control thread is at work
	while (count < OBJECTS && try_to_add(&fixture, count) == 0)
		count++;
	fixture.table.pages.taking = 0;
	assert_int_equal(count, 64 * 11);
	assert_int_equal(fixture.table.entries, count);
	for (uint32_t i = 0; i < count; i++) {
		struct ft_tuple tuple = make_tuple(i, 80);

		assert_int_equal(find(&fixture, &tuple), i);
	}
	assert_int_equal(try_to_add(&fixture, count), 0);
	assert_int_equal(fixture.table.current.mask + 1, 128);
	check_table(&fixture);
	stop(&fixture);
}

// When it can grow so late that the blocks not yet reached fill up before they are emptied, it
// refuses some, until they are; it loses none.
static void late_to_grow_full_block_refuses_until_emptied(void **state)
{
	struct fixture fixture;
	uint32_t count = 0, refused = 0;

	start_with_many(&fixture, 13, MODELLED);
	while (buckets_of(&fixture.table.current) < 2048 || buckets_of(&fixture.table.old) > 0)
		assert_int_equal(try_to_add(&fixture, count++), 0);
	fixture.table.pages.taking = UINT64_MAX;
	while (count < MODELLED && try_to_add(&fixture, count) == 0)
		count++;
	fixture.table.pages.taking = 0;
	assert_int_equal(count, 2048 * 11);
	do {
		if (try_to_add(&fixture, count) == 0)
			count++;
		else
			refused++;
		if (refused % 256 == 0)
			check_table(&fixture);
	} while (buckets_of(&fixture.table.old) > 0);
	assert_in_range(refused, 1, 2048);
	for (uint32_t i = 0; i < count; i++) {
		struct ft_tuple tuple = make_tuple(i, 80);

		assert_int_equal(find(&fixture, &tuple), i);
	}
	check_table(&fixture);
	stop(&fixture);
}

// Nor is it told to when it can't.
static void never_able_to_shrink_table_keeps_its_size(void **state)
{
	struct fixture fixture;
	uint32_t count = 0;

	start(&fixture, 14);
	while (buckets_of(&fixture.table.current) < 1024 || buckets_of(&fixture.table.old) > 0)
		assert_int_equal(try_to_add(&fixture, count++), 0);
	fixture.table.pages.taking = UINT64_MAX;
	while (count > 1)
		take_away(&fixture, --count);
	assert_int_equal(fixture.table.current.mask + 1, 1024);
	fixture.table.pages.taking = 0;
	take_away(&fixture, 0);
	assert_int_equal(fixture.table.current.mask + 1, 512);
	check_table(&fixture);
	stop(&fixture);
}

// Also while it resizes.
static void freed_table_leaves_nothing_mapped(void **state)
{
	struct fixture fixture;
	long before = ft_test_mapped_pages();

	for (uint64_t buckets = 64; buckets <= 16384; buckets *= 2) {
		uint32_t i = 0;

		start_with_many(&fixture, 7, MANY);
		while (buckets_of(&fixture.table.old) < buckets ||
			fixture.table.moved < buckets / 2 + 1)
			assert_int_equal(try_to_add(&fixture, i++), 0);
		assert_true(ft_test_mapped_pages() > before);
		stop(&fixture);
		assert_int_equal(ft_test_mapped_pages(), before);
	}
}

// A resize asks the kernel for nothing.
static void growing_and_shrinking_table_maps_nothing(void **state)
{
	struct fixture fixture;
	uint32_t count = 0;
	long mapped;

	start_with_many(&fixture, 15, MANY);
	mapped = ft_test_mapped_pages();
	while (count < MANY)
		assert_int_equal(try_to_add(&fixture, count++), 0);
	assert_int_equal(ft_test_mapped_pages(), mapped);
	assert_int_equal(fixture.table.current.mask + 1, 65536);
	while (count > 0)
		take_away(&fixture, --count);
	assert_int_equal(fixture.table.current.mask + 1, 64);
	assert_int_equal(ft_test_mapped_pages(), mapped);
	stop(&fixture);
}

static void burst_finds_what_single_lookups_find(void **state)
{
	struct fixture fixture;

	start(&fixture, 4);
	for (uint32_t i = 0; i < OBJECTS; i++) {
		struct ft_tuple added = make_tuple(i, 80);
		struct ft_tuple tuples[FT_CONN_BURST];
		const struct ft_tuple *pointers[FT_CONN_BURST];
		uint64_t hashes[FT_CONN_BURST];
		uint32_t indices[FT_CONN_BURST];
		uint32_t count = ft_random_below(&fixture.random, FT_CONN_BURST + 1);

		add(&fixture, &added);
		if (i % 7 != 0)
			continue;
		for (uint32_t j = 0; j < count; j++) {
			tuples[j] = make_tuple(ft_random_below(&fixture.random, 2 * i + 1), 80);
			pointers[j] = &tuples[j];
		}
		ft_conn_table_find_burst(&fixture.table, pointers, hashes, indices, count);
		for (uint32_t j = 0; j < count; j++) {
			assert_int_equal(hashes[j], hash_of(&fixture, &tuples[j]));
			assert_int_equal(indices[j], find(&fixture, &tuples[j]));
		}
	}
	stop(&fixture);
}

static uint64_t entries_in_old(const struct ft_conn_table *table)
{
	const struct ft_conn_half *old = &table->old;
	uint64_t entries = 0;

	for (uint64_t b = first_bucket(table, old); b < buckets_of(old); b++)
		entries += FT_CONN_BUCKET_SLOTS - __builtin_popcount(ft_conn_bucket_match_portable(
							  &old->buckets[b], FT_CONN_BUCKET_EMPTY));
	return entries;
}

// No step may take long because many entries are there: what one insertion moves is counted, and
// so is what one removal moves. Also, resizing ends before it has to begin again.
static void check_step(const struct fixture *fixture, uint64_t old_before, uint64_t moved_before)
{
	if (fixture->table.old.buckets == NULL)
		return;
	// The change itself may add one there, or take one away.
	assert_true(entries_in_old(&fixture->table) + 5 >= old_before);
	assert_true(fixture->table.moved <= moved_before + 4);
}

static void one_change_moves_few_entries(void **state)
{
	struct fixture fixture;
	uint32_t indices[OBJECTS / 4];

	start(&fixture, 5);
	for (uint32_t i = 0; i < 2 * (OBJECTS / 4); i++) {
		bool is_removal = i >= OBJECTS / 4;
		struct ft_tuple tuple = make_tuple(i, 80);
		bool was_resizing = fixture.table.old.buckets != NULL;
		uint64_t old_before = entries_in_old(&fixture.table);
		uint64_t moved_before = fixture.table.moved;

		if (is_removal)
			take_away(&fixture, indices[i - OBJECTS / 4]);
		else
			indices[i] = add(&fixture, &tuple);
		if (was_resizing)
			check_step(&fixture, old_before, moved_before);
	}
	assert_int_equal(fixture.table.entries, 0);
	stop(&fixture);
}

static size_t resident_of(const struct ft_conn_half *half)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), found = 0;
	uint64_t count = buckets_of(half) * sizeof(struct ft_conn_bucket) / page;
	unsigned char in_core[1024];

	assert_in_range(count, 1, sizeof(in_core));
	assert_int_equal(mincore(half->buckets, count * page, in_core), 0);
	for (uint64_t i = 0; i < count; i++)
		found += in_core[i] & 1;
	return found * page;
}

// Nor may giving back what has been emptied, where the table does that itself: the kernel takes its time for a large piece. But it is
// given back soon.
static void one_change_gives_back_little_memory(void **state)
{
	struct fixture fixture;
	uint32_t steps = 0;

	start_with_many(&fixture, 8, MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		struct ft_tuple tuple = make_tuple(i, 80);
		uint64_t moved = buckets_of(&fixture.table.old) > 0 ? fixture.table.moved : 0;
		const struct ft_conn_half old = fixture.table.old;
		size_t before = moved % 4096 >= 4092 ? resident_of(&old) : 0;

		add(&fixture, &tuple);
		if (buckets_of(&fixture.table.old) == 0 ||
			fixture.table.moved / 4096 == moved / 4096)
			continue;
		assert_int_equal(before - resident_of(&old), 256 * 1024);
		steps++;
	}
	assert_int_equal(steps, 1 + 3 + 3); // of 8192, 16384, and 32768 buckets, not all of these
	stop(&fixture);
}

// Not even while there are two generations: the new one takes memory as it is filled.
static void growing_table_occupies_few_bytes_for_each_entry(void **state)
{
	struct fixture fixture;
	uint64_t most = 0;

	start(&fixture, 6);
	for (uint32_t i = 0; i < OBJECTS; i++) {
		struct ft_tuple tuple = make_tuple(i, 80);

		add(&fixture, &tuple);
		if (i > 8 * 64) // it has begun to grow
			most = RTE_MAX(most, ft_conn_table_bytes(&fixture.table) / (i + 1));
	}
	assert_true(most >= 64 / 9 && most <= 18);
	stop(&fixture);
}

static bool is_resident(const void *at)
{
	void *page = RTE_PTR_ALIGN_FLOOR((void *)(uintptr_t)at, (size_t)sysconf(_SC_PAGESIZE));
	unsigned char in_core;

	assert_int_equal(mincore(page, 1, &in_core), 0);
	return in_core & 1;
}

// Where moving the next old buckets may write: the places of their entries, and of those that had
// overflowed into them from the buckets before. Of a large generation the middle of each half, and its
// end, is far ahead when growing begins.
static void check_pages_are_given(const struct ft_conn_table *table)
{
	const struct ft_conn_half *half = &table->current;
	uint64_t old = half->mask / 2 + 1;

	for (uint64_t home = RTE_MAX(table->moved, 4 * 511u) - 4 * 511;
		home < RTE_MIN(table->moved + 32 * 511, old); home += 511) {
		assert_true(is_resident(&half->buckets[home]));
		assert_true(is_resident(&half->buckets[home + old]));
	}
	if (table->moved == 0 && old * sizeof(*half->buckets) >= (16 << 20)) {
		for (uint64_t home = old / 2; home < old; home += old / 2 - 1) {
			assert_false(is_resident(&half->buckets[home]));
			assert_false(is_resident(&half->buckets[home + old]));
		}
	}
}

// ---- lookups while it resizes ----

struct lookups {
	uint32_t hits, misses;
	uint32_t asked_for_hits, asked_for_misses; // buckets
};

static void count_lookup(struct lookups *lookups, const struct fixture *fixture,
	const struct ft_tuple *tuple, bool is_hit)
{
	uint64_t hash = hash_of(fixture, tuple);
	struct ft_conn_explanation found;

	ft_conn_table_explain(&fixture->table, tuple, hash, &found);
	assert_int_equal(found.index, ft_conn_table_find(&fixture->table, tuple, hash));
	assert_int_equal(found.index != FT_CONN_NONE, is_hit);
	*(is_hit ? &lookups->hits : &lookups->misses) += 1;
	*(is_hit ? &lookups->asked_for_hits : &lookups->asked_for_misses) += found.asked;
}

// All that are in the table, and as many that are not.
static struct lookups look_up_all(const struct fixture *fixture)
{
	struct lookups lookups = { 0 };

	for (uint32_t i = 0; i < fixture->table.entries; i++) {
		struct ft_tuple tuple = make_tuple(i, 80), other = make_tuple(i, 81);

		count_lookup(&lookups, fixture, &tuple, true);
		count_lookup(&lookups, fixture, &other, false);
	}
	return lookups;
}

// A bucket, and those it has overflowed to, as when nothing is moved; except where the home is in the
// block that is being emptied, here one of 16.
static void lookup_while_growing_asks_one_generation(void **state)
{
	struct fixture fixture;
	struct lookups lookups;
	uint32_t i = 0;

	start_with_many(&fixture, 11, MANY);
	while (fixture.table.old.mask + 1 != 16384 || fixture.table.moved < 8192) {
		struct ft_tuple tuple = make_tuple(i++, 80);

		add(&fixture, &tuple);
	}
	check_table(&fixture);
	lookups = look_up_all(&fixture);
	assert_in_range(lookups.asked_for_hits, lookups.hits, lookups.hits + lookups.hits / 10);
	assert_in_range(
		lookups.asked_for_misses, lookups.misses, lookups.misses + lookups.misses / 5);
	stop(&fixture);
}

// A kernel may make a page resident that is only read. Nor does an insertion, or a removal.
static void growing_table_touches_no_page_ahead(void **state)
{
	uint64_t page_buckets = (uint64_t)sysconf(_SC_PAGESIZE) / sizeof(struct ft_conn_bucket);
	const struct ft_conn_half *half;
	struct fixture fixture;
	uint32_t i = 0;

	start_with_many(&fixture, 12, MANY);
	half = &fixture.table.current;
	while (fixture.table.old.mask + 1 != 8192 || fixture.table.moved < 2048) {
		struct ft_tuple tuple = make_tuple(i++, 80);

		add(&fixture, &tuple);
	}
	look_up_all(&fixture);
	for (uint32_t removed = 0; removed < 300; removed++)
		take_away(&fixture, removed);
	for (uint64_t b = (fixture.table.moved | 1023) + 1; b < 8192; b += page_buckets) {
		assert_false(is_resident(&half->buckets[b]));
		assert_false(is_resident(&half->buckets[b + 8192]));
	}
	assert_true(is_resident(&half->buckets[2047]));
	assert_true(is_resident(&half->buckets[2047 + 8192]));
	stop(&fixture);
}

// ---- pages ----

// Neither an insertion nor a removal waits for the kernel, as long as the control thread is in time: here it
// looks every 1,024.
static void growing_table_has_its_pages_given_before(void **state)
{
	uint32_t while_growing = 0;
	struct fixture fixture;

	assert_int_equal(ft_pages_service_start(), 0);
	start_with_many(&fixture, 9, MOST);
	for (uint32_t i = 0; i < MOST; i++) {
		struct ft_tuple tuple = make_tuple(i, 80);
		bool was_growing = fixture.table.old.buckets != NULL;

		add(&fixture, &tuple);
		if (i % 1024 == 0)
			ft_pages_tend_all();
		else if (was_growing)
			continue;
		if (fixture.table.old.buckets != NULL) {
			check_pages_are_given(&fixture.table);
			while_growing++;
		}
	}
	assert_true(while_growing > 100);
	check_table(&fixture);
	stop(&fixture);
	ft_pages_service_stop();
}

// What was expected for growing is not what a table that shrinks instead goes on with.
static void table_about_to_grow_can_shrink(void **state)
{
	uint32_t indices[1000], count = 0; // of 128 buckets, which are to be 256 soon
	struct fixture fixture;
	long before = ft_test_mapped_pages();

	start(&fixture, 10);
	while (count < RTE_DIM(indices)) {
		struct ft_tuple tuple = make_tuple(count, 80);

		indices[count++] = add(&fixture, &tuple);
	}
	assert_int_equal(fixture.table.pages.filling, 256);
	while (count > 1) {
		take_away(&fixture, indices[--count]);
		assert_true(fixture.table.current.mask + 1 <= 128);
	}
	assert_int_equal(fixture.table.current.mask + 1, 64);
	check_table(&fixture);
	for (; count < RTE_DIM(indices); count++) {
		struct ft_tuple tuple = make_tuple(count, 80);

		indices[count] = add(&fixture, &tuple);
	}
	check_table(&fixture);
	stop(&fixture);
	assert_int_equal(ft_test_mapped_pages(), before);
}

// ---- against a model: all that is in the table, by number ----

struct model {
	struct fixture fixture;
	uint32_t index[MODELLED]; // of tuple i in the table, or FT_CONN_NONE
	// Lookups, by what the table was doing, where the home was, and whether the tuple was there.
	uint32_t lookups[3][3][2];
};

enum { STEADY, GROWING, SHRINKING };
enum { IN_CURRENT, IN_EITHER, IN_OLD };

// A few addresses and many ports, as peers are.
static struct ft_tuple model_tuple(uint32_t i)
{
	return make_tuple(0x0a000000 + i % 13, (uint16_t)(1024 + i / 13));
}

static void model_count(struct model *model, uint64_t hash, bool is_there)
{
	const struct ft_conn_table *table = &model->fixture.table;
	uint64_t block = (hash & table->old.mask) / 1024, moved = table->moved / 1024;
	unsigned doing = table->old.buckets == NULL		 ? STEADY
			 : table->old.mask < table->current.mask ? GROWING
								 : SHRINKING;
	unsigned where = doing == STEADY || block < moved ? IN_CURRENT
			 : block == moved		  ? IN_EITHER
							  : IN_OLD;

	model->lookups[doing][where][is_there]++;
}

// By itself, and in the three stages of a burst.
static void model_check(struct model *model, uint32_t i)
{
	const struct ft_conn_table *table = &model->fixture.table;
	struct ft_tuple tuple = model_tuple(i);
	uint64_t hash = hash_of(&model->fixture, &tuple);
	uint32_t candidate = ft_conn_table_candidate(table, hash);

	assert_int_equal(ft_conn_table_find(table, &tuple, hash), model->index[i]);
	assert_int_equal(ft_conn_table_prove(table, candidate, &tuple, hash), model->index[i]);
	model_count(model, hash, model->index[i] != FT_CONN_NONE);
}

static void model_check_one(struct model *model)
{
	model_check(model, ft_random_below(&model->fixture.random, MODELLED));
}

static void model_change(struct model *model, uint32_t i)
{
	struct ft_tuple tuple = model_tuple(i);

	if (model->index[i] == FT_CONN_NONE) {
		model->index[i] = add(&model->fixture, &tuple);
	} else {
		take_away(&model->fixture, model->index[i]);
		model->index[i] = FT_CONN_NONE;
	}
	model_check(model, i);
	model_check_one(model);
}

// All numbers below `most` come in, all others go.
static void model_resize(struct model *model, uint32_t most)
{
	for (uint32_t i = 0; i < MODELLED; i++)
		if ((model->index[i] != FT_CONN_NONE) != (i < most))
			model_change(model, i);
}

// Each kind of lookup was made often.
static void model_check_counts(const struct model *model)
{
	for (unsigned is_there = 0; is_there < 2; is_there++) {
		for (unsigned doing = GROWING; doing <= SHRINKING; doing++)
			for (unsigned where = IN_CURRENT; where <= IN_OLD; where++)
				assert_true(model->lookups[doing][where][is_there] > 1000);
		assert_true(model->lookups[STEADY][IN_CURRENT][is_there] > 1000);
	}
}

// The share of the numbers that is in play changes, so that the table grows and shrinks.
static void run_model(struct model *model, uint64_t seed, uint32_t operations)
{
	uint32_t most = MODELLED;

	start_with_many(&model->fixture, seed, MODELLED);
	for (uint32_t i = 0; i < MODELLED; i++)
		model->index[i] = FT_CONN_NONE;
	for (uint32_t operation = 0; operation < operations; operation++) {
		if (operation % 15000 == 0) {
			check_table(&model->fixture);
			most = 1 + ft_random_below(&model->fixture.random, MODELLED);
			model_resize(model, most);
			check_table(&model->fixture);
		}
		model_change(model, ft_random_below(&model->fixture.random, most));
	}
	check_table(&model->fixture);
	stop(&model->fixture);
}

static void random_operations_agree_with_model(void **state)
{
	struct model *model = calloc(1, sizeof(*model));

	assert_non_null(model);
	for (uint64_t seed = 0; seed < 8; seed++)
		run_model(model, seed, 150000);
	model_check_counts(model);
	free(model);
}

// ---- the control thread at work, without a pause ----

struct tender {
	pthread_t thread;
	bool is_over;
};

static void *tend_all_the_time(void *argument)
{
	struct tender *tender = argument;

	while (!__atomic_load_n(&tender->is_over, __ATOMIC_RELAXED))
		ft_pages_tend_all();
	return NULL;
}

static void start_tending(struct tender *tender)
{
	*tender = (struct tender){ 0 };
	assert_int_equal(ft_pages_service_start(), 0);
	assert_int_equal(pthread_create(&tender->thread, NULL, tend_all_the_time, tender), 0);
}

static void stop_tending(struct tender *tender)
{
	__atomic_store_n(&tender->is_over, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(tender->thread, NULL), 0);
	ft_pages_service_stop();
}

static void tended_table_agrees_with_model(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	struct tender tender;

	assert_non_null(model);
	start_tending(&tender);
	for (uint64_t seed = 20; seed < 24; seed++)
		run_model(model, seed, 60000);
	stop_tending(&tender);
	free(model);
}

// Back and forth between 16,384 and 65,536 buckets, where huge pages are.
static void tended_table_that_turns_round_loses_nothing(void **state)
{
	static const uint32_t turns[] = { MANY, 70000, 200000, 90000, 150000, 100, MANY, 0 };
	struct fixture fixture;
	struct tender tender;
	uint32_t count = 0;

	start_tending(&tender);
	start_with_many(&fixture, 16, MANY);
	for (size_t turn = 0; turn < RTE_DIM(turns); turn++) {
		for (; count < turns[turn]; count++) {
			struct ft_tuple tuple = make_tuple(count, 80);

			add(&fixture, &tuple);
		}
		while (count > turns[turn])
			take_away(&fixture, --count);
		for (uint32_t i = 0; i < count; i++) {
			struct ft_tuple tuple = make_tuple(i, 80);

			assert_int_equal(find(&fixture, &tuple), i);
		}
		check_table(&fixture);
	}
	stop(&fixture);
	stop_tending(&tender);
}

// ---- the hash ----

// How full buckets become for tuples that differ as a peer can make them differ, against what
// chance gives: the sum of squares of 8,192 entries over 1,024 buckets is 8 * 8 + 8 for each, plus
// or minus a few in a hundred.
static void check_spread(const struct fixture *fixture, struct ft_tuple (*tuple_number)(uint32_t))
{
	uint32_t counts[1024] = { 0 };
	uint64_t squares = 0;

	for (uint32_t i = 0; i < 8192; i++) {
		struct ft_tuple tuple = tuple_number(i);

		counts[hash_of(fixture, &tuple) % 1024]++;
	}
	for (unsigned b = 0; b < 1024; b++)
		squares += counts[b] * counts[b];
	assert_in_range(squares, 72 * 1024 * 90 / 100, 72 * 1024 * 110 / 100);
}

static struct ft_tuple ports_in_order(uint32_t i)
{
	return make_tuple(0x0a090001, (uint16_t)i);
}

static struct ft_tuple addresses_in_order(uint32_t i)
{
	return make_tuple(0x0a090000 + i, 40000);
}

static struct ft_tuple addresses_far_apart(uint32_t i)
{
	return make_tuple(i << 19, 40000);
}

static struct ft_tuple ports_follow_addresses(uint32_t i)
{
	return make_tuple(0x0a090000 + i, (uint16_t)(65535 - i));
}

static void hash_spreads_tuples_that_are_alike(void **state)
{
	struct fixture fixture;

	for (uint64_t seed = 0; seed < 20; seed++) {
		start(&fixture, seed);
		check_spread(&fixture, ports_in_order);
		check_spread(&fixture, addresses_in_order);
		check_spread(&fixture, addresses_far_apart);
		check_spread(&fixture, ports_follow_addresses);
		stop(&fixture);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(simd_and_portable_match_agree),
		cmocka_unit_test(tags_are_never_the_empty_one),
		cmocka_unit_test(empty_table_finds_nothing),
		cmocka_unit_test(every_part_of_the_tuple_counts),
		cmocka_unit_test(equal_hashes_are_told_apart_by_their_tuples),
		cmocka_unit_test(explanation_counts_the_candidates),
		cmocka_unit_test(what_a_burst_did_not_find_is_found_once_inserted),
		cmocka_unit_test(growing_and_shrinking_table_keeps_every_entry),
		cmocka_unit_test(never_able_to_grow_full_table_refuses),
		cmocka_unit_test(late_to_grow_full_block_refuses_until_emptied),
		cmocka_unit_test(never_able_to_shrink_table_keeps_its_size),
		cmocka_unit_test(freed_table_leaves_nothing_mapped),
		cmocka_unit_test(growing_and_shrinking_table_maps_nothing),
		cmocka_unit_test(burst_finds_what_single_lookups_find),
		cmocka_unit_test(one_change_moves_few_entries),
		cmocka_unit_test(one_change_gives_back_little_memory),
		cmocka_unit_test(growing_table_occupies_few_bytes_for_each_entry),
		cmocka_unit_test(lookup_while_growing_asks_one_generation),
		cmocka_unit_test(growing_table_touches_no_page_ahead),
		cmocka_unit_test(growing_table_has_its_pages_given_before),
		cmocka_unit_test(table_about_to_grow_can_shrink),
		cmocka_unit_test(random_operations_agree_with_model),
		cmocka_unit_test(tended_table_agrees_with_model),
		cmocka_unit_test(tended_table_that_turns_round_loses_nothing),
		cmocka_unit_test(hash_spreads_tuples_that_are_alike),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
