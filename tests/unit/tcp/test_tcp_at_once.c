#include "tcp/tcp_at_once.h"

#include <errno.h>

#include "peer.h"

// With a receive buffer that the window field can say.
static void establish(void)
{
	peer.config.tcp.receive_buffer = 8192;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
}

static bool may_read(int64_t room_bytes)
{
	return ft_tcp_may_receive_at_once(&peer.stack, peer.conn->conn, room_bytes);
}

static bool may_write(uint64_t bytes)
{
	return ft_tcp_may_send_at_once(&peer.stack, peer.conn->conn, bytes);
}

static bool is_at_end(int64_t room_bytes)
{
	return ft_tcp_is_at_end(&peer.stack, peer.conn->conn, room_bytes);
}

static uint64_t read_at_once(void *to)
{
	return ft_tcp_receive_at_once(&peer.stack, peer.conn->conn, to);
}

static void write_at_once(const char *text)
{
	assert_true(may_write(strlen(text)));
	ft_tcp_send_at_once(&peer.stack, peer.conn->conn, text, strlen(text));
	peer_turn();
}

static void established_request_is_taken_at_once_by_who_has_room(void **state)
{
	char got[FT_FEW] = "";

	establish();
	assert_false(may_read(8));
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "request");
	assert_false(may_read(-1)); // a count beyond INT64_MAX
	assert_false(may_read(0));
	assert_false(may_read(6));
	assert_true(may_read(7));
	assert_int_equal(read_at_once(got), 7);
	assert_string_equal(got, "request");
	assert_false(may_read(8));
	peer_expect_read_error(-EAGAIN);
	write_at_once("answer");
	EXPECT(.seq = 1, .ack = 8, .flags = PSH | ACK, .text = "answer");
	TAKES(.seq = 8, .ack = 7, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

// What a SYN offers has no scale: less than the buffer, until the first request is read.
static void established_window_that_opens_with_a_read_at_once_is_told(void **state)
{
	char got[FT_FEW] = "";

	peer.config.tcp.receive_buffer = 1 << 20;
	peer_restart();
	ESTABLISH(.options = FT_TCP_HAS_WINDOW_SCALE, .window_scale = 7);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "request");
	EXPECT_NOTHING;
	assert_int_equal(peer.conn->conn->rcv.wnd, UINT16_MAX - 7);
	assert_true(may_read(64));
	assert_int_equal(read_at_once(got), 7);
	peer_turn();
	EXPECT(.seq = 1, .ack = 8, .flags = ACK);
	assert_int_equal(peer.conn->conn->rcv.wnd, 1 << 20);
}

// It has moved by more than a segment before, but not by so much that it was told.
static void established_window_that_opens_little_with_a_read_at_once_is_not_told(void **state)
{
	char got[FT_FEW] = "";

	establish();
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	TAKES(.seq = 1001, .ack = 1, .flags = ACK, .bytes = 500);
	peer_expect_read_bytes(1500);
	peer_pass(FT_SECOND);
	peer_take_all();
	TAKES(.seq = 1501, .ack = 1, .flags = ACK, .text = "request");
	assert_true(may_read(64));
	assert_int_equal(read_at_once(got), 7);
	assert_in_range(peer.conn->conn->rcv.wnd, 1, 8192 - 1001);
	peer_turn();
	EXPECT_NOTHING;
}

static void closed_by_the_peer_the_end_is_told_at_once_when_all_is_read(void **state)
{
	char got[FT_FEW] = "";

	establish();
	assert_false(is_at_end(8));
	TAKES(.seq = 1, .ack = 1, .flags = ACK | FIN, .text = "last");
	EXPECT(.seq = 1, .ack = 6, .flags = ACK);
	assert_false(is_at_end(8));
	assert_int_equal(read_at_once(got), 4);
	assert_true(is_at_end(8));
	assert_true(is_at_end(0));
	assert_false(is_at_end(-1)); // a count beyond INT64_MAX
	peer_expect_read_error(0);
}

// Behind it begins what a read before it does not give.
static void established_urgent_request_is_not_taken_at_once(void **state)
{
	establish();
	TAKES(.seq = 1, .ack = 1, .flags = ACK | URG, .urgent = 3, .text = "ab!cd");
	assert_false(may_read(64));
	peer_expect_read("ab");
	peer_expect_urgent('!');
	peer_expect_read("cd");
	peer_pass(FT_SECOND / 2);
	EXPECT(.seq = 1, .ack = 6, .flags = ACK);
}

static void established_few_behind_a_flush_are_held_by_the_cork(void **state)
{
	struct ft_tcp_options options;

	establish();
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.cork = true;
	peer_set_options(&options);
	write_at_once("held");
	EXPECT_NOTHING;
	ft_tcp_flush(&peer.stack, peer.conn);
	peer_turn();
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "held");
	TAKES(.seq = 1, .ack = 5, .flags = ACK);
	write_at_once("again");
	EXPECT_NOTHING;
	peer_wait(FT_SECOND);
	EXPECT(.seq = 5, .ack = 1, .flags = PSH | ACK, .text = "again");
	TAKES(.seq = 1, .ack = 10, .flags = ACK);
}

// It is on another list meanwhile, and the next call is refused as the one before.
static void established_writer_that_waits_for_room_does_not_write_at_once(void **state)
{
	struct ft_budget *held = &peer.stack.send_held;
	static char many[100];
	const struct iovec iov = { many, sizeof(many) };
	uint64_t free_mbufs;

	establish();
	free_mbufs = held->limit - held->used;
	held->used += free_mbufs;
	assert_int_equal(ft_tcp_send(&peer.stack, peer.conn, &iov, 1, 0, peer.now), -EAGAIN);
	assert_false(may_write(1));
	held->used -= free_mbufs;
	peer_turn();
	assert_true(may_write(1));
	assert_true(may_write(FT_FEW));
	assert_false(may_write(FT_FEW + 1));
	assert_false(may_write(0));
}

static void ended_connection_is_not_written_to_at_once(void **state)
{
	establish();
	SEND(.seq = 1, .flags = RST);
	assert_false(may_write(1));
}

static void traced_calls_take_the_long_way(void **state)
{
	establish();
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "request");
	peer.stack.trace = UINT32_C(1) << 31;
	assert_false(may_read(64));
	assert_false(may_write(1));
	peer.stack.trace = 0;
	assert_true(may_read(64));
	assert_true(may_write(1));
	peer_expect_read("request");
	peer_pass(FT_SECOND / 2);
	EXPECT(.seq = 1, .ack = 8, .flags = ACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(established_request_is_taken_at_once_by_who_has_room),
		PEER_TEST(established_window_that_opens_with_a_read_at_once_is_told),
		PEER_TEST(established_window_that_opens_little_with_a_read_at_once_is_not_told),
		PEER_TEST(closed_by_the_peer_the_end_is_told_at_once_when_all_is_read),
		PEER_TEST(established_urgent_request_is_not_taken_at_once),
		PEER_TEST(established_few_behind_a_flush_are_held_by_the_cork),
		PEER_TEST(established_writer_that_waits_for_room_does_not_write_at_once),
		PEER_TEST(ended_connection_is_not_written_to_at_once),
		PEER_TEST(traced_calls_take_the_long_way),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/at_once", tests, peer_make_pools, peer_free_pools);
}
