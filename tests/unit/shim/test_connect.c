// connect() and accept(): how they end, and what they cost in ports.
#include "shim_support.h"

static void listening_connect_is_accepted(void **state)
{
	int listener = new_listener(7000), client = new_tcp(), server;
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);

	assert_int_equal(connect_to(client, OURS, 7000), 0);
	server = ft_accept4(
		listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_int_equal(ntohs(peer.sin_port), port_of(client));
	assert_int_equal(ft_fcntl(server, F_GETFL), O_RDWR | O_NONBLOCK);
	assert_int_equal(ft_fcntl(server, F_GETFD), FD_CLOEXEC);
	assert_int_equal(ft_fcntl(client, F_GETFL), O_RDWR);
	assert_fails(connect_to(client, OURS, 7000), EISCONN);
	assert_fails(connect_to(listener, OURS, 7000), EISCONN);
}

// Each wish alone.
static void waiting_connections_are_accepted_as_asked(void **state)
{
	int listener = new_listener(7000), clients[4], server;
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);

	for (int i = 0; i < 4; i++) {
		clients[i] = new_tcp();
		assert_int_equal(connect_to(clients[i], OURS, 7000), 0);
	}
	assert_fails(ft_accept4(listener, NULL, NULL, 1), EINVAL);
	ft_accept(listener, (struct sockaddr *)&peer, &length);
	assert_int_equal(ntohs(peer.sin_port), port_of(clients[0]));
	server = ft_accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_int_equal(ft_fcntl(server, F_GETFD), FD_CLOEXEC);
	assert_int_equal(ft_fcntl(server, F_GETFL), O_RDWR);
	server = ft_accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	assert_int_equal(ft_fcntl(server, F_GETFD), 0);
	assert_int_equal(ft_fcntl(server, F_GETFL), O_RDWR | O_NONBLOCK);
	server = ft_accept(listener, NULL, NULL);
	assert_int_equal(ft_fcntl(server, F_GETFL), O_RDWR);
}

static void wildcard_connect_goes_to_ourselves(void **state)
{
	int client = new_tcp();

	new_listener(7000);
	assert_int_equal(connect_to(client, ANY, 7000), 0);
}

static void nobody_listens_connect_is_refused(void **state)
{
	int client = new_tcp();

	assert_fails(connect_to(client, OURS, 7000), ECONNREFUSED);
	assert_int_equal(port_of(client), 0);
	new_listener(7000);
	assert_int_equal(connect_to(client, OURS, 7000), 0); // the socket is as good as new
	assert_fails(connect_to(new_tcp(), OURS, 0), ECONNREFUSED);
}

static void absent_neighbour_connect_is_unreachable(void **state)
{
	int client = new_tcp();
	ft_time before = lone.now;

	assert_fails(connect_to(client, PEER, 7000), EHOSTUNREACH); // ARP had no answer
	assert_true(lone.now - before >= FT_SECOND);
}

static void no_route_connect_is_unreachable(void **state)
{
	struct sockaddr_in name = name_of(OURS, 7000);
	int client = new_tcp();

	assert_fails(connect_to(client, 0xc0a80101, 7), ENETUNREACH);
	assert_fails(connect_to(client, 0x0a0900ff, 7), ENETUNREACH); // broadcast
	assert_fails(ft_connect(client, (struct sockaddr *)&name, 7), EINVAL);
	assert_fails(ft_connect(client, (struct sockaddr *)&name, 1), EINVAL);
	assert_fails(ft_connect(client, NULL, sizeof(name)), EFAULT);
	name.sin_family = AF_INET6;
	assert_fails(ft_connect(client, AND_LENGTH(name)), EAFNOSUPPORT);
}

static void nonblocking_connect_is_in_progress_then_done(void **state)
{
	struct pollfd fd = { .fd = new_tcp(), .events = POLLOUT };

	new_listener(7000);
	set_nonblocking(fd.fd);
	assert_fails(connect_to(fd.fd, OURS, 7000), EINPROGRESS);
	assert_int_equal(ft_poll(&fd, 1, 1000), 1);
	assert_int_equal(fd.revents, POLLOUT);
	assert_int_equal(get_option(fd.fd, SOL_SOCKET, SO_ERROR), 0);
	assert_int_equal(connect_to(fd.fd, OURS, 7000), 0); // this one tells
	assert_fails(connect_to(fd.fd, OURS, 7000), EISCONN);
}

static void nonblocking_connect_again_is_already(void **state)
{
	int client = new_tcp();

	set_nonblocking(client);
	assert_fails(connect_to(client, PEER, 7000), EINPROGRESS);
	assert_fails(connect_to(client, PEER, 7000), EALREADY);
}

static void nonblocking_connect_refused_is_an_error(void **state)
{
	struct pollfd fd = { .fd = new_tcp(), .events = POLLOUT };

	set_nonblocking(fd.fd);
	assert_fails(connect_to(fd.fd, OURS, 7000), EINPROGRESS);
	assert_int_equal(ft_poll(&fd, 1, 1000), 1);
	assert_int_equal(fd.revents, POLLOUT | POLLERR | POLLHUP);
	assert_int_equal(get_option(fd.fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
	assert_fails(connect_to(fd.fd, OURS, 7000), ECONNABORTED);
	new_listener(7000);
	assert_fails(connect_to(fd.fd, OURS, 7000), EINPROGRESS);
}

static void send_timeout_connect_goes_on_in_the_background(void **state)
{
	struct timeval timeout = { .tv_usec = 50000 };
	int client = new_tcp();

	ft_setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	assert_fails(connect_to(client, PEER, 7000), EINPROGRESS);
	assert_fails(connect_to(client, PEER, 7000), EALREADY);
	ft_interrupt();
	assert_fails(connect_to(client, PEER, 7000), EINTR);
}

static void bound_connect_uses_its_name(void **state)
{
	int client = new_tcp();

	new_listener(7000);
	assert_int_equal(bind_to(client, OURS, 7001), 0);
	assert_int_equal(connect_to(client, OURS, 7000), 0);
	assert_int_equal(port_of(client), 7001);
}

// As with datagrams: loopback_source_does_not_leave_the_host.
static void loopback_bound_connect_outside_is_invalid(void **state)
{
	int client = new_tcp();

	new_listener(7000);
	assert_int_equal(bind_to(client, LOCAL, 0), 0);
	assert_fails(connect_to(client, PEER, 7), EINVAL);
	assert_int_equal(connect_to(client, OURS, 7000), 0);
}

static void unspecified_connect_lets_go(void **state)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct pair pair = new_pair();
	char byte;

	assert_int_equal(ft_connect(pair.client, &none, sizeof(none)), 0);
	assert_fails(ft_recv(pair.server, &byte, 1, 0), ECONNRESET);
	assert_fails(ft_recv(pair.client, &byte, 1, 0), ENOTCONN);
	new_listener(7000);
	assert_int_equal(connect_to(pair.client, OURS, 7000), 0);
}

// ---- accept ----

static void nobody_comes_accept_waits_no_longer_than_told(void **state)
{
	struct timeval timeout = { .tv_usec = 50000 };
	int listener = new_listener(7000);

	ft_setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	assert_fails(ft_accept(listener, NULL, NULL), EAGAIN);
	set_nonblocking(listener);
	assert_fails(ft_accept(listener, NULL, NULL), EAGAIN);
	ft_fcntl(listener, F_SETFL, 0);
	ft_interrupt();
	assert_fails(ft_accept(listener, NULL, NULL), EINTR);
}

static void not_listening_accept_is_invalid(void **state)
{
	struct sockaddr_in peer;
	socklen_t length = -1;
	int listener = new_listener(7000);

	assert_fails(ft_accept(new_tcp(), NULL, NULL), EINVAL);
	assert_fails(ft_accept(new_udp(), NULL, NULL), EOPNOTSUPP);
	assert_fails(ft_accept4(listener, NULL, NULL, 1), EINVAL);
	assert_fails(ft_accept(listener, (struct sockaddr *)&peer, NULL), EFAULT);
	assert_fails(ft_accept(listener, (struct sockaddr *)&peer, &length), EINVAL);
}

static void shut_down_listener_accept_is_invalid(void **state)
{
	int listener = new_listener(7000), client = new_tcp();

	assert_int_equal(ft_shutdown(listener, SHUT_RD), 0);
	assert_fails(ft_accept(listener, NULL, NULL), EINVAL);
	assert_fails(connect_to(client, OURS, 7000), ECONNREFUSED);
	assert_int_equal(port_of(listener), 7000); // still bound
	assert_int_equal(ft_listen(listener, 5), 0);
	assert_int_equal(connect_to(client, OURS, 7000), 0);
}

static void accepted_inherits_what_the_listener_was_told(void **state)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 3 }, seen = { 0 };
	socklen_t length = sizeof(seen);
	int listener = new_tcp(), client = new_tcp(), server;

	set_option(listener, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(listener, SOL_SOCKET, SO_KEEPALIVE, 1);
	ft_setsockopt(listener, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	assert_int_equal(ft_listen(listener, 5), 0);
	assert_int_equal(connect_to(client, OURS, port_of(listener)), 0);
	set_nonblocking(listener);
	server = ft_accept(listener, NULL, NULL);
	assert_int_equal(get_option(server, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(get_option(server, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(ft_getsockopt(server, SOL_SOCKET, SO_LINGER, &seen, &length), 0);
	assert_int_equal(seen.l_linger, 3);
	assert_int_equal(ft_fcntl(server, F_GETFL), O_RDWR);
	linger.l_onoff = 0;
	ft_setsockopt(server, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

// What the connection was told with its SYN is what the accepted socket says.
static void listener_told_late_accepted_is_as_its_connection(void **state)
{
	int listener = new_tcp(), client = new_tcp(), server;

	set_option(listener, IPPROTO_TCP, TCP_NODELAY, 1);
	assert_int_equal(ft_listen(listener, 5), 0);
	assert_int_equal(connect_to(client, OURS, port_of(listener)), 0);
	set_option(listener, IPPROTO_TCP, TCP_NODELAY, 0);
	set_option(listener, SOL_SOCKET, SO_KEEPALIVE, 1);
	server = ft_accept(listener, NULL, NULL);
	assert_int_equal(get_option(server, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(get_option(server, SOL_SOCKET, SO_KEEPALIVE), 0);
	assert_int_equal(get_option(listener, IPPROTO_TCP, TCP_NODELAY), 0);
}

// The one before and the one after.
static void listener_told_between_two_connections_each_has_its_own(void **state)
{
	int listener = new_tcp(), first = new_tcp(), second = new_tcp(), server;

	set_option(listener, IPPROTO_TCP, TCP_NODELAY, 1);
	assert_int_equal(ft_listen(listener, 5), 0);
	assert_int_equal(connect_to(first, OURS, port_of(listener)), 0);
	set_option(listener, IPPROTO_TCP, TCP_NODELAY, 0);
	set_option(listener, IPPROTO_TCP, TCP_KEEPIDLE, 77);
	assert_int_equal(connect_to(second, OURS, port_of(listener)), 0);
	server = ft_accept(listener, NULL, NULL);
	assert_int_equal(get_option(server, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_not_equal(get_option(server, IPPROTO_TCP, TCP_KEEPIDLE), 77);
	server = ft_accept(listener, NULL, NULL);
	assert_int_equal(get_option(server, IPPROTO_TCP, TCP_NODELAY), 0);
	assert_int_equal(get_option(server, IPPROTO_TCP, TCP_KEEPIDLE), 77);
}

static void no_descriptor_left_accept_keeps_the_connection(void **state)
{
	int listener = new_listener(7000), client = new_tcp(), last = -1, fd;

	assert_int_equal(connect_to(client, OURS, 7000), 0);
	while ((fd = ft_dup(client)) >= 0)
		last = fd;
	assert_int_equal(errno, EMFILE);
	assert_fails(ft_accept(listener, NULL, NULL), EMFILE);
	assert_fails(ft_socket(AF_INET, SOCK_DGRAM, 0), EMFILE);
	assert_fails(ft_epoll_create1(0), EMFILE);
	ft_close(last);
	assert_int_equal(ft_accept(listener, NULL, NULL), last);
}

// The first connection's end, which gives the descriptors back, comes although the program does nothing but
// try to accept the second.
static void no_descriptor_left_accept_does_not_stop_the_stack(void **state)
{
	int listener = new_listener(7000), first = new_tcp(), second = new_tcp(), served;
	struct tcp_info info;
	socklen_t length = sizeof(info);

	assert_int_equal(connect_to(first, OURS, 7000), 0);
	served = ft_accept(listener, NULL, NULL);
	assert_true(served >= 0);
	assert_int_equal(connect_to(second, OURS, 7000), 0);
	ft_close(first);
	while (ft_dup(second) >= 0)
		;
	for (int i = 0; i < 100; i++)
		assert_fails(ft_accept(listener, NULL, NULL), EMFILE);
	assert_int_equal(ft_getsockopt(served, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	assert_int_equal(info.tcpi_state, TCP_CLOSE_WAIT);
}

// ---- the 64K trap, small: ten ports ----

static void ten_ports(struct ft_config *config)
{
	config->tcp.ephemeral_ports.first = 50000;
	config->tcp.ephemeral_ports.last = 50009;
	config->udp.ephemeral_ports = config->tcp.ephemeral_ports;
}

static int start_with_ten_ports(void **state)
{
	ft_lone_start(&lone, ten_ports);
	return 0;
}

static void range_used_up_connect_has_no_address_but_elsewhere(void **state)
{
	int client[11], elsewhere[10];

	new_listener(7000);
	new_listener(7001);
	for (int i = 0; i < 10; i++) {
		client[i] = new_tcp();
		assert_int_equal(connect_to(client[i], OURS, 7000), 0);
		assert_in_range(port_of(client[i]), 50000, 50009);
	}
	client[10] = new_tcp();
	assert_fails(connect_to(client[10], OURS, 7000), EADDRNOTAVAIL);
	// The same ten ports, to another destination.
	for (int i = 0; i < 10; i++) {
		elsewhere[i] = new_tcp();
		assert_int_equal(connect_to(elsewhere[i], OURS, 7001), 0);
	}
	assert_fails(connect_to(client[10], OURS, 7001), EADDRNOTAVAIL);
	// One given back is one that can be had.
	struct linger linger = { .l_onoff = 1 };

	ft_setsockopt(client[3], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	ft_close(client[3]);
	assert_int_equal(connect_to(client[10], OURS, 7000), 0);
}

// And whole: all 16,384 ephemeral ports (RFC 6335) to one destination, then to another.
static void many_connections(struct ft_config *config)
{
	config->tcp.connections = 70000;
	config->socket.descriptors = 70000;
	config->tcp.ephemeral_ports.first = 49152;
	config->tcp.ephemeral_ports.last = 65535;
}

static int start_with_many_connections(void **state)
{
	ft_lone_start(&lone, many_connections);
	return 0;
}

static void connect_and_accept(int listener, uint16_t port)
{
	struct linger linger = { .l_onoff = 1 };
	int client = new_tcp(), server;

	assert_int_equal(connect_to(client, OURS, port), 0);
	server = ft_accept(listener, NULL, NULL);
	assert_true(server >= 3);
	ft_setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	ft_setsockopt(server, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void whole_range_used_up_connect_has_no_address_but_elsewhere(void **state)
{
	int one = new_listener(7000), two = new_listener(7001), client = new_tcp();

	for (int i = 0; i < 16384; i++)
		connect_and_accept(one, 7000);
	assert_fails(connect_to(client, OURS, 7000), EADDRNOTAVAIL);
	for (int i = 0; i < 1000; i++)
		connect_and_accept(two, 7001);
	assert_fails(connect_to(client, OURS, 7000), EADDRNOTAVAIL);
}

// What IP_BIND_ADDRESS_NO_PORT is for: an address of one's choice, and all ports to each destination.
static void no_port_bound_connect_has_all_ports_for_each_destination(void **state)
{
	struct sockaddr_in name;
	socklen_t length = sizeof(name);

	new_listener(7000);
	new_listener(7001);
	for (int i = 0; i < 20; i++) {
		int client = new_tcp();

		set_option(client, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
		assert_int_equal(bind_to(client, LOCAL + 1, 0), 0);
		assert_int_equal(port_of(client), 0);
		assert_int_equal(connect_to(client, LOCAL, 7000 + i % 2), 0);
		assert_int_equal(ft_getsockname(client, (struct sockaddr *)&name, &length), 0);
		assert_int_equal(ntohl(name.sin_addr.s_addr), LOCAL + 1);
		assert_in_range(ntohs(name.sin_port), 50000, 50009);
	}
}

static void range_used_up_udp_has_no_address(void **state)
{
	for (int i = 0; i < 10; i++)
		assert_int_equal(connect_to(new_udp(), OURS, 7000), 0);
	assert_fails(connect_to(new_udp(), OURS, 7000), EADDRNOTAVAIL);
	assert_fails(bind_to(new_udp(), ANY, 0), EADDRINUSE);
	assert_int_equal(bind_to(new_udp(), ANY, 7000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lone_test(listening_connect_is_accepted),
		lone_test(waiting_connections_are_accepted_as_asked),
		lone_test(wildcard_connect_goes_to_ourselves),
		lone_test(nobody_listens_connect_is_refused),
		lone_test(absent_neighbour_connect_is_unreachable),
		lone_test(no_route_connect_is_unreachable),
		lone_test(nonblocking_connect_is_in_progress_then_done),
		lone_test(nonblocking_connect_again_is_already),
		lone_test(nonblocking_connect_refused_is_an_error),
		lone_test(send_timeout_connect_goes_on_in_the_background),
		lone_test(bound_connect_uses_its_name),
		lone_test(loopback_bound_connect_outside_is_invalid),
		lone_test(unspecified_connect_lets_go),
		lone_test(nobody_comes_accept_waits_no_longer_than_told),
		lone_test(not_listening_accept_is_invalid),
		lone_test(shut_down_listener_accept_is_invalid),
		lone_test(accepted_inherits_what_the_listener_was_told),
		lone_test(listener_told_late_accepted_is_as_its_connection),
		lone_test(listener_told_between_two_connections_each_has_its_own),
		lone_test(no_descriptor_left_accept_keeps_the_connection),
		lone_test(no_descriptor_left_accept_does_not_stop_the_stack),
		cmocka_unit_test_setup_teardown(range_used_up_connect_has_no_address_but_elsewhere,
			start_with_ten_ports, stop_lone),
		cmocka_unit_test_setup_teardown(
			whole_range_used_up_connect_has_no_address_but_elsewhere,
			start_with_many_connections, stop_lone),
		cmocka_unit_test_setup_teardown(
			no_port_bound_connect_has_all_ports_for_each_destination,
			start_with_ten_ports, stop_lone),
		cmocka_unit_test_setup_teardown(
			range_used_up_udp_has_no_address, start_with_ten_ports, stop_lone),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
