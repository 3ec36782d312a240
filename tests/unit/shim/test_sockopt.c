// Socket options: each is what it was set to, within Linux's bounds, with Linux's checks of
// lengths.
#include "shim_support.h"

static int try_set(int fd, int level, int name, int value)
{
	return ft_setsockopt(fd, level, name, &value, sizeof(value));
}

static void number_option_is_what_was_set(void **state)
{
	static const struct {
		int level, name, before, set, after;
	} cases[] = {
		{ SOL_SOCKET, SO_REUSEADDR, 0, 5, 1 },
		{ SOL_SOCKET, SO_REUSEPORT, 0, 1, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 0, 1, 1 },
		{ SOL_SOCKET, SO_BROADCAST, 0, 1, 1 },
		{ SOL_SOCKET, SO_OOBINLINE, 0, 1, 1 },
		{ SOL_SOCKET, SO_RCVBUF, -1, 100000, 100000 },
		{ SOL_SOCKET, SO_RCVBUF, -1, 1, 2304 },
		{ SOL_SOCKET, SO_SNDBUF, -1, 70000, 70000 },
		{ SOL_SOCKET, SO_SNDBUF, -1, -1, 1 << 30 },
		{ IPPROTO_IP, IP_TTL, 64, 9, 9 },
		{ IPPROTO_IP, IP_TOS, 0, 0x2f, 0x2c }, // the ECN bits are TCP's
		{ IPPROTO_TCP, TCP_NODELAY, 0, 1, 1 },
		{ IPPROTO_TCP, TCP_CORK, 0, 1, 1 },
		{ IPPROTO_TCP, TCP_QUICKACK, -1, 1, 1 },
		{ IPPROTO_TCP, TCP_MAXSEG, 536, 1000, 1000 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 7200, 10, 10 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 75, 11, 11 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 9, 12, 12 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 1234, 1234 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = new_tcp();

		if (cases[i].before >= 0)
			assert_int_equal(
				get_option(fd, cases[i].level, cases[i].name), cases[i].before);
		set_option(fd, cases[i].level, cases[i].name, cases[i].set);
		assert_int_equal(get_option(fd, cases[i].level, cases[i].name), cases[i].after);
		ft_close(fd);
	}
}

static void number_option_survives_connecting(void **state)
{
	struct pair pair = new_pair();

	set_option(pair.client, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(pair.client, IPPROTO_TCP, TCP_KEEPIDLE, 33);
	set_option(pair.client, SOL_SOCKET, SO_REUSEADDR, 1); // after the port was taken without
	set_option(pair.client, IPPROTO_IP, IP_TTL, 7);
	assert_int_equal(get_option(pair.client, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(get_option(pair.client, IPPROTO_TCP, TCP_KEEPIDLE), 33);
	assert_int_equal(get_option(pair.client, SOL_SOCKET, SO_REUSEADDR), 1);
	assert_int_equal(get_option(pair.client, IPPROTO_IP, IP_TTL), 7);
	assert_in_range(get_option(pair.client, IPPROTO_TCP, TCP_MAXSEG), 536, 1460);
	assert_int_equal(get_option(pair.client, IPPROTO_IP, IP_MTU), 1500);
	close_pair(pair);
}

static void out_of_bounds_option_is_refused(void **state)
{
	int fd = new_tcp(), udp = new_udp();

	assert_fails(try_set(fd, IPPROTO_IP, IP_TTL, 0), EINVAL);
	assert_fails(try_set(fd, IPPROTO_IP, IP_TTL, 256), EINVAL);
	assert_int_equal(try_set(fd, IPPROTO_IP, IP_TTL, -1), 0); // the default again
	assert_fails(try_set(fd, IPPROTO_TCP, TCP_MAXSEG, 87), EINVAL);
	assert_fails(try_set(fd, IPPROTO_TCP, TCP_MAXSEG, 32768), EINVAL);
	assert_fails(try_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 0), EINVAL);
	assert_fails(try_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 32768), EINVAL);
	assert_fails(try_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 0), EINVAL);
	assert_fails(try_set(fd, IPPROTO_TCP, TCP_KEEPCNT, 128), EINVAL);
	assert_fails(try_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, -1), EINVAL);
	assert_fails(try_set(udp, IPPROTO_IP, IP_MTU_DISCOVER, 9), EINVAL);
}

static void unknown_option_is_not_available(void **state)
{
	int fd = new_tcp(), udp = new_udp(), value = 0;
	socklen_t length = sizeof(value);

	assert_fails(try_set(fd, SOL_SOCKET, 9999, 1), ENOPROTOOPT);
	assert_fails(try_set(fd, SOL_SOCKET, SO_ERROR, 1), ENOPROTOOPT);
	assert_fails(try_set(fd, SOL_SOCKET, SO_TYPE, 1), ENOPROTOOPT);
	assert_fails(try_set(fd, IPPROTO_IP, 9999, 1), ENOPROTOOPT);
	assert_fails(try_set(fd, IPPROTO_TCP, 9999, 1), ENOPROTOOPT);
	assert_fails(try_set(fd, 77, 1, 1), ENOPROTOOPT);
	assert_fails(try_set(udp, IPPROTO_TCP, TCP_NODELAY, 1), ENOPROTOOPT);
	assert_fails(ft_getsockopt(fd, SOL_SOCKET, 9999, &value, &length), ENOPROTOOPT);
	assert_fails(ft_getsockopt(udp, IPPROTO_TCP, TCP_INFO, &value, &length), EOPNOTSUPP);
	assert_fails(ft_getsockopt(fd, IPPROTO_IP, IP_MTU, &value, &length), ENOTCONN);
}

static void wrong_length_option_is_refused(void **state)
{
	char bytes[8] = { 7, 0, 0, 0, 9 };
	socklen_t length;
	int fd = new_tcp();

	assert_fails(ft_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, bytes, 3), EINVAL);
	assert_int_equal(ft_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, bytes, 8), 0);
	assert_fails(ft_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, NULL, 4), EFAULT);
	assert_fails(ft_setsockopt(fd, SOL_SOCKET, SO_LINGER, bytes, 4), EINVAL);
	assert_fails(ft_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, bytes, 8), EINVAL);
	assert_fails(ft_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, bytes, -1), EINVAL);
	assert_int_equal(ft_setsockopt(fd, IPPROTO_IP, IP_TTL, bytes, 1), 0); // one byte will do
	assert_fails(ft_setsockopt(fd, IPPROTO_IP, IP_TTL, bytes, 0), EINVAL);
	assert_int_equal(get_option(fd, IPPROTO_IP, IP_TTL), 7);
	length = 2;
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(ft_getsockopt(fd, IPPROTO_IP, IP_TTL, bytes, &length), 0);
	assert_int_equal(length, 1);
	assert_memory_equal(bytes, "\7\xff\xff\xff", 4);
	length = -1;
	assert_fails(ft_getsockopt(fd, IPPROTO_IP, IP_TTL, bytes, &length), EINVAL);
	assert_fails(ft_getsockopt(fd, IPPROTO_IP, IP_TTL, bytes, NULL), EFAULT);
	length = 4;
	assert_fails(ft_getsockopt(fd, IPPROTO_IP, IP_TTL, NULL, &length), EFAULT);
}

static void read_only_options_tell_the_kind(void **state)
{
	int fd = new_tcp(), udp = new_udp();

	assert_int_equal(get_option(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	assert_int_equal(get_option(udp, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
	assert_int_equal(get_option(fd, SOL_SOCKET, SO_DOMAIN), AF_INET);
	assert_int_equal(get_option(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	assert_int_equal(get_option(udp, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
	assert_int_equal(get_option(fd, SOL_SOCKET, SO_ERROR), 0);
}

static void timeout_option_is_a_timeval(void **state)
{
	struct timeval time = { .tv_sec = 3, .tv_usec = 250000 }, seen = { 0 };
	socklen_t length = sizeof(seen);
	int fd = new_udp();
	char byte;

	assert_int_equal(ft_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)), 0);
	assert_int_equal(ft_getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &seen, &length), 0);
	assert_memory_equal(&time, &seen, sizeof(time));
	assert_int_equal(ft_getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &seen, &length), 0);
	assert_int_equal(seen.tv_sec, 0); // none
	time.tv_usec = 1000000;
	assert_fails(ft_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)), EDOM);
	time = (struct timeval){ .tv_sec = -1 };
	assert_int_equal(ft_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)), 0);
	assert_fails(ft_recv(fd, &byte, 1, 0), EAGAIN); // never waits
}

// As long as <linux/tcp.h> has it, up to the bytes received; who knows less asks for less.
static void info_is_as_long_as_asked(void **state)
{
	struct pair pair = new_pair();
	uint64_t words[64] = { 0 };
	socklen_t length = sizeof(words);

	assert_int_equal(ft_send(pair.client, "hello", 5, 0), 5);
	ft_lone_settle(&lone);
	assert_int_equal(ft_getsockopt(pair.server, IPPROTO_TCP, TCP_INFO, words, &length), 0);
	assert_int_equal(length, 136);
	assert_int_equal(words[120 / 8], 0); // tcpi_bytes_acked
	assert_int_equal(words[128 / 8], 5); // tcpi_bytes_received
	length = sizeof(struct tcp_info);
	assert_int_equal(ft_getsockopt(pair.server, IPPROTO_TCP, TCP_INFO, words, &length), 0);
	assert_int_equal(length, sizeof(struct tcp_info));
	close_pair(pair);
}

static void congestion_option_is_a_name(void **state)
{
	struct pair pair = new_pair();
	char name[20] = "";
	socklen_t length = sizeof(name);
	int fd = new_tcp();

	assert_int_equal(ft_getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
	assert_int_equal(length, 16);
	assert_string_equal(name, lone.stack.config.tcp.congestion);
	assert_int_equal(ft_setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "newreno", 7), 0);
	assert_int_equal(ft_setsockopt(pair.client, IPPROTO_TCP, TCP_CONGESTION, "newreno", 8), 0);
	assert_fails(ft_setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nonsense", 8), ENOENT);
	assert_fails(
		ft_setsockopt(pair.client, IPPROTO_TCP, TCP_CONGESTION, "nonsense", 8), ENOENT);
	assert_fails(ft_setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "", 0), EINVAL);
	close_pair(pair);
}

static void info_option_tells_the_truth(void **state)
{
	int listener = new_listener(7000), fd = new_tcp();
	struct pair pair = new_pair();
	struct tcp_info info;
	socklen_t length = sizeof(info);

	assert_int_equal(ft_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	assert_int_equal(info.tcpi_state, TCP_CLOSE);
	assert_int_equal(ft_getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	assert_int_equal(info.tcpi_state, TCP_LISTEN);
	assert_int_equal(ft_getsockopt(pair.client, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	assert_int_equal(length, sizeof(info));
	assert_int_equal(info.tcpi_state, TCP_ESTABLISHED);
	assert_in_range(info.tcpi_snd_mss, 536, 1460);
	assert_true(info.tcpi_rto >= 1000);
	assert_true(info.tcpi_snd_cwnd >= 1);
	assert_int_equal(info.tcpi_unacked, 0);
	ft_shutdown(pair.server, SHUT_WR);
	ft_lone_settle(&lone);
	length = 1;
	assert_int_equal(ft_getsockopt(pair.client, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	assert_int_equal(length, 1);
	assert_int_equal(info.tcpi_state, TCP_CLOSE_WAIT);
	close_pair(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lone_test(number_option_is_what_was_set),
		lone_test(number_option_survives_connecting),
		lone_test(out_of_bounds_option_is_refused),
		lone_test(unknown_option_is_not_available),
		lone_test(wrong_length_option_is_refused),
		lone_test(read_only_options_tell_the_kind),
		lone_test(timeout_option_is_a_timeval),
		lone_test(info_is_as_long_as_asked),
		lone_test(congestion_option_is_a_name),
		lone_test(info_option_tells_the_truth),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
