#include "socket/descriptor.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "support.h"

#define MAXIMUM 10000

static struct ft_descriptors descriptors;
static struct ft_description description;

static int start(void **state)
{
	description = (struct ft_description){ 0 };
	return ft_descriptor_init(&descriptors, MAXIMUM);
}

static int stop(void **state)
{
	ft_descriptor_free(&descriptors);
	return 0;
}

static int take(uint32_t lowest)
{
	return ft_descriptor_take(&descriptors, &description, lowest);
}

static void empty_take_is_three(void **state)
{
	assert_int_equal(take(0), 3);
	assert_int_equal(take(0), 4);
	assert_int_equal(description.descriptors, 2);
}

static void give_in_the_middle_take_is_that_one(void **state)
{
	for (int i = 0; i < 200; i++)
		take(0);
	assert_ptr_equal(ft_descriptor_give(&descriptors, 130), &description);
	assert_ptr_equal(ft_descriptor_give(&descriptors, 70), &description);
	assert_int_equal(take(0), 70);
	assert_int_equal(take(0), 130);
	assert_int_equal(take(0), 203);
}

static void lowest_wanted_take_is_not_below(void **state)
{
	assert_int_equal(take(100), 100);
	assert_int_equal(take(100), 101);
	assert_int_equal(take(64), 64);
	assert_int_equal(take(MAXIMUM - 1), MAXIMUM - 1);
	assert_int_equal(take(MAXIMUM - 1), -EMFILE);
	assert_int_equal(take(MAXIMUM), -EMFILE);
	assert_int_equal(take(0), 3);
}

static void full_take_is_refused_until_one_is_given(void **state)
{
	for (int fd = 3; fd < MAXIMUM; fd++)
		assert_int_equal(take(0), fd);
	assert_int_equal(take(0), -EMFILE);
	ft_descriptor_give(&descriptors, 5555);
	assert_int_equal(take(6000), -EMFILE);
	assert_int_equal(take(0), 5555);
	assert_int_equal(take(0), -EMFILE);
}

static void not_in_use_find_is_null(void **state)
{
	take(0);
	assert_non_null(ft_descriptor_find(&descriptors, 3));
	assert_null(ft_descriptor_find(&descriptors, -1));
	assert_null(ft_descriptor_find(&descriptors, 0));
	assert_null(ft_descriptor_find(&descriptors, 4));
	assert_null(ft_descriptor_find(&descriptors, MAXIMUM));
	assert_null(ft_descriptor_find(&descriptors, INT32_MAX));
}

// Against the plainest possible model.
static void random_use_agrees_with_a_search(void **state)
{
	static bool used[MAXIMUM];

	srandom(7);
	for (int i = 0; i < 20000; i++) {
		uint32_t lowest = random() % 700;
		int fd = lowest < 3 ? 3 : lowest;

		if (random() % 3 == 0 && used[fd]) {
			ft_descriptor_give(&descriptors, fd);
			used[fd] = false;
			continue;
		}
		while (fd < MAXIMUM && used[fd])
			fd++;
		assert_int_equal(take(lowest), fd < MAXIMUM ? fd : -EMFILE);
		if (fd < MAXIMUM)
			used[fd] = true;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(empty_take_is_three, start, stop),
		cmocka_unit_test_setup_teardown(give_in_the_middle_take_is_that_one, start, stop),
		cmocka_unit_test_setup_teardown(lowest_wanted_take_is_not_below, start, stop),
		cmocka_unit_test_setup_teardown(
			full_take_is_refused_until_one_is_given, start, stop),
		cmocka_unit_test_setup_teardown(not_in_use_find_is_null, start, stop),
		cmocka_unit_test_setup_teardown(random_use_agrees_with_a_search, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
