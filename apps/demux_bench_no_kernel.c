// In place of demux_bench_kernel.c where libbpf, clang or bpftool was not there at build time.
#include "demux_bench.h"

const char *const bench_kernel_includes = "";

void bench_kernel_open(void)
{
	bench_fail(
		"--against kernel: was not built; it needs libbpf-dev, clang and bpftool at build "
		"time, then: meson setup --reconfigure build && ninja -C build");
}

// Never reached: bench_kernel_open() comes first.
uint64_t bench_kernel_grow(uint64_t sockets)
{
	return 0;
}

double bench_kernel_bytes(void)
{
	return 0;
}

double bench_kernel_round(struct bench_workload *workload, uint64_t lookups)
{
	return 0;
}

void bench_kernel_distribution(struct bench_workload *workload, struct bench_result *result)
{
}
