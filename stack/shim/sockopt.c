// getsockopt(2) and setsockopt(2): a switch for each level. What TCP must know stands in struct
// ft_tcp_options, which the socket keeps and its connection is told; a listener reads the socket's.
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "shim/sockopt.h"

#include "fourtuple.h"
#include "shim/call.h"
#include "shim/thread.h"
#include "stack.h"

// Room for a full-sized datagram or segment at least (Linux's bounds), and what the largest window
// scale can announce at most.
#define BUFFER_LEAST 2304
#define BUFFER_MOST  (1u << 30)

// ---- values ----

int ft_sockopt_read_int(const void *value, socklen_t length, int *number)
{
	if (length < sizeof(*number))
		return -EINVAL;
	if (value == NULL)
		return -EFAULT;
	memcpy(number, value, sizeof(*number));
	return 0;
}

int ft_sockopt_write(const void *data, socklen_t bytes, void *value, socklen_t *length)
{
	if ((int)*length < 0)
		return -EINVAL;
	*length = RTE_MIN(*length, bytes);
	if (value == NULL && *length > 0)
		return -EFAULT;
	if (*length > 0)
		memcpy(value, data, *length);
	return 0;
}

int ft_sockopt_write_int(int number, void *value, socklen_t *length)
{
	return ft_sockopt_write(&number, sizeof(number), value, length);
}

// ---- what is in force ----

int ft_sockopt_apply(
	struct ft_stack *stack, struct ft_socket *socket, const struct ft_tcp_options *options)
{
	struct ft_settings wanted;
	int error;

	memcpy(&wanted, socket->settings, sizeof(wanted));
	wanted.options = *options;
	if (socket->conn != NULL) {
		error = ft_tcp_set_options(stack, socket->conn, options, ft_thread_now());
		if (error != 0)
			return error;
	}
	if (socket->is_udp) {
		assert(socket->udp != NULL);
		socket->udp->ttl = options->ttl;
		socket->udp->tos = options->tos;
		socket->udp->receive_bytes.limit = options->receive_buffer;
	}
	ft_settings_change(stack, socket, &wanted);
	return 0;
}

static bool is_bound(const struct ft_socket *socket)
{
	return socket->is_udp ? socket->udp->is_bound : socket->is_bound;
}

static int take_error(struct ft_socket *socket)
{
	if (socket->is_udp)
		return ft_udp_take_error(socket->udp);
	return socket->conn != NULL ? ft_tcp_take_error(socket->conn) : 0;
}

// ---- SOL_SOCKET ----

static int get_timeout(ft_time timeout, void *value, socklen_t *length)
{
	struct timeval time = { 0 };

	if (timeout != FT_NEVER) {
		time.tv_sec = timeout / FT_SECOND;
		time.tv_usec = timeout % FT_SECOND / FT_MICROSECOND;
	}
	return ft_sockopt_write(&time, sizeof(time), value, length);
}

// Zero: no timeout; a time in the past: never wait (Linux).
static int set_timeout(const void *value, socklen_t bytes, ft_time *timeout)
{
	struct timeval time;

	if (bytes < sizeof(time))
		return -EINVAL;
	if (value == NULL)
		return -EFAULT;
	memcpy(&time, value, sizeof(time));
	if (time.tv_usec < 0 || time.tv_usec >= 1000000)
		return -EDOM;
	if (time.tv_sec < 0)
		*timeout = 0;
	else if ((time.tv_sec == 0 && time.tv_usec == 0) || time.tv_sec >= UINT32_MAX)
		*timeout = FT_NEVER;
	else
		*timeout = time.tv_sec * FT_SECOND + time.tv_usec * FT_MICROSECOND;
	return 0;
}

static int get_linger(const struct ft_socket *socket, void *value, socklen_t *length)
{
	struct linger linger = { .l_onoff = socket->settings->has_linger,
		.l_linger = (int)socket->settings->linger_s };

	return ft_sockopt_write(&linger, sizeof(linger), value, length);
}

static int set_linger(
	struct ft_stack *stack, struct ft_socket *socket, const void *value, socklen_t length)
{
	struct ft_settings wanted;
	struct linger linger;

	if (length < sizeof(linger))
		return -EINVAL;
	if (value == NULL)
		return -EFAULT;
	memcpy(&linger, value, sizeof(linger));
	memcpy(&wanted, socket->settings, sizeof(wanted));
	wanted.has_linger = linger.l_onoff != 0;
	if (wanted.has_linger)
		wanted.linger_s = linger.l_linger < 0 ? INT32_MAX : linger.l_linger;
	ft_settings_change(stack, socket, &wanted);
	return 0;
}

static int get_socket_flag(struct ft_socket *socket, int name, int *number)
{
	const struct ft_tcp_options *options = &socket->settings->options;

	switch (name) {
	case SO_REUSEADDR:
		*number = options->reuse_address;
		return 0;
	case SO_REUSEPORT:
		*number = options->reuse_port;
		return 0;
	case SO_KEEPALIVE:
		*number = options->keepalive;
		return 0;
	case SO_OOBINLINE:
		*number = options->oob_inline;
		return 0;
	case SO_BROADCAST:
		*number = socket->may_broadcast;
		return 0;
	case SO_RCVBUF:
		*number = (int)options->receive_buffer;
		return 0;
	case SO_SNDBUF:
		*number = (int)options->send_buffer;
		return 0;
	case SO_TYPE:
		*number = socket->is_udp ? SOCK_DGRAM : SOCK_STREAM;
		return 0;
	case SO_DOMAIN:
		*number = AF_INET;
		return 0;
	case SO_PROTOCOL:
		*number = socket->is_udp ? IPPROTO_UDP : IPPROTO_TCP;
		return 0;
	case SO_ACCEPTCONN:
		*number = ft_socket_listener(socket) != NULL;
		return 0;
	case SO_ERROR:
		*number = take_error(socket);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_socket_option(struct ft_socket *socket, int name, void *value, socklen_t *length)
{
	int number, error;

	switch (name) {
	case SO_LINGER:
		return get_linger(socket, value, length);
	case SO_RCVTIMEO:
		return get_timeout(socket->settings->receive_timeout, value, length);
	case SO_SNDTIMEO:
		return get_timeout(socket->settings->send_timeout, value, length);
	default:
		error = get_socket_flag(socket, name, &number);
		return error != 0 ? error : ft_sockopt_write_int(number, value, length);
	}
}

// Negative sizes are large ones, as in Linux.
static uint64_t buffer_bytes(int number)
{
	uint32_t bytes = number;

	if (bytes < BUFFER_LEAST)
		return BUFFER_LEAST;
	return bytes > BUFFER_MOST ? BUFFER_MOST : bytes;
}

static void set_broadcast(struct ft_socket *socket, bool is_on)
{
	socket->may_broadcast = is_on;
	if (socket->is_udp)
		socket->udp->can_broadcast = is_on;
}

static int set_socket_flag(struct ft_stack *stack, struct ft_socket *socket, int name, int number)
{
	struct ft_tcp_options options = socket->settings->options;

	switch (name) {
	case SO_REUSEADDR:
		options.reuse_address = number != 0;
		if (ft_socket_get_binding(socket) != NULL)
			ft_socket_get_binding(socket)->reuse_address = number != 0;
		break;
	case SO_REUSEPORT:
		options.reuse_port = number != 0;
		// The port table wants a binding's as it was at bind().
		if (!is_bound(socket) && ft_socket_get_binding(socket) != NULL)
			ft_socket_get_binding(socket)->reuse_port = number != 0;
		break;
	case SO_BROADCAST:
		set_broadcast(socket, number != 0);
		return 0;
	case SO_KEEPALIVE:
		options.keepalive = number != 0;
		break;
	case SO_OOBINLINE:
		options.oob_inline = number != 0;
		break;
	case SO_RCVBUF:
		options.receive_buffer = buffer_bytes(number);
		break;
	case SO_SNDBUF:
		options.send_buffer = buffer_bytes(number);
		options.is_send_buffer_set = true;
		break;
	default:
		return -ENOPROTOOPT;
	}
	return ft_sockopt_apply(stack, socket, &options);
}

static int set_socket_option(struct ft_stack *stack, struct ft_socket *socket, int name,
	const void *value, socklen_t length)
{
	struct ft_settings wanted;
	int number, error;

	memcpy(&wanted, socket->settings, sizeof(wanted));
	switch (name) {
	case SO_LINGER:
		return set_linger(stack, socket, value, length);
	case SO_RCVTIMEO:
		error = set_timeout(value, length, &wanted.receive_timeout);
		break;
	case SO_SNDTIMEO:
		error = set_timeout(value, length, &wanted.send_timeout);
		break;
	default:
		error = ft_sockopt_read_int(value, length, &number);
		return error != 0 ? error : set_socket_flag(stack, socket, name, number);
	}
	if (error == 0)
		ft_settings_change(stack, socket, &wanted);
	return error;
}

// ---- IPPROTO_IP ----

static int get_mtu(struct ft_stack *stack, const struct ft_socket *socket, int *number)
{
	const struct ft_tuple *tuple;
	struct ft_route route;
	int error;

	if (socket->is_udp ? !socket->udp->is_connected : socket->conn == NULL)
		return -ENOTCONN;
	tuple = socket->is_udp ? &socket->udp->tuple : ft_tcp_tuple(socket->conn);
	error = ft_route_find(stack, &tuple->remote, ft_thread_now(), &route);
	*number = error == 0 ? route.mtu : 0;
	return error;
}

static int get_ip_option(struct ft_stack *stack, struct ft_socket *socket, int name, int *number)
{
	const struct ft_tcp_options *options = &socket->settings->options;

	switch (name) {
	case IP_TTL:
		*number = options->ttl != 0 ? options->ttl : (int)stack->config.ip.ttl;
		return 0;
	case IP_TOS:
		*number = options->tos;
		return 0;
	case IP_MTU_DISCOVER:
		*number = socket->mtu_discover;
		return 0;
	case IP_BIND_ADDRESS_NO_PORT:
		*number = socket->binds_no_port;
		return 0;
	case IP_MTU:
		return get_mtu(stack, socket, number);
	default:
		return -ENOPROTOOPT;
	}
}

// Whether a datagram may be cut. For TCP the question is moot: its segments fit the path.
static int set_mtu_discover(struct ft_socket *socket, int number)
{
	if (number < IP_PMTUDISC_DONT || number > IP_PMTUDISC_DO)
		return -EINVAL;
	socket->mtu_discover = number;
	if (socket->is_udp)
		socket->udp->dont_fragment = number == IP_PMTUDISC_DO;
	return 0;
}

static int set_ip_option(struct ft_stack *stack, struct ft_socket *socket, int name, int number)
{
	struct ft_tcp_options options = socket->settings->options;

	switch (name) {
	case IP_TTL:
		if (number != -1 && (number < 1 || number > 255))
			return -EINVAL;
		options.ttl = number == -1 ? 0 : number;
		break;
	case IP_TOS:
		// The two ECN bits of a stream are TCP's own (RFC 3168 6.1).
		options.tos = socket->is_udp ? number : number & ~3;
		break;
	case IP_MTU_DISCOVER:
		return set_mtu_discover(socket, number);
	case IP_BIND_ADDRESS_NO_PORT:
		socket->binds_no_port = number != 0;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
	return ft_sockopt_apply(stack, socket, &options);
}

// The IP level takes a single byte for an int (ip(7)), and no byte for zero, as Linux does.
static int read_byte_or_int(const void *value, socklen_t length, int *number)
{
	*number = 0;
	if (length == 0)
		return 0;
	if (length >= sizeof(*number))
		return ft_sockopt_read_int(value, length, number);
	if (value == NULL)
		return -EFAULT;
	*number = *(const uint8_t *)value;
	return 0;
}

// It gives a single byte, too, where there is no room for an int.
static int write_byte_or_int(int number, void *value, socklen_t *length)
{
	uint8_t byte = (uint8_t)number;

	if (*length == 0 || *length >= sizeof(number) || number < 0 || number > UINT8_MAX)
		return ft_sockopt_write_int(number, value, length);
	return ft_sockopt_write(&byte, sizeof(byte), value, length);
}

// ---- the calls ----

static bool has_level(const struct ft_socket *socket, int level)
{
	return level == SOL_SOCKET || level == IPPROTO_IP ||
	       (level == IPPROTO_TCP && !socket->is_udp);
}

static int get_option(struct ft_stack *stack, struct ft_socket *socket, int level, int name,
	void *value, socklen_t *length)
{
	int number, error;

	if (!has_level(socket, level))
		return -EOPNOTSUPP; // setsockopt() says ENOPROTOOPT: so it is in Linux
	if (length == NULL)
		return -EFAULT;
	if ((int)*length < 0)
		return -EINVAL;
	if (level == SOL_SOCKET)
		return get_socket_option(socket, name, value, length);
	if (level == IPPROTO_TCP)
		return ft_sockopt_tcp_get(stack, socket, name, value, length);
	error = get_ip_option(stack, socket, name, &number);
	return error != 0 ? error : write_byte_or_int(number, value, length);
}

static int set_option(struct ft_stack *stack, struct ft_socket *socket, int level, int name,
	const void *value, socklen_t length)
{
	int number, error;

	if ((int)length < 0)
		return -EINVAL;
	if (!has_level(socket, level))
		return -ENOPROTOOPT;
	if (level == SOL_SOCKET)
		return set_socket_option(stack, socket, name, value, length);
	if (level == IPPROTO_TCP)
		return ft_sockopt_tcp_set(stack, socket, name, value, length);
	error = read_byte_or_int(value, length, &number);
	return error != 0 ? error : set_ip_option(stack, socket, name, number);
}

int ft_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	struct ft_stack *stack;
	struct ft_socket *socket = ft_call_socket(fd, &stack);

	if (socket == NULL)
		return -1;
	return ft_call_result(get_option(stack, socket, level, name, value, length));
}

int ft_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	struct ft_stack *stack;
	struct ft_socket *socket = ft_call_socket(fd, &stack);

	if (socket == NULL)
		return -1;
	return ft_call_result(set_option(stack, socket, level, name, value, length));
}
