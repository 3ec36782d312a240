// Time is an argument. Nothing below the shim reads a clock, so a test can live through hours in
// milliseconds and a failure can be replayed.
#pragma once
#include <stdint.h>

// Nanoseconds on whatever monotonic clock the caller of ft_stack_poll() uses; 0 is a valid time.
typedef uint64_t ft_time;

#define FT_NEVER       UINT64_MAX
#define FT_MICROSECOND 1000ull
#define FT_MILLISECOND 1000000ull
#define FT_SECOND      1000000000ull
