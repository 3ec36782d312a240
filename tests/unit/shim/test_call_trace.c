// What the trace tells of calls, and of datagrams: [log] trace with socket and udp.
#include "../told.h"
#include "shim_support.h"

static void calls_of_a_server_and_its_client_are_told(void **state)
{
	int listener, client, server;

	told_listen(&lone.stack, FT_TRACE_SOCKET);
	listener = ft_socket(AF_INET, SOCK_STREAM, 0);
	bind_to(listener, ANY, 7000);
	ft_listen(listener, 8);
	client = ft_socket(AF_INET, SOCK_STREAM, 0);
	bind_to(client, OURS, 50000);
	connect_to(client, OURS, 7000);
	ft_lone_settle(&lone); // so that accept() need not wait
	server = ft_accept(listener, NULL, NULL);
	ft_shutdown(client, SHUT_WR);
	ft_close(server);
	ft_lone_settle(&lone);
	told_expect("socket socket(TCP): fd 3\n"
		    "socket bind(fd 3, 0.0.0.0:7000): done\n"
		    "socket listen(fd 3, backlog 8): done\n"
		    "socket socket(TCP): fd 4\n"
		    "socket bind(fd 4, 10.9.0.2:50000): done\n"
		    "socket connect(fd 4, 10.9.0.2:7000) begins\n"
		    "socket #2 10.9.0.2:50000 10.9.0.2:7000 socket fd 4: writable\n"
		    "socket 10.9.0.2:50000 10.9.0.2:7000 connect(fd 4): done\n"
		    "socket #3 socket fd 3: readable\n"
		    "socket 10.9.0.2:7000 10.9.0.2:50000 accept(fd 3): fd 5\n"
		    "socket 10.9.0.2:50000 10.9.0.2:7000 socket fd 4: writable\n"
		    "socket 10.9.0.2:50000 10.9.0.2:7000 shutdown(fd 4, writing): done\n"
		    "socket close(fd 5): done\n"
		    "socket 10.9.0.2:7000 10.9.0.2:50000 application closes\n"
		    "socket #5 10.9.0.2:50000 10.9.0.2:7000 socket fd 4: readable hung up\n");
}

static void address_in_use_names_its_holder(void **state)
{
	int listener = new_tcp(), second = new_tcp(), third = new_tcp();
	int udp = new_udp(), other = new_udp();

	set_option(second, SOL_SOCKET, SO_REUSEADDR, 1);
	set_option(third, SOL_SOCKET, SO_REUSEADDR, 1);
	bind_to(second, LOCAL, 7001);
	bind_to(third, LOCAL, 7001);
	ft_listen(second, 8);
	told_listen(&lone.stack, FT_TRACE_SOCKET);
	bind_to(listener, ANY, 7000);
	ft_listen(listener, 8);
	bind_to(new_tcp(), OURS, 7000);
	ft_listen(third, 8);
	bind_to(udp, OURS, 7000);
	bind_to(other, ANY, 7000);
	told_expect(
		"socket bind(fd 3, 0.0.0.0:7000): done\n"
		"socket listen(fd 3, backlog 8): done\n"
		"socket socket(TCP): fd 8\n"
		"socket bind(fd 8, 10.9.0.2:7000): address already in use: held by fd 3, a listener on 0.0.0.0:7000\n"
		"socket listen(fd 5, backlog 8): address already in use: held by fd 4, a listener on 127.0.0.1:7001\n"
		"socket bind(fd 6, 10.9.0.2:7000): done\n"
		"socket bind(fd 7, 0.0.0.0:7000): address already in use: held by fd 6, bound to 10.9.0.2:7000\n");
}

static void port_held_by_a_connection_is_told(void **state)
{
	int listener = new_tcp(), client = new_tcp();

	bind_to(listener, LOCAL, 7000);
	ft_listen(listener, 8);
	connect_to(client, LOCAL, 7000);
	ft_accept(listener, NULL, NULL);
	ft_close(listener);
	told_listen(&lone.stack, FT_TRACE_SOCKET);
	bind_to(new_tcp(), LOCAL, 7000);
	told_expect("socket socket(TCP): fd 3\n"
		    "socket bind(fd 3, 127.0.0.1:7000): address already in use by connections\n");
}

static void refused_call_tells_why(void **state)
{
	int fd = new_tcp();

	bind_to(fd, OURS, 50000);
	told_listen(&lone.stack, FT_TRACE_SOCKET);
	connect_to(fd, OURS, 7000);
	ft_shutdown(fd, SHUT_RD);
	ft_listen(new_udp(), 8);
	ft_bind(fd, NULL, 3);
	told_expect(
		"socket connect(fd 3, 10.9.0.2:7000) begins\n"
		"socket #2 10.9.0.2:50000 10.9.0.2:7000 socket fd 3: readable writable hung up error\n"
		"socket 10.9.0.2:50000 10.9.0.2:7000 application closes\n"
		"socket connect(fd 3): Connection refused\n"
		"socket shutdown(fd 3, reading): Transport endpoint is not connected\n"
		"socket socket(UDP): fd 4\n"
		"socket listen(fd 4, backlog 8): Operation not supported\n"
		"socket bind(fd 3): Bad address\n");
}

static void datagram_is_followed_to_its_socket(void **state)
{
	int one = new_udp(), two = new_udp();
	struct sockaddr_in name = name_of(OURS, 7000), nobody = name_of(OURS, 7002);

	bind_to(one, ANY, 7000);
	bind_to(two, OURS, 7001);
	told_listen(&lone.stack, FT_TRACE_UDP | FT_TRACE_ICMP | FT_TRACE_DROP);
	ft_sendto(two, "hello", 5, 0, AND_LENGTH(name));
	ft_sendto(two, "nobody", 6, 0, AND_LENGTH(nobody));
	ft_lone_settle(&lone);
	connect_to(two, OURS, 7000);
	name = name_of(OURS, 7001);
	ft_sendto(one, "back", 4, 0, AND_LENGTH(name));
	ft_lone_settle(&lone);
	told_expect(
		"udp 10.9.0.2:7001 -> 10.9.0.2:7000 sends datagram of 5 bytes\n"
		"udp 10.9.0.2:7001 -> 10.9.0.2:7002 sends datagram of 6 bytes\n"
		"udp #1 datagram port 7001 -> 7000, 5 bytes\n"
		"udp #1 datagram of 5 bytes queued for fd 3, bound to 0.0.0.0:7000; 1 wait there\n"
		"udp #2 datagram port 7001 -> 7002, 6 bytes\n"
		"udp #2 nobody has port 7002\n"
		"icmp #2 sends port unreachable to 10.9.0.2\n"
		"drop #2 dropped, udp_no_socket: no UDP socket for this address and port\n"
		"icmp #3 port unreachable (type 3, code 3)\n"
		"icmp #3 10.9.0.2:7001 -> 10.9.0.2:7002 had caused it: Connection refused\n"
		"drop #3 dropped, icmp_no_socket: ICMP error or echo reply that names no socket of ours\n"
		"udp 10.9.0.2:7000 -> 10.9.0.2:7001 sends datagram of 4 bytes\n"
		"udp #4 datagram port 7000 -> 7001, 4 bytes\n"
		"udp #4 datagram of 4 bytes queued for fd 4, connected to 10.9.0.2:7000; 1 wait there\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lone_test(calls_of_a_server_and_its_client_are_told),
		lone_test(address_in_use_names_its_holder),
		lone_test(port_held_by_a_connection_is_told),
		lone_test(refused_call_tells_why),
		lone_test(datagram_is_followed_to_its_socket),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
