#include <math.h>

#include <netinet/in.h>

#include "demux_bench.h"

#define FIRST_PORT	 1024
#define PORTS_PER_CLIENT 60000

#define OPEN_CLIENTS   UINT32_C(0x0a000000) // 10.0.0.0 and what follows
#define CLOSED_CLIENTS UINT32_C(0x0b000000)

// Coprime to any number below it, so that multiplying by it permutes the connections: the busiest
// are not those that were opened first, nor neighbours in memory.
#define PRIME UINT64_C(2654435761)

struct ft_tuple bench_tuple(uint64_t number, bool is_open)
{
	uint32_t client = (is_open ? OPEN_CLIENTS : CLOSED_CLIENTS) + number / PORTS_PER_CLIENT;

	return (struct ft_tuple){
		.local = ft_addr_from_ip4(htonl(0xc0000201)), // 192.0.2.1
		.remote = ft_addr_from_ip4(htonl(client)),
		.local_port = 443,
		.remote_port = FIRST_PORT + number % PORTS_PER_CLIENT,
		.protocol = IPPROTO_TCP,
	};
}

void bench_workload_start(
	struct bench_workload *workload, const struct bench_options *options, uint64_t round)
{
	ft_random_init(&workload->random, options->seed * 1000003 + round);
	workload->position = round * options->lookups % workload->connections;
}

static uint64_t random_below(struct bench_workload *workload, uint64_t limit)
{
	return ft_random_below(&workload->random, (uint32_t)limit);
}

// Ranks from 1, with P(k) = log(1 + 1/k) / log(1 + n): close to 1/k, and inverted by one power.
static uint64_t zipf_rank(struct bench_workload *workload)
{
	double uniform = (double)(ft_random_next(&workload->random) >> 11) * 0x1p-53;
	uint64_t rank = (uint64_t)pow((double)workload->connections + 1, uniform);

	return rank <= workload->connections ? rank : workload->connections;
}

static uint64_t hot_rank(struct bench_workload *workload)
{
	uint64_t hot = (workload->connections + 99) / 100;

	return random_below(workload, random_below(workload, 10) < 9 ? hot : workload->connections);
}

uint64_t bench_workload_next(struct bench_workload *workload, bool *is_miss)
{
	*is_miss =
		workload->miss_percent > 0 && random_below(workload, 100) < workload->miss_percent;
	switch (workload->pattern) {
	case BENCH_ZIPF:
		return zipf_rank(workload) * PRIME % workload->connections;
	case BENCH_HOT:
		return hot_rank(workload) * PRIME % workload->connections;
	case BENCH_SWEEP:
		return workload->position++ % workload->connections;
	default:
		return random_below(workload, workload->connections);
	}
}

void bench_connections_make(struct ft_pool *pool, uint64_t connections, uint64_t object_bytes)
{
	uint64_t stride = (object_bytes + 63) & ~UINT64_C(63);
	uint64_t wanted = connections * (stride + 128); // and what the tables take

	if (wanted > bench_available_bytes())
		bench_fail(
			"%lu connections of %lu bytes need %lu MiB, and %lu MiB are free: ask for "
			"fewer, or smaller ones with --object-bytes",
			connections, stride, wanted >> 20, bench_available_bytes() >> 20);
	if (ft_pool_init(pool, (uint32_t)connections, (uint32_t)object_bytes, 64) != 0)
		bench_fail("no memory for %lu connections", connections);
	for (uint64_t number = 0; number < connections; number++)
		*(struct ft_tuple *)ft_pool_take(pool) = bench_tuple(number, true);
}
