#include "../support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_common.h>

#include "base/pages.h"
#include "base/pool.h"

#define MIB ((size_t)1 << 20)

static void given_pages_are_there_and_others_are_not(void **state)
{
	char *pages = ft_pages_map(16 * MIB);

	ft_pages_give(pages + 4 * MIB, 2 * MIB);
	ft_pages_give(pages + 12 * MIB - 1, 1); // no page's border
	assert_int_equal(ft_test_resident(pages, 2 * MIB), 0);
	assert_int_equal(ft_test_resident(pages + 4 * MIB, 2 * MIB), 2 * MIB);
	assert_int_equal(ft_test_resident(pages + 8 * MIB, 2 * MIB), 0);
	assert_true(ft_test_resident(pages + 12 * MIB - 4096, 4096) == 4096);
	assert_int_equal(ft_test_resident(pages + 14 * MIB, 2 * MIB), 0);
	ft_pages_unmap(pages, 16 * MIB);
}

static void taken_pages_are_gone_and_zero_when_touched_again(void **state)
{
	char *pages = ft_pages_map(8 * MIB);

	memset(pages, 1, 8 * MIB);
	ft_pages_give(pages, 8 * MIB); // changes nothing
	ft_pages_take(pages + 2 * MIB, 4 * MIB);
	assert_int_equal(ft_test_resident(pages, 2 * MIB), 2 * MIB);
	assert_int_equal(ft_test_resident(pages + 2 * MIB, 4 * MIB), 0);
	assert_int_equal(ft_test_resident(pages + 6 * MIB, 2 * MIB), 2 * MIB);
	assert_int_equal(pages[2 * MIB - 1], 1);
	assert_int_equal(pages[2 * MIB], 0);
	assert_int_equal(pages[6 * MIB - 1], 0);
	assert_int_equal(pages[6 * MIB], 1);
	ft_pages_unmap(pages, 8 * MIB);
}

// Nothing more stays mapped than was asked for, in whole pages.
static void large_maps_begin_with_a_huge_page(void **state)
{
	static const size_t sizes[] = { 2 * MIB, 2 * MIB + 1, 4 * MIB, 5 * MIB - 1 };

	for (size_t i = 0; i < RTE_DIM(sizes); i++) {
		size_t page = (size_t)sysconf(_SC_PAGESIZE);
		size_t bytes = RTE_ALIGN_CEIL(sizes[i], page);
		long before = ft_test_mapped_pages();
		char *pages = ft_pages_map(sizes[i]);

		assert_non_null(pages);
		assert_int_equal((uintptr_t)pages % FT_PAGES_HUGE_BYTES, 0);
		assert_int_equal(ft_test_mapped_pages() - before, bytes / page);
		pages[0] = pages[sizes[i] - 1] = 1;
		ft_pages_unmap(pages, sizes[i]);
		assert_int_equal(ft_test_mapped_pages(), before);
	}
}

static void pages_kept_small_come_one_by_one(void **state)
{
	char *pages = ft_pages_map(4 * MIB);

	ft_pages_keep_small(pages, 2 * MIB);
	pages[0] = 1;
	assert_int_equal(ft_test_resident(pages, 4 * MIB), sysconf(_SC_PAGESIZE));
	ft_pages_unmap(pages, 4 * MIB);
}

// ---- the service ----

struct watched {
	struct ft_pages_watch watch;
	unsigned tended;
	bool is_busy;
};

static bool tend(struct ft_pages_watch *watch)
{
	struct watched *watched = ft_container_of(watch, struct watched, watch);

	__atomic_add_fetch(&watched->tended, 1, __ATOMIC_RELAXED);
	return watched->is_busy;
}

static unsigned times_tended(const struct watched *watched)
{
	return __atomic_load_n(&watched->tended, __ATOMIC_RELAXED);
}

static void watched_are_tended_and_others_are_not(void **state)
{
	struct watched first = { .is_busy = true }, second = { 0 };

	ft_pages_unwatch(&first.watch); // it is not
	assert_false(ft_pages_tend_all());
	ft_pages_watch(&first.watch, tend);
	ft_pages_watch(&second.watch, tend);
	assert_true(ft_pages_tend_all());
	ft_pages_unwatch(&first.watch);
	ft_pages_unwatch(&first.watch);
	assert_false(ft_pages_tend_all());
	ft_pages_watch(&first.watch, tend); // now it is the last
	assert_true(ft_pages_tend_all());
	ft_pages_unwatch(&second.watch);
	ft_pages_unwatch(&first.watch);
	assert_false(ft_pages_tend_all());
	assert_int_equal(first.tended, 2);
	assert_int_equal(second.tended, 3);
}

// DPDK's alarm tends, without anybody's help.
static void service_tends_by_itself_again_and_again_until_stopped(void **state)
{
	struct watched watched = { .is_busy = true };
	unsigned tended;

	ft_pages_service_stop(); // nothing to stop
	assert_false(ft_pages_are_tended());
	ft_pages_watch(&watched.watch, tend);
	assert_int_equal(ft_pages_service_start(), 0);
	assert_int_equal(ft_pages_service_start(), -EALREADY);
	assert_true(ft_pages_are_tended());
	while (times_tended(&watched) < 3)
		sched_yield();
	tended = times_tended(&watched);
	ft_pages_service_stop();
	assert_true(times_tended(&watched) > tended); // once more
	assert_false(ft_pages_are_tended());
	ft_pages_unwatch(&watched.watch);
}

// ---- fronts ----

static void front_gives_whole_huge_pages_once(void **state)
{
	char *pages = ft_pages_map(9 * MIB);
	struct ft_pages_front front = { .start = pages, .bytes = 9 * MIB };

	assert_true(ft_pages_front_give(&front, 1));
	assert_int_equal(ft_test_resident(pages, 2 * MIB), 2 * MIB);
	assert_int_equal(ft_test_resident(pages + 2 * MIB, 6 * MIB), 0);
	ft_pages_take(pages, 2 * MIB);
	assert_false(ft_pages_front_give(&front, 2 * MIB));
	assert_true(ft_pages_front_give(&front, 5 * MIB));
	assert_int_equal(ft_test_resident(pages, 2 * MIB), 0);
	assert_int_equal(ft_test_resident(pages + 2 * MIB, 4 * MIB), 4 * MIB);
	assert_int_equal(ft_test_resident(pages + 6 * MIB, 2 * MIB), 0);
	assert_true(ft_pages_front_give(&front, 100 * MIB));
	assert_int_equal(ft_test_resident(pages + 6 * MIB, 3 * MIB), 3 * MIB);
	assert_false(ft_pages_front_give(&front, 200 * MIB));
	ft_pages_unmap(pages, 9 * MIB);
}

// Of both what it hands out and what it keeps of those that came back 2 to 4 MiB are there ahead.
static void pool_has_pages_given_ahead(void **state)
{
	const uint32_t count = 3 * 1024 * 1024;
	void **taken = malloc(count * sizeof(*taken));
	struct ft_pool pool;

	assert_non_null(taken);
	assert_int_equal(ft_pool_init(&pool, count, 8, 8), 0);
	for (uint32_t i = 0; i < MIB; i++) {
		taken[i] = ft_pool_take(&pool);
		if (i % 65536 == 0)
			ft_pages_tend_all();
		if (i % 65536 == 0 && i >= 2 * 65536)
			assert_int_equal(
				ft_test_resident(pool.objects + i * UINT64_C(8), 2 * MIB), 2 * MIB);
	}
	assert_int_equal(ft_test_resident(pool.objects + 12 * MIB, 12 * MIB), 0);
	for (uint32_t i = 0; i < MIB; i++)
		ft_pool_give(&pool, taken[i]);
	assert_int_equal(ft_test_resident((char *)pool.free_indices + 4 * MIB + 4096, MIB), 0);
	assert_true(ft_pages_tend_all());
	assert_false(ft_pages_tend_all());
	assert_int_equal(ft_test_resident((char *)pool.free_indices + 4 * MIB, 2 * MIB), 2 * MIB);
	ft_pool_free(&pool);
	assert_false(ft_pages_tend_all());
	free(taken);
}

static void pool_of_which_little_is_used_has_nothing_given(void **state)
{
	struct ft_pool pool;

	assert_int_equal(ft_pool_init(&pool, 1 << 20, 64, 64), 0);
	for (uint32_t i = 1; i < MIB / 64; i++)
		ft_pool_take(&pool);
	assert_false(ft_pages_tend_all());
	ft_pool_take(&pool);
	assert_true(ft_pages_tend_all());
	ft_pool_free(&pool);
}

// ---- fork(2) while pages are tended ----

static struct {
	bool has_begun, is_forked;
} long_tend;

// Until there is a child; or, as that may have to wait for it, for long enough.
static bool tend_long(struct ft_pages_watch *watch)
{
	__atomic_store_n(&long_tend.has_begun, true, __ATOMIC_RELEASE);
	for (int i = 0; i < 10000 && !__atomic_load_n(&long_tend.is_forked, __ATOMIC_ACQUIRE); i++)
		sched_yield();
	return false;
}

static void *tend_in_thread(void *argument)
{
	ft_pages_tend_all();
	return NULL;
}

// The child would wait for a thread that it does not have.
static void child_forked_while_pages_are_tended_can_end_its_pools(void **state)
{
	struct ft_pages_watch watch = { 0 };
	pthread_t thread;
	pid_t child;
	int status;

	assert_int_equal(ft_pages_service_start(), 0);
	ft_pages_watch(&watch, tend_long);
	assert_int_equal(pthread_create(&thread, NULL, tend_in_thread, NULL), 0);
	while (!__atomic_load_n(&long_tend.has_begun, __ATOMIC_ACQUIRE))
		sched_yield();
	child = fork();
	if (child == 0) {
		alarm(20); // which ends it, if it waits
		ft_pages_unwatch(&watch);
		_exit(0);
	}
	__atomic_store_n(&long_tend.is_forked, true, __ATOMIC_RELEASE);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	ft_pages_unwatch(&watch);
	ft_pages_service_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(given_pages_are_there_and_others_are_not),
		cmocka_unit_test(taken_pages_are_gone_and_zero_when_touched_again),
		cmocka_unit_test(large_maps_begin_with_a_huge_page),
		cmocka_unit_test(pages_kept_small_come_one_by_one),
		cmocka_unit_test(watched_are_tended_and_others_are_not),
		cmocka_unit_test(service_tends_by_itself_again_and_again_until_stopped),
		cmocka_unit_test(child_forked_while_pages_are_tended_can_end_its_pools),
		cmocka_unit_test(front_gives_whole_huge_pages_once),
		cmocka_unit_test(pool_has_pages_given_ahead),
		cmocka_unit_test(pool_of_which_little_is_used_has_nothing_given),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
