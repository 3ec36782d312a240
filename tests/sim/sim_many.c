// Many connections at once, all the ports there are, more than two hosts.
#include "network.h"
#include "scenario.h"
#include "task.h"
#include "traffic.h"

static struct ft_network network;

static struct ft_host *server_host(void)
{
	return network.hosts[FT_SERVER];
}

static void run(void (*client)(void *arg), void (*server)(void *arg))
{
	ft_task_start(&network, network.hosts[FT_SERVER], server, NULL);
	ft_task_start(&network, network.hosts[FT_CLIENT], client, NULL);
	ft_network_run(&network, 3600 * FT_SECOND);
}

// ---- a thousand connections, all open at the same time, served through epoll ----

#define MANY  1000
#define BYTES 5000 // each sends so many and wants them back

static void watch(int epoll, int operation, int fd, uint32_t events, uint32_t number)
{
	struct epoll_event event = { .events = events, .data.u32 = number };

	ft_expect_ok(ft_epoll_ctl(epoll, operation, fd, &event));
}

// Reads what there is and sends it back: a message is short, the send buffer takes it.
static void echo(int fd, uint32_t *open)
{
	uint8_t bytes[BYTES];
	ssize_t count = ft_expect_ok(ft_recv(fd, bytes, sizeof(bytes), 0));

	if (count == 0) {
		ft_expect_ok(ft_close(fd));
		(*open)--;
		return;
	}
	ft_expect_equal(ft_expect_ok(ft_send(fd, bytes, count, MSG_NOSIGNAL)), count);
}

static void echo_server(void *arg)
{
	int listener = ft_traffic_listen(7, MANY);
	int epoll = ft_expect_ok(ft_epoll_create1(0));
	uint32_t accepted = 0, open = 0;

	watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, listener);
	while (accepted < MANY || open > 0) {
		struct epoll_event events[64];
		int count = ft_expect_ok(ft_epoll_wait(epoll, events, 64, -1));

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.u32;

			if (fd == listener) {
				fd = ft_traffic_accept(listener);
				watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, fd);
				accepted++;
				open++;
			} else {
				echo(fd, &open);
			}
		}
	}
	ft_expect_ok(ft_close(epoll));
	ft_expect_ok(ft_close(listener));
}

static int begin_connect(void)
{
	struct sockaddr_in address = ft_traffic_address(server_host(), 7);
	int fd = ft_expect_ok(ft_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));

	ft_expect_errno(ft_connect(fd, (struct sockaddr *)&address, sizeof(address)), EINPROGRESS);
	return fd;
}

// One connection of the thousand: writable once (connected), then its echo until all is back.
static bool go_on(int epoll, int fd, uint32_t number, uint32_t events, uint32_t *received)
{
	uint8_t bytes[BYTES];
	ssize_t count;

	if (events & EPOLLOUT) {
		ft_traffic_fill(bytes, BYTES, number, 0);
		ft_expect_equal(ft_expect_ok(ft_send(fd, bytes, BYTES, MSG_NOSIGNAL)), BYTES);
		watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN, number);
		return false;
	}
	count = ft_expect_ok(ft_recv(fd, bytes, sizeof(bytes), 0));
	ft_expect(count > 0);
	ft_traffic_check(bytes, count, number, *received);
	*received += count;
	return *received == BYTES;
}

static void thousand_clients(void *arg)
{
	static int fds[MANY];
	uint32_t received[MANY] = { 0 };
	int epoll = ft_expect_ok(ft_epoll_create1(0));
	uint32_t done = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		fds[i] = begin_connect();
		watch(epoll, EPOLL_CTL_ADD, fds[i], EPOLLOUT, i);
	}
	while (done < MANY) {
		struct epoll_event events[64];
		int count = ft_expect_ok(ft_epoll_wait(epoll, events, 64, -1));

		for (int i = 0; i < count; i++) {
			uint32_t number = events[i].data.u32;

			done += go_on(
				epoll, fds[number], number, events[i].events, &received[number]);
		}
	}
	ft_expect_equal(server_host()->stack.tcp.in_state[FT_TCP_ESTABLISHED], MANY);
	for (uint32_t i = 0; i < MANY; i++)
		ft_expect_ok(ft_close(fds[i]));
	ft_expect_ok(ft_close(epoll));
}

static void thousand_connections_all_served(uint64_t seed)
{
	struct ft_wire wire = { .delay = FT_MILLISECOND,
		.rate_bps = 100000000,
		.queue_bytes = 200000,
		.loss = seed % 2 * 0.01 };
	struct ft_config config;

	ft_network_config(&config);
	config.memory.packets = 8192;
	ft_network_pair(&network, seed, &config, &wire);
	run(thousand_clients, echo_server);
	ft_network_free(&network);
}

// ---- the 64K trap: a port is used up towards one destination only ----

#define FIRST_PORT 1024
#define LAST_PORT  65535
#define ALL_PORTS  (LAST_PORT - FIRST_PORT + 1)

static bool are_ports_open; // the client has all its connections

static void accept_all(void *arg)
{
	int listener = ft_traffic_listen(7, 128);
	int other = ft_traffic_listen(8, 128);

	// The other port's connections stay in its queue.
	for (uint32_t i = 0; i < ALL_PORTS; i++)
		ft_traffic_accept(listener);
	while (are_ports_open)
		ft_task_sleep(FT_SECOND);
	for (int fd = 3; fd < ALL_PORTS + 5; fd++)
		ft_expect_ok(ft_close(fd));
	ft_expect(other > listener);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	ft_expect_ok(ft_getsockname(fd, (struct sockaddr *)&address, &length));
	return ntohs(address.sin_port);
}

static void use_every_port(void *arg)
{
	static uint8_t is_used[FT_PORT_COUNT];
	static int fds[ALL_PORTS];
	int other, again;

	memset(is_used, 0, sizeof(is_used));
	for (uint32_t i = 0; i < ALL_PORTS; i++) {
		fds[i] = ft_traffic_connect(server_host(), 7);
		ft_expect(port_of(fds[i]) >= FIRST_PORT);
		ft_expect_equal(is_used[port_of(fds[i])]++, 0);
	}
	ft_expect_errno(ft_traffic_try_connect(server_host(), 7), EADDRNOTAVAIL);

	// Another port of the same host is another destination.
	other = ft_traffic_connect(server_host(), 8);
	ft_expect_equal(is_used[port_of(other)], 1);
	ft_expect_ok(ft_close(other));

	// A reset leaves nothing behind, so its port, and only that, is free again.
	ft_expect_ok(ft_setsockopt(fds[100], SOL_SOCKET, SO_LINGER,
		&(struct linger){ .l_onoff = 1 }, sizeof(struct linger)));
	again = port_of(fds[100]);
	ft_expect_ok(ft_close(fds[100]));
	fds[100] = begin_connect();
	ft_expect_equal(port_of(fds[100]), again);
	ft_expect_errno(ft_traffic_try_connect(server_host(), 7), EADDRNOTAVAIL);

	for (uint32_t i = 0; i < ALL_PORTS; i++)
		ft_expect_ok(ft_close(fds[i]));
	are_ports_open = false;
}

static void every_port_used_other_destination_works(uint64_t seed)
{
	static const struct ft_wire wire = { .delay = 10 * FT_MICROSECOND };
	struct ft_config config;

	ft_network_config(&config);
	config.tcp.ephemeral_ports = (struct ft_config_range){ FIRST_PORT, LAST_PORT };
	config.tcp.connections = ALL_PORTS + 100;
	config.socket.descriptors = ALL_PORTS + 100;
	ft_network_pair(&network, seed, &config, &wire);
	are_ports_open = true;
	run(use_every_port, accept_all);
	ft_network_free(&network);
}

// ---- connections come and go: nothing leaks, TIME-WAIT does not stand in the way ----

#define TURNS 5000

static void connect_over_and_over(void *arg)
{
	for (uint32_t i = 0; i < TURNS; i++) {
		int fd = ft_traffic_connect(server_host(), 7);

		ft_traffic_send(fd, i, 0, 100);
		ft_expect_ok(ft_shutdown(fd, SHUT_WR));
		ft_traffic_receive(fd, i, 0, 100);
		ft_traffic_receive_end(fd);
		ft_expect_ok(ft_close(fd));
	}
}

static void echo_over_and_over(void *arg)
{
	int listener = ft_traffic_listen(7, 16);

	for (uint32_t i = 0; i < TURNS; i++) {
		int fd = ft_traffic_accept(listener);

		ft_traffic_receive(fd, i, 0, 100);
		ft_traffic_receive_end(fd);
		ft_traffic_send(fd, i, 0, 100);
		ft_expect_ok(ft_close(fd));
	}
	ft_expect_ok(ft_close(listener));
}

static void short_connections_in_a_row(uint64_t seed)
{
	static const struct ft_wire wire = { .delay = 10 * FT_MICROSECOND, .loss = 0.001 };
	struct ft_config config;

	ft_network_config(&config);
	config.tcp.connections = TURNS + 100;
	ft_network_pair(&network, seed, &config, &wire);
	run(connect_over_and_over, echo_over_and_over);
	ft_network_free(&network);
}

// ---- three hosts, each with a connection to each of the others, one of them behind a bottleneck
// ----

#define STREAM_BYTES 300000

struct pairing {
	int from, to;
	uint16_t port;
};

static const struct pairing pairings[] = { { 0, 1, 70 }, { 1, 2, 71 }, { 2, 0, 72 } };

static void pairing_server(void *arg)
{
	const struct pairing *pairing = arg;
	int listener = ft_traffic_listen(pairing->port, 1);
	int fd = ft_traffic_accept(listener);

	ft_traffic_exchange(fd, pairing->from, pairing->to, STREAM_BYTES);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

static void pairing_client(void *arg)
{
	const struct pairing *pairing = arg;
	int fd = ft_traffic_connect(network.hosts[pairing->to], pairing->port);

	ft_traffic_exchange(fd, pairing->to, pairing->from, STREAM_BYTES);
	ft_expect_ok(ft_close(fd));
}

static void three_hosts_all_talk(uint64_t seed)
{
	static const struct ft_wire narrow = {
		.delay = 5 * FT_MILLISECOND, .rate_bps = 3000000, .queue_bytes = 20000
	};
	ft_network_init(&network, seed);
	for (int i = 0; i < 3; i++)
		ft_network_add(&network, NULL, 0);
	network.hosts[2]->to_switch = network.hosts[2]->from_switch = narrow;
	for (int i = 0; i < 3; i++) {
		void *pairing = (void *)&pairings[i];

		ft_task_start(&network, network.hosts[pairings[i].to], pairing_server, pairing);
		ft_task_start(&network, network.hosts[pairings[i].from], pairing_client, pairing);
	}
	ft_network_run(&network, 600 * FT_SECOND);
	ft_network_free(&network);
}

// ---- a host talks to itself, over its own address and over 127.0.0.1 ----

static void connect_to_myself(void *arg)
{
	struct ft_host *self = network.hosts[0];
	struct ft_host loopback = { .address = ft_addr_from_ip4(RTE_BE32(0x7f000001)) };
	const struct ft_host *ways[] = { self, &loopback };

	for (int i = 0; i < 2; i++) {
		int fd = ft_traffic_connect(ways[i], 7);

		ft_traffic_exchange(fd, 1, 2, STREAM_BYTES);
		ft_expect_ok(ft_close(fd));
	}
	ft_expect_errno(ft_traffic_try_connect(self, 99), ECONNREFUSED);
}

static void accept_from_myself(void *arg)
{
	int listener = ft_traffic_listen(7, 1);

	for (int i = 0; i < 2; i++) {
		int fd = ft_traffic_accept(listener);

		ft_traffic_exchange(fd, 2, 1, STREAM_BYTES);
		ft_expect_ok(ft_close(fd));
	}
	ft_expect_ok(ft_close(listener));
}

static void host_talks_to_itself(uint64_t seed)
{
	ft_network_init(&network, seed);
	ft_network_add(&network, NULL, 0);
	ft_network_vary_nic(network.hosts[0]);
	ft_task_start(&network, network.hosts[0], accept_from_myself, NULL);
	ft_task_start(&network, network.hosts[0], connect_to_myself, NULL);
	ft_network_run(&network, 60 * FT_SECOND);
	ft_expect_equal(ft_network_count(network.hosts[0], FT_COUNTER_TCP_RETRANSMITTED), 0);
	ft_network_free(&network);
}

// ---- more callers at once than the listener's backlog holds: all are served in the end ----

#define CALLERS 60

static void serve_slowly(void *arg)
{
	int listener = ft_traffic_listen(7, 4);

	for (uint32_t i = 0; i < CALLERS; i++) {
		int fd = ft_traffic_accept(listener);

		ft_task_sleep(20 * FT_MILLISECOND);
		ft_traffic_receive(fd, 1, 0, 100);
		ft_traffic_send(fd, 2, 0, 100);
		ft_expect_ok(ft_close(fd));
	}
	ft_expect_ok(ft_close(listener));
}

static void call(void *arg)
{
	int fd;

	ft_task_sleep(ft_random_below(&network.random, 500) * FT_MILLISECOND);
	fd = ft_traffic_connect(server_host(), 7);
	ft_traffic_send(fd, 1, 0, 100);
	ft_traffic_receive(fd, 2, 0, 100);
	ft_traffic_receive_end(fd);
	ft_expect_ok(ft_close(fd));
}

static void backlog_overflows_all_are_served(uint64_t seed)
{
	static const struct ft_wire wire = { .delay = FT_MILLISECOND };

	ft_network_pair(&network, seed, NULL, &wire);
	ft_task_start(&network, server_host(), serve_slowly, NULL);
	for (uint32_t i = 0; i < CALLERS; i++)
		ft_task_start(&network, network.hosts[FT_CLIENT], call, NULL);
	ft_network_run(&network, 600 * FT_SECOND);
	ft_expect(server_host()->stack.counters.dropped_input[FT_DROP_TCP_BACKLOG_FULL] > 0);
	ft_network_free(&network);
}

int main(int argc, char **argv)
{
	static const struct ft_scenario scenarios[] = {
		{ "thousand_connections_all_served", thousand_connections_all_served, 4 },
		{ "every_port_used_other_destination_works",
			every_port_used_other_destination_works, 1 },
		{ "short_connections_in_a_row", short_connections_in_a_row, 2 },
		{ "three_hosts_all_talk", three_hosts_all_talk, 20 },
		{ "host_talks_to_itself", host_talks_to_itself, 10 },
		{ "backlog_overflows_all_are_served", backlog_overflows_all_are_served, 3 },
		{ 0 },
	};

	return ft_scenario_main(argc, argv, scenarios);
}
