// How connections begin: CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED (RFC 9293 3.5, 3.10.7.1
// to 3.10.7.4).
#include <errno.h>
#include <netinet/in.h>

#include "tcp/conn.h"
#include "tcp/conn_create.h"
#include "tcp/handshake.h"

#include "peer.h"

enum { ALL_OPTIONS = FT_TCP_HAS_TIMESTAMP | FT_TCP_HAS_WINDOW_SCALE };

// ---- CLOSED ----

static void closed_syn_is_reset(void **state)
{
	assert_int_equal(SEND(.flags = SYN), FT_DROP_TCP_NO_CONNECTION);
	EXPECT(.seq = 0, .ack = 1, .flags = RST | ACK);
}

static void closed_data_without_ack_is_reset_beyond_it(void **state)
{
	SEND(.seq = 10, .flags = FIN, .text = "hello");
	EXPECT(.seq = 0, .ack = 16, .flags = RST | ACK);
}

static void closed_ack_is_reset_where_it_acknowledges(void **state)
{
	SEND(.seq = 5, .ack = 1234, .flags = ACK);
	EXPECT(.seq = 1234, .flags = RST);
}

static void closed_reset_is_ignored(void **state)
{
	assert_int_equal(SEND(.flags = RST | ACK), FT_DROP_TCP_STRAY_RESET);
}

// ---- LISTEN ----

static void listen_syn_is_answered(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	assert_int_equal(SEND(.flags = SYN), FT_TAKEN);
	EXPECT(.seq = 0, .ack = 1, .flags = SYN | ACK);
	assert_int_equal(peer.last.options, FT_TCP_HAS_MSS);
	assert_int_equal(peer.last.mss, 1460);
	ASSERT_STATE("SYN-RECEIVED");
}

static void listen_syn_with_options_is_answered_in_kind(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	SEND(.flags = SYN, .options = ALL_OPTIONS, .window_scale = 7, .ts_value = 4711);
	EXPECT(.seq = 0, .ack = 1, .flags = SYN | ACK);
	assert_int_equal(peer.last.options, FT_TCP_HAS_MSS | ALL_OPTIONS);
	assert_int_equal(peer.last.ts_echo, 4711);
	assert_int_equal(peer.last.window_scale, 3); // 256 KB
}

static void listen_options_switched_off_are_not_answered(void **state)
{
	peer.config.tcp.timestamps = false;
	peer.config.tcp.window_scaling = false;
	peer_restart();
	peer_enter(FT_TCP_LISTEN);
	SEND(.flags = SYN, .options = ALL_OPTIONS, .ts_value = 4711);
	EXPECT(.seq = 0, .ack = 1, .flags = SYN | ACK);
	assert_int_equal(peer.last.options, FT_TCP_HAS_MSS);
}

static void listen_ack_is_reset(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	SEND(.seq = 1, .ack = 77, .flags = ACK);
	EXPECT(.seq = 77, .flags = RST);
	SEND(.seq = 1, .ack = 78, .flags = SYN | ACK);
	EXPECT(.seq = 78, .flags = RST);
	ASSERT_STATE("CLOSED");
}

static void listen_reset_is_ignored(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	SEND(.flags = RST);
	SEND(.flags = RST | SYN);
	SEND(.flags = RST | ACK, .ack = 1);
	ASSERT_STATE("CLOSED");
}

// What scanners send to tell systems apart: no state, no answer.
static void listen_impossible_flags_make_no_state(void **state)
{
	const uint8_t flags[] = { 0, FIN, FIN | PSH | URG, SYN | FIN, SYN | FIN | PSH | URG, PSH,
		URG };

	peer_enter(FT_TCP_LISTEN);
	for (uint32_t i = 0; i < RTE_DIM(flags); i++)
		assert_int_not_equal(SEND(.flags = flags[i]), FT_TAKEN);
	EXPECT_NOTHING;
	ASSERT_STATE("CLOSED");
}

static void listen_data_beside_syn_is_not_acknowledged(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	SEND(.flags = SYN, .text = "early");
	EXPECT(.seq = 0, .ack = 1, .flags = SYN | ACK);
}

// From the third on, a SYN's listener is at hand.
static void listen_each_syn_counts_as_a_segment(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	for (uint16_t i = 0; i < 5; i++) {
		const uint64_t before = peer_counter(FT_COUNTER_TCP_SEGMENTS_IN);

		TAKES(.flags = SYN, .from_port = 50000 + i);
		EXPECT(.ack = 1, .flags = SYN | ACK);
		assert_int_equal(peer_counter(FT_COUNTER_TCP_SEGMENTS_IN), before + 1);
	}
}

static void listen_full_backlog_drops_syns(void **state)
{
	peer_enter(FT_TCP_LISTEN);
	ft_tcp_set_backlog(peer.listener, 1);
	for (uint16_t i = 0; i < 2; i++) {
		SEND(.flags = SYN, .from_port = 50000 + i);
		EXPECT(.ack = 1, .flags = SYN | ACK);
	}
	assert_int_equal(SEND(.flags = SYN, .from_port = 50002), FT_DROP_TCP_BACKLOG_FULL);
}

// ---- SYN-SENT ----

static void syn_sent_offers_all_options(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	assert_int_equal(peer.last.options, FT_TCP_HAS_MSS | ALL_OPTIONS);
	assert_int_equal(peer.last.mss, 1460);
	assert_int_equal(peer.last.ts_echo, 0);
	assert_int_equal(peer.last.window, 65535);
}

static void syn_sent_syn_ack_establishes(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	SEND(.ack = 1, .flags = SYN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ASSERT_STATE("ESTABLISHED");
}

static void syn_sent_ack_of_something_else_is_reset(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	assert_int_equal(SEND(.ack = 2, .flags = SYN | ACK), FT_DROP_TCP_BAD_ACK);
	EXPECT(.seq = 2, .flags = RST);
	SEND(.ack = 0, .flags = ACK);
	EXPECT(.seq = 0, .flags = RST);
	ASSERT_STATE("SYN-SENT");
}

static void syn_sent_reset_that_acknowledges_refuses(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	SEND(.ack = 1, .flags = RST | ACK);
	ASSERT_STATE("CLOSED");
	assert_int_equal(ft_tcp_take_error(peer.conn), ECONNREFUSED);
}

static void syn_sent_other_resets_are_ignored(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	SEND(.flags = RST);
	SEND(.ack = 2, .flags = RST | ACK);
	SEND(.ack = 0, .flags = RST | ACK);
	ASSERT_STATE("SYN-SENT");
}

static void syn_sent_segment_without_syn_is_dropped(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	SEND(.ack = 1, .flags = ACK, .text = "hello");
	SEND(.flags = FIN);
	SEND(.flags = 0);
	ASSERT_STATE("SYN-SENT");
}

// RFC 9293 figure 8: each SYN-ACK repeats a SYN that the other has, so it is answered by an ACK,
// and that establishes.
static void syn_sent_syn_opens_simultaneously(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	SEND(.flags = SYN);
	EXPECT(.seq = 0, .ack = 1, .flags = SYN | ACK);
	ASSERT_STATE("SYN-RECEIVED");
	SEND(.seq = 0, .ack = 1, .flags = SYN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	ASSERT_STATE("ESTABLISHED");
	peer_write("hello");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
}

static void syn_sent_syn_then_plain_ack_establishes(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	SEND(.flags = SYN);
	EXPECT(.seq = 0, .ack = 1, .flags = SYN | ACK);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	ASSERT_STATE("ESTABLISHED");
}

static void syn_sent_no_answer_is_repeated_then_given_up(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	for (int i = 0; i < 6; i++) {
		QUIET(FT_SECOND << i);
		EXPECT(.flags = SYN);
	}
	peer_pass(65 * FT_SECOND);
	ASSERT_STATE("CLOSED");
	assert_int_equal(ft_tcp_take_error(peer.conn), ETIMEDOUT);
}

static void syn_sent_users_timeout_ends_it_sooner(void **state)
{
	struct ft_settings settings = *peer.socket->settings;

	settings.options.user_timeout = 2 * FT_SECOND;
	ft_settings_change(&peer.stack, peer.socket, &settings);
	peer_enter(FT_TCP_SYN_SENT);
	QUIET(FT_SECOND);
	EXPECT(.flags = SYN);
	peer_pass(1100 * FT_MILLISECOND);
	assert_int_equal(ft_tcp_take_error(peer.conn), ETIMEDOUT);
	ENDS_IN("CLOSED");
}

// RFC 5681 3.1: after a lost SYN the first window is one segment.
static void syn_sent_after_loss_begins_carefully(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	QUIET(FT_SECOND);
	EXPECT(.flags = SYN);
	SEND(.ack = 1, .flags = SYN | ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	peer_write_bytes(3000);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK, .bytes = 1000);
}

static void syn_sent_close_forgets_it(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	peer_close();
	ASSERT_STATE("CLOSED");
}

// ---- SYN-RECEIVED ----

static void syn_received_ack_establishes(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	assert_int_equal(SEND(.seq = 1, .ack = 1, .flags = ACK), FT_TAKEN);
	ASSERT_STATE("ESTABLISHED");
	assert_true(ft_tcp_has_waiting(peer.listener));
}

static void syn_received_ack_of_something_else_is_reset(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	SEND(.seq = 1, .ack = 2, .flags = ACK);
	EXPECT(.seq = 2, .flags = RST);
	SEND(.seq = 1, .ack = 0, .flags = ACK);
	EXPECT(.seq = 0, .flags = RST);
	ASSERT_STATE("SYN-RECEIVED");
}

static void syn_received_data_with_the_ack_is_kept(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	SEND(.seq = 1, .ack = 1, .flags = ACK | PSH, .text = "hello");
	peer_accept();
	peer_expect_read("hello");
	peer_pass(FT_SECOND);
	EXPECT(.seq = 1, .ack = 6, .flags = ACK);
}

static void syn_received_fin_with_the_ack_closes_the_peers_side(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	SEND(.seq = 1, .ack = 1, .flags = FIN | ACK, .text = "bye");
	EXPECT(.seq = 1, .ack = 5, .flags = ACK);
	ASSERT_STATE("CLOSE-WAIT");
	peer_accept();
	peer_expect_read("bye");
	peer_expect_read_error(0);
}

static void syn_received_repeated_syn_is_answered_again(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	SEND(.flags = SYN);
	EXPECT(.seq = 0, .ack = 1, .flags = SYN | ACK);
	ASSERT_STATE("SYN-RECEIVED");
}

static void syn_received_exact_reset_forgets_it(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	SEND(.seq = 1, .flags = RST);
	ASSERT_STATE("CLOSED");
	assert_false(ft_tcp_has_waiting(peer.listener));
}

static void syn_received_inexact_reset_is_challenged(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	SEND(.seq = 2, .flags = RST);
	EXPECT(.seq = 1, .ack = 1, .flags = ACK);
	ASSERT_STATE("SYN-RECEIVED");
}

static void syn_received_no_ack_is_repeated_then_given_up(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	for (int i = 0; i < 5; i++) {
		QUIET(FT_SECOND << i);
		EXPECT(.ack = 1, .flags = SYN | ACK);
	}
	peer_pass(33 * FT_SECOND);
	ASSERT_STATE("CLOSED");
}

static void syn_received_users_timeout_ends_it_sooner(void **state)
{
	struct ft_tcp_options options = peer.listening.settings->options;

	options.user_timeout = 2 * FT_SECOND;
	peer_set_listening_options(&options);
	peer_enter(FT_TCP_SYN_RECEIVED);
	QUIET(FT_SECOND);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	peer_pass(1100 * FT_MILLISECOND);
	ENDS_IN("LISTEN");
}

// Before our SYN goes again.
static void syn_received_users_timeout_ends_it_without_another_try(void **state)
{
	struct ft_tcp_options options = peer.listening.settings->options;

	options.user_timeout = 500 * FT_MILLISECOND;
	peer_set_listening_options(&options);
	peer_enter(FT_TCP_SYN_RECEIVED);
	peer_pass(490 * FT_MILLISECOND);
	ASSERT_STATE("SYN-RECEIVED");
	peer_pass(20 * FT_MILLISECOND);
	EXPECT_NOTHING;
	ENDS_IN("LISTEN");
}

// RFC 6298 (5.7): nothing is measured, and a second was too short.
static void syn_received_after_loss_waits_three_seconds_for_data(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	QUIET(FT_SECOND);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	peer_accept();
	peer_write("hello");
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
	QUIET(3 * FT_SECOND);
	EXPECT(.seq = 1, .ack = 1, .flags = PSH | ACK, .text = "hello");
}

static void syn_received_of_simultaneous_open_reset_refuses(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	SEND(.flags = SYN);
	EXPECT(.seq = 0, .ack = 1, .flags = SYN | ACK);
	SEND(.seq = 1, .flags = RST);
	ASSERT_STATE("CLOSED");
	assert_int_equal(ft_tcp_take_error(peer.conn), ECONNREFUSED);
}

static void established_reset_before_accept_is_told_by_the_first_receive(void **state)
{
	peer_enter(FT_TCP_SYN_RECEIVED);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	SEND(.seq = 1, .ack = 1, .flags = RST | ACK);
	ASSERT_STATE("CLOSED");
	peer_accept();
	peer_expect_read_error(-ECONNRESET);
}

// ---- no connection block left ----

static void listen_no_block_left_drops_the_syn(void **state)
{
	peer.config.tcp.connections = 1;
	peer_restart();
	peer_enter(FT_TCP_ESTABLISHED);
	assert_int_equal(SEND(.flags = SYN, .from_port = 50000), FT_DROP_TCP_NO_CONN_MEMORY);
	ASSERT_STATE("ESTABLISHED");
}

// TIME-WAIT protects the past; a new connection is the present.
static void listen_no_block_left_ends_the_oldest_time_wait(void **state)
{
	peer.config.tcp.connections = 1;
	peer_restart();
	peer_enter(FT_TCP_TIME_WAIT);
	peer_close();
	SEND(.flags = SYN, .from_port = 50000);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	ASSERT_STATE("SYN-RECEIVED");
}

static void syn_received_of_simultaneous_open_close_sends_fin_when_established(void **state)
{
	peer_enter(FT_TCP_SYN_SENT);
	SEND(.flags = SYN);
	EXPECT(.seq = 0, .ack = 1, .flags = SYN | ACK);
	peer_close();
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
	ASSERT_STATE("FIN-WAIT-1");
}

// What the whole burst was looked up for no longer holds.
static void listen_syn_twice_in_one_burst_makes_one_connection(void **state)
{
	peer_listen();
	QUEUE(.flags = SYN);
	QUEUE(.flags = SYN);
	peer_turn();
	EXPECT(.flags = SYN | ACK, .ack = 1);
	EXPECT_NOTHING;
	assert_int_equal(peer.stack.tcp.in_state[FT_TCP_SYN_RECEIVED], 1);
	TAKES(.seq = 1, .ack = 1, .flags = ACK);
	ENDS_IN("ESTABLISHED");
}

static void established_reset_before_data_in_one_burst_ends_it(void **state)
{
	peer_listen();
	peer_complete_from(40000);
	QUEUE(.seq = 1, .ack = 1, .flags = ACK, .text = "before");
	QUEUE(.seq = 7, .flags = RST);
	QUEUE(.seq = 7, .ack = 1, .flags = ACK, .text = "behind");
	QUEUE(.flags = SYN);
	QUEUE(.seq = 1, .ack = 1, .flags = ACK, .text = "of the one before");
	peer_turn();
	EXPECT(.seq = 1, .flags = RST);
	peer_take_all();
	assert_int_equal(peer.stack.tcp.in_state[FT_TCP_ESTABLISHED], 0);
	assert_int_equal(peer.stack.tcp.in_state[FT_TCP_SYN_RECEIVED], 1);
}

// Its block is the next one's, which owes a SYN-ACK of its own.
static void syn_received_reset_in_its_burst_owes_nothing(void **state)
{
	peer_listen();
	QUEUE(.flags = SYN);
	QUEUE(.flags = SYN, .from_port = 50001);
	QUEUE(.seq = 1, .flags = RST);
	QUEUE(.flags = SYN, .from_port = 50000);
	peer_turn();
	EXPECT(.flags = SYN | ACK, .ack = 1);
	EXPECT(.flags = SYN | ACK, .ack = 1);
	EXPECT_NOTHING;
	assert_int_equal(peer.stack.tcp.conns.fresh, 2);
	assert_int_equal(peer.stack.tcp.in_state[FT_TCP_SYN_RECEIVED], 2);
}

// Our SYN-ACK could not know.
static void syn_received_path_with_less_than_the_device_limits_the_mss(void **state)
{
	const struct ft_addr peers = ft_addr_from_ip4(RTE_BE32(RTE_IPV4(10, 9, 0, 1)));

	peer_enter(FT_TCP_LISTEN);
	SEND(.flags = SYN);
	EXPECT(.seq = 0, .ack = 1, .flags = SYN | ACK);
	assert_int_equal(ft_route_lower_mtu(&peer.stack, &peers, 640, peer.now), 640);
	SEND(.seq = 1, .ack = 1, .flags = ACK);
	peer_accept();
	assert_int_equal(ft_tcp_mss(peer.conn), 600);
}

static struct ft_tcp_conn *first_accepted(void)
{
	return ft_container_of(peer.listener->accept_queue.next, struct ft_tcp_conn, queue_node);
}

static void connect_to_ourselves(void)
{
	const struct ft_addr us = ft_addr_from_ip4(RTE_BE32(RTE_IPV4(10, 9, 0, 2)));
	const struct ft_tuple tuple = { .local = us,
		.remote = us,
		.local_port = 40001,
		.remote_port = 7,
		.protocol = IPPROTO_TCP };

	peer_enter(FT_TCP_LISTEN);
	assert_int_equal(ft_port_hold(&peer.stack.tcp.ports, &tuple, 0), 0);
	assert_int_equal(ft_tcp_connect(&peer.stack, &tuple, peer.socket,
				 &peer.socket->settings->options, peer.now, &peer.conn),
		0);
	peer.socket->conn = peer.conn;
	for (int i = 0; i < 4; i++)
		peer_turn();
	assert_int_equal(peer.stack.tcp.in_state[FT_TCP_ESTABLISHED], 2);
}

// The listener's connection knows that no frame may come from there, as the other end does.
static void listen_syn_of_our_own_has_a_martian_peer(void **state)
{
	connect_to_ourselves();
	assert_true(peer.conn->conn->has_martian_peer);
	assert_true(first_accepted()->has_martian_peer);
}

// Nor does one that is but glanced at, and is right in all else.
static void established_with_ourselves_frame_from_outside_is_dropped(void **state)
{
	const uint32_t us = RTE_IPV4(10, 9, 0, 2);
	const struct ft_tcp_conn *conn;

	connect_to_ourselves();
	conn = first_accepted();
	peer.is_vouched_for = true;
	peer.peer_iss = conn->rcv.irs;
	peer.iss = conn->snd.iss;
	DROPS(IP_BAD_SOURCE, .seq = 1, .ack = 1, .flags = ACK, .text = "x", .from_ip = us,
		.from_port = 40001, .options = FT_TCP_HAS_TIMESTAMP,
		.ts_value = conn->rcv.ts_recent);
	DROPS(IP_BAD_SOURCE, .seq = 1, .ack = 1, .flags = FIN | ACK, .from_ip = us,
		.from_port = 40001, .options = FT_TCP_HAS_TIMESTAMP,
		.ts_value = conn->rcv.ts_recent);
	assert_int_equal(conn->state, FT_TCP_ESTABLISHED);
	assert_int_equal(conn->rcv.nxt, conn->rcv.irs + 1);
}

// ---- the block ----

static void soil_next_block(void)
{
	struct ft_tcp_conn *conn = ft_pool_take(&peer.stack.tcp.conns);

	memset(conn, 0xff, sizeof(*conn));
	ft_pool_give(&peer.stack.tcp.conns, conn);
}

static void fill_model(struct ft_tcp_conn *model, const struct ft_tuple *tuple)
{
	struct ft_tcp_options options;

	ft_tcp_options_init(&peer.stack, &options);
	ft_conn_init(&peer.stack, model, &options, FT_PORT_REUSE_ADDRESS);
	ft_handshake_prepare(&peer.stack, model, &tuple->remote);
	model->is_passive = true;
	model->listener = peer.listener;
}

// What a copy has of its own; and where the queues have room, any bytes.
static void expect_like(struct ft_tcp_conn *model, const struct ft_tcp_conn *conn)
{
	assert_true(ft_list_is_empty(&conn->timer.node) && ft_list_is_empty(&conn->owing_node) &&
		    ft_list_is_empty(&conn->queue_node));
	model->tuple = conn->tuple;
	model->anchor = conn->anchor;
	model->timer.node = conn->timer.node;
	model->owing_node = conn->owing_node;
	model->queue_node = conn->queue_node;
	memcpy(model->receive_queue.few, conn->receive_queue.few,
		offsetof(struct ft_tcp_conn, receive_memory) -
			offsetof(struct ft_tcp_conn, receive_queue.few));
	memcpy(model->send_queue.few, conn->send_queue.few, sizeof(conn->send_queue.few));
	assert_memory_equal(conn, model, sizeof(*conn));
}

static void closed_block_that_was_anothers_is_like_the_model(void **state)
{
	const struct ft_tuple tuple = { .local = ft_addr_from_ip4(RTE_BE32(0x0a090002)),
		.remote = ft_addr_from_ip4(RTE_BE32(0x0a090001)),
		.local_port = 7,
		.remote_port = 40000,
		.protocol = IPPROTO_TCP };
	const uint64_t hash = ft_tuple_hash(&peer.stack.key, &tuple);
	struct ft_tcp *tcp = &peer.stack.tcp;
	struct ft_tcp_conn model, *conn;

	peer_enter(FT_TCP_LISTEN);
	fill_model(&model, &tuple);
	soil_next_block();
	assert_int_equal(ft_port_hold(&tcp->ports, &tuple, model.reuse), 0);
	conn = ft_conn_create(&peer.stack, &tuple, hash, &model);
	assert_memory_equal(&conn->tuple, &tuple, sizeof(tuple));
	expect_like(&model, conn);
	ft_port_release(&tcp->ports, &tuple, model.reuse);
	ft_conn_table_remove(&tcp->connections, hash, ft_pool_index(&tcp->anchors, conn->anchor));
	conn->listener = NULL;
	ft_conn_release(&peer.stack, conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(closed_syn_is_reset),
		PEER_TEST(closed_data_without_ack_is_reset_beyond_it),
		PEER_TEST(closed_ack_is_reset_where_it_acknowledges),
		PEER_TEST(closed_reset_is_ignored),
		PEER_TEST(listen_syn_is_answered),
		PEER_TEST(listen_syn_with_options_is_answered_in_kind),
		PEER_TEST(listen_options_switched_off_are_not_answered),
		PEER_TEST(listen_ack_is_reset),
		PEER_TEST(listen_reset_is_ignored),
		PEER_TEST(listen_impossible_flags_make_no_state),
		PEER_TEST(listen_data_beside_syn_is_not_acknowledged),
		PEER_TEST(listen_each_syn_counts_as_a_segment),
		PEER_TEST(listen_full_backlog_drops_syns),
		PEER_TEST(listen_syn_twice_in_one_burst_makes_one_connection),
		PEER_TEST(established_reset_before_data_in_one_burst_ends_it),
		PEER_TEST(syn_received_reset_in_its_burst_owes_nothing),
		PEER_TEST(syn_sent_offers_all_options),
		PEER_TEST(syn_sent_syn_ack_establishes),
		PEER_TEST(syn_sent_ack_of_something_else_is_reset),
		PEER_TEST(syn_sent_reset_that_acknowledges_refuses),
		PEER_TEST(syn_sent_other_resets_are_ignored),
		PEER_TEST(syn_sent_segment_without_syn_is_dropped),
		PEER_TEST(syn_sent_syn_opens_simultaneously),
		PEER_TEST(syn_sent_syn_then_plain_ack_establishes),
		PEER_TEST(syn_sent_no_answer_is_repeated_then_given_up),
		PEER_TEST(syn_sent_users_timeout_ends_it_sooner),
		PEER_TEST(syn_sent_after_loss_begins_carefully),
		PEER_TEST(syn_sent_close_forgets_it),
		PEER_TEST(syn_received_ack_establishes),
		PEER_TEST(syn_received_ack_of_something_else_is_reset),
		PEER_TEST(syn_received_data_with_the_ack_is_kept),
		PEER_TEST(syn_received_fin_with_the_ack_closes_the_peers_side),
		PEER_TEST(syn_received_repeated_syn_is_answered_again),
		PEER_TEST(syn_received_exact_reset_forgets_it),
		PEER_TEST(syn_received_inexact_reset_is_challenged),
		PEER_TEST(syn_received_no_ack_is_repeated_then_given_up),
		PEER_TEST(syn_received_users_timeout_ends_it_sooner),
		PEER_TEST(syn_received_users_timeout_ends_it_without_another_try),
		PEER_TEST(syn_received_after_loss_waits_three_seconds_for_data),
		PEER_TEST(syn_received_of_simultaneous_open_reset_refuses),
		PEER_TEST(established_reset_before_accept_is_told_by_the_first_receive),
		PEER_TEST(listen_no_block_left_drops_the_syn),
		PEER_TEST(listen_no_block_left_ends_the_oldest_time_wait),
		PEER_TEST(syn_received_of_simultaneous_open_close_sends_fin_when_established),
		PEER_TEST(syn_received_path_with_less_than_the_device_limits_the_mss),
		PEER_TEST(listen_syn_of_our_own_has_a_martian_peer),
		PEER_TEST(established_with_ourselves_frame_from_outside_is_dropped),
		PEER_TEST(closed_block_that_was_anothers_is_like_the_model),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/opening", tests, peer_make_pools, peer_free_pools);
}
