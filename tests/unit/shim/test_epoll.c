// epoll: what is reported when, and who comes first.
#include "shim_support.h"

static int new_epoll(void)
{
	int fd = ft_epoll_create1(0);

	assert_true(fd >= 3);
	return fd;
}

static void watch(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	assert_int_equal(ft_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
}

static void rewatch(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	assert_int_equal(ft_epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event), 0);
}

// The events reported for the only descriptor that is ready, which must be `fd`; 0 when none is.
static uint32_t ready_events(int epoll, int fd)
{
	struct epoll_event events[4];
	int count;

	ft_lone_settle(&lone);
	count = ft_epoll_wait(epoll, events, 4, 0);
	assert_in_range(count, 0, 1);
	if (count == 0)
		return 0;
	assert_int_equal(events[0].data.fd, fd);
	return events[0].events;
}

static void tell(struct pair pair)
{
	assert_int_equal(ft_send(pair.client, "x", 1, 0), 1);
}

static void hear(struct pair pair)
{
	char byte;

	assert_int_equal(ft_recv(pair.server, &byte, 1, 0), 1);
}

static void level_is_reported_until_read(void **state)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	watch(epoll, pair.server, EPOLLIN);
	assert_int_equal(ready_events(epoll, pair.server), 0);
	tell(pair);
	assert_int_equal(ready_events(epoll, pair.server), EPOLLIN);
	assert_int_equal(ready_events(epoll, pair.server), EPOLLIN);
	hear(pair);
	assert_int_equal(ready_events(epoll, pair.server), 0);
	tell(pair);
	assert_int_equal(ready_events(epoll, pair.server), EPOLLIN);
	close_pair(pair);
}

// A socket that can be written to is always ready; what comes in meanwhile is seen all the same.
static void what_is_always_ready_does_not_stop_the_stack(void **state)
{
	struct pair pair = new_pair();
	struct epoll_event event = { 0 };
	int epoll = new_epoll();

	watch(epoll, pair.server, EPOLLIN | EPOLLOUT);
	tell(pair);
	for (int i = 0; i < 10000 && !(event.events & EPOLLIN); i++)
		assert_int_equal(ft_epoll_wait(epoll, &event, 1, -1), 1);
	assert_int_equal(event.events, EPOLLIN | EPOLLOUT);
	close_pair(pair);
}

static void edge_is_reported_once_for_each_arrival(void **state)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	set_option(pair.client, IPPROTO_TCP, TCP_NODELAY, 1);
	watch(epoll, pair.server, EPOLLIN | EPOLLET);
	tell(pair);
	assert_int_equal(ready_events(epoll, pair.server), EPOLLIN);
	assert_int_equal(ready_events(epoll, pair.server), 0);
	tell(pair); // the first byte is still unread
	assert_int_equal(ready_events(epoll, pair.server), EPOLLIN);
	assert_int_equal(ready_events(epoll, pair.server), 0);
	close_pair(pair);
}

static void ready_already_edge_is_reported_when_added(void **state)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	tell(pair);
	ft_lone_settle(&lone);
	watch(epoll, pair.server, EPOLLIN | EPOLLET);
	assert_int_equal(ready_events(epoll, pair.server), EPOLLIN);
	assert_int_equal(ready_events(epoll, pair.server), 0);
	rewatch(epoll, pair.server, EPOLLIN | EPOLLET); // armed anew
	assert_int_equal(ready_events(epoll, pair.server), EPOLLIN);
	close_pair(pair);
}

static void one_shot_is_disarmed_until_modified(void **state)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	watch(epoll, pair.server, EPOLLIN | EPOLLONESHOT);
	tell(pair);
	assert_int_equal(ready_events(epoll, pair.server), EPOLLIN);
	tell(pair);
	assert_int_equal(ready_events(epoll, pair.server), 0);
	rewatch(epoll, pair.server, EPOLLIN | EPOLLONESHOT);
	assert_int_equal(ready_events(epoll, pair.server), EPOLLIN);
	ft_close(pair.client);
	assert_int_equal(ready_events(epoll, pair.server), 0);
	ft_close(pair.server);
}

static void other_names_of_events_are_reported_too(void **state)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	watch(epoll, pair.server, EPOLLRDNORM);
	tell(pair);
	assert_int_equal(ready_events(epoll, pair.server), EPOLLRDNORM);
	rewatch(epoll, pair.server, EPOLLWRNORM);
	assert_int_equal(ready_events(epoll, pair.server), EPOLLWRNORM);
	close_pair(pair);
}

static void half_closed_is_reported_as_rdhup(void **state)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	watch(epoll, pair.server, EPOLLRDHUP);
	assert_int_equal(ready_events(epoll, pair.server), 0);
	assert_int_equal(ft_shutdown(pair.client, SHUT_WR), 0);
	assert_int_equal(ready_events(epoll, pair.server), EPOLLRDHUP);
	rewatch(epoll, pair.server, EPOLLIN);
	assert_int_equal(ready_events(epoll, pair.server), EPOLLIN);
	assert_int_equal(ft_shutdown(pair.server, SHUT_WR), 0);
	assert_int_equal(ready_events(epoll, pair.server), EPOLLIN | EPOLLHUP);
	close_pair(pair);
}

static void reset_is_reported_unasked(void **state)
{
	struct linger linger = { .l_onoff = 1 };
	struct pair pair = new_pair();
	int epoll = new_epoll();

	watch(epoll, pair.server, 0);
	ft_setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	ft_close(pair.client);
	assert_int_equal(ready_events(epoll, pair.server), EPOLLERR | EPOLLHUP);
	assert_int_equal(get_option(pair.server, SOL_SOCKET, SO_ERROR), ECONNRESET);
	ft_close(pair.server);
}

static void writable_is_reported_when_room_returns(void **state)
{
	static char bytes[100000];
	struct pair pair = new_pair();
	int epoll = new_epoll();

	watch(epoll, pair.client, EPOLLOUT | EPOLLET);
	assert_int_equal(ready_events(epoll, pair.client), EPOLLOUT);
	set_nonblocking(pair.client);
	while (ft_send(pair.client, bytes, sizeof(bytes), 0) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	ft_lone_settle(&lone);
	ready_events(epoll, pair.client);
	assert_int_equal(ready_events(epoll, pair.client), 0);
	set_nonblocking(pair.server);
	for (int i = 0; i < 1000 && ready_events(epoll, pair.client) == 0; i++) {
		while (ft_recv(pair.server, bytes, sizeof(bytes), 0) > 0)
			;
	}
	assert_true(ft_send(pair.client, bytes, 1, 0) == 1);
	close_pair(pair);
}

static void listener_is_readable_when_a_peer_waits(void **state)
{
	int listener = new_listener(7000), epoll = new_epoll(), client = new_tcp();

	watch(epoll, listener, EPOLLIN);
	assert_int_equal(ready_events(epoll, listener), 0);
	set_nonblocking(client);
	assert_fails(connect_to(client, OURS, 7000), EINPROGRESS);
	assert_int_equal(ready_events(epoll, listener), EPOLLIN);
	assert_true(ft_accept(listener, NULL, NULL) >= 3);
	assert_int_equal(ready_events(epoll, listener), 0);
}

static void closed_is_no_longer_watched(void **state)
{
	struct pair pair = new_pair();
	int epoll = new_epoll(), copy;

	watch(epoll, pair.server, EPOLLIN);
	tell(pair);
	copy = ft_dup(pair.server);
	ft_close(pair.server); // the open description lives on, and so does the watch
	assert_int_equal(ready_events(epoll, pair.server), EPOLLIN);
	ft_close(copy);
	assert_int_equal(ready_events(epoll, pair.server), 0);
	assert_int_equal(lone.stack.sockets->watches.in_use, 0);
	ft_close(pair.client);
}

static void closed_epoll_forgets_its_watches(void **state)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	watch(epoll, pair.server, EPOLLIN);
	watch(epoll, pair.client, EPOLLIN);
	tell(pair);
	ft_lone_settle(&lone);
	ft_close(epoll);
	assert_int_equal(lone.stack.sockets->watches.in_use, 0);
	assert_int_equal(lone.stack.sockets->epolls.in_use, 0);
	tell(pair);
	ft_lone_settle(&lone);
	close_pair(pair);
}

// Watched in turn by two epolls, and ready in both; one is closed.
static void closed_epoll_leaves_the_watches_of_another(void **state)
{
	const struct ft_pool *watches = &lone.stack.sockets->watches;
	struct epoll_event events[8];
	struct pair pairs[3];
	int epolls[2] = { new_epoll(), new_epoll() };

	for (int i = 0; i < 3; i++) {
		pairs[i] = new_pair();
		for (int j = 0; j < 2; j++)
			watch(epolls[(i + j) % 2], pairs[i].server, EPOLLIN);
		tell(pairs[i]);
	}
	watch(epolls[0], pairs[0].client, EPOLLIN);
	ft_lone_settle(&lone);
	assert_int_equal(watches->in_use, 7);
	assert_int_equal(ft_close(epolls[0]), 0);
	assert_int_equal(watches->in_use, 3);
	assert_int_equal(ft_epoll_wait(epolls[1], events, 8, 0), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(events[i].data.fd, pairs[i].server);
		close_pair(pairs[i]);
	}
	assert_int_equal(watches->in_use, 0);
	assert_int_equal(ft_epoll_wait(epolls[1], events, 8, 0), 0);
}

// A number may be closed by hand before that.
static void all_are_closed_whatever_watches_what(void **state)
{
	struct ft_sockets *sockets = lone.stack.sockets;
	int epolls[2] = { new_epoll(), new_epoll() };

	for (int i = 0; i < 100; i++) {
		struct pair pair = new_pair();
		int again = ft_dup(pair.server);

		watch(epolls[i % 2], pair.server, EPOLLIN);
		watch(epolls[0], again, EPOLLIN);
		watch(epolls[1], pair.client, EPOLLOUT);
		if (i % 3 == 0)
			assert_int_equal(ft_close(pair.server), 0);
	}
	ft_socket_close_all(&lone.stack, lone.stack.now);
	assert_int_equal(sockets->watches.in_use, 0);
	assert_int_equal(sockets->epolls.in_use, 0);
	assert_int_equal(sockets->sockets.in_use, 0);
	for (uint32_t fd = 0; fd < sockets->descriptors.maximum; fd++)
		assert_null(sockets->descriptors.table[fd].description);
}

static void two_descriptors_of_one_socket_are_two_watches(void **state)
{
	struct pair pair = new_pair();
	struct epoll_event events[4];
	int epoll = new_epoll(), copy = ft_dup(pair.server);

	watch(epoll, pair.server, EPOLLIN);
	watch(epoll, copy, EPOLLIN);
	tell(pair);
	ft_lone_settle(&lone);
	assert_int_equal(ft_epoll_wait(epoll, events, 4, 0), 2);
	assert_int_equal(ft_epoll_ctl(epoll, EPOLL_CTL_DEL, copy, NULL), 0);
	assert_int_equal(ft_epoll_wait(epoll, events, 4, 0), 1);
	close_pair(pair);
	ft_close(copy);
}

// Four are ready, two are asked for: none may starve.
static void more_ready_than_asked_all_get_their_turn(void **state)
{
	int fds[4], seen[4] = { 0 }, epoll = new_epoll();
	struct epoll_event events[2];

	for (int i = 0; i < 4; i++) {
		struct epoll_event event = { .events = EPOLLOUT, .data.u32 = i };

		fds[i] = new_udp();
		assert_int_equal(ft_epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event), 0);
	}
	for (int i = 0; i < 10; i++) {
		assert_int_equal(ft_epoll_wait(epoll, events, 2, -1), 2);
		seen[events[0].data.u32]++;
		seen[events[1].data.u32]++;
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(seen[i], 5);
}

// Of at most `most` asked for, those reported in their order: each by the letter it is watched with.
static void assert_reported(int epoll, int most, const char *letters)
{
	char reported[16] = "";
	struct epoll_event events[16];
	int count = ft_epoll_wait(epoll, events, most, 500);

	for (int i = 0; i < count; i++)
		reported[i] = (char)events[i].data.u32;
	assert_string_equal(reported, letters);
}

static void change_watch(int epoll, int operation, int fd, uint32_t events, char letter)
{
	struct epoll_event event = { .events = events, .data.u32 = letter };

	assert_int_equal(ft_epoll_ctl(epoll, operation, fd, &event), 0);
}

// As on Linux: those reported level triggered go behind those that were not come to.
static void line_keeps_its_order(void **state)
{
	const uint32_t modes[] = { 0, EPOLLET, 0, EPOLLONESHOT, 0, 0 };
	int fds[6], epoll = new_epoll();

	for (int i = 0; i < 6; i++) {
		fds[i] = new_udp();
		change_watch(epoll, EPOLL_CTL_ADD, fds[i], EPOLLOUT | modes[i], (char)('a' + i));
	}
	assert_reported(epoll, 3, "abc");
	assert_reported(epoll, 3, "def");
	assert_reported(epoll, 3, "ace");
	assert_reported(epoll, 1, "f");
	assert_reported(epoll, 9, "acef");
	assert_reported(epoll, 2, "ac");
	assert_reported(epoll, 9, "efac");
	change_watch(epoll, EPOLL_CTL_DEL, fds[5], 0, 'f');
	assert_reported(epoll, 9, "eac");
	change_watch(epoll, EPOLL_CTL_MOD, fds[3], EPOLLOUT | EPOLLONESHOT, 'd');
	change_watch(epoll, EPOLL_CTL_MOD, fds[1], EPOLLOUT, 'b');
	assert_reported(epoll, 9, "eacdb");
	change_watch(epoll, EPOLL_CTL_DEL, fds[4], 0, 'e');
	change_watch(epoll, EPOLL_CTL_MOD, fds[0], EPOLLIN, 'a');
	assert_reported(epoll, 1, "c");
	assert_reported(epoll, 9, "bc");
	change_watch(epoll, EPOLL_CTL_MOD, fds[0], EPOLLOUT, 'a');
	change_watch(epoll, EPOLL_CTL_DEL, fds[1], 0, 'b');
	assert_reported(epoll, 9, "ca");
	ft_close(fds[0]);
	ft_close(fds[2]);
	assert_reported(epoll, 9, "");
	change_watch(epoll, EPOLL_CTL_MOD, fds[3], EPOLLOUT, 'd');
	assert_reported(epoll, 9, "d");
}

// Of five, one is not ready any more when some of them are reported, and one goes afterwards: whichever they are, the
// others are in their order.
static void any_may_go_from_the_line(void **state)
{
	char letters[8];
	int fds[5];

	for (int i = 0; i < 5; i++)
		fds[i] = new_udp();
	for (int unready = 0; unready < 5; unready++) {
		for (int leaving = 0; leaving < 5; leaving++) {
			for (int most = 1, count = 0; most < 5; most++, count = 0) {
				int epoll = new_epoll(), behind = most + (unready < most);

				for (int i = 0; i < 5; i++)
					change_watch(epoll, EPOLL_CTL_ADD, fds[i], EPOLLOUT,
						(char)('a' + i));
				change_watch(epoll, EPOLL_CTL_MOD, fds[unready], EPOLLIN, 'x');
				for (int i = 0; i < 5 && count < most; i++)
					if (i != unready)
						letters[count++] = (char)('a' + i);
				letters[count] = '\0';
				assert_reported(epoll, most, letters);
				change_watch(epoll, EPOLL_CTL_DEL, fds[leaving], 0, 0);
				count = 0;
				for (int i = behind; i < behind + 5; i++)
					if (i % 5 != unready && i % 5 != leaving)
						letters[count++] = (char)('a' + i % 5);
				letters[count] = '\0';
				assert_reported(epoll, 9, letters);
				assert_reported(epoll, 9, letters);
				ft_close(epoll);
			}
		}
	}
}

// What was read since is out of the line, wherever it stood, and comes to its end when there is more to read.
static void what_was_read_leaves_the_line(void **state)
{
	int first = new_udp(), last = new_udp(), epoll = new_epoll();
	struct pair pair = new_pair();

	change_watch(epoll, EPOLL_CTL_ADD, first, EPOLLOUT, 'a');
	change_watch(epoll, EPOLL_CTL_ADD, pair.server, EPOLLIN, 's');
	tell(pair);
	ft_lone_settle(&lone);
	change_watch(epoll, EPOLL_CTL_ADD, last, EPOLLOUT, 'z');
	assert_reported(epoll, 9, "asz");
	assert_reported(epoll, 1, "a");
	hear(pair);
	assert_reported(epoll, 2, "za");
	tell(pair);
	ft_lone_settle(&lone);
	assert_reported(epoll, 9, "zas");
	change_watch(epoll, EPOLL_CTL_DEL, first, 0, 'a');
	hear(pair);
	change_watch(epoll, EPOLL_CTL_DEL, last, 0, 'z');
	assert_reported(epoll, 9, "");
	tell(pair);
	ft_lone_settle(&lone);
	assert_reported(epoll, 9, "s");
	change_watch(epoll, EPOLL_CTL_ADD, last, EPOLLOUT, 'z');
	hear(pair);
	assert_reported(epoll, 9, "z");
	close_pair(pair);
}

static void thousands_watched_wait_looks_at_the_ready_only(void **state)
{
	struct pair pair = new_pair();
	struct epoll_event events[4];
	int epoll = new_epoll();

	for (int i = 0; i < 200; i++)
		watch(epoll, new_udp(), EPOLLIN);
	watch(epoll, pair.server, EPOLLIN);
	tell(pair);
	assert_int_equal(ft_epoll_wait(epoll, events, 4, -1), 1);
	assert_int_equal(events[0].data.fd, pair.server);
	close_pair(pair);
}

static void nothing_ready_wait_ends_in_time(void **state)
{
	struct epoll_event event;
	int epoll = new_epoll();
	ft_time before = lone.now;

	watch(epoll, new_udp(), EPOLLIN);
	assert_int_equal(ft_epoll_wait(epoll, &event, 1, 100), 0);
	assert_in_range(lone.now - before, 100 * FT_MILLISECOND, 120 * FT_MILLISECOND);
	before = lone.now;
	assert_int_equal(ft_epoll_wait(epoll, &event, 1, 0), 0);
	assert_true(lone.now - before <= 11 * FT_MILLISECOND); // one turn
	ft_interrupt();
	assert_fails(ft_epoll_wait(epoll, &event, 1, -1), EINTR);
}

static void wrong_arguments_are_refused(void **state)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = new_epoll(), other = new_epoll(), fd = new_udp();

	assert_fails(ft_epoll_create(0), EINVAL);
	assert_fails(ft_epoll_create1(1), EINVAL);
	assert_fails(ft_epoll_ctl(epoll, EPOLL_CTL_ADD, 99, &event), EBADF);
	assert_fails(ft_epoll_ctl(99, EPOLL_CTL_ADD, fd, &event), EBADF);
	assert_fails(ft_epoll_ctl(fd, EPOLL_CTL_ADD, fd, &event), EINVAL);
	assert_fails(ft_epoll_ctl(epoll, EPOLL_CTL_ADD, other, &event), EINVAL);
	assert_fails(ft_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, NULL), EFAULT);
	assert_fails(ft_epoll_ctl(epoll, 77, fd, &event), EINVAL);
	assert_fails(ft_epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event), ENOENT);
	assert_fails(ft_epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL), ENOENT);
	watch(epoll, fd, EPOLLIN | EPOLLEXCLUSIVE);
	assert_fails(ft_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), EEXIST);
	assert_fails(ft_epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event), EINVAL); // it is exclusive
	assert_fails(ft_epoll_wait(epoll, &event, 0, 0), EINVAL);
	assert_fails(ft_epoll_wait(epoll, NULL, 1, 0), EFAULT);
	assert_fails(ft_epoll_wait(fd, &event, 1, 0), EINVAL);
	assert_fails(ft_send(epoll, "x", 1, 0), ENOTSOCK);
	assert_fails(ft_close(99), EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lone_test(level_is_reported_until_read),
		lone_test(what_is_always_ready_does_not_stop_the_stack),
		lone_test(edge_is_reported_once_for_each_arrival),
		lone_test(ready_already_edge_is_reported_when_added),
		lone_test(one_shot_is_disarmed_until_modified),
		lone_test(other_names_of_events_are_reported_too),
		lone_test(half_closed_is_reported_as_rdhup),
		lone_test(reset_is_reported_unasked),
		lone_test(writable_is_reported_when_room_returns),
		lone_test(listener_is_readable_when_a_peer_waits),
		lone_test(closed_is_no_longer_watched),
		lone_test(closed_epoll_forgets_its_watches),
		lone_test(closed_epoll_leaves_the_watches_of_another),
		lone_test(all_are_closed_whatever_watches_what),
		lone_test(two_descriptors_of_one_socket_are_two_watches),
		lone_test(more_ready_than_asked_all_get_their_turn),
		lone_test(line_keeps_its_order),
		lone_test(any_may_go_from_the_line),
		lone_test(what_was_read_leaves_the_line),
		lone_test(thousands_watched_wait_looks_at_the_ready_only),
		lone_test(nothing_ready_wait_ends_in_time),
		lone_test(wrong_arguments_are_refused),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
