// Objects of one size, sized at start, named by index. The memory is mapped at once but only
// touched as objects are first used, so a large maximum costs address space, not memory.
#pragma once
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
	uint32_t stride; // bytes, a multiple of the alignment
	struct ft_pages_front objects_front;
	struct ft_pages_front free_front;
};

// `object_bytes` is rounded up to `alignment` (a power of two up to 4096). Huge pages are asked for
// with madvise. Returns 0, or -ENOMEM.
int ft_pool_init(struct ft_pool *pool, uint32_t maximum, uint32_t object_bytes, uint32_t alignment);
void ft_pool_free(struct ft_pool *pool);

// An object, its bytes as the last user left them (zero when it is the first), or NULL when all are
// in use.
void *ft_pool_take(struct ft_pool *pool);
void ft_pool_give(struct ft_pool *pool, void *object);

static inline void *ft_pool_at(const struct ft_pool *pool, uint32_t index)
{
	return pool->objects + (uint64_t)index * pool->stride;
}

static inline uint32_t ft_pool_index(const struct ft_pool *pool, const void *object)
{
	return (uint32_t)(((const char *)object - pool->objects) / pool->stride);
}
