// What ft-ss -s writes, from what telemetry said.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "apps/ss_summary.h"
#include "printed.h"

static char text[1024];

static json_t *summary_of(const char *json)
{
	json_t *summary = json_loads(json, 0, NULL);

	assert_non_null(summary);
	return summary;
}

// `before` may be NULL.
static const char *print(const char *now, const char *before, double seconds)
{
	json_t *summary = summary_of(now), *old = before != NULL ? summary_of(before) : NULL;
	struct printed printed = printed_begin();

	ss_summary_print(summary, old, seconds);
	printed_end(printed, text, sizeof(text));
	json_decref(summary);
	json_decref(old);
	return text;
}

static void what_is_zero_is_not_written(void **state)
{
	assert_string_equal(print("{\"states\": {\"listen\": 2, \"established\": 0},"
				  " \"counters\": {\"rx_packets\": 9, \"tx_packets\": 0},"
				  " \"drops\": {\"input\": {\"ip_bad_checksum\": 0}, \"late\": {},"
				  "  \"output\": {\"no_route\": 3}}}",
				    NULL, 0),
		"Sockets: listen 2\n"
		"Counters:\n"
		"               9  rx_packets              \n"
		"Not sent:\n"
		"               3  no_route                \n");
}

// Of a watch: what was added, over the time that this took.
static void rates_are_by_the_second(void **state)
{
	const char *before =
		"{\"states\": {}, \"counters\": {\"rx_packets\": 100, \"tx_packets\": 7},"
		" \"drops\": {\"input\": {\"ip_bad_checksum\": 1}}}";
	const char *now = "{\"states\": {}, \"counters\": {\"rx_packets\": 350, \"tx_packets\": 7},"
			  " \"drops\": {\"input\": {\"ip_bad_checksum\": 2}}}";

	assert_string_equal(print(now, before, 2),
		"Sockets:\n"
		"Counters:\n"
		"             350  rx_packets               125.0/s\n"
		"               7  tx_packets               0.0/s\n"
		"Dropped on receipt:\n"
		"               2  ip_bad_checksum          0.5/s\n");
	assert_non_null(strstr(print(now, before, 0.1), "rx_packets               2500.0/s\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_zero_is_not_written),
		cmocka_unit_test(rates_are_by_the_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
