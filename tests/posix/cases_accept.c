// listen(2) and accept(2).
#include "steps.h"

static void new_listen_is_named(void)
{
	int fd = new_tcp();

	DO(os->listen(fd, 1));
	DO(own_name(fd));
	DO(get(fd, SOL_SOCKET, SO_ACCEPTCONN));
	DO(tcp_state(fd));
}

static void listening_listen_again(void)
{
	int fd = new_listener();

	DO(os->listen(fd, 1));
	DO(os->listen(fd, 0));
	DO(os->listen(fd, -1));
	DO(os->listen(fd, 1 << 30));
}

static void connected_listen(void)
{
	struct pair pair = new_pair();

	DO(os->listen(pair.client, 1));
	DO(os->listen(pair.server, 1));
	DO(os->listen(new_udp(), 1));
}

static void closed_connection_listen(void)
{
	int fd = new_tcp();

	DO(connect_to(fd, LOCAL, PORT));
	DO(os->listen(fd, 1));
	DO(get(fd, SOL_SOCKET, SO_ACCEPTCONN));
}

static void not_listening_accept(void)
{
	struct pair pair = new_pair();
	int fd = new_tcp();

	DO(os->accept(fd, NULL, NULL));
	MUST(bind_to(fd, LOCAL, OTHER_PORT));
	DO(os->accept(fd, NULL, NULL));
	DO(os->accept(pair.client, NULL, NULL));
	DO(os->accept(new_udp(), NULL, NULL));
}

static void nobody_came_accept(void)
{
	int fd = new_listener();

	MUST(set_nonblocking(fd));
	DO(os->accept(fd, NULL, NULL));
	DO(events_of(fd, ALL_EVENTS));
}

static void nobody_came_accept_times_out(void)
{
	int fd = new_listener();
	uint64_t since = ft_step_clock();

	MUST(set_timeout(fd, SO_RCVTIMEO, 30));
	DO(os->accept(fd, NULL, NULL));
	DO(ft_step_has_passed(since, 30));
}

static void waiting_accept_tells_peer(void)
{
	int listener = new_listener(), client = new_tcp(), server;
	struct sockaddr_in name = { 0 };
	socklen_t length = sizeof(name);

	MUST(bind_to(client, OTHER, OTHER_PORT));
	MUST(connect_to(client, LOCAL, PORT));
	DO(events_of(listener, ALL_EVENTS));
	server = DO(os->accept(listener, (struct sockaddr *)&name, &length));
	ft_step_begin();
	ft_step_say_name(&name, length);
	ft_step_end("name", 0);
	DO(own_name(server));
	DO(events_of(listener, ALL_EVENTS));
}

static void waiting_accept_short_name(void)
{
	int listener = new_listener();
	struct sockaddr_in name = { 0 };
	socklen_t length = 4;

	for (int i = 0; i < 4; i++)
		MUST(connect_to(new_tcp(), LOCAL, PORT));
	DO(os->accept(listener, (struct sockaddr *)&name, &length));
	DO((long)length);
	DO(name.sin_addr.s_addr == 0);
	length = 0;
	DO(os->accept(listener, (struct sockaddr *)&name, &length));
	DO((long)length);
	DO(os->accept(listener, NULL, &length));
	DO((long)length);
	DO(os->accept(listener, NULL, NULL));
}

static void waiting_accept_bad_name(void)
{
	int listener = new_listener();
	struct sockaddr_in name = { 0 };
	socklen_t length = -1;

	MUST(set_nonblocking(listener));
	for (int i = 0; i < 3; i++)
		MUST(connect_to(new_tcp(), LOCAL, PORT));
	DO(os->accept(listener, (struct sockaddr *)&name, &length));
	DO(os->accept(listener, (struct sockaddr *)&name, NULL));
	DO(events_of(listener, POLLIN));
}

// Whether the connection is lost with the mistake.
static void waiting_accept_name_without_length(void)
{
	struct sockaddr_in name = { 0 };
	int listener = new_listener();

	MUST(set_nonblocking(listener));
	MUST(connect_to(new_tcp(), LOCAL, PORT));
	DO(os->accept(listener, (struct sockaddr *)&name, NULL));
	DO(os->accept(listener, NULL, NULL) >= 0);
}

static void waiting_accept_order(void)
{
	int listener = new_listener(), first = new_tcp(), second = new_tcp();

	MUST(bind_to(first, OTHER, PORT));
	MUST(bind_to(second, OTHER, OTHER_PORT));
	MUST(connect_to(first, LOCAL, PORT));
	MUST(connect_to(second, LOCAL, PORT));
	DO(peer_name(MUST(os->accept(listener, NULL, NULL))));
	DO(peer_name(MUST(os->accept(listener, NULL, NULL))));
}

// What of the listener's the accepted socket has: O_NONBLOCK is not.
static void waiting_accept_flags(int nonblocking)
{
	int listener = new_listener(), fd;

	if (nonblocking)
		MUST(os->fcntl(listener, F_SETFL, O_NONBLOCK));
	MUST(os->fcntl(listener, F_SETFD, FD_CLOEXEC));
	for (int i = 0; i < 4; i++)
		MUST(connect_to(new_tcp(), LOCAL, PORT));
	fd = DO(os->accept(listener, NULL, NULL));
	DO(os->fcntl(fd, F_GETFL));
	DO(os->fcntl(fd, F_GETFD));
	fd = DO(os->accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	DO(os->fcntl(fd, F_GETFL));
	DO(os->fcntl(fd, F_GETFD));
	fd = DO(os->accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	DO(os->fcntl(fd, F_GETFL));
	DO(os->fcntl(fd, F_GETFD));
	fd = DO(os->accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
	DO(os->fcntl(fd, F_GETFL));
	DO(os->fcntl(fd, F_GETFD));
}

static void waiting_accept_bad_flags(void)
{
	int listener = new_listener();

	MUST(connect_to(new_tcp(), LOCAL, PORT));
	DO(os->accept4(listener, NULL, NULL, 1));
	DO(os->accept4(listener, NULL, NULL, -1));
	DO(os->accept4(new_udp(), NULL, NULL, 1));
	DO(os->accept4(listener, NULL, NULL, 0));
}

static void waiting_accept_inherits_options(void)
{
	int listener = new_listener(), fd;
	struct linger linger;
	struct timeval time;
	socklen_t length = sizeof(linger);

	MUST(set(listener, SOL_SOCKET, SO_KEEPALIVE, 1));
	MUST(set(listener, SOL_SOCKET, SO_OOBINLINE, 1));
	MUST(set(listener, SOL_SOCKET, SO_REUSEADDR, 1));
	MUST(set(listener, SOL_SOCKET, SO_BROADCAST, 1));
	MUST(set(listener, IPPROTO_TCP, TCP_NODELAY, 1));
	MUST(set(listener, IPPROTO_TCP, TCP_KEEPIDLE, 77));
	MUST(set(listener, IPPROTO_TCP, TCP_USER_TIMEOUT, 7000));
	MUST(set(listener, IPPROTO_IP, IP_TTL, 9));
	MUST(set(listener, IPPROTO_IP, IP_TOS, 0x10));
	MUST(set(listener, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT));
	MUST(set(listener, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1));
	MUST(set_linger(listener, 1, 5));
	MUST(set_timeout(listener, SO_RCVTIMEO, 3000));
	MUST(connect_to(new_tcp(), LOCAL, PORT));
	fd = DO(os->accept(listener, NULL, NULL));
	DO(get(fd, SOL_SOCKET, SO_KEEPALIVE));
	DO(get(fd, SOL_SOCKET, SO_OOBINLINE));
	DO(get(fd, SOL_SOCKET, SO_REUSEADDR));
	DO(get(fd, SOL_SOCKET, SO_BROADCAST));
	DO(get(fd, IPPROTO_IP, IP_MTU_DISCOVER));
	DO(get(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT));
	DO(get(fd, SOL_SOCKET, SO_ACCEPTCONN));
	DO(get(fd, IPPROTO_TCP, TCP_NODELAY));
	DO(get(fd, IPPROTO_TCP, TCP_KEEPIDLE));
	DO(get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT));
	DO(get(fd, IPPROTO_IP, IP_TTL));
	DO(get(fd, IPPROTO_IP, IP_TOS));
	MUST(os->getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length));
	DO(linger.l_onoff);
	DO(linger.l_linger);
	length = sizeof(time);
	MUST(os->getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, &length));
	DO(time.tv_sec);
}

static void waiting_reset_accept(void)
{
	int listener = new_listener(), client = new_tcp(), fd;

	MUST(set_linger(client, 1, 0));
	MUST(connect_to(client, LOCAL, PORT));
	DO(put(client, "lost", 0));
	DO(os->close(client));
	DO(events_of(listener, ALL_EVENTS));
	fd = DO(os->accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	DO(events_of(fd, ALL_EVENTS));
	DO(peer_name(fd));
	DO(take(fd, 8, 0));
	DO(take(fd, 8, 0));
	DO(put(fd, "x", 0));
}

static void waiting_closed_accept(void)
{
	int listener = new_listener(), client = new_tcp(), fd;

	MUST(connect_to(client, LOCAL, PORT));
	DO(put(client, "kept", 0));
	DO(os->close(client));
	fd = DO(os->accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	DO(events_of(fd, ALL_EVENTS));
	DO(peer_name(fd));
	DO(take(fd, 8, 0));
	DO(take(fd, 8, 0));
	DO(put(fd, "x", 0));
	DO(put(fd, "x", 0));
}

static void waiting_listener_closed(void)
{
	int listener = new_listener(), client = new_tcp();

	MUST(set_nonblocking(client));
	DO(connect_to(client, LOCAL, PORT));
	DO(os->close(listener));
	DO(events_of(client, ALL_EVENTS));
	DO(take_error(client));
	DO(connect_to(new_tcp(), LOCAL, PORT));
}

static void listening_shutdown(int how)
{
	int listener = new_listener(), client = new_tcp_nonblocking();

	DO(os->shutdown(listener, how));
	DO(events_of(listener, ALL_EVENTS));
	DO(get(listener, SOL_SOCKET, SO_ACCEPTCONN));
	DO(own_name(listener));
	DO(connect_to(client, LOCAL, PORT));
	DO(events_of(client, ALL_EVENTS));
	MUST(set_nonblocking(listener));
	DO(os->accept(listener, NULL, NULL));
	DO(os->listen(listener, 1));
	DO(events_of(listener, ALL_EVENTS));
	DO(connect_to(new_tcp(), LOCAL, PORT));
}

static void listening_data_calls(void)
{
	int fd = new_listener(), bytes = -1;

	DO(take(fd, 4, 0));
	DO(put(fd, "x", 0));
	DO(put(fd, "x", MSG_NOSIGNAL));
	DO(os->ioctl(fd, FIONREAD, &bytes));
	DO(os->ioctl(fd, SIOCOUTQ, &bytes));
	DO(os->sockatmark(fd));
	DO(take_error(fd));
	DO(peer_name(fd));
	DO(tcp_state(fd));
}

void ft_cases_accept(void)
{
	RUN(new_listen_is_named);
	RUN(listening_listen_again);
	RUN(connected_listen);
	RUN(closed_connection_listen);
	RUN(not_listening_accept);
	RUN(nobody_came_accept);
	RUN(nobody_came_accept_times_out);
	RUN(waiting_accept_tells_peer);
	RUN(waiting_accept_short_name);
	RUN(waiting_accept_bad_name);
	RUN(waiting_accept_name_without_length);
	RUN(waiting_accept_order);
	RUN_EACH(waiting_accept_flags, 2);
	RUN(waiting_accept_bad_flags);
	RUN(waiting_accept_inherits_options);
	RUN(waiting_reset_accept);
	RUN(waiting_closed_accept);
	RUN(waiting_listener_closed);
	RUN_EACH(listening_shutdown, 3);
	RUN(listening_data_calls);
}
