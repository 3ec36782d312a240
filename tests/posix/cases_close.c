// The end of a connection: shutdown(2), close(2), SO_LINGER, resets, and what the other side sees.
#include "steps.h"

static void look(int fd)
{
	DO(events_of(fd, ALL_EVENTS));
	DO(tcp_state(fd));
}

// Reads and writes until the calls say the same again.
static void try_all(int fd)
{
	DO(take(fd, 8, 0));
	DO(take(fd, 8, 0));
	DO(put(fd, "x", 0));
	DO(put(fd, "x", MSG_NOSIGNAL));
	DO(put(fd, "", 0));
	DO(take(fd, 8, MSG_PEEK));
	DO(take_error(fd));
	look(fd);
}

static void connected_shutdown(int how)
{
	struct pair pair = new_pair();

	DO(os->shutdown(pair.client, how));
	look(pair.client);
	look(pair.server);
	DO(put(pair.server, "after", 0));
	try_all(pair.client);
	try_all(pair.server);
	DO(os->shutdown(pair.client, how));
	DO(os->shutdown(pair.server, how));
	look(pair.client);
	look(pair.server);
}

static void data_shutdown_read(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "abc", 0));
	DO(os->shutdown(pair.server, SHUT_RD));
	look(pair.server);
	DO(take(pair.server, 2, 0)); // what had come
	DO(take(pair.server, 2, 0));
	DO(take(pair.server, 2, 0));
	DO(put(pair.client, "def", 0));
	DO(take(pair.server, 8, 0));
	DO(put(pair.server, "answer", 0));
	DO(take(pair.client, 8, 0));
}

static void shut_reading_data_comes_close(void)
{
	struct pair pair = new_pair();

	MUST(os->shutdown(pair.server, SHUT_RD));
	MUST(put(pair.client, "late", 0));
	MUST(os->close(pair.server));
	DO(take_error(pair.client));
	DO(take(pair.client, 9, 0));
}

static void any_shutdown_bad(void)
{
	struct pair pair = new_pair();
	int fd = new_tcp();

	DO(os->shutdown(pair.client, 3));
	DO(os->shutdown(pair.client, -1));
	DO(os->shutdown(fd, 3));
	DO(os->shutdown(fd, SHUT_RD));
	DO(os->shutdown(fd, SHUT_RDWR));
	MUST(os->listen(fd, 1));
	DO(os->shutdown(fd, 3));
}

static void half_closed_answer_arrives(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "question", 0));
	DO(os->shutdown(pair.client, SHUT_WR));
	DO(take(pair.server, 20, 0));
	DO(take(pair.server, 20, 0));
	DO(put(pair.server, "answer", 0));
	DO(os->close(pair.server));
	look(pair.client);
	DO(take(pair.client, 20, 0));
	DO(take(pair.client, 20, 0));
	look(pair.client);
}

static void both_shut_down_states(void)
{
	struct pair pair = new_pair();

	DO(os->shutdown(pair.client, SHUT_WR));
	look(pair.client);
	look(pair.server);
	DO(os->shutdown(pair.server, SHUT_WR));
	look(pair.client);
	look(pair.server);
	DO(os->shutdown(pair.client, SHUT_WR));
	DO(os->shutdown(pair.server, SHUT_RD));
	try_all(pair.client);
	try_all(pair.server);
}

static void closed_by_peer_writes(void)
{
	struct pair pair = new_pair();

	DO(os->close(pair.server));
	look(pair.client);
	DO(put(pair.client, "a", 0)); // is answered by a reset
	look(pair.client);
	DO(put(pair.client, "b", 0));
	DO(put(pair.client, "c", MSG_NOSIGNAL));
	DO(take(pair.client, 8, 0));
	look(pair.client);
}

static void closed_by_peer_writes_then_reads(void)
{
	struct pair pair = new_pair();

	DO(os->close(pair.server));
	DO(put(pair.client, "a", 0));
	DO(take(pair.client, 8, 0));
	DO(take(pair.client, 8, 0));
	DO(take_error(pair.client));
	DO(put(pair.client, "b", 0));
}

static void closed_by_peer_reset_so_error(void)
{
	struct pair pair = new_pair();

	DO(os->close(pair.server));
	DO(put(pair.client, "a", 0));
	DO(take_error(pair.client));
	DO(take_error(pair.client));
	DO(put(pair.client, "b", 0));
	DO(take(pair.client, 8, 0));
}

static void data_unread_close_resets(void)
{
	struct pair pair = new_pair();

	DO(put(pair.client, "unread", 0));
	DO(os->close(pair.server));
	look(pair.client);
	DO(take(pair.client, 8, 0));
	DO(take(pair.client, 8, 0));
	DO(put(pair.client, "x", 0));
}

static void data_for_both_unread_close_resets(void)
{
	struct pair pair = new_pair();

	DO(put(pair.server, "answer", 0));
	DO(put(pair.client, "unread", 0));
	DO(os->close(pair.server));
	look(pair.client);
	DO(take(pair.client, 8, 0));
	DO(take(pair.client, 8, 0));
	DO(take(pair.client, 8, 0));
}

static void linger_zero_close_resets(void)
{
	struct pair pair = new_pair();

	DO(set_linger(pair.server, 1, 0));
	DO(os->close(pair.server));
	look(pair.client);
	try_all(pair.client);
}

static void linger_zero_closed_write_first(void)
{
	struct pair pair = new_pair();

	DO(set_linger(pair.server, 1, 0));
	DO(os->close(pair.server));
	DO(put(pair.client, "x", 0));
	DO(put(pair.client, "x", 0));
	DO(take(pair.client, 8, 0));
	look(pair.client);
}

static void linger_zero_data_before_reset(void)
{
	struct pair pair = new_pair();

	DO(put(pair.server, "before", 0));
	DO(set_linger(pair.server, 1, 0));
	DO(os->close(pair.server));
	look(pair.client);
	DO(take(pair.client, 8, 0));
	DO(take(pair.client, 8, 0));
}

static void linger_zero_shutdown_is_orderly(void)
{
	struct pair pair = new_pair();

	DO(set_linger(pair.server, 1, 0));
	DO(os->shutdown(pair.server, SHUT_RDWR));
	look(pair.client);
	DO(take(pair.client, 8, 0));
	DO(os->close(pair.server));
	look(pair.client);
	DO(take_error(pair.client));
}

static void linger_some_close_waits(void)
{
	struct pair pair = new_pair();

	MUST(os->fcntl(pair.server, F_SETFL, 0));
	DO(set_linger(pair.server, 1, 2));
	DO(put(pair.server, "last", 0));
	DO(os->close(pair.server));
	DO(take(pair.client, 8, 0));
	DO(take(pair.client, 8, 0));
	look(pair.client);
}

// Nothing is waited for then: the peer learns at once that its words were in vain.
static void linger_some_nonblocking_close(void)
{
	static char bytes[65536];
	struct pair pair = new_pair();
	uint64_t since;

	while (os->send(pair.server, bytes, sizeof(bytes), 0) > 0)
		MUST(0); // until neither buffer has room, and the peer does not read
	MUST(set_linger(pair.server, 1, 1));
	since = ft_step_clock();
	DO(os->close(pair.server));
	DO(ft_step_has_passed(since, 900));
}

static void linger_some_unread_close_resets(void)
{
	struct pair pair = new_pair();

	MUST(os->fcntl(pair.server, F_SETFL, 0));
	DO(set_linger(pair.server, 1, 2));
	DO(put(pair.client, "unread", 0));
	DO(put(pair.server, "last", 0));
	DO(os->close(pair.server));
	look(pair.client);
	DO(take(pair.client, 8, 0));
	DO(take(pair.client, 8, 0));
}

static void linger_zero_dup_closed_is_no_close(void)
{
	struct pair pair = new_pair();
	int copy = MUST(os->dup(pair.server));

	DO(set_linger(pair.server, 1, 0));
	DO(os->close(pair.server));
	look(pair.client);
	DO(put(copy, "still", 0));
	DO(take(pair.client, 8, 0));
	DO(os->close(copy));
	DO(take(pair.client, 8, 0));
}

static void dup_shutdown_is_shared(void)
{
	struct pair pair = new_pair();
	int copy = MUST(os->dup(pair.client));

	DO(os->shutdown(copy, SHUT_WR));
	DO(put(pair.client, "x", 0));
	DO(take(pair.server, 8, 0));
}

static void connecting_linger_zero(void)
{
	int fd = new_tcp();

	DO(set_linger(fd, 1, 0));
	DO(os->close(fd));
	fd = new_listener();
	DO(set_linger(fd, 1, 0));
	DO(os->close(fd));
	DO(connect_to(new_tcp(), LOCAL, PORT));
}

static void time_wait_listen_again(void)
{
	struct pair pair = new_pair();
	int fd = new_tcp();

	DO(os->close(pair.server));
	DO(os->close(pair.client));
	DO(bind_to(fd, LOCAL, PORT));
	MUST(set(fd, SOL_SOCKET, SO_REUSEADDR, 1));
	DO(bind_to(fd, LOCAL, PORT));
	DO(os->listen(fd, 1));
	DO(connect_to(new_tcp(), LOCAL, PORT));
}

// The tuple itself is in TIME-WAIT at the side that closed first.
static void time_wait_connect_same_tuple(void)
{
	int listener = new_listener(), client = new_tcp(), server;

	MUST(bind_to(client, LOCAL, OTHER_PORT));
	MUST(connect_to(client, LOCAL, PORT));
	server = MUST(os->accept(listener, NULL, NULL));
	DO(os->close(client));
	DO(os->close(server));
	client = new_tcp();
	DO(bind_to(client, LOCAL, OTHER_PORT));
	MUST(set(client, SOL_SOCKET, SO_REUSEADDR, 1));
	DO(bind_to(client, LOCAL, OTHER_PORT));
	DO(connect_to(client, LOCAL, PORT));
}

static void connected_connect_same_tuple(void)
{
	int first = new_tcp(), second = new_tcp();

	new_listener();
	MUST(set(first, SOL_SOCKET, SO_REUSEADDR, 1));
	MUST(set(second, SOL_SOCKET, SO_REUSEADDR, 1));
	MUST(bind_to(first, LOCAL, OTHER_PORT));
	MUST(bind_to(second, LOCAL, OTHER_PORT));
	DO(connect_to(first, LOCAL, PORT));
	DO(connect_to(second, LOCAL, PORT));
	DO(events_of(second, ALL_EVENTS));
}

static void reset_after_half_close(void)
{
	struct pair pair = new_pair();

	DO(os->shutdown(pair.client, SHUT_WR));
	DO(set_linger(pair.server, 1, 0));
	DO(os->close(pair.server));
	look(pair.client);
	DO(take(pair.client, 8, 0));
	DO(take(pair.client, 8, 0));
	DO(put(pair.client, "x", 0));
}

// In CLOSE-WAIT a reset is a broken pipe (RFC 9293 has no name for it, Linux does).
static void reset_in_close_wait(void)
{
	struct pair pair = new_pair();

	DO(os->close(pair.server));
	DO(put(pair.client, "a", 0));
	look(pair.client);
	DO(take_error(pair.client));
}

static char megabyte[1 << 20];

// Behind our FIN, which like data before it can't arrive: LAST-ACK, and CLOSING.
static void reset_behind_fin(int is_closing)
{
	struct pair pair = new_pair();

	if (!is_closing)
		DO(os->shutdown(pair.server, SHUT_WR));
	while (MUST(1) && os->send(pair.client, megabyte, sizeof(megabyte), 0) > 0)
		;
	DO(os->shutdown(pair.client, SHUT_WR));
	if (is_closing)
		DO(os->shutdown(pair.server, SHUT_WR));
	look(pair.client);
	DO(os->close(pair.server));
	look(pair.client);
	DO(take_error(pair.client));
}

// ---- shutdown() and close() from every state ----

static int new_named(void)
{
	int fd = new_tcp();

	MUST(bind_to(fd, LOCAL, PORT));
	return fd;
}

static int new_refused(void)
{
	int fd = new_tcp();

	DO(connect_to(fd, LOCAL, PORT));
	return fd;
}

static int new_connected(void)
{
	return new_pair().client;
}

static int new_with_data(void)
{
	struct pair pair = new_pair();

	MUST(put(pair.server, "abc", 0));
	return pair.client;
}

static int new_half_closed(void)
{
	struct pair pair = new_pair();

	MUST(os->shutdown(pair.client, SHUT_WR));
	return pair.client;
}

static int new_close_wait(void)
{
	struct pair pair = new_pair();

	MUST(os->shutdown(pair.server, SHUT_WR));
	return pair.client;
}

static int new_time_wait(void)
{
	struct pair pair = new_pair();

	MUST(os->shutdown(pair.client, SHUT_WR));
	MUST(os->shutdown(pair.server, SHUT_WR));
	return pair.client;
}

static int new_last_acked(void)
{
	struct pair pair = new_pair();

	MUST(os->shutdown(pair.server, SHUT_WR));
	MUST(os->shutdown(pair.client, SHUT_WR));
	return pair.client;
}

static int new_reset(void)
{
	struct pair pair = new_pair();

	MUST(set_linger(pair.server, 1, 0));
	MUST(os->close(pair.server));
	return pair.client;
}

static int (*const in_state[])(void) = { new_tcp, new_named, new_listener, new_refused,
	new_connected, new_with_data, new_half_closed, new_close_wait, new_time_wait,
	new_last_acked, new_reset };

#define STATES (int)(sizeof(in_state) / sizeof(in_state[0]))

// Three ways from each.
static void any_state_shutdown(int number)
{
	int fd = in_state[number / 3]();

	MUST(set_nonblocking(fd));
	look(fd);
	DO(os->shutdown(fd, number % 3));
	look(fd);
	DO(take(fd, 8, 0));
	DO(put(fd, "x", 0));
	DO(take_error(fd));
	DO(own_name(fd));
	DO(peer_name(fd));
	DO(os->shutdown(fd, SHUT_RDWR));
	look(fd);
}

// A second name of the socket sees nothing of it; the last one's end frees the port where it should.
static void any_state_close(int number)
{
	int fd = in_state[number](), copy = MUST(os->dup(fd));

	DO(os->close(fd));
	look(copy);
	DO(os->close(copy));
	DO(os->close(copy));
	DO(bind_to(new_tcp(), LOCAL, PORT));
}

void ft_cases_close(void)
{
	RUN_EACH(any_state_shutdown, 3 * STATES);
	RUN_EACH(any_state_close, STATES);
	RUN_EACH(connected_shutdown, 3);
	RUN(data_shutdown_read);
	RUN(shut_reading_data_comes_close);
	RUN(any_shutdown_bad);
	RUN(half_closed_answer_arrives);
	RUN(both_shut_down_states);
	RUN(closed_by_peer_writes);
	RUN(closed_by_peer_writes_then_reads);
	RUN(closed_by_peer_reset_so_error);
	RUN(data_unread_close_resets);
	RUN(data_for_both_unread_close_resets);
	RUN(linger_zero_close_resets);
	RUN(linger_zero_closed_write_first);
	RUN(linger_zero_data_before_reset);
	RUN(linger_zero_shutdown_is_orderly);
	RUN(linger_some_close_waits);
	RUN(linger_some_nonblocking_close);
	RUN(linger_some_unread_close_resets);
	RUN(linger_zero_dup_closed_is_no_close);
	RUN(dup_shutdown_is_shared);
	RUN(connecting_linger_zero);
	RUN(time_wait_listen_again);
	RUN(time_wait_connect_same_tuple);
	RUN(connected_connect_same_tuple);
	RUN(reset_after_half_close);
	RUN(reset_in_close_wait);
	RUN_EACH(reset_behind_fin, 2);
}
