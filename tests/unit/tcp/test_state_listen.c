// CLOSED and LISTEN: there is no connection yet (RFC 9293 3.10.7.1, 3.10.7.2). There is no window either:
// any number is as good as another.
#include "peer.h"

// ---- CLOSED: all but a reset is answered by one ----

static void closed_syn_is_reset(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_NO_CONNECTION, .flags = SYN);
	EXPECT(.ack = 1, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

// The reset acknowledges all that the segment occupies.
static void closed_syn_with_data_is_reset(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .flags = SYN, .text = "abc");
	EXPECT(.ack = 9, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

static void closed_syn_with_fin_is_reset(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_NO_CONNECTION, .flags = SYN | FIN);
	EXPECT(.ack = 2, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

// Its sequence number is what the segment acknowledged, so that the sender believes it.
static void closed_syn_with_ack_is_reset(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_NO_CONNECTION, .ack = 77, .flags = SYN | ACK);
	EXPECT(.seq = 77, .flags = RST);
	ENDS_IN("CLOSED");
}

static void closed_syn_with_rst_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_STRAY_RESET, .flags = SYN | RST);
	ENDS_IN("CLOSED");
}

static void closed_rst_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_STRAY_RESET, .seq = 5, .flags = RST);
	ENDS_IN("CLOSED");
}

static void closed_rst_with_ack_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_STRAY_RESET, .seq = 5, .ack = 77, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

static void closed_rst_with_data_is_ignored(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_STRAY_RESET, .seq = 5, .flags = RST, .text = "abc");
	ENDS_IN("CLOSED");
}

static void closed_fin_is_reset(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .flags = FIN);
	EXPECT(.ack = 6, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

static void closed_fin_with_ack_is_reset(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .ack = 77, .flags = FIN | ACK);
	EXPECT(.seq = 77, .flags = RST);
	ENDS_IN("CLOSED");
}

static void closed_ack_is_reset(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .ack = 77, .flags = ACK);
	EXPECT(.seq = 77, .flags = RST);
	ENDS_IN("CLOSED");
}

static void closed_ack_of_zero_is_reset(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .flags = ACK);
	EXPECT(.seq = 0, .flags = RST);
	ENDS_IN("CLOSED");
}

// "Null" of port scanners.
static void closed_ack_missing_is_reset(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .flags = 0);
	EXPECT(.ack = 5, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

static void closed_data_is_reset(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .ack = 77, .flags = ACK, .text = "abc");
	EXPECT(.seq = 77, .flags = RST);
	ENDS_IN("CLOSED");
}

static void closed_data_without_ack_is_reset(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .flags = PSH, .text = "abc");
	EXPECT(.ack = 8, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

static void closed_urgent_is_reset(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .ack = 77, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 77, .flags = RST);
	ENDS_IN("CLOSED");
}

// "Xmas" of port scanners. What the pointer says occupies nothing.
static void closed_urgent_with_fin_is_reset(void **state)
{
	peer_enter(FT_TCP_CLOSED);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .flags = FIN | PSH | URG, .urgent = 9);
	EXPECT(.ack = 6, .flags = RST | ACK);
	ENDS_IN("CLOSED");
}

// ---- LISTEN: a SYN opens, an ACK is reset, all else is dropped ----

static void listen_syn_is_answered(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	TAKES(.flags = SYN);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void listen_syn_of_any_number_is_answered(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	TAKES(.seq = 0x80000000, .flags = SYN);
	EXPECT(.ack = 0x80000001, .flags = SYN | ACK);
	ENDS_IN("SYN-RECEIVED");
}

// The text is not kept, so it comes again.
static void listen_syn_with_data_acks_the_syn_alone(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	TAKES(.flags = SYN, .text = "abc");
	EXPECT(.ack = 1, .flags = SYN | ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void listen_syn_with_push_is_answered(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	TAKES(.flags = SYN | PSH);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void listen_syn_with_urgent_is_answered(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	TAKES(.flags = SYN | URG, .urgent = 500);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	ENDS_IN("SYN-RECEIVED");
}

static void listen_syn_with_fin_is_dropped(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_BAD_FLAGS, .flags = SYN | FIN);
	ENDS_IN("LISTEN");
}

static void listen_syn_with_rst_is_ignored(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_STRAY_RESET, .flags = SYN | RST);
	ENDS_IN("LISTEN");
}

static void listen_syn_with_ack_is_reset(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_NO_CONNECTION, .ack = 77, .flags = SYN | ACK);
	EXPECT(.seq = 77, .flags = RST);
	ENDS_IN("LISTEN");
}

static void listen_rst_is_ignored(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_STRAY_RESET, .seq = 5, .flags = RST);
	ENDS_IN("LISTEN");
}

static void listen_rst_with_ack_is_ignored(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_STRAY_RESET, .seq = 5, .ack = 77, .flags = RST | ACK);
	ENDS_IN("LISTEN");
}

static void listen_fin_is_dropped(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_BAD_FLAGS, .seq = 5, .flags = FIN);
	ENDS_IN("LISTEN");
}

static void listen_fin_with_ack_is_reset(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .ack = 77, .flags = FIN | ACK);
	EXPECT(.seq = 77, .flags = RST);
	ENDS_IN("LISTEN");
}

static void listen_ack_is_reset(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .ack = 77, .flags = ACK);
	EXPECT(.seq = 77, .flags = RST);
	ENDS_IN("LISTEN");
}

static void listen_ack_missing_is_dropped(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_BAD_FLAGS, .seq = 5, .flags = 0);
	ENDS_IN("LISTEN");
}

static void listen_data_is_reset(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .ack = 77, .flags = ACK, .text = "abc");
	EXPECT(.seq = 77, .flags = RST);
	ENDS_IN("LISTEN");
}

static void listen_data_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_BAD_FLAGS, .seq = 5, .flags = PSH, .text = "abc");
	ENDS_IN("LISTEN");
}

static void listen_urgent_is_reset(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_NO_CONNECTION, .seq = 5, .ack = 77, .flags = ACK | URG, .text = "X", .urgent = 1);
	EXPECT(.seq = 77, .flags = RST);
	ENDS_IN("LISTEN");
}

static void listen_urgent_without_ack_is_dropped(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_BAD_FLAGS, .seq = 5, .flags = URG, .text = "X", .urgent = 1);
	ENDS_IN("LISTEN");
}

static void listen_urgent_with_fin_is_dropped(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	DROPS(TCP_BAD_FLAGS, .seq = 5, .flags = FIN | PSH | URG, .urgent = 1);
	ENDS_IN("LISTEN");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(closed_syn_is_reset),
		PEER_TEST(closed_syn_with_data_is_reset),
		PEER_TEST(closed_syn_with_fin_is_reset),
		PEER_TEST(closed_syn_with_ack_is_reset),
		PEER_TEST(closed_syn_with_rst_is_ignored),
		PEER_TEST(closed_rst_is_ignored),
		PEER_TEST(closed_rst_with_ack_is_ignored),
		PEER_TEST(closed_rst_with_data_is_ignored),
		PEER_TEST(closed_fin_is_reset),
		PEER_TEST(closed_fin_with_ack_is_reset),
		PEER_TEST(closed_ack_is_reset),
		PEER_TEST(closed_ack_of_zero_is_reset),
		PEER_TEST(closed_ack_missing_is_reset),
		PEER_TEST(closed_data_is_reset),
		PEER_TEST(closed_data_without_ack_is_reset),
		PEER_TEST(closed_urgent_is_reset),
		PEER_TEST(closed_urgent_with_fin_is_reset),
		PEER_TEST(listen_syn_is_answered),
		PEER_TEST(listen_syn_of_any_number_is_answered),
		PEER_TEST(listen_syn_with_data_acks_the_syn_alone),
		PEER_TEST(listen_syn_with_push_is_answered),
		PEER_TEST(listen_syn_with_urgent_is_answered),
		PEER_TEST(listen_syn_with_fin_is_dropped),
		PEER_TEST(listen_syn_with_rst_is_ignored),
		PEER_TEST(listen_syn_with_ack_is_reset),
		PEER_TEST(listen_rst_is_ignored),
		PEER_TEST(listen_rst_with_ack_is_ignored),
		PEER_TEST(listen_fin_is_dropped),
		PEER_TEST(listen_fin_with_ack_is_reset),
		PEER_TEST(listen_ack_is_reset),
		PEER_TEST(listen_ack_missing_is_dropped),
		PEER_TEST(listen_data_is_reset),
		PEER_TEST(listen_data_without_ack_is_dropped),
		PEER_TEST(listen_urgent_is_reset),
		PEER_TEST(listen_urgent_without_ack_is_dropped),
		PEER_TEST(listen_urgent_with_fin_is_dropped),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name(
		"tcp/state_listen", tests, peer_make_pools, peer_free_pools);
}
