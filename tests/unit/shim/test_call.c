// Descriptors as a program sees them: numbers, copies, the end; and calls that have no stack.
#include <limits.h>

#include "shim/call.h"
#include "shim/thread.h"
#include "shim_support.h"

static void no_stack_every_call_fails(void **state)
{
	struct pollfd fd = { 0 };
	int value = 0;
	socklen_t length = sizeof(value);

	ft_thread_attach(NULL, NULL);
	assert_fails(ft_socket(AF_INET, SOCK_STREAM, 0), ENXIO);
	assert_fails(ft_close(3), ENXIO);
	assert_fails(ft_send(3, "x", 1, 0), ENXIO);
	assert_fails(ft_recv(3, &value, 1, 0), ENXIO);
	assert_fails(ft_poll(&fd, 1, 0), ENXIO);
	assert_fails(ft_select(0, NULL, NULL, NULL, NULL), ENXIO);
	assert_fails(ft_epoll_create1(0), ENXIO);
	assert_fails(ft_getsockopt(3, SOL_SOCKET, SO_TYPE, &value, &length), ENXIO);
	assert_fails(ft_turn(), ENXIO);
	ft_print_statistics(stderr);
}

static void closed_every_call_is_a_bad_descriptor(void **state)
{
	struct sockaddr_in name = name_of(ANY, 0);
	struct epoll_event event = { 0 };
	socklen_t length = sizeof(name);
	int fd = new_tcp(), value = 0;

	assert_int_equal(ft_close(fd), 0);
	assert_fails(ft_close(fd), EBADF);
	assert_fails(ft_bind(fd, AND_LENGTH(name)), EBADF);
	assert_fails(ft_listen(fd, 1), EBADF);
	assert_fails(ft_accept(fd, NULL, NULL), EBADF);
	assert_fails(ft_connect(fd, AND_LENGTH(name)), EBADF);
	assert_fails(ft_send(fd, "x", 1, 0), EBADF);
	assert_fails(ft_recv(fd, &value, 1, 0), EBADF);
	assert_fails(ft_shutdown(fd, SHUT_RD), EBADF);
	assert_fails(ft_dup(fd), EBADF);
	assert_fails(ft_getsockname(fd, (struct sockaddr *)&name, &length), EBADF);
	assert_fails(ft_getpeername(fd, (struct sockaddr *)&name, &length), EBADF);
	assert_fails(ft_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 4), EBADF);
	assert_fails(ft_getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &length), EBADF);
	assert_fails(ft_fcntl(fd, F_GETFL), EBADF);
	assert_fails(ft_ioctl(fd, FIONREAD, &value), EBADF);
	assert_fails(ft_sockatmark(fd), EBADF);
	assert_fails(ft_epoll_wait(fd, &event, 1, 0), EBADF);
	for (int never = -1; never < 3; never++)
		assert_fails(ft_send(never, "x", 1, 0), EBADF);
}

static void beyond_every_number_is_a_bad_descriptor(void **state)
{
	const int last = (int)lone.stack.config.socket.descriptors - 1;
	const int numbers[] = { last, last + 1, INT_MAX, INT_MIN, -1 };
	char byte;

	for (size_t i = 0; i < RTE_DIM(numbers); i++) {
		assert_fails(ft_send(numbers[i], "x", 1, 0), EBADF);
		assert_fails(ft_recv(numbers[i], &byte, 1, 0), EBADF);
	}
	assert_int_equal(ft_fcntl(new_udp(), F_DUPFD, last), last);
	assert_fails(ft_send(last, "x", 1, 0), EDESTADDRREQ);
}

static void epoll_is_no_socket(void **state)
{
	int epoll = ft_epoll_create1(0);
	char byte;

	assert_fails(ft_send(epoll, "x", 1, 0), ENOTSOCK);
	assert_fails(ft_recv(epoll, &byte, 1, 0), ENOTSOCK);
	assert_fails(ft_listen(epoll, 1), ENOTSOCK);
}

static void new_descriptor_is_the_lowest_free(void **state)
{
	int a = new_tcp(), b = new_udp(), c = ft_epoll_create1(0);

	assert_int_equal(a, 3);
	assert_int_equal(b, 4);
	assert_int_equal(c, 5);
	ft_close(b);
	assert_int_equal(ft_dup(a), 4);
	ft_close(a);
	assert_int_equal(new_udp(), 3);
	assert_int_equal(ft_fcntl(3, F_DUPFD, 100), 100);
	assert_int_equal(ft_fcntl(3, F_DUPFD_CLOEXEC, 100), 101);
	assert_int_equal(ft_fcntl(101, F_GETFD), FD_CLOEXEC);
	assert_int_equal(ft_fcntl(100, F_GETFD), 0);
	assert_int_equal(ft_fcntl(100, F_SETFD, FD_CLOEXEC), 0);
	assert_int_equal(ft_fcntl(100, F_GETFD), FD_CLOEXEC);
	assert_fails(ft_fcntl(3, F_DUPFD, -1), EINVAL);
	assert_fails(ft_fcntl(3, F_DUPFD, 1 << 30), EINVAL);
	assert_fails(ft_fcntl(3, F_GETLK), EINVAL);
}

static void copy_shares_the_description(void **state)
{
	struct pair pair = new_pair();
	int copy = ft_dup(pair.client);
	char byte;

	set_nonblocking(pair.client);
	assert_int_equal(ft_fcntl(copy, F_GETFL), O_RDWR | O_NONBLOCK);
	ft_close(pair.client);
	assert_int_equal(ft_send(copy, "x", 1, 0), 1); // lives while one leads to it
	assert_int_equal(ft_recv(pair.server, &byte, 1, 0), 1);
	ft_close(copy);
	assert_int_equal(ft_recv(pair.server, &byte, 1, 0), 0);
	ft_close(pair.server);
}

static void wrong_kind_socket_is_refused(void **state)
{
	assert_fails(ft_socket(AF_INET6, SOCK_STREAM, 0), EAFNOSUPPORT);
	assert_fails(ft_socket(AF_UNIX, SOCK_STREAM, 0), EAFNOSUPPORT);
	assert_fails(ft_socket(AF_INET, SOCK_RAW, 0), ESOCKTNOSUPPORT);
	assert_fails(ft_socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	assert_int_equal(ft_socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP), 3);
	assert_int_equal(ft_fcntl(3, F_GETFL), O_RDWR | O_NONBLOCK);
	assert_int_equal(ft_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP), 4);
	assert_int_equal(ft_fcntl(4, F_GETFD), FD_CLOEXEC);
}

static void nonblocking_is_set_by_ioctl_too(void **state)
{
	int fd = new_udp(), on = 1;

	assert_int_equal(ft_ioctl(fd, FIONBIO, &on), 0);
	assert_int_equal(ft_fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	on = 0;
	assert_int_equal(ft_ioctl(fd, FIONBIO, &on), 0);
	assert_int_equal(ft_fcntl(fd, F_GETFL), O_RDWR);
}

// ---- close ----

// ---- no program that only calls keeps its stack from running ----

// Since it was asked before.
static bool has_turned(void)
{
	static ft_time before;
	bool has = lone.now != before;

	before = lone.now;
	return has;
}

static void call_that_fails_turns_the_loop(void **state)
{
	int fd = new_tcp(), bound = new_tcp();
	char byte;

	has_turned();
	assert_int_equal(bind_to(bound, OURS, 7000), 0);
	assert_false(has_turned());
	assert_fails(bind_to(fd, OURS, 7000), EADDRINUSE);
	assert_true(has_turned());
	assert_fails(ft_recv(fd, &byte, 1, 0), ENOTCONN);
	assert_true(has_turned());
	assert_fails(connect_to(fd, OURS, 0), ECONNREFUSED);
	assert_true(has_turned());
}

// Who peeks again and again until more is there gets it, and so does who floods a neighbour that is not
// known yet.
static void calls_that_never_wait_turn_the_loop_now_and_then(void **state)
{
	struct pair pair = new_pair();
	int udp = new_udp(), tries = 0;
	char bytes[2];

	assert_int_equal(ft_send(pair.client, "a", 1, 0), 1);
	assert_int_equal(ft_recv(pair.server, bytes, 2, MSG_PEEK), 1);
	assert_int_equal(ft_send(pair.client, "b", 1, 0), 1);
	while (ft_recv(pair.server, bytes, 2, MSG_PEEK) == 1)
		assert_true(++tries < 1000000);

	assert_int_equal(connect_to(udp, PEER, 7000), 0);
	while (lone.stack.counters.count[FT_COUNTER_ARP_REQUESTS_SENT] == 0) {
		assert_int_equal(ft_send(udp, "x", 1, 0), 1);
		assert_true(++tries < 1000000);
	}
	close_pair(pair);
}

static void call_by_number(int fd)
{
	assert_int_equal(get_option(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
}

static void call_of_epoll(int epoll)
{
	assert_int_equal(ft_fcntl(epoll, F_GETFD), 0);
}

static int watched;

static void call_of_two_numbers(int epoll)
{
	struct epoll_event event = { .events = EPOLLIN };

	assert_int_equal(ft_epoll_ctl(epoll, EPOLL_CTL_MOD, watched, &event), 0);
}

static void call_without_number(int other)
{
	static int opened;

	if (opened == 0) {
		opened = new_udp();
	} else {
		assert_int_equal(ft_close(opened), 0);
		opened = 0;
	}
}

static void call_to_send(int fd)
{
	assert_int_equal(ft_send(fd, "x", 1, MSG_DONTWAIT), 1);
}

static void call_at_the_end(int fd)
{
	char byte;

	assert_int_equal(ft_recv(fd, &byte, 1, 0), 0);
}

// Calls that succeed are counted, whatever they are for, and the one too many turns.
static void so_many_calls_without_a_turn_and_no_more(void **state)
{
	struct pair pair = new_pair(), ended = new_pair();
	const struct {
		void (*call)(int fd);
		int fd;
	} kinds[] = { { call_by_number, new_tcp() }, { call_of_epoll, ft_epoll_create1(0) },
		{ call_of_two_numbers, ft_epoll_create1(0) }, { call_without_number, 0 },
		{ call_to_send, pair.client }, { call_at_the_end, ended.server } };
	char byte;

	watched = new_udp();
	assert_int_equal(
		ft_epoll_ctl(kinds[2].fd, EPOLL_CTL_ADD, watched, &(struct epoll_event){ 0 }), 0);
	assert_int_equal(ft_shutdown(ended.client, SHUT_WR), 0);
	assert_int_equal(ft_recv(ended.server, &byte, 1, 0), 0);
	for (size_t kind = 0; kind < RTE_DIM(kinds); kind++) {
		ft_turn();
		has_turned();
		for (int i = 0; i < FT_CALLS_TO_A_TURN; i++)
			kinds[kind].call(kinds[kind].fd);
		assert_false(has_turned());
		kinds[kind].call(kinds[kind].fd);
		assert_true(has_turned());
	}
}

static void call_to_receive_is_counted(void **state)
{
	struct pair pair = new_pair();
	char bytes[8];

	assert_int_equal(ft_send(pair.client, "hello", 5, 0), 5);
	ft_lone_settle(&lone);
	ft_turn();
	has_turned();
	assert_int_equal(ft_recv(pair.server, bytes, sizeof(bytes), 0), 5);
	for (int i = 1; i < FT_CALLS_TO_A_TURN; i++)
		call_by_number(pair.server);
	assert_false(has_turned());
	call_by_number(pair.server);
	assert_true(has_turned());
	close_pair(pair);
}

static void stack_gone_every_call_fails(void **state)
{
	int fd = new_tcp();

	ft_thread_attach(NULL, NULL);
	assert_fails(ft_send(fd, "x", 1, 0), ENXIO);
	assert_fails(ft_close(fd), ENXIO);
	assert_fails(ft_epoll_create1(0), ENXIO);
}

static void linger_close_waits_for_the_acknowledgment(void **state)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 5 };
	struct pair pair = new_pair();
	char bytes[5];

	ft_setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	assert_int_equal(ft_send(pair.client, "hello", 5, 0), 5);
	assert_int_equal(ft_close(pair.client), 0);
	assert_int_equal(lone.stack.tcp.in_state[FT_TCP_FIN_WAIT_2], 1); // the FIN is acknowledged
	assert_int_equal(ft_recv(pair.server, bytes, 5, 0), 5);
	ft_close(pair.server);
}

static void linger_close_is_interrupted_but_closes(void **state)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 5 };
	struct pair pair = new_pair();

	ft_setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	ft_interrupt();
	assert_fails(ft_close(pair.client), EINTR);
	assert_fails(ft_close(pair.client), EBADF);
	ft_close(pair.server);
}

static void linger_nonblocking_close_does_not_wait(void **state)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 5 };
	struct pair pair = new_pair();
	char bytes[5];

	ft_setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	set_nonblocking(pair.client);
	assert_int_equal(ft_send(pair.client, "hello", 5, 0), 5);
	assert_int_equal(ft_close(pair.client), 0);
	assert_int_equal(lone.stack.tcp.in_state[FT_TCP_FIN_WAIT_1], 1);
	assert_int_equal(ft_recv(pair.server, bytes, 5, 0), 5);
	ft_close(pair.server);
}

static void zero_linger_close_resets(void **state)
{
	struct linger linger = { .l_onoff = 1 };
	struct pair pair = new_pair();
	char byte;

	ft_setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	ft_close(pair.client);
	assert_fails(ft_recv(pair.server, &byte, 1, 0), ECONNRESET);
	assert_int_equal(lone.stack.tcp.in_state[FT_TCP_TIME_WAIT], 0);
	ft_close(pair.server);
}

static void unread_data_close_resets(void **state)
{
	struct pair pair = new_pair();
	char byte;

	assert_int_equal(ft_send(pair.client, "x", 1, 0), 1);
	ft_lone_settle(&lone);
	ft_close(pair.server);
	assert_fails(ft_recv(pair.client, &byte, 1, 0), ECONNRESET);
	ft_close(pair.client);
}

static void listener_closed_waiting_peers_are_reset(void **state)
{
	int listener = new_listener(7000), client = new_tcp();
	char byte;

	assert_int_equal(connect_to(client, OURS, 7000), 0);
	ft_close(listener);
	assert_fails(ft_recv(client, &byte, 1, 0), ECONNRESET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lone_test(closed_every_call_is_a_bad_descriptor),
		lone_test(beyond_every_number_is_a_bad_descriptor),
		lone_test(epoll_is_no_socket),
		lone_test(new_descriptor_is_the_lowest_free),
		lone_test(copy_shares_the_description),
		lone_test(wrong_kind_socket_is_refused),
		lone_test(nonblocking_is_set_by_ioctl_too),
		lone_test(call_that_fails_turns_the_loop),
		lone_test(calls_that_never_wait_turn_the_loop_now_and_then),
		lone_test(so_many_calls_without_a_turn_and_no_more),
		lone_test(call_to_receive_is_counted),
		lone_test(linger_close_waits_for_the_acknowledgment),
		lone_test(linger_close_is_interrupted_but_closes),
		lone_test(linger_nonblocking_close_does_not_wait),
		lone_test(zero_linger_close_resets),
		lone_test(unread_data_close_resets),
		lone_test(listener_closed_waiting_peers_are_reset),
		cmocka_unit_test(no_stack_every_call_fails),
		lone_test(stack_gone_every_call_fails),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
