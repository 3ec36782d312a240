#include "ip/addr.h"

#include <arpa/inet.h>

const char *ft_addr_text(const struct ft_addr *addr, char *text)
{
	if (ft_addr_is_ip4(addr))
		return inet_ntop(AF_INET, &addr->words[3], text, FT_ADDR_TEXT_BYTES);
	return inet_ntop(AF_INET6, addr->bytes, text, FT_ADDR_TEXT_BYTES);
}

bool ft_addr_parse(const char *text, struct ft_addr *addr)
{
	struct in_addr ip4;

	if (inet_pton(AF_INET, text, &ip4) == 1) {
		*addr = ft_addr_from_ip4(ip4.s_addr);
		return true;
	}
	return inet_pton(AF_INET6, text, addr->bytes) == 1;
}
