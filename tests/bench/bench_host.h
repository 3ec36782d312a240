// A stack at one end of a memory wire, and the clock it runs by.
#pragma once
#include <stdint.h>

#include "memory_wire.h"
#include "stack.h"

// Time is virtual unless it is wanted to be real: each turn takes a microsecond then.
struct bench_clock {
	bool is_real;
	ft_time now;
	uint64_t turns; // of any host
};

struct bench_host {
	struct bench_clock *clock;
	struct ft_config config;
	struct rte_mempool *receive_pool, *send_pool, *small_pool;
	struct ft_stack stack;
};

// Starts DPDK without huge pages, devices or root, with room for `packets` in all.
void bench_start_eal(uint64_t packets);

ft_time bench_clock_now(struct bench_clock *clock);

// The defaults, except that there is room for `connections` and `packets` and no announcing. The
// caller changes what it wants before bench_host_start().
void bench_host_init(struct bench_host *host, struct bench_clock *clock, uint32_t address,
	uint32_t connections, uint32_t packets);
void bench_host_start(struct bench_host *host, struct memory_end *end, uint8_t number);
void bench_host_stop(struct bench_host *host);

// From now on this thread's ft_* calls are to this host.
void bench_host_enter(struct bench_host *host);
