// Data from the peer in ESTABLISHED: acknowledging, gaps, the window offered, urgent data (RFC 6093).
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "tcp/tcp_at_once.h"

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

// Merged on the way to us, and still two segments: else ACKs would come ever later.
static void merged_segments_are_acked_as_the_several_they_are(void **state)
{
	struct tcp_info info;

	peer.config.tcp.mss = 800;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1600);
	EXPECT(.seq = 1, .ack = 1601, .flags = ACK);
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
	assert_int_equal(info.tcpi_rcv_mss, 800);
	peer_expect_read_bytes(1600);
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

// There is no room for its text, but the FIN is noted.
static void fin_of_a_segment_refused_beyond_a_gap_is_taken_in_its_place(void **state)
{
	struct ft_budget *held = &peer.stack.receive_held.mbufs;
	const uint64_t used = held->used;

	ESTABLISH();
	held->used = held->limit;
	DROPS(RECEIVE_MEMORY, .seq = 3, .ack = 1, .flags = FIN | ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	held->used = used;
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .bytes = 2);
	EXPECT(.seq = 1, .ack = 3, .flags = ACK);
	assert_true(peer.conn->conn->has_gap);
	TAKES(.seq = 3, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 1004, .flags = ACK);
	assert_false(peer.conn->conn->has_gap);
	ASSERT_STATE("CLOSE-WAIT");
	peer_expect_read_bytes(1002);
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

// Of 4,096 bytes, with four segments.
static void fill_small_buffer(uint32_t segment_bytes)
{
	peer.config.tcp.receive_buffer = 4096;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	for (uint32_t i = 0; i < 4; i++)
		SEND(.seq = 1 + segment_bytes * i, .ack = 1, .flags = ACK, .bytes = segment_bytes);
}

// The buffer fills: the window closes exactly, does not move by little, opens when it is worth it.
static void slow_reader_closes_and_opens_the_window(void **state)
{
	fill_small_buffer(1000);
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

static void read_bytes(uint32_t bytes)
{
	uint8_t text[4096];
	const struct iovec iov = { text, bytes };

	assert_int_equal(ft_tcp_receive(&peer.stack, peer.conn, &iov, 1, 0, peer.now), bytes);
	peer_turn();
}

// It has opened only as far as was read.
static void slow_reader_of_few_bytes_does_not_open_the_window(void **state)
{
	fill_small_buffer(1000);
	peer_take_all();
	read_bytes(100);
	EXPECT_NOTHING;
	read_bytes(3900);
	EXPECT(.seq = 1, .ack = 4001, .flags = ACK, .window = 4096);
}

// RFC 9293 3.10.7.4: though nothing of it can be taken, its ACK counts.
static void probe_of_a_shut_window_acks_our_data(void **state)
{
	fill_small_buffer(1024);
	peer_take_all();
	peer_write("abcd");
	EXPECT(.seq = 1, .ack = 4097, .flags = PSH | ACK, .text = "abcd", .is_window_shut = true);
	TAKES(.seq = 4097, .ack = 5, .flags = ACK, .bytes = 1);
	EXPECT(.seq = 5, .ack = 4097, .flags = ACK, .is_window_shut = true);
	assert_int_equal(peer_snd_una(), 5);
	assert_int_equal(ft_tcp_readable_bytes(peer.conn), 4096);
	ENDS_IN("ESTABLISHED");
}

// A FIN takes no room: one that stands at the very edge of the window is taken.
static void fin_at_the_edge_of_a_full_window_is_taken(void **state)
{
	fill_small_buffer(1000);
	peer_take_all();
	SEND(.seq = 4001, .ack = 1, .flags = FIN | ACK, .bytes = 96);
	EXPECT(.seq = 1, .ack = 4098, .flags = ACK, .is_window_shut = true);
	ASSERT_STATE("CLOSE-WAIT");
	peer_expect_read_bytes(4096);
	peer_expect_read_error(0);
}

// ---- urgent data (RFC 6093) ----

static void expect_urgent(char wanted)
{
	uint8_t byte = 0;
	const struct iovec iov = { &byte, 1 };

	assert_int_equal(
		ft_tcp_receive(&peer.stack, peer.conn, &iov, 1, FT_TCP_RECEIVE_URGENT, peer.now),
		1);
	assert_int_equal(byte, wanted);
}

static void urgent_byte_is_apart_and_stops_reading(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK | URG, .text = "abXcd", .urgent = 3);
	expect_urgent('X');
	peer_expect_read("ab");
	assert_true(ft_tcp_is_at_mark(peer.conn));
	peer_expect_read("cd");
	peer_pass(FT_SECOND);
	EXPECT(.seq = 1, .ack = 6, .flags = ACK);
}

static void urgent_byte_taken_does_not_come_again(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	for (uint32_t seq = 1; seq <= 3; seq++) {
		SEND(.seq = seq, .ack = 1, .flags = ACK | URG, .text = "x", .urgent = 1);
		expect_urgent('x');
	}
	SEND(.seq = 4, .ack = 1, .flags = ACK, .text = "end");
	peer_expect_read("end");
	peer_expect_read_error(-EAGAIN);
}

static void urgent_byte_at_the_reader_gives_way_to_the_next(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK | URG, .text = "u", .urgent = 1);
	SEND(.seq = 2, .ack = 1, .flags = ACK | URG, .text = "v", .urgent = 1);
	assert_true(ft_tcp_is_at_mark(peer.conn));
	assert_int_equal(ft_tcp_readable_bytes(peer.conn), 0);
	expect_urgent('v');
	SEND(.seq = 3, .ack = 1, .flags = ACK, .text = "end");
	peer_expect_read("end");
}

// The next mark is announced, and its byte is still missing;
static void urgent_byte_gives_way_to_one_that_is_not_here_yet(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK | URG, .text = "u", .urgent = 1);
	SEND(.seq = 2, .ack = 1, .flags = ACK | URG, .text = "ab", .urgent = 3);
	peer_expect_read("ab");
	assert_true(ft_tcp_is_at_mark(peer.conn));
	SEND(.seq = 4, .ack = 1, .flags = ACK, .text = "vcd");
	expect_urgent('v');
	peer_expect_read("cd");
}

// URGENT/11 (CVE-2019-12255 and its family): zero, far beyond, moving back.
static void urgent_pointer_to_nothing_leaves_plain_data(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK | URG, .text = "ab", .urgent = 0);
	peer_expect_urgent_error(-EINVAL);
	peer_expect_read("ab");
	SEND(.seq = 3, .ack = 1, .flags = ACK | URG, .text = "cd", .urgent = 65535);
	peer_expect_urgent_error(-EINVAL);
	peer_expect_read("cd");
	SEND(.seq = 5, .ack = 1, .flags = ACK | URG, .text = "ef", .urgent = 6);
	peer_expect_read("ef");
	SEND(.seq = 7, .ack = 1, .flags = ACK | URG, .text = "gh", .urgent = 1);
	peer_expect_read("gh");
	peer_pass(FT_SECOND);
	EXPECT(.seq = 1, .ack = 9, .flags = ACK);
}

// Where it points the stream goes on as if it had not.
static void urgent_pointer_beyond_the_window_marks_nothing(void **state)
{
	peer.config.tcp.receive_buffer = 4096;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK | URG, .bytes = 1000, .urgent = 4097);
	peer_expect_urgent_error(-EINVAL);
	SEND(.seq = 1001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 2001, .flags = ACK, .window = 2096);
	peer_expect_read_bytes(2000);
	EXPECT(.seq = 1, .ack = 2001, .flags = ACK, .window = 4096);
	for (uint32_t i = 2; i < 5; i++)
		SEND(.seq = 1 + 1000 * i, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 4001, .flags = ACK);
	peer_expect_urgent_error(-EINVAL);
	peer_expect_read_bytes(3000);
	EXPECT(.seq = 1, .ack = 5001, .flags = ACK);
}

static void urgent_pointer_to_the_last_byte_of_the_window_marks_it(void **state)
{
	peer.config.tcp.receive_buffer = 4096;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK | URG, .bytes = 1024, .urgent = 4096);
	peer_expect_urgent_error(-EAGAIN);
	for (uint32_t i = 1; i < 4; i++)
		SEND(.seq = 1 + 1024 * i, .ack = 1, .flags = ACK, .bytes = 1024);
	peer_take_all();
	peer_expect_urgent(4095 % 251);
	peer_expect_read_bytes(4095);
	EXPECT(.seq = 1, .ack = 4097, .flags = ACK);
	assert_true(ft_tcp_is_at_mark(peer.conn));
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

// The few wait in the connection, the others in their packet; one call gives both.
static void established_few_bytes_and_a_packet_behind_them_are_read_together(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .bytes = 3);
	TAKES(.seq = 4, .ack = 1, .flags = ACK, .bytes = 1000);
	peer_expect_read_bytes(1003);
	peer_take_all();
}

static void established_few_bytes_unread_are_counted_when_thrown_away(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .bytes = 3);
	TAKES(.seq = 4, .ack = 1, .flags = ACK, .bytes = 3);
	peer_close();
	EXPECT(.seq = 1, .ack = 7, .flags = RST | ACK);
	assert_int_equal(peer.stack.counters.dropped_late[FT_DROP_OWNER_GONE], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(data_in_order_is_read_and_acked_late),
		PEER_TEST(second_full_segment_is_acked_at_once),
		PEER_TEST(burst_of_segments_is_acked_once),
		PEER_TEST(merged_segments_are_acked_as_the_several_they_are),
		PEER_TEST(answer_carries_the_ack),
		PEER_TEST(gap_is_told_by_duplicate_acks_and_filled),
		PEER_TEST(fin_beyond_a_gap_waits_for_it),
		PEER_TEST(fin_of_a_segment_refused_beyond_a_gap_is_taken_in_its_place),
		PEER_TEST(duplicate_is_acked_and_dropped),
		PEER_TEST(partly_old_segment_gives_its_new_part),
		PEER_TEST(segment_outside_the_window_is_acked_and_dropped),
		PEER_TEST(slow_reader_closes_and_opens_the_window),
		PEER_TEST(slow_reader_of_few_bytes_does_not_open_the_window),
		PEER_TEST(probe_of_a_shut_window_acks_our_data),
		PEER_TEST(fin_at_the_edge_of_a_full_window_is_taken),
		PEER_TEST(urgent_byte_is_apart_and_stops_reading),
		PEER_TEST(urgent_byte_taken_does_not_come_again),
		PEER_TEST(urgent_byte_at_the_reader_gives_way_to_the_next),
		PEER_TEST(urgent_byte_gives_way_to_one_that_is_not_here_yet),
		PEER_TEST(urgent_pointer_to_nothing_leaves_plain_data),
		PEER_TEST(urgent_pointer_beyond_the_window_marks_nothing),
		PEER_TEST(urgent_pointer_to_the_last_byte_of_the_window_marks_it),
		PEER_TEST(urgent_pointer_of_zero_beyond_a_gap_marks_nothing),
		PEER_TEST(established_few_bytes_and_a_packet_behind_them_are_read_together),
		PEER_TEST(established_few_bytes_unread_are_counted_when_thrown_away),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name(
		"tcp/receiving", tests, peer_make_pools, peer_free_pools);
}
