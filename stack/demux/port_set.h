// A set of ports that costs memory only where it has members, and is searched a word at a time: the
// next port that is in neither of two sets takes a thousand word operations at the very most,
// however many ports are taken.
//
//	set    64 chunk numbers          0 is the chunk that is always empty
//	chunk  1,024 ports, one bit each
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"

#define FT_PORT_SET_CHUNKS 64

// All zero: the empty set.
struct ft_port_set {
	uint32_t count; // members
	uint32_t chunks[FT_PORT_SET_CHUNKS];
};

// The pool that the chunks of any number of sets come from; `maximum` chunks. Returns 0 or -ENOMEM.
int ft_port_set_init_pool(struct ft_pool *chunks, uint32_t maximum);

// Adding a member again changes nothing. False when no chunk is left.
bool ft_port_set_add(struct ft_pool *chunks, struct ft_port_set *set, uint16_t port);

// Harmless when the port is not a member.
void ft_port_set_remove(struct ft_pool *chunks, struct ft_port_set *set, uint16_t port);

bool ft_port_set_has(const struct ft_pool *chunks, const struct ft_port_set *set, uint16_t port);

// The first port of from .. to (included) that is in neither set, or -1.
int32_t ft_port_set_find_outside(const struct ft_pool *chunks, const struct ft_port_set *a,
	const struct ft_port_set *b, uint32_t from, uint32_t to);
