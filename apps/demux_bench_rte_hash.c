// A rival: DPDK's own hash table, in the form that suits it best. A key of 16 bytes (IPv4 alone)
// is compared with one SSE instruction, and its CRC is not keyed in any way that would keep chosen
// tuples apart. Its memory is a heap of our own, for the sake of huge pages like the subject's.
#include <stdlib.h>
#include <string.h>

#include <rte_atomic.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_malloc.h>
#include <rte_prefetch.h>

#include "base/pages.h"
#include "demux/conn_table.h"
#include "demux_bench.h"

#define HEAP "ft-demux-bench"

// For each entry at most: key, bucket, free slot; and for powers of two.
#define BYTES_PER_ENTRY 256
#define LEAST_BYTES	(UINT64_C(16) << 20)
#define HEAP_PAGE	(UINT64_C(2) << 20)

struct key {
	uint32_t local;
	uint32_t remote;
	uint16_t local_port;
	uint16_t remote_port;
	uint32_t protocol;
};

struct bench_rte_hash {
	struct rte_hash *hash;
	const struct ft_pool *pool;
	void *memory;
	uint64_t memory_bytes;
	double used_bytes;
	struct key keys[BENCH_BATCH];
	uint64_t touched;
	bool may_overlap;
};

static struct key key_of(const struct ft_tuple *tuple)
{
	return (struct key){
		.local = ft_addr_ip4(&tuple->local),
		.remote = ft_addr_ip4(&tuple->remote),
		.local_port = tuple->local_port,
		.remote_port = tuple->remote_port,
		.protocol = tuple->protocol,
	};
}

// The heap wants memory aligned to its pages.
static void make_heap(struct bench_rte_hash *table, uint64_t entries)
{
	uint64_t bytes = (entries * BYTES_PER_ENTRY + LEAST_BYTES) & ~(HEAP_PAGE - 1);
	char *aligned;

	table->memory_bytes = bytes + HEAP_PAGE;
	table->memory = ft_pages_map(table->memory_bytes);
	if (table->memory == NULL || rte_malloc_heap_create(HEAP) != 0)
		bench_fail("no memory for rte_hash");
	aligned = (char *)(((uintptr_t)table->memory + HEAP_PAGE - 1) & ~(HEAP_PAGE - 1));
	if (rte_malloc_heap_memory_add(
		    HEAP, aligned, bytes, NULL, (unsigned)(bytes / HEAP_PAGE), HEAP_PAGE) != 0)
		bench_fail("DPDK refused a heap for rte_hash: %s", rte_strerror(rte_errno));
}

static void insert_all(struct bench_rte_hash *table)
{
	for (uint32_t index = 0; index < table->pool->in_use; index++) {
		void *object = ft_pool_at(table->pool, index);
		struct key key = key_of(object);

		bench_stop_if_asked();
		if (rte_hash_add_key_data(table->hash, &key, object) != 0)
			bench_fail(
				"rte_hash refused connection %u of %u", index, table->pool->in_use);
	}
}

static double heap_used(int socket)
{
	struct rte_malloc_socket_stats stats;

	return rte_malloc_get_socket_stats(socket, &stats) == 0 ? (double)stats.heap_allocsz_bytes
								: 0;
}

struct bench_rte_hash *bench_rte_hash_make(
	const struct ft_pool *pool, const struct bench_options *options)
{
	struct bench_rte_hash *table = calloc(1, sizeof(*table));
	struct rte_hash_parameters parameters = {
		.name = HEAP,
		// Its buckets hold 8; it refuses fewer entries than that.
		.entries = pool->in_use < 64 ? 64 : pool->in_use,
		.key_len = sizeof(struct key),
		// Cuckoo hashing does not fill to the last entry; chains do for the rest.
		.extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};

	if (table == NULL)
		bench_fail("no memory for rte_hash");
	table->pool = pool;
	table->may_overlap = options->may_overlap;
	make_heap(table, parameters.entries);
	parameters.socket_id = rte_malloc_heap_get_socket(HEAP);
	table->hash = rte_hash_create(&parameters);
	if (table->hash == NULL)
		bench_fail(
			"rte_hash for %u connections: %s", pool->in_use, rte_strerror(rte_errno));
	insert_all(table);
	table->used_bytes = heap_used(parameters.socket_id);
	return table;
}

void bench_rte_hash_free(struct bench_rte_hash *table)
{
	uintptr_t aligned = ((uintptr_t)table->memory + HEAP_PAGE - 1) & ~(HEAP_PAGE - 1);

	rte_hash_free(table->hash);
	rte_malloc_heap_memory_remove(HEAP, (void *)aligned, table->memory_bytes - HEAP_PAGE);
	rte_malloc_heap_destroy(HEAP);
	ft_pages_unmap(table->memory, table->memory_bytes);
	free(table);
}

double bench_rte_hash_bytes(const struct bench_rte_hash *table)
{
	return table->used_bytes / table->pool->in_use;
}

static void prepare(void *state, struct bench_batch *batch)
{
	struct bench_rte_hash *table = state;

	for (unsigned i = 0; i < BENCH_BATCH; i++)
		table->keys[i] = key_of(&batch->tuples[i]);
}

static void look_up_burst(
	struct bench_rte_hash *table, struct bench_batch *batch, uint32_t from, uint32_t count)
{
	const void *keys[RTE_HASH_LOOKUP_BULK_MAX];
	void *objects[RTE_HASH_LOOKUP_BULK_MAX];
	uint64_t hits = 0;

	for (uint32_t i = 0; i < count; i++)
		keys[i] = &table->keys[from + i];
	rte_hash_lookup_bulk_data(table->hash, keys, count, &hits, objects);
	for (uint32_t i = 0; i < count; i++)
		if (hits & UINT64_C(1) << i)
			rte_prefetch0(objects[i]);
	for (uint32_t i = 0; i < count; i++) {
		bool is_hit = hits & UINT64_C(1) << i;

		if (is_hit) // the line that the protocol is about to read
			table->touched += *(volatile uint64_t *)objects[i];
		batch->found[from + i] =
			is_hit ? ft_pool_index(table->pool, objects[i]) : FT_CONN_NONE;
	}
}

static void look_up(
	void *state, struct bench_batch *batch, uint32_t from, uint32_t count, uint32_t burst)
{
	struct bench_rte_hash *table = state;

	for (uint32_t end = from + count; from < end; from += burst) {
		look_up_burst(table, batch, from, burst < end - from ? burst : end - from);
		if (!table->may_overlap)
			rte_rmb();
	}
}

struct bench_subject bench_rte_hash_subject(struct bench_rte_hash *table)
{
	return (struct bench_subject){
		.name = "rte_hash",
		.includes =
			"rte_hash_lookup_bulk_data() with a key of 16 bytes, CRC hash, a word of "
			"the connection's first line read after a prefetch, a fence after each "
			"burst unless --overlap",
		.state = table,
		.prepare = prepare,
		.look_up = look_up,
	};
}
