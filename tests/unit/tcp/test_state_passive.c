// CLOSE-WAIT and LAST-ACK, and every segment that may come (RFC 9293 3.10.7.4). The peer closed first: its
// FIN was the last thing it may say, and we still send.
#include <errno.h>

#include "tcp/conn.h"

#include "peer.h"

// ---- CLOSE-WAIT: SYN (RFC 5961 4) ----

static void close_wait_syn_at_rcv_nxt_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_BAD_SYN, .seq = 2, .flags = SYN);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_syn_in_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_BAD_SYN, .seq = 3, .flags = SYN);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_syn_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .flags = SYN);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_syn_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_DUPLICATE, .seq = 0, .flags = SYN);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_syn_with_ack_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_BAD_SYN, .seq = 2, .ack = 1, .flags = SYN | ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_syn_with_fin_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_BAD_SYN, .seq = 2, .ack = 1, .flags = SYN | FIN | ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

// ---- CLOSE-WAIT: RST (RFC 5961 3) ----

static void close_wait_rst_at_rcv_nxt_ends(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	TAKES(.seq = 2, .flags = RST);
	ENDS_IN("CLOSED");
}

static void close_wait_rst_in_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_BAD_RESET, .seq = 3, .flags = RST);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_rst_at_last_of_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE - 1, .flags = RST);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

// The RST bit is checked before the ACK.
static void close_wait_rst_with_ack_of_future_ends(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	TAKES(.seq = 2, .ack = 1001, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

static void close_wait_rst_left_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_BAD_RESET, .seq = 1, .flags = RST);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_rst_right_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE, .flags = RST);
	ENDS_IN("CLOSE-WAIT");
}

// ---- CLOSE-WAIT: FIN ----

// There was one, and nothing can stand behind it.
static void close_wait_fin_at_rcv_nxt_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	TAKES(.seq = 2, .ack = 1, .flags = FIN | ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_fin_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	TAKES(.seq = 3, .ack = 1, .flags = FIN | ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_fin_with_data_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	TAKES(.seq = 2, .ack = 1, .flags = FIN | ACK, .text = "bye");
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_fin_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_DUPLICATE, .seq = 1, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_fin_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_fin_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = FIN);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_fin_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

// ---- CLOSE-WAIT: ACK (RFC 5961 5) ----

static void close_wait_ack_of_data_is_taken(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	peer_write("abcd");
	EXPECT(.seq = 1, .ack = 2, .flags = PSH | ACK, .text = "abcd");
	TAKES(.seq = 2, .ack = 5, .flags = ACK);
	assert_int_equal(peer_snd_una(), 5);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_ack_of_part_is_taken(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	peer_write("abcd");
	EXPECT(.seq = 1, .ack = 2, .flags = PSH | ACK, .text = "abcd");
	TAKES(.seq = 2, .ack = 3, .flags = ACK);
	assert_int_equal(peer_snd_una(), 3);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_ack_in_window_is_taken(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	peer_write("abcd");
	EXPECT(.seq = 1, .ack = 2, .flags = PSH | ACK, .text = "abcd");
	TAKES(.seq = 3, .ack = 5, .flags = ACK);
	assert_int_equal(peer_snd_una(), 5);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_ack_left_of_window_does_not_count(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	peer_write("abcd");
	EXPECT(.seq = 1, .ack = 2, .flags = PSH | ACK, .text = "abcd");
	DROPS(TCP_DUPLICATE, .seq = 1, .ack = 5, .flags = ACK);
	EXPECT(.seq = 5, .ack = 2, .flags = ACK);
	assert_int_equal(peer_snd_una(), 1);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_ack_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_ack_of_nothing_new_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	TAKES(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

// SND.UNA - MAX.SND.WND is the oldest that is believed.
static void close_wait_ack_old_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	TAKES(.seq = 2, .ack = (uint32_t)-59999, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = (uint32_t)-60000, .flags = ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = 2, .flags = ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_ack_missing_is_dropped(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = 0);
	ENDS_IN("CLOSE-WAIT");
}

// ---- CLOSE-WAIT: data ----

static void close_wait_data_at_rcv_nxt_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	TAKES(.seq = 2, .ack = 1, .flags = ACK, .text = "abc");
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_data_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	TAKES(.seq = 5, .ack = 1, .flags = ACK, .text = "def");
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_data_partly_left_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "?abc");
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_data_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_DUPLICATE, .seq = (uint32_t)-1, .ack = 1, .flags = ACK, .text = "old");
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_data_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK, .text = "far");
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_data_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = PSH, .text = "abc");
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_data_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = 2, .flags = ACK, .text = "evil");
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_data_with_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = (uint32_t)-60000, .flags = ACK, .text = "evil");
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

// ---- CLOSE-WAIT: urgent (RFC 6093) ----

// RFC 9293 3.10.7.4 sixth: there was a FIN, nothing urgent can come behind it.
static void close_wait_urgent_at_rcv_nxt_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	TAKES(.seq = 2, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	peer_expect_urgent_error(-EINVAL);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_urgent_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	TAKES(.seq = 3, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	peer_expect_urgent_error(-EINVAL);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_urgent_of_nothing_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	TAKES(.seq = 2, .ack = 1, .flags = ACK | URG, .urgent = 0);
	peer_expect_urgent_error(-EINVAL);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_urgent_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_DUPLICATE, .seq = 1, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_urgent_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK | URG, .text = "X",
		.urgent = 1);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void close_wait_urgent_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = URG, .text = "X", .urgent = 1);
	ENDS_IN("CLOSE-WAIT");
}

// "Xmas" of port scanners.
static void close_wait_urgent_with_fin_and_no_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_CLOSE_WAIT);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = FIN | PSH | URG, .urgent = 1);
	ENDS_IN("CLOSE-WAIT");
}

// ---- LAST-ACK: SYN (RFC 5961 4) ----

static void last_ack_syn_at_rcv_nxt_is_challenged(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_BAD_SYN, .seq = 2, .flags = SYN);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_syn_in_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_BAD_SYN, .seq = 3, .flags = SYN);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_syn_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .flags = SYN);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_syn_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_DUPLICATE, .seq = 0, .flags = SYN);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_syn_with_ack_is_challenged(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_BAD_SYN, .seq = 2, .ack = 1, .flags = SYN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_syn_with_fin_is_challenged(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_BAD_SYN, .seq = 2, .ack = 1, .flags = SYN | FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

// ---- LAST-ACK: RST (RFC 5961 3) ----

static void last_ack_rst_at_rcv_nxt_ends(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 2, .flags = RST);
	ENDS_IN("CLOSED");
}

static void last_ack_rst_in_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_BAD_RESET, .seq = 3, .flags = RST);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_rst_at_last_of_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE - 1, .flags = RST);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

// The RST bit is checked before the ACK.
static void last_ack_rst_with_ack_of_future_ends(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 2, .ack = 1002, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

static void last_ack_rst_left_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_BAD_RESET, .seq = 1, .flags = RST);
	ENDS_IN("LAST-ACK");
}

static void last_ack_rst_right_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE, .flags = RST);
	ENDS_IN("LAST-ACK");
}

// ---- LAST-ACK: FIN ----

// There was one, and nothing can stand behind it.
static void last_ack_fin_at_rcv_nxt_is_ignored(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 2, .ack = 1, .flags = FIN | ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_fin_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 3, .ack = 1, .flags = FIN | ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_fin_with_data_is_ignored(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 2, .ack = 1, .flags = FIN | ACK, .text = "bye");
	ENDS_IN("LAST-ACK");
}

static void last_ack_fin_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_DUPLICATE, .seq = 1, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_fin_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_fin_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = FIN);
	ENDS_IN("LAST-ACK");
}

static void last_ack_fin_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = 3, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

// ---- LAST-ACK: ACK (RFC 5961 5) ----

static void last_ack_ack_of_fin_ends(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSED");
}

static void last_ack_ack_in_window_counts(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 3, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSED");
}

static void last_ack_ack_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_DUPLICATE, .seq = 1, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_ack_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_ack_of_nothing_new_is_ignored(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

// SND.UNA - MAX.SND.WND is the oldest that is believed.
static void last_ack_ack_old_is_ignored(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 2, .ack = (uint32_t)-59999, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = (uint32_t)-60000, .flags = ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = 3, .flags = ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_ack_missing_is_dropped(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = 0);
	ENDS_IN("LAST-ACK");
}

// ---- LAST-ACK: data ----

static void last_ack_data_at_rcv_nxt_is_ignored(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 2, .ack = 1, .flags = ACK, .text = "abc");
	ENDS_IN("LAST-ACK");
}

static void last_ack_data_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 5, .ack = 1, .flags = ACK, .text = "def");
	ENDS_IN("LAST-ACK");
}

static void last_ack_data_partly_left_is_ignored(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "?abc");
	ENDS_IN("LAST-ACK");
}

static void last_ack_data_with_ack_of_fin_counts(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 2, .ack = 2, .flags = ACK, .text = "abc");
	ENDS_IN("CLOSED");
}

static void last_ack_data_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_DUPLICATE, .seq = (uint32_t)-1, .ack = 1, .flags = ACK, .text = "old");
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_data_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK, .text = "far");
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_data_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = PSH, .text = "abc");
	ENDS_IN("LAST-ACK");
}

static void last_ack_data_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = 3, .flags = ACK, .text = "evil");
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_data_with_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = (uint32_t)-60000, .flags = ACK, .text = "evil");
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

// ---- LAST-ACK: urgent (RFC 6093) ----

// RFC 9293 3.10.7.4 sixth: there was a FIN, nothing urgent can come behind it.
static void last_ack_urgent_at_rcv_nxt_is_ignored(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 2, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	peer_expect_urgent_error(-EINVAL);
	ENDS_IN("LAST-ACK");
}

static void last_ack_urgent_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 3, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	peer_expect_urgent_error(-EINVAL);
	ENDS_IN("LAST-ACK");
}

static void last_ack_urgent_of_nothing_is_ignored(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	TAKES(.seq = 2, .ack = 1, .flags = ACK | URG, .urgent = 0);
	peer_expect_urgent_error(-EINVAL);
	ENDS_IN("LAST-ACK");
}

static void last_ack_urgent_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_DUPLICATE, .seq = 1, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_urgent_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK | URG, .text = "X",
		.urgent = 1);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("LAST-ACK");
}

static void last_ack_urgent_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = URG, .text = "X", .urgent = 1);
	ENDS_IN("LAST-ACK");
}

// "Xmas" of port scanners.
static void last_ack_urgent_with_fin_and_no_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_LAST_ACK);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = FIN | PSH | URG, .urgent = 1);
	ENDS_IN("LAST-ACK");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(close_wait_syn_at_rcv_nxt_is_challenged),
		PEER_TEST(close_wait_syn_in_window_is_challenged),
		PEER_TEST(close_wait_syn_right_of_window_is_acked),
		PEER_TEST(close_wait_syn_left_of_window_is_acked),
		PEER_TEST(close_wait_syn_with_ack_is_challenged),
		PEER_TEST(close_wait_syn_with_fin_is_challenged),
		PEER_TEST(close_wait_rst_at_rcv_nxt_ends),
		PEER_TEST(close_wait_rst_in_window_is_challenged),
		PEER_TEST(close_wait_rst_at_last_of_window_is_challenged),
		PEER_TEST(close_wait_rst_with_ack_of_future_ends),
		PEER_TEST(close_wait_rst_left_of_window_is_ignored),
		PEER_TEST(close_wait_rst_right_of_window_is_ignored),
		PEER_TEST(close_wait_fin_at_rcv_nxt_is_ignored),
		PEER_TEST(close_wait_fin_in_window_is_ignored),
		PEER_TEST(close_wait_fin_with_data_is_ignored),
		PEER_TEST(close_wait_fin_left_of_window_is_acked),
		PEER_TEST(close_wait_fin_right_of_window_is_acked),
		PEER_TEST(close_wait_fin_without_ack_is_dropped),
		PEER_TEST(close_wait_fin_with_ack_of_future_is_challenged),
		PEER_TEST(close_wait_ack_of_data_is_taken),
		PEER_TEST(close_wait_ack_of_part_is_taken),
		PEER_TEST(close_wait_ack_in_window_is_taken),
		PEER_TEST(close_wait_ack_left_of_window_does_not_count),
		PEER_TEST(close_wait_ack_right_of_window_is_acked),
		PEER_TEST(close_wait_ack_of_nothing_new_is_ignored),
		PEER_TEST(close_wait_ack_old_is_ignored),
		PEER_TEST(close_wait_ack_too_old_is_challenged),
		PEER_TEST(close_wait_ack_of_future_is_challenged),
		PEER_TEST(close_wait_ack_missing_is_dropped),
		PEER_TEST(close_wait_data_at_rcv_nxt_is_ignored),
		PEER_TEST(close_wait_data_in_window_is_ignored),
		PEER_TEST(close_wait_data_partly_left_is_ignored),
		PEER_TEST(close_wait_data_left_of_window_is_acked),
		PEER_TEST(close_wait_data_right_of_window_is_acked),
		PEER_TEST(close_wait_data_without_ack_is_dropped),
		PEER_TEST(close_wait_data_with_ack_of_future_is_challenged),
		PEER_TEST(close_wait_data_with_ack_too_old_is_challenged),
		PEER_TEST(close_wait_urgent_at_rcv_nxt_is_ignored),
		PEER_TEST(close_wait_urgent_in_window_is_ignored),
		PEER_TEST(close_wait_urgent_of_nothing_is_ignored),
		PEER_TEST(close_wait_urgent_left_of_window_is_acked),
		PEER_TEST(close_wait_urgent_right_of_window_is_acked),
		PEER_TEST(close_wait_urgent_without_ack_is_dropped),
		PEER_TEST(close_wait_urgent_with_fin_and_no_ack_is_dropped),
		PEER_TEST(last_ack_syn_at_rcv_nxt_is_challenged),
		PEER_TEST(last_ack_syn_in_window_is_challenged),
		PEER_TEST(last_ack_syn_right_of_window_is_acked),
		PEER_TEST(last_ack_syn_left_of_window_is_acked),
		PEER_TEST(last_ack_syn_with_ack_is_challenged),
		PEER_TEST(last_ack_syn_with_fin_is_challenged),
		PEER_TEST(last_ack_rst_at_rcv_nxt_ends),
		PEER_TEST(last_ack_rst_in_window_is_challenged),
		PEER_TEST(last_ack_rst_at_last_of_window_is_challenged),
		PEER_TEST(last_ack_rst_with_ack_of_future_ends),
		PEER_TEST(last_ack_rst_left_of_window_is_ignored),
		PEER_TEST(last_ack_rst_right_of_window_is_ignored),
		PEER_TEST(last_ack_fin_at_rcv_nxt_is_ignored),
		PEER_TEST(last_ack_fin_in_window_is_ignored),
		PEER_TEST(last_ack_fin_with_data_is_ignored),
		PEER_TEST(last_ack_fin_left_of_window_is_acked),
		PEER_TEST(last_ack_fin_right_of_window_is_acked),
		PEER_TEST(last_ack_fin_without_ack_is_dropped),
		PEER_TEST(last_ack_fin_with_ack_of_future_is_challenged),
		PEER_TEST(last_ack_ack_of_fin_ends),
		PEER_TEST(last_ack_ack_in_window_counts),
		PEER_TEST(last_ack_ack_left_of_window_is_acked),
		PEER_TEST(last_ack_ack_right_of_window_is_acked),
		PEER_TEST(last_ack_ack_of_nothing_new_is_ignored),
		PEER_TEST(last_ack_ack_old_is_ignored),
		PEER_TEST(last_ack_ack_too_old_is_challenged),
		PEER_TEST(last_ack_ack_of_future_is_challenged),
		PEER_TEST(last_ack_ack_missing_is_dropped),
		PEER_TEST(last_ack_data_at_rcv_nxt_is_ignored),
		PEER_TEST(last_ack_data_in_window_is_ignored),
		PEER_TEST(last_ack_data_partly_left_is_ignored),
		PEER_TEST(last_ack_data_with_ack_of_fin_counts),
		PEER_TEST(last_ack_data_left_of_window_is_acked),
		PEER_TEST(last_ack_data_right_of_window_is_acked),
		PEER_TEST(last_ack_data_without_ack_is_dropped),
		PEER_TEST(last_ack_data_with_ack_of_future_is_challenged),
		PEER_TEST(last_ack_data_with_ack_too_old_is_challenged),
		PEER_TEST(last_ack_urgent_at_rcv_nxt_is_ignored),
		PEER_TEST(last_ack_urgent_in_window_is_ignored),
		PEER_TEST(last_ack_urgent_of_nothing_is_ignored),
		PEER_TEST(last_ack_urgent_left_of_window_is_acked),
		PEER_TEST(last_ack_urgent_right_of_window_is_acked),
		PEER_TEST(last_ack_urgent_without_ack_is_dropped),
		PEER_TEST(last_ack_urgent_with_fin_and_no_ack_is_dropped),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name(
		"tcp/state_passive", tests, peer_make_pools, peer_free_pools);
}
