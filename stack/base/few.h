// Few bytes, as a request and its answer are: copied in line, since of so few a call of memcpy() costs more than
// the bytes do.
#pragma once
#include <stdint.h>
#include <string.h>

#include <rte_common.h>

#define FT_FEW 64

// The first and the last `size` bytes, which overlap where there are not twice as many. `size` is a constant, and
// so each a load and a store.
static __rte_always_inline void ft_few_copy_ends(
	uint8_t *to, const uint8_t *from, uint64_t bytes, uint32_t size)
{
	uint8_t first[FT_FEW / 4], last[FT_FEW / 4];

	memcpy(first, from, size);
	memcpy(last, from + bytes - size, size);
	memcpy(to, first, size);
	memcpy(to + bytes - size, last, size);
}

// From 1 to FT_FEW bytes; the two do not overlap. The most are asked for first: to copy them takes longest as it is.
static __rte_always_inline void ft_few_copy(void *to, const void *from, uint64_t bytes)
{
	if (bytes >= 16) {
		ft_few_copy_ends(to, from, bytes, 16);
		if (bytes > 32)
			ft_few_copy_ends(
				(uint8_t *)to + 16, (const uint8_t *)from + 16, bytes - 32, 16);
	} else if (bytes >= 8) {
		ft_few_copy_ends(to, from, bytes, 8);
	} else if (bytes >= 4) {
		ft_few_copy_ends(to, from, bytes, 4);
	} else {
		((uint8_t *)to)[0] = ((const uint8_t *)from)[0];
		if (bytes > 1)
			ft_few_copy_ends(
				(uint8_t *)to + 1, (const uint8_t *)from + 1, bytes - 1, 1);
	}
}

// The same where both have room for FT_FEW bytes.
static __rte_always_inline void ft_few_copy_roomy(void *to, const void *from, uint64_t bytes)
{
	if (bytes <= FT_FEW / 4)
		memcpy(to, from, FT_FEW / 4);
	else
		memcpy(to, from, FT_FEW);
}
