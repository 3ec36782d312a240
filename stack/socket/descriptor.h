// Descriptors: small numbers, each leading to an open description (POSIX's word for what dup()
// shares), which is a socket or an epoll. The lowest free number is given, found through two levels
// of bits:
//
//	full  1 0 ...             bit w: all 64 numbers of used[w] are taken
//	used  11111111 01101000   bit n: number n is taken
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

// Gives `description` the lowest free number not below `lowest`. Returns it, or -EMFILE.
int ft_descriptor_take(
	struct ft_descriptors *descriptors, struct ft_description *description, uint32_t lowest);

// Frees a number in use and returns the description it led to.
struct ft_description *ft_descriptor_give(struct ft_descriptors *descriptors, int fd);

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
