// What the kernel's connect() costs while the ports it may choose from run out: for --ports --against
// kernel. All over loopback, to one listener, in a network namespace of its own with a range of 9,000
// ports, as a process has 20,000 descriptors here at most.
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "demux_bench.h"
#include "demux_bench_sockets.h"

#define PORTS	   9000
#define FIRST_PORT 20000
#define CHOICES	   500

struct bench_connect {
	struct sockaddr_in server;
	int listener;
	uint32_t held;
};

static void set_kernel(const char *path, const char *value)
{
	FILE *file = fopen(path, "w");

	if (file == NULL || fputs(value, file) < 0 || fclose(file) != 0)
		bench_fail("kernel: %s could not be set to %s: %s", path, value, strerror(errno));
}

struct bench_connect *bench_connect_open(void)
{
	struct bench_connect *state = calloc(1, sizeof(*state));
	char range[32];

	bench_sockets_open();
	snprintf(range, sizeof(range), "%d %d", FIRST_PORT, FIRST_PORT + PORTS - 1);
	set_kernel("/proc/sys/net/ipv4/ip_local_port_range", range);
	if (state == NULL)
		bench_fail("no memory");
	state->server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(9000) };
	state->server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	state->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (state->listener < 0 ||
		bind(state->listener, (struct sockaddr *)&state->server, sizeof(state->server)) <
			0 ||
		listen(state->listener, 128) < 0)
		bench_fail("kernel: no listener: %s", strerror(errno));
	return state;
}

// The listener's end is closed at once. Ours then is in CLOSE-WAIT and keeps its port.
static int connect_once(const struct bench_connect *state, uint64_t *ticks)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t begin = rte_rdtsc_precise();
	int result = fd < 0 ? -1
			    : connect(fd, (const struct sockaddr *)&state->server,
				      sizeof(state->server));
	int accepted;

	*ticks = rte_rdtsc_precise() - begin;
	if (result < 0 || (accepted = accept(state->listener, NULL, NULL)) < 0)
		bench_fail("kernel: connect() with %u of %d ports in use: %s", state->held, PORTS,
			strerror(errno));
	close(accepted);
	return fd;
}

// With a reset, so that the port is free again at once.
static void let_go(int fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

uint32_t bench_connect_ports(void)
{
	return PORTS;
}

double *bench_connect_measure(struct bench_connect *state, uint32_t used, size_t *count)
{
	double *ns = calloc(CHOICES, sizeof(*ns));
	uint64_t ticks;

	if (ns == NULL)
		bench_fail("no memory");
	for (; state->held < used; state->held++) {
		bench_stop_if_asked();
		connect_once(state, &ticks);
	}
	for (unsigned i = 0; i < CHOICES; i++) {
		bench_stop_if_asked();
		let_go(connect_once(state, &ticks));
		ns[i] = bench_ticks_to_ns((double)ticks);
	}
	bench_sort(ns, CHOICES);
	*count = CHOICES;
	return ns;
}
