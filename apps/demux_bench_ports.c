// What else the demultiplexer is asked: who listens on a port, and which port is free.
#include <stdio.h>
#include <stdlib.h>

#include <netinet/in.h>
#include <rte_cycles.h>

#include <jansson.h>

#include "base/hash.h"
#include "demux/port_table.h"
#include "demux_bench.h"

#define LISTENERS  60000
#define GROUP	   1000
#define GROUP_PORT 80
#define FIRST_PORT 1024
#define LAST_PORT  61023 // 60,000 of them
#define PORTS	   (LAST_PORT - FIRST_PORT + 1)
#define MOST_USES  (2 * PORTS)
#define FINDS	   1000000
#define CHOICES	   20000

static const char listener_includes[] =
	"ft_tuple_hash() and ft_port_find(), one at a time, not fenced; the most: of the slowest round";
static const char choice_includes[] =
	"ft_port_choose() and ft_port_hold() towards one destination, and reading the clock; the "
	"most: p99.9";
static const char connect_includes[] =
	"connect() over loopback, choice of the port and whole handshake; the most: p99.9";

struct bench_table {
	struct ft_port_table ports;
	struct ft_conn_table connections; // empty
	struct ft_pool objects;
	struct ft_hash_key key;
	struct ft_random random;
	struct ft_binding *bindings;
};

static void make(struct bench_table *table, uint64_t seed, uint8_t protocol)
{
	*table = (struct bench_table){ .bindings = calloc(LISTENERS, sizeof(*table->bindings)) };
	ft_random_init(&table->random, seed);
	ft_hash_key_init(&table->key, &table->random);
	if (table->bindings == NULL || ft_pool_init(&table->objects, 64, 64, 64) != 0 ||
		ft_conn_table_init(&table->connections, &table->objects, &table->key) != 0 ||
		ft_port_table_init(&table->ports, protocol, FIRST_PORT, LAST_PORT, MOST_USES,
			&table->random, &table->key) != 0)
		bench_fail("no memory for the port table");
}

static void release(struct bench_table *table)
{
	ft_port_table_free(&table->ports);
	ft_conn_table_free(&table->connections);
	ft_pool_free(&table->objects);
	free(table->bindings);
}

static json_t *report(const char *subject, const char *what, uint64_t number, double ns,
	double worst_ns, const char *includes)
{
	printf("%-10s %-44s %8lu %10.1f %10.1f\n", subject, what, number, ns, worst_ns);
	return json_pack("{s:s, s:s, s:I, s:f, s:f, s:s}", "subject", subject, "what", what,
		"number", (json_int_t)number, "ns", ns, "ns_max", worst_ns, "includes", includes);
}

// ---- listeners ----

// A UDP socket receives from when it is bound on, a TCP one when it listens.
static void add_listener(
	struct bench_table *table, unsigned number, uint16_t port, bool share, uint8_t protocol)
{
	struct ft_binding *binding = &table->bindings[number];

	binding->port = port;
	binding->reuse_port = share;
	if (ft_port_bind(&table->ports, binding) != 0 ||
		(protocol == IPPROTO_TCP && ft_port_listen(&table->ports, binding) != 0))
		bench_fail("listener %u could not be bound to port %u", number, port);
}

static double find_round(struct bench_table *table, uint16_t first, uint32_t ports)
{
	uint64_t ticks = 0;

	for (unsigned i = 0; i < FINDS; i += BENCH_BATCH) {
		const struct ft_binding *found[BENCH_BATCH];
		struct ft_tuple tuples[BENCH_BATCH];
		uint64_t begin;

		for (unsigned j = 0; j < BENCH_BATCH; j++) {
			tuples[j] = bench_tuple(ft_random_below(&table->random, 1000000), true);
			tuples[j].local_port = first + ft_random_below(&table->random, ports);
		}
		begin = rte_rdtsc_precise();
		for (unsigned j = 0; j < BENCH_BATCH; j++)
			found[j] = ft_port_find(
				&table->ports, &tuples[j], ft_tuple_hash(&table->key, &tuples[j]));
		ticks += rte_rdtsc_precise() - begin;
		for (unsigned j = 0; j < BENCH_BATCH; j++)
			if (found[j] == NULL || found[j]->port != tuples[j].local_port)
				bench_fail("port %u: the wrong listener was found",
					tuples[j].local_port);
	}
	return bench_ticks_to_ns((double)ticks) / FINDS;
}

// Sockets on many ports, or one group on one.
struct listeners {
	const char *what;
	unsigned count;
	uint8_t protocol;
	bool is_group;
};

static json_t *measure_listeners(
	const struct bench_options *options, const struct listeners *listeners)
{
	uint16_t first = listeners->is_group ? GROUP_PORT : FIRST_PORT;
	uint32_t ports = listeners->is_group ? 1 : listeners->count;
	double *rounds = calloc(options->repeat, sizeof(*rounds));
	struct bench_table table;
	json_t *object;

	make(&table, options->seed, listeners->protocol);
	for (unsigned i = 0; i < listeners->count; i++)
		add_listener(&table, i, (uint16_t)(first + i % ports), listeners->is_group,
			listeners->protocol);
	for (unsigned i = 0; i < options->repeat; i++) {
		bench_progress("%s: round %u", listeners->what, i + 1);
		rounds[i] = find_round(&table, first, ports);
	}
	bench_progress_end();
	bench_sort(rounds, options->repeat);
	object = report("fourtuple", listeners->what, listeners->count,
		bench_quantile(rounds, options->repeat, 0.5), rounds[options->repeat - 1],
		listener_includes);
	free(rounds);
	release(&table);
	return object;
}

// ---- ephemeral ports ----

static struct ft_tuple destination(void)
{
	struct ft_tuple tuple = bench_tuple(0, true);

	tuple.local_port = 0;
	tuple.remote_port = 443;
	return tuple;
}

static void use_ports(struct bench_table *table, uint32_t used)
{
	uint32_t *order = calloc(PORTS, sizeof(*order));

	for (uint32_t i = 0; i < PORTS; i++) {
		uint32_t j = ft_random_below(&table->random, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	for (uint32_t i = 0; i < used; i++) {
		struct ft_tuple tuple = destination();

		tuple.local_port = FIRST_PORT + order[i];
		if (ft_port_hold(&table->ports, &tuple, 0) != 0)
			bench_fail("no memory to note a port that is used");
	}
	free(order);
}

// Chooses, holds and releases a port. Sorted: ns for each choice and hold.
static double *choose_ports(struct bench_table *table)
{
	double *ns = calloc(CHOICES, sizeof(*ns));

	for (unsigned i = 0; i < CHOICES; i++) {
		struct ft_tuple tuple = destination();
		uint64_t begin = rte_rdtsc_precise();

		if (ft_port_choose(&table->ports, &table->connections, &tuple) != 0 ||
			ft_port_hold(&table->ports, &tuple, 0) != 0)
			bench_fail("no port was chosen, though some are free");
		ns[i] = bench_ticks_to_ns((double)(rte_rdtsc_precise() - begin));
		ft_port_release(&table->ports, &tuple, 0);
	}
	bench_sort(ns, CHOICES);
	return ns;
}

static void describe_usage(char *text, size_t bytes, uint32_t used, uint32_t ports)
{
	snprintf(text, bytes, "a port, %.2f %% of %u in use", used * 100.0 / ports, ports);
}

static json_t *measure_choice(const struct bench_options *options, uint32_t used)
{
	struct bench_table table;
	char what[64];
	json_t *object;
	double *ns;

	make(&table, options->seed, IPPROTO_TCP);
	use_ports(&table, used);
	ns = choose_ports(&table);
	describe_usage(what, sizeof(what), used, PORTS);
	object = report("fourtuple", what, used, bench_quantile(ns, CHOICES, 0.5),
		bench_quantile(ns, CHOICES, 0.999), choice_includes);
	free(ns);
	release(&table);
	return object;
}

static json_t *measure_connect(struct bench_connect *connect, uint32_t used)
{
	char what[64];
	json_t *object;
	size_t count;
	double *ns;

	bench_progress("kernel: connect() with %u ports in use", used);
	ns = bench_connect_measure(connect, used, &count);
	bench_progress_end();
	describe_usage(what, sizeof(what), used, bench_connect_ports());
	object = report("kernel", what, used, bench_quantile(ns, count, 0.5),
		bench_quantile(ns, count, 0.999), connect_includes);
	free(ns);
	return object;
}

// The number of ports in use at each of the four degrees of usage.
static uint32_t usage(uint32_t ports, unsigned degree)
{
	const uint32_t used[] = { 0, ports / 2, (uint32_t)(ports * 0.99),
		ports - 1 - ports / 10001 };

	return used[degree];
}

void bench_ports(const struct bench_options *options, const struct bench_machine *machine)
{
	static const struct listeners listeners[] = {
		{ "find the listener", 100, IPPROTO_TCP, false },
		{ "find the listener", LISTENERS, IPPROTO_TCP, false },
		{ "find one of a SO_REUSEPORT group", GROUP, IPPROTO_TCP, true },
		{ "find the UDP socket", LISTENERS, IPPROTO_UDP, false },
		{ "find one of a UDP SO_REUSEPORT group", GROUP, IPPROTO_UDP, true },
	};
	json_t *results = json_array();

	printf("\n%-10s %-44s %8s %10s %10s\n", "subject", "", "number", "ns median", "most");
	for (unsigned i = 0; i < RTE_DIM(listeners); i++)
		json_array_append_new(results, measure_listeners(options, &listeners[i]));
	for (unsigned i = 0; i < 4; i++)
		json_array_append_new(results, measure_choice(options, usage(PORTS, i)));
	if (options->against_kernel) {
		struct bench_connect *connect = bench_connect_open();

		for (unsigned i = 0; i < 4; i++)
			json_array_append_new(
				results, measure_connect(connect, usage(bench_connect_ports(), i)));
		free(connect);
	}
	printf("\nlisteners: %s\nports: %s\nkernel: %s\nreading the clock took %.0f ns\n",
		listener_includes, choice_includes, connect_includes, machine->clock_ns);
	if (options->json_path != NULL)
		bench_json_write_list(options->json_path, machine, results);
	json_decref(results);
}
