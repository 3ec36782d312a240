// FIN-WAIT-1 and FIN-WAIT-2, and every segment that may come (RFC 9293 3.10.7.4). We have sent a FIN and
// still receive.
#include <errno.h>

#include "peer.h"

// ---- FIN-WAIT-1: SYN (RFC 5961 4) ----

static void fin_wait_1_syn_at_rcv_nxt_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_BAD_SYN, .seq = 1, .flags = SYN);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_syn_in_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_BAD_SYN, .seq = 2, .flags = SYN);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_syn_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .flags = SYN);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_syn_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_DUPLICATE, .seq = 0, .flags = SYN);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_syn_with_ack_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_BAD_SYN, .seq = 1, .ack = 1, .flags = SYN | ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_syn_with_fin_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_BAD_SYN, .seq = 1, .ack = 1, .flags = SYN | FIN | ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

// ---- FIN-WAIT-1: RST (RFC 5961 3) ----

static void fin_wait_1_rst_at_rcv_nxt_ends(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 1, .flags = RST);
	peer_expect_read_error(-ECONNRESET);
	ENDS_IN("CLOSED");
}

static void fin_wait_1_rst_in_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_BAD_RESET, .seq = 2, .flags = RST);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_rst_at_last_of_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE - 1, .flags = RST);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

// The RST bit is checked before the ACK.
static void fin_wait_1_rst_with_ack_of_future_ends(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 1, .ack = 1002, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

static void fin_wait_1_rst_left_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_BAD_RESET, .seq = 0, .flags = RST);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_rst_right_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE, .flags = RST);
	ENDS_IN("FIN-WAIT-1");
}

// ---- FIN-WAIT-1: FIN ----

static void fin_wait_1_fin_at_rcv_nxt_closes_simultaneously(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 1, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	peer_expect_read_error(0);
	ENDS_IN("CLOSING");
}

static void fin_wait_1_fin_in_window_waits_for_gap(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 2, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_fin_with_data_is_read_to_the_end(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 1, .ack = 1, .flags = FIN | ACK, .text = "bye");
	EXPECT(.seq = 2, .ack = 5, .flags = ACK);
	peer_expect_read("bye");
	peer_expect_read_error(0);
	ENDS_IN("CLOSING");
}

static void fin_wait_1_fin_with_ack_of_ours_waits(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 1, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void fin_wait_1_fin_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_DUPLICATE, .seq = 0, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_fin_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_fin_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = FIN);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_fin_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 3, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

// ---- FIN-WAIT-1: ACK (RFC 5961 5) ----

static void fin_wait_1_ack_of_fin_waits_for_theirs(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_1_ack_in_window_counts(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_1_ack_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_DUPLICATE, .seq = 0, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_ack_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_ack_of_nothing_new_is_ignored(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

// SND.UNA - MAX.SND.WND is the oldest that is believed.
static void fin_wait_1_ack_old_is_ignored(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 1, .ack = (uint32_t)-59999, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = (uint32_t)-60000, .flags = ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 3, .flags = ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_ack_missing_is_dropped(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = 0);
	ENDS_IN("FIN-WAIT-1");
}

// ---- FIN-WAIT-1: data ----

static void fin_wait_1_data_at_rcv_nxt_is_read_and_acked_late(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "abc");
	peer_expect_read("abc");
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 2, .ack = 4, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_data_in_window_waits_for_gap(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 4, .ack = 1, .flags = ACK, .text = "def");
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "abc");
	EXPECT(.seq = 2, .ack = 7, .flags = ACK);
	peer_expect_read("abcdef");
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_data_at_last_of_window_is_kept(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = PEER_EDGE - 1, .ack = 1, .flags = ACK, .text = "z");
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	assert_int_equal(peer_counter(FT_COUNTER_TCP_OUT_OF_ORDER), 1);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_data_partly_left_gives_the_new_part(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 0, .ack = 1, .flags = ACK, .text = "?abc");
	EXPECT(.seq = 2, .ack = 4, .flags = ACK);
	peer_expect_read("abc");
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_data_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_DUPLICATE, .seq = (uint32_t)-2, .ack = 1, .flags = ACK, .text = "old");
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_data_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK, .text = "far");
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_data_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = PSH, .text = "abc");
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_data_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 3, .flags = ACK, .text = "evil");
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_data_with_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = (uint32_t)-60000, .flags = ACK, .text = "evil");
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	ENDS_IN("FIN-WAIT-1");
}

// ---- FIN-WAIT-1: urgent (RFC 6093) ----

static void fin_wait_1_urgent_at_rcv_nxt_is_kept_apart(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 1, .ack = 1, .flags = ACK | URG, .text = "abX", .urgent = 3);
	peer_expect_urgent('X');
	peer_expect_read("ab");
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 2, .ack = 4, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_urgent_in_window_waits_for_gap(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 4, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	peer_expect_urgent_error(-EAGAIN);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "abc");
	EXPECT(.seq = 2, .ack = 5, .flags = ACK);
	peer_expect_urgent('X');
	peer_expect_read("abc");
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_urgent_of_nothing_is_plain_data(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 1, .ack = 1, .flags = ACK | URG, .text = "ab", .urgent = 0);
	peer_expect_urgent_error(-EINVAL);
	peer_expect_read("ab");
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 2, .ack = 3, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_urgent_with_fin_is_kept_apart(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	TAKES(.seq = 1, .ack = 1, .flags = FIN | ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 2, .ack = 3, .flags = ACK);
	peer_expect_urgent('X');
	ENDS_IN("CLOSING");
}

static void fin_wait_1_urgent_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_DUPLICATE, .seq = 0, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_urgent_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK | URG, .text = "X",
		.urgent = 1);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-1");
}

static void fin_wait_1_urgent_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = URG, .text = "X", .urgent = 1);
	ENDS_IN("FIN-WAIT-1");
}

// "Xmas" of port scanners.
static void fin_wait_1_urgent_with_fin_and_no_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = FIN | PSH | URG, .urgent = 1);
	ENDS_IN("FIN-WAIT-1");
}

// ---- FIN-WAIT-2: SYN (RFC 5961 4) ----

static void fin_wait_2_syn_at_rcv_nxt_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_BAD_SYN, .seq = 1, .flags = SYN);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_syn_in_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_BAD_SYN, .seq = 2, .flags = SYN);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_syn_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .flags = SYN);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_syn_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_DUPLICATE, .seq = 0, .flags = SYN);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_syn_with_ack_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_BAD_SYN, .seq = 1, .ack = 2, .flags = SYN | ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_syn_with_fin_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_BAD_SYN, .seq = 1, .ack = 2, .flags = SYN | FIN | ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

// ---- FIN-WAIT-2: RST (RFC 5961 3) ----

static void fin_wait_2_rst_at_rcv_nxt_ends(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 1, .flags = RST);
	peer_expect_read_error(-ECONNRESET);
	ENDS_IN("CLOSED");
}

static void fin_wait_2_rst_in_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_BAD_RESET, .seq = 2, .flags = RST);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_rst_at_last_of_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE - 1, .flags = RST);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

// The RST bit is checked before the ACK.
static void fin_wait_2_rst_with_ack_of_future_ends(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 1, .ack = 1002, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

static void fin_wait_2_rst_left_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_BAD_RESET, .seq = 0, .flags = RST);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_rst_right_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE, .flags = RST);
	ENDS_IN("FIN-WAIT-2");
}

// ---- FIN-WAIT-2: FIN ----

static void fin_wait_2_fin_at_rcv_nxt_waits(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 1, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	peer_expect_read_error(0);
	ENDS_IN("TIME-WAIT");
}

static void fin_wait_2_fin_in_window_waits_for_gap(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 2, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_fin_with_data_is_read_to_the_end(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 1, .ack = 2, .flags = FIN | ACK, .text = "bye");
	EXPECT(.seq = 2, .ack = 5, .flags = ACK);
	peer_expect_read("bye");
	peer_expect_read_error(0);
	ENDS_IN("TIME-WAIT");
}

static void fin_wait_2_fin_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_DUPLICATE, .seq = 0, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_fin_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_fin_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = FIN);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_fin_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 3, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

// ---- FIN-WAIT-2: ACK (RFC 5961 5) ----

static void fin_wait_2_ack_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_ack_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_DUPLICATE, .seq = 0, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_ack_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_ack_of_nothing_new_is_ignored(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

// SND.UNA - MAX.SND.WND is the oldest that is believed.
static void fin_wait_2_ack_old_is_ignored(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 1, .ack = (uint32_t)-59998, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = (uint32_t)-59999, .flags = ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 3, .flags = ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_ack_missing_is_dropped(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = 0);
	ENDS_IN("FIN-WAIT-2");
}

// ---- FIN-WAIT-2: data ----

static void fin_wait_2_data_at_rcv_nxt_is_read_and_acked_late(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 1, .ack = 2, .flags = ACK, .text = "abc");
	peer_expect_read("abc");
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 2, .ack = 4, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_data_in_window_waits_for_gap(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 4, .ack = 2, .flags = ACK, .text = "def");
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	TAKES(.seq = 1, .ack = 2, .flags = ACK, .text = "abc");
	EXPECT(.seq = 2, .ack = 7, .flags = ACK);
	peer_expect_read("abcdef");
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_data_at_last_of_window_is_kept(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = PEER_EDGE - 1, .ack = 2, .flags = ACK, .text = "z");
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	assert_int_equal(peer_counter(FT_COUNTER_TCP_OUT_OF_ORDER), 1);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_data_partly_left_gives_the_new_part(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 0, .ack = 2, .flags = ACK, .text = "?abc");
	EXPECT(.seq = 2, .ack = 4, .flags = ACK);
	peer_expect_read("abc");
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_data_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_DUPLICATE, .seq = (uint32_t)-2, .ack = 2, .flags = ACK, .text = "old");
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_data_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 2, .flags = ACK, .text = "far");
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_data_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = PSH, .text = "abc");
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_data_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 3, .flags = ACK, .text = "evil");
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_data_with_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = (uint32_t)-59999, .flags = ACK, .text = "evil");
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	ENDS_IN("FIN-WAIT-2");
}

// ---- FIN-WAIT-2: urgent (RFC 6093) ----

static void fin_wait_2_urgent_at_rcv_nxt_is_kept_apart(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 1, .ack = 2, .flags = ACK | URG, .text = "abX", .urgent = 3);
	peer_expect_urgent('X');
	peer_expect_read("ab");
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 2, .ack = 4, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_urgent_in_window_waits_for_gap(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 4, .ack = 2, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	peer_expect_urgent_error(-EAGAIN);
	TAKES(.seq = 1, .ack = 2, .flags = ACK, .text = "abc");
	EXPECT(.seq = 2, .ack = 5, .flags = ACK);
	peer_expect_urgent('X');
	peer_expect_read("abc");
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_urgent_of_nothing_is_plain_data(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 1, .ack = 2, .flags = ACK | URG, .text = "ab", .urgent = 0);
	peer_expect_urgent_error(-EINVAL);
	peer_expect_read("ab");
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 2, .ack = 3, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_urgent_with_fin_is_kept_apart(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	TAKES(.seq = 1, .ack = 2, .flags = FIN | ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 2, .ack = 3, .flags = ACK);
	peer_expect_urgent('X');
	ENDS_IN("TIME-WAIT");
}

static void fin_wait_2_urgent_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_DUPLICATE, .seq = 0, .ack = 2, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_urgent_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 2, .flags = ACK | URG, .text = "X",
		.urgent = 1);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("FIN-WAIT-2");
}

static void fin_wait_2_urgent_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = URG, .text = "X", .urgent = 1);
	ENDS_IN("FIN-WAIT-2");
}

// "Xmas" of port scanners.
static void fin_wait_2_urgent_with_fin_and_no_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = FIN | PSH | URG, .urgent = 1);
	ENDS_IN("FIN-WAIT-2");
}

// RFC 2525 2.17: who has closed will read nothing, and the peer must learn that.
static void fin_wait_2_data_after_the_close_is_reset(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_2);
	peer_close();
	DROPS(TCP_CLOSED_RECEIVER, .seq = 1, .ack = 2, .flags = PSH | ACK, .text = "late");
	EXPECT(.seq = 2, .ack = 0, .flags = RST);
	ENDS_IN("CLOSED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(fin_wait_1_syn_at_rcv_nxt_is_challenged),
		PEER_TEST(fin_wait_1_syn_in_window_is_challenged),
		PEER_TEST(fin_wait_1_syn_right_of_window_is_acked),
		PEER_TEST(fin_wait_1_syn_left_of_window_is_acked),
		PEER_TEST(fin_wait_1_syn_with_ack_is_challenged),
		PEER_TEST(fin_wait_1_syn_with_fin_is_challenged),
		PEER_TEST(fin_wait_1_rst_at_rcv_nxt_ends),
		PEER_TEST(fin_wait_1_rst_in_window_is_challenged),
		PEER_TEST(fin_wait_1_rst_at_last_of_window_is_challenged),
		PEER_TEST(fin_wait_1_rst_with_ack_of_future_ends),
		PEER_TEST(fin_wait_1_rst_left_of_window_is_ignored),
		PEER_TEST(fin_wait_1_rst_right_of_window_is_ignored),
		PEER_TEST(fin_wait_1_fin_at_rcv_nxt_closes_simultaneously),
		PEER_TEST(fin_wait_1_fin_in_window_waits_for_gap),
		PEER_TEST(fin_wait_1_fin_with_data_is_read_to_the_end),
		PEER_TEST(fin_wait_1_fin_with_ack_of_ours_waits),
		PEER_TEST(fin_wait_1_fin_left_of_window_is_acked),
		PEER_TEST(fin_wait_1_fin_right_of_window_is_acked),
		PEER_TEST(fin_wait_1_fin_without_ack_is_dropped),
		PEER_TEST(fin_wait_1_fin_with_ack_of_future_is_challenged),
		PEER_TEST(fin_wait_1_ack_of_fin_waits_for_theirs),
		PEER_TEST(fin_wait_1_ack_in_window_counts),
		PEER_TEST(fin_wait_1_ack_left_of_window_is_acked),
		PEER_TEST(fin_wait_1_ack_right_of_window_is_acked),
		PEER_TEST(fin_wait_1_ack_of_nothing_new_is_ignored),
		PEER_TEST(fin_wait_1_ack_old_is_ignored),
		PEER_TEST(fin_wait_1_ack_too_old_is_challenged),
		PEER_TEST(fin_wait_1_ack_of_future_is_challenged),
		PEER_TEST(fin_wait_1_ack_missing_is_dropped),
		PEER_TEST(fin_wait_1_data_at_rcv_nxt_is_read_and_acked_late),
		PEER_TEST(fin_wait_1_data_in_window_waits_for_gap),
		PEER_TEST(fin_wait_1_data_at_last_of_window_is_kept),
		PEER_TEST(fin_wait_1_data_partly_left_gives_the_new_part),
		PEER_TEST(fin_wait_1_data_left_of_window_is_acked),
		PEER_TEST(fin_wait_1_data_right_of_window_is_acked),
		PEER_TEST(fin_wait_1_data_without_ack_is_dropped),
		PEER_TEST(fin_wait_1_data_with_ack_of_future_is_challenged),
		PEER_TEST(fin_wait_1_data_with_ack_too_old_is_challenged),
		PEER_TEST(fin_wait_1_urgent_at_rcv_nxt_is_kept_apart),
		PEER_TEST(fin_wait_1_urgent_in_window_waits_for_gap),
		PEER_TEST(fin_wait_1_urgent_of_nothing_is_plain_data),
		PEER_TEST(fin_wait_1_urgent_with_fin_is_kept_apart),
		PEER_TEST(fin_wait_1_urgent_left_of_window_is_acked),
		PEER_TEST(fin_wait_1_urgent_right_of_window_is_acked),
		PEER_TEST(fin_wait_1_urgent_without_ack_is_dropped),
		PEER_TEST(fin_wait_1_urgent_with_fin_and_no_ack_is_dropped),
		PEER_TEST(fin_wait_2_syn_at_rcv_nxt_is_challenged),
		PEER_TEST(fin_wait_2_syn_in_window_is_challenged),
		PEER_TEST(fin_wait_2_syn_right_of_window_is_acked),
		PEER_TEST(fin_wait_2_syn_left_of_window_is_acked),
		PEER_TEST(fin_wait_2_syn_with_ack_is_challenged),
		PEER_TEST(fin_wait_2_syn_with_fin_is_challenged),
		PEER_TEST(fin_wait_2_rst_at_rcv_nxt_ends),
		PEER_TEST(fin_wait_2_rst_in_window_is_challenged),
		PEER_TEST(fin_wait_2_rst_at_last_of_window_is_challenged),
		PEER_TEST(fin_wait_2_rst_with_ack_of_future_ends),
		PEER_TEST(fin_wait_2_rst_left_of_window_is_ignored),
		PEER_TEST(fin_wait_2_rst_right_of_window_is_ignored),
		PEER_TEST(fin_wait_2_fin_at_rcv_nxt_waits),
		PEER_TEST(fin_wait_2_fin_in_window_waits_for_gap),
		PEER_TEST(fin_wait_2_fin_with_data_is_read_to_the_end),
		PEER_TEST(fin_wait_2_fin_left_of_window_is_acked),
		PEER_TEST(fin_wait_2_fin_right_of_window_is_acked),
		PEER_TEST(fin_wait_2_fin_without_ack_is_dropped),
		PEER_TEST(fin_wait_2_fin_with_ack_of_future_is_challenged),
		PEER_TEST(fin_wait_2_ack_in_window_is_ignored),
		PEER_TEST(fin_wait_2_ack_left_of_window_is_acked),
		PEER_TEST(fin_wait_2_ack_right_of_window_is_acked),
		PEER_TEST(fin_wait_2_ack_of_nothing_new_is_ignored),
		PEER_TEST(fin_wait_2_ack_old_is_ignored),
		PEER_TEST(fin_wait_2_ack_too_old_is_challenged),
		PEER_TEST(fin_wait_2_ack_of_future_is_challenged),
		PEER_TEST(fin_wait_2_ack_missing_is_dropped),
		PEER_TEST(fin_wait_2_data_at_rcv_nxt_is_read_and_acked_late),
		PEER_TEST(fin_wait_2_data_in_window_waits_for_gap),
		PEER_TEST(fin_wait_2_data_at_last_of_window_is_kept),
		PEER_TEST(fin_wait_2_data_partly_left_gives_the_new_part),
		PEER_TEST(fin_wait_2_data_left_of_window_is_acked),
		PEER_TEST(fin_wait_2_data_right_of_window_is_acked),
		PEER_TEST(fin_wait_2_data_without_ack_is_dropped),
		PEER_TEST(fin_wait_2_data_with_ack_of_future_is_challenged),
		PEER_TEST(fin_wait_2_data_with_ack_too_old_is_challenged),
		PEER_TEST(fin_wait_2_urgent_at_rcv_nxt_is_kept_apart),
		PEER_TEST(fin_wait_2_urgent_in_window_waits_for_gap),
		PEER_TEST(fin_wait_2_urgent_of_nothing_is_plain_data),
		PEER_TEST(fin_wait_2_urgent_with_fin_is_kept_apart),
		PEER_TEST(fin_wait_2_urgent_left_of_window_is_acked),
		PEER_TEST(fin_wait_2_urgent_right_of_window_is_acked),
		PEER_TEST(fin_wait_2_urgent_without_ack_is_dropped),
		PEER_TEST(fin_wait_2_urgent_with_fin_and_no_ack_is_dropped),
		PEER_TEST(fin_wait_2_data_after_the_close_is_reset),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name(
		"tcp/state_fin_wait", tests, peer_make_pools, peer_free_pools);
}
