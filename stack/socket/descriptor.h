// Descriptors: small numbers, each leading to an open description (POSIX's word for what dup()
// shares), which is a socket or an epoll. The lowest free number is given, found through two levels
// of bits:
//
//	full  1 0 ...             bit w: all 64 numbers of used[w] are taken
//	used  11111111 01101000   bit n: number n is taken
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

// 0 to 2 are a program's standard streams: they are the kernel's, and are never given.
#define FT_DESCRIPTOR_FIRST 3

enum ft_description_kind { FT_DESCRIPTION_SOCKET, FT_DESCRIPTION_EPOLL };

struct ft_description {
	uint8_t kind;	      // enum ft_description_kind
	bool is_nonblocking;  // O_NONBLOCK
	bool is_at_work;      // a socket, whose `conn` has its block (tcp/anchor.h)
	uint32_t descriptors; // how many lead here
	int first;	      // one of them, the others behind it by `next`; 0: none
};

struct ft_descriptor {
	struct ft_description *description; // NULL: the number is free
	uint32_t next;			    // of the same description, 0 at either end
	uint32_t previous : 31;
	bool close_on_exec : 1; // FD_CLOEXEC, kept for F_GETFD
};

_Static_assert(sizeof(struct ft_descriptor) == 16, "each connection of an application has one");

struct ft_descriptors {
	struct ft_descriptor *table;
	uint64_t *used;
	uint64_t *full;
	uint32_t lowest;  // no number below it is free
	uint32_t maximum; // numbers below this, at most INT32_MAX
};

// Numbers below `maximum`. Returns 0 or -ENOMEM.
int ft_descriptor_init(struct ft_descriptors *descriptors, uint32_t maximum);
void ft_descriptor_free(struct ft_descriptors *descriptors);

// The lowest free number not below `lowest`, or `maximum`.
uint32_t ft_descriptor_search(const struct ft_descriptors *descriptors, uint32_t lowest);

// The same; nearly always it is the one asked for.
static inline uint32_t ft_descriptor_lowest_free(
	const struct ft_descriptors *descriptors, uint32_t lowest)
{
	const bool is_free = lowest < descriptors->maximum &&
			     !(descriptors->used[lowest / 64] >> (lowest % 64) & 1);

	return likely(is_free) ? lowest : ft_descriptor_search(descriptors, lowest);
}

static inline void ft_descriptor_link(
	struct ft_descriptors *descriptors, struct ft_description *description, int fd)
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

static inline void ft_descriptor_unlink(
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

// Gives `description` the lowest free number not below `lowest`. Returns it, or -EMFILE.
static inline int ft_descriptor_take(
	struct ft_descriptors *descriptors, struct ft_description *description, uint32_t lowest)
{
	const bool is_lowest = lowest <= descriptors->lowest;
	const uint32_t fd =
		ft_descriptor_lowest_free(descriptors, is_lowest ? descriptors->lowest : lowest);
	uint64_t *used = &descriptors->used[fd / 64];

	if (unlikely(fd >= descriptors->maximum))
		return -EMFILE;
	if (is_lowest)
		descriptors->lowest = fd + 1;
	*used |= 1ull << (fd % 64);
	if (unlikely(*used == UINT64_MAX))
		descriptors->full[fd / 64 / 64] |= 1ull << (fd / 64 % 64);
	ft_descriptor_link(descriptors, description, (int)fd);
	return (int)fd;
}

// Frees a number in use and returns the description it led to.
static inline struct ft_description *ft_descriptor_give(
	struct ft_descriptors *descriptors, uint32_t fd)
{
	struct ft_description *description = descriptors->table[fd].description;
	uint64_t *used = &descriptors->used[fd / 64];

	if (unlikely(*used == UINT64_MAX))
		descriptors->full[fd / 64 / 64] &= ~(1ull << (fd / 64 % 64));
	*used &= ~(1ull << (fd % 64));
	descriptors->lowest = RTE_MIN(descriptors->lowest, fd);
	ft_descriptor_unlink(descriptors, description, (int)fd);
	return description;
}

// NULL when the number is not in use.
static inline struct ft_descriptor *ft_descriptor_find(
	const struct ft_descriptors *descriptors, int fd)
{
	if ((uint32_t)fd >= descriptors->maximum || descriptors->table[fd].description == NULL)
		return NULL;
	return &descriptors->table[fd];
}

// What it leads to, or NULL.
static inline struct ft_description *ft_descriptor_description(
	const struct ft_descriptors *descriptors, int fd)
{
	return (uint32_t)fd < descriptors->maximum ? descriptors->table[fd].description : NULL;
}
