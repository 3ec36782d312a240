#include "../support.h"

#include <ctype.h>
#include <string.h>

#include "base/counters.h"

static void check_name(const char *name)
{
	for (const char *c = name; *c != 0; c++)
		assert_true(islower(*c) || isdigit(*c) || *c == '_');
}

static void every_drop_has_a_name_of_its_own_and_a_sentence(void **state)
{
	for (int a = 0; a < FT_DROP_COUNT; a++) {
		check_name(ft_drop_name(a));
		assert_true(strlen(ft_drop_text(a)) > 0);
		for (int b = 0; b < a; b++)
			assert_string_not_equal(ft_drop_name(a), ft_drop_name(b));
	}
	assert_string_equal(ft_drop_name(FT_TAKEN), "taken");
	assert_string_equal(ft_drop_name(FT_DROP_IP_BAD_CHECKSUM), "ip_bad_checksum");
}

static void every_counter_has_a_name_of_its_own_and_a_sentence(void **state)
{
	for (int a = 0; a < FT_COUNTER_COUNT; a++) {
		check_name(ft_counter_name(a));
		assert_true(strlen(ft_counter_text(a)) > 0);
		for (int b = 0; b < a; b++)
			assert_string_not_equal(ft_counter_name(a), ft_counter_name(b));
	}
}

static void number_beyond_the_list_is_unknown(void **state)
{
	assert_string_equal(ft_drop_name(FT_DROP_COUNT), "unknown");
	assert_string_equal(ft_counter_text(FT_COUNTER_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_drop_has_a_name_of_its_own_and_a_sentence),
		cmocka_unit_test(every_counter_has_a_name_of_its_own_and_a_sentence),
		cmocka_unit_test(number_beyond_the_list_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
