// ft-ss's filter, against one socket.
#include "apps/ss_filter.h"

#include <arpa/inet.h>
#include <string.h>

#include "support.h"

static struct ss_address address_of(const char *ip, uint16_t port)
{
	struct ss_address address = { .port = port, .ip.s6_addr = { [10] = 0xff, [11] = 0xff } };

	assert_int_equal(inet_pton(AF_INET, ip, &address.ip.s6_addr[12]), 1);
	return address;
}

static void read_filter(struct ss_filter *filter, const char *text)
{
	char words[256], error[128] = "";
	char *list[1] = { words };

	strcpy(words, text);
	if (!ss_filter_parse(filter, 1, list, error))
		fail_msg("%s: %s", text, error);
}

static bool matches(const char *text)
{
	const struct ss_socket socket = {
		.state = SS_ESTABLISHED,
		.local = address_of("10.9.0.2", 7),
		.remote = address_of("192.0.2.77", 40000),
	};
	struct ss_filter filter;

	read_filter(&filter, text);
	return ss_filter_matches(&filter, &socket);
}

static uint32_t states(const char *text)
{
	struct ss_filter filter;

	read_filter(&filter, text);
	return filter.states;
}

static void assert_refused(const char *text)
{
	struct ss_filter filter;
	char words[1024], error[128] = "";
	char *list[1] = { words };

	strcpy(words, text);
	if (ss_filter_parse(&filter, 1, list, error))
		fail_msg("%s: was taken", text);
	assert_true(strlen(error) > 0 && strlen(error) < sizeof(error));
}

static void ports_are_compared(void **state)
{
	assert_true(matches("sport = :7"));
	assert_true(matches("sport = 7"));
	assert_true(matches("sport = :echo"));
	assert_false(matches("sport = :8"));
	assert_false(matches("dport = :7"));
	assert_true(matches("dport > :1024"));
	assert_false(matches("dport < :1024"));
	assert_true(matches("sport != :8"));
	assert_true(matches("sport <= :7"));
	assert_true(matches("sport >= :7"));
}

static void addresses_are_compared_by_prefix(void **state)
{
	assert_true(matches("src 10.9.0.2"));
	assert_false(matches("src 10.9.0.3"));
	assert_true(matches("dst 192.0.2.0/24"));
	assert_false(matches("dst 192.0.3.0/24"));
	assert_true(matches("src 10.0.0.0/8"));
	assert_false(matches("dst 10.0.0.0/8"));
	assert_true(matches("dst 0.0.0.0/0"));
	assert_true(matches("dst 192.0.2.77:40000"));
	assert_false(matches("dst 192.0.2.77:40001"));
}

static void words_join_tests(void **state)
{
	assert_true(matches("( dport = :1 or sport = :7 )"));
	assert_true(matches("dport = :1 or sport = :7 and src 10.0.0.0/8"));
	assert_false(matches("( dport = :1 or sport = :7 ) and src 11.0.0.0/8"));
	assert_true(matches("not dport = :1"));
	assert_false(matches("! ( sport = :7 )"));
	assert_true(matches("sport = :7 src 10.9.0.2"));
	assert_false(matches("sport = :7 src 10.9.0.3"));
	assert_true(matches("sport = :1 || sport = :7 && src 10.9.0.2"));
}

static void states_make_a_mask(void **state)
{
	assert_int_equal(states("sport = :7"), 0);
	assert_int_equal(states("state established"), SS_BIT(SS_ESTABLISHED));
	assert_int_equal(states("state listening"), SS_BIT(SS_LISTEN));
	assert_int_equal(states("state established state time-wait"),
		SS_BIT(SS_ESTABLISHED) | SS_BIT(SS_TIME_WAIT));
	assert_int_equal(states("state all"), SS_ALL_STATES);
	assert_int_equal(states("exclude listening") & SS_BIT(SS_LISTEN), 0);
	assert_true(states("exclude listening") & SS_BIT(SS_ESTABLISHED));
	assert_true(states("state connected") & SS_BIT(SS_ESTABLISHED));
	assert_false(states("state connected") & SS_BIT(SS_LISTEN));
}

static void what_is_no_filter_is_refused(void **state)
{
	static const char *const texts[] = { "state", "state nonsense", "sport",
		"sport =", "sport = :x@y", "sport = :65536", "sport ? :7", "(", ")", "( sport = :7",
		"sport = :7 )", "not", "or", "sport = :7 or", "dst", "dst 10.0.0.0/33",
		"dst 10.0.0.0/-1", "dst 10.0.0.0/", "dst 300.1.1.1", "hello", "src [*]x",
		"src [7]7" };
	char many[1024] = "sport = :7";

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i]);
	for (int i = 0; i < SS_FILTER_NODES; i++)
		strcat(many, " sport = :7");
	assert_refused(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_compared),
		cmocka_unit_test(addresses_are_compared_by_prefix),
		cmocka_unit_test(words_join_tests),
		cmocka_unit_test(states_make_a_mask),
		cmocka_unit_test(what_is_no_filter_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
