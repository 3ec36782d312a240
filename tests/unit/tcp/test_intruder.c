// What a third party that guesses may not achieve, in every synchronised state: RFC 5961, PAWS (RFC
// 7323 5), and numbers that no honest peer sends.
#include <errno.h>

#include "peer.h"

// The states with what each side has sent (peer.h).
static const struct {
	enum ft_tcp_state state;
	uint32_t theirs; // RCV.NXT
	uint32_t ours;	 // SND.NXT
} synchronised[] = {
	{ FT_TCP_ESTABLISHED, 1, 1 },
	{ FT_TCP_FIN_WAIT_1, 1, 2 },
	{ FT_TCP_FIN_WAIT_2, 1, 2 },
	{ FT_TCP_CLOSE_WAIT, 2, 1 },
	{ FT_TCP_CLOSING, 2, 2 },
	{ FT_TCP_LAST_ACK, 2, 2 },
	{ FT_TCP_TIME_WAIT, 2, 2 },
};

static uint32_t theirs, ours;

// A new stack in the next of these states: for (uint32_t i = 0; enter(i); i++).
static bool enter(uint32_t i)
{
	if (i == RTE_DIM(synchronised))
		return false;
	peer_restart();
	peer_enter(synchronised[i].state);
	theirs = synchronised[i].theirs;
	ours = synchronised[i].ours;
	return true;
}

static void assert_unmoved(uint32_t i)
{
	EXPECT_NOTHING;
	assert_int_equal(peer_state(), synchronised[i].state);
}

static void synchronised_exact_reset_ends(void **state)
{
	for (uint32_t i = 0; enter(i); i++) {
		SEND(.seq = theirs, .flags = RST);
		EXPECT_NOTHING;
		if (synchronised[i].state == FT_TCP_TIME_WAIT)
			ASSERT_STATE("TIME-WAIT"); // RFC 1337
		else
			ASSERT_STATE("CLOSED");
	}
}

static void synchronised_reset_elsewhere_in_the_window_is_challenged(void **state)
{
	for (uint32_t i = 0; enter(i); i++) {
		assert_int_equal(SEND(.seq = theirs + 1, .flags = RST), FT_DROP_TCP_BAD_RESET);
		if (synchronised[i].state != FT_TCP_TIME_WAIT)
			EXPECT(.seq = ours, .ack = theirs, .flags = ACK);
		assert_unmoved(i);
	}
}

static void synchronised_reset_outside_the_window_is_ignored(void **state)
{
	for (uint32_t i = 0; enter(i); i++) {
		SEND(.seq = theirs - 1, .flags = RST);
		SEND(.seq = theirs + 1000000, .flags = RST);
		assert_unmoved(i);
	}
}

static void synchronised_syn_in_the_window_is_challenged(void **state)
{
	for (uint32_t i = 0; enter(i); i++) {
		if (synchronised[i].state == FT_TCP_TIME_WAIT)
			continue; // may open anew: test_closing.c
		SEND(.seq = theirs + 5, .flags = SYN);
		EXPECT(.seq = ours, .ack = theirs, .flags = ACK);
		assert_unmoved(i);
	}
}

static void synchronised_segment_without_ack_is_dropped(void **state)
{
	for (uint32_t i = 0; enter(i); i++) {
		assert_int_equal(
			SEND(.seq = theirs, .flags = FIN, .text = "x"), FT_DROP_TCP_NO_ACK);
		SEND(.seq = theirs, .flags = 0);
		assert_unmoved(i);
	}
}

static void synchronised_ack_of_what_was_not_sent_is_challenged(void **state)
{
	for (uint32_t i = 0; enter(i); i++) {
		assert_int_equal(
			SEND(.seq = theirs, .ack = ours + 1, .flags = ACK), FT_DROP_TCP_BAD_ACK);
		EXPECT(.seq = ours, .ack = theirs, .flags = ACK);
		assert_unmoved(i);
	}
}

// RFC 5961 5.2: older than SND.UNA by more than the largest window.
static void synchronised_ack_too_old_is_challenged(void **state)
{
	for (uint32_t i = 0; enter(i); i++) {
		assert_int_equal(
			SEND(.seq = theirs, .ack = (uint32_t)-70000, .flags = ACK, .text = "evil"),
			FT_DROP_TCP_BAD_ACK);
		EXPECT(.seq = ours, .ack = theirs, .flags = ACK);
		assert_unmoved(i);
	}
}

static void synchronised_data_beyond_the_window_is_acked(void **state)
{
	for (uint32_t i = 0; enter(i); i++) {
		SEND(.seq = theirs + 1000000, .ack = ours, .flags = ACK, .text = "x");
		EXPECT(.seq = ours, .ack = theirs, .flags = ACK);
		assert_unmoved(i);
	}
}

// RFC 5961 7; the limit is each connection's own (CVE-2016-5696).
static void established_challenges_are_limited(void **state)
{
	uint32_t challenges = 0;

	peer_enter(FT_TCP_ESTABLISHED);
	for (int i = 0; i < 100; i++)
		SEND(.seq = 2, .flags = RST);
	for (; peer_has_sent(); challenges++)
		EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	assert_in_range(challenges, 1, 10);
	peer_pass(FT_SECOND);
	SEND(.seq = 2, .flags = RST);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
}

// Who counts the challenges of a connection of its own learns nothing of another's.
static void established_challenges_spent_leave_others_theirs(void **state)
{
	uint32_t challenges = 0, first;

	ESTABLISH();
	first = peer.iss;
	peer_complete_from(41000);
	for (int i = 0; i < 100; i++)
		SEND(.seq = 2, .flags = RST, .from_port = 41000);
	for (; peer_has_sent(); challenges++)
		EXPECT(.seq = 1, .ack = 1, .flags = ACK, .from_port = 41000);
	assert_in_range(challenges, 1, 10);
	peer.iss = first;
	SEND(.seq = 2, .flags = RST);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
}

// Two ends out of step must not answer each other for ever.
static void established_stray_acks_are_answered_within_limits(void **state)
{
	uint32_t answers = 0;

	peer_enter(FT_TCP_ESTABLISHED);
	for (int i = 0; i < 100; i++)
		SEND(.seq = 1000000, .ack = 1, .flags = ACK);
	for (; peer_has_sent(); answers++)
		EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	assert_in_range(answers, 1, 10);
}

static void optimistic_acks_do_not_grow_the_window(void **state)
{
	uint32_t cwnd_segments = 10;

	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(100000);
	for (uint32_t i = 0; i < cwnd_segments; i++)
		EXPECT(.seq = 1 + 1000 * i, .ack = 1, .flags = ACK, .bytes = 1000);
	SEND(.seq = 1, .ack = 50001, .flags = ACK);
	EXPECT(.seq = 10001, .ack = 1, .flags = ACK);
	EXPECT_NOTHING;
}

// ---- timestamps ----

enum { TS = FT_TCP_HAS_TIMESTAMP };

static void paws_older_timestamp_is_acked_and_dropped(void **state)
{
	ESTABLISH(.options = TS, .ts_value = 1000);
	assert_int_equal(SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "old", .options = TS,
				 .ts_value = 999),
		FT_DROP_TCP_PAWS);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	peer_expect_read_error(-EAGAIN);
}

static void paws_missing_timestamp_is_dropped(void **state)
{
	ESTABLISH(.options = TS, .ts_value = 1000);
	assert_int_equal(
		SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "bare"), FT_DROP_TCP_NO_TIMESTAMP);
	peer_expect_read_error(-EAGAIN);
}

static void paws_reset_needs_no_timestamp(void **state)
{
	ESTABLISH(.options = TS, .ts_value = 1000);
	SEND(.seq = 1, .flags = RST);
	ASSERT_STATE("CLOSED");
}

// CVE-2005-0356: a segment outside the window must not poison TS.Recent.
static void paws_unacceptable_segment_does_not_set_recent(void **state)
{
	ESTABLISH(.options = TS, .ts_value = 1000);
	SEND(.seq = 1000000, .ack = 1, .flags = ACK, .text = "x", .options = TS,
		.ts_value = 0x7fff0000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	assert_int_equal(peer.last.ts_echo, 1000);
	assert_int_equal(SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "good", .options = TS,
				 .ts_value = 1001),
		FT_TAKEN);
	peer_expect_read("good");
	peer_pass(FT_SECOND);
	EXPECT(.seq = 1, .ack = 5, .flags = ACK);
	assert_int_equal(peer.last.ts_echo, 1001);
}

// RFC 7323 4.3 (2): with a gap, and with delayed ACKs, the echo is that of the earliest segment not
// acknowledged.
static void timestamp_echoed_is_that_of_the_earliest_unacknowledged(void **state)
{
	ESTABLISH(.options = TS, .ts_value = 1000);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000, .options = TS, .ts_value = 1001);
	SEND(.seq = 1001, .ack = 1, .flags = ACK, .bytes = 1000, .options = TS, .ts_value = 1002);
	EXPECT(.seq = 1, .ack = 2001, .flags = ACK);
	assert_int_equal(peer.last.ts_echo, 1001);
	SEND(.seq = 3001, .ack = 1, .flags = ACK, .bytes = 1000, .options = TS, .ts_value = 1003);
	EXPECT(.seq = 1, .ack = 2001, .flags = ACK);
	assert_int_equal(peer.last.ts_echo, 1001);
}

// RFC 7323 5.5: after 24 days of silence the clock may have passed half its circle.
static void paws_long_silence_forgets_recent(void **state)
{
	ESTABLISH(.options = TS, .ts_value = 1000);
	peer_pass(25ull * 24 * 3600 * FT_SECOND);
	assert_int_equal(SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "awake", .options = TS,
				 .ts_value = 0x90000000),
		FT_TAKEN);
	peer_expect_read("awake");
	peer_pass(FT_SECOND);
	EXPECT(.seq = 1, .ack = 6, .flags = ACK);
}

// The ISS depends on the tuple and the time (RFC 6528), so who opens again at once knows it.
static void syn_received_ack_of_syn_not_sent_yet_is_reset(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .flags = RST);
	ASSERT_STATE("CLOSED");
	QUEUE(.flags = SYN);
	QUEUE(.seq = 1, .ack = 1, .flags = ACK, .text = "early");
	peer_turn();
	EXPECT(.seq = 1, .flags = RST);
	EXPECT(.flags = SYN | ACK, .ack = 1);
	ASSERT_STATE("SYN-RECEIVED");
	TAKES(.seq = 1, .ack = 1, .flags = ACK);
	ASSERT_STATE("ESTABLISHED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(synchronised_exact_reset_ends),
		PEER_TEST(synchronised_reset_elsewhere_in_the_window_is_challenged),
		PEER_TEST(synchronised_reset_outside_the_window_is_ignored),
		PEER_TEST(synchronised_syn_in_the_window_is_challenged),
		PEER_TEST(synchronised_segment_without_ack_is_dropped),
		PEER_TEST(synchronised_ack_of_what_was_not_sent_is_challenged),
		PEER_TEST(synchronised_ack_too_old_is_challenged),
		PEER_TEST(synchronised_data_beyond_the_window_is_acked),
		PEER_TEST(established_challenges_are_limited),
		PEER_TEST(established_challenges_spent_leave_others_theirs),
		PEER_TEST(established_stray_acks_are_answered_within_limits),
		PEER_TEST(optimistic_acks_do_not_grow_the_window),
		PEER_TEST(paws_older_timestamp_is_acked_and_dropped),
		PEER_TEST(paws_missing_timestamp_is_dropped),
		PEER_TEST(paws_reset_needs_no_timestamp),
		PEER_TEST(paws_unacceptable_segment_does_not_set_recent),
		PEER_TEST(timestamp_echoed_is_that_of_the_earliest_unacknowledged),
		PEER_TEST(paws_long_silence_forgets_recent),
		PEER_TEST(syn_received_ack_of_syn_not_sent_yet_is_reset),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/intruder", tests, peer_make_pools, peer_free_pools);
}
