#include "network.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_ip.h>
#include <rte_mempool.h>

#include "frames.h"
#include "scenario.h"
#include "sim_nic.h"
#include "task.h"

#define DATA_BYTES 1600			  // of an mbuf: a full Ethernet frame
#define PLENTY	   (2 * 3600 * FT_SECOND) // no connection takes longer to end

// ---- building ----

void ft_network_init(struct ft_network *network, uint64_t seed)
{
	memset(network, 0, sizeof(*network));
	network->seed = seed;
	network->limit = FT_NEVER;
	ft_random_init(&network->random, seed);
	ft_capture_init(&network->capture);
	ft_scenario_watch(network);
}

void ft_network_config(struct ft_config *config)
{
	ft_config_init(config);
	config->nic.rx_descriptors = 64;
	config->memory.packets = 4096;
	config->memory.small_packets = 1024;
	config->tcp.connections = 4096;
	config->udp.sockets = 64;
	config->ip.unprivileged_port_start = 0; // whoever runs the tests
	config->socket.descriptors = 4096;
}

// Mapping pools costs more than a run, so each host number keeps its pools for the next seed; that
// they are full again is checked in between.
static struct rte_mempool *pool_of(uint32_t host, const char *what, uint32_t packets, bool is_small)
{
	struct rte_mempool *pool;
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "%s-%u-%u", what, host, packets);
	pool = rte_mempool_lookup(name);
	if (pool == NULL && is_small)
		pool = ft_pkt_small_pool_create(name, packets, SOCKET_ID_ANY);
	else if (pool == NULL)
		pool = ft_pkt_pool_create(name, packets, DATA_BYTES, SOCKET_ID_ANY);
	if (pool == NULL)
		ft_scenario_fail(__FILE__, __LINE__, "pool %s: %s", name, rte_strerror(rte_errno));
	ft_expect_equal(rte_mempool_in_use_count(pool), 0);
	return pool;
}

static struct ft_host *new_host(struct ft_network *network)
{
	struct ft_host *host = aligned_alloc(64, RTE_ALIGN_CEIL(sizeof(*host), 64));
	uint32_t number = network->host_count;

	ft_expect(host != NULL && number < FT_NETWORK_HOSTS);
	memset(host, 0, sizeof(*host));
	host->network = network;
	host->number = number;
	host->address = ft_addr_from_ip4(rte_cpu_to_be_32(RTE_IPV4(10, 9, 0, number + 1)));
	host->mac = (struct rte_ether_addr){ { 0x02, 0, 0, 0, 0, number + 1 } };
	host->is_plugged = true;
	host->to_switch.delay = host->from_switch.delay = 50 * FT_MICROSECOND;
	network->hosts[network->host_count++] = host;
	return host;
}

static void start_stack(struct ft_host *host, const struct ft_config *config, uint32_t offloads)
{
	struct ft_network *network = host->network;
	uint64_t seed = ft_random_next(&network->random);
	const struct ft_pkt_pools pools = { host->receive_pool, host->send_pool, host->small_pool };
	struct ft_netif netif;

	ft_sim_nic_fill(&netif, host, offloads);
	ft_expect_equal(ft_stack_init(&host->stack, config, &netif, &pools, seed, network->now), 0);
	host->poll_at = network->now;
}

struct ft_host *ft_network_add(
	struct ft_network *network, const struct ft_config *config, uint32_t offloads)
{
	struct ft_host *host = new_host(network);
	struct ft_config own;

	if (config != NULL)
		own = *config;
	else
		ft_network_config(&own);
	own.ip.address[own.ip.address_count++] =
		(struct ft_config_address){ .addr = host->address, .prefix_bits = 24 };
	snprintf(own.log.trace, sizeof(own.log.trace), "%s", ft_scenario_trace());
	host->receive_pool = pool_of(host->number, "receive", own.memory.packets, false);
	host->send_pool = pool_of(host->number, "send", own.memory.packets, false);
	host->small_pool = pool_of(host->number, "small", own.memory.small_packets, true);
	start_stack(host, &own, offloads);
	return host;
}

void ft_network_pair(struct ft_network *network, uint64_t seed, const struct ft_config *config,
	const struct ft_wire *wire)
{
	ft_network_init(network, seed);
	for (int i = 0; i < 2; i++) {
		struct ft_host *host = ft_network_add(network, config, 0);

		host->to_switch = *wire;
		host->from_switch = (struct ft_wire){ 0 };
	}
}

void ft_network_vary_nic(struct ft_host *host)
{
	static const uint32_t offloads[] = { 0, FT_OFFLOAD_IP4_CHECKSUM, UINT32_MAX };
	struct ft_random *random = &host->network->random;

	host->stack.netif.offloads = offloads[ft_random_below(random, 3)];
	host->scatter_bytes = ft_random_below(random, 3) == 0 ? 200 : 0;
	host->transmit_room = ft_random_below(random, 3) == 0 ? 4 : 0;
	host->interrupt_delay = FT_MICROSECOND * (1 + ft_random_below(random, 200));
}

void ft_network_plug(struct ft_host *host, bool is_plugged)
{
	host->is_plugged = is_plugged;
}

void ft_network_vanish(struct ft_host *host)
{
	host->is_gone = true;
	host->is_plugged = false;
	host->poll_at = FT_NEVER;
}

void ft_network_restart(struct ft_host *host)
{
	struct ft_config config = host->stack.config;

	ft_stack_free(&host->stack);
	start_stack(host, &config, host->stack.netif.offloads);
	host->has_restarted = true;
}

void ft_network_wake(struct ft_host *host)
{
	ft_time next = ft_stack_next_turn(&host->stack, host->network->now);

	if (!host->is_gone)
		host->poll_at = RTE_MIN(host->poll_at, next);
}

// ---- what must hold after every event ----

static uint64_t total(const uint64_t *counts)
{
	uint64_t sum = 0;

	for (int i = 0; i < FT_DROP_COUNT; i++)
		sum += counts[i];
	return sum;
}

static void check_counters(const struct ft_host *host)
{
	const struct ft_counters *counters = &host->stack.counters;

	ft_expect_equal(counters->count[FT_COUNTER_RX_PACKETS],
		counters->count[FT_COUNTER_RX_TAKEN] + total(counters->dropped_input));
}

static uint32_t waiting_to_be_sent(const struct ft_stack *stack)
{
	uint32_t mbufs = 0;

	for (uint32_t i = 0; i < stack->tx_count; i++)
		mbufs += stack->tx[(stack->tx_first + i) % FT_TX_QUEUE]->nb_segs;
	return mbufs;
}

// What is out of the pools is charged to a budget, or waits for the NIC or our own next turn, or for
// ARP, in short queues. (A reply may be sent in the packet it answers, so either pool's may wait.)
static void check_memory(const struct ft_host *host)
{
	const struct ft_stack *stack = &host->stack;
	const struct ft_config *config = &stack->config;
	uint64_t waiting = waiting_to_be_sent(stack) + stack->loopback.count +
			   FT_NETWORK_HOSTS * config->arp.queue_packets;

	ft_expect(stack->receive_held.mbufs.used <= stack->receive_held.mbufs.limit);
	ft_expect(stack->send_held.used <= stack->send_held.limit);
	ft_expect(rte_mempool_in_use_count(host->receive_pool) <=
		  stack->receive_held.mbufs.used + waiting);
	ft_expect(rte_mempool_in_use_count(host->send_pool) <= stack->send_held.used + waiting);
}

void ft_network_turn(struct ft_host *host)
{
	ft_time now = host->network->now;

	host->turns++;
	host->poll_at = ft_stack_poll(&host->stack, now);
	ft_expect(host->poll_at > now);
	if (host->ring_count > 0)
		host->poll_at = now + FT_MICROSECOND;
	check_counters(host);
	check_memory(host);
}

// ---- one event ----

static ft_time next_event(const struct ft_network *network)
{
	ft_time next = ft_frames_next(network);

	for (uint32_t i = 0; i < network->host_count; i++)
		next = RTE_MIN(next, network->hosts[i]->poll_at);
	for (uint32_t i = 0; i < network->task_count; i++)
		next = RTE_MIN(next, ft_task_wakes_at(network->tasks[i]));
	return next;
}

// What a task did may have left its host something to do before the time it wanted to be called.
static void run_tasks(struct ft_network *network, const struct ft_host *turned)
{
	for (uint32_t i = 0; i < network->task_count; i++) {
		struct ft_task *task = network->tasks[i];

		if (ft_task_resume(task, turned) && ft_task_host(task) != NULL)
			ft_network_wake(ft_task_host(task));
	}
}

void ft_network_step(struct ft_network *network)
{
	ft_time next = next_event(network);

	ft_expect(next != FT_NEVER);
	network->now = RTE_MAX(network->now, next);
	network->events++;
	if (network->now > network->limit)
		ft_scenario_fail(__FILE__, __LINE__, "the run does not end");

	ft_frames_deliver(network);
	for (uint32_t i = 0; i < network->host_count; i++) {
		struct ft_host *host = network->hosts[i];

		if (host->poll_at > network->now)
			continue;
		ft_network_turn(host);
		run_tasks(network, host);
	}
	run_tasks(network, NULL);
}

// ---- runs ----

// Tasks that died with their host never end.
static bool has_tasks(const struct ft_network *network)
{
	for (uint32_t i = 0; i < network->task_count; i++)
		if (!ft_task_is_over(network->tasks[i]) && !ft_task_is_dead(network->tasks[i]))
			return true;
	return false;
}

void ft_network_run(struct ft_network *network, ft_time limit)
{
	network->limit = network->now + limit;
	while (has_tasks(network))
		ft_network_step(network);
	network->limit = FT_NEVER;
}

void ft_network_skip(struct ft_network *network, ft_time duration)
{
	network->now += duration;
}

void ft_network_run_for(struct ft_network *network, ft_time duration)
{
	ft_time end = network->now + duration;

	while (next_event(network) <= end)
		ft_network_step(network);
	network->now = end;
}

static bool is_quiet(const struct ft_network *network)
{
	for (uint32_t i = 0; i < network->host_count; i++) {
		const struct ft_host *host = network->hosts[i];

		if (!host->is_gone && (host->stack.tcp.anchors.in_use > 0 || host->ring_count > 0 ||
					      rte_mempool_in_use_count(host->receive_pool) > 0 ||
					      rte_mempool_in_use_count(host->send_pool) > 0))
			return false;
	}
	return network->flight_count == 0;
}

static void free_host(struct ft_host *host)
{
	if (!host->is_gone) {
		ft_expect_equal(host->stack.receive_held.mbufs.used, 0);
		ft_expect_equal(host->stack.send_held.used, 0);
		check_counters(host);
	}
	ft_sim_nic_empty(host);
	ft_stack_free(&host->stack);
	ft_expect_equal(rte_mempool_in_use_count(host->receive_pool), 0);
	ft_expect_equal(rte_mempool_in_use_count(host->send_pool), 0);
	ft_expect_equal(rte_mempool_in_use_count(host->small_pool), 0);
	free(host);
}

void ft_network_free(struct ft_network *network)
{
	network->limit = network->now + PLENTY;
	while (!is_quiet(network))
		ft_network_step(network);
	for (uint32_t i = 0; i < network->host_count; i++)
		free_host(network->hosts[i]);
	for (uint32_t i = 0; i < network->task_count; i++)
		ft_task_free(network->tasks[i]);
	ft_frames_free(network);
	ft_scenario_watch(NULL);
	ft_capture_free(&network->capture);
}
