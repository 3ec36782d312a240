#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/options.h"
#include "tests/unit/support.h"

#define MANUAL FT_SOURCE_ROOT "/config/fourtuple.conf"

static char path[64];
static char *message;
static size_t message_bytes;
static FILE *errors;
static struct ft_config config;

static int setup(void **state)
{
	int fd;

	strcpy(path, "/tmp/ft-test-config-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	errors = open_memstream(&message, &message_bytes);
	ft_config_init(&config);
	return 0;
}

static int teardown(void **state)
{
	ft_config_free(&config);
	fclose(errors);
	free(message);
	unlink(path);
	return 0;
}

static int read_bytes(const char *text, size_t bytes)
{
	FILE *file = fopen(path, "w");
	int error;

	assert_int_equal(fwrite(text, 1, bytes, file), bytes);
	fclose(file);
	error = ft_config_read_file(&config, path, errors);
	fflush(errors);
	return error;
}

static int read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static void assert_message_has(const char *words)
{
	if (strstr(message, words) == NULL)
		fail_msg("expected '%s' in '%s'", words, message);
}

// The message names the file and this line, is one line, and says `words`.
static void assert_refused(const char *text, unsigned line, const char *words)
{
	char place[128];

	assert_int_equal(read_text(text), -EINVAL);
	snprintf(place, sizeof(place), "%s:%u: ", path, line);
	assert_int_equal(strncmp(message, place, strlen(place)), 0);
	assert_message_has(words);
	assert_ptr_equal(strchr(message, '\n'), message + strlen(message) - 1);
}

static struct ft_addr ip4(const char *text)
{
	return ft_addr_from_ip4(inet_addr(text));
}

static void defaults_every_value_in_its_own_range(void **state)
{
	char expected[FT_OPTION_ERROR_BYTES];

	for (uint32_t i = 0; i < ft_option_count; i++) {
		const struct ft_option *option = &ft_options[i];

		if (option->standard != NULL)
			assert_int_equal(ft_value_store(option, &config, option->key,
						 option->standard, expected),
				0);
	}
	assert_int_equal(ft_config_check(&config, errors), 0);
}

static void defaults_nothing_read_sensible_values(void **state)
{
	assert_int_equal(config.tcp.ephemeral_ports.first, 49152);
	assert_int_equal(config.tcp.ephemeral_ports.last, 65535);
	assert_int_equal(config.tcp.minimum_rto, 200 * FT_MILLISECOND);
	assert_int_equal(config.tcp.delayed_ack, 40 * FT_MILLISECOND);
	assert_int_equal(config.tcp.time_wait, 60 * FT_SECOND);
	assert_int_equal(config.tcp.receive_buffer, 262144);
	assert_int_equal(config.memory.packets, 16384);
	assert_int_equal(config.ip.address_count, 0);
	assert_int_equal(config.nic.device[0], '\0');
	assert_string_equal(config.log.level, "info");
}

static void file_contract_example_is_understood(void **state)
{
	struct ft_addr address = ip4("10.9.0.2"), second = ip4("10.9.1.2"),
		       gateway = ip4("10.9.0.1");

	assert_int_equal(read_text("[nic]\n"
				   "device  = net_af_packet0,iface=ftveth0    # vdev or PCI\n"
				   "[ip]\n"
				   "address = 10.9.0.2/24       # more as address1\n"
				   "address1 = 10.9.1.2/16\n"
				   "gateway = 10.9.0.1\n"
				   "[tcp]\n"
				   "ephemeral_ports = 40000 - 40010\n"
				   "[log]\n"
				   "level = debug\n"),
		0);
	assert_string_equal(config.nic.device, "net_af_packet0,iface=ftveth0");
	assert_int_equal(config.ip.address_count, 2);
	assert_true(ft_addr_is_equal(&config.ip.address[0].addr, &address));
	assert_true(ft_addr_is_equal(&config.ip.address[1].addr, &second));
	assert_true(ft_addr_is_equal(&config.ip.gateway, &gateway));
	assert_int_equal(config.ip.address[0].prefix_bits, 24);
	assert_int_equal(config.ip.address[1].prefix_bits, 16);
	assert_int_equal(config.tcp.ephemeral_ports.first, 40000);
	assert_int_equal(config.tcp.ephemeral_ports.last, 40010);
	assert_string_equal(config.log.level, "debug");
	assert_string_equal(message, "");
}

static void file_bytes_and_durations_are_scaled(void **state)
{
	assert_int_equal(read_text("[tcp]\n"
				   "delayed_ack = 0\n"
				   "time_wait=2 min\n"
				   "minimum_rto = 15ms\n"
				   "keepalive_idle = 1h\n"
				   "receive_buffer = 64K\n"
				   "send_buffer = 1G\n"),
		0);
	assert_int_equal(config.tcp.delayed_ack, 0);
	assert_int_equal(config.tcp.time_wait, 120 * FT_SECOND);
	assert_int_equal(config.tcp.minimum_rto, 15 * FT_MILLISECOND);
	assert_int_equal(config.tcp.keepalive_idle, 3600 * FT_SECOND);
	assert_int_equal(config.tcp.receive_buffer, 65536);
	assert_int_equal(config.tcp.send_buffer, 1u << 30);
}

static void file_comments_of_both_kinds_are_skipped(void **state)
{
	assert_int_equal(read_text("; a = b before the first section\n"
				   "# c = d\n"
				   "\n"
				   "[tcp] # section\n"
				   "   ; backlog = 9\n"
				   "; words\n"
				   "backlog = 11 ; why\n"
				   "; listeners = 3\n"
				   "connections = 12# tight\n"
				   "[log]\r\n"
				   "level = error\r\n"),
		0);
	assert_int_equal(config.tcp.backlog, 11);
	assert_int_equal(config.tcp.connections, 12);
	assert_int_equal(config.tcp.listeners, 1024);
	assert_string_equal(config.log.level, "error");
}

static void file_mistake_after_comments_names_its_line(void **state)
{
	assert_refused("; a = b\n\n[tcp]\n; c = d\nbacklog = 5\nlisteners = 0\n", 6,
		"[tcp] listeners = 0: expected a number from 1 to 65536");
}

static void file_unknown_key_refused(void **state)
{
	assert_refused("[tcp]\nbacklgo = 5\n", 2, "[tcp] has no key 'backlgo'; expected one of:");
	assert_message_has("backlog");
}

static void file_unknown_section_refused(void **state)
{
	assert_refused("[tpc]\nbacklog = 5\n", 1, "no section [tpc]; expected one of: nic, ip,");
}

static void file_key_given_twice_refused(void **state)
{
	assert_refused("[tcp]\nbacklog = 5\n[ip]\nttl = 9\n[tcp]\nbacklog = 6\n", 6,
		"[tcp] backlog is given twice, first in line 2");
}

static void file_line_without_equals_refused(void **state)
{
	assert_refused("[ip]\naddress 10.9.0.2/24\n", 2, "expected KEY = VALUE");
}

static void file_key_before_section_refused(void **state)
{
	assert_refused("backlog = 5\n", 1, "before the first key");
}

static void file_section_not_closed_refused(void **state)
{
	assert_refused("[tcp\nbacklog = 5\n", 1, "expected a section like [tcp]");
}

static void file_value_too_long_refused_not_cut(void **state)
{
	char text[512] = "[nic]\ndevice = ";
	size_t used = strlen(text);

	memset(text + used, 'x', 255);
	assert_int_equal(read_text(text), 0);
	assert_int_equal(strlen(config.nic.device), 255);
	memset(text + used, 'x', 256);
	assert_refused(text, 2, "too long");
}

static void file_line_too_long_refused(void **state)
{
	char text[1024] = "[nic]\n# ";

	memset(text + strlen(text), 'x', 900);
	assert_refused(text, 2, "at most 319 characters");
}

static void file_zero_byte_refused(void **state)
{
	assert_int_equal(read_bytes("[nic]\nmtu\0 = 5\n", 15), -EINVAL);
	assert_message_has(":2: expected text");
}

static void file_missing_named(void **state)
{
	unlink(path);
	assert_int_equal(ft_config_read_file(&config, path, errors), -ENOENT);
	fflush(errors);
	assert_message_has(path);
	assert_message_has("No such file");
}

static void file_that_is_a_directory_named(void **state)
{
	assert_int_equal(ft_config_read_file(&config, "/tmp", errors), -EISDIR);
	fflush(errors);
	assert_message_has("/tmp: Is a directory");
}

static void set_wrong_values_all_refused(void **state)
{
	static const char *const wrong[][3] = {
		{ "nic", "mtu", "9217" },
		{ "nic", "mtu", "-1" },
		{ "nic", "mtu", "" },
		{ "nic", "mtu", "15e2" },
		{ "nic", "mtu", "18446744073709551616" },
		{ "nic", "promiscuous", "maybe" },
		{ "nic", "promiscuous", "" },
		{ "ip", "address", "10.9.0.2" },
		{ "ip", "address", "10.9.0.2/33" },
		{ "ip", "address", "10.9.0.2/0" },
		{ "ip", "address", "10.9.0.256/24" },
		{ "ip", "address", "10.9.0.0/24" },
		{ "ip", "address", "10.9.0.255/24" },
		{ "ip", "address", "127.0.0.1/8" },
		{ "ip", "address", "224.0.0.1/24" },
		{ "ip", "address", "0.0.0.1/24" },
		{ "ip", "address", "fe80::1/64" },
		{ "ip", "address", "ftveth0" },
		{ "ip", "address1", "10.9.0.2/24" }, // there is no address yet
		{ "ip", "address0", "10.9.0.2/24" },
		{ "ip", "address01", "10.9.0.2/24" },
		{ "ip", "address99999999999999999999", "10.9.0.2/24" },
		{ "ip", "gateway", "10.9.0.1/24" },
		{ "ip", "gateway", "255.255.255.255" },
		{ "tcp", "ephemeral_ports", "49152" },
		{ "tcp", "ephemeral_ports", "2000-1000" },
		{ "tcp", "ephemeral_ports", "0-1000" },
		{ "tcp", "ephemeral_ports", "1000-65536" },
		{ "tcp", "ephemeral_ports", "1000-2000-3000" },
		{ "tcp", "ephemeral_ports", "99999999999999999999-2" },
		{ "tcp", "receive_buffer", "4T" },
		{ "tcp", "receive_buffer", "18446744073709551615G" },
		{ "tcp", "receive_buffer", "1" },
		{ "tcp", "time_wait", "60" },
		{ "tcp", "time_wait", "60 sec" },
		{ "tcp", "time_wait", "60 s s" },
		{ "tcp", "congestion", "magic" },
		{ "tcp", "congestion", "" },
		{ "log", "level", "info debug" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		rewind(errors);
		if (ft_config_set(&config, wrong[i][0], wrong[i][1], wrong[i][2], "--here",
			    errors) != -EINVAL)
			fail_msg("%s.%s = %s was accepted", wrong[i][0], wrong[i][1], wrong[i][2]);
		fflush(errors);
		assert_message_has("--here: ");
		assert_message_has("expected ");
	}
	assert_int_equal(config.ip.address_count, 0);
}

static void set_refused_value_leaves_the_old(void **state)
{
	assert_int_equal(
		ft_config_set(&config, "tcp", "time_wait", "9999 min", "x", errors), -EINVAL);
	assert_int_equal(
		ft_config_set(&config, "tcp", "ephemeral_ports", "9-8", "x", errors), -EINVAL);
	assert_int_equal(config.tcp.time_wait, 60 * FT_SECOND);
	assert_int_equal(config.tcp.ephemeral_ports.first, 49152);
}

static void set_every_address_but_one_too_many(void **state)
{
	char key[32], value[32];

	for (int i = 0; i < FT_CONFIG_ADDRESSES; i++) {
		snprintf(key, sizeof(key), i == 0 ? "address" : "address%d", i);
		snprintf(value, sizeof(value), "10.%d.0.2/24", i);
		assert_int_equal(ft_config_set(&config, "ip", key, value, "x", errors), 0);
	}
	assert_int_equal(config.ip.address_count, FT_CONFIG_ADDRESSES);
	assert_int_equal(
		ft_config_set(&config, "ip", "address64", "10.99.0.2/24", "x", errors), -EINVAL);
}

static int take(int *argc, char **argv)
{
	int error = ft_config_take_arguments(&config, argc, argv, errors);

	fflush(errors);
	return error;
}

static void arguments_ours_taken_others_left_in_order(void **state)
{
	char *argv[] = { "ft-echo", "--tcp", "7", "--tcp.backlog=9", "--udp", "9", "--ip.ttl", "3",
		"-v", "--", "--tcp.backlog=10", NULL };
	int argc = 11;

	assert_int_equal(take(&argc, argv), 0);
	assert_int_equal(argc, 8);
	assert_string_equal(argv[1], "--tcp");
	assert_string_equal(argv[2], "7");
	assert_string_equal(argv[3], "--udp");
	assert_string_equal(argv[5], "-v");
	assert_string_equal(argv[7], "--tcp.backlog=10");
	assert_null(argv[8]);
	assert_int_equal(config.tcp.backlog, 9);
	assert_int_equal(config.ip.ttl, 3);
}

static void address_given_twice_is_refused(void **state)
{
	assert_int_equal(
		read_text("[ip]\naddress = 10.9.0.2/24\naddress1 = 10.9.0.2/16\n"), -EINVAL);
}

static void arguments_override_file_wherever_they_stand(void **state)
{
	char *argv[] = { "ft-echo", "--tcp.backlog=9", "--config", path, "--ip.address",
		"10.8.0.2/24", NULL };
	int argc = 6;

	assert_int_equal(
		read_text("[tcp]\nbacklog = 5\nlisteners = 6\n[ip]\naddress = 10.9.0.2/24\n"
			  "address1 = 10.9.1.2/24\n"),
		0);
	ft_config_free(&config);
	ft_config_init(&config);
	assert_int_equal(take(&argc, argv), 0);
	assert_int_equal(argc, 1);
	assert_int_equal(config.tcp.backlog, 9);
	assert_int_equal(config.tcp.listeners, 6);
	assert_int_equal(config.ip.address[0].addr.bytes[13], 8);
	assert_int_equal(config.ip.address_count, 2);
}

static void arguments_eal_words_keep_quotes_together(void **state)
{
	char *argv[] = { "ft-echo", "--eal", " -l 1 --log-level='pmd*:debug  x' ", "--eal.m=64",
		"--eal.no-huge=", NULL };
	int argc = 5;

	assert_int_equal(take(&argc, argv), 0);
	assert_int_equal(config.eal.arg_count, 6);
	assert_string_equal(config.eal.args[0], "-l");
	assert_string_equal(config.eal.args[1], "1");
	assert_string_equal(config.eal.args[2], "--log-level=pmd*:debug  x");
	assert_string_equal(config.eal.args[3], "-m");
	assert_string_equal(config.eal.args[4], "64");
	assert_string_equal(config.eal.args[5], "--no-huge");
}

static void arguments_too_many_eal_words_refused(void **state)
{
	char words[2 * FT_CONFIG_EAL_ARGS + 3];
	char *argv[] = { "ft-echo", "--eal", words, NULL };
	int argc = 3;

	memset(words, 0, sizeof(words));
	for (int i = 0; i < FT_CONFIG_EAL_ARGS + 1; i++)
		strcat(words, "x ");
	assert_int_equal(take(&argc, argv), -EINVAL);
	assert_message_has("--eal: expected at most 64");
}

static void arguments_short_options_of_both_forms_set_their_key(void **state)
{
	char *apart[] = { "ft-echo", "--trace", "tcp,arp", "--tcp", "7", NULL };
	char *joined[] = { "ft-echo", "--trace=all", "--traces=all", NULL };
	int argc = 5;

	assert_int_equal(take(&argc, apart), 0);
	assert_int_equal(argc, 3);
	assert_string_equal(apart[1], "--tcp");
	assert_string_equal(config.log.trace, "tcp,arp");
	argc = 3;
	assert_int_equal(take(&argc, joined), 0);
	assert_int_equal(argc, 2);
	assert_string_equal(joined[1], "--traces=all");
	assert_string_equal(config.log.trace, "all");
}

static void arguments_short_option_without_value_names_itself(void **state)
{
	char *argv[] = { "ft-echo", "--trace", NULL };
	int argc = 2;

	assert_int_equal(take(&argc, argv), -EINVAL);
	assert_message_has("--trace: expected a value");
}

static void arguments_wrong_value_names_the_option(void **state)
{
	char *argv[] = { "ft-echo", "--tcp.backlog=0", NULL };
	int argc = 2;

	assert_int_equal(take(&argc, argv), -EINVAL);
	assert_message_has("--tcp.backlog: [tcp] backlog = 0: expected a number from 1 to 65535");
}

static void arguments_value_missing_refused(void **state)
{
	char *argv[] = { "ft-echo", "--config", NULL };
	int argc = 2;

	assert_int_equal(take(&argc, argv), -EINVAL);
	assert_message_has("--config: expected a value");
}

static void arguments_values_at_odds_refused(void **state)
{
	char *argv[] = { "ft-echo", "--memory.packets=1024", NULL };
	int argc = 2;

	assert_int_equal(take(&argc, argv), -EINVAL);
	assert_message_has("[memory] packets = 1024 is too few");
}

static void arguments_tso_with_few_packets_refused(void **state)
{
	char *argv[] = { "ft-echo", "--memory.packets=4095", "--nic.tso=yes", NULL };
	char *enough[] = { "ft-echo", "--memory.packets=4096", "--nic.tso=yes", NULL };
	int argc = 3;

	assert_int_equal(take(&argc, argv), -EINVAL);
	assert_message_has("packets = 4095 is too few for [nic] tx_descriptors = 1024 with tso");
	argc = 3;
	assert_int_equal(take(&argc, enough), 0);
}

static void help_names_every_key(void **state)
{
	char *help;
	size_t bytes;
	FILE *to = open_memstream(&help, &bytes);

	ft_config_print_help(to);
	fclose(to);
	for (uint32_t i = 0; i + 1 < ft_option_count; i++) {
		char name[64];

		snprintf(name, sizeof(name), "--%s.%s ", ft_options[i].section, ft_options[i].key);
		assert_non_null(strstr(help, name));
	}
	free(help);
}

// ---- the manual, config/fourtuple.conf ----

static char *read_manual(void)
{
	FILE *file = fopen(MANUAL, "r");
	char *text = calloc(1, 65536);

	assert_non_null(file);
	assert_true(fread(text, 1, 65535, file) > 0);
	fclose(file);
	return text;
}

// Where the section's lines begin and end.
static char *find_section(const char *manual, const char *section)
{
	char heading[64], *begin, *end, *copy;

	snprintf(heading, sizeof(heading), "\n[%s]\n", section);
	begin = strstr(manual, heading);
	if (begin == NULL)
		fail_msg("the manual has no [%s]", section);
	begin += strlen(heading) - 1;
	end = strstr(begin, "\n[");
	copy = end != NULL ? strndup(begin, end - begin + 1) : strdup(begin);
	return copy;
}

static void manual_has_every_key_with_its_default(void **state)
{
	char *manual = read_manual();

	for (uint32_t i = 0; i < ft_option_count; i++) {
		const struct ft_option *option = &ft_options[i];
		char *section = find_section(manual, option->section);
		char line[256];

		if (option->standard != NULL)
			snprintf(line, sizeof(line), "\n%s = %s\n", option->key, option->standard);
		else
			snprintf(line, sizeof(line), "\n#%s = ", option->key);
		if (option->type != FT_OPTION_EAL && strstr(section, line) == NULL)
			fail_msg("the manual's [%s] lacks '%s'", option->section, line + 1);
		free(section);
	}
	free(manual);
}

static void manual_read_as_it_stands_is_the_defaults(void **state)
{
	static struct ft_config defaults;

	ft_config_init(&defaults);
	assert_int_equal(ft_config_read_file(&config, MANUAL, errors), 0);
	assert_memory_equal(&config, &defaults, sizeof(config));
}

static void manual_examples_of_keys_without_default_are_valid(void **state)
{
	char *manual = read_manual(), *rest = manual, *line;
	FILE *file = fopen(path, "w");

	// "#key = value" is a key without a default; other comments begin with "# ".
	while ((line = strsep(&rest, "\n")) != NULL)
		fprintf(file, "%s\n", line[0] == '#' && line[1] > ' ' ? line + 1 : line);
	fclose(file);
	free(manual);
	if (ft_config_read_file(&config, path, errors) != 0) {
		fflush(errors);
		fail_msg("%s", message);
	}
	assert_true(config.ip.address_count > 1);
	assert_true(config.nic.device[0] != '\0');
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_every_value_in_its_own_range),
		TEST(defaults_nothing_read_sensible_values),
		TEST(file_contract_example_is_understood),
		TEST(file_bytes_and_durations_are_scaled),
		TEST(file_comments_of_both_kinds_are_skipped),
		TEST(file_mistake_after_comments_names_its_line),
		TEST(file_unknown_key_refused),
		TEST(file_unknown_section_refused),
		TEST(file_key_given_twice_refused),
		TEST(file_line_without_equals_refused),
		TEST(file_key_before_section_refused),
		TEST(file_section_not_closed_refused),
		TEST(file_value_too_long_refused_not_cut),
		TEST(file_line_too_long_refused),
		TEST(file_zero_byte_refused),
		TEST(file_missing_named),
		TEST(file_that_is_a_directory_named),
		TEST(set_wrong_values_all_refused),
		TEST(set_refused_value_leaves_the_old),
		TEST(set_every_address_but_one_too_many),
		TEST(arguments_ours_taken_others_left_in_order),
		TEST(address_given_twice_is_refused),
		TEST(arguments_override_file_wherever_they_stand),
		TEST(arguments_eal_words_keep_quotes_together),
		TEST(arguments_too_many_eal_words_refused),
		TEST(arguments_short_options_of_both_forms_set_their_key),
		TEST(arguments_short_option_without_value_names_itself),
		TEST(arguments_wrong_value_names_the_option),
		TEST(arguments_value_missing_refused),
		TEST(arguments_values_at_odds_refused),
		TEST(arguments_tso_with_few_packets_refused),
		TEST(help_names_every_key),
		TEST(manual_has_every_key_with_its_default),
		TEST(manual_read_as_it_stands_is_the_defaults),
		TEST(manual_examples_of_keys_without_default_are_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
