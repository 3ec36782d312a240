// Cables pulled, hosts that vanish or restart, silence.
#include "network.h"
#include "scenario.h"
#include "task.h"
#include "traffic.h"

static const struct ft_wire slow = {
	.delay = 5 * FT_MILLISECOND, .rate_bps = 1000000, .queue_bytes = 100000
};

static struct ft_network network;

static struct ft_host *server_host(void)
{
	return network.hosts[FT_SERVER];
}

static void run(void (*client)(void *arg), void (*server)(void *arg), void (*director)(void *arg))
{
	ft_task_start(&network, network.hosts[FT_SERVER], server, NULL);
	ft_task_start(&network, network.hosts[FT_CLIENT], client, NULL);
	if (director != NULL)
		ft_task_start(&network, NULL, director, NULL);
	ft_network_run(&network, 24 * 3600 * FT_SECOND);
}

// ---- a cable out for a minute ----

#define BYTES (1u << 20) // takes 8 s and more

static void exchange_as_client(void *arg)
{
	int fd = ft_traffic_connect(server_host(), 7);

	ft_traffic_exchange(fd, 1, 2, BYTES);
	ft_expect_ok(ft_close(fd));
}

static void exchange_as_server(void *arg)
{
	int listener = ft_traffic_listen(7, 1);
	int fd = ft_traffic_accept(listener);

	ft_traffic_exchange(fd, 2, 1, BYTES);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

static void pull_cable_for_a_minute(void *arg)
{
	struct ft_host *host = network.hosts[network.seed % 2];

	ft_task_sleep(4 * FT_SECOND);
	ft_network_plug(host, false);
	ft_task_sleep(60 * FT_SECOND);
	ft_network_plug(host, true);
}

static void cable_out_for_a_minute_transfer_goes_on(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, &slow);
	run(exchange_as_client, exchange_as_server, pull_cable_for_a_minute);
	// Backoff doubles from 200 ms: the next try after a minute is at most another minute away.
	ft_expect(network.now > 64 * FT_SECOND && network.now < 140 * FT_SECOND);
	ft_network_free(&network);
}

// ---- a cable that carries one way only for ten seconds: the ACKs of what arrived are lost ----

static void lose_answers_then_a_segment(void *arg)
{
	ft_task_sleep(2 * FT_SECOND);
	network.hosts[FT_SERVER]->to_switch.loss = 1;
	ft_task_sleep(10 * FT_SECOND);
	network.hosts[FT_SERVER]->to_switch.loss = 0;
	ft_task_sleep(18 * FT_SECOND);
	network.hosts[FT_CLIENT]->to_switch.loss = 1;
	ft_task_sleep(FT_SECOND / 10);
	network.hosts[FT_CLIENT]->to_switch.loss = 0;
}

static void send_at_three_and_at_thirty(void *arg)
{
	int fd = ft_traffic_connect(server_host(), 7);

	ft_task_sleep(3 * FT_SECOND - network.now);
	ft_traffic_send(fd, 1, 0, 1000);
	ft_task_sleep(30 * FT_SECOND + FT_SECOND / 20 - network.now);
	ft_traffic_send(fd, 1, 1000, 2000);
	ft_traffic_receive_end(fd);
	ft_expect_ok(ft_close(fd));
}

static void receive_soon_after_thirty(void *arg)
{
	int listener = ft_traffic_listen(7, 1);
	int fd = ft_traffic_accept(listener);

	ft_traffic_receive(fd, 1, 0, 2000);
	ft_expect(network.now > 30 * FT_SECOND && network.now < 32 * FT_SECOND);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

// The first ACK that comes through echoes a timestamp ten seconds old. Taken for a round trip, it
// would make the next loss cost ten seconds.
static void lost_answers_timeout_stays_short(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, &slow);
	run(send_at_three_and_at_thirty, receive_soon_after_thirty, lose_answers_then_a_segment);
	ft_network_free(&network);
}

// ---- a peer that vanishes ----

static void vanish_at_two(void *arg)
{
	ft_task_sleep(2 * FT_SECOND);
	ft_network_vanish(server_host());
}

static void send_until_timeout(void *arg)
{
	int fd = ft_traffic_connect(server_host(), 7);
	uint8_t bytes[10000] = { 0 };
	ft_time waited;

	ft_traffic_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 30000);
	while (ft_send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
		;
	ft_expect_equal(errno, ETIMEDOUT);
	waited = network.now - 2 * FT_SECOND;
	ft_expect(waited >= 29 * FT_SECOND && waited <= 45 * FT_SECOND);
	ft_expect_errno(ft_send(fd, bytes, 1, MSG_NOSIGNAL), EPIPE);
	ft_expect_ok(ft_close(fd));
}

static void accept_and_discard(void *arg)
{
	int fd = ft_traffic_accept(ft_traffic_listen(7, 1));
	uint8_t bytes[10000];

	while (ft_expect_ok(ft_recv(fd, bytes, sizeof(bytes), 0)) > 0)
		;
}

static void peer_vanishes_user_timeout(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, &slow);
	run(send_until_timeout, accept_and_discard, vanish_at_two);
	ft_expect_equal(network.hosts[FT_CLIENT]->stack.tcp.anchors.in_use, 0);
	ft_network_free(&network);
}

static void wait_with_keepalive(void *arg)
{
	int fd = ft_traffic_connect(server_host(), 7);
	uint8_t byte;

	ft_traffic_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	ft_traffic_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	ft_traffic_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
	ft_traffic_set(fd, IPPROTO_TCP, TCP_KEEPCNT, 5);
	ft_expect_errno(ft_recv(fd, &byte, 1, 0), ETIMEDOUT);
	ft_expect(network.now >= 105 * FT_SECOND && network.now <= 115 * FT_SECOND);
	ft_expect_ok(ft_close(fd));
}

static void accept_and_wait(void *arg)
{
	int listener = ft_traffic_listen(7, 1);
	int fd = ft_traffic_accept(listener);

	ft_traffic_receive_end(fd);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

static void peer_vanishes_keepalive_notices(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, &slow);
	run(wait_with_keepalive, accept_and_wait, vanish_at_two);
	ft_expect_equal(
		ft_network_count(network.hosts[FT_CLIENT], FT_COUNTER_TCP_KEEPALIVE_PROBES), 5);
	ft_network_free(&network);
}

// ---- a peer that is there but silent ----

static void idle_for_ten_hours(void *arg)
{
	int fd = ft_traffic_connect(server_host(), 7);

	ft_traffic_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	ft_traffic_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 600);
	ft_task_sleep(10 * 3600 * FT_SECOND);
	ft_expect_ok(ft_close(fd));
}

static void silent_peer_is_kept(uint64_t seed)
{
	uint64_t probes;

	ft_network_pair(&network, seed, NULL, &slow);
	run(idle_for_ten_hours, accept_and_wait, NULL);
	probes = ft_network_count(network.hosts[FT_CLIENT], FT_COUNTER_TCP_KEEPALIVE_PROBES);
	ft_expect(probes >= 58 && probes <= 60);
	ft_expect_equal(
		ft_network_count(network.hosts[FT_CLIENT], FT_COUNTER_TCP_RETRANSMITTED), 0);
	ft_network_free(&network);
}

// ---- a peer that comes back and remembers nothing (RFC 9293 3.5.1) ----

static void talk_to_the_reborn(void *arg)
{
	int fd = ft_traffic_connect(server_host(), 7);
	uint8_t byte;

	ft_traffic_send(fd, 1, 0, 100);
	ft_task_sleep(10 * FT_SECOND);
	ft_traffic_send(fd, 1, 100, 200);
	ft_expect_errno(ft_recv(fd, &byte, 1, 0), ECONNRESET);
	ft_expect_ok(ft_close(fd));
}

static void restart_at_two(void *arg)
{
	ft_task_sleep(2 * FT_SECOND);
	ft_network_restart(server_host());
}

static void peer_restarts_connection_is_reset(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, &slow);
	run(talk_to_the_reborn, accept_and_discard, restart_at_two);
	ft_network_free(&network);
}

// ---- a peer that has had enough ----

// The bytes that were taken are counted; why there were no more is for the next call.
static void send_more_than_is_wanted(void *arg)
{
	static uint8_t bytes[BYTES];
	int fd = ft_traffic_connect(server_host(), 7);
	ssize_t sent = ft_send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);

	ft_expect(sent > 0 && sent < (ssize_t)sizeof(bytes));
	ft_expect_errno(ft_send(fd, bytes, 1, MSG_NOSIGNAL), ECONNRESET);
	ft_expect_errno(ft_send(fd, bytes, 1, MSG_NOSIGNAL), EPIPE);
	ft_expect_ok(ft_close(fd));
}

static void accept_and_close_unread(void *arg)
{
	int listener = ft_traffic_listen(7, 1);
	int fd = ft_traffic_accept(listener);

	ft_task_sleep(2 * FT_SECOND);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

static void peer_resets_in_mid_send_next_call_tells(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, &slow);
	run(send_more_than_is_wanted, accept_and_close_unread, NULL);
	ft_network_free(&network);
}

// ---- nobody at that address ----

static void connect_to_no_host(void *arg)
{
	struct sockaddr_in nobody = ft_traffic_address(server_host(), 7);
	int fd = ft_expect_ok(ft_socket(AF_INET, SOCK_STREAM, 0));

	nobody.sin_addr.s_addr = htonl(ntohl(nobody.sin_addr.s_addr) + 50);
	ft_expect(ft_connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)) < 0);
	ft_expect(errno == ETIMEDOUT || errno == EHOSTUNREACH);
	ft_expect_ok(ft_close(fd));
}

static void do_nothing(void *arg)
{
}

static void no_such_host_connect_fails(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, &slow);
	run(connect_to_no_host, do_nothing, NULL);
	ft_expect(network.now < 300 * FT_SECOND);
	ft_network_free(&network);
}

int main(int argc, char **argv)
{
	static const struct ft_scenario scenarios[] = {
		{ "cable_out_for_a_minute_transfer_goes_on",
			cable_out_for_a_minute_transfer_goes_on, 10 },
		{ "lost_answers_timeout_stays_short", lost_answers_timeout_stays_short, 2 },
		{ "peer_vanishes_user_timeout", peer_vanishes_user_timeout, 5 },
		{ "peer_vanishes_keepalive_notices", peer_vanishes_keepalive_notices, 5 },
		{ "silent_peer_is_kept", silent_peer_is_kept, 2 },
		{ "peer_restarts_connection_is_reset", peer_restarts_connection_is_reset, 5 },
		{ "peer_resets_in_mid_send_next_call_tells",
			peer_resets_in_mid_send_next_call_tells, 5 },
		{ "no_such_host_connect_fails", no_such_host_connect_fails, 2 },
		{ 0 },
	};

	return ft_scenario_main(argc, argv, scenarios);
}
