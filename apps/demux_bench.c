// ft-demux-bench: what it costs to find the connection of a packet, from a hundred connections to
// ten million, beside the kernel and DPDK's hash table. demux_bench.h tells which file does what.
#include "demux_bench.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>

#define MOST_RUNNERS (3 * BENCH_VALUES + 1) // three subjects, and the kernel

volatile sig_atomic_t bench_stop_signal;

// ---- what is said on standard error ----

static bool has_progress_line;

void bench_progress(const char *format, ...)
{
	static time_t last;
	bool is_terminal = isatty(STDERR_FILENO);
	va_list values;

	// A log file gets a line every few seconds, a terminal one that changes.
	if (!is_terminal && time(NULL) < last + 2)
		return;
	last = time(NULL);
	va_start(values, format);
	fprintf(stderr, is_terminal ? "\r\033[K" : "ft-demux-bench: ");
	vfprintf(stderr, format, values);
	if (!is_terminal)
		fputc('\n', stderr);
	fflush(stderr);
	has_progress_line = is_terminal;
	va_end(values);
}

void bench_progress_end(void)
{
	if (has_progress_line)
		fprintf(stderr, "\r\033[K");
	has_progress_line = false;
}

void bench_fail(const char *format, ...)
{
	va_list values;

	bench_progress_end();
	fflush(stdout);
	va_start(values, format);
	fprintf(stderr, "ft-demux-bench: ");
	vfprintf(stderr, format, values);
	fputc('\n', stderr);
	va_end(values);
	exit(1);
}

// ---- a group: one number of connections, pattern, share of misses and kind of pages ----

struct group {
	uint64_t connections;
	enum bench_pattern pattern;
	enum bench_pages pages;
	uint32_t miss_percent;
};

static struct bench_result *add_runner(struct bench_runner *runners, unsigned *count,
	const struct group *group, const struct bench_subject *subject, uint64_t burst)
{
	struct bench_runner *runner = &runners[(*count)++];

	*runner = (struct bench_runner){
		.subject = subject,
		.result = {
			.subject = subject == NULL ? "kernel" : subject->name,
			.includes = subject == NULL ? bench_kernel_includes : subject->includes,
			.connections = group->connections,
			.connections_asked = group->connections,
			.burst = burst,
			.pattern = group->pattern,
			.pages = group->pages,
			.miss_percent = group->miss_percent,
		},
	};
	return &runner->result;
}

static void add_kernel(struct bench_runner *runners, unsigned *count, const struct group *group)
{
	struct bench_result *result = add_runner(runners, count, group, NULL, 1);

	result->connections = bench_kernel_grow(group->connections);
	result->bytes_per_connection = bench_kernel_bytes();
}

static double fourtuple_ns(const struct bench_runner *runners, unsigned count, uint64_t burst)
{
	for (unsigned i = 0; i < count; i++)
		if (runners[i].subject != NULL && runners[i].result.burst == burst &&
			strcmp(runners[i].result.subject, "fourtuple") == 0)
			return runners[i].result.ns;
	return runners[0].result.ns; // the kernel's row
}

struct tables {
	struct bench_subject fourtuple;
	struct bench_subject rte_hash;
	struct bench_subject floor;
	double fourtuple_bytes;
	double rte_hash_bytes;
};

// Returns how many results it has added.
static unsigned run_group(const struct bench_options *options, const struct group *group,
	const struct tables *tables, struct bench_result *results)
{
	struct bench_runner runners[MOST_RUNNERS];
	unsigned count = 0;

	for (unsigned i = 0; i < options->bursts.count; i++)
		add_runner(runners, &count, group, &tables->fourtuple, options->bursts.values[i])
			->bytes_per_connection = tables->fourtuple_bytes;
	for (unsigned i = 0; options->against_rte_hash && i < options->bursts.count; i++)
		add_runner(runners, &count, group, &tables->rte_hash, options->bursts.values[i])
			->bytes_per_connection = tables->rte_hash_bytes;
	for (unsigned i = 0; options->against_floor && i < options->bursts.count; i++)
		add_runner(runners, &count, group, &tables->floor, options->bursts.values[i]);
	if (options->against_kernel)
		add_kernel(runners, &count, group);
	bench_measure(options, runners, count);
	bench_progress_end();
	for (unsigned i = 0; i < count; i++) {
		results[i] = runners[i].result;
		bench_report(&results[i], fourtuple_ns(runners, count, results[i].burst));
	}
	return count;
}

// ---- all groups of one table ----

static unsigned run_patterns(const struct bench_options *options, struct group group,
	const struct tables *tables, struct bench_result *results)
{
	unsigned count = 0;

	for (unsigned p = 0; p < options->patterns.count; p++) {
		for (unsigned m = 0; m < options->misses.count; m++) {
			group.pattern = (enum bench_pattern)options->patterns.values[p];
			group.miss_percent = (uint32_t)options->misses.values[m];
			count += run_group(options, &group, tables, results + count);
		}
	}
	return count;
}

// Without transparent huge pages for this process, small ones it is.
static void choose_pages(enum bench_pages pages)
{
	if (prctl(PR_SET_THP_DISABLE, pages == BENCH_SMALL_PAGES, 0, 0, 0) != 0)
		bench_fail("small pages: prctl: %s", strerror(errno));
}

static unsigned run_tables(
	const struct bench_options *options, struct group group, struct bench_result *results)
{
	struct bench_rte_hash *rte_hash = NULL;
	struct bench_floor *floor;
	struct bench_fourtuple *fourtuple;
	struct tables tables = { 0 };
	struct ft_pool pool;
	unsigned count;

	choose_pages(group.pages);
	bench_progress("%lu connections are opened", group.connections);
	bench_connections_make(&pool, group.connections, options->object_bytes);
	fourtuple = bench_fourtuple_make(&pool, options);
	floor = bench_floor_make(&pool, options);
	tables.floor = bench_floor_subject(floor);
	tables.fourtuple = bench_fourtuple_subject(fourtuple);
	tables.fourtuple_bytes = bench_fourtuple_bytes(fourtuple);
	if (options->against_rte_hash) {
		rte_hash = bench_rte_hash_make(&pool, options);
		tables.rte_hash = bench_rte_hash_subject(rte_hash);
		tables.rte_hash_bytes = bench_rte_hash_bytes(rte_hash);
	}
	count = run_patterns(options, group, &tables, results);
	if (rte_hash != NULL)
		bench_rte_hash_free(rte_hash);
	bench_floor_free(floor);
	bench_fourtuple_free(fourtuple);
	ft_pool_free(&pool);
	return count;
}

static void write_files(const struct bench_options *options, const struct bench_machine *machine,
	const struct bench_result *results, unsigned count)
{
	if (options->json_path != NULL)
		bench_json_write(options->json_path, machine, results, count);
	if (options->csv_path != NULL)
		bench_csv_write(options->csv_path, results, count);
	if (options->plot_path != NULL)
		bench_plot_write(options->plot_path, machine, results, count);
}

static void run_lookups(const struct bench_options *options, const struct bench_machine *machine)
{
	size_t most = (size_t)options->connections.count * options->pages.count *
		      options->patterns.count * options->misses.count * MOST_RUNNERS;
	struct bench_result *results = calloc(most, sizeof(*results));
	unsigned count = 0;

	if (results == NULL)
		bench_fail("no memory for the results");
	if (options->against_kernel)
		bench_kernel_open();
	bench_report_header();
	for (unsigned c = 0; c < options->connections.count; c++) {
		for (unsigned p = 0; p < options->pages.count; p++) {
			struct group group = {
				.connections = options->connections.values[c],
				.pages = (enum bench_pages)options->pages.values[p],
			};

			count += run_tables(options, group, results + count);
		}
	}
	bench_report_ratios(results, count);
	bench_report_includes(results, count);
	write_files(options, machine, results, count);
	free(results);
}

// ---- the beginning ----

static void on_signal(int signal)
{
	bench_stop_signal = signal;
}

static void handle_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void start_dpdk(const char *program)
{
	char cpu[16]; // the others remain for DPDK's control thread
	char *args[] = { (char *)program, "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
		"--log-level=lib.eal:error", "-m", "64", "-l", cpu, NULL };

	snprintf(cpu, sizeof(cpu), "%d", sched_getcpu());
	if (rte_eal_init(sizeof(args) / sizeof(args[0]) - 1, args) < 0)
		bench_fail("DPDK did not start");
}

int main(int argc, char **argv)
{
	struct bench_options options = bench_options_read(argc, argv);
	struct bench_machine machine;

	setvbuf(stdout, NULL, _IOLBF, 0);
	start_dpdk(argv[0]);
	handle_signals();
	bench_machine_read(&machine);
	bench_machine_print(&machine);
	switch (options.mode) {
	case BENCH_LOOKUPS:
		run_lookups(&options, &machine);
		break;
	case BENCH_GROWTH:
		bench_growth(&options, &machine);
		break;
	case BENCH_PORTS:
		bench_ports(&options, &machine);
		break;
	}
	rte_eal_cleanup();
	return 0;
}
