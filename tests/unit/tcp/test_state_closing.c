// CLOSING and TIME-WAIT, and every segment that may come (RFC 9293 3.10.7.4). Both FINs are out.
#include <errno.h>

#include "peer.h"

// ---- CLOSING: SYN (RFC 5961 4) ----

static void closing_syn_at_rcv_nxt_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_BAD_SYN, .seq = 2, .flags = SYN);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_syn_in_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_BAD_SYN, .seq = 3, .flags = SYN);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_syn_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .flags = SYN);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_syn_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_DUPLICATE, .seq = 0, .flags = SYN);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_syn_with_ack_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_BAD_SYN, .seq = 2, .ack = 1, .flags = SYN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_syn_with_fin_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_BAD_SYN, .seq = 2, .ack = 1, .flags = SYN | FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

// ---- CLOSING: RST (RFC 5961 3) ----

static void closing_rst_at_rcv_nxt_ends(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 2, .flags = RST);
	ENDS_IN("CLOSED");
}

static void closing_rst_in_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_BAD_RESET, .seq = 3, .flags = RST);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_rst_at_last_of_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE - 1, .flags = RST);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

// The RST bit is checked before the ACK.
static void closing_rst_with_ack_of_future_ends(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 2, .ack = 1002, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

static void closing_rst_left_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_BAD_RESET, .seq = 1, .flags = RST);
	ENDS_IN("CLOSING");
}

static void closing_rst_right_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE, .flags = RST);
	ENDS_IN("CLOSING");
}

// ---- CLOSING: FIN ----

// There was one, and nothing can stand behind it.
static void closing_fin_at_rcv_nxt_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 2, .ack = 1, .flags = FIN | ACK);
	ENDS_IN("CLOSING");
}

static void closing_fin_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 3, .ack = 1, .flags = FIN | ACK);
	ENDS_IN("CLOSING");
}

static void closing_fin_with_data_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 2, .ack = 1, .flags = FIN | ACK, .text = "bye");
	ENDS_IN("CLOSING");
}

static void closing_fin_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_DUPLICATE, .seq = 1, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_fin_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_fin_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = FIN);
	ENDS_IN("CLOSING");
}

static void closing_fin_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = 3, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

// ---- CLOSING: ACK (RFC 5961 5) ----

static void closing_ack_of_fin_waits(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void closing_ack_in_window_counts(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 3, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void closing_ack_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_DUPLICATE, .seq = 1, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_ack_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_ack_of_nothing_new_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 2, .ack = 1, .flags = ACK);
	ENDS_IN("CLOSING");
}

// SND.UNA - MAX.SND.WND is the oldest that is believed.
static void closing_ack_old_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 2, .ack = (uint32_t)-59999, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = (uint32_t)-60000, .flags = ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = 3, .flags = ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_ack_missing_is_dropped(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = 0);
	ENDS_IN("CLOSING");
}

// ---- CLOSING: data ----

static void closing_data_at_rcv_nxt_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 2, .ack = 1, .flags = ACK, .text = "abc");
	ENDS_IN("CLOSING");
}

static void closing_data_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 5, .ack = 1, .flags = ACK, .text = "def");
	ENDS_IN("CLOSING");
}

static void closing_data_partly_left_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "?abc");
	ENDS_IN("CLOSING");
}

static void closing_data_with_ack_of_fin_counts(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 2, .ack = 2, .flags = ACK, .text = "abc");
	ENDS_IN("TIME-WAIT");
}

static void closing_data_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_DUPLICATE, .seq = (uint32_t)-1, .ack = 1, .flags = ACK, .text = "old");
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_data_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK, .text = "far");
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_data_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = PSH, .text = "abc");
	ENDS_IN("CLOSING");
}

static void closing_data_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = 3, .flags = ACK, .text = "evil");
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_data_with_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = (uint32_t)-60000, .flags = ACK, .text = "evil");
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

// ---- CLOSING: urgent (RFC 6093) ----

// RFC 9293 3.10.7.4 sixth: there was a FIN, nothing urgent can come behind it.
static void closing_urgent_at_rcv_nxt_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 2, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	peer_expect_urgent_error(-EINVAL);
	ENDS_IN("CLOSING");
}

static void closing_urgent_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 3, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	peer_expect_urgent_error(-EINVAL);
	ENDS_IN("CLOSING");
}

static void closing_urgent_of_nothing_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	TAKES(.seq = 2, .ack = 1, .flags = ACK | URG, .urgent = 0);
	peer_expect_urgent_error(-EINVAL);
	ENDS_IN("CLOSING");
}

static void closing_urgent_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_DUPLICATE, .seq = 1, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_urgent_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK | URG, .text = "X",
		.urgent = 1);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSING");
}

static void closing_urgent_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = URG, .text = "X", .urgent = 1);
	ENDS_IN("CLOSING");
}

// "Xmas" of port scanners.
static void closing_urgent_with_fin_and_no_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_CLOSING);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = FIN | PSH | URG, .urgent = 1);
	ENDS_IN("CLOSING");
}

// ---- TIME-WAIT: SYN (RFC 5961 4) ----

static void time_wait_syn_at_rcv_nxt_is_challenged(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_BAD_SYN, .seq = 2, .flags = SYN);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

// RFC 6191 2: somebody listens, and its number is beyond the old one.
static void time_wait_syn_in_window_opens_anew(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = 3, .flags = SYN);
	EXPECT(.ack = 4, .flags = SYN | ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void time_wait_syn_right_of_window_opens_anew(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = PEER_EDGE, .flags = SYN);
	EXPECT(.ack = PEER_EDGE + 1, .flags = SYN | ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void time_wait_syn_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_DUPLICATE, .seq = 0, .flags = SYN);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_syn_with_ack_is_challenged(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_BAD_SYN, .seq = 2, .ack = 2, .flags = SYN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_syn_with_fin_is_challenged(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_BAD_SYN, .seq = 2, .ack = 2, .flags = SYN | FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

// ---- TIME-WAIT: RST (RFC 5961 3, RFC 1337) ----

static void time_wait_rst_at_rcv_nxt_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_BAD_RESET, .seq = 2, .flags = RST);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_rst_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_BAD_RESET, .seq = 3, .flags = RST);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_rst_with_ack_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_BAD_RESET, .seq = 2, .ack = 2, .flags = RST | ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_rst_left_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_BAD_RESET, .seq = 1, .flags = RST);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_rst_right_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE, .flags = RST);
	ENDS_IN("TIME-WAIT");
}

// ---- TIME-WAIT: FIN ----

// There was one, and nothing can stand behind it.
static void time_wait_fin_at_rcv_nxt_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = 2, .ack = 2, .flags = FIN | ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_fin_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = 3, .ack = 2, .flags = FIN | ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_fin_with_data_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = 2, .ack = 2, .flags = FIN | ACK, .text = "bye");
	ENDS_IN("TIME-WAIT");
}

static void time_wait_fin_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_DUPLICATE, .seq = 1, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_fin_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_fin_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = FIN);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_fin_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = 3, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

// ---- TIME-WAIT: ACK (RFC 5961 5) ----

static void time_wait_ack_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = 3, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_ack_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_DUPLICATE, .seq = 1, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_ack_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_ack_of_nothing_new_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

// SND.UNA - MAX.SND.WND is the oldest that is believed.
static void time_wait_ack_old_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = 2, .ack = (uint32_t)-59998, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = (uint32_t)-59999, .flags = ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = 3, .flags = ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_ack_missing_is_dropped(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = 0);
	ENDS_IN("TIME-WAIT");
}

// ---- TIME-WAIT: data ----

static void time_wait_data_at_rcv_nxt_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = 2, .ack = 2, .flags = ACK, .text = "abc");
	ENDS_IN("TIME-WAIT");
}

static void time_wait_data_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = 5, .ack = 2, .flags = ACK, .text = "def");
	ENDS_IN("TIME-WAIT");
}

static void time_wait_data_partly_left_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = 1, .ack = 2, .flags = ACK, .text = "?abc");
	ENDS_IN("TIME-WAIT");
}

static void time_wait_data_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_DUPLICATE, .seq = (uint32_t)-1, .ack = 2, .flags = ACK, .text = "old");
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_data_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 2, .flags = ACK, .text = "far");
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_data_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = PSH, .text = "abc");
	ENDS_IN("TIME-WAIT");
}

static void time_wait_data_with_ack_of_future_is_challenged(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = 3, .flags = ACK, .text = "evil");
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_data_with_ack_too_old_is_challenged(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_BAD_ACK, .seq = 2, .ack = (uint32_t)-59999, .flags = ACK, .text = "evil");
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

// ---- TIME-WAIT: urgent (RFC 6093) ----

// RFC 9293 3.10.7.4 sixth: there was a FIN, nothing urgent can come behind it.
static void time_wait_urgent_at_rcv_nxt_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = 2, .ack = 2, .flags = ACK | URG, .text = "X", .urgent = 1);
	peer_expect_urgent_error(-EINVAL);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_urgent_in_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = 3, .ack = 2, .flags = ACK | URG, .text = "X", .urgent = 1);
	peer_expect_urgent_error(-EINVAL);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_urgent_of_nothing_is_ignored(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	TAKES(.seq = 2, .ack = 2, .flags = ACK | URG, .urgent = 0);
	peer_expect_urgent_error(-EINVAL);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_urgent_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_DUPLICATE, .seq = 1, .ack = 2, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_urgent_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 2, .flags = ACK | URG, .text = "X",
		.urgent = 1);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
	ENDS_IN("TIME-WAIT");
}

static void time_wait_urgent_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = URG, .text = "X", .urgent = 1);
	ENDS_IN("TIME-WAIT");
}

// "Xmas" of port scanners.
static void time_wait_urgent_with_fin_and_no_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_TIME_WAIT);
	DROPS(TCP_NO_ACK, .seq = 2, .flags = FIN | PSH | URG, .urgent = 1);
	ENDS_IN("TIME-WAIT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(closing_syn_at_rcv_nxt_is_challenged),
		PEER_TEST(closing_syn_in_window_is_challenged),
		PEER_TEST(closing_syn_right_of_window_is_acked),
		PEER_TEST(closing_syn_left_of_window_is_acked),
		PEER_TEST(closing_syn_with_ack_is_challenged),
		PEER_TEST(closing_syn_with_fin_is_challenged),
		PEER_TEST(closing_rst_at_rcv_nxt_ends),
		PEER_TEST(closing_rst_in_window_is_challenged),
		PEER_TEST(closing_rst_at_last_of_window_is_challenged),
		PEER_TEST(closing_rst_with_ack_of_future_ends),
		PEER_TEST(closing_rst_left_of_window_is_ignored),
		PEER_TEST(closing_rst_right_of_window_is_ignored),
		PEER_TEST(closing_fin_at_rcv_nxt_is_ignored),
		PEER_TEST(closing_fin_in_window_is_ignored),
		PEER_TEST(closing_fin_with_data_is_ignored),
		PEER_TEST(closing_fin_left_of_window_is_acked),
		PEER_TEST(closing_fin_right_of_window_is_acked),
		PEER_TEST(closing_fin_without_ack_is_dropped),
		PEER_TEST(closing_fin_with_ack_of_future_is_challenged),
		PEER_TEST(closing_ack_of_fin_waits),
		PEER_TEST(closing_ack_in_window_counts),
		PEER_TEST(closing_ack_left_of_window_is_acked),
		PEER_TEST(closing_ack_right_of_window_is_acked),
		PEER_TEST(closing_ack_of_nothing_new_is_ignored),
		PEER_TEST(closing_ack_old_is_ignored),
		PEER_TEST(closing_ack_too_old_is_challenged),
		PEER_TEST(closing_ack_of_future_is_challenged),
		PEER_TEST(closing_ack_missing_is_dropped),
		PEER_TEST(closing_data_at_rcv_nxt_is_ignored),
		PEER_TEST(closing_data_in_window_is_ignored),
		PEER_TEST(closing_data_partly_left_is_ignored),
		PEER_TEST(closing_data_with_ack_of_fin_counts),
		PEER_TEST(closing_data_left_of_window_is_acked),
		PEER_TEST(closing_data_right_of_window_is_acked),
		PEER_TEST(closing_data_without_ack_is_dropped),
		PEER_TEST(closing_data_with_ack_of_future_is_challenged),
		PEER_TEST(closing_data_with_ack_too_old_is_challenged),
		PEER_TEST(closing_urgent_at_rcv_nxt_is_ignored),
		PEER_TEST(closing_urgent_in_window_is_ignored),
		PEER_TEST(closing_urgent_of_nothing_is_ignored),
		PEER_TEST(closing_urgent_left_of_window_is_acked),
		PEER_TEST(closing_urgent_right_of_window_is_acked),
		PEER_TEST(closing_urgent_without_ack_is_dropped),
		PEER_TEST(closing_urgent_with_fin_and_no_ack_is_dropped),
		PEER_TEST(time_wait_syn_at_rcv_nxt_is_challenged),
		PEER_TEST(time_wait_syn_in_window_opens_anew),
		PEER_TEST(time_wait_syn_right_of_window_opens_anew),
		PEER_TEST(time_wait_syn_left_of_window_is_acked),
		PEER_TEST(time_wait_syn_with_ack_is_challenged),
		PEER_TEST(time_wait_syn_with_fin_is_challenged),
		PEER_TEST(time_wait_rst_at_rcv_nxt_is_ignored),
		PEER_TEST(time_wait_rst_in_window_is_ignored),
		PEER_TEST(time_wait_rst_with_ack_is_ignored),
		PEER_TEST(time_wait_rst_left_of_window_is_ignored),
		PEER_TEST(time_wait_rst_right_of_window_is_ignored),
		PEER_TEST(time_wait_fin_at_rcv_nxt_is_ignored),
		PEER_TEST(time_wait_fin_in_window_is_ignored),
		PEER_TEST(time_wait_fin_with_data_is_ignored),
		PEER_TEST(time_wait_fin_left_of_window_is_acked),
		PEER_TEST(time_wait_fin_right_of_window_is_acked),
		PEER_TEST(time_wait_fin_without_ack_is_dropped),
		PEER_TEST(time_wait_fin_with_ack_of_future_is_challenged),
		PEER_TEST(time_wait_ack_in_window_is_ignored),
		PEER_TEST(time_wait_ack_left_of_window_is_acked),
		PEER_TEST(time_wait_ack_right_of_window_is_acked),
		PEER_TEST(time_wait_ack_of_nothing_new_is_ignored),
		PEER_TEST(time_wait_ack_old_is_ignored),
		PEER_TEST(time_wait_ack_too_old_is_challenged),
		PEER_TEST(time_wait_ack_of_future_is_challenged),
		PEER_TEST(time_wait_ack_missing_is_dropped),
		PEER_TEST(time_wait_data_at_rcv_nxt_is_ignored),
		PEER_TEST(time_wait_data_in_window_is_ignored),
		PEER_TEST(time_wait_data_partly_left_is_ignored),
		PEER_TEST(time_wait_data_left_of_window_is_acked),
		PEER_TEST(time_wait_data_right_of_window_is_acked),
		PEER_TEST(time_wait_data_without_ack_is_dropped),
		PEER_TEST(time_wait_data_with_ack_of_future_is_challenged),
		PEER_TEST(time_wait_data_with_ack_too_old_is_challenged),
		PEER_TEST(time_wait_urgent_at_rcv_nxt_is_ignored),
		PEER_TEST(time_wait_urgent_in_window_is_ignored),
		PEER_TEST(time_wait_urgent_of_nothing_is_ignored),
		PEER_TEST(time_wait_urgent_left_of_window_is_acked),
		PEER_TEST(time_wait_urgent_right_of_window_is_acked),
		PEER_TEST(time_wait_urgent_without_ack_is_dropped),
		PEER_TEST(time_wait_urgent_with_fin_and_no_ack_is_dropped),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name(
		"tcp/state_closing", tests, peer_make_pools, peer_free_pools);
}
