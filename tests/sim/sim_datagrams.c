// UDP: whole or not at all, however it was cut and shuffled.
#include "network.h"
#include "scenario.h"
#include "task.h"
#include "traffic.h"

#define LARGEST	  65507
#define DATAGRAMS 200

struct datagrams {
	struct ft_network network;
	uint32_t smallest; // payload bytes, chosen at random in between
	uint32_t largest;
	uint32_t arrived;
	uint8_t times[DATAGRAMS]; // that each has arrived
};

// A datagram of at least 8 bytes begins with its number and length; the rest is a stream of its
// own.
struct label {
	uint32_t number;
	uint32_t bytes;
};

static struct datagrams state;

static int udp_socket(uint16_t port)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = ft_expect_ok(ft_socket(AF_INET, SOCK_DGRAM, 0));

	ft_expect_ok(ft_bind(fd, (struct sockaddr *)&any, sizeof(any)));
	return fd;
}

static void send_one(int fd, uint32_t number, uint32_t bytes)
{
	struct sockaddr_in to = ft_traffic_address(state.network.hosts[FT_SERVER], 9);
	struct label label = { number, bytes };
	static uint8_t payload[LARGEST];

	ft_traffic_fill(payload, bytes, number, 0);
	memcpy(payload, &label, sizeof(label));
	ft_expect_equal(ft_expect_ok(ft_sendto(fd, payload, bytes, MSG_NOSIGNAL,
				(struct sockaddr *)&to, sizeof(to))),
		bytes);
}

// The first is small and goes ahead: it resolves the address.
static void sender(void *arg)
{
	struct ft_random *random = &state.network.random;
	int fd = udp_socket(5000);

	for (uint32_t i = 0; i < DATAGRAMS; i++) {
		uint32_t range = state.largest - state.smallest + 1;
		uint32_t bytes = state.smallest + ft_random_below(random, range);

		send_one(fd, i, i == 0 ? 8 : bytes);
		ft_task_sleep(i == 0 ? FT_SECOND : 20 * FT_MILLISECOND);
	}
	ft_expect_ok(ft_close(fd));
}

static void receive_one(int fd)
{
	static uint8_t payload[LARGEST + 1];
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	struct label label;
	ssize_t bytes = ft_recvfrom(
		fd, payload, sizeof(payload), MSG_DONTWAIT, (struct sockaddr *)&from, &length);

	if (bytes < 0 && errno == EAGAIN)
		return;
	ft_expect_ok(bytes);
	ft_expect_equal(ntohs(from.sin_port), 5000);
	ft_expect(bytes >= (ssize_t)sizeof(label));
	memcpy(&label, payload, sizeof(label));
	ft_expect_equal(bytes, label.bytes);
	ft_expect(label.number < DATAGRAMS);
	ft_traffic_check(payload + 8, bytes - 8, label.number, 8);
	state.times[label.number]++;
	state.arrived++;
}

static void receiver(void *arg)
{
	int fd = udp_socket(9);
	ft_time end = 30 * FT_SECOND;

	ft_traffic_set(fd, SOL_SOCKET, SO_RCVBUF, 1 << 20);
	while (state.network.now < end) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };

		if (ft_expect_ok(ft_poll(&wait, 1, 1000)) > 0)
			receive_one(fd);
	}
	ft_expect_ok(ft_close(fd));
}

static void run(uint64_t seed, const struct ft_wire *wire, uint32_t smallest, uint32_t largest)
{
	struct ft_network *network = &state.network;

	memset(&state, 0, sizeof(state));
	ft_network_pair(network, seed, NULL, wire);
	for (int i = 0; i < 2; i++)
		ft_network_vary_nic(network->hosts[i]);
	state.smallest = smallest;
	state.largest = largest;
	ft_task_start(network, network->hosts[FT_SERVER], receiver, NULL);
	ft_task_start(network, network->hosts[FT_CLIENT], sender, NULL);
	ft_network_run(network, 60 * FT_SECOND);
}

static void expect_at_most_once(void)
{
	for (uint32_t i = 0; i < DATAGRAMS; i++)
		ft_expect(state.times[i] <= 1);
}

// All kinds of sizes up to the largest there is, up to 45 fragments, in any order.
static void shuffled_fragments_all_arrive(uint64_t seed)
{
	static const struct ft_wire wire = { .delay = FT_MILLISECOND,
		.jitter = 10 * FT_MILLISECOND };

	run(seed, &wire, 8, LARGEST);
	expect_at_most_once();
	ft_expect_equal(state.arrived, DATAGRAMS);
	ft_network_free(&state.network);
}

static void largest_datagrams_arrive(uint64_t seed)
{
	static const struct ft_wire wire = { .delay = FT_MILLISECOND };

	run(seed, &wire, LARGEST, LARGEST);
	expect_at_most_once();
	ft_expect_equal(state.arrived, DATAGRAMS);
	ft_network_free(&state.network);
}

// One fragment lost loses the datagram, and what came of it waits for the rest in vain: then the
// memory comes back (ft_network_free() sees to it) and others find room meanwhile.
static void lost_fragments_whole_or_nothing(uint64_t seed)
{
	static const struct ft_wire wire = {
		.delay = FT_MILLISECOND, .jitter = 10 * FT_MILLISECOND, .loss = 0.02
	};

	run(seed, &wire, 8, 20000);
	expect_at_most_once();
	ft_expect(state.arrived > DATAGRAMS / 2 && state.arrived < DATAGRAMS);
	ft_network_free(&state.network);
}

// The path's duplicates of unfragmented datagrams are delivered (UDP promises nothing else), those
// of fragments must not spoil their datagram.
static void duplicated_fragments_do_no_harm(uint64_t seed)
{
	static const struct ft_wire wire = {
		.delay = FT_MILLISECOND, .jitter = FT_MILLISECOND, .duplication = 0.05
	};

	run(seed, &wire, 3000, 30000);
	for (uint32_t i = 0; i < DATAGRAMS; i++)
		ft_expect(state.times[i] >= 1);
	ft_network_free(&state.network);
}

static void corrupted_datagrams_never_arrive(uint64_t seed)
{
	static const struct ft_wire wire = { .delay = FT_MILLISECOND, .corruption = 0.1 };
	const struct ft_counters *counters;

	run(seed, &wire, 8, 1472);
	counters = &state.network.hosts[FT_SERVER]->stack.counters;
	expect_at_most_once();
	ft_expect(state.arrived > DATAGRAMS / 10 && state.arrived < DATAGRAMS);
	ft_expect(counters->dropped_input[FT_DROP_UDP_BAD_CHECKSUM] > 0);
	ft_network_free(&state.network);
}

// ---- nobody there ----

static void send_to_nobody(void *arg)
{
	struct sockaddr_in to = ft_traffic_address(state.network.hosts[FT_SERVER], 99);
	int fd = ft_expect_ok(ft_socket(AF_INET, SOCK_DGRAM, 0));
	uint8_t byte = 0;

	ft_expect_ok(ft_connect(fd, (struct sockaddr *)&to, sizeof(to)));
	for (int i = 0; i < 5; i++) {
		ft_expect_equal(ft_expect_ok(ft_send(fd, &byte, 1, 0)), 1);
		ft_expect_errno(ft_recv(fd, &byte, 1, 0), ECONNREFUSED);
		ft_task_sleep(FT_SECOND);
	}
	ft_expect_ok(ft_close(fd));
}

static void nobody_receives_connected_sender_is_told(uint64_t seed)
{
	static const struct ft_wire wire = { .delay = FT_MILLISECOND };

	ft_network_pair(&state.network, seed, NULL, &wire);
	ft_task_start(&state.network, state.network.hosts[FT_CLIENT], send_to_nobody, NULL);
	ft_network_run(&state.network, 60 * FT_SECOND);
	ft_network_free(&state.network);
}

int main(int argc, char **argv)
{
	static const struct ft_scenario scenarios[] = {
		{ "shuffled_fragments_all_arrive", shuffled_fragments_all_arrive, 10 },
		{ "largest_datagrams_arrive", largest_datagrams_arrive, 2 },
		{ "lost_fragments_whole_or_nothing", lost_fragments_whole_or_nothing, 20 },
		{ "duplicated_fragments_do_no_harm", duplicated_fragments_do_no_harm, 10 },
		{ "corrupted_datagrams_never_arrive", corrupted_datagrams_never_arrive, 20 },
		{ "nobody_receives_connected_sender_is_told",
			nobody_receives_connected_sender_is_told, 2 },
		{ 0 },
	};

	return ft_scenario_main(argc, argv, scenarios);
}
