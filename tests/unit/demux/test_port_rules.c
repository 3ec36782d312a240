// Bind conflicts follow Linux: so the kernel that runs this test is asked, on its loopback
// addresses, and must answer as the port table does, for every pair of sockets.
#include "../support.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/random.h"
#include "demux/port_table.h"

static const uint32_t addresses[] = { INADDR_ANY, 0x7f000001, 0x7f000002 };

#define ADDRESSES (sizeof(addresses) / sizeof(addresses[0]))

struct ask {
	uint32_t address;
	unsigned reuse; // enum ft_port_reuse
	bool listens;
};

static struct ft_port_table table;

static int start(void **state)
{
	static struct ft_random random;
	static struct ft_hash_key key;

	ft_random_init(&random, 1);
	ft_hash_key_init(&key, &random);
	return ft_port_table_init(&table, *(int *)*state, 49152, 65535, 1000, &random, &key);
}

static int stop(void **state)
{
	ft_port_table_free(&table);
	return 0;
}

// ---- the kernel's answers: 0 or an errno ----

static int open_socket(const struct ask *ask)
{
	bool is_tcp = table.protocol == IPPROTO_TCP;
	int fd = socket(AF_INET, is_tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
	int reuse_address = (ask->reuse & FT_PORT_REUSE_ADDRESS) != 0;
	int reuse_port = (ask->reuse & FT_PORT_REUSE_PORT) != 0;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse_address, sizeof(reuse_address));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &reuse_port, sizeof(reuse_port));
	return fd;
}

static int kernel_bind(int fd, const struct ask *ask, uint16_t port)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(ask->address),
		.sin_port = htons(port),
	};

	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) != 0)
		return errno;
	return ask->listens && listen(fd, 1) != 0 ? errno : 0;
}

static void skip_without_loopback(void)
{
	const struct ask loopback = { .address = addresses[1] };
	int fd = open_socket(&loopback);
	int error = kernel_bind(fd, &loopback, 0);

	close(fd);
	if (error != 0)
		skip();
}

static uint16_t free_port(void)
{
	const struct ask any = { 0 };
	struct sockaddr_in name;
	socklen_t length = sizeof(name);
	int fd = open_socket(&any);

	assert_int_equal(kernel_bind(fd, &any, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
	close(fd);
	return ntohs(name.sin_port);
}

static int ask_kernel(const struct ask *first, const struct ask *second)
{
	uint16_t port = free_port();
	int first_fd = open_socket(first);
	int second_fd = open_socket(second);
	int answer;

	assert_int_equal(kernel_bind(first_fd, first, port), 0);
	answer = kernel_bind(second_fd, second, port);
	close(first_fd);
	close(second_fd);
	return answer;
}

// An accepted connection is left by a listener that is gone.
static int ask_kernel_over_use(const struct ask *first, const struct ask *second)
{
	const struct ask client_ask = { 0 };
	uint16_t port = free_port();
	struct sockaddr_in server = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(first->address) };
	int listener = open_socket(first);
	int client = open_socket(&client_ask);
	int second_fd = open_socket(second);
	int accepted, answer;

	assert_int_equal(kernel_bind(listener, first, port), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&server, sizeof(server)), 0);
	accepted = accept(listener, NULL, NULL);
	close(listener);
	answer = kernel_bind(second_fd, second, port);
	close(client);
	close(accepted);
	close(second_fd);
	return answer;
}

// ---- ours ----

static struct ft_binding binding_for(const struct ask *ask)
{
	return (struct ft_binding){
		.address = ft_addr_from_ip4(htonl(ask->address)),
		.port = 80,
		.reuse_address = (ask->reuse & FT_PORT_REUSE_ADDRESS) != 0,
		.reuse_port = (ask->reuse & FT_PORT_REUSE_PORT) != 0,
	};
}

static int table_bind(struct ft_binding *binding, const struct ask *ask)
{
	int error = ft_port_bind(&table, binding);

	if (error != 0 || !ask->listens)
		return -error;
	error = ft_port_listen(&table, binding);
	if (error != 0)
		ft_port_unbind(&table, binding);
	return -error;
}

static int ask_table(const struct ask *first, const struct ask *second)
{
	struct ft_binding first_binding = binding_for(first);
	struct ft_binding second_binding = binding_for(second);
	int answer;

	assert_int_equal(table_bind(&first_binding, first), 0);
	answer = table_bind(&second_binding, second);
	if (answer == 0)
		ft_port_unbind(&table, &second_binding);
	ft_port_unbind(&table, &first_binding);
	return answer;
}

static int ask_table_over_use(const struct ask *first, const struct ask *second)
{
	struct ft_binding binding = binding_for(second);
	struct ft_tuple tuple = {
		.local = ft_addr_from_ip4(htonl(first->address)),
		.local_port = 80,
	};
	int answer;

	assert_int_equal(ft_port_hold(&table, &tuple, (uint8_t)first->reuse), 0);
	answer = table_bind(&binding, second);
	if (answer == 0)
		ft_port_unbind(&table, &binding);
	ft_port_release(&table, &tuple, (uint8_t)first->reuse);
	return answer;
}

// ---- every pair ----

#define ASKS (ADDRESSES * FT_PORT_REUSE_COMBINATIONS * 2)

static struct ask ask_number(unsigned i)
{
	return (struct ask){
		.address = addresses[i % ADDRESSES],
		.reuse = i / ADDRESSES % FT_PORT_REUSE_COMBINATIONS,
		.listens = table.protocol == IPPROTO_TCP && i >= ASKS / 2,
	};
}

static void binds_answer_as_the_kernel_does(void **state)
{
	skip_without_loopback();
	for (unsigned i = 0; i < ASKS; i++) {
		for (unsigned j = 0; j < ASKS; j++) {
			struct ask first = ask_number(i);
			struct ask second = ask_number(j);

			assert_int_equal(ask_table(&first, &second), ask_kernel(&first, &second));
		}
	}
}

static void binds_over_connections_answer_as_the_kernel_does(void **state)
{
	skip_without_loopback();
	for (unsigned i = ASKS / 2; i < ASKS; i++) {
		for (unsigned j = 0; j < ASKS; j++) {
			struct ask first = ask_number(i);
			struct ask second = ask_number(j);

			if (first.address == INADDR_ANY)
				continue; // a connection has one address
			assert_int_equal(ask_table_over_use(&first, &second),
				ask_kernel_over_use(&first, &second));
		}
	}
}

int main(void)
{
	static int tcp = IPPROTO_TCP;
	static int udp = IPPROTO_UDP;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate_setup_teardown(
			binds_answer_as_the_kernel_does, start, stop, &tcp),
		cmocka_unit_test_prestate_setup_teardown(
			binds_answer_as_the_kernel_does, start, stop, &udp),
		cmocka_unit_test_prestate_setup_teardown(
			binds_over_connections_answer_as_the_kernel_does, start, stop, &tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
