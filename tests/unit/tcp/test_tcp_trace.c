// What the trace tells of a connection.
#include <stdio.h>

#include "../told.h"
#include "peer.h"

static void set_pattern(const char *text)
{
	peer.stack.tracer.has_pattern = true;
	assert_int_equal(ft_tuple_pattern_parse(text, &peer.stack.tracer.pattern), 0);
}

// The example of stack/README.md, where each line is indented by four spaces.
static void expect_in_readme(const char *lines)
{
	static char readme[32768], wanted[4096];
	FILE *file = fopen(FT_SOURCE_ROOT "/stack/README.md", "r");

	assert_non_null(file);
	readme[fread(readme, 1, sizeof(readme) - 1, file)] = 0;
	fclose(file);
	wanted[0] = 0;
	for (const char *at = lines; *at != 0; at = strchr(at, '\n') + 1)
		snprintf(wanted + strlen(wanted), sizeof(wanted) - strlen(wanted), "    %.*s",
			(int)(strchr(at, '\n') + 1 - at), at);
	assert_non_null(strstr(readme, wanted));
}

static void listen_syn_is_followed_from_frame_to_state(void **state)
{
	static const char story[] =
		"eth #1 frame of 58 bytes from 02:00:00:00:00:01 to 02:00:00:00:00:02, EtherType 0x0800\n"
		"ip #1 10.9.0.1 -> 10.9.0.2, protocol 6, TTL 64; header checksum verified in software\n"
		"tcp #1 segment port 40000 -> 7: SYN, SEQ N, window 60000, MSS 1000, 0 bytes; checksum verified in software\n"
		"demux #1 hash 0xN: bucket N of 64, tag 0xN; candidates compared: 0; none is its connection\n"
		"demux #1 port 7: fd 3 listens there, bound to 0.0.0.0:7\n"
		"tcp #1 10.9.0.2:7 10.9.0.1:40000 LISTEN -> SYN-RECEIVED\n"
		"tcp #1 10.9.0.2:7 10.9.0.1:40000 owes SYN-ACK\n"
		"tcp 10.9.0.2:7 -> 10.9.0.1:40000 sends SYN ACK, SEQ ISS+0, ACK IRS+1, window 65535, MSS 1460, 0 bytes\n"
		"eth 10.9.0.2:7 -> 10.9.0.1:40000 frame of 58 bytes to 02:00:00:00:00:01\n"
		"timer 10.9.0.2:7 10.9.0.1:40000 retransmission timer set to 1000.000 ms\n";

	peer_enter(FT_TCP_LISTEN);
	told_listen(&peer.stack, UINT32_MAX);
	SEND(.flags = SYN);
	told_expect(story);
	expect_in_readme(story);
	EXPECT(.seq = 0, .ack = 1, .flags = SYN | ACK);
}

// At hand, as from the third SYN on.
static void listen_listener_of_every_syn_is_told(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	for (uint16_t i = 0; i < 4; i++) {
		SEND(.flags = SYN, .from_port = 50000 + i);
		EXPECT(.ack = 1, .flags = SYN | ACK);
	}
	told_listen(&peer.stack, FT_TRACE_DEMUX);
	SEND(.flags = SYN, .from_port = 50004);
	told_expect(
		"demux #1 hash 0xN: bucket N of 64, tag 0xN; candidates compared: 0; none is its connection\n"
		"demux #1 port 7: fd 3 listens there, bound to 0.0.0.0:7\n");
	EXPECT(.ack = 1, .flags = SYN | ACK);
}

static void listen_options_of_both_syns_are_told(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	told_listen(&peer.stack, FT_TRACE_TCP);
	SEND(.flags = SYN, .options = FT_TCP_HAS_TIMESTAMP | FT_TCP_HAS_WINDOW_SCALE, .ts_value = 1,
		.window_scale = 9);
	peer_pass(FT_SECOND + 10 * FT_MILLISECOND);
	told_expect(
		"tcp #1 segment port 40000 -> 7: SYN, SEQ N, window 60000, MSS 1000, window scale 9, timestamps, 0 bytes; checksum verified in software\n"
		"tcp #1 10.9.0.2:7 10.9.0.1:40000 LISTEN -> SYN-RECEIVED\n"
		"tcp #1 10.9.0.2:7 10.9.0.1:40000 owes SYN-ACK\n"
		"tcp 10.9.0.2:7 -> 10.9.0.1:40000 sends SYN ACK, SEQ ISS+0, ACK IRS+1, window 65535, MSS 1460, window scale 3, timestamps, 0 bytes\n"
		"tcp 10.9.0.2:7 10.9.0.1:40000 owes SYN, not acknowledged in time\n"
		"tcp 10.9.0.2:7 -> 10.9.0.1:40000 sends again SYN ACK, SEQ ISS+0, ACK IRS+1, window 65535, MSS 1460, window scale 3, timestamps, 0 bytes\n");
	peer_take_all();
}

static void established_data_is_followed_to_the_reader(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	told_listen(&peer.stack, FT_TRACE_TCP | FT_TRACE_SOCKET | FT_TRACE_TIMER);
	SEND(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	peer_expect_read("hello");
	peer_write("hello");
	told_expect(
		"tcp #1 segment port 40000 -> 7: PSH ACK, SEQ N, ACK N, window 60000, 5 bytes; checksum verified in software\n"
		"tcp #1 10.9.0.2:7 10.9.0.1:40000 in ESTABLISHED: SEQ is IRS+1, RCV.NXT is IRS+1; ACK is ISS+1, SND.UNA is ISS+1\n"
		"timer #1 10.9.0.2:7 10.9.0.1:40000 delayed ACK timer set to 40.000 ms\n"
		"socket #1 10.9.0.2:7 10.9.0.1:40000 socket fd 4: readable\n"
		"socket 10.9.0.2:7 10.9.0.1:40000 application reads 5 bytes\n"
		"socket 10.9.0.2:7 10.9.0.1:40000 application sends 5 bytes\n"
		"tcp 10.9.0.2:7 10.9.0.1:40000 owes data\n"
		"tcp 10.9.0.2:7 -> 10.9.0.1:40000 sends PSH ACK, SEQ ISS+1, ACK IRS+6, window 65530, 5 bytes\n"
		"timer 10.9.0.2:7 10.9.0.1:40000 delayed ACK timer stopped\n"
		"timer 10.9.0.2:7 10.9.0.1:40000 retransmission timer set to 200.000 ms\n"
		"timer 10.9.0.2:7 10.9.0.1:40000 user timer set to 300000.000 ms\n");
	EXPECT(.seq = 1, .ack = 6, .flags = PSH | ACK, .text = "hello");
}

static void established_close_passes_its_states(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	told_listen(&peer.stack, FT_TRACE_TCP | FT_TRACE_TIMER | FT_TRACE_SOCKET);
	peer_close();
	SEND(.seq = 1, .ack = 2, .flags = FIN | ACK);
	peer_pass(61 * FT_SECOND);
	told_expect(
		"socket 10.9.0.2:7 10.9.0.1:40000 application closes\n"
		"tcp 10.9.0.2:7 10.9.0.1:40000 ESTABLISHED -> FIN-WAIT-1\n"
		"tcp 10.9.0.2:7 10.9.0.1:40000 owes FIN\n"
		"timer 10.9.0.2:7 10.9.0.1:40000 user timer set to 300000.000 ms\n"
		"tcp 10.9.0.2:7 -> 10.9.0.1:40000 sends FIN ACK, SEQ ISS+1, ACK IRS+1, window 65535, 0 bytes\n"
		"timer 10.9.0.2:7 10.9.0.1:40000 retransmission timer set to 200.000 ms\n"
		"tcp #1 segment port 40000 -> 7: FIN ACK, SEQ N, ACK N, window 60000, 0 bytes; checksum verified in software\n"
		"tcp #1 10.9.0.2:7 10.9.0.1:40000 in FIN-WAIT-1: SEQ is IRS+1, RCV.NXT is IRS+1; ACK is ISS+2, SND.UNA is ISS+1\n"
		"timer #1 10.9.0.2:7 10.9.0.1:40000 retransmission timer stopped\n"
		"timer #1 10.9.0.2:7 10.9.0.1:40000 user timer stopped\n"
		"tcp #1 10.9.0.2:7 10.9.0.1:40000 FIN-WAIT-1 -> FIN-WAIT-2\n"
		"timer #1 10.9.0.2:7 10.9.0.1:40000 FIN-WAIT-2 timer set to 60000.000 ms\n"
		"tcp #1 10.9.0.2:7 10.9.0.1:40000 owes ACK of the FIN\n"
		"tcp #1 10.9.0.2:7 10.9.0.1:40000 FIN-WAIT-2 -> TIME-WAIT\n"
		"timer #1 10.9.0.2:7 10.9.0.1:40000 TIME-WAIT timer moved to 60000.000 ms\n"
		"tcp 10.9.0.2:7 -> 10.9.0.1:40000 sends ACK, SEQ ISS+2, ACK IRS+2, window 65534, 0 bytes\n"
		"timer 10.9.0.2:7 10.9.0.1:40000 TIME-WAIT timer expired\n"
		"tcp 10.9.0.2:7 10.9.0.1:40000 TIME-WAIT -> CLOSED\n");
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
}

static void established_silence_is_a_retransmission(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	told_listen(&peer.stack, FT_TRACE_TCP | FT_TRACE_TIMER);
	peer_write("hello");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	peer_wait(2 * FT_SECOND);
	told_expect(
		"tcp 10.9.0.2:7 10.9.0.1:40000 owes data\n"
		"tcp 10.9.0.2:7 -> 10.9.0.1:40000 sends PSH ACK, SEQ ISS+1, ACK IRS+1, window 65535, 5 bytes\n"
		"timer 10.9.0.2:7 10.9.0.1:40000 retransmission timer set to 200.000 ms\n"
		"timer 10.9.0.2:7 10.9.0.1:40000 user timer set to 300000.000 ms\n"
		"timer 10.9.0.2:7 10.9.0.1:40000 retransmission timer expired\n"
		"timer 10.9.0.2:7 10.9.0.1:40000 retransmission timer set to 400.000 ms\n"
		"tcp 10.9.0.2:7 10.9.0.1:40000 owes retransmission, not acknowledged in time\n"
		"tcp 10.9.0.2:7 -> 10.9.0.1:40000 sends again PSH ACK, SEQ ISS+1, ACK IRS+1, window 65535, 5 bytes\n"
		"timer 10.9.0.2:7 10.9.0.1:40000 retransmission timer moved to 400.000 ms\n");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
}

static void closed_syn_is_told_to_be_refused(void **state)
{
	told_listen(&peer.stack, FT_TRACE_TCP | FT_TRACE_DEMUX | FT_TRACE_DROP);
	SEND(.flags = SYN);
	told_expect(
		"tcp #1 segment port 40000 -> 7: SYN, SEQ N, window 60000, MSS 1000, 0 bytes; checksum verified in software\n"
		"demux #1 hash 0xN: bucket N of 64, tag 0xN; candidates compared: 0; none is its connection\n"
		"demux #1 nobody listens at port 7\n"
		"tcp #1 10.9.0.2:7 -> 10.9.0.1:40000 sends RST, SEQ N\n"
		"drop #1 dropped, tcp_no_connection: no connection and no listener for this segment (answered by a reset)\n");
	EXPECT(.seq = 0, .ack = 1, .flags = RST | ACK);
}

static void established_reset_is_told_in_the_numbers_of_its_connection(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "unread");
	peer_take_all();
	told_listen(&peer.stack, FT_TRACE_TCP);
	peer_close();
	told_expect(
		"tcp 10.9.0.2:7 -> 10.9.0.1:40000 sends RST ACK, SEQ ISS+1, ACK IRS+7, window 0, 0 bytes\n"
		"tcp 10.9.0.2:7 10.9.0.1:40000 ESTABLISHED -> CLOSED\n");
	EXPECT(.seq = 1, .ack = 7, .flags = RST | ACK);
}

// Nothing waits to be sent: neither the window nor NODELAY makes a debt.
static void established_nothing_to_send_is_not_owed(void **state)
{
	struct ft_tcp_options options;

	peer_enter(FT_TCP_ESTABLISHED);
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	told_listen(&peer.stack, FT_TRACE_TCP);
	options.no_delay = true;
	peer_set_options(&options);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .window = PEER_WINDOW + 1000);
	told_expect(
		"tcp #1 segment port 40000 -> 7: ACK, SEQ N, ACK N, window 61000, 0 bytes; checksum verified in software\n"
		"tcp #1 10.9.0.2:7 10.9.0.1:40000 in ESTABLISHED: SEQ is IRS+1, RCV.NXT is IRS+1; ACK is ISS+1, SND.UNA is ISS+1\n");
}

static void pattern_lets_only_its_conversation_pass(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	set_pattern("10.9.0.1:40001,10.9.0.2:7");
	told_listen(&peer.stack, UINT32_MAX);
	SEND(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	ft_trace(&peer.stack, FT_TRACE_ARP, "of no conversation");
	told_expect("");
	peer_take_all();

	set_pattern("10.9.0.2:7,10.9.0.1:*");
	told_listen(&peer.stack, FT_TRACE_IP);
	SEND(.seq = 6, .ack = 1, .flags = PSH | ACK, .text = "hello");
	told_expect(
		"ip #2 10.9.0.1 -> 10.9.0.2, protocol 6, TTL 64; header checksum verified in software\n");
	peer_take_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(listen_syn_is_followed_from_frame_to_state),
		PEER_TEST(listen_listener_of_every_syn_is_told),
		PEER_TEST(listen_options_of_both_syns_are_told),
		PEER_TEST(established_data_is_followed_to_the_reader),
		PEER_TEST(established_close_passes_its_states),
		PEER_TEST(established_silence_is_a_retransmission),
		PEER_TEST(closed_syn_is_told_to_be_refused),
		PEER_TEST(established_reset_is_told_in_the_numbers_of_its_connection),
		PEER_TEST(established_nothing_to_send_is_not_owed),
		PEER_TEST(pattern_lets_only_its_conversation_pass),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, peer_make_pools, peer_free_pools);
}
