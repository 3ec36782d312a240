// Data to the peer in ESTABLISHED: segments, the windows that limit them, how it ends.
#include "tcp/conn.h"

#include "peer.h"

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
	struct ft_tcp_options options = peer.listening.settings->options;

	options.no_delay = true;
	peer_set_listening_options(&options);
	peer_listen();
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

static void slow_start_begins_with_ten_and_doubles(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(60000);
	peer_expect_segments(0, 10);
	SEND(.seq = 1, .ack = 2001, .flags = ACK);
	peer_expect_segments(10, 4);
	SEND(.seq = 1, .ack = 4001, .flags = ACK);
	peer_expect_segments(14, 4);
}

// RFC 7661 4.3: what the window allows and nobody uses has shown nothing about the path.
static void requests_and_answers_do_not_widen_the_window(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	for (uint32_t done = 0; done < 20000; done += 500) {
		SEND(.seq = 1 + done, .ack = 1 + done, .flags = PSH | ACK, .bytes = 500);
		peer_expect_read_bytes(500);
		peer_write_bytes(500);
		EXPECT(.seq = 1 + done, .ack = 501 + done, .flags = PSH | ACK, .bytes = 500);
	}
	SEND(.seq = 20001, .ack = 20001, .flags = ACK);
	peer_write_bytes(60000);
	assert_int_equal(peer_take_all(), 10);
}

// But where cwnd has no room for a full segment behind an answer, it has ended the sending.
static void answers_widen_a_window_of_hardly_more_than_a_segment(void **state)
{
	struct ft_cc *cc;

	peer_enter(FT_TCP_ESTABLISHED);
	cc = &peer.conn->conn->cc;
	cc->cwnd = cc->mss + 10;
	peer_write_bytes(10);
	peer_take_all();
	SEND(.seq = 1, .ack = 11, .flags = ACK);
	assert_int_equal(cc->cwnd, cc->mss + 10);
	peer_write_bytes(11);
	peer_take_all();
	SEND(.seq = 1, .ack = 22, .flags = ACK);
	assert_int_equal(cc->cwnd, cc->mss + 21);
}

// RFC 5681 4.1: after a pause the path is learned again, from the initial window on.
static void pause_falls_back_to_the_initial_window(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(20000);
	peer_expect_segments(0, 10);
	for (uint32_t acked = 2000; acked <= 8000; acked += 2000) {
		SEND(.seq = 1, .ack = 1 + acked, .flags = ACK);
		peer_take_all();
	}
	SEND(.seq = 1, .ack = 20001, .flags = ACK);
	peer_pass(10 * FT_SECOND);
	peer_write_bytes(40000);
	peer_expect_segments(20, 10);
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

// The peer has said all, and must not believe that all was read.
static void close_wait_close_with_unread_data_resets(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = FIN | ACK, .text = "unread");
	EXPECT(.seq = 1, .ack = 8, .flags = ACK);
	peer_close();
	EXPECT(.seq = 1, .ack = 8, .flags = RST | ACK);
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

// A probe has gone beyond the shut window, where the peer would not look at a reset.
static void abort_while_the_window_is_shut_resets_within_it(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_write_bytes(100);
	peer_wait(FT_SECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1);
	ft_tcp_abort(&peer.stack, peer.conn, peer.now);
	peer.conn = NULL;
	peer_turn();
	EXPECT(.seq = 1, .ack = 1, .flags = RST | ACK);
}

// A SYN needs no window.
static void syn_received_abort_of_a_shut_window_resets_behind_the_syn(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	SEND(.flags = SYN, .is_window_shut = true);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	ft_tcp_close_listener(&peer.stack, peer.listener, peer.now);
	peer.listener = NULL;
	peer_turn();
	EXPECT(.seq = 1, .ack = 1, .flags = RST | ACK);
}

// So has a FIN, which needs no window.
static void abort_after_a_fin_beyond_the_window_resets_within_it(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_shutdown();
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
	SEND(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x", .is_window_shut = true);
	peer_pass(50 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ft_tcp_abort(&peer.stack, peer.conn, peer.now);
	peer.conn = NULL;
	peer_turn();
	EXPECT(.seq = 1, .ack = 2, .flags = RST | ACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(data_is_cut_into_segments),
		PEER_TEST(timestamps_make_segments_shorter),
		PEER_TEST(small_segment_waits_for_the_first_to_be_acked),
		PEER_TEST(no_delay_sends_small_segments),
		PEER_TEST(peers_window_limits_what_is_sent),
		PEER_TEST(window_is_scaled),
		PEER_TEST(old_segment_does_not_update_the_window),
		PEER_TEST(overtaken_segment_does_not_update_the_window),
		PEER_TEST(peer_without_scaling_sees_a_plain_window),
		PEER_TEST(peer_with_scaling_sees_a_scaled_window),
		PEER_TEST(tiny_mss_of_the_peer_is_not_obeyed),
		PEER_TEST(small_segment_goes_when_a_fin_follows),
		PEER_TEST(slow_start_begins_with_ten_and_doubles),
		PEER_TEST(requests_and_answers_do_not_widen_the_window),
		PEER_TEST(answers_widen_a_window_of_hardly_more_than_a_segment),
		PEER_TEST(pause_falls_back_to_the_initial_window),
		PEER_TEST(close_with_unread_data_resets),
		PEER_TEST(close_wait_close_with_unread_data_resets),
		PEER_TEST(abort_resets),
		PEER_TEST(abort_while_the_window_is_shut_resets_within_it),
		PEER_TEST(syn_received_abort_of_a_shut_window_resets_behind_the_syn),
		PEER_TEST(abort_after_a_fin_beyond_the_window_resets_within_it),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/sending", tests, peer_make_pools, peer_free_pools);
}
