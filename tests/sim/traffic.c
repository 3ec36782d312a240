#include "traffic.h"

#include <stdbool.h>

#include "scenario.h"

#define CHUNK 16384 // bytes a call, at most

struct sockaddr_in ft_traffic_address(const struct ft_host *host, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = ft_addr_ip4(&host->address),
	};
}

int ft_traffic_listen(uint16_t port, int backlog)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = ft_expect_ok(ft_socket(AF_INET, SOCK_STREAM, 0));

	ft_traffic_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	ft_expect_ok(ft_bind(fd, (struct sockaddr *)&any, sizeof(any)));
	ft_expect_ok(ft_listen(fd, backlog));
	return fd;
}

int ft_traffic_accept(int listener)
{
	return ft_expect_ok(ft_accept(listener, NULL, NULL));
}

int ft_traffic_try_connect(const struct ft_host *to, uint16_t port)
{
	struct sockaddr_in address = ft_traffic_address(to, port);
	int fd = ft_expect_ok(ft_socket(AF_INET, SOCK_STREAM, 0));
	int error;

	if (ft_connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = errno;
	ft_expect_ok(ft_close(fd));
	errno = error;
	return -1;
}

int ft_traffic_connect(const struct ft_host *to, uint16_t port)
{
	return ft_expect_ok(ft_traffic_try_connect(to, port));
}

// A mix of place and stream without a period that a stack's errors could hide in.
static uint8_t byte_at(uint64_t stream, uint64_t offset)
{
	uint64_t x = (offset + (stream << 40)) * 0x9e3779b97f4a7c15;

	x ^= x >> 32;
	return (x * 0xd6e8feb86659fd93) >> 56;
}

void ft_traffic_fill(uint8_t *bytes, uint64_t count, uint64_t stream, uint64_t offset)
{
	for (uint64_t i = 0; i < count; i++)
		bytes[i] = byte_at(stream, offset + i);
}

void ft_traffic_check(const uint8_t *bytes, uint64_t count, uint64_t stream, uint64_t offset)
{
	for (uint64_t i = 0; i < count; i++)
		if (bytes[i] != byte_at(stream, offset + i))
			ft_scenario_fail(__FILE__, __LINE__,
				"byte %lu of stream %lu is 0x%02x, expected 0x%02x", offset + i,
				stream, bytes[i], byte_at(stream, offset + i));
}

static uint64_t send_some(int fd, uint64_t stream, uint64_t from, uint64_t to, int flags)
{
	uint8_t bytes[CHUNK];
	uint64_t count = RTE_MIN((uint64_t)CHUNK, to - from);

	ft_traffic_fill(bytes, count, stream, from);
	return ft_expect_ok(ft_send(fd, bytes, count, flags | MSG_NOSIGNAL));
}

static uint64_t receive_some(int fd, uint64_t stream, uint64_t from, uint64_t to, int flags)
{
	uint8_t bytes[CHUNK];
	uint64_t most = RTE_MIN((uint64_t)CHUNK, to - from);
	uint64_t count = ft_expect_ok(ft_recv(fd, bytes, most, flags));

	ft_traffic_check(bytes, count, stream, from);
	return count;
}

void ft_traffic_send(int fd, uint64_t stream, uint64_t from, uint64_t to)
{
	while (from < to)
		from += send_some(fd, stream, from, to, 0);
}

void ft_traffic_receive(int fd, uint64_t stream, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint64_t count = receive_some(fd, stream, from, to, 0);

		if (count == 0)
			ft_scenario_fail(__FILE__, __LINE__, "stream %lu ends at %lu, not at %lu",
				stream, from, to);
		from += count;
	}
}

void ft_traffic_receive_end(int fd)
{
	uint8_t byte;

	ft_expect_equal(ft_expect_ok(ft_recv(fd, &byte, 1, 0)), 0);
}

void ft_traffic_exchange(int fd, uint64_t sent, uint64_t received, uint64_t bytes)
{
	uint64_t out = 0, in = 0;
	bool has_ended = false;

	while (out < bytes || !has_ended) {
		struct pollfd wait = { .fd = fd, .events = has_ended ? 0 : POLLIN };

		if (out < bytes)
			wait.events |= POLLOUT;
		ft_expect_ok(ft_poll(&wait, 1, -1));
		if (wait.revents & (POLLIN | POLLERR)) {
			uint64_t count = receive_some(fd, received, in, bytes + 1, MSG_DONTWAIT);

			in += count;
			has_ended = count == 0;
		}
		if (wait.revents & POLLOUT && out < bytes) {
			out += send_some(fd, sent, out, bytes, MSG_DONTWAIT);
			if (out == bytes)
				ft_expect_ok(ft_shutdown(fd, SHUT_WR));
		}
	}
	ft_expect_equal(in, bytes);
}

void ft_traffic_set(int fd, int level, int option, int value)
{
	ft_expect_ok(ft_setsockopt(fd, level, option, &value, sizeof(value)));
}
