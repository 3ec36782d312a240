// The kernel as a rival: its own lookup of an established socket, run by BPF_PROG_TEST_RUN inside
// the namespace where the sockets are (demux_bench_sockets.c), with the program of
// demux_bench_program.bpf.c.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "demux_bench.h"
#include "demux_bench_program.skel.h"
#include "demux_bench_sockets.h"

#define LIST 65536 // tuples in the program's list, and runs at once

const char *const bench_kernel_includes =
	"bpf_skc_lookup_tcp() and bpf_sk_release() for each, without bursts and without fences (set it beside --burst 1 --overlap); the loop and the fetch "
	"of the tuple, measured by a program without the lookup, are subtracted; sockets are both "
	"ends of connections over loopback; a miss also searches for a listener";

struct sought { // as in the program
	uint32_t remote;
	uint32_t local;
	uint16_t remote_port;
	uint16_t local_port;
	uint32_t is_miss;
};

static struct demux_bench_program *program;
static struct sought *list;
static uint64_t *times;

static int quiet(enum libbpf_print_level level, const char *format, va_list values)
{
	return 0;
}

static void *map_memory(const struct bpf_map *map, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (memory == MAP_FAILED)
		bench_fail("--against kernel: mmap of a BPF map: %s", strerror(errno));
	return memory;
}

void bench_kernel_open(void)
{
	bench_sockets_open();
	libbpf_set_print(quiet);
	program = demux_bench_program__open_and_load();
	if (program == NULL)
		bench_fail("--against kernel: the kernel does not take the BPF program: %s",
			strerror(errno));
	list = map_memory(program->maps.list, LIST * sizeof(*list));
	times = map_memory(program->maps.times, LIST * sizeof(*times));
}

uint64_t bench_kernel_grow(uint64_t sockets)
{
	return bench_sockets_grow(sockets);
}

double bench_kernel_bytes(void)
{
	return bench_sockets_bytes();
}

// ns for each of LIST runs, without the times at which another program had the core.
static double run(const struct bpf_program *part)
{
	static char frame[64];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		.repeat = LIST);
	int error;

	bench_stop_if_asked();
	program->bss->next = 0;
	error = bpf_prog_test_run_opts(bpf_program__fd(part), &options);
	bench_stop_if_asked();
	if (error != 0)
		bench_fail("kernel: BPF_PROG_TEST_RUN: %s", strerror(errno));
	return options.duration;
}

static void fill_list(struct bench_workload *workload)
{
	for (unsigned i = 0; i < LIST; i++) {
		bool is_miss;
		uint64_t number = bench_workload_next(workload, &is_miss);
		struct ft_tuple tuple = bench_socket_tuple(number, !is_miss);

		list[i] = (struct sought){
			.remote = ft_addr_ip4(&tuple.remote),
			.local = ft_addr_ip4(&tuple.local),
			.remote_port = htons(tuple.remote_port),
			.local_port = htons(tuple.local_port),
			.is_miss = is_miss,
		};
	}
}

static void check(void)
{
	bench_sockets_check();
	if (program->bss->wrong == 0)
		return;
	// The sockets of a process that is being ended go first; only later can it be waited for.
	sleep(2);
	bench_sockets_check();
	bench_fail("kernel: %lu lookups found a wrong socket, or not the one that is there: "
		   "no figure counts",
		(unsigned long)program->bss->wrong);
}

double bench_kernel_round(struct bench_workload *workload, uint64_t lookups)
{
	uint64_t lists = (lookups + LIST - 1) / LIST;
	double ns = 0;

	for (uint64_t i = 0; i < lists; i++) {
		fill_list(workload);
		ns += run(program->progs.look_up) - run(program->progs.fetch);
		check();
	}
	return ns / (double)lists;
}

static void times_into(double *values)
{
	for (unsigned i = 0; i < LIST; i++)
		values[i] = (double)times[i];
	bench_sort(values, LIST);
}

void bench_kernel_distribution(struct bench_workload *workload, struct bench_result *result)
{
	double *values = calloc(LIST, sizeof(*values));
	double clock_ns;

	if (values == NULL)
		bench_fail("no memory for %u figures", LIST);
	run(program->progs.clock_cost);
	times_into(values);
	clock_ns = bench_quantile(values, LIST, 0.5);
	fill_list(workload);
	run(program->progs.look_up_timed);
	check();
	times_into(values);
	result->distribution_clock_ns = clock_ns;
	result->p50 = bench_quantile(values, LIST, 0.5) - clock_ns;
	result->p99 = bench_quantile(values, LIST, 0.99) - clock_ns;
	result->p999 = bench_quantile(values, LIST, 0.999) - clock_ns;
	free(values);
}
