// Randomness for what a peer must not guess (RFC 4086) and for everything else that wants chance,
// seeded by an argument so that a simulation replays.
//
// ChaCha20 (RFC 8439) with "fast key erasure": half of each block is handed out, the other half
// becomes the next key. Whoever sees any number of results, or the state itself, learns neither the
// results to come from the first nor the earlier ones (hash keys!) from the second.
#pragma once
#include <stdint.h>

#define FT_RANDOM_RESULTS 4 // from one block

struct ft_random {
	uint32_t key[8];
	uint64_t results[FT_RANDOM_RESULTS];
	uint32_t results_left;
};

// Expands a seed. Production seeds come from ft_random_seed(); tests pass their own.
void ft_random_init(struct ft_random *random, uint64_t seed);

// 64 bits from the kernel's entropy, getrandom(2). Ends the process if the kernel has none.
uint64_t ft_random_seed(void);

uint64_t ft_random_next(struct ft_random *random);

// Uniform in 0 .. limit - 1; limit is not 0.
uint32_t ft_random_below(struct ft_random *random, uint32_t limit);

// The ChaCha20 block function (RFC 8439 2.3), in host words. For the generator and its test.
void ft_random_chacha20(
	const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint32_t block[16]);
