#include "wire_report.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "socket/socket.h"

// ---- memory ----

uint64_t wire_report_resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	uint64_t total, resident;

	if (file == NULL || fscanf(file, "%lu %lu", &total, &resident) != 2)
		err(1, "/proc/self/statm");
	fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void add_part(struct wire_result *result, const char *name, double bytes, uint64_t count)
{
	if (count > 0)
		result->parts[result->part_count++] = (struct wire_part){ name, bytes, count };
}

// All that were ever in use: their memory stays with the pool.
static void add_pool(struct wire_result *result, const char *name, const struct ft_pool *pool)
{
	add_part(result, name, pool->stride, pool->fresh);
}

// For each entry, as the table is now.
static double table_bytes(const struct ft_conn_table *table)
{
	return table->entries > 0 ? (double)ft_conn_table_bytes(table) / table->entries : 0;
}

void wire_report_memory(const struct ft_stack *stack, struct wire_result *result)
{
	const struct ft_sockets *sockets = stack->sockets;

	add_pool(result, "connection", &stack->tcp.anchors);
	add_pool(result, "block of one at work", &stack->tcp.conns);
	add_part(result, "table of connections", table_bytes(&stack->tcp.connections),
		stack->tcp.connections.entries);
	add_pool(result, "socket", &sockets->sockets);
	add_pool(result, "epoll's watch", &sockets->watches);
	add_part(result, "descriptor", sizeof(struct ft_descriptor) + 1.0 / 8,
		sockets->sockets.in_use);
}

// ---- trouble ----

static uint64_t dropped(const struct ft_stack *stack, int reason)
{
	const struct ft_counters *counters = &stack->counters;

	return counters->dropped_input[reason] + counters->dropped_output[reason] +
	       counters->dropped_late[reason];
}

void wire_report_trouble(const struct ft_stack *stack)
{
	for (int i = 0; i < FT_DROP_COUNT; i++) {
		uint64_t count = dropped(stack, i);

		if (count > 0)
			fprintf(stderr, "%lu dropped: %s\n", count, ft_drop_text(i));
	}
	for (int i = 0; i < FT_TCP_STATE_COUNT; i++)
		if (stack->tcp.in_state[i] > 0)
			fprintf(stderr, "%lu in %s\n", stack->tcp.in_state[i],
				ft_tcp_state_name(i));
}

void wire_report_check(const struct ft_stack *stack, const char *whose)
{
	uint64_t lost = stack->counters.count[FT_COUNTER_TCP_RETRANSMITTED];

	for (int i = 0; i < FT_DROP_COUNT; i++)
		if (i != FT_DROP_ARP_NOT_FOR_US) // the other end announces itself
			lost += dropped(stack, i);
	if (lost == 0)
		return;
	wire_report_trouble(stack);
	errx(1, "the %s has dropped something or sent something again (%lu times)", whose, lost);
}

// ---- the report ----

static double ns_each(const struct wire_result *result, uint64_t ns)
{
	return (double)ns / (double)result->operations;
}

static const char *mode_name(const struct wire_options *options)
{
	static const char *const names[] = { "requests", "establish", "rate", "bulk" };

	return names[options->mode];
}

static const char *pattern_name(const struct wire_options *options)
{
	return options->is_hot ? "hot" : "spread";
}

static double computed_bytes(const struct wire_result *result)
{
	double bytes = 0;

	for (uint32_t i = 0; i < result->part_count; i++)
		bytes += result->parts[i].bytes * (double)result->parts[i].count;
	return bytes / (double)result->operations;
}

static json_t *parts_array(const struct wire_result *result)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < result->part_count; i++)
		json_array_append_new(
			array, json_pack("{s:s, s:f, s:I}", "name", result->parts[i].name, "bytes",
				       result->parts[i].bytes, "count",
				       (json_int_t)result->parts[i].count));
	return array;
}

static void write_json(const struct wire_options *options, const struct wire_result *result)
{
	json_t *object = json_pack("{s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:I, s:f, s:f}",
		"mode", mode_name(options), "connections", (json_int_t)options->connections,
		"request_bytes", (json_int_t)options->request_bytes, "in_flight",
		(json_int_t)options->in_flight, "pattern", pattern_name(options), "acks",
		options->acks_apart ? "apart" : "with", "checksum",
		options->has_offload ? "offload" : "software", "closes_first",
		options->server_closes_first ? "server" : "client", "operations",
		(json_int_t)result->operations, "server_ns", ns_each(result, result->server_ns),
		"total_ns", ns_each(result, result->total_ns));
	bool is_stdout = strcmp(options->json_path, "-") == 0;
	int error;

	if (object != NULL && options->mode == WIRE_BULK) {
		json_object_set_new(
			object, "direction", json_string(options->server_sends ? "out" : "in"));
		json_object_set_new(object, "tso", json_boolean(options->has_tso));
		json_object_set_new(object, "gro", json_boolean(options->has_gro));
	}
	if (object != NULL && options->mode == WIRE_ESTABLISH) {
		json_object_set_new(object, "resident_bytes_each",
			json_real((double)result->resident_bytes / (double)result->operations));
		json_object_set_new(
			object, "computed_bytes_each", json_real(computed_bytes(result)));
		json_object_set_new(object, "parts", parts_array(result));
		json_object_set_new(object, "client",
			json_string(options->client_is_stack ? "stack" : "mirror"));
	}
	error = is_stdout ? json_dumpf(object, stdout, JSON_INDENT(2))
			  : json_dump_file(object, options->json_path, JSON_INDENT(2));
	if (object == NULL || error != 0)
		err(1, "%s", options->json_path);
	json_decref(object);
}

static void print_memory(const struct wire_result *result)
{
	for (uint32_t i = 0; i < result->part_count; i++)
		printf("%10.1f bytes  %s (there are %lu)\n", result->parts[i].bytes,
			result->parts[i].name, result->parts[i].count);
	printf("%10.1f bytes  in all for each connection, computed\n", computed_bytes(result));
	printf("%10.1f bytes  resident for each connection at one end, measured\n",
		(double)result->resident_bytes / (double)result->operations);
}

void wire_report_print(const struct wire_options *options, const struct wire_result *result)
{
	if (options->json_path != NULL)
		write_json(options, result);
	if (options->json_path != NULL && strcmp(options->json_path, "-") == 0)
		return;
	if (options->mode == WIRE_ESTABLISH) {
		printf("%u connections established%s%s\n", options->connections,
			options->client_is_stack ? " between two stacks" : "",
			options->echo_once ? ", each has echoed once, and nothing was lost"
					   : ", and nothing was lost");
		print_memory(result);
	} else if (options->mode == WIRE_RATE) {
		printf("%lu connections opened, served once and closed, first by the %s\n",
			result->operations, options->server_closes_first ? "server" : "client");
	} else if (options->mode == WIRE_BULK) {
		printf("%lu bytes over %u connections, the server %s\n", result->operations,
			options->connections, options->server_sends ? "writes" : "reads");
	} else {
		printf("%lu requests of %u bytes over %u connections, %s\n", result->operations,
			options->request_bytes, options->connections, pattern_name(options));
	}
	printf("%10.3f ns     of the server for each; with the client's part %.3f\n",
		ns_each(result, result->server_ns), ns_each(result, result->total_ns));
}
