#include "fuzz_host.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>

#include <rte_arp.h>
#include <rte_mempool.h>
#include <rte_tcp.h>

#include "base/log.h"
#include "base/recorder.h"
#include "peers.h"
#include "shim/thread.h"
#include "socket/socket.h"
#include "tests/unit/support.h"
#include "tests/unit/two_ways.h"

#define PACKETS	   2048
#define DATA_BYTES 2048

struct fuzz_host fuzz;

const struct rte_ether_addr fuzz_us_mac = { { 2, 0, 0, 0, 0, 2 } };
const struct rte_ether_addr fuzz_peer_mac = { { 2, 0, 0, 0, 0, 1 } };

_Noreturn void fuzz_host_fail(const char *file, int line, const char *condition)
{
	dprintf(STDERR_FILENO, "%s:%d: %s does not hold\n", file, line, condition);
	abort();
}

// ---- packets ----

// Memory lent to an mbuf, and what DPDK notes about it.
struct outside {
	struct rte_mbuf_ext_shared_info shared;
	uint8_t *bytes;
};

static void take_back(void *bytes, void *opaque)
{
	struct outside *outside = opaque;

	free(outside->bytes);
	free(outside);
	fuzz.outside_buffers--;
}

static void lend(struct rte_mbuf *pkt, const uint8_t *bytes, uint16_t length)
{
	struct outside *outside = malloc(sizeof(*outside));

	outside->bytes = malloc(length);
	memcpy(outside->bytes, bytes, length);
	outside->shared.free_cb = take_back;
	outside->shared.fcb_opaque = outside;
	rte_mbuf_ext_refcnt_set(&outside->shared, 1);
	rte_pktmbuf_attach_extbuf(pkt, outside->bytes, RTE_BAD_IOVA, length, &outside->shared);
	pkt->data_off = 0;
	pkt->data_len = pkt->pkt_len = length;
	fuzz.outside_buffers++;
}

static struct rte_mbuf *make_segment(const uint8_t *bytes, uint16_t length, bool is_outside)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(fuzz.stack.receive_pool);

	if (pkt == NULL)
		return NULL;
	if (is_outside && length > 0)
		lend(pkt, bytes, length);
	else
		memcpy(rte_pktmbuf_append(pkt, length), bytes, length);
	return pkt;
}

static uint16_t segment_bytes_of(struct fuzz_layout layout)
{
	const uint16_t most = layout.is_outside ? UINT16_MAX : DATA_BYTES;

	return layout.segment_bytes == 0 ? most : RTE_MIN(layout.segment_bytes, most);
}

struct rte_mbuf *fuzz_host_make_packet(
	const void *bytes, uint32_t length, struct fuzz_layout layout)
{
	const uint16_t most = segment_bytes_of(layout);
	struct rte_mbuf *pkt = make_segment(bytes, RTE_MIN(length, most), layout.is_outside);

	for (uint32_t done = most; pkt != NULL && done < length; done += most) {
		struct rte_mbuf *more = make_segment((const uint8_t *)bytes + done,
			RTE_MIN(length - done, most), layout.is_outside);

		if (more == NULL || rte_pktmbuf_chain(pkt, more) != 0) {
			rte_pktmbuf_free(more);
			rte_pktmbuf_free(pkt);
			return NULL;
		}
	}
	if (pkt == NULL)
		return NULL;
	if (layout.is_vouched_for)
		pkt->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	ft_pkt_info_clear(pkt);
	return pkt;
}

static void go_two_ways(const void *bytes, uint32_t length, struct fuzz_layout layout)
{
	struct rte_mbuf *pkt = fuzz_host_make_packet(bytes, length, layout);
	struct rte_mbuf *other = fuzz_host_make_packet(bytes, length, layout);

	if (pkt == NULL || other == NULL) {
		rte_pktmbuf_free(pkt);
		rte_pktmbuf_free(other);
		return;
	}
	fuzz_check(test_two_ways(&fuzz.stack, pkt, other) != TEST_WRONG_WAY);
}

void fuzz_host_go_two_ways(const void *bytes, uint32_t length, struct fuzz_layout layout)
{
	layout.is_vouched_for = false;
	go_two_ways(bytes, length, layout);
	layout.is_vouched_for = true;
	go_two_ways(bytes, length, layout);
}

// ---- the NIC ----

bool fuzz_host_queue(const void *bytes, uint32_t length, struct fuzz_layout layout)
{
	struct rte_mbuf *pkt = fuzz_host_make_packet(bytes, length, layout);

	if (pkt != NULL)
		ft_pkt_queue_append(&fuzz.arriving, pkt);
	return pkt != NULL;
}

static uint16_t receive(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t given = 0;

	while (given < count && fuzz.arriving.count > 0)
		pkts[given++] = ft_pkt_queue_take(&fuzz.arriving);
	return given;
}

// Whatever came in, what goes out is sound.
static void check_sent(struct rte_mbuf *pkt)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(pkt, const struct rte_ether_hdr *);
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(eth + 1);
	const char *reason;

	fuzz_check(rte_mbuf_check(pkt, 1, &reason) == 0);
	fuzz_check(pkt->pkt_len >= sizeof(*eth));
	fuzz_check(pkt->pkt_len <= sizeof(*eth) + fuzz.stack.netif.mtu);
	if (eth->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
		return;
	fuzz_check(pkt->data_len >= sizeof(*eth) + sizeof(*ip));
	fuzz_check(rte_be_to_cpu_16(ip->total_length) == pkt->pkt_len - sizeof(*eth));
	fuzz_check(rte_ipv4_cksum(ip) == 0);
}

static uint16_t transmit(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++) {
		check_sent(pkts[i]);
		fuzz_peers_listen(pkts[i]);
	}
	rte_pktmbuf_free_bulk(pkts, count);
	return count;
}

static bool is_link_up(void *driver)
{
	return true;
}

// ---- who looks on ----

static struct ft_recorder *recorder;

// What is said to standard error, in whole lines: those of the trace, which a time begins, are in
// printable characters whatever the wire has brought, and go no further.
static ssize_t hear(void *cookie, const char *said, size_t bytes)
{
	if (!isdigit((unsigned char)said[0]))
		return write(STDERR_FILENO, said, bytes);
	fuzz_check(said[bytes - 1] == '\n');
	for (size_t i = 0; i < bytes - 1; i++)
		fuzz_check(isprint((unsigned char)said[i]));
	return (ssize_t)bytes;
}

// The sanitizers and libFuzzer write to the descriptor, and are heard as before.
static void listen_to_trace(void)
{
	static char line[4096];
	FILE *heard = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = hear });

	fuzz_check(heard != NULL);
	setvbuf(heard, line, _IOLBF, sizeof(line));
	stderr = heard;
}

static void start_watching(void)
{
	static uint64_t lost;

	recorder = ft_recorder_open("/dev/null", "fuzz", 2048, 0, &lost);
	fuzz_check(recorder != NULL);
	listen_to_trace();
}

void fuzz_host_watch(bool is_on)
{
	if (is_on && recorder == NULL)
		start_watching();
	fuzz.stack.recorder = is_on ? recorder : NULL;
	fuzz.stack.trace = is_on ? UINT32_MAX : 0;
}

// ---- the stack ----

static ft_time present(void *arg)
{
	return fuzz.now;
}

static ft_time turn(void *arg)
{
	fuzz.now += FT_MICROSECOND;
	fuzz_host_turn();
	return fuzz.now;
}

void fuzz_host_start_eal(void)
{
	ft_test_start_eal();
	ft_log_init();
	rte_log_set_level(ft_log_type, RTE_LOG_ERR); // thousands of stacks start
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

static void fill_config(struct ft_config *config)
{
	ft_config_init(config);
	config->nic.rx_descriptors = 64;
	config->memory.packets = PACKETS;
	config->tcp.connections = 64;
	config->tcp.time_wait = 2 * FT_SECOND; // all this soon, or the end of a run takes long
	config->tcp.fin_wait_2 = 10 * FT_SECOND;
	config->tcp.user_timeout = 30 * FT_SECOND;
	config->ip.reassembly_timeout = 5 * FT_SECOND;
	config->udp.sockets = 64;
	config->socket.descriptors = 64;
	config->ip.reassembly_datagrams = 8;
	config->ip.address_count = 1;
	config->ip.address[0].prefix_bits = 24;
	config->ip.address[0].addr = ft_addr_from_ip4(rte_cpu_to_be_32(FUZZ_US));
	config->ip.gateway = ft_addr_from_ip4(rte_cpu_to_be_32(FUZZ_PEER));
}

void fuzz_host_start(uint64_t seed)
{
	const struct ft_netif netif = { .receive = receive,
		.transmit = transmit,
		.is_link_up = is_link_up,
		.mac = fuzz_us_mac,
		.mtu = 1500 };
	const struct ft_runner runner = { .now = present, .turn = turn };
	const struct ft_pkt_pools pools = { pool("receive"), pool("send"), small_pool() };
	struct ft_config config;

	memset(&fuzz, 0, sizeof(fuzz));
	fill_config(&config);
	fuzz.now = 1000 * FT_SECOND;
	fuzz_check(ft_stack_init(&fuzz.stack, &config, &netif, &pools, seed, fuzz.now) == 0);
	ft_thread_attach(&fuzz.stack, &runner);
	fuzz_host_pass(3 * FT_SECOND);
}

static void check_books(void)
{
	const struct ft_counters *counters = &fuzz.stack.counters;
	uint64_t accounted = counters->count[FT_COUNTER_RX_TAKEN];

	for (int i = 0; i < FT_DROP_COUNT; i++)
		accounted += counters->dropped_input[i];
	fuzz_check(accounted == counters->count[FT_COUNTER_RX_PACKETS]);
}

void fuzz_host_turn(void)
{
	const uint64_t *received = &fuzz.stack.counters.count[FT_COUNTER_RX_PACKETS];
	const uint64_t before = *received;
	const ft_time next = ft_stack_poll(&fuzz.stack, fuzz.now);

	fuzz_check(next > fuzz.now);
	if (*received != before) // while time passes, most turns have nothing
		check_books();
}

void fuzz_host_pass(ft_time duration)
{
	const ft_time end = fuzz.now + duration;
	ft_time next = ft_stack_next_turn(&fuzz.stack, fuzz.now);

	while (next <= end) {
		fuzz.now = next;
		fuzz_host_turn();
		next = ft_stack_next_turn(&fuzz.stack, fuzz.now);
	}
	fuzz.now = end;
	fuzz_host_turn();
}

// Fragments for the others of their datagram, then the ICMP error about them for its next hop.
static ft_time longest_wait(const struct ft_config *config)
{
	return config->ip.reassembly_timeout + config->arp.retry_time * (config->arp.retries + 2) +
	       FT_SECOND;
}

void fuzz_host_end_all(void)
{
	struct ft_stack *stack = &fuzz.stack;

	ft_socket_close_all(stack, fuzz.now);
	for (int i = 0; i < 1000 && stack->tcp.anchors.in_use > 0; i++)
		fuzz_host_pass(10 * FT_SECOND);
	fuzz_host_pass(longest_wait(&stack->config));
	fuzz_check(stack->tcp.anchors.in_use == 0);
	fuzz_check(stack->tcp.conns.in_use == 0);
	fuzz_check(stack->tcp.alarms.in_use == 0);
	fuzz_check(stack->udp.sockets.in_use == 0);
	fuzz_check(stack->sockets->sockets.in_use == 0);
	fuzz_check(stack->ip.reassembly.datagrams.in_use == 0);
	fuzz_check(stack->ip.reassembly.bytes.used == 0);
	fuzz_check(stack->receive_held.mbufs.used == 0);
	fuzz_check(stack->send_held.used == 0);
	fuzz_check(fuzz.outside_buffers == 0);
	fuzz_check(rte_mempool_in_use_count(stack->receive_pool) == 0);
	fuzz_check(rte_mempool_in_use_count(stack->send_pool) == 0);
	fuzz_check(rte_mempool_in_use_count(stack->receive_held.small_pool) == 0);

	fuzz_host_watch(false);
	ft_random_init(&stack->random, 1);
	memset(fuzz.peers, 0, sizeof(fuzz.peers));
	fuzz.next_peer = 0;
	fuzz.sent_bytes = 0;
}

void fuzz_host_stop(void)
{
	fuzz_host_end_all();
	ft_thread_attach(NULL, NULL);
	ft_stack_free(&fuzz.stack);
	fuzz_check(fuzz.stack.wheel.timer_count == 0);
}
