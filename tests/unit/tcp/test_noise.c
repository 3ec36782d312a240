// Segments nobody would send, from every state, mixed with some that an honest peer sends, so that
// the connection moves: whatever comes, packets are accounted for, nothing is lost or sent without
// end, and no assertion of the stack's own fails. FT_NOISE_SEEDS=FIRST-LAST runs other seeds.
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"

#include "peer.h"

enum { STEPS = 400, MOST_ANSWERS = 130 };

static struct ft_random chance;
static uint32_t seed, step;
static uint32_t theirs, ours; // where an honest peer stands, by what the stack has sent
static char noise_text[1401];

static uint32_t below(uint32_t limit)
{
	return ft_random_below(&chance, limit);
}

#define CHECK(condition)                                                          \
	do {                                                                      \
		if (!(condition))                                                 \
			fail_msg("seed %u, step %u: %s", seed, step, #condition); \
	} while (0)

// Near where it should be, mostly.
static uint32_t number_near(uint32_t right)
{
	switch (below(10)) {
	case 0:
		return right + 1;
	case 1:
		return right - 1;
	case 2:
		return right + below(3000);
	case 3:
		return right - below(3000);
	case 4:
		return (uint32_t)ft_random_next(&chance);
	default:
		return right;
	}
}

static uint8_t any_flags(void)
{
	uint8_t flags = ACK;

	if (below(20) == 0)
		return (uint8_t)below(256);
	flags |= below(12) == 0 ? FIN : 0;
	flags |= below(30) == 0 ? SYN : 0;
	flags |= below(60) == 0 ? RST : 0;
	flags |= below(15) == 0 ? URG : 0;
	return flags;
}

static uint16_t any_window(void)
{
	return below(3) == 0 ? (uint16_t)below(3000) : PEER_WINDOW;
}

static void send_noise(void)
{
	const uint16_t window = any_window();
	const uint32_t bytes = below(2) == 0 ? 0 : below(sizeof(noise_text));

	SEND(.seq = number_near(theirs), .ack = number_near(ours), .flags = any_flags(),
		.text = noise_text + sizeof(noise_text) - 1 - bytes, .window = window,
		.is_window_shut = window == 0, .urgent = below(3) * below(2000),
		.options = below(8) == 0 ? FT_TCP_HAS_TIMESTAMP : 0,
		.ts_value = (uint32_t)ft_random_next(&chance), .mss = (uint16_t)below(2000));
}

static void send_honest(void)
{
	SEND(.seq = theirs, .ack = ours, .flags = ACK,
		.text = noise_text + sizeof(noise_text) - 1 - below(sizeof(noise_text)));
}

static void call_something(void)
{
	static uint8_t bytes[20000];
	const struct iovec iov = { bytes, below(sizeof(bytes)) };

	if (peer.conn == NULL)
		return;
	switch (below(16)) {
	case 0:
		ft_tcp_shutdown(&peer.stack, peer.conn, below(2), below(2), peer.now);
		break;
	case 1:
		peer_close();
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		ft_tcp_send(&peer.stack, peer.conn, &iov, 1, (int)below(4), peer.now);
		break;
	default:
		ft_tcp_receive(&peer.stack, peer.conn, &iov, 1, (int)below(8), peer.now);
		break;
	}
}

static void do_something(void)
{
	const uint32_t what = below(100);

	if (what < 50)
		send_noise();
	else if (what < 75)
		send_honest();
	else if (what < 95)
		call_something();
	else if (what < 99)
		peer_pass(below(1000) * FT_MILLISECOND);
	else
		peer_pass(below(100) * FT_SECOND);
	if (peer.conn == NULL && peer.listener != NULL && ft_tcp_has_waiting(peer.listener))
		peer_accept();
	peer_turn();
}

static void check_invariants(void)
{
	const struct ft_counters *counters = &peer.stack.counters;
	const struct ft_tcp *tcp = &peer.stack.tcp;
	uint64_t accounted = counters->count[FT_COUNTER_RX_TAKEN];
	uint64_t in_states = 0;

	for (int i = 0; i < FT_DROP_COUNT; i++)
		accounted += counters->dropped_input[i];
	CHECK(accounted == counters->count[FT_COUNTER_RX_PACKETS]);
	for (int i = 0; i < FT_TCP_STATE_COUNT; i++)
		in_states += i == FT_TCP_LISTEN ? 0 : tcp->in_state[i];
	CHECK(in_states == tcp->anchors.in_use);
}

// What the stack has sent tells where an honest peer would stand.
static void listen_to_answers(void)
{
	const uint32_t count = peer_take_all();

	CHECK(count <= MOST_ANSWERS);
	if (count == 0 || (peer.last.flags & RST))
		return;
	if (peer.last.flags & ACK)
		theirs = peer.last.ack - peer.peer_iss;
	ours = peer.last.seq + peer.last.length - peer.iss;
}

static void run(void)
{
	ft_random_init(&chance, seed);
	peer_restart();
	peer_enter(FT_TCP_LISTEN + below(FT_TCP_STATE_COUNT - FT_TCP_LISTEN));
	theirs = 1;
	ours = 1;
	for (step = 0; step < STEPS; step++) {
		do_something();
		check_invariants();
		listen_to_answers();
	}
}

static void noise_in_any_state_breaks_nothing(void **state)
{
	const char *range = getenv("FT_NOISE_SEEDS");
	uint32_t first = 1, last = 100;

	memset(noise_text, 'n', sizeof(noise_text) - 1);
	if (range != NULL)
		assert_int_equal(sscanf(range, "%u-%u", &first, &last), 2);
	for (seed = first; seed <= last; seed++)
		run();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(noise_in_any_state_breaks_nothing),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/noise", tests, peer_make_pools, peer_free_pools);
}
