// Values as they are written: numbers with units, durations, addresses, ranges.
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/options.h"

struct unit {
	const char *name;
	uint64_t factor;
};

// From the largest on, so that a value is described in the largest that divides it.
static const struct unit number_units[] = { { "", 1 }, { NULL, 0 } };
static const struct unit byte_units[] = {
	{ "G", 1ull << 30 },
	{ "M", 1ull << 20 },
	{ "K", 1ull << 10 },
	{ "", 1 },
	{ NULL, 0 },
};
static const struct unit duration_units[] = {
	{ "h", 3600 * FT_SECOND },
	{ "min", 60 * FT_SECOND },
	{ "s", FT_SECOND },
	{ "ms", FT_MILLISECOND },
	{ "us", FT_MICROSECOND },
	{ "ns", 1 },
	{ NULL, 0 },
};

static const struct unit *units_of(const struct ft_option *option)
{
	switch (option->type) {
	case FT_OPTION_BYTES:
		return byte_units;
	case FT_OPTION_DURATION:
		return duration_units;
	default:
		return number_units;
	}
}

// Digits, then one of the units with or without a space before it. A 0 needs no unit.
static bool parse_with_unit(const char *text, const struct unit *units, uint64_t *value)
{
	uint64_t number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno != 0)
		return false;
	end += strspn(end, " \t");
	*value = 0;
	if (number == 0 && *end == '\0')
		return true;
	for (const struct unit *unit = units; unit->name != NULL; unit++)
		if (strcmp(end, unit->name) == 0)
			return !__builtin_mul_overflow(number, unit->factor, value);
	return false;
}

static const char *with_unit(uint64_t value, const struct unit *units, char text[32])
{
	const struct unit *unit = units;

	while (unit[1].name != NULL && (value == 0 || value % unit->factor != 0))
		unit++;
	snprintf(text, 32, "%" PRIu64 "%s%s", value / unit->factor,
		value > 0 && units == duration_units ? " " : "", value > 0 ? unit->name : "");
	return text;
}

static bool parse_scaled(const struct ft_option *option, const char *text, uint64_t *value)
{
	uint64_t parsed;

	if (!parse_with_unit(text, units_of(option), &parsed) || parsed < option->minimum ||
		parsed > option->maximum)
		return false;
	*value = parsed;
	return true;
}

static bool parse_number(const struct ft_option *option, const char *text, uint32_t *number)
{
	uint64_t value;

	if (!parse_scaled(option, text, &value))
		return false;
	*number = (uint32_t)value;
	return true;
}

static bool is_one_of(const char *text, const char *words)
{
	size_t bytes = strlen(text);

	for (const char *word = words; *word != '\0'; word += strspn(word, " ")) {
		size_t length = strcspn(word, " ");

		if (length == bytes && memcmp(word, text, bytes) == 0)
			return true;
		word += length;
	}
	return false;
}

static bool parse_flag(const char *text, bool *flag)
{
	*flag = is_one_of(text, "yes on true 1");
	return *flag || is_one_of(text, "no off false 0");
}

static bool parse_port(const char *text, char **end, uint16_t *port)
{
	unsigned long value;

	if (!isdigit((unsigned char)*text))
		return false;
	value = strtoul(text, end, 10);
	*port = (uint16_t)value;
	return value >= 1 && value <= 65535;
}

static bool parse_ports(const char *text, struct ft_config_range *range)
{
	struct ft_config_range parsed;
	char *end;

	if (!parse_port(text, &end, &parsed.first))
		return false;
	end += strspn(end, " ");
	if (*end++ != '-')
		return false;
	end += strspn(end, " ");
	if (!parse_port(end, &end, &parsed.last) || *end != '\0' || parsed.first > parsed.last)
		return false;
	*range = parsed;
	return true;
}

static bool parse_ip4(const char *text, struct ft_addr *addr)
{
	struct in_addr ip4;

	if (inet_pton(AF_INET, text, &ip4) != 1)
		return false;
	*addr = ft_addr_from_ip4(ip4.s_addr);
	return true;
}

// An address that a host may have: not 0/8, 127/8, multicast, or class E (RFC 1122 3.2.1.3).
static bool is_host_address(const struct ft_addr *addr)
{
	uint8_t first = addr->bytes[12];

	return ft_addr_is_ip4(addr) && first != 0 && first != 127 && first < 224;
}

static bool parse_gateway(const char *text, struct ft_addr *gateway)
{
	struct ft_addr addr;

	if (!parse_ip4(text, &addr) || !is_host_address(&addr))
		return false;
	*gateway = addr;
	return true;
}

// The all-zeros and all-ones host parts name the network and its broadcast; networks of two (RFC
// 3021) and one have neither.
static bool is_host_of_network(const struct ft_addr *addr, uint8_t prefix_bits)
{
	uint32_t host_mask = prefix_bits == 0 ? UINT32_MAX : (1u << (32 - prefix_bits)) - 1;
	uint32_t host = ntohl(ft_addr_ip4(addr)) & host_mask;

	return prefix_bits >= 31 || (host != 0 && host != host_mask);
}

static bool parse_interface_address(const char *text, struct ft_config_address *address)
{
	static const struct ft_option prefix = { .minimum = 1, .maximum = 32 };
	const char *slash = strchr(text, '/');
	char addr[INET_ADDRSTRLEN];
	uint32_t prefix_bits;

	if (slash == NULL || slash - text >= (ptrdiff_t)sizeof(addr))
		return false;
	snprintf(addr, sizeof(addr), "%.*s", (int)(slash - text), text);
	if (!parse_ip4(addr, &address->addr) || !parse_number(&prefix, slash + 1, &prefix_bits))
		return false;
	address->prefix_bits = (uint8_t)prefix_bits;
	return is_host_address(&address->addr) &&
	       is_host_of_network(&address->addr, address->prefix_bits);
}

// Which of address, address1, ... this is. They come without a gap, so that the next free one may
// be set and those before it changed.
static bool find_address(const struct ft_config *config, const char *key, uint32_t *index)
{
	const char *digits = key + strlen("address");
	unsigned long number = strtoul(digits, NULL, 10);

	*index = (uint32_t)number;
	return digits[0] != '0' && number < FT_CONFIG_ADDRESSES &&
	       number <= config->ip.address_count && (digits[0] == '\0' || number > 0);
}

static bool has_address(
	const struct ft_config *config, uint32_t but_index, const struct ft_addr *addr)
{
	for (uint32_t i = 0; i < config->ip.address_count; i++)
		if (i != but_index && ft_addr_is_equal(&config->ip.address[i].addr, addr))
			return true;
	return false;
}

static int store_address(struct ft_config *config, const char *key, const char *value,
	char expected[FT_OPTION_ERROR_BYTES])
{
	struct ft_config_address address;
	uint32_t index;

	if (!find_address(config, key, &index)) {
		snprintf(expected, FT_OPTION_ERROR_BYTES,
			"address, address1, address2 ... in this order, %d at most",
			FT_CONFIG_ADDRESSES);
		return -EINVAL;
	}
	if (!parse_interface_address(value, &address))
		return -EINVAL;
	if (has_address(config, index, &address.addr)) {
		snprintf(expected, FT_OPTION_ERROR_BYTES, "an address not given before");
		return -EINVAL;
	}
	config->ip.address[index] = address;
	if (index == config->ip.address_count)
		config->ip.address_count++;
	return 0;
}

// One letter is -KEY VALUE, a word is --KEY=VALUE; without a value the bare flag.
static int store_eal(struct ft_config *config, const char *key, const char *value)
{
	bool is_letter = strlen(key) == 1;
	bool is_bare = value[0] == '\0';
	char *arg = NULL;

	if (config->eal.arg_count + 2 > FT_CONFIG_EAL_ARGS)
		return -EINVAL;
	if (asprintf(&arg, "%s%s%s%s", is_letter ? "-" : "--", key, is_letter || is_bare ? "" : "=",
		    is_letter ? "" : value) < 0)
		return -EINVAL;
	config->eal.args[config->eal.arg_count++] = arg;
	if (!is_letter || is_bare)
		return 0;
	config->eal.args[config->eal.arg_count] = strdup(value);
	return config->eal.args[config->eal.arg_count++] != NULL ? 0 : -EINVAL;
}

static int store_text(const struct ft_option *option, char *field, const char *value)
{
	if (strlen(value) > option->maximum)
		return -EINVAL;
	if (option->type == FT_OPTION_CHOICE && !is_one_of(value, option->choices))
		return -EINVAL;
	strcpy(field, value);
	return 0;
}

int ft_value_store(const struct ft_option *option, struct ft_config *config, const char *key,
	const char *value, char expected[FT_OPTION_ERROR_BYTES])
{
	void *field = (char *)config + option->offset;

	ft_value_describe(option, expected, FT_OPTION_ERROR_BYTES);
	switch (option->type) {
	case FT_OPTION_TEXT:
	case FT_OPTION_CHOICE:
		return store_text(option, field, value);
	case FT_OPTION_NUMBER:
		return parse_number(option, value, field) ? 0 : -EINVAL;
	case FT_OPTION_BYTES:
	case FT_OPTION_DURATION:
		return parse_scaled(option, value, field) ? 0 : -EINVAL;
	case FT_OPTION_FLAG:
		return parse_flag(value, field) ? 0 : -EINVAL;
	case FT_OPTION_PORTS:
		return parse_ports(value, field) ? 0 : -EINVAL;
	case FT_OPTION_GATEWAY:
		return parse_gateway(value, field) ? 0 : -EINVAL;
	case FT_OPTION_ADDRESSES:
		return store_address(config, key, value, expected);
	case FT_OPTION_EAL:
		return store_eal(config, key, value);
	}
	return -EINVAL;
}

static void describe_scaled(
	const struct ft_option *option, const char *what, char *text, size_t bytes)
{
	char minimum[32], maximum[32];

	snprintf(text, bytes, "%s from %s to %s, like %s", what,
		with_unit(option->minimum, units_of(option), minimum),
		with_unit(option->maximum, units_of(option), maximum), option->standard);
}

void ft_value_describe(const struct ft_option *option, char *text, size_t bytes)
{
	switch (option->type) {
	case FT_OPTION_TEXT:
		snprintf(text, bytes, "a text of at most %" PRIu64 " characters", option->maximum);
		break;
	case FT_OPTION_CHOICE:
		snprintf(text, bytes, "one of: %s", option->choices);
		break;
	case FT_OPTION_NUMBER:
		describe_scaled(option, "a number", text, bytes);
		break;
	case FT_OPTION_BYTES:
		describe_scaled(option, "a number of bytes", text, bytes);
		break;
	case FT_OPTION_DURATION:
		describe_scaled(option, "a duration", text, bytes);
		break;
	case FT_OPTION_FLAG:
		snprintf(text, bytes, "yes or no");
		break;
	case FT_OPTION_PORTS:
		snprintf(text, bytes, "two ports from 1 to 65535, like %s", option->standard);
		break;
	case FT_OPTION_GATEWAY:
		snprintf(text, bytes, "the IPv4 address of a host, like 10.9.0.1");
		break;
	case FT_OPTION_ADDRESSES:
		snprintf(text, bytes,
			"the IPv4 address of a host and a prefix length, like 10.9.0.2/24");
		break;
	case FT_OPTION_EAL:
		snprintf(text, bytes, "at most %d options", FT_CONFIG_EAL_ARGS);
		break;
	}
}
