#include "demux/port_set.h"

#include <rte_common.h>

#define PORTS_PER_CHUNK 1024
#define WORDS_PER_CHUNK (PORTS_PER_CHUNK / 64)

struct chunk {
	uint64_t words[WORDS_PER_CHUNK]; // all zero when the chunk is in the pool
	uint32_t count;			 // bits set
};

static struct chunk *chunk_of(
	const struct ft_pool *chunks, const struct ft_port_set *set, uint32_t port)
{
	return ft_pool_at(chunks, set->chunks[port / PORTS_PER_CHUNK]);
}

static uint64_t *word_of(struct chunk *chunk, uint32_t port)
{
	return &chunk->words[port / 64 % WORDS_PER_CHUNK];
}

static uint64_t bit_of(uint32_t port)
{
	return UINT64_C(1) << port % 64;
}

int ft_port_set_init_pool(struct ft_pool *chunks, uint32_t maximum)
{
	int error = ft_pool_init(chunks, maximum + 1, sizeof(struct chunk), sizeof(uint64_t));

	// The first one is never given out: it stands for every chunk without members.
	if (error == 0)
		ft_pool_take(chunks);
	return error;
}

bool ft_port_set_has(const struct ft_pool *chunks, const struct ft_port_set *set, uint16_t port)
{
	return *word_of(chunk_of(chunks, set, port), port) & bit_of(port);
}

static bool has_own_chunk(struct ft_pool *chunks, uint32_t *index)
{
	struct chunk *chunk;

	if (*index != 0)
		return true;
	chunk = ft_pool_take(chunks);
	if (chunk == NULL)
		return false;
	*index = ft_pool_index(chunks, chunk);
	return true;
}

bool ft_port_set_add(struct ft_pool *chunks, struct ft_port_set *set, uint16_t port)
{
	struct chunk *chunk;

	if (ft_port_set_has(chunks, set, port))
		return true;
	if (!has_own_chunk(chunks, &set->chunks[port / PORTS_PER_CHUNK]))
		return false;
	chunk = chunk_of(chunks, set, port);
	*word_of(chunk, port) |= bit_of(port);
	chunk->count++;
	set->count++;
	return true;
}

void ft_port_set_remove(struct ft_pool *chunks, struct ft_port_set *set, uint16_t port)
{
	struct chunk *chunk = chunk_of(chunks, set, port);

	if (!ft_port_set_has(chunks, set, port))
		return;
	*word_of(chunk, port) &= ~bit_of(port);
	chunk->count--;
	set->count--;
	if (chunk->count > 0)
		return;
	ft_pool_give(chunks, chunk);
	set->chunks[port / PORTS_PER_CHUNK] = 0;
}

// The first port of from .. to outside both chunks, all three within one chunk's ports; or -1.
static int32_t find_in_chunk(struct chunk *a, struct chunk *b, uint32_t from, uint32_t to)
{
	if (a->count == PORTS_PER_CHUNK || b->count == PORTS_PER_CHUNK)
		return -1;
	for (uint32_t port = from; port <= to; port = (port | 63) + 1) {
		uint64_t free = ~(*word_of(a, port) | *word_of(b, port)) & -bit_of(port);

		if (free == 0)
			continue;
		port = (port & ~63u) + (uint32_t)__builtin_ctzll(free);
		return port <= to ? (int32_t)port : -1;
	}
	return -1;
}

int32_t ft_port_set_find_outside(const struct ft_pool *chunks, const struct ft_port_set *a,
	const struct ft_port_set *b, uint32_t from, uint32_t to)
{
	int32_t port = -1;

	while (from <= to && port < 0) {
		uint32_t last = from | (PORTS_PER_CHUNK - 1);

		port = find_in_chunk(chunk_of(chunks, a, from), chunk_of(chunks, b, from), from,
			RTE_MIN(last, to));
		from = last + 1;
	}
	return port;
}
