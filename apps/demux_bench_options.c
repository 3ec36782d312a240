#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/values.h"
#include "demux/conn_table.h"
#include "demux_bench.h"
#include "tcp/anchor.h"

#define MOST_CONNECTIONS UINT64_C(100000000)

const char *const bench_pattern_names[BENCH_PATTERNS] = { "uniform", "zipf", "sweep", "hot" };
const char *const bench_pages_names[BENCH_PAGE_KINDS] = { "huge", "small" };
static const char *const rival_names[] = { "kernel", "rte_hash", "floor" };
#define RIVALS (sizeof(rival_names) / sizeof(rival_names[0]))

enum {
	CONNECTIONS = 1,
	PATTERN,
	MISSES,
	BURST,
	AGAINST,
	PAGES,
	REPEAT,
	LOOKUPS,
	OBJECT_BYTES,
	SEED,
	JSON,
	CSV,
	PLOT,
	GROWTH,
	PORTS,
	OVERLAP,
	HELP,
	VERSION
};

static const struct option long_options[] = {
	{ "connections", required_argument, NULL, CONNECTIONS },
	{ "pattern", required_argument, NULL, PATTERN },
	{ "misses", required_argument, NULL, MISSES },
	{ "burst", required_argument, NULL, BURST },
	{ "against", required_argument, NULL, AGAINST },
	{ "pages", required_argument, NULL, PAGES },
	{ "repeat", required_argument, NULL, REPEAT },
	{ "lookups", required_argument, NULL, LOOKUPS },
	{ "object-bytes", required_argument, NULL, OBJECT_BYTES },
	{ "seed", required_argument, NULL, SEED },
	{ "json", required_argument, NULL, JSON },
	{ "csv", required_argument, NULL, CSV },
	{ "plot", required_argument, NULL, PLOT },
	{ "overlap", no_argument, NULL, OVERLAP },
	{ "growth", no_argument, NULL, GROWTH },
	{ "ports", no_argument, NULL, PORTS },
	{ "help", no_argument, NULL, HELP },
	{ "version", no_argument, NULL, VERSION },
	{ 0 },
};

static void print_help(void)
{
	printf("usage: ft-demux-bench [OPTION]...\n"
	       "Measures what it costs to find the connection of a packet.\n\n"
	       "  --connections N,...   how many are open; 1k, 10M (100,1k,10k,100k,1M)\n"
	       "  --pattern WORD,...    which of them packets arrive for (uniform):\n"
	       "                        uniform  any\n"
	       "                        zipf     the one of rank k about 1/k of the time\n"
	       "                        sweep    all in turn\n"
	       "                        hot      nine times of ten, one of a hundred\n"
	       "  --misses PERCENT,...  of packets for which none is open (0)\n"
	       "  --burst N,...         packets looked up at once, 1 to %d (1,32)\n"
	       "  --against WORD,...    rivals: kernel (root), rte_hash; floor: as if finding cost nothing\n"
	       "  --pages WORD,...      huge, small: the memory of table and connections (huge)\n"
	       "  --object-bytes N      distance of two connections in memory (%zu, ours)\n"
	       "  --repeat N            rounds, of which the median is told (7)\n"
	       "  --lookups N           in each round (1M)\n"
	       "  --overlap             no fence after a burst: the core may run ahead\n"
	       "  --seed N              of the sequence and of the table's key (1)\n"
	       "  --growth              instead: what insertions cost while the table grows\n"
	       "  --ports               instead: listeners, SO_REUSEPORT groups, ephemeral ports\n"
	       "  --json FILE, --csv FILE, --plot FILE.svg\n"
	       "                        the results; the plot with gnuplot\n"
	       "  --help, --version\n\n"
	       "The results are ratios of one run on one machine; a machine with other work to do\n"
	       "gives no others worth having. See ft-demux-bench(1).\n",
		FT_CONN_BURST, sizeof(struct ft_tcp_anchor));
}

static void __attribute__((noreturn)) refuse(const char *text, const char *expected)
{
	fprintf(stderr, "ft-demux-bench: %s: expected %s; see --help\n", text, expected);
	exit(2);
}

static uint64_t read_number(
	const char *text, uint64_t lowest, uint64_t highest, const char *expected)
{
	uint64_t number;

	if (!value_read_count(text, lowest, highest, &number))
		refuse(text, expected);
	return number;
}

static uint64_t read_word(const char *text, const char *const *words, unsigned count)
{
	char expected[128] = "";

	for (unsigned i = 0; i < count; i++) {
		if (strcmp(text, words[i]) == 0)
			return i;
		snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), "%s%s",
			i == 0		? ""
			: i + 1 < count ? ", "
					: " or ",
			words[i]);
	}
	refuse(text, expected);
}

static uint64_t read_value(int option, const char *text)
{
	switch (option) {
	case CONNECTIONS:
		return read_number(text, 1, MOST_CONNECTIONS, "connections, from 1 to 100M");
	case PATTERN:
		return read_word(text, bench_pattern_names, BENCH_PATTERNS);
	case MISSES:
		return read_number(text, 0, 100, "a percentage from 0 to 100");
	case BURST:
		return read_number(text, 1, FT_CONN_BURST, "a burst of 1 to 64");
	case PAGES:
		return read_word(text, bench_pages_names, BENCH_PAGE_KINDS);
	default: // AGAINST
		return read_word(text, rival_names, RIVALS);
	}
}

static struct bench_list read_list(int option, char *text)
{
	struct bench_list list = { 0 };
	char *word;

	if (*text == '\0')
		refuse("\"\"", "a value, or several with commas between them");
	while ((word = strsep(&text, ",")) != NULL) {
		if (list.count == BENCH_VALUES)
			refuse(word, "at most 16 values");
		list.values[list.count++] = read_value(option, word);
	}
	return list;
}

static void read_rivals(struct bench_options *options, char *text)
{
	struct bench_list rivals = read_list(AGAINST, text);

	for (unsigned i = 0; i < rivals.count; i++) {
		options->against_kernel |= rivals.values[i] == 0;
		options->against_rte_hash |= rivals.values[i] == 1;
		options->against_floor |= rivals.values[i] == 2;
	}
}

static void read_option(struct bench_options *options, int option, char *text)
{
	switch (option) {
	case CONNECTIONS:
		options->connections = read_list(option, text);
		break;
	case PATTERN:
		options->patterns = read_list(option, text);
		break;
	case MISSES:
		options->misses = read_list(option, text);
		break;
	case BURST:
		options->bursts = read_list(option, text);
		break;
	case PAGES:
		options->pages = read_list(option, text);
		break;
	case AGAINST:
		read_rivals(options, text);
		break;
	case REPEAT:
		options->repeat = read_number(text, 1, 1000, "rounds, from 1 to 1000");
		break;
	case LOOKUPS:
		options->lookups = read_number(text, 1000, 1000000000, "lookups, 1k to 1000M");
		break;
	case OBJECT_BYTES:
		options->object_bytes =
			read_number(text, sizeof(struct ft_tuple), 4096, "bytes, from 40 to 4096");
		break;
	case SEED:
		options->seed = read_number(text, 0, UINT64_MAX, "a number");
		break;
	case JSON:
		options->json_path = text;
		break;
	case CSV:
		options->csv_path = text;
		break;
	case PLOT:
		options->plot_path = text;
		break;
	case OVERLAP:
		options->may_overlap = true;
		break;
	case GROWTH:
		options->mode = BENCH_GROWTH;
		break;
	case PORTS:
		options->mode = BENCH_PORTS;
		break;
	case HELP:
		print_help();
		exit(0);
	case VERSION:
		printf("ft-demux-bench %s\n", FT_VERSION);
		exit(0);
	default: // getopt has said why
		exit(2);
	}
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct bench_options bench_options_read(int argc, char **argv)
{
	struct bench_options options = {
		.connections = { { 100, 1000, 10000, 100000, 1000000 }, 5 },
		.patterns = { { BENCH_UNIFORM }, 1 },
		.misses = { { 0 }, 1 },
		.bursts = { { 1, 32 }, 2 },
		.pages = { { BENCH_HUGE_PAGES }, 1 },
		.repeat = 7,
		.lookups = 1000000,
		.object_bytes = sizeof(struct ft_tcp_anchor),
		.seed = 1,
	};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
		read_option(&options, option, optarg);
	if (optind < argc)
		refuse(argv[optind], "an option");
	if (options.mode != BENCH_LOOKUPS &&
		(options.csv_path != NULL || options.plot_path != NULL))
		refuse(options.csv_path != NULL ? "--csv" : "--plot",
			"neither --growth nor --ports");
	// The kernel's sockets are only ever added to.
	qsort(options.connections.values, options.connections.count, sizeof(uint64_t),
		compare_numbers);
	return options;
}
