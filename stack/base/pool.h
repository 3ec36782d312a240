// Objects of one size, sized at start, named by index. The memory is mapped at once but only
// touched as objects are first used, so a large maximum costs address space, not memory.
#pragma once
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pages.h"

#define FT_POOL_NONE UINT32_MAX

struct ft_pool {
	char *objects;		// maximum * stride bytes; object i begins at objects + i * stride
	uint32_t *free_indices; // a stack of objects given back
	uint32_t free_count;
	uint32_t fresh; // objects from here on were never used
	uint32_t maximum;
	uint32_t in_use;
	uint32_t stride;	     // bytes, a multiple of the alignment
	struct ft_pages_watch watch; // and what it has given:
	struct ft_pages_front objects_front;
	struct ft_pages_front free_front;
};

// `object_bytes` is rounded up to `alignment` (a power of two up to 4096). Huge pages are asked for
// with madvise. It may not be moved until ft_pool_free(). Returns 0, or -ENOMEM.
int ft_pool_init(struct ft_pool *pool, uint32_t maximum, uint32_t object_bytes, uint32_t alignment);
void ft_pool_free(struct ft_pool *pool);

static inline void *ft_pool_at(const struct ft_pool *pool, uint32_t index)
{
	return pool->objects + (uint64_t)index * pool->stride;
}

static inline uint32_t ft_pool_index(const struct ft_pool *pool, const void *object)
{
	return (uint32_t)(((const char *)object - pool->objects) / pool->stride);
}

// An object, its bytes as the last user left them (zero when it is the first), or NULL when all are
// in use. What was given back last is taken first: it is likely to be in the cache still.
static inline void *ft_pool_take(struct ft_pool *pool)
{
	uint32_t index;

	if (pool->free_count > 0)
		index = pool->free_indices[--pool->free_count];
	else if (pool->fresh < pool->maximum)
		index = pool->fresh++;
	else
		return NULL;
	pool->in_use++;
	return ft_pool_at(pool, index);
}

static inline void ft_pool_give(struct ft_pool *pool, void *object)
{
	const uint64_t offset = (uint64_t)((const char *)object - pool->objects);
	const uint32_t index = (uint32_t)(offset / pool->stride);

	assert(index < pool->fresh && offset % pool->stride == 0 && pool->in_use > 0);
	pool->free_indices[pool->free_count++] = index;
	pool->in_use--;
}
