// A process has 20,000 descriptors at most here, so there are many processes, each connecting to
// itself over loopback. A connection has two ends there, both in the kernel's one table: that is two
// sockets to be found, for two descriptors.
//
//	holder i	listens at 127.1.i/256.i%256:9000, connects from 127.2.i/256.i%256:10000+k
#include "demux_bench_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "demux_bench.h"

#define MOST_DESCRIPTORS  20000
#define OTHER_DESCRIPTORS 64
#define SERVER_PORT	  9000
#define FIRST_PORT	  10000
#define SERVERS		  UINT32_C(0x7f010000) // 127.1.0.0
#define CLIENTS		  UINT32_C(0x7f020000) // 127.2.0.0
#define MOST_HOLDERS	  65536
#define BYTES_PER_SOCKET  5300 // estimated, to know before what memory has room for
#define KEPT_FREE	  (UINT64_C(1) << 30)

static struct {
	pid_t holders[MOST_HOLDERS];
	uint64_t count;
	uint64_t pairs_per_holder;
	uint64_t sockets;
	uint64_t available_before;
	double bytes_per_socket;
	pid_t owner; // who ends the holders: not they themselves
} state;

static struct sockaddr_in address_of(uint32_t network, uint64_t holder, uint64_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(network + (uint32_t)holder),
		.sin_port = htons((uint16_t)port),
	};
}

// Even numbers are the servers' ends, odd ones the clients'. A miss differs in the client's port.
struct ft_tuple bench_socket_tuple(uint64_t number, bool is_open)
{
	uint64_t pair = number / 2;
	uint64_t holder = pair / state.pairs_per_holder;
	uint32_t server = htonl(SERVERS + (uint32_t)holder);
	uint32_t client = htonl(CLIENTS + (uint32_t)holder);
	uint64_t port = (is_open ? FIRST_PORT : FIRST_PORT + MOST_DESCRIPTORS) +
			pair % state.pairs_per_holder;
	bool is_server = number % 2 == 0;

	return (struct ft_tuple){
		.local = ft_addr_from_ip4(is_server ? server : client),
		.remote = ft_addr_from_ip4(is_server ? client : server),
		.local_port = (uint16_t)(is_server ? SERVER_PORT : port),
		.remote_port = (uint16_t)(is_server ? port : SERVER_PORT),
		.protocol = IPPROTO_TCP,
	};
}

// ---- in the holder ----

// When the holder ends, its sockets vanish, and leave nothing in TIME-WAIT.
static void leave_no_trace(int fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void connect_pair(int listener, uint64_t holder, uint64_t pair)
{
	struct sockaddr_in server = address_of(SERVERS, holder, SERVER_PORT);
	struct sockaddr_in client = address_of(CLIENTS, holder, FIRST_PORT + pair);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int accepted;

	if (fd < 0 || bind(fd, (struct sockaddr *)&client, sizeof(client)) < 0 ||
		connect(fd, (struct sockaddr *)&server, sizeof(server)) < 0 ||
		(accepted = accept(listener, NULL, NULL)) < 0)
		_exit(errno);
	leave_no_trace(fd);
	leave_no_trace(accepted);
}

// Says over the pipe that all is there, closes the listener, so that no lookup finds that, and
// keeps the rest until it is ended: by us, or with us.
static void __attribute__((noreturn)) hold(uint64_t holder, uint64_t pairs, int ready)
{
	struct sockaddr_in server = address_of(SERVERS, holder, SERVER_PORT);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN); // a terminal sends it to all; our parent decides
	if (getppid() != state.owner || listener < 0 ||
		bind(listener, (struct sockaddr *)&server, sizeof(server)) < 0 ||
		listen(listener, 128) < 0)
		_exit(errno);
	for (uint64_t pair = 0; pair < pairs; pair++)
		connect_pair(listener, holder, pair);
	close(listener);
	if (write(ready, "", 1) != 1)
		_exit(errno);
	for (;;)
		pause();
}

// ---- in the benchmark ----

static void end_holders(void)
{
	if (getpid() != state.owner)
		return;
	for (uint64_t i = 0; i < state.count; i++)
		kill(state.holders[i], SIGKILL);
	for (uint64_t i = 0; i < state.count; i++)
		waitpid(state.holders[i], NULL, 0);
	state.count = 0;
}

static void __attribute__((noreturn)) holder_died(int status)
{
	bench_progress_end();
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		bench_fail("kernel: a process that holds its sockets could not: %s",
			strerror(WEXITSTATUS(status)));
	bench_fail("kernel: a process that holds its sockets has died (wait status %d); nothing "
		   "measured after that would be true",
		status);
}

void bench_sockets_check(void)
{
	int status;

	for (uint64_t i = 0; i < state.count; i++) {
		if (waitpid(state.holders[i], &status, WNOHANG) != state.holders[i])
			continue;
		state.holders[i] = state.holders[--state.count];
		holder_died(status);
	}
}

static void wait_until_ready(pid_t holder, int ready)
{
	ssize_t got;
	int status;
	char byte;

	while ((got = read(ready, &byte, 1)) < 0 && errno == EINTR) {
		if (bench_stop_signal != 0)
			exit(128 + bench_stop_signal);
	}
	close(ready);
	if (got == 1)
		return;
	waitpid(holder, &status, 0);
	state.count--;
	holder_died(status);
}

static void add_holder(uint64_t pairs)
{
	int ready[2];
	pid_t holder;

	if (pipe2(ready, O_CLOEXEC) < 0 || (holder = fork()) < 0)
		bench_fail("kernel: no further process for its sockets: %s", strerror(errno));
	if (holder == 0) {
		close(ready[0]);
		hold(state.count, pairs, ready[1]);
	}
	close(ready[1]);
	state.holders[state.count++] = holder;
	wait_until_ready(holder, ready[0]);
	state.sockets += 2 * pairs;
}

uint64_t bench_sockets_grow(uint64_t sockets)
{
	uint64_t available = bench_available_bytes();
	uint64_t room = available > KEPT_FREE ? (available - KEPT_FREE) / BYTES_PER_SOCKET : 0;
	uint64_t wanted = sockets;

	if (wanted > state.sockets + room)
		wanted = state.sockets + room;
	while (state.sockets + 1 < wanted && state.count < MOST_HOLDERS) {
		uint64_t pairs = (wanted - state.sockets) / 2;

		bench_stop_if_asked();
		// Each holder but the last is full: the tuples follow from a socket's number.
		if (state.sockets % (2 * state.pairs_per_holder) != 0) {
			kill(state.holders[--state.count], SIGKILL);
			waitpid(state.holders[state.count], NULL, 0);
			state.sockets = state.count * 2 * state.pairs_per_holder;
			continue;
		}
		add_holder(pairs < state.pairs_per_holder ? pairs : state.pairs_per_holder);
		bench_progress("kernel: %lu of %lu sockets are connected", state.sockets, wanted);
	}
	if (state.sockets == 0)
		bench_fail("kernel: %s", wanted < 2 ? "its sockets come in pairs: 2 at least"
						    : "no memory for two sockets");
	available = bench_available_bytes();
	if (available < state.available_before)
		state.bytes_per_socket =
			(double)(state.available_before - available) / (double)state.sockets;
	return state.sockets;
}

double bench_sockets_bytes(void)
{
	// Of fewer, the change in free memory says nothing.
	return state.sockets < 100000 ? 0 : state.bytes_per_socket;
}

// ---- the namespace ----

static void raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		bench_fail("kernel: no loopback in the namespace: %s", strerror(errno));
	close(fd);
}

void bench_sockets_open(void)
{
	struct rlimit limit;

	if (unshare(CLONE_NEWNET) < 0)
		bench_fail("--against kernel: a network namespace of its own: %s; run it as root",
			strerror(errno));
	raise_loopback();
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max > MOST_DESCRIPTORS)
		limit.rlim_max = MOST_DESCRIPTORS;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < 2 * OTHER_DESCRIPTORS)
		bench_fail("--against kernel: %lu descriptors are too few (ulimit -n)",
			(unsigned long)limit.rlim_cur);
	state.pairs_per_holder = (limit.rlim_cur - OTHER_DESCRIPTORS) / 2;
	state.available_before = bench_available_bytes();
	state.owner = getpid();
	atexit(end_holders);
}
