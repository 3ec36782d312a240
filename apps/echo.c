// ft-echo: sends back what it receives, over TCP (RFC 862) and UDP. One thread, one epoll loop; but
// for the ft_ in front of the calls it is what one would write for a kernel's sockets.
//
//	main ─► listen_on_tcp, open_udp ─► run: ft_epoll_wait ─► accept_peers     a listener
//	                                                      ├► echo_datagram    a UDP socket
//	                                                      └► echo_stream, flush_peer   a
//connection
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "apps/values.h"
#include "fourtuple.h"

#define ECHO_PORT 7 // IANA's
#define PORTS	  64
#define EVENTS	  64
#define CHUNK	  16384 // of a stream, read at once
#define DATAGRAM  65536

enum role { FREE, LISTENER, UDP, PEER };

// What we know of a descriptor. A peer that reads slower than it sends makes us keep what it has
// not taken, one chunk at most: meanwhile nothing more is read from it, so that the window closes
// and it has to wait. The buffer is there only then.
struct descriptor {
	enum role role;
	char *unsent;
	size_t unsent_begin;
	size_t unsent_end;
};

struct ports {
	uint16_t list[PORTS];
	int count;
};

static struct statistics {
	uint64_t accepted;
	uint64_t open;
	uint64_t failed; // connections that ended with an error, or could not be accepted
	uint64_t stream_bytes;
	uint64_t datagrams;
	uint64_t datagram_bytes;
	uint64_t datagrams_lost; // which could not be sent back
} statistics;

static int epoll_fd;
static struct descriptor *descriptors; // by number
static int descriptor_count;

static volatile sig_atomic_t is_stopping;
static volatile sig_atomic_t is_asked_for_statistics;

// ---- descriptors ----

static struct descriptor *find_descriptor(int fd)
{
	int count = descriptor_count > 0 ? descriptor_count : 64;
	struct descriptor *grown;

	while (count <= fd)
		count *= 2;
	if (count > descriptor_count) {
		grown = realloc(descriptors, count * sizeof(*descriptors));
		if (grown == NULL)
			return NULL;
		memset(grown + descriptor_count, 0,
			(count - descriptor_count) * sizeof(*descriptors));
		descriptors = grown;
		descriptor_count = count;
	}
	return &descriptors[fd];
}

static int watch(int fd, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return ft_epoll_ctl(epoll_fd, operation, fd, &event);
}

static int add_descriptor(int fd, enum role role)
{
	struct descriptor *descriptor = find_descriptor(fd);

	if (descriptor == NULL || watch(fd, EPOLL_CTL_ADD, EPOLLIN) < 0)
		return -1;
	descriptor->role = role;
	return 0;
}

static void close_descriptor(int fd)
{
	struct descriptor *descriptor = find_descriptor(fd);

	if (descriptor != NULL) {
		free(descriptor->unsent);
		*descriptor = (struct descriptor){ 0 };
	}
	ft_close(fd);
}

// Connections are ft_exit()'s to close; what was kept for them is ours.
static void free_descriptors(void)
{
	for (int i = 0; i < descriptor_count; i++)
		free(descriptors[i].unsent);
	free(descriptors);
}

// ---- TCP ----

static void close_peer(int fd, bool has_failed)
{
	statistics.open--;
	statistics.failed += has_failed;
	close_descriptor(fd);
}

// Sends `bytes`, or as many of them as the peer has room for. Returns how many, or -1.
static ssize_t send_back(int fd, const char *bytes, size_t count)
{
	ssize_t sent = ft_send(fd, bytes, count, MSG_NOSIGNAL);

	if (sent < 0 && errno == EAGAIN)
		return 0;
	if (sent > 0)
		statistics.stream_bytes += sent;
	return sent;
}

// Keeps what the peer has no room for and waits until it has some, instead of for more from it.
static int keep(int fd, const char *bytes, size_t count)
{
	struct descriptor *peer = &descriptors[fd];

	peer->unsent = malloc(count);
	if (peer->unsent == NULL)
		return -1;
	memcpy(peer->unsent, bytes, count);
	peer->unsent_begin = 0;
	peer->unsent_end = count;
	return watch(fd, EPOLL_CTL_MOD, EPOLLOUT);
}

// One read for each event, so that everyone gets their turn.
static void echo_stream(int fd)
{
	static char bytes[CHUNK];
	ssize_t received = ft_recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	ssize_t sent;

	if (received < 0 && errno == EAGAIN)
		return;
	if (received <= 0) { // an error, or the end of the stream: then ours ends too
		close_peer(fd, received < 0);
		return;
	}
	sent = send_back(fd, bytes, received);
	if (sent < 0 || (sent < received && keep(fd, bytes + sent, received - sent) < 0))
		close_peer(fd, true);
}

static void flush_peer(int fd)
{
	struct descriptor *peer = &descriptors[fd];
	ssize_t sent = send_back(
		fd, peer->unsent + peer->unsent_begin, peer->unsent_end - peer->unsent_begin);

	if (sent < 0) {
		close_peer(fd, true);
		return;
	}
	peer->unsent_begin += sent;
	if (peer->unsent_begin < peer->unsent_end)
		return;
	free(peer->unsent);
	peer->unsent = NULL;
	watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

static void add_peer(int fd)
{
	const int yes = 1;

	statistics.accepted++;
	statistics.open++;
	// An echo has nothing to gather: without this, small ones would wait for the peer's ACK
	// (Nagle).
	ft_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (add_descriptor(fd, PEER) < 0)
		close_peer(fd, true);
}

static void accept_peers(int listener)
{
	int fd;

	while ((fd = ft_accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		add_peer(fd);
	// Others may follow one that is gone again; while there are no descriptors, they wait.
	if (errno != EAGAIN && errno != EINTR && errno != EMFILE)
		statistics.failed++;
}

static int listen_on_tcp(uint16_t port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = ft_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || ft_bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0)
		return -1;
	if (ft_listen(fd, SOMAXCONN) < 0)
		return -1;
	return add_descriptor(fd, LISTENER);
}

// ---- UDP ----

static void echo_datagram(int fd)
{
	static char bytes[DATAGRAM];
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	ssize_t received =
		ft_recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length);

	if (received < 0)
		return;
	statistics.datagrams++;
	if (ft_sendto(fd, bytes, received, 0, (struct sockaddr *)&from, length) == received)
		statistics.datagram_bytes += received;
	else
		statistics.datagrams_lost++;
}

// A socket for each of our addresses: so the answer comes from the one that was asked.
static int open_udp(uint16_t port)
{
	struct sockaddr_in here;
	socklen_t length = sizeof(here);

	for (unsigned i = 0; ft_local_address(i, (struct sockaddr *)&here, &length) == 0; i++) {
		int fd = ft_socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

		here.sin_port = htons(port);
		if (fd < 0 || ft_bind(fd, (struct sockaddr *)&here, length) < 0 ||
			add_descriptor(fd, UDP) < 0)
			return -1;
		length = sizeof(here);
	}
	return 0;
}

// ---- the loop ----

static void print_statistics(void)
{
	printf("ft-echo: tcp %" PRIu64 " accepted, %" PRIu64 " open, %" PRIu64 " failed, %" PRIu64
	       " bytes echoed; udp %" PRIu64 " datagrams, %" PRIu64 " bytes echoed, %" PRIu64
	       " lost\n",
		statistics.accepted, statistics.open, statistics.failed, statistics.stream_bytes,
		statistics.datagrams, statistics.datagram_bytes, statistics.datagrams_lost);
}

static void handle(const struct epoll_event *event)
{
	int fd = event->data.fd;

	switch (descriptors[fd].role) {
	case LISTENER:
		accept_peers(fd);
		break;
	case UDP:
		echo_datagram(fd);
		break;
	case PEER:
		if (descriptors[fd].unsent != NULL)
			flush_peer(fd);
		else
			echo_stream(fd);
		break;
	case FREE:
		break;
	}
}

static int run(void)
{
	struct epoll_event events[EVENTS];
	int count;

	while (!is_stopping) {
		count = ft_epoll_wait(epoll_fd, events, EVENTS, -1);
		if (count < 0 && errno != EINTR) {
			perror("ft-echo: ft_epoll_wait");
			return 1;
		}
		for (int i = 0; i < count; i++)
			handle(&events[i]);
		if (is_asked_for_statistics) {
			is_asked_for_statistics = 0;
			print_statistics();
			ft_print_statistics(stdout);
		}
	}
	print_statistics();
	return 0;
}

// ---- the beginning ----

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

static void complain(const char *protocol, uint16_t port)
{
	fprintf(stderr, "ft-echo: %s port %u: %s%s\n", protocol, port, strerror(errno),
		errno == EACCES ? "; run as root, or choose one from ip.unprivileged_port_start on "
				  "(1024) with --tcp and --udp"
				: "");
}

static int open_ports(const struct ports *tcp, const struct ports *udp)
{
	for (int i = 0; i < tcp->count; i++) {
		if (listen_on_tcp(tcp->list[i]) < 0) {
			complain("tcp", tcp->list[i]);
			return -1;
		}
	}
	for (int i = 0; i < udp->count; i++) {
		if (open_udp(udp->list[i]) < 0) {
			complain("udp", udp->list[i]);
			return -1;
		}
	}
	return 0;
}

// "ft-echo: listening on 10.9.0.2 tcp 7 udp 7": scripts wait for this line.
static void print_ready(const struct ports *tcp, const struct ports *udp)
{
	struct sockaddr_in here;
	socklen_t length = sizeof(here);

	printf("ft-echo: listening on");
	for (unsigned i = 0; ft_local_address(i, (struct sockaddr *)&here, &length) == 0; i++)
		printf(" %s", inet_ntoa(here.sin_addr));
	for (int i = 0; i < tcp->count; i++)
		printf(" tcp %u", tcp->list[i]);
	for (int i = 0; i < udp->count; i++)
		printf(" udp %u", udp->list[i]);
	printf("\n");
}

static int serve(const struct ports *tcp, const struct ports *udp)
{
	epoll_fd = ft_epoll_create1(0);
	if (epoll_fd < 0) {
		perror("ft-echo: ft_epoll_create1");
		return 1;
	}
	if (open_ports(tcp, udp) < 0)
		return 1;
	print_ready(tcp, udp);
	return run();
}

static bool add_port(struct ports *ports, const char *text)
{
	uint16_t port;

	if (!value_read_port(text, &port)) {
		fprintf(stderr, "ft-echo: %s: expected a port from 1 to 65535\n", text);
		return false;
	}
	if (ports->count == PORTS) {
		fprintf(stderr, "ft-echo: expected at most %d ports\n", PORTS);
		return false;
	}
	ports->list[ports->count++] = port;
	return true;
}

static void print_help(void)
{
	printf("usage: ft-echo --config FILE [--tcp PORT]... [--udp PORT]... [OPTION]...\n"
	       "Sends back what it receives.\n\n"
	       "  --tcp PORT, --udp PORT\n        where to listen; default 7 for both\n"
	       "  --help, --version\n\n"
	       "Options of the stack, over those of the file:\n");
	ft_print_help(stdout);
	printf("\nSIGUSR1 prints statistics; SIGINT and SIGTERM end the server.\n");
}

static bool read_ports(int argc, char **argv, struct ports *tcp, struct ports *udp)
{
	static const struct option options[] = {
		{ "tcp", required_argument, NULL, 't' },
		{ "udp", required_argument, NULL, 'u' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		if (option == '?' || !add_port(option == 't' ? tcp : udp, optarg))
			return false;
	if (optind < argc) {
		fprintf(stderr, "ft-echo: %s: expected an option; see --help\n", argv[optind]);
		return false;
	}
	if (tcp->count == 0)
		tcp->list[tcp->count++] = ECHO_PORT;
	if (udp->count == 0)
		udp->list[udp->count++] = ECHO_PORT;
	return true;
}

// --help and --version need neither NIC nor configuration.
static bool has_asked(int argc, char **argv, const char *option)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], option) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct ports tcp = { 0 }, udp = { 0 };
	int status = 2;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (has_asked(argc, argv, "--help")) {
		print_help();
		return 0;
	}
	if (has_asked(argc, argv, "--version")) {
		printf("ft-echo %s\n", FT_VERSION);
		return 0;
	}
	handle_signals(); // one that comes while the stack starts is heeded, too
	if (ft_init(&argc, argv) < 0)
		return 1;
	if (read_ports(argc, argv, &tcp, &udp))
		status = serve(&tcp, &udp);
	ft_exit();
	free_descriptors();
	return status;
}
