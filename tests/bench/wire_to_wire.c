// What a request costs the server, from the burst received to the burst sent, the application's
// calls included. Both ends are in this process, on one core: a stack with an echo server on the
// public calls, and a client (mirror_client.h) that is as cheap as can be; for bulk the client is a
// second stack.
//
// Time is the thread's own processor time, read around the server's part of each turn: other programs
// take none of it away, though they do take caches. Instructions are counted from outside:
// valgrind --tool=callgrind --toggle-collect=measured_serve, as tests/bench/instructions does.

#include <err.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench_host.h"
#include "bench_server.h"
#include "mirror_client.h"
#include "wire_options.h"
#include "wire_report.h"

#define PATIENCE     100000 // turns without any progress
#define HOT	     64	    // connections
#define PEER_PACKETS 16384  // in each pool of a client that is a stack
#define OPENING	     256    // connections being opened at once
#define WAVE	     8192   // connections after which a second passes
#define ACTIVE	     16384  // with --establish: the most that may be at work
#define GOLDEN	     0.6180339887498949

struct bench {
	struct wire_options options;
	struct memory_wire wire;
	struct bench_clock clock;
	struct bench_host host;
	struct bench_server server;
	struct mirror_client client;
	struct bench_host peer_host; // for bulk, instead of the mirror
	struct bench_server peer;
	uint64_t server_ns; // of the server's part
};

// ---- one turn of both ----

static uint64_t cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

// Its name is what callgrind is told.
__attribute__((noinline, used)) void measured_serve(struct bench *bench);

void measured_serve(struct bench *bench)
{
	bench_server_serve(&bench->server);
}

static void turn(struct bench *bench, bool is_measured)
{
	uint64_t start = cpu_ns();

	if (is_measured)
		measured_serve(bench);
	else
		bench_server_serve(&bench->server);
	bench->server_ns += cpu_ns() - start;
	bench->client.now = bench->clock.now;
	mirror_client_turn(&bench->client);
	mirror_client_flush(&bench->client);
}

// Turns until `*counter` has reached `goal`; something must happen now and then.
static void await(struct bench *bench, const uint64_t *counter, uint64_t goal, bool is_measured)
{
	uint64_t before = *counter;
	uint32_t turns = 0;

	while (*counter < goal) {
		turn(bench, is_measured);
		turns = *counter == before ? turns + 1 : 0;
		before = *counter;
		if (turns == PATIENCE) {
			wire_report_trouble(&bench->host.stack);
			errx(1, "no progress: %lu of %lu", *counter, goal);
		}
	}
}

// ---- the parts of a run ----

// Opens them up to number `end`.
static void open_connections(struct bench *bench, uint32_t end)
{
	struct mirror_client *client = &bench->client;

	for (uint32_t i = (uint32_t)client->established; i < end; i++) {
		if (i >= OPENING)
			await(bench, &client->established, i - OPENING + 1, false);
		if (i == 1) // by then the server knows the gateway's MAC address
			await(bench, &client->established, 1, false);
		mirror_client_connect(client, i);
	}
	await(bench, &client->established, end, false);
	await(bench, &bench->server.accepted, end, false);
}

// More than a second in which nothing comes, so that what is quiet comes to rest.
static void pass_time(struct bench *bench)
{
	ft_time until = bench_clock_now(&bench->clock) + FT_SECOND + FT_SECOND / 10;

	while (bench_clock_now(&bench->clock) < until) {
		bench->clock.now += 10 * FT_MILLISECOND;
		turn(bench, false);
	}
}

// As with real clients, who do not all come within the same second.
static void open_in_waves(struct bench *bench)
{
	uint32_t count = bench->client.connections;

	for (uint32_t end = 0; end < count;) {
		end += RTE_MIN(WAVE, count - end);
		open_connections(bench, end);
		pass_time(bench);
	}
}

// The golden section of the number of connections, made coprime with it: all of them in turn, and
// no two neighbours in memory one after the other.
static uint32_t stride_for(uint32_t count)
{
	uint32_t stride = (uint32_t)(count * GOLDEN) | 1;

	for (;; stride += 2) {
		uint32_t a = count, b = stride;

		while (b != 0) {
			uint32_t rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			return stride;
	}
}

static void ask(struct bench *bench, uint64_t requests, bool is_measured)
{
	struct mirror_client *client = &bench->client;
	uint32_t count =
		bench->options.is_hot ? RTE_MIN(HOT, client->connections) : client->connections;
	uint64_t in_flight = RTE_MIN(bench->options.in_flight, count);
	uint32_t stride = stride_for(count);
	uint64_t start = client->answered;
	uint32_t next = 0;

	for (uint64_t i = 0; i < requests; i++) {
		if (i >= in_flight)
			await(bench, &client->answered, start + i - in_flight + 1, is_measured);
		mirror_client_ask(client, next);
		next = (uint32_t)(((uint64_t)next + stride) % count);
	}
	await(bench, &client->answered, start + requests, is_measured);
}

// What was owed last (ACKs, when they come apart) is still the requests' cost.
static void measure_requests(struct bench *bench, struct wire_result *result)
{
	uint64_t warming = RTE_MAX(bench->options.connections, 20000u);
	uint64_t start;

	open_connections(bench, bench->options.connections);
	ask(bench, warming, false);
	bench->server_ns = 0;
	start = cpu_ns();
	ask(bench, bench->options.requests, true);
	turn(bench, true);
	result->total_ns = cpu_ns() - start;
	result->server_ns = bench->server_ns;
	result->operations = bench->options.requests;
}

static void open_and_close(struct bench *bench, uint64_t count, bool is_measured)
{
	struct mirror_client *client = &bench->client;
	uint64_t start = client->closed;

	for (uint64_t i = 0; i < count; i++) {
		if (i >= bench->options.in_flight)
			await(bench, &client->closed, start + i - bench->options.in_flight + 1,
				is_measured);
		mirror_client_connect(client, (uint32_t)((start + i) % client->connections));
	}
	await(bench, &client->closed, start + count, is_measured);
	await(bench, &bench->server.ended, start + count, is_measured);
}

// Each connection has another tuple than those before it, until all tuples were used.
static void measure_rate(struct bench *bench, struct wire_result *result)
{
	uint64_t start;

	bench->client.asks_at_once = true;
	bench->client.closes_first = !bench->options.server_closes_first;
	bench->server.closes_first = bench->options.server_closes_first;
	open_and_close(bench, 2 * bench->host.config.tcp.connections, false);
	bench->server_ns = 0;
	start = cpu_ns();
	open_and_close(bench, bench->options.requests, true);
	result->total_ns = cpu_ns() - start;
	result->server_ns = bench->server_ns;
	result->operations = bench->options.requests;
}

static void measure_memory(struct bench *bench, struct wire_result *result)
{
	uint64_t before, start;

	turn(bench, false);
	before = wire_report_resident_bytes();
	start = cpu_ns();
	open_in_waves(bench);
	if (bench->options.echo_once)
		ask(bench, bench->options.connections, false);
	pass_time(bench);
	result->total_ns = cpu_ns() - start;
	result->server_ns = bench->server_ns;
	result->operations = bench->options.connections;
	result->resident_bytes = wire_report_resident_bytes() - before;
	wire_report_memory(&bench->host.stack, result);
}

// ---- bulk: two stacks ----

static void turn_both(struct bench *bench, bool is_measured)
{
	uint64_t start;

	bench_host_enter(&bench->peer_host);
	bench_server_serve(&bench->peer);
	bench_host_enter(&bench->host);
	start = cpu_ns();
	if (is_measured)
		measured_serve(bench);
	else
		bench_server_serve(&bench->server);
	bench->server_ns += cpu_ns() - start;
}

// Turns both until the reading end has `bytes` more.
static void transfer(struct bench *bench, uint64_t bytes, bool is_measured)
{
	const struct bench_server *reader =
		bench->options.server_sends ? &bench->peer : &bench->server;
	uint64_t goal = reader->bytes + bytes, before = 0;
	uint32_t turns = 0;

	while (reader->bytes < goal) {
		turn_both(bench, is_measured);
		turns = reader->bytes == before ? turns + 1 : 0;
		before = reader->bytes;
		if (turns == PATIENCE)
			errx(1, "no progress: %lu bytes are missing", goal - reader->bytes);
	}
}

static void start_peer(struct bench *bench)
{
	bench_host_init(&bench->peer_host, &bench->clock, MIRROR_GATEWAY,
		bench->options.connections, PEER_PACKETS);
	bench_host_start(&bench->peer_host, &bench->wire.ends[0], 1);
	bench_host_enter(&bench->peer_host);
	bench_server_connect(&bench->peer, MIRROR_SERVER, bench->options.connections);
}

static void measure_bulk(struct bench *bench, struct wire_result *result)
{
	uint64_t start;

	bench->server.role = bench->options.server_sends ? BENCH_SOURCE : BENCH_SINK;
	bench->peer.role = bench->options.server_sends ? BENCH_SINK : BENCH_SOURCE;
	start_peer(bench);
	while (bench->server.accepted < bench->options.connections)
		turn_both(bench, false);
	transfer(bench, bench->options.bytes / 10, false);
	bench->server_ns = 0;
	start = cpu_ns();
	transfer(bench, bench->options.bytes, true);
	result->total_ns = cpu_ns() - start;
	result->server_ns = bench->server_ns;
	result->operations = bench->options.bytes;
	bench_host_stop(&bench->peer_host);
}

// ---- beginning and end ----

// Answers stay in the send queue until they are acknowledged: with --acks with, one for each.
static uint32_t packets_for(const struct wire_options *options)
{
	uint32_t held = options->is_hot ? HOT : options->connections;

	if (options->acks_apart || options->mode != WIRE_REQUESTS)
		held = 0;
	return 16384 + held + held / 2;
}

// With --rate connections come and go: some room, so that TIME-WAIT has to give way.
static uint32_t room_for(const struct wire_options *options)
{
	return options->mode == WIRE_RATE ? 4096 : options->connections;
}

static void start(struct bench *bench)
{
	struct wire_options *options = &bench->options;
	uint32_t packets = packets_for(options);

	bench_start_eal(
		2 * (uint64_t)packets + (options->mode == WIRE_BULK ? 2 * PEER_PACKETS : 0));
	memory_wire_init(&bench->wire, options->has_offload);
	bench->clock = (struct bench_clock){ options->is_clock_real, 1000 * FT_SECOND, 0 };
	bench_host_init(&bench->host, &bench->clock, MIRROR_SERVER, room_for(options), packets);
	bench->host.config.ip.gateway = ft_addr_from_ip4(RTE_BE32(MIRROR_GATEWAY));
	if (options->mode == WIRE_ESTABLISH)
		bench->host.config.tcp.active_connections = ACTIVE;
	bench_host_start(&bench->host, &bench->wire.ends[1], 2);
	bench_host_enter(&bench->host);
	bench_server_start(&bench->server);
	mirror_client_init(&bench->client, &bench->wire.ends[0], bench->host.receive_pool,
		options->mode == WIRE_RATE ? 100 * MIRROR_PORTS : options->connections,
		(uint16_t)options->request_bytes);
	bench->client.acks_apart = options->acks_apart || options->mode == WIRE_ESTABLISH;
}

static void stop(struct bench *bench)
{
	mirror_client_free(&bench->client);
	memory_wire_free(&bench->wire);
	bench_host_stop(&bench->host);
	memory_wire_free(&bench->wire);
	if (rte_mempool_in_use_count(bench->host.receive_pool) != 0 ||
		rte_mempool_in_use_count(bench->host.send_pool) != 0)
		errx(1, "packets were lost inside");
}

int main(int argc, char **argv)
{
	static struct bench bench;
	struct wire_result result = { 0 };

	bench.options = wire_options_read(argc, argv);
	start(&bench);
	if (bench.options.mode == WIRE_REQUESTS)
		measure_requests(&bench, &result);
	else if (bench.options.mode == WIRE_RATE)
		measure_rate(&bench, &result);
	else if (bench.options.mode == WIRE_BULK)
		measure_bulk(&bench, &result);
	else
		measure_memory(&bench, &result);
	wire_report_check(&bench.host.stack);
	wire_report_print(&bench.options, &result);
	stop(&bench);
	return 0;
}
