// SYN-SENT and SYN-RECEIVED: half a handshake (RFC 9293 3.10.7.3, 3.10.7.4).
#include <errno.h>

#include "peer.h"

// ---- SYN-SENT: there is no window yet, only the ACK tells the peer from a stranger ----

static void syn_sent_syn_with_ack_establishes(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	TAKES(.ack = 1, .flags = SYN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void syn_sent_syn_with_ack_of_any_number_establishes(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	TAKES(.seq = 0x80000000, .ack = 1, .flags = SYN | ACK);
	EXPECT(.seq = 1, .ack = 0x80000001, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void syn_sent_syn_opens_simultaneously(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	TAKES(.flags = SYN);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_sent_syn_with_ack_of_future_is_reset(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_ACK, .ack = 2, .flags = SYN | ACK);
	EXPECT(.seq = 2, .flags = RST);
	ENDS_IN("SYN-SENT");
}

// ISS itself: our SYN is not among what it acknowledges.
static void syn_sent_syn_with_ack_old_is_reset(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_ACK, .flags = SYN | ACK);
	EXPECT(.seq = 0, .flags = RST);
	ENDS_IN("SYN-SENT");
}

static void syn_sent_syn_with_fin_and_ack_closes_half(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	TAKES(.ack = 1, .flags = SYN | FIN | ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void syn_sent_syn_with_fin_acks_the_syn_alone(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	TAKES(.flags = SYN | FIN);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_sent_syn_with_data_acks_the_syn_alone(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	TAKES(.flags = SYN, .text = "?abc");
	EXPECT(.ack = 1, .flags = SYN | ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_sent_syn_with_rst_is_ignored(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_RESET, .flags = SYN | RST);
	ENDS_IN("SYN-SENT");
}

static void syn_sent_rst_with_ack_of_syn_refuses(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	TAKES(.ack = 1, .flags = RST | ACK);
	peer_expect_read_error(-ECONNREFUSED);
	ENDS_IN("CLOSED");
}

static void syn_sent_rst_with_syn_and_ack_refuses(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	TAKES(.ack = 1, .flags = SYN | RST | ACK);
	peer_expect_read_error(-ECONNREFUSED);
	ENDS_IN("CLOSED");
}

static void syn_sent_rst_without_ack_is_ignored(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_RESET, .flags = RST);
	ENDS_IN("SYN-SENT");
}

static void syn_sent_rst_with_ack_of_future_is_ignored(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_ACK, .ack = 2, .flags = RST | ACK);
	ENDS_IN("SYN-SENT");
}

static void syn_sent_rst_with_ack_old_is_ignored(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_ACK, .ack = 0, .flags = RST | ACK);
	ENDS_IN("SYN-SENT");
}

static void syn_sent_fin_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_FLAGS, .seq = 1, .flags = FIN);
	ENDS_IN("SYN-SENT");
}

static void syn_sent_fin_with_ack_of_syn_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_FLAGS, .seq = 1, .ack = 1, .flags = FIN | ACK);
	ENDS_IN("SYN-SENT");
}

static void syn_sent_fin_with_ack_of_future_is_reset(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .flags = RST);
	ENDS_IN("SYN-SENT");
}

// RFC 9293 3.10.7.3 fifth: neither SYN nor RST.
static void syn_sent_ack_of_syn_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_FLAGS, .seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("SYN-SENT");
}

// A connection half open at the other end: the reset clears it.
static void syn_sent_ack_of_future_is_reset(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .flags = RST);
	ENDS_IN("SYN-SENT");
}

static void syn_sent_ack_old_is_reset(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = (uint32_t)-5, .flags = ACK);
	EXPECT(.seq = (uint32_t)-5, .flags = RST);
	ENDS_IN("SYN-SENT");
}

static void syn_sent_ack_missing_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_FLAGS, .seq = 1, .flags = 0);
	ENDS_IN("SYN-SENT");
}

static void syn_sent_data_with_syn_and_ack_is_read(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	TAKES(.ack = 1, .flags = SYN | ACK, .text = "abc");
	EXPECT(.seq = 1, .ack = 4, .flags = ACK);
	peer_expect_read("abc");
	ENDS_IN("ESTABLISHED");
}

static void syn_sent_data_with_ack_of_syn_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_FLAGS, .seq = 1, .ack = 1, .flags = ACK, .text = "abc");
	ENDS_IN("SYN-SENT");
}

static void syn_sent_data_with_ack_of_future_is_reset(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 2, .flags = ACK, .text = "abc");
	EXPECT(.seq = 2, .flags = RST);
	ENDS_IN("SYN-SENT");
}

static void syn_sent_data_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_FLAGS, .seq = 1, .flags = PSH, .text = "abc");
	ENDS_IN("SYN-SENT");
}

static void syn_sent_urgent_with_syn_and_ack_establishes(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	TAKES(.ack = 1, .flags = SYN | ACK | URG, .urgent = 65535);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
	ENDS_IN("ESTABLISHED");
}

static void syn_sent_urgent_with_syn_is_not_kept(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	TAKES(.flags = SYN | URG, .urgent = 1);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	ENDS_IN("SYN-RECEIVED");
}

// What CVE-2019-12261 needs.
static void syn_sent_urgent_with_ack_of_syn_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_FLAGS, .seq = 1, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	ENDS_IN("SYN-SENT");
}

static void syn_sent_urgent_with_fin_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	DROPS(TCP_BAD_FLAGS, .seq = 1, .flags = FIN | PSH | URG, .urgent = 1);
	ENDS_IN("SYN-SENT");
}

// ---- SYN-RECEIVED: SYN ----

static void syn_received_syn_repeated_is_answered_again(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_DUPLICATE, .flags = SYN);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	ENDS_IN("SYN-RECEIVED");
}

// The peer has begun anew (RFC 9293 3.10.7.4 fourth).
static void syn_received_syn_at_rcv_nxt_returns_to_listen(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_BAD_SYN, .seq = 1, .flags = SYN);
	ENDS_IN("LISTEN");
}

static void syn_received_syn_in_window_returns_to_listen(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_BAD_SYN, .seq = 100, .flags = SYN);
	ENDS_IN("LISTEN");
}

static void syn_received_syn_with_ack_in_window_returns_to_listen(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_BAD_SYN, .seq = 1, .ack = 1, .flags = SYN | ACK);
	ENDS_IN("LISTEN");
}

static void syn_received_syn_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_DUPLICATE, .seq = (uint32_t)-100, .flags = SYN);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_syn_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .flags = SYN);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_syn_with_ack_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_DUPLICATE, .ack = 1, .flags = SYN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("SYN-RECEIVED");
}

// ---- SYN-RECEIVED: RST (RFC 5961 3) ----

static void syn_received_rst_at_rcv_nxt_returns_to_listen(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	TAKES(.seq = 1, .flags = RST);
	ENDS_IN("LISTEN");
}

static void syn_received_rst_in_window_is_challenged(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_BAD_RESET, .seq = 2, .flags = RST);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_rst_left_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_BAD_RESET, .flags = RST);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_rst_right_of_window_is_ignored(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_BAD_RESET, .seq = PEER_EDGE, .flags = RST);
	ENDS_IN("SYN-RECEIVED");
}

// ---- SYN-RECEIVED: FIN ----

static void syn_received_fin_at_rcv_nxt_closes_half(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	TAKES(.seq = 1, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("CLOSE-WAIT");
}

static void syn_received_fin_in_window_establishes_and_waits_for_gap(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	TAKES(.seq = 2, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void syn_received_fin_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_DUPLICATE, .seq = 0, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_fin_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_fin_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = FIN);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_fin_with_ack_of_future_is_reset(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .flags = RST);
	ENDS_IN("SYN-RECEIVED");
}

// ---- SYN-RECEIVED: ACK ----

static void syn_received_ack_of_syn_establishes(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	TAKES(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void syn_received_ack_in_window_establishes(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	TAKES(.seq = 100, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void syn_received_ack_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_DUPLICATE, .seq = 0, .ack = 1, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_ack_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_ack_old_is_reset(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 0, .flags = ACK);
	EXPECT(.seq = 0, .flags = RST);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_ack_of_future_is_reset(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .flags = RST);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_ack_missing_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = 0);
	ENDS_IN("SYN-RECEIVED");
}

// ---- SYN-RECEIVED: data ----

static void syn_received_data_at_rcv_nxt_is_read_and_acked_late(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "abc");
	peer_accept();
	peer_expect_read("abc");
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 4, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void syn_received_data_in_window_establishes_and_waits_for_gap(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	TAKES(.seq = 4, .ack = 1, .flags = ACK, .text = "def");
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void syn_received_data_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_DUPLICATE, .seq = (uint32_t)-2, .ack = 1, .flags = ACK, .text = "old");
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_data_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK, .text = "far");
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_data_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = PSH, .text = "abc");
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_data_with_ack_of_future_is_reset(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_BAD_ACK, .seq = 1, .ack = 2, .flags = ACK, .text = "evil");
	EXPECT(.seq = 2, .flags = RST);
	ENDS_IN("SYN-RECEIVED");
}

// ---- SYN-RECEIVED: urgent ----

static void syn_received_urgent_at_rcv_nxt_is_kept_apart(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	TAKES(.seq = 1, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	peer_accept();
	peer_expect_urgent('X');
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void syn_received_urgent_in_window_waits_for_gap(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	TAKES(.seq = 4, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void syn_received_urgent_left_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_DUPLICATE, .seq = 0, .ack = 1, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_urgent_right_of_window_is_acked(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_OUT_OF_WINDOW, .seq = PEER_EDGE, .ack = 1, .flags = ACK | URG, .text = "X",
		.urgent = 1);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_urgent_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = URG, .text = "X", .urgent = 1);
	ENDS_IN("SYN-RECEIVED");
}

static void syn_received_urgent_with_fin_and_no_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	DROPS(TCP_NO_ACK, .seq = 1, .flags = FIN | PSH | URG, .urgent = 1);
	ENDS_IN("SYN-RECEIVED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(syn_sent_syn_with_ack_establishes),
		PEER_TEST(syn_sent_syn_with_ack_of_any_number_establishes),
		PEER_TEST(syn_sent_syn_opens_simultaneously),
		PEER_TEST(syn_sent_syn_with_ack_of_future_is_reset),
		PEER_TEST(syn_sent_syn_with_ack_old_is_reset),
		PEER_TEST(syn_sent_syn_with_fin_and_ack_closes_half),
		PEER_TEST(syn_sent_syn_with_fin_acks_the_syn_alone),
		PEER_TEST(syn_sent_syn_with_data_acks_the_syn_alone),
		PEER_TEST(syn_sent_syn_with_rst_is_ignored),
		PEER_TEST(syn_sent_rst_with_ack_of_syn_refuses),
		PEER_TEST(syn_sent_rst_with_syn_and_ack_refuses),
		PEER_TEST(syn_sent_rst_without_ack_is_ignored),
		PEER_TEST(syn_sent_rst_with_ack_of_future_is_ignored),
		PEER_TEST(syn_sent_rst_with_ack_old_is_ignored),
		PEER_TEST(syn_sent_fin_is_dropped),
		PEER_TEST(syn_sent_fin_with_ack_of_syn_is_dropped),
		PEER_TEST(syn_sent_fin_with_ack_of_future_is_reset),
		PEER_TEST(syn_sent_ack_of_syn_is_dropped),
		PEER_TEST(syn_sent_ack_of_future_is_reset),
		PEER_TEST(syn_sent_ack_old_is_reset),
		PEER_TEST(syn_sent_ack_missing_is_dropped),
		PEER_TEST(syn_sent_data_with_syn_and_ack_is_read),
		PEER_TEST(syn_sent_data_with_ack_of_syn_is_dropped),
		PEER_TEST(syn_sent_data_with_ack_of_future_is_reset),
		PEER_TEST(syn_sent_data_without_ack_is_dropped),
		PEER_TEST(syn_sent_urgent_with_syn_and_ack_establishes),
		PEER_TEST(syn_sent_urgent_with_syn_is_not_kept),
		PEER_TEST(syn_sent_urgent_with_ack_of_syn_is_dropped),
		PEER_TEST(syn_sent_urgent_with_fin_is_dropped),
		PEER_TEST(syn_received_syn_repeated_is_answered_again),
		PEER_TEST(syn_received_syn_at_rcv_nxt_returns_to_listen),
		PEER_TEST(syn_received_syn_in_window_returns_to_listen),
		PEER_TEST(syn_received_syn_with_ack_in_window_returns_to_listen),
		PEER_TEST(syn_received_syn_left_of_window_is_acked),
		PEER_TEST(syn_received_syn_right_of_window_is_acked),
		PEER_TEST(syn_received_syn_with_ack_left_of_window_is_acked),
		PEER_TEST(syn_received_rst_at_rcv_nxt_returns_to_listen),
		PEER_TEST(syn_received_rst_in_window_is_challenged),
		PEER_TEST(syn_received_rst_left_of_window_is_ignored),
		PEER_TEST(syn_received_rst_right_of_window_is_ignored),
		PEER_TEST(syn_received_fin_at_rcv_nxt_closes_half),
		PEER_TEST(syn_received_fin_in_window_establishes_and_waits_for_gap),
		PEER_TEST(syn_received_fin_left_of_window_is_acked),
		PEER_TEST(syn_received_fin_right_of_window_is_acked),
		PEER_TEST(syn_received_fin_without_ack_is_dropped),
		PEER_TEST(syn_received_fin_with_ack_of_future_is_reset),
		PEER_TEST(syn_received_ack_of_syn_establishes),
		PEER_TEST(syn_received_ack_in_window_establishes),
		PEER_TEST(syn_received_ack_left_of_window_is_acked),
		PEER_TEST(syn_received_ack_right_of_window_is_acked),
		PEER_TEST(syn_received_ack_old_is_reset),
		PEER_TEST(syn_received_ack_of_future_is_reset),
		PEER_TEST(syn_received_ack_missing_is_dropped),
		PEER_TEST(syn_received_data_at_rcv_nxt_is_read_and_acked_late),
		PEER_TEST(syn_received_data_in_window_establishes_and_waits_for_gap),
		PEER_TEST(syn_received_data_left_of_window_is_acked),
		PEER_TEST(syn_received_data_right_of_window_is_acked),
		PEER_TEST(syn_received_data_without_ack_is_dropped),
		PEER_TEST(syn_received_data_with_ack_of_future_is_reset),
		PEER_TEST(syn_received_urgent_at_rcv_nxt_is_kept_apart),
		PEER_TEST(syn_received_urgent_in_window_waits_for_gap),
		PEER_TEST(syn_received_urgent_left_of_window_is_acked),
		PEER_TEST(syn_received_urgent_right_of_window_is_acked),
		PEER_TEST(syn_received_urgent_without_ack_is_dropped),
		PEER_TEST(syn_received_urgent_with_fin_and_no_ack_is_dropped),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name(
		"tcp/state_syn", tests, peer_make_pools, peer_free_pools);
}
