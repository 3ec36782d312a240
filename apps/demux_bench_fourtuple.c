// The subject: the connection table, called as look_up_kind() in stack/poll.c calls it.
#include <stdlib.h>

#include <rte_atomic.h>

#include "base/hash.h"
#include "demux/conn_table.h"
#include "demux_bench.h"

struct bench_fourtuple {
	struct ft_conn_table table;
	struct ft_hash_key key;
	bool may_overlap;
};

static void insert_all(struct bench_fourtuple *table, const struct ft_pool *pool)
{
	for (uint32_t index = 0; index < pool->in_use; index++) {
		const struct ft_tuple *tuple = ft_pool_at(pool, index);

		bench_stop_if_asked();
		if (ft_conn_table_insert(&table->table, ft_tuple_hash(&table->key, tuple), index) !=
			0)
			bench_fail("the connection table found no memory to grow");
	}
	// What is left of growing is done by the changes that follow: here there are none.
	while (table->table.old.buckets != NULL) {
		uint64_t hash = ft_tuple_hash(&table->key, ft_pool_at(pool, 0));

		ft_conn_table_remove(&table->table, hash, 0);
		if (ft_conn_table_insert(&table->table, hash, 0) != 0)
			bench_fail("the connection table found no memory to grow");
	}
}

struct bench_fourtuple *bench_fourtuple_make(
	const struct ft_pool *pool, const struct bench_options *options)
{
	struct bench_fourtuple *table = calloc(1, sizeof(*table));
	struct ft_random random;

	ft_random_init(&random, options->seed);
	if (table == NULL || ft_conn_table_init(&table->table, pool, &table->key) != 0)
		bench_fail("no memory for the connection table");
	ft_hash_key_init(&table->key, &random);
	table->may_overlap = options->may_overlap;
	insert_all(table, pool);
	return table;
}

void bench_fourtuple_free(struct bench_fourtuple *table)
{
	ft_conn_table_free(&table->table);
	free(table);
}

double bench_fourtuple_bytes(const struct bench_fourtuple *table)
{
	return (double)ft_conn_table_bytes(&table->table) / (double)table->table.entries;
}

static void look_up_burst(const struct bench_fourtuple *table, struct bench_batch *batch,
	uint32_t from, uint32_t count)
{
	const struct ft_tuple *tuples[FT_CONN_BURST];
	uint64_t hashes[FT_CONN_BURST];

	for (uint32_t i = 0; i < count; i++)
		tuples[i] = &batch->tuples[from + i];
	ft_conn_table_find_burst(&table->table, tuples, hashes, batch->found + from, count);
}

// The fence: a core that runs ahead would begin with the next burst before this one has ended,
// which it can't when a stack's work stands between them.
static void look_up(
	void *state, struct bench_batch *batch, uint32_t from, uint32_t count, uint32_t burst)
{
	const struct bench_fourtuple *table = state;

	for (uint32_t end = from + count; from < end; from += burst) {
		look_up_burst(table, batch, from, burst < end - from ? burst : end - from);
		if (!table->may_overlap)
			rte_rmb();
	}
}

struct bench_subject bench_fourtuple_subject(struct bench_fourtuple *table)
{
	return (struct bench_subject){
		.name = "fourtuple",
		.includes =
			"keyed hash of the tuple, staged lookup, the whole tuple compared in the "
			"connection's first line; a fence after each burst unless --overlap",
		.state = table,
		.look_up = look_up,
	};
}
