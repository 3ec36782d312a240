#include "socket/descriptor.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "base/pages.h"

static uint32_t words_for(uint32_t bits)
{
	return (bits + 63) / 64;
}

// The lowest bit that is zero, from `bit` on; `limit` when there is none below it.
static uint32_t find_zero(const uint64_t *words, uint32_t bit, uint32_t limit)
{
	uint64_t word;

	if (bit >= limit)
		return limit;
	word = ~words[bit / 64] & (~0ull << (bit % 64));
	for (uint32_t i = bit / 64;; word = ~words[i]) {
		if (word != 0) {
			bit = i * 64 + __builtin_ctzll(word);
			return bit < limit ? bit : limit;
		}
		if (++i >= words_for(limit))
			return limit;
	}
}

int ft_descriptor_init(struct ft_descriptors *descriptors, uint32_t maximum)
{
	uint32_t words = words_for(maximum);

	assert(maximum <= INT32_MAX); // so that a number below 0, as unsigned, is none
	descriptors->maximum = maximum;
	descriptors->lowest = FT_DESCRIPTOR_FIRST;
	descriptors->table = ft_pages_map(maximum * sizeof(struct ft_descriptor));
	descriptors->used = ft_pages_map(words * sizeof(uint64_t));
	descriptors->full = ft_pages_map(words_for(words) * sizeof(uint64_t));
	if (descriptors->table == NULL || descriptors->used == NULL || descriptors->full == NULL) {
		ft_descriptor_free(descriptors);
		return -ENOMEM;
	}
	return 0;
}

void ft_descriptor_free(struct ft_descriptors *descriptors)
{
	uint32_t words = words_for(descriptors->maximum);

	ft_pages_unmap(descriptors->table, descriptors->maximum * sizeof(struct ft_descriptor));
	ft_pages_unmap(descriptors->used, words * sizeof(uint64_t));
	ft_pages_unmap(descriptors->full, words_for(words) * sizeof(uint64_t));
}

uint32_t ft_descriptor_search(const struct ft_descriptors *descriptors, uint32_t lowest)
{
	uint32_t words = words_for(descriptors->maximum);
	uint32_t limit = descriptors->maximum;
	uint32_t end = (lowest / 64 + 1) * 64;
	uint32_t fd = find_zero(descriptors->used, lowest, end < limit ? end : limit);
	uint32_t word;

	if (fd < end) // in the word where `lowest` stands, or `limit` within it
		return fd;
	word = find_zero(descriptors->full, lowest / 64 + 1, words);
	return word < words ? find_zero(descriptors->used, word * 64, limit) : limit;
}
