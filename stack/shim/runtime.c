// ft_init() and ft_exit(): a stack on a NIC for the calling thread, and its end.
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/log.h"
#include "base/pages.h"
#include "base/recorder.h"
#include "config/config.h"
#include "drivers/device.h"
#include "drivers/eal.h"
#include "drivers/nic.h"
#include "fourtuple.h"
#include "shim/thread.h"
#include "socket/socket.h"
#include "stack.h"
#include "telemetry/telemetry.h"

// How long ft_exit() lets connections say goodbye, at most.
#define GOODBYE FT_SECOND

// Turns without a packet after which the processor is offered to others, who may be what we wait
// for when cores are few. It comes back at once if nobody wants it.
#define IDLE_TURNS 64

// DPDK starts once in a process, so there is one of these.
static struct runtime {
	struct ft_config config;
	struct ft_device device;
	struct ft_nic nic;
	struct ft_stack stack;
	uint32_t idle_turns;
	bool was_started;
	bool is_running;
} runtime;

static ft_time present(void *arg)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (ft_time)time.tv_sec * FT_SECOND + (ft_time)time.tv_nsec;
}

static ft_time turn(void *arg)
{
	const uint64_t *received = &runtime.stack.counters.count[FT_COUNTER_RX_PACKETS];
	uint64_t before = *received;

	ft_stack_poll(&runtime.stack, present(arg));
	if (*received != before) {
		runtime.idle_turns = 0;
	} else if (++runtime.idle_turns > IDLE_TURNS) {
		runtime.idle_turns = 0;
		sched_yield();
	}
	return present(arg);
}

// The file has the time of day; the stack's is since the machine started.
static int start_recorder(void)
{
	const struct ft_config *config = &runtime.config;
	struct timespec time;
	ft_time offset;

	if (config->capture.file[0] == '\0')
		return 0;
	clock_gettime(CLOCK_REALTIME, &time);
	offset = (ft_time)time.tv_sec * FT_SECOND + (ft_time)time.tv_nsec - present(NULL);
	runtime.stack.recorder = ft_recorder_open(config->capture.file, config->nic.device,
		(uint32_t)config->capture.snap_bytes, offset,
		&runtime.stack.counters.count[FT_COUNTER_CAPTURE_LOST]);
	return runtime.stack.recorder != NULL ? 0 : -errno;
}

static int start_stack(void)
{
	const struct ft_runner runner = { .now = present, .turn = turn };
	uint64_t seed;
	int error;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
		ft_log_error("no random numbers from the kernel: %m");
		return -EIO;
	}
	// A device may have rounded up, or keep packets beside its ring: the stack leaves it those.
	runtime.config.nic.rx_descriptors = runtime.nic.held_packets;
	error = ft_stack_init(&runtime.stack, &runtime.config, &runtime.nic.netif,
		&runtime.nic.pools, seed, present(NULL));
	if (error != 0)
		return error;
	error = start_recorder();
	if (error != 0) {
		ft_stack_free(&runtime.stack);
		return error;
	}
	ft_thread_attach(&runtime.stack, &runner);
	ft_telemetry_start(&runtime.stack, &runtime.nic, ft_eal_name(), runtime.device.devargs);
	return 0;
}

static int start_nic(void)
{
	int error = ft_nic_open(&runtime.nic, &runtime.config, &runtime.device);

	if (error != 0)
		return error;
	error = start_stack();
	if (error != 0)
		ft_nic_close(&runtime.nic);
	return error;
}

// It does without.
static void start_pages_service(void)
{
	int error = ft_pages_service_start();

	if (error != 0)
		ft_log_warning("memory is given when it is first touched, not before: %s",
			strerror(-error));
}

static int start_dpdk(void)
{
	int error = ft_device_parse(&runtime.device, runtime.config.nic.device);

	if (error == 0)
		error = ft_eal_prepare(&runtime.config);
	if (error == 0)
		error = ft_device_check(&runtime.device, ft_eal_has_hugepages(&runtime.config));
	if (error == 0)
		error = ft_eal_start(&runtime.config, &runtime.device);
	if (error != 0)
		return error;
	runtime.was_started = true;
	start_pages_service();
	error = start_nic();
	if (error != 0) {
		ft_pages_service_stop();
		ft_eal_stop();
	}
	return error;
}

static int check_address(void)
{
	if (runtime.config.ip.address_count > 0)
		return 0;
	ft_log_error("no address: set [ip] address in a file given with --config, or "
		     "--ip.address=10.9.0.2/24");
	return -EINVAL;
}

static int start(int *argc, char **argv)
{
	int error;

	ft_log_init();
	if (runtime.was_started) {
		ft_log_error("ft_init() was called before: DPDK starts only once in a process");
		return -EBUSY;
	}
	ft_config_init(&runtime.config);
	error = ft_config_take_arguments(&runtime.config, argc, argv, stderr);
	if (error == 0)
		error = check_address();
	if (error == 0)
		error = start_dpdk();
	if (error != 0)
		ft_config_free(&runtime.config);
	return error;
}

int ft_init(int *argc, char **argv)
{
	int error = start(argc, argv);

	if (error != 0) {
		errno = -error;
		return -1;
	}
	runtime.is_running = true;
	ft_log_info("%s is up", runtime.device.devargs);
	return 0;
}

// Whether a connection still has data or a FIN of ours to bring to its peer, or a packet waits for its
// neighbour's MAC address or for the NIC. What only waits for the peer (FIN-WAIT-2) or for time to pass
// (TIME-WAIT) ends with us.
static bool is_saying_goodbye(void)
{
	const uint64_t *in_state = runtime.stack.tcp.in_state;
	uint64_t packets = runtime.stack.arp.waiting.used + runtime.stack.tx_count;

	return in_state[FT_TCP_ESTABLISHED] + in_state[FT_TCP_FIN_WAIT_1] +
		       in_state[FT_TCP_CLOSE_WAIT] + in_state[FT_TCP_CLOSING] +
		       in_state[FT_TCP_LAST_ACK] + packets >
	       0;
}

void ft_exit(void)
{
	ft_time deadline;

	if (!runtime.is_running || ft_thread_stack() != &runtime.stack)
		return;
	deadline = present(NULL) + GOODBYE;
	ft_socket_close_all(&runtime.stack, present(NULL));
	while (turn(NULL) < deadline && is_saying_goodbye())
		;
	ft_telemetry_stop();
	ft_thread_attach(NULL, NULL);
	ft_pages_service_stop();
	ft_stack_free(&runtime.stack);
	ft_recorder_close(runtime.stack.recorder);
	ft_nic_close(&runtime.nic);
	ft_eal_stop();
	ft_config_free(&runtime.config);
	runtime.is_running = false;
}

void ft_print_help(FILE *to)
{
	ft_config_print_help(to);
}

int ft_local_address(unsigned index, struct sockaddr *address, socklen_t *length)
{
	const struct ft_stack *stack = ft_thread_stack();
	struct sockaddr_in local = { .sin_family = AF_INET };

	if (stack == NULL || index >= stack->config.ip.address_count) {
		errno = stack == NULL ? ENXIO : EADDRNOTAVAIL;
		return -1;
	}
	local.sin_addr.s_addr = ft_addr_ip4(&stack->config.ip.address[index].addr);
	memcpy(address, &local, RTE_MIN(*length, (socklen_t)sizeof(local)));
	*length = sizeof(local);
	return 0;
}
