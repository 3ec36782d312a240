// Segments that leave the stack as one packet, because the NIC cuts it. What the packet tells the NIC is
// checked where the test takes it (peer.c).
#include "peer.h"

#include "tcp/conn.h"

#define TSO_BYTES 8000
#define RING	  256 // a quarter of the packets

static void let_nic_cut(void)
{
	peer.stack.netif.tso_bytes = TSO_BYTES;
}

static int begin(void **state)
{
	int error = peer_begin(state);

	let_nic_cut();
	return error;
}

static void full_segments_go_as_one_and_the_rest_apart(void **state)
{
	uint64_t *count = &peer.stack.counters.count[FT_COUNTER_TCP_SEGMENTS_OUT], before;

	peer_enter(FT_TCP_ESTABLISHED);
	before = *count;
	peer_write_bytes(3500);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 3000);
	EXPECT(.seq = 3001, .ack = 1, .flags = PSH | ACK, .bytes = 500);
	assert_int_equal(*count - before, 4); // as on the wire
	SEND(.seq = 1, .ack = 3501, .flags = ACK);
	assert_int_equal(ft_tcp_unacked_bytes(peer.conn), 0);
}

// Both in one mbuf, and not too large for the link.
static void two_short_full_segments_go_as_one(void **state)
{
	ESTABLISH(.mss = 536);
	peer_write_bytes(1072);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = 1072);
	assert_true(peer.is_last_to_be_cut);
}

static void one_full_segment_is_left_as_it_is(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(1000);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
}

static void nics_limit_and_cwnd_limit_one_packet(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(30000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 8000);
	EXPECT(.seq = 8001, .ack = 1, .flags = ACK, .bytes = 2000); // RFC 6928: ten segments
	EXPECT_NOTHING;
	SEND(.seq = 1, .ack = 10001, .flags = ACK);
	peer_take_all();
}

static void peers_window_limits_one_packet(void **state)
{
	ESTABLISH(.window = 2400);
	peer_write_bytes(5000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 2000);
	EXPECT_NOTHING; // 400 would be silly
	SEND(.seq = 1, .ack = 2001, .flags = ACK, .window = 3000);
	EXPECT(.seq = 2001, .ack = 1, .flags = PSH | ACK, .bytes = 3000);
}

static void segments_with_timestamps_are_shorter(void **state)
{
	ESTABLISH(.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1);
	peer_write_bytes(2000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 2 * 988);
	EXPECT(.seq = 1977, .ack = 1, .flags = PSH | ACK, .bytes = 24);
}

// The acknowledgment ends within a segment; what is left goes again after a timeout, piece by piece.
static void ack_of_a_part_leaves_the_rest_to_be_sent_again(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(4000);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = 4000);
	SEND(.seq = 1, .ack = 1501, .flags = ACK);
	EXPECT_NOTHING;
	peer_wait(5 * FT_SECOND);
	EXPECT(.seq = 1501, .ack = 1, .flags = ACK, .bytes = 1000);
	SEND(.seq = 1, .ack = 2501, .flags = ACK);
	EXPECT(.seq = 2501, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 3501, .ack = 1, .flags = PSH | ACK, .bytes = 500);
	SEND(.seq = 1, .ack = 4001, .flags = ACK);
	assert_int_equal(ft_tcp_unacked_bytes(peer.conn), 0);
}

static void third_duplicate_ack_has_one_segment_sent_again(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(8000);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = 8000);
	for (int i = 0; i < 3; i++)
		SEND(.seq = 1, .ack = 2001, .flags = ACK);
	EXPECT_NOTHING; // the first was new
	SEND(.seq = 1, .ack = 2001, .flags = ACK);
	EXPECT(.seq = 2001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT_NOTHING;
	SEND(.seq = 1, .ack = 8001, .flags = ACK);
	assert_int_equal(ft_tcp_unacked_bytes(peer.conn), 0);
}

static void fin_goes_with_the_last_of_them(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .window = 1); // for both to be there
	peer_write_bytes(3000);
	peer_shutdown();
	SEND(.seq = 1, .ack = 1, .flags = ACK, .window = 5000);
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | PSH | ACK, .bytes = 3000);
	SEND(.seq = 1, .ack = 3002, .flags = ACK);
}

// One segment after the other still gets through.
static void without_packets_for_a_chain_segments_go_apart(void **state)
{
	static struct rte_mbuf *taken[PEER_PACKETS];
	unsigned count;

	ESTABLISH(.window = 1000);
	peer_write_bytes(5000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	count = rte_mempool_avail_count(peer.stack.send_pool) - 1;
	assert_int_equal(rte_pktmbuf_alloc_bulk(peer.stack.send_pool, taken, count), 0);
	SEND(.seq = 1, .ack = 1001, .flags = ACK, .window = 4000);
	EXPECT(.seq = 1001, .ack = 1, .flags = ACK, .bytes = 1000);
	rte_pktmbuf_free_bulk(taken, count);
	peer_pass(FT_MILLISECOND);
	EXPECT(.seq = 2001, .ack = 1, .flags = ACK, .bytes = 1000); // still the same instant
	EXPECT(.seq = 3001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 4001, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
}

// ---- a NIC that gives back what it has sent only when it needs the place, as most drivers have it ----

static uint16_t (*transmit)(void *driver, struct rte_mbuf **pkts, uint16_t count);
static struct rte_mbuf *ring[RING];
static uint32_t ring_next;

static void hold(struct rte_mbuf *part)
{
	rte_mbuf_refcnt_update(part, 1);
	if (ring[ring_next] != NULL)
		rte_pktmbuf_free_seg(ring[ring_next]);
	ring[ring_next] = part;
	ring_next = (ring_next + 1) % RING;
}

static uint16_t transmit_and_hold(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		for (struct rte_mbuf *part = pkts[i]; part != NULL; part = part->next)
			hold(part);
	return transmit(driver, pkts, count);
}

static void fill_send_queue(void)
{
	static const uint8_t bytes[10000];
	const struct iovec iov = { (void *)(uintptr_t)bytes, sizeof(bytes) };

	while (ft_tcp_send(&peer.stack, peer.conn, &iov, 1, 0, peer.now) == sizeof(bytes))
		;
}

static int begin_with_ring(void **state)
{
	int error = peer_begin(state);

	peer.config.nic.tso = true;
	peer.config.nic.tx_descriptors = RING;
	peer_restart();
	peer.stack.netif.tso_bytes = UINT16_MAX - 120;
	transmit = peer.stack.netif.transmit;
	peer.stack.netif.transmit = transmit_and_hold;
	return error;
}

static int end_with_ring(void **state)
{
	for (uint32_t i = 0; i < RING; i++) {
		rte_pktmbuf_free_seg(ring[i]);
		ring[i] = NULL;
	}
	return peer_end(state);
}

// What its packets point into it holds, too, though that is acknowledged and the budget has it back.
static void what_the_nic_holds_leaves_packets_to_send(void **state)
{
	const struct ft_tcp_conn *conn;

	peer_enter(FT_TCP_ESTABLISHED);
	peer.is_flooding = true;
	peer.conn->conn->send_limit = 4 << 20;
	conn = peer.conn->conn;
	for (int i = 0; i < 100; i++) {
		const uint32_t before = conn->snd.max;

		fill_send_queue();
		SEND(.seq = 1, .ack = before - peer.iss, .flags = ACK);
		peer_pass(FT_MILLISECOND);
		assert_int_not_equal(conn->snd.max, before);
	}
}

#define TSO_TEST(name) cmocka_unit_test_setup_teardown(name, begin, peer_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TSO_TEST(full_segments_go_as_one_and_the_rest_apart),
		TSO_TEST(two_short_full_segments_go_as_one),
		TSO_TEST(one_full_segment_is_left_as_it_is),
		TSO_TEST(nics_limit_and_cwnd_limit_one_packet),
		TSO_TEST(peers_window_limits_one_packet),
		TSO_TEST(segments_with_timestamps_are_shorter),
		TSO_TEST(ack_of_a_part_leaves_the_rest_to_be_sent_again),
		TSO_TEST(third_duplicate_ack_has_one_segment_sent_again),
		TSO_TEST(fin_goes_with_the_last_of_them),
		TSO_TEST(without_packets_for_a_chain_segments_go_apart),
		cmocka_unit_test_setup_teardown(
			what_the_nic_holds_leaves_packets_to_send, begin_with_ring, end_with_ring),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/tso", tests, peer_make_pools, peer_free_pools);
}
