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

// The hosts that this network knows.
static int resolve(const char *name, struct in_addr *ips, int most)
{
	int count = strcmp(name, "client") == 0 ? 1 : strcmp(name, "4clients") == 0 ? 4 : 0;

	for (int i = 0; i < count && i < most; i++)
		ips[i].s_addr = htonl(0xc000024d + (uint32_t)(i == 0 ? count - 1 : i - 1));
	return count;
}

static void read_filter(struct ss_filter *filter, const char *text)
{
	char words[256], error[128] = "";
	char *list[1] = { words };

	strcpy(words, text);
	if (!ss_filter_parse(filter, 1, list, resolve, error))
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
	if (ss_filter_parse(&filter, 1, list, resolve, error))
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

// As in ss(8), where a port is written like a host whose address does not matter.
static void ports_are_written_in_several_ways(void **state)
{
	assert_true(matches("sport = *:7"));
	assert_false(matches("sport = *:8"));
	assert_true(matches("sport = inet::7"));
	assert_true(matches("sport = inet:7"));
	assert_true(matches("sport = inet:*:7"));
	assert_false(matches("sport = inet::8"));
	assert_false(matches("sport = inet6::7"));
	assert_false(matches("sport != inet6::8"));
	assert_true(matches("sport = :0x7"));
	assert_true(matches("dport = 0x9C40"));
	assert_true(matches("sport = :07"));
	assert_true(matches("src *:0x7"));
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

// 10.9 is 10.9.0.0; any, all, default and * are every address.
static void addresses_are_abbreviated(void **state)
{
	assert_true(matches("src 10/8"));
	assert_true(matches("dst 192.0.2/24"));
	assert_false(matches("dst 192.0.3/24"));
	assert_true(matches("src 10.9/16:7"));
	assert_false(matches("src 10.9/16:8"));
	assert_false(matches("src 10.2"));
	assert_false(matches("src 10.9.2"));
	assert_true(matches("src 0xa.011.0.2"));
	assert_true(matches("src 10.0.0.0/255.0.0.0"));
	assert_false(matches("src 10.8.0.0/255.255.0.0"));
	assert_true(matches("src any"));
	assert_true(matches("src all dst default:40000"));
	assert_false(matches("dst any:7"));
	assert_true(matches("src * and dst *:*"));
	assert_true(matches("src :"));
	assert_false(matches("src != any"));
}

static void family_may_be_said(void **state)
{
	assert_true(matches("src inet:10.9.0.2"));
	assert_true(matches("src inet:10/8:7"));
	assert_false(matches("src inet:10.9.0.2:8"));
	assert_true(matches("src inet:any"));
	assert_true(matches("src inet:*:7"));
	assert_false(matches("src inet6:any"));
	assert_false(matches("src inet6:[::1]:7"));
	assert_false(matches("src ::/0"));
	assert_false(matches("src [::]:7"));
}

static void any_port_is_every_port(void **state)
{
	assert_true(matches("sport = :"));
	assert_true(matches("sport = :*"));
	assert_true(matches("sport = *"));
	assert_true(matches("sport = *:*"));
	assert_true(matches("sport = inet:*"));
	assert_false(matches("sport = inet6:*"));
	assert_false(matches("sport != *"));
	assert_false(matches("sport != :"));
	assert_false(matches("sport > :"));
	assert_false(matches("sport <= :*"));
}

static void hosts_have_names(void **state)
{
	assert_true(matches("dst client"));
	assert_true(matches("dst client:40000"));
	assert_true(matches("dst inet:client"));
	assert_false(matches("dst client:1"));
	assert_false(matches("src client"));
	assert_true(matches("dst 4clients"));
	assert_true(matches("dst 4clients sport = :7"));
	assert_false(matches("src 4clients"));
	assert_false(matches("dst != 4clients"));
	assert_true(matches("src != 4clients"));
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

// As in ss(8): no joining word binds closer than another, a "not" only what follows it.
static void joining_words_are_of_one_rank(void **state)
{
	assert_false(matches("sport = :7 or dport = :7 and sport = :9"));
	assert_false(matches("sport = :7 or dport = :7 sport = :9"));
	assert_false(matches("sport = :7 || dport = :7 && sport = :9"));
	assert_false(matches("sport = :7 | dport = :7 & sport = :9"));
	assert_true(matches("sport = :7 or ( dport = :7 and sport = :9 )"));
	assert_true(matches("sport = :9 and sport = :8 or sport = :7"));
	assert_true(matches("sport = :9 sport = :8 or sport = :7"));
	assert_false(matches("not sport = :7 and sport = :9"));
	assert_true(matches("not sport = :7 or sport = :7"));
	assert_true(matches("! not sport = :7 dport = :40000"));
	assert_false(matches("not ( sport = :9 or sport = :7 ) or sport = :9"));
}

static void states_make_a_mask(void **state)
{
	assert_int_equal(states("sport = :7"), 0);
	assert_int_equal(states("state established"), SS_BIT(SS_ESTABLISHED));
	assert_int_equal(states("state listening"), SS_BIT(SS_LISTEN));
	assert_int_equal(states("state established state time-wait"),
		SS_BIT(SS_ESTABLISHED) | SS_BIT(SS_TIME_WAIT));
	assert_int_equal(states("state ESTABLISHED"), SS_BIT(SS_ESTABLISHED));
	assert_int_equal(states("state Time-Wait"), SS_BIT(SS_TIME_WAIT));
	assert_int_equal(states("state close"), SS_BIT(SS_CLOSED));
	assert_int_equal(states("state syn-rcv"), SS_BIT(SS_SYN_RECEIVED));
	assert_int_equal(states("state established dst 193.233.7/24"), SS_BIT(SS_ESTABLISHED));
	assert_int_equal(states("state all"), SS_ALL_STATES);
	assert_int_equal(states("exclude listening") & SS_BIT(SS_LISTEN), 0);
	assert_true(states("exclude listening") & SS_BIT(SS_ESTABLISHED));
	assert_true(states("state connected") & SS_BIT(SS_ESTABLISHED));
	assert_false(states("state connected") & SS_BIT(SS_LISTEN));
}

// Each takes away from what those before it have left.
static void excluded_states_leave_the_others(void **state)
{
	assert_int_equal(states("state established state time-wait exclude established"),
		SS_BIT(SS_TIME_WAIT));
	assert_int_equal(states("exclude established exclude time-wait"),
		SS_ALL_STATES & ~SS_BIT(SS_ESTABLISHED) & ~SS_BIT(SS_TIME_WAIT));
	assert_int_equal(
		states("state connected exclude established exclude bucket") &
			(SS_BIT(SS_ESTABLISHED) | SS_BIT(SS_TIME_WAIT) | SS_BIT(SS_LISTEN)),
		0);
	assert_int_equal(states("exclude established state established"), SS_ALL_STATES);
}

// None is not the same as nothing said.
static void excluded_states_may_leave_none(void **state)
{
	struct ss_filter filter;

	assert_int_equal(states("state listening exclude listening"), 0);
	assert_int_equal(states("state closed exclude closed exclude time-wait"), 0);
	read_filter(&filter, "state closed exclude closed sport = :7");
	assert_true(filter.has_states);
	read_filter(&filter, "sport = :7");
	assert_false(filter.has_states);
}

static void what_is_no_filter_is_refused(void **state)
{
	static const char *const texts[] = { "state", "state nonsense", "sport",
		"sport =", "sport = :x@y", "sport = :65536", "sport ? :7", "(", ")", "( sport = :7",
		"sport = :7 )", "not", "or", "sport = :7 or", "dst", "dst 10.0.0.0/33",
		"dst 10.0.0.0/-1", "dst 10.0.0.0/", "dst 300.1.1.1", "hello", "src [*]x",
		"src [7]7", "dst 10./8", "dst .1", "dst 1.2.3.4.5", "dst 10/255.0.255.0",
		"dst ::/255.0.0.0", "dst any/8", "dst nobody", "dst client/8", "dst inet6:client",
		"dst inet6:10.9.0.2", "dst inet:::1", "dst link:x", "sport = inet:", "sport = *7",
		"sport = ::7", "sport = 10.9.0.1:7", "sport = :0x", "sport = :0x10000",
		"sport = :08", "dst [10.9.0.2" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i]);
}

// The tests one after another: they take as many nodes, and one less to join them.
static bool is_taken(int tests, const char *test, char error[128])
{
	static char text[4 * SS_FILTER_NODES * 16];
	static struct ss_filter filter;
	char *words[1] = { text };

	text[0] = '\0';
	for (int i = 0; i < tests; i++)
		strcat(text, test);
	return ss_filter_parse(&filter, 1, words, resolve, error);
}

static void filter_may_be_long_but_not_too_long(void **state)
{
	char error[128];

	assert_true(is_taken(SS_FILTER_NODES / 2, "dst 192.168.100.200/32 ", error));
	assert_false(is_taken(SS_FILTER_NODES / 2 + 1, "sport = :7 ", error));
	assert_non_null(strstr(error, "too long"));
	assert_false(is_taken(4 * SS_FILTER_NODES, "sport = :7    ", error));
	assert_non_null(strstr(error, "too long"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_compared),
		cmocka_unit_test(ports_are_written_in_several_ways),
		cmocka_unit_test(addresses_are_compared_by_prefix),
		cmocka_unit_test(addresses_are_abbreviated),
		cmocka_unit_test(family_may_be_said),
		cmocka_unit_test(any_port_is_every_port),
		cmocka_unit_test(hosts_have_names),
		cmocka_unit_test(words_join_tests),
		cmocka_unit_test(joining_words_are_of_one_rank),
		cmocka_unit_test(states_make_a_mask),
		cmocka_unit_test(excluded_states_leave_the_others),
		cmocka_unit_test(excluded_states_may_leave_none),
		cmocka_unit_test(what_is_no_filter_is_refused),
		cmocka_unit_test(filter_may_be_long_but_not_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
