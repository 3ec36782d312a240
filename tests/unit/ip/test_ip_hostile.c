// What broke other IP stacks, played against this one: HOSTILE.md says which test answers what.
#include "../host.h"

#include <string.h>

#include <netinet/in.h>

#define MORE	     RTE_IPV4_HDR_MF_FLAG
#define IP_IN_IP     4
#define IP6_IN_IP    41
#define INNER_BYTES  1200
#define ICMP_TO_WHOM 34 // where the ICMP header of a frame of ours begins

static uint8_t payload[2048];

// An IPv4 packet that says it is far shorter than it is, as Ripple20's did.
static void make_inner(void)
{
	struct rte_ipv4_hdr inner = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = RTE_BE16(24),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = RTE_BE32(TEST_PEER),
		.dst_addr = RTE_BE32(TEST_US),
	};

	inner.hdr_checksum = rte_ipv4_cksum(&inner);
	test_fill(payload, INNER_BYTES);
	memcpy(payload, &inner, sizeof(inner));
}

static enum ft_drop receive_tunnel(uint8_t protocol, uint32_t offset, uint32_t bytes, uint16_t more)
{
	return test_host_receive_ip4(&(struct test_ip4){
		.protocol = protocol,
		.id = 77,
		.fragment = more | offset / 8,
		.payload = payload + offset,
		.payload_bytes = bytes,
	});
}

static void assert_protocol_unreachable_sent_once(void)
{
	const uint8_t *icmp;

	assert_int_equal(host.sent_count, 1);
	icmp = test_host_sent(0, ICMP_TO_WHOM);
	assert_int_equal(icmp[0], 3);
	assert_int_equal(icmp[1], 2);
	test_host_forget();
}

// CVE-2020-11896, -11898, -11900, -11902. Nothing is put together, nothing unpacked.
static void tunnel_in_fragments_is_an_unknown_protocol_however_split(void **state)
{
	static const uint8_t protocols[] = { IP_IN_IP, IP6_IN_IP };

	make_inner();
	for (uint16_t bytes = 0; bytes < 300; bytes += 7) {
		const uint8_t protocol = protocols[bytes % 2];

		host.segment_bytes = bytes;
		assert_int_equal(
			receive_tunnel(protocol, 0, 800, MORE), FT_DROP_IP_UNKNOWN_PROTOCOL);
		assert_int_equal(
			receive_tunnel(protocol, 800, 400, 0), FT_DROP_IP_UNKNOWN_PROTOCOL);
		assert_protocol_unreachable_sent_once();
		assert_int_equal(host.stack.ip.reassembly.datagrams.in_use, 0);
		assert_int_equal(host.delivered.count, 0);
	}
}

static void tunnel_whole_is_an_unknown_protocol_however_split(void **state)
{
	make_inner();
	for (uint16_t bytes = 0; bytes < 300; bytes += 7) {
		host.segment_bytes = bytes;
		assert_int_equal(
			receive_tunnel(IP_IN_IP, 0, INNER_BYTES, 0), FT_DROP_IP_UNKNOWN_PROTOCOL);
		assert_protocol_unreachable_sent_once();
	}
}

// CVE-2019-12256: what provokes an error, with a source route that an answer would copy.
static void source_routed_unknown_protocol_provokes_no_error(void **state)
{
	static const uint8_t routes[][8] = {
		{ 131, 7, 4, 10, 9, 0, 1, 0 },
		{ 137, 7, 4, 10, 9, 0, 1, 0 },
		{ 1, 131, 7, 255, 10, 9, 0, 1 },
		{ 137, 3, 4, 1, 1, 1, 1, 0 },
	};

	for (uint32_t i = 0; i < RTE_DIM(routes); i++) {
		const enum ft_drop reason = test_host_receive_ip4(&(struct test_ip4){
			.protocol = IP_IN_IP,
			.options = routes[i],
			.options_bytes = 8,
			.payload = payload,
			.payload_bytes = 40,
		});

		assert_int_equal(reason, FT_DROP_IP_SOURCE_ROUTED);
		assert_int_equal(host.sent_count, 0);
	}
}

// CVE-2021-24074: fragments whose headers differ, one with a source route. It joins nothing, and when
// the others time out nothing of it is left to be used.
static void source_routed_fragment_joins_nothing(void **state)
{
	static const uint8_t route[8] = { 131, 7, 4, 10, 9, 0, 1, 0 };
	const uint64_t *late = host.stack.counters.dropped_late;
	struct test_ip4 ip = {
		.protocol = IPPROTO_UDP, .id = 5, .payload = payload, .payload_bytes = 400
	};

	for (host.segment_bytes = 0; host.segment_bytes < 200; host.segment_bytes += 33) {
		const uint64_t before = late[FT_DROP_IP_FRAGMENT_TIMEOUT];

		ip.fragment = MORE;
		ip.options_bytes = 0;
		assert_int_equal(test_host_receive_ip4(&ip), FT_TAKEN);
		ip.fragment = 400 / 8;
		ip.options = route;
		ip.options_bytes = 8;
		assert_int_equal(test_host_receive_ip4(&ip), FT_DROP_IP_SOURCE_ROUTED);
		assert_int_equal(host.stack.ip.reassembly.datagrams.in_use, 1);
		test_host_pass(host.config.ip.reassembly_timeout + FT_SECOND);
		assert_int_equal(host.stack.ip.reassembly.datagrams.in_use, 0);
		assert_int_equal(late[FT_DROP_IP_FRAGMENT_TIMEOUT], before + 1);
		assert_int_equal(host.delivered.count, 0);
		test_host_forget();
	}
}

// CVE-2019-12262: reverse ARP gives nobody an address.
static void reverse_arp_changes_nothing(void **state)
{
	uint8_t frame[64];
	uint32_t bytes;

	for (uint16_t opcode = 3; opcode <= 4; opcode++) {
		bytes = test_frame_arp(frame, opcode, &test_peer_mac, TEST_PEER, TEST_US + 7);
		test_frame_eth(frame)->ether_type = RTE_BE16(RTE_ETHER_TYPE_RARP);
		assert_int_equal(test_host_receive(frame, bytes), FT_DROP_ETH_UNKNOWN_TYPE);
		test_frame_eth(frame)->ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP);
		assert_int_equal(test_host_receive(frame, bytes), FT_DROP_ARP_MALFORMED);
	}
	assert_int_equal(host.sent_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_host_start, test_host_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tunnel_in_fragments_is_an_unknown_protocol_however_split),
		TEST(tunnel_whole_is_an_unknown_protocol_however_split),
		TEST(source_routed_unknown_protocol_provokes_no_error),
		TEST(source_routed_fragment_joins_nothing),
		TEST(reverse_arp_changes_nothing),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, test_host_make_pools, test_host_free_pools);
}
