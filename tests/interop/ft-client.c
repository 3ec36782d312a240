// fourtuple as the client: what the interop tests let connect to servers on the kernel.
//
//	ft-client tcp ADDRESS PORT
//		standard input to the peer, the peer to standard output
//	ft-client udp ADDRESS PORT SIZE...
//		sends a datagram of each size, wants it back the same
//	ft-client goodbye ADDRESS PORT
//		sends a datagram as the last thing it does
//	ft-client many ADDRESS PORT COUNT
//		so many connections at once; each sends its number, wants it back
//
// All take fourtuple's own options, --config FILE first of all.
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fourtuple.h"

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "ft-client: %s: %s\n", what, strerror(errno));
	ft_exit();
	exit(EXIT_FAILURE);
}

static int connect_to(const struct sockaddr_in *peer, int type)
{
	int fd = ft_socket(AF_INET, type, 0);

	if (fd < 0)
		fail("socket");
	if (ft_connect(fd, (const struct sockaddr *)peer, sizeof(*peer)) < 0 &&
		errno != EINPROGRESS)
		fail("connect");
	return fd;
}

// ---- tcp: as netcat does ----

struct outgoing {
	char bytes[65536];
	size_t first; // not yet sent: bytes[first] to bytes[end - 1]
	size_t end;
	bool is_over;
};

// Sends what there is; the end of standard input becomes a FIN.
static void send_some(int fd, struct outgoing *out)
{
	ssize_t count;

	if (out->first == out->end) {
		count = read(STDIN_FILENO, out->bytes, sizeof(out->bytes));
		if (count < 0)
			fail("standard input");
		out->first = 0;
		out->end = count;
		out->is_over = count == 0;
		if (out->is_over && ft_shutdown(fd, SHUT_WR) < 0)
			fail("shutdown");
		return;
	}
	count = ft_send(
		fd, out->bytes + out->first, out->end - out->first, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (count < 0 && errno != EAGAIN)
		fail("send");
	if (count > 0)
		out->first += count;
}

// Returns false at the end of the stream.
static bool receive_some(int fd)
{
	char bytes[65536];
	ssize_t count = ft_recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (count < 0 && errno != EAGAIN)
		fail("recv");
	if (count > 0 && write(STDOUT_FILENO, bytes, count) != count)
		fail("standard output");
	return count != 0;
}

static void run_tcp(const struct sockaddr_in *peer)
{
	static struct outgoing out;
	int fd = connect_to(peer, SOCK_STREAM);

	while (receive_some(fd)) {
		if (!out.is_over)
			send_some(fd, &out);
	}
	// The peer has ended; what we still have to say is said nevertheless.
	while (!out.is_over)
		send_some(fd, &out);
	ft_close(fd);
}

// ---- udp ----

static void echo_datagram(int fd, size_t size)
{
	static uint8_t sent[65536], received[65536];
	ssize_t count;

	for (size_t i = 0; i < size; i++)
		sent[i] = i * 7 + size;
	if (ft_send(fd, sent, size, 0) != (ssize_t)size)
		fail("send");
	count = ft_recv(fd, received, sizeof(received), 0);
	if (count < 0) {
		fprintf(stderr, "ft-client: of %zu bytes sent\n", size);
		fail("recv");
	}
	if (count != (ssize_t)size || memcmp(sent, received, size) != 0) {
		fprintf(stderr, "ft-client: sent %zu bytes, others came back (%zd)\n", size, count);
		ft_exit();
		exit(EXIT_FAILURE);
	}
}

static void set_patience(int fd, time_t seconds)
{
	struct timeval patience = { .tv_sec = seconds };

	ft_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

// The kernel's end of a tap gets its address while we start, and answers no ARP before. What is sent meanwhile
// waits, and is dropped (arp_unresolved) when the third request, too, has had no answer for a second. So it is
// on Linux (RFC 1122 2.3.2.2 asks for no more than that the latest waits), and not what is tested here.
static void knock(int fd)
{
	char byte;
	ssize_t count = -1;

	set_patience(fd, 1);
	errno = EAGAIN;
	for (int i = 0; i < 5 && count < 0 && errno == EAGAIN; i++) {
		if (ft_send(fd, &byte, 0, 0) < 0)
			fail("send");
		count = ft_recv(fd, &byte, 1, 0);
	}
	while (ft_recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
		;
}

static void run_udp(const struct sockaddr_in *peer, char **sizes)
{
	int fd = connect_to(peer, SOCK_DGRAM);

	knock(fd);
	set_patience(fd, 5);
	for (; *sizes != NULL; sizes++)
		echo_datagram(fd, strtoul(*sizes, NULL, 10));
	ft_close(fd);
}

static void run_goodbye(const struct sockaddr_in *peer)
{
	if (ft_send(connect_to(peer, SOCK_DGRAM), "goodbye", 7, 0) != 7)
		fail("send");
}

// ---- many ----

// A connection's number goes out as soon as it is up, and must come back on the same one.
static bool serve_event(int epoll, const struct epoll_event *event)
{
	uint32_t number = event->data.fd, answer;
	int fd = event->data.fd;
	struct epoll_event reading = { .events = EPOLLIN, .data.fd = fd };

	if (event->events & EPOLLOUT) {
		if (ft_send(fd, &number, sizeof(number), MSG_NOSIGNAL) != sizeof(number))
			fail("send");
		ft_epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &reading);
		return false;
	}
	if (ft_recv(fd, &answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
		fail("recv");
	if (answer != number) {
		errno = EBADMSG;
		fail("answer");
	}
	ft_epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
	return true;
}

static void run_many(const struct sockaddr_in *peer, uint32_t count)
{
	struct epoll_event events[64];
	int *fds = calloc(count, sizeof(*fds));
	int epoll = ft_epoll_create1(0);
	uint32_t answered = 0;

	if (epoll < 0 || fds == NULL)
		fail("epoll");
	for (uint32_t i = 0; i < count; i++) {
		struct epoll_event writing = { .events = EPOLLOUT };

		fds[i] = writing.data.fd = connect_to(peer, SOCK_STREAM | SOCK_NONBLOCK);
		if (ft_epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &writing) < 0)
			fail("epoll_ctl");
	}
	while (answered < count) {
		int ready = ft_epoll_wait(epoll, events, 64, 10000);

		if (ready == 0)
			errno = ETIMEDOUT;
		if (ready <= 0)
			fail("epoll_wait");
		for (int i = 0; i < ready; i++)
			answered += serve_event(epoll, &events[i]);
	}
	for (uint32_t i = 0; i < count; i++)
		ft_close(fds[i]);
	ft_close(epoll);
	free(fds);
	printf("%u connections\n", answered);
}

int main(int argc, char **argv)
{
	struct sockaddr_in peer = { .sin_family = AF_INET };

	if (ft_init(&argc, argv) < 0)
		return EXIT_FAILURE;
	if (argc < 4 || inet_pton(AF_INET, argv[2], &peer.sin_addr) != 1) {
		fprintf(stderr,
			"usage: ft-client tcp|udp|goodbye|many ADDRESS PORT [SIZE...|COUNT]\n");
		ft_exit();
		return 2;
	}
	peer.sin_port = htons(atoi(argv[3]));
	if (strcmp(argv[1], "tcp") == 0)
		run_tcp(&peer);
	else if (strcmp(argv[1], "udp") == 0)
		run_udp(&peer, argv + 4);
	else if (strcmp(argv[1], "goodbye") == 0)
		run_goodbye(&peer);
	else if (strcmp(argv[1], "many") == 0 && argc == 5)
		run_many(&peer, atoi(argv[4]));
	ft_exit();
	return EXIT_SUCCESS;
}
