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

#include "base/few.h"
#include "bench_client.h"
#include "bench_host.h"
#include "bench_server.h"
#include "mirror_client.h"
#include "wire_options.h"
#include "wire_report.h"

#define PATIENCE     100000 // turns without any progress
#define HOT	     64	    // connections
#define PEER_PACKETS 16384  // in each pool of a client that is a stack
#define OPENING	     256    // connections being opened at once
#define STREAMS	     64	    // of bulk, being opened at once: all can wait for a MAC address
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
	struct bench_host peer_host; // for a client that is a stack, instead of the mirror
	struct bench_server peer;    // for bulk
	struct bench_client asker;   // for --establish
	uint32_t next;		     // connection to be asked
	uint64_t server_ns;	     // of the server's part
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

static void turn_mirror(struct bench *bench)
{
	bench->client.now = bench->clock.now;
	mirror_client_turn(&bench->client);
	mirror_client_flush(&bench->client);
}

static void turn_asker(struct bench *bench)
{
	bench_host_enter(&bench->peer_host);
	bench_client_serve(&bench->asker);
	bench_host_enter(&bench->host);
}

static void turn(struct bench *bench, bool is_measured)
{
	uint64_t start = cpu_ns();

	if (is_measured)
		measured_serve(bench);
	else
		bench_server_serve(&bench->server);
	bench->server_ns += cpu_ns() - start;
	if (bench->options.client_is_stack)
		turn_asker(bench);
	else
		turn_mirror(bench);
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

// ---- the client, of either kind ----

static const uint64_t *established(const struct bench *bench)
{
	return bench->options.client_is_stack ? &bench->asker.established
					      : &bench->client.established;
}

static const uint64_t *answered(const struct bench *bench)
{
	return bench->options.client_is_stack ? &bench->asker.answered : &bench->client.answered;
}

static void connect_one(struct bench *bench, uint32_t number)
{
	if (!bench->options.client_is_stack) {
		mirror_client_connect(&bench->client, number);
		return;
	}
	bench_host_enter(&bench->peer_host);
	bench_client_connect(&bench->asker, number);
	bench_host_enter(&bench->host);
}

static void ask_one(struct bench *bench, uint32_t number)
{
	if (!bench->options.client_is_stack) {
		mirror_client_ask(&bench->client, number);
		return;
	}
	bench_host_enter(&bench->peer_host);
	bench_client_ask(&bench->asker, number);
	bench_host_enter(&bench->host);
}

// ---- the parts of a run ----

// Opens them up to number `end`.
static void open_connections(struct bench *bench, uint32_t end)
{
	for (uint32_t i = (uint32_t)*established(bench); i < end; i++) {
		if (i >= OPENING)
			await(bench, established(bench), i - OPENING + 1, false);
		if (i == 1) // by then the server knows the gateway's MAC address
			await(bench, established(bench), 1, false);
		connect_one(bench, i);
	}
	await(bench, established(bench), end, false);
	await(bench, &bench->server.accepted, end, false);
}

// The wheel moves so many timers at a time that what is due waits.
static bool is_wheel_behind(const struct bench_host *host)
{
	const struct ft_wheel *wheel = &host->stack.wheel;

	return ft_wheel_next(wheel) <= wheel->now + 1;
}

static bool is_anything_under_way(const struct bench *bench)
{
	if (is_wheel_behind(&bench->host) || is_wheel_behind(&bench->peer_host))
		return true;
	return memory_end_has_frames(&bench->wire.ends[0]) ||
	       memory_end_has_frames(&bench->wire.ends[1]) || bench->host.stack.tx_count > 0 ||
	       bench->peer_host.stack.tx_count > 0;
}

// More than a second in which nobody asks, so that what is quiet comes to rest. What timers send
// meanwhile, as thousands of delayed ACKs, gets its turns before time goes on.
static void pass_time(struct bench *bench)
{
	ft_time until = bench_clock_now(&bench->clock) + FT_SECOND + FT_SECOND / 10;

	while (bench_clock_now(&bench->clock) < until) {
		bench->clock.now += 10 * FT_MILLISECOND;
		do
			turn(bench, false);
		while (is_anything_under_way(bench));
	}
}

// As with real clients, who do not all come within the same second.
static void open_in_waves(struct bench *bench)
{
	uint32_t count = bench->options.connections;

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

// The next to be asked is bench->next.
static void ask(struct bench *bench, uint64_t requests, bool is_measured)
{
	uint32_t connections = bench->options.connections;
	uint32_t count = bench->options.is_hot ? RTE_MIN(HOT, connections) : connections;
	uint64_t in_flight = RTE_MIN(bench->options.in_flight, count);
	uint32_t stride = stride_for(count);
	uint64_t start = *answered(bench);

	for (uint64_t i = 0; i < requests; i++) {
		if (i >= in_flight)
			await(bench, answered(bench), start + i - in_flight + 1, is_measured);
		ask_one(bench, bench->next);
		bench->next = (uint32_t)(((uint64_t)bench->next + stride) % count);
	}
	await(bench, answered(bench), start + requests, is_measured);
}

// Each connection once.
static void ask_in_waves(struct bench *bench)
{
	uint32_t count = bench->options.connections;

	for (uint32_t done = 0; done < count; done += WAVE) {
		ask(bench, RTE_MIN(WAVE, count - done), false);
		pass_time(bench);
	}
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
	open_and_close(bench, 1, false); // so that the client's MAC address is known
	open_and_close(bench, 2 * bench->host.config.tcp.connections, false);
	bench->server_ns = 0;
	start = cpu_ns();
	open_and_close(bench, bench->options.requests, true);
	result->total_ns = cpu_ns() - start;
	result->server_ns = bench->server_ns;
	result->operations = bench->options.requests;
}

static void start_asker(struct bench *bench)
{
	uint32_t connections = bench->options.connections;
	uint32_t addresses = bench_client_addresses(connections);
	struct ft_config *config = &bench->peer_host.config;

	bench_host_init(
		&bench->peer_host, &bench->clock, MIRROR_GATEWAY, connections, PEER_PACKETS);
	for (uint32_t i = 0; i < addresses; i++)
		config->ip.address[1 + i] = (struct ft_config_address){
			.addr = ft_addr_from_ip4(rte_cpu_to_be_32(bench_client_address(i))),
			.prefix_bits = 24,
		};
	config->ip.address_count = 1 + addresses;
	config->tcp.ephemeral_ports = (struct ft_config_range){ 1024, UINT16_MAX };
	config->tcp.active_connections = ACTIVE;
	bench_host_start(&bench->peer_host, &bench->wire.ends[0], 1);
	bench_host_enter(&bench->peer_host);
	bench_client_start(&bench->asker, MIRROR_SERVER, connections);
	bench_host_enter(&bench->host);
}

static void stop_asker(struct bench *bench)
{
	wire_report_check(&bench->peer_host.stack, "client");
	bench_host_stop(&bench->peer_host);
	bench_client_free(&bench->asker);
}

// With a client that is a stack, what the process gained is that of both ends.
static void measure_memory(struct bench *bench, struct wire_result *result)
{
	bool has_two_stacks = bench->options.client_is_stack;
	uint64_t before, start;

	if (has_two_stacks)
		start_asker(bench);
	turn(bench, false);
	before = wire_report_resident_bytes();
	start = cpu_ns();
	open_in_waves(bench);
	if (bench->options.echo_once)
		ask_in_waves(bench);
	pass_time(bench);
	result->total_ns = cpu_ns() - start;
	result->server_ns = bench->server_ns;
	result->operations = bench->options.connections;
	result->resident_bytes = (wire_report_resident_bytes() - before) / (has_two_stacks ? 2 : 1);
	if (has_two_stacks)
		stop_asker(bench);
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
	if (bench->options.has_tso && bench->options.has_offload)
		memory_end_expect_tso(&bench->wire.ends[0], bench->peer_host.receive_pool);
	bench_host_start(&bench->peer_host, &bench->wire.ends[0], 1);
}

// The first alone, whose SYN asks for the MAC address; then as many at a time as may wait for the NIC. One whose
// SYN is dropped would come a second later, and a second is long in virtual time.
static void open_streams(struct bench *bench)
{
	uint32_t wave = 1;

	for (uint32_t left = bench->options.connections; left > 0; left -= wave, wave = STREAMS) {
		wave = RTE_MIN(wave, left);
		bench_host_enter(&bench->peer_host);
		bench_server_connect(&bench->peer, MIRROR_SERVER, wave);
		while (bench->server.accepted < bench->options.connections - left + wave)
			turn_both(bench, false);
	}
}

static void measure_bulk(struct bench *bench, struct wire_result *result)
{
	uint64_t start;

	bench->server.role = bench->options.server_sends ? BENCH_SOURCE : BENCH_SINK;
	bench->peer.role = bench->options.server_sends ? BENCH_SINK : BENCH_SOURCE;
	start_peer(bench);
	open_streams(bench);
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

// Answers stay in the send queue until they are acknowledged: with --acks with, one for each. Few bytes need no
// packet there.
static uint32_t packets_for(const struct wire_options *options)
{
	uint32_t held = options->is_hot ? HOT : options->connections;

	if (options->acks_apart || options->mode != WIRE_REQUESTS ||
		options->request_bytes <= FT_FEW)
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
	bool has_two_stacks = options->mode == WIRE_BULK || options->client_is_stack;
	uint32_t packets = packets_for(options);

	bench_start_eal(2 * (uint64_t)packets + (has_two_stacks ? 2 * PEER_PACKETS : 0));
	memory_wire_init(&bench->wire, options->has_offload);
	bench->wire.ends[1].has_tso = options->has_tso;
	bench->wire.ends[1].has_gro = options->has_gro;
	bench->clock = (struct bench_clock){ options->is_clock_real, 1000 * FT_SECOND, 0 };
	bench_host_init(&bench->host, &bench->clock, MIRROR_SERVER, room_for(options), packets);
	if (options->has_tso && !options->has_offload)
		memory_end_cut(&bench->wire.ends[1], bench->host.send_pool);
	bench->host.config.ip.gateway = ft_addr_from_ip4(RTE_BE32(MIRROR_GATEWAY));
	if (options->mode == WIRE_ESTABLISH)
		bench->host.config.tcp.active_connections = ACTIVE;
	bench_host_start(&bench->host, &bench->wire.ends[1], 2);
	bench_host_enter(&bench->host);
	bench_server_start(&bench->server, options->client_is_stack ? BENCH_SERVER_PORTS : 1);
	mirror_client_init(&bench->client, &bench->wire.ends[0], bench->host.receive_pool,
		options->mode == WIRE_RATE ? 100 * MIRROR_PORTS
		: has_two_stacks	   ? 1
					   : options->connections,
		(uint16_t)options->request_bytes);
	bench->client.acks_apart = options->acks_apart || options->mode == WIRE_ESTABLISH;
}

static void stop(struct bench *bench)
{
	mirror_client_free(&bench->client);
	memory_wire_empty(&bench->wire);
	bench_host_stop(&bench->host);
	ft_gso_free(&bench->wire.ends[1].gso);
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
	wire_report_check(&bench.host.stack, "server");
	wire_report_print(&bench.options, &result);
	stop(&bench);
	return 0;
}
