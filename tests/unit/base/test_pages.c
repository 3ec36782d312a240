#include "../support.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_common.h>

#include "base/pages.h"
#include "base/pool.h"

#define MIB ((size_t)1 << 20)

// How many of the bytes have a page, counted page by page.
static size_t resident(const void *start, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), count = bytes / page, found = 0;
	unsigned char *in_core = malloc(count);

	assert_non_null(in_core);
	assert_int_equal(mincore((void *)start, bytes, in_core), 0);
	for (size_t i = 0; i < count; i++)
		found += in_core[i] & 1;
	free(in_core);
	return found * page;
}

static void unserved_requests_change_nothing(void **state)
{
	char *pages = ft_pages_map(8 * MIB);
	struct ft_pages_front front;

	assert_false(ft_pages_unmap_later(pages, 8 * MIB));
	ft_pages_give_soon(pages, 8 * MIB);
	ft_pages_front_init(&front, pages, 8 * MIB);
	ft_pages_front_prepare(&front);
	for (size_t used = 0; used <= 8 * MIB; used += 4096)
		ft_pages_front_use(&front, used);
	assert_int_equal(front.asked, 8 * MIB);
	assert_int_equal(resident(pages, 8 * MIB), 0);
	ft_pages_service_stop(); // nothing to stop
	ft_pages_unmap(pages, 8 * MIB);
}

// Stopping serves what is left; so no test need wait.
static void served_pages_are_given_and_others_are_not(void **state)
{
	char *pages = ft_pages_map(16 * MIB);

	assert_int_equal(ft_pages_service_start(), 0);
	ft_pages_give_soon(pages + 4 * MIB, 2 * MIB);
	ft_pages_give_soon(pages + 12 * MIB - 1, 1); // no page's border
	ft_pages_service_stop();
	assert_int_equal(resident(pages, 2 * MIB), 0);
	assert_int_equal(resident(pages + 4 * MIB, 2 * MIB), 2 * MIB);
	assert_int_equal(resident(pages + 8 * MIB, 2 * MIB), 0);
	assert_true(resident(pages + 12 * MIB - 4096, 4096) == 4096);
	assert_int_equal(resident(pages + 14 * MIB, 2 * MIB), 0);
	ft_pages_unmap(pages, 16 * MIB);
}

static void pages_unmapped_later_are_gone(void **state)
{
	char *pages = ft_pages_map(4 * MIB);
	unsigned char in_core;

	assert_int_equal(ft_pages_service_start(), 0);
	assert_true(ft_pages_unmap_later(pages, 4 * MIB));
	ft_pages_service_stop();
	assert_int_equal(mincore(pages, 1, &in_core), -1);
}

// DPDK's alarm serves, without anybody's help.
static void service_serves_by_itself_again_and_again(void **state)
{
	char *pages = ft_pages_map(16 * MIB);

	assert_int_equal(ft_pages_service_start(), 0);
	assert_int_equal(ft_pages_service_start(), -EALREADY);
	for (unsigned i = 0; i < 3; i++) {
		char *next = pages + 4 * i * MIB;

		ft_pages_give_soon(next, 2 * MIB);
		while (resident(next, 2 * MIB) < 2 * MIB)
			sched_yield();
	}
	ft_pages_service_stop();
	ft_pages_unmap(pages, 16 * MIB);
}

static void full_service_refuses(void **state)
{
	char *pages = ft_pages_map(4096);
	unsigned asked = 0;

	assert_int_equal(ft_pages_service_start(), 0);
	while (asked < 1000000 && ft_pages_unmap_later(NULL, 0))
		asked++;
	// It may have served some meanwhile.
	assert_in_range(asked, 1000, 999999);
	ft_pages_give_soon(pages, 4096);
	ft_pages_service_stop();
	ft_pages_unmap(pages, 4096);
}

// ---- fronts ----

static void use_served(struct ft_pages_front *front, size_t used_bytes)
{
	assert_int_equal(ft_pages_service_start(), 0);
	ft_pages_front_use(front, used_bytes);
	ft_pages_service_stop();
}

static void front_keeps_two_to_four_mib_ahead(void **state)
{
	char *pages = ft_pages_map(32 * MIB);
	struct ft_pages_front front;

	ft_pages_front_init(&front, pages, 32 * MIB);
	use_served(&front, MIB - 1);
	assert_int_equal(resident(pages, 32 * MIB), 0); // what stays small costs nothing
	for (size_t used = 2 * MIB; used <= 26 * MIB; used += MIB / 2) {
		use_served(&front, used);
		assert_int_equal(resident(pages + used, 2 * MIB), 2 * MIB);
		// A huge page may begin before, and end behind.
		assert_int_equal(resident(pages + used + 6 * MIB, 26 * MIB - used), 0);
	}
	ft_pages_unmap(pages, 32 * MIB);
}

static void front_that_jumps_is_ahead_again(void **state)
{
	char *pages = ft_pages_map(32 * MIB);
	struct ft_pages_front front;

	ft_pages_front_init(&front, pages, 32 * MIB);
	use_served(&front, 20 * MIB);
	assert_int_equal(resident(pages + 20 * MIB, 2 * MIB), 2 * MIB);
	use_served(&front, 32 * MIB);
	assert_int_equal(front.ask_at, SIZE_MAX);
	ft_pages_unmap(pages, 32 * MIB);
}

static void prepared_front_has_its_first_pages(void **state)
{
	char *pages = ft_pages_map(32 * MIB);
	struct ft_pages_front front;

	ft_pages_front_init(&front, pages, 32 * MIB);
	assert_int_equal(ft_pages_service_start(), 0);
	ft_pages_front_prepare(&front);
	ft_pages_service_stop();
	assert_int_equal(resident(pages, 4 * MIB), 4 * MIB);
	assert_int_equal(resident(pages + 6 * MIB, 26 * MIB), 0);
	ft_pages_unmap(pages, 32 * MIB);
}

// Both what it hands out and what it keeps of those that came back.
static void pool_has_pages_given_ahead(void **state)
{
	const uint32_t count = 3 * 1024 * 1024;
	void **taken = malloc(count * sizeof(*taken));
	struct ft_pool pool;

	assert_non_null(taken);
	assert_int_equal(ft_pool_init(&pool, count, 8, 8), 0);
	assert_int_equal(ft_pages_service_start(), 0);
	for (uint32_t i = 0; i < MIB; i++)
		taken[i] = ft_pool_take(&pool);
	ft_pages_service_stop();
	assert_int_equal(resident(RTE_PTR_ALIGN_CEIL(pool.objects + 8 * MIB, 4096), MIB), MIB);
	assert_int_equal(ft_pages_service_start(), 0);
	for (uint32_t i = 0; i < MIB; i++)
		ft_pool_give(&pool, taken[i]);
	ft_pages_service_stop();
	assert_int_equal(resident((char *)pool.free_indices + 4 * MIB, MIB), MIB);
	ft_pool_free(&pool);
	free(taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unserved_requests_change_nothing),
		cmocka_unit_test(served_pages_are_given_and_others_are_not),
		cmocka_unit_test(pages_unmapped_later_are_gone),
		cmocka_unit_test(service_serves_by_itself_again_and_again),
		cmocka_unit_test(full_service_refuses),
		cmocka_unit_test(front_keeps_two_to_four_mib_ahead),
		cmocka_unit_test(front_that_jumps_is_ahead_again),
		cmocka_unit_test(prepared_front_has_its_first_pages),
		cmocka_unit_test(pool_has_pages_given_ahead),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
