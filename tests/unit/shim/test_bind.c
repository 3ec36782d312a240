// What a port means: bind(), listen(), names, and who may share.
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "shim_support.h"

static void bound_bind_again_is_invalid(void **state)
{
	int fd = new_tcp(), udp = new_udp();

	assert_int_equal(bind_to(fd, ANY, 7000), 0);
	assert_fails(bind_to(fd, ANY, 7001), EINVAL);
	assert_int_equal(port_of(fd), 7000);
	assert_int_equal(bind_to(udp, ANY, 7000), 0);
	assert_fails(bind_to(udp, ANY, 7001), EINVAL);
}

static void any_bind_wrong_address_is_refused(void **state)
{
	struct sockaddr_in name = name_of(ANY, 7000);
	int fd = new_tcp();

	assert_fails(bind_to(fd, PEER, 7000), EADDRNOTAVAIL);
	assert_fails(bind_to(fd, 0x0a0900ff, 7000), EADDRNOTAVAIL); // broadcast: not for TCP
	assert_fails(ft_bind(fd, (struct sockaddr *)&name, sizeof(name) - 1), EINVAL);
	assert_fails(ft_bind(fd, NULL, sizeof(name)), EFAULT);
	name.sin_family = AF_INET6;
	assert_fails(ft_bind(fd, AND_LENGTH(name)), EAFNOSUPPORT);
	name.sin_family = AF_UNSPEC; // taken for AF_INET, as Linux does, with 0.0.0.0
	assert_int_equal(ft_bind(fd, AND_LENGTH(name)), 0);
}

static void any_bind_own_addresses_work(void **state)
{
	assert_int_equal(bind_to(new_tcp(), OURS, 7000), 0);
	assert_int_equal(bind_to(new_tcp(), LOCAL, 7000), 0);
	assert_int_equal(bind_to(new_tcp(), LOCAL + 99, 7000), 0);
	assert_int_equal(bind_to(new_udp(), 0x0a0900ff, 7000), 0); // broadcast: for UDP
}

static void any_bind_port_zero_chooses_from_the_range(void **state)
{
	int one = new_tcp(), two = new_tcp(), udp = new_udp();

	assert_int_equal(bind_to(one, ANY, 0), 0);
	assert_int_equal(bind_to(two, ANY, 0), 0);
	assert_int_equal(bind_to(udp, ANY, 0), 0);
	assert_in_range(port_of(one), lone.stack.config.tcp.ephemeral_ports.first,
		lone.stack.config.tcp.ephemeral_ports.last);
	assert_int_not_equal(port_of(one), port_of(two));
	assert_in_range(port_of(udp), lone.stack.config.udp.ephemeral_ports.first,
		lone.stack.config.udp.ephemeral_ports.last);
}

static void tcp_bound_udp_bind_is_independent(void **state)
{
	assert_int_equal(bind_to(new_tcp(), ANY, 7000), 0);
	assert_int_equal(bind_to(new_udp(), ANY, 7000), 0);
	assert_fails(bind_to(new_tcp(), ANY, 7000), EADDRINUSE);
	assert_fails(bind_to(new_udp(), ANY, 7000), EADDRINUSE);
}

static void closed_port_can_be_bound_again(void **state)
{
	int fd = new_tcp();

	assert_int_equal(bind_to(fd, ANY, 7000), 0);
	ft_close(fd);
	fd = new_listener(7000);
	ft_close(fd);
	assert_int_equal(bind_to(new_tcp(), ANY, 7000), 0);
}

// ---- the matrix: two sockets on one port ----

enum sharing { NONE, REUSE_ADDRESS, REUSE_PORT, SHARINGS };

struct claim {
	uint32_t ip;
	enum sharing sharing;
	bool is_listening;
};

static int claim(const struct claim *claim, int *result)
{
	int fd = new_tcp();

	if (claim->sharing == REUSE_ADDRESS)
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (claim->sharing == REUSE_PORT)
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	*result = bind_to(fd, claim->ip, 7000) < 0 ? errno : 0;
	if (*result == 0 && claim->is_listening)
		assert_int_equal(ft_listen(fd, 1), 0);
	return fd;
}

// What Linux does with the second bind(), in words: different specific addresses never conflict;
// two with SO_REUSEPORT (of one user) share; two with SO_REUSEADDR share unless the first listens.
static int expected_of(const struct claim *first, const struct claim *second)
{
	bool overlaps = first->ip == ANY || second->ip == ANY || first->ip == second->ip;

	if (!overlaps)
		return 0;
	if (first->sharing == REUSE_PORT && second->sharing == REUSE_PORT)
		return 0;
	if (first->sharing == REUSE_ADDRESS && second->sharing == REUSE_ADDRESS &&
		!first->is_listening)
		return 0;
	return EADDRINUSE;
}

static void check_pair(const struct claim *first, const struct claim *second)
{
	int result, a, b;

	a = claim(first, &result);
	assert_int_equal(result, 0);
	b = claim(second, &result);
	if (result != expected_of(first, second))
		fail_msg("%x %d %d then %x %d: %s", first->ip, first->sharing, first->is_listening,
			second->ip, second->sharing, strerror(result));
	ft_close(a);
	ft_close(b);
}

static void two_sockets_on_one_port_conflict_as_on_linux(void **state)
{
	static const uint32_t ips[] = { ANY, OURS, LOCAL };

	for (int i = 0; i < 3 * SHARINGS * 2; i++) {
		struct claim first = { ips[i % 3], i / 3 % SHARINGS, i / 3 / SHARINGS };

		for (int j = 0; j < 3 * SHARINGS; j++) {
			struct claim second = { ips[j % 3], j / 3, false };

			check_pair(&first, &second);
		}
	}
}

static void both_bound_with_reuse_only_one_may_listen(void **state)
{
	struct claim shared = { ANY, REUSE_ADDRESS, false };
	int result, a = claim(&shared, &result), b = claim(&shared, &result);

	assert_int_equal(result, 0);
	assert_int_equal(ft_listen(a, 1), 0);
	assert_fails(ft_listen(b, 1), EADDRINUSE);
}

static void time_wait_bind_needs_reuse_address(void **state)
{
	int listener = new_listener(7000), client = new_tcp(), server, fd;

	assert_int_equal(connect_to(client, OURS, 7000), 0);
	server = ft_accept(listener, NULL, NULL);
	ft_close(server); // closes first, so TIME-WAIT is at port 7000
	ft_lone_settle(&lone);
	ft_close(client);
	ft_close(listener);
	ft_lone_settle(&lone);
	assert_int_equal(lone.stack.tcp.in_state[FT_TCP_TIME_WAIT], 1);
	assert_fails(bind_to(new_tcp(), ANY, 7000), EADDRINUSE);
	// As on Linux, the connection's own socket must have had SO_REUSEADDR too.
	fd = new_tcp();
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	assert_fails(bind_to(fd, ANY, 7000), EADDRINUSE);
	ft_lone_run_for(&lone, lone.stack.config.tcp.time_wait + FT_SECOND);
	assert_int_equal(bind_to(fd, ANY, 7000), 0);
}

static void time_wait_with_reuse_address_bind_works(void **state)
{
	int listener = new_tcp(), client = new_tcp(), server, fd = new_tcp();

	set_option(listener, SOL_SOCKET, SO_REUSEADDR, 1);
	assert_int_equal(bind_to(listener, ANY, 7000), 0);
	assert_int_equal(ft_listen(listener, 1), 0);
	assert_int_equal(connect_to(client, OURS, 7000), 0);
	server = ft_accept(listener, NULL, NULL);
	ft_close(server);
	ft_lone_settle(&lone);
	ft_close(client);
	ft_close(listener);
	ft_lone_settle(&lone);
	assert_int_equal(lone.stack.tcp.in_state[FT_TCP_TIME_WAIT], 1);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	assert_int_equal(bind_to(fd, ANY, 7000), 0);
	assert_int_equal(ft_listen(fd, 1), 0);
}

// Clients of one port to different destinations, as load generators do it.
static void connected_with_reuse_port_bind_again_works(void **state)
{
	for (uint16_t port = 7000; port < 7003; port++) {
		int fd = new_tcp();

		new_listener(port);
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
		assert_int_equal(bind_to(fd, OURS, 8000), 0);
		assert_int_equal(connect_to(fd, OURS, port), 0);
		assert_int_equal(port_of(fd), 8000);
	}
	assert_fails(bind_to(new_tcp(), OURS, 8000), EADDRINUSE);
}

// ---- privilege ----

// Takes CAP_NET_BIND_SERVICE out of what is in effect, or puts it back.
static void set_capability(bool is_effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	if (is_effective)
		data[0].effective |= data[0].permitted & CAP_TO_MASK(CAP_NET_BIND_SERVICE);
	else
		data[0].effective &= ~CAP_TO_MASK(CAP_NET_BIND_SERVICE);
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

static void no_capability_low_port_is_denied(void **state)
{
	set_capability(false);
	assert_fails(bind_to(new_tcp(), ANY, 80), EACCES);
	assert_fails(bind_to(new_udp(), ANY, 1023), EACCES);
	assert_int_equal(bind_to(new_tcp(), ANY, 1024), 0);
	lone.stack.config.ip.unprivileged_port_start = 80;
	assert_int_equal(bind_to(new_tcp(), ANY, 80), 0);
	assert_fails(bind_to(new_tcp(), ANY, 79), EACCES);
	set_capability(true);
}

static void capability_low_port_is_allowed(void **state)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	if (!(data[0].permitted & CAP_TO_MASK(CAP_NET_BIND_SERVICE)))
		skip();
	assert_int_equal(bind_to(new_tcp(), ANY, 80), 0);
	assert_int_equal(bind_to(new_udp(), ANY, 7), 0);
}

// ---- listen and names ----

static void unbound_listen_chooses_a_port(void **state)
{
	int fd = new_tcp();

	assert_int_equal(get_option(fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
	assert_int_equal(ft_listen(fd, 5), 0);
	assert_int_equal(get_option(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
	assert_int_not_equal(port_of(fd), 0);
	assert_int_equal(ft_listen(fd, 7), 0); // again: a new backlog
	assert_fails(ft_listen(new_udp(), 5), EOPNOTSUPP);
}

static void connected_listen_is_invalid(void **state)
{
	struct pair pair = new_pair();

	assert_fails(ft_listen(pair.client, 5), EINVAL);
	close_pair(pair);
}

static void connected_names_are_each_others(void **state)
{
	struct pair pair = new_pair();
	struct sockaddr_in a, b;
	socklen_t length = sizeof(a);

	assert_int_equal(ft_getsockname(pair.client, (struct sockaddr *)&a, &length), 0);
	assert_int_equal(ft_getpeername(pair.server, (struct sockaddr *)&b, &length), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(a.sin_addr.s_addr, htonl(OURS));
	assert_int_equal(ft_getpeername(pair.client, (struct sockaddr *)&a, &length), 0);
	assert_int_equal(ft_getsockname(pair.server, (struct sockaddr *)&b, &length), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	close_pair(pair);
}

static void short_buffer_name_is_cut(void **state)
{
	struct sockaddr_in name;
	socklen_t length = 4;
	int fd = new_tcp();

	memset(&name, 0xaa, sizeof(name));
	assert_int_equal(bind_to(fd, OURS, 7000), 0);
	assert_int_equal(ft_getsockname(fd, (struct sockaddr *)&name, &length), 0);
	assert_int_equal(length, sizeof(name));
	assert_int_equal(ntohs(name.sin_port), 7000);
	assert_int_equal(name.sin_addr.s_addr, 0xaaaaaaaa);
	assert_fails(ft_getsockname(fd, NULL, &length), EFAULT);
	assert_fails(ft_getsockname(fd, (struct sockaddr *)&name, NULL), EFAULT);
	length = -1;
	assert_fails(ft_getsockname(fd, (struct sockaddr *)&name, &length), EINVAL);
	length = sizeof(name);
	assert_fails(ft_getpeername(fd, (struct sockaddr *)&name, &length), ENOTCONN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lone_test(bound_bind_again_is_invalid),
		lone_test(any_bind_wrong_address_is_refused),
		lone_test(any_bind_own_addresses_work),
		lone_test(any_bind_port_zero_chooses_from_the_range),
		lone_test(tcp_bound_udp_bind_is_independent),
		lone_test(closed_port_can_be_bound_again),
		lone_test(two_sockets_on_one_port_conflict_as_on_linux),
		lone_test(both_bound_with_reuse_only_one_may_listen),
		lone_test(time_wait_bind_needs_reuse_address),
		lone_test(time_wait_with_reuse_address_bind_works),
		lone_test(connected_with_reuse_port_bind_again_works),
		lone_test(no_capability_low_port_is_denied),
		lone_test(capability_low_port_is_allowed),
		lone_test(unbound_listen_chooses_a_port),
		lone_test(connected_listen_is_invalid),
		lone_test(connected_names_are_each_others),
		lone_test(short_buffer_name_is_cut),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
