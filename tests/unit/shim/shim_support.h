// Shorthand of the shim's tests: addresses, sockets, pairs.
#pragma once
#include <errno.h>
#include <string.h>

#include "fourtuple.h"
#include "lone.h"
#include "socket/socket.h"
#include "support.h"

static struct ft_lone lone;

static inline int start_lone(void **state)
{
	ft_lone_start(&lone, NULL);
	return 0;
}

static inline int stop_lone(void **state)
{
	ft_lone_stop(&lone);
	return 0;
}

#define lone_test(function) cmocka_unit_test_setup_teardown(function, start_lone, stop_lone)

#define assert_fails(call, expected)               \
	do {                                       \
		errno = 0;                         \
		assert_int_equal(call, -1);        \
		assert_int_equal(errno, expected); \
	} while (0)

static inline struct sockaddr_in name_of(uint32_t ip, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)
	};
}

#define OURS		 0x0a090002 // 10.9.0.2
#define PEER		 0x0a090001 // 10.9.0.1: nobody there
#define LOCAL		 0x7f000001
#define ANY		 INADDR_ANY
#define AND_LENGTH(name) (struct sockaddr *)&(name), sizeof(name)

static inline int bind_to(int fd, uint32_t ip, uint16_t port)
{
	struct sockaddr_in name = name_of(ip, port);

	return ft_bind(fd, AND_LENGTH(name));
}

static inline int connect_to(int fd, uint32_t ip, uint16_t port)
{
	struct sockaddr_in name = name_of(ip, port);

	return ft_connect(fd, AND_LENGTH(name));
}

static inline uint16_t port_of(int fd)
{
	struct sockaddr_in name;
	socklen_t length = sizeof(name);

	assert_int_equal(ft_getsockname(fd, (struct sockaddr *)&name, &length), 0);
	return ntohs(name.sin_port);
}

static inline int new_tcp(void)
{
	int fd = ft_socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 3);
	return fd;
}

static inline int new_udp(void)
{
	int fd = ft_socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 3);
	return fd;
}

static inline void set_option(int fd, int level, int name, int value)
{
	assert_int_equal(ft_setsockopt(fd, level, name, &value, sizeof(value)), 0);
}

static inline int get_option(int fd, int level, int name)
{
	socklen_t length = sizeof(int);
	int value = -1;

	assert_int_equal(ft_getsockopt(fd, level, name, &value, &length), 0);
	assert_int_equal(length, sizeof(int));
	return value;
}

static inline void set_nonblocking(int fd)
{
	assert_int_equal(ft_fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

static inline int new_listener(uint16_t port)
{
	int fd = new_tcp();

	assert_int_equal(bind_to(fd, ANY, port), 0);
	assert_int_equal(ft_listen(fd, 16), 0);
	return fd;
}

struct pair {
	int client;
	int server;
};

// A connection between two sockets, and no listener left.
static inline struct pair new_pair(void)
{
	int listener = new_listener(0);
	struct pair pair = { .client = new_tcp() };

	assert_int_equal(connect_to(pair.client, OURS, port_of(listener)), 0);
	pair.server = ft_accept(listener, NULL, NULL);
	assert_true(pair.server >= 3);
	assert_int_equal(ft_close(listener), 0);
	return pair;
}

static inline void close_pair(struct pair pair)
{
	assert_int_equal(ft_close(pair.client), 0);
	assert_int_equal(ft_close(pair.server), 0);
}
