#include "../host.h"

#include <string.h>

#include <netinet/in.h>

#include "ip/checksum.h"

static uint8_t expected[UINT16_MAX];
static uint8_t got[UINT16_MAX + 64];

static struct ft_addr addr(uint32_t ip4)
{
	return ft_addr_from_ip4(rte_cpu_to_be_32(ip4));
}

// A UDP datagram of `bytes` (its header included), in mbufs of at most 1400 bytes.
static struct rte_mbuf *make_udp(uint32_t bytes)
{
	struct rte_mbuf *pkt = NULL;

	test_fill(expected, bytes);
	memset(expected + 6, 0, 2);
	for (uint32_t at = 0; at < bytes; at += 1400) {
		struct rte_mbuf *segment = ft_stack_new_packet(&host.stack);
		uint16_t part = (uint16_t)RTE_MIN(1400u, bytes - at);

		assert_non_null(segment);
		memcpy(rte_pktmbuf_append(segment, part), expected + at, part);
		if (pkt == NULL)
			pkt = segment;
		else
			assert_int_equal(rte_pktmbuf_chain(pkt, segment), 0);
	}
	return pkt;
}

static struct ft_ip_send to(uint32_t destination)
{
	return (struct ft_ip_send){
		.source = addr(TEST_US),
		.destination = addr(destination),
		.protocol = IPPROTO_UDP,
		.checksum_offset = 6,
	};
}

static void output(uint32_t bytes, const struct ft_ip_send *send)
{
	test_host_forget();
	ft_ip_output(&host.stack, make_udp(bytes), send, host.now);
	test_host_pass(0);
}

// What was sent is, put together, `bytes` of the pattern with a right UDP checksum.
static struct rte_ipv4_hdr check_datagram(uint32_t bytes)
{
	struct rte_ipv4_hdr ip;
	uint16_t checksum;

	assert_int_equal(test_host_sent_datagram(0, &ip, got), sizeof(ip) + bytes);
	ip.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(ip) + bytes));
	checksum = rte_raw_cksum(got + 20, bytes);
	assert_int_equal(__rte_raw_cksum_reduce(checksum + rte_ipv4_phdr_cksum(&ip, 0)), 0xffff);
	memset(got + 20 + 6, 0, 2);
	assert_memory_equal(got + 20, expected, bytes);
	return ip;
}

static void packet_gets_a_header(void **state)
{
	struct ft_ip_send send = to(TEST_PEER);
	struct rte_ipv4_hdr ip;

	send.tos = 0x28;
	output(100, &send);
	assert_int_equal(host.sent_count, 1);
	ip = check_datagram(100);
	assert_int_equal(ip.version_ihl, 0x45);
	assert_int_equal(ip.type_of_service, 0x28);
	assert_int_equal(ip.time_to_live, host.config.ip.ttl);
	assert_int_equal(ip.fragment_offset, 0);
	assert_int_equal(ip.src_addr, rte_cpu_to_be_32(TEST_US));
	assert_int_equal(ip.dst_addr, rte_cpu_to_be_32(TEST_PEER));
	send.ttl = 3;
	output(100, &send);
	assert_int_equal(check_datagram(100).time_to_live, 3);
}

// RFC 6864 4.1 and 4.3.
static void identification_is_zero_only_when_atomic(void **state)
{
	struct ft_ip_send send = to(TEST_PEER);
	uint16_t last = 0;

	for (int i = 0; i < 100; i++) {
		output(100, &send);
		assert_int_not_equal(check_datagram(100).packet_id, last);
		last = check_datagram(100).packet_id;
	}
	send.dont_fragment = true;
	output(100, &send);
	assert_int_equal(check_datagram(100).packet_id, 0);
	assert_int_equal(check_datagram(100).fragment_offset, RTE_BE16(RTE_IPV4_HDR_DF_FLAG));
}

static uint16_t identification_to(uint32_t destination)
{
	struct ft_ip_send send = to(destination);

	output(100, &send);
	return rte_be_to_cpu_16(check_datagram(100).packet_id);
}

// RFC 7739 5.3: who watches its own numbers sees no gap where others were sent something.
static void identification_counts_for_each_destination_apart(void **state)
{
	uint16_t first = identification_to(TEST_PEER);
	uint16_t first_of_all = identification_to(TEST_BROADCAST);

	for (int i = 1; i < 100; i++)
		assert_int_equal(identification_to(TEST_PEER), (uint16_t)(first + i));
	assert_int_equal(identification_to(TEST_BROADCAST), (uint16_t)(first_of_all + 1));
	assert_int_equal(identification_to(TEST_PEER), (uint16_t)(first + 100));
}

static void large_datagrams_are_cut_and_whole_again(void **state)
{
	const uint32_t sizes[] = { 1480, 1481, 2960, 2961, 8008, 65515 };
	struct ft_ip_send send = to(TEST_PEER);

	for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
		output(sizes[i], &send);
		check_datagram(sizes[i]);
		assert_int_equal(host.sent_count, (sizes[i] + 1479) / 1480);
	}
	assert_int_equal(
		host.stack.counters.count[FT_COUNTER_IP_FRAGMENTS_SENT], 2 + 2 + 3 + 6 + 45);
}

static void fragments_fit_any_mtu(void **state)
{
	struct ft_addr peer = addr(TEST_PEER);
	struct ft_ip_send send = to(TEST_PEER);

	host.netif.offloads = 0;
	test_host_restart();
	for (host.netif.mtu = 1500; host.netif.mtu > 576; host.netif.mtu -= 13) {
		uint8_t frame[64];

		test_host_receive(frame, test_frame_arp(frame, RTE_ARP_OP_REQUEST, &test_peer_mac,
						 TEST_PEER, TEST_US));
		ft_route_lower_mtu(&host.stack, &peer, host.netif.mtu, host.now);
		output(8008, &send);
		check_datagram(8008);
	}
	host.netif.mtu = 1500;
}

static void too_large_is_dropped(void **state)
{
	struct ft_ip_send send = to(TEST_PEER);
	uint64_t *dropped = &host.stack.counters.dropped_output[FT_DROP_IP_TOO_BIG];

	send.dont_fragment = true;
	output(1481, &send);
	assert_int_equal(*dropped, 1);
	send.dont_fragment = false;
	output(65516 - 1, &send);
	assert_int_equal(*dropped, 1);
	test_host_forget();
	ft_ip_output(&host.stack, make_udp(UINT16_MAX - 19), &send, host.now);
	assert_int_equal(*dropped, 2);
	assert_int_equal(host.sent_count, 0);
}

static void without_a_way_is_dropped(void **state)
{
	struct ft_ip_send send = to(0);

	output(8, &send);
	assert_int_equal(host.stack.counters.dropped_output[FT_DROP_IP_NO_ROUTE], 1);
	send = to(TEST_PEER);
	send.source = addr(RTE_IPV4(127, 0, 0, 1));
	output(8, &send);
	assert_int_equal(host.stack.counters.dropped_output[FT_DROP_IP_BAD_SOURCE], 1);
	send.destination = (struct ft_addr){ .bytes = { 0x20, 1, 0xd, 0xb8 } };
	output(8, &send);
	assert_int_equal(host.stack.counters.dropped_output[FT_DROP_IP_NO_ROUTE], 2);
	assert_int_equal(host.sent_count, 0);
}

// ---- groups ----

static void check_mac(const uint8_t *mac)
{
	assert_memory_equal(test_host_sent(0, 0), mac, 6);
}

static void groups_have_their_own_mac_addresses(void **state)
{
	struct ft_ip_send send = to(RTE_IPV4(255U, 255, 255, 255));

	output(20, &send);
	check_mac(test_broadcast_mac.addr_bytes);
	assert_int_equal(check_datagram(20).time_to_live, host.config.ip.ttl);
	send = to(TEST_BROADCAST);
	output(20, &send);
	check_mac(test_broadcast_mac.addr_bytes);
	send = to(RTE_IPV4(239U, 129, 2, 3));
	output(20, &send);
	check_mac((const uint8_t[]){ 0x01, 0x00, 0x5e, 0x01, 0x02, 0x03 });
	assert_int_equal(check_datagram(20).time_to_live, 1);
}

// ---- loopback ----

static void check_comes_back(uint32_t source, uint32_t destination, uint32_t bytes)
{
	struct ft_ip_send send = to(destination);
	const struct ft_pkt_info *info;

	send.source = addr(source);
	send.dont_fragment = true;
	output(bytes, &send);
	test_host_pass(FT_MILLISECOND);
	assert_int_equal(host.sent_count, 0);
	assert_int_equal(host.delivered.count, 1);
	info = ft_pkt_info(host.delivered.first);
	assert_true(info->flags & FT_PKT_LOOPBACK);
	assert_int_equal(info->ip_offset, 0);
	assert_true(ft_addr_is_equal(&info->tuple.local, &send.destination));
	assert_true(ft_addr_is_equal(&info->tuple.remote, &send.source));
	assert_int_equal(ft_pkt_copy_out(host.delivered.first, 20, got, sizeof(got)), bytes);
	assert_memory_equal(got, expected, bytes);
}

static void packets_to_ourselves_come_back_whole(void **state)
{
	check_comes_back(TEST_US, TEST_US, 100);
	check_comes_back(TEST_US, TEST_US, 65515);
	check_comes_back(RTE_IPV4(127, 0, 0, 1), RTE_IPV4(127, 0, 0, 1), 100);
	check_comes_back(RTE_IPV4(127, 0, 0, 1), RTE_IPV4(127, 1, 2, 3), 100);
	check_comes_back(TEST_US, RTE_IPV4(127, 0, 0, 1), 100);
}

// ---- what the NIC does for us ----

static void offloads_are_asked_for_only_on_whole_packets(void **state)
{
	struct ft_ip_send send = to(TEST_BROADCAST);
	const struct rte_ipv4_hdr *ip;
	uint64_t wanted = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;

	host.netif.offloads = FT_OFFLOAD_IP4_CHECKSUM | FT_OFFLOAD_UDP_CHECKSUM;
	test_host_restart();
	output(100, &send);
	ip = test_host_sent(0, 14);
	assert_int_equal(host.sent[0]->ol_flags, wanted | RTE_MBUF_F_TX_UDP_CKSUM);
	assert_int_equal(ip->hdr_checksum, 0);
	assert_int_equal(*(const uint16_t *)test_host_sent(0, 34 + 6), rte_ipv4_phdr_cksum(ip, 0));

	output(3000, &send);
	assert_int_equal(host.sent_count, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(host.sent[i]->ol_flags, wanted);

	send.protocol = IPPROTO_TCP;
	output(100, &send);
	assert_int_equal(host.sent[0]->ol_flags, wanted);
	send.checksum_offset = UINT16_MAX;
	output(100, &send);
	assert_memory_equal(test_host_sent(0, 34), expected, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_host_start, test_host_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(packet_gets_a_header),
		TEST(identification_is_zero_only_when_atomic),
		TEST(identification_counts_for_each_destination_apart),
		TEST(large_datagrams_are_cut_and_whole_again),
		TEST(fragments_fit_any_mtu),
		TEST(too_large_is_dropped),
		TEST(without_a_way_is_dropped),
		TEST(groups_have_their_own_mac_addresses),
		TEST(packets_to_ourselves_come_back_whole),
		TEST(offloads_are_asked_for_only_on_whole_packets),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, test_host_make_pools, test_host_free_pools);
}
