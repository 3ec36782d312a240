#include "../host.h"

#include <string.h>

#include <netinet/in.h>

#define UDP_PAYLOAD 20

// UDP with a right checksum; the addresses are those of `ip`.
static uint32_t make_udp(uint8_t *frame, struct test_ip4 ip)
{
	uint8_t udp[8 + UDP_PAYLOAD] = { 0x30, 0x39, 0, 7, 0, sizeof(udp) };
	uint16_t checksum;
	uint32_t bytes;

	test_fill(udp + 8, UDP_PAYLOAD);
	ip.protocol = IPPROTO_UDP;
	ip.payload = udp;
	ip.payload_bytes = sizeof(udp);
	bytes = test_frame_ip4(frame, &ip);
	checksum = rte_ipv4_udptcp_cksum(test_frame_ip(frame), frame + bytes - sizeof(udp));
	memcpy(frame + bytes - sizeof(udp) + 6, &checksum, 2);
	return bytes;
}

static enum ft_drop receive_udp(uint32_t source, uint32_t destination)
{
	uint8_t frame[128];
	uint32_t bytes =
		make_udp(frame, (struct test_ip4){ .source = source, .destination = destination });

	return test_host_receive(frame, bytes);
}

static void sound_datagram_is_delivered_with_its_info(void **state)
{
	uint8_t frame[128];
	uint32_t bytes = make_udp(frame, (struct test_ip4){ .tos = 0x10 });
	const struct ft_pkt_info *info;

	assert_int_equal(test_host_receive(frame, bytes), FT_TAKEN);
	info = ft_pkt_info(host.delivered.first);
	assert_int_equal(info->ip_offset, 14);
	assert_int_equal(info->transport_offset, 34);
	assert_int_equal(info->payload_length, 8 + UDP_PAYLOAD);
	assert_int_equal(info->ttl, 64);
	assert_int_equal(info->tos, 0x10);
	assert_int_equal(info->flags, 0);
	assert_int_equal(info->tuple.protocol, IPPROTO_UDP);
	assert_int_equal(rte_be_to_cpu_32(ft_addr_ip4(&info->tuple.local)), TEST_US);
	assert_int_equal(rte_be_to_cpu_32(ft_addr_ip4(&info->tuple.remote)), TEST_PEER);
}

static void padding_is_cut_however_the_packet_is_split(void **state)
{
	uint8_t frame[128] = { 0 };
	uint32_t bytes = make_udp(frame, (struct test_ip4){ 0 });

	for (host.segment_bytes = 1; host.segment_bytes < 100; host.segment_bytes++) {
		assert_int_equal(test_host_receive(frame, 100), FT_TAKEN);
		assert_int_equal(rte_pktmbuf_pkt_len(host.delivered.first), bytes);
		test_host_forget();
	}
}

static void wrong_transport_checksum_is_noticed_however_split(void **state)
{
	uint8_t frame[128];
	uint32_t bytes = make_udp(frame, (struct test_ip4){ 0 });

	frame[bytes - 1] ^= 1;
	for (host.segment_bytes = 1; host.segment_bytes < 100; host.segment_bytes++)
		assert_int_equal(test_host_receive(frame, bytes), FT_DROP_UDP_BAD_CHECKSUM);
}

static void truncated_packets_are_dropped(void **state)
{
	uint8_t frame[128];
	uint32_t bytes = make_udp(frame, (struct test_ip4){ 0 });

	for (uint32_t length = 14; length < bytes; length++)
		assert_int_equal(test_host_receive(frame, length), FT_DROP_IP_SHORT);
}

static enum ft_drop receive_with(uint32_t offset, uint8_t value)
{
	uint8_t frame[128];
	uint32_t bytes = make_udp(frame, (struct test_ip4){ 0 });

	frame[14 + offset] = value;
	test_frame_sign(frame);
	return test_host_receive(frame, bytes);
}

static void impossible_lengths_are_dropped(void **state)
{
	assert_int_equal(receive_with(0, 0x65), FT_DROP_IP_BAD_VERSION);
	assert_int_equal(receive_with(0, 0x05), FT_DROP_IP_BAD_VERSION);
	for (uint8_t words = 0; words < 5; words++)
		assert_int_equal(receive_with(0, 0x40 | words), FT_DROP_IP_BAD_HEADER);
	assert_int_equal(receive_with(0, 0x4f), FT_DROP_IP_BAD_HEADER); // IHL 60 > total 48
	assert_int_equal(receive_with(3, 0), FT_DROP_IP_BAD_HEADER);
	assert_int_equal(receive_with(3, 19), FT_DROP_IP_BAD_HEADER);
	assert_int_equal(receive_with(3, 49), FT_DROP_IP_SHORT);
	assert_int_equal(receive_with(2, 0xff), FT_DROP_IP_SHORT);
}

static void wrong_header_checksum_is_dropped(void **state)
{
	uint8_t frame[128];
	uint32_t bytes = make_udp(frame, (struct test_ip4){ 0 });

	for (uint32_t at = 8; at < 20; at++) {
		frame[14 + at] ^= 0x40;
		assert_int_equal(test_host_receive(frame, bytes), FT_DROP_IP_BAD_CHECKSUM);
		frame[14 + at] ^= 0x40;
	}
	assert_int_equal(test_host_receive(frame, bytes), FT_TAKEN);
}

// ---- options ----

static enum ft_drop receive_options(const uint8_t *options, uint32_t count)
{
	uint8_t frame[128];
	uint32_t bytes =
		make_udp(frame, (struct test_ip4){ .options = options, .options_bytes = count });

	return test_host_receive(frame, bytes);
}

static void sound_options_are_skipped(void **state)
{
	static const uint8_t sound[][8] = {
		{ 0, 0, 0, 0, 0, 0, 0, 0 }, { 1, 1, 1, 1, 1, 1, 1, 1 },
		{ 7, 7, 4, 0, 0, 0, 0, 0 },   // record route
		{ 68, 8, 5, 0, 0, 0, 0, 0 },  // timestamp
		{ 148, 4, 0, 0, 1, 1, 1, 1 }, // router alert
		{ 0, 131, 0, 0, 0, 0, 0, 0 }, // nothing counts after the end
	};

	for (unsigned i = 0; i < RTE_DIM(sound); i++) {
		for (host.segment_bytes = 0; host.segment_bytes < 50; host.segment_bytes++)
			assert_int_equal(receive_options(sound[i], 8), FT_TAKEN);
		assert_int_equal(ft_pkt_info(host.delivered.first)->transport_offset, 42);
		test_host_forget();
	}
}

static void malformed_options_are_dropped(void **state)
{
	static const uint8_t malformed[][4] = {
		{ 7, 0, 0, 0 },
		{ 7, 1, 0, 0 },
		{ 7, 5, 0, 0 },
		{ 7, 255, 0, 0 },
		{ 1, 1, 1, 7 },
		{ 1, 1, 7, 3 },
		{ 131, 0, 0, 0 },
	};

	for (unsigned i = 0; i < RTE_DIM(malformed); i++)
		assert_int_equal(receive_options(malformed[i], 4), FT_DROP_IP_BAD_OPTIONS);
	assert_int_equal(host.sent_count, 0);
}

static void source_routes_are_dropped(void **state)
{
	static const uint8_t loose[] = { 131, 7, 4, 10, 9, 0, 1, 0 };
	static const uint8_t strict[] = { 1, 137, 7, 4, 10, 9, 0, 1 };

	assert_int_equal(receive_options(loose, 8), FT_DROP_IP_SOURCE_ROUTED);
	assert_int_equal(receive_options(strict, 8), FT_DROP_IP_SOURCE_ROUTED);
}

// ---- addresses ----

static void destinations_not_ours_are_dropped(void **state)
{
	const uint32_t others[] = { TEST_PEER, TEST_FAR, RTE_IPV4(10, 9, 0, 0),
		RTE_IPV4(127, 0, 0, 1), RTE_IPV4(10, 9, 1, 255), RTE_IPV4(240U, 0, 0, 1),
		RTE_IPV4(0, 0, 0, 1) };

	for (unsigned i = 0; i < RTE_DIM(others); i++)
		assert_int_equal(receive_udp(0, others[i]), FT_DROP_IP_NOT_FOR_US);
}

static const uint32_t martians[] = { RTE_IPV4(0, 1, 2, 3), RTE_IPV4(127, 0, 0, 1),
	RTE_IPV4(127, 255, 255, 255), RTE_IPV4(224U, 0, 0, 1), RTE_IPV4(239U, 255, 255, 255),
	RTE_IPV4(240U, 0, 0, 1), RTE_IPV4(255U, 255, 255, 255), TEST_BROADCAST, TEST_US };

static void martian_sources_are_dropped(void **state)
{
	for (unsigned i = 0; i < RTE_DIM(martians); i++)
		assert_int_equal(receive_udp(martians[i], TEST_US), FT_DROP_IP_BAD_SOURCE);
	assert_int_equal(receive_udp(TEST_FAR, TEST_US), FT_TAKEN);
}

// The way to a destination is remembered, and what is remembered judges sources, too.
static void martian_sources_are_dropped_after_sending_there(void **state)
{
	for (unsigned i = 0; i < RTE_DIM(martians); i++) {
		const struct ft_addr martian = ft_addr_from_ip4(rte_cpu_to_be_32(martians[i]));

		ft_route_recall(&host.stack, &martian, host.now);
		assert_int_equal(receive_udp(martians[i], TEST_US), FT_DROP_IP_BAD_SOURCE);
	}
}

static void groups_are_delivered_and_marked(void **state)
{
	const uint32_t groups[] = { TEST_BROADCAST, RTE_IPV4(255U, 255, 255, 255),
		RTE_IPV4(224U, 0, 0, 1), RTE_IPV4(239U, 1, 2, 3) };

	for (unsigned i = 0; i < RTE_DIM(groups); i++) {
		assert_int_equal(receive_udp(0, groups[i]), FT_TAKEN);
		assert_int_equal(ft_pkt_info(host.delivered.first)->flags, FT_PKT_IP_GROUP);
		test_host_forget();
	}
}

static void unicast_in_a_broadcast_frame_is_dropped(void **state)
{
	uint8_t frame[128];
	uint32_t bytes = make_udp(frame, (struct test_ip4){ 0 });

	test_frame_eth(frame)->dst_addr = test_broadcast_mac;
	assert_int_equal(test_host_receive(frame, bytes), FT_DROP_IP_GROUP_FRAME);
	bytes = make_udp(frame, (struct test_ip4){ .destination = TEST_BROADCAST });
	test_frame_eth(frame)->dst_addr = test_broadcast_mac;
	assert_int_equal(test_host_receive(frame, bytes), FT_TAKEN);
	assert_int_equal(
		ft_pkt_info(host.delivered.first)->flags, FT_PKT_LINK_GROUP | FT_PKT_IP_GROUP);
}

// ---- protocols ----

static void unknown_protocol_is_told_so(void **state)
{
	uint8_t payload[40] = { 0 };
	struct test_ip4 ip = { .protocol = 4, .payload = payload, .payload_bytes = 40 };
	const uint8_t *icmp;

	assert_int_equal(test_host_receive_ip4(&ip), FT_DROP_IP_UNKNOWN_PROTOCOL);
	assert_int_equal(host.sent_count, 1);
	icmp = test_host_sent(0, 34);
	assert_int_equal(icmp[0], 3);
	assert_int_equal(icmp[1], 2);
}

// IP in IP is no tunnel of ours, in fragments neither.
static void unknown_protocol_in_fragments_is_told_once(void **state)
{
	uint8_t payload[40] = { 0 };
	struct test_ip4 ip = { .protocol = 4,
		.payload = payload,
		.payload_bytes = 40,
		.fragment = RTE_IPV4_HDR_MF_FLAG };

	assert_int_equal(test_host_receive_ip4(&ip), FT_DROP_IP_UNKNOWN_PROTOCOL);
	ip.fragment = 5;
	assert_int_equal(test_host_receive_ip4(&ip), FT_DROP_IP_UNKNOWN_PROTOCOL);
	assert_int_equal(host.sent_count, 1);
	assert_int_equal(host.stack.ip.reassembly.datagrams.in_use, 0);
}

// Whatever the bytes: a verdict, and no memory touched that is not the packet's (the sanitizers
// watch).
static void random_bytes_always_get_a_verdict(void **state)
{
	struct ft_random random;
	uint8_t frame[160];

	ft_random_init(&random, 7);
	for (int round = 0; round < 200000; round++) {
		uint32_t bytes = make_udp(frame, (struct test_ip4){ 0 });

		if (round % 3 == 0)
			frame[14 + 9] = round % 2 ? IPPROTO_ICMP : IPPROTO_TCP;
		for (uint32_t i = ft_random_below(&random, 6); i > 0; i--)
			frame[12 + ft_random_below(&random, bytes - 12)] =
				(uint8_t)ft_random_next(&random);
		if (round % 4 != 0)
			test_frame_sign(frame);
		host.segment_bytes = ft_random_below(&random, 40);
		test_host_receive(frame, ft_random_below(&random, bytes + 1));
		test_host_forget();
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_host_start, test_host_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sound_datagram_is_delivered_with_its_info),
		TEST(padding_is_cut_however_the_packet_is_split),
		TEST(wrong_transport_checksum_is_noticed_however_split),
		TEST(truncated_packets_are_dropped),
		TEST(impossible_lengths_are_dropped),
		TEST(wrong_header_checksum_is_dropped),
		TEST(sound_options_are_skipped),
		TEST(malformed_options_are_dropped),
		TEST(source_routes_are_dropped),
		TEST(destinations_not_ours_are_dropped),
		TEST(martian_sources_are_dropped),
		TEST(martian_sources_are_dropped_after_sending_there),
		TEST(groups_are_delivered_and_marked),
		TEST(unicast_in_a_broadcast_frame_is_dropped),
		TEST(unknown_protocol_is_told_so),
		TEST(unknown_protocol_in_fragments_is_told_once),
		TEST(random_bytes_always_get_a_verdict),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, test_host_make_pools, test_host_free_pools);
}
