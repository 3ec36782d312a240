#include "demux/tuple.h"

#include <stdio.h>

// IPv6 addresses stand in brackets before a port (RFC 5952 6).
static int write_endpoint(char *text, size_t bytes, const struct ft_addr *addr, uint16_t port)
{
	char addr_text[FT_ADDR_TEXT_BYTES];

	ft_addr_text(addr, addr_text);
	return snprintf(text, bytes, ft_addr_is_ip4(addr) ? "%s:%u" : "[%s]:%u", addr_text, port);
}

const char *ft_tuple_text(const struct ft_tuple *tuple, char *text)
{
	int length = write_endpoint(text, FT_TUPLE_TEXT_BYTES, &tuple->local, tuple->local_port);

	text[length++] = ' ';
	write_endpoint(text + length, FT_TUPLE_TEXT_BYTES - (size_t)length, &tuple->remote,
		tuple->remote_port);
	return text;
}
