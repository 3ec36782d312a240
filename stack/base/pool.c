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
	ft_pages_front_init(&pool->objects_front, pool->objects, object_bytes(pool));
	ft_pages_front_init(&pool->free_front, pool->free_indices, free_bytes(pool));
	return 0;
}

void ft_pool_free(struct ft_pool *pool)
{
	ft_pages_unmap(pool->objects, object_bytes(pool));
	ft_pages_unmap(pool->free_indices, free_bytes(pool));
	*pool = (struct ft_pool){ 0 };
}

uint32_t ft_pool_take_fresh(struct ft_pool *pool)
{
	uint32_t index = pool->fresh++;

	ft_pages_front_use(&pool->objects_front, (size_t)pool->fresh * pool->stride);
	return index;
}
