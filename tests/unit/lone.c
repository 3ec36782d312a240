#include "lone.h"

#include <stdio.h>
#include <string.h>

#include <rte_mempool.h>

#include "shim/thread.h"
#include "socket/socket.h"
#include "support.h"

#define PACKETS	   2048
#define DATA_BYTES 2048
#define SOON	   FT_MILLISECOND // a turn asked for within it is no waiting

static uint16_t receive(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	return 0;
}

static uint16_t transmit(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	struct ft_lone *lone = driver;
	uint16_t taken = RTE_MIN(count, lone->transmit_room);

	rte_pktmbuf_free_bulk(pkts, taken);
	lone->swallowed += taken;
	return taken;
}

static bool is_link_up(void *driver)
{
	return true;
}

static ft_time present(void *arg)
{
	return ((struct ft_lone *)arg)->now;
}

static ft_time turn(void *arg)
{
	struct ft_lone *lone = arg;

	// Forward at least a little, so that a call that polls comes to its deadline; and never by
	// leaps that a wait would notice.
	lone->now += FT_MICROSECOND;
	if (lone->next > lone->now)
		lone->now = RTE_MIN(lone->next, lone->now + 10 * FT_MILLISECOND);
	lone->next = ft_stack_poll(&lone->stack, lone->now);
	return lone->now;
}

static struct rte_mempool *pool(const char *name)
{
	struct rte_mempool *found = rte_mempool_lookup(name);

	return found != NULL ? found : ft_pkt_pool_create(name, PACKETS, DATA_BYTES, SOCKET_ID_ANY);
}

static struct rte_mempool *small_pool(void)
{
	struct rte_mempool *found = rte_mempool_lookup("small");

	return found != NULL ? found : ft_pkt_small_pool_create("small", PACKETS, SOCKET_ID_ANY);
}

static void fill_config(struct ft_config *config, void (*configure)(struct ft_config *config))
{
	ft_config_init(config);
	config->nic.rx_descriptors = 64;
	config->memory.packets = PACKETS;
	config->tcp.connections = 4096;
	config->udp.sockets = 256;
	config->socket.descriptors = 4096;
	config->ip.address_count = 1;
	config->ip.address[0].prefix_bits = 24;
	ft_addr_parse(LONE_ADDRESS, &config->ip.address[0].addr);
	if (configure != NULL)
		configure(config);
}

void ft_lone_start(struct ft_lone *lone, void (*configure)(struct ft_config *config))
{
	const struct ft_netif netif = { .driver = lone,
		.receive = receive,
		.transmit = transmit,
		.is_link_up = is_link_up,
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.mtu = 1500 };
	const struct ft_runner runner = { .arg = lone, .now = present, .turn = turn };
	const struct ft_pkt_pools pools = { pool("receive"), pool("send"), small_pool() };
	struct ft_config config;

	fill_config(&config, configure);
	memset(lone, 0, sizeof(*lone));
	lone->transmit_room = UINT16_MAX;
	lone->now = lone->next = FT_SECOND;
	assert_int_equal(ft_stack_init(&lone->stack, &config, &netif, &pools, 1, lone->now), 0);
	ft_thread_attach(&lone->stack, &runner);
}

void ft_lone_settle(struct ft_lone *lone)
{
	for (int i = 0; i < 1000; i++) {
		turn(lone);
		if (lone->next > lone->now + SOON)
			return;
	}
}

void ft_lone_run_for(struct ft_lone *lone, ft_time duration)
{
	ft_time end = lone->now + duration;

	while (lone->now < end) {
		if (lone->next > lone->now)
			lone->now = RTE_MIN(lone->next, end);
		lone->next = ft_stack_poll(&lone->stack, lone->now);
		if (lone->next > end)
			lone->now = end;
	}
}

// Of each pool everything has come back: also what a call took that failed half-way.
static void check_pools(const struct ft_stack *stack)
{
	assert_int_equal(stack->tcp.anchors.in_use, 0);
	assert_int_equal(stack->tcp.conns.in_use, 0);
	assert_int_equal(stack->tcp.alarms.in_use, 0);
	assert_int_equal(stack->tcp.listeners.in_use, 0);
	assert_int_equal(stack->tcp.ports.places.in_use, 0);
	assert_int_equal(stack->tcp.connections.entries, 0);
	assert_int_equal(stack->udp.sockets.in_use, 0);
	assert_int_equal(stack->udp.ports.places.in_use, 0);
	assert_int_equal(stack->udp.connected.entries, 0);
	assert_int_equal(stack->sockets->sockets.in_use, 0);
	assert_int_equal(stack->sockets->bindings.in_use, 0);
	assert_int_equal(stack->sockets->settings.in_use, 2); // those that sockets begin with
	assert_int_equal(stack->sockets->epolls.in_use, 0);
	assert_int_equal(stack->sockets->watches.in_use, 0);
	assert_int_equal(stack->send_held.used, 0);
	assert_int_equal(stack->receive_held.mbufs.used, 0);
}

void ft_lone_stop(struct ft_lone *lone)
{
	ft_socket_close_all(&lone->stack, lone->now);
	for (int i = 0; i < 100 && lone->stack.tcp.anchors.in_use > 0; i++)
		ft_lone_run_for(lone, 10 * FT_SECOND);
	check_pools(&lone->stack);
	ft_thread_attach(NULL, NULL);
	ft_stack_free(&lone->stack);
	assert_int_equal(rte_mempool_in_use_count(lone->stack.receive_pool), 0);
	assert_int_equal(rte_mempool_in_use_count(lone->stack.send_pool), 0);
	assert_int_equal(rte_mempool_in_use_count(lone->stack.receive_held.small_pool), 0);
}
