// Numbers that come round: sequence numbers, timestamps, and clocks that jump.
#include "network.h"
#include "scenario.h"
#include "task.h"
#include "tcp/isn.h"
#include "traffic.h"

#define CLIENT_PORT 5000
#define SERVER_PORT 7
#define DAY	    (24 * 3600 * FT_SECOND)

static const struct ft_wire lossy = {
	.delay = 5 * FT_MILLISECOND, .jitter = 2 * FT_MILLISECOND, .loss = 0.02
};

static const struct ft_wire good = { .delay = 5 * FT_MILLISECOND, .jitter = 2 * FT_MILLISECOND };

static struct ft_network network;

static struct ft_tuple tuple_of(int host)
{
	bool is_client = host == FT_CLIENT;

	return (struct ft_tuple){
		.local = network.hosts[host]->address,
		.remote = network.hosts[!host]->address,
		.local_port = is_client ? CLIENT_PORT : SERVER_PORT,
		.remote_port = is_client ? SERVER_PORT : CLIENT_PORT,
		.protocol = IPPROTO_TCP,
	};
}

static int connect_from_port(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(CLIENT_PORT) };
	struct sockaddr_in there = ft_traffic_address(network.hosts[FT_SERVER], SERVER_PORT);
	int fd = ft_expect_ok(ft_socket(AF_INET, SOCK_STREAM, 0));

	ft_traffic_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	ft_expect_ok(ft_bind(fd, (struct sockaddr *)&here, sizeof(here)));
	ft_expect_ok(ft_connect(fd, (struct sockaddr *)&there, sizeof(there)));
	return fd;
}

static void run(uint64_t seed, const struct ft_wire *wire, void (*client)(void *arg),
	void (*server)(void *arg))
{
	ft_network_pair(&network, seed, NULL, wire);
	ft_task_start(&network, network.hosts[FT_SERVER], server, NULL);
	ft_task_start(&network, network.hosts[FT_CLIENT], client, NULL);
	ft_network_run(&network, 400 * DAY);
	ft_network_free(&network);
}

// ---- sequence numbers pass 2^32 in the midst of a transfer ----

#define BYTES 200000

// How long until this host's initial sequence number is `before` the wrap.
static ft_time until_wrap(int host, uint32_t before)
{
	struct ft_tuple tuple = tuple_of(host);
	const struct ft_hash_key *key = &network.hosts[host]->stack.key;
	uint32_t isn = ft_isn_choose(key, ft_tuple_hash(key, &tuple), network.now).sequence;

	return (uint32_t)(-before - isn) * (4 * FT_MICROSECOND);
}

static void exchange_at_each_wrap(void *arg)
{
	for (int host = 0; host < 2; host++) {
		int fd;

		// Loss lets the handshake last some seconds at times: 250,000 numbers each.
		ft_network_skip(&network, until_wrap(host, BYTES / 2));
		fd = connect_from_port();
		ft_traffic_exchange(fd, 1, 2, BYTES);
		ft_expect_ok(ft_close(fd));
		ft_task_sleep(600 * FT_SECOND);
	}
}

static void exchange_twice(void *arg)
{
	int listener = ft_traffic_listen(SERVER_PORT, 1);

	for (int i = 0; i < 2; i++) {
		int fd = ft_traffic_accept(listener);

		ft_traffic_exchange(fd, 2, 1, BYTES);
		ft_expect_ok(ft_close(fd));
	}
	ft_expect_ok(ft_close(listener));
}

static void sequence_numbers_wrap(uint64_t seed)
{
	run(seed, &lossy, exchange_at_each_wrap, exchange_twice);
}

// ---- timestamps pass 2^31 and 2^32 milliseconds, with and without traffic meanwhile ----

#define MESSAGE 5000

static void echo_until_end(void *arg)
{
	int listener = ft_traffic_listen(SERVER_PORT, 1);
	int fd = ft_traffic_accept(listener);
	uint8_t bytes[MESSAGE];
	ssize_t count;

	while ((count = ft_expect_ok(ft_recv(fd, bytes, sizeof(bytes), 0))) > 0)
		ft_expect_equal(ft_expect_ok(ft_send(fd, bytes, count, 0)), count);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

static void ask_for_echo(int fd, uint64_t *at)
{
	ft_traffic_send(fd, 1, *at, *at + MESSAGE);
	ft_traffic_receive(fd, 1, *at, *at + MESSAGE);
	*at += MESSAGE;
}

static void talk_every_day(void *arg)
{
	int fd = connect_from_port();
	uint64_t at = 0;

	for (int day = 0; day < 60; day++) {
		ask_for_echo(fd, &at);
		ft_task_sleep(FT_SECOND);
		ft_network_skip(&network, DAY);
	}
	ft_expect_ok(ft_close(fd));
}

static void daily_talk_timestamps_wrap(uint64_t seed)
{
	run(seed, &lossy, talk_every_day, echo_until_end);
}

// RFC 7323 5.5: after 24 days of silence the last timestamp says nothing any more.
static void talk_every_month(void *arg)
{
	int fd = connect_from_port();
	uint64_t at = 0;

	for (int month = 0; month < 12; month++) {
		ft_time before = network.now;

		ask_for_echo(fd, &at);
		ft_expect(network.now < before + 60 * FT_SECOND);
		ft_task_sleep(FT_SECOND);
		ft_network_skip(&network, (24 + month) * DAY);
	}
	ft_expect_ok(ft_close(fd));
}

static void monthly_talk_timestamps_are_forgotten(uint64_t seed)
{
	run(seed, &lossy, talk_every_month, echo_until_end);
}

// ---- a program that was stopped (a debugger, a virtual machine moved) goes on ----

// (No loss here: a loss just before a stop longer than the user timeout may end the connection.)
static void exchange_with_pauses(void *arg)
{
	int fd = connect_from_port();
	uint64_t at = 0;

	for (int i = 0; i < 50; i++) {
		ft_traffic_send(fd, 1, at, at + MESSAGE);
		ft_network_skip(&network, ft_random_below(&network.random, 2000) * FT_SECOND);
		ft_traffic_receive(fd, 1, at, at + MESSAGE);
		at += MESSAGE;
	}
	ft_expect_ok(ft_close(fd));
}

static void frozen_for_a_while_goes_on(uint64_t seed)
{
	run(seed, &good, exchange_with_pauses, echo_until_end);
}

int main(int argc, char **argv)
{
	static const struct ft_scenario scenarios[] = {
		{ "sequence_numbers_wrap", sequence_numbers_wrap, 20 },
		{ "daily_talk_timestamps_wrap", daily_talk_timestamps_wrap, 5 },
		{ "monthly_talk_timestamps_are_forgotten", monthly_talk_timestamps_are_forgotten,
			5 },
		{ "frozen_for_a_while_goes_on", frozen_for_a_while_goes_on, 10 },
		{ 0 },
	};

	return ft_scenario_main(argc, argv, scenarios);
}
