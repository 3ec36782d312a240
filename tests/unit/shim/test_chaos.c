// Calls at random, in any order, on any descriptor: whatever a program does, nothing is lost, and in the
// end every packet, socket, port and connection is back. Run with sanitizers it finds what is used
// after its end.
#include "shim_support.h"

#define DESCRIPTORS 40
#define CALLS	    6000
#define SEEDS	    60

static uint32_t below(uint32_t limit)
{
	return ft_random_below(&lone.stack.random, limit);
}

static int any_descriptor(void)
{
	return 3 + below(DESCRIPTORS);
}

static void open_something(void)
{
	int type = below(3) == 0 ? SOCK_DGRAM : SOCK_STREAM;

	if (below(10) == 0)
		ft_epoll_create1(0);
	else
		ft_socket(AF_INET, type | SOCK_NONBLOCK, 0);
}

static void name_something(void)
{
	int fd = any_descriptor();

	if (below(2) == 0)
		ft_setsockopt(fd, SOL_SOCKET, below(2) ? SO_REUSEADDR : SO_REUSEPORT, &(int){ 1 },
			sizeof(int));
	bind_to(fd, below(2) ? ANY : OURS, 7000 + below(5));
	if (below(2) == 0)
		ft_listen(fd, below(4));
}

static void connect_something(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = any_descriptor();

	if (below(20) == 0)
		ft_connect(fd, &none, sizeof(none));
	else
		connect_to(fd, below(20) ? OURS : PEER, 7000 + below(5));
}

static void talk(void)
{
	static char bytes[3000];
	struct sockaddr_in name = name_of(OURS, 7000 + below(5));
	int fd = any_descriptor();
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (below(30) ? 0 : MSG_OOB);

	if (below(2) == 0)
		ft_send(fd, bytes, below(sizeof(bytes)), flags);
	else
		ft_sendto(fd, bytes, below(sizeof(bytes)), flags, AND_LENGTH(name));
}

static void hear(void)
{
	static const int more[] = { 0, 0, 0, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_OOB };
	static char bytes[3000];

	ft_recv(any_descriptor(), bytes, below(sizeof(bytes)), MSG_DONTWAIT | more[below(7)]);
}

static void watch_something(void)
{
	static const uint32_t modes[] = { 0, EPOLLET, EPOLLONESHOT, EPOLLET | EPOLLONESHOT };
	struct epoll_event events[4] = { { .events = EPOLLIN | EPOLLOUT | modes[below(4)] } };
	int epoll = any_descriptor();

	for (int i = 0; i < 3; i++)
		ft_epoll_ctl(epoll, 1 + below(3), any_descriptor(), events);
	ft_epoll_wait(epoll, events, 1 + below(4), 0);
}

static void set_something(void)
{
	struct linger linger = { .l_onoff = below(2), .l_linger = 0 };
	int fd = any_descriptor(), on = below(2);

	ft_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	ft_setsockopt(fd, IPPROTO_TCP, below(2) ? TCP_NODELAY : TCP_CORK, &on, sizeof(on));
	ft_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

static void call_something(void)
{
	switch (below(13)) {
	case 0:
	case 1:
		open_something();
		break;
	case 2:
		name_something();
		break;
	case 3:
	case 4:
		connect_something();
		break;
	case 5:
		ft_accept4(any_descriptor(), NULL, NULL, SOCK_NONBLOCK);
		break;
	case 6:
		talk();
		break;
	case 7:
		hear();
		break;
	case 8:
		watch_something();
		break;
	case 9:
		set_something();
		break;
	case 10:
		ft_shutdown(any_descriptor(), below(3));
		break;
	case 11:
		if (below(2) == 0)
			ft_dup(any_descriptor());
		else
			ft_lone_run_for(&lone, below(200) * FT_MILLISECOND);
		break;
	default:
		ft_close(any_descriptor());
	}
}

static void check_books(void)
{
	const struct ft_counters *counters = &lone.stack.counters;
	uint64_t accounted = counters->count[FT_COUNTER_RX_TAKEN];

	for (int i = 0; i < FT_DROP_COUNT; i++)
		accounted += counters->dropped_input[i];
	assert_int_equal(counters->count[FT_COUNTER_RX_PACKETS], accounted);
}

static void few_descriptors(struct ft_config *config)
{
	config->socket.descriptors = 3 + DESCRIPTORS;
	config->tcp.connections = 200;
}

static void any_order_of_calls_keeps_the_books(void **state)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		ft_lone_start(&lone, few_descriptors);
		ft_random_init(&lone.stack.random, seed);
		for (int i = 0; i < CALLS; i++)
			call_something();
		check_books();
		ft_lone_stop(&lone);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_of_calls_keeps_the_books),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
