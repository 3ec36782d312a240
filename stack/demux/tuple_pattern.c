#include "demux/tuple_pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool read_port(const char *text, uint16_t *port, bool *is_any)
{
	unsigned long value;
	char *end;

	*is_any = strcmp(text, "*") == 0;
	if (*is_any)
		return true;
	if (text[0] < '0' || text[0] > '9')
		return false;
	value = strtoul(text, &end, 10);
	*port = (uint16_t)value;
	return *end == 0 && value <= UINT16_MAX;
}

static bool read_address(char *text, struct ft_addr *addr, bool *is_any)
{
	size_t length = strlen(text);

	*is_any = strcmp(text, "*") == 0;
	if (*is_any)
		return true;
	if (text[0] == '[' && text[length - 1] == ']') {
		text[length - 1] = 0;
		text++;
	}
	return ft_addr_parse(text, addr);
}

static bool read_end(char *text, struct ft_tuple_pattern *pattern, int end)
{
	char *colon = strrchr(text, ':');

	if (colon == NULL)
		return false;
	*colon = 0;
	return read_address(text, &pattern->ends[end].addr, &pattern->ends[end].is_any_addr) &&
	       read_port(colon + 1, &pattern->ends[end].port, &pattern->ends[end].is_any_port);
}

int ft_tuple_pattern_parse(const char *text, struct ft_tuple_pattern *pattern)
{
	char copy[2 * (FT_ADDR_TEXT_BYTES + 10)];
	char *comma;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	*pattern = (struct ft_tuple_pattern){ 0 };
	comma = strchr(copy, ',');
	if (comma != NULL)
		*comma = 0;
	else
		pattern->ends[1].is_any_addr = pattern->ends[1].is_any_port = true;
	if (!read_end(copy, pattern, 0) || (comma != NULL && !read_end(comma + 1, pattern, 1)))
		return -EINVAL;
	return 0;
}

static bool is_end(
	const struct ft_tuple_pattern *pattern, int end, const struct ft_addr *addr, uint16_t port)
{
	return (pattern->ends[end].is_any_addr ||
		       ft_addr_is_equal(&pattern->ends[end].addr, addr)) &&
	       (pattern->ends[end].is_any_port || pattern->ends[end].port == port);
}

bool ft_tuple_pattern_matches(const struct ft_tuple_pattern *pattern, const struct ft_tuple *tuple)
{
	for (int first = 0; first < 2; first++)
		if (is_end(pattern, first, &tuple->local, tuple->local_port) &&
			is_end(pattern, !first, &tuple->remote, tuple->remote_port))
			return true;
	return false;
}
