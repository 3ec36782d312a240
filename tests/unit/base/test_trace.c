#include "../support.h"

#include <string.h>

#include "base/trace.h"

static void words_give_their_bits(void **state)
{
	const char *unknown;

	assert_int_equal(ft_trace_parse("tcp,arp", &unknown), FT_TRACE_TCP | FT_TRACE_ARP);
	assert_null(unknown);
	assert_int_equal(ft_trace_parse(" udp , ICMP", &unknown), FT_TRACE_UDP | FT_TRACE_ICMP);
	assert_int_equal(ft_trace_parse("all", &unknown), UINT32_MAX);
	assert_null(unknown);
}

static void nothing_traces_nothing(void **state)
{
	const char *unknown;

	assert_int_equal(ft_trace_parse("", &unknown), 0);
	assert_null(unknown);
}

static void unknown_word_is_named(void **state)
{
	const char *unknown;

	assert_int_equal(ft_trace_parse("tcp,tc,arp", &unknown), 0);
	assert_memory_equal(unknown, "tc,arp", 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_give_their_bits),
		cmocka_unit_test(nothing_traces_nothing),
		cmocka_unit_test(unknown_word_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
