// What ft-ss writes of a socket, from what telemetry said.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "apps/ss_print.h"

static struct ss_table table;

static const char *rest_of(const struct ss_style *style, const char *json)
{
	const struct ss_socket socket = { .state = SS_LISTEN };
	json_t *record = json_loads(json, 0, NULL);

	assert_non_null(record);
	ss_table_free(&table);
	assert_true(ss_table_add(&table, style, &socket, record, "ft-echo", 12));
	json_decref(record);
	return table.rows[0].rest;
}

static void processes_are_written_as_ss_writes_them(void **state)
{
	const struct ss_style style = { .has_processes = true };

	assert_string_equal(
		rest_of(&style, "{\"fds\": \"3\"}"), "users:((\"ft-echo\",pid=12,fd=3)) ");
	assert_string_equal(rest_of(&style, "{\"fds\": \"3,14\"}"),
		"users:((\"ft-echo\",pid=12,fd=3),(\"ft-echo\",pid=12,fd=14)) ");
	assert_string_equal(rest_of(&style, "{}"), "");
	ss_table_free(&table);
}

static void more_descriptors_than_are_listed_are_counted(void **state)
{
	const struct ss_style style = { .has_processes = true };

	assert_string_equal(rest_of(&style, "{\"fds\": \"3,4\", \"more_fds\": 5}"),
		"users:((\"ft-echo\",pid=12,fd=3),(\"ft-echo\",pid=12,fd=4),+5 more) ");
	ss_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_are_written_as_ss_writes_them),
		cmocka_unit_test(more_descriptors_than_are_listed_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
