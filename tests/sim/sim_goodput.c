// How fast is a transfer on a path that loses packets? The table goodput.txt holds what was
// measured and found reasonable; a change of behaviour shows as a difference. After a wanted
// change, look at the new table and put it there (FT_SIM_GOODPUT names the table to compare with;
// without it the program writes one):
//
//	build/tests/sim/sim-goodput goodput_is_as_in_the_table | head -10 > tests/sim/goodput.txt
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "network.h"
#include "scenario.h"
#include "task.h"
#include "traffic.h"

#define BYTES	  (2u << 20)
#define RUNS	  10   // seeds averaged for a row
#define TOLERANCE 0.15 // of the goodput in the table

// Loss in percent: with 20 Mbit/s and 20 ms of round trip.
static const double losses[] = { 0, 0.1, 0.3, 1, 2, 3, 5, 7, 10 };
#define ROWS (sizeof(losses) / sizeof(losses[0]))

static struct ft_network network;

static void receiver(void *arg)
{
	int listener = ft_traffic_listen(7, 1);
	int fd = ft_traffic_accept(listener);

	ft_traffic_receive(fd, 1, 0, BYTES);
	*(ft_time *)arg = network.now;
	ft_traffic_receive_end(fd);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

static void sender(void *arg)
{
	int fd = ft_traffic_connect(network.hosts[FT_SERVER], 7);

	ft_traffic_send(fd, 1, 0, BYTES);
	ft_expect_ok(ft_close(fd));
}

static double kilobits_a_second(double loss, uint64_t seed)
{
	struct ft_wire wire = { .delay = 10 * FT_MILLISECOND,
		.rate_bps = 20000000,
		.queue_bytes = 50000,
		.loss = loss };
	ft_time end = 0;

	ft_network_pair(&network, seed, NULL, &wire);
	ft_task_start(&network, network.hosts[FT_SERVER], receiver, &end);
	ft_task_start(&network, network.hosts[FT_CLIENT], sender, NULL);
	ft_network_run(&network, 3600 * FT_SECOND);
	ft_network_free(&network);
	return BYTES * 8.0 / 1000 * FT_SECOND / end;
}

static double measure(double loss)
{
	double sum = 0;

	for (uint64_t seed = 0; seed < RUNS; seed++)
		sum += kilobits_a_second(loss, seed);
	return sum / RUNS;
}

static void write_table(void)
{
	printf("# loss %%  kbit/s   2 MB over 20 Mbit/s, 20 ms, queue 50 KB; mean of %d seeds\n",
		RUNS);
	for (uint32_t i = 0; i < ROWS; i++)
		printf("%6.1f  %8.0f\n", losses[i], measure(losses[i] / 100));
}

// Returns how many rows differ.
static int compare(FILE *table)
{
	double loss, expected;
	int wrong = 0;
	char line[128];

	for (uint32_t i = 0; i < ROWS; i++) {
		double measured;

		do
			ft_expect(fgets(line, sizeof(line), table) != NULL);
		while (line[0] == '#');
		ft_expect_equal(sscanf(line, "%lf %lf", &loss, &expected), 2);
		ft_expect(loss == losses[i]);
		measured = measure(loss / 100);
		printf("loss %4.1f %%: %8.0f kbit/s, table %8.0f\n", loss, measured, expected);
		wrong += fabs(measured - expected) > TOLERANCE * expected;
	}
	return wrong;
}

static void goodput_is_as_in_the_table(uint64_t seed)
{
	const char *path = getenv("FT_SIM_GOODPUT");
	FILE *table;
	int wrong;

	if (path == NULL) {
		write_table();
		return;
	}
	table = fopen(path, "r");
	ft_expect(table != NULL);
	wrong = compare(table);
	fclose(table);
	ft_expect_equal(wrong, 0);
}

// ---- two connections through one bottleneck ----

#define FAIR_BYTES (8u << 20)

struct flow {
	uint16_t port;
	uint64_t received;
};

static bool is_first_done; // then the other's share is known

static void receive_share(void *arg)
{
	struct flow *flow = arg;
	int listener = ft_traffic_listen(flow->port, 1);
	int fd = ft_traffic_accept(listener);

	while (flow->received < FAIR_BYTES && !is_first_done) {
		ft_traffic_receive(fd, flow->port, flow->received, flow->received + 4096);
		flow->received += 4096;
	}
	is_first_done = true;
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

static void send_share(void *arg)
{
	struct flow *flow = arg;
	int fd;
	ssize_t sent = 0;
	uint8_t bytes[8192];

	ft_task_sleep(ft_random_below(&network.random, 100) * FT_MILLISECOND);
	fd = ft_traffic_connect(network.hosts[2], flow->port);
	for (uint64_t at = 0; sent >= 0; at += sent) {
		ft_traffic_fill(bytes, sizeof(bytes), flow->port, at);
		sent = ft_send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
	}
	ft_expect_ok(ft_close(fd));
}

// The smaller share when the larger is complete.
static double smaller_share(uint64_t seed)
{
	static const struct ft_wire narrow = { .delay = 10 * FT_MILLISECOND,
		.jitter = FT_MICROSECOND,
		.rate_bps = 10000000,
		.queue_bytes = 40000 };
	struct flow flows[2] = { { .port = 7 }, { .port = 8 } };

	is_first_done = false;
	ft_network_init(&network, seed);
	for (int i = 0; i < 3; i++)
		ft_network_add(&network, NULL, 0);
	network.hosts[2]->from_switch = narrow;
	for (int i = 0; i < 2; i++) {
		ft_task_start(&network, network.hosts[2], receive_share, &flows[i]);
		ft_task_start(&network, network.hosts[i], send_share, &flows[i]);
	}
	ft_network_run(&network, 600 * FT_SECOND);
	ft_network_free(&network);
	return RTE_MIN(flows[0].received, flows[1].received) / (double)FAIR_BYTES;
}

static void two_connections_share_fairly(uint64_t seed)
{
	double sum = 0;

	for (int i = 0; i < RUNS; i++)
		sum += smaller_share(seed * RUNS + i);
	printf("the smaller share is %.2f of the larger, mean of %d\n", sum / RUNS, RUNS);
	ft_expect(sum / RUNS > 0.5);
}

int main(int argc, char **argv)
{
	static const struct ft_scenario scenarios[] = {
		{ "goodput_is_as_in_the_table", goodput_is_as_in_the_table, 1 },
		{ "two_connections_share_fairly", two_connections_share_fairly, 1 },
		{ 0 },
	};

	return ft_scenario_main(argc, argv, scenarios);
}
