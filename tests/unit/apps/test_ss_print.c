// What ft-ss writes of a socket, from what telemetry said.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "apps/ss_print.h"
#include "printed.h"

static struct ss_table table;

static struct ft_app app = { .name = "ft-echo", .program = "ft-echo", .pid = 12 };

static const char *rest_of(const struct ss_style *style, const char *json)
{
	const struct ss_socket socket = { .state = SS_LISTEN };
	json_t *record = json_loads(json, 0, NULL);

	assert_non_null(record);
	ss_table_free(&table);
	assert_true(ss_table_add(&table, style, &socket, record, &app));
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

static void name_given_is_told(void **state)
{
	const struct ss_style style = { .has_processes = true };

	strcpy(app.name, "web");
	assert_string_equal(
		rest_of(&style, "{\"fds\": \"3\"}"), "users:((\"ft-echo\",pid=12,fd=3)) app:web ");
	strcpy(app.name, "ft-echo");
	ss_table_free(&table);
}

static void assert_timer(long long ms, const char *wanted)
{
	const struct ss_style style = { .has_timers = true };
	char json[64], timer[64];

	snprintf(json, sizeof(json), "{\"timer\": \"on\", \"timer_ms\": %lld, \"retries\": 3}", ms);
	snprintf(timer, sizeof(timer), "timer:(on,%s,3) ", wanted);
	assert_string_equal(rest_of(&style, json), timer);
	ss_table_free(&table);
}

// The longer, the coarser: from 10 s on without milliseconds, from 10 min on without seconds.
static void timers_are_written_as_ss_writes_them(void **state)
{
	assert_timer(0, "000ms");
	assert_timer(5, "005ms");
	assert_timer(200, "200ms");
	assert_timer(1000, "1sec");
	assert_timer(9050, "9.050ms");
	assert_timer(10050, "10sec");
	assert_timer(59999, "59sec");
	assert_timer(60000, "1min");
	assert_timer(62003, "1min2sec");
	assert_timer(599999, "9min59sec");
	assert_timer(612345, "10min");
	assert_timer(7199999, "119min");
}

static void no_timer_none_is_written(void **state)
{
	const struct ss_style style = { .has_timers = true };

	assert_string_equal(rest_of(&style, "{}"), "");
	ss_table_free(&table);
}

// Each number in its place; the names are those of ss(8).
static void details_are_written_as_ss_writes_them(void **state)
{
	const struct ss_style style = { .has_details = true };
	const struct ss_socket socket = { .state = SS_ESTABLISHED };
	json_t *record = json_loads(
		"{\"congestion\": \"newreno\", \"timestamps\": 1, \"wscale\": 1, \"snd_wscale\": 2,"
		" \"rcv_wscale\": 3, \"rto_us\": 204000, \"backoff\": 4, \"rtt_us\": 1500,"
		" \"rttvar_us\": 750, \"mss\": 1448, \"pmtu\": 1500, \"rcvmss\": 536,"
		" \"advmss\": 1447, \"cwnd\": 10, \"ssthresh\": 7, \"bytes_acked\": 11,"
		" \"bytes_received\": 12, \"lastsnd_ms\": 13, \"lastrcv_ms\": 14, \"lastack_ms\": 15,"
		" \"unacked\": 16, \"lost\": 17, \"retrans\": 18, \"retrans_total\": 19,"
		" \"rcv_space\": 20}",
		0, NULL);

	assert_non_null(record);
	assert_true(ss_table_add(&table, &style, &socket, record, &app));
	assert_string_equal(table.rows[0].details,
		"\t ts newreno wscale:2,3 rto:204 backoff:4 rtt:1.5/0.75 mss:1448 pmtu:1500 rcvmss:536 "
		"advmss:1447 cwnd:10 ssthresh:7 bytes_acked:11 bytes_received:12 lastsnd:13 lastrcv:14 "
		"lastack:15 unacked:16 lost:17 retrans:18/19 rcv_space:20");
	json_decref(record);
	ss_table_free(&table);
}

// A second line is what TCP knows of a peer.
static void sockets_without_a_peer_have_no_details(void **state)
{
	const struct ss_style style = { .has_details = true };
	const struct ss_socket sockets[] = { { .state = SS_LISTEN }, { .state = SS_CLOSED },
		{ .state = SS_CLOSED, .is_udp = true } };
	json_t *record = json_loads("{\"congestion\": \"\", \"rto_us\": 0}", 0, NULL);

	for (int i = 0; i < 3; i++) {
		assert_true(ss_table_add(&table, &style, &sockets[i], record, &app));
		assert_null(table.rows[i].details);
	}
	json_decref(record);
	ss_table_free(&table);
}

static void add(const struct ss_style *style, bool is_udp, const char *program)
{
	struct ft_app other = { .pid = 12 };
	const struct ss_socket socket = { .is_udp = is_udp, .state = SS_LISTEN };
	json_t *record = json_loads("{\"fds\": \"3\"}", 0, NULL);

	strcpy(other.name, program);
	strcpy(other.program, program);
	assert_true(ss_table_add(&table, style, &socket, record, &other));
	json_decref(record);
}

static void print_into(char *text, size_t room, const struct ss_style *style)
{
	struct printed printed = printed_begin();

	ss_table_print(&table, style);
	printed_end(printed, text, room);
}

static void several_applications_udp_stands_before_tcp(void **state)
{
	const struct ss_style style = {
		.has_processes = true, .has_netid = true, .has_no_header = true
	};
	const char *const wanted[] = { "udp", "\"b\"", "udp", "\"c\"", "tcp", "\"a\"", "tcp",
		"\"b\"" };
	char text[1024];
	const char *at = text;

	add(&style, false, "a");
	add(&style, true, "b");
	add(&style, false, "b");
	add(&style, true, "c");
	print_into(text, sizeof(text), &style);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		at = strstr(at, wanted[i]);
		assert_non_null(at);
	}
	ss_table_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_are_written_as_ss_writes_them),
		cmocka_unit_test(more_descriptors_than_are_listed_are_counted),
		cmocka_unit_test(name_given_is_told),
		cmocka_unit_test(timers_are_written_as_ss_writes_them),
		cmocka_unit_test(no_timer_none_is_written),
		cmocka_unit_test(details_are_written_as_ss_writes_them),
		cmocka_unit_test(sockets_without_a_peer_have_no_details),
		cmocka_unit_test(several_applications_udp_stands_before_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
