// poll(2), ppoll(2) and select(2).
#include <limits.h>

#include "steps.h"

static void mixed_poll(void)
{
	struct pair pair = new_pair();
	struct pollfd fds[] = { { .fd = pair.server, .events = POLLIN },
		{ .fd = -1, .events = POLLIN }, { .fd = 99, .events = POLLIN },
		{ .fd = pair.client, .events = POLLOUT }, { .fd = pair.client, .events = 0 } };

	DO(os->poll(fds, 5, 0));
	for (int i = 0; i < 5; i++)
		DO(fds[i].revents);
	DO(put(pair.client, "x", 0));
	DO(os->poll(fds, 5, 0));
	DO(fds[0].revents);
}

static void any_poll_all_names(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "x", 0));
	DO(events_of(pair.server, -1));
	DO(events_of(pair.client, -1));
	DO(events_of(new_tcp(), -1));
	DO(events_of(new_udp(), -1));
	MUST(os->close(pair.client));
	DO(events_of(pair.server, -1));
	DO(events_of(pair.server, 0));
}

static void any_poll_bad(void)
{
	static struct pollfd many[8192]; // more than there may be descriptors
	struct pollfd one = { .fd = -1 };
	struct timespec negative = { .tv_sec = -1 }, large = { .tv_nsec = 1000000000 };

	DO(os->poll(NULL, 0, 0));
	DO(os->poll(NULL, 1, 0));
	DO(os->poll(&one, 1, 0));
	DO(one.revents);
	DO(os->poll(many, 8192, 0));
	DO(os->ppoll(&one, 1, &negative, NULL));
	DO(os->ppoll(&one, 1, &large, NULL));
}

static void nothing_poll_times_out(void)
{
	struct pair pair = new_pair();
	struct pollfd fd = { .fd = pair.server, .events = POLLIN };
	struct timespec time = { .tv_nsec = 20000000 };
	uint64_t since = ft_step_clock();

	DO(os->poll(&fd, 1, 10));
	DO(os->ppoll(&fd, 1, &time, NULL));
	DO(os->poll(NULL, 0, 10));
	DO(ft_step_has_passed(since, 40));
	DO(put(pair.client, "x", 0));
	DO(os->poll(&fd, 1, -1));
	DO(os->ppoll(&fd, 1, NULL, NULL));
}

// select() on one descriptor: which sets it is in afterwards.
static int select_of(int fd)
{
	struct timeval now = { 0 };
	fd_set sets[3];
	int result;

	for (int i = 0; i < 3; i++) {
		FD_ZERO(&sets[i]);
		FD_SET(fd, &sets[i]);
	}
	result = os->select(fd + 1, &sets[0], &sets[1], &sets[2], &now);
	ft_step_say("%s%s%s", FD_ISSET(fd, &sets[0]) ? "r" : "", FD_ISSET(fd, &sets[1]) ? "w" : "",
		FD_ISSET(fd, &sets[2]) ? "x" : "");
	return result;
}

static void any_select(void)
{
	struct pair pair = new_pair();

	DO(select_of(pair.server));
	DO(put(pair.client, "ab", MSG_OOB));
	DO(select_of(pair.server));
	DO(take(pair.server, 9, MSG_OOB));
	DO(take(pair.server, 9, 0));
	DO(select_of(pair.server));
	MUST(os->shutdown(pair.client, SHUT_WR));
	DO(select_of(pair.server));
	DO(select_of(pair.client));
	MUST(set_linger(pair.server, 1, 0));
	MUST(os->close(pair.server));
	DO(select_of(pair.client));
}

static int select_for(int fd, long seconds, long microseconds)
{
	struct timeval time = { .tv_sec = seconds, .tv_usec = microseconds };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return os->select(fd + 1, NULL, &set, NULL, &time);
}

static int select_writable(int fd, long microseconds)
{
	return select_for(fd, 0, microseconds);
}

static void any_select_microseconds(void)
{
	int fd = new_pair().client;

	DO(select_writable(fd, 999999));
	DO(select_writable(fd, 1000000));
	DO(select_writable(fd, 5000001));
	DO(select_writable(fd, -1));
	DO(select_for(fd, -1, 2000000));
	DO(select_for(fd, LONG_MAX, 2000000));
}

static void any_select_states(void)
{
	int fd = new_tcp_nonblocking(), udp = new_udp(), listener;

	DO(select_of(new_tcp()));
	DO(select_of(new_udp()));
	DO(connect_to(fd, LOCAL, PORT));
	DO(select_of(fd)); // refused
	MUST(connect_to(udp, LOCAL, PORT));
	MUST(put(udp, "x", 0));
	DO(select_of(udp)); // refused
	listener = new_listener();
	DO(select_of(listener));
	MUST(connect_to(new_tcp(), LOCAL, PORT));
	DO(select_of(listener));
}

static void any_select_bad(void)
{
	struct timeval now = { 0 }, negative = { .tv_sec = -1 };
	fd_set set;

	FD_ZERO(&set);
	DO(os->select(-1, NULL, NULL, NULL, &now));
	DO(os->select(0, NULL, NULL, NULL, &now));
	DO(os->select(0, NULL, NULL, NULL, &negative));
	FD_SET(99, &set);
	DO(os->select(100, &set, NULL, NULL, &now));
	DO(os->select(99, &set, NULL, NULL, &now)); // beyond the count: not looked at
}

static void nothing_select_times_out(void)
{
	struct pair pair = new_pair();
	struct timeval time = { .tv_usec = 20000 };
	uint64_t since = ft_step_clock();
	fd_set set;

	FD_ZERO(&set);
	FD_SET(pair.server, &set);
	DO(os->select(pair.server + 1, &set, NULL, NULL, &time));
	DO(FD_ISSET(pair.server, &set) != 0);
	DO(ft_step_has_passed(since, 20));
	DO(put(pair.client, "x", 0));
	FD_SET(pair.server, &set);
	DO(os->select(pair.server + 1, &set, NULL, NULL, NULL));
}

void ft_cases_poll(void)
{
	RUN(mixed_poll);
	RUN(any_poll_all_names);
	RUN(any_poll_bad);
	RUN(nothing_poll_times_out);
	RUN(any_select);
	RUN(any_select_microseconds);
	RUN(any_select_states);
	RUN(any_select_bad);
	RUN(nothing_select_times_out);
}
