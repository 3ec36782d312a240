#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_version.h>

#include "demux_bench.h"

#define CACHE "/sys/devices/system/cpu/cpu0/cache/index%u/%s"

// The first line of a file, without its end; "" where there is none.
static void read_line(const char *path, char *line, size_t bytes)
{
	FILE *file = fopen(path, "r");

	line[0] = '\0';
	if (file == NULL)
		return;
	if (fgets(line, (int)bytes, file) == NULL)
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	fclose(file);
}

static void read_cpu(struct bench_machine *machine)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[4096];

	snprintf(machine->cpu, BENCH_FACT, "unknown");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL)
			snprintf(machine->cpu, BENCH_FACT, "%.150s", strchr(line, ':') + 2);
		if (strncmp(line, "flags", 5) == 0)
			machine->is_virtual = strstr(line, " hypervisor") != NULL;
	}
	if (file != NULL)
		fclose(file);
}

// "L1 Data 32K, L2 Unified 512K, ..."
static void read_caches(struct bench_machine *machine)
{
	size_t length = 0;

	for (unsigned i = 0; i < 8 && length < BENCH_FACT; i++) {
		char path[128], level[16], type[32], size[32];

		snprintf(path, sizeof(path), CACHE, i, "level");
		read_line(path, level, sizeof(level));
		snprintf(path, sizeof(path), CACHE, i, "type");
		read_line(path, type, sizeof(type));
		snprintf(path, sizeof(path), CACHE, i, "size");
		read_line(path, size, sizeof(size));
		if (level[0] != '\0' && strcmp(type, "Instruction") != 0)
			length += (size_t)snprintf(machine->caches + length, BENCH_FACT - length,
				"%sL%s %s", length == 0 ? "" : ", ", level, size);
	}
}

void bench_machine_read(struct bench_machine *machine)
{
	struct utsname name;
	char line[128];
	double load = 0;

	*machine = (struct bench_machine){
		.cores = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN),
		.memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE),
		.clock_hz = (double)rte_get_tsc_hz(),
		.clock_ns = bench_clock_ns(),
	};
	read_cpu(machine);
	read_caches(machine);
	uname(&name);
	snprintf(machine->kernel, BENCH_FACT, "%.64s %.64s", name.sysname, name.release);
	read_line("/sys/kernel/mm/transparent_hugepage/enabled", machine->huge_pages, BENCH_FACT);
	snprintf(machine->dpdk, BENCH_FACT, "%s", rte_version());
	snprintf(machine->compiler, BENCH_FACT, "%s", __VERSION__);
	read_line("/proc/sys/net/ipv4/tcp_ehash_entries", line, sizeof(line));
	machine->socket_hash_buckets = strtoull(line, NULL, 10);
	if (getloadavg(&load, 1) == 1)
		machine->load = load;
}

void bench_machine_print(const struct bench_machine *machine)
{
	printf("machine   %s%s, %lu cores, %.1f GiB\n", machine->cpu,
		machine->is_virtual ? " (virtual)" : "", machine->cores,
		(double)machine->memory_bytes / 0x1p30);
	printf("caches    %s\n", machine->caches);
	printf("software  %s, %s, compiler %s, huge pages %s\n", machine->kernel, machine->dpdk,
		machine->compiler, machine->huge_pages);
	printf("clock     %.0f MHz, a reading costs %.1f ns\n", machine->clock_hz / 1e6,
		machine->clock_ns);
	if (machine->load > 0.5)
		printf("WARNING   the load of this machine was %.1f before the start: the figures "
		       "are not to be trusted\n",
			machine->load);
}
