// getsockopt(2) and setsockopt(2): for each option its default, good and bad values, short lengths.
#include "steps.h"

static const struct {
	const char *text;
	int level;
	int name;
	int values[8]; // to be set, the rest 0
} options[] = {
#define OPTION(level, name, ...)    \
	{                           \
#name, level, name, \
		{                   \
			__VA_ARGS__ \
		}                   \
	}
	OPTION(SOL_SOCKET, SO_REUSEADDR, 1, 2, -1),
	OPTION(SOL_SOCKET, SO_REUSEPORT, 1, 2, -1),
	OPTION(SOL_SOCKET, SO_KEEPALIVE, 1, 2, -1),
	OPTION(SOL_SOCKET, SO_OOBINLINE, 1, 2, -1),
	OPTION(SOL_SOCKET, SO_BROADCAST, 1, 2, -1),
	OPTION(SOL_SOCKET, SO_ERROR, 1),
	OPTION(SOL_SOCKET, SO_TYPE, 1),
	OPTION(SOL_SOCKET, SO_DOMAIN, 1),
	OPTION(SOL_SOCKET, SO_PROTOCOL, 1),
	OPTION(SOL_SOCKET, SO_ACCEPTCONN, 1),
	OPTION(SOL_SOCKET, 9999, 1),
	OPTION(IPPROTO_IP, IP_TTL, 1, 255, 256, -1, -2, 77),
	OPTION(IPPROTO_IP, IP_TOS, 0x10, 0xff, 0x1b8, -1),
	OPTION(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT, IP_PMTUDISC_DO, 6, -1),
	OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, 2, -1),
	OPTION(IPPROTO_IP, 9999, 1),
	OPTION(IPPROTO_TCP, TCP_NODELAY, 1, 2, -1),
	OPTION(IPPROTO_TCP, TCP_CORK, 1, 2, -1),
	OPTION(IPPROTO_TCP, TCP_MAXSEG, 1, 87, 88, 1000, 32767, 32768, -1),
	OPTION(IPPROTO_TCP, TCP_KEEPIDLE, 1, 32767, 32768, -1),
	OPTION(IPPROTO_TCP, TCP_KEEPINTVL, 1, 32767, 32768, -1),
	OPTION(IPPROTO_TCP, TCP_KEEPCNT, 1, 127, 128, -1),
	OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT, 1, 30000, -1),
	OPTION(IPPROTO_TCP, 9999, 1),
	OPTION(9999, 1, 1),
#undef OPTION
};

#define OPTIONS (int)(sizeof(options) / sizeof(options[0]))

static void try_values(int fd, int number)
{
	int level = options[number].level, name = options[number].name;

	DO(get(fd, level, name));
	for (int i = 0; i < 8; i++) {
		ft_step_head("value %d", options[number].values[i]);
		DO(set(fd, level, name, options[number].values[i]));
		DO(get(fd, level, name));
	}
}

static void try_lengths(int fd, int number)
{
	int level = options[number].level, name = options[number].name;
	int value[4] = { 1 };

	for (int length = -1; length < 7; length++) {
		socklen_t room = length;

		ft_step_head("length %d", length);
		memset(value, 0, sizeof(value));
		value[0] = 1;
		DO(os->setsockopt(fd, level, name, value, length));
		DO(os->getsockopt(fd, level, name, value, &room));
		DO((int)room);
	}
}

static void try_pointers(int fd, int number)
{
	int level = options[number].level, name = options[number].name, value = 1;
	socklen_t length = sizeof(value);

	DO(os->setsockopt(fd, level, name, NULL, sizeof(value)));
	DO(os->getsockopt(fd, level, name, NULL, &length));
	DO(os->getsockopt(fd, level, name, &value, NULL));
}

static void tcp_option_values(int number)
{
	ft_step_head("%s", options[number].text);
	try_values(new_tcp(), number);
}

static void udp_option_values(int number)
{
	ft_step_head("%s", options[number].text);
	try_values(new_udp(), number);
}

static void tcp_option_lengths(int number)
{
	ft_step_head("%s", options[number].text);
	try_lengths(new_tcp(), number);
	try_pointers(new_tcp(), number);
}

static void udp_option_lengths(int number)
{
	ft_step_head("%s", options[number].text);
	try_lengths(new_udp(), number);
	try_pointers(new_udp(), number);
}

// On a connection, where what is set must also be told to it.
static void connected_option_values(int number)
{
	struct pair pair = new_pair();

	if (options[number].name == TCP_MAXSEG && options[number].level == IPPROTO_TCP)
		return; // what the path gives differs
	ft_step_head("%s", options[number].text);
	try_values(pair.server, number);
}

static int linger_of(int fd)
{
	struct linger linger = { 0 };
	socklen_t length = sizeof(linger);
	int result = os->getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length);

	ft_step_say("%d %d, length %u", linger.l_onoff, linger.l_linger, length);
	return result;
}

static void any_linger(void)
{
	int fd = new_tcp(), value[4] = { 1, 2 };
	socklen_t length;

	DO(linger_of(fd));
	DO(set_linger(fd, 1, 5));
	DO(linger_of(fd));
	DO(set_linger(fd, 7, 0));
	DO(linger_of(fd));
	DO(set_linger(fd, 0, 9));
	DO(linger_of(fd));
	DO(os->setsockopt(fd, SOL_SOCKET, SO_LINGER, value, 4));
	DO(os->setsockopt(fd, SOL_SOCKET, SO_LINGER, value, 16));
	DO(os->setsockopt(fd, SOL_SOCKET, SO_LINGER, NULL, 8));
	length = 4;
	DO(os->getsockopt(fd, SOL_SOCKET, SO_LINGER, value, &length));
	DO((int)length);
	length = 16;
	DO(os->getsockopt(fd, SOL_SOCKET, SO_LINGER, value, &length));
	DO((int)length);
	DO(set_linger(new_udp(), 1, 5));
}

static int timeout_of(int fd, int name)
{
	struct timeval time = { 0 };
	socklen_t length = sizeof(time);
	int result = os->getsockopt(fd, SOL_SOCKET, name, &time, &length);

	ft_step_say("%ld.%06ld, length %u", (long)time.tv_sec, (long)time.tv_usec, length);
	return result;
}

static int set_timeval(int fd, int name, long seconds, long microseconds)
{
	struct timeval time = { .tv_sec = seconds, .tv_usec = microseconds };

	return os->setsockopt(fd, SOL_SOCKET, name, &time, sizeof(time));
}

static void any_timeout_of_centuries(void)
{
	int fd = new_tcp();

	DO(set_timeval(fd, SO_RCVTIMEO, 10000000000, 0));
	DO(timeout_of(fd, SO_RCVTIMEO));
	DO(set_timeval(fd, SO_SNDTIMEO, 10000000000, 0));
	DO(timeout_of(fd, SO_SNDTIMEO));
}

static void any_timeout(int which)
{
	int name = which == 0 ? SO_RCVTIMEO : SO_SNDTIMEO, fd = new_tcp();
	struct timeval time = { .tv_sec = 1 };

	DO(timeout_of(fd, name));
	DO(set_timeval(fd, name, 3, 500000));
	DO(timeout_of(fd, name));
	DO(set_timeval(fd, name, 0, 1000000));
	DO(set_timeval(fd, name, 0, -1));
	DO(timeout_of(fd, name));
	DO(set_timeval(fd, name, -1, 0));
	DO(timeout_of(fd, name));
	DO(set_timeval(fd, name, 0, 0));
	DO(timeout_of(fd, name));
	DO(os->setsockopt(fd, SOL_SOCKET, name, &time, 4));
	DO(os->setsockopt(fd, SOL_SOCKET, name, &time, 15));
	DO(os->setsockopt(fd, SOL_SOCKET, name, NULL, 16));
	DO(timeout_of(fd, name));
}

static void any_buffer(int which)
{
	int name = which == 0 ? SO_RCVBUF : SO_SNDBUF, fd = new_tcp(), udp = new_udp();

	DO(set(fd, SOL_SOCKET, name, 20000));
	DO(get(fd, SOL_SOCKET, name));
	DO(set(fd, SOL_SOCKET, name, 0));
	DO(get(fd, SOL_SOCKET, name) > 0);
	DO(set(udp, SOL_SOCKET, name, 20000));
	DO(get(udp, SOL_SOCKET, name));
	DO(set(udp, SOL_SOCKET, name, 1));
	DO(get(udp, SOL_SOCKET, name) > 1);
}

static void any_congestion(void)
{
	int fd = new_tcp();
	char name[32] = "";
	socklen_t length = sizeof(name);

	DO(os->setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	DO(os->getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length));
	ft_step_head("%s", name);
	DO((int)length);
	length = 3;
	DO(os->getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length));
	DO((int)length);
	DO(os->setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nonsense", 8));
	DO(os->setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 0));
	DO(os->setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, NULL, 4));
	DO(os->setsockopt(new_udp(), IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
}

static void any_info(void)
{
	struct pair pair = new_pair();
	struct tcp_info info = { 0 };
	socklen_t length = 1;

	DO(os->getsockopt(pair.client, IPPROTO_TCP, TCP_INFO, &info, &length));
	DO((int)length);
	DO(info.tcpi_state);
	length = -1;
	DO(os->getsockopt(pair.client, IPPROTO_TCP, TCP_INFO, &info, &length));
	DO(os->setsockopt(pair.client, IPPROTO_TCP, TCP_INFO, &info, 4));
	length = sizeof(info);
	DO(os->getsockopt(new_udp(), IPPROTO_TCP, TCP_INFO, &info, &length));
	DO(tcp_state(new_tcp()));
}

static void listening_info(void)
{
	int listener = new_listener();
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	for (int i = 0; i < 3; i++)
		MUST(connect_to(new_tcp(), LOCAL, PORT));
	MUST(os->accept(listener, NULL, NULL));
	DO(os->getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length));
	DO(info.tcpi_state);
	DO(info.tcpi_unacked);
	DO(info.tcpi_sacked);
}

static void connected_maximum_segment(void)
{
	struct pair pair = new_pair();

	DO(set(pair.client, IPPROTO_TCP, TCP_MAXSEG, 600));
	DO(get(pair.client, IPPROTO_TCP, TCP_MAXSEG) == 588); // without timestamps
}

static void any_mtu(void)
{
	struct pair pair = new_pair();
	int udp = new_udp();

	DO(get(pair.client, IPPROTO_IP, IP_MTU) > 0);
	DO(get(new_tcp(), IPPROTO_IP, IP_MTU));
	DO(get(udp, IPPROTO_IP, IP_MTU));
	MUST(connect_to(udp, LOCAL, PORT));
	DO(get(udp, IPPROTO_IP, IP_MTU) > 0);
	DO(set(udp, IPPROTO_IP, IP_MTU, 1000));
}

static void refused_so_error_is_cleared(void)
{
	int fd = new_tcp_nonblocking(), value = 0;
	socklen_t length = 1;

	DO(connect_to(fd, LOCAL, PORT));
	DO(os->getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length));
	DO((int)length);
	DO(value == ECONNREFUSED);
	DO(take_error(fd));
}

static void any_quick_ack(void)
{
	int fd = new_tcp();

	DO(get(fd, IPPROTO_TCP, TCP_QUICKACK));
	DO(set(fd, IPPROTO_TCP, TCP_QUICKACK, 0));
	DO(get(fd, IPPROTO_TCP, TCP_QUICKACK));
	DO(set(fd, IPPROTO_TCP, TCP_QUICKACK, 1));
	DO(get(fd, IPPROTO_TCP, TCP_QUICKACK));
}

static void any_probe_the_path(void)
{
	DO(set(new_udp(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE));
}

// What Linux has, and is left out.
static void any_option_not_served(void)
{
	int fd = new_tcp(), udp = new_udp();

	DO(get(fd, SOL_SOCKET, SO_RCVLOWAT));
	DO(set(fd, SOL_SOCKET, SO_RCVLOWAT, 2));
	DO(get(fd, SOL_SOCKET, SO_PRIORITY));
	DO(set(fd, SOL_SOCKET, SO_PRIORITY, 1));
	DO(set(fd, IPPROTO_TCP, TCP_SYNCNT, 3));
	DO(get(fd, IPPROTO_TCP, TCP_SYNCNT));
	DO(get(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT));
	DO(set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1));
	DO(get(udp, IPPROTO_IP, IP_PKTINFO));
	DO(set(udp, IPPROTO_IP, IP_PKTINFO, 1));
	DO(get(udp, IPPROTO_IP, IP_RECVERR));
	DO(set(udp, IPPROTO_IP, IP_RECVERR, 1));
}

void ft_cases_options(void)
{
	RUN_EACH(tcp_option_values, OPTIONS);
	RUN_EACH(udp_option_values, OPTIONS);
	RUN_EACH(tcp_option_lengths, OPTIONS);
	RUN_EACH(udp_option_lengths, OPTIONS);
	RUN_EACH(connected_option_values, OPTIONS);
	RUN(any_linger);
	RUN(any_timeout_of_centuries);
	RUN_EACH(any_timeout, 2);
	RUN_EACH(any_buffer, 2);
	RUN(any_congestion);
	RUN(any_info);
	RUN(listening_info);
	RUN(connected_maximum_segment);
	RUN(any_mtu);
	RUN(any_quick_ack);
	RUN(any_probe_the_path);
	RUN(any_option_not_served);
	RUN(refused_so_error_is_cleared);
}
