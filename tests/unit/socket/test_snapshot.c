// What a listing shows, and that no call looks at more than its share.
#include "socket/snapshot.h"

#include <rte_mbuf.h>

#include "shim/shim_support.h"
#include "tcp/peer.h"

#define PAGES 4096 // more than any listing here takes

struct listing {
	uint32_t count;
	uint32_t pages;
	struct ft_snapshot records[1024];
};

static void allow_many(struct ft_config *config)
{
	config->udp.sockets = 1024;
}

static int start_large(void **state)
{
	ft_lone_start(&lone, allow_many);
	return 0;
}

// No call looks at more than its share.
static void check_progress(uint64_t before, uint64_t after)
{
	if (before >> 32 == after >> 32)
		assert_in_range(after - before, 0, FT_SNAPSHOT_EXAMINED);
}

static void append_page(struct listing *listing, uint64_t *cursor, uint32_t wanted, uint32_t most)
{
	struct ft_snapshot page[FT_SNAPSHOT_RECORDS];
	uint64_t before = *cursor;
	uint32_t count = ft_snapshot_take(&lone.stack, cursor, wanted, page, most, lone.now);

	check_progress(before, *cursor);
	assert_true(count <= most && count <= FT_SNAPSHOT_RECORDS);
	assert_true(listing->count + count <= RTE_DIM(listing->records));
	memcpy(&listing->records[listing->count], page, count * sizeof(page[0]));
	listing->count += count;
	listing->pages++;
}

static struct listing *list(uint32_t wanted, uint32_t most)
{
	static struct listing listing;
	uint64_t cursor = 0;

	listing.count = listing.pages = 0;
	do
		append_page(&listing, &cursor, wanted, most);
	while (cursor != 0 && listing.pages < PAGES);
	assert_int_equal(cursor, 0);
	return &listing;
}

static struct ft_snapshot only(uint32_t wanted)
{
	struct listing *listing = list(wanted, FT_SNAPSHOT_RECORDS);

	assert_int_equal(listing->count, 1);
	return listing->records[0];
}

static void nothing_open_nothing_is_listed(void **state)
{
	assert_int_equal(list(FT_SNAPSHOT_ALL, FT_SNAPSHOT_RECORDS)->count, 0);
}

static void listener_shows_its_queue_and_its_descriptors(void **state)
{
	int listener = new_listener(7), copy = ft_dup(listener), client = new_tcp();
	struct ft_snapshot record;

	set_nonblocking(client);
	connect_to(client, OURS, 7);
	ft_lone_settle(&lone);
	record = only(1u << FT_TCP_LISTEN);
	assert_int_equal(record.state, FT_TCP_LISTEN);
	assert_int_equal(record.tuple.protocol, IPPROTO_TCP);
	assert_int_equal(record.tuple.local_port, 7);
	assert_int_equal(record.tuple.remote_port, 0);
	assert_int_equal(record.receive_queue, 1);
	assert_int_equal(record.send_queue, 16);
	assert_int_equal(record.fd_count, 2);
	assert_true((record.fds[0] == listener && record.fds[1] == copy) ||
		    (record.fds[0] == copy && record.fds[1] == listener));
	ft_close(listener);
	assert_int_equal(only(1u << FT_TCP_LISTEN).fds[0], copy);
	ft_close(copy);
	ft_close(client);
}

// As the kernel's: there once it has a port, gone when it listens or connects, there again when its
// connection is over.
static void bound_socket_is_listed_as_long_as_it_does_nothing(void **state)
{
	int listener = new_listener(7), fd = new_tcp(), accepted;
	struct ft_snapshot record;
	struct linger at_once = { .l_onoff = 1 };

	assert_int_equal(list(1u << FT_TCP_CLOSED, FT_SNAPSHOT_RECORDS)->count, 0);
	assert_int_equal(bind_to(fd, OURS, 5000), 0);
	record = only(1u << FT_TCP_CLOSED);
	assert_int_equal(record.state, FT_TCP_CLOSED);
	assert_int_equal(record.tuple.protocol, IPPROTO_TCP);
	assert_int_equal(record.tuple.local_port, 5000);
	assert_int_equal(record.tuple.remote_port, 0);
	assert_int_equal(record.fds[0], fd);
	assert_int_equal(connect_to(fd, OURS, 7), 0);
	assert_int_equal(list(1u << FT_TCP_CLOSED, FT_SNAPSHOT_RECORDS)->count, 0);
	accepted = ft_accept(listener, NULL, NULL);
	assert_int_equal(
		ft_setsockopt(accepted, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	ft_close(accepted);
	ft_lone_settle(&lone);
	assert_int_equal(only(1u << FT_TCP_CLOSED).tuple.local_port, 5000);
	ft_close(fd);
	assert_int_equal(list(1u << FT_TCP_CLOSED, FT_SNAPSHOT_RECORDS)->count, 0);
	ft_close(listener);
}

static void connection_that_is_over_is_not_listed(void **state)
{
	struct pair pair = new_pair();
	struct linger at_once = { .l_onoff = 1 };

	assert_int_equal(
		ft_setsockopt(pair.server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	ft_close(pair.server);
	ft_lone_settle(&lone);
	assert_int_equal(list(FT_SNAPSHOT_ALL, FT_SNAPSHOT_RECORDS)->count, 0);
	ft_close(pair.client);
}

static void many_descriptors_are_counted_and_the_newest_shown(void **state)
{
	int fd = new_udp();
	struct ft_snapshot record;

	bind_to(fd, ANY, 53);
	for (int i = 0; i < 12; i++)
		fd = ft_dup(fd);
	record = only(FT_SNAPSHOT_ALL);
	assert_int_equal(record.fd_count, 13);
	for (int i = 0; i < FT_SNAPSHOT_FDS; i++)
		assert_int_equal(record.fds[i], fd - i);
}

static void connection_shows_both_ends_and_their_queues(void **state)
{
	struct pair pair = new_pair();
	struct listing *listing;

	assert_int_equal(ft_send(pair.client, "hello", 5, 0), 5);
	ft_lone_settle(&lone);
	listing = list(1u << FT_TCP_ESTABLISHED, FT_SNAPSHOT_RECORDS);
	assert_int_equal(listing->count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		const struct ft_snapshot *record = &listing->records[i];
		bool is_client = record->fds[0] == pair.client;

		assert_int_equal(record->fd_count, 1);
		assert_int_equal(record->fds[0], is_client ? pair.client : pair.server);
		assert_int_equal(
			record->tuple.local_port, port_of(is_client ? pair.client : pair.server));
		assert_int_equal(record->send_queue, is_client ? 5 : 0);
		assert_int_equal(record->receive_queue, is_client ? 0 : 5);
		assert_int_equal(record->timer, is_client ? FT_SNAPSHOT_ON : FT_SNAPSHOT_NO_TIMER);
		assert_int_equal(record->info.tcpi_state, TCP_ESTABLISHED);
	}
	close_pair(pair);
}

static struct ft_snapshot record_of(int fd)
{
	struct listing *listing = list(FT_SNAPSHOT_ALL, FT_SNAPSHOT_RECORDS);
	uint32_t i = 0;

	while (i < listing->count && listing->records[i].fds[0] != fd)
		i++;
	assert_true(i < listing->count);
	return listing->records[i];
}

// The server reads nothing until its window is shut, and the client asks now and then.
static void shut_window_shows_who_probes_it(void **state)
{
	static const char bytes[65536];
	struct pair pair = new_pair();

	set_nonblocking(pair.client);
	while (ft_send(pair.client, bytes, sizeof(bytes), 0) > 0)
		ft_lone_settle(&lone);
	ft_lone_run_for(&lone, FT_SECOND);
	assert_int_equal(record_of(pair.client).timer, FT_SNAPSHOT_PERSIST);
	assert_int_equal(record_of(pair.server).timer, FT_SNAPSHOT_NO_TIMER);
	close_pair(pair);
}

// A peer that keeps its window shut and no longer answers. The pools have the same names as the others'.
static int start_peer(void **state)
{
	return peer_make_pools(state) != 0 || peer_begin(state) != 0;
}

static int stop_peer(void **state)
{
	int result = peer_end(state);

	peer_free_pools(state);
	return result;
}

static struct ft_snapshot record_of_peer(void)
{
	struct ft_snapshot record;
	uint64_t cursor = 0;

	assert_int_equal(ft_snapshot_take(&peer.stack, &cursor, 1u << FT_TCP_ESTABLISHED, &record,
				 1, peer.now),
		1);
	return record;
}

// As on Linux, a probe that is answered counts no more, however often the timer has been doubled.
static void shut_window_shows_how_many_probes_are_unanswered(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_write("x");
	for (int probes = 0; probes < 4; probes++) {
		assert_int_equal(record_of_peer().timer, FT_SNAPSHOT_PERSIST);
		assert_int_equal(record_of_peer().retries, probes);
		peer_wait(10 * FT_SECOND);
		EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
	}
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	assert_int_equal(record_of_peer().timer, FT_SNAPSHOT_PERSIST);
	assert_int_equal(record_of_peer().retries, 0);
	peer_wait(10 * FT_SECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
	assert_int_equal(record_of_peer().retries, 1);
}

static void allow_little(struct ft_config *config)
{
	config->tcp.send_buffer = 8192;
}

static int start_with_little(void **state)
{
	ft_lone_start(&lone, allow_little);
	return 0;
}

// The buffer grows to twice the congestion window; what is shown is what it takes.
static void send_buffer_that_has_grown_is_shown(void **state)
{
	static const char bytes[1 << 20];
	struct pair pair = new_pair();
	uint64_t grown;

	set_nonblocking(pair.client);
	assert_int_equal(record_of(pair.client).send_buffer, 8192);
	assert_int_equal(ft_send(pair.client, bytes, 8192, 0), 8192);
	ft_lone_run_for(&lone, FT_SECOND);
	assert_int_equal(record_of(pair.client).send_queue, 0);
	grown = record_of(pair.client).send_buffer;
	assert_true(grown > 8192);
	assert_int_equal(ft_send(pair.client, bytes, sizeof(bytes), 0), grown);
	close_pair(pair);
}

// The loop is late: what is due already is due now.
static void overdue_timer_has_no_time_left(void **state)
{
	struct pair pair = new_pair();

	assert_int_equal(ft_send(pair.client, "hello", 5, 0), 5);
	ft_lone_settle(&lone);
	lone.now += 60 * FT_SECOND;
	assert_int_equal(record_of(pair.client).timer, FT_SNAPSHOT_ON);
	assert_int_equal(record_of(pair.client).timer_ms, 0);
	close_pair(pair);
}

// The tools are needed most when something has run out.
static void without_a_packet_buffer_all_is_listed(void **state)
{
	struct pair pair = new_pair();
	int udp = new_udp();

	assert_int_equal(bind_to(udp, ANY, 7000), 0);
	ft_lone_settle(&lone);
	ft_test_drain(lone.stack.send_pool, 0);
	assert_null(rte_pktmbuf_alloc(lone.stack.send_pool));
	assert_int_equal(list(FT_SNAPSHOT_ALL, FT_SNAPSHOT_RECORDS)->count, 3);
	ft_test_refill();
	ft_test_drain(lone.stack.receive_pool, 0);
	assert_null(rte_pktmbuf_alloc(lone.stack.receive_pool));
	assert_int_equal(list(FT_SNAPSHOT_ALL, FT_SNAPSHOT_RECORDS)->count, 3);
	ft_test_refill();
	ft_close(udp);
	close_pair(pair);
}

static void time_wait_belongs_to_nobody_and_has_its_timer(void **state)
{
	struct pair pair = new_pair();
	struct ft_snapshot record;

	ft_close(pair.client);
	ft_lone_settle(&lone);
	ft_close(pair.server);
	ft_lone_settle(&lone);
	record = only(1u << FT_TCP_TIME_WAIT);
	assert_int_equal(record.fd_count, 0);
	assert_int_equal(record.timer, FT_SNAPSHOT_TIME_WAIT);
	assert_true(record.timer_ms > 0);
	assert_true(record.timer_ms <= lone.stack.config.tcp.time_wait / FT_MILLISECOND);
}

static void udp_with_and_without_a_peer(void **state)
{
	int fd = new_udp();
	struct ft_snapshot record;

	assert_int_equal(list(FT_SNAPSHOT_ALL, FT_SNAPSHOT_RECORDS)->count, 0);
	bind_to(fd, ANY, 53);
	record = only(FT_SNAPSHOT_UDP | 1u << FT_TCP_CLOSED);
	assert_int_equal(record.state, FT_TCP_CLOSED);
	assert_int_equal(record.tuple.protocol, IPPROTO_UDP);
	assert_int_equal(record.tuple.local_port, 53);
	connect_to(fd, OURS, 9);
	record = only(FT_SNAPSHOT_UDP | 1u << FT_TCP_ESTABLISHED);
	assert_int_equal(record.tuple.remote_port, 9);
	assert_int_equal(record.fds[0], fd);
	ft_close(fd);
}

// One of the two at a time; all the same, each socket once.
static void many_sockets_are_listed_once_whatever_the_page(void **state)
{
	static bool seen[1024];
	const uint32_t sockets = 300;
	struct listing *listing;

	for (uint32_t i = 0; i < sockets; i++)
		assert_int_equal(bind_to(new_udp(), ANY, (uint16_t)(10000 + i)), 0);
	for (uint32_t most = 1; most <= FT_SNAPSHOT_RECORDS; most += 31) {
		memset(seen, 0, sizeof(seen));
		listing = list(FT_SNAPSHOT_ALL, most);
		assert_int_equal(listing->count, sockets);
		assert_true(listing->pages >= sockets / most);
		for (uint32_t i = 0; i < listing->count; i++) {
			uint32_t which = listing->records[i].tuple.local_port - 10000u;

			assert_true(which < sockets && !seen[which]);
			seen[which] = true;
		}
	}
}

// Places that are free, or not asked for, cost work too: a page ends, empty, before there are too many.
static void what_is_not_wanted_ends_a_page_as_well(void **state)
{
	const uint32_t sockets = 3 * FT_SNAPSHOT_EXAMINED;
	struct listing *listing;

	for (uint32_t i = 0; i < sockets; i++)
		new_udp();
	listing = list(1u << FT_TCP_ESTABLISHED, FT_SNAPSHOT_RECORDS);
	assert_int_equal(listing->count, 0);
	assert_true(listing->pages >= 3);
}

#define PORTS 50000

static void allow_two_addresses_full(struct ft_config *config)
{
	config->udp.sockets = 2 * PORTS + 2;
	config->socket.descriptors = 2 * PORTS + 8;
	config->ip.address[1] = config->ip.address[0];
	ft_addr_parse("10.9.0.3", &config->ip.address[1].addr);
	config->ip.address_count = 2;
}

static int start_huge(void **state)
{
	ft_lone_start(&lone, allow_two_addresses_full);
	return 0;
}

// append_page() wants of each page that it takes no more than its share.
static void a_hundred_thousand_sockets_are_listed_once_page_by_page(void **state)
{
	static bool seen[2][PORTS];
	static struct listing page;
	uint32_t total = 0, pages = 0;
	uint64_t cursor = 0;

	for (uint32_t i = 0; i < 2 * PORTS; i++)
		assert_int_equal(bind_to(new_udp(), OURS + i % 2, (uint16_t)(10000 + i / 2)), 0);
	do {
		page.count = 0;
		append_page(&page, &cursor, FT_SNAPSHOT_ALL, FT_SNAPSHOT_RECORDS);
		for (uint32_t i = 0; i < page.count; i++) {
			const struct ft_tuple *tuple = &page.records[i].tuple;
			bool *it = &seen[ft_addr_ip4(&tuple->local) == htonl(OURS)]
					[tuple->local_port - 10000];

			assert_false(*it);
			*it = true;
		}
		total += page.count;
		pages++;
	} while (cursor != 0);
	assert_int_equal(total, 2 * PORTS);
	// Each full; then a last look at what there is of other kinds, and at the sockets once more.
	assert_in_range(pages, 2 * PORTS / FT_SNAPSHOT_RECORDS,
		2 * PORTS / FT_SNAPSHOT_RECORDS + 2 * PORTS / FT_SNAPSHOT_EXAMINED + 4);
}

static void sockets_that_stay_are_listed_while_others_come_and_go(void **state)
{
	struct listing listing = { 0 };
	int fds[100], stayed = 0;
	uint64_t cursor = 0;

	for (int i = 0; i < 100; i++) {
		fds[i] = new_udp();
		bind_to(fds[i], ANY, (uint16_t)(10000 + i));
	}
	append_page(&listing, &cursor, FT_SNAPSHOT_ALL, 20);
	for (int i = 1; i < 100; i += 2)
		ft_close(fds[i]);
	while (cursor != 0) {
		append_page(&listing, &cursor, FT_SNAPSHOT_ALL, 20);
		bind_to(new_udp(), ANY, (uint16_t)(20000 + listing.pages));
	}
	for (uint32_t i = 0; i < listing.count; i++) {
		uint16_t port = listing.records[i].tuple.local_port;

		stayed += port < 20000 && port % 2 == 0;
	}
	assert_int_equal(stayed, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		// First: once made, the pools of the others stay.
		cmocka_unit_test_setup_teardown(
			shut_window_shows_how_many_probes_are_unanswered, start_peer, stop_peer),
		lone_test(nothing_open_nothing_is_listed),
		lone_test(listener_shows_its_queue_and_its_descriptors),
		lone_test(bound_socket_is_listed_as_long_as_it_does_nothing),
		lone_test(connection_that_is_over_is_not_listed),
		lone_test(many_descriptors_are_counted_and_the_newest_shown),
		lone_test(connection_shows_both_ends_and_their_queues),
		lone_test(shut_window_shows_who_probes_it),
		cmocka_unit_test_setup_teardown(
			send_buffer_that_has_grown_is_shown, start_with_little, stop_lone),
		lone_test(overdue_timer_has_no_time_left),
		lone_test(without_a_packet_buffer_all_is_listed),
		lone_test(time_wait_belongs_to_nobody_and_has_its_timer),
		lone_test(udp_with_and_without_a_peer),
		cmocka_unit_test_setup_teardown(
			many_sockets_are_listed_once_whatever_the_page, start_large, stop_lone),
		cmocka_unit_test_setup_teardown(
			what_is_not_wanted_ends_a_page_as_well, start_large, stop_lone),
		cmocka_unit_test_setup_teardown(
			a_hundred_thousand_sockets_are_listed_once_page_by_page, start_huge,
			stop_lone),
		lone_test(sockets_that_stay_are_listed_while_others_come_and_go),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
