// The application's calls (RFC 9293 3.9.1) and what they tell, as far as segments do not show it.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "tcp/conn.h"

#include "peer.h"

static ssize_t send_flagged(const char *text, int flags)
{
	const struct iovec iov = { (void *)text, strlen(text) };
	const ssize_t sent = ft_tcp_send(&peer.stack, peer.conn, &iov, 1, flags, peer.now);

	peer_turn();
	return sent;
}

static ssize_t receive(char *to, size_t bytes, int flags)
{
	const struct iovec iov = { to, bytes };

	return ft_tcp_receive(&peer.stack, peer.conn, &iov, 1, flags, peer.now);
}

static void set_options(const struct ft_tcp_options *options)
{
	peer_set_options(options);
	peer_turn();
}

static uint32_t readiness(void)
{
	return ft_tcp_readiness(peer.conn) & ~(EPOLLRDNORM | EPOLLWRNORM);
}

// ---- SEND ----

static void syn_sent_send_waits(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	assert_int_equal(send_flagged("early", 0), -EAGAIN);
	assert_int_equal(readiness(), 0);
	SEND(.ack = 1, .flags = SYN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	assert_int_equal(readiness(), EPOLLOUT);
}

static void established_send_after_shutdown_is_a_broken_pipe(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_shutdown();
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
	assert_int_equal(send_flagged("late", 0), -EPIPE);
}

static void write_and_see(const char *text, uint32_t seq, uint8_t ttl, uint8_t tos)
{
	assert_int_equal(send_flagged(text, 0), 1);
	peer_turn();
	EXPECT(.seq = seq, .ack = 1, .flags = PSH | ACK, .text = text);
	assert_int_equal(peer.last_ttl, ttl);
	assert_int_equal(peer.last_tos, tos);
	SEND(.seq = 1, .ack = seq + 1, .flags = ACK);
}

static void established_ttl_and_tos_count_from_the_next_segment_on(void **state)
{
	struct ft_tcp_options options;

	peer_enter(FT_TCP_ESTABLISHED);
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	write_and_see("a", 1, 64, 0);
	options.ttl = 9;
	set_options(&options);
	write_and_see("b", 2, 9, 0);
	options.tos = 8;
	set_options(&options);
	write_and_see("c", 3, 9, 8);
	options.ttl = options.tos = 0;
	set_options(&options);
	write_and_see("d", 4, 64, 0);
}

static void established_full_send_buffer_takes_what_fits(void **state)
{
	static uint8_t bytes[10000];
	const struct iovec iov = { bytes, sizeof(bytes) };

	peer.config.tcp.send_buffer = 4096;
	peer_restart();
	ESTABLISH(.is_window_shut = true);
	assert_int_equal(ft_tcp_send(&peer.stack, peer.conn, &iov, 1, 0, peer.now), 4096);
	assert_int_equal(ft_tcp_send(&peer.stack, peer.conn, &iov, 1, 0, peer.now), -EAGAIN);
	assert_int_equal(readiness(), 0);
	assert_int_equal(ft_tcp_unsent_bytes(peer.conn), 4096);
	assert_int_equal(ft_tcp_unacked_bytes(peer.conn), 4096);
}

static uint32_t write_all_that_fits(void)
{
	static uint8_t bytes[1 << 17];
	const struct iovec iov = { bytes, sizeof(bytes) };

	return (uint32_t)ft_tcp_send(&peer.stack, peer.conn, &iov, 1, 0, peer.now);
}

// One with a send buffer of 28,500 bytes fills it; `segments` of 1,000 are acknowledged, one by one. It
// began with a window of 10, so that its buffer is to be 20,000 bytes and 2,000 for each.
static void fill_send_buffer(uint32_t segments)
{
	peer.config.tcp.send_buffer = 28500;
	peer_restart();
	ESTABLISH();
	assert_int_equal(write_all_that_fits(), 28500);
	peer_turn();
	for (uint32_t i = 1; i <= segments; i++)
		SEND(.seq = 1, .ack = 1 + 1000 * i, .flags = ACK);
	peer_take_all();
}

static void established_send_buffer_grows_with_cwnd(void **state)
{
	fill_send_buffer(9);
	assert_int_equal(write_all_that_fits(), 20000 + 9 * 2000 - (28500 - 9 * 1000));
	peer_turn();
	peer_take_all();
}

// After the seventh 21,500 bytes are left: more than two thirds of 32,000, less than of 34,000.
static void established_send_buffer_that_grows_wakes_the_writer(void **state)
{
	uint64_t notified;

	fill_send_buffer(6);
	assert_int_equal(readiness(), 0);
	notified = peer.stack.sockets->notifications;
	SEND(.seq = 1, .ack = 1 + 7000, .flags = ACK);
	assert_int_equal(readiness(), EPOLLOUT);
	assert_int_equal(peer.stack.sockets->notifications, notified + 1);
	peer_take_all();
}

static void established_send_buffer_grows_no_further_than_its_maximum(void **state)
{
	peer.config.tcp.send_buffer_max = 30000;
	fill_send_buffer(9);
	assert_int_equal(write_all_that_fits(), 30000 - (28500 - 9 * 1000));
	peer_turn();
	peer_take_all();
}

static void established_send_buffer_does_not_grow_while_packets_are_scarce(void **state)
{
	const uint64_t most = PEER_PACKETS - PEER_PACKETS / 4;

	fill_send_buffer(0);
	assert_int_equal(peer.stack.send_held.limit, most);
	peer.stack.send_held.limit = peer.stack.send_held.used + 1; // others hold the rest
	for (uint32_t i = 1; i <= 9; i++)
		SEND(.seq = 1, .ack = 1 + 1000 * i, .flags = ACK);
	peer.stack.send_held.limit = most;
	assert_int_equal(write_all_that_fits(), 9000);
	peer_turn();
	peer_take_all();
}

static void established_send_buffer_that_was_set_does_not_grow(void **state)
{
	struct ft_tcp_options options;

	fill_send_buffer(0);
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.is_send_buffer_set = true;
	set_options(&options);
	for (uint32_t i = 1; i <= 9; i++)
		SEND(.seq = 1, .ack = 1 + 1000 * i, .flags = ACK);
	peer_take_all();
	assert_int_equal(write_all_that_fits(), 9000);
	options.send_buffer = 50000;
	set_options(&options);
	assert_int_equal(write_all_that_fits(), 50000 - 28500);
	peer_turn();
	peer_take_all();
}

static void established_more_waits_for_the_rest(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	send_flagged("one", FT_TCP_SEND_MORE);
	EXPECT_NOTHING;
	send_flagged("two", 0);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "onetwo");
}

static void established_more_alone_goes_after_200_ms(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	send_flagged("one", FT_TCP_SEND_MORE);
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "one");
	SEND(.seq = 1, .ack = 4, .flags = ACK);
	peer_pass(10 * FT_SECOND);
}

// What was held back long enough once is not held back again when it is lost.
static void established_more_alone_is_sent_again_when_lost(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	send_flagged("one", FT_TCP_SEND_MORE);
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "one");
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "one");
	SEND(.seq = 1, .ack = 4, .flags = ACK);
}

// As on Linux: MSG_MORE speaks for its own call; an ACK sends what Nagle allows.
static void established_more_goes_with_the_next_ack(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(2000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1001, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
	send_flagged("more", FT_TCP_SEND_MORE);
	EXPECT_NOTHING;
	SEND(.seq = 1, .ack = 1001, .flags = ACK);
	EXPECT(.seq = 2001, .ack = 1, .flags = PSH | ACK, .text = "more");
}

static void established_cork_holds_until_it_is_pulled(void **state)
{
	struct ft_tcp_options options;

	peer_enter(FT_TCP_ESTABLISHED);
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.cork = true;
	set_options(&options);
	peer_write("head");
	peer_write("body");
	EXPECT_NOTHING;
	options.cork = false;
	set_options(&options);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "headbody");
}

// tcp(7): for 200 ms at most, also where a retransmission would be later (here after 900 ms).
static void established_cork_holds_no_longer_than_200_ms(void **state)
{
	struct ft_tcp_options options;

	peer_listen();
	SEND(.flags = SYN);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	peer_pass(300 * FT_MILLISECOND);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	peer_accept();
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.cork = true;
	set_options(&options);
	peer_write("head");
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "head");
}

static void established_no_delay_releases_what_nagle_holds(void **state)
{
	struct ft_tcp_options options;

	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("a");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "a");
	peer_write("b");
	EXPECT_NOTHING;
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.no_delay = true;
	set_options(&options);
	EXPECT(.seq = 2, .ack = 1, .flags = PSH | ACK, .text = "b");
}

// tcp(7): setting TCP_NODELAY flushes, even if TCP_CORK is set; what is written then is held again.
static void established_flush_goes_through_the_cork(void **state)
{
	struct ft_tcp_options options;

	peer_enter(FT_TCP_ESTABLISHED);
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.cork = true;
	set_options(&options);
	peer_write("head");
	EXPECT_NOTHING;
	ft_tcp_flush(&peer.stack, peer.conn);
	peer_turn();
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "head");
	peer_write("body");
	EXPECT_NOTHING;
}

static void established_urgent_send_points_behind_its_last_byte(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	send_flagged("stop", FT_TCP_SEND_URGENT);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK | URG, .text = "stop", .urgent = 4);
	SEND(.seq = 1, .ack = 5, .flags = ACK);
	send_flagged("plain", 0);
	EXPECT(.seq = 5, .ack = 1, .flags = PSH | ACK, .text = "plain");
}

// Without packet buffers nothing is lost: the application is told when there are some again.
static void established_no_packet_buffers_makes_the_writer_wait(void **state)
{
	static const char text[] =
		"more than the few bytes that a send queue has room for without any "
		"packet buffer";
	const uint64_t limit = peer.stack.send_held.limit;

	peer_enter(FT_TCP_ESTABLISHED);
	peer.stack.send_held.limit = 0;
	assert_int_equal(send_flagged(text, 0), -EAGAIN);
	assert_int_equal(readiness(), 0);
	peer.stack.send_held.limit = limit;
	peer_turn();
	assert_int_equal(readiness(), EPOLLOUT);
	assert_int_equal(send_flagged(text, 0), strlen(text));
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = text);
}

static void established_few_bytes_need_no_packet_buffer_to_wait(void **state)
{
	const uint64_t limit = peer.stack.send_held.limit;

	peer_enter(FT_TCP_ESTABLISHED);
	peer.stack.send_held.limit = 0;
	assert_int_equal(send_flagged("hello", 0), 5);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	peer_pass(FT_SECOND / 2);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	SEND(.seq = 1, .ack = 6, .flags = ACK);
	EXPECT_NOTHING;
	peer.stack.send_held.limit = limit;
}

// Zero bytes, one, as many as need no packet, and one more; in one buffer or two, alone and behind others.
static void established_writes_of_every_size_are_taken_and_sent(void **state)
{
	static const uint32_t sizes[] = { 1, 0, FT_SEND_QUEUE_FEW - 1, FT_SEND_QUEUE_FEW, 0,
		FT_SEND_QUEUE_FEW + 1, 1 };
	static char bytes[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ,.;:-_";

	for (int buffers = 1; buffers <= 2; buffers++) {
		uint32_t at = 1;

		peer_restart();
		ESTABLISH(.window = 0);
		for (size_t i = 0; i < RTE_DIM(sizes); i++) {
			const struct iovec iov[] = { { bytes, sizes[i] - sizes[i] / 2 },
				{ bytes + sizes[i] - sizes[i] / 2, sizes[i] / 2 } };
			const struct iovec whole = { bytes, sizes[i] };

			assert_int_equal(ft_tcp_send(&peer.stack, peer.conn,
						 buffers == 1 ? &whole : iov, buffers, 0, peer.now),
				sizes[i]);
			peer_turn();
			if (sizes[i] == 0)
				continue;
			bytes[sizes[i]] = 0;
			EXPECT(.seq = at, .ack = 1, .flags = PSH | ACK, .text = bytes);
			bytes[sizes[i]] = '+';
			at += sizes[i];
			SEND(.seq = 1, .ack = at, .flags = ACK);
		}
	}
}

static void established_pending_error_is_told_once_by_a_write(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer.conn->conn->error = EHOSTUNREACH;
	assert_int_equal(send_flagged("lost", 0), -EHOSTUNREACH);
	EXPECT_NOTHING;
	assert_int_equal(send_flagged("a", 0), 1);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "a");
}

static void established_short_writes_queue_up_behind_each_other(void **state)
{
	const struct iovec iov = { "0123456789", 10 };

	ESTABLISH(.is_window_shut = true);
	for (uint32_t i = 1; i <= 20; i++) {
		assert_int_equal(
			ft_tcp_send(&peer.stack, peer.conn, &iov, 1, 0, peer.now), iov.iov_len);
		assert_int_equal(ft_tcp_unsent_bytes(peer.conn), i * iov.iov_len);
		assert_int_equal(peer.stack.send_held.used, i * iov.iov_len > FT_SEND_QUEUE_FEW);
	}
	assert_int_equal(ft_tcp_send(&peer.stack, peer.conn, NULL, 0, 0, peer.now), 0);
}

static void established_empty_pool_delays_the_segment(void **state)
{
	static struct rte_mbuf *taken[PEER_PACKETS];
	uint32_t count;

	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("a");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "a");
	peer_write("b"); // held back by Nagle
	for (count = 0; (taken[count] = rte_pktmbuf_alloc(peer.stack.send_pool)) != NULL; count++)
		;
	SEND(.seq = 1, .ack = 2, .flags = ACK);
	EXPECT_NOTHING;
	rte_pktmbuf_free_bulk(taken, count);
	peer_pass(FT_MILLISECOND);
	EXPECT(.seq = 2, .ack = 1, .flags = PSH | ACK, .text = "b");
}

// ---- RECEIVE ----

static void established_peek_leaves_and_discard_takes(void **state)
{
	char got[8] = { 0 };

	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK | PSH, .text = "abcdef");
	assert_int_equal(ft_tcp_readable_bytes(peer.conn), 6);
	assert_int_equal(receive(got, 3, FT_TCP_RECEIVE_PEEK), 3);
	assert_memory_equal(got, "abc", 3);
	assert_int_equal(receive(got, 2, FT_TCP_RECEIVE_DISCARD), 2);
	assert_int_equal(receive(got, 8, 0), 4);
	assert_memory_equal(got, "cdef", 4);
	assert_int_equal(receive(got, 8, 0), -EAGAIN);
	peer_pass(FT_SECOND);
	EXPECT(.seq = 1, .ack = 7, .flags = ACK);
}

// One to three packets into buffers of every size, with room for more in a second one or without.
static void established_reads_of_every_size_give_the_stream(void **state)
{
	static const uint32_t rooms[] = { 0, 1, 999, 1000, 1001, 1999, 2000, 3000, 4000 };

	for (uint32_t packets = 1; packets <= 3; packets++) {
		for (size_t i = 0; i < RTE_DIM(rooms) * 2; i++) {
			char got[2][4000];
			const int buffers = 1 + i % 2;
			const struct iovec iov[] = { { got[0], rooms[i / 2] }, { got[1], 1 } };
			const uint32_t room = rooms[i / 2] + (buffers - 1);
			const uint32_t count = RTE_MIN(room, packets * 1000);

			peer_restart();
			ESTABLISH(.window = 0);
			peer.mbuf_bytes = i / 2 % 2 == 0 ? 0 : 300; // in chains
			for (uint32_t k = 0; k < packets; k++)
				SEND(.seq = 1 + k * 1000, .ack = 1, .flags = ACK, .bytes = 1000);
			assert_int_equal(
				ft_tcp_receive(&peer.stack, peer.conn, iov, buffers, 0, peer.now),
				count);
			assert_int_equal(ft_tcp_readable_bytes(peer.conn), packets * 1000 - count);
			for (uint32_t k = 0; k < count; k++)
				assert_int_equal(
					(uint8_t)(k < iov[0].iov_len ? got[0][k] : got[1][0]),
					k % 251);
			peer_take_all();
		}
	}
	peer.mbuf_bytes = 0;
}

static void established_shut_reading_ends_the_stream_and_acks_on(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	assert_int_equal(ft_tcp_shutdown(&peer.stack, peer.conn, true, false, peer.now), 0);
	peer_expect_read_error(0);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "unwanted");
	peer_expect_read_error(0);
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 9, .flags = ACK);
}

static void established_full_stack_refuses_and_takes_it_when_it_comes_again(void **state)
{
	const uint64_t limit = peer.stack.receive_held.mbufs.limit;

	peer_enter(FT_TCP_ESTABLISHED);
	peer.stack.receive_held.mbufs.limit = 0;
	assert_int_equal(
		SEND(.seq = 1, .ack = 1, .flags = ACK, .bytes = 500), FT_DROP_RECEIVE_MEMORY);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	peer.stack.receive_held.mbufs.limit = limit;
	SEND(.seq = 1, .ack = 1, .flags = ACK, .bytes = 500);
	peer_expect_read_bytes(500);
	QUIET(40 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 501, .flags = ACK);
}

// What waits behind a gap gives way to what fills it.
static void established_gap_fills_though_memory_is_short(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	SEND(.seq = 3001, .ack = 1, .flags = ACK, .bytes = 1000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	peer.stack.receive_held.mbufs.limit = peer.stack.receive_held.mbufs.used;
	SEND(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	assert_true(peer_has_sent());
	peer_pass(FT_SECOND);
	assert_true(ft_tcp_readable_bytes(peer.conn) >= 1000);
	EXPECT(.seq = 1, .ack = 1 + ft_tcp_readable_bytes(peer.conn), .flags = ACK);
	peer_expect_read_bytes(ft_tcp_readable_bytes(peer.conn));
}

// ---- what it is ready for ----

static void readiness_follows_the_states(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	assert_int_equal(readiness(), EPOLLOUT);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "x");
	assert_int_equal(readiness(), EPOLLIN | EPOLLOUT);
	SEND(.seq = 2, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 3, .flags = ACK);
	assert_int_equal(readiness(), EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	peer_shutdown();
	EXPECT(.seq = 1, .ack = 3, .flags = FIN | ACK);
	assert_int_equal(readiness(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
}

static void reset_is_told_once(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .flags = RST);
	assert_int_equal(readiness(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
	peer_expect_read_error(-ECONNRESET);
	peer_expect_read_error(0);
	assert_int_equal(send_flagged("x", 0), -EPIPE);
}

// Linux too gives what had arrived before the reset is told.
static void reset_leaves_what_was_received(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "last");
	SEND(.seq = 5, .ack = 1, .flags = RST | ACK);
	peer_expect_read("last");
	peer_expect_read_error(-ECONNRESET);
}

// RFC 7323 3.2: a reset should carry the timestamp, too.
static void established_abort_resets_with_a_timestamp(void **state)
{
	ESTABLISH(.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 100);
	ft_tcp_abort(&peer.stack, peer.conn, peer.now);
	peer.conn = NULL;
	peer_turn();
	EXPECT(.seq = 1, .ack = 1, .flags = RST | ACK, .options = FT_TCP_HAS_TIMESTAMP);
	assert_int_equal(peer.last.ts_echo, 100);
}

static void closed_listener_resets_what_nobody_accepted(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	ASSERT_STATE("ESTABLISHED");
	ft_tcp_close_listener(&peer.stack, peer.listener, peer.now);
	peer.listener = NULL;
	peer_turn();
	EXPECT(.seq = 1, .ack = 1, .flags = RST | ACK);
	ASSERT_STATE("CLOSED");
}

static void info_tells_the_truth(void **state)
{
	struct tcp_info info;

	ESTABLISH(.options = FT_TCP_HAS_WINDOW_SCALE, .window_scale = 5);
	peer_write_bytes(2500);
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
	assert_int_equal(info.tcpi_state, TCP_ESTABLISHED);
	assert_int_equal(info.tcpi_options, TCPI_OPT_WSCALE);
	assert_int_equal(info.tcpi_snd_wscale, 5);
	assert_int_equal(info.tcpi_snd_mss, 1000);
	assert_int_equal(info.tcpi_snd_cwnd, 10);
	assert_int_equal(info.tcpi_unacked, 3);
	for (uint32_t i = 0; i < 3; i++)
		EXPECT(.seq = 1 + 1000 * i, .ack = 1, .flags = i < 2 ? ACK : PSH | ACK,
			.bytes = i < 2 ? 1000 : 500);
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
	assert_int_equal(info.tcpi_retrans, 1);
	assert_int_equal(info.tcpi_total_retrans, 1);
	assert_int_equal(info.tcpi_ca_state, TCP_CA_Loss);
	assert_int_equal(info.tcpi_snd_cwnd, 1);
	QUIET(400 * FT_MILLISECOND); // the same segment once more
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
	assert_int_equal(info.tcpi_retrans, 1);
	assert_int_equal(info.tcpi_total_retrans, 2);
	SEND(.seq = 1, .ack = 2501, .flags = ACK);
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
	assert_int_equal(info.tcpi_retrans, 0);
	assert_int_equal(info.tcpi_total_retrans, 2);
}

// Probes of a closed window are not sent again: they are new each time.
static void info_of_a_shut_window_has_nothing_sent_again(void **state)
{
	struct tcp_info info;

	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_write("hello");
	QUIET(200 * FT_MILLISECOND);
	peer_take_all();
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_pass(2 * FT_SECOND);
	assert_true(peer_take_all() > 0);
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
	assert_int_equal(info.tcpi_retrans, 0);
}

static void info_counts_its_times_from_what_each_is_of(void **state)
{
	struct tcp_info info;

	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "hello");
	peer_pass(300 * FT_MILLISECOND);
	peer_take_all();
	peer_write("hi");
	EXPECT(.seq = 1, .ack = 6, .flags = PSH | ACK, .text = "hi");
	peer_pass(100 * FT_MILLISECOND);
	SEND(.seq = 6, .ack = 3, .flags = ACK);
	peer_pass(50 * FT_MILLISECOND);
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
	assert_in_range(info.tcpi_last_data_recv, 450, 451);
	assert_in_range(info.tcpi_last_data_sent, 150, 151);
	assert_in_range(info.tcpi_last_ack_recv, 50, 51);
}

static void syn_sent_info_has_the_syn(void **state)
{
	struct tcp_info info;

	peer_enter(FT_TCP_SYN_SENT);
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
	assert_int_equal(info.tcpi_unacked, 1);
	assert_int_equal(info.tcpi_retrans, 0);
	QUIET(FT_SECOND);
	EXPECT(.flags = SYN);
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
	assert_int_equal(info.tcpi_unacked, 1);
	assert_int_equal(info.tcpi_retrans, 1);
	assert_int_equal(info.tcpi_total_retrans, 1);
}

static void syn_sent_info_counts_its_times_from_the_syn(void **state)
{
	struct tcp_info info;

	peer_enter(FT_TCP_SYN_SENT);
	peer_pass(300 * FT_MILLISECOND);
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
	assert_int_equal(info.tcpi_last_data_sent, 300);
	assert_int_equal(info.tcpi_last_data_recv, 300);
	assert_int_equal(info.tcpi_last_ack_recv, 300);
}

// As Linux tells it: what a segment of the peer's can carry beside its timestamps.
static void info_announced_mss_leaves_room_for_timestamps(void **state)
{
	struct tcp_info info;

	ESTABLISH(.options = FT_TCP_HAS_TIMESTAMP, .ts_value = 1);
	ft_tcp_info(&peer.stack, peer.conn, peer.now, &info);
	assert_int_equal(info.tcpi_advmss, 1460 - 12);
}

// ---- how much has gone ----

static void expect_volume(uint64_t bytes_acked, uint64_t bytes_received)
{
	struct ft_tcp_volume volume = ft_tcp_volume(&peer.stack, peer.conn);

	assert_int_equal(volume.bytes_acked, bytes_acked);
	assert_int_equal(volume.bytes_received, bytes_received);
}

static void syn_sent_has_no_volume(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	expect_volume(0, 0);
}

static void volume_is_data_once_and_neither_syn_nor_fin(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	expect_volume(0, 0);
	peer_write("hello");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	expect_volume(0, 0);
	SEND(.seq = 1, .ack = 4, .flags = ACK);
	expect_volume(3, 0);
	SEND(.seq = 1, .ack = 6, .flags = PSH | ACK, .text = "you");
	DROPS(TCP_DUPLICATE, .seq = 1, .ack = 6, .flags = PSH | ACK, .text = "you");
	EXPECT(.seq = 6, .ack = 4, .flags = ACK);
	expect_volume(5, 3);
	SEND(.seq = 4, .ack = 6, .flags = FIN | ACK);
	peer_shutdown();
	EXPECT(.seq = 6, .ack = 5, .flags = FIN | ACK);
	SEND(.seq = 5, .ack = 7, .flags = ACK);
	expect_volume(5, 3);
	ENDS_IN("CLOSED");
}

// As if as many bytes had gone as numbers reach.
static void volume_goes_on_where_numbers_begin_again(void **state)
{
	const uint64_t lap = 1ull << 32;
	struct ft_tcp_conn *conn;

	peer_enter(FT_TCP_ESTABLISHED);
	conn = peer.conn->conn;
	conn->snd.iss = conn->snd.una + 2;
	conn->rcv.irs = conn->rcv.nxt + 1;
	expect_volume(lap - 3, lap - 2);
	peer_write("hello");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	SEND(.seq = 1, .ack = 2, .flags = PSH | ACK, .text = "y");
	expect_volume(lap - 2, lap - 1);
	SEND(.seq = 2, .ack = 6, .flags = PSH | ACK, .text = "ou");
	expect_volume(lap + 2, lap + 1);
}

// ---- options of a living connection ----

static void established_maxseg_makes_segments_shorter(void **state)
{
	struct ft_tcp_options options;

	peer_enter(FT_TCP_ESTABLISHED);
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.mss = 600;
	set_options(&options);
	assert_int_equal(ft_tcp_mss(peer.conn), 600);
	peer_write_bytes(1000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 600);
	EXPECT(.seq = 601, .ack = 1, .flags = PSH | ACK, .bytes = 400);
}

static void established_quick_ack_sends_the_ack_that_waits(void **state)
{
	struct ft_tcp_options options;

	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .text = "x");
	EXPECT_NOTHING;
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.quick_ack = true;
	set_options(&options);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
	SEND(.seq = 2, .ack = 1, .flags = ACK, .text = "y");
	EXPECT(.seq = 1, .ack = 3, .flags = ACK);
}

static void established_keepalive_starts_when_it_is_set(void **state)
{
	struct ft_tcp_options options;

	peer_enter(FT_TCP_ESTABLISHED);
	peer_pass(5 * FT_SECOND);
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.keepalive = true;
	options.keepalive_idle = 10 * FT_SECOND;
	set_options(&options);
	QUIET(5 * FT_SECOND); // ten since it was heard
	EXPECT(.seq = 0, .ack = 1, .flags = ACK);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
}

static void established_user_timeout_counts_for_what_is_in_flight(void **state)
{
	struct ft_tcp_options options;
	ft_time start;

	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("hello");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.user_timeout = FT_SECOND;
	start = peer.now;
	set_options(&options);
	for (int i = 0; i < 2; i++) { // at 200, 600 ms
		QUIET(200 * FT_MILLISECOND << i);
		EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	}
	peer_wait(FT_SECOND);
	EXPECT(.seq = 6, .ack = 1, .flags = RST | ACK);
	assert_in_range(peer.now - start, FT_SECOND, 1001 * FT_MILLISECOND);
	peer_expect_read_error(-ETIMEDOUT);
	ENDS_IN("CLOSED");
}

// It is one of an answer, whose timer has not begun.
static void established_user_timeout_counts_after_a_window_was_probed(void **state)
{
	struct ft_tcp_options options;
	ft_time start;

	peer_enter(FT_TCP_ESTABLISHED);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .is_window_shut = true);
	peer_write_bytes(10);
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = 10);
	SEND(.seq = 1, .ack = 11, .flags = ACK);
	peer_write_bytes(5);
	EXPECT(.seq = 11, .ack = 1, .flags = PSH | ACK, .bytes = 5);
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	options.user_timeout = 500 * FT_MILLISECOND;
	start = peer.now;
	set_options(&options);
	QUIET(200 * FT_MILLISECOND);
	EXPECT(.seq = 11, .ack = 1, .flags = PSH | ACK, .bytes = 5);
	peer_wait(FT_SECOND);
	EXPECT(.seq = 16, .ack = 1, .flags = RST | ACK);
	assert_in_range(peer.now - start, 500 * FT_MILLISECOND, 501 * FT_MILLISECOND);
	ENDS_IN("CLOSED");
}

static void established_unknown_congestion_control_is_refused(void **state)
{
	struct ft_tcp_options options;

	peer_enter(FT_TCP_ESTABLISHED);
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	strcpy(options.congestion, "nothing");
	assert_int_equal(ft_tcp_set_options(&peer.stack, peer.conn, &options, peer.now), -ENOENT);
	strcpy(options.congestion, "reno");
	set_options(&options);
}

// ---- ICMP errors (RFC 5927) ----

static enum ft_drop tell_error(struct ft_icmp_error error, uint32_t seq)
{
	enum ft_drop reason;

	error.tuple = *ft_tcp_tuple(peer.conn);
	error.seq = peer.iss + seq;
	reason = ft_tcp_error(&peer.stack, &error, peer.now);
	peer_turn();
	return reason;
}

static void syn_sent_port_unreachable_refuses(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	tell_error((struct ft_icmp_error){ .error = ECONNREFUSED, .is_hard = true }, 0);
	ASSERT_STATE("CLOSED");
	assert_int_equal(ft_tcp_take_error(peer.conn), ECONNREFUSED);
}

static void syn_sent_forged_error_is_rejected(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	assert_int_equal(
		tell_error((struct ft_icmp_error){ .error = ECONNREFUSED, .is_hard = true }, 5),
		FT_DROP_ICMP_REJECTED);
	ASSERT_STATE("SYN-SENT");
}

static void established_hard_error_does_not_end_it(void **state)
{
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write("x");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "x");
	tell_error((struct ft_icmp_error){ .error = ECONNREFUSED, .is_hard = true }, 1);
	ASSERT_STATE("ESTABLISHED");
	SEND(.seq = 1, .ack = 2, .flags = ACK);
}

// RFC 1122 4.2.3.9: told when the connection times out, if nothing better was heard since.
static void time_out_with_error(bool has_progress, int expected)
{
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(2000);
	peer_take_all();
	tell_error((struct ft_icmp_error){ .error = EHOSTUNREACH }, 1);
	if (has_progress)
		SEND(.seq = 1, .ack = 1001, .flags = ACK);
	for (int i = 0; i < 5; i++) {
		peer_pass(FT_SECOND);
		peer_take_all();
	}
	ASSERT_STATE("CLOSED");
	peer_expect_read_error(-expected);
}

static void established_soft_error_is_told_by_the_timeout(void **state)
{
	peer.config.tcp.user_timeout = 2 * FT_SECOND;
	time_out_with_error(false, EHOSTUNREACH);
	time_out_with_error(true, ETIMEDOUT);
}

static void established_lower_mtu_cuts_segments_anew(void **state)
{
	const struct ft_icmp_error too_big = { .error = EMSGSIZE, .mtu = 640 };

	peer_enter(FT_TCP_ESTABLISHED);
	peer_write_bytes(1000);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .bytes = 1000);
	assert_int_equal(tell_error(too_big, 1001), FT_DROP_ICMP_REJECTED);
	assert_int_equal(tell_error(too_big, 1), FT_TAKEN);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 600);
	EXPECT(.seq = 601, .ack = 1, .flags = PSH | ACK, .bytes = 400);
	assert_int_equal(tell_error(too_big, 1), FT_DROP_ICMP_REJECTED);
	SEND(.seq = 1, .ack = 1001, .flags = ACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(syn_sent_send_waits),
		PEER_TEST(established_send_after_shutdown_is_a_broken_pipe),
		PEER_TEST(established_ttl_and_tos_count_from_the_next_segment_on),
		PEER_TEST(established_full_send_buffer_takes_what_fits),
		PEER_TEST(established_send_buffer_grows_with_cwnd),
		PEER_TEST(established_send_buffer_that_grows_wakes_the_writer),
		PEER_TEST(established_send_buffer_grows_no_further_than_its_maximum),
		PEER_TEST(established_send_buffer_does_not_grow_while_packets_are_scarce),
		PEER_TEST(established_send_buffer_that_was_set_does_not_grow),
		PEER_TEST(established_more_waits_for_the_rest),
		PEER_TEST(established_more_alone_goes_after_200_ms),
		PEER_TEST(established_more_goes_with_the_next_ack),
		PEER_TEST(established_cork_holds_until_it_is_pulled),
		PEER_TEST(established_cork_holds_no_longer_than_200_ms),
		PEER_TEST(established_no_delay_releases_what_nagle_holds),
		PEER_TEST(established_flush_goes_through_the_cork),
		PEER_TEST(established_urgent_send_points_behind_its_last_byte),
		PEER_TEST(established_no_packet_buffers_makes_the_writer_wait),
		PEER_TEST(established_few_bytes_need_no_packet_buffer_to_wait),
		PEER_TEST(established_writes_of_every_size_are_taken_and_sent),
		PEER_TEST(established_pending_error_is_told_once_by_a_write),
		PEER_TEST(established_short_writes_queue_up_behind_each_other),
		PEER_TEST(established_empty_pool_delays_the_segment),
		PEER_TEST(established_peek_leaves_and_discard_takes),
		PEER_TEST(established_reads_of_every_size_give_the_stream),
		PEER_TEST(established_shut_reading_ends_the_stream_and_acks_on),
		PEER_TEST(established_full_stack_refuses_and_takes_it_when_it_comes_again),
		PEER_TEST(established_gap_fills_though_memory_is_short),
		PEER_TEST(readiness_follows_the_states),
		PEER_TEST(reset_is_told_once),
		PEER_TEST(reset_leaves_what_was_received),
		PEER_TEST(established_abort_resets_with_a_timestamp),
		PEER_TEST(closed_listener_resets_what_nobody_accepted),
		PEER_TEST(info_tells_the_truth),
		PEER_TEST(info_of_a_shut_window_has_nothing_sent_again),
		PEER_TEST(info_counts_its_times_from_what_each_is_of),
		PEER_TEST(syn_sent_info_has_the_syn),
		PEER_TEST(syn_sent_info_counts_its_times_from_the_syn),
		PEER_TEST(info_announced_mss_leaves_room_for_timestamps),
		PEER_TEST(syn_sent_has_no_volume),
		PEER_TEST(volume_is_data_once_and_neither_syn_nor_fin),
		PEER_TEST(volume_goes_on_where_numbers_begin_again),
		PEER_TEST(syn_sent_port_unreachable_refuses),
		PEER_TEST(syn_sent_forged_error_is_rejected),
		PEER_TEST(established_hard_error_does_not_end_it),
		PEER_TEST(established_lower_mtu_cuts_segments_anew),
		PEER_TEST(established_maxseg_makes_segments_shorter),
		PEER_TEST(established_quick_ack_sends_the_ack_that_waits),
		PEER_TEST(established_keepalive_starts_when_it_is_set),
		PEER_TEST(established_user_timeout_counts_for_what_is_in_flight),
		PEER_TEST(established_user_timeout_counts_after_a_window_was_probed),
		PEER_TEST(established_unknown_congestion_control_is_refused),
		PEER_TEST(established_more_alone_is_sent_again_when_lost),
		PEER_TEST(established_soft_error_is_told_by_the_timeout),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/calls", tests, peer_make_pools, peer_free_pools);
}
