// Flow control: readers that sleep, readers that sip, writers that drip.
#include "network.h"
#include "scenario.h"
#include "task.h"
#include "traffic.h"

#define BYTES (256u * 1024)

struct flow {
	struct ft_network network;
	ft_time sleep;	    // before the first read
	uint32_t sip_bytes; // of one read, 0: as much as there is
	ft_time sip_pause;
	bool no_delay;
	uint32_t held_most; // packets that the sleeping reader's stack held
};

static const struct ft_wire good = { .delay = 5 * FT_MILLISECOND };
static const struct ft_wire lossy = {
	.delay = 5 * FT_MILLISECOND, .jitter = 5 * FT_MILLISECOND, .loss = 0.1
};

static void sip(struct flow *flow, int fd)
{
	for (uint64_t from = 0; from < BYTES; from += flow->sip_bytes) {
		ft_traffic_receive(fd, 1, from, RTE_MIN(from + flow->sip_bytes, (uint64_t)BYTES));
		ft_task_sleep(flow->sip_pause);
	}
}

static void reader(void *arg)
{
	struct flow *flow = arg;
	int listener = ft_traffic_listen(7, 1);
	int fd;

	ft_traffic_set(listener, SOL_SOCKET, SO_RCVBUF, 16384);
	fd = ft_traffic_accept(listener);
	ft_task_sleep(flow->sleep);
	flow->held_most = flow->network.hosts[FT_SERVER]->stack.receive_held.mbufs.used;
	if (flow->sip_bytes > 0)
		sip(flow, fd);
	else
		ft_traffic_receive(fd, 1, 0, BYTES);
	ft_traffic_receive_end(fd);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

// Waits until the reader has it all: a connection that the application has let go of is not waited
// for so long.
static void finish(int fd)
{
	ft_expect_ok(ft_shutdown(fd, SHUT_WR));
	ft_traffic_receive_end(fd);
	ft_expect_ok(ft_close(fd));
}

static void writer(void *arg)
{
	struct flow *flow = arg;
	int fd = ft_traffic_connect(flow->network.hosts[FT_SERVER], 7);

	ft_traffic_send(fd, 1, 0, BYTES);
	finish(fd);
}

static void run(
	struct flow *flow, uint64_t seed, const struct ft_wire *wire, void (*client)(void *arg))
{
	struct ft_network *network = &flow->network;

	ft_network_pair(network, seed, NULL, wire);
	ft_task_start(network, network->hosts[FT_SERVER], reader, flow);
	ft_task_start(network, network->hosts[FT_CLIENT], client, flow);
	ft_network_run(network, 48 * 3600 * FT_SECOND);
}

// RFC 9293 3.8.6.1: the sender probes, ever more rarely, and never gives up while it is answered.
static void sleeping_reader_is_waited_for(uint64_t seed)
{
	struct flow flow = { .sleep = 5 * 3600 * FT_SECOND };
	uint64_t probes;

	run(&flow, seed, seed % 2 == 0 ? &good : &lossy, writer);
	probes = ft_network_count(flow.network.hosts[FT_CLIENT], FT_COUNTER_TCP_PERSIST_PROBES);
	ft_expect(probes > 100 && probes < 700);
	// Its memory is bounded by the buffer, in packets as the NIC fills them.
	ft_expect(flow.held_most > 0 && flow.held_most <= 32);
	ft_expect(flow.network.now < 5 * 3600 * FT_SECOND + 300 * FT_SECOND);
	ft_network_free(&flow.network);
}

// Silly window avoidance on both sides (RFC 9293 3.8.6.2): however little is read at a time, the
// window opens in large steps and segments stay large.
static void sipping_reader_segments_stay_large(uint64_t seed)
{
	struct flow flow = { .sip_bytes = 10 + 7 * seed, .sip_pause = FT_MILLISECOND };
	uint64_t sent;

	run(&flow, seed, &good, writer);
	sent = ft_network_count(flow.network.hosts[FT_CLIENT], FT_COUNTER_TCP_SEGMENTS_OUT);
	ft_expect(sent < 2 * BYTES / 1448 + 50);
	ft_network_free(&flow.network);
}

static void sipping_reader_under_loss_gets_all(uint64_t seed)
{
	struct flow flow = { .sip_bytes = 500, .sip_pause = FT_MILLISECOND };

	run(&flow, seed, &lossy, writer);
	ft_network_free(&flow.network);
}

static void dripping_writer(void *arg)
{
	struct flow *flow = arg;
	int fd = ft_traffic_connect(flow->network.hosts[FT_SERVER], 7);

	ft_traffic_set(fd, IPPROTO_TCP, TCP_NODELAY, flow->no_delay);
	for (uint64_t i = 0; i < BYTES; i += 64) {
		ft_traffic_send(fd, 1, i, i + 64);
		ft_task_sleep(FT_MILLISECOND);
	}
	finish(fd);
}

static uint64_t drip(uint64_t seed, bool no_delay)
{
	struct flow flow = { .no_delay = no_delay };
	uint64_t sent;

	run(&flow, seed, &good, dripping_writer);
	sent = ft_network_count(flow.network.hosts[FT_CLIENT], FT_COUNTER_TCP_SEGMENTS_OUT);
	ft_network_free(&flow.network);
	return sent;
}

// Nagle (RFC 1122 4.2.3.4): one small segment in flight, so about one a round trip of 10 ms for the
// ten writes in it; TCP_NODELAY sends each write.
static void dripping_writer_nagle_collects(uint64_t seed)
{
	uint64_t writes = BYTES / 64;

	ft_expect(drip(seed, true) >= writes);
	ft_expect(drip(seed, false) <= writes / 4);
}

int main(int argc, char **argv)
{
	static const struct ft_scenario scenarios[] = {
		{ "sleeping_reader_is_waited_for", sleeping_reader_is_waited_for, 10 },
		{ "sipping_reader_segments_stay_large", sipping_reader_segments_stay_large, 5 },
		{ "sipping_reader_under_loss_gets_all", sipping_reader_under_loss_gets_all, 10 },
		{ "dripping_writer_nagle_collects", dripping_writer_nagle_collects, 2 },
		{ 0 },
	};

	return ft_scenario_main(argc, argv, scenarios);
}
