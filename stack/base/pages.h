// Memory straight from the kernel: zero, untouched until used, on huge pages where there are some.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include <rte_branch_prediction.h>

// Returns NULL when there is none. `bytes` may be 0: the result is then a page all the same.
void *ft_pages_map(size_t bytes);

// `bytes` as given to ft_pages_map(). NULL is allowed.
void ft_pages_unmap(void *pages, size_t bytes);

// ---- somebody who waits for the kernel ----
//
// Whoever touches a page first waits until the kernel has cleared it: a microsecond for a small one,
// a hundred for a huge one, milliseconds where a hypervisor has to find memory first. Nor does giving
// pages back cost nothing. So DPDK's own control thread does this waiting. It looks what there is to
// do from time to time, as even waking it would cost the packets some microseconds.

// From now on requests are served, for the whole process; DPDK has to run. Returns 0 or -errno: -EALREADY when they
// are.
int ft_pages_service_start(void);

// Serves those that are left, and no more. Does nothing when it was not started.
void ft_pages_service_stop(void);

// ft_pages_unmap(), later. False when nobody serves.
bool ft_pages_unmap_later(void *pages, size_t bytes);

// Has pages given that will be touched soon. When nobody serves, or is late, they come at the touch.
void ft_pages_give_soon(void *pages, size_t bytes);

// A region that is touched from its start onwards, and has its pages given some way ahead:
//
//	 start        used             asked                                  bytes
//	 | touched     | given, or soon | address space                        |
//	                <- 2 to 4 MiB ->
//
// Until the first huge page is half used nothing is asked for: what stays small costs nothing.
struct ft_pages_front {
	char *start;
	size_t bytes;
	size_t asked;  // for so many of them
	size_t ask_at; // ... and for more when so many are used
};

// `bytes` at `start`, from ft_pages_map(), none of which are used yet.
void ft_pages_front_init(struct ft_pages_front *front, void *start, size_t bytes);

// Asks for the first pages although none are used yet: they will be soon.
void ft_pages_front_prepare(struct ft_pages_front *front);

void ft_pages_front_advance(struct ft_pages_front *front, size_t used_bytes);

// To be called with how much is used whenever that has grown.
static inline void ft_pages_front_use(struct ft_pages_front *front, size_t used_bytes)
{
	if (unlikely(used_bytes >= front->ask_at))
		ft_pages_front_advance(front, used_bytes);
}
