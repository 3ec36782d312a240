#include "shim/address.h"

#include <errno.h>
#include <string.h>

#include <netinet/in.h>

#include "ip/route.h"
#include "socket/socket.h"

int ft_address_read_leniently(
	const struct sockaddr *from, socklen_t length, struct ft_addr *addr, uint16_t *port)
{
	struct sockaddr_in in;

	if (length > sizeof(struct sockaddr_storage))
		return -EINVAL;
	if (from == NULL && length > 0)
		return -EFAULT;
	if (length < sizeof(in))
		return -EINVAL;
	memcpy(&in, from, sizeof(in));
	if (in.sin_family != AF_INET && in.sin_family != AF_UNSPEC)
		return -EAFNOSUPPORT;
	*addr = ft_addr_from_ip4(in.sin_addr.s_addr);
	*port = ntohs(in.sin_port);
	return 0;
}

int ft_address_read(
	const struct sockaddr *from, socklen_t length, struct ft_addr *addr, uint16_t *port)
{
	int error = ft_address_read_leniently(from, length, addr, port);

	return error == 0 && from->sa_family == AF_UNSPEC ? -EAFNOSUPPORT : error;
}

int ft_address_write(
	const struct ft_addr *addr, uint16_t port, struct sockaddr *to, socklen_t *length)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = ft_addr_ip4(addr),
	};

	if (length == NULL)
		return -EFAULT;
	if ((int)*length < 0)
		return -EINVAL;
	if (to == NULL && *length > 0)
		return -EFAULT;
	if (*length > 0)
		memcpy(to, &in, *length < sizeof(in) ? *length : sizeof(in));
	*length = sizeof(in);
	return 0;
}

struct ft_addr ft_address_any(void)
{
	return ft_addr_from_ip4(htonl(INADDR_ANY));
}

struct ft_addr ft_address_of_host(struct ft_stack *stack, const struct ft_socket *socket)
{
	const struct ft_binding *binding = ft_socket_get_binding(socket);

	if (socket->is_udp && socket->udp->is_connected)
		return socket->udp->tuple.local;
	if (binding == NULL || ft_addr_is_any(&binding->address) ||
		ft_route_is_broadcast(stack, &binding->address))
		return ft_addr_from_ip4(htonl(INADDR_LOOPBACK));
	return binding->address;
}
