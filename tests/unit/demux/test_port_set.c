#include "../support.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/random.h"
#include "demux/port_set.h"

#define PORTS 65536

static const struct ft_port_set empty;

static void empty_set_has_nothing_and_costs_nothing(void **state)
{
	struct ft_pool chunks;

	assert_int_equal(ft_port_set_init_pool(&chunks, 0), 0);
	assert_false(ft_port_set_has(&chunks, &empty, 80));
	assert_int_equal(ft_port_set_find_outside(&chunks, &empty, &empty, 1, 65535), 1);
	ft_pool_free(&chunks);
}

static void set_gives_chunks_back_with_their_last_port(void **state)
{
	struct ft_port_set set = { 0 };
	struct ft_pool chunks;
	uint32_t in_use;

	assert_int_equal(ft_port_set_init_pool(&chunks, 64), 0);
	in_use = chunks.in_use;
	for (uint32_t port = 0; port < PORTS; port++)
		assert_true(ft_port_set_add(&chunks, &set, (uint16_t)port));
	assert_int_equal(set.count, PORTS);
	assert_int_equal(chunks.in_use, in_use + 64);
	assert_int_equal(ft_port_set_find_outside(&chunks, &set, &empty, 0, 65535), -1);
	for (uint32_t port = 0; port < PORTS; port++)
		ft_port_set_remove(&chunks, &set, (uint16_t)port);
	assert_int_equal(set.count, 0);
	assert_int_equal(chunks.in_use, in_use);
	ft_pool_free(&chunks);
}

static void set_without_memory_refuses_and_stays_whole(void **state)
{
	struct ft_port_set set = { 0 };
	struct ft_pool chunks;

	assert_int_equal(ft_port_set_init_pool(&chunks, 1), 0);
	assert_true(ft_port_set_add(&chunks, &set, 5));
	assert_true(ft_port_set_add(&chunks, &set, 1023));
	assert_false(ft_port_set_add(&chunks, &set, 1024));
	assert_false(ft_port_set_has(&chunks, &set, 1024));
	assert_int_equal(set.count, 2);
	ft_pool_free(&chunks);
}

static int32_t search_outside(const bool *a, const bool *b, uint32_t from, uint32_t to)
{
	for (uint32_t port = from; port <= to; port++) {
		if (!a[port] && !b[port])
			return (int32_t)port;
	}
	return -1;
}

// Full but for a few ports, as a set is when a client has used up its range, or nearly empty.
static void run_model(uint64_t seed)
{
	struct ft_random random;
	struct ft_pool chunks;
	struct ft_port_set sets[2] = { 0 };
	bool *model[2];

	ft_random_init(&random, seed);
	assert_int_equal(ft_port_set_init_pool(&chunks, 128), 0);
	for (unsigned i = 0; i < 2; i++) {
		model[i] = calloc(PORTS, sizeof(bool));
		for (uint32_t port = 0; port < PORTS; port++) {
			model[i][port] = ft_random_below(&random, 1000) < seed * 100 % 1100;
			if (model[i][port])
				assert_true(ft_port_set_add(&chunks, &sets[i], (uint16_t)port));
		}
	}
	for (unsigned step = 0; step < 3000; step++) {
		unsigned i = ft_random_below(&random, 2);
		uint16_t port = (uint16_t)ft_random_below(&random, PORTS);
		uint32_t from = ft_random_below(&random, PORTS);
		uint32_t to = from + ft_random_below(&random, PORTS - from);

		model[i][port] = ft_random_below(&random, 2) == 0;
		if (model[i][port])
			assert_true(ft_port_set_add(&chunks, &sets[i], port));
		else
			ft_port_set_remove(&chunks, &sets[i], port);
		assert_int_equal(ft_port_set_has(&chunks, &sets[i], port), model[i][port]);
		assert_int_equal(ft_port_set_find_outside(&chunks, &sets[0], &sets[1], from, to),
			search_outside(model[0], model[1], from, to));
	}
	for (unsigned i = 0; i < 2; i++)
		free(model[i]);
	ft_pool_free(&chunks);
}

static void random_operations_agree_with_model(void **state)
{
	for (uint64_t seed = 0; seed < 11; seed++)
		run_model(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_set_has_nothing_and_costs_nothing),
		cmocka_unit_test(set_gives_chunks_back_with_their_last_port),
		cmocka_unit_test(set_without_memory_refuses_and_stays_whole),
		cmocka_unit_test(random_operations_agree_with_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
