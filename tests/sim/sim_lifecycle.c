// How connections begin and end, in every order that RFC 9293 allows.
#include "network.h"
#include "scenario.h"
#include "task.h"
#include "traffic.h"

static const struct ft_wire good = { .delay = 10 * FT_MILLISECOND };
static const struct ft_wire lossy = {
	.delay = 10 * FT_MILLISECOND, .jitter = 5 * FT_MILLISECOND, .loss = 0.1
};

static struct ft_network network;

static uint64_t in_state(int host, enum ft_tcp_state state)
{
	return network.hosts[host]->stack.tcp.in_state[state];
}

static void run(void (*client)(void *arg), void (*server)(void *arg))
{
	ft_task_start(&network, network.hosts[FT_SERVER], server, NULL);
	ft_task_start(&network, network.hosts[FT_CLIENT], client, NULL);
	ft_network_run(&network, 24 * 3600 * FT_SECOND);
}

// ---- simultaneous open: both connect, nobody listens (RFC 9293 figure 7) ----

static int connect_from(uint16_t from, int to, uint16_t port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(from) };
	struct sockaddr_in there = ft_traffic_address(network.hosts[to], port);
	int fd = ft_expect_ok(ft_socket(AF_INET, SOCK_STREAM, 0));

	ft_traffic_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	ft_expect_ok(ft_bind(fd, (struct sockaddr *)&here, sizeof(here)));
	ft_expect_ok(ft_connect(fd, (struct sockaddr *)&there, sizeof(there)));
	return fd;
}

static void open_as_client(void *arg)
{
	int fd;

	ft_task_sleep(FT_SECOND);
	fd = connect_from(5000, FT_SERVER, 6000);
	ft_traffic_exchange(fd, 1, 2, 100000);
	ft_expect_ok(ft_close(fd));
}

static void open_as_server(void *arg)
{
	int fd;

	ft_task_sleep(FT_SECOND);
	fd = connect_from(6000, FT_CLIENT, 5000);
	ft_traffic_exchange(fd, 2, 1, 100000);
	ft_expect_ok(ft_close(fd));
}

static void simultaneous_open_connects(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, seed % 2 == 0 ? &good : &lossy);
	run(open_as_client, open_as_server);
	for (int i = 0; i < 2; i++) {
		const struct ft_host *host = network.hosts[i];

		ft_expect_equal(ft_network_count(host, FT_COUNTER_TCP_ACTIVE_OPENS), 1);
		ft_expect_equal(ft_network_count(host, FT_COUNTER_TCP_PASSIVE_OPENS), 0);
		ft_expect_equal(ft_network_count(host, FT_COUNTER_TCP_ESTABLISHED), 1);
	}
	ft_network_free(&network);
}

// ---- simultaneous close: FINs cross (figure 13), both ends pass CLOSING and TIME-WAIT ----

static void end_at_ten(int fd)
{
	ft_task_sleep(10 * FT_SECOND - network.now);
	ft_expect_ok(ft_shutdown(fd, SHUT_WR));
	ft_traffic_receive_end(fd);
	ft_expect_ok(ft_close(fd));
}

static void connect_and_end_at_ten(void *arg)
{
	end_at_ten(ft_traffic_connect(network.hosts[FT_SERVER], 7));
}

static void accept_and_end_at_ten(void *arg)
{
	int listener = ft_traffic_listen(7, 1);

	end_at_ten(ft_traffic_accept(listener));
	ft_expect_ok(ft_close(listener));
}

static void simultaneous_close_both_wait(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, &good);
	run(connect_and_end_at_ten, accept_and_end_at_ten);
	ft_network_run_for(&network, FT_SECOND);
	ft_expect_equal(in_state(FT_CLIENT, FT_TCP_TIME_WAIT), 1);
	ft_expect_equal(in_state(FT_SERVER, FT_TCP_TIME_WAIT), 1);
	ft_network_free(&network);
}

// ---- half-close: the answer comes an hour after the end of the question ----

static void ask(void *arg)
{
	int fd = ft_traffic_connect(network.hosts[FT_SERVER], 7);

	ft_traffic_send(fd, 1, 0, 100000);
	ft_expect_ok(ft_shutdown(fd, SHUT_WR));
	ft_expect_errno(ft_send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	ft_traffic_receive(fd, 2, 0, 300000);
	ft_traffic_receive_end(fd);
	ft_expect_ok(ft_close(fd));
}

static void answer_late(void *arg)
{
	int listener = ft_traffic_listen(7, 1);
	int fd = ft_traffic_accept(listener);

	ft_traffic_receive(fd, 1, 0, 100000);
	ft_traffic_receive_end(fd);
	ft_task_sleep(3600 * FT_SECOND);
	ft_expect_equal(in_state(FT_CLIENT, FT_TCP_FIN_WAIT_2), 1);
	ft_expect_equal(in_state(FT_SERVER, FT_TCP_CLOSE_WAIT), 1);
	ft_traffic_send(fd, 2, 0, 300000);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

static void half_close_answer_arrives(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, seed % 2 == 0 ? &good : &lossy);
	run(ask, answer_late);
	ft_network_free(&network);
}

// ---- TIME-WAIT: stands where the first FIN came from, gives way to a new SYN (RFC 6191) ----

static void connect_twice_from_one_port(void *arg)
{
	for (int i = 0; i < 2; i++) {
		int fd = connect_from(5000, FT_SERVER, 7);

		ft_traffic_receive(fd, i, 0, 1000);
		ft_traffic_receive_end(fd);
		ft_expect_ok(ft_close(fd));
		ft_task_sleep(2 * FT_SECOND);
		ft_expect_equal(in_state(FT_CLIENT, FT_TCP_TIME_WAIT), 0);
		ft_expect_equal(in_state(FT_SERVER, FT_TCP_TIME_WAIT), 1);
	}
}

static void accept_twice_and_close_first(void *arg)
{
	int listener = ft_traffic_listen(7, 2);

	for (int i = 0; i < 2; i++) {
		int fd = ft_traffic_accept(listener);

		ft_traffic_send(fd, i, 0, 1000);
		ft_expect_ok(ft_close(fd));
	}
	ft_expect_ok(ft_close(listener));
}

static void time_wait_gives_way_to_new_syn(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, &good);
	run(connect_twice_from_one_port, accept_twice_and_close_first);
	ft_expect_equal(
		ft_network_count(network.hosts[FT_SERVER], FT_COUNTER_TCP_TIME_WAIT_REUSED), 1);
	ft_network_run_for(&network, network.hosts[0]->stack.config.tcp.time_wait + FT_SECOND);
	ft_expect_equal(in_state(FT_SERVER, FT_TCP_TIME_WAIT), 0);
	ft_network_free(&network);
}

// ---- resets ----

static void connect_to_nobody(void *arg)
{
	for (int i = 0; i < 100; i++) {
		ft_expect_errno(ft_traffic_try_connect(network.hosts[FT_SERVER], 99), ECONNREFUSED);
	}
}

static void listen_elsewhere(void *arg)
{
	int listener = ft_traffic_listen(7, 1);

	ft_task_sleep(60 * FT_SECOND);
	ft_expect_ok(ft_close(listener));
}

static void nobody_listens_connect_is_refused(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, &good);
	run(connect_to_nobody, listen_elsewhere);
	ft_expect_equal(
		ft_network_count(network.hosts[FT_SERVER], FT_COUNTER_TCP_RESETS_SENT), 100);
	ft_network_free(&network);
}

static void linger_zero(void *arg)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	int fd = ft_traffic_connect(network.hosts[FT_SERVER], 7);

	ft_traffic_send(fd, 1, 0, 1000);
	ft_task_sleep(FT_SECOND);
	ft_expect_ok(ft_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	ft_expect_ok(ft_close(fd));
	ft_expect_equal(network.hosts[FT_CLIENT]->stack.tcp.anchors.in_use, 0);
}

static void expect_reset(void *arg)
{
	int listener = ft_traffic_listen(7, 1);
	int fd = ft_traffic_accept(listener);
	uint8_t byte;

	ft_traffic_receive(fd, 1, 0, 1000);
	ft_expect_errno(ft_recv(fd, &byte, 1, 0), ECONNRESET);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

static void linger_zero_resets_peer(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, &good);
	run(linger_zero, expect_reset);
	ft_network_free(&network);
}

// RFC 2525 2.17: closing with bytes unread tells the sender that they were lost.
static void close_unread(void *arg)
{
	int listener = ft_traffic_listen(7, 1);
	int fd = ft_traffic_accept(listener);

	ft_task_sleep(FT_SECOND);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

static void send_and_expect_reset(void *arg)
{
	int fd = ft_traffic_connect(network.hosts[FT_SERVER], 7);
	uint8_t byte;

	ft_traffic_send(fd, 1, 0, 1000);
	ft_expect_errno(ft_recv(fd, &byte, 1, 0), ECONNRESET);
	ft_expect_ok(ft_close(fd));
}

static void close_with_bytes_unread_resets_peer(uint64_t seed)
{
	ft_network_pair(&network, seed, NULL, &good);
	run(send_and_expect_reset, close_unread);
	ft_network_free(&network);
}

int main(int argc, char **argv)
{
	static const struct ft_scenario scenarios[] = {
		{ "simultaneous_open_connects", simultaneous_open_connects, 50 },
		{ "simultaneous_close_both_wait", simultaneous_close_both_wait, 5 },
		{ "half_close_answer_arrives", half_close_answer_arrives, 20 },
		{ "time_wait_gives_way_to_new_syn", time_wait_gives_way_to_new_syn, 5 },
		{ "nobody_listens_connect_is_refused", nobody_listens_connect_is_refused, 3 },
		{ "linger_zero_resets_peer", linger_zero_resets_peer, 3 },
		{ "close_with_bytes_unread_resets_peer", close_with_bytes_unread_resets_peer, 3 },
		{ 0 },
	};

	return ft_scenario_main(argc, argv, scenarios);
}
