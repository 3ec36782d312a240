// poll(), ppoll() and select().
#include <signal.h>

#include "shim_support.h"

static void each_kind_poll_says_what_holds(void **state)
{
	struct pair pair = new_pair();
	int listener = new_listener(7000), udp = new_udp(), fresh = new_tcp();
	struct pollfd fds[] = {
		{ .fd = pair.server, .events = POLLIN | POLLOUT },
		{ .fd = listener, .events = POLLIN | POLLOUT },
		{ .fd = udp, .events = POLLIN | POLLOUT },
		{ .fd = fresh, .events = POLLIN },
		{ .fd = -1, .events = POLLIN, .revents = POLLERR },
		{ .fd = 99, .events = 0 },
	};

	assert_int_equal(ft_poll(fds, 6, 0), 4);
	assert_int_equal(fds[0].revents, POLLOUT);
	assert_int_equal(fds[1].revents, 0);
	assert_int_equal(fds[2].revents, POLLOUT);
	assert_int_equal(fds[3].revents, POLLHUP); // neither connected nor listening
	assert_int_equal(fds[4].revents, 0);
	assert_int_equal(fds[5].revents, POLLNVAL);
	close_pair(pair);
}

static void nothing_ready_poll_waits_for_the_first(void **state)
{
	struct pair pair = new_pair();
	struct pollfd fds[] = { { .fd = pair.server, .events = POLLIN },
		{ .fd = pair.client, .events = POLLIN } };
	ft_time before = lone.now;

	assert_int_equal(ft_poll(fds, 2, 50), 0);
	assert_in_range(lone.now - before, 50 * FT_MILLISECOND, 70 * FT_MILLISECOND);
	assert_int_equal(ft_send(pair.client, "x", 1, 0), 1);
	assert_int_equal(ft_poll(fds, 2, -1), 1);
	assert_int_equal(fds[0].revents, POLLIN);
	assert_int_equal(fds[1].revents, 0);
	close_pair(pair);
}

// The server's socket can be written to all the while.
static void what_is_always_ready_does_not_stop_the_stack(void **state)
{
	struct pair pair = new_pair();
	struct pollfd fd = { .fd = pair.server, .events = POLLIN | POLLOUT };
	fd_set readable, writable;
	char byte;

	assert_int_equal(ft_send(pair.client, "x", 1, 0), 1);
	for (int i = 0; i < 10000 && !(fd.revents & POLLIN); i++)
		assert_int_equal(ft_poll(&fd, 1, -1), 1);
	assert_int_equal(fd.revents, POLLIN | POLLOUT);

	assert_int_equal(ft_recv(pair.server, &byte, 1, 0), 1);
	assert_int_equal(ft_send(pair.client, "y", 1, 0), 1);
	FD_ZERO(&readable);
	for (int i = 0; i < 10000 && !FD_ISSET(pair.server, &readable); i++) {
		FD_SET(pair.server, &readable);
		FD_ZERO(&writable);
		FD_SET(pair.server, &writable);
		assert_in_range(ft_select(pair.server + 1, &readable, &writable, NULL, NULL), 1, 2);
	}
	assert_true(FD_ISSET(pair.server, &readable));
	close_pair(pair);
}

static void epoll_descriptor_poll_is_readable_when_it_has_events(void **state)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct pair pair = new_pair();
	int epoll = ft_epoll_create1(0);
	struct pollfd fd = { .fd = epoll, .events = POLLIN };

	assert_int_equal(ft_epoll_ctl(epoll, EPOLL_CTL_ADD, pair.server, &event), 0);
	assert_int_equal(ft_poll(&fd, 1, 0), 0);
	assert_int_equal(ft_send(pair.client, "x", 1, 0), 1);
	assert_int_equal(ft_poll(&fd, 1, 1000), 1);
	assert_int_equal(fd.revents, POLLIN);
	close_pair(pair);
}

static void wrong_arguments_poll_is_refused(void **state)
{
	struct timespec wrong = { .tv_nsec = 1000000000 };
	struct pollfd fd = { .fd = -1 };

	assert_fails(ft_poll(&fd, 1u << 30, 0), EINVAL);
	assert_fails(ft_poll(NULL, 1, 0), EFAULT);
	assert_fails(ft_ppoll(&fd, 1, &wrong, NULL), EINVAL);
	assert_int_equal(ft_poll(NULL, 0, 1), 0); // sleeps
}

static volatile sig_atomic_t was_signalled;

static void on_signal(int number)
{
	was_signalled = 1;
	ft_interrupt();
}

static void signal_pending_ppoll_is_interrupted(void **state)
{
	struct pollfd fd = { .fd = new_udp(), .events = POLLIN };
	struct timespec second = { .tv_sec = 1 };
	sigset_t blocked, open;

	sigemptyset(&open);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	signal(SIGUSR1, on_signal);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	assert_int_equal(ft_ppoll(&fd, 1, &second, NULL), 0);
	assert_false(was_signalled);
	assert_fails(ft_ppoll(&fd, 1, &second, &open), EINTR);
	assert_true(was_signalled);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
}

static void sets_select_leaves_what_is_ready(void **state)
{
	struct pair pair = new_pair();
	struct timeval second = { .tv_sec = 1 };
	fd_set read_fds, write_fds, except_fds;

	FD_ZERO(&read_fds);
	FD_ZERO(&write_fds);
	FD_ZERO(&except_fds);
	FD_SET(pair.server, &read_fds);
	FD_SET(pair.client, &read_fds);
	FD_SET(pair.client, &write_fds);
	FD_SET(pair.server, &except_fds);
	assert_int_equal(ft_send(pair.client, "x", 1, 0), 1);
	ft_lone_settle(&lone);
	assert_int_equal(ft_select(20, &read_fds, &write_fds, &except_fds, &second), 2);
	assert_true(FD_ISSET(pair.server, &read_fds));
	assert_false(FD_ISSET(pair.client, &read_fds));
	assert_true(FD_ISSET(pair.client, &write_fds));
	assert_false(FD_ISSET(pair.server, &except_fds));
	close_pair(pair);
}

static void urgent_byte_select_is_an_exception(void **state)
{
	struct pair pair = new_pair();
	struct timeval second = { .tv_sec = 1 };
	fd_set except_fds;

	FD_ZERO(&except_fds);
	FD_SET(pair.server, &except_fds);
	assert_int_equal(ft_send(pair.client, "!", 1, MSG_OOB), 1);
	assert_int_equal(ft_select(20, NULL, NULL, &except_fds, &second), 1);
	assert_true(FD_ISSET(pair.server, &except_fds));
	close_pair(pair);
}

// A hang-up makes a socket readable; who only asked for exceptions goes on waiting.
static void hung_up_select_for_exceptions_times_out(void **state)
{
	struct timeval timeout = { .tv_usec = 20000 };
	fd_set set;
	int fd = new_tcp();
	ft_time start = lone.now;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	assert_int_equal(ft_select(fd + 1, NULL, NULL, &set, &timeout), 0);
	assert_true(lone.now - start >= 20 * FT_MILLISECOND);
	assert_false(FD_ISSET(fd, &set));
	FD_SET(fd, &set);
	assert_int_equal(ft_select(fd + 1, &set, NULL, NULL, &timeout), 1);
}

static void wrong_arguments_select_is_refused(void **state)
{
	struct timeval wrong = { .tv_usec = -1 }, none = { 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(77, &set);
	assert_fails(ft_select(78, &set, NULL, NULL, &none), EBADF);
	assert_int_equal(ft_select(77, &set, NULL, NULL, &none), 0);
	assert_fails(ft_select(-1, NULL, NULL, NULL, &none), EINVAL);
	assert_fails(ft_select(0, NULL, NULL, NULL, &wrong), EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lone_test(each_kind_poll_says_what_holds),
		lone_test(nothing_ready_poll_waits_for_the_first),
		lone_test(what_is_always_ready_does_not_stop_the_stack),
		lone_test(epoll_descriptor_poll_is_readable_when_it_has_events),
		lone_test(wrong_arguments_poll_is_refused),
		lone_test(signal_pending_ppoll_is_interrupted),
		lone_test(sets_select_leaves_what_is_ready),
		lone_test(urgent_byte_select_is_an_exception),
		lone_test(hung_up_select_for_exceptions_times_out),
		lone_test(wrong_arguments_select_is_refused),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
