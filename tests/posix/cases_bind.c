// bind(2): names, and who may share a port.
#include <stdio.h>

#include "steps.h"

static void new_own_name_is_empty(void)
{
	DO(own_name(new_tcp()));
	DO(own_name(new_udp()));
}

static void bound_bind_again(void)
{
	int tcp = new_tcp(), udp = new_udp();

	DO(bind_to(tcp, LOCAL, PORT));
	DO(bind_to(tcp, LOCAL, OTHER_PORT));
	DO(bind_to(tcp, LOCAL, PORT));
	DO(own_name(tcp));
	DO(bind_to(udp, LOCAL, PORT));
	DO(bind_to(udp, LOCAL, OTHER_PORT));
	DO(own_name(udp));
}

// It leaves nothing behind: who goes on without a name gets any.
static void conflicting_bind_is_forgotten(void)
{
	int tcp = new_tcp(), udp = new_udp();

	MUST(bind_to(new_tcp(), OTHER, PORT));
	MUST(bind_to(new_udp(), OTHER, PORT));
	DO(bind_to(tcp, OTHER, PORT));
	DO(own_name(tcp));
	DO(os->listen(tcp, 1));
	DO(own_name(tcp));
	DO(bind_to(udp, OTHER, PORT));
	DO(own_name(udp));
	DO(put_to(udp, "x", LOCAL, OTHER_PORT));
	DO(own_name(udp));
}

static void new_bind_port_zero(void)
{
	int tcp = new_tcp(), udp = new_udp();

	DO(bind_to(tcp, ANY, 0));
	DO(own_name(tcp));
	DO(bind_to(tcp, ANY, PORT));
	DO(bind_to(udp, LOCAL, 0));
	DO(own_name(udp));
	DO(bind_to(udp, LOCAL, PORT));
}

// The address is kept, the port chosen late.
static void no_port_bind_port_zero(int is_udp)
{
	int fd = is_udp ? new_udp() : new_tcp();

	MUST(set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1));
	DO(bind_to(fd, OTHER, 0));
	DO(own_name(fd));
	DO(bind_to(fd, OTHER, 0)); // as often as one likes
	MUST(is_udp ? bind_to(new_udp(), LOCAL, PORT) : new_listener());
	DO(connect_to(fd, LOCAL, PORT));
	DO(own_name(fd));
	DO(bind_to(fd, OTHER, OTHER_PORT));
}

static void no_port_bind_a_port(void)
{
	int fd = new_tcp();

	MUST(set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1));
	DO(bind_to(fd, OTHER, PORT));
	DO(own_name(fd));
	DO(bind_to(fd, OTHER, OTHER_PORT));
}

static void no_port_listen(void)
{
	int fd = new_tcp();

	MUST(set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1));
	DO(bind_to(fd, OTHER, 0));
	DO(os->listen(fd, 1));
	DO(own_name(fd));
}

static void no_port_disconnect(void)
{
	struct sockaddr_in nobody = { .sin_family = AF_UNSPEC };
	int fd = new_udp();

	MUST(set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1));
	MUST(bind_to(fd, OTHER, 0));
	MUST(connect_to(fd, LOCAL, PORT));
	DO(own_name(fd));
	DO(os->connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)));
	DO(own_name(fd));
}

static void new_bind_nobodys_address(void)
{
	int tcp = new_tcp(), udp = new_udp();

	DO(bind_to(tcp, NOBODY, PORT));
	DO(bind_to(udp, NOBODY, PORT));
	DO(own_name(tcp));
	DO(bind_to(tcp, LOCAL, PORT)); // the failure left nothing
	DO(bind_to(udp, LOCAL, PORT));
}

static void new_bind_multicast_and_broadcast(void)
{
	DO(bind_to(new_tcp(), 0xe0000001, PORT));
	DO(bind_to(new_udp(), 0xe0000001, PORT));
	DO(bind_to(new_tcp(), INADDR_BROADCAST, PORT));
	DO(bind_to(new_udp(), INADDR_BROADCAST, OTHER_PORT));
}

static void new_bind_loopback_network(void)
{
	DO(bind_to(new_tcp(), 0x7f000000, PORT));
	DO(bind_to(new_tcp(), 0x7fffffff, PORT));
	DO(bind_to(new_tcp(), 0x7ffffffe, PORT));
	DO(bind_to(new_udp(), 0x7f010203, PORT));
}

static void new_bind_bad_lengths(void)
{
	struct sockaddr_in name = in4(LOCAL, PORT);
	struct sockaddr *address = (struct sockaddr *)&name;
	int fd = new_tcp();
	char large[256] = { 0 };

	DO(os->bind(fd, address, 0));
	DO(os->bind(fd, address, 1));
	DO(os->bind(fd, address, 2));
	DO(os->bind(fd, address, sizeof(name) - 1));
	DO(os->bind(fd, address, -1));
	DO(os->bind(fd, NULL, sizeof(name)));
	DO(os->bind(fd, NULL, 0));
	memcpy(large, &name, sizeof(name));
	DO(os->bind(fd, (struct sockaddr *)large, sizeof(large)));
	DO(os->bind(fd, (struct sockaddr *)large, 128)); // struct sockaddr_storage's
}

static void new_bind_families(void)
{
	struct sockaddr_in name = in4(LOCAL, PORT);
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };

	name.sin_family = AF_INET6;
	DO(os->bind(new_tcp(), (struct sockaddr *)&name, sizeof(name)));
	DO(os->bind(new_tcp(), (struct sockaddr *)&six, sizeof(six)));
	name.sin_family = AF_UNIX;
	DO(os->bind(new_tcp(), (struct sockaddr *)&name, sizeof(name)));
	name.sin_family = 999;
	DO(os->bind(new_udp(), (struct sockaddr *)&name, sizeof(name)));
	name.sin_family = AF_UNSPEC;
	DO(os->bind(new_tcp(), (struct sockaddr *)&name, sizeof(name)));
	name.sin_addr.s_addr = 0;
	DO(os->bind(new_tcp(), (struct sockaddr *)&name, sizeof(name)));
	DO(os->bind(new_udp(), (struct sockaddr *)&name, sizeof(name)));
}

static void tcp_bound_udp_is_free(void)
{
	DO(bind_to(new_tcp(), ANY, PORT));
	DO(bind_to(new_udp(), ANY, PORT));
	DO(bind_to(new_tcp(), ANY, PORT));
	DO(bind_to(new_udp(), ANY, PORT));
}

static void bound_close_frees_port(void)
{
	int fd = new_tcp();

	DO(bind_to(fd, ANY, PORT));
	DO(os->close(fd));
	fd = new_tcp();
	DO(bind_to(fd, ANY, PORT));
	DO(os->listen(fd, 1));
	DO(os->close(fd));
	DO(bind_to(new_tcp(), ANY, PORT));
}

static void bound_dup_closed_keeps_port(void)
{
	int fd = new_tcp();
	int copy = MUST(os->dup(fd));

	DO(bind_to(fd, LOCAL, PORT));
	DO(os->close(fd));
	DO(bind_to(new_tcp(), LOCAL, PORT));
	DO(own_name(copy));
	DO(os->close(copy));
	DO(bind_to(new_tcp(), LOCAL, PORT));
}

static void connected_bind(void)
{
	struct pair pair = new_pair();
	int udp = new_udp();

	DO(bind_to(pair.client, LOCAL, OTHER_PORT));
	DO(bind_to(pair.server, LOCAL, OTHER_PORT));
	MUST(connect_to(udp, LOCAL, PORT));
	DO(bind_to(udp, LOCAL, OTHER_PORT));
}

static void listening_bind(void)
{
	DO(bind_to(new_listener(), LOCAL, OTHER_PORT));
}

static void bound_set_reuse_late(void)
{
	int first = new_tcp(), second = new_tcp();

	MUST(bind_to(first, LOCAL, PORT));
	DO(bind_to(second, LOCAL, PORT));
	DO(set(first, SOL_SOCKET, SO_REUSEADDR, 1));
	DO(bind_to(second, LOCAL, PORT));
	DO(set(second, SOL_SOCKET, SO_REUSEADDR, 1));
	DO(bind_to(second, LOCAL, PORT));
	DO(os->listen(first, 1));
	DO(os->listen(second, 1));
}

static void reused_clear_late(void)
{
	int first = new_udp(), second = new_udp();

	MUST(set(first, SOL_SOCKET, SO_REUSEADDR, 1));
	MUST(set(second, SOL_SOCKET, SO_REUSEADDR, 1));
	MUST(bind_to(first, LOCAL, PORT));
	MUST(set(first, SOL_SOCKET, SO_REUSEADDR, 0));
	DO(bind_to(second, LOCAL, PORT));
}

static void connected_set_reuse_late(void)
{
	int listener = new_listener(), client = new_tcp(), second = new_tcp();
	struct sockaddr_in name;
	socklen_t length = sizeof(name);

	MUST(connect_to(client, LOCAL, PORT));
	MUST(os->getsockname(client, (struct sockaddr *)&name, &length));
	MUST(set(client, SOL_SOCKET, SO_REUSEADDR, 1));
	MUST(set(second, SOL_SOCKET, SO_REUSEADDR, 1));
	DO(bind_to(second, LOCAL, ntohs(name.sin_port)));
	MUST(os->close(listener));
}

static void reuse_port_set_late(int is_udp)
{
	int first = is_udp ? new_udp() : new_tcp(), second = is_udp ? new_udp() : new_tcp();

	MUST(bind_to(first, LOCAL, PORT));
	MUST(set(first, SOL_SOCKET, SO_REUSEPORT, 1));
	MUST(set(second, SOL_SOCKET, SO_REUSEPORT, 1));
	DO(bind_to(second, LOCAL, PORT));
}

static void reuse_port_cleared_late(int is_udp)
{
	int first = is_udp ? new_udp() : new_tcp(), second = is_udp ? new_udp() : new_tcp();

	MUST(set(first, SOL_SOCKET, SO_REUSEPORT, 1));
	MUST(set(second, SOL_SOCKET, SO_REUSEPORT, 1));
	MUST(bind_to(first, LOCAL, PORT));
	MUST(set(first, SOL_SOCKET, SO_REUSEPORT, 0));
	DO(bind_to(second, LOCAL, PORT));
}

// Its name is one address now; whose port it is at the others?
static void any_bound_connected_others_bind(int is_udp)
{
	int fd = is_udp ? new_udp() : new_tcp(), peer = is_udp ? new_udp() : new_tcp();

	MUST(bind_to(peer, LOCAL, OTHER_PORT));
	MUST(is_udp ? 0 : os->listen(peer, 1));
	MUST(bind_to(fd, ANY, PORT));
	MUST(connect_to(fd, LOCAL, OTHER_PORT));
	DO(own_name(fd));
	DO(bind_to(is_udp ? new_udp() : new_tcp(), OTHER, PORT));
}

// ---- the matrix: what may stand beside a first claim on the port ----

static const struct {
	const char *name;
	uint32_t ip;
} addresses[] = { { "ANY", ANY }, { "LOCAL", LOCAL }, { "OTHER", OTHER } };

static const struct {
	const char *name;
	int address;
	int port;
} sharings[] = { { "alone", 0, 0 }, { "REUSEADDR", 1, 0 }, { "REUSEPORT", 0, 1 },
	{ "REUSEADDR REUSEPORT", 1, 1 } };

#define CLAIMS 12

static int claim(int type, int number)
{
	int fd = MUST(os->socket(AF_INET, type, 0));

	MUST(set(fd, SOL_SOCKET, SO_REUSEADDR, sharings[number / 3].address));
	MUST(set(fd, SOL_SOCKET, SO_REUSEPORT, sharings[number / 3].port));
	return fd;
}

static void try_all_others(int type, int first, bool is_listening)
{
	ft_step_head("first: %s %s", addresses[first % 3].name, sharings[first / 3].name);
	for (int i = 0; i < CLAIMS; i++) {
		int fd = claim(type, i);

		ft_step_head("second: %s %s", addresses[i % 3].name, sharings[i / 3].name);
		if (DO(bind_to(fd, addresses[i % 3].ip, PORT)) == 0 && is_listening)
			DO(os->listen(fd, 1));
		MUST(os->close(fd));
	}
}

static void tcp_bound_others_bind(int first)
{
	MUST(bind_to(claim(SOCK_STREAM, first), addresses[first % 3].ip, PORT));
	try_all_others(SOCK_STREAM, first, true);
}

static void tcp_listening_others_bind(int first)
{
	int fd = claim(SOCK_STREAM, first);

	MUST(bind_to(fd, addresses[first % 3].ip, PORT));
	MUST(os->listen(fd, 1));
	try_all_others(SOCK_STREAM, first, true);
}

static void udp_bound_others_bind(int first)
{
	MUST(bind_to(claim(SOCK_DGRAM, first), addresses[first % 3].ip, PORT));
	try_all_others(SOCK_DGRAM, first, false);
}

// A connection at the port, accepted by a listener that is gone.
static void tcp_connected_others_bind(int first)
{
	int listener = claim(SOCK_STREAM, first), client = new_tcp();
	uint32_t ip = addresses[first % 3].ip;

	MUST(bind_to(listener, ip, PORT));
	MUST(os->listen(listener, 1));
	MUST(connect_to(client, ip == ANY ? LOCAL : ip, PORT));
	MUST(os->accept(listener, NULL, NULL));
	MUST(os->close(listener));
	try_all_others(SOCK_STREAM, first, true);
}

// The same, in TIME-WAIT.
static void tcp_time_wait_others_bind(int first)
{
	int listener = claim(SOCK_STREAM, first), client = new_tcp(), server;
	uint32_t ip = addresses[first % 3].ip;

	MUST(bind_to(listener, ip, PORT));
	MUST(os->listen(listener, 1));
	MUST(connect_to(client, ip == ANY ? LOCAL : ip, PORT));
	server = MUST(os->accept(listener, NULL, NULL));
	MUST(os->close(listener));
	MUST(os->close(server)); // first, so that it has the waiting
	MUST(os->close(client));
	try_all_others(SOCK_STREAM, first, true);
}

void ft_cases_bind(void)
{
	RUN(new_own_name_is_empty);
	RUN(bound_bind_again);
	RUN(conflicting_bind_is_forgotten);
	RUN(new_bind_port_zero);
	RUN_EACH(no_port_bind_port_zero, 2);
	RUN(no_port_bind_a_port);
	RUN(no_port_listen);
	RUN(no_port_disconnect);
	RUN(new_bind_nobodys_address);
	RUN(new_bind_multicast_and_broadcast);
	RUN(new_bind_loopback_network);
	RUN(new_bind_bad_lengths);
	RUN(new_bind_families);
	RUN(tcp_bound_udp_is_free);
	RUN(bound_close_frees_port);
	RUN(bound_dup_closed_keeps_port);
	RUN(connected_bind);
	RUN(listening_bind);
	RUN(bound_set_reuse_late);
	RUN(reused_clear_late);
	RUN(connected_set_reuse_late);
	RUN_EACH(reuse_port_set_late, 2);
	RUN_EACH(reuse_port_cleared_late, 2);
	RUN_EACH(any_bound_connected_others_bind, 2);
	RUN_EACH(tcp_bound_others_bind, CLAIMS);
	RUN_EACH(tcp_listening_others_bind, CLAIMS);
	RUN_EACH(udp_bound_others_bind, CLAIMS);
	RUN_EACH(tcp_connected_others_bind, CLAIMS);
	RUN_EACH(tcp_time_wait_others_bind, CLAIMS);
}
