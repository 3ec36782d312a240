// ESTABLISHED, and every segment that may come (RFC 9293 3.10.7.4).
#include <errno.h>

#include "tcp/conn.h"

#include "peer.h"

// ---- ESTABLISHED: SYN (RFC 5961 4) ----

static void established_syn_at_rcv_nxt_is_challenged(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_BAD_SYN, .seq = 1, .flags = SYN);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_syn_in_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_BAD_SYN, .seq = 2, .flags = SYN);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_syn_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .flags = SYN);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_syn_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_DUPLICATE, .seq = 0, .flags = SYN);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_syn_with_ack_is_challenged(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_BAD_SYN, .seq = 1, .ack = 1, .flags = SYN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_syn_with_fin_is_challenged(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_BAD_SYN, .seq = 1, .ack = 1, .flags = SYN | FIN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

// ---- ESTABLISHED: RST (RFC 5961 3) ----

static void established_rst_at_rcv_nxt_ends(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .flags = RST);
	peer_expect_read_error(-ECONNRESET);
	ENDS_IN("CLOSED");
}

static void established_rst_in_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_BAD_RESET, .seq = 2, .flags = RST);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_rst_at_last_of_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE - 1, .flags = RST);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

// The RST bit is checked before the ACK.
static void established_rst_with_ack_of_future_ends(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = 1001, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

static void established_rst_left_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_BAD_RESET, .seq = 0, .flags = RST);
	ENDS_IN("ESTABLISHED");
}

static void established_rst_right_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE, .flags = RST);
	ENDS_IN("ESTABLISHED");
}

// ---- ESTABLISHED: FIN ----

static void established_fin_at_rcv_nxt_closes_half(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	peer_expect_read_error(0);
	ENDS_IN("CLOSE-WAIT");
}

static void established_fin_in_window_waits_for_gap(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 2, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	ENDS_IN("ESTABLISHED");
}

static void established_fin_with_data_is_read_to_the_end(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = 1, .flags = FIN | ACK, .text = "bye");
	EXPECT(.seq = 1, .ack = 5, .flags = ACK);
	peer_expect_read("bye");
	peer_expect_read_error(0);
	ENDS_IN("CLOSE-WAIT");
}

static void established_fin_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_DUPLICATE, .seq = 0, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_fin_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_fin_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = FIN);
	ENDS_IN("ESTABLISHED");
}

static void established_fin_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

// ---- ESTABLISHED: ACK (RFC 5961 5) ----

static void established_ack_of_data_is_taken(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("abcd");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "abcd");
	TAKES(.seq = 1, .ack = 5, .flags = ACK);
	assert_int_equal(peer_snd_una(), 5);
	ENDS_IN("ESTABLISHED");
}

static void established_ack_of_part_is_taken(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("abcd");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "abcd");
	TAKES(.seq = 1, .ack = 3, .flags = ACK);
	assert_int_equal(peer_snd_una(), 3);
	ENDS_IN("ESTABLISHED");
}

static void established_ack_in_window_is_taken(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("abcd");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "abcd");
	TAKES(.seq = 2, .ack = 5, .flags = ACK);
	assert_int_equal(peer_snd_una(), 5);
	ENDS_IN("ESTABLISHED");
}

static void established_ack_left_of_window_does_not_count(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("abcd");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "abcd");
	DROPS(TCP_DUPLICATE, .seq = 0, .ack = 5, .flags = ACK);
	EXPECT(.seq = 5, .ack = 1, .flags = ACK);
	assert_int_equal(peer_snd_una(), 1);
	ENDS_IN("ESTABLISHED");
}

static void established_ack_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_ack_of_nothing_new_is_ignored(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

// SND.UNA - MAX.SND.WND is the oldest that is believed.
static void established_ack_old_is_ignored(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = (uint32_t)-59999, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = (uint32_t)-60000, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 2, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_ack_missing_is_dropped(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = 0);
	ENDS_IN("ESTABLISHED");
}

// ---- ESTABLISHED: data ----

static void established_data_at_rcv_nxt_is_read_and_acked_late(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "abc");
	peer_expect_read("abc");
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 4, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_data_in_window_waits_for_gap(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 4, .ack = 1, .flags = ACK, .text = "def");
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "abc");
	EXPECT(.seq = 1, .ack = 7, .flags = ACK);
	peer_expect_read("abcdef");
	ENDS_IN("ESTABLISHED");
}

static void established_data_at_last_of_window_is_kept(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = PEER_EDGE - 1, .ack = 1, .flags = ACK, .text = "z");
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	assert_int_equal(peer_counter(FT_COUNTER_TCP_OUT_OF_ORDER), 1);
	ENDS_IN("ESTABLISHED");
}

static void established_data_partly_left_gives_the_new_part(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 0, .ack = 1, .flags = ACK, .text = "?abc");
	EXPECT(.seq = 1, .ack = 4, .flags = ACK);
	peer_expect_read("abc");
	ENDS_IN("ESTABLISHED");
}

static void established_data_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_DUPLICATE, .seq = (uint32_t)-2, .ack = 1, .flags = ACK, .text = "old");
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_data_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK, .text = "far");
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_data_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = PSH, .text = "abc");
	ENDS_IN("ESTABLISHED");
}

static void established_data_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 2, .flags = ACK, .text = "evil");
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	ENDS_IN("ESTABLISHED");
}

static void established_data_with_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = (uint32_t)-60000, .flags = ACK, .text = "evil");
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	ENDS_IN("ESTABLISHED");
}

// ---- ESTABLISHED: urgent (RFC 6093) ----

static void established_urgent_at_rcv_nxt_is_kept_apart(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = 1, .flags = ACK | URG, .text = "abX", .urgent = 3);
	peer_expect_urgent('X');
	peer_expect_read("ab");
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 4, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_urgent_in_window_waits_for_gap(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 4, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	peer_expect_urgent_error(-EAGAIN);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "abc");
	EXPECT(.seq = 1, .ack = 5, .flags = ACK);
	peer_expect_urgent('X');
	peer_expect_read("abc");
	ENDS_IN("ESTABLISHED");
}

static void established_urgent_of_nothing_is_plain_data(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = 1, .flags = ACK | URG, .text = "ab", .urgent = 0);
	peer_expect_urgent_error(-EINVAL);
	peer_expect_read("ab");
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 3, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_urgent_with_fin_is_kept_apart(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 1, .ack = 1, .flags = FIN | ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 1, .ack = 3, .flags = ACK);
	peer_expect_urgent('X');
	ENDS_IN("CLOSE-WAIT");
}

static void established_urgent_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_DUPLICATE, .seq = 0, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_urgent_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK | URG, .text = "X",
		.urgent = 1);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_urgent_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = URG, .text = "X", .urgent = 1);
	ENDS_IN("ESTABLISHED");
}

// "Xmas" of port scanners.
static void established_urgent_with_fin_and_no_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = FIN | PSH | URG, .urgent = 1);
	ENDS_IN("ESTABLISHED");
}

// A FIN takes no room: behind data up to the very edge of the window it is kept until it is due.
static void established_fin_at_the_windows_edge_is_kept(void **state)
{
	uint32_t seq = 1;

	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = PEER_EDGE - 1000, .ack = 1, .flags = FIN | ACK, .bytes = 1000);
	for (; seq + 1000 < PEER_EDGE - 1000; seq += 1000)
		TAKES(.seq = seq, .ack = 1, .flags = ACK, .bytes = 1000);
	TAKES(.seq = seq, .ack = 1, .flags = ACK, .bytes = PEER_EDGE - 1000 - seq);
	peer_take_all();
	assert_int_equal(peer.last.ack - peer.peer_iss, PEER_EDGE + 1);
	ENDS_IN("CLOSE-WAIT");
}

// RFC 6093 3.1 counts from the segment's number: zero points before it, to nothing urgent.
static void established_urgent_zero_out_of_order_is_plain_data(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	TAKES(.seq = 6, .ack = 1, .flags = URG | ACK, .urgent = 0, .text = "world");
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "hello");
	EXPECT(.seq = 1, .ack = 11, .flags = ACK);
	peer_expect_urgent_error(-EINVAL);
	peer_expect_read("helloworld");
	ENDS_IN("ESTABLISHED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(established_syn_at_rcv_nxt_is_challenged),
		PEER_TEST(established_syn_in_window_is_challenged),
		PEER_TEST(established_syn_right_of_window_is_acked),
		PEER_TEST(established_syn_left_of_window_is_acked),
		PEER_TEST(established_syn_with_ack_is_challenged),
		PEER_TEST(established_syn_with_fin_is_challenged),
		PEER_TEST(established_rst_at_rcv_nxt_ends),
		PEER_TEST(established_rst_in_window_is_challenged),
		PEER_TEST(established_rst_at_last_of_window_is_challenged),
		PEER_TEST(established_rst_with_ack_of_future_ends),
		PEER_TEST(established_rst_left_of_window_is_ignored),
		PEER_TEST(established_rst_right_of_window_is_ignored),
		PEER_TEST(established_fin_at_rcv_nxt_closes_half),
		PEER_TEST(established_fin_in_window_waits_for_gap),
		PEER_TEST(established_fin_with_data_is_read_to_the_end),
		PEER_TEST(established_fin_left_of_window_is_acked),
		PEER_TEST(established_fin_right_of_window_is_acked),
		PEER_TEST(established_fin_without_ack_is_dropped),
		PEER_TEST(established_fin_with_ack_of_future_is_challenged),
		PEER_TEST(established_ack_of_data_is_taken),
		PEER_TEST(established_ack_of_part_is_taken),
		PEER_TEST(established_ack_in_window_is_taken),
		PEER_TEST(established_ack_left_of_window_does_not_count),
		PEER_TEST(established_ack_right_of_window_is_acked),
		PEER_TEST(established_ack_of_nothing_new_is_ignored),
		PEER_TEST(established_ack_old_is_ignored),
		PEER_TEST(established_ack_too_old_is_challenged),
		PEER_TEST(established_ack_of_future_is_challenged),
		PEER_TEST(established_ack_missing_is_dropped),
		PEER_TEST(established_data_at_rcv_nxt_is_read_and_acked_late),
		PEER_TEST(established_data_in_window_waits_for_gap),
		PEER_TEST(established_data_at_last_of_window_is_kept),
		PEER_TEST(established_data_partly_left_gives_the_new_part),
		PEER_TEST(established_data_left_of_window_is_acked),
		PEER_TEST(established_data_right_of_window_is_acked),
		PEER_TEST(established_data_without_ack_is_dropped),
		PEER_TEST(established_data_with_ack_of_future_is_challenged),
		PEER_TEST(established_data_with_ack_too_old_is_challenged),
		PEER_TEST(established_urgent_at_rcv_nxt_is_kept_apart),
		PEER_TEST(established_urgent_in_window_waits_for_gap),
		PEER_TEST(established_urgent_of_nothing_is_plain_data),
		PEER_TEST(established_urgent_with_fin_is_kept_apart),
		PEER_TEST(established_urgent_left_of_window_is_acked),
		PEER_TEST(established_urgent_right_of_window_is_acked),
		PEER_TEST(established_urgent_without_ack_is_dropped),
		PEER_TEST(established_urgent_with_fin_and_no_ack_is_dropped),
		PEER_TEST(established_fin_at_the_windows_edge_is_kept),
		PEER_TEST(established_urgent_zero_out_of_order_is_plain_data),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name(
		"tcp/state_established", tests, peer_make_pools, peer_free_pools);
}
