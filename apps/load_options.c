#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apps/values.h"
#include "fourtuple.h"
#include "load.h"

// The ports that ft-load gives the stack to choose from: all that need no privilege.
#define FIRST_PORT 1024
#define LAST_PORT  65535

#define MOST_BYTES    (64 << 20) // of a request
#define MOST_DATAGRAM 65507
#define MOST_IN_STACK 16777216 // tcp.connections
#define MOST_UDP      1048576  // udp.sockets
#define SPARE	      65536    // of either, as the stack's own defaults
#define STACK_KEYS    4
#define KEY_BYTES     64

// With --mode connect we close first, and so have the TIME-WAIT; the stack's minute of it would use up
// all ports at a thousand connections a second.
#define TIME_WAIT_S	   1
#define ROOM_FOR_TIME_WAIT 1000000 // connections

const char *const load_mode_names[LOAD_MODES] = { "ping-pong", "connect", "bulk-send",
	"bulk-receive", "bulk-both" };

enum {
	TO = 1,
	MODE,
	UDP,
	CONNECTIONS,
	RATE,
	ARRIVAL,
	OUTSTANDING,
	SIZE,
	ANSWER,
	REQUEST,
	DURATION,
	WARMUP,
	TIMEOUT,
	OPENING,
	RESET,
	SEED,
	JSON,
	QUIET,
	HELP,
	VERSION
};

static const struct option long_options[] = {
	{ "to", required_argument, NULL, TO },
	{ "mode", required_argument, NULL, MODE },
	{ "udp", no_argument, NULL, UDP },
	{ "connections", required_argument, NULL, CONNECTIONS },
	{ "rate", required_argument, NULL, RATE },
	{ "arrival", required_argument, NULL, ARRIVAL },
	{ "outstanding", required_argument, NULL, OUTSTANDING },
	{ "size", required_argument, NULL, SIZE },
	{ "answer", required_argument, NULL, ANSWER },
	{ "request", required_argument, NULL, REQUEST },
	{ "duration", required_argument, NULL, DURATION },
	{ "warmup", required_argument, NULL, WARMUP },
	{ "timeout", required_argument, NULL, TIMEOUT },
	{ "opening", required_argument, NULL, OPENING },
	{ "reset", no_argument, NULL, RESET },
	{ "seed", required_argument, NULL, SEED },
	{ "json", required_argument, NULL, JSON },
	{ "quiet", no_argument, NULL, QUIET },
	{ "help", no_argument, NULL, HELP },
	{ "version", no_argument, NULL, VERSION },
	{ 0 },
};

static void print_help(void)
{
	printf("usage: ft-load --config FILE --to ADDRESS:PORT [OPTION]...\n"
	       "Asks a server, and tells how long its answers took.\n\n"
	       "  --to ADDRESS:PORT     the server; may be repeated, connections go to all in turn\n"
	       "  --mode WORD           what a connection does (ping-pong):\n"
	       "                        ping-pong     asks and is answered, again and again\n"
	       "                        connect       is opened, asks, is answered, is closed\n"
	       "                        bulk-send     sends all it can\n"
	       "                        bulk-receive  receives all it can\n"
	       "                        bulk-both     sends all it can, and has it back\n"
	       "  --udp                 datagrams; a connection is a socket\n"
	       "  --connections N       at a time; 1k, 2M (1)\n"
	       "  --rate R              open loop: so many requests a second are due, whether\n"
	       "                        answered or not. Without it a closed loop: a connection\n"
	       "                        that is answered asks again\n"
	       "  --arrival WORD        constant: requests are due at equal distances;\n"
	       "                        poisson: at random ones (constant)\n"
	       "  --outstanding N       closed loop: requests at a time, over all connections (all)\n"
	       "  --size BYTES          of a request (64), or written at once in bulk; 16K, 1M\n"
	       "  --request FILE        the request is what is in there\n"
	       "  --answer BYTES        the answer is so long, and may be anything; any: a datagram,\n"
	       "                        or all until the server closes. Without it, an echo\n"
	       "  --duration TIME       of what is measured; 500 ms, 10 s, 5 min (10 s)\n"
	       "  --warmup TIME         before that (0 s)\n"
	       "  --timeout TIME        for an answer, and to connect (5 s)\n"
	       "  --opening N           connections that are being opened at a time (256)\n"
	       "  --reset               connections end with a RST: no TIME-WAIT holds their ports\n"
	       "  --seed N              of what is random (1)\n"
	       "  --json FILE           the results, for programs\n"
	       "  --quiet               no line of progress each second\n"
	       "  --help, --version\n\n"
	       "Options of the stack, over those of the file; ft-load itself sets the number of\n"
	       "connections, sockets and descriptors, ephemeral_ports to %d-%d, and with --mode\n"
	       "connect tcp.time_wait to %d s:\n",
		FIRST_PORT, LAST_PORT, TIME_WAIT_S);
	ft_print_help(stdout);
	printf("\nSIGINT and SIGTERM end the load and print the results so far.\n");
}

static void __attribute__((noreturn)) refuse(const char *text, const char *expected)
{
	fprintf(stderr, "ft-load: %s: expected %s; see --help\n", text, expected);
	exit(2);
}

// ---- values ----

static double read_number(const char *text, const struct value_unit *units, double lowest,
	double highest, const char *expected)
{
	double number;

	if (!value_read_number(text, units, lowest, highest, &number))
		refuse(text, expected);
	return number;
}

static int64_t read_duration(const char *text, double lowest)
{
	return (int64_t)read_number(text, value_durations, lowest, 1e6 * 1e9,
		"a time with its unit, like 500 ms, 10 s or 5 min");
}

static uint32_t read_size(const char *text)
{
	return (uint32_t)read_number(text, value_sizes, 0, MOST_BYTES, "bytes, from 0 to 64M");
}

static enum load_mode read_mode(const char *text)
{
	for (int i = 0; i < LOAD_MODES; i++)
		if (strcmp(text, load_mode_names[i]) == 0)
			return (enum load_mode)i;
	refuse(text, "ping-pong, connect, bulk-send, bulk-receive or bulk-both");
}

static void read_destination(struct load_options *options, const char *text)
{
	const char *expected;

	if (options->destination_count == LOAD_DESTINATIONS)
		refuse(text, "at most 64 destinations");
	expected = value_read_address(text, &options->destinations[options->destination_count++]);
	if (expected != NULL)
		refuse(text, expected);
}

static void read_request(struct load_options *options, const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
		fprintf(stderr, "ft-load: %s: %s\n", path,
			errno != 0 ? strerror(errno) : "not a file");
		exit(2);
	}
	if (status.st_size < 1 || status.st_size > MOST_BYTES)
		refuse(path, "a file of 1 byte to 64 MB");
	options->request_path = path;
	options->size = (uint32_t)status.st_size;
}

static void read_answer(struct load_options *options, const char *text)
{
	options->is_echo = false;
	options->is_any_answer = strcmp(text, "any") == 0;
	options->answer_size = options->is_any_answer ? 0 : read_size(text);
}

static void read_arrival(struct load_options *options, const char *text)
{
	options->is_poisson = strcmp(text, "poisson") == 0;
	if (!options->is_poisson && strcmp(text, "constant") != 0)
		refuse(text, "constant or poisson");
}

// ---- the options ----

static void read_option(struct load_options *options, int option, const char *text)
{
	switch (option) {
	case TO:
		read_destination(options, text);
		break;
	case MODE:
		options->mode = read_mode(text);
		break;
	case UDP:
		options->is_udp = true;
		break;
	case CONNECTIONS:
		options->connections = (uint32_t)read_number(
			text, value_counts, 1, LOAD_MOST, "connections, from 1 to 16M");
		break;
	case RATE:
		options->rate = read_number(
			text, value_counts, 0.001, 1e9, "requests a second, from 0.001 to 1000M");
		break;
	case ARRIVAL:
		read_arrival(options, text);
		break;
	case OUTSTANDING:
		options->outstanding = (uint32_t)read_number(
			text, value_counts, 1, LOAD_MOST, "requests, from 1 to 16M");
		break;
	case SIZE:
		options->size = read_size(text);
		break;
	case ANSWER:
		read_answer(options, text);
		break;
	case REQUEST:
		read_request(options, text);
		break;
	case DURATION:
		options->duration_ns = read_duration(text, 1);
		break;
	case WARMUP:
		options->warmup_ns = read_duration(text, 0);
		break;
	case TIMEOUT:
		options->timeout_ns = read_duration(text, 1);
		break;
	case OPENING:
		options->opening = (uint32_t)read_number(
			text, value_counts, 1, LOAD_MOST, "connections, from 1 to 16M");
		break;
	case RESET:
		options->is_reset = true;
		break;
	case SEED:
		options->seed = (long)read_number(text, value_counts, 0, 1e9, "a number");
		break;
	case JSON:
		options->json_path = text;
		break;
	case QUIET:
		options->is_quiet = true;
		break;
	case HELP:
		print_help();
		exit(0);
	case VERSION:
		printf("ft-load %s\n", FT_VERSION);
		exit(0);
	default:
		break;
	}
}

#define UNSET UINT32_MAX

static uint32_t default_size(const struct load_options *options)
{
	if (!load_is_bulk(options))
		return 64;
	return options->is_udp ? 1472 : 65536;
}

static void fill_in(struct load_options *options)
{
	if (options->size == UNSET)
		options->size = default_size(options);
	if (options->is_echo)
		options->answer_size = options->size;
	if (options->outstanding == UNSET)
		options->outstanding = options->connections;
}

// What no single option can say: that they go together.
static void check(const struct load_options *options)
{
	bool is_bulk = load_is_bulk(options);

	if (options->destination_count == 0)
		refuse("the command line", "--to ADDRESS:PORT, the server");
	if (is_bulk && (options->rate > 0 || !options->is_echo))
		refuse(options->rate > 0 ? "--rate" : "--answer", "--mode ping-pong or connect");
	if (options->rate > 0 && options->outstanding != options->connections)
		refuse("--outstanding", "no --rate: in an open loop the schedule decides");
	if (options->outstanding > options->connections)
		refuse("--outstanding", "no more than there are connections");
	if (options->is_poisson && options->rate == 0)
		refuse("--arrival", "--rate");
	if (options->is_udp &&
		(options->mode == LOAD_CONNECT || options->mode == LOAD_BULK_RECEIVE))
		refuse("--udp", "--mode ping-pong, bulk-send or bulk-both");
	if (options->is_udp && options->size > MOST_DATAGRAM)
		refuse("--size", "65507 bytes at most with --udp");
	if (options->is_udp && options->connections > MOST_UDP)
		refuse("--connections", "1048576 at most with --udp");
	if (options->size == 0 && options->mode != LOAD_CONNECT)
		refuse("--size 0", "--mode connect");
	if (options->answer_size == 0 && options->mode == LOAD_PING_PONG &&
		!(options->is_udp && options->is_any_answer))
		refuse("--answer", options->is_any_answer ? "--mode connect, or --udp"
							  : "one byte at least, or --mode connect");
}

void load_options_read(struct load_options *options, int argc, char **argv, bool is_all_ours)
{
	static char **words; // for getopt to put in order; a mistake exits from within
	int option;

	words = calloc((size_t)argc + 1, sizeof(*words));
	if (words == NULL)
		exit(1);
	memcpy(words, argv, (size_t)argc * sizeof(*words));
	*options = (struct load_options){
		.is_echo = true,
		.connections = 1,
		.outstanding = UNSET,
		.opening = 256,
		.size = UNSET,
		.duration_ns = 10 * LOAD_SECOND,
		.timeout_ns = 5 * LOAD_SECOND,
		.seed = 1,
		.ports = options->ports,
		.has_time_wait = options->has_time_wait,
	};
	optind = 0;
	opterr = is_all_ours;
	while ((option = getopt_long(argc, words, "", long_options, NULL)) >= 0) {
		if (option == '?' && is_all_ours)
			exit(2);
		read_option(options, option, optarg);
	}
	if (is_all_ours && optind < argc)
		refuse(words[optind], "an option");
	free(words);
	fill_in(options);
	check(options);
}

// ---- what the stack is told ----

// What the user says of a key, as "--KEY=VALUE" or "--KEY VALUE"; NULL when nothing.
static const char *value_of(char **argv, const char *key)
{
	size_t bytes = strlen(key);
	const char *value = NULL;

	for (; *argv != NULL; argv++) {
		if (strncmp(*argv, key, bytes) != 0)
			continue;
		if ((*argv)[bytes] == '=')
			value = *argv + bytes + 1;
		else if ((*argv)[bytes] == '\0')
			value = argv[1];
	}
	return value;
}

static void count_ports(struct load_options *options, char **argv)
{
	const char *range =
		value_of(argv, options->is_udp ? "--udp.ephemeral_ports" : "--tcp.ephemeral_ports");
	uint16_t first = FIRST_PORT, last = LAST_PORT;

	// A mistake in it, ft_init() will tell.
	if (range != NULL && !value_read_ports(range, &first, &last))
		first = last = FIRST_PORT;
	options->ports = (uint32_t)(last - first) + 1;
}

static struct {
	char text[STACK_KEYS][KEY_BYTES]; // "--tcp.connections=100000"
	int count;
	char **words; // those, and the user's
} stack_keys;

static char *next_key(void)
{
	return stack_keys.text[stack_keys.count++];
}

static uint32_t at_most(uint32_t number, uint32_t most)
{
	return number < most ? number : most;
}

static void add_keys(const struct load_options *options)
{
	uint32_t room = options->mode == LOAD_CONNECT ? ROOM_FOR_TIME_WAIT : 0;

	snprintf(next_key(), KEY_BYTES, "--socket.descriptors=%u",
		at_most(options->connections + SPARE, MOST_IN_STACK));
	if (options->is_udp)
		snprintf(next_key(), KEY_BYTES, "--udp.sockets=%u",
			at_most(options->connections + SPARE, MOST_UDP));
	else
		snprintf(next_key(), KEY_BYTES, "--tcp.connections=%u",
			at_most(options->connections + SPARE + room, MOST_IN_STACK));
	snprintf(next_key(), KEY_BYTES, "--%s.ephemeral_ports=%d-%d",
		options->is_udp ? "udp" : "tcp", FIRST_PORT, LAST_PORT);
	if (options->mode == LOAD_CONNECT)
		snprintf(next_key(), KEY_BYTES, "--tcp.time_wait=%d s", TIME_WAIT_S);
}

char **load_options_for_stack(struct load_options *options, int *argc, char **argv)
{
	char **word;

	count_ports(options, argv);
	options->has_time_wait = value_of(argv, "--tcp.time_wait") != NULL;
	add_keys(options);
	word = stack_keys.words = calloc((size_t)*argc + STACK_KEYS + 1, sizeof(*word));
	if (word == NULL)
		exit(1);
	*word++ = argv[0];
	for (int i = 0; i < stack_keys.count; i++)
		*word++ = stack_keys.text[i];
	memcpy(word, argv + 1, (size_t)(*argc - 1) * sizeof(*word));
	*argc += stack_keys.count;
	return stack_keys.words;
}

// A connection needs a tuple of its own. For UDP the port must be free towards everyone.
bool load_options_fit(const struct load_options *options, uint32_t addresses)
{
	uint64_t each =
		(uint64_t)options->ports * (options->is_udp ? 1 : options->destination_count);
	uint64_t wanted = options->connections;

	if (options->mode == LOAD_CONNECT && !options->is_reset && !options->has_time_wait)
		wanted += (uint64_t)(options->rate * TIME_WAIT_S);
	if (wanted <= addresses * each)
		return true;
	fprintf(stderr,
		"ft-load: %" PRIu64 " connections%s to %u destination%s need %" PRIu64
		" addresses of our own, and there %s %u: an address has %u ports%s "
		"(%s.ephemeral_ports). Give more with --ip.address1=..., --ip.address2=...%s\n",
		wanted,
		wanted > options->connections ? " (those in TIME-WAIT for a second included)" : "",
		options->destination_count, options->destination_count == 1 ? "" : "s",
		(wanted + each - 1) / each, addresses == 1 ? "is" : "are", addresses,
		options->ports, options->is_udp ? "" : " for each destination",
		options->is_udp ? "udp" : "tcp",
		options->is_udp ? "" : ", or more destinations with --to");
	return false;
}
