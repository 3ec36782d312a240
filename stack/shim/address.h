// struct sockaddr to an address and a port, and back: the one place of the shim that knows address
// families.
#pragma once
#include <stdint.h>
#include <sys/socket.h>

#include "ip/addr.h"

struct ft_socket;
struct ft_stack;

// -EFAULT, -EINVAL (too short), -EAFNOSUPPORT.
int ft_address_read(
	const struct sockaddr *from, socklen_t length, struct ft_addr *addr, uint16_t *port);
// The same, but AF_UNSPEC passes for AF_INET: for programs older than POSIX.
int ft_address_read_leniently(
	const struct sockaddr *from, socklen_t length, struct ft_addr *addr, uint16_t *port);

// As accept(2) and getsockname(2) give an address: cut to *length, which is then set to what the
// whole would need. -EFAULT, -EINVAL.
int ft_address_write(
	const struct ft_addr *addr, uint16_t port, struct sockaddr *to, socklen_t *length);

// The wildcard address of the family.
struct ft_addr ft_address_any(void);
// The host itself, which the wildcard address means where a peer is named: where the socket is bound, or
// connected from, or else the loopback address (as in Linux).
struct ft_addr ft_address_of_host(struct ft_stack *stack, const struct ft_socket *socket);
