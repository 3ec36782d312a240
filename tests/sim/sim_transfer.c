// Do the bytes arrive whatever the path does? A megabyte each way at once over one connection.
#include "network.h"
#include "scenario.h"
#include "task.h"
#include "traffic.h"

#define MEGABYTE (1u << 20)

struct transfer {
	struct ft_network network;
	uint64_t bytes;
};

static void server(void *arg)
{
	struct transfer *transfer = arg;
	int listener = ft_traffic_listen(7, 8);
	int fd = ft_traffic_accept(listener);

	ft_traffic_exchange(fd, 2, 1, transfer->bytes);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

static void client(void *arg)
{
	struct transfer *transfer = arg;
	int fd = ft_traffic_connect(transfer->network.hosts[FT_SERVER], 7);

	ft_traffic_exchange(fd, 1, 2, transfer->bytes);
	ft_expect_ok(ft_close(fd));
}

static void run(struct transfer *transfer)
{
	struct ft_network *network = &transfer->network;

	ft_task_start(network, network->hosts[FT_SERVER], server, transfer);
	ft_task_start(network, network->hosts[FT_CLIENT], client, transfer);
	ft_network_run(network, 3600 * FT_SECOND);
}

// ---- paths of every kind ----

static double up_to(struct ft_random *random, double most)
{
	return most * ft_random_below(random, 1001) / 1000;
}

static struct ft_wire bad_wire(struct ft_random *random)
{
	return (struct ft_wire){
		.delay = FT_MICROSECOND * (1 + ft_random_below(random, 50000)),
		.jitter = FT_MICROSECOND * ft_random_below(random, 10000),
		.loss = up_to(random, 0.10),
		.duplication = up_to(random, 0.05),
		.corruption = up_to(random, 0.03),
	};
}

static uint64_t exchange_over_bad_wires(uint64_t seed)
{
	struct transfer transfer = { .bytes = MEGABYTE };
	struct ft_random *random = &transfer.network.random;
	static const struct ft_wire none;
	uint64_t hash;

	ft_network_pair(&transfer.network, seed, NULL, &none);
	for (int i = 0; i < 2; i++) {
		ft_network_vary_nic(transfer.network.hosts[i]);
		transfer.network.hosts[i]->to_switch = bad_wire(random);
	}
	run(&transfer);
	ft_network_free(&transfer.network);
	hash = transfer.network.trace_hash;
	return hash;
}

static void bad_wires_megabyte_arrives(uint64_t seed)
{
	exchange_over_bad_wires(seed);
}

static void same_seed_same_frames(uint64_t seed)
{
	uint64_t first = exchange_over_bad_wires(seed);

	ft_expect_equal(exchange_over_bad_wires(seed), first);
	ft_expect(exchange_over_bad_wires(seed + 1) != first);
}

// ---- paths with something to show ----

// Nothing is lost, so nothing may be sent twice.
static void good_wires_nothing_is_retransmitted(uint64_t seed)
{
	struct transfer transfer = { .bytes = 4 * MEGABYTE };
	struct ft_wire wire = { .delay = FT_MILLISECOND * (1 + seed % 50) };

	ft_network_pair(&transfer.network, seed, NULL, &wire);
	run(&transfer);
	for (int i = 0; i < 2; i++) {
		struct ft_host *host = transfer.network.hosts[i];

		ft_expect_equal(ft_network_count(host, FT_COUNTER_TCP_RETRANSMITTED), 0);
		ft_expect_equal(ft_network_count(host, FT_COUNTER_TCP_OUT_OF_ORDER), 0);
		ft_expect_equal(ft_network_count(host, FT_COUNTER_TCP_RESETS_SENT), 0);
	}
	ft_network_free(&transfer.network);
}

// A queue of ten packets before two megabits: congestion control must find the rate and keep it, in
// both directions at once.
static void bottleneck_is_used(uint64_t seed)
{
	struct transfer transfer = { .bytes = MEGABYTE };
	static const struct ft_wire wire = {
		.delay = 10 * FT_MILLISECOND, .rate_bps = 2000000, .queue_bytes = 15000
	};
	ft_time best = MEGABYTE * 8 * FT_SECOND / 2000000;

	ft_network_pair(&transfer.network, seed, NULL, &wire);
	run(&transfer);
	ft_expect(transfer.network.hosts[FT_CLIENT]->to_switch.overflowed > 0);
	ft_expect(transfer.network.now > best && transfer.network.now < 2 * best);
	ft_network_free(&transfer.network);
}

// A long fat pipe: 100 Mbit/s over 100 ms holds 1.25 MB, which needs window scaling.
static void long_path_is_filled(uint64_t seed)
{
	struct transfer transfer = { .bytes = 8 * MEGABYTE };
	static const struct ft_wire wire = {
		.delay = 50 * FT_MILLISECOND, .rate_bps = 100000000, .queue_bytes = 1250000
	};
	struct ft_config config;

	ft_network_config(&config);
	config.tcp.receive_buffer = config.tcp.send_buffer = 4 * MEGABYTE;
	config.memory.packets = 16384;
	ft_network_pair(&transfer.network, seed, &config, &wire);
	run(&transfer);
	// With 64 KB in flight at most it would take 12.8 s.
	ft_expect(transfer.network.now < 4 * FT_SECOND);
	ft_network_free(&transfer.network);
}

// Small pools: memory runs out in the midst of it and comes back.
static void little_memory_megabyte_arrives(uint64_t seed)
{
	struct transfer transfer = { .bytes = MEGABYTE };
	static const struct ft_wire wire = { .delay = FT_MILLISECOND, .loss = 0.01 };
	struct ft_config config;

	ft_network_config(&config);
	config.memory.packets = 256;
	ft_network_pair(&transfer.network, seed, &config, &wire);
	run(&transfer);
	ft_network_free(&transfer.network);
}

// A router on the way takes 600 bytes at most and says so: the path MTU is learned, once each way.
static void smaller_path_mtu_is_learned(uint64_t seed)
{
	struct transfer transfer = { .bytes = MEGABYTE / 4 };
	static const struct ft_wire wire = {
		.delay = FT_MILLISECOND, .mtu = 600, .reports_mtu = true
	};

	ft_network_pair(&transfer.network, seed, NULL, &wire);
	run(&transfer);
	for (int i = 0; i < 2; i++) {
		const struct ft_wire *used = &transfer.network.hosts[i]->to_switch;

		ft_expect(used->too_big > 0 && used->too_big < 100);
	}
	ft_expect(transfer.network.now < 60 * FT_SECOND);
	ft_network_free(&transfer.network);
}

// ---- the NICs cut ----

static void let_nics_cut(struct transfer *transfer)
{
	for (int i = 0; i < 2; i++)
		transfer->network.hosts[i]->stack.netif.tso_bytes = 65415;
}

static void expect_cut(const struct transfer *transfer)
{
	for (int i = 0; i < 2; i++)
		ft_expect(transfer->network.hosts[i]->segments_cut > 100);
}

static void cutting_nics_bad_wires_megabyte_arrives(uint64_t seed)
{
	struct transfer transfer = { .bytes = MEGABYTE };
	static const struct ft_wire wire = { .delay = 5 * FT_MILLISECOND,
		.jitter = FT_MILLISECOND,
		.loss = 0.01,
		.duplication = 0.01,
		.corruption = 0.01 };

	ft_network_pair(&transfer.network, seed, NULL, &wire);
	let_nics_cut(&transfer);
	run(&transfer);
	expect_cut(&transfer);
	ft_network_free(&transfer.network);
}

// Packets cut for the old path lie in the queue, as the NIC takes one at a time, when the path begins to
// take less. What was lost comes again in smaller segments, and what follows is cut into such.
static void shrink_path(void *arg)
{
	struct transfer *transfer = arg;

	ft_task_sleep(40 * FT_MILLISECOND);
	for (int i = 0; i < 2; i++) {
		struct ft_host *host = transfer->network.hosts[i];

		ft_expect(host->segments_cut > 0);
		host->to_switch.mtu = 600;
		host->to_switch.reports_mtu = true;
		host->segments_cut = 0;
	}
}

static void cutting_nics_path_shrinks_megabyte_arrives(uint64_t seed)
{
	struct transfer transfer = { .bytes = MEGABYTE };
	static const struct ft_wire wire = { .delay = 3 * FT_MILLISECOND };

	ft_network_pair(&transfer.network, seed, NULL, &wire);
	let_nics_cut(&transfer);
	for (int i = 0; i < 2; i++)
		transfer.network.hosts[i]->transmit_room = 1;
	ft_task_start(&transfer.network, NULL, shrink_path, &transfer);
	run(&transfer);
	for (int i = 0; i < 2; i++)
		ft_expect(transfer.network.hosts[i]->to_switch.too_big > 0);
	expect_cut(&transfer);
	ft_expect(transfer.network.now < 60 * FT_SECOND);
	ft_network_free(&transfer.network);
}

int main(int argc, char **argv)
{
	static const struct ft_scenario scenarios[] = {
		{ "bad_wires_megabyte_arrives", bad_wires_megabyte_arrives, 200 },
		{ "same_seed_same_frames", same_seed_same_frames, 5 },
		{ "good_wires_nothing_is_retransmitted", good_wires_nothing_is_retransmitted, 10 },
		{ "bottleneck_is_used", bottleneck_is_used, 10 },
		{ "long_path_is_filled", long_path_is_filled, 3 },
		{ "little_memory_megabyte_arrives", little_memory_megabyte_arrives, 20 },
		{ "smaller_path_mtu_is_learned", smaller_path_mtu_is_learned, 5 },
		{ "cutting_nics_bad_wires_megabyte_arrives",
			cutting_nics_bad_wires_megabyte_arrives, 20 },
		{ "cutting_nics_path_shrinks_megabyte_arrives",
			cutting_nics_path_shrinks_megabyte_arrives, 20 },
		{ 0 },
	};

	return ft_scenario_main(argc, argv, scenarios);
}
