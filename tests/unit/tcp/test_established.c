// Data in both directions in ESTABLISHED: acknowledging, windows, loss, urgent data.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "peer.h"

// ---- receiving ----

static void data_in_order_is_read_and_acked_late(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK | PSH, .text = "hello");
	peer_expect_read("hello");
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 6, .flags = ACK);
}

static void second_full_segment_is_acked_at_once(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT_NOTHING;
	SEND(.seq = 1001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 2001, .flags = ACK);
	peer_expect_read_bytes(2000);
}

static void burst_of_segments_is_acked_once(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	for (uint32_t i = 0; i < 10; i++)
		QUEUE(.seq = 1 + 1000 * i, .ack = 1, .flags = ACK, .bytes = 1000);
	peer_turn();
	EXPECT(.seq = 1, .ack = 10001, .flags = ACK);
	peer_expect_read_bytes(10000);
}

static void answer_carries_the_ack(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK | PSH, .text = "ping");
	peer_write("pong");
	EXPECT(.seq = 1, .ack = 5, .flags = PSH | ACK, .text = "pong");
	SEND(.seq = 5, .ack = 5, .flags = ACK);
	peer_pass(FT_SECOND);
}

static void gap_is_told_by_duplicate_acks_and_filled(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	SEND(.seq = 3001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 2001, .flags = ACK);
	SEND(.seq = 2001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 4001, .flags = ACK);
	peer_expect_read_bytes(4000);
}

static void fin_beyond_a_gap_waits_for_it(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1001, .ack = 1, .flags = FIN | ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ASSERT_STATE("ESTABLISHED");
	SEND(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 2002, .flags = ACK);
	ASSERT_STATE("CLOSE-WAIT");
	peer_expect_read_bytes(2000);
	peer_expect_read_error(0);
}

static void duplicate_is_acked_and_dropped(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .bytes = 100);
	assert_int_equal(
		SEND(.seq = 1, .ack = 1, .flags = ACK, .bytes = 100), FT_DROP_TCP_DUPLICATE);
	EXPECT(.seq = 1, .ack = 101, .flags = ACK);
	peer_expect_read_bytes(100);
}

static void partly_old_segment_gives_its_new_part(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .bytes = 100);
	SEND(.seq = 51, .ack = 1, .flags = ACK, .bytes = 100);
	EXPECT(.seq = 1, .ack = 151, .flags = ACK);
	peer_expect_read_bytes(150);
}

static void segment_outside_the_window_is_acked_and_dropped(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	assert_int_equal(SEND(.seq = 200000, .ack = 1, .flags = ACK, .text = "x"),
		FT_DROP_TCP_OUT_OF_WINDOW);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
}

// The buffer fills: the window closes exactly, does not move by little, opens when it is worth it.
static void slow_reader_closes_and_opens_the_window(void **state)
{
	peer.config.tcp.receive_buffer = 4096;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	for (uint32_t i = 0; i < 4; i++)
		SEND(.seq = 1 + 1000 * i, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 2001, .flags = ACK, .window = 2096);
	EXPECT(.seq = 1, .ack = 4001, .flags = ACK, .window = 96);
	SEND(.seq = 4001, .ack = 1, .flags = ACK, .bytes = 96);
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 4097, .flags = ACK, .is_window_shut = true);
	SEND(.seq = 4097, .ack = 1, .flags = ACK, .bytes = 1); // the peer's probe
	EXPECT(.seq = 1, .ack = 4097, .flags = ACK, .is_window_shut = true);
	peer_expect_read_bytes(4096);
	EXPECT(.seq = 1, .ack = 4097, .flags = ACK, .window = 4096);
}

// A FIN takes no room: one that stands at the very edge of the window is taken.
static void fin_at_the_edge_of_a_full_window_is_taken(void **state)
{
	peer.config.tcp.receive_buffer = 4096;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	for (uint32_t i = 0; i < 4; i++)
		SEND(.seq = 1 + 1000 * i, .ack = 1, .flags = ACK, .bytes = 1000);
	peer_take_all();
	SEND(.seq = 4001, .ack = 1, .flags = FIN | ACK, .bytes = 96);
	EXPECT(.seq = 1, .ack = 4098, .flags = ACK, .is_window_shut = true);
	ASSERT_STATE("CLOSE-WAIT");
	peer_expect_read_bytes(4096);
	peer_expect_read_error(0);
}

// ---- sending ----

static void data_is_cut_into_segments(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(2500);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 2001, .ack = 1, .flags = PSH | ACK, .bytes = 500);
	SEND(.seq = 1, .ack = 2501, .flags = ACK);
	assert_int_equal(ft_tcp_unacked_bytes(peer.conn), 0);
	peer_pass(10 * FT_SECOND);
}

static void timestamps_make_segments_shorter(void **state)
{
	ESTABLISH(.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1);
	peer_write_bytes(1000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 988);
	EXPECT(.seq = 989, .ack = 1, .flags = PSH | ACK, .bytes = 12);
	assert_int_equal(peer.last.options, FT_TCP_HAS_TIMESTAMP);
	SEND(.seq = 1, .ack = 1001, .flags = ACK, .options = FT_TCP_HAS_TIMESTAMP, .ts_value = 2);
}

static void small_segment_waits_for_the_first_to_be_acked(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("a");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "a");
	peer_write("b");
	peer_write("c");
	EXPECT_NOTHING;
	SEND(.seq = 1, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = PSH | ACK, .text = "bc");
}

static void no_delay_sends_small_segments(void **state)
{
	peer_listen();
	peer.listening.options.no_delay = true;
	peer_enter(FT_TCP_CLOSED);
	ESTABLISH();
	peer_write("a");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "a");
	peer_write("b");
	EXPECT(.seq = 2, .ack = 1, .flags = PSH | ACK, .text = "b");
}

static void peers_window_limits_what_is_sent(void **state)
{
	ESTABLISH(.window = 2400);
	peer_write_bytes(5000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT_NOTHING; // 400 would be silly
	SEND(.seq = 1, .ack = 2001, .flags = ACK, .window = 2400);
	EXPECT(.seq = 2001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 3001, .ack = 1, .flags = ACK, .bytes = 1000);
	SEND(.seq = 1, .ack = 4001, .flags = ACK, .window = 2400);
	EXPECT(.seq = 4001, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
}

static void window_is_scaled(void **state)
{
	ESTABLISH(.options = FT_TCP_HAS_WINDOW_SCALE, .window_scale = 2, .window = 1250);
	peer_write_bytes(10000);
	for (uint32_t i = 0; i < 5; i++)
		EXPECT(.seq = 1 + 1000 * i, .ack = 1, .flags = ACK, .bytes = 1000);
}

static void old_segment_does_not_update_the_window(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "x", .window = 5000);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .window = 1000); // overtaken on the way
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	peer_write_bytes(3000);
	for (uint32_t i = 0; i < 3; i++)
		EXPECT(.seq = 1 + 1000 * i, .ack = 2, .flags = i < 2 ? ACK : PSH | ACK,
			.bytes = 1000);
}

// Two segments that overtook each other: the window is that of the higher number (SND.WL1).
static void overtaken_segment_does_not_update_the_window(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 2, .ack = 1, .flags = ACK, .text = "b", .window = 5000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "a", .window = 1000);
	EXPECT(.seq = 1, .ack = 3, .flags = ACK);
	peer_write_bytes(3000);
	for (uint32_t i = 0; i < 3; i++)
		EXPECT(.seq = 1 + 1000 * i, .ack = 3, .flags = i < 2 ? ACK : PSH | ACK,
			.bytes = 1000);
}

static void peer_without_scaling_sees_a_plain_window(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 0, .ack = 1, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .window = 65535);
}

static void peer_with_scaling_sees_a_scaled_window(void **state)
{
	ESTABLISH(.options = FT_TCP_HAS_WINDOW_SCALE, .window_scale = 0);
	SEND(.seq = 0, .ack = 1, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .window = 32768); // 256 KB >> 3
}

// CVE-2019-11477 and its family: a peer cannot have its data cut into crumbs.
static void tiny_mss_of_the_peer_is_not_obeyed(void **state)
{
	ESTABLISH(.mss = 1);
	peer_write_bytes(100);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 64);
	EXPECT(.seq = 65, .ack = 1, .flags = PSH | ACK, .bytes = 36);
}

static void small_segment_goes_when_a_fin_follows(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("a");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "a");
	peer_write("b");
	EXPECT_NOTHING;
	peer_shutdown();
	EXPECT(.seq = 2, .ack = 1, .flags = FIN | PSH | ACK, .text = "b");
}

static void expect_segments(uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		EXPECT(.seq = 1 + 1000 * i, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT_NOTHING;
}

static void slow_start_begins_with_ten_and_doubles(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(60000);
	expect_segments(0, 10);
	SEND(.seq = 1, .ack = 2001, .flags = ACK);
	expect_segments(10, 4);
	SEND(.seq = 1, .ack = 4001, .flags = ACK);
	expect_segments(14, 4);
}

// RFC 5681 4.1: after a pause the path is learned again, from the initial window on.
static void pause_falls_back_to_the_initial_window(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(20000);
	expect_segments(0, 10);
	for (uint32_t acked = 2000; acked <= 8000; acked += 2000) {
		SEND(.seq = 1, .ack = 1 + acked, .flags = ACK);
		peer_take_all();
	}
	SEND(.seq = 1, .ack = 20001, .flags = ACK);
	peer_pass(10 * FT_SECOND);
	peer_write_bytes(40000);
	expect_segments(20, 10);
}

// ---- loss ----

static void lost_data_is_sent_again_ever_later(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("hello");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	for (int i = 0; i < 5; i++) {
		QUIET(200 * FT_MILLISECOND << i);
		EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	}
	SEND(.seq = 1, .ack = 6, .flags = ACK);
	peer_pass(60 * FT_SECOND);
	ASSERT_STATE("ESTABLISHED");
	assert_int_equal(peer_counter(FT_COUNTER_TCP_RETRANSMITTED), 5);
}

static void timeout_of_a_window_sends_one_segment_then_slow_start(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(60000);
	expect_segments(0, 10);
	QUIET(200 * FT_MILLISECOND);
	expect_segments(0, 1);
	SEND(.seq = 1, .ack = 1001, .flags = ACK);
	expect_segments(1, 2);
	SEND(.seq = 1, .ack = 3001, .flags = ACK);
	expect_segments(3, 3);
	SEND(.seq = 1, .ack = 10001, .flags = ACK); // the rest had arrived after all
	expect_segments(10, 4);
}

static void three_duplicate_acks_send_the_first_segment_again(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(60000);
	expect_segments(0, 10);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	expect_segments(10, 1); // limited transmit
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	expect_segments(11, 1);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	expect_segments(0, 1);
	assert_int_equal(peer_counter(FT_COUNTER_TCP_FAST_RETRANSMITS), 1);
	// ssthresh 5, cwnd 8: 12 are in flight, so four duplicates pass in silence.
	for (int i = 0; i < 4; i++)
		SEND(.seq = 1, .ack = 1, .flags = ACK);
	EXPECT_NOTHING;
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	expect_segments(12, 1);
	SEND(.seq = 1, .ack = 12001, .flags = ACK); // all up to `recover`
	expect_segments(13, 1);			    // cwnd falls to one more than what is in flight
}

static void second_loss_in_a_window_is_found_by_a_partial_ack(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(10000);
	for (uint32_t i = 0; i < 9; i++)
		EXPECT(.seq = 1 + 1000 * i, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 9001, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
	for (int i = 0; i < 3; i++)
		SEND(.seq = 1, .ack = 1, .flags = ACK);
	expect_segments(0, 1);
	SEND(.seq = 1, .ack = 4001, .flags = ACK);
	expect_segments(4, 1);
	SEND(.seq = 1, .ack = 10001, .flags = ACK);
	peer_pass(10 * FT_SECOND);
}

static void duplicates_with_data_or_new_window_are_none(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(10000);
	for (uint32_t i = 0; i < 9; i++)
		EXPECT(.seq = 1 + 1000 * i, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 9001, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
	for (uint16_t i = 1; i < 10; i++)
		SEND(.seq = 1, .ack = 1, .flags = ACK, .window = PEER_WINDOW + 100 * i);
	EXPECT_NOTHING;
	assert_int_equal(peer_counter(FT_COUNTER_TCP_FAST_RETRANSMITS), 0);
	SEND(.seq = 1, .ack = 10001, .flags = ACK);
}

static void unacknowledged_data_ends_the_connection_at_last(void **state)
{
	peer.config.tcp.user_timeout = 2 * FT_SECOND;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("hello");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	for (int i = 0; i < 3; i++) { // at 200, 600, 1400 ms
		QUIET(200 * FT_MILLISECOND << i);
		EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	}
	peer_pass(FT_SECOND);
	ASSERT_STATE("CLOSED");
	EXPECT(.seq = 6, .ack = 1, .flags = RST | ACK);
	peer_expect_read_error(-ETIMEDOUT);
}

// After a retransmission the echo alone tells which copy was acknowledged (RFC 7323 4.1).
static void echoed_timestamp_measures_after_a_loss(void **state)
{
	struct tcp_info info;

	ESTABLISH(.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1);
	peer_write("hello");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	peer_pass(100 * FT_MILLISECOND);
	SEND(.seq = 1, .ack = 6, .flags = ACK, .options = FT_TCP_HAS_TIMESTAMP, .ts_value = 2,
		.ts_echo = peer.last.ts_value);
	ft_tcp_info(peer.conn, peer.now, &info);
	assert_in_range(info.tcpi_rtt, 12000, 13000); // an eighth of 100 ms
	assert_int_equal(info.tcpi_backoff, 0);
}

static void progress_keeps_the_connection_alive(void **state)
{
	peer.config.tcp.user_timeout = 2 * FT_SECOND;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(10000);
	for (uint32_t acked = 1000; acked < 10000; acked += 1000) {
		peer_pass(1500 * FT_MILLISECOND);
		SEND(.seq = 1, .ack = 1 + acked, .flags = ACK);
		peer_take_all();
		ASSERT_STATE("ESTABLISHED");
	}
	SEND(.seq = 1, .ack = 10001, .flags = ACK);
}

// RFC 5681 3.1: only the first timeout halves.
static void second_timeout_leaves_ssthresh(void **state)
{
	struct tcp_info info;

	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(60000);
	expect_segments(0, 10);
	for (int i = 0; i < 3; i++) {
		QUIET(200 * FT_MILLISECOND << i);
		expect_segments(0, 1);
	}
	ft_tcp_info(peer.conn, peer.now, &info);
	assert_int_equal(info.tcpi_snd_ssthresh, 5);
	assert_int_equal(info.tcpi_snd_cwnd, 1);
}

// ---- a closed window ----

static void shut_window_is_probed_ever_later(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_write_bytes(3000);
	EXPECT_NOTHING;
	for (int i = 0; i < 8; i++) {
		QUIET(200 * FT_MILLISECOND << i);
		EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1);
		SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	}
	assert_int_equal(peer_counter(FT_COUNTER_TCP_PERSIST_PROBES), 8);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 2001, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
}

// An open window whose announcement was lost: the answer to the probe tells.
static void probe_taken_goes_on_behind_it(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_write_bytes(2001);
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1);
	SEND(.seq = 1, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1002, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
}

// A peer that answers is alive: it may keep its window shut for days (RFC 9293 3.8.6.1).
static void shut_window_of_a_living_peer_does_not_end_the_connection(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_write("x");
	while (peer.now < 5000 * FT_SECOND) {
		peer_wait(121 * FT_SECOND);
		EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
		SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	}
	ASSERT_STATE("ESTABLISHED");
}

static void shut_window_of_a_dead_peer_ends_the_connection(void **state)
{
	ft_time start;

	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	start = peer.now;
	peer_write("x");
	while (peer_state() == FT_TCP_ESTABLISHED && peer.now < start + 3600 * FT_SECOND) {
		peer_pass(FT_SECOND);
		while (peer_state() == FT_TCP_ESTABLISHED && peer_has_sent())
			EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
	}
	ASSERT_STATE("CLOSED");
	EXPECT(.seq = 2, .ack = 1, .flags = RST | ACK);
	// 15 probes: 0.2 s, doubled ten times, then 120 s each.
	assert_in_range(peer.now - start, 923 * FT_SECOND, 927 * FT_SECOND);
	peer_expect_read_error(-ETIMEDOUT);
}

// The probes' backoff ends with the closed window: what then gets lost is sent again soon.
static void opened_window_starts_with_a_fresh_timeout(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_write_bytes(1000);
	for (int i = 0; i < 5; i++) {
		QUIET(200 * FT_MILLISECOND << i);
		EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1);
		SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	}
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
}

// The peer does not take a number beyond its closed window.
static void shut_window_acks_keep_below_it(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_write_bytes(10);
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000, .is_window_shut = true);
	SEND(.seq = 1001, .ack = 1, .flags = ACK, .bytes = 1000, .is_window_shut = true);
	EXPECT(.seq = 1, .ack = 2001, .flags = ACK);
}

// ---- keepalive ----

static void silent_peer_is_asked_then_given_up(void **state)
{
	peer_listen();
	peer.listening.options.keepalive = true;
	peer.listening.options.keepalive_idle = 10 * FT_SECOND;
	peer.listening.options.keepalive_interval = 2 * FT_SECOND;
	peer.listening.options.keepalive_count = 3;
	ESTABLISH();
	QUIET(10 * FT_SECOND);
	EXPECT(.seq = 0, .ack = 1, .flags = ACK);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	QUIET(10 * FT_SECOND);
	EXPECT(.seq = 0, .ack = 1, .flags = ACK);
	for (int i = 0; i < 2; i++) {
		QUIET(2 * FT_SECOND);
		EXPECT(.seq = 0, .ack = 1, .flags = ACK);
	}
	QUIET(2 * FT_SECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = RST | ACK);
	ASSERT_STATE("CLOSED");
	peer_expect_read_error(-ETIMEDOUT);
}

static void keepalive_of_the_peer_is_answered(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 0, .ack = 1, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
}

// ---- urgent data (RFC 6093) ----

static void urgent_byte_is_apart_and_stops_reading(void **state)
{
	uint8_t byte = 0;
	const struct iovec iov = { &byte, 1 };

	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK | URG, .text = "abXcd", .urgent = 3);
	assert_int_equal(
		ft_tcp_receive(&peer.stack, peer.conn, &iov, 1, FT_TCP_RECEIVE_URGENT, peer.now),
		1);
	assert_int_equal(byte, 'X');
	peer_expect_read("ab");
	assert_true(ft_tcp_is_at_mark(peer.conn));
	peer_expect_read("cd");
	peer_pass(FT_SECOND);
	EXPECT(.seq = 1, .ack = 6, .flags = ACK);
}

// URGENT/11 (CVE-2019-12255 and its family): zero, far beyond, moving back.
static void urgent_pointer_to_nothing_leaves_plain_data(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK | URG, .text = "ab", .urgent = 0);
	peer_expect_read("ab");
	SEND(.seq = 3, .ack = 1, .flags = ACK | URG, .text = "cd", .urgent = 65535);
	peer_expect_read("cd");
	SEND(.seq = 5, .ack = 1, .flags = ACK | URG, .text = "ef", .urgent = 6);
	peer_expect_read("ef");
	SEND(.seq = 7, .ack = 1, .flags = ACK | URG, .text = "gh", .urgent = 1);
	peer_expect_read("gh");
	peer_pass(FT_SECOND);
	EXPECT(.seq = 1, .ack = 9, .flags = ACK);
}

static void urgent_pointer_of_zero_beyond_a_gap_marks_nothing(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 3, .ack = 1, .flags = ACK | URG, .text = "cd", .urgent = 0);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "ab");
	EXPECT(.seq = 1, .ack = 5, .flags = ACK);
	peer_expect_read("abcd");
}

// ---- ending by the application ----

static void close_with_unread_data_resets(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "unread");
	peer_close();
	EXPECT(.seq = 1, .ack = 7, .flags = RST | ACK);
	ASSERT_STATE("CLOSED");
}

static void abort_resets(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	ft_tcp_abort(&peer.stack, peer.conn, peer.now);
	peer.conn = NULL;
	peer_turn();
	EXPECT(.seq = 1, .ack = 1, .flags = RST | ACK);
	ASSERT_STATE("CLOSED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(data_in_order_is_read_and_acked_late),
		PEER_TEST(second_full_segment_is_acked_at_once),
		PEER_TEST(burst_of_segments_is_acked_once),
		PEER_TEST(answer_carries_the_ack),
		PEER_TEST(gap_is_told_by_duplicate_acks_and_filled),
		PEER_TEST(fin_beyond_a_gap_waits_for_it),
		PEER_TEST(duplicate_is_acked_and_dropped),
		PEER_TEST(partly_old_segment_gives_its_new_part),
		PEER_TEST(segment_outside_the_window_is_acked_and_dropped),
		PEER_TEST(slow_reader_closes_and_opens_the_window),
		PEER_TEST(data_is_cut_into_segments),
		PEER_TEST(timestamps_make_segments_shorter),
		PEER_TEST(small_segment_waits_for_the_first_to_be_acked),
		PEER_TEST(no_delay_sends_small_segments),
		PEER_TEST(peers_window_limits_what_is_sent),
		PEER_TEST(window_is_scaled),
		PEER_TEST(old_segment_does_not_update_the_window),
		PEER_TEST(slow_start_begins_with_ten_and_doubles),
		PEER_TEST(lost_data_is_sent_again_ever_later),
		PEER_TEST(timeout_of_a_window_sends_one_segment_then_slow_start),
		PEER_TEST(three_duplicate_acks_send_the_first_segment_again),
		PEER_TEST(second_loss_in_a_window_is_found_by_a_partial_ack),
		PEER_TEST(duplicates_with_data_or_new_window_are_none),
		PEER_TEST(unacknowledged_data_ends_the_connection_at_last),
		PEER_TEST(shut_window_is_probed_ever_later),
		PEER_TEST(probe_taken_goes_on_behind_it),
		PEER_TEST(shut_window_of_a_living_peer_does_not_end_the_connection),
		PEER_TEST(shut_window_of_a_dead_peer_ends_the_connection),
		PEER_TEST(silent_peer_is_asked_then_given_up),
		PEER_TEST(keepalive_of_the_peer_is_answered),
		PEER_TEST(urgent_byte_is_apart_and_stops_reading),
		PEER_TEST(urgent_pointer_to_nothing_leaves_plain_data),
		PEER_TEST(close_with_unread_data_resets),
		PEER_TEST(abort_resets),
		PEER_TEST(shut_window_acks_keep_below_it),
		PEER_TEST(echoed_timestamp_measures_after_a_loss),
		PEER_TEST(overtaken_segment_does_not_update_the_window),
		PEER_TEST(peer_without_scaling_sees_a_plain_window),
		PEER_TEST(peer_with_scaling_sees_a_scaled_window),
		PEER_TEST(tiny_mss_of_the_peer_is_not_obeyed),
		PEER_TEST(small_segment_goes_when_a_fin_follows),
		PEER_TEST(pause_falls_back_to_the_initial_window),
		PEER_TEST(progress_keeps_the_connection_alive),
		PEER_TEST(second_timeout_leaves_ssthresh),
		PEER_TEST(opened_window_starts_with_a_fresh_timeout),
		PEER_TEST(fin_at_the_edge_of_a_full_window_is_taken),
		PEER_TEST(urgent_pointer_of_zero_beyond_a_gap_marks_nothing),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name(
		"tcp/established", tests, peer_make_pools, peer_free_pools);
}
