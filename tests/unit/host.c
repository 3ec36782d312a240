#include "host.h"

#include <string.h>

#include <netinet/in.h>

#include "demux/conn_table.h"
#include "socket/socket.h"
#include "tcp/tcp_hoarders.h"

struct test_host host;

const struct rte_ether_addr test_us_mac = { { 0x02, 0, 0, 0, 0, 0x02 } };
const struct rte_ether_addr test_peer_mac = { { 0x02, 0, 0, 0, 0, 0x01 } };
const struct rte_ether_addr test_broadcast_mac = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

// ---- transports that record ----

static enum ft_drop record_packet(struct rte_mbuf *pkt)
{
	ft_pkt_queue_append(&host.delivered, pkt);
	return FT_TAKEN;
}

static enum ft_drop record_error(const struct ft_icmp_error *error)
{
	host.error = *error;
	host.error_count++;
	return host.error_answer;
}

static struct ft_conn_bucket no_connection;

int ft_udp_init(struct ft_stack *stack)
{
	stack->udp.connected.current.buckets = &no_connection;
	return 0;
}

void ft_udp_free(struct ft_stack *stack)
{
}

enum ft_drop ft_udp_parse(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	ft_pkt_info(pkt)->kind = FT_PKT_UDP;
	return ft_ip_has_good_checksum(stack, pkt) ? FT_TAKEN : FT_DROP_UDP_BAD_CHECKSUM;
}

enum ft_drop ft_udp_input(
	struct ft_stack *stack, struct rte_mbuf *pkt, struct ft_udp_socket *candidate, ft_time now)
{
	return record_packet(pkt);
}

enum ft_drop ft_udp_error(struct ft_stack *stack, const struct ft_icmp_error *error, ft_time now)
{
	return record_error(error);
}

int ft_tcp_init(struct ft_stack *stack)
{
	ft_list_init(&stack->tcp.owing);
	stack->tcp.connections.current.buckets = &no_connection;
	return 0;
}

void ft_tcp_free(struct ft_stack *stack)
{
}

enum ft_drop ft_tcp_parse(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	ft_pkt_info(pkt)->kind = FT_PKT_TCP;
	return ft_ip_has_good_checksum(stack, pkt) ? FT_TAKEN : FT_DROP_TCP_BAD_CHECKSUM;
}

enum ft_drop ft_tcp_input(
	struct ft_stack *stack, struct rte_mbuf *pkt, struct ft_tcp_anchor *candidate, ft_time now)
{
	return record_packet(pkt);
}

uint16_t ft_tcp_input_predicted(struct ft_stack *stack, struct ft_incoming *incoming,
	uint16_t count, uint64_t changes, ft_time now, enum ft_drop *reason)
{
	*reason = FT_TAKEN;
	return 0;
}

enum ft_drop ft_tcp_error(struct ft_stack *stack, const struct ft_icmp_error *error, ft_time now)
{
	return record_error(error);
}

void ft_tcp_expire(struct ft_stack *stack, struct ft_timer *timer, ft_time now)
{
}

void ft_tcp_expire_alarm(struct ft_stack *stack, struct ft_timer *timer, ft_time now)
{
}

void ft_tcp_stop(struct ft_stack *stack)
{
}

void ft_tcp_pay(struct ft_stack *stack, ft_time now)
{
}

void ft_tcp_hoarders_search(struct ft_stack *stack, ft_time now)
{
}

int ft_socket_init(struct ft_stack *stack)
{
	return 0;
}

void ft_socket_free(struct ft_stack *stack)
{
}

uint32_t ft_conn_table_find(
	const struct ft_conn_table *table, const struct ft_tuple *tuple, uint64_t hash)
{
	return FT_CONN_NONE;
}

void ft_conn_table_explain(const struct ft_conn_table *table, const struct ft_tuple *tuple,
	uint64_t hash, struct ft_conn_explanation *explanation)
{
	*explanation = (struct ft_conn_explanation){ .index = FT_CONN_NONE };
}

// ---- a NIC that remembers ----

static uint16_t nic_receive(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t given = 0;

	while (given < count && host.arriving.count > 0)
		pkts[given++] = ft_pkt_queue_take(&host.arriving);
	return given;
}

static uint16_t nic_transmit(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	if (host.is_nic_full)
		return 0;
	if (host.nic_room > 0)
		count = RTE_MIN(count, host.nic_room);
	for (uint16_t i = 0; i < count; i++) {
		const char *reason;

		assert_int_equal(rte_mbuf_check(pkts[i], 1, &reason), 0);
		assert_true(host.sent_count < TEST_SENT_MAX);
		host.sent[host.sent_count++] = pkts[i];
	}
	return count;
}

static bool nic_is_link_up(void *driver)
{
	return host.is_link_up;
}

// ---- the host ----

int test_host_make_pools(void **state)
{
	host.receive_pool = ft_pkt_pool_create("receive", TEST_PACKETS, 2048, SOCKET_ID_ANY);
	host.send_pool = ft_pkt_pool_create("send", TEST_PACKETS, 2048, SOCKET_ID_ANY);
	host.small_pool = ft_pkt_small_pool_create("small", TEST_PACKETS, SOCKET_ID_ANY);
	return host.receive_pool == NULL || host.send_pool == NULL || host.small_pool == NULL;
}

int test_host_free_pools(void **state)
{
	rte_mempool_free(host.receive_pool);
	rte_mempool_free(host.send_pool);
	rte_mempool_free(host.small_pool);
	return 0;
}

static void set_address(struct ft_config_address *address, uint32_t ip4, uint8_t prefix_bits)
{
	address->addr = ft_addr_from_ip4(rte_cpu_to_be_32(ip4));
	address->prefix_bits = prefix_bits;
}

static void init_stack(void)
{
	const struct ft_pkt_pools pools = { host.receive_pool, host.send_pool, host.small_pool };

	assert_int_equal(
		ft_stack_init(&host.stack, &host.config, &host.netif, &pools, 1, host.now), 0);
	test_host_pass(3 * FT_SECOND);
	test_host_forget();
}

int test_host_start(void **state)
{
	uint8_t frame[64];

	ft_config_init(&host.config);
	set_address(&host.config.ip.address[0], TEST_US, 24);
	host.config.ip.address_count = 1;
	host.config.ip.gateway = ft_addr_from_ip4(rte_cpu_to_be_32(TEST_GATEWAY));
	host.config.memory.packets = TEST_PACKETS;
	host.netif = (struct ft_netif){
		.receive = nic_receive,
		.transmit = nic_transmit,
		.is_link_up = nic_is_link_up,
		.mac = test_us_mac,
		.mtu = 1500,
		.offloads = FT_OFFLOAD_MULTI_SEGMENT,
	};
	host.now = 1000 * FT_SECOND;
	host.is_link_up = true;
	host.is_nic_full = false;
	host.nic_room = 0;
	host.segment_bytes = 0;
	host.error_answer = FT_TAKEN;
	init_stack();
	test_host_receive(frame,
		test_frame_arp(frame, RTE_ARP_OP_REQUEST, &test_peer_mac, TEST_PEER, TEST_US));
	test_host_forget();
	return 0;
}

static void check_every_packet_has_a_fate(void)
{
	const struct ft_counters *counters = &host.stack.counters;
	uint64_t accounted = counters->count[FT_COUNTER_RX_TAKEN];

	for (int i = 0; i < FT_DROP_COUNT; i++)
		accounted += counters->dropped_input[i];
	assert_int_equal(accounted, counters->count[FT_COUNTER_RX_PACKETS]);
}

static void end_stack(void)
{
	test_host_forget();
	check_every_packet_has_a_fate();
	ft_stack_free(&host.stack);
	assert_int_equal(rte_mempool_avail_count(host.receive_pool), TEST_PACKETS);
	assert_int_equal(rte_mempool_avail_count(host.send_pool), TEST_PACKETS);
	assert_int_equal(rte_mempool_avail_count(host.small_pool), TEST_PACKETS);
	assert_int_equal(host.stack.receive_held.mbufs.used, 0);
	assert_int_equal(host.stack.wheel.timer_count, 0);
}

int test_host_stop(void **state)
{
	end_stack();
	ft_config_free(&host.config);
	return 0;
}

void test_host_restart(void)
{
	end_stack();
	init_stack();
}

void test_host_forget(void)
{
	struct rte_mbuf *pkt;

	for (uint32_t i = 0; i < host.sent_count; i++)
		rte_pktmbuf_free(host.sent[i]);
	host.sent_count = 0;
	while ((pkt = ft_pkt_queue_take(&host.delivered)) != NULL)
		rte_pktmbuf_free(pkt);
	host.error_count = 0;
}

void test_host_pass(ft_time duration)
{
	ft_time end = host.now + duration;
	ft_time next = ft_stack_poll(&host.stack, host.now);

	while (next <= end) {
		assert_true(next > host.now);
		host.now = next;
		next = ft_stack_poll(&host.stack, host.now);
	}
	host.now = end;
}

static struct rte_mbuf *make_packet(const uint8_t *bytes, uint32_t count)
{
	uint32_t step = host.segment_bytes != 0 ? host.segment_bytes : 2048;
	struct rte_mbuf *pkt = NULL;

	do {
		struct rte_mbuf *segment = rte_pktmbuf_alloc(host.receive_pool);
		uint16_t part = (uint16_t)RTE_MIN(step, count);

		assert_non_null(segment);
		memcpy(rte_pktmbuf_append(segment, part), bytes, part);
		bytes += part;
		count -= part;
		if (pkt == NULL)
			pkt = segment;
		else
			assert_int_equal(rte_pktmbuf_chain(pkt, segment), 0);
	} while (count > 0);
	return pkt;
}

enum ft_drop test_host_receive(const void *frame, uint32_t bytes)
{
	struct ft_counters before = host.stack.counters;

	ft_pkt_queue_append(&host.arriving, make_packet(frame, bytes));
	ft_stack_poll(&host.stack, host.now);
	for (int i = 0; i < FT_DROP_COUNT; i++)
		if (host.stack.counters.dropped_input[i] != before.dropped_input[i])
			return i;
	assert_int_equal(host.stack.counters.count[FT_COUNTER_RX_TAKEN],
		before.count[FT_COUNTER_RX_TAKEN] + 1);
	return FT_TAKEN;
}

const void *test_host_sent(uint32_t index, uint32_t offset)
{
	assert_true(index < host.sent_count);
	return rte_pktmbuf_mtod_offset(host.sent[index], const void *, offset);
}

uint32_t test_host_sent_bytes(uint32_t index)
{
	assert_true(index < host.sent_count);
	return rte_pktmbuf_pkt_len(host.sent[index]);
}

uint32_t test_host_sent_datagram(uint32_t first, struct rte_ipv4_hdr *ip, uint8_t *to)
{
	uint32_t end = 0;
	bool has_more = true;

	for (uint32_t i = first; has_more; i++) {
		const struct rte_ipv4_hdr *header = test_host_sent(i, sizeof(struct rte_ether_hdr));
		uint16_t field = rte_be_to_cpu_16(header->fragment_offset);
		uint32_t offset = (field & RTE_IPV4_HDR_OFFSET_MASK) * 8;
		uint32_t total = rte_be_to_cpu_16(header->total_length);

		assert_int_equal(rte_raw_cksum(header, sizeof(*header)), 0xffff);
		assert_int_equal(test_host_sent_bytes(i), sizeof(struct rte_ether_hdr) + total);
		assert_true(total <= host.netif.mtu);
		assert_int_equal(sizeof(*header) + offset, i == first ? sizeof(*header) : end);
		if (i == first)
			*ip = *header;
		assert_int_equal(header->packet_id, ip->packet_id);
		ft_pkt_copy_out(host.sent[i], sizeof(struct rte_ether_hdr) + sizeof(*header),
			to + sizeof(*header) + offset, total - sizeof(*header));
		end = offset + total;
		has_more = field & RTE_IPV4_HDR_MF_FLAG;
	}
	memcpy(to, ip, sizeof(*ip));
	return end;
}

// ---- frames ----

struct rte_ether_hdr *test_frame_eth(uint8_t *frame)
{
	return (struct rte_ether_hdr *)frame;
}

struct rte_ipv4_hdr *test_frame_ip(uint8_t *frame)
{
	return (struct rte_ipv4_hdr *)(frame + sizeof(struct rte_ether_hdr));
}

static void fill_eth(uint8_t *frame, const struct rte_ether_addr *to, uint16_t type)
{
	*test_frame_eth(frame) = (struct rte_ether_hdr){
		.dst_addr = *to,
		.src_addr = test_peer_mac,
		.ether_type = rte_cpu_to_be_16(type),
	};
}

void test_frame_sign(uint8_t *frame)
{
	struct rte_ipv4_hdr *ip = test_frame_ip(frame);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

uint32_t test_frame_ip4(uint8_t *frame, const struct test_ip4 *what)
{
	struct rte_ipv4_hdr *ip = test_frame_ip(frame);
	uint32_t header_bytes = sizeof(*ip) + what->options_bytes;
	uint32_t total_bytes = header_bytes + what->payload_bytes;
	uint8_t *end = (uint8_t *)ip + header_bytes;

	fill_eth(frame, &test_us_mac, RTE_ETHER_TYPE_IPV4);
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = IPVERSION << 4 | header_bytes / 4,
		.type_of_service = what->tos,
		.total_length = rte_cpu_to_be_16((uint16_t)total_bytes),
		.packet_id = rte_cpu_to_be_16(what->id),
		.fragment_offset = rte_cpu_to_be_16(what->fragment),
		.time_to_live = 64,
		.next_proto_id = what->protocol,
		.src_addr = rte_cpu_to_be_32(what->source != 0 ? what->source : TEST_PEER),
		.dst_addr = rte_cpu_to_be_32(what->destination != 0 ? what->destination : TEST_US),
	};
	if (what->options_bytes != 0)
		memcpy(ip + 1, what->options, what->options_bytes);
	if (what->payload_bytes != 0)
		memcpy(end, what->payload, what->payload_bytes);
	test_frame_sign(frame);
	return sizeof(struct rte_ether_hdr) + total_bytes;
}

uint32_t test_frame_arp(uint8_t *frame, uint16_t opcode, const struct rte_ether_addr *sender_mac,
	uint32_t sender, uint32_t target)
{
	struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(frame + sizeof(struct rte_ether_hdr));

	fill_eth(frame, opcode == RTE_ARP_OP_REQUEST ? &test_broadcast_mac : &test_us_mac,
		RTE_ETHER_TYPE_ARP);
	*arp = (struct rte_arp_hdr){
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = 6,
		.arp_plen = 4,
		.arp_opcode = rte_cpu_to_be_16(opcode),
		.arp_data = {
			.arp_sha = *sender_mac,
			.arp_sip = rte_cpu_to_be_32(sender),
			.arp_tip = rte_cpu_to_be_32(target),
		},
	};
	return sizeof(struct rte_ether_hdr) + sizeof(*arp);
}

enum ft_drop test_host_receive_ip4(const struct test_ip4 *ip)
{
	static uint8_t frame[sizeof(struct rte_ether_hdr) + UINT16_MAX];

	return test_host_receive(frame, test_frame_ip4(frame, ip));
}

void test_fill(uint8_t *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
}
