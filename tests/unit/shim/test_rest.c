// Many connections that rest, and more than may be at work at once.
#include <sys/epoll.h>

#include "demux/conn_bucket.h"
#include "socket/interest.h"
#include "tcp/anchor.h"
#include "tcp/conn.h"

#include "shim_support.h"

#define PORT	    7000
#define BLOCKS	    16
#define PAIRS	    24 // so 48 connections share 16 blocks
#define MOST_ROUNDS 600
#define MOST_BYTES  256

static int listener;

static struct pair accepted_pair(void)
{
	struct pair pair = { .client = new_tcp() };

	assert_int_equal(connect_to(pair.client, OURS, PORT), 0);
	pair.server = ft_accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(pair.server > 0);
	set_nonblocking(pair.client);
	return pair;
}

static void connections_idle_all_blocks_are_given_back(void **state)
{
	static struct pair pairs[500];
	const struct ft_tcp *tcp = &lone.stack.tcp;
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = ft_epoll_create1(0);
	char byte = 'x';

	listener = new_listener(PORT);
	for (int i = 0; i < 500; i++) {
		pairs[i] = accepted_pair();
		assert_int_equal(ft_epoll_ctl(epoll, EPOLL_CTL_ADD, pairs[i].server, &event), 0);
	}
	assert_true(tcp->conns.in_use > 0);
	ft_lone_run_for(&lone, 3 * FT_SECOND);
	assert_int_equal(tcp->anchors.in_use, 1000);
	assert_int_equal(tcp->conns.in_use, 0);
	assert_int_equal(tcp->in_state[FT_TCP_ESTABLISHED], 1000);

	for (int i = 0; i < 500; i++)
		assert_int_equal(ft_send(pairs[i].client, &byte, 1, 0), 1);
	ft_lone_settle(&lone);
	for (int i = 0; i < 500; i++)
		assert_int_equal(ft_recv(pairs[i].server, &byte, 1, 0), 1);
	ft_lone_run_for(&lone, 3 * FT_SECOND);
	assert_int_equal(tcp->conns.in_use, 0);
}

// What the table takes for each entry. While it grows there are for a time the old buckets, too.
static double table_bytes(void)
{
	const struct ft_conn_table *table = &lone.stack.tcp.connections;

	return (double)sizeof(struct ft_conn_bucket) * (table->current.mask + 1) / table->entries;
}

// The anchor, the table's entry where the table is emptiest, just after it has grown; the socket, its
// descriptor and that one's bit; the watch of one epoll. The pools of what else there is, blocks, alarms,
// bindings, settings, take nothing for it.
static void idle_connection_takes_at_most_256_bytes(void **state)
{
	const struct ft_tcp *tcp = &lone.stack.tcp;
	const struct ft_sockets *sockets = lone.stack.sockets;
	uint64_t least_mask = tcp->connections.current.mask;
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = ft_epoll_create1(0), count = 0;
	double bytes = 0;

	listener = new_listener(PORT);
	for (; bytes == 0; count++) { // until it has grown
		assert_int_equal(
			ft_epoll_ctl(epoll, EPOLL_CTL_ADD, accepted_pair().server, &event), 0);
		if (tcp->connections.current.mask > least_mask)
			bytes = table_bytes();
	}
	bytes += tcp->anchors.stride + sockets->sockets.stride + sockets->watches.stride +
		 sizeof(struct ft_descriptor) + 1.0 / 8;
	print_message("an idle connection takes %.1f bytes\n", bytes);
	assert_true(bytes <= MOST_BYTES);

	ft_lone_run_for(&lone, 3 * FT_SECOND);
	assert_int_equal(tcp->anchors.in_use, 2 * count);
	assert_int_equal(tcp->conns.in_use, 0);
	assert_int_equal(tcp->alarms.in_use, 0);
	assert_int_equal(sockets->watches.in_use, count);
	assert_int_equal(sockets->bindings.in_use, count + 1); // the clients' and the listener's
	assert_int_equal(sockets->settings.in_use, 2);	       // what TCP and UDP begin with
}

static void allow_few_blocks(struct ft_config *config)
{
	config->tcp.active_connections = BLOCKS;
}

static int start_with_few_blocks(void **state)
{
	ft_lone_start(&lone, allow_few_blocks);
	return 0;
}

// Reads what has come, which lets its connection rest, and asks those again who were refused.
static int serve(const struct pair *pairs, bool *is_sent, bool *has_come)
{
	int missing = 0;

	for (int i = 0; i < PAIRS; i++) {
		char byte = (char)i;

		if (!is_sent[i])
			is_sent[i] = ft_send(pairs[i].client, &byte, 1, 0) == 1;
		if (!has_come[i] && ft_recv(pairs[i].server, &byte, 1, 0) == 1) {
			assert_int_equal(byte, i);
			has_come[i] = true;
		}
		missing += !has_come[i];
	}
	return missing;
}

static void blocks_all_in_use_calls_and_segments_are_refused_and_recover(void **state)
{
	const struct ft_counters *counters = &lone.stack.counters;
	struct pair pairs[PAIRS];
	bool is_sent[PAIRS] = { 0 }, has_come[PAIRS] = { 0 };
	uint32_t refused = 0;
	char byte = 0;

	listener = new_listener(PORT);
	for (int i = 0; i < PAIRS; i++) // each finds blocks, because those before can rest
		pairs[i] = accepted_pair();
	assert_int_equal(lone.stack.tcp.anchors.in_use, 2 * PAIRS);
	for (int i = 0; i < PAIRS; i++) {
		byte = (char)i;
		is_sent[i] = ft_send(pairs[i].client, &byte, 1, 0) == 1;
		if (is_sent[i])
			continue;
		assert_int_equal(errno, ENOBUFS);
		refused++;
	}
	assert_true(refused > 0);
	ft_lone_settle(&lone);
	assert_true(counters->dropped_input[FT_DROP_TCP_NO_CONN_MEMORY] > 0);
	assert_true(lone.stack.tcp.conns.in_use <= BLOCKS);

	for (int round = 0; serve(pairs, is_sent, has_come) > 0; round++) {
		assert_true(round < MOST_ROUNDS);
		ft_lone_run_for(&lone, 100 * FT_MILLISECOND);
	}
	ft_lone_run_for(&lone, 3 * FT_SECOND);
	assert_int_equal(lone.stack.tcp.conns.in_use, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lone_test(connections_idle_all_blocks_are_given_back),
		lone_test(idle_connection_takes_at_most_256_bytes),
		cmocka_unit_test_setup_teardown(
			blocks_all_in_use_calls_and_segments_are_refused_and_recover,
			start_with_few_blocks, stop_lone),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("shim/rest", tests, NULL, NULL);
}
