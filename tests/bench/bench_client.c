#include "bench_client.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fourtuple.h"

#define FIRST_ADDRESS UINT32_C(0x0a010001) // 10.1.0.1, then 10.1.1.1 and so on

uint32_t bench_client_addresses(uint32_t connections)
{
	uint32_t wanted = (connections + BENCH_CLIENT_PORTS - 1) / BENCH_CLIENT_PORTS;

	return wanted < BENCH_CLIENT_ADDRESSES ? wanted : BENCH_CLIENT_ADDRESSES;
}

uint32_t bench_client_address(uint32_t index)
{
	return FIRST_ADDRESS + (index << 8);
}

void bench_client_start(struct bench_client *client, uint32_t server, uint32_t connections)
{
	*client = (struct bench_client){
		.epoll = ft_epoll_create1(0),
		.fds = malloc(connections * sizeof(client->fds[0])),
		.connections = connections,
		.server = server,
	};
	if (client->epoll < 0 || client->fds == NULL)
		err(1, "the client can't start");
	memset(client->fds, 0xff, connections * sizeof(client->fds[0]));
}

void bench_client_free(struct bench_client *client)
{
	free(client->fds);
}

static void watch(struct bench_client *client, uint32_t number, int how, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u32 = number };

	if (ft_epoll_ctl(client->epoll, how, client->fds[number], &event) < 0)
		err(1, "epoll_ctl");
}

// Our addresses in turn; when each has used its ports, the same again to the server's next port.
void bench_client_connect(struct bench_client *client, uint32_t number)
{
	uint32_t addresses = bench_client_addresses(client->connections);
	uint32_t port = number / (addresses * BENCH_CLIENT_PORTS);
	struct sockaddr_in here = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(bench_client_address(number % addresses)),
	};
	struct sockaddr_in there = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)(BENCH_SERVER_PORT + port)),
		.sin_addr.s_addr = htonl(client->server),
	};
	int fd = ft_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	const int yes = 1;

	// Without that option bind() would take a port from both of the server's.
	if (fd < 0 ||
		ft_setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes)) < 0 ||
		ft_bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 ||
		(ft_connect(fd, (struct sockaddr *)&there, sizeof(there)) < 0 &&
			errno != EINPROGRESS))
		err(1, "connection %u", number);
	client->fds[number] = fd;
	watch(client, number, EPOLL_CTL_ADD, EPOLLOUT);
}

static uint8_t request_of(uint32_t number)
{
	return (uint8_t)(number * 31 + 7);
}

void bench_client_ask(struct bench_client *client, uint32_t number)
{
	uint8_t request = request_of(number);

	if (ft_send(client->fds[number], &request, 1, MSG_NOSIGNAL) != 1)
		err(1, "connection %u: send", number);
}

static void become_established(struct bench_client *client, uint32_t number)
{
	int error = 0;
	socklen_t length = sizeof(error);

	ft_getsockopt(client->fds[number], SOL_SOCKET, SO_ERROR, &error, &length);
	if (error != 0)
		errx(1, "connection %u: %s", number, strerror(error));
	client->established++;
	watch(client, number, EPOLL_CTL_MOD, EPOLLIN);
}

static void take_answer(struct bench_client *client, uint32_t number)
{
	uint8_t answer[2];
	ssize_t count = ft_recv(client->fds[number], answer, sizeof(answer), 0);

	if (count < 0)
		err(1, "connection %u: recv", number);
	if (count != 1 || answer[0] != request_of(number))
		errx(1, "connection %u: the answer is not what was sent", number);
	client->answered++;
}

void bench_client_serve(struct bench_client *client)
{
	struct epoll_event events[BENCH_SERVER_EVENTS];
	int count = ft_epoll_wait(client->epoll, events, BENCH_SERVER_EVENTS, 0);

	if (count < 0)
		err(1, "epoll_wait");
	for (int i = 0; i < count; i++) {
		if (events[i].events & EPOLLOUT)
			become_established(client, events[i].data.u32);
		else
			take_answer(client, events[i].data.u32);
	}
}
