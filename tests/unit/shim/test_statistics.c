// What ft_print_statistics() says is in use: all of it is given back.
#include "shim_support.h"

#include <stdlib.h>

// Everything in use, as one text: "4 sockets, 4 descriptors, ". Not the packets of the send pool, of
// which the test's NIC keeps what was sent.
static void in_use(char *to, size_t size)
{
	char *text = NULL, *line, *rest;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);

	ft_print_statistics(file);
	fclose(file);
	to[0] = 0;
	rest = strstr(text, "in use now:\n");
	assert_non_null(rest);
	strtok_r(rest, "\n", &rest);
	while ((line = strtok_r(NULL, "\n", &rest)) != NULL) {
		unsigned long count;
		char name[32];

		assert_int_equal(sscanf(line, "%lu %31s", &count, name), 2);
		if (strcmp(name, "send_packets") == 0)
			continue;
		snprintf(to + strlen(to), size - strlen(to), "%lu %s, ", count, name);
	}
	free(text);
}

#define assert_in_use(expected)                      \
	do {                                         \
		char text[1000];                     \
                                                     \
		in_use(text, sizeof(text));          \
		assert_string_equal(text, expected); \
	} while (0)

static void nothing_open_nothing_is_in_use(void **state)
{
	assert_in_use("");
}

static void open_sockets_are_told_by_kind(void **state)
{
	struct epoll_event event = { .events = EPOLLIN };
	int listener = new_listener(7), udp = new_udp(), epoll = ft_epoll_create1(0);
	int copy = ft_dup(udp);

	assert_int_equal(ft_epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event), 0);
	assert_in_use("1 tcp_listeners, 1 udp_sockets, 2 sockets, 1 epolls, 1 epoll_watches, "
		      "4 descriptors, ");
	ft_close(copy);
	ft_close(epoll);
	ft_close(udp);
	ft_close(listener);
	assert_in_use("");
}

static void unread_bytes_hold_a_packet(void **state)
{
	struct pair pair = new_pair();
	char bytes[100] = { 0 };

	assert_int_equal(ft_send(pair.client, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(ft_recv(pair.server, bytes, 1, MSG_PEEK), 1);
	// The ACK is delayed: the bytes are held on both sides.
	assert_in_use(
		"1 receive_packets, 1 receive_packets_held, 1 send_packets_held, 2 tcp_connections, 2 tcp_connections_active, "
		"2 sockets, "
		"2 descriptors, ");
	assert_int_equal(ft_recv(pair.server, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_in_use("1 send_packets_held, 2 tcp_connections, 2 tcp_connections_active, "
		      "2 sockets, 2 descriptors, ");
	close_pair(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lone_test(nothing_open_nothing_is_in_use),
		lone_test(open_sockets_are_told_by_kind),
		lone_test(unread_bytes_hold_a_packet),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
