// DPDK's packet capture (pdump): dpdk-dumpcap, another process, attaches to the running one, and has DPDK
// copy packets within our bursts.
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ft_dumpcap {
	bool is_on;
	_Atomic uint64_t bursts; // begun and ended: odd within one
};
extern struct ft_dumpcap ft_dumpcap;

// Once the EAL runs. Returns 0, or a negative errno and has said why.
int ft_dumpcap_start(void);
void ft_dumpcap_stop(void);

// Around each rx and tx burst, in the one thread that makes them.
static inline void ft_dumpcap_begin_burst(void)
{
	if (ft_dumpcap.is_on)
		atomic_fetch_add(&ft_dumpcap.bursts, 1);
}

static inline void ft_dumpcap_end_burst(void)
{
	if (ft_dumpcap.is_on)
		atomic_fetch_add_explicit(&ft_dumpcap.bursts, 1, memory_order_release);
}
