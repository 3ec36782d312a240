// No rival, but the floor under all of them: what is left of a lookup when finding costs nothing. Where
// each packet's connection lies is known beforehand, and a word of its first line is read, after a
// prefetch, as the others read it. So a table can't be quicker than this, nor more times quicker than a
// rival than that rival is slower than this.
#include <stdlib.h>

#include <rte_atomic.h>
#include <rte_prefetch.h>

#include "demux/conn_table.h"
#include "demux_bench.h"

struct bench_floor {
	const struct ft_pool *pool;
	uint32_t indices[BENCH_BATCH]; // FT_CONN_NONE: nothing is read for this one
	uint64_t touched;
	bool may_overlap;
};

struct bench_floor *bench_floor_make(
	const struct ft_pool *pool, const struct bench_options *options)
{
	struct bench_floor *floor = calloc(1, sizeof(*floor));

	if (floor == NULL)
		bench_fail("no memory for the floor");
	floor->pool = pool;
	floor->may_overlap = options->may_overlap;
	return floor;
}

void bench_floor_free(struct bench_floor *floor)
{
	free(floor);
}

static void prepare(void *state, struct bench_batch *batch)
{
	struct bench_floor *floor = state;

	for (unsigned i = 0; i < BENCH_BATCH; i++)
		floor->indices[i] = batch->expected[i];
}

static void look_up_burst(
	struct bench_floor *floor, struct bench_batch *batch, uint32_t from, uint32_t count)
{
	const uint32_t *indices = &floor->indices[from];

	for (uint32_t i = 0; i < count; i++)
		if (indices[i] != FT_CONN_NONE)
			rte_prefetch0(ft_pool_at(floor->pool, indices[i]));
	for (uint32_t i = 0; i < count; i++) {
		if (indices[i] != FT_CONN_NONE)
			floor->touched += *(volatile uint64_t *)ft_pool_at(floor->pool, indices[i]);
		batch->found[from + i] = indices[i];
	}
}

static void look_up(
	void *state, struct bench_batch *batch, uint32_t from, uint32_t count, uint32_t burst)
{
	struct bench_floor *floor = state;

	for (uint32_t end = from + count; from < end; from += burst) {
		look_up_burst(floor, batch, from, burst < end - from ? burst : end - from);
		if (!floor->may_overlap)
			rte_rmb();
	}
}

struct bench_subject bench_floor_subject(struct bench_floor *floor)
{
	return (struct bench_subject){
		.name = "floor",
		.includes =
			"no lookup: a word of the connection's first line, which is known, read after "
			"a prefetch; a fence after each burst unless --overlap",
		.state = floor,
		.prepare = prepare,
		.look_up = look_up,
	};
}
