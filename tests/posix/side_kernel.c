// The kernel's calls, over its loopback.
#include <err.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"

// Descriptors of our own stand far above those of the cases, which begin with 3.
#define OWN_FD 900
// An answer to an answer to a SYN is the third; there is room for more.
#define GENERATIONS 8
// At most so many, as on fourtuple's side: poll() refuses to look at more.
#define DESCRIPTORS 4096
// Outside the range the kernel chooses from, so that it never takes one of ours by chance.
#define FIRST_PORT 20000
#define LAST_PORT  30000

static int probe = -1;

static void stay_on_one_core(void)
{
	cpu_set_t cores;

	CPU_ZERO(&cores);
	CPU_SET(sched_getcpu(), &cores);
	if (sched_setaffinity(0, sizeof(cores), &cores) < 0)
		err(1, "sched_setaffinity");
}

// A datagram socket connected to itself.
static void open_probe(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(name);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&name, length) < 0 ||
		getsockname(fd, (struct sockaddr *)&name, &length) < 0 ||
		connect(fd, (struct sockaddr *)&name, length) < 0)
		err(1, "probe");
	probe = fcntl(fd, F_DUPFD, OWN_FD);
	if (probe < 0)
		err(1, "probe");
	close(fd);
}

static void close_all(void)
{
	close_range(3, OWN_FD - 1, 0);
}

static void limit_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		err(1, "getrlimit");
	if (limit.rlim_cur > DESCRIPTORS)
		limit.rlim_cur = DESCRIPTORS;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		err(1, "setrlimit");
}

static void begin(void)
{
	close_all();
	if (probe >= 0)
		return;
	limit_descriptors();
	stay_on_one_core();
	open_probe();
}

// Loopback has one queue for each core, first in first out: when a datagram sent now has arrived,
// so has all that was sent before. What that caused stands behind it: the next datagram's turn.
static void settle(void)
{
	char byte = 0;

	for (int i = 0; i < GENERATIONS; i++) {
		if (send(probe, &byte, 1, 0) != 1 || recv(probe, &byte, 1, 0) != 1)
			err(1, "probe");
	}
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static int is_free(int type, uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, type, 0);
	int result = bind(fd, (struct sockaddr *)&name, sizeof(name));

	close(fd);
	return result == 0;
}

static int is_free_for_both(uint16_t port)
{
	return is_free(SOCK_STREAM, port) && is_free(SOCK_DGRAM, port);
}

// Begins somewhere else in each process, since several may run at a time.
static uint16_t free_port(void)
{
	static uint16_t port;

	if (port == 0)
		port = FIRST_PORT + getpid() % 997 * 10;
	for (int i = 0; i < LAST_PORT - FIRST_PORT; i++) {
		port = port + 2 < LAST_PORT ? port + 2 : FIRST_PORT;
		if (is_free_for_both(port) && is_free_for_both(port + 1))
			return port;
	}
	errx(1, "no free port");
}

const struct ft_side ft_side_kernel = {
	.name = "kernel",
#define DEFINE(name) .name = (void *)name,
	.calls = { FT_CALLS(DEFINE) },
#undef DEFINE
	.begin = begin,
	.end = close_all,
	.settle = settle,
	.now_ns = now_ns,
	.free_port = free_port,
};
