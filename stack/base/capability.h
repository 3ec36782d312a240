// What the process is allowed to do.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// True when the process holds all capabilities of the mask: 1 << CAP_NET_RAW | ...
// (capabilities(7)).
bool ft_capability_has(uint64_t capabilities);
