// What broke other TCPs, played against this one: HOSTILE.md says which test answers what.
#include <errno.h>

#include <rte_ip.h>

#include "tcp/conn.h"

#include "peer.h"

enum { NOP = 1, MSS = 2, SCALE = 3, SACK = 5, TIMESTAMP = 8 };

// Lengths of zero, of one, past the header, and wrong for their kind.
static const uint8_t bad_options[][12] = {
	{ MSS, 0 },
	{ MSS, 1 },
	{ MSS, 255 },
	{ MSS, 3, 5, NOP },
	{ MSS, 5, 5, 5, 5 },
	{ SCALE, 0 },
	{ SCALE, 4, 14, 14 },
	{ SACK, 0 },
	{ SACK, 3, 1 },
	{ SACK, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9 },
	{ TIMESTAMP, 0 },
	{ TIMESTAMP, 9, 1, 2, 3, 4, 5, 6, 7 },
	{ TIMESTAMP, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9 },
	{ NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP, MSS },
	{ NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP, NOP, TIMESTAMP, 10 },
	{ 254, 0 },
	{ 254, 200 },
};

static void established_bad_options_lose_nothing(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	for (uint32_t i = 0; i < RTE_DIM(bad_options); i++) {
		TAKES(.seq = 1 + i, .ack = 1, .flags = ACK, .text = "x",
			.raw_options = bad_options[i], .raw_bytes = 12);
		peer_expect_read("x");
	}
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1 + RTE_DIM(bad_options), .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

// None of them says an MSS that could be believed: 536 it is (RFC 9293 3.7.1).
static void listen_bad_options_leave_the_defaults(void **state)
{
	for (uint32_t i = 0; i < RTE_DIM(bad_options); i++) {
		peer_restart();
		peer_enter(FT_TCP_LISTEN);
		TAKES(.flags = SYN, .raw_options = bad_options[i], .raw_bytes = 12);
		EXPECT(.ack = 1, .flags = SYN | ACK);
		TAKES(.seq = 1, .ack = 1, .flags = ACK);
		peer_accept();
		peer_write_bytes(1000);
		EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 536);
		EXPECT(.seq = 537, .ack = 1, .flags = PSH | ACK, .bytes = 464);
		ENDS_IN("ESTABLISHED");
	}
}

// However the NIC cuts the frames up, down to a byte in each mbuf.
static void connection_in_split_mbufs_lives_and_ends(void **state)
{
	for (uint16_t bytes = 1; bytes <= 70; bytes++) {
		peer_restart();
		peer.mbuf_bytes = bytes;
		ESTABLISH(.options = FT_TCP_HAS_TIMESTAMP | FT_TCP_HAS_WINDOW_SCALE,
			.window_scale = 3);
		SEND(.seq = 4, .ack = 1, .flags = ACK | URG, .text = "efX", .urgent = 3,
			.options = FT_TCP_HAS_TIMESTAMP);
		EXPECT(.seq = 1, .ack = 1, .flags = ACK);
		SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "abcd",
			.options = FT_TCP_HAS_TIMESTAMP);
		EXPECT(.seq = 1, .ack = 7, .flags = ACK);
		peer_expect_urgent('X');
		peer_expect_read("abcdf");
		SEND(.seq = 7, .ack = 1, .flags = FIN | ACK, .options = FT_TCP_HAS_TIMESTAMP);
		EXPECT(.seq = 1, .ack = 8, .flags = ACK);
		ENDS_IN("CLOSE-WAIT");
	}
}

// LAND: a segment that claims to come from the very socket it is sent to.
static void listen_syn_from_itself_is_dropped(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(IP_BAD_SOURCE, .flags = SYN, .from_ip = RTE_IPV4(10, 9, 0, 2), .from_port = 7);
	ENDS_IN("LISTEN");
}

// ---- a send queue of crumbs (CVE-2019-11478, -5599) ----

enum { CRUMBS = 20000, CRUMB_PACKETS = 64 };

// Who follows a link out of the send queue but the first packet's falls into this.
#define NOWHERE ((struct rte_mbuf *)16)

static struct rte_mbuf *links[CRUMB_PACKETS];

static void cut_links(const struct ft_pkt_queue *packets)
{
	struct rte_mbuf *pkt = ft_pkt_info(packets->first)->next;

	for (uint32_t i = 0; pkt != NULL; i++) {
		assert_true(i < CRUMB_PACKETS);
		links[i] = ft_pkt_info(pkt)->next;
		ft_pkt_info(pkt)->next = NOWHERE;
		pkt = links[i];
	}
}

static void write_crumbs(void)
{
	struct ft_tcp_options options;

	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.no_delay = true;
	peer_set_options(&options);
	for (int i = 0; i < CRUMBS; i++)
		peer_write_bytes(1);
}

// Slow start, so that all of the crumbs go out, each in a segment of its own.
static void open_congestion_window(void)
{
	peer_write_bytes(60000);
	for (uint32_t i = 1; i <= 60; i++)
		SEND(.seq = 1, .ack = 1 + 1000 * i, .flags = ACK);
}

// Crumbs share packets, so there are few to walk over; and no ACK walks: it looks at the first alone, and
// has one segment sent at most.
static void established_crumbs_acked_one_by_one_cost_the_same_each(void **state)
{
	static const uint8_t sack[12] = { NOP, NOP, SACK, 10, 0, 0, 0, 1, 0, 0, 0, 2 };
	const struct ft_pkt_queue *packets;
	const struct rte_mbuf *first;
	uint64_t segments;
	uint32_t next_link = 0;

	peer_enter(FT_TCP_ESTABLISHED);
	peer.is_flooding = true;
	open_congestion_window();
	segments = peer_counter(FT_COUNTER_TCP_SEGMENTS_OUT);
	write_crumbs();
	assert_int_equal(peer_counter(FT_COUNTER_TCP_SEGMENTS_OUT) - segments, CRUMBS);
	assert_in_range(peer.stack.send_held.used, 2, CRUMBS / 2048 + 1);

	packets = &peer.conn->conn->send_queue.packets;
	first = packets->first;
	cut_links(packets);
	for (uint32_t i = 0; i < 4 * CRUMBS; i++) { // three duplicates of each
		segments = peer_counter(FT_COUNTER_TCP_SEGMENTS_OUT);
		SEND(.seq = 1, .ack = 60001 + (i + 3) / 4, .flags = ACK, .raw_options = sack,
			.raw_bytes = sizeof(sack));
		assert_true(peer_counter(FT_COUNTER_TCP_SEGMENTS_OUT) - segments <= 1);
		if (packets->first == first || packets->first == NULL)
			continue;
		first = packets->first;
		ft_pkt_info(packets->first)->next = links[next_link++];
	}
	assert_int_equal(peer_snd_una(), 60001 + CRUMBS);
	assert_true(peer_counter(FT_COUNTER_TCP_RETRANSMITTED) > 0);
	peer.is_flooding = false;
}

// ---- initial sequence numbers (RFC 6528), of the segments that really go out ----

enum { SAMPLES = 10000, FIRST_PORT = 10000 };

// What an attacker would look for in a row of numbers, as in other_tuples_show_no_pattern (test_isn.c).
struct row {
	uint32_t previous;
	uint32_t difference;
	uint32_t repeated;
	uint32_t count[16];
};

static void add_to_row(struct row *row, uint32_t number)
{
	row->repeated += number - row->previous == row->difference;
	row->difference = number - row->previous;
	row->previous = number;
	row->count[row->difference >> 28]++;
}

static void assert_no_pattern(const struct row *row)
{
	assert_int_equal(row->repeated, 0);
	for (int i = 0; i < 16; i++)
		assert_in_range(row->count[i], 500, 750);
}

static void listen_syns_are_answered_without_pattern(void **state)
{
	struct row row = { 0 };

	peer.config.tcp.connections = SAMPLES;
	peer_restart();
	peer_enter(FT_TCP_LISTEN);
	ft_tcp_set_backlog(peer.listener, SAMPLES);
	for (uint16_t port = FIRST_PORT; port < FIRST_PORT + SAMPLES; port++) {
		TAKES(.flags = SYN, .from_port = port);
		EXPECT(.ack = 1, .flags = SYN | ACK, .from_port = port);
		add_to_row(&row, peer.iss);
	}
	assert_no_pattern(&row);
}

// Of the SYN that goes out, after which the connection is given up.
static uint32_t iss_to(uint16_t port)
{
	peer_connect_to(port);
	EXPECT(.flags = SYN, .from_port = port);
	ft_tcp_abort(&peer.stack, peer.conn, peer.now);
	peer.conn = NULL;
	return peer.iss;
}

static void syn_sent_syns_show_no_pattern(void **state)
{
	struct row row = { 0 };

	for (uint16_t port = FIRST_PORT; port < FIRST_PORT + SAMPLES; port++)
		add_to_row(&row, iss_to(port));
	assert_no_pattern(&row);
}

// By a clock of 4 microseconds, also where that wraps.
static void syn_sent_same_tuple_later_begins_beyond(void **state)
{
	const uint32_t steps[] = { 1, 250, 250000, 15000000, 2000000000 };
	uint32_t iss = iss_to(7), other = iss_to(8);

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		peer_pass((ft_time)steps[i] * 4 * FT_MICROSECOND);
		assert_int_equal((uint32_t)(iss_to(7) - iss), steps[i]);
		assert_int_equal((uint32_t)(iss_to(8) - other), steps[i]);
		iss += steps[i];
		other += steps[i];
	}
}

// The secret is all that differs between two runs; what it adds to one tuple says nothing about another.
static void syn_sent_other_secret_gives_other_numbers(void **state)
{
	static uint32_t first[SAMPLES];
	struct row row = { 0 };

	for (int i = 0; i < SAMPLES; i++)
		first[i] = iss_to(FIRST_PORT + i);
	peer_restart();
	for (int i = 0; i < 10; i++)
		assert_int_equal(iss_to(FIRST_PORT + i), first[i]);
	peer.seed = 2;
	peer_restart();
	for (int i = 0; i < SAMPLES; i++)
		add_to_row(&row, iss_to(FIRST_PORT + i) - first[i]);
	assert_no_pattern(&row);
}

// ---- addresses that nobody has ----

static void listen_syn_to_a_group_is_dropped(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_NOT_UNICAST, .flags = SYN, .to_ip = RTE_IPV4(224U, 0, 0, 1));
	DROPS(TCP_NOT_UNICAST, .flags = SYN, .to_ip = RTE_IPV4(10, 9, 0, 255));
	DROPS(TCP_NOT_UNICAST, .flags = SYN, .to_ip = RTE_IPV4(255U, 255, 255, 255));
	ENDS_IN("LISTEN");
}

static void closed_segment_to_a_group_is_not_answered(void **state)
{
	DROPS(TCP_NOT_UNICAST, .seq = 5, .ack = 7, .flags = ACK, .to_ip = RTE_IPV4(224U, 0, 0, 1));
	ENDS_IN("CLOSED");
}

static void listen_syn_from_martians_is_dropped(void **state)
{
	static const uint32_t martians[] = { RTE_IPV4(127, 0, 0, 1), RTE_IPV4(224U, 0, 0, 1),
		RTE_IPV4(10, 9, 0, 255), RTE_IPV4(255U, 255, 255, 255), RTE_IPV4(0, 0, 0, 1),
		RTE_IPV4(240U, 0, 0, 1) };

	peer_enter(FT_TCP_LISTEN);
	for (uint32_t i = 0; i < RTE_DIM(martians); i++)
		DROPS(IP_BAD_SOURCE, .flags = SYN, .from_ip = martians[i]);
	ENDS_IN("LISTEN");
}

// Whom the connection table, asked for the same with another port of the peer's, would think of first: both have one bucket, and one tag.
static bool is_mistaken_for(uint16_t port, const struct ft_tcp_anchor *anchor)
{
	const struct ft_tuple tuple = { .local = anchor->tuple.local,
		.remote = anchor->tuple.remote,
		.local_port = anchor->tuple.local_port,
		.remote_port = port,
		.protocol = IPPROTO_TCP };
	const uint64_t hash = ft_tuple_hash(&peer.stack.key, &tuple);

	return ft_conn_table_candidate(&peer.stack.tcp.connections, hash) ==
	       ft_pool_index(&peer.stack.tcp.anchors, anchor);
}

// Of a table of the fewest buckets one port in sixteen thousand is such.
static void established_segment_of_a_colliding_tuple_is_not_taken(void **state)
{
	uint16_t port = 1;

	ESTABLISH(.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1000);
	while (!is_mistaken_for(port, peer.conn))
		if (++port == 40000)
			fail_msg("no port of the peer's collides");
	for (int vouched = 0; vouched < 2; vouched++) {
		peer.is_vouched_for = vouched;
		DROPS(TCP_NO_CONNECTION, .seq = 1, .ack = 1, .flags = ACK, .text = "evil",
			.from_port = port, .options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1000);
		EXPECT(.seq = 1, .flags = RST);
		peer_expect_read_error(-EAGAIN);
	}
	peer.is_vouched_for = false;
	ENDS_IN("ESTABLISHED");
}

// By loopback: accepted on port 7, and called from port 41000, which is returned.
static struct ft_tcp_anchor *connect_to_ourselves(void)
{
	const struct ft_addr us = ft_addr_from_ip4(RTE_BE32(RTE_IPV4(10, 9, 0, 2)));
	const struct ft_tuple tuple = { .local = us,
		.remote = us,
		.local_port = 41000,
		.remote_port = 7,
		.protocol = IPPROTO_TCP };
	struct ft_tcp_anchor *calling;

	peer_listen();
	assert_int_equal(ft_port_hold(&peer.stack.tcp.ports, &tuple, false), 0);
	assert_int_equal(ft_tcp_connect(&peer.stack, &tuple, peer.socket,
				 &peer.socket->settings->options, peer.now, &calling),
		0);
	for (int turns = 0; turns < 4; turns++)
		peer_turn();
	peer_accept();
	return calling;
}

// Of a connection to ourselves, which has no other way in than loopback.
static void established_to_ourselves_segment_from_outside_is_dropped(void **state)
{
	struct ft_tcp_anchor *calling = connect_to_ourselves();
	const struct ft_tcp_conn *called = peer.conn->conn;

	assert_int_equal(called->state, FT_TCP_ESTABLISHED);
	for (peer.is_vouched_for = false;; peer.is_vouched_for = true) {
		peer.iss = called->snd.max - 1;
		peer.peer_iss = called->rcv.nxt - 1;
		DROPS(IP_BAD_SOURCE, .seq = 1, .ack = 1, .flags = ACK, .text = "evil",
			.from_ip = RTE_IPV4(10, 9, 0, 2), .from_port = 41000,
			.options = FT_TCP_HAS_TIMESTAMP, .ts_value = called->rcv.ts_recent);
		peer_expect_read_error(-EAGAIN);
		if (peer.is_vouched_for)
			break;
	}
	ft_tcp_abort(&peer.stack, calling, peer.now);
	peer_turn();
	peer_turn();
	peer.is_vouched_for = false;
}

// ---- a pool of somebody else's, who writes to an mbuf as soon as he has it back ----

static struct rte_mempool_ops forgetful;
static int (*enqueue)(struct rte_mempool *pool, void *const *objects, unsigned count);

static int forget_and_enqueue(struct rte_mempool *pool, void *const *objects, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		memset((char *)objects[i] + sizeof(struct rte_mbuf), 0xee,
			pool->elt_size - sizeof(struct rte_mbuf));
	return enqueue(pool, objects, count);
}

static struct rte_mempool *make_forgetful_pool(void)
{
	if (enqueue == NULL) {
		forgetful = *rte_mempool_get_ops(peer.stack.receive_pool->ops_index);
		snprintf(forgetful.name, sizeof(forgetful.name), "forgetful");
		enqueue = forgetful.enqueue;
		forgetful.enqueue = forget_and_enqueue;
		assert_true(rte_mempool_register_ops(&forgetful) >= 0);
	}
	return rte_pktmbuf_pool_create_by_ops("lent", 8, 0,
		RTE_ALIGN_CEIL(sizeof(struct ft_pkt_info), RTE_MBUF_PRIV_ALIGN),
		RTE_PKTMBUF_HEADROOM + 2048, SOCKET_ID_ANY, "forgetful");
}

static void established_text_in_lent_mbufs_is_read_before_they_go_back(void **state)
{
	struct rte_mempool *pool = make_forgetful_pool();

	assert_non_null(pool);
	ESTABLISH(.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1);
	peer.lent_pool = pool;
	for (peer.is_vouched_for = false;; peer.is_vouched_for = true) {
		TAKES(.seq = 1 + 7 * peer.is_vouched_for, .ack = 1, .flags = PSH | ACK,
			.text = "request", .options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1);
		peer_expect_read("request");
		assert_int_equal(rte_mempool_avail_count(pool), 8);
		if (peer.is_vouched_for)
			break;
	}
	peer.is_vouched_for = false;
	peer.lent_pool = NULL;
	rte_mempool_free(pool);
	peer_pass(FT_SECOND / 2);
	EXPECT(.seq = 1, .ack = 15, .flags = ACK, .options = FT_TCP_HAS_TIMESTAMP);
}

static void resting_to_ourselves_segment_from_outside_is_dropped(void **state)
{
	struct ft_tcp_anchor *calling = connect_to_ourselves();
	const struct ft_tcp_conn called = *peer.conn->conn;

	peer_pass(2 * FT_TCP_REST_AFTER);
	assert_true(ft_anchor_is_at_rest(peer.conn));
	peer.iss = called.snd.max - 1;
	peer.peer_iss = called.rcv.nxt - 1;
	peer.is_vouched_for = true;
	DROPS(IP_BAD_SOURCE, .seq = 1, .ack = 1, .flags = ACK, .text = "evil",
		.from_ip = RTE_IPV4(10, 9, 0, 2), .from_port = 41000,
		.options = FT_TCP_HAS_TIMESTAMP, .ts_value = called.rcv.ts_recent);
	peer.is_vouched_for = false;
	peer_expect_read_error(-EAGAIN);
	ft_tcp_abort(&peer.stack, calling, peer.now);
	peer_turn();
	peer_turn();
}

// A SYN before it in the burst ends that connection, which lingers, and gets its place in memory: what is known of the
// newcomer's peer says nothing of this segment's.
static void time_wait_to_ourselves_segment_from_outside_behind_a_syn_is_dropped(void **state)
{
	const uint64_t *dropped = peer.stack.counters.dropped_input;
	struct ft_tcp_anchor *calling;

	peer.config.tcp.connections = 2;
	peer_restart();
	calling = connect_to_ourselves();
	peer_close();
	peer_turn();
	ft_tcp_close(&peer.stack, calling, peer.now);
	for (int turns = 0; turns < 4; turns++)
		peer_turn();
	peer_complete_from(50000);
	ASSERT_STATE("ESTABLISHED");
	assert_int_equal(peer.stack.tcp.in_state[FT_TCP_TIME_WAIT], 1);
	peer.is_vouched_for = true;
	QUEUE(.flags = SYN, .from_port = 50001);
	QUEUE(.seq = 1, .ack = 1, .flags = ACK, .from_ip = RTE_IPV4(10, 9, 0, 2),
		.from_port = 41000, .options = FT_TCP_HAS_TIMESTAMP);
	peer_turn();
	peer.is_vouched_for = false;
	EXPECT(.ack = 1, .flags = SYN | ACK, .from_port = 50001);
	EXPECT_NOTHING;
	assert_int_equal(peer.stack.tcp.in_state[FT_TCP_TIME_WAIT], 0);
	assert_int_equal(dropped[FT_DROP_IP_BAD_SOURCE], 1);
	assert_int_equal(peer_counter(FT_COUNTER_TCP_RESETS_SENT), 0);
}

// The same of another peer's. It is answered as any that nobody wants, and the newcomer hears nothing of it.
static void time_wait_segment_behind_a_syn_that_ended_it_is_reset(void **state)
{
	peer.config.tcp.connections = 1;
	peer_restart();
	ESTABLISH(.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1000);
	peer_shutdown();
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
	TAKES(.seq = 1, .ack = 2, .flags = FIN | ACK, .options = FT_TCP_HAS_TIMESTAMP,
		.ts_value = 1000);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	peer_close();
	ASSERT_STATE("TIME-WAIT");
	peer.is_vouched_for = true;
	QUEUE(.flags = SYN, .from_port = 50000, .options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1000);
	QUEUE(.seq = 1, .ack = 2, .flags = ACK, .text = "late", .options = FT_TCP_HAS_TIMESTAMP,
		.ts_value = 1000);
	peer_turn();
	peer.is_vouched_for = false;
	EXPECT(.seq = 2, .flags = RST);
	EXPECT(.ack = 1, .flags = SYN | ACK, .from_port = 50000);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .from_port = 50000, .options = FT_TCP_HAS_TIMESTAMP,
		.ts_value = 1000);
	peer_accept();
	peer_expect_read_error(-EAGAIN);
	ENDS_IN("ESTABLISHED");
}

// URGENT/11: the pointer moves back, behind what was read, then far ahead; each byte is read once.
static void established_urgent_pointer_moving_back_reads_each_byte_once(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = 1, .flags = ACK | URG, .text = "ab", .urgent = 4);
	peer_expect_read("ab");
	TAKES(.seq = 3, .ack = 1, .flags = ACK | URG, .text = "c", .urgent = 1);
	peer_expect_read("c");
	TAKES(.seq = 4, .ack = 1, .flags = ACK, .text = "X");
	peer_expect_urgent('X');
	TAKES(.seq = 5, .ack = 1, .flags = ACK | URG, .text = "d", .urgent = 65535);
	peer_expect_read("d");
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 6, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

// What comes with the mark set is no longer as predicted.
static void established_urgent_byte_in_a_usual_segment_is_found(void **state)
{
	ESTABLISH(.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1000);
	peer.is_vouched_for = true;
	TAKES(.seq = 1, .ack = 1, .flags = ACK | URG, .text = "ab", .urgent = 4,
		.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1000);
	peer_expect_read("ab");
	TAKES(.seq = 3, .ack = 1, .flags = ACK, .text = "cX", .options = FT_TCP_HAS_TIMESTAMP,
		.ts_value = 1000);
	peer.is_vouched_for = false;
	peer_expect_urgent('X');
	peer_expect_read("c");
	peer_take_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(established_bad_options_lose_nothing),
		PEER_TEST(listen_bad_options_leave_the_defaults),
		PEER_TEST(connection_in_split_mbufs_lives_and_ends),
		PEER_TEST(listen_syn_from_itself_is_dropped),
		PEER_TEST(established_crumbs_acked_one_by_one_cost_the_same_each),
		PEER_TEST(listen_syns_are_answered_without_pattern),
		PEER_TEST(syn_sent_syns_show_no_pattern),
		PEER_TEST(syn_sent_same_tuple_later_begins_beyond),
		PEER_TEST(syn_sent_other_secret_gives_other_numbers),
		PEER_TEST(listen_syn_to_a_group_is_dropped),
		PEER_TEST(closed_segment_to_a_group_is_not_answered),
		PEER_TEST(listen_syn_from_martians_is_dropped),
		PEER_TEST(established_segment_of_a_colliding_tuple_is_not_taken),
		PEER_TEST(established_to_ourselves_segment_from_outside_is_dropped),
		PEER_TEST(established_text_in_lent_mbufs_is_read_before_they_go_back),
		PEER_TEST(resting_to_ourselves_segment_from_outside_is_dropped),
		PEER_TEST(time_wait_to_ourselves_segment_from_outside_behind_a_syn_is_dropped),
		PEER_TEST(time_wait_segment_behind_a_syn_that_ended_it_is_reset),
		PEER_TEST(established_urgent_pointer_moving_back_reads_each_byte_once),
		PEER_TEST(established_urgent_byte_in_a_usual_segment_is_found),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name(
		"tcp/tcp_hostile", tests, peer_make_pools, peer_free_pools);
}
