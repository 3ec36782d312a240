#include "scenario.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_eal.h>

#include "base/log.h"
#include "network.h"

static const char *program = "sim";
static const char *scenario_name = "none";
static const char *trace = "";
static struct ft_network *watched;

void ft_scenario_watch(struct ft_network *network)
{
	watched = network;
}

const char *ft_scenario_trace(void)
{
	return trace;
}

// Where and when the run was, how to have it again, and its last frames in a file.
static void report(void)
{
	char path[256];

	if (watched == NULL)
		return;
	snprintf(path, sizeof(path), "sim-%s-%" PRIu64 ".pcapng", scenario_name, watched->seed);
	fprintf(stderr, "at %" PRIu64 ".%09" PRIu64 " s of virtual time, event %" PRIu64 "\n",
		(uint64_t)(watched->now / FT_SECOND), (uint64_t)(watched->now % FT_SECOND),
		watched->events);
	fprintf(stderr, "again: %s --seed %" PRIu64 " %s\n", program, watched->seed, scenario_name);
	if (ft_capture_write(&watched->capture, path, watched->host_count) == 0)
		fprintf(stderr, "frames: %s\n", path);
	watched = NULL;
}

_Noreturn void ft_scenario_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: %s:%d: ", scenario_name, file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	report();
	exit(1);
}

// An assertion in the stack, or a wild pointer. What report() calls is not safe in a signal handler
// in general; here the process has nothing left to lose.
static void on_crash(int signal)
{
	fprintf(stderr, "%s: signal %d\n", scenario_name, signal);
	report();
	_exit(1);
}

// EAL starts without hugepages, devices or root, as in the unit tests.
static void start_eal(void)
{
	char *args[] = { "sim", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
		"--log-level=lib.eal:error", "-m", "512", "-l", "0", NULL };

	if (rte_eal_init(sizeof(args) / sizeof(args[0]) - 1, args) < 0) {
		fprintf(stderr, "simulation: EAL did not start\n");
		exit(1);
	}
	ft_log_init();
	rte_log_set_level(ft_log_type, RTE_LOG_WARNING);
}

static bool is_chosen(const char *name, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc == 0;
}

// FT_SIM_SEEDS is a share in percent, so that a slow build (sanitizers) runs fewer of each.
static uint32_t default_seeds(const struct ft_scenario *scenario)
{
	const char *share = getenv("FT_SIM_SEEDS");
	uint32_t seeds = share != NULL ? scenario->seeds * atoi(share) / 100 : scenario->seeds;

	return seeds > 0 ? seeds : 1;
}

static void run(const struct ft_scenario *scenario, uint64_t first, uint32_t seeds)
{
	scenario_name = scenario->name;
	for (uint64_t seed = first; seed < first + seeds; seed++)
		scenario->run(seed);
	printf("%-28s %u %s\n", scenario->name, seeds, seeds == 1 ? "seed" : "seeds");
}

static const char usage[] = "usage: %s [--seed FIRST] [--seeds COUNT] [--list] [SCENARIO]...\n";

int ft_scenario_main(int argc, char **argv, const struct ft_scenario *scenarios)
{
	static const struct option options[] = { { "seed", required_argument, NULL, 's' },
		{ "seeds", required_argument, NULL, 'n' }, { "list", no_argument, NULL, 'l' },
		{ "trace", required_argument, NULL, 't' }, { 0 } };
	uint64_t first = 0;
	uint32_t seeds = 0;
	bool is_list = false;
	int option;

	program = argv[0];
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's') {
			first = strtoull(optarg, NULL, 0);
			seeds = seeds > 0 ? seeds : 1;
		} else if (option == 'n') {
			seeds = strtoul(optarg, NULL, 0);
		} else if (option == 't') {
			trace = optarg;
		} else if (option == 'l') {
			is_list = true;
		} else {
			fprintf(stderr, usage, argv[0]);
			return 2;
		}
	}
	if (is_list) {
		for (const struct ft_scenario *s = scenarios; s->name != NULL; s++)
			printf("%s\n", s->name);
		return 0;
	}
	start_eal();
	signal(SIGABRT, on_crash);
	for (const struct ft_scenario *s = scenarios; s->name != NULL; s++)
		if (is_chosen(s->name, argc - optind, argv + optind))
			run(s, first, seeds > 0 ? seeds : default_seeds(s));
	return 0;
}
