// Where decisions come from: a seeded generator, or the bytes that libFuzzer found. The same code
// makes frames and calls from both.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/random.h"

struct fuzz_choice {
	struct ft_random *random; // NULL: decide by the bytes
	const uint8_t *bytes;
	size_t left; // when none are left, every decision is 0
};

static inline uint32_t fuzz_choice_read(struct fuzz_choice *choice, size_t bytes)
{
	uint32_t value = 0;

	bytes = bytes < choice->left ? bytes : choice->left;
	memcpy(&value, choice->bytes, bytes);
	choice->bytes += bytes;
	choice->left -= bytes;
	return value;
}

// 0 to 2^32 - 1.
static inline uint32_t fuzz_choose_any(struct fuzz_choice *choice)
{
	if (choice->random != NULL)
		return (uint32_t)ft_random_next(choice->random);
	return fuzz_choice_read(choice, 4);
}

// 0 to limit - 1.
static inline uint32_t fuzz_choose(struct fuzz_choice *choice, uint32_t limit)
{
	if (choice->random != NULL)
		return ft_random_below(choice->random, limit);
	return fuzz_choice_read(choice, limit <= 256 ? 1 : limit <= 65536 ? 2 : 4) % limit;
}

// True once in `count` times.
static inline bool fuzz_choose_once_in(struct fuzz_choice *choice, uint32_t count)
{
	return fuzz_choose(choice, count) == count - 1;
}
