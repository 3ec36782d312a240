// What the capture says of segments sent again, and of those dropped after they were taken: it stands on
// the right frame, and on no other.
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "base/recorder.h"
#include "ip/icmp.h"

#include "../recorded.h"
#include "peer.h"

static char path[32];
static uint64_t lost;

static void record(void)
{
	strcpy(path, "/tmp/ft-test-capture-XXXXXX");
	close(mkstemp(path));
	peer.stack.recorder = ft_recorder_open(path, "nic", 2048, 0, &lost);
	assert_non_null(peer.stack.recorder);
}

// "seq 1, 5 bytes, FIN: cause", with numbers as the test tells them.
static void describe(char *line, size_t room, const struct ft_recorded_frame *frame)
{
	const struct rte_ipv4_hdr *ip = (const void *)(frame->bytes + RTE_ETHER_HDR_LEN);
	const struct rte_tcp_hdr *tcp = (const void *)(ip + 1);
	uint32_t header = sizeof(*ip) + (tcp->data_off >> 4) * 4u;
	uint8_t flags = tcp->tcp_flags;

	snprintf(line, room, "seq %u, %u bytes%s%s%s%s\n",
		rte_be_to_cpu_32(tcp->sent_seq) - (frame->is_sent ? peer.iss : peer.peer_iss),
		rte_be_to_cpu_16(ip->total_length) - header, flags & SYN ? ", SYN" : "",
		flags & FIN ? ", FIN" : "", frame->comment[0] != 0 ? ": " : "", frame->comment);
}

// All segments sent, or all received, since record().
static void expect_frames(bool are_sent, const char *wanted)
{
	struct ft_recorded recorded;
	struct ft_recorded_frame frame;
	char lines[8192] = "";

	ft_recorder_close(peer.stack.recorder);
	peer.stack.recorder = NULL;
	assert_true(ft_recorded_open(&recorded, path));
	unlink(path);
	while (ft_recorded_next(&recorded, &frame))
		if (frame.is_sent == are_sent && frame.bytes[12] == 0x08 && frame.bytes[13] == 0x00)
			describe(lines + strlen(lines), sizeof(lines) - strlen(lines), &frame);
	ft_recorded_close(&recorded);
	assert_string_equal(lines, wanted);
}

static void expect_recorded(const char *wanted)
{
	expect_frames(true, wanted);
}

static void expect_received(const char *wanted)
{
	expect_frames(false, wanted);
}

static void duplicate_acks(uint32_t ack, int count)
{
	for (int i = 0; i < count; i++)
		SEND(.seq = 1, .ack = ack, .flags = ACK);
}

// ---- data ----

static void established_data_has_no_cause(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	record();
	peer_write_bytes(2000);
	assert_int_equal(peer_take_all(), 2);
	SEND(.seq = 1, .ack = 2001, .flags = ACK);
	expect_recorded("seq 1, 1000 bytes\n"
			"seq 1001, 1000 bytes\n");
}

static void established_three_duplicates_are_a_fast_retransmission(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(4000);
	peer_take_all();
	record();
	duplicate_acks(1, 3);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	SEND(.seq = 1, .ack = 4001, .flags = ACK);
	expect_recorded("seq 1, 1000 bytes: fast retransmission after 3 duplicate ACKs\n");
}

static void recovery_partial_ack_has_its_own_cause(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(5000);
	peer_take_all();
	record();
	duplicate_acks(1, 3);
	SEND(.seq = 1, .ack = 2001, .flags = ACK);
	SEND(.seq = 1, .ack = 4001, .flags = ACK);
	assert_int_equal(peer_take_all(), 3);
	SEND(.seq = 1, .ack = 5001, .flags = ACK);
	expect_recorded("seq 1, 1000 bytes: fast retransmission after 3 duplicate ACKs\n"
			"seq 2001, 1000 bytes: retransmission after a partial ACK (RFC 6582)\n"
			"seq 4001, 1000 bytes: retransmission after a partial ACK (RFC 6582)\n");
}

static void recovery_new_data_has_no_cause(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(14000);
	peer_expect_segments(0, 10);
	record();
	duplicate_acks(1, 8);
	assert_int_equal(peer_take_all(), 4);
	SEND(.seq = 1, .ack = 12001, .flags = ACK);
	peer_take_all();
	SEND(.seq = 1, .ack = 14001, .flags = ACK);
	expect_recorded("seq 10001, 1000 bytes\n" // limited transmit
			"seq 11001, 1000 bytes\n"
			"seq 1, 1000 bytes: fast retransmission after 3 duplicate ACKs\n"
			"seq 12001, 1000 bytes\n"
			"seq 13001, 1000 bytes\n");
}

static void established_timeout_tells_how_many_in_a_row(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(3000);
	peer_take_all();
	record();
	QUIET(200 * FT_MILLISECOND);
	peer_expect_segments(0, 1);
	QUIET(400 * FT_MILLISECOND);
	peer_expect_segments(0, 1);
	SEND(.seq = 1, .ack = 1001, .flags = ACK); // and the rest of the flight follows
	assert_int_equal(peer_take_all(), 2);
	SEND(.seq = 1, .ack = 3001, .flags = ACK);
	expect_recorded("seq 1, 1000 bytes: retransmission after a timeout, no. 1\n"
			"seq 1, 1000 bytes: retransmission after a timeout, no. 2\n"
			"seq 1001, 1000 bytes: retransmission after a timeout\n"
			"seq 2001, 1000 bytes: retransmission after a timeout\n");
}

static void established_lower_mtu_is_the_cause(void **state)
{
	struct ft_icmp_error too_big = { .error = EMSGSIZE, .mtu = 640 };

	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(1000);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
	record();
	too_big.tuple = *ft_tcp_tuple(peer.conn);
	too_big.seq = peer.iss + 1;
	assert_int_equal(ft_tcp_error(&peer.stack, &too_big, peer.now), FT_TAKEN);
	peer_turn();
	assert_int_equal(peer_take_all(), 2);
	SEND(.seq = 1, .ack = 1001, .flags = ACK);
	expect_recorded("seq 1, 600 bytes: retransmission in smaller segments\n"
			"seq 601, 400 bytes: retransmission in smaller segments\n");
}

// What a partial ACK asked for, the full ACK behind it in the same burst has made needless.
static void recovery_ends_in_the_same_burst_nothing_is_sent_again(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(14000);
	peer_expect_segments(0, 10);
	duplicate_acks(1, 8);
	peer_take_all();
	record();
	QUEUE(.seq = 1, .ack = 5001, .flags = ACK);
	QUEUE(.seq = 1, .ack = 12001, .flags = ACK);
	peer_turn();
	peer_take_all();
	SEND(.seq = 1, .ack = 14001, .flags = ACK);
	expect_recorded("seq 13001, 1000 bytes\n");
}

// ---- a closed window ----

static void closed_window_probes_are_counted(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_write_bytes(1500);
	record();
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1);
	QUIET(400 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	SEND(.seq = 1, .ack = 1001, .flags = ACK);
	EXPECT(.seq = 1001, .ack = 1, .flags = PSH | ACK, .bytes = 500);
	expect_recorded("seq 1, 1 bytes: zero-window probe, no. 1\n"
			"seq 1, 1 bytes: zero-window probe, no. 2\n"
			"seq 1, 1000 bytes: sent again, the window has opened\n"
			"seq 1001, 500 bytes\n");
}

// The peer answers and its window stays shut; then it takes what it is probed with, and shuts it once
// more: the count begins anew with each time the window closes.
static void closed_window_answered_probes_are_counted(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_write_bytes(1500);
	record();
	for (int probe = 0; probe < 3; probe++) {
		QUIET(200 * FT_MILLISECOND << probe);
		EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1);
		SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	}
	SEND(.seq = 1, .ack = 2, .flags = ACK, .is_window_shut = true);
	peer_pass(2 * FT_SECOND);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK, .bytes = 1);
	SEND(.seq = 1, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .ack = 1, .flags = ACK, .bytes = 1000);
	SEND(.seq = 1, .ack = 1002, .flags = ACK, .is_window_shut = true);
	peer_pass(300 * FT_MILLISECOND);
	EXPECT(.seq = 1002, .ack = 1, .flags = ACK, .bytes = 1);
	expect_recorded("seq 1, 1 bytes: zero-window probe, no. 1\n"
			"seq 1, 1 bytes: zero-window probe, no. 2\n"
			"seq 1, 1 bytes: zero-window probe, no. 3\n"
			"seq 2, 1 bytes: zero-window probe, no. 4\n"
			"seq 2, 1000 bytes: sent again, the window has opened\n"
			"seq 1002, 1 bytes: zero-window probe, no. 1\n");
}

// A FIN needs no window, and is no probe.
static void closed_window_fin_is_none_of_its_probes(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	record();
	peer_shutdown();
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
	SEND(.seq = 1, .ack = 2, .flags = ACK, .is_window_shut = true);
	expect_recorded("seq 1, 0 bytes, FIN\n"
			"seq 1, 0 bytes, FIN: retransmission after a timeout, no. 1\n");
}

static void closed_window_fast_retransmission_is_no_probe(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(4000);
	peer_take_all();
	record();
	for (int i = 0; i < 3; i++)
		QUEUE(.seq = 1, .ack = 1, .flags = ACK);
	QUEUE(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_turn();
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	SEND(.seq = 1, .ack = 4001, .flags = ACK);
	expect_recorded("seq 1, 1000 bytes: fast retransmission after 3 duplicate ACKs\n");
}

// ---- opening, silence, closing ----

static void syn_sent_syn_again(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	record();
	QUIET(FT_SECOND);
	EXPECT(.flags = SYN);
	QUIET(2 * FT_SECOND);
	EXPECT(.flags = SYN);
	expect_recorded("seq 0, 0 bytes, SYN: SYN sent again, no. 1\n"
			"seq 0, 0 bytes, SYN: SYN sent again, no. 2\n");
}

static void syn_received_syn_ack_again(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	record();
	QUIET(FT_SECOND);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	SEND(.flags = SYN); // the peer's comes again
	EXPECT(.ack = 1, .flags = SYN | ACK);
	QUIET(2 * FT_SECOND);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	expect_recorded("seq 0, 0 bytes, SYN: SYN-ACK sent again, no. 1\n"
			"seq 0, 0 bytes, SYN: SYN-ACK sent again, as the SYN came again, no. 2\n"
			"seq 0, 0 bytes, SYN: SYN-ACK sent again, no. 3\n");
}

static void syn_received_first_syn_ack_has_no_cause(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	record();
	SEND(.flags = SYN);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	SEND(.flags = SYN); // the answer was lost, no timer has expired
	EXPECT(.ack = 1, .flags = SYN | ACK);
	expect_recorded("seq 0, 0 bytes, SYN\n"
			"seq 0, 0 bytes, SYN: SYN-ACK sent again, as the SYN came again, no. 1\n");
}

static void established_keepalives_are_counted(void **state)
{
	struct ft_tcp_options options;

	peer_enter(FT_TCP_ESTABLISHED);
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.keepalive = true;
	options.keepalive_idle = 10 * FT_SECOND;
	options.keepalive_interval = FT_SECOND;
	peer_set_options(&options);
	record();
	QUIET(10 * FT_SECOND);
	EXPECT(.seq = 0, .ack = 1, .flags = ACK);
	QUIET(FT_SECOND);
	EXPECT(.seq = 0, .ack = 1, .flags = ACK);
	SEND(.seq = 1, .ack = 1, .flags = PSH | ACK,
		.text = "here"); // so an ACK of our own follows
	EXPECT_NOTHING;
	peer_expect_read("here");
	peer_pass(50 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 5, .flags = ACK);
	expect_recorded("seq 0, 0 bytes: keepalive probe, no. 1\n"
			"seq 0, 0 bytes: keepalive probe, no. 2\n"
			"seq 1, 0 bytes\n");
}

static void fin_wait_1_fin_again(void **state)
{
	peer_enter(FT_TCP_FIN_WAIT_1);
	record();
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
	expect_recorded("seq 1, 0 bytes, FIN: retransmission after a timeout, no. 1\n");
}

static void established_data_and_fin_again(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("hello");
	peer_shutdown();
	assert_int_equal(peer_take_all(), 2);
	record();
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | FIN | ACK, .text = "hello");
	expect_recorded("seq 1, 5 bytes, FIN: retransmission after a timeout, no. 1\n");
}

// ---- received, taken, and dropped after all ----

static void established_data_nobody_will_read_has_a_reason(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	assert_int_equal(ft_tcp_shutdown(&peer.stack, peer.conn, true, false, peer.now), 0);
	record();
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .text = "hello");
	peer_take_all();
	expect_received(
		"seq 1, 5 bytes: tcp_shut_rd: data after shutdown(SHUT_RD): acknowledged, and thrown away\n");
	assert_int_equal(peer.stack.counters.dropped_late[FT_DROP_TCP_SHUT_RD], 1);
}

static void established_segment_discarded_in_its_burst_has_a_reason(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	record();
	QUEUE(.seq = 1, .ack = 1, .flags = ACK);
	QUEUE(.seq = 6, .ack = 1, .flags = ACK, .text = "there");
	QUEUE(.seq = 1, .flags = RST);
	peer_turn();
	peer_take_all();
	expect_received(
		"seq 1, 0 bytes\n"
		"seq 6, 5 bytes: owner_gone: its connection, socket or stack went away first\n"
		"seq 1, 0 bytes\n");
}

// What was kept stood first in its burst, and its frame is in the file. The first of this burst is another.
static void established_segment_discarded_later_leaves_no_reason(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	record();
	TAKES(.seq = 6, .ack = 1, .flags = ACK, .text = "there");
	QUEUE(.seq = 1, .ack = 1, .flags = ACK);
	QUEUE(.seq = 1, .flags = RST);
	peer_turn();
	assert_int_equal(peer.stack.counters.dropped_late[FT_DROP_OWNER_GONE], 1);
	peer_take_all();
	expect_received("seq 6, 5 bytes\n"
			"seq 1, 0 bytes\n"
			"seq 1, 0 bytes\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(established_data_has_no_cause),
		PEER_TEST(established_three_duplicates_are_a_fast_retransmission),
		PEER_TEST(recovery_partial_ack_has_its_own_cause),
		PEER_TEST(recovery_new_data_has_no_cause),
		PEER_TEST(established_timeout_tells_how_many_in_a_row),
		PEER_TEST(established_lower_mtu_is_the_cause),
		PEER_TEST(recovery_ends_in_the_same_burst_nothing_is_sent_again),
		PEER_TEST(closed_window_probes_are_counted),
		PEER_TEST(closed_window_answered_probes_are_counted),
		PEER_TEST(closed_window_fin_is_none_of_its_probes),
		PEER_TEST(closed_window_fast_retransmission_is_no_probe),
		PEER_TEST(syn_sent_syn_again),
		PEER_TEST(syn_received_syn_ack_again),
		PEER_TEST(syn_received_first_syn_ack_has_no_cause),
		PEER_TEST(established_keepalives_are_counted),
		PEER_TEST(fin_wait_1_fin_again),
		PEER_TEST(established_data_and_fin_again),
		PEER_TEST(established_data_nobody_will_read_has_a_reason),
		PEER_TEST(established_segment_discarded_in_its_burst_has_a_reason),
		PEER_TEST(established_segment_discarded_later_leaves_no_reason),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, peer_make_pools, peer_free_pools);
}
