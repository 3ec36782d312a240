// Who is reset while packets to send are short, and who is not.
#include <errno.h>

#include "peer.h"
#include "tcp/conn.h"

static uint64_t others; // packets that they hold

static void others_hold(int eighths)
{
	others = peer.stack.send_held.limit / 8 * eighths;
	peer.stack.send_held.used += others;
}

static void others_give_back(void)
{
	peer.stack.send_held.used -= others;
}

static void shut_window(void)
{
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
}

static void enter_with_shut_window(uint32_t bytes)
{
	peer_enter(FT_TCP_ESTABLISHED);
	shut_window();
	peer_write_bytes(bytes);
}

static void expect_it_was_reset(void)
{
	ASSERT_STATE("CLOSED");
	assert_true(peer_take_all() > 0);
	peer_expect_read_error(-ETIMEDOUT);
}

// Has others hold so much for so long, in half seconds, in which the peer answers with a window of one byte
// and with none in turn, and takes nothing. Whether it was reset.
static bool is_reset_while_it_takes_nothing(int eighths, int half_seconds)
{
	others_hold(eighths);
	for (int i = 0; i < half_seconds && peer_state() == FT_TCP_ESTABLISHED; i++) {
		peer_take_all();
		SEND(.seq = 1, .ack = 1, .flags = ACK, .window = i % 2,
			.is_window_shut = i % 2 == 0);
		peer_pass(FT_SECOND / 2);
	}
	others_give_back();
	return peer_state() != FT_TCP_ESTABLISHED;
}

static void established_peer_that_takes_nothing_is_reset_while_packets_are_short(void **state)
{
	enter_with_shut_window(5000);
	assert_false(is_reset_while_it_takes_nothing(5, 100));
	assert_false(is_reset_while_it_takes_nothing(6, 66)); // not sooner than after 34 seconds
	assert_true(is_reset_while_it_takes_nothing(6, 20));
	assert_int_equal(peer_counter(FT_COUNTER_TCP_HOARDERS_RESET), 1);
	expect_it_was_reset();
	assert_int_equal(peer.last.flags, RST | ACK);
}

// Two seconds in which there is enough do not begin it anew.
static void established_peer_that_takes_nothing_is_reset_although_packets_come_and_go(void **state)
{
	enter_with_shut_window(5000);
	assert_false(is_reset_while_it_takes_nothing(6, 50));
	peer_pass(2 * FT_SECOND);
	assert_true(is_reset_while_it_takes_nothing(6, 50));
	expect_it_was_reset();
}

// Nor does an application that computes for a second now and then.
static void established_peer_that_takes_nothing_is_reset_by_a_loop_that_halts(void **state)
{
	enter_with_shut_window(5000);
	assert_false(is_reset_while_it_takes_nothing(6, 40));
	peer.now += 1200 * FT_MILLISECOND;
	assert_true(is_reset_while_it_takes_nothing(6, 60));
	expect_it_was_reset();
}

// It takes a byte of a probe, and shows a wide window for no longer than a burst.
static void established_peer_that_takes_a_byte_at_a_time_is_reset_while_packets_are_short(
	void **state)
{
	uint32_t una = 1;

	enter_with_shut_window(1000);
	others_hold(6);
	for (int i = 0; i < 120 && peer_state() == FT_TCP_ESTABLISHED; i++) {
		peer_pass(FT_SECOND / 2);
		if (i % 30 != 29 || peer_take_all() == 0)
			continue;
		QUEUE(.seq = 1, .ack = una, .flags = ACK, .window = 60000);
		QUEUE(.seq = 1, .ack = ++una, .flags = ACK, .window = 60000);
		QUEUE(.seq = 1, .ack = una, .flags = ACK, .is_window_shut = true);
		peer_turn();
	}
	others_give_back();
	assert_in_range(una, 3, 5);
	expect_it_was_reset();
}

// It takes all that was sent, a quarter of a minute late: packets hardly move.
static void established_peer_that_takes_crumbs_late_is_reset_while_packets_are_short(void **state)
{
	ESTABLISH(.mss = 100);
	peer_write_bytes(6000);
	others_hold(6);
	for (int i = 0; i < 120 && peer_state() == FT_TCP_ESTABLISHED; i++) {
		peer_pass(FT_SECOND / 2);
		if (i % 30 == 29 && peer_take_all() > 0)
			SEND(.seq = 1, .ack = peer.conn->conn->snd.max - peer.iss, .flags = ACK);
	}
	others_give_back();
	expect_it_was_reset();
}

// As slowly as it may: a packet in twenty seconds.
static void established_peer_that_takes_little_stays_while_packets_are_short(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(10000);
	others_hold(6);
	for (uint32_t acked = 1; acked < 10001; acked += 2200) {
		SEND(.seq = 1, .ack = acked, .flags = ACK, .is_window_shut = true);
		for (int i = 0; i < 40; i++)
			peer_pass(FT_SECOND / 2);
		peer_take_all();
	}
	others_give_back();
	ASSERT_STATE("ESTABLISHED");
}

// A packet has room for minutes of it, but the peer takes all it gets; and another connection sends nothing.
static void established_trickle_stays_while_packets_are_short(void **state)
{
	uint32_t sent = 1001, iss;

	ESTABLISH();
	iss = peer.iss;
	peer_complete_from(50000);
	peer.iss = iss;
	peer_write_bytes(1000);
	peer_take_all();
	others_hold(6);
	for (int i = 0; i < 100; i++, sent += 4) {
		// Before the last are acknowledged, so that the queue is never empty.
		peer_write_bytes(4);
		SEND(.seq = 1, .ack = sent, .flags = ACK);
		peer_take_all();
		peer_pass(FT_SECOND / 2);
	}
	others_give_back();
	assert_int_equal(peer.stack.tcp.in_state[FT_TCP_ESTABLISHED], 2);
	assert_int_equal(peer_counter(FT_COUNTER_TCP_HOARDERS_RESET), 0);
}

// Something is always under way: what it acknowledges is never all that was sent, but all there was a moment ago.
static void established_hurried_trickle_stays_while_packets_are_short(void **state)
{
	struct ft_tcp_options options = peer.listening.settings->options;
	uint32_t sent = 201;

	options.no_delay = true;
	peer_set_listening_options(&options);
	ESTABLISH();
	peer_write_bytes(200);
	peer_take_all();
	others_hold(6);
	for (int i = 0; i < 450; i++, sent += 2) {
		peer_write_bytes(2);
		peer_pass(FT_SECOND / 10);
		SEND(.seq = 1, .ack = sent, .flags = ACK);
		peer_take_all();
	}
	others_give_back();
	ASSERT_STATE("ESTABLISHED");
}

// The application computes for a minute, writes, and then the loop turns.
static void established_after_a_loop_that_stood_still_nobody_is_reset(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	others_hold(6);
	for (int i = 0; i < 80; i++)
		peer_pass(FT_SECOND / 2);
	peer.now += 60 * FT_SECOND;
	peer_write_bytes(1000);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
	SEND(.seq = 1, .ack = 1001, .flags = ACK);
	others_give_back();
	ASSERT_STATE("ESTABLISHED");
}

static void lose_link_for(ft_time duration)
{
	peer.is_link_down = true;
	peer_pass(duration);
	peer.is_link_down = false;
}

static void pass_until_something_is_sent(void)
{
	for (int i = 0; i < 200 && peer_take_all() == 0; i++)
		peer_pass(FT_SECOND / 2);
}

// Before the retransmission timer would see to it.
static void expect_a_try_soon(void)
{
	const ft_time start = peer.now;

	pass_until_something_is_sent();
	assert_true(peer.now - start < 30 * FT_SECOND);
	ASSERT_STATE("ESTABLISHED");
}

// The next retransmission would come a minute and a half after the link: whoever might be reset is sent something first.
static void established_after_a_lost_link_nobody_is_reset_untried(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(5000);
	peer_take_all();
	others_hold(6);
	lose_link_for(110 * FT_SECOND);
	expect_a_try_soon();
	SEND(.seq = 1, .ack = 5001, .flags = ACK);
	peer_pass(60 * FT_SECOND);
	others_give_back();
	ASSERT_STATE("ESTABLISHED");
}

// Its window has been open for long, but the ACK that said so was lost, and the next probe is a minute off.
static void established_shut_window_is_probed_before_anybody_is_reset(void **state)
{
	enter_with_shut_window(1000);
	for (int i = 0; i < 8; i++) {
		pass_until_something_is_sent();
		shut_window();
	}
	others_hold(6);
	expect_a_try_soon();
	SEND(.seq = 1, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = PSH | ACK, .bytes = 999);
	SEND(.seq = 1, .ack = 1001, .flags = ACK);
	peer_pass(60 * FT_SECOND);
	others_give_back();
	ASSERT_STATE("ESTABLISHED");
}

static void pass_until_tried(void)
{
	for (int i = 0; i < 100 && !peer.conn->conn->was_hoarder_tried; i++)
		peer_pass(FT_SECOND / 2);
	peer_pass(FT_SECOND / 2);
	assert_true(peer_take_all() > 0);
}

// The link was lost just behind that last try, which the peer has not seen: it needs another.
static void expect_another_try_after(ft_time outage)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(5000);
	peer_take_all();
	others_hold(6);
	pass_until_tried();
	lose_link_for(outage);
	pass_until_something_is_sent();
	ASSERT_STATE("ESTABLISHED");
	SEND(.seq = 1, .ack = 5001, .flags = ACK);
	others_give_back();
}

static void established_after_a_lost_link_a_try_before_does_not_count(void **state)
{
	expect_another_try_after(120 * FT_SECOND);
}

static void established_after_a_link_lost_for_a_moment_a_try_before_does_not_count(void **state)
{
	expect_another_try_after(10 * FT_SECOND);
}

// Nor does one of an earlier time in which packets were short.
static void established_shut_window_an_earlier_try_does_not_count(void **state)
{
	enter_with_shut_window(1000);
	others_hold(6);
	pass_until_tried();
	shut_window();
	others_give_back();
	for (int i = 0; i < 8; i++) {
		pass_until_something_is_sent();
		shut_window();
	}
	others_hold(6);
	pass_until_something_is_sent();
	ASSERT_STATE("ESTABLISHED");
	others_give_back();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(established_peer_that_takes_nothing_is_reset_while_packets_are_short),
		PEER_TEST(
			established_peer_that_takes_nothing_is_reset_although_packets_come_and_go),
		PEER_TEST(established_peer_that_takes_nothing_is_reset_by_a_loop_that_halts),
		PEER_TEST(
			established_peer_that_takes_a_byte_at_a_time_is_reset_while_packets_are_short),
		PEER_TEST(established_peer_that_takes_crumbs_late_is_reset_while_packets_are_short),
		PEER_TEST(established_peer_that_takes_little_stays_while_packets_are_short),
		PEER_TEST(established_trickle_stays_while_packets_are_short),
		PEER_TEST(established_hurried_trickle_stays_while_packets_are_short),
		PEER_TEST(established_after_a_loop_that_stood_still_nobody_is_reset),
		PEER_TEST(established_after_a_lost_link_nobody_is_reset_untried),
		PEER_TEST(established_shut_window_is_probed_before_anybody_is_reset),
		PEER_TEST(established_after_a_lost_link_a_try_before_does_not_count),
		PEER_TEST(established_after_a_link_lost_for_a_moment_a_try_before_does_not_count),
		PEER_TEST(established_shut_window_an_earlier_try_does_not_count),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, peer_make_pools, peer_free_pools);
}
