// What is not acknowledged in ESTABLISHED: loss, closed windows, silence.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "tcp/conn.h"

#include "peer.h"

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
	peer_expect_segments(0, 10);
	QUIET(200 * FT_MILLISECOND);
	peer_expect_segments(0, 1);
	SEND(.seq = 1, .ack = 1001, .flags = ACK);
	peer_expect_segments(1, 2);
	SEND(.seq = 1, .ack = 3001, .flags = ACK);
	peer_expect_segments(3, 3);
	SEND(.seq = 1, .ack = 10001, .flags = ACK); // the rest had arrived after all
	peer_expect_segments(10, 4);
}

static void three_duplicate_acks_send_the_first_segment_again(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(60000);
	peer_expect_segments(0, 10);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	peer_expect_segments(10, 1); // limited transmit
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	peer_expect_segments(11, 1);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	peer_expect_segments(0, 1);
	assert_int_equal(peer_counter(FT_COUNTER_TCP_FAST_RETRANSMITS), 1);
	// ssthresh 5, cwnd 8: 12 are in flight, so four duplicates pass in silence.
	for (int i = 0; i < 4; i++)
		SEND(.seq = 1, .ack = 1, .flags = ACK);
	EXPECT_NOTHING;
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	peer_expect_segments(12, 1);
	SEND(.seq = 1, .ack = 12001, .flags = ACK); // all up to `recover`
	peer_expect_segments(13, 1);		    // cwnd falls to one more than what is in flight
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
	peer_expect_segments(0, 1);
	SEND(.seq = 1, .ack = 4001, .flags = ACK);
	peer_expect_segments(4, 1);
	SEND(.seq = 1, .ack = 10001, .flags = ACK);
	peer_pass(10 * FT_SECOND);
}

// RFC 6582 4, "impatient": only the first partial ACK restarts the timer, so that many losses in one
// window don't take a round trip each.
static void later_partial_acks_do_not_put_the_timeout_off(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(60000);
	peer_expect_segments(0, 10);
	for (int i = 0; i < 3; i++)
		SEND(.seq = 1, .ack = 1, .flags = ACK);
	peer_take_all();
	peer_pass(100 * FT_MILLISECOND);
	SEND(.seq = 1, .ack = 1001, .flags = ACK); // the timeout would be in 200 ms ...
	assert_true(peer_take_all() > 0);
	peer_pass(100 * FT_MILLISECOND);
	SEND(.seq = 1, .ack = 2001, .flags = ACK); // ... and is in 100 ms now
	assert_true(peer_take_all() > 0);
	QUIET(100 * FT_MILLISECOND);
	peer_expect_segments(2, 1);
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

// An answer's time is kept when more follows it.
static void unacknowledged_answer_counts_from_when_it_was_sent(void **state)
{
	ft_time start;

	peer.config.tcp.user_timeout = 2 * FT_SECOND;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	start = peer.now;
	peer_write_bytes(5);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = 5);
	peer_pass(150 * FT_MILLISECOND);
	peer_write_bytes(1000);
	EXPECT(.seq = 6, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
	peer_pass(1500 * FT_MILLISECOND); // at 200, 600, 1400 ms
	assert_int_equal(peer_take_all(), 3);
	peer_wait(FT_SECOND);
	EXPECT(.seq = 1006, .ack = 1, .flags = RST | ACK);
	assert_in_range(peer.now - start, 2 * FT_SECOND, 2001 * FT_MILLISECOND);
	peer_expect_read_error(-ETIMEDOUT);
	ENDS_IN("CLOSED");
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
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
	assert_in_range(info.tcpi_rtt, 12000, 13000); // an eighth of 100 ms
	assert_int_equal(info.tcpi_backoff, 0);
}

// It was the ACKs that got lost: the peer had the first copy, and echoes that. The 1,500 ms since count
// for two timeouts at most.
static void echo_of_the_first_copy_counts_for_two_timeouts(void **state)
{
	struct tcp_info info;
	uint32_t first;

	ESTABLISH(.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1);
	peer_write("hello");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	first = peer.last.ts_value;
	for (int i = 0; i < 3; i++) {
		QUIET(200 * FT_MILLISECOND << i);
		EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	}
	peer_pass(100 * FT_MILLISECOND);
	SEND(.seq = 1, .ack = 6, .flags = ACK, .options = FT_TCP_HAS_TIMESTAMP, .ts_value = 2,
		.ts_echo = first);
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
	assert_in_range(info.tcpi_rtt, 49000, 51000); // an eighth of 400 ms
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

// Another connection may have been told meanwhile that the path takes less.
static void timeout_asks_for_the_paths_mtu(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(1000);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
	ft_route_lower_mtu(&peer.stack, &ft_tcp_tuple(peer.conn)->remote, 640, peer.now);
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 600);
	SEND(.seq = 1, .ack = 601, .flags = ACK);
	EXPECT(.seq = 601, .ack = 1, .flags = PSH | ACK, .bytes = 400);
}

// RFC 5681 3.1: only the first timeout halves.
static void second_timeout_leaves_ssthresh(void **state)
{
	struct tcp_info info;

	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(60000);
	peer_expect_segments(0, 10);
	for (int i = 0; i < 3; i++) {
		QUIET(200 * FT_MILLISECOND << i);
		peer_expect_segments(0, 1);
	}
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
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
	assert_int_equal(peer_counter(FT_COUNTER_TCP_RETRANSMITTED), 0); // nothing was lost
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
	EXPECT(.seq = 1, .ack = 1, .flags = RST | ACK);
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

// ---- the application's own user timeout ----

static void establish_with_user_timeout(ft_time user_timeout)
{
	struct ft_tcp_options options = peer.listening.settings->options;

	options.user_timeout = user_timeout;
	peer_set_listening_options(&options);
	ESTABLISH();
}

// Here the three tries of RFC 1122 have no place: the application said how long it wants to wait.
static void users_timeout_ends_the_connection_however_few_tries(void **state)
{
	ft_time start;

	establish_with_user_timeout(500 * FT_MILLISECOND);
	start = peer.now;
	peer_write("hello");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	peer_wait(FT_SECOND);
	EXPECT(.seq = 6, .ack = 1, .flags = RST | ACK);
	assert_in_range(peer.now - start, 500 * FT_MILLISECOND, 501 * FT_MILLISECOND);
	peer_expect_read_error(-ETIMEDOUT);
	ENDS_IN("CLOSED");
}

static void users_timeout_has_passed_while_the_loop_stood_still(void **state)
{
	establish_with_user_timeout(30 * FT_SECOND);
	peer_write("hello");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	peer.now += 60 * FT_SECOND;
	peer_turn();
	EXPECT(.seq = 6, .ack = 1, .flags = RST | ACK);
	peer_expect_read_error(-ETIMEDOUT);
	ENDS_IN("CLOSED");
}

// tcp(7): though the peer answers every probe.
static void users_timeout_ends_a_shut_window(void **state)
{
	ft_time start;

	establish_with_user_timeout(2 * FT_SECOND);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	start = peer.now;
	peer_write("x");
	for (int i = 0; i < 3; i++) { // at 200, 600, 1400 ms
		QUIET(200 * FT_MILLISECOND << i);
		EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
		SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	}
	peer_wait(FT_SECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = RST | ACK);
	assert_in_range(peer.now - start, 2 * FT_SECOND, 2001 * FT_MILLISECOND);
	peer_expect_read_error(-ETIMEDOUT);
	ENDS_IN("CLOSED");
}

// ---- keepalive ----

// After 10 s of silence the peer is asked, every 2 s, three times.
static void establish_with_keepalive(ft_time user_timeout)
{
	struct ft_tcp_options options = peer.listening.settings->options;

	options.keepalive = true;
	options.keepalive_idle = 10 * FT_SECOND;
	options.keepalive_interval = 2 * FT_SECOND;
	options.keepalive_count = 3;
	options.user_timeout = user_timeout;
	peer_set_listening_options(&options);
	ESTABLISH();
}

static void silent_peer_is_asked_then_given_up(void **state)
{
	establish_with_keepalive(0);
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

// It is shorter than the silence that is allowed, and nobody is given up unasked.
static void silent_peer_is_asked_though_the_users_timeout_has_passed(void **state)
{
	establish_with_keepalive(3 * FT_SECOND);
	for (int i = 0; i < 2; i++) {
		QUIET(10 * FT_SECOND);
		EXPECT(.seq = 0, .ack = 1, .flags = ACK);
		if (i == 0)
			SEND(.seq = 1, .ack = 1, .flags = ACK);
	}
	QUIET(2 * FT_SECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = RST | ACK);
	peer_expect_read_error(-ETIMEDOUT);
	ENDS_IN("CLOSED");
}

static void keepalive_of_the_peer_is_answered(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 0, .ack = 1, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
}

static void established_answer_users_timeout_before_its_retransmission_ends_it(void **state)
{
	struct ft_tcp_options options;

	peer_enter(FT_TCP_ESTABLISHED);
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.user_timeout = 50 * FT_MILLISECOND;
	peer_set_options(&options);
	peer_write("answer");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "answer");
	QUIET(50 * FT_MILLISECOND);
	EXPECT(.seq = 7, .ack = 1, .flags = RST | ACK);
	ASSERT_STATE("CLOSED");
}

// The answer was lost, or it was its ACK: either way what follows is as if nothing had been.
static void established_answer_sent_again_and_acknowledged_ends_the_loss(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("answer");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "answer");
	peer_wait(3 * FT_SECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "answer");
	TAKES(.seq = 1, .ack = 7, .flags = ACK);
	assert_int_equal(peer.conn->conn->retransmit.phase, FT_RETRANSMIT_OPEN);
	assert_int_equal(peer.conn->conn->timeouts, 0);
	ENDS_IN("ESTABLISHED");
}

static void established_urgent_answer_acknowledged_is_over(void **state)
{
	const struct iovec iov = { "!", 1 };

	peer_enter(FT_TCP_ESTABLISHED);
	assert_int_equal(
		ft_tcp_send(&peer.stack, peer.conn, &iov, 1, FT_TCP_SEND_URGENT, peer.now), 1);
	peer_turn();
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK | URG, .text = "!", .urgent = 1);
	TAKES(.seq = 1, .ack = 2, .flags = ACK);
	assert_false(peer.conn->conn->is_sending_urgent);
	ENDS_IN("ESTABLISHED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(lost_data_is_sent_again_ever_later),
		PEER_TEST(timeout_of_a_window_sends_one_segment_then_slow_start),
		PEER_TEST(three_duplicate_acks_send_the_first_segment_again),
		PEER_TEST(second_loss_in_a_window_is_found_by_a_partial_ack),
		PEER_TEST(later_partial_acks_do_not_put_the_timeout_off),
		PEER_TEST(duplicates_with_data_or_new_window_are_none),
		PEER_TEST(unacknowledged_data_ends_the_connection_at_last),
		PEER_TEST(unacknowledged_answer_counts_from_when_it_was_sent),
		PEER_TEST(echoed_timestamp_measures_after_a_loss),
		PEER_TEST(echo_of_the_first_copy_counts_for_two_timeouts),
		PEER_TEST(progress_keeps_the_connection_alive),
		PEER_TEST(timeout_asks_for_the_paths_mtu),
		PEER_TEST(second_timeout_leaves_ssthresh),
		PEER_TEST(shut_window_is_probed_ever_later),
		PEER_TEST(probe_taken_goes_on_behind_it),
		PEER_TEST(shut_window_of_a_living_peer_does_not_end_the_connection),
		PEER_TEST(shut_window_of_a_dead_peer_ends_the_connection),
		PEER_TEST(opened_window_starts_with_a_fresh_timeout),
		PEER_TEST(shut_window_acks_keep_below_it),
		PEER_TEST(users_timeout_ends_the_connection_however_few_tries),
		PEER_TEST(users_timeout_has_passed_while_the_loop_stood_still),
		PEER_TEST(users_timeout_ends_a_shut_window),
		PEER_TEST(silent_peer_is_asked_then_given_up),
		PEER_TEST(silent_peer_is_asked_though_the_users_timeout_has_passed),
		PEER_TEST(keepalive_of_the_peer_is_answered),
		PEER_TEST(established_answer_users_timeout_before_its_retransmission_ends_it),
		PEER_TEST(established_answer_sent_again_and_acknowledged_ends_the_loss),
		PEER_TEST(established_urgent_answer_acknowledged_is_over),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/loss", tests, peer_make_pools, peer_free_pools);
}
