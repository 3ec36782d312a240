// An IP address: 16 bytes whatever the family, IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that
// TCP and UDP never ask which family it is.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>

struct ft_addr {
	union {
		uint8_t bytes[16];
		uint32_t words[4]; // network byte order
		uint64_t halves[2];
	};
};

#define FT_ADDR_TEXT_BYTES 46 // INET6_ADDRSTRLEN

// `ip4` in network byte order, as in a header.
static inline struct ft_addr ft_addr_from_ip4(rte_be32_t ip4)
{
	return (struct ft_addr){ .words = { 0, 0, RTE_BE32(0xffff), ip4 } };
}

static inline bool ft_addr_is_ip4(const struct ft_addr *addr)
{
	return addr->halves[0] == 0 && addr->words[2] == RTE_BE32(0xffff);
}

// In network byte order; only for an IPv4 address.
static inline rte_be32_t ft_addr_ip4(const struct ft_addr *addr)
{
	return addr->words[3];
}

static inline bool ft_addr_is_equal(const struct ft_addr *a, const struct ft_addr *b)
{
	return a->halves[0] == b->halves[0] && a->halves[1] == b->halves[1];
}

// INADDR_ANY as 0.0.0.0, or ::
static inline bool ft_addr_is_any(const struct ft_addr *addr)
{
	return addr->halves[0] == 0 && addr->words[3] == 0 &&
	       (addr->words[2] == 0 || addr->words[2] == RTE_BE32(0xffff));
}

// Every address of ours, in the family of `addr`.
static inline struct ft_addr ft_addr_any_like(const struct ft_addr *addr)
{
	return ft_addr_is_ip4(addr) ? ft_addr_from_ip4(0) : (struct ft_addr){ 0 };
}

// 224.0.0.0/4 or ff00::/8.
static inline bool ft_addr_is_multicast(const struct ft_addr *addr)
{
	return ft_addr_is_ip4(addr) ? (addr->bytes[12] & 0xf0) == 0xe0 : addr->bytes[0] == 0xff;
}

// 127.0.0.0/8 or ::1, which never leave the host.
static inline bool ft_addr_is_loopback(const struct ft_addr *addr)
{
	return ft_addr_is_ip4(addr) ? addr->bytes[12] == 127
				    : addr->halves[0] == 0 && addr->halves[1] == RTE_BE64(1);
}

// Writes "10.9.0.2" or "2001:db8::1" into `text` (FT_ADDR_TEXT_BYTES) and returns it.
const char *ft_addr_text(const struct ft_addr *addr, char *text);

// Reads either form (inet_pton(3)). Returns false when it is not an address.
bool ft_addr_parse(const char *text, struct ft_addr *addr);
