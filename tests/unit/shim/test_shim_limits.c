// What the calls say when there is nothing left of what they need: the error, that the same call succeeds
// once something was given back, and that a call that failed keeps nothing.
#include <sys/epoll.h>

#include <rte_mempool.h>

#include "socket/interest.h"
#include "tcp/conn.h"

#include "shim_support.h"

enum { CONNECTIONS = 4, LISTENERS = 2, UDP_SOCKETS = 3, DESCRIPTORS = 24 };

static void allow_few(struct ft_config *config)
{
	config->tcp.connections = CONNECTIONS;
	config->tcp.listeners = LISTENERS;
	config->udp.sockets = UDP_SOCKETS;
	config->socket.descriptors = DESCRIPTORS;
}

static int start_with_few(void **state)
{
	ft_lone_start(&lone, allow_few);
	return 0;
}

static void reset_when_closed(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	assert_int_equal(ft_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
}

static void expect_echo(struct pair pair)
{
	char byte = 'x';

	assert_int_equal(ft_send(pair.client, &byte, 1, 0), 1);
	assert_int_equal(ft_recv(pair.server, &byte, 1, 0), 1);
}

// ---- connections ----

// Each of ours takes two blocks: one at either end.
static void no_block_left_connect_has_no_memory(void **state)
{
	const struct ft_tcp *tcp = &lone.stack.tcp;
	struct pair pairs[CONNECTIONS / 2];
	int client = new_tcp(), listener;
	uint32_t places;

	for (int i = 0; i < CONNECTIONS / 2; i++)
		pairs[i] = new_pair();
	listener = new_listener(7000);
	places = tcp->ports.places.in_use;
	assert_fails(connect_to(client, OURS, 7000), ENOMEM);
	assert_fails(connect_to(client, PEER, 7), ENOMEM);
	assert_int_equal(tcp->anchors.in_use, CONNECTIONS);
	assert_int_equal(tcp->ports.places.in_use, places); // the port that was chosen
	expect_echo(pairs[0]);

	reset_when_closed(pairs[0].client);
	close_pair(pairs[0]);
	assert_int_equal(connect_to(client, OURS, 7000), 0);
	assert_true(ft_accept(listener, NULL, NULL) >= 3);
}

// Our end has the last block, so the SYN finds none; it comes again.
static void one_block_left_connect_waits_for_another(void **state)
{
	const uint64_t *dropped = &lone.stack.counters.dropped_input[FT_DROP_TCP_NO_CONN_MEMORY];
	struct pair pair = new_pair();
	int listener = new_listener(7000), client = new_tcp(), waiting = new_tcp();

	set_nonblocking(waiting);
	assert_fails(connect_to(waiting, PEER, 7), EINPROGRESS);
	set_nonblocking(client);
	assert_fails(connect_to(client, OURS, 7000), EINPROGRESS);
	ft_lone_run_for(&lone, 100 * FT_MILLISECOND);
	assert_int_equal(*dropped, 1);
	assert_int_equal(lone.stack.tcp.anchors.in_use, CONNECTIONS);
	assert_fails(connect_to(client, OURS, 7000), EALREADY);

	reset_when_closed(pair.client);
	close_pair(pair);
	ft_lone_run_for(&lone, 2 * FT_SECOND);
	assert_int_equal(*dropped, 1);
	assert_int_equal(connect_to(client, OURS, 7000), 0);
	assert_true(ft_accept(listener, NULL, NULL) >= 3);
}

// ---- memory for the tables of connections to grow ----

enum { UNGROWN = 64 * 11 }; // what a table takes as it begins: demux/conn_table.c

static void allow_many_udp(struct ft_config *config)
{
	config->udp.sockets = 2 * UNGROWN;
}

static int start_with_many_udp(void **state)
{
	ft_lone_start(&lone, allow_many_udp);
	return 0;
}

static int connect_new(bool is_udp, int *fd)
{
	*fd = ft_socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK, 0);
	assert_true(*fd >= 3);
	errno = 0;
	return connect_to(*fd, PEER, 7) == 0 ? 0 : errno;
}

// Connects while the table can't grow, as if DPDK's control thread were taking pages all the time, then
// once more when it can.
static void connect_until_the_table_is_full(
	bool is_udp, int good, struct ft_conn_table *connections)
{
	int fd, result;

	ft_lone_settle(&lone);
	connections->pages.taking = UINT64_MAX;
	while ((result = connect_new(is_udp, &fd)) == good)
		;
	connections->pages.taking = 0;
	assert_int_equal(result, ENOMEM);
	assert_int_equal(connections->entries, UNGROWN);
	errno = 0;
	assert_int_equal(connect_to(fd, PEER, 7) == 0 ? 0 : errno, good);
	assert_int_equal(connections->entries, UNGROWN + 1);
}

// Some of the first are over by then: nobody answers ARP.
static void full_table_tcp_connect_has_no_memory(void **state)
{
	struct ft_tcp *tcp = &lone.stack.tcp;

	connect_until_the_table_is_full(false, EINPROGRESS, &tcp->connections);
	assert_int_equal(tcp->in_state[FT_TCP_SYN_SENT], UNGROWN + 1);
	assert_int_equal(tcp->anchors.in_use, UNGROWN + 1 + tcp->in_state[FT_TCP_CLOSED]);
	assert_int_equal(tcp->conns.in_use, tcp->anchors.in_use);
}

static void full_table_udp_connect_has_no_memory(void **state)
{
	connect_until_the_table_is_full(true, 0, &lone.stack.udp.connected);
	assert_int_equal(lone.stack.udp.sockets.in_use, UNGROWN + 1);
}

// ---- listeners ----

static void no_listener_left_listen_has_no_memory(void **state)
{
	int fds[LISTENERS], fd = new_tcp(), client = new_tcp();

	for (int i = 0; i < LISTENERS; i++)
		fds[i] = new_listener((uint16_t)(7000 + i));
	assert_int_equal(bind_to(fd, ANY, 7002), 0);
	assert_fails(ft_listen(fd, 16), ENOMEM);
	assert_int_equal(get_option(fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
	assert_fails(connect_to(client, OURS, 7002), ECONNREFUSED);
	assert_int_equal(port_of(fd), 7002);

	assert_int_equal(ft_close(fds[0]), 0);
	assert_int_equal(ft_listen(fd, 16), 0);
	assert_int_equal(connect_to(client, OURS, 7002), 0);
	assert_int_equal(lone.stack.tcp.listeners.in_use, LISTENERS);
}

static void no_listener_left_unbound_listen_leaves_it_usable(void **state)
{
	int fd = new_tcp();

	new_listener(7000);
	new_listener(7001);
	assert_fails(ft_listen(fd, 16), ENOMEM);
	assert_int_equal(connect_to(fd, OURS, 7000), 0);
}

// ---- ports ----

enum { GROUP = 5 }; // the group of SO_REUSEPORT at a port begins with room for four

static bool has_no_memory;

// The linker has realloc() called through these (--wrap=realloc).
void *__real_realloc(void *old, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

void *__wrap_realloc(void *old, size_t bytes)
{
	return has_no_memory ? NULL : __real_realloc(old, bytes);
}

static int new_reusing(int type)
{
	int fd = ft_socket(AF_INET, type, 0);

	assert_true(fd >= 3);
	set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return fd;
}

static int stop_and_restore(void **state)
{
	has_no_memory = false;
	return stop_lone(state);
}

static void expect_bind_without_memory_keeps_nothing(int type, const struct ft_port_table *ports)
{
	int fd = new_reusing(type), other = ft_socket(AF_INET, type, 0);
	uint32_t places = ports->places.in_use;

	has_no_memory = true;
	assert_fails(bind_to(fd, OURS, 7000), ENOMEM);
	assert_int_equal(port_of(fd), 0);
	assert_int_equal(ports->places.in_use, places);
	assert_int_equal(bind_to(other, ANY, 7000), 0); // which has no group: the port is free
	assert_int_equal(ft_close(other), 0);
	has_no_memory = false;
	assert_int_equal(bind_to(fd, OURS, 7000), 0);
	assert_int_equal(ft_close(fd), 0);
	assert_int_equal(ports->places.in_use, places);
}

static void no_memory_for_a_group_bind_says_so(void **state)
{
	expect_bind_without_memory_keeps_nothing(SOCK_STREAM, &lone.stack.tcp.ports);
	expect_bind_without_memory_keeps_nothing(SOCK_DGRAM, &lone.stack.udp.ports);
}

// The others stay as they are.
static void no_memory_for_one_more_in_a_group_bind_says_so(void **state)
{
	int fds[GROUP], sender = new_udp(), got = 0;
	struct sockaddr_in receiver = name_of(OURS, 7000);
	char byte = 'x';

	for (int i = 0; i < GROUP; i++) {
		fds[i] = new_reusing(SOCK_DGRAM);
		if (i < GROUP - 1)
			assert_int_equal(bind_to(fds[i], OURS, 7000), 0);
	}
	has_no_memory = true;
	assert_fails(bind_to(fds[GROUP - 1], OURS, 7000), ENOMEM);
	assert_int_equal(ft_close(fds[0]), 0);
	assert_int_equal(bind_to(fds[GROUP - 1], OURS, 7000), 0); // its seat
	assert_int_equal(ft_sendto(sender, &byte, 1, 0, AND_LENGTH(receiver)), 1);
	ft_lone_settle(&lone);
	for (int i = 1; i < GROUP; i++)
		got += ft_recv(fds[i], &byte, 1, MSG_DONTWAIT) == 1;
	assert_int_equal(got, 1);
}

// A socket that gave its seat to nobody finds it again: it would be deaf, and disconnect can't fail.
static void no_memory_disconnected_socket_receives_again(void **state)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	int fds[GROUP], sender = new_udp();
	struct sockaddr_in receiver = name_of(OURS, 7000);
	char byte = 'x';

	fds[0] = new_reusing(SOCK_DGRAM);
	assert_int_equal(bind_to(fds[0], OURS, 7000), 0);
	assert_int_equal(connect_to(fds[0], PEER, 7), 0);
	for (int i = 1; i < GROUP; i++) {
		fds[i] = new_reusing(SOCK_DGRAM);
		assert_int_equal(bind_to(fds[i], OURS, 7000), 0);
	}
	has_no_memory = true;
	assert_int_equal(ft_connect(fds[0], &nobody, sizeof(nobody)), 0);
	for (int i = 1; i < GROUP; i++)
		assert_int_equal(ft_close(fds[i]), 0);
	assert_int_equal(ft_sendto(sender, &byte, 1, 0, AND_LENGTH(receiver)), 1);
	ft_lone_settle(&lone);
	assert_int_equal(ft_recv(fds[0], &byte, 1, MSG_DONTWAIT), 1);
}

static void no_memory_bound_socket_listens(void **state)
{
	int fds[GROUP];

	for (int i = 0; i < GROUP; i++) {
		fds[i] = new_reusing(SOCK_STREAM);
		assert_int_equal(bind_to(fds[i], OURS, 7000), 0);
	}
	has_no_memory = true;
	for (int i = 0; i < GROUP; i++)
		assert_int_equal(ft_listen(fds[i], 16), 0);
}

// ---- sockets and descriptors ----

static void no_udp_socket_left_socket_has_no_memory(void **state)
{
	int fds[UDP_SOCKETS], next = new_tcp();

	assert_int_equal(ft_close(next), 0);
	for (int i = 0; i < UDP_SOCKETS; i++)
		fds[i] = new_udp();
	assert_fails(ft_socket(AF_INET, SOCK_DGRAM, 0), ENOMEM);
	assert_int_equal(lone.stack.sockets->sockets.in_use, UDP_SOCKETS);
	assert_int_equal(new_tcp(), next + UDP_SOCKETS); // its number was given back
	assert_int_equal(bind_to(fds[0], OURS, 7000), 0);
	assert_int_equal(connect_to(fds[1], OURS, 7000), 0);
	expect_echo((struct pair){ .client = fds[1], .server = fds[0] });

	assert_int_equal(ft_close(fds[2]), 0);
	assert_int_equal(new_udp(), fds[2]);
}

static void no_descriptor_left_every_call_that_makes_one_says_so(void **state)
{
	int fd = new_tcp(), last = -1, next;

	while ((next = ft_socket(AF_INET, SOCK_STREAM, 0)) >= 0)
		last = next;
	assert_int_equal(errno, EMFILE);
	assert_int_equal(last, DESCRIPTORS - 1);
	assert_fails(ft_dup(fd), EMFILE);
	assert_fails(ft_fcntl(fd, F_DUPFD, 0), EMFILE);
	assert_fails(ft_fcntl(fd, F_DUPFD, DESCRIPTORS - 1), EMFILE);
	assert_fails(ft_fcntl(fd, F_DUPFD, DESCRIPTORS), EINVAL); // no such number, ever
	assert_fails(ft_socket(AF_INET, SOCK_DGRAM, 0), EMFILE);
	assert_fails(ft_epoll_create1(0), EMFILE);
	assert_int_equal(lone.stack.udp.sockets.in_use, 0);
	assert_int_equal(lone.stack.sockets->epolls.in_use, 0);
	assert_int_equal(ft_listen(fd, 1), 0);

	assert_int_equal(ft_close(last), 0);
	assert_int_equal(ft_epoll_create1(0), last);
	assert_int_equal(ft_close(last), 0);
	assert_int_equal(ft_dup(fd), last);
	assert_int_equal(ft_close(last), 0);
	assert_int_equal(new_udp(), last);
}

// ---- watches ----

// There are as many watches as descriptors, and a socket may be in several epolls.
static void no_watch_left_epoll_ctl_has_no_space(void **state)
{
	const struct ft_pool *watches = &lone.stack.sockets->watches;
	struct epoll_event event = { .events = EPOLLIN }, ready[2];
	int epolls[3], sockets[DESCRIPTORS / 2], more;
	struct pair pair = new_pair();

	for (int i = 0; i < 3; i++)
		epolls[i] = ft_epoll_create1(0);
	for (int i = 0; i < DESCRIPTORS / 2; i++) {
		sockets[i] = new_tcp();
		assert_int_equal(ft_epoll_ctl(epolls[0], EPOLL_CTL_ADD, sockets[i], &event), 0);
		if (i > 0)
			assert_int_equal(
				ft_epoll_ctl(epolls[1], EPOLL_CTL_ADD, sockets[i], &event), 0);
	}
	event.data.fd = pair.server;
	assert_int_equal(ft_epoll_ctl(epolls[2], EPOLL_CTL_ADD, pair.server, &event), 0);
	assert_int_equal(watches->in_use, DESCRIPTORS);
	more = pair.client;
	assert_fails(ft_epoll_ctl(epolls[2], EPOLL_CTL_ADD, more, &event), ENOSPC);
	assert_fails(ft_epoll_ctl(epolls[2], EPOLL_CTL_MOD, more, &event), ENOENT);

	// Those that are there work.
	expect_echo(pair);
	assert_int_equal(ft_send(pair.client, "x", 1, 0), 1);
	ft_lone_settle(&lone);
	assert_int_equal(ft_epoll_wait(epolls[2], ready, 2, 0), 1);
	assert_int_equal(ready[0].data.fd, pair.server);

	assert_int_equal(ft_epoll_ctl(epolls[1], EPOLL_CTL_DEL, sockets[1], NULL), 0);
	assert_int_equal(ft_epoll_ctl(epolls[2], EPOLL_CTL_ADD, more, &event), 0);
	assert_int_equal(ft_close(epolls[0]), 0);
	assert_int_equal(watches->in_use, DESCRIPTORS - DESCRIPTORS / 2);
}

// ---- packet buffers ----

static void no_packet_left_datagram_has_no_buffer(void **state)
{
	const uint64_t *sent = &lone.stack.counters.count[FT_COUNTER_UDP_DATAGRAMS_OUT];
	int server = new_udp(), client = new_udp();
	char bytes[10000] = { 0 };

	assert_int_equal(bind_to(server, OURS, 7000), 0);
	assert_int_equal(connect_to(client, OURS, 7000), 0);
	ft_lone_settle(&lone);
	for (uint32_t left = 0; left < 5; left++) { // of the five that it takes
		ft_test_drain(lone.stack.send_pool, left);
		assert_fails(ft_send(client, bytes, sizeof(bytes), 0), ENOBUFS);
		ft_test_refill();
		assert_int_equal(rte_mempool_in_use_count(lone.stack.send_pool), 0);
	}
	assert_int_equal(*sent, 0);
	assert_int_equal(ft_send(client, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(ft_recv(server, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(*sent, 1);
}

// ---- places in the queue for the wire ----

// The wire to ourselves takes a few hundred in a turn. Who is not served need not be looked at in each.
static void many_that_wait_for_the_wire_have_their_turn_in_order(void **state)
{
	static struct pair pairs[1600];
	const struct ft_list *owing = &lone.stack.tcp.owing;
	const struct ft_tcp_conn *first;
	char byte;

	for (size_t i = 0; i < RTE_DIM(pairs); i++)
		pairs[i] = new_pair();
	ft_lone_settle(&lone);
	assert_true(ft_list_is_empty(owing));
	for (size_t i = 0; i < RTE_DIM(pairs); i++)
		assert_int_equal(ft_send(pairs[i].client, "x", 1, 0), 1);
	ft_stack_poll(&lone.stack, lone.now);
	assert_in_range(lone.stack.loopback.count, 1, FT_LOOPBACK_QUEUE);
	first = ft_container_of(owing->next, struct ft_tcp_conn, owing_node);
	assert_int_not_equal(
		first->tuple.local_port, port_of(pairs[lone.stack.loopback.count].client));
	ft_lone_settle(&lone);
	for (size_t i = 0; i < RTE_DIM(pairs); i++) {
		assert_int_equal(ft_recv(pairs[i].server, &byte, 1, MSG_DONTWAIT), 1);
		close_pair(pairs[i]);
	}
}

#define few_test(function) cmocka_unit_test_setup_teardown(function, start_with_few, stop_lone)
#define memory_test(function) \
	cmocka_unit_test_setup_teardown(function, start_lone, stop_and_restore)

int main(void)
{
	const struct CMUnitTest tests[] = {
		few_test(no_block_left_connect_has_no_memory),
		few_test(one_block_left_connect_waits_for_another),
		lone_test(full_table_tcp_connect_has_no_memory),
		cmocka_unit_test_setup_teardown(
			full_table_udp_connect_has_no_memory, start_with_many_udp, stop_lone),
		few_test(no_listener_left_listen_has_no_memory),
		few_test(no_listener_left_unbound_listen_leaves_it_usable),
		memory_test(no_memory_for_a_group_bind_says_so),
		memory_test(no_memory_for_one_more_in_a_group_bind_says_so),
		memory_test(no_memory_disconnected_socket_receives_again),
		memory_test(no_memory_bound_socket_listens),
		few_test(no_udp_socket_left_socket_has_no_memory),
		few_test(no_descriptor_left_every_call_that_makes_one_says_so),
		few_test(no_watch_left_epoll_ctl_has_no_space),
		few_test(no_packet_left_datagram_has_no_buffer),
		lone_test(many_that_wait_for_the_wire_have_their_turn_in_order),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("shim/limits", tests, NULL, NULL);
}
