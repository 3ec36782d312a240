#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"

static inline uint32_t rotate_left(uint32_t word, unsigned bits)
{
	return word << bits | word >> (32 - bits);
}

// RFC 8439 2.1.
static inline void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*a += *b;
	*d = rotate_left(*d ^ *a, 16);
	*c += *d;
	*b = rotate_left(*b ^ *c, 12);
	*a += *b;
	*d = rotate_left(*d ^ *a, 8);
	*c += *d;
	*b = rotate_left(*b ^ *c, 7);
}

static inline void double_round(uint32_t x[16])
{
	for (unsigned i = 0; i < 4; i++)
		quarter_round(&x[i], &x[4 + i], &x[8 + i], &x[12 + i]);
	for (unsigned i = 0; i < 4; i++)
		quarter_round(
			&x[i], &x[4 + (i + 1) % 4], &x[8 + (i + 2) % 4], &x[12 + (i + 3) % 4]);
}

void ft_random_chacha20(
	const uint32_t key[8], uint32_t counter, const uint32_t nonce[3], uint32_t block[16])
{
	uint32_t start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

	memcpy(&start[4], key, 8 * sizeof(*key));
	start[12] = counter;
	memcpy(&start[13], nonce, 3 * sizeof(*nonce));
	memcpy(block, start, sizeof(start));
	for (unsigned round = 0; round < 10; round++)
		double_round(block);
	for (unsigned i = 0; i < 16; i++)
		block[i] += start[i];
}

static void refill(struct ft_random *random)
{
	static const uint32_t no_nonce[3];
	uint32_t block[16];

	ft_random_chacha20(random->key, 0, no_nonce, block);
	memcpy(random->key, block, sizeof(random->key));
	memcpy(random->results, &block[8], sizeof(random->results));
	random->results_left = FT_RANDOM_RESULTS;
}

void ft_random_init(struct ft_random *random, uint64_t seed)
{
	*random = (struct ft_random){ .key = { (uint32_t)seed, (uint32_t)(seed >> 32) } };
}

uint64_t ft_random_seed(void)
{
	uint64_t seed;
	ssize_t got;

	do {
		got = getrandom(&seed, sizeof(seed), 0);
	} while (got < 0 && errno == EINTR);
	if (got != sizeof(seed)) {
		ft_log_error("the kernel has no entropy: getrandom: %s", strerror(errno));
		abort();
	}
	return seed;
}

uint64_t ft_random_next(struct ft_random *random)
{
	uint64_t result;

	if (random->results_left == 0)
		refill(random);
	random->results_left--;
	result = random->results[random->results_left];
	random->results[random->results_left] = 0;
	return result;
}

// Lemire 2019: the high half of a product is uniform once the few low halves that would favour some
// results are rejected.
uint32_t ft_random_below(struct ft_random *random, uint32_t limit)
{
	uint32_t rejected;
	uint64_t product;

	assert(limit != 0);
	rejected = -limit % limit;
	do {
		product = (ft_random_next(random) >> 32) * limit;
	} while ((uint32_t)product < rejected);
	return product >> 32;
}
