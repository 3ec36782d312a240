// A connection at rest: when it goes there, what is kept, and that nobody outside can tell.
#include <errno.h>
#include <sys/epoll.h>

#include "tcp/conn.h"

#include "peer.h"

static void expect_rest(bool is_at_rest)
{
	assert_int_equal(peer.stack.tcp.anchors.in_use, 1);
	assert_int_equal(peer.stack.tcp.conns.in_use, is_at_rest ? 0 : 1);
	assert_int_equal(ft_anchor_is_at_rest(peer.conn), is_at_rest);
	assert_int_equal(peer.socket->description.is_at_work, !is_at_rest);
}

static void established_quiet_for_a_second_rests(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	expect_rest(false);
	peer_pass(2 * FT_SECOND);
	expect_rest(true);
	EXPECT_NOTHING;
	ENDS_IN("ESTABLISHED");
}

// Other connections need the blocks: it rests with the ACK that leaves it nothing to do.
static void established_among_many_rests_at_once(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("x");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
	peer.stack.tcp.conns.in_use += FT_TCP_WARM_BLOCKS;
	SEND(.seq = 1, .ack = 2, .flags = ACK);
	peer.stack.tcp.conns.in_use -= FT_TCP_WARM_BLOCKS;
	expect_rest(true);
	ENDS_IN("ESTABLISHED");
}

static void at_rest_data_is_taken_and_acknowledged(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_pass(FT_SECOND * 3600);
	expect_rest(true);
	SEND(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	expect_rest(false);
	peer_expect_read("hello");
	peer_write("world");
	EXPECT(.seq = 1, .ack = 6, .flags = PSH | ACK, .text = "world");
	SEND(.seq = 6, .ack = 6, .flags = ACK);
	peer_pass(3 * FT_SECOND);
	expect_rest(true);
	ENDS_IN("ESTABLISHED");
}

static void at_rest_reset_and_fin_are_as_ever(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_pass(2 * FT_SECOND);
	DROPS(TCP_BAD_RESET, .seq = 5, .flags = RST);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK); // a challenge
	peer_pass(3 * FT_SECOND);
	expect_rest(true);
	SEND(.seq = 1, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	peer_pass(3 * FT_SECOND);
	expect_rest(true); // in CLOSE-WAIT
	assert_int_equal(ft_tcp_readiness(peer.conn),
		EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLOUT | EPOLLWRNORM);
	peer_expect_read_error(0);
	SEND(.seq = 2, .ack = 1, .flags = RST);
	ENDS_IN("CLOSED");
}

static void in_flight_does_not_rest(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("lost");
	peer_pass(5 * FT_SECOND);
	expect_rest(false);
	assert_true(peer_take_all() > 1);
	SEND(.seq = 1, .ack = 5, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void unread_does_not_rest(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "wait");
	peer_pass(5 * FT_SECOND);
	expect_rest(false);
	EXPECT(.seq = 1, .ack = 5, .flags = ACK);
	peer_expect_read("wait");
	peer_pass(3 * FT_SECOND);
	expect_rest(true);
}

static void out_of_order_does_not_rest(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 3, .ack = 1, .flags = PSH | ACK, .text = "later");
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	peer_pass(5 * FT_SECOND);
	expect_rest(false);
}

static void close_wait_after_a_fin_before_its_time_rests(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 2, .ack = 1, .flags = FIN | ACK);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "x");
	peer_take_all();
	peer_expect_read("x");
	ASSERT_STATE("CLOSE-WAIT");
	peer_pass(3 * FT_SECOND);
	expect_rest(true);
	ENDS_IN("CLOSE-WAIT");
}

// It was forged, or the stream would have ended there.
static void established_fin_in_the_midst_of_the_stream_is_forgotten(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 3, .ack = 1, .flags = FIN | ACK);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "stream");
	peer_take_all();
	peer_expect_read("stream");
	peer_pass(3 * FT_SECOND);
	expect_rest(true);
	ENDS_IN("ESTABLISHED");
}

static void not_accepted_does_not_rest(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	peer_pass(5 * FT_SECOND);
	assert_int_equal(peer.stack.tcp.conns.in_use, 1);
	peer_accept();
	peer_pass(3 * FT_SECOND);
	expect_rest(true);
}

static void keep_alive(ft_time idle, ft_time interval)
{
	struct ft_tcp_options options;

	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.keepalive = true;
	options.keepalive_idle = idle;
	options.keepalive_interval = interval;
	options.keepalive_count = 2;
	peer_set_options(&options);
}

static void at_rest_keepalive_asks_and_gives_up(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	keep_alive(100 * FT_SECOND, 10 * FT_SECOND);
	peer_pass(50 * FT_SECOND);
	expect_rest(true);
	assert_int_equal(peer.stack.tcp.alarms.in_use, 1);
	QUIET(50 * FT_SECOND);
	EXPECT(.seq = 0, .ack = 1, .flags = ACK);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	peer_pass(50 * FT_SECOND);
	expect_rest(true);
	QUIET(50 * FT_SECOND);
	EXPECT(.seq = 0, .ack = 1, .flags = ACK);
	QUIET(10 * FT_SECOND);
	EXPECT(.seq = 0, .ack = 1, .flags = ACK);
	QUIET(10 * FT_SECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = RST | ACK);
	assert_int_equal(peer.stack.tcp.alarms.in_use, 0);
	ENDS_IN("CLOSED");
}

// All that a later segment can depend on is the same before and after. Times are kept to the
// millisecond, round trips to the microsecond.
static void expect_alike(const struct ft_tcp_conn *before, const struct ft_tcp_conn *after)
{
	assert_memory_equal(&before->tuple, &after->tuple, sizeof(before->tuple));
	assert_memory_equal(&before->rcv, &after->rcv, sizeof(before->rcv));
	assert_int_equal(before->state, after->state);
	assert_int_equal(before->mss, after->mss);
	assert_int_equal(before->snd.una, after->snd.una);
	assert_int_equal(before->snd.nxt, after->snd.nxt);
	assert_int_equal(before->snd.max, after->snd.max);
	assert_int_equal(before->snd.wnd, after->snd.wnd);
	assert_int_equal(before->snd.wl1, after->snd.wl1);
	assert_int_equal(before->snd.wl2, after->snd.wl2);
	assert_int_equal(before->snd.iss, after->snd.iss);
	assert_int_equal(before->snd.max_wnd, after->snd.max_wnd);
	assert_int_equal(before->ts_offset, after->ts_offset);
	assert_int_equal(before->ts_recent_age, after->ts_recent_age);
	assert_int_equal(before->rcv_mss, after->rcv_mss);
	assert_int_equal(before->offer_mss, after->offer_mss);
	assert_int_equal(before->announced_mss, after->announced_mss);
	assert_int_equal(before->snd_scale, after->snd_scale);
	assert_int_equal(before->rcv_scale, after->rcv_scale);
	assert_int_equal(before->has_timestamps, after->has_timestamps);
	assert_int_equal(before->has_scaling, after->has_scaling);
	assert_int_equal(before->is_passive, after->is_passive);
	assert_int_equal(before->reuse, after->reuse);
	assert_int_equal(before->total_retransmits, after->total_retransmits);
	assert_int_equal(before->snd_laps, after->snd_laps);
	assert_int_equal(before->rcv_laps, after->rcv_laps);
	assert_int_equal(before->cc.cwnd, after->cc.cwnd);
	assert_int_equal(before->cc.ssthresh, after->cc.ssthresh);
	assert_int_equal(before->cc.initial_window, after->cc.initial_window);
	assert_int_equal(before->cc.mss, after->cc.mss);
	assert_int_equal(before->cc.is_after_timeout, after->cc.is_after_timeout);
	assert_ptr_equal(before->cc.algorithm, after->cc.algorithm);
	assert_int_equal(before->retransmit.recover, after->retransmit.recover);
	assert_int_equal(before->rtt.srtt / FT_MICROSECOND, after->rtt.srtt / FT_MICROSECOND);
	assert_int_equal(before->rtt.rto / FT_MILLISECOND, after->rtt.rto / FT_MILLISECOND);
	assert_int_equal(before->last_heard / FT_MILLISECOND, after->last_heard / FT_MILLISECOND);
	assert_int_equal(before->last_sent / FT_MILLISECOND, after->last_sent / FT_MILLISECOND);
	assert_ptr_equal(before->socket, after->socket);
	assert_memory_equal(&before->options, &after->options, sizeof(before->options));
}

static void at_rest_all_numbers_are_kept(void **state)
{
	struct ft_tcp_conn before;

	ESTABLISH(.mss = 1200, .options = FT_TCP_HAS_WINDOW_SCALE | FT_TCP_HAS_TIMESTAMP,
		.window_scale = 3, .ts_value = 77);
	peer_write("lost once");
	peer_pass(FT_SECOND); // at least one timeout
	assert_true(peer_take_all() > 1);
	SEND(.seq = 1, .ack = 10, .flags = ACK, .options = FT_TCP_HAS_TIMESTAMP, .ts_value = 78,
		.ts_echo = peer.last.ts_value);
	peer_pass(FT_SECOND);
	ft_anchor_wake(&peer.stack, peer.conn, true);
	assert_true(ft_anchor_may_rest(&peer.stack, peer.conn->conn));
	peer.conn->conn->snd_laps = 15;
	peer.conn->conn->rcv_laps = 7;
	before = *peer.conn->conn;
	assert_true(ft_anchor_rest(&peer.stack, peer.conn->conn));
	expect_rest(true);
	assert_non_null(ft_anchor_wake(&peer.stack, peer.conn, true));
	expect_alike(&before, peer.conn->conn);
	assert_true(before.total_retransmits > 0 && before.cc.is_after_timeout);
}

// There is no room to write down how much that was.
static void after_64_gigabytes_does_not_rest(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer.conn->conn->rcv_laps = 16;
	assert_false(ft_anchor_rest(&peer.stack, peer.conn->conn));
	peer.conn->conn->rcv_laps = 15;
	assert_true(ft_anchor_rest(&peer.stack, peer.conn->conn));
}

static void at_rest_close_says_goodbye(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_pass(2 * FT_SECOND);
	expect_rest(true);
	peer_close();
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
	SEND(.seq = 1, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void at_rest_abort_resets(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_pass(2 * FT_SECOND);
	ft_tcp_abort(&peer.stack, peer.conn, peer.now);
	peer.conn = NULL;
	peer_turn();
	EXPECT(.seq = 1, .ack = 1, .flags = RST | ACK);
	assert_int_equal(peer.stack.tcp.anchors.in_use, 0);
	assert_int_equal(peer.stack.tcp.conns.in_use, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(established_quiet_for_a_second_rests),
		PEER_TEST(established_among_many_rests_at_once),
		PEER_TEST(at_rest_data_is_taken_and_acknowledged),
		PEER_TEST(at_rest_reset_and_fin_are_as_ever),
		PEER_TEST(in_flight_does_not_rest),
		PEER_TEST(unread_does_not_rest),
		PEER_TEST(out_of_order_does_not_rest),
		PEER_TEST(close_wait_after_a_fin_before_its_time_rests),
		PEER_TEST(established_fin_in_the_midst_of_the_stream_is_forgotten),
		PEER_TEST(not_accepted_does_not_rest),
		PEER_TEST(at_rest_keepalive_asks_and_gives_up),
		PEER_TEST(at_rest_all_numbers_are_kept),
		PEER_TEST(after_64_gigabytes_does_not_rest),
		PEER_TEST(at_rest_close_says_goodbye),
		PEER_TEST(at_rest_abort_resets),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/anchor", tests, peer_make_pools, peer_free_pools);
}
