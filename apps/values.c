#include "apps/values.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

const struct value_unit value_counts[] = { { "", 1 }, { "k", 1e3 }, { "M", 1e6 }, { NULL, 0 } };
const struct value_unit value_sizes[] = { { "", 1 }, { "K", 0x1p10 }, { "M", 0x1p20 },
	{ NULL, 0 } };
const struct value_unit value_durations[] = { { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 },
	{ "min", 60e9 }, { "h", 3600e9 }, { NULL, 0 } };
const struct value_unit value_seconds[] = { { "", 1 }, { "s", 1 }, { NULL, 0 } };

// What strtoul() and strtod() would take besides: spaces, signs, "inf".
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool value_read_number(const char *text, const struct value_unit *units, double lowest,
	double highest, double *number)
{
	char *end;
	double count = strtod(text, &end);

	if (!is_digit(text[text[0] == '.']) || text[1] == 'x' || text[1] == 'X')
		return false;
	end += strspn(end, " ");
	for (; units->name != NULL; units++) {
		*number = count * units->factor;
		if (strcmp(end, units->name) == 0 && *number >= lowest && *number <= highest)
			return true;
	}
	return false;
}

bool value_read_count(const char *text, uint64_t lowest, uint64_t highest, uint64_t *count)
{
	uint64_t unit = 1;
	char *end;

	errno = 0;
	*count = strtoull(text, &end, 10);
	if (*end == 'k')
		unit = 1000;
	else if (*end == 'M')
		unit = 1000000;
	end += unit > 1;
	if (!is_digit(text[0]) || *end != '\0' || errno != 0 || *count > highest / unit ||
		*count * unit < lowest)
		return false;
	*count *= unit;
	return true;
}

// At the start of `text`; *end is set behind it.
static bool read_port(const char *text, char **end, uint16_t *port)
{
	unsigned long number = strtoul(text, end, 10);

	*port = (uint16_t)number;
	return is_digit(text[0]) && number >= 1 && number <= UINT16_MAX;
}

bool value_read_port(const char *text, uint16_t *port)
{
	char *end;

	return read_port(text, &end, port) && *end == '\0';
}

bool value_read_ports(const char *text, uint16_t *first, uint16_t *last)
{
	char *end;

	if (!read_port(text, &end, first))
		return false;
	end += strspn(end, " ");
	if (*end++ != '-')
		return false;
	end += strspn(end, " ");
	return read_port(end, &end, last) && *end == '\0' && *first <= *last;
}

const char *value_read_address(const char *text, struct sockaddr_in *address)
{
	const char *colon = strchr(text, ':');
	char host[INET_ADDRSTRLEN];
	uint16_t port;

	if (colon == NULL || colon - text >= (ptrdiff_t)sizeof(host))
		return "ADDRESS:PORT";
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (!value_read_port(colon + 1, &port))
		return "a port from 1 to 65535 behind the ':'";
	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	return inet_pton(AF_INET, host, &address->sin_addr) == 1 ? NULL
								 : "an IPv4 address before the ':'";
}
