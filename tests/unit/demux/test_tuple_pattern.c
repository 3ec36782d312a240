#include "../support.h"

#include <errno.h>

#include "demux/tuple_pattern.h"

static const struct ft_tuple tuple = {
	.local = { .words = { 0, 0, RTE_BE32(0xffff), RTE_BE32(0x0a090002) } },
	.remote = { .words = { 0, 0, RTE_BE32(0xffff), RTE_BE32(0x0a090001) } },
	.local_port = 7,
	.remote_port = 40000,
	.protocol = 6,
};

static bool matches(const char *text)
{
	struct ft_tuple_pattern pattern;

	assert_int_equal(ft_tuple_pattern_parse(text, &pattern), 0);
	return ft_tuple_pattern_matches(&pattern, &tuple);
}

static void both_directions_match(void **state)
{
	assert_true(matches("10.9.0.1:40000,10.9.0.2:7"));
	assert_true(matches("10.9.0.2:7,10.9.0.1:40000"));
	assert_false(matches("10.9.0.1:7,10.9.0.2:40000"));
	assert_false(matches("10.9.0.3:*,10.9.0.2:7"));
}

static void star_and_a_missing_end_are_any(void **state)
{
	assert_true(matches("*:*,*:*"));
	assert_true(matches("10.9.0.1:*,*:7"));
	assert_true(matches("*:7"));
	assert_true(matches("10.9.0.1:*"));
	assert_false(matches("*:8"));
	assert_false(matches("[2001:db8::1]:7"));
}

#define FIFTY "12345678901234567890123456789012345678901234567890"

static void nonsense_is_refused(void **state)
{
	static const char *const bad[] = { "", "7", ":7", "10.9.0.1", "10.9.0.1:", "*:65536",
		"*:-1", "*:7x", "*:7,", "*:7,*:8,*:9", "[:7", "10.9.0:7", ",*:7", "a:b",
		"*:99999999999999999999999", FIFTY FIFTY FIFTY };
	struct ft_tuple_pattern pattern;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ft_tuple_pattern_parse(bad[i], &pattern), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_match),
		cmocka_unit_test(star_and_a_missing_end_are_any),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
