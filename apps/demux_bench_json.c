#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "demux_bench.h"

static json_t *machine_object(const struct bench_machine *machine)
{
	return json_pack("{s:s, s:b, s:I, s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:f, s:f, s:f}", "cpu",
		machine->cpu, "virtual", machine->is_virtual, "cores", (json_int_t)machine->cores,
		"caches", machine->caches, "memory_bytes", (json_int_t)machine->memory_bytes,
		"kernel", machine->kernel, "huge_pages", machine->huge_pages, "dpdk", machine->dpdk,
		"compiler", machine->compiler, "socket_hash_buckets",
		(json_int_t)machine->socket_hash_buckets, "clock_hz", machine->clock_hz, "clock_ns",
		machine->clock_ns, "load_before", machine->load);
}

static json_t *result_object(const struct bench_result *result)
{
	return json_pack(
		"{s:s, s:I, s:I, s:I, s:s, s:i, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, "
		"s:I, s:I, s:s}",
		"subject", result->subject, "connections", (json_int_t)result->connections,
		"connections_asked", (json_int_t)result->connections_asked, "burst",
		(json_int_t)result->burst, "pattern", bench_pattern_names[result->pattern],
		"miss_percent", (int)result->miss_percent, "pages",
		bench_pages_names[result->pages], "ns_per_lookup", result->ns, "ns_min",
		result->ns_min, "ns_max", result->ns_max, "p50_ns", result->p50, "p99_ns",
		result->p99, "p999_ns", result->p999, "distribution_clock_ns",
		result->distribution_clock_ns, "bytes_per_connection", result->bytes_per_connection,
		"rounds", (json_int_t)result->rounds, "lookups_per_round",
		(json_int_t)result->lookups, "interrupted_batches", (json_int_t)result->interrupted,
		"includes", result->includes);
}

void bench_json_write_list(
	const char *path, const struct bench_machine *machine, struct json_t *results)
{
	json_t *root =
		json_pack("{s:o, s:O}", "machine", machine_object(machine), "results", results);

	if (root == NULL)
		bench_fail("no memory for JSON");
	if (json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) != 0)
		bench_fail("%s: %s", path, strerror(errno));
	json_decref(root);
}

void bench_json_write(const char *path, const struct bench_machine *machine,
	const struct bench_result *results, unsigned count)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(list, result_object(&results[i]));
	bench_json_write_list(path, machine, list);
	json_decref(list);
}

void bench_csv_write(const char *path, const struct bench_result *results, unsigned count)
{
	FILE *file = fopen(path, "w");

	if (file == NULL)
		bench_fail("%s: %s", path, strerror(errno));
	fprintf(file, "subject,connections,burst,pattern,miss_percent,pages,ns_per_lookup,ns_min,"
		      "ns_max,p50_ns,p99_ns,p999_ns,bytes_per_connection,rounds,includes\n");
	for (unsigned i = 0; i < count; i++) {
		const struct bench_result *result = &results[i];

		fprintf(file, "%s,%lu,%lu,%s,%u,%s,%.2f,%.2f,%.2f,%.2f,%.2f,%.2f,%.1f,%lu,\"%s\"\n",
			result->subject, result->connections, result->burst,
			bench_pattern_names[result->pattern], result->miss_percent,
			bench_pages_names[result->pages], result->ns, result->ns_min,
			result->ns_max, result->p50, result->p99, result->p999,
			result->bytes_per_connection, result->rounds, result->includes);
	}
	if (fclose(file) != 0)
		bench_fail("%s: %s", path, strerror(errno));
}
