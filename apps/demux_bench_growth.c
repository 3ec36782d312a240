// What an insertion costs while the table grows from a thousand connections to the largest number
// asked for: the median, and the worst, with what of the work was counted and not timed.
//
// The table grows several times with the same tuples and the same key. What is the table's own work
// comes back at the same insertion each time; a stall of the machine, of a virtual one above all,
// does not. So an insertion counts with the least of its times, and the worst single one of all
// growths is told beside that. All this is done twice: as a stack has it, with pages given ahead
// (base/pages.h), and without.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <rte_cycles.h>

#include <jansson.h>

#include "base/hash.h"
#include "base/pages.h"
#include "demux/conn_bucket.h"
#include "demux/conn_table.h"
#include "demux_bench.h"

#define FROM 1000

static const char includes[] =
	"ft_conn_table_insert() of a tuple already hashed, with its part of moving the entries to a "
	"larger table, the memory for that, and reading the clock; each insertion counts with the "
	"least of its times in all rounds";

struct insertion {
	float ns;	  // the least of all growths; INFINITY: interrupted in all of them
	bool has_faulted; // then: the kernel had to give memory meanwhile
};

struct growth {
	struct insertion *insertions;
	double *ns; // of each of them, sorted
	uint64_t count;
	uint64_t interrupted; // times left out: another program had the core meanwhile
	uint64_t most_moved;  // buckets, by one insertion
	double worst_once_ns; // of all times
	double bytes_per_entry;
	uint64_t huge_bytes;
	// Of the least times:
	uint64_t faulting;
	double worst_faulting_ns;
	double worst_other_ns;
};

static uint64_t page_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_minflt;
}

static uint64_t buckets_moved(const struct ft_conn_table *table, uint64_t moved_before, bool was)
{
	bool is_resizing = table->old.buckets != NULL;

	// The last of a generation are moved by the insertion that ends resizing: no more than
	// by any other.
	return was && is_resizing ? table->moved - moved_before : 0;
}

static void note(struct growth *growth, struct insertion *insertion, double ns, bool has_faulted)
{
	growth->worst_once_ns = RTE_MAX(growth->worst_once_ns, ns);
	if ((float)ns >= insertion->ns)
		return;
	insertion->ns = (float)ns;
	insertion->has_faulted = has_faulted;
}

static void insert_timed(
	struct growth *growth, struct ft_conn_table *table, uint64_t hash, uint32_t index)
{
	bool was_resizing = table->old.buckets != NULL;
	uint64_t moved = table->moved;
	uint64_t interruptions = bench_interruptions();
	uint64_t faults = page_faults();
	uint64_t begin = rte_rdtsc_precise();
	int error = ft_conn_table_insert(table, hash, index);
	uint64_t ticks = rte_rdtsc_precise() - begin;

	if (error != 0)
		bench_fail("the connection table found no memory to grow");
	moved = buckets_moved(table, moved, was_resizing);
	if (moved > growth->most_moved)
		growth->most_moved = moved;
	if (bench_interruptions() != interruptions)
		growth->interrupted++;
	else
		note(growth, &growth->insertions[index], bench_ticks_to_ns((double)ticks),
			page_faults() != faults);
}

static void grow(
	struct growth *growth, const struct ft_pool *pool, const char *which, uint64_t seed)
{
	struct ft_conn_table table;
	struct ft_hash_key key;
	struct ft_random random;

	ft_random_init(&random, seed);
	ft_hash_key_init(&key, &random);
	if (ft_conn_table_init(&table, pool, &key) != 0)
		bench_fail("no memory for the connection table");
	for (uint32_t index = 0; index < pool->in_use; index++) {
		uint64_t hash = ft_tuple_hash(&key, ft_pool_at(pool, index));

		bench_stop_if_asked();
		if (index >= FROM)
			insert_timed(growth, &table, hash, index);
		else if (ft_conn_table_insert(&table, hash, index) != 0)
			bench_fail("no memory for the connection table");
		if (index % 65536 == 0)
			bench_progress("%s: %u of %u connections are inserted", which, index,
				pool->in_use);
	}
	growth->bytes_per_entry =
		(double)((table.current.mask + 1) * sizeof(struct ft_conn_bucket)) /
		(double)table.entries;
	growth->huge_bytes = bench_huge_bytes();
	ft_conn_table_free(&table);
}

// Sums up what growth->insertions holds once all growths are done.
static void conclude(struct growth *growth, uint64_t connections)
{
	for (uint64_t i = FROM; i < connections; i++) {
		const struct insertion *insertion = &growth->insertions[i];
		double *worst = insertion->has_faulted ? &growth->worst_faulting_ns
						       : &growth->worst_other_ns;

		if (isinf(insertion->ns))
			continue;
		growth->ns[growth->count++] = (double)insertion->ns;
		growth->faulting += insertion->has_faulted;
		*worst = RTE_MAX(*worst, (double)insertion->ns);
	}
	bench_sort(growth->ns, growth->count);
}

static json_t *growth_object(
	const struct growth *growth, const char *pages, bool is_ahead, uint64_t connections)
{
	return json_pack(
		"{s:s, s:I, s:s, s:b, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:f, s:s}",
		"subject", "fourtuple insertion", "connections", (json_int_t)connections, "pages",
		pages, "pages_ahead", is_ahead, "ns_median",
		bench_quantile(growth->ns, growth->count, 0.5), "ns_p99",
		bench_quantile(growth->ns, growth->count, 0.99), "ns_p999",
		bench_quantile(growth->ns, growth->count, 0.999), "ns_p9999",
		bench_quantile(growth->ns, growth->count, 0.9999), "ns_worst",
		growth->ns[growth->count - 1], "ns_worst_with_page_fault",
		growth->worst_faulting_ns, "ns_worst_without", growth->worst_other_ns,
		"ns_worst_once", growth->worst_once_ns, "page_faulting_insertions",
		(json_int_t)growth->faulting, "interrupted", (json_int_t)growth->interrupted,
		"buckets_moved_at_most", (json_int_t)growth->most_moved, "bytes_per_entry",
		growth->bytes_per_entry, "includes", includes);
}

static void print(const struct growth *growth, const char *pages, bool is_ahead, double clock_ns)
{
	double median = bench_quantile(growth->ns, growth->count, 0.5);

	printf("\n%s pages, %s: %.0f MiB of this process are on huge ones\n", pages,
		is_ahead ? "given ahead" : "given when they are touched",
		(double)growth->huge_bytes / 0x1p20);
	printf("  insertion, ns:  median %.0f, p99 %.0f, p99.9 %.0f, p99.99 %.0f, worst %.0f = %.0f "
	       "medians (reading the clock, %.0f ns, included)\n",
		median, bench_quantile(growth->ns, growth->count, 0.99),
		bench_quantile(growth->ns, growth->count, 0.999),
		bench_quantile(growth->ns, growth->count, 0.9999), growth->ns[growth->count - 1],
		growth->ns[growth->count - 1] / median, clock_ns);
	printf("  worst while the kernel gave a page: %.0f ns, of %" PRIu64 " such insertions; "
	       "worst without: %.0f ns\n",
		growth->worst_faulting_ns, growth->faulting, growth->worst_other_ns);
	printf("  worst in any one growth, stalls of the machine included: %.0f ns; left out, as "
	       "another program had the core: %" PRIu64 "\n",
		growth->worst_once_ns, growth->interrupted);
	printf("  buckets moved by one insertion: %" PRIu64 " at most; %.1f bytes of table for an "
	       "entry\n",
		growth->most_moved, growth->bytes_per_entry);
}

static void grow_repeatedly(
	struct growth *growth, const struct bench_options *options, const struct ft_pool *pool)
{
	char which[32];

	for (uint64_t i = 1; i <= options->repeat; i++) {
		snprintf(which, sizeof(which), "%" PRIu64 " of %" PRIu64, i, options->repeat);
		grow(growth, pool, which, options->seed);
	}
	bench_progress_end();
}

static json_t *run(const struct bench_options *options, const struct bench_machine *machine,
	uint64_t connections, enum bench_pages pages, bool is_ahead)
{
	struct growth growth = {
		.insertions = malloc(connections * sizeof(struct insertion)),
		.ns = malloc(connections * sizeof(double)),
	};
	struct ft_pool pool;
	json_t *object;

	if (growth.insertions == NULL || growth.ns == NULL ||
		prctl(PR_SET_THP_DISABLE, pages == BENCH_SMALL_PAGES, 0, 0, 0) != 0)
		bench_fail("--growth: no memory, or no choice of pages");
	if (is_ahead && ft_pages_service_start() != 0)
		bench_fail("--growth: no alarm from DPDK");
	bench_connections_make(&pool, connections, options->object_bytes);
	for (uint64_t i = 0; i < connections; i++) // its pages come before, not meanwhile
		growth.insertions[i] = (struct insertion){ .ns = INFINITY };
	grow_repeatedly(&growth, options, &pool);
	ft_pages_service_stop();
	conclude(&growth, connections);
	if (growth.count == 0)
		bench_fail("--growth: another program had the core at every insertion");
	print(&growth, bench_pages_names[pages], is_ahead, machine->clock_ns);
	object = growth_object(&growth, bench_pages_names[pages], is_ahead, connections);
	ft_pool_free(&pool);
	free(growth.insertions);
	free(growth.ns);
	return object;
}

void bench_growth(const struct bench_options *options, const struct bench_machine *machine)
{
	uint64_t connections = options->connections.values[options->connections.count - 1];
	json_t *results = json_array();

	if (connections < 2 * FROM)
		bench_fail("--growth: the table grows from %d connections to the largest number of "
			   "--connections, which must be %d at least",
			FROM, 2 * FROM);
	printf("\ninsertions from %d connections to %" PRIu64 "\n", FROM, connections);
	for (unsigned i = 0; i < 2 * options->pages.count; i++)
		json_array_append_new(results,
			run(options, machine, connections,
				(enum bench_pages)options->pages.values[i / 2], i % 2 == 0));
	printf("\ninsertion: %s\n", includes);
	if (options->json_path != NULL)
		bench_json_write_list(options->json_path, machine, results);
	json_decref(results);
}
