// Text that people and other processes hand us, each kind to its parser. The first byte says which
// parser, the rest is for it; where it takes several words, each is a line.
//
// What is accepted is asked the same in another way, and must come out the same.
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_log.h>

#include "apps/ss_filter.h"
#include "apps/values.h"
#include "base/log.h"
#include "base/trace.h"
#include "config/config.h"
#include "demux/tuple_pattern.h"
#include "drivers/device.h"
#include "drivers/runtime_dir.h"
#include "fuzz_host.h"
#include "target.h"
#include "telemetry/telemetry.h"

#define WORDS	  64
#define TEXT_MOST 4096

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	rte_log_set_level(
		ft_log_type, RTE_LOG_EMERG); // a refusal is said in words, a thousand a second
	return 0;
}

// Each line is a word, which is written over. Returns how many.
static int split(char *text, char *words[WORDS + 1])
{
	int count = 0;

	while (count < WORDS && text != NULL)
		words[count++] = strsep(&text, "\n");
	words[count] = NULL;
	return count;
}

// ---- ft-ss: the filter ----

static const struct ss_socket sockets[] = {
	{ .state = SS_ESTABLISHED, .local = { .port = 7 }, .remote = { .port = 40000 } },
	{ .state = SS_LISTEN, .local = { .port = 22 } },
	{ .is_udp = true,
		.local = { .ip.s6_addr = { [10] = 0xff, 0xff, 10, 9, 0, 2 }, .port = 53 } },
	{ .state = SS_TIME_WAIT,
		.remote = { .ip.s6_addr = { 0x20, 1, 0xd, 0xb8 }, .port = 65535 } },
};

// The sockets for which it holds, as a mask.
static uint32_t held(const struct ss_filter *filter)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < RTE_DIM(sockets); i++)
		mask |= (uint32_t)ss_filter_matches(filter, &sockets[i]) << i;
	return mask;
}

static void parse_filter(char *text)
{
	char joined[TEXT_MOST + 16] = "", *words[WORDS + 1], *word = joined; // and "not ( )"
	struct ss_filter filter, again;
	char error[128] = "", no_error[128];
	int count;
	bool is_good;

	count = split(text, words);
	is_good = ss_filter_parse(&filter, count, words, NULL, error);
	fuzz_check(is_good == (error[0] == '\0') && memchr(error, '\0', sizeof(error)) != NULL);
	if (!is_good)
		return;
	for (int i = 0; i < count; i++)
		strcat(strcat(joined, i > 0 ? " " : ""), words[i]);
	fuzz_check(ss_filter_parse(&again, 1, &word, NULL, no_error));
	fuzz_check(again.states == filter.states && held(&again) == held(&filter));
	snprintf(joined, sizeof(joined), "not ( ");
	for (int i = 0; i < count; i++)
		strcat(strcat(joined, words[i]), " ");
	strcat(joined, ")");
	if (ss_filter_parse(&again, 1, &word, NULL, no_error)) // states have no "not"
		fuzz_check(held(&again) == (held(&filter) ^ ((1u << RTE_DIM(sockets)) - 1)));
}

// ---- the trace: whom, and what ----

static void parse_tuple_pattern(char *text)
{
	struct ft_tuple tuple = { .local_port = 7, .remote_port = 40000 }, reverse;
	struct ft_tuple_pattern pattern, swapped;
	char ends[TEXT_MOST], *comma = strchr(text, ',');
	int error = ft_tuple_pattern_parse(text, &pattern);

	fuzz_check(error == 0 || error == -EINVAL);
	if (error != 0)
		return;
	fuzz_check(ft_addr_parse("10.9.0.2", &tuple.local) && ft_addr_parse("::1", &tuple.remote));
	reverse = (struct ft_tuple){ .local = tuple.remote,
		.remote = tuple.local,
		.local_port = tuple.remote_port,
		.remote_port = tuple.local_port };
	fuzz_check(ft_tuple_pattern_matches(&pattern, &tuple) ==
		   ft_tuple_pattern_matches(&pattern, &reverse));
	if (comma == NULL)
		return;
	snprintf(ends, sizeof(ends), "%s,%.*s", comma + 1, (int)(comma - text), text);
	fuzz_check(ft_tuple_pattern_parse(ends, &swapped) == 0);
	fuzz_check(memcmp(&swapped.ends[0], &pattern.ends[1], sizeof(pattern.ends[0])) == 0 &&
		   memcmp(&swapped.ends[1], &pattern.ends[0], sizeof(pattern.ends[0])) == 0);
}

static void parse_trace(char *text)
{
	const char *unknown, *end = text + strlen(text);
	uint32_t bits = ft_trace_parse(text, &unknown);
	char twice[TEXT_MOST];

	fuzz_check(unknown == NULL || (bits == 0 && unknown >= text && unknown < end));
	if (unknown != NULL)
		return;
	snprintf(twice, sizeof(twice), "%s,%s", text, text);
	fuzz_check(ft_trace_parse(twice, &unknown) == bits && unknown == NULL);
}

// ---- starting: the device, the command line ----

static void parse_device(char *text)
{
	struct ft_device device, again;
	int error = strlen(text) < FT_CONFIG_TEXT ? ft_device_parse(&device, text) : -EINVAL;

	fuzz_check(error == 0 || error == -EINVAL);
	if (error != 0)
		return;
	fuzz_check(strncmp(device.devargs, device.name, strlen(device.name)) == 0);
	fuzz_check(strlen(device.interface) < IF_NAMESIZE);
	fuzz_check(ft_device_parse(&again, device.devargs) == 0);
	fuzz_check(strcmp(again.devargs, device.devargs) == 0 && again.is_pci == device.is_pci);
}

// Files are not read here: target_config.c does that.
static void parse_arguments(char *text)
{
	char *words[WORDS + 1], *message;
	size_t message_bytes;
	struct ft_config config;
	FILE *errors;
	int count, kept, error;

	if (strstr(text, "--config") != NULL)
		return;
	kept = count = split(text, words);
	errors = open_memstream(&message, &message_bytes);
	ft_config_init(&config);
	error = ft_config_take_arguments(&config, &kept, words, errors);
	fclose(errors);
	fuzz_check(error == 0 || error == -EINVAL);
	fuzz_check((error == 0) == (message_bytes == 0));
	fuzz_check(error != 0 || (kept >= 1 && kept <= count && words[kept] == NULL));
	free(message);
	ft_config_free(&config);
}

// ---- numbers and addresses of what measures ----

static void parse_count(char *text)
{
	uint64_t number, again;
	char digits[32];

	if (!value_read_count(text, 1, 1000000000, &number))
		return;
	fuzz_check(number >= 1 && number <= 1000000000);
	snprintf(digits, sizeof(digits), "%lu", number);
	fuzz_check(value_read_count(digits, 1, 1000000000, &again) && again == number);
}

static void parse_number(char *text)
{
	double number, again;
	char digits[64];

	if (value_read_number(text, value_durations, 1, 1e15, &number)) {
		snprintf(digits, sizeof(digits), "%.17g us", number / 1e3);
		fuzz_check(number >= 1 && number <= 1e15);
		fuzz_check(value_read_number(digits, value_durations, 0.9, 1.1e15, &again));
		fuzz_check(again > number * 0.999999 && again < number * 1.000001);
	}
	if (value_read_number(text, value_sizes, 0, 64 << 20, &number))
		fuzz_check(number >= 0 && number <= 64 << 20);
	if (value_read_number(text, value_seconds, 0.1, 86400, &number))
		fuzz_check(number >= 0.1 && number <= 86400);
	if (value_read_number(text, value_counts, 0.001, 1e9, &number))
		fuzz_check(number >= 0.001 && number <= 1e9);
}

static void parse_port(char *text)
{
	uint16_t port, again;
	char digits[8];

	if (!value_read_port(text, &port))
		return;
	snprintf(digits, sizeof(digits), "%u", port);
	fuzz_check(port != 0 && value_read_port(digits, &again) && again == port);
}

static void parse_ports(char *text)
{
	uint16_t first, last, again[2];
	char shown[16];

	if (!value_read_ports(text, &first, &last))
		return;
	fuzz_check(first != 0 && first <= last);
	snprintf(shown, sizeof(shown), "%u-%u", first, last);
	fuzz_check(value_read_ports(shown, &again[0], &again[1]));
	fuzz_check(again[0] == first && again[1] == last);
}

static void parse_address(char *text)
{
	struct sockaddr_in address, again;
	char shown[INET_ADDRSTRLEN + 8], host[INET_ADDRSTRLEN];

	if (value_read_address(text, &address) != NULL)
		return;
	fuzz_check(inet_ntop(AF_INET, &address.sin_addr, host, sizeof(host)) != NULL);
	snprintf(shown, sizeof(shown), "%s:%u", host, ntohs(address.sin_port));
	fuzz_check(value_read_address(shown, &again) == NULL);
	fuzz_check(memcmp(&again, &address, sizeof(address)) == 0);
}

// ---- other processes: telemetry's parameters ----

// An entry of the runtime directory, and whose it might be.
static void parse_entry(char *text)
{
	char *words[WORDS + 1], entry[TEXT_MOST + 16];

	if (split(text, words) != 2)
		return;
	if (ft_runtime_dir_is_left(words[0], words[1]))
		fuzz_check(strncmp(words[0], words[1], strlen(words[1])) == 0);
	fuzz_check(ft_runtime_dir_is_left(words[0], words[0]));
	snprintf(entry, sizeof(entry), "%s-%d", words[0], getpid()); // we are still there
	fuzz_check(!ft_runtime_dir_is_left(entry, words[0]));
}

// No stack is there to be asked, so all that is understood comes to "the application has ended".
static void parse_telemetry(char *text)
{
	struct rte_tel_data *reply = rte_tel_data_alloc();

	fuzz_check(reply != NULL);
	fuzz_check(ft_telemetry_sockets("/fourtuple/sockets", text, reply) == 0);
	fuzz_check(ft_telemetry_reset("/fourtuple/reset", text, reply) == 0);
	rte_tel_data_free(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static void (*const parsers[])(char *) = { parse_filter, parse_tuple_pattern, parse_trace,
		parse_device, parse_arguments, parse_count, parse_number, parse_address,
		parse_telemetry, parse_port, parse_entry, parse_ports };
	char *text;

	if (size == 0 || size > TEXT_MOST / 2 - 16)
		return 0;
	text = strndup((const char *)bytes + 1, size - 1);
	fuzz_check(text != NULL);
	parsers[bytes[0] % RTE_DIM(parsers)](text);
	free(text);
	return 0;
}
