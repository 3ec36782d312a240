#include "bench_server.h"

#include <err.h>
#include <errno.h>

#include "fourtuple.h"

#define BACKLOG 4096
#define CHUNK	65536 // bytes of bulk in one call

static int listen_at(uint16_t port)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = ft_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (ft_bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 || ft_listen(fd, BACKLOG) < 0)
		err(1, "the server can't listen");
	return fd;
}

void bench_server_start(struct bench_server *server, uint32_t ports)
{
	struct epoll_event event = { .events = EPOLLIN };

	server->listener = listen_at(BENCH_SERVER_PORT);
	for (server->listeners = 1; server->listeners < ports; server->listeners++)
		listen_at((uint16_t)(BENCH_SERVER_PORT + server->listeners));
	server->epoll = ft_epoll_create1(0);
	for (uint32_t i = 0; i < ports; i++) {
		event.data.fd = server->listener + (int)i;
		if (ft_epoll_ctl(server->epoll, EPOLL_CTL_ADD, event.data.fd, &event) < 0)
			err(1, "epoll_ctl");
	}
}

static void watch(struct bench_server *server, int fd)
{
	struct epoll_event event = {
		.events = server->role == BENCH_SOURCE ? EPOLLOUT : EPOLLIN,
		.data.fd = fd,
	};

	if (ft_epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		err(1, "epoll_ctl");
}

void bench_server_connect(struct bench_server *server, uint32_t address, uint32_t count)
{
	struct sockaddr_in there = {
		.sin_family = AF_INET,
		.sin_port = htons(BENCH_SERVER_PORT),
		.sin_addr.s_addr = htonl(address),
	};

	server->listener = -1;
	if (server->epoll == 0) // the first of several calls
		server->epoll = ft_epoll_create1(0);
	for (uint32_t i = 0; i < count; i++) {
		int fd = ft_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		if (ft_connect(fd, (struct sockaddr *)&there, sizeof(there)) < 0 &&
			errno != EINPROGRESS)
			err(1, "connect");
		watch(server, fd);
	}
}

static void accept_all(struct bench_server *server, int listener)
{
	int fd;

	while ((fd = ft_accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		watch(server, fd);
		server->accepted++;
	}
	if (errno != EAGAIN)
		err(1, "accept");
}

static void end(struct bench_server *server, int fd)
{
	ft_close(fd);
	server->ended++;
}

static void answer(struct bench_server *server, int fd)
{
	char bytes[CHUNK];
	ssize_t count = ft_recv(fd, bytes, sizeof(bytes), 0);

	if (count <= 0) {
		end(server, fd);
		return;
	}
	server->reads++;
	server->bytes += count;
	if (server->role == BENCH_SINK)
		return;
	if (ft_send(fd, bytes, count, MSG_NOSIGNAL) != count)
		err(1, "send");
	if (server->closes_first)
		end(server, fd);
}

static void write_more(struct bench_server *server, int fd)
{
	static const char bytes[CHUNK];

	if (ft_send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) < 0 && errno != EAGAIN)
		err(1, "send");
}

void bench_server_serve(struct bench_server *server)
{
	struct epoll_event events[BENCH_SERVER_EVENTS];
	int count = ft_epoll_wait(server->epoll, events, BENCH_SERVER_EVENTS, 0);

	if (count < 0)
		err(1, "epoll_wait");
	for (int i = 0; i < count; i++) {
		if ((uint32_t)(events[i].data.fd - server->listener) < server->listeners)
			accept_all(server, events[i].data.fd);
		else if (server->role == BENCH_SOURCE)
			write_more(server, events[i].data.fd);
		else
			answer(server, events[i].data.fd);
	}
}
