// UDP through the calls: both ends on one stack.
#include "shim_support.h"

static ssize_t send_to(int fd, uint32_t ip, uint16_t port, const void *bytes, size_t count)
{
	struct sockaddr_in name = name_of(ip, port);

	return ft_sendto(fd, bytes, count, 0, AND_LENGTH(name));
}

static int new_bound(uint16_t port)
{
	int fd = new_udp();

	assert_int_equal(bind_to(fd, ANY, port), 0);
	return fd;
}

static void unconnected_datagram_arrives_with_its_sender(void **state)
{
	int server = new_bound(7000), client = new_udp();
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	char bytes[100];

	assert_int_equal(send_to(client, OURS, 7000, "hello", 5), 5);
	assert_int_equal(
		ft_recvfrom(server, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length), 5);
	assert_memory_equal(bytes, "hello", 5);
	assert_int_equal(length, sizeof(from));
	assert_int_equal(from.sin_addr.s_addr, htonl(OURS));
	assert_int_equal(ntohs(from.sin_port), port_of(client));
	assert_int_equal(ft_sendto(server, "back", 4, 0, AND_LENGTH(from)), 4);
	assert_int_equal(ft_recv(client, bytes, sizeof(bytes), 0), 4);
}

static void zero_length_datagram_arrives(void **state)
{
	int server = new_bound(7000), client = new_udp();
	char byte;

	assert_int_equal(send_to(client, LOCAL, 7000, NULL, 0), 0);
	assert_int_equal(ft_recv(server, &byte, 1, 0), 0);
	assert_fails(ft_recv(server, &byte, 1, MSG_DONTWAIT), EAGAIN);
}

static void largest_datagram_arrives_whole(void **state)
{
	int server = new_bound(7000), client = new_udp();
	static uint8_t sent[65508], received[65508];

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = i * 7 + i / 256;
	assert_int_equal(send_to(client, OURS, 7000, sent, 65507), 65507);
	assert_int_equal(ft_recv(server, received, sizeof(received), 0), 65507);
	assert_memory_equal(sent, received, 65507);
	assert_fails(send_to(client, OURS, 7000, sent, 65508), EMSGSIZE);
}

static void short_buffer_receive_truncates_and_says_so(void **state)
{
	int server = new_bound(7000), client = new_udp();
	char bytes[4] = "";
	struct iovec iov = { bytes, 3 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (int i = 0; i < 3; i++)
		assert_int_equal(send_to(client, OURS, 7000, "hello", 5), 5);
	assert_int_equal(ft_recvmsg(server, &message, 0), 3);
	assert_int_equal(message.msg_flags, MSG_TRUNC);
	assert_string_equal(bytes, "hel");
	assert_int_equal(ft_recvmsg(server, &message, MSG_TRUNC), 5);
	assert_int_equal(ft_recv(server, bytes, 3, MSG_TRUNC | MSG_PEEK), 5);
	assert_int_equal(ft_recv(server, bytes, 3, 0), 3);
	assert_fails(ft_recv(server, bytes, 3, MSG_DONTWAIT), EAGAIN);
}

static void vectors_are_gathered_and_scattered(void **state)
{
	int server = new_bound(7000), client = new_udp();
	char a[2], b[10];
	struct iovec out[] = { { "ab", 2 }, { NULL, 0 }, { "cdefg", 5 } };
	struct iovec in[] = { { a, 2 }, { b, 10 } };

	assert_int_equal(connect_to(client, OURS, 7000), 0);
	assert_int_equal(ft_writev(client, out, 3), 7);
	assert_int_equal(ft_readv(server, in, 2), 7);
	assert_memory_equal(a, "ab", 2);
	assert_memory_equal(b, "cdefg", 5);
}

static void connected_hears_only_its_peer(void **state)
{
	int one = new_bound(7001), two = new_bound(7002), fd = new_bound(7000);
	char bytes[10];

	assert_int_equal(connect_to(fd, OURS, 7001), 0);
	assert_int_equal(send_to(two, OURS, 7000, "no", 2), 2);
	assert_int_equal(send_to(one, OURS, 7000, "yes", 3), 3);
	assert_int_equal(ft_recv(fd, bytes, sizeof(bytes), 0), 3);
	assert_fails(ft_recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), EAGAIN);
	// The stranger was told that nobody listens there; being unconnected it does not hear of
	// it.
	assert_int_equal(lone.stack.counters.dropped_input[FT_DROP_UDP_NO_SOCKET], 1);
	assert_int_equal(get_option(two, SOL_SOCKET, SO_ERROR), 0);
}

static void connected_can_be_connected_elsewhere_and_let_go(void **state)
{
	int one = new_bound(7001), two = new_bound(7002), fd = new_udp();
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	char bytes[10];

	assert_fails(ft_send(fd, "x", 1, 0), EDESTADDRREQ);
	assert_int_equal(connect_to(fd, OURS, 7001), 0);
	assert_int_equal(ft_send(fd, "1", 1, 0), 1);
	assert_int_equal(connect_to(fd, OURS, 7002), 0);
	assert_int_equal(ft_send(fd, "2", 1, 0), 1);
	assert_int_equal(ft_recv(one, bytes, 10, 0), 1);
	assert_int_equal(ft_recv(two, bytes, 10, 0), 1);
	assert_int_equal(bytes[0], '2');
	assert_int_equal(ft_connect(fd, &none, sizeof(none)), 0);
	assert_fails(ft_send(fd, "x", 1, 0), EDESTADDRREQ);
	assert_int_equal(port_of(fd), 0); // the port was chosen, not bound
}

// Unbound, it is where its connection is from.
static void wildcard_of_the_connected_is_its_own_address(void **state)
{
	int server = new_udp(), client = new_udp();
	struct sockaddr_in name;
	socklen_t length = sizeof(name);
	char bytes[9];

	assert_int_equal(bind_to(server, OURS, 7000), 0);
	assert_int_equal(connect_to(client, PEER, 9), 0);
	assert_int_equal(send_to(client, ANY, 7000, "hello", 5), 5);
	assert_int_equal(ft_recv(server, bytes, sizeof(bytes), 0), 5);
	assert_int_equal(connect_to(client, ANY, 7000), 0);
	assert_int_equal(ft_getpeername(client, (struct sockaddr *)&name, &length), 0);
	assert_int_equal(name.sin_addr.s_addr, htonl(OURS));
}

static void nobody_there_connected_is_refused(void **state)
{
	int fd = new_udp();
	char byte;

	assert_int_equal(connect_to(fd, OURS, 7009), 0);
	assert_int_equal(ft_send(fd, "x", 1, 0), 1);
	assert_fails(ft_recv(fd, &byte, 1, 0), ECONNREFUSED);
	assert_fails(ft_recv(fd, &byte, 1, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(ft_send(fd, "x", 1, 0), 1);
	ft_lone_settle(&lone);
	assert_int_equal(get_option(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
	assert_int_equal(get_option(fd, SOL_SOCKET, SO_ERROR), 0);
	ft_send(fd, "x", 1, 0);
	ft_lone_settle(&lone);
	assert_fails(ft_send(fd, "x", 1, 0), ECONNREFUSED);
	assert_int_equal(ft_send(fd, "x", 1, 0), 1);
}

static void full_buffer_receive_drops_by_occupancy(void **state)
{
	int server = new_bound(7000), client = new_udp();
	char byte;
	int received = 0;

	set_option(server, SOL_SOCKET, SO_RCVBUF, 20000);
	assert_int_equal(get_option(server, SOL_SOCKET, SO_RCVBUF), 20000);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(send_to(client, OURS, 7000, "x", 1), 1);
		ft_lone_settle(&lone);
	}
	assert_true(lone.stack.receive_held.mbufs.used > 0);
	while (ft_recv(server, &byte, 1, MSG_DONTWAIT) == 1)
		received++;
	// Single bytes, yet buffers of more than 2 KB each: fewer than ten fit into 20,000.
	assert_in_range(received, 5, 10);
	assert_int_equal(lone.stack.counters.dropped_input[FT_DROP_UDP_QUEUE_FULL], 100 - received);
	assert_int_equal(lone.stack.receive_held.mbufs.used, 0);
}

static void closed_with_datagrams_gives_their_memory_back(void **state)
{
	int server = new_bound(7000), client = new_udp();

	for (int i = 0; i < 5; i++)
		send_to(client, OURS, 7000, "x", 1);
	ft_lone_settle(&lone);
	assert_int_equal(lone.stack.receive_held.mbufs.used, 5);
	ft_close(server);
	assert_int_equal(lone.stack.receive_held.mbufs.used, 0);
	assert_int_equal(lone.stack.counters.dropped_late[FT_DROP_OWNER_GONE], 5);
}

static void broadcast_needs_permission(void **state)
{
	int fd = new_udp();

	assert_fails(send_to(fd, INADDR_BROADCAST, 7000, "x", 1), EACCES);
	assert_fails(send_to(fd, 0x0a0900ff, 7000, "x", 1), EACCES);
	assert_fails(connect_to(fd, 0x0a0900ff, 7000), EACCES);
	set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);
	assert_int_equal(send_to(fd, 0x0a0900ff, 7000, "x", 1), 1);
	assert_int_equal(send_to(fd, INADDR_BROADCAST, 7000, "x", 1), 1);
	ft_lone_settle(&lone);
	assert_true(lone.swallowed >= 2);
}

static void port_zero_send_is_invalid(void **state)
{
	int fd = new_udp();

	assert_fails(send_to(fd, OURS, 0, "x", 1), EINVAL);
	assert_int_equal(connect_to(fd, OURS, 0), 0); // asks for a route, as resolvers do
	assert_fails(ft_send(fd, "x", 1, 0), EINVAL);
}

static void no_route_send_is_unreachable(void **state)
{
	int fd = new_udp();

	assert_fails(send_to(fd, 0xc0a80101, 7, "x", 1), ENETUNREACH);
	assert_fails(connect_to(fd, 0xc0a80101, 7), ENETUNREACH);
}

static void loopback_source_does_not_leave_the_host(void **state)
{
	int fd = new_udp();

	assert_int_equal(bind_to(fd, LOCAL, 7000), 0);
	assert_fails(send_to(fd, PEER, 7, "x", 1), EINVAL);
}

static void shut_read_receive_is_the_end(void **state)
{
	int fd = new_bound(7000), client = new_udp();
	char byte;

	assert_fails(ft_shutdown(fd, SHUT_RD), ENOTCONN); // but done: it wakes a reader
	assert_int_equal(ft_recv(fd, &byte, 1, 0), 0);
	assert_int_equal(connect_to(client, OURS, 7000), 0);
	assert_int_equal(ft_shutdown(client, SHUT_WR), 0);
	assert_fails(ft_send(client, "x", 1, 0), EPIPE); // and no SIGPIPE
	assert_fails(ft_shutdown(client, 9), EINVAL);
}

static void dont_fragment_too_big_is_told(void **state)
{
	static char bytes[1473];
	int fd = new_udp();

	set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	assert_int_equal(send_to(fd, PEER, 7, bytes, 1472), 1472);
	assert_fails(send_to(fd, PEER, 7, bytes, 1473), EMSGSIZE);
	set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT);
	assert_int_equal(send_to(fd, PEER, 7, bytes, 1473), 1473);
}

// A NIC that takes nothing: sending must stop before the queue drops.
static void full_transmit_queue_send_would_block(void **state)
{
	struct timeval timeout = { .tv_usec = 1000 };
	int sent = 0, fd = new_udp();

	set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);
	assert_int_equal(connect_to(fd, INADDR_BROADCAST, 7), 0);
	lone.transmit_room = 0;
	while (sent < 10000 && ft_send(fd, "x", 1, MSG_DONTWAIT) == 1)
		sent++;
	assert_int_equal(errno, EAGAIN);
	assert_in_range(sent, 100, FT_TX_QUEUE);
	ft_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	assert_fails(ft_send(fd, "x", 1, 0), EAGAIN);
	lone.transmit_room = UINT16_MAX;
	assert_int_equal(ft_send(fd, "x", 1, 0), 1);
	assert_int_equal(lone.stack.counters.dropped_output[FT_DROP_TX_FULL], 0);
}

static void reuse_port_group_shares_the_datagrams(void **state)
{
	int group[2], got[2] = { 0 };
	char byte;

	for (int i = 0; i < 2; i++) {
		group[i] = new_udp();
		set_option(group[i], SOL_SOCKET, SO_REUSEPORT, 1);
		assert_int_equal(bind_to(group[i], ANY, 7000), 0);
	}
	for (int i = 0; i < 64; i++) {
		int client = new_udp();

		assert_int_equal(send_to(client, OURS, 7000, "x", 1), 1);
		ft_lone_settle(&lone);
		ft_close(client);
	}
	for (int i = 0; i < 2; i++) {
		while (ft_recv(group[i], &byte, 1, MSG_DONTWAIT) == 1)
			got[i]++;
	}
	assert_int_equal(got[0] + got[1], 64);
	assert_in_range(got[0], 12, 52);
}

static void flags_of_streams_are_refused(void **state)
{
	int fd = new_bound(7000);
	char byte;

	assert_int_equal(connect_to(fd, OURS, 7000), 0);
	assert_fails(ft_send(fd, "x", 1, MSG_OOB), EOPNOTSUPP);
	assert_fails(ft_send(fd, "x", 1, MSG_MORE), EOPNOTSUPP);
	assert_fails(ft_recv(fd, &byte, 1, MSG_OOB), EOPNOTSUPP);
}

static void readable_bytes_are_those_of_the_first(void **state)
{
	int fd = new_bound(7000), bytes = -1;

	assert_int_equal(ft_ioctl(fd, FIONREAD, &bytes), 0);
	assert_int_equal(bytes, 0);
	send_to(fd, OURS, 7000, "four", 4);
	send_to(fd, OURS, 7000, "fives", 5);
	ft_lone_settle(&lone);
	assert_int_equal(ft_ioctl(fd, FIONREAD, &bytes), 0);
	assert_int_equal(bytes, 4);
	assert_int_equal(ft_ioctl(fd, SIOCOUTQ, &bytes), 0);
	assert_int_equal(bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lone_test(unconnected_datagram_arrives_with_its_sender),
		lone_test(zero_length_datagram_arrives),
		lone_test(largest_datagram_arrives_whole),
		lone_test(short_buffer_receive_truncates_and_says_so),
		lone_test(vectors_are_gathered_and_scattered),
		lone_test(connected_hears_only_its_peer),
		lone_test(connected_can_be_connected_elsewhere_and_let_go),
		lone_test(wildcard_of_the_connected_is_its_own_address),
		lone_test(nobody_there_connected_is_refused),
		lone_test(full_buffer_receive_drops_by_occupancy),
		lone_test(closed_with_datagrams_gives_their_memory_back),
		lone_test(broadcast_needs_permission),
		lone_test(port_zero_send_is_invalid),
		lone_test(no_route_send_is_unreachable),
		lone_test(loopback_source_does_not_leave_the_host),
		lone_test(shut_read_receive_is_the_end),
		lone_test(dont_fragment_too_big_is_told),
		lone_test(full_transmit_queue_send_would_block),
		lone_test(reuse_port_group_shares_the_datagrams),
		lone_test(flags_of_streams_are_refused),
		lone_test(readable_bytes_are_those_of_the_first),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
