#include "../host.h"

#include <string.h>

#include <netinet/in.h>

#include "eth/ethernet.h"

// An echo request, which only a frame found good is answered.
static uint32_t make_echo(uint8_t *frame)
{
	static const uint8_t echo[] = { 8, 0, 0xf7, 0xff, 0, 0, 0, 0 };

	return test_frame_ip4(frame,
		&(struct test_ip4){
			.protocol = IPPROTO_ICMP, .payload = echo, .payload_bytes = sizeof(echo) });
}

static void frame_shorter_than_its_header_is_dropped(void **state)
{
	uint8_t frame[64];

	make_echo(frame);
	for (uint32_t bytes = 0; bytes < sizeof(struct rte_ether_hdr); bytes++)
		assert_int_equal(test_host_receive(frame, bytes), FT_DROP_ETH_SHORT);
}

static void frame_for_another_station_is_dropped(void **state)
{
	uint8_t frame[64];
	uint32_t bytes = make_echo(frame);

	test_frame_eth(frame)->dst_addr.addr_bytes[5] = 9;
	assert_int_equal(test_host_receive(frame, bytes), FT_DROP_ETH_NOT_FOR_US);
}

static void frame_from_a_group_is_dropped(void **state)
{
	uint8_t frame[64];
	uint32_t bytes = make_echo(frame);

	test_frame_eth(frame)->src_addr = test_broadcast_mac;
	assert_int_equal(test_host_receive(frame, bytes), FT_DROP_ETH_BAD_SOURCE);
	test_frame_eth(frame)->src_addr = (struct rte_ether_addr){ { 1, 0, 0x5e, 0, 0, 1 } };
	assert_int_equal(test_host_receive(frame, bytes), FT_DROP_ETH_BAD_SOURCE);
}

static void peer_with_our_own_mac_is_heard(void **state)
{
	uint8_t frame[64];
	uint32_t bytes =
		test_frame_arp(frame, RTE_ARP_OP_REQUEST, &test_us_mac, TEST_PEER, TEST_US);

	test_frame_eth(frame)->src_addr = test_us_mac;
	assert_int_equal(test_host_receive(frame, bytes), FT_TAKEN);
	assert_int_equal(host.sent_count, 1);
	bytes = make_echo(frame);
	test_frame_eth(frame)->src_addr = test_us_mac;
	assert_int_equal(test_host_receive(frame, bytes), FT_TAKEN);
	assert_int_equal(host.sent_count, 2);
	assert_memory_equal(test_host_sent(1, 0), &test_us_mac, 6);
}

static void our_own_frame_come_back_is_dropped(void **state)
{
	uint8_t frame[64];
	uint32_t bytes = test_frame_arp(frame, RTE_ARP_OP_REQUEST, &test_us_mac, TEST_US, TEST_US);

	test_frame_eth(frame)->src_addr = test_us_mac;
	assert_int_equal(test_host_receive(frame, bytes), FT_DROP_ARP_NOT_FOR_US);
	assert_int_equal(host.stack.counters.count[FT_COUNTER_ARP_CONFLICTS], 0);
	make_echo(frame);
	test_frame_ip(frame)->src_addr = RTE_BE32(TEST_US);
	test_frame_sign(frame);
	assert_int_equal(test_host_receive(frame, 42), FT_DROP_IP_BAD_SOURCE);
}

static void types_nobody_speaks_are_dropped(void **state)
{
	const uint16_t types[] = { 0, 46, 1500, RTE_ETHER_TYPE_IPV6, RTE_ETHER_TYPE_RARP,
		RTE_ETHER_TYPE_QINQ, RTE_ETHER_TYPE_LLDP, 0xffff };
	uint8_t frame[64];
	uint32_t bytes = make_echo(frame);

	for (unsigned i = 0; i < RTE_DIM(types); i++) {
		test_frame_eth(frame)->ether_type = rte_cpu_to_be_16(types[i]);
		assert_int_equal(test_host_receive(frame, bytes), FT_DROP_ETH_UNKNOWN_TYPE);
	}
	assert_int_equal(host.sent_count, 0);
}

static uint32_t insert_tag(uint8_t *frame, uint32_t bytes, uint16_t tci)
{
	memmove(frame + 16, frame + 12, bytes - 12);
	frame[12] = 0x81;
	frame[13] = 0x00;
	frame[14] = tci >> 8;
	frame[15] = tci & 0xff;
	return bytes + 4;
}

static void priority_tag_is_skipped(void **state)
{
	uint8_t frame[64];
	uint32_t bytes = insert_tag(frame, make_echo(frame), 0xe000);

	assert_int_equal(test_host_receive(frame, bytes), FT_TAKEN);
	assert_int_equal(host.sent_count, 1);
	assert_int_equal(test_host_sent_bytes(0), bytes - 4);
}

static void vlan_tag_is_dropped(void **state)
{
	uint8_t frame[64];
	uint32_t bytes = insert_tag(frame, make_echo(frame), 0x0005);

	assert_int_equal(test_host_receive(frame, bytes), FT_DROP_ETH_VLAN);
	assert_int_equal(test_host_receive(frame, 17), FT_DROP_ETH_SHORT);
	bytes = insert_tag(frame, make_echo(frame), 0);
	bytes = insert_tag(frame, bytes, 0);
	assert_int_equal(test_host_receive(frame, bytes), FT_DROP_ETH_UNKNOWN_TYPE);
}

static enum ft_drop parse_with_flags(uint64_t ol_flags, uint16_t vlan_tci, uint8_t *info_flags)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(host.receive_pool);
	uint8_t frame[64];
	uint32_t bytes = make_echo(frame);
	enum ft_drop reason;

	memcpy(rte_pktmbuf_append(pkt, bytes), frame, bytes);
	pkt->ol_flags = ol_flags;
	pkt->vlan_tci = vlan_tci;
	ft_pkt_info_clear(pkt);
	reason = ft_ethernet_parse(&host.stack, pkt);
	*info_flags = ft_pkt_info(pkt)->flags;
	rte_pktmbuf_free(pkt);
	return reason;
}

static void tag_that_the_nic_took_off_counts_too(void **state)
{
	uint64_t stripped = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	uint8_t flags;

	assert_int_equal(parse_with_flags(stripped, 0x2000, &flags), FT_TAKEN);
	assert_int_equal(parse_with_flags(stripped, 0x2001, &flags), FT_DROP_ETH_VLAN);
}

static void only_good_checksum_flags_mean_good(void **state)
{
	uint8_t flags;

	parse_with_flags(RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, 0, &flags);
	assert_int_equal(flags, FT_PKT_IP_CHECKSUM_GOOD | FT_PKT_L4_CHECKSUM_GOOD);
	parse_with_flags(RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD, 0, &flags);
	assert_int_equal(flags, 0);
	parse_with_flags(RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE, 0, &flags);
	assert_int_equal(flags, 0);
	parse_with_flags(0, 0, &flags);
	assert_int_equal(flags, 0);
}

// `segments` of ten bytes 0, 1, 2, ...
static struct rte_mbuf *make_chain(uint16_t segments)
{
	struct rte_mbuf *pkt = NULL;

	for (uint16_t i = 0; i < segments; i++) {
		struct rte_mbuf *segment = rte_pktmbuf_alloc(host.send_pool);
		char *data = rte_pktmbuf_append(segment, 10);

		for (int j = 0; j < 10; j++)
			data[j] = (char)(i * 10 + j);
		if (pkt == NULL)
			pkt = segment;
		else
			rte_pktmbuf_chain(pkt, segment);
	}
	return pkt;
}

static void send_chain(uint16_t segments)
{
	const uint8_t *frame;

	test_host_forget();
	ft_ethernet_output(&host.stack, make_chain(segments), &test_peer_mac, RTE_ETHER_TYPE_IPV4);
	test_host_pass(0);
	assert_int_equal(test_host_sent_bytes(0), sizeof(struct rte_ether_hdr) + segments * 10);
	frame = test_host_sent(0, 0);
	assert_memory_equal(frame, &test_peer_mac, 6);
	assert_memory_equal(frame + 6, &test_us_mac, 6);
	assert_int_equal(frame[12] << 8 | frame[13], RTE_ETHER_TYPE_IPV4);
}

static void check_bytes_sent(uint16_t count)
{
	uint8_t bytes[256];

	assert_int_equal(
		ft_pkt_copy_out(host.sent[0], sizeof(struct rte_ether_hdr), bytes, sizeof(bytes)),
		count);
	for (uint16_t i = 0; i < count; i++)
		assert_int_equal(bytes[i], i);
}

static void chain_is_sent_as_it_is_to_a_nic_that_takes_chains(void **state)
{
	send_chain(8);
	assert_int_equal(host.sent[0]->nb_segs, 8);
	check_bytes_sent(80);
}

static void chain_longer_than_any_nic_takes_is_made_linear(void **state)
{
	send_chain(9);
	assert_int_equal(host.sent[0]->nb_segs, 1);
	check_bytes_sent(90);
}

static void chain_is_made_linear_for_a_nic_that_takes_none(void **state)
{
	host.netif.offloads = 0;
	test_host_restart();
	send_chain(2);
	assert_int_equal(host.sent[0]->nb_segs, 1);
	check_bytes_sent(20);
}

static void packet_without_room_for_the_header_is_dropped(void **state)
{
	struct rte_mbuf *pkt = make_chain(1);

	pkt->data_off = sizeof(struct rte_ether_hdr) - 1;
	ft_ethernet_output(&host.stack, pkt, &test_peer_mac, RTE_ETHER_TYPE_IPV4);
	assert_int_equal(host.stack.counters.dropped_output[FT_DROP_NO_MBUF], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_host_start, test_host_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frame_shorter_than_its_header_is_dropped),
		TEST(frame_for_another_station_is_dropped),
		TEST(frame_from_a_group_is_dropped),
		TEST(peer_with_our_own_mac_is_heard),
		TEST(our_own_frame_come_back_is_dropped),
		TEST(types_nobody_speaks_are_dropped),
		TEST(priority_tag_is_skipped),
		TEST(vlan_tag_is_dropped),
		TEST(tag_that_the_nic_took_off_counts_too),
		TEST(only_good_checksum_flags_mean_good),
		TEST(chain_is_sent_as_it_is_to_a_nic_that_takes_chains),
		TEST(chain_longer_than_any_nic_takes_is_made_linear),
		TEST(chain_is_made_linear_for_a_nic_that_takes_none),
		TEST(packet_without_room_for_the_header_is_dropped),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, test_host_make_pools, test_host_free_pools);
}
