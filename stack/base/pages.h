// Memory straight from the kernel: zero, untouched until used, on huge pages where there are some.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"

// What a huge page is. Whatever is larger begins on the border of one.
#define FT_PAGES_HUGE_BYTES ((size_t)2 << 20)

// Returns NULL when there is none. `bytes` may be 0: the result is then a page all the same.
void *ft_pages_map(size_t bytes);

// `bytes` as given to ft_pages_map(). NULL is allowed.
void ft_pages_unmap(void *pages, size_t bytes);

// For a part of it that is to take no more memory than is touched: no huge pages.
void ft_pages_keep_small(void *pages, size_t bytes);

// Has the kernel give the pages now, instead of when they are touched. What they hold stays as it is.
void ft_pages_give(void *pages, size_t bytes);

// Gives them back: until they are touched again they are zero and take no memory.
void ft_pages_take(void *pages, size_t bytes);

// ---- somebody who waits for the kernel ----
//
// Whoever touches a page first waits until the kernel has cleared it: a microsecond for a small one,
// a hundred for a huge one, milliseconds where a hypervisor has to find memory first. Nor does giving
// pages back cost nothing. So DPDK's own control thread does this waiting. It looks from time to time
// what there is to do, as even waking it would cost the packets some microseconds. Nobody has to ask:
// whoever's pages are to be tended is watched.

struct ft_pages_watch {
	struct ft_list link;
	// Called by the control thread, one at a time: gives and takes pages, and returns whether to look again
	// soon. What the packets change meanwhile it reads as what another thread changes.
	bool (*tend)(struct ft_pages_watch *watch);
};

// To be called when its owner begins, and before it ends. May wait for the control thread; so may not be
// called by tend(). Unwatching what is not watched, all zero, does nothing.
void ft_pages_watch(struct ft_pages_watch *watch, bool (*tend)(struct ft_pages_watch *watch));
void ft_pages_unwatch(struct ft_pages_watch *watch);

// From now on all are tended, for the whole process; DPDK has to run. Returns 0 or -errno: -EALREADY when they are.
int ft_pages_service_start(void);

// Tends them once more, and no more. Does nothing when it was not started.
void ft_pages_service_stop(void);

bool ft_pages_are_tended(void);

// What the control thread does whenever it looks.
bool ft_pages_tend_all(void);

// A region that is touched from its start onwards, and has its pages given ahead, whole huge ones.
struct ft_pages_front {
	char *start;
	size_t bytes;
	size_t given; // so many of them
};

// Has those before `until` given that are not. Returns whether there were any.
bool ft_pages_front_give(struct ft_pages_front *front, size_t until);
