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
