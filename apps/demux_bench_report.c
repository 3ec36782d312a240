#include <stdio.h>
#include <string.h>

#include "demux_bench.h"

void bench_report_header(void)
{
	printf("\n%11s %-8s %6s %-5s %5s %-9s %8s %19s %8s %8s %8s %7s %7s\n", "connections",
		"pattern", "misses", "pages", "burst", "subject", "ns", "(min .. max)", "p50",
		"p99", "p99.9", "x", "bytes");
}

// `fourtuple_ns`: of the same group, in the burst to compare with.
void bench_report(const struct bench_result *result, double fourtuple_ns)
{
	printf("%11lu %-8s %5u%% %-5s %5lu %-9s %8.1f (%7.1f .. %7.1f) %8.1f %8.1f %8.1f %7.2f "
	       "%7.1f\n",
		result->connections, bench_pattern_names[result->pattern], result->miss_percent,
		bench_pages_names[result->pages], result->burst, result->subject, result->ns,
		result->ns_min, result->ns_max, result->p50, result->p99, result->p999,
		result->ns / fourtuple_ns, result->bytes_per_connection);
	if (result->connections < result->connections_asked)
		printf("%11s %lu were asked for, and %s\n", "", result->connections_asked,
			result->connections + 1 == result->connections_asked
				? "the kernel's sockets come in pairs"
				: "memory has room for these");
}

static bool is_same_case(const struct bench_result *a, const struct bench_result *b)
{
	return a->connections_asked == b->connections_asked && a->pattern == b->pattern &&
	       a->miss_percent == b->miss_percent && a->pages == b->pages;
}

// The kernel knows no bursts: it is set against each of ours.
static void report_ratio(const struct bench_result *rival, const struct bench_result *ours)
{
	bool is_kernel = strcmp(rival->subject, "kernel") == 0;

	if (!is_same_case(rival, ours) || strcmp(ours->subject, "fourtuple") != 0)
		return;
	if (!is_kernel && rival->burst != ours->burst)
		return;
	printf("%11lu %-8s %3u%% misses: %s takes %.2f times what fourtuple takes in bursts of %lu\n",
		rival->connections, bench_pattern_names[rival->pattern], rival->miss_percent,
		rival->subject, rival->ns / ours->ns, ours->burst);
}

void bench_report_ratios(const struct bench_result *results, unsigned count)
{
	printf("\n");
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(results[i].subject, "fourtuple") == 0)
			continue;
		for (unsigned j = 0; j < count; j++)
			report_ratio(&results[i], &results[j]);
	}
}

void bench_report_includes(const struct bench_result *results, unsigned count)
{
	uint64_t interrupted = 0;

	printf("\nns: for one lookup, the median of %lu rounds of %lu; x: times fourtuple in the same "
	       "burst (kernel: in the first)\n"
	       "p50, p99, p99.9: of single bursts, divided by the burst; reading the clock "
	       "subtracted (%.1f ns for each burst)\n"
	       "bytes: of table for a connection (kernel: all that a socket takes)\n",
		results[0].rounds, results[0].lookups, results[0].distribution_clock_ns);
	for (unsigned i = 0; i < count; i++) {
		bool is_first = true;

		interrupted += results[i].interrupted;
		for (unsigned j = 0; j < i; j++)
			is_first &= strcmp(results[i].subject, results[j].subject) != 0;
		if (is_first)
			printf("%s: %s\n", results[i].subject, results[i].includes);
	}
	printf("every lookup found what it should; %lu batches were done again because another "
	       "program had the core\n",
		interrupted);
}
