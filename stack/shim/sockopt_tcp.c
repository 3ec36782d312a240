// Socket options of the level IPPROTO_TCP (tcp(7)).
#include <errno.h>
#include <string.h>

#include "fourtuple.h"
#include "shim/sockopt.h"
#include "shim/thread.h"
#include "socket/socket.h"
#include "stack.h"
#include "tcp/cc.h"

// Linux's bounds.
#define KEEPALIVE_MOST_S 32767
#define KEEPALIVE_MOST	 127
#define MSS_LEAST	 88
#define MSS_MOST	 32767
#define DEFAULT_MSS	 536 // what TCP_MAXSEG says before there is a connection (RFC 9293 3.7.1)

static int maximum_segment(const struct ft_socket *socket, const struct ft_tcp_options *options)
{
	if (socket->conn != NULL)
		return ft_tcp_mss(socket->conn);
	return options->mss != 0 ? options->mss : DEFAULT_MSS;
}

// struct tcp_info of <linux/tcp.h> goes on where that of <netinet/tcp.h> ends.
struct long_info {
	struct tcp_info info;
	uint64_t pacing_rate; // bytes a second: there is no such limit
	uint64_t max_pacing_rate;
	struct ft_tcp_volume volume; // tcpi_bytes_acked, tcpi_bytes_received
};

static int get_info(
	struct ft_stack *stack, const struct ft_socket *socket, void *value, socklen_t *length)
{
	struct long_info found = { .info.tcpi_state = TCP_CLOSE };
	const struct ft_tcp_listener *listener = ft_socket_listener(socket);

	if (listener != NULL) {
		ft_tcp_listener_info(listener, &found.info);
	} else if (socket->conn != NULL) {
		ft_tcp_info(stack, socket->conn, ft_thread_now(), &found.info);
		found.pacing_rate = found.max_pacing_rate = UINT64_MAX;
		found.volume = ft_tcp_volume(stack, socket->conn);
	}
	return ft_sockopt_write(&found, sizeof(found), value, length);
}

static int get_number(const struct ft_socket *socket, int name, int *number)
{
	const struct ft_tcp_options *options = &socket->settings->options;

	switch (name) {
	case TCP_NODELAY:
		*number = options->no_delay;
		return 0;
	case TCP_CORK:
		*number = options->cork;
		return 0;
	case TCP_QUICKACK:
		*number = options->quick_ack;
		return 0;
	case TCP_MAXSEG:
		*number = maximum_segment(socket, options);
		return 0;
	case TCP_KEEPIDLE:
		*number = (int)(options->keepalive_idle / FT_SECOND);
		return 0;
	case TCP_KEEPINTVL:
		*number = (int)(options->keepalive_interval / FT_SECOND);
		return 0;
	case TCP_KEEPCNT:
		*number = (int)options->keepalive_count;
		return 0;
	case TCP_USER_TIMEOUT:
		*number = (int)(options->user_timeout / FT_MILLISECOND);
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int ft_sockopt_tcp_get(
	struct ft_stack *stack, struct ft_socket *socket, int name, void *value, socklen_t *length)
{
	const struct ft_tcp_options *options = &socket->settings->options;
	int number, error;

	switch (name) {
	case TCP_INFO:
		return get_info(stack, socket, value, length);
	case TCP_CONGESTION:
		return ft_sockopt_write(
			options->congestion, sizeof(options->congestion), value, length);
	default:
		error = get_number(socket, name, &number);
		return error != 0 ? error : ft_sockopt_write_int(number, value, length);
	}
}

static bool is_within(int number, int least, int most)
{
	return number >= least && number <= most;
}

static int set_keepalive(struct ft_tcp_options *options, int name, int number)
{
	if (!is_within(number, 1, name == TCP_KEEPCNT ? KEEPALIVE_MOST : KEEPALIVE_MOST_S))
		return -EINVAL;
	if (name == TCP_KEEPIDLE)
		options->keepalive_idle = number * FT_SECOND;
	else if (name == TCP_KEEPINTVL)
		options->keepalive_interval = number * FT_SECOND;
	else
		options->keepalive_count = number;
	return 0;
}

static int set_number(struct ft_tcp_options *options, int name, int number)
{
	switch (name) {
	case TCP_NODELAY:
		options->no_delay = number != 0;
		return 0;
	case TCP_CORK:
		options->cork = number != 0;
		return 0;
	case TCP_QUICKACK:
		options->quick_ack = number != 0;
		return 0;
	case TCP_MAXSEG:
		if (number != 0 && !is_within(number, MSS_LEAST, MSS_MOST))
			return -EINVAL;
		options->mss = number;
		return 0;
	case TCP_KEEPIDLE:
	case TCP_KEEPINTVL:
	case TCP_KEEPCNT:
		return set_keepalive(options, name, number);
	case TCP_USER_TIMEOUT:
		if (number < 0)
			return -EINVAL;
		options->user_timeout = number * FT_MILLISECOND;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int set_congestion(struct ft_tcp_options *options, const void *value, socklen_t length)
{
	char name[sizeof(options->congestion)] = "";

	if (length < 1)
		return -EINVAL;
	if (value == NULL)
		return -EFAULT;
	memcpy(name, value, RTE_MIN(length, sizeof(name) - 1));
	if (ft_cc_find(name) == NULL)
		return -ENOENT;
	memcpy(options->congestion, name, sizeof(name));
	return 0;
}

int ft_sockopt_tcp_set(struct ft_stack *stack, struct ft_socket *socket, int name,
	const void *value, socklen_t length)
{
	struct ft_tcp_options options = socket->settings->options;
	int number, error;

	if (name == TCP_CONGESTION) {
		error = set_congestion(&options, value, length);
	} else {
		error = ft_sockopt_read_int(value, length, &number);
		if (error == 0)
			error = set_number(&options, name, number);
	}
	if (error == 0)
		error = ft_sockopt_apply(stack, socket, &options);
	if (error == 0 && name == TCP_NODELAY && options.no_delay && socket->conn != NULL)
		ft_tcp_flush(stack, socket->conn); // even if it was set before, and through a cork
	return error;
}
