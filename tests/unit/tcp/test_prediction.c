// Header prediction (stack/tcp/tcp_predicted.h) takes nothing but a shorter way: the same segments, calls
// and times, once as they are and once so that nothing is ever predicted, leave the same connection
// behind after every step, have it send the same, and tell the application the same. What is traced is not
// predicted, and of a subsystem that there is not nothing is told. FT_PREDICTION_SEEDS=FIRST-LAST runs other
// seeds.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/hash.h"
#include "base/random.h"
#include "socket/interest.h"
#include "tcp/conn.h"
#include "tcp/tcp_at_once.h"
#include "tcp/tcp_timers.h"

#include "peer.h"

enum { STEPS = 300, MOST_BYTES = 1400 };

static struct ft_random chance;
static struct ft_hash_key key;
static bool has_timestamps;
static bool is_slow_reader;	      // so that the window closes
static uint32_t theirs, ours;	      // where an honest peer stands, by what the stack has sent
static uint32_t clock_ms;	      // of the peer's timestamps
static bool is_in_burst;	      // several arrive in one turn
static char text[2 * MOST_BYTES + 1]; // any bytes, so that none stands in for another
static uint8_t buffer[20000];	      // of the application
static uint64_t read_sum;	      // of all that the application was given and told
static struct ft_epoll *epolls[3];    // level triggered, edge triggered, once

static uint32_t below(uint32_t limit)
{
	return ft_random_below(&chance, limit);
}

static uint32_t any_size(uint32_t most)
{
	return below(3) == 0 ? 1 + below(2 * FT_FEW) : below(most + 1);
}

static void send_segment(uint32_t seq, uint32_t ack, uint8_t flags, uint32_t bytes, uint16_t window)
{
	const uint16_t urgent = below(2000);
	const bool lacks_timestamp = below(60) == 0;
	const uint32_t ts_value = clock_ms - (below(20) == 0 ? below(1000) : 0);
	const struct peer_segment segment = {
		.seq = seq,
		.ack = ack,
		.flags = flags,
		.text = text + 2 * MOST_BYTES - bytes,
		.window = window,
		.is_window_shut = window == 0,
		.urgent = urgent,
		.options = has_timestamps && !lacks_timestamp ? FT_TCP_HAS_TIMESTAMP : 0,
		.ts_value = ts_value,
		.ts_echo = peer.last.ts_value,
	};

	if (!is_in_burst) {
		peer_send(&segment);
		return;
	}
	peer_queue(&segment);
	if (seq == theirs) // so that the next follows
		theirs += bytes;
}

static uint8_t any_flags(void)
{
	uint8_t flags = ACK;

	flags |= below(3) == 0 ? PSH : 0;
	flags |= below(60) == 0 ? FIN : 0;
	flags |= below(90) == 0 ? SYN : 0;
	flags |= below(150) == 0 ? RST : 0;
	flags |= below(30) == 0 ? URG : 0;
	return below(60) == 0 ? (uint8_t)(flags & ~ACK) : flags;
}

// Mostly what comes next; else what came before, with a gap, far away, with another window.
static void send_something(void)
{
	uint32_t seq = theirs, ack = ours;
	uint16_t window = PEER_WINDOW;

	if (below(8) == 0)
		seq += below(4000) - 2000;
	if (below(40) == 0)
		seq += 8192 - below(3000);
	if (below(4) == 0)
		ack -= below(3000);
	if (below(20) == 0)
		ack += below(3000);
	if (below(8) == 0)
		window = (uint16_t)below(5000) * (below(4) != 0);
	send_segment(seq, ack, any_flags(), below(3) == 0 ? 0 : any_size(MOST_BYTES), window);
}

static void note(int64_t result, const void *told, uint64_t count)
{
	read_sum = read_sum * 31 + (uint64_t)result;
	if (count > 0)
		read_sum = read_sum * 31 + ft_siphash(&key, told, count);
}

static void note_read(ssize_t result, const void *given, int flags)
{
	const bool has_bytes = result > 0 && !(flags & FT_TCP_RECEIVE_DISCARD);

	note(result, given, has_bytes ? (uint64_t)result : 0);
}

static struct ft_tcp_conn *block(void)
{
	return peer.conn == NULL || ft_anchor_is_at_rest(peer.conn) ? NULL : peer.conn->conn;
}

// As stack/shim/ does.
static void send_as_a_call(const struct iovec *iov)
{
	struct ft_tcp_conn *conn = block();

	if (conn != NULL && ft_tcp_may_send_at_once(&peer.stack, conn, iov->iov_len))
		ft_tcp_send_at_once(&peer.stack, conn, iov->iov_base, iov->iov_len);
	else
		ft_tcp_send(&peer.stack, peer.conn, iov, 1, 0, peer.now);
}

static void receive_as_a_call(const struct iovec *iov)
{
	struct ft_tcp_conn *conn = block();
	const int64_t room_bytes = (int64_t)iov->iov_len;

	if (conn != NULL && ft_tcp_may_receive_at_once(&peer.stack, conn, room_bytes))
		note_read((ssize_t)ft_tcp_receive_at_once(&peer.stack, conn, iov->iov_base),
			iov->iov_base, 0);
	else if (conn != NULL && ft_tcp_is_at_end(&peer.stack, conn, room_bytes))
		note_read(0, iov->iov_base, 0);
	else
		note_read(ft_tcp_receive(&peer.stack, peer.conn, iov, 1, 0, peer.now),
			iov->iov_base, 0);
}

static void change_an_option(void)
{
	struct ft_tcp_options options;

	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	switch (below(9)) {
	case 0:
		options.no_delay = !options.no_delay;
		break;
	case 1:
		options.cork = !options.cork;
		break;
	case 2:
		options.quick_ack = !options.quick_ack;
		break;
	case 3:
		options.keepalive = !options.keepalive;
		options.keepalive_idle = (1 + below(5)) * FT_SECOND;
		break;
	case 4:
		options.oob_inline = !options.oob_inline;
		break;
	case 5:
		options.user_timeout =
			below(20) * 50 * FT_MILLISECOND; // less than the RTO, or more
		break;
	case 6:
		options.receive_buffer = 2048 + below(20000);
		break;
	case 7:
		options.send_buffer = 4096 + below(20000);
		break;
	default:
		options.mss = (uint16_t)(below(2) == 0 ? 0 : 40 + below(1400));
		break;
	}
	peer_set_options(&options);
}

static void ask_epolls(void)
{
	struct epoll_event events[4];
	struct epoll_event again = { .events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT };

	for (uint32_t i = 0; i < 3; i++) {
		int count = ft_interest_collect(&peer.stack, epolls[i], events, 4);

		note(count, events, (uint64_t)count * sizeof(events[0]));
	}
	if (below(2) == 0)
		assert_int_equal(
			ft_interest_modify(&peer.stack, epolls[2], peer.socket, 4, &again), 0);
}

static void make_epolls(void)
{
	const uint32_t wanted[3] = { EPOLLIN | EPOLLRDHUP | EPOLLPRI,
		EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, EPOLLIN | EPOLLONESHOT };

	for (uint32_t i = 0; i < 3; i++) {
		struct epoll_event event = { .events = wanted[i], .data.u32 = i };
		int fd;

		assert_int_equal(ft_interest_create(&peer.stack, &epolls[i], &fd), 0);
		assert_int_equal(
			ft_interest_add(&peer.stack, epolls[i], peer.socket, 4, &event), 0);
	}
}

static void call_something(void)
{
	const struct iovec iov = { buffer, below(2) == 0 ? sizeof(buffer) : any_size(3000) };

	const uint32_t which = below(40);
	const int flags = (int)below(8);

	if (is_slow_reader && which > 4)
		return;
	switch (which) {
	case 0:
		ft_tcp_shutdown(&peer.stack, peer.conn, below(2), below(4) == 0, peer.now);
		break;
	case 1:
		note_read(ft_tcp_receive(&peer.stack, peer.conn, &iov, 1, flags, peer.now),
			iov.iov_base, flags);
		break;
	case 2:
		change_an_option();
		break;
	case 3:
		ask_epolls();
		break;
	default:
		if (below(4) == 0)
			ft_tcp_send(&peer.stack, peer.conn, &iov, 1, (int)below(4), peer.now);
		else if (below(2) == 0)
			send_as_a_call(&iov);
		else
			receive_as_a_call(&iov);
		break;
	}
}

// Somebody else, whose connection comes and goes in the midst of a burst.
static void queue_from_neighbour(void)
{
	static const uint8_t flags[] = { SYN, SYN, ACK, RST, RST | ACK, FIN | ACK };
	const struct peer_segment segment = {
		.seq = below(2),
		.flags = flags[below(6)],
		.from_port = (uint16_t)(50000 + below(4)),
	};

	peer_queue(&segment);
}

static void send_burst(void)
{
	is_in_burst = true;
	for (uint32_t count = 1 + below(12); count > 0; count--) {
		if (below(12) == 0)
			queue_from_neighbour();
		else
			send_something();
	}
	is_in_burst = false;
	peer_turn();
}

static void do_something(void)
{
	const uint32_t what = below(100);
	const ft_time pause = below(400) * FT_MILLISECOND;

	if (what < 50) {
		send_something();
	} else if (what < 70) {
		send_burst();
	} else if (what < 95) {
		call_something();
		peer_turn();
	} else {
		clock_ms += pause / FT_MILLISECOND;
		peer_pass(pause);
	}
}

// What the peer sees of the last step.
static void listen_to_answers(void)
{
	if (peer_take_all() == 0 || (peer.last.flags & (RST | SYN)))
		return;
	if (peer.last.flags & ACK)
		theirs = peer.last.ack - peer.peer_iss;
	ours = peer.last.seq + peer.last.length - peer.iss;
}

// Between its members, where a compiler may leave what it likes.
static void clear_hole(struct ft_cc *cc)
{
	bool *before = &cc->is_after_timeout;

	memset(before + 1, 0, (size_t)((uint8_t *)cc->room - (uint8_t *)(before + 1)));
}

// The short way copies more than there is, where there is room.
static void clear_few(struct ft_receive_queue *queue)
{
	memset(queue->few, 0, queue->few_first);
	memset(queue->few + queue->few_end, 0, sizeof(queue->few) - queue->few_end);
}

// The short way leaves it out until it matters.
static void make_up_user_timeout(struct ft_tcp_conn *conn)
{
	ft_time *deadline = &conn->deadlines[FT_TCP_TIMER_USER];

	if (*deadline == FT_NEVER && ft_conn_has_in_flight(conn))
		*deadline = conn->last_sent + ft_tcp_timers_user_timeout(&peer.stack, conn);
}

static struct ft_tcp_conn without_pointers(const struct ft_tcp_conn *conn)
{
	struct ft_tcp_conn copy;

	memcpy(&copy, conn, sizeof(copy));
	copy.send_queue.packets.first = copy.send_queue.packets.last = copy.send_queue.cursor =
		NULL;
	copy.receive_queue.packets.first = copy.receive_queue.packets.last = NULL;
	copy.reorder.first_block = copy.reorder.last_block = NULL;
	copy.timer.node = copy.owing_node = copy.queue_node = (struct ft_list){ 0 };
	copy.receive_memory.held = NULL;
	copy.head_number = 0;
	copy.anchor = NULL;
	copy.listener = NULL;
	copy.socket = NULL;
	clear_hole(&copy.cc);
	clear_few(&copy.receive_queue);
	make_up_user_timeout(&copy);
	return copy;
}

static uint64_t mix(uint64_t so_far, const void *bytes, size_t count)
{
	return so_far * 31 + ft_siphash(&key, bytes, count);
}

// All that was sent, dropped and counted so far.
static uint64_t digest_of_stack(void)
{
	const struct ft_counters *counters = &peer.stack.counters;
	uint64_t sum = mix(0, counters, sizeof(*counters));

	sum = mix(sum, &peer.last.seq, sizeof(peer.last.seq));
	sum = mix(sum, &peer.last.ack, sizeof(peer.last.ack));
	sum = mix(sum, &peer.last.ts_echo, sizeof(peer.last.ts_echo));
	sum = mix(sum, &peer.last.window, sizeof(peer.last.window));
	sum = mix(sum, &peer.last.flags, sizeof(peer.last.flags));
	sum = mix(sum, &peer.last_at, sizeof(peer.last_at));
	sum = mix(sum, &peer.heard, sizeof(peer.heard));
	sum = mix(sum, &read_sum, sizeof(read_sum));
	sum = mix(sum, &peer.stack.sockets->notifications, sizeof(uint64_t));
	return sum;
}

// And the connection as it is.
static uint64_t digest(void)
{
	uint64_t sum = digest_of_stack();

	sum = mix(sum, &(uint32_t){ ft_tcp_readiness(peer.conn) }, sizeof(uint32_t));
	if (!ft_anchor_is_at_rest(peer.conn)) {
		struct ft_tcp_conn copy = without_pointers(peer.conn->conn);

		sum = mix(sum, &copy, sizeof(copy));
	}
	return sum;
}

static void run(uint32_t seed, bool general, uint64_t *digests)
{
	ft_random_init(&chance, seed);
	has_timestamps = seed % 2;
	theirs = ours = 1;
	is_slow_reader = seed % 4 < 2;
	clock_ms = UINT32_MAX - 200; // it wraps on the way
	peer.config.tcp.receive_buffer = seed % 8 < 6 ? 8192 : 64 * 1024;
	peer.config.tcp.delayed_ack = seed % 16 == 3 ? 0 : 40 * FT_MILLISECOND;
	peer_restart();
	peer.is_vouched_for = seed / 2 % 2;
	peer.mbuf_bytes = seed % 8 == 5 ? 60 : 0; // in chains
	peer.stack.trace = general ? UINT32_C(1) << 31 : 0;
	read_sum = 0;
	for (uint32_t i = 0; i < sizeof(buffer); i++)
		buffer[i] = (uint8_t)(i % 251);
	make_epolls();
	ESTABLISH(.options = has_timestamps ? FT_TCP_HAS_TIMESTAMP : 0, .ts_value = clock_ms);
	for (uint32_t step = 0; step < STEPS; step++) {
		do_something();
		listen_to_answers();
		clock_ms++;
		digests[step] = digest();
	}
}

static void any_segments_predicted_or_not_come_to_the_same(void **state)
{
	static uint64_t predicted[STEPS], general[STEPS];
	const char *range = getenv("FT_PREDICTION_SEEDS");
	uint32_t first = 1, last = 100;

	ft_random_init(&chance, 1);
	ft_hash_key_init(&key, &chance);
	for (uint32_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)(1 + below(255));
	if (range != NULL)
		assert_int_equal(sscanf(range, "%u-%u", &first, &last), 2);
	for (uint32_t seed = first; seed <= last; seed++) {
		run(seed, false, predicted);
		run(seed, true, general);
		for (uint32_t step = 0; step < STEPS; step++)
			if (predicted[step] != general[step])
				fail_msg("seed %u, step %u: not the same", seed, step);
	}
}

// ---- from the SYN to the end ----

static struct ft_tcp_conn *only_block(void)
{
	return ft_pool_at(&peer.stack.tcp.conns, 0);
}

static uint64_t digest_of_life(void)
{
	const struct ft_tcp *tcp = &peer.stack.tcp;
	uint64_t sum = mix(digest_of_stack(), tcp->in_state, sizeof(tcp->in_state));

	sum = mix(sum, &peer.stack.wheel.timer_count, sizeof(peer.stack.wheel.timer_count));
	if (only_block()->state != FT_TCP_CLOSED || tcp->in_state[FT_TCP_CLOSED] > 0) {
		struct ft_tcp_conn copy = without_pointers(only_block());

		sum = mix(sum, &copy, sizeof(copy));
	}
	return sum;
}

static bool is_connecting; // not listening

// Where the stack has sent its own, its answer, or one at the same time.
static void send_syn(void)
{
	const struct ft_tcp_conn *conn = only_block();
	const uint8_t timestamp = has_timestamps ? FT_TCP_HAS_TIMESTAMP : 0;
	const bool is_answer = conn->state == FT_TCP_SYN_SENT && below(3) > 0;

	SEND(.seq = theirs, .ack = is_answer ? conn->snd.max - peer.iss : 0,
		.flags = is_answer ? SYN | ACK : SYN,
		.options = timestamp | FT_TCP_HAS_WINDOW_SCALE, .window_scale = 2,
		.ts_value = clock_ms);
}

// What comes next of an honest peer, mostly.
static void send_next(uint8_t flags, uint32_t bytes)
{
	const struct ft_tcp_conn *conn = only_block();

	theirs = conn->rcv.nxt - peer.peer_iss - (below(20) == 0);
	theirs += below(20) == 0 ? below(12) : 0; // a FIN, too, comes before its time
	ours = conn->snd.max - peer.iss - (below(12) == 0 ? below(3) - 1 : 0);
	send_segment(theirs, ours, flags, bytes, below(5) == 0 ? below(3) : PEER_WINDOW);
}

// Behind what may change the table in the same burst.
static void send_behind_a_neighbour(uint8_t flags, uint32_t bytes)
{
	is_in_burst = true;
	queue_from_neighbour();
	send_next(flags, bytes);
	if (below(2) == 0)
		send_next(any_flags(), below(3));
	is_in_burst = false;
	peer_turn();
}

static void use_socket(void)
{
	uint8_t bytes[100] = { 0 };
	const struct iovec iov = { bytes, 1 + below(sizeof(bytes)) };

	if (peer.conn == NULL) {
		if (!is_connecting && ft_tcp_has_waiting(peer.listener))
			peer_accept();
		return;
	}
	switch (below(8)) {
	case 0:
		if (below(2) == 0)
			ft_tcp_send(&peer.stack, peer.conn, &iov, 1, 0, peer.now);
		peer_close();
		break;
	case 1:
		ft_tcp_shutdown(&peer.stack, peer.conn, below(8) == 0, true, peer.now);
		break;
	case 2:
	case 3:
		send_as_a_call(&iov);
		break;
	default:
		receive_as_a_call(&iov);
		break;
	}
	peer_turn();
}

static void send_any(void)
{
	const enum ft_tcp_state state = only_block()->state;
	const uint32_t what = below(12);

	if (state == FT_TCP_CLOSED || state == FT_TCP_SYN_SENT || what == 0)
		send_syn();
	else if (what < 8)
		send_next(ACK, 0);
	else if (what < 10)
		send_next(FIN | ACK, below(3) == 0 ? below(10) : 0);
	else
		send_next(any_flags(), below(100));
}

static void send_any_burst(void)
{
	is_in_burst = true;
	for (uint32_t count = 1 + below(6); count > 0; count--)
		send_any();
	is_in_burst = false;
	peer_turn();
}

// ---- for a while there is no packet to send in, or the NIC takes none ----

static struct rte_mbuf *kept[PEER_PACKETS + 1];
static uint32_t kept_count;

static void keep_all_packets(void)
{
	while ((kept[kept_count] = rte_pktmbuf_alloc(peer.stack.send_pool)) != NULL)
		kept_count++;
}

static void end_shortage(void)
{
	while (kept_count > 0)
		rte_pktmbuf_free(kept[--kept_count]);
	peer.is_nic_busy = false;
}

static void change_supply(void)
{
	switch (below(40)) {
	case 0:
		keep_all_packets();
		break;
	case 1:
		peer.is_nic_busy = true;
		break;
	default:
		if (below(4) == 0)
			end_shortage();
		break;
	}
}

static bool may_connect(void)
{
	return is_connecting && peer.conn == NULL && peer.stack.tcp.anchors.in_use == 0;
}

static void live(void)
{
	const uint32_t what = below(24);

	change_supply();
	if (may_connect() && what < 10) {
		peer_connect();
	} else if (what < 8) {
		send_any();
	} else if (what < 12) {
		send_any_burst();
	} else if (what < 19) {
		use_socket();
	} else if (what < 23) {
		send_behind_a_neighbour(below(2) == 0 ? ACK : FIN | ACK, below(10) * below(2));
	} else {
		end_shortage();
		peer_pass(below(3) == 0 ? 61 * FT_SECOND : below(100) * FT_MILLISECOND);
	}
	peer_take_all();
	clock_ms++;
}

static void run_lives(uint32_t seed, bool general, uint64_t *digests)
{
	ft_random_init(&chance, seed);
	has_timestamps = seed % 2;
	theirs = 0;
	clock_ms = UINT32_MAX - 100;
	read_sum = 0;
	peer_restart();
	peer.is_vouched_for = seed / 2 % 2;
	peer.conn = NULL;
	peer.last = (struct ft_segment){ 0 };
	peer.last_at = 0;
	peer.stack.trace = general ? UINT32_C(1) << 31 : 0;
	is_connecting = seed % 8 > 5;
	if (!is_connecting)
		peer_listen();
	if (seed % 4 == 0)
		ft_tcp_set_backlog(peer.listener, 0);
	for (uint32_t step = 0; step < STEPS; step++) {
		live();
		digests[step] = digest_of_life();
	}
	end_shortage();
	peer_turn();
	peer_take_all();
}

static void any_lives_predicted_or_not_come_to_the_same(void **state)
{
	static uint64_t predicted[STEPS], general[STEPS];
	uint64_t ended = 0;

	memset(text, 'p', MOST_BYTES);
	ft_random_init(&chance, 1);
	ft_hash_key_init(&key, &chance);
	for (uint32_t seed = 1; seed <= 200; seed++) {
		run_lives(seed, false, predicted);
		run_lives(seed, true, general);
		for (uint32_t step = 0; step < STEPS; step++)
			if (predicted[step] != general[step])
				fail_msg("seed %u, step %u: not the same", seed, step);
		ended += peer.stack.counters.count[FT_COUNTER_TCP_CONNECTIONS_CLOSED];
	}
	assert_true(ended > 400);
}

// ---- what is rare beside the short ways, by name ----

#define STAMPED .options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1000, .ts_echo = peer.last.ts_value
#define USUAL_SYN                                          \
	.flags = SYN, .window_scale = 7, .ts_value = 1000, \
	.options = FT_TCP_HAS_TIMESTAMP | FT_TCP_HAS_WINDOW_SCALE | FT_TCP_HAS_SACK_PERMITTED

static void begin_to_open(void)
{
	SEND(USUAL_SYN);
	peer_take_all();
	peer.iss = only_block()->snd.iss;
}

static void open_fully(void)
{
	begin_to_open();
	SEND(.seq = 1, .ack = 1, .flags = ACK, STAMPED);
	assert_int_equal(only_block()->state, FT_TCP_ESTABLISHED);
}

// What was queued arrives, and leaves one connection, in SYN-RECEIVED.
static void expect_one_that_opens(void)
{
	peer_turn();
	assert_int_equal(peer.stack.tcp.in_state[FT_TCP_SYN_RECEIVED], 1);
	assert_int_equal(peer.stack.tcp.anchors.in_use, 1);
}

static void syn_twice_in_a_burst(void)
{
	QUEUE(USUAL_SYN);
	QUEUE(USUAL_SYN);
	expect_one_that_opens();
}

static void fin(void)
{
	open_fully();
	SEND(.seq = 1, .ack = 1, .flags = FIN | ACK, STAMPED);
	assert_int_equal(only_block()->state, FT_TCP_CLOSE_WAIT);
	SEND(.seq = 1, .ack = 1, .flags = FIN | ACK, STAMPED); // once more
	assert_int_equal(only_block()->state, FT_TCP_CLOSE_WAIT);
}

static void fin_before_its_time(void)
{
	open_fully();
	SEND(.seq = 3, .ack = 1, .flags = FIN | ACK, STAMPED);
	assert_int_equal(only_block()->state, FT_TCP_ESTABLISHED);
}

static void fin_beside_text(void)
{
	open_fully();
	SEND(.seq = 1, .ack = 1, .flags = FIN | ACK, .text = "ab", STAMPED);
	assert_int_equal(only_block()->state, FT_TCP_CLOSE_WAIT);
	assert_int_equal(only_block()->rcv.nxt - peer.peer_iss, 4);
}

static void wrong_ack_of_our_syn(void)
{
	begin_to_open();
	SEND(.seq = 1, .ack = 2, .flags = ACK, STAMPED);
	assert_int_equal(only_block()->state, FT_TCP_SYN_RECEIVED);
}

static void ack_of_our_syn_with_text(void)
{
	begin_to_open();
	SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "ab", STAMPED);
	assert_int_equal(only_block()->state, FT_TCP_ESTABLISHED);
	assert_int_equal(only_block()->rcv.nxt - peer.peer_iss, 3);
}

static void close_first(void)
{
	open_fully();
	peer_accept();
	peer_close();
	peer_take_all();
	assert_int_equal(only_block()->state, FT_TCP_FIN_WAIT_1);
}

static void close_second(void)
{
	fin();
	peer_accept();
	peer_close();
	peer_take_all();
	assert_int_equal(only_block()->state, FT_TCP_LAST_ACK);
}

static void fin_that_acknowledges_ours(void)
{
	close_first();
	SEND(.seq = 1, .ack = 2, .flags = FIN | ACK, STAMPED);
	assert_int_equal(only_block()->state, FT_TCP_TIME_WAIT);
	SEND(.seq = 1, .ack = 2, .flags = FIN | ACK, STAMPED); // once more
	SEND(.seq = 2, .ack = 2, .flags = ACK, STAMPED);
	assert_int_equal(only_block()->state, FT_TCP_TIME_WAIT);
}

static void fin_behind_the_ack_of_ours(void)
{
	close_first();
	SEND(.seq = 1, .ack = 2, .flags = ACK, STAMPED);
	assert_int_equal(only_block()->state, FT_TCP_FIN_WAIT_2);
	SEND(.seq = 1, .ack = 2, .flags = FIN | ACK, STAMPED);
	assert_int_equal(only_block()->state, FT_TCP_TIME_WAIT);
}

static void both_fins_at_once(void)
{
	close_first();
	SEND(.seq = 1, .ack = 1, .flags = FIN | ACK, STAMPED);
	assert_int_equal(only_block()->state, FT_TCP_CLOSING);
	SEND(.seq = 2, .ack = 1, .flags = ACK, STAMPED); // of what came before
	assert_int_equal(only_block()->state, FT_TCP_CLOSING);
	SEND(.seq = 2, .ack = 2, .flags = ACK, STAMPED);
	assert_int_equal(only_block()->state, FT_TCP_TIME_WAIT);
}

static void last_ack(void)
{
	close_second();
	SEND(.seq = 2, .ack = 1, .flags = ACK, STAMPED); // of what came before
	assert_int_equal(only_block()->state, FT_TCP_LAST_ACK);
	SEND(.seq = 2, .ack = 2, .flags = ACK, STAMPED);
	assert_int_equal(peer.stack.tcp.anchors.in_use, 0);
}

// What the SYN was looked up for ends before it, or waits in TIME-WAIT by then.
static void syn_behind_the_last_ack_in_a_burst(void)
{
	close_second();
	QUEUE(.seq = 2, .ack = 2, .flags = ACK, STAMPED);
	QUEUE(.seq = 100000, USUAL_SYN);
	expect_one_that_opens();
}

static void syn_behind_the_last_fin_in_a_burst(void)
{
	close_first();
	QUEUE(.seq = 1, .ack = 2, .flags = FIN | ACK, STAMPED);
	QUEUE(.seq = 100000, USUAL_SYN);
	expect_one_that_opens();
}

static uint64_t digest_of_scene(void (*scene)(void), bool general)
{
	read_sum = 0;
	peer_restart();
	peer.is_vouched_for = true;
	peer.conn = NULL;
	peer.last = (struct ft_segment){ 0 };
	peer.last_at = 0;
	peer.stack.trace = general ? UINT32_C(1) << 31 : 0;
	peer_listen();
	scene();
	peer_take_all();
	return digest_of_life();
}

static void rare_segments_predicted_or_not_come_to_the_same(void **state)
{
	void (*const scenes[])(void) = { syn_twice_in_a_burst, fin, fin_before_its_time,
		fin_beside_text, wrong_ack_of_our_syn, ack_of_our_syn_with_text,
		fin_that_acknowledges_ours, fin_behind_the_ack_of_ours, both_fins_at_once, last_ack,
		syn_behind_the_last_ack_in_a_burst, syn_behind_the_last_fin_in_a_burst };

	ft_random_init(&chance, 1);
	ft_hash_key_init(&key, &chance);
	for (uint32_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		if (digest_of_scene(scenes[i], false) != digest_of_scene(scenes[i], true))
			fail_msg("scene %u: not the same", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(any_segments_predicted_or_not_come_to_the_same),
		PEER_TEST(rare_segments_predicted_or_not_come_to_the_same),
		PEER_TEST(any_lives_predicted_or_not_come_to_the_same),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name(
		"tcp/prediction", tests, peer_make_pools, peer_free_pools);
}
