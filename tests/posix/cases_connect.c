// connect(2), and the names and states before, during and after.
#include "steps.h"

static void nobody_listens_connect(void)
{
	int fd = new_tcp();

	DO(connect_to(fd, LOCAL, PORT));
	DO(take_error(fd));
	DO(events_of(fd, ALL_EVENTS));
	DO(peer_name(fd));
	DO(tcp_state(fd));
	DO(take(fd, 4, 0));
	DO(put(fd, "x", 0));
}

static void refused_bind(void)
{
	int fd = new_tcp();

	DO(connect_to(fd, LOCAL, PORT));
	DO(bind_to(fd, LOCAL, OTHER_PORT));
	DO(connect_to(fd, LOCAL, PORT));
	DO(bind_to(fd, LOCAL, OTHER_PORT));
}

static void reset_bind(void)
{
	struct pair pair = new_pair();

	MUST(set_linger(pair.server, 1, 0));
	MUST(os->close(pair.server));
	DO(bind_to(pair.client, LOCAL, OTHER_PORT));
}

static void refused_told_bind(void)
{
	int fd = new_tcp_nonblocking();

	DO(connect_to(fd, LOCAL, PORT));
	DO(take_error(fd));
	DO(bind_to(fd, LOCAL, OTHER_PORT));
}

// The wildcard address means the host: where the socket is bound, or else the loopback address.
static void bound_connect_to_any(int is_bound)
{
	int listener = new_tcp(), fd = new_tcp();

	MUST(bind_to(listener, OTHER, PORT));
	MUST(os->listen(listener, 1));
	MUST(is_bound ? bind_to(fd, OTHER, OTHER_PORT) : 0);
	DO(connect_to(fd, ANY, PORT));
	DO(peer_name(fd));
}

static void nonblocking_connected_shutdown_connect(int how)
{
	int fd = new_tcp_nonblocking();

	new_listener();
	DO(connect_to(fd, LOCAL, PORT));
	DO(os->shutdown(fd, how));
	DO(connect_to(fd, LOCAL, PORT));
	DO(connect_to(fd, LOCAL, PORT));
}

static void nonblocking_refused_shutdown_connect(int how)
{
	int fd = new_tcp_nonblocking();

	DO(connect_to(fd, LOCAL, PORT));
	DO(os->shutdown(fd, how));
	DO(connect_to(fd, LOCAL, PORT));
}

static void refused_connect_again(void)
{
	int fd = new_tcp();

	DO(connect_to(fd, LOCAL, PORT));
	DO(connect_to(fd, LOCAL, PORT));
	new_listener();
	DO(connect_to(fd, LOCAL, PORT));
	DO(peer_name(fd));
	DO(put(fd, "x", 0));
}

static void bound_refused_keeps_name(void)
{
	int fd = new_tcp();

	MUST(bind_to(fd, LOCAL, OTHER_PORT));
	DO(connect_to(fd, LOCAL, PORT));
	DO(own_name(fd));
	DO(bind_to(fd, LOCAL, OTHER_PORT));
	new_listener();
	DO(connect_to(fd, LOCAL, PORT));
	DO(own_name(fd));
}

static void unbound_refused_loses_name(void)
{
	int fd = new_tcp();

	DO(connect_to(fd, LOCAL, PORT));
	DO(own_name(fd));
	DO(bind_to(fd, LOCAL, OTHER_PORT));
	DO(own_name(fd));
}

static void nonblocking_connect(void)
{
	int fd = new_tcp_nonblocking();

	new_listener();
	DO(connect_to(fd, LOCAL, PORT));
	DO(events_of(fd, ALL_EVENTS));
	DO(take_error(fd));
	DO(peer_name(fd));
	DO(own_name(fd));
	DO(connect_to(fd, LOCAL, PORT));
	DO(connect_to(fd, LOCAL, PORT));
}

static void nonblocking_refused(void)
{
	int fd = new_tcp_nonblocking();

	DO(connect_to(fd, LOCAL, PORT));
	DO(events_of(fd, ALL_EVENTS));
	DO(peer_name(fd));
	DO(take_error(fd));
	DO(take_error(fd));
	DO(events_of(fd, ALL_EVENTS));
	DO(connect_to(fd, LOCAL, PORT));
	DO(connect_to(fd, LOCAL, PORT));
}

static void nonblocking_refused_connect_tells(void)
{
	int fd = new_tcp_nonblocking();

	DO(connect_to(fd, LOCAL, PORT));
	DO(connect_to(fd, LOCAL, PORT));
	DO(take_error(fd));
	DO(connect_to(fd, LOCAL, PORT));
}

static void nonblocking_refused_recv_tells(void)
{
	int fd = new_tcp_nonblocking();

	DO(connect_to(fd, LOCAL, PORT));
	DO(take(fd, 4, 0));
	DO(take(fd, 4, 0));
	DO(take_error(fd));
}

static void nonblocking_refused_send_tells(void)
{
	int fd = new_tcp_nonblocking();

	DO(connect_to(fd, LOCAL, PORT));
	DO(put(fd, "x", 0));
	DO(put(fd, "x", 0));
	DO(take_error(fd));
}

static void connected_connect_again(void)
{
	struct pair pair = new_pair();

	DO(connect_to(pair.client, LOCAL, PORT));
	DO(connect_to(pair.client, OTHER, OTHER_PORT));
	DO(connect_to(pair.server, LOCAL, PORT));
	DO(os->connect(pair.client, NULL, 0));
}

static void closed_by_peer_connect_again(void)
{
	struct pair pair = new_pair();

	MUST(os->close(pair.server));
	DO(connect_to(pair.client, LOCAL, PORT));
	MUST(os->shutdown(pair.client, SHUT_WR));
	DO(connect_to(pair.client, LOCAL, PORT));
}

static void reset_by_peer_connect_again(void)
{
	struct pair pair = new_pair();

	MUST(set_linger(pair.server, 1, 0));
	MUST(os->close(pair.server));
	DO(connect_to(pair.client, LOCAL, PORT));
	DO(connect_to(pair.client, LOCAL, PORT));
	DO(take_error(pair.client));
	DO(connect_to(pair.client, LOCAL, PORT));
}

static void listening_connect(void)
{
	int fd = new_listener();

	DO(connect_to(fd, LOCAL, PORT));
	DO(connect_to(fd, LOCAL, OTHER_PORT));
	DO(get(fd, SOL_SOCKET, SO_ACCEPTCONN));
}

static void bound_connect_to_itself(void)
{
	int fd = new_tcp();

	MUST(bind_to(fd, LOCAL, PORT));
	DO(connect_to(fd, LOCAL, PORT)); // a simultaneous open with itself
	DO(own_name(fd));
	DO(peer_name(fd));
	DO(put(fd, "echo", 0));
	DO(take(fd, 8, 0));
	DO(os->shutdown(fd, SHUT_WR));
	DO(take(fd, 8, 0));
}

static void any_connect_to_any(void)
{
	int tcp = new_tcp(), udp = new_udp();

	new_listener();
	DO(connect_to(tcp, ANY, PORT));
	DO(peer_name(tcp));
	DO(connect_to(udp, ANY, PORT));
	DO(peer_name(udp));
	DO(own_name(udp));
}

static void bound_to_other_connect(void)
{
	int fd = new_tcp(), listener = new_listener(), server;

	MUST(bind_to(fd, OTHER, OTHER_PORT));
	DO(connect_to(fd, LOCAL, PORT));
	DO(own_name(fd));
	server = MUST(os->accept(listener, NULL, NULL));
	DO(peer_name(server));
	DO(own_name(server));
}

static void any_connect_port_zero(void)
{
	int udp = new_udp();

	DO(connect_to(new_tcp(), LOCAL, 0));
	DO(connect_to(udp, LOCAL, 0));
	DO(peer_name(udp));
	DO(put(udp, "x", 0));
}

static void any_connect_bad_addresses(void)
{
	struct sockaddr_in name = in4(LOCAL, PORT);
	struct sockaddr *address = (struct sockaddr *)&name;
	int fd = new_tcp();

	DO(os->connect(fd, address, 0));
	DO(os->connect(fd, address, 1));
	DO(os->connect(fd, address, 2));
	DO(os->connect(fd, address, sizeof(name) - 1));
	DO(os->connect(fd, address, -1));
	DO(os->connect(fd, NULL, sizeof(name)));
	DO(os->connect(fd, NULL, 0));
	name.sin_family = AF_INET6;
	DO(os->connect(fd, address, sizeof(name)));
	DO(os->connect(fd, address, 2));
	name.sin_family = 999;
	DO(os->connect(fd, address, sizeof(name)));
	DO(own_name(fd));
}

static void connect_again_with(int fd)
{
	struct sockaddr_in name = in4(LOCAL, PORT);
	struct sockaddr *address = (struct sockaddr *)&name;

	DO(os->connect(fd, address, 2));
	DO(os->connect(fd, address, 1));
	name.sin_family = AF_INET6;
	DO(os->connect(fd, address, sizeof(name)));
}

static void taken_connect_bad_addresses(void)
{
	int refused = new_tcp_nonblocking(), listener = new_tcp();
	struct pair pair = new_pair();

	connect_again_with(pair.client);
	MUST(bind_to(listener, OTHER, PORT));
	MUST(os->listen(listener, 1));
	connect_again_with(listener);
	DO(connect_to(refused, LOCAL, OTHER_PORT));
	connect_again_with(refused);
	DO(take_error(refused));
}

static void port_zero_nonblocking_connect(void)
{
	int fd = new_tcp_nonblocking();

	DO(connect_to(fd, LOCAL, 0));
	DO(take_error(fd));
}

static void any_connect_broadcast(void)
{
	DO(connect_to(new_tcp(), INADDR_BROADCAST, PORT));
	DO(connect_to(new_udp(), INADDR_BROADCAST, PORT));
}

static void new_connect_unspecified(void)
{
	int tcp = new_tcp();

	DO(disconnect(tcp));
	DO(own_name(tcp));
	DO(events_of(tcp, ALL_EVENTS));
}

static void connected_connect_unspecified(void)
{
	struct pair pair = new_pair();

	DO(disconnect(pair.client));
	DO(peer_name(pair.client));
	DO(own_name(pair.client));
	DO(events_of(pair.client, ALL_EVENTS));
	DO(put(pair.client, "x", 0));
	DO(events_of(pair.server, ALL_EVENTS));
	DO(take_error(pair.server));
	new_listener();
	DO(connect_to(pair.client, LOCAL, PORT));
	DO(connect_to(pair.client, LOCAL, PORT));
	DO(put(pair.client, "x", 0));
}

// The server's port was the listener's: now it has none.
static void accepted_connect_unspecified(void)
{
	struct pair pair = new_pair();

	DO(disconnect(pair.server));
	DO(peer_name(pair.server));
	DO(events_of(pair.server, ALL_EVENTS));
	DO(set(pair.server, SOL_SOCKET, SO_REUSEADDR, 1));
	DO(set(pair.server, SOL_SOCKET, SO_REUSEPORT, 1));
	DO(bind_to(pair.server, LOCAL, OTHER_PORT));
	DO(os->listen(pair.server, 1));
	DO(own_name(pair.server));
	DO(connect_to(new_tcp(), LOCAL, OTHER_PORT));
}

static void accepted_connect_unspecified_then_connect(void)
{
	struct pair pair = new_pair();

	MUST(disconnect(pair.server));
	new_listener();
	DO(connect_to(pair.server, LOCAL, PORT));
	DO(connect_to(pair.server, LOCAL, PORT));
}

static void bound_connected_connect_unspecified(void)
{
	int fd = new_tcp();

	new_listener();
	MUST(bind_to(fd, LOCAL, OTHER_PORT));
	MUST(connect_to(fd, LOCAL, PORT));
	DO(disconnect(fd));
	DO(own_name(fd));
	DO(bind_to(fd, LOCAL, 0));
}

static void listening_connect_unspecified(void)
{
	int fd = new_listener();

	DO(disconnect(fd));
	DO(get(fd, SOL_SOCKET, SO_ACCEPTCONN));
	DO(own_name(fd));
	DO(os->listen(fd, 1));
	DO(connect_to(new_tcp(), LOCAL, PORT));
}

static void any_peer_name_in_each_state(void)
{
	int fd = new_tcp(), listener = new_listener(), server;

	DO(peer_name(fd));
	DO(peer_name(listener));
	MUST(connect_to(fd, LOCAL, PORT));
	DO(peer_name(fd));
	server = MUST(os->accept(listener, NULL, NULL));
	DO(own_name(server));
	MUST(os->shutdown(fd, SHUT_WR));
	DO(peer_name(fd)); // FIN-WAIT-2
	DO(peer_name(server));
	MUST(os->shutdown(server, SHUT_WR));
	DO(peer_name(fd)); // TIME-WAIT
	DO(own_name(fd));
	DO(peer_name(server)); // CLOSED
	DO(own_name(server));
}

static void reset_names(void)
{
	struct pair pair = new_pair();

	MUST(set_linger(pair.server, 1, 0));
	MUST(os->close(pair.server));
	DO(peer_name(pair.client));
	DO(own_name(pair.client));
	DO(take_error(pair.client));
	DO(peer_name(pair.client));
}

static void any_names_short_room(void)
{
	struct pair pair = new_pair();
	struct sockaddr_in name = { 0 };
	struct sockaddr *address = (struct sockaddr *)&name;
	socklen_t length = 4;

	DO(os->getsockname(pair.client, address, &length));
	DO((long)length);
	DO(name.sin_addr.s_addr != 0);
	length = 0;
	DO(os->getpeername(pair.client, address, &length));
	DO((long)length);
	length = 100;
	DO(os->getpeername(pair.client, address, &length));
	DO((long)length);
	length = -1;
	DO(os->getsockname(pair.client, address, &length));
	DO(os->getpeername(pair.client, address, &length));
	length = sizeof(name);
	DO(os->getsockname(pair.client, NULL, &length));
	DO(os->getpeername(pair.client, address, NULL));
	length = 0;
	DO(os->getsockname(pair.client, NULL, &length));
}

static void full_backlog_connect(void)
{
	int fd = new_tcp(), first = new_tcp_nonblocking(), listener = new_tcp();

	MUST(bind_to(listener, LOCAL, PORT));
	MUST(os->listen(listener, 0));
	DO(connect_to(first, LOCAL, PORT));
	DO(events_of(first, ALL_EVENTS));
	DO(set_timeout(fd, SO_SNDTIMEO, 50));
	DO(connect_to(fd, LOCAL, PORT)); // one may wait
	DO(connect_to(fd, LOCAL, PORT));
}

static void connecting_calls(void)
{
	int fd = new_tcp_nonblocking(), listener = new_tcp();

	MUST(bind_to(listener, LOCAL, PORT));
	MUST(os->listen(listener, 0));
	MUST(connect_to(new_tcp(), LOCAL, PORT));
	DO(connect_to(fd, LOCAL, PORT)); // no answer comes
	DO(connect_to(fd, LOCAL, PORT));
	DO(tcp_state(fd));
	DO(events_of(fd, ALL_EVENTS));
	DO(peer_name(fd));
	DO(own_name(fd));
	DO(take(fd, 4, 0));
	DO(put(fd, "x", 0));
	DO(os->listen(fd, 1));
	DO(bind_to(fd, LOCAL, OTHER_PORT));
	DO(os->accept(fd, NULL, NULL));
	DO(take_error(fd));
}

static void connecting_shutdown(int how)
{
	int fd = new_tcp_nonblocking(), listener = new_tcp();

	MUST(bind_to(listener, LOCAL, PORT));
	MUST(os->listen(listener, 0));
	MUST(connect_to(new_tcp(), LOCAL, PORT));
	DO(connect_to(fd, LOCAL, PORT));
	DO(os->shutdown(fd, how));
	DO(tcp_state(fd));
	DO(events_of(fd, ALL_EVENTS));
	DO(take_error(fd));
	DO(put(fd, "x", 0));
	DO(take(fd, 4, 0));
	DO(connect_to(fd, LOCAL, PORT));
}

static void connecting_disconnect(void)
{
	int fd = new_tcp_nonblocking(), listener = new_tcp();

	MUST(bind_to(listener, LOCAL, PORT));
	MUST(os->listen(listener, 0));
	MUST(connect_to(new_tcp(), LOCAL, PORT));
	DO(connect_to(fd, LOCAL, PORT));
	DO(disconnect(fd));
	DO(tcp_state(fd));
	DO(take_error(fd));
	DO(events_of(fd, ALL_EVENTS));
}

void ft_cases_connect(void)
{
	RUN(nobody_listens_connect);
	RUN(refused_bind);
	RUN(reset_bind);
	RUN(refused_told_bind);
	RUN_EACH(bound_connect_to_any, 2);
	RUN_EACH(nonblocking_connected_shutdown_connect, 3);
	RUN_EACH(nonblocking_refused_shutdown_connect, 3);
	RUN(refused_connect_again);
	RUN(bound_refused_keeps_name);
	RUN(unbound_refused_loses_name);
	RUN(nonblocking_connect);
	RUN(nonblocking_refused);
	RUN(nonblocking_refused_connect_tells);
	RUN(nonblocking_refused_recv_tells);
	RUN(nonblocking_refused_send_tells);
	RUN(connected_connect_again);
	RUN(closed_by_peer_connect_again);
	RUN(reset_by_peer_connect_again);
	RUN(listening_connect);
	RUN(bound_connect_to_itself);
	RUN(any_connect_to_any);
	RUN(bound_to_other_connect);
	RUN(any_connect_port_zero);
	RUN(any_connect_bad_addresses);
	RUN(taken_connect_bad_addresses);
	RUN(port_zero_nonblocking_connect);
	RUN(any_connect_broadcast);
	RUN(new_connect_unspecified);
	RUN(connected_connect_unspecified);
	RUN(accepted_connect_unspecified);
	RUN(accepted_connect_unspecified_then_connect);
	RUN(bound_connected_connect_unspecified);
	RUN(listening_connect_unspecified);
	RUN(any_peer_name_in_each_state);
	RUN(reset_names);
	RUN(any_names_short_room);
	RUN(full_backlog_connect);
	RUN(connecting_calls);
	RUN_EACH(connecting_shutdown, 3);
	RUN(connecting_disconnect);
}
