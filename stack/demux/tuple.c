#include "demux/tuple.h"

#include <stdio.h>

// IPv6 addresses stand in brackets before a port (RFC 5952 6).
const char *ft_endpoint_text(const struct ft_addr *addr, uint16_t port, char *text)
{
	char addr_text[FT_ADDR_TEXT_BYTES];

	ft_addr_text(addr, addr_text);
	snprintf(text, FT_ENDPOINT_TEXT_BYTES, ft_addr_is_ip4(addr) ? "%s:%u" : "[%s]:%u",
		addr_text, port);
	return text;
}

const char *ft_tuple_text(const struct ft_tuple *tuple, char *text)
{
	char local[FT_ENDPOINT_TEXT_BYTES], remote[FT_ENDPOINT_TEXT_BYTES];

	snprintf(text, FT_TUPLE_TEXT_BYTES, "%s %s",
		ft_endpoint_text(&tuple->local, tuple->local_port, local),
		ft_endpoint_text(&tuple->remote, tuple->remote_port, remote));
	return text;
}
