#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <jansson.h>

#include "load.h"

static json_t *address_list(const struct sockaddr_in *addresses, uint32_t count, bool has_port)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < count; i++) {
		const char *address = inet_ntoa(addresses[i].sin_addr);
		json_t *text =
			has_port ? json_sprintf("%s:%u", address, ntohs(addresses[i].sin_port))
				 : json_string(address);

		json_array_append_new(list, text);
	}
	return list;
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

// [[the longest time of the interval, how often], ...]
static json_t *slot_list(const struct load_histogram *histogram)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < LOAD_HISTOGRAM_SLOTS; i++)
		if (histogram->slots[i] > 0)
			json_array_append_new(
				list, json_pack("[o, o]", number(load_histogram_slot_value(i)),
					      number(histogram->slots[i])));
	return list;
}

static json_t *histogram_object(const struct load_histogram *histogram)
{
	static const struct {
		const char *name;
		double percent;
	} percentiles[] = { { "p50", 50 }, { "p90", 90 }, { "p99", 99 }, { "p99.9", 99.9 },
		{ "p99.99", 99.99 } };
	json_t *object = json_object();

	json_object_set_new(object, "count", number(histogram->count));
	json_object_set_new(object, "min", number(histogram->lowest));
	for (unsigned i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
		json_object_set_new(object, percentiles[i].name,
			number(load_histogram_percentile(histogram, percentiles[i].percent)));
	json_object_set_new(object, "max", number(histogram->highest));
	json_object_set_new(object, "mean", json_real(load_histogram_mean(histogram)));
	json_object_set_new(object, "histogram", slot_list(histogram));
	return object;
}

static json_t *error_object(const struct load_results *results)
{
	json_t *object = json_object();

	for (int i = 0; i < LOAD_ERRORS; i++)
		json_object_set_new(object, load_error_names[i], number(results->errors[i]));
	json_object_set_new(object, "not_sent", number(results->not_sent));
	return object;
}

static json_t *options_object(const struct load *load)
{
	const struct load_options *options = load->options;
	const char *loop = options->rate > 0 ? "open" : "closed";

	return json_pack("{s:s, s:s, s:s, s:s, s:f, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:o, s:o}",
		"mode", load_mode_names[options->mode], "protocol", options->is_udp ? "udp" : "tcp",
		"loop", load_is_bulk(options) ? "bulk" : loop, "arrival",
		options->is_poisson ? "poisson" : "constant", "rate", options->rate, "connections",
		(json_int_t)options->connections, "outstanding", (json_int_t)options->outstanding,
		"size", (json_int_t)options->size, "answer_size", (json_int_t)options->answer_size,
		"duration_s", (double)options->duration_ns / (double)LOAD_SECOND, "warmup_s",
		(double)options->warmup_ns / (double)LOAD_SECOND, "timeout_s",
		(double)options->timeout_ns / (double)LOAD_SECOND, "to",
		address_list(options->destinations, options->destination_count, true), "from",
		address_list(load->addresses, load->address_count, false));
}

static json_t *results_object(const struct load *load)
{
	const struct load_results *results = &load->results;

	return json_pack(
		"{s:s, s:o, s:f, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o}",
		"ft_load", FT_VERSION, "options", options_object(load), "measured_s",
		(double)results->measured_ns / (double)LOAD_SECOND, "interrupted",
		results->is_interrupted, "requests", number(results->requests), "answers",
		number(results->answers), "answers_in_time", number(results->answers_in_time),
		"bytes_sent", number(results->bytes_sent), "bytes_received",
		number(results->bytes_received), "connects", number(results->connects), "late",
		number(results->late), "waiting", (json_int_t)load->pending.count, "errors",
		error_object(results), "latency_ns", histogram_object(&results->latency),
		"service_ns", histogram_object(&results->service), "connect_ns",
		histogram_object(&results->connect));
}

int load_json_write(const struct load *load, const char *path)
{
	json_t *root = results_object(load);
	int result = json_dump_file(root, path, JSON_INDENT(2) | JSON_REAL_PRECISION(9));

	if (result != 0)
		fprintf(stderr, "ft-load: %s: %s\n", path, strerror(errno));
	json_decref(root);
	return result;
}
