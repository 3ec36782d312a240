#include "../support.h"

#include <errno.h>
#include <string.h>

#include "base/pool.h"

static void objects_are_aligned_zero_and_apart(void **state)
{
	struct ft_pool pool;
	char *first, *second;

	assert_int_equal(ft_pool_init(&pool, 10, 100, 64), 0);
	first = ft_pool_take(&pool);
	second = ft_pool_take(&pool);
	assert_int_equal((uintptr_t)first % 64, 0);
	assert_int_equal(second - first, 128);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(first[i], 0);
	assert_ptr_equal(ft_pool_at(&pool, ft_pool_index(&pool, second)), second);
	ft_pool_free(&pool);
}

static void exhausted_pool_gives_null_until_one_returns(void **state)
{
	struct ft_pool pool;
	void *objects[3];

	assert_int_equal(ft_pool_init(&pool, 3, 8, 8), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_non_null(objects[i] = ft_pool_take(&pool));
	assert_null(ft_pool_take(&pool));
	assert_int_equal(pool.in_use, 3);
	ft_pool_give(&pool, objects[1]);
	assert_int_equal(pool.in_use, 2);
	assert_ptr_equal(ft_pool_take(&pool), objects[1]);
	assert_null(ft_pool_take(&pool));
	ft_pool_free(&pool);
}

static void returned_object_keeps_its_bytes(void **state)
{
	struct ft_pool pool;
	char *object;

	assert_int_equal(ft_pool_init(&pool, 3, 32, 8), 0);
	object = ft_pool_take(&pool);
	strcpy(object, "generation 1");
	ft_pool_give(&pool, object);
	assert_string_equal(ft_pool_take(&pool), "generation 1");
	ft_pool_free(&pool);
}

static void empty_pool_gives_null(void **state)
{
	struct ft_pool pool;

	assert_int_equal(ft_pool_init(&pool, 0, 32, 8), 0);
	assert_null(ft_pool_take(&pool));
	ft_pool_free(&pool);
}

// A terabyte of objects: the address space is there, the memory is not asked for.
static void large_maximum_costs_no_memory(void **state)
{
	struct ft_pool pool;
	char *object;

	assert_int_equal(ft_pool_init(&pool, 1u << 30, 1024, 64), 0);
	object = ft_pool_take(&pool);
	object[1023] = 1;
	ft_pool_free(&pool);
}

static void impossible_maximum_is_enomem(void **state)
{
	struct ft_pool pool;

	assert_int_equal(ft_pool_init(&pool, FT_POOL_NONE - 1, 1u << 31, 64), -ENOMEM);
	assert_null(pool.objects);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_aligned_zero_and_apart),
		cmocka_unit_test(exhausted_pool_gives_null_until_one_returns),
		cmocka_unit_test(returned_object_keeps_its_bytes),
		cmocka_unit_test(empty_pool_gives_null),
		cmocka_unit_test(large_maximum_costs_no_memory),
		cmocka_unit_test(impossible_maximum_is_enomem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
