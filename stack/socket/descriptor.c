#include "socket/descriptor.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "base/pages.h"

static uint32_t words_for(uint32_t bits)
{
	return (bits + 63) / 64;
}

static void set_bit(uint64_t *words, uint32_t bit)
{
	words[bit / 64] |= 1ull << (bit % 64);
}

static void clear_bit(uint64_t *words, uint32_t bit)
{
	words[bit / 64] &= ~(1ull << (bit % 64));
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

static __attribute__((noinline)) uint32_t search(
	const struct ft_descriptors *descriptors, uint32_t lowest)
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

// Nearly always the one asked for.
static inline uint32_t find_free(const struct ft_descriptors *descriptors, uint32_t lowest)
{
	bool is_free = lowest < descriptors->maximum &&
		       !(descriptors->used[lowest / 64] >> (lowest % 64) & 1);

	return likely(is_free) ? lowest : search(descriptors, lowest);
}

static void link_to(struct ft_descriptors *descriptors, struct ft_description *description, int fd)
{
	descriptors->table[fd] = (struct ft_descriptor){
		.description = description,
		.next = description->first,
	};
	if (description->first != 0)
		descriptors->table[description->first].previous = fd;
	description->first = fd;
	description->descriptors++;
}

static void unlink_from(
	struct ft_descriptors *descriptors, struct ft_description *description, int fd)
{
	struct ft_descriptor *descriptor = &descriptors->table[fd];

	if (descriptor->previous != 0)
		descriptors->table[descriptor->previous].next = descriptor->next;
	else
		description->first = descriptor->next;
	if (descriptor->next != 0)
		descriptors->table[descriptor->next].previous = descriptor->previous;
	descriptor->description = NULL;
	description->descriptors--;
}

int ft_descriptor_take(
	struct ft_descriptors *descriptors, struct ft_description *description, uint32_t lowest)
{
	const bool is_lowest = lowest <= descriptors->lowest;
	const uint32_t fd = find_free(descriptors, is_lowest ? descriptors->lowest : lowest);

	if (fd >= descriptors->maximum)
		return -EMFILE;
	if (is_lowest)
		descriptors->lowest = fd + 1;
	set_bit(descriptors->used, fd);
	if (descriptors->used[fd / 64] == ~0ull)
		set_bit(descriptors->full, fd / 64);
	link_to(descriptors, description, (int)fd);
	return (int)fd;
}

struct ft_description *ft_descriptor_give(struct ft_descriptors *descriptors, int fd)
{
	struct ft_description *description = descriptors->table[fd].description;

	clear_bit(descriptors->used, fd);
	clear_bit(descriptors->full, fd / 64);
	descriptors->lowest = RTE_MIN(descriptors->lowest, (uint32_t)fd);
	unlink_from(descriptors, description, fd);
	return description;
}
