#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#include "load.h"

const char *const load_error_names[LOAD_ERRORS] = {
	[LOAD_REFUSED] = "refused",
	[LOAD_RESET] = "reset",
	[LOAD_TIMEOUT] = "timeout",
	[LOAD_UNREACHABLE] = "unreachable",
	[LOAD_CLOSED_EARLY] = "closed",
	[LOAD_WRONG_ANSWER] = "wrong_answer",
	[LOAD_NO_PORT] = "no_port",
	[LOAD_NO_MEMORY] = "no_memory",
	[LOAD_OTHER] = "other",
};

static const char *const error_meanings[LOAD_ERRORS] = {
	[LOAD_REFUSED] = "nobody listens there",
	[LOAD_RESET] = "the server has reset the connection",
	[LOAD_TIMEOUT] = "no answer within --timeout",
	[LOAD_UNREACHABLE] = "no way to the server",
	[LOAD_CLOSED_EARLY] = "the server has closed before its answer was whole",
	[LOAD_WRONG_ANSWER] = "the answer was not the one expected; see --answer",
	[LOAD_NO_PORT] =
		"all ports of our addresses are in use: more --ip.address1=..., or --reset",
	[LOAD_NO_MEMORY] = "the stack has no room; see tcp.connections, memory.packets",
	[LOAD_OTHER] = "",
};

uint64_t load_report_errors(const struct load_results *results)
{
	uint64_t sum = results->not_sent;

	for (int i = 0; i < LOAD_ERRORS; i++)
		sum += results->errors[i];
	return sum;
}

// ---- progress ----

static struct {
	int64_t at_ns;
	uint64_t connects;
	uint64_t bytes_sent;
	uint64_t bytes_received;
} last;

static void print_opening(const struct load *load, double seconds)
{
	fprintf(stderr, "ft-load: opening: %u of %u connections, %.0f/s, %" PRIu64 " errors\n",
		load->open, load->options->connections,
		(double)(load->results.connects - last.connects) / seconds,
		load_report_errors(&load->results));
}

static void print_bulk(const struct load *load, double since_begin, double seconds)
{
	fprintf(stderr,
		"ft-load: %.0f s: %.1f Mbit/s sent, %.1f Mbit/s received, %" PRIu64 " errors\n",
		since_begin, (double)(load->results.bytes_sent - last.bytes_sent) * 8e-6 / seconds,
		(double)(load->results.bytes_received - last.bytes_received) * 8e-6 / seconds,
		load_report_errors(&load->results));
}

static void print_answers(const struct load *load, double since_begin, double seconds)
{
	const struct load_histogram *recent = &load->results.recent;

	fprintf(stderr,
		"ft-load: %.0f s: %.0f answers/s, p50 %.1f us, p99 %.1f us, %u waiting, "
		"%" PRIu64 " errors\n",
		since_begin, (double)recent->count / seconds,
		(double)load_histogram_percentile(recent, 50) / 1e3,
		(double)load_histogram_percentile(recent, 99) / 1e3, load->pending.count,
		load_report_errors(&load->results));
}

void load_report_progress(struct load *load, int64_t now)
{
	double seconds = (double)(now - last.at_ns) / (double)LOAD_SECOND;
	double since_begin = (double)(now - load->begin_ns) / (double)LOAD_SECOND;

	if (last.at_ns != 0 && seconds < 1)
		return;
	if (last.at_ns == 0)
		; // the first turn
	else if (!load->is_running)
		print_opening(load, seconds);
	else if (load_is_bulk(load->options))
		print_bulk(load, since_begin, seconds);
	else
		print_answers(load, since_begin, seconds);
	load_histogram_clear(&load->results.recent);
	last.at_ns = now;
	last.connects = load->results.connects;
	last.bytes_sent = load->results.bytes_sent;
	last.bytes_received = load->results.bytes_received;
}

// ---- the table ----

static void print_head(const struct load *load)
{
	const struct load_options *options = load->options;

	printf("ft-load: %s over %s, %u connection%s from %u address%s to",
		load_mode_names[options->mode], options->is_udp ? "UDP" : "TCP",
		options->connections, options->connections == 1 ? "" : "s", load->address_count,
		load->address_count == 1 ? "" : "es");
	for (uint32_t i = 0; i < options->destination_count; i++)
		printf(" %s:%u", inet_ntoa(options->destinations[i].sin_addr),
			ntohs(options->destinations[i].sin_port));
	printf("\n");
	if (load_is_bulk(options))
		printf("  all it can");
	else if (options->rate > 0)
		printf("  open loop, %g requests a second, %s", options->rate,
			options->is_poisson ? "at random distances (Poisson)"
					    : "at equal distances");
	else
		printf("  closed loop, %u at a time", options->outstanding);
	printf(", %u bytes; measured for %.1f s after %.1f s of warmup%s\n\n", options->size,
		(double)load->results.measured_ns / (double)LOAD_SECOND,
		(double)options->warmup_ns / (double)LOAD_SECOND,
		load->results.is_interrupted ? ", interrupted" : "");
}

static double per_second(const struct load *load, double number)
{
	int64_t time = load->results.measured_ns;

	return time > 0 ? number * (double)LOAD_SECOND / (double)time : 0;
}

static void print_counts(const struct load *load)
{
	const struct load_results *results = &load->results;

	if (!load_is_bulk(load->options) || load->options->is_udp) {
		printf("requests %14" PRIu64 "   %12.1f/s\n", results->requests,
			per_second(load, (double)results->requests));
		printf("answers  %14" PRIu64 "   %12.1f/s\n", results->answers,
			per_second(load, (double)results->answers_in_time));
	}
	printf("sent     %14" PRIu64 " B %12.3f Mbit/s\n", results->bytes_sent,
		per_second(load, (double)results->bytes_sent * 8e-6));
	printf("received %14" PRIu64 " B %12.3f Mbit/s\n", results->bytes_received,
		per_second(load, (double)results->bytes_received * 8e-6));
	if (!load->options->is_udp)
		printf("connects %14" PRIu64 "\n", results->connects);
	if (results->late > 0)
		printf("late     %14" PRIu64 "   datagrams that nothing waited for\n",
			results->late);
	if (load->pending.count > 0)
		printf("waiting  %14u   requests not answered at the end\n", load->pending.count);
}

static void print_times(const char *name, const struct load_histogram *histogram)
{
	static const double percents[] = { 50, 90, 99, 99.9, 99.99 };

	if (histogram->count == 0)
		return;
	printf("%-12s", name);
	for (unsigned i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
		printf(" %10.1f", (double)load_histogram_percentile(histogram, percents[i]) / 1e3);
	printf(" %10.1f %10.1f\n", (double)histogram->highest / 1e3,
		load_histogram_mean(histogram) / 1e3);
}

static void print_errors(const struct load_results *results)
{
	printf("\nerrors   %14" PRIu64 "\n", load_report_errors(results));
	for (int i = 0; i < LOAD_ERRORS; i++)
		if (results->errors[i] > 0)
			printf("  %-12s %8" PRIu64 "   %s\n", load_error_names[i],
				results->errors[i],
				i == LOAD_OTHER ? strerror(results->last_errno)
						: error_meanings[i]);
	if (results->not_sent > 0)
		printf("  %-12s %8" PRIu64 "   due, but no connection was free: more "
		       "--connections, or a lower --rate\n",
			"not_sent", results->not_sent);
}

void load_report_print(const struct load *load)
{
	const struct load_results *results = &load->results;

	print_head(load);
	print_counts(load);
	if (results->latency.count + results->connect.count > 0)
		printf("\n%-12s %10s %10s %10s %10s %10s %10s %10s\n", "us", "p50", "p90", "p99",
			"p99.9", "p99.99", "max", "mean");
	print_times("latency", &results->latency);
	// In a closed loop it is the same.
	if (load->options->rate > 0)
		print_times("  of it sent", &results->service);
	print_times("connect", &results->connect);
	print_errors(results);
}
