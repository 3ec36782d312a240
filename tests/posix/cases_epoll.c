// epoll(7): what is reported, when, and how often.
#include "steps.h"

#define ALL (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI)

// The ways to watch; every story below is told in each.
static const uint32_t modes[] = { 0, EPOLLET, EPOLLONESHOT, EPOLLET | EPOLLONESHOT };

#define MODES 4

static void look_twice(int epoll)
{
	DO(collect(epoll));
	DO(collect(epoll));
}

static void new_sockets(int mode)
{
	int epoll = new_epoll();

	DO(watch(epoll, EPOLL_CTL_ADD, new_tcp(), ALL | modes[mode]));
	look_twice(epoll);
	DO(watch(epoll, EPOLL_CTL_ADD, new_udp(), ALL | modes[mode]));
	look_twice(epoll);
}

static void connecting_succeeds(int mode)
{
	int epoll = new_epoll(), fd = new_tcp_nonblocking();

	new_listener();
	DO(connect_to(fd, LOCAL, PORT));
	DO(watch(epoll, EPOLL_CTL_ADD, fd, ALL | modes[mode]));
	look_twice(epoll);
}

static void watched_then_connects(int mode)
{
	int epoll = new_epoll(), fd = new_tcp_nonblocking();

	new_listener();
	DO(watch(epoll, EPOLL_CTL_ADD, fd, ALL | modes[mode]));
	DO(collect(epoll));
	DO(connect_to(fd, LOCAL, PORT));
	look_twice(epoll);
}

static void connecting_refused(int mode)
{
	int epoll = new_epoll(), fd = new_tcp_nonblocking();

	DO(connect_to(fd, LOCAL, PORT));
	DO(watch(epoll, EPOLL_CTL_ADD, fd, ALL | modes[mode]));
	look_twice(epoll);
	DO(take_error(fd));
	look_twice(epoll);
}

static void listening_one_comes(int mode)
{
	int epoll = new_epoll(), listener = new_listener();

	DO(watch(epoll, EPOLL_CTL_ADD, listener, ALL | modes[mode]));
	DO(collect(epoll));
	MUST(connect_to(new_tcp(), LOCAL, PORT));
	look_twice(epoll);
	MUST(connect_to(new_tcp(), LOCAL, PORT));
	look_twice(epoll);
	MUST(os->accept(listener, NULL, NULL));
	DO(collect(epoll));
	MUST(os->accept(listener, NULL, NULL));
	look_twice(epoll);
}

static void data_comes(int mode)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, EPOLLIN | modes[mode]));
	DO(collect(epoll));
	DO(put(pair.client, "abc", 0));
	look_twice(epoll);
	DO(take(pair.server, 1, 0)); // two are left
	DO(collect(epoll));
	DO(put(pair.client, "def", 0));
	look_twice(epoll);
	DO(take(pair.server, 9, 0));
	DO(collect(epoll));
	DO(watch(epoll, EPOLL_CTL_MOD, pair.server, EPOLLIN | modes[mode]));
	DO(collect(epoll));
	DO(put(pair.client, "g", 0));
	look_twice(epoll);
	DO(watch(epoll, EPOLL_CTL_MOD, pair.server, EPOLLIN | modes[mode]));
	look_twice(epoll);
}

static void peer_half_closes(int mode)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, ALL | modes[mode]));
	DO(collect(epoll));
	DO(watch(epoll, EPOLL_CTL_MOD, pair.server, EPOLLIN | EPOLLRDHUP | modes[mode]));
	MUST(os->shutdown(pair.client, SHUT_WR));
	look_twice(epoll);
	DO(take(pair.server, 9, 0));
	look_twice(epoll);
}

static void peer_closes(int mode)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, EPOLLIN | EPOLLRDHUP | modes[mode]));
	MUST(os->close(pair.client));
	look_twice(epoll);
	DO(watch(epoll, EPOLL_CTL_MOD, pair.server, EPOLLRDHUP | modes[mode]));
	look_twice(epoll);
}

static void peer_resets(int mode)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, modes[mode])); // ERR and HUP come unasked
	MUST(set_linger(pair.client, 1, 0));
	MUST(os->close(pair.client));
	look_twice(epoll);
	DO(take_error(pair.server));
	look_twice(epoll);
}

// What has failed is looked at again; is that news?
static void edge_refused_connect_again(void)
{
	int epoll = new_epoll(), fd = new_tcp_nonblocking();

	DO(connect_to(fd, LOCAL, PORT));
	DO(watch(epoll, EPOLL_CTL_ADD, fd, ALL | EPOLLET));
	look_twice(epoll);
	DO(take_error(fd));
	look_twice(epoll);
	DO(connect_to(fd, LOCAL, PORT));
	look_twice(epoll);
}

static void edge_reset_shutdown(void)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, ALL | EPOLLET));
	MUST(set_linger(pair.client, 1, 0));
	MUST(os->close(pair.client));
	look_twice(epoll);
	DO(os->shutdown(pair.server, SHUT_RDWR));
	look_twice(epoll);
}

static void both_half_close(int mode)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, EPOLLRDHUP | modes[mode]));
	MUST(os->shutdown(pair.server, SHUT_WR));
	look_twice(epoll);
	MUST(os->shutdown(pair.client, SHUT_WR));
	look_twice(epoll);
}

static void own_shutdown(int how)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, EPOLLIN | EPOLLRDHUP | EPOLLET));
	DO(collect(epoll));
	MUST(os->shutdown(pair.server, how));
	look_twice(epoll);
}

static void listener_shut_down(int mode)
{
	int epoll = new_epoll(), listener = new_listener();

	DO(watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN | modes[mode]));
	MUST(os->shutdown(listener, SHUT_RD));
	look_twice(epoll);
}

static void urgent_comes(int mode)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, EPOLLPRI | modes[mode]));
	DO(put(pair.client, "ab", MSG_OOB));
	look_twice(epoll);
	DO(take(pair.server, 1, MSG_OOB));
	look_twice(epoll);
}

static void datagrams_come(int mode)
{
	int fd = new_udp_bound(), from = new_udp(), epoll = new_epoll();

	DO(watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | modes[mode]));
	DO(put_to(from, "a", LOCAL, PORT));
	look_twice(epoll);
	DO(put_to(from, "b", LOCAL, PORT));
	look_twice(epoll);
	DO(take(fd, 9, 0));
	DO(collect(epoll));
	DO(take(fd, 9, 0));
	DO(collect(epoll));
}

static void datagram_refused(int mode)
{
	int fd = new_udp(), epoll = new_epoll();

	MUST(connect_to(fd, LOCAL, PORT));
	DO(watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | modes[mode]));
	DO(put(fd, "x", 0));
	look_twice(epoll);
	DO(take(fd, 9, 0));
	look_twice(epoll);
}

// EPOLLET and a buffer that was full: an edge comes when there is room again.
static void full_then_room(int mode)
{
	static char bytes[65536];
	struct pair pair = new_pair();
	int epoll = new_epoll();

	while (os->send(pair.client, bytes, sizeof(bytes), 0) > 0 ||
		events_of(pair.client, POLLOUT) > 0)
		MUST(0);
	DO(watch(epoll, EPOLL_CTL_ADD, pair.client, EPOLLOUT | modes[mode]));
	DO(collect(epoll));
	while (os->recv(pair.server, bytes, sizeof(bytes), 0) > 0)
		MUST(0);
	look_twice(epoll);
}

// ---- adding, changing, removing ----

static void control_errors(void)
{
	int epoll = new_epoll(), fd = new_tcp();

	DO(watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN));
	DO(watch(epoll, EPOLL_CTL_DEL, fd, EPOLLIN));
	DO(watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN));
	DO(watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN));
	DO(watch(epoll, 99, fd, EPOLLIN));
	DO(watch(epoll, EPOLL_CTL_ADD, 99, EPOLLIN));
	DO(watch(epoll, EPOLL_CTL_ADD, -1, EPOLLIN));
	DO(watch(99, EPOLL_CTL_ADD, fd, EPOLLIN));
	DO(watch(fd, EPOLL_CTL_ADD, fd, EPOLLIN));
	DO(watch(new_tcp(), EPOLL_CTL_ADD, fd, EPOLLIN));
	DO(watch(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN));
	DO(os->epoll_ctl(epoll, EPOLL_CTL_ADD, new_tcp(), NULL));
	DO(os->epoll_ctl(epoll, EPOLL_CTL_MOD, fd, NULL));
	DO(os->epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL));
	DO(os->epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL));
}

static void wait_errors(void)
{
	int epoll = new_epoll(), fd = new_tcp();
	struct epoll_event events[2];

	DO(os->epoll_wait(epoll, events, 0, 0));
	DO(os->epoll_wait(epoll, events, -1, 0));
	DO(os->epoll_wait(fd, events, 1, 0));
	DO(os->epoll_wait(99, events, 1, 0));
	DO(os->epoll_wait(-1, events, 1, 0));
	DO(os->epoll_wait(epoll, events, 1 << 30, 0));
	DO(os->epoll_wait(epoll, NULL, 1, 0));
	DO(watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN));
	DO(os->epoll_wait(epoll, NULL, 1, 0));
}

static void create_errors(void)
{
	DO(os->epoll_create(0));
	DO(os->epoll_create(-1));
	DO(os->epoll_create1(-1));
	DO(os->epoll_create1(1));
	DO(os->epoll_create(1));
	DO(os->fcntl(MUST(os->epoll_create1(EPOLL_CLOEXEC)), F_GETFD));
	DO(os->fcntl(MUST(os->epoll_create1(0)), F_GETFD));
}

static void exclusive(void)
{
	int epoll = new_epoll(), fd = new_tcp();

	DO(watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE));
	DO(watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN));
	DO(watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLEXCLUSIVE));
	DO(watch(epoll, EPOLL_CTL_ADD, new_tcp(), EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT));
	DO(watch(epoll, EPOLL_CTL_ADD, new_tcp(), EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP));
	DO(watch(epoll, EPOLL_CTL_ADD, new_tcp(), EPOLLIN | EPOLLEXCLUSIVE | EPOLLET));
}

static void epoll_is_no_socket(void)
{
	int epoll = new_epoll();
	char byte;

	DO(os->read(epoll, &byte, 1));
	DO(os->write(epoll, "x", 1));
	DO(os->listen(epoll, 1));
	DO(put(epoll, "x", 0));
	DO(get(epoll, SOL_SOCKET, SO_TYPE));
	DO(events_of(epoll, POLLIN));
	DO(os->close(epoll));
	DO(os->close(epoll));
}

static void epoll_in_poll(void)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, EPOLLIN));
	DO(events_of(epoll, POLLIN | POLLOUT));
	DO(put(pair.client, "x", 0));
	DO(events_of(epoll, POLLIN | POLLOUT));
	DO(take(pair.server, 1, 0));
	DO(events_of(epoll, POLLIN | POLLOUT));
}

static void epoll_in_epoll(void)
{
	struct pair pair = new_pair();
	int inner = new_epoll(), outer = new_epoll();

	DO(watch(inner, EPOLL_CTL_ADD, pair.server, EPOLLIN));
	DO(watch(outer, EPOLL_CTL_ADD, inner, EPOLLIN));
}

static void closed_is_forgotten(void)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, ALL));
	DO(collect(epoll));
	MUST(os->close(pair.server));
	DO(collect(epoll));
	DO(watch(epoll, EPOLL_CTL_DEL, pair.server, 0));
}

// The number is another socket's now: it is not watched.
static void closed_number_used_again(void)
{
	struct pair pair = new_pair();
	int epoll = new_epoll(), fd;

	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, ALL));
	MUST(os->close(pair.server));
	fd = new_udp();
	DO(fd == pair.server);
	DO(collect(epoll));
	DO(watch(epoll, EPOLL_CTL_MOD, fd, ALL));
	DO(watch(epoll, EPOLL_CTL_ADD, fd, ALL));
	DO(collect(epoll));
}

// The well-known trap: the watch lives as long as the open description.
static void closed_copy_lives(void)
{
	struct pair pair = new_pair();
	int epoll = new_epoll(), copy = MUST(os->dup(pair.server));

	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, EPOLLIN));
	MUST(os->close(pair.server));
	DO(put(pair.client, "x", 0));
	DO(collect(epoll));
	DO(watch(epoll, EPOLL_CTL_DEL, pair.server, 0));
	DO(watch(epoll, EPOLL_CTL_DEL, copy, 0));
	DO(collect(epoll));
	MUST(os->close(copy));
	DO(collect(epoll));
}

static void both_numbers_watched(void)
{
	struct pair pair = new_pair();
	int epoll = new_epoll(), copy = MUST(os->dup(pair.server));

	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, EPOLLIN));
	DO(watch(epoll, EPOLL_CTL_ADD, copy, EPOLLIN | EPOLLET));
	DO(put(pair.client, "x", 0));
	look_twice(epoll);
	DO(watch(epoll, EPOLL_CTL_DEL, pair.server, 0));
	DO(collect(epoll));
}

static void epoll_dup_is_shared(void)
{
	struct pair pair = new_pair();
	int epoll = new_epoll(), copy = MUST(os->dup(epoll));

	DO(watch(copy, EPOLL_CTL_ADD, pair.server, EPOLLIN));
	DO(put(pair.client, "x", 0));
	DO(collect(epoll));
	MUST(os->close(epoll));
	DO(collect(copy));
}

static void two_epolls(void)
{
	struct pair pair = new_pair();
	int one = new_epoll(), two = new_epoll();

	DO(watch(one, EPOLL_CTL_ADD, pair.server, EPOLLIN | EPOLLET));
	DO(watch(two, EPOLL_CTL_ADD, pair.server, EPOLLIN | EPOLLET));
	DO(put(pair.client, "x", 0));
	look_twice(one);
	look_twice(two);
}

static void disarmed_rearms(void)
{
	struct pair pair = new_pair();
	int epoll = new_epoll();

	DO(put(pair.client, "x", 0));
	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, EPOLLIN | EPOLLONESHOT));
	look_twice(epoll);
	DO(watch(epoll, EPOLL_CTL_MOD, pair.server, EPOLLIN | EPOLLONESHOT));
	look_twice(epoll);
	MUST(os->close(pair.client));
	DO(collect(epoll));
	DO(watch(epoll, EPOLL_CTL_MOD, pair.server, 0));
	DO(collect(epoll));
}

static void many_ready_take_turns(void)
{
	struct epoll_event events[2];
	int epoll = new_epoll(), count[16] = { 0 }, fd[4];

	for (int i = 0; i < 4; i++) {
		fd[i] = new_udp();
		MUST(watch(epoll, EPOLL_CTL_ADD, fd[i], EPOLLOUT));
	}
	for (int i = 0; i < 4; i++) {
		DO(os->epoll_wait(epoll, events, 2, 0));
		count[events[0].data.u64]++;
		count[events[1].data.u64]++;
	}
	for (int i = 0; i < 4; i++)
		DO(count[fd[i]]);
}

static void nothing_ready_times_out(void)
{
	struct pair pair = new_pair();
	struct epoll_event event;
	int epoll = new_epoll();
	uint64_t since = ft_step_clock();

	DO(os->epoll_wait(epoll, &event, 1, 10));
	DO(watch(epoll, EPOLL_CTL_ADD, pair.server, EPOLLIN));
	DO(os->epoll_wait(epoll, &event, 1, 20));
	DO(ft_step_has_passed(since, 30));
	DO(put(pair.client, "x", 0));
	DO(os->epoll_wait(epoll, &event, 1, -1));
}

void ft_cases_epoll(void)
{
	RUN_EACH(new_sockets, MODES);
	RUN_EACH(connecting_succeeds, MODES);
	RUN_EACH(watched_then_connects, MODES);
	RUN_EACH(connecting_refused, MODES);
	RUN_EACH(listening_one_comes, MODES);
	RUN_EACH(data_comes, MODES);
	RUN_EACH(peer_half_closes, MODES);
	RUN_EACH(peer_closes, MODES);
	RUN_EACH(peer_resets, MODES);
	RUN(edge_refused_connect_again);
	RUN(edge_reset_shutdown);
	RUN_EACH(both_half_close, MODES);
	RUN_EACH(own_shutdown, 3);
	RUN_EACH(listener_shut_down, MODES);
	RUN_EACH(urgent_comes, MODES);
	RUN_EACH(datagrams_come, MODES);
	RUN_EACH(datagram_refused, MODES);
	RUN_EACH(full_then_room, MODES);
	RUN(control_errors);
	RUN(wait_errors);
	RUN(create_errors);
	RUN(exclusive);
	RUN(epoll_is_no_socket);
	RUN(epoll_in_poll);
	RUN(epoll_in_epoll);
	RUN(closed_is_forgotten);
	RUN(closed_number_used_again);
	RUN(closed_copy_lives);
	RUN(both_numbers_watched);
	RUN(epoll_dup_is_shared);
	RUN(two_epolls);
	RUN(disarmed_rearms);
	RUN(many_ready_take_turns);
	RUN(nothing_ready_times_out);
}
