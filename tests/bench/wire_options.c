#include "wire_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/values.h"

enum {
	CONNECTIONS = 1,
	REQUEST,
	REQUESTS,
	PATTERN,
	IN_FLIGHT,
	ACKS,
	CHECKSUM,
	TSO,
	GRO,
	CLOCK,
	ESTABLISH,
	ECHO_ONCE,
	CLIENT,
	RATE,
	BULK,
	BYTES,
	JSON,
	HELP
};

static const struct option long_options[] = {
	{ "connections", required_argument, NULL, CONNECTIONS },
	{ "request", required_argument, NULL, REQUEST },
	{ "requests", required_argument, NULL, REQUESTS },
	{ "pattern", required_argument, NULL, PATTERN },
	{ "in-flight", required_argument, NULL, IN_FLIGHT },
	{ "acks", required_argument, NULL, ACKS },
	{ "checksum", required_argument, NULL, CHECKSUM },
	{ "tso", required_argument, NULL, TSO },
	{ "gro", required_argument, NULL, GRO },
	{ "clock", required_argument, NULL, CLOCK },
	{ "establish", required_argument, NULL, ESTABLISH },
	{ "echo-once", no_argument, NULL, ECHO_ONCE },
	{ "client", required_argument, NULL, CLIENT },
	{ "rate", required_argument, NULL, RATE },
	{ "bulk", required_argument, NULL, BULK },
	{ "bytes", required_argument, NULL, BYTES },
	{ "json", required_argument, NULL, JSON },
	{ "help", no_argument, NULL, HELP },
	{ 0 },
};

static const char help[] =
	"usage: wire-to-wire [OPTION]...\n"
	"An echo server on a stack of its own, and a client that keeps 8 bytes of each connection,\n"
	"in one process over a wire in memory. Measures what a request costs the server.\n\n"
	"  --connections N     that are open; 1k, 1M (1k)\n"
	"  --requests N        to be measured, after as many connections' worth of warming up (1M)\n"
	"  --request BYTES     of a request and its answer, 1 to 1024 (1)\n"
	"  --pattern WORD      hot: over 64 connections; spread: over all in turn (spread)\n"
	"  --in-flight N       requests under way at once, 1 to 1024 (64)\n"
	"  --acks WORD         with: answers are acknowledged by the connection's next request;\n"
	"                      apart: by a segment of its own, as slow clients do (with)\n"
	"  --rate CLOSER       instead: connect, one request, close; CLOSER is who closes first and\n"
	"                      so has TIME-WAIT, client or server\n"
	"  --bulk DIRECTION    instead: in (the server reads) or out (it writes) as fast as it goes, over\n"
	"                      --connections; the client is a stack, too\n"
	"  --bytes N           of bulk (100M)\n"
	"  --establish N       instead: opens N connections and tells what memory they take\n"
	"  --echo-once         with --establish: then one request on each\n"
	"  --client WORD       with --establish: mirror, or stack, which is a second stack with an\n"
	"                      application and takes as much memory as the server (mirror)\n"
	"  --checksum WORD     offload, software (offload)\n"
	"  --tso WORD          on, off: the server's NIC cuts packets of up to 64 KB (off); with\n"
	"                      --checksum software its driver does, as with nic.tso\n"
	"  --gro WORD          on, off: the server's driver merges segments it receives (off)\n"
	"  --clock WORD        virtual: a turn takes a microsecond; real (virtual)\n"
	"  --json FILE         the results; - for standard output\n"
	"  --help\n";

static void __attribute__((noreturn)) refuse(const char *text, const char *expected)
{
	fprintf(stderr, "wire-to-wire: %s: expected %s; see --help\n", text, expected);
	exit(2);
}

static uint64_t read_number(
	const char *text, uint64_t lowest, uint64_t highest, const char *expected)
{
	uint64_t number;

	if (!value_read_count(text, lowest, highest, &number))
		refuse(text, expected);
	return number;
}

// True for the second of two words.
static bool is_second(const char *text, const char *first, const char *second)
{
	char expected[64];

	if (strcmp(text, first) == 0)
		return false;
	if (strcmp(text, second) == 0)
		return true;
	snprintf(expected, sizeof(expected), "%s or %s", first, second);
	refuse(text, expected);
}

static uint32_t read_connections(const char *text)
{
	return (uint32_t)read_number(text, 1, 12000000, "connections, from 1 to 12M");
}

static void read_option(struct wire_options *options, int option, const char *text)
{
	switch (option) {
	case CONNECTIONS:
		options->connections = read_connections(text);
		break;
	case REQUEST:
		options->request_bytes = read_number(text, 1, 1024, "bytes, from 1 to 1024");
		break;
	case REQUESTS:
		options->requests = read_number(text, 1, 10000000000, "requests, from 1 to 10000M");
		break;
	case PATTERN:
		options->is_hot = is_second(text, "spread", "hot");
		break;
	case IN_FLIGHT:
		options->in_flight = read_number(text, 1, 1024, "requests, from 1 to 1024");
		break;
	case ACKS:
		options->acks_apart = is_second(text, "with", "apart");
		break;
	case CHECKSUM:
		options->has_offload = is_second(text, "software", "offload");
		break;
	case TSO:
		options->has_tso = is_second(text, "off", "on");
		break;
	case GRO:
		options->has_gro = is_second(text, "off", "on");
		break;
	case CLOCK:
		options->is_clock_real = is_second(text, "virtual", "real");
		break;
	case ESTABLISH:
		options->mode = WIRE_ESTABLISH;
		options->connections = read_connections(text);
		break;
	case ECHO_ONCE:
		options->echo_once = true;
		break;
	case CLIENT:
		options->client_is_stack = is_second(text, "mirror", "stack");
		break;
	case RATE:
		options->mode = WIRE_RATE;
		options->server_closes_first = is_second(text, "client", "server");
		break;
	case BULK:
		options->mode = WIRE_BULK;
		options->server_sends = is_second(text, "in", "out");
		break;
	case BYTES:
		options->bytes = read_number(text, 1, 1000000000000, "bytes, from 1 to 1000000M");
		break;
	case JSON:
		options->json_path = text;
		break;
	case HELP:
		fputs(help, stdout);
		exit(0);
	default: // getopt has said why
		exit(2);
	}
}

struct wire_options wire_options_read(int argc, char **argv)
{
	struct wire_options options = {
		.connections = 1000,
		.request_bytes = 1,
		.requests = 1000000,
		.bytes = 100000000,
		.in_flight = 64,
		.has_offload = true,
	};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
		read_option(&options, option, optarg);
	if (options.has_tso && options.mode != WIRE_BULK)
		refuse("--tso on", "--bulk");
	if (optind < argc)
		refuse(argv[optind], "an option");
	if (options.client_is_stack && options.mode != WIRE_ESTABLISH)
		refuse("--client stack", "--establish (--bulk has it anyway)");
	return options;
}
