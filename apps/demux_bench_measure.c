#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <rte_cycles.h>

#include "demux/conn_table.h"
#include "demux_bench.h"

#define CLOCK_READINGS 100000
#define MOST_SAMPLES   (UINT64_C(1) << 18)
#define MOST_ATTEMPTS  20 // at one batch, before an interrupted one is taken as it is

// ---- clock and numbers ----

double bench_ticks_to_ns(double ticks)
{
	return ticks * 1e9 / (double)rte_get_tsc_hz();
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void bench_sort(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
}

double bench_quantile(const double *sorted, size_t count, double quantile)
{
	double place = (double)(count - 1) * quantile;
	size_t below = (size_t)place;
	size_t above = below + 1 < count ? below + 1 : below;

	return sorted[below] + (place - (double)below) * (sorted[above] - sorted[below]);
}

static double *allocate(uint64_t count)
{
	double *values = calloc(count, sizeof(*values));

	if (values == NULL)
		bench_fail("no memory for %lu figures", count);
	return values;
}

// The median of the time from one reading to the next.
double bench_clock_ns(void)
{
	double *ticks = allocate(CLOCK_READINGS);
	double median;

	for (unsigned i = 0; i < CLOCK_READINGS; i++) {
		uint64_t begin = rte_rdtsc_precise();

		ticks[i] = (double)(rte_rdtsc_precise() - begin);
	}
	bench_sort(ticks, CLOCK_READINGS);
	median = bench_quantile(ticks, CLOCK_READINGS, 0.5);
	free(ticks);
	return bench_ticks_to_ns(median);
}

// ---- memory ----

// "Name:   123 kB" in a file of /proc.
static uint64_t read_kib(const char *path, const char *name)
{
	FILE *file = fopen(path, "r");
	uint64_t kib = 0;
	char line[256];

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtoull(line + strlen(name), NULL, 10);
	fclose(file);
	return kib;
}

uint64_t bench_available_bytes(void)
{
	return read_kib("/proc/meminfo", "MemAvailable:") * 1024;
}

uint64_t bench_huge_bytes(void)
{
	return read_kib("/proc/self/smaps_rollup", "AnonHugePages:") * 1024;
}

// ---- batches ----

uint64_t bench_interruptions(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nivcsw;
}

void bench_stop_if_asked(void)
{
	if (bench_stop_signal != 0)
		exit(128 + bench_stop_signal);
}

static void fill(struct bench_batch *batch, struct bench_workload *workload)
{
	for (unsigned i = 0; i < BENCH_BATCH; i++) {
		bool is_miss;
		uint64_t number = bench_workload_next(workload, &is_miss);

		batch->tuples[i] = bench_tuple(number, !is_miss);
		batch->expected[i] = is_miss ? FT_CONN_NONE : (uint32_t)number;
		batch->found[i] = ~batch->expected[i]; // what was found before proves nothing
	}
}

static void check(const struct bench_batch *batch, const struct bench_subject *subject)
{
	for (unsigned i = 0; i < BENCH_BATCH; i++) {
		char text[FT_TUPLE_TEXT_BYTES];

		if (batch->found[i] == batch->expected[i])
			continue;
		bench_fail(
			"%s found connection %d for %s, and it is %d (-1: none): its results are "
			"wrong, no figure counts",
			subject->name, (int)batch->found[i], ft_tuple_text(&batch->tuples[i], text),
			(int)batch->expected[i]);
	}
}

static void make_batch(const struct bench_subject *subject, struct bench_batch *batch,
	struct bench_workload *workload)
{
	fill(batch, workload);
	if (subject->prepare != NULL)
		subject->prepare(subject->state, batch);
}

// ---- rounds ----

// Ticks for a whole batch. One during which another program had the core is followed by a new one,
// which is no worse chosen: which connections it asks for has nothing to do with that.
static uint64_t time_batch(
	struct bench_runner *runner, struct bench_batch *batch, struct bench_workload *workload)
{
	const struct bench_subject *subject = runner->subject;
	uint64_t begin, ticks, before;

	for (unsigned attempt = 0;; attempt++) {
		make_batch(subject, batch, workload);
		before = bench_interruptions();
		begin = rte_rdtsc_precise();
		subject->look_up(
			subject->state, batch, 0, BENCH_BATCH, (uint32_t)runner->result.burst);
		ticks = rte_rdtsc_precise() - begin;
		check(batch, subject);
		if (bench_interruptions() == before || attempt == MOST_ATTEMPTS)
			return ticks;
		runner->result.interrupted++;
	}
}

static double run_round(struct bench_runner *runner, struct bench_workload *workload,
	const struct bench_options *options)
{
	uint64_t batches = (options->lookups + BENCH_BATCH - 1) / BENCH_BATCH;
	struct bench_batch batch;
	uint64_t ticks = 0;

	if (runner->subject == NULL)
		return bench_kernel_round(workload, options->lookups);
	for (uint64_t i = 0; i < batches; i++) {
		bench_stop_if_asked();
		ticks += time_batch(runner, &batch, workload);
	}
	return bench_ticks_to_ns((double)ticks) / (double)(batches * BENCH_BATCH);
}

static struct bench_workload workload_of(const struct bench_result *result)
{
	return (struct bench_workload){
		.pattern = result->pattern,
		.miss_percent = result->miss_percent,
		.connections = result->connections,
	};
}

// ---- distributions ----

// Each burst timed by itself. The clock is read twice for each, so what it costs stands in every
// figure, and is subtracted.
static void take_samples(struct bench_runner *runner, struct bench_workload *workload,
	double *samples, uint64_t count)
{
	const struct bench_subject *subject = runner->subject;
	uint32_t burst = (uint32_t)runner->result.burst;
	double clock_ns = runner->result.distribution_clock_ns;
	struct bench_batch batch;
	uint64_t taken = 0;

	while (taken < count) {
		bench_stop_if_asked();
		make_batch(subject, &batch, workload);
		for (uint32_t from = 0; from < BENCH_BATCH; from += burst) {
			uint32_t bursts = burst < BENCH_BATCH - from ? burst : BENCH_BATCH - from;
			uint64_t begin = rte_rdtsc_precise();
			double ns;

			subject->look_up(subject->state, &batch, from, bursts, burst);
			ns = bench_ticks_to_ns((double)(rte_rdtsc_precise() - begin)) - clock_ns;
			if (bursts == burst && taken < count)
				samples[taken++] = (ns > 0 ? ns : 0) / burst;
		}
		check(&batch, subject);
	}
}

static void run_distribution(struct bench_runner *runner, const struct bench_options *options)
{
	struct bench_result *result = &runner->result;
	struct bench_workload workload = workload_of(result);
	uint64_t count = options->lookups / result->burst;
	double *samples;

	bench_workload_start(&workload, options, options->repeat);
	if (runner->subject == NULL) {
		bench_kernel_distribution(&workload, result);
		return;
	}
	count = count < MOST_SAMPLES ? count + 1 : MOST_SAMPLES;
	samples = allocate(count);
	result->distribution_clock_ns = bench_clock_ns();
	take_samples(runner, &workload, samples, count);
	bench_sort(samples, count);
	result->p50 = bench_quantile(samples, count, 0.5);
	result->p99 = bench_quantile(samples, count, 0.99);
	result->p999 = bench_quantile(samples, count, 0.999);
	free(samples);
}

// ---- all ----

static void conclude(struct bench_runner *runner, const struct bench_options *options)
{
	struct bench_result *result = &runner->result;

	bench_sort(runner->rounds, options->repeat);
	result->rounds = options->repeat;
	result->lookups = options->lookups;
	result->ns = bench_quantile(runner->rounds, options->repeat, 0.5);
	result->ns_min = runner->rounds[0];
	result->ns_max = runner->rounds[options->repeat - 1];
	free(runner->rounds);
}

// The round before the first warms the caches, and does not count.
void bench_measure(
	const struct bench_options *options, struct bench_runner *runners, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		runners[i].rounds = allocate(options->repeat);
	for (uint64_t round = 0; round <= options->repeat; round++) {
		for (unsigned i = 0; i < count; i++) {
			struct bench_workload workload = workload_of(&runners[i].result);
			double ns;

			bench_progress("%lu connections, %s, %u%% misses: round %lu of %lu, %s",
				runners[i].result.connections,
				bench_pattern_names[runners[i].result.pattern],
				runners[i].result.miss_percent, round, options->repeat,
				runners[i].result.subject);
			bench_workload_start(&workload, options, round);
			ns = run_round(&runners[i], &workload, options);
			if (round > 0)
				runners[i].rounds[round - 1] = ns;
			else
				runners[i].result.interrupted = 0;
		}
	}
	for (unsigned i = 0; i < count; i++) {
		run_distribution(&runners[i], options);
		conclude(&runners[i], options);
	}
}
