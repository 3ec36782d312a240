// Real established sockets of the kernel, for demux_bench_kernel.c.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "demux/tuple.h"

// From here on this thread, and what it forks, is in a network namespace of its own. It has no
// name: the kernel deletes it with its last process, however that ends.
void bench_sockets_open(void);

// Connects until so many sockets are there, or memory is short. Returns how many there are.
uint64_t bench_sockets_grow(uint64_t sockets);
// Ends the program when a process that holds sockets has died.
void bench_sockets_check(void);
double bench_sockets_bytes(void); // memory of the kernel for one of them

// The tuple of socket `number`; `is_open` false: of one like it that is not there.
struct ft_tuple bench_socket_tuple(uint64_t number, bool is_open);
