#include "../support.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_common.h>

#include "demux/conn_pages.h"

#define MIB	 ((size_t)1 << 20)
#define PER_MIB	 16384	 // buckets
#define LARGEST	 1048576 // buckets: 64 MiB
#define IN_FIRST 16384	 // of the largest in the first 2 MiB

// ---- what has pages ----

// Of the generation of so many buckets, those from one on.
static size_t resident_from(
	const struct ft_conn_pages *pages, uint64_t generation, uint64_t first, uint64_t count)
{
	return ft_test_resident(
		pages->region + generation + first, count * sizeof(struct ft_conn_bucket));
}

static size_t resident_of(const struct ft_conn_pages *pages, uint64_t generation)
{
	return resident_from(pages, generation, 0, generation);
}

static size_t bytes_of(uint64_t buckets)
{
	return buckets * sizeof(struct ft_conn_bucket);
}

// ---- as the table does ----

static void leave_until(struct ft_conn_pages *pages, uint64_t moved)
{
	uint64_t last = pages->leaving - pages->from;

	while (pages->leaving != 0 && last < moved)
		ft_conn_pages_leave(pages, ++last);
}

// The control thread may be at work.
static void begin(struct ft_conn_pages *pages, uint64_t buckets)
{
	while (!ft_conn_pages_begin(pages, buckets))
		sched_yield();
}

// From one generation to the next and the next, each filled.
static void go_on_to(struct ft_conn_pages *pages, uint64_t buckets)
{
	while (pages->to != buckets) {
		uint64_t next = pages->to < buckets ? pages->to * 2 : pages->to / 2;

		begin(pages, next);
		memset(pages->region + next, 0xff, bytes_of(next));
		leave_until(pages, pages->from);
	}
}

// From here on DPDK's control thread looks as it does, and what it has to do is done when the test has
// looked itself.
static void start_tended(struct ft_conn_pages *pages, uint64_t most)
{
	assert_int_equal(ft_pages_service_start(), 0);
	assert_int_equal(ft_conn_pages_init(pages, 64, most), 0);
}

static void stop_tended(struct ft_conn_pages *pages)
{
	ft_conn_pages_free(pages);
	ft_pages_service_stop();
}

// ---- tests ----

static void generations_lie_side_by_side_on_huge_pages(void **state)
{
	struct ft_conn_pages pages;

	assert_int_equal(ft_conn_pages_init(&pages, 64, LARGEST), 0);
	assert_int_equal((uintptr_t)pages.region % FT_PAGES_HUGE_BYTES, 0);
	memset(pages.region, 1, bytes_of(2 * (uint64_t)LARGEST)); // all is there
	ft_conn_pages_free(&pages);
	ft_conn_pages_free(&pages);
}

static void untended_pages_come_at_the_touch(void **state)
{
	struct ft_conn_pages pages;

	assert_int_equal(ft_conn_pages_init(&pages, 64, LARGEST), 0);
	assert_int_equal(ft_test_resident(pages.region, 4 * MIB), 0);
	pages.region[64].overflow = 1;
	assert_int_equal(ft_test_resident(pages.region, 4 * MIB), sysconf(_SC_PAGESIZE));
	ft_conn_pages_free(&pages);
}

static void untended_buckets_are_given_back_in_pieces(void **state)
{
	struct ft_conn_pages pages;

	assert_int_equal(ft_conn_pages_init(&pages, 64, LARGEST), 0);
	go_on_to(&pages, 512);
	assert_int_equal(ft_test_resident(pages.region, bytes_of(512)), 0);
	assert_int_equal(resident_of(&pages, 512), bytes_of(512));
	go_on_to(&pages, 65536);
	assert_true(ft_conn_pages_begin(&pages, 131072));
	for (uint64_t moved = 0; moved <= 65536; moved += 1024) {
		uint64_t left = moved / 4096 * 4096;

		leave_until(&pages, moved);
		assert_int_equal(resident_from(&pages, 65536, 0, left), 0);
		assert_int_equal(
			resident_from(&pages, 65536, left, 65536 - left), bytes_of(65536 - left));
	}
	ft_conn_pages_free(&pages);
}

static void first_generations_are_given_with_the_table(void **state)
{
	struct ft_conn_pages pages;

	start_tended(&pages, LARGEST);
	assert_int_equal(ft_test_resident(pages.region, 2 * MIB), 2 * MIB);
	assert_int_equal(ft_test_resident(pages.region + 2 * PER_MIB, 2 * MIB), 0);
	stop_tended(&pages);

	// Nor more than a small table has.
	start_tended(&pages, 64);
	assert_int_equal(resident_of(&pages, 64), bytes_of(64));
	stop_tended(&pages);
}

// What is larger than the one in use has been given for it.
static void of_the_first_generations_only_smaller_ones_are_taken(void **state)
{
	struct ft_conn_pages pages;

	start_tended(&pages, LARGEST);
	go_on_to(&pages, 4096);
	ft_pages_tend_all();
	assert_int_equal(resident_of(&pages, 512), bytes_of(512)); // and those before stay
	assert_int_equal(resident_of(&pages, 1024), 0);
	assert_int_equal(resident_of(&pages, 2048), 0);
	assert_int_equal(ft_test_resident(pages.region + 4096, 2 * MIB - bytes_of(4096)),
		2 * MIB - bytes_of(4096));
	go_on_to(&pages, 2048);
	ft_conn_pages_expect(&pages, 1024);
	ft_pages_tend_all();
	assert_int_equal(ft_test_resident(pages.region + 1024, 2 * MIB - bytes_of(1024)),
		2 * MIB - bytes_of(1024));
	go_on_to(&pages, 2 * IN_FIRST);
	ft_pages_tend_all();
	assert_int_equal(ft_test_resident(pages.region, 2 * MIB), bytes_of(1024));
	stop_tended(&pages);
}

static void expected_generation_has_its_first_pages(void **state)
{
	struct ft_conn_pages pages;

	start_tended(&pages, LARGEST);
	for (uint64_t buckets = 32768; buckets <= LARGEST; buckets *= 2) {
		uint64_t half = buckets / 2, given = RTE_MIN(half, 2 * PER_MIB);

		ft_conn_pages_expect(&pages, buckets);
		ft_pages_tend_all();
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(
				resident_from(&pages, buckets, i * half, given), bytes_of(given));
			assert_int_equal(
				resident_from(&pages, buckets, i * half + given, half - given), 0);
		}
		assert_int_equal(resident_of(&pages, buckets / 2),
			buckets / 2 == IN_FIRST ? bytes_of(IN_FIRST) : 0); // no longer
	}
	stop_tended(&pages);
}

// Taken, as another was expected meanwhile; then given again.
static void expected_again_has_its_pages_again(void **state)
{
	struct ft_conn_pages pages;

	start_tended(&pages, LARGEST);
	for (unsigned i = 0; i < 3; i++) {
		ft_conn_pages_expect(&pages, 131072);
		ft_pages_tend_all();
		assert_int_equal(resident_of(&pages, 131072), 4 * MIB);
		ft_conn_pages_expect(&pages, 0);
		ft_pages_tend_all();
		assert_int_equal(resident_of(&pages, 131072), 0);
	}
	stop_tended(&pages);
}

// In either direction: a mebibyte ahead at the least, of what it fills two pages more at the most, and of what it
// leaves one page behind.
static void check_resizing(uint64_t from, uint64_t to)
{
	uint64_t until = RTE_MIN(from, to / 2);
	struct ft_conn_pages pages;

	start_tended(&pages, LARGEST);
	go_on_to(&pages, from);
	ft_pages_tend_all(); // of those before it nothing is left
	ft_conn_pages_expect(&pages, to);
	ft_pages_tend_all();
	begin(&pages, to);
	for (uint64_t moved = 0; moved < until; moved += 2048) {
		uint64_t ahead = RTE_MIN(to / 2, moved + PER_MIB);
		uint64_t behind = RTE_ALIGN_FLOOR(moved, 2 * PER_MIB);
		uint64_t far = RTE_MIN(to / 2, moved + 3 * PER_MIB);

		leave_until(&pages, moved);
		ft_pages_tend_all();
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(
				resident_from(&pages, to, i * to / 2, ahead), bytes_of(ahead));
			assert_int_equal(
				resident_from(&pages, to, i * to / 2 + far, to / 2 - far), 0);
		}
		assert_int_equal(resident_from(&pages, from, 0, behind), 0);
		assert_int_equal(
			resident_from(&pages, from, moved, from - moved), bytes_of(from - moved));
	}
	leave_until(&pages, from);
	ft_pages_tend_all();
	assert_int_equal(resident_of(&pages, to), bytes_of(to));
	assert_int_equal(resident_of(&pages, from), 0);
	stop_tended(&pages);
}

static void resizing_table_has_pages_ahead_and_leaves_none_behind(void **state)
{
	check_resizing(262144, 524288);
	check_resizing(524288, 262144);
}

// Nobody has looked for long.
static void late_control_thread_is_ahead_again(void **state)
{
	struct ft_conn_pages pages;

	start_tended(&pages, LARGEST);
	go_on_to(&pages, 131072);
	begin(&pages, 262144);
	leave_until(&pages, 69632);
	ft_pages_tend_all();
	assert_int_equal(resident_from(&pages, 262144, 69632, PER_MIB), MIB);
	assert_int_equal(resident_from(&pages, 262144, 131072 + 69632, PER_MIB), MIB);
	assert_int_equal(resident_from(&pages, 131072, 0, 65536), 0);
	assert_int_equal(resident_of(&pages, 65536), 0);
	assert_int_equal(resident_of(&pages, 32768), 0);
	leave_until(&pages, 131072);
	ft_conn_pages_expect(&pages, 524288);
	go_on_to(&pages, 524288);
	ft_pages_tend_all();
	assert_int_equal(resident_of(&pages, 262144), 0);
	assert_int_equal(resident_of(&pages, 131072), 0);
	stop_tended(&pages);
}

// So far had it been taken when it was left before.
static void generation_left_again_is_taken_from_its_beginning(void **state)
{
	struct ft_conn_pages pages;

	start_tended(&pages, LARGEST);
	go_on_to(&pages, 131072);
	begin(&pages, 262144);
	leave_until(&pages, 100000);
	ft_pages_tend_all();
	leave_until(&pages, 131072);
	go_on_to(&pages, 131072);
	begin(&pages, 262144);
	leave_until(&pages, 40000);
	ft_pages_tend_all();
	assert_int_equal(resident_from(&pages, 131072, 0, 32768), 0);
	assert_int_equal(resident_from(&pages, 131072, 65536, 65536), bytes_of(65536));
	stop_tended(&pages);
}

// Whoever is told so looks again soon.
static void control_thread_is_told_whether_anything_goes_on(void **state)
{
	struct ft_conn_pages pages;

	assert_int_equal(ft_conn_pages_init(&pages, 64, LARGEST), 0);
	assert_false(ft_pages_tend_all());
	ft_conn_pages_expect(&pages, 131072);
	assert_true(ft_pages_tend_all());
	assert_false(ft_pages_tend_all());
	ft_conn_pages_expect(&pages, 0);
	assert_true(ft_pages_tend_all());
	assert_false(ft_pages_tend_all());
	begin(&pages, 128);
	assert_true(ft_pages_tend_all());
	assert_false(ft_pages_tend_all());
	leave_until(&pages, 1); // nothing to be given or taken for that
	assert_true(ft_pages_tend_all());
	assert_false(ft_pages_tend_all());
	ft_conn_pages_free(&pages);
}

// ---- what the table does between the control thread's first look and its second ----

static struct {
	int advice; // while the kernel is asked for this
	void (*act)(struct ft_conn_pages *pages);
	struct ft_conn_pages *pages;
} meanwhile;

// Instead of the C library's.
int madvise(void *start, size_t bytes, int advice)
{
	void (*act)(struct ft_conn_pages * pages) = meanwhile.act;

	if (act != NULL && advice == meanwhile.advice) {
		meanwhile.act = NULL;
		act(meanwhile.pages);
	}
	return (int)syscall(SYS_madvise, start, bytes, advice);
}

// Nobody else tends.
static void tend_while(
	struct ft_conn_pages *pages, int advice, void (*act)(struct ft_conn_pages *pages))
{
	meanwhile.advice = advice;
	meanwhile.act = act;
	meanwhile.pages = pages;
	ft_pages_tend_all();
	assert_null(meanwhile.act);
}

static void assert_filled(const struct ft_conn_pages *pages, uint64_t generation)
{
	const uint8_t *bytes = (const uint8_t *)(pages->region + generation);

	for (size_t i = 0; i < bytes_of(generation); i++)
		assert_int_equal(bytes[i], 0xff);
}

static void go_back_to_65536(struct ft_conn_pages *pages)
{
	assert_true(ft_conn_pages_begin(pages, 65536));
	memset(pages->region + 65536, 0xff, bytes_of(65536));
}

static void unused_generation_begun_meanwhile_is_not_taken(void **state)
{
	struct ft_conn_pages pages;

	assert_int_equal(ft_conn_pages_init(&pages, 64, LARGEST), 0);
	go_on_to(&pages, 131072);
	tend_while(&pages, MADV_DONTNEED, go_back_to_65536); // while one before it is taken
	assert_filled(&pages, 65536);
	ft_conn_pages_free(&pages);
}

static void go_back_to_131072(struct ft_conn_pages *pages)
{
	leave_until(pages, 131072);
	assert_true(ft_conn_pages_begin(pages, 131072));
	memset(pages->region + 131072, 0xff, bytes_of(131072));
}

static void leave_131072_again(struct ft_conn_pages *pages)
{
	go_back_to_131072(pages);
	leave_until(pages, 262144);
	assert_true(ft_conn_pages_begin(pages, 262144));
	leave_until(pages, 10);
}

static void generation_begun_again_meanwhile_is_not_taken(void **state)
{
	void (*const acts[])(
		struct ft_conn_pages * pages) = { go_back_to_131072, leave_131072_again };
	struct ft_conn_pages pages;

	for (unsigned i = 0; i < RTE_DIM(acts); i++) {
		assert_int_equal(ft_conn_pages_init(&pages, 64, LARGEST), 0);
		go_on_to(&pages, 131072);
		assert_true(ft_conn_pages_begin(&pages, 262144));
		leave_until(&pages, 100000);
		tend_while(&pages, MADV_POPULATE_WRITE, acts[i]); // of the one it goes on to
		assert_filled(&pages, 131072);
		ft_conn_pages_free(&pages);
	}
}

static void generation_does_not_begin_while_its_pages_are_taken(void **state)
{
	struct ft_conn_pages pages;

	assert_int_equal(ft_conn_pages_init(&pages, 64, LARGEST), 0);
	go_on_to(&pages, 32768);
	pages.taking = 16384 + 8192;
	assert_false(ft_conn_pages_begin(&pages, 16384));
	assert_int_equal(pages.to, 32768);
	assert_int_equal(pages.leaving, 0);
	pages.taking = 65536 + 8192; // others do not matter
	assert_true(ft_conn_pages_begin(&pages, 16384));
	ft_conn_pages_free(&pages);
}

// Although it could not begin yet.
static void wanted_pages_are_not_taken(void **state)
{
	struct ft_conn_pages pages;

	assert_int_equal(ft_conn_pages_init(&pages, 64, LARGEST), 0);
	go_on_to(&pages, 65536);
	memset(pages.region + 32768, 1, bytes_of(32768));
	pages.taking = 32768;
	assert_false(ft_conn_pages_begin(&pages, 32768));
	pages.taking = 0;
	ft_pages_tend_all();
	assert_int_equal(resident_of(&pages, 32768), bytes_of(32768));
	assert_true(ft_conn_pages_begin(&pages, 32768));
	leave_until(&pages, 1000);
	ft_pages_tend_all();
	assert_int_equal(resident_of(&pages, 32768), bytes_of(32768));
	assert_int_equal(resident_of(&pages, 65536), bytes_of(65536));
	ft_conn_pages_free(&pages);
}

static void no_address_space_is_told(void **state)
{
	struct rlimit before, none = { 0 };
	struct ft_conn_pages pages;
	int error;

	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	error = ft_conn_pages_init(&pages, 64, LARGEST);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_int_equal(error, -ENOMEM);
	assert_false(ft_pages_tend_all());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generations_lie_side_by_side_on_huge_pages),
		cmocka_unit_test(untended_pages_come_at_the_touch),
		cmocka_unit_test(untended_buckets_are_given_back_in_pieces),
		cmocka_unit_test(first_generations_are_given_with_the_table),
		cmocka_unit_test(of_the_first_generations_only_smaller_ones_are_taken),
		cmocka_unit_test(expected_generation_has_its_first_pages),
		cmocka_unit_test(expected_again_has_its_pages_again),
		cmocka_unit_test(resizing_table_has_pages_ahead_and_leaves_none_behind),
		cmocka_unit_test(late_control_thread_is_ahead_again),
		cmocka_unit_test(generation_left_again_is_taken_from_its_beginning),
		cmocka_unit_test(control_thread_is_told_whether_anything_goes_on),
		cmocka_unit_test(unused_generation_begun_meanwhile_is_not_taken),
		cmocka_unit_test(generation_begun_again_meanwhile_is_not_taken),
		cmocka_unit_test(generation_does_not_begin_while_its_pages_are_taken),
		cmocka_unit_test(wanted_pages_are_not_taken),
		cmocka_unit_test(no_address_space_is_told),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
