// What a peer, or many, can take from us: places in queues, blocks, packets, windows, time.
#include <errno.h>
#include <sys/epoll.h>

#include <rte_ip.h>

#include "base/few.h"
#include "tcp/tcp_at_once.h"
#include "tcp/tcp_timers.h"

#include "peer.h"

// ---- places in a listener's queues ----

// As on Linux: the handshake is not refused, its end waits until there is room.
static void syn_received_full_accept_queue_ignores_the_ack(void **state)
{
	uint32_t iss;

	peer_enter(FT_TCP_LISTEN);
	ft_tcp_set_backlog(peer.listener, 1);
	peer_complete_from(50000);
	SEND(.flags = SYN, .from_port = 50001);
	EXPECT(.ack = 1, .flags = SYN | ACK, .from_port = 50001);
	iss = peer.iss;
	peer_complete_from(50002);
	peer.iss = iss;
	assert_int_equal(SEND(.seq = 1, .ack = 1, .flags = ACK, .from_port = 50001),
		FT_DROP_TCP_BACKLOG_FULL);
	assert_int_equal(peer.stack.tcp.in_state[FT_TCP_SYN_RECEIVED], 1);

	QUIET(FT_SECOND);
	EXPECT(.ack = 1, .flags = SYN | ACK, .from_port = 50001);
	peer_accept();
	assert_int_equal(SEND(.seq = 1, .ack = 1, .flags = ACK, .from_port = 50001), FT_TAKEN);
	assert_int_equal(peer.stack.tcp.in_state[FT_TCP_ESTABLISHED], 3);
}

static void listen_full_accept_queue_drops_syns(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	ft_tcp_set_backlog(peer.listener, 0);
	peer_complete_from(50000);
	assert_int_equal(SEND(.flags = SYN, .from_port = 50001), FT_DROP_TCP_BACKLOG_FULL);
}

// ---- blocks ----

static void listen_no_block_left_ends_a_closed_fin_wait_2(void **state)
{
	peer.config.tcp.connections = 1;
	peer_restart();
	peer_enter(FT_TCP_FIN_WAIT_2);
	peer_close();
	SEND(.flags = SYN, .from_port = 50000);
	EXPECT(.ack = 1, .flags = SYN | ACK, .from_port = 50000);
}

static void listen_no_block_left_keeps_an_open_fin_wait_2(void **state)
{
	peer.config.tcp.connections = 1;
	peer_restart();
	peer_enter(FT_TCP_FIN_WAIT_2);
	assert_int_equal(SEND(.flags = SYN, .from_port = 50000), FT_DROP_TCP_NO_CONN_MEMORY);
	ASSERT_STATE("FIN-WAIT-2");
}

// ---- packets received ----

// Each goes back where it came from; the tear-down counts them.
static void established_packets_from_another_pool_go_back_there(void **state)
{
	struct rte_mempool *own = peer.stack.receive_pool;

	ESTABLISH(.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1000);
	peer.stack.receive_pool = peer.stack.send_pool;
	peer.is_vouched_for = true;
	QUEUE(.seq = 1, .ack = 1, .flags = ACK, .text = "few", .options = FT_TCP_HAS_TIMESTAMP,
		.ts_value = 1000);
	QUEUE(.seq = 4, .ack = 1, .flags = ACK, .options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1000);
	QUEUE(.seq = 4, .ack = 1, .flags = ACK, .text = "bytes");
	peer_turn();
	peer.is_vouched_for = false;
	peer.stack.receive_pool = own;
	peer_expect_read("few");
	peer_take_all();
}

// ---- packets to send ----

static void closed_no_packet_left_no_reset(void **state)
{
	const uint64_t *dropped = &peer.stack.counters.dropped_output[FT_DROP_NO_MBUF];

	ft_test_drain(peer.stack.send_pool, 0);
	DROPS(TCP_NO_CONNECTION, .flags = SYN);
	ft_test_refill();
	EXPECT_NOTHING;
	assert_int_equal(*dropped, 1);
	assert_int_equal(peer_counter(FT_COUNTER_TCP_RESETS_SENT), 0);
	DROPS(TCP_NO_CONNECTION, .flags = SYN);
	EXPECT(.ack = 1, .flags = RST | ACK);
	assert_int_equal(*dropped, 1);
}

static void established_no_packet_left_abort_ends_it_without_a_reset(void **state)
{
	const uint64_t *dropped = &peer.stack.counters.dropped_output[FT_DROP_NO_MBUF];

	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "unread");
	ft_test_drain(peer.stack.send_pool, 0);
	peer_close();
	ft_test_refill();
	EXPECT_NOTHING;
	assert_int_equal(*dropped, 1);
	assert_int_equal(peer.stack.tcp.anchors.in_use, 0);
	DROPS(TCP_NO_CONNECTION, .seq = 7, .ack = 1, .flags = ACK); // the peer is told when it asks
	EXPECT(.seq = 1, .flags = RST);
}

static void listen_no_packet_left_syn_ack_waits(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	ft_test_drain(peer.stack.send_pool, 0);
	TAKES(.flags = SYN);
	EXPECT_NOTHING;
	ft_test_refill();
	peer_pass(FT_MILLISECOND);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	TAKES(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void syn_sent_no_packet_left_syn_waits(void **state)
{
	ft_test_drain(peer.stack.send_pool, 0);
	peer_connect();
	peer_turn();
	EXPECT_NOTHING;
	ft_test_refill();
	peer_pass(FT_MILLISECOND);
	EXPECT(.flags = SYN);
}

static void established_no_packet_left_ack_and_fin_wait(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	ft_test_drain(peer.stack.send_pool, 0);
	TAKES(.seq = 1, .ack = 1, .flags = FIN | ACK);
	peer_shutdown();
	peer_pass(FT_MILLISECOND);
	EXPECT_NOTHING;
	ft_test_refill();
	peer_pass(FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 2, .flags = FIN | ACK);
	ENDS_IN("LAST-ACK");
}

// ---- a NIC that is behind ----

static uint16_t take_nothing(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	return 0;
}

static uint16_t (*transmit)(void *, struct rte_mbuf **, uint16_t); // of the NIC that is behind

static void fill_transmit_queue(uint32_t count)
{
	transmit = peer.stack.netif.transmit;
	peer.stack.netif.transmit = take_nothing;
	while (peer.stack.tx_count < count)
		ft_stack_transmit(&peer.stack, ft_stack_new_packet(&peer.stack));
}

static void empty_transmit_queue(void)
{
	struct ft_stack *stack = &peer.stack;

	stack->netif.transmit = transmit;
	for (; stack->tx_count > 0; stack->tx_count--, stack->tx_first++)
		rte_pktmbuf_free(stack->tx[stack->tx_first % FT_TX_QUEUE]);
}

static void established_full_transmit_queue_ack_waits(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	fill_transmit_queue(FT_TX_QUEUE);
	TAKES(.seq = 5, .ack = 1, .flags = ACK, .text = "x"); // out of order: acknowledged at once
	peer_pass(FT_MILLISECOND);
	assert_int_equal(peer.stack.counters.dropped_output[FT_DROP_TX_FULL], 0);
	empty_transmit_queue();
	peer_pass(FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
}

// An answer like all data: it leaves the rest of the queue to ACKs and resets.
static void established_transmit_queue_filled_by_three_quarters_answer_waits(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	fill_transmit_queue(FT_TX_QUEUE / 4 * 3);
	peer_write("x");
	peer_pass(FT_MILLISECOND);
	assert_int_equal(peer.stack.tx_count, FT_TX_QUEUE / 4 * 3);
	empty_transmit_queue();
	peer_pass(FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
}

static void established_loopback_queue_filled_by_three_quarters_answer_waits(void **state)
{
	const struct iovec text = { "x", 1 };
	const uint32_t waiting = peer.stack.loopback.count;

	peer_enter(FT_TCP_ESTABLISHED);
	peer.stack.loopback.count = FT_LOOPBACK_QUEUE / 4 * 3;
	assert_int_equal(ft_tcp_send(&peer.stack, peer.conn, &text, 1, 0, peer.now), 1);
	ft_tcp_pay(&peer.stack, peer.now);
	assert_int_equal(peer.stack.tx_count, 0);
	peer.stack.loopback.count = waiting;
	peer_pass(FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
}

// The MSS is never so small, but a link may be.
static void established_answer_larger_than_the_link_is_dropped(void **state)
{
	peer_listen();
	peer.stack.netif.mtu = 80;
	ESTABLISH();
	peer_write_bytes(41);
	peer_pass(FT_MILLISECOND);
	assert_int_equal(peer.stack.counters.dropped_output[FT_DROP_IP_TOO_BIG], 1);
	peer.stack.netif.mtu = 1500;
	peer_wait(FT_SECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = 41);
}

static void listen_full_transmit_queue_syn_ack_waits(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	fill_transmit_queue(FT_TX_QUEUE);
	TAKES(.flags = SYN);
	assert_int_equal(peer.stack.counters.dropped_output[FT_DROP_TX_FULL], 0);
	empty_transmit_queue();
	peer_pass(FT_MILLISECOND);
	EXPECT(.ack = 1, .flags = SYN | ACK);
}

// ---- small segments (CVE-2019-11479) ----

static void tiny_mss_of_the_peer_is_raised(void **state)
{
	ESTABLISH(.mss = 1);
	peer_write_bytes(100);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 64);
	EXPECT(.seq = 65, .ack = 1, .flags = PSH | ACK, .bytes = 36);
}

// ---- packets that applications do not read ----

static void window_opens_no_further_while_packets_are_short(void **state)
{
	uint64_t held = peer.stack.receive_held.mbufs.limit / 8 * 7;

	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	SEND(.seq = 1001, .ack = 1, .flags = ACK, .bytes = 1000);
	peer_expect_read_bytes(2000);
	EXPECT(.seq = 1, .ack = 2001, .flags = ACK, .window = 65535);
	peer.stack.receive_held.mbufs.used += held;
	SEND(.seq = 2001, .ack = 1, .flags = ACK, .bytes = 1000);
	SEND(.seq = 3001, .ack = 1, .flags = ACK, .bytes = 1000);
	peer_expect_read_bytes(2000);
	EXPECT(.seq = 1, .ack = 4001, .flags = ACK, .window = 65535 - 2000);
	peer.stack.receive_held.mbufs.used -= held;
	SEND(.seq = 4001, .ack = 1, .flags = ACK, .bytes = 1000);
	SEND(.seq = 5001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 6001, .flags = ACK, .window = 65535);
}

enum { CROWD = 4 * PEER_PACKETS - 500 };

// Each leaves a byte more unread than needs no packet. They hold half of the packets, and who reads has the rest.
static void established_crowd_of_unread_bytes_leaves_packets_to_others(void **state)
{
	const struct ft_held *held = &peer.stack.receive_held;
	uint32_t iss;

	peer.config.tcp.connections = CROWD + 1;
	peer_restart();
	ESTABLISH();
	iss = peer.iss;
	ft_tcp_set_backlog(peer.listener, UINT32_MAX - 1);
	for (uint16_t i = 0; i < CROWD; i++) {
		peer_complete_from(50000 + i);
		assert_int_equal(SEND(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = FT_FEW + 1,
					 .from_port = 50000 + i),
			FT_TAKEN);
	}
	assert_in_range(held->mbufs.used, 1, held->mbufs.limit / 2);
	assert_in_range(
		rte_mempool_in_use_count(held->small_pool), CROWD - held->mbufs.limit / 2, CROWD);
	peer.is_flooding = true;
	peer.iss = iss;
	for (uint32_t seq = 1; seq < 100001; seq += 1000) {
		TAKES(.seq = seq, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
		peer_expect_read_bytes(1000);
	}
}

// Its place in the connection table is another again and again, and for a while in either of two.
static void established_while_the_table_grows_hears_all(void **state)
{
	uint32_t iss;

	peer.config.tcp.connections = CROWD + 1;
	peer_restart();
	ESTABLISH(.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1000);
	iss = peer.iss;
	ft_tcp_set_backlog(peer.listener, UINT32_MAX - 1);
	for (uint16_t i = 0; i < 1100; i++) {
		peer_complete_from(50000 + i);
		peer.iss = iss;
		peer.is_vouched_for = true;
		TAKES(.seq = 1 + i, .ack = 1, .flags = ACK, .bytes = 1,
			.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1000);
		peer.is_vouched_for = false;
		peer_expect_read_bytes(1);
		peer_take_all();
	}
}

// Forty connections besides the one there is, and on each the stream from `first` to before `end`.
static void forty_others_send(uint32_t first, uint32_t end)
{
	const uint32_t iss = peer.iss;

	ft_tcp_set_backlog(peer.listener, 100);
	for (uint16_t i = 0; i < 40; i++) {
		peer_complete_from(50000 + i);
		peer.is_flooding = true;
		for (uint32_t seq = first; seq < end; seq += 1000)
			SEND(.seq = seq, .ack = 1, .flags = ACK, .bytes = 1000,
				.from_port = 50000 + i);
		peer.is_flooding = false;
	}
	peer.iss = iss;
}

// Gaps stay open while an attacker likes, and what lies beyond them is never acknowledged: it takes three
// quarters of the packets at most, and who receives in order has the rest.
static void established_crowd_of_gaps_leaves_packets_to_others(void **state)
{
	const struct ft_held *held = &peer.stack.receive_held;

	ESTABLISH();
	forty_others_send(2001, 42001);
	assert_in_range(held->mbufs.used, held->mbufs.limit / 2, held->mbufs.limit / 4 * 3);
	assert_true(peer.stack.counters.dropped_input[FT_DROP_RECEIVE_MEMORY] > 0);
	peer.is_flooding = true;
	for (uint32_t seq = 1; seq < 40001; seq += 1000) {
		TAKES(.seq = seq, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
		peer_expect_read_bytes(1000);
	}
}

// Whoever has much already gets no more of what is scarce, so a newcomer finds something.
static void established_crowd_that_is_not_read_leaves_packets_to_others(void **state)
{
	const struct ft_held *held = &peer.stack.receive_held;

	ESTABLISH();
	forty_others_send(1, 60001);
	assert_in_range(held->mbufs.used, held->mbufs.limit / 2, held->mbufs.limit / 16 * 15);
	peer.is_flooding = true;
	for (uint32_t seq = 1; seq < 200001; seq += 2000) {
		TAKES(.seq = seq, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
		TAKES(.seq = seq + 1000, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
		peer_expect_read_bytes(2000);
	}
}

static uint32_t write_until_refused(struct ft_tcp_anchor *conn)
{
	static uint8_t bytes[1000];
	const struct iovec iov = { bytes, sizeof(bytes) };
	uint32_t total = 0;
	ssize_t count;

	while ((count = ft_tcp_send(&peer.stack, conn, &iov, 1, 0, peer.now)) > 0)
		total += count;
	assert_int_equal(count, -EAGAIN);
	return total;
}

// The same of packets to send: peers that shut their windows have something written for them, and others
// can be written to all the same. Who was refused is told when there is enough again for him, no sooner.
static void established_crowd_that_does_not_read_leaves_packets_to_others(void **state)
{
	const struct ft_budget *held = &peer.stack.send_held;
	struct ft_tcp_anchor *served, *hoarders[30];
	uint32_t iss;

	peer.config.tcp.send_buffer = 200000;
	peer_restart();
	ESTABLISH();
	iss = peer.iss;
	served = peer.conn;
	ft_tcp_set_backlog(peer.listener, 100);
	for (uint16_t i = 0; i < RTE_DIM(hoarders); i++) {
		peer_complete_from(50000 + i);
		SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true,
			.from_port = 50000 + i);
		hoarders[i] = ft_tcp_accept(&peer.stack, peer.listener, peer.socket);
		assert_true(write_until_refused(hoarders[i]) >= 2000);
	}
	assert_in_range(held->used, held->limit / 2, held->limit / 16 * 15);
	peer.is_flooding = true;
	peer_turn();
	for (uint16_t i = 0; i < RTE_DIM(hoarders); i++)
		assert_int_equal(ft_tcp_readiness(hoarders[i]) & EPOLLOUT, 0);
	peer.iss = iss;
	peer.conn = served;
	for (uint32_t done = 0; done < 100000; done += 2000) {
		peer_write_bytes(2000);
		TAKES(.seq = 1, .ack = done + 2001, .flags = ACK);
	}
	for (uint16_t i = 0; i < RTE_DIM(hoarders) - 1; i++)
		ft_tcp_abort(&peer.stack, hoarders[i], peer.now);
	peer_turn();
	assert_int_equal(ft_tcp_readiness(hoarders[RTE_DIM(hoarders) - 1]) & EPOLLOUT, EPOLLOUT);
	ft_tcp_abort(&peer.stack, hoarders[RTE_DIM(hoarders) - 1], peer.now);
}

// Who has closed will not write, and waits for no word.
static void established_refused_and_shut_down_wants_no_packets(void **state)
{
	const uint64_t others = peer.stack.send_held.limit / 16 * 15;

	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer.stack.send_held.used += others;
	write_until_refused(peer.conn);
	peer_turn();
	assert_false(ft_list_is_empty(&peer.stack.tcp.wanting));
	peer_shutdown();
	peer_turn();
	assert_true(ft_list_is_empty(&peer.stack.tcp.wanting));
	peer.stack.send_held.used -= others;
}

// Those who were refused packets wait for word; what is owed to a peer does not stand in line with them.
static void established_crowd_that_wants_packets_delays_nobody(void **state)
{
	const uint64_t others = peer.stack.send_held.limit / 16 * 15;
	struct ft_tcp_anchor *crowd[200];
	uint32_t iss;

	peer.config.tcp.connections = 256;
	peer_restart();
	ESTABLISH();
	iss = peer.iss;
	ft_tcp_set_backlog(peer.listener, RTE_DIM(crowd));
	peer.stack.send_held.used += others;
	for (uint16_t i = 0; i < RTE_DIM(crowd); i++) {
		peer_complete_from(50000 + i);
		SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true,
			.from_port = 50000 + i);
		crowd[i] = ft_tcp_accept(&peer.stack, peer.listener, peer.socket);
		write_until_refused(crowd[i]);
	}
	peer_turn();
	SEND(.seq = 2, .ack = 1, .flags = ACK, .text = "x", .from_port = 50199); // a gap before it
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .from_port = 50199);
	peer.iss = iss;
	for (int i = 0; i < 20; i++) {
		SEND(.seq = 1 + i, .ack = 1 + i, .flags = PSH | ACK, .text = "x");
		peer_expect_read("x");
		peer_write("y");
		EXPECT(.seq = 1 + i, .ack = 2 + i, .flags = PSH | ACK, .text = "y");
	}
	for (uint16_t i = 0; i < RTE_DIM(crowd); i++)
		ft_tcp_abort(&peer.stack, crowd[i], peer.now);
	peer.stack.send_held.used -= others;
}

// ---- time ----

static void delayed_ack_of_zero_acks_at_once(void **state)
{
	peer.config.tcp.delayed_ack = 0;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
}

static ft_time wheel_stands_at(void)
{
	return peer.conn->conn->timer.deadline;
}

static void ack_that_rides_on_the_answer_never_was_in_the_wheel(void **state)
{
	ft_time before;

	peer_enter(FT_TCP_ESTABLISHED);
	peer_pass(2 * peer.config.tcp.minimum_rto);
	before = wheel_stands_at();
	assert_true(before > peer.now + peer.config.tcp.minimum_rto);
	TAKES(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
	assert_true(ft_stack_next_turn(&peer.stack, peer.now) > peer.now + 10 * FT_MICROSECOND);
	for (int turns = 0; turns < 5; turns++)
		peer_turn();
	assert_true(wheel_stands_at() == before);
	peer_write("y");
	EXPECT(.seq = 1, .ack = 2, .flags = PSH | ACK, .text = "y");
	assert_true(wheel_stands_at() > peer.now + 2 * peer.config.tcp.delayed_ack);
	assert_ptr_equal(peer.stack.tcp.fresh_acks.end, peer.stack.tcp.fresh_acks.acks);
	peer_expect_read("x");
}

static void ack_that_is_not_answered_in_the_next_turn_comes_in_time(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
	QUIET(peer.config.tcp.delayed_ack);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
}

// The application has computed meanwhile, and nobody turned the loop.
static void ack_whose_time_came_between_two_turns_goes_with_the_second(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
	peer.now += 300 * FT_MILLISECOND;
	peer_turn();
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
}

static void acks_that_wait_since_different_turns_come_each_in_time(void **state)
{
	uint32_t first_iss, second_iss;

	peer_enter(FT_TCP_ESTABLISHED);
	first_iss = peer.iss;
	peer_complete_from(50000);
	second_iss = peer.iss;
	peer.iss = first_iss;
	TAKES(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
	peer.iss = second_iss;
	TAKES(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x", .from_port = 50000);
	peer_pass(peer.config.tcp.delayed_ack + FT_MILLISECOND);
	assert_int_equal(peer_take_all(), 2);
}

// As if there had been so many.
static void fill_fresh_acks(struct ft_tcp_fresh_ack ack)
{
	struct ft_tcp_fresh_acks *fresh = &peer.stack.tcp.fresh_acks;

	while (fresh->end < fresh->acks + FT_TCP_FRESH_ACKS)
		*fresh->end++ = ack;
}

static void acks_that_wait_with_many_others_come_in_time(void **state)
{
	const ft_time start = peer.now;
	struct ft_tcp_fresh_acks *fresh = &peer.stack.tcp.fresh_acks;
	uint32_t first_iss, second_iss;
	struct ft_tcp_fresh_ack oldest;

	peer_enter(FT_TCP_ESTABLISHED);
	first_iss = peer.iss;
	peer_complete_from(50000);
	second_iss = peer.iss;
	peer.iss = first_iss;
	TAKES(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
	oldest = fresh->acks[0];
	assert_ptr_equal(fresh->end, fresh->acks + 1);
	fill_fresh_acks((struct ft_tcp_fresh_ack){ oldest.conn, start });
	peer.now += 5 * FT_MILLISECOND;
	peer.iss = second_iss;
	TAKES(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x", .from_port = 50000);
	assert_ptr_equal(fresh->end, fresh->acks + 1);
	assert_true(oldest.conn->timer.deadline == oldest.deadline);
	peer_pass(peer.config.tcp.delayed_ack - 5 * FT_MILLISECOND + FT_MILLISECOND);
	assert_int_equal(peer_take_all(), 1);
	peer_pass(5 * FT_MILLISECOND);
	assert_int_equal(peer_take_all(), 1);
}

// The younger half of them is kept, in its order.
static void acks_that_wait_with_many_others_need_no_wheel_if_they_are_young(void **state)
{
	struct ft_tcp_fresh_acks *fresh = &peer.stack.tcp.fresh_acks;
	struct ft_tcp_conn *conn;

	peer_enter(FT_TCP_ESTABLISHED);
	conn = peer.conn->conn;
	TAKES(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
	fill_fresh_acks(fresh->acks[0]);
	fresh->acks[0].conn = fresh->acks[1].conn = ft_pool_at(&peer.stack.tcp.conns, 1);
	ft_tcp_timers_init(fresh->acks[0].conn);
	fresh->first++;
	ft_tcp_timers_tidy_acks(&peer.stack);
	assert_ptr_equal(fresh->first, fresh->acks);
	assert_ptr_equal(fresh->end, fresh->acks + FT_TCP_FRESH_ACKS / 2);
	assert_true(conn->timer.deadline == fresh->acks[0].deadline);
	QUIET(peer.config.tcp.delayed_ack);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
}

// Its block is another's by the time that the wheel would hear of it.
static void ack_that_waits_dies_with_its_connection(void **state)
{
	struct ft_tcp_conn *block;
	ft_time before;

	peer_enter(FT_TCP_ESTABLISHED);
	block = peer.conn->conn;
	QUEUE(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
	QUEUE(.seq = 2, .flags = RST);
	peer_turn();
	peer_expect_read("x");
	peer_close();
	ESTABLISH(.from_port = 50000);
	assert_ptr_equal(peer.conn->conn, block);
	before = wheel_stands_at();
	peer_turn();
	assert_true(wheel_stands_at() == before);
	peer_pass(2 * peer.config.tcp.delayed_ack);
	EXPECT_NOTHING;
}

// It answers every probe, but nobody is left who would want to wait for it (RFC 6429).
static void shut_window_of_a_closed_socket_ends_with_the_user_timeout(void **state)
{
	ft_time start;

	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_write("x");
	peer_close();
	start = peer.now;
	while (peer_state() == FT_TCP_FIN_WAIT_1 && peer.now < start + 900 * FT_SECOND) {
		peer_pass(FT_SECOND);
		if (peer_take_all() > 0 && peer_state() == FT_TCP_FIN_WAIT_1)
			SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	}
	ASSERT_STATE("CLOSED");
	assert_in_range(peer.now - start, 299 * FT_SECOND, 303 * FT_SECOND);
}

// ---- half-open connections ----

enum { HALF_OPEN = 100000 }; // a multiple of 32

// SYNs from many hosts and ports, 32 in a burst, that nothing will ever follow.
static void flood_with_syns(uint32_t count)
{
	peer.is_flooding = true;
	for (uint32_t i = 0; i < count; i++) {
		QUEUE(.flags = SYN, .from_port = 1024 + i / 200,
			.from_ip = RTE_IPV4(10, 9, 0, 10 + i % 200));
		if (i % 32 < 31)
			continue;
		peer_turn();
		peer_turn(); // the ARP answers that were asked for
	}
}

static void listen_hundred_thousand_half_open_pass(void **state)
{
	const struct ft_tcp *tcp = &peer.stack.tcp;

	peer.config.tcp.connections = HALF_OPEN + 1;
	peer_restart();
	ESTABLISH();
	ft_tcp_set_backlog(peer.listener, UINT32_MAX - 1);
	flood_with_syns(HALF_OPEN);
	assert_int_equal(tcp->in_state[FT_TCP_SYN_RECEIVED], HALF_OPEN);
	assert_int_equal(tcp->anchors.in_use, HALF_OPEN + 1);

	// One more finds no block, and has a name; who was there is served as ever.
	DROPS(TCP_NO_CONN_MEMORY, .flags = SYN, .from_port = 60000);
	peer.is_flooding = false;
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "still there?");
	peer_expect_read("still there?");
	peer_write("yes");
	EXPECT(.seq = 1, .ack = 13, .flags = PSH | ACK, .text = "yes");
	TAKES(.seq = 13, .ack = 4, .flags = ACK);

	// Nobody answers any of the SYN-ACKs, however often they are sent.
	peer.is_flooding = true;
	peer_pass(300 * FT_SECOND);
	peer.is_flooding = false;
	assert_int_equal(tcp->in_state[FT_TCP_SYN_RECEIVED], 0);
	assert_int_equal(tcp->anchors.in_use, 1);
	assert_int_equal(tcp->conns.in_use, 0); // the one that is left has been at rest
	TAKES(.flags = SYN, .from_port = 60000);
	EXPECT(.ack = 1, .flags = SYN | ACK, .from_port = 60000);
	EXPECT_NOTHING;
}

static void listen_full_syn_queue_bounds_a_flood(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	flood_with_syns(HALF_OPEN);
	assert_int_equal(peer.stack.tcp.anchors.in_use, 9); // the backlog, and Linux's one more
	assert_int_equal(
		peer.stack.counters.dropped_input[FT_DROP_TCP_BACKLOG_FULL], HALF_OPEN - 9);
	peer_pass(300 * FT_SECOND);
	assert_int_equal(peer.stack.tcp.anchors.in_use, 0);
	assert_int_equal(peer.stack.tcp.conns.in_use, 0);
}

// Each is paid shortly, and none looks at the queue by itself.
static void established_crowd_of_answers_fills_the_transmit_queue_by_three_quarters(void **state)
{
	struct ft_tcp_anchor *crowd[FT_TX_QUEUE + 100];
	struct iovec byte = { "a", 1 };
	uint64_t sent;

	peer.config.tcp.connections = RTE_DIM(crowd) + 1;
	peer_restart();
	ESTABLISH();
	ft_tcp_set_backlog(peer.listener, RTE_DIM(crowd));
	for (uint16_t i = 0; i < RTE_DIM(crowd); i++) {
		peer_complete_from(50000 + i);
		crowd[i] = ft_tcp_accept(&peer.stack, peer.listener, peer.socket);
	}
	peer_turn();
	peer.is_nic_busy = peer.is_flooding = true;
	sent = peer_counter(FT_COUNTER_TX_PACKETS);
	for (uint32_t i = 0; i < RTE_DIM(crowd); i++)
		assert_int_equal(ft_tcp_send(&peer.stack, crowd[i], &byte, 1, 0, peer.now), 1);
	peer_turn();
	assert_int_equal(peer.stack.tx_count, FT_TX_QUEUE / 4 * 3);
	peer.is_nic_busy = false;
	for (int turns = 0; turns < 3; turns++)
		peer_turn();
	assert_int_equal(peer_counter(FT_COUNTER_TX_PACKETS) - sent, RTE_DIM(crowd));
	for (uint32_t i = 0; i < RTE_DIM(crowd); i++)
		ft_tcp_abort(&peer.stack, crowd[i], peer.now);
	peer_turn();
	peer.is_flooding = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(syn_received_full_accept_queue_ignores_the_ack),
		PEER_TEST(listen_full_accept_queue_drops_syns),
		PEER_TEST(listen_no_block_left_ends_a_closed_fin_wait_2),
		PEER_TEST(listen_no_block_left_keeps_an_open_fin_wait_2),
		PEER_TEST(established_packets_from_another_pool_go_back_there),
		PEER_TEST(closed_no_packet_left_no_reset),
		PEER_TEST(established_no_packet_left_abort_ends_it_without_a_reset),
		PEER_TEST(listen_no_packet_left_syn_ack_waits),
		PEER_TEST(syn_sent_no_packet_left_syn_waits),
		PEER_TEST(established_no_packet_left_ack_and_fin_wait),
		PEER_TEST(established_full_transmit_queue_ack_waits),
		PEER_TEST(established_transmit_queue_filled_by_three_quarters_answer_waits),
		PEER_TEST(established_loopback_queue_filled_by_three_quarters_answer_waits),
		PEER_TEST(established_crowd_of_answers_fills_the_transmit_queue_by_three_quarters),
		PEER_TEST(established_answer_larger_than_the_link_is_dropped),
		PEER_TEST(listen_full_transmit_queue_syn_ack_waits),
		PEER_TEST(tiny_mss_of_the_peer_is_raised),
		PEER_TEST(window_opens_no_further_while_packets_are_short),
		PEER_TEST(established_crowd_of_unread_bytes_leaves_packets_to_others),
		PEER_TEST(established_while_the_table_grows_hears_all),
		PEER_TEST(established_crowd_of_gaps_leaves_packets_to_others),
		PEER_TEST(established_crowd_that_is_not_read_leaves_packets_to_others),
		PEER_TEST(established_crowd_that_does_not_read_leaves_packets_to_others),
		PEER_TEST(established_refused_and_shut_down_wants_no_packets),
		PEER_TEST(established_crowd_that_wants_packets_delays_nobody),
		PEER_TEST(delayed_ack_of_zero_acks_at_once),
		PEER_TEST(ack_that_rides_on_the_answer_never_was_in_the_wheel),
		PEER_TEST(ack_that_is_not_answered_in_the_next_turn_comes_in_time),
		PEER_TEST(ack_whose_time_came_between_two_turns_goes_with_the_second),
		PEER_TEST(acks_that_wait_since_different_turns_come_each_in_time),
		PEER_TEST(acks_that_wait_with_many_others_come_in_time),
		PEER_TEST(acks_that_wait_with_many_others_need_no_wheel_if_they_are_young),
		PEER_TEST(ack_that_waits_dies_with_its_connection),
		PEER_TEST(listen_hundred_thousand_half_open_pass),
		PEER_TEST(listen_full_syn_queue_bounds_a_flood),
		PEER_TEST(shut_window_of_a_closed_socket_ends_with_the_user_timeout),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, peer_make_pools, peer_free_pools);
}
