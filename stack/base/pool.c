#include "base/pool.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include <rte_common.h>

static size_t object_bytes(const struct ft_pool *pool)
{
	return (size_t)pool->maximum * pool->stride;
}

static size_t free_bytes(const struct ft_pool *pool)
{
	return (size_t)pool->maximum * sizeof(pool->free_indices[0]);
}

// 2 to 4 MiB ahead. Until the first huge page is half used nothing is given: what stays small costs
// nothing.
static bool give_ahead(struct ft_pages_front *front, size_t used_bytes)
{
	return used_bytes >= FT_PAGES_HUGE_BYTES / 2 &&
	       ft_pages_front_give(front, used_bytes + FT_PAGES_HUGE_BYTES);
}

static bool tend(struct ft_pages_watch *watch)
{
	struct ft_pool *pool = ft_container_of(watch, struct ft_pool, watch);
	size_t fresh = __atomic_load_n(&pool->fresh, __ATOMIC_RELAXED);
	size_t free_count = __atomic_load_n(&pool->free_count, __ATOMIC_RELAXED);
	bool has_given = give_ahead(&pool->objects_front, fresh * pool->stride);

	return give_ahead(&pool->free_front, free_count * sizeof(pool->free_indices[0])) ||
	       has_given;
}

int ft_pool_init(struct ft_pool *pool, uint32_t maximum, uint32_t bytes, uint32_t alignment)
{
	assert(maximum < FT_POOL_NONE && rte_is_power_of_2(alignment) && alignment <= 4096);
	*pool = (struct ft_pool){
		.maximum = maximum,
		.stride = RTE_ALIGN_CEIL(bytes == 0 ? 1 : bytes, alignment),
	};
	pool->objects = ft_pages_map(object_bytes(pool));
	pool->free_indices = ft_pages_map(free_bytes(pool));
	if (pool->objects == NULL || pool->free_indices == NULL) {
		ft_pool_free(pool);
		return -ENOMEM;
	}
	pool->objects_front = (struct ft_pages_front){
		.start = pool->objects,
		.bytes = object_bytes(pool),
	};
	pool->free_front = (struct ft_pages_front){
		.start = (char *)pool->free_indices,
		.bytes = free_bytes(pool),
	};
	ft_pages_watch(&pool->watch, tend);
	return 0;
}

void ft_pool_free(struct ft_pool *pool)
{
	ft_pages_unwatch(&pool->watch);
	ft_pages_unmap(pool->objects, object_bytes(pool));
	ft_pages_unmap(pool->free_indices, free_bytes(pool));
	*pool = (struct ft_pool){ 0 };
}
