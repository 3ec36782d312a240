// How connections end: the seven states behind ESTABLISHED, and TIME-WAIT's reuse.
#include <errno.h>

#include "peer.h"

// ---- FIN-WAIT-1 ----

static void established_shutdown_sends_fin_behind_the_data(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("bye");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "bye");
	peer_shutdown();
	EXPECT(.seq = 4, .ack = 1, .flags = FIN | ACK);
	ASSERT_STATE("FIN-WAIT-1");
	SEND(.seq = 1, .ack = 4, .flags = ACK);
	ASSERT_STATE("FIN-WAIT-1");
	SEND(.seq = 1, .ack = 5, .flags = ACK);
	ASSERT_STATE("FIN-WAIT-2");
}

static void fin_wait_1_lost_fin_is_sent_again(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	for (int i = 0; i < 4; i++) {
		QUIET(200 * FT_MILLISECOND << i);
		EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
	}
	SEND(.seq = 1, .ack = 2, .flags = ACK);
	ASSERT_STATE("FIN-WAIT-2");
	peer_pass(100 * FT_SECOND);
}

static void fin_wait_1_fin_closes_simultaneously(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	SEND(.seq = 1, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ASSERT_STATE("CLOSING");
	SEND(.seq = 2, .ack = 2, .flags = ACK);
	ASSERT_STATE("TIME-WAIT");
}

static void fin_wait_1_fin_with_ack_of_ours_waits(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	SEND(.seq = 1, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ASSERT_STATE("TIME-WAIT");
}

static void fin_wait_1_data_and_fin_at_once_are_read(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	SEND(.seq = 1, .ack = 2, .flags = FIN | ACK, .text = "last words");
	EXPECT(.seq = 2, .ack = 12, .flags = ACK);
	peer_expect_read("last words");
	peer_expect_read_error(0);
}

// ---- FIN-WAIT-2 ----

static void fin_wait_2_half_closed_still_receives(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	SEND(.seq = 1, .ack = 2, .flags = ACK, .bytes = 1000);
	SEND(.seq = 1001, .ack = 2, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 2, .ack = 2001, .flags = ACK);
	peer_expect_read_bytes(2000);
	SEND(.seq = 2001, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2002, .flags = ACK);
	ASSERT_STATE("TIME-WAIT");
}

static void fin_wait_2_of_an_open_socket_waits_for_ever(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	peer_pass(24 * 3600 * FT_SECOND);
	ASSERT_STATE("FIN-WAIT-2");
}

static void fin_wait_2_of_a_closed_socket_times_out(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	peer_close();
	peer_pass(59 * FT_SECOND);
	ASSERT_STATE("FIN-WAIT-2");
	peer_pass(2 * FT_SECOND);
	ASSERT_STATE("CLOSED");
}

// Nobody will read it, so the peer must not believe it arrived.
static void fin_wait_2_data_to_a_closed_socket_is_reset(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	peer_close();
	assert_int_equal(SEND(.seq = 1, .ack = 2, .flags = ACK, .text = "anyone?"),
		FT_DROP_TCP_CLOSED_RECEIVER);
	EXPECT(.seq = 2, .flags = RST);
	ASSERT_STATE("CLOSED");
}

static void enter_fin_wait_2_by_closing(void)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_close();
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
	TAKES(.seq = 1, .ack = 2, .flags = ACK);
	ASSERT_STATE("FIN-WAIT-2");
}

static void established_closed_times_out_in_fin_wait_2(void **state)
{
	enter_fin_wait_2_by_closing();
	peer_pass(59 * FT_SECOND);
	ASSERT_STATE("FIN-WAIT-2");
	peer_pass(2 * FT_SECOND);
	ASSERT_STATE("CLOSED");
}

static void established_closed_data_in_fin_wait_2_is_reset(void **state)
{
	enter_fin_wait_2_by_closing();
	DROPS(TCP_CLOSED_RECEIVER, .seq = 1, .ack = 2, .flags = ACK, .text = "anyone?");
	EXPECT(.seq = 2, .flags = RST);
	ASSERT_STATE("CLOSED");
}

// Once it is closed, a peer that answers probes and keeps its window shut is waited for no longer than one that is silent.
static void established_closed_with_data_held_back_ends_in_time(void **state)
{
	ft_time began;

	peer.config.tcp.user_timeout = 60 * FT_SECOND;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_write("held back");
	EXPECT_NOTHING;
	began = peer.now;
	peer_close();
	while (peer_state() != FT_TCP_CLOSED && peer.now - began < 600 * FT_SECOND) {
		peer_pass(FT_SECOND);
		if (peer_take_all() > 0)
			SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	}
	assert_in_range(peer.now - began, 60 * FT_SECOND, 62 * FT_SECOND);
	peer_take_all();
}

// The user timeout begins anew.
static void established_closed_with_data_in_flight_waits_from_then_on(void **state)
{
	ft_time began;

	peer.config.tcp.user_timeout = 60 * FT_SECOND;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("anyone?");
	began = peer.now;
	peer_pass(30 * FT_SECOND);
	peer_close();
	while (peer_state() != FT_TCP_CLOSED && peer.now - began < 600 * FT_SECOND)
		peer_pass(FT_SECOND);
	assert_in_range(peer.now - began, 90 * FT_SECOND, 92 * FT_SECOND);
	peer_take_all();
}

// Nobody will write any more.
static void established_closed_by_a_writer_that_waits_for_room_wants_none(void **state)
{
	struct ft_budget *held = &peer.stack.send_held;
	static char many[100];
	const struct iovec iov = { many, sizeof(many) };
	uint64_t free_mbufs;

	peer_enter(FT_TCP_ESTABLISHED);
	free_mbufs = held->limit - held->used;
	held->used += free_mbufs;
	assert_int_equal(ft_tcp_send(&peer.stack, peer.conn, &iov, 1, 0, peer.now), -EAGAIN);
	peer_close();
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
	assert_true(ft_list_is_empty(&peer.stack.tcp.wanting));
	held->used -= free_mbufs;
}

// ---- CLOSE-WAIT, LAST-ACK ----

// The application has answered something before, and may well do so again.
static void enter_established_and_answer(void)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("12345");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "12345");
	SEND(.seq = 1, .ack = 6, .flags = ACK);
}

static void established_fin_answered_by_ours_is_acked_by_it(void **state)
{
	enter_established_and_answer();
	SEND(.seq = 1, .ack = 6, .flags = FIN | ACK);
	EXPECT_NOTHING;
	peer_close();
	EXPECT(.seq = 6, .ack = 2, .flags = FIN | ACK);
	SEND(.seq = 2, .ack = 7, .flags = ACK);
	ENDS_IN("CLOSED");
}

static void established_fin_answered_by_data_is_acked_by_it(void **state)
{
	enter_established_and_answer();
	SEND(.seq = 1, .ack = 6, .flags = FIN | ACK);
	EXPECT_NOTHING;
	peer_write("answer");
	EXPECT(.seq = 6, .ack = 2, .flags = PSH | ACK, .text = "answer");
	SEND(.seq = 2, .ack = 12, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

// The FIN alone came before its time. Who fills a gap is told so at once (RFC 5681 4.2).
static void established_data_before_a_fin_that_waited_is_acked_at_once(void **state)
{
	enter_established_and_answer();
	SEND(.seq = 6, .ack = 6, .flags = FIN | ACK);
	EXPECT(.seq = 6, .ack = 1, .flags = ACK);
	SEND(.seq = 1, .ack = 6, .flags = ACK, .text = "12345");
	EXPECT(.seq = 6, .ack = 7, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void established_part_of_a_gap_before_a_fin_is_acked_at_once(void **state)
{
	enter_established_and_answer();
	SEND(.seq = 11, .ack = 6, .flags = FIN | ACK);
	EXPECT(.seq = 6, .ack = 1, .flags = ACK);
	SEND(.seq = 1, .ack = 6, .flags = ACK, .text = "12345");
	EXPECT(.seq = 6, .ack = 6, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_fin_that_nothing_answers_is_acked_after_a_while(void **state)
{
	enter_established_and_answer();
	SEND(.seq = 1, .ack = 6, .flags = FIN | ACK);
	peer_pass(peer.config.tcp.delayed_ack - FT_MILLISECOND);
	EXPECT_NOTHING;
	peer_pass(2 * FT_MILLISECOND);
	EXPECT(.seq = 6, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void established_fin_is_acked_at_once_where_nothing_was_sent(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void established_fin_is_acked_at_once_where_none_waits(void **state)
{
	peer.config.tcp.delayed_ack = 0;
	peer_restart();
	enter_established_and_answer();
	SEND(.seq = 1, .ack = 6, .flags = FIN | ACK);
	EXPECT(.seq = 6, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_application_may_still_send(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	peer_expect_read_error(0);
	peer_write("answer");
	EXPECT(.seq = 1, .ack = 2, .flags = PSH | ACK, .text = "answer");
	SEND(.seq = 2, .ack = 7, .flags = ACK);
	peer_close();
	EXPECT(.seq = 7, .ack = 2, .flags = FIN | ACK);
	ASSERT_STATE("LAST-ACK");
	SEND(.seq = 2, .ack = 8, .flags = ACK);
	ASSERT_STATE("CLOSED");
}

static void close_wait_repeated_fin_is_acked_again(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	assert_int_equal(SEND(.seq = 1, .ack = 1, .flags = FIN | ACK), FT_DROP_TCP_DUPLICATE);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ASSERT_STATE("CLOSE-WAIT");
}

// The first has given back all that the second was found to belong to.
static void last_ack_acked_twice_in_one_burst_the_second_is_a_strangers(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	peer_close();
	QUEUE(.seq = 2, .ack = 2, .flags = ACK);
	QUEUE(.seq = 2, .ack = 2, .flags = ACK);
	peer_turn();
	EXPECT(.seq = 2, .flags = RST);
	EXPECT_NOTHING;
	assert_int_equal(peer.stack.tcp.anchors.in_use, 0);
	assert_int_equal(peer.stack.tcp.conns.in_use, 0);
}

static void last_ack_lost_fin_is_sent_again(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 2, .flags = FIN | ACK);
	SEND(.seq = 2, .ack = 2, .flags = ACK);
	ASSERT_STATE("CLOSED");
}

static void last_ack_silent_peer_is_given_up(void **state)
{
	ft_time start;

	peer_enter(FT_TCP_LAST_ACK);
	peer_close();
	start = peer.now;
	while (peer_state() == FT_TCP_LAST_ACK && peer.now < start + 900 * FT_SECOND) {
		peer_pass(FT_SECOND);
		while (peer_state() == FT_TCP_LAST_ACK && peer_has_sent())
			EXPECT(.seq = 1, .ack = 2, .flags = FIN | ACK);
	}
	ASSERT_STATE("CLOSED");
	EXPECT(.seq = 2, .ack = 2, .flags = RST | ACK);
	// tcp.user_timeout
	assert_in_range(peer.now - start, 299 * FT_SECOND, 302 * FT_SECOND);
}

// ---- TIME-WAIT ----

static void time_wait_ends_after_two_msl(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	peer_close();
	peer_pass(59 * FT_SECOND);
	ASSERT_STATE("TIME-WAIT");
	peer_pass(2 * FT_SECOND);
	ASSERT_STATE("CLOSED");
}

static void time_wait_repeated_fin_is_acked_and_starts_again(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	peer_close();
	peer_pass(50 * FT_SECOND);
	SEND(.seq = 1, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	peer_pass(50 * FT_SECOND);
	ASSERT_STATE("TIME-WAIT");
	peer_pass(11 * FT_SECOND);
	ASSERT_STATE("CLOSED");
}

// RFC 1337.
static void time_wait_reset_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	SEND(.seq = 2, .ack = 2, .flags = RST | ACK);
	ASSERT_STATE("TIME-WAIT");
}

static void time_wait_syn_beyond_opens_anew(void **state)
{
	uint32_t old_end;

	peer_enter(FT_TCP_TIME_WAIT);
	peer_close();
	old_end = peer.iss + 2;
	SEND(.seq = 100000, .flags = SYN);
	EXPECT(.seq = 0, .ack = 100001, .flags = SYN | ACK);
	assert_true((int32_t)(peer.iss - old_end) > 0);
	ASSERT_STATE("SYN-RECEIVED");
	assert_int_equal(peer_counter(FT_COUNTER_TCP_TIME_WAIT_REUSED), 1);
}

static void time_wait_old_syn_is_challenged(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	peer_close();
	SEND(.seq = 0, .flags = SYN);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ASSERT_STATE("TIME-WAIT");
}

// RFC 6191: a newer timestamp allows what the number alone would not.
static void time_wait_newer_timestamp_opens_anew(void **state)
{
	const uint8_t options = FT_TCP_HAS_TIMESTAMP;

	ESTABLISH(.options = options, .ts_value = 1000);
	peer_shutdown();
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
	SEND(.seq = 1, .ack = 2, .flags = FIN | ACK, .options = options, .ts_value = 1001);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ASSERT_STATE("TIME-WAIT");
	peer_close();
	SEND(.seq = (uint32_t)-5000, .flags = SYN, .options = options, .ts_value = 900);
	peer_pass(FT_SECOND);
	ASSERT_STATE("TIME-WAIT");
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	SEND(.seq = (uint32_t)-5000, .flags = SYN, .options = options, .ts_value = 2000);
	EXPECT(.seq = 0, .ack = (uint32_t)-4999, .flags = SYN | ACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(last_ack_acked_twice_in_one_burst_the_second_is_a_strangers),
		PEER_TEST(established_shutdown_sends_fin_behind_the_data),
		PEER_TEST(fin_wait_1_lost_fin_is_sent_again),
		PEER_TEST(fin_wait_1_fin_closes_simultaneously),
		PEER_TEST(fin_wait_1_fin_with_ack_of_ours_waits),
		PEER_TEST(fin_wait_1_data_and_fin_at_once_are_read),
		PEER_TEST(fin_wait_2_half_closed_still_receives),
		PEER_TEST(fin_wait_2_of_an_open_socket_waits_for_ever),
		PEER_TEST(fin_wait_2_of_a_closed_socket_times_out),
		PEER_TEST(fin_wait_2_data_to_a_closed_socket_is_reset),
		PEER_TEST(established_closed_times_out_in_fin_wait_2),
		PEER_TEST(established_closed_data_in_fin_wait_2_is_reset),
		PEER_TEST(established_closed_with_data_held_back_ends_in_time),
		PEER_TEST(established_closed_with_data_in_flight_waits_from_then_on),
		PEER_TEST(established_closed_by_a_writer_that_waits_for_room_wants_none),
		PEER_TEST(established_fin_answered_by_ours_is_acked_by_it),
		PEER_TEST(established_fin_answered_by_data_is_acked_by_it),
		PEER_TEST(established_data_before_a_fin_that_waited_is_acked_at_once),
		PEER_TEST(established_part_of_a_gap_before_a_fin_is_acked_at_once),
		PEER_TEST(established_fin_that_nothing_answers_is_acked_after_a_while),
		PEER_TEST(established_fin_is_acked_at_once_where_nothing_was_sent),
		PEER_TEST(established_fin_is_acked_at_once_where_none_waits),
		PEER_TEST(close_wait_application_may_still_send),
		PEER_TEST(close_wait_repeated_fin_is_acked_again),
		PEER_TEST(last_ack_lost_fin_is_sent_again),
		PEER_TEST(last_ack_silent_peer_is_given_up),
		PEER_TEST(time_wait_ends_after_two_msl),
		PEER_TEST(time_wait_repeated_fin_is_acked_and_starts_again),
		PEER_TEST(time_wait_reset_is_ignored),
		PEER_TEST(time_wait_syn_beyond_opens_anew),
		PEER_TEST(time_wait_old_syn_is_challenged),
		PEER_TEST(time_wait_newer_timestamp_opens_anew),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/closing", tests, peer_make_pools, peer_free_pools);
}
