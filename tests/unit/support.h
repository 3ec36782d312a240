// What every unit test shares.
#pragma once
// cmocka.h wants these before itself.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// Starts DPDK's EAL without hugepages, PCI devices or root, once a process. Call it first in main.
void ft_test_start_eal(void);

struct rte_mempool;

// Takes all packets of `pool` but `left`, for what happens then; one pool at a time.
void ft_test_drain(struct rte_mempool *pool, uint32_t left);
// Gives them back.
void ft_test_refill(void);

// How many of `bytes` from `start` on, a page's border, have a page.
size_t ft_test_resident(const void *start, size_t bytes);
// Pages of address space that the process has.
long ft_test_mapped_pages(void);
