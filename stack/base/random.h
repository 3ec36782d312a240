// Randomness for what a peer must not guess (RFC 4086) and for everything else that wants chance,
// seeded by an argument so that a simulation replays.
#pragma once
#include <stdint.h>

struct ft_random {
	uint64_t state[4]; // xoshiro256** (Blackman and Vigna 2018)
};

// Expands a seed. Production seeds come from ft_random_seed(); tests pass their own.
void ft_random_init(struct ft_random *random, uint64_t seed);

// 64 bits from the kernel's entropy, getrandom(2). Ends the process if the kernel has none.
uint64_t ft_random_seed(void);

uint64_t ft_random_next(struct ft_random *random);

// Uniform in 0 .. limit - 1; limit is not 0.
uint32_t ft_random_below(struct ft_random *random, uint32_t limit);
