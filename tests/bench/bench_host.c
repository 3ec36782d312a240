#include "bench_host.h"

#include <err.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mempool.h>

#include "base/log.h"
#include "shim/thread.h"

#define DATA_BYTES 2048 // of a packet, as for a NIC
// Of memory: a page and a bit, as DPDK without hugepages lays none across the border of two.
#define PACKET_BYTES 4352
#define TURN	     FT_MICROSECOND

void bench_start_eal(uint64_t packets)
{
	char megabytes[32];
	char *args[] = { "bench", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
		"--log-level=lib.eal:error", "-m", megabytes, "-l", "0", NULL };

	snprintf(megabytes, sizeof(megabytes), "%lu", 128 + packets * PACKET_BYTES / 1000000);
	if (rte_eal_init(RTE_DIM(args) - 1, args) < 0)
		errx(1, "DPDK did not start with %s MB: %s", megabytes, rte_strerror(rte_errno));
	ft_log_init();
	rte_log_set_level(ft_log_type, RTE_LOG_WARNING);
}

ft_time bench_clock_now(struct bench_clock *clock)
{
	struct timespec time;

	if (clock->is_real) {
		clock_gettime(CLOCK_MONOTONIC, &time);
		clock->now = (ft_time)time.tv_sec * FT_SECOND + (ft_time)time.tv_nsec;
	}
	return clock->now;
}

static ft_time now(void *host)
{
	return bench_clock_now(((struct bench_host *)host)->clock);
}

static ft_time turn(void *arg)
{
	struct bench_host *host = arg;

	host->clock->turns++;
	host->clock->now += TURN;
	ft_stack_poll(&host->stack, now(host));
	return now(host);
}

// So that what is touched for the first time later is not the pools'.
static void touch(struct rte_mempool *pool, void *arg, void *object, unsigned index)
{
	struct rte_mbuf *pkt = object;

	memset(pkt->buf_addr, 0, pkt->buf_len);
}

static struct rte_mempool *make_pool(
	uint32_t address, const char *what, uint32_t packets, bool is_small)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;

	snprintf(name, sizeof(name), "%s-%x", what, address);
	pool = is_small ? ft_pkt_small_pool_create(name, packets, SOCKET_ID_ANY)
			: ft_pkt_pool_create(name, packets, DATA_BYTES, SOCKET_ID_ANY);
	if (pool == NULL)
		errx(1, "%u packets: %s", packets, rte_strerror(rte_errno));
	rte_mempool_obj_iter(pool, touch, NULL);
	return pool;
}

void bench_host_init(struct bench_host *host, struct bench_clock *clock, uint32_t address,
	uint32_t connections, uint32_t packets)
{
	struct ft_config *config = &host->config;

	host->clock = clock;
	ft_config_init(config);
	config->ip.address[0] = (struct ft_config_address){
		.addr = ft_addr_from_ip4(rte_cpu_to_be_32(address)),
		.prefix_bits = 24,
	};
	config->ip.address_count = 1;
	config->ip.unprivileged_port_start = 0; // whoever measures
	config->nic.rx_descriptors = 256;
	config->memory.packets = packets;
	config->tcp.connections = connections;
	config->tcp.backlog = 65536;
	config->socket.descriptors = connections + 16;
	host->receive_pool = make_pool(address, "receive", packets, false);
	host->send_pool = make_pool(address, "send", packets, false);
	host->small_pool = make_pool(address, "small", config->memory.small_packets, true);
}

void bench_host_start(struct bench_host *host, struct memory_end *end, uint8_t number)
{
	struct ft_netif netif = memory_wire_netif(end, number);

	const struct ft_pkt_pools pools = { host->receive_pool, host->send_pool, host->small_pool };

	if (ft_stack_init(&host->stack, &host->config, &netif, &pools, number,
		    bench_clock_now(host->clock)) != 0)
		errx(1, "the stack did not start");
}

void bench_host_stop(struct bench_host *host)
{
	bench_host_enter(host);
	ft_stack_free(&host->stack);
	ft_thread_attach(NULL, NULL);
	ft_config_free(&host->config);
}

void bench_host_enter(struct bench_host *host)
{
	const struct ft_runner runner = { .arg = host, .now = now, .turn = turn };

	ft_thread_attach(&host->stack, &runner);
}
