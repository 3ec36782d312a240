// ft-relay: takes TCP connections and carries their bytes to another address and back. Both halves are
// fourtuple's: what it accepts and what it opens. One thread, one epoll loop, as in ft-echo.
//
//	client ── side[0] of a pair ──► bytes waiting ──► side[1] ── server
//	          side[0] ◄── bytes waiting ◄── side[1]
//
// Backpressure: each direction has room for one chunk. While it holds bytes that the other side does
// not take, nothing more is read into it; so the reader's window closes, and the sender has to wait.
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "apps/values.h"
#include "fourtuple.h"

#define EVENTS 64
#define CHUNK  65536

// One of the two connections, and the bytes received from it that wait for the other.
struct side {
	struct pair *pair;
	int fd;
	uint32_t watched; // EPOLL* events
	bool is_over;	  // it has sent its FIN
	bool is_told;	  // and the other has been told so, after the last byte
	size_t begin;	  // waiting: bytes[begin] to bytes[end - 1]
	size_t end;
	char bytes[CHUNK];
};

struct pair {
	struct side side[2]; // the client that we accepted, the server that we called
	bool is_connecting;
	LIST_ENTRY(pair) entry;
};

LIST_HEAD(pairs, pair);

static struct statistics {
	uint64_t relayed; // connections
	uint64_t open;
	uint64_t failed;
	uint64_t bytes;
} statistics;

static int epoll_fd, listener;
static struct sockaddr_in destination = { .sin_family = AF_INET };
static struct pairs open_pairs;
static struct pairs closed_pairs; // freed after the events at hand, which may still name them
static volatile sig_atomic_t is_stopping, is_asked_for_statistics;

static struct side *other(const struct side *side)
{
	return &side->pair->side[side == &side->pair->side[0]];
}

// ---- the life of a pair ----

static void close_side(struct side *side, bool with_reset)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (side->fd < 0)
		return;
	if (with_reset)
		ft_setsockopt(side->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	ft_close(side->fd);
	side->fd = -1;
}

// An error of one side is a reset for the other: it must not take a part for the whole.
static void close_pair(struct pair *pair, bool has_failed)
{
	if (pair->side[0].fd < 0)
		return;
	close_side(&pair->side[0], has_failed);
	close_side(&pair->side[1], has_failed);
	statistics.open--;
	statistics.failed += has_failed;
	LIST_REMOVE(pair, entry);
	LIST_INSERT_HEAD(&closed_pairs, pair, entry);
}

static void free_pairs(struct pairs *pairs)
{
	struct pair *pair;

	while ((pair = LIST_FIRST(pairs)) != NULL) {
		LIST_REMOVE(pair, entry);
		free(pair);
	}
}

static int watch(struct side *side, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = side };

	if (operation == EPOLL_CTL_MOD && side->watched == events)
		return 0;
	side->watched = events;
	return ft_epoll_ctl(epoll_fd, operation, side->fd, &event);
}

// Not blocking: the pair waits in epoll until the server has answered.
static int call_server(struct side *side)
{
	const int yes = 1;

	side->fd = ft_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (side->fd < 0)
		return -1;
	ft_setsockopt(side->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (ft_connect(side->fd, (struct sockaddr *)&destination, sizeof(destination)) < 0 &&
		errno != EINPROGRESS)
		return -1;
	return watch(side, EPOLL_CTL_ADD, EPOLLOUT);
}

static void start_pair(int client)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	const int yes = 1;

	if (pair == NULL) {
		statistics.failed++;
		ft_close(client);
		return;
	}
	statistics.relayed++;
	statistics.open++;
	pair->is_connecting = true;
	LIST_INSERT_HEAD(&open_pairs, pair, entry);
	pair->side[0] = (struct side){ .pair = pair, .fd = client };
	pair->side[1] = (struct side){ .pair = pair, .fd = -1 };
	ft_setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (watch(&pair->side[0], EPOLL_CTL_ADD, 0) < 0 || call_server(&pair->side[1]) < 0)
		close_pair(pair, true);
}

static void accept_clients(void)
{
	int fd;

	while ((fd = ft_accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		start_pair(fd);
}

// ---- bytes ----

// Receives from a side into its room, if that is empty. False on an error.
static bool fill(struct side *from)
{
	ssize_t count;

	if (from->begin < from->end || from->is_over)
		return true;
	count = ft_recv(from->fd, from->bytes, sizeof(from->bytes), 0);
	if (count < 0)
		return errno == EAGAIN;
	from->is_over = count == 0;
	from->begin = 0;
	from->end = (size_t)count;
	return true;
}

// Sends what waits, and behind the last of it the end of the stream. False on an error.
static bool drain(struct side *from)
{
	const struct side *to = other(from);
	ssize_t count;

	if (from->begin < from->end) {
		count = ft_send(
			to->fd, from->bytes + from->begin, from->end - from->begin, MSG_NOSIGNAL);
		if (count < 0)
			return errno == EAGAIN;
		from->begin += (size_t)count;
		statistics.bytes += (uint64_t)count;
	}
	if (from->begin == from->end && from->is_over && !from->is_told) {
		from->is_told = true;
		return ft_shutdown(to->fd, SHUT_WR) == 0;
	}
	return true;
}

// A side is worth waking for when its room is empty, and when there is something to send to it.
static void watch_side(struct side *side)
{
	const struct side *partner = other(side);
	uint32_t events = 0;

	if (side->begin == side->end && !side->is_over)
		events |= EPOLLIN;
	if (partner->begin < partner->end)
		events |= EPOLLOUT;
	watch(side, EPOLL_CTL_MOD, events);
}

static void relay(struct pair *pair)
{
	struct side *client = &pair->side[0], *server = &pair->side[1];

	if (!fill(client) || !fill(server) || !drain(client) || !drain(server)) {
		close_pair(pair, true);
	} else if (client->is_told && server->is_told) {
		close_pair(pair, false);
	} else {
		watch_side(client);
		watch_side(server);
	}
}

static bool has_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	return ft_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error != 0;
}

static void handle(const struct epoll_event *event)
{
	struct side *side = event->data.ptr;

	if (side == NULL) {
		accept_clients();
		return;
	}
	if (side->fd < 0) // closed by an event before this one
		return;
	if (event->events & EPOLLERR || (side->pair->is_connecting && has_error(side->fd))) {
		close_pair(side->pair, true);
		return;
	}
	if (side == &side->pair->side[1])
		side->pair->is_connecting = false;
	if (!side->pair->is_connecting)
		relay(side->pair);
}

// ---- the loop ----

static void print_statistics(void)
{
	printf("ft-relay: %" PRIu64 " relayed, %" PRIu64 " open, %" PRIu64 " failed, %" PRIu64
	       " bytes carried\n",
		statistics.relayed, statistics.open, statistics.failed, statistics.bytes);
}

static int run(void)
{
	struct epoll_event events[EVENTS];
	int count;

	while (!is_stopping) {
		count = ft_epoll_wait(epoll_fd, events, EVENTS, -1);
		if (count < 0 && errno != EINTR) {
			perror("ft-relay: ft_epoll_wait");
			return 1;
		}
		for (int i = 0; i < count; i++)
			handle(&events[i]);
		free_pairs(&closed_pairs);
		if (is_asked_for_statistics) {
			is_asked_for_statistics = 0;
			print_statistics();
			ft_print_statistics(stdout);
		}
	}
	print_statistics();
	return 0;
}

static void on_signal(int signal)
{
	if (signal == SIGUSR1)
		is_asked_for_statistics = 1;
	else
		is_stopping = 1;
	ft_interrupt();
}

static void handle_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
}

static int start_listening(uint16_t port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

	epoll_fd = ft_epoll_create1(0);
	listener = ft_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (epoll_fd < 0 || listener < 0)
		return -1;
	if (ft_bind(listener, (struct sockaddr *)&here, sizeof(here)) < 0 ||
		ft_listen(listener, SOMAXCONN) < 0)
		return -1;
	return ft_epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
}

static int serve(uint16_t port)
{
	if (start_listening(port) < 0) {
		fprintf(stderr, "ft-relay: port %u: %s\n", port, strerror(errno));
		return 1;
	}
	printf("ft-relay: listening on port %u, relaying to %s:%u\n", port,
		inet_ntoa(destination.sin_addr), ntohs(destination.sin_port));
	return run();
}

// ---- the command line ----

static bool read_port(const char *text, uint16_t *port)
{
	if (value_read_port(text, port))
		return true;
	fprintf(stderr, "ft-relay: %s: expected a port from 1 to 65535\n", text);
	return false;
}

// "10.9.0.1:80"
static bool read_destination(const char *text)
{
	const char *expected = value_read_address(text, &destination);

	if (expected != NULL)
		fprintf(stderr, "ft-relay: %s: expected %s\n", text, expected);
	return expected == NULL;
}

static bool read_options(int argc, char **argv, uint16_t *port)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "to", required_argument, NULL, 't' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == '?')
			return false;
		if (option == 'l' ? !read_port(optarg, port) : !read_destination(optarg))
			return false;
	}
	if (optind < argc) {
		fprintf(stderr, "ft-relay: unexpected argument \"%s\"; see --help\n", argv[optind]);
		return false;
	}
	if (*port != 0 && destination.sin_port != 0)
		return true;
	fprintf(stderr, "ft-relay: expected --listen PORT and --to ADDRESS:PORT; see --help\n");
	return false;
}

static void print_help(void)
{
	printf("usage: ft-relay --config FILE --listen PORT --to ADDRESS:PORT [OPTION]...\n"
	       "Carries TCP connections to another address, and the answers back.\n\n"
	       "  --listen PORT       where connections are accepted\n"
	       "  --to ADDRESS:PORT   where each is carried\n"
	       "  --help, --version\n\n"
	       "Options of the stack, over those of the file:\n");
	ft_print_help(stdout);
	printf("\nSIGUSR1 prints statistics; SIGINT and SIGTERM end the relay.\n");
}

int main(int argc, char **argv)
{
	uint16_t port = 0;
	int status = 2;

	setvbuf(stdout, NULL, _IOLBF, 0);
	// These need neither NIC nor configuration.
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		print_help();
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("ft-relay %s\n", FT_VERSION);
		return 0;
	}
	handle_signals(); // one that comes while the stack starts is heeded, too
	if (ft_init(&argc, argv) < 0)
		return 1;
	if (read_options(argc, argv, &port))
		status = serve(port);
	ft_exit();
	free_pairs(&open_pairs); // their descriptors were ft_exit()'s to close
	return status;
}
