#include "../support.h"

#include <string.h>

#include "ip/addr.h"

static void check_text(const char *given, const char *expected)
{
	char text[FT_ADDR_TEXT_BYTES];
	struct ft_addr addr;

	assert_true(ft_addr_parse(given, &addr));
	assert_string_equal(ft_addr_text(&addr, text), expected);
}

static void both_families_come_back_as_written(void **state)
{
	check_text("10.9.0.2", "10.9.0.2");
	check_text("255.255.255.255", "255.255.255.255");
	check_text("2001:db8::1", "2001:db8::1");
	check_text("::", "::");
	check_text("::ffff:10.9.0.2", "10.9.0.2");
	check_text("FE80:0:0:0:0:0:0:1", "fe80::1");
}

static void ip4_lies_in_its_mapped_prefix(void **state)
{
	static const uint8_t expected[16] = { [10] = 0xff, 0xff, 10, 9, 0, 2 };
	struct ft_addr addr;

	assert_true(ft_addr_parse("10.9.0.2", &addr));
	assert_memory_equal(addr.bytes, expected, sizeof(expected));
	assert_true(ft_addr_is_ip4(&addr));
	assert_int_equal(ft_addr_ip4(&addr), RTE_BE32(0x0a090002));
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const texts[] = { "", "10.9.0", "10.9.0.256", "10.9.0.2/24", " 10.9.0.2",
		"10.9.0.2 ", "010.9.0.2x", "1:2", "::g", "1::2::3", "localhost" };
	struct ft_addr addr;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(ft_addr_parse(texts[i], &addr));
}

static void any_and_multicast_are_told_in_both_families(void **state)
{
	struct ft_addr addr;

	assert_true(ft_addr_parse("0.0.0.0", &addr) && ft_addr_is_any(&addr));
	assert_true(ft_addr_parse("::", &addr) && ft_addr_is_any(&addr));
	assert_true(ft_addr_parse("0.0.0.1", &addr) && !ft_addr_is_any(&addr));
	assert_true(ft_addr_parse("224.0.0.1", &addr) && ft_addr_is_multicast(&addr));
	assert_true(ft_addr_parse("239.255.255.255", &addr) && ft_addr_is_multicast(&addr));
	assert_true(ft_addr_parse("240.0.0.1", &addr) && !ft_addr_is_multicast(&addr));
	assert_true(ft_addr_parse("ff02::1", &addr) && ft_addr_is_multicast(&addr));
	assert_true(ft_addr_parse("fe80::1", &addr) && !ft_addr_is_multicast(&addr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_families_come_back_as_written),
		cmocka_unit_test(ip4_lies_in_its_mapped_prefix),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(any_and_multicast_are_told_in_both_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
