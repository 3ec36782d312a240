#include "../support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/trace.h"
#include "stack.h"

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

static struct ft_stack stack;

static void trace_one_packet(void)
{
	ft_trace(&stack, FT_TRACE_TCP, "%s to %d", "SYN", 80);
	ft_trace(&stack, FT_TRACE_UDP, "not asked for");
}

static void event_is_one_line_with_time_and_subsystem(void **state)
{
	char line[200] = "";
	FILE *file = tmpfile();
	int before = dup(STDERR_FILENO);

	stack.now = 12 * FT_SECOND + 5;
	stack.trace = FT_TRACE_TCP;
	dup2(fileno(file), STDERR_FILENO);
	trace_one_packet();
	dup2(before, STDERR_FILENO);
	close(before);
	rewind(file);
	assert_true(fread(line, 1, sizeof(line) - 1, file) > 0);
	assert_string_equal(line, "12.000000005 tcp SYN to 80\n");
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_give_their_bits),
		cmocka_unit_test(nothing_traces_nothing),
		cmocka_unit_test(unknown_word_is_named),
		cmocka_unit_test(event_is_one_line_with_time_and_subsystem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
