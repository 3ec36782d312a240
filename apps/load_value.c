#include "load_value.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

const struct load_unit load_counts[] = { { "", 1 }, { "k", 1e3 }, { "M", 1e6 }, { NULL, 0 } };
const struct load_unit load_sizes[] = { { "", 1 }, { "K", 0x1p10 }, { "M", 0x1p20 }, { NULL, 0 } };
const struct load_unit load_durations[] = { { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 },
	{ "min", 60e9 }, { "h", 3600e9 }, { NULL, 0 } };

bool load_read_number(const char *text, const struct load_unit *units, double lowest,
	double highest, double *number)
{
	char *end;
	double count = strtod(text, &end);

	if (text[0] < '0' || text[0] > '9' || text[1] == 'x' || text[1] == 'X')
		return false;
	end += strspn(end, " ");
	for (; units->name != NULL; units++) {
		*number = count * units->factor;
		if (strcmp(end, units->name) == 0 && *number >= lowest && *number <= highest)
			return true;
	}
	return false;
}

const char *load_read_address(const char *text, struct sockaddr_in *address)
{
	const char *colon = strchr(text, ':');
	char host[INET_ADDRSTRLEN];
	char *end;
	unsigned long port;

	if (colon == NULL || colon - text >= (ptrdiff_t)sizeof(host))
		return "ADDRESS:PORT";
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	port = strtoul(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port < 1 || port > 65535)
		return "a port from 1 to 65535 behind the ':'";
	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	return inet_pton(AF_INET, host, &address->sin_addr) == 1 ? NULL
								 : "an IPv4 address before the ':'";
}
