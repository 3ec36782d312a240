#include "application.h"

#include <stdlib.h>

#include "fourtuple.h"
#include "fuzz_host.h"

// Descriptors below stay open; those from here on are opened and closed at random.
#define FIRST_LOOSE 7
#define LOOSE	    40

static char bytes[8192];

static struct sockaddr_in name_of(uint32_t ip, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)
	};
}

static int open_bound(int type, uint16_t port)
{
	const struct sockaddr_in name = name_of(INADDR_ANY, port);
	int fd = ft_socket(AF_INET, type | SOCK_NONBLOCK, 0);

	fuzz_check(fd >= 0);
	fuzz_check(ft_bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0);
	return fd;
}

void fuzz_application_open(void)
{
	const struct sockaddr_in peer = name_of(FUZZ_PEER, FUZZ_PEER_PORT);

	fuzz_check(ft_listen(open_bound(SOCK_STREAM, FUZZ_TCP_PORT), 16) == 0);
	fuzz_check(ft_listen(open_bound(SOCK_STREAM, FUZZ_TCP_PORT + 1), 1) == 0);
	open_bound(SOCK_DGRAM, FUZZ_UDP_PORT);
	fuzz_check(ft_connect(open_bound(SOCK_DGRAM, FUZZ_CONNECTED_PORT),
			   (const struct sockaddr *)&peer, sizeof(peer)) == 0);
}

static int any_loose(struct fuzz_choice *choice)
{
	return FIRST_LOOSE + (int)fuzz_choose(choice, LOOSE);
}

static int any(struct fuzz_choice *choice)
{
	return 3 + (int)fuzz_choose(choice, FIRST_LOOSE - 3 + LOOSE);
}

static void connect_something(struct fuzz_choice *choice)
{
	const uint32_t ip = fuzz_choose_once_in(choice, 8) ? FUZZ_US : FUZZ_PEER;
	const struct sockaddr_in name = name_of(ip, 7 + fuzz_choose(choice, 4));
	int type = fuzz_choose_once_in(choice, 8) ? SOCK_DGRAM : SOCK_STREAM;
	int fd = ft_socket(AF_INET, type | SOCK_NONBLOCK, 0);

	if (fd >= 0)
		ft_connect(fd, (const struct sockaddr *)&name, sizeof(name));
}

static void talk(struct fuzz_choice *choice)
{
	const struct sockaddr_in name = name_of(FUZZ_PEER, FUZZ_PEER_PORT);
	const size_t count = fuzz_choose(choice, sizeof(bytes));
	const int flags = MSG_NOSIGNAL | (fuzz_choose_once_in(choice, 16) ? MSG_OOB : 0);

	if (fuzz_choose(choice, 4) == 0)
		ft_sendto(any(choice), bytes, count, flags | MSG_DONTWAIT,
			(const struct sockaddr *)&name, sizeof(name));
	else
		ft_send(any_loose(choice), bytes, count, flags | MSG_DONTWAIT);
}

static void hear(struct fuzz_choice *choice)
{
	static const int ways[] = { 0, 0, 0, 0, MSG_PEEK, MSG_TRUNC, MSG_OOB };
	const int flags = MSG_DONTWAIT | ways[fuzz_choose(choice, RTE_DIM(ways))];
	const size_t count = fuzz_choose(choice, sizeof(bytes));

	ft_recv(any(choice), bytes, count, flags);
}

static void set_something(struct fuzz_choice *choice)
{
	static const struct {
		int level, name;
	} options[] = { { SOL_SOCKET, SO_KEEPALIVE }, { SOL_SOCKET, SO_RCVBUF },
		{ SOL_SOCKET, SO_OOBINLINE }, { IPPROTO_TCP, TCP_NODELAY },
		{ IPPROTO_TCP, TCP_CORK }, { IPPROTO_TCP, TCP_MAXSEG },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT }, { IPPROTO_TCP, TCP_QUICKACK } };
	const uint32_t which = fuzz_choose(choice, RTE_DIM(options));
	const int value = (int)fuzz_choose(choice, 65536);

	ft_setsockopt(
		any(choice), options[which].level, options[which].name, &value, sizeof(value));
}

static void shut_something(struct fuzz_choice *choice)
{
	const int how = (int)fuzz_choose(choice, 3);

	ft_shutdown(any_loose(choice), how);
}

static void close_something(struct fuzz_choice *choice)
{
	const struct linger linger = { .l_onoff = fuzz_choose_once_in(choice, 4) };
	const int fd = any_loose(choice);

	ft_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	ft_close(fd);
}

void fuzz_application_act(struct fuzz_choice *choice)
{
	switch (fuzz_choose(choice, 12)) {
	case 0:
	case 1:
	case 2:
		ft_accept4(3 + (int)fuzz_choose(choice, 2), NULL, NULL, SOCK_NONBLOCK);
		break;
	case 3:
		connect_something(choice);
		break;
	case 4:
	case 5:
		talk(choice);
		break;
	case 6:
	case 7:
	case 8:
		hear(choice);
		break;
	case 9:
		set_something(choice);
		break;
	case 10:
		shut_something(choice);
		break;
	default:
		close_something(choice);
	}
}
