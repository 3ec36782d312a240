// The kernel's end of a bulk transfer: "bulk-peer PORT-OF-SINK PORT-OF-SOURCE". Who connects to the
// first may send as much as it likes, who connects to the second is sent as much as it takes. One
// thread, one epoll loop; ends with SIGTERM.
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK  (256 * 1024)
#define EVENTS 64

enum role { SINK, SOURCE, SINK_LISTENER, SOURCE_LISTENER };

static char bytes[CHUNK];
static int epoll_fd;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(int fd, enum role role)
{
	struct epoll_event event = {
		.events = role == SOURCE ? EPOLLOUT : EPOLLIN,
		.data.u64 = (uint64_t)role << 32 | (uint32_t)fd,
	};

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("bulk-peer: epoll_ctl");
}

static void listen_on(const char *port, enum role role)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)) };
	const int yes = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 ||
		listen(fd, SOMAXCONN) < 0)
		fail("bulk-peer");
	watch(fd, role);
}

static void accept_peer(int listener, enum role role)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	if (fd >= 0)
		watch(fd, role);
}

static void handle(enum role role, int fd)
{
	ssize_t count;

	if (role == SINK_LISTENER || role == SOURCE_LISTENER) {
		accept_peer(fd, role == SINK_LISTENER ? SINK : SOURCE);
		return;
	}
	count = role == SINK ? recv(fd, bytes, sizeof(bytes), 0)
			     : send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
	if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
		close(fd);
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];

	if (argc != 3) {
		fprintf(stderr, "usage: bulk-peer PORT-OF-SINK PORT-OF-SOURCE\n");
		return 2;
	}
	epoll_fd = epoll_create1(0);
	listen_on(argv[1], SINK_LISTENER);
	listen_on(argv[2], SOURCE_LISTENER);
	printf("bulk-peer: listening\n");
	fflush(stdout);
	while (true) {
		int count = epoll_wait(epoll_fd, events, EVENTS, -1);

		for (int i = 0; i < count; i++)
			handle((enum role)(events[i].data.u64 >> 32),
				(int)(uint32_t)events[i].data.u64);
	}
}
