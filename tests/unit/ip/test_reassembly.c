#include "../host.h"
#include "../recorded.h"
#include "../told.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>

#include "base/recorder.h"

#define MORE RTE_IPV4_HDR_MF_FLAG

static uint8_t payload[UINT16_MAX + 64];
static uint8_t got[UINT16_MAX + 64];

static uint32_t datagrams_under_way(void)
{
	return host.stack.ip.reassembly.datagrams.in_use;
}

// UDP with checksum and `bytes` in all, so that only the right bytes at the right place are taken.
static void make_udp(uint32_t bytes)
{
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)(20 + bytes)),
		.next_proto_id = IPPROTO_UDP,
		.src_addr = RTE_BE32(TEST_PEER),
		.dst_addr = RTE_BE32(TEST_US),
	};
	uint16_t checksum;

	test_fill(payload, bytes);
	memset(payload + 6, 0, 2);
	checksum = rte_ipv4_udptcp_cksum(&ip, payload);
	memcpy(payload + 6, &checksum, 2);
}

static enum ft_drop receive_of(
	uint8_t protocol, uint16_t id, uint32_t offset, uint32_t bytes, uint16_t more)
{
	return test_host_receive_ip4(&(struct test_ip4){
		.protocol = protocol,
		.id = id,
		.fragment = more | offset / 8,
		.payload = payload + offset,
		.payload_bytes = bytes,
	});
}

static enum ft_drop receive(uint16_t id, uint32_t offset, uint32_t bytes, uint16_t more)
{
	return receive_of(IPPROTO_UDP, id, offset, bytes, more);
}

static void check_delivered(uint32_t bytes)
{
	struct rte_mbuf *pkt = host.delivered.first;
	const struct ft_pkt_info *info;
	const char *reason;

	assert_int_equal(host.delivered.count, 1);
	assert_int_equal(rte_mbuf_check(pkt, 1, &reason), 0);
	info = ft_pkt_info(pkt);
	assert_true(info->flags & FT_PKT_REASSEMBLED);
	assert_false(info->flags & FT_PKT_L4_CHECKSUM_GOOD);
	assert_int_equal(info->ip_offset, 0);
	assert_int_equal(info->payload_length, bytes);
	assert_int_equal(ft_pkt_copy_out(pkt, info->transport_offset, got, sizeof(got)), bytes);
	assert_memory_equal(got, payload, bytes);
	assert_int_equal(datagrams_under_way(), 0);
	assert_int_equal(host.stack.ip.reassembly.bytes.used, 0);
	assert_int_equal(host.stack.receive_held.mbufs.used, 0);
}

// ---- what an honest host sends ----

static void two_fragments_become_one_datagram(void **state)
{
	make_udp(2000);
	assert_int_equal(receive(1, 0, 1480, MORE), FT_TAKEN);
	assert_int_equal(host.delivered.count, 0);
	assert_int_equal(receive(1, 1480, 520, 0), FT_TAKEN);
	check_delivered(2000);
	assert_int_equal(host.stack.counters.count[FT_COUNTER_IP_REASSEMBLED], 1);
}

static void fragments_in_any_order_become_one_datagram(void **state)
{
	uint32_t order[12];
	struct ft_random random;

	make_udp(1200 - 3);
	ft_random_init(&random, 3);
	for (int round = 0; round < 500; round++) {
		for (uint32_t i = 0; i < 12; i++) {
			uint32_t j = ft_random_below(&random, i + 1);

			order[i] = order[j];
			order[j] = i;
		}
		for (uint32_t i = 0; i < 12; i++) {
			uint32_t offset = order[i] * 100 / 8 * 8;
			uint32_t end = order[i] == 11 ? 1197 : (order[i] + 1) * 100 / 8 * 8;

			assert_int_equal(
				receive(1, offset, end - offset, end == 1197 ? 0 : MORE), FT_TAKEN);
		}
		check_delivered(1197);
		test_host_forget();
	}
}

static void largest_datagram_is_put_together(void **state)
{
	make_udp(65515);
	for (uint32_t offset = 44 * 1480; offset > 0; offset -= 1480)
		assert_int_equal(receive(1, offset, RTE_MIN(1480u, 65515 - offset),
					 offset == 44 * 1480 ? 0 : MORE),
			FT_TAKEN);
	assert_int_equal(receive(1, 0, 1480, MORE), FT_TAKEN);
	check_delivered(65515);
}

static void smallest_fragments_are_put_together(void **state)
{
	make_udp(8004);
	for (uint32_t offset = 0; offset < 8000; offset += 8)
		assert_int_equal(receive(1, offset, 8, MORE), FT_TAKEN);
	assert_int_equal(receive(1, 8000, 4, 0), FT_TAKEN);
	check_delivered(8004);
}

static void fragments_in_split_mbufs_are_put_together(void **state)
{
	make_udp(300);
	for (host.segment_bytes = 1; host.segment_bytes < 150; host.segment_bytes++) {
		assert_int_equal(receive(1, 200, 100, 0), FT_TAKEN);
		assert_int_equal(receive(1, 104, 96, MORE), FT_TAKEN);
		assert_int_equal(receive(1, 0, 104, MORE), FT_TAKEN);
		check_delivered(300);
		test_host_forget();
	}
}

static void datagrams_under_way_do_not_mix(void **state)
{
	make_udp(200);
	receive(1, 0, 104, MORE);
	receive(2, 104, 96, 0);
	receive_of(IPPROTO_ICMP, 1, 104, 96, 0);
	test_host_receive_ip4(&(struct test_ip4){ .source = TEST_PEER + 2,
		.protocol = IPPROTO_UDP,
		.id = 1,
		.fragment = 13,
		.payload = payload + 104,
		.payload_bytes = 96 });
	assert_int_equal(host.delivered.count, 0);
	assert_int_equal(datagrams_under_way(), 4);
	receive(2, 0, 104, MORE);
	assert_int_equal(host.delivered.count, 1);
	receive(1, 104, 96, 0);
	assert_int_equal(host.delivered.count, 2);
}

static void duplicates_change_nothing(void **state)
{
	make_udp(300);
	receive(1, 0, 200, MORE);
	assert_int_equal(receive(1, 0, 200, MORE), FT_DROP_IP_FRAGMENT_DUPLICATE);
	assert_int_equal(receive(1, 8, 64, MORE), FT_DROP_IP_FRAGMENT_DUPLICATE);
	receive(1, 200, 100, 0);
	check_delivered(300);
}

static void header_is_made_whole(void **state)
{
	const struct rte_ipv4_hdr *ip;

	make_udp(300);
	receive(1, 200, 100, 0);
	receive(1, 0, 200, MORE);
	ip = rte_pktmbuf_mtod(host.delivered.first, const struct rte_ipv4_hdr *);
	assert_int_equal(ip->total_length, RTE_BE16(320));
	assert_int_equal(ip->fragment_offset, 0);
	assert_int_equal(rte_raw_cksum(ip, sizeof(*ip)), 0xffff);
}

// ---- what an attacker sends ----

static void check_refused(uint64_t late_drops)
{
	assert_int_equal(host.delivered.count, 0);
	assert_int_equal(host.stack.counters.dropped_late[FT_DROP_IP_BAD_FRAGMENT], late_drops);
	assert_int_equal(host.stack.ip.reassembly.bytes.used, 0);
}

static void overlap_drops_the_whole_datagram_and_what_follows(void **state)
{
	make_udp(400);
	receive(1, 0, 200, MORE);
	assert_int_equal(receive(1, 192, 104, MORE), FT_DROP_IP_BAD_FRAGMENT);
	check_refused(1);
	assert_int_equal(receive(1, 0, 200, MORE), FT_DROP_IP_BAD_FRAGMENT);
	assert_int_equal(receive(1, 200, 200, 0), FT_DROP_IP_BAD_FRAGMENT);
	check_refused(1);
	test_host_pass(host.config.ip.reassembly_timeout + FT_SECOND);
	assert_int_equal(datagrams_under_way(), 0);
	assert_int_equal(host.sent_count, 0);
}

static void overlap_from_above_drops_the_whole_datagram(void **state)
{
	make_udp(400);
	receive(1, 200, 200, 0);
	assert_int_equal(receive(1, 0, 208, MORE), FT_DROP_IP_BAD_FRAGMENT);
	check_refused(1);
}

static void surrounding_fragment_drops_the_whole_datagram(void **state)
{
	make_udp(1400);
	receive(1, 600, 104, MORE);
	assert_int_equal(receive(1, 0, 1400, MORE), FT_DROP_IP_BAD_FRAGMENT);
	check_refused(1);
}

static void two_different_ends_drop_the_whole_datagram(void **state)
{
	make_udp(400);
	receive(1, 200, 200, 0);
	assert_int_equal(receive(1, 400, 8, 0), FT_DROP_IP_BAD_FRAGMENT);
	receive(2, 200, 200, 0);
	assert_int_equal(receive(2, 400, 8, MORE), FT_DROP_IP_BAD_FRAGMENT);
	receive(3, 200, 200, MORE);
	assert_int_equal(receive(3, 8, 8, 0), FT_DROP_IP_BAD_FRAGMENT);
	receive(4, 200, 200, 0);
	assert_int_equal(receive(4, 384, 16, MORE), FT_DROP_IP_BAD_FRAGMENT);
	check_refused(4);
}

static void impossible_fragments_are_dropped(void **state)
{
	make_udp(1400);
	assert_int_equal(receive(1, 0, 0, MORE), FT_DROP_IP_BAD_FRAGMENT);
	assert_int_equal(receive(1, 800, 0, 0), FT_DROP_IP_BAD_FRAGMENT);
	assert_int_equal(receive(1, 0, 1001, MORE), FT_DROP_IP_BAD_FRAGMENT);
	assert_int_equal(receive(1, 65512, 16, 0), FT_DROP_IP_BAD_FRAGMENT);
	assert_int_equal(receive(1, 65528, 8, 0), FT_DROP_IP_BAD_FRAGMENT);
	assert_int_equal(datagrams_under_way(), 0);
}

// Each fragment alone is below 65,535 bytes, but the first has options and the last reaches so far
// that together they are not.
static void first_header_that_makes_it_too_long_drops_the_datagram(void **state)
{
	static const uint8_t options[40] = { 1, 1, 1, 1 };

	make_udp(65515);
	for (uint32_t offset = 1480; offset < 65515; offset += 1480)
		receive(1, offset, RTE_MIN(1480u, 65515 - offset), offset == 44 * 1480 ? 0 : MORE);
	assert_int_equal(test_host_receive_ip4(&(struct test_ip4){ .protocol = IPPROTO_UDP,
				 .id = 1,
				 .fragment = MORE,
				 .options = options,
				 .options_bytes = 40,
				 .payload = payload,
				 .payload_bytes = 1480 }),
		FT_TAKEN);
	check_refused(45);
	assert_int_equal(datagrams_under_way(), 0);
}

// RFC 1858, RFC 3128.
static void tiny_tcp_fragments_are_dropped(void **state)
{
	make_udp(100);
	payload[12] = 0x80; // 32 bytes of TCP header
	assert_int_equal(receive_of(IPPROTO_TCP, 1, 0, 8, MORE), FT_DROP_IP_BAD_FRAGMENT);
	assert_int_equal(receive_of(IPPROTO_TCP, 1, 0, 16, MORE), FT_DROP_IP_BAD_FRAGMENT);
	assert_int_equal(receive_of(IPPROTO_TCP, 1, 0, 24, MORE), FT_DROP_IP_BAD_FRAGMENT);
	assert_int_equal(receive_of(IPPROTO_TCP, 1, 8, 92, 0), FT_DROP_IP_BAD_FRAGMENT);
	assert_int_equal(receive_of(IPPROTO_TCP, 1, 16, 84, 0), FT_DROP_IP_BAD_FRAGMENT);
	assert_int_equal(receive_of(IPPROTO_TCP, 1, 0, 32, MORE), FT_TAKEN);
}

// ---- bounds ----

static void incomplete_datagram_times_out_with_an_error(void **state)
{
	const uint8_t *icmp;

	make_udp(400);
	receive(1, 0, 200, MORE);
	test_host_pass(host.config.ip.reassembly_timeout - FT_MILLISECOND);
	assert_int_equal(datagrams_under_way(), 1);
	test_host_pass(2 * FT_MILLISECOND);
	assert_int_equal(datagrams_under_way(), 0);
	assert_int_equal(host.stack.counters.dropped_late[FT_DROP_IP_FRAGMENT_TIMEOUT], 1);
	// The neighbour has become stale: the error follows a question to it.
	assert_int_equal(host.sent_count, 2);
	icmp = test_host_sent(1, 34);
	assert_int_equal(icmp[0], 11);
	assert_int_equal(icmp[1], 1);
	assert_memory_equal(icmp + 28, payload, 200);
}

static void timeout_without_the_first_fragment_is_silent(void **state)
{
	make_udp(400);
	receive(1, 200, 200, 0);
	receive(2, 8, 200, MORE);
	test_host_pass(host.config.ip.reassembly_timeout + FT_MILLISECOND);
	assert_int_equal(datagrams_under_way(), 0);
	assert_int_equal(host.sent_count, 0);
	assert_int_equal(host.stack.receive_held.mbufs.used, 0);
}

static void each_datagram_has_its_own_lifetime(void **state)
{
	make_udp(400);
	receive(1, 200, 200, 0);
	test_host_pass(host.config.ip.reassembly_timeout / 2);
	receive(2, 200, 200, 0);
	test_host_pass(host.config.ip.reassembly_timeout / 2 + FT_MILLISECOND);
	assert_int_equal(datagrams_under_way(), 1);
	receive(2, 0, 200, MORE);
	assert_int_equal(host.delivered.count, 1);
}

static void flood_of_datagrams_keeps_the_newest(void **state)
{
	make_udp(400);
	for (uint16_t id = 0; id < 1000; id++)
		assert_int_equal(receive(id, 200, 200, 0), FT_TAKEN);
	assert_int_equal(datagrams_under_way(), host.config.ip.reassembly_datagrams);
	assert_int_equal(host.stack.counters.dropped_late[FT_DROP_IP_FRAGMENT_LIMIT],
		1000 - host.config.ip.reassembly_datagrams);
	receive(999, 0, 200, MORE);
	assert_int_equal(host.delivered.count, 1);
}

static void memory_held_is_bounded_by_what_mbufs_occupy(void **state)
{
	host.config.ip.reassembly_bytes = 128 * 1024;
	test_host_restart();
	make_udp(8000);
	for (uint16_t id = 0; id < 10; id++) {
		for (uint32_t offset = 8; offset < 320; offset += 8) {
			assert_int_equal(receive(id, offset, 8, MORE), FT_TAKEN);
			assert_true(host.stack.ip.reassembly.bytes.used <= 128 * 1024);
		}
	}
	assert_true(host.stack.receive_held.mbufs.used <= 128 * 1024 / 2048);
	assert_true(host.stack.counters.dropped_late[FT_DROP_IP_FRAGMENT_LIMIT] > 300);
}

static void datagram_that_alone_holds_too_much_is_dropped(void **state)
{
	enum ft_drop reason = FT_TAKEN;
	uint32_t offset = 8;

	host.config.ip.reassembly_bytes = 128 * 1024;
	test_host_restart();
	make_udp(8000);
	for (; reason == FT_TAKEN && offset < 8000; offset += 8)
		reason = receive(1, offset, 8, MORE);
	assert_int_equal(reason, FT_DROP_IP_FRAGMENT_LIMIT);
	assert_int_equal(host.stack.ip.reassembly.bytes.used, 0);
	assert_int_equal(receive(1, offset, 8, MORE), FT_DROP_IP_BAD_FRAGMENT);
	assert_int_equal(receive(2, offset, 8, MORE), FT_TAKEN);
}

static void fragments_leave_receive_memory_to_others(void **state)
{
	make_udp(400);
	host.stack.receive_held.mbufs.used = host.stack.receive_held.mbufs.limit;
	assert_int_equal(receive(1, 0, 200, MORE), FT_DROP_IP_FRAGMENT_LIMIT);
	host.stack.receive_held.mbufs.used = 0;
	assert_int_equal(receive(2, 0, 200, MORE), FT_TAKEN);
}

static void free_gives_everything_back(void **state)
{
	make_udp(400);
	for (uint16_t id = 0; id < 20; id++)
		receive(id, 200, 200, 0);
}

// Quarters of many datagrams in random order, now and then one that overlaps: whatever is delivered
// is right (the UDP checksum says so), and nothing is lost or freed twice.
static void random_fragments_never_make_a_wrong_datagram(void **state)
{
	const struct ft_counters *counters = &host.stack.counters;
	struct ft_random random;

	make_udp(1024);
	ft_random_init(&random, 11);
	for (int round = 0; round < 100000; round++) {
		uint32_t offset = ft_random_below(&random, 4) * 256;
		uint32_t bytes = 256;

		if (ft_random_below(&random, 50) == 0) {
			offset = ft_random_below(&random, 127) * 8;
			bytes = RTE_MIN(8 + ft_random_below(&random, 60) * 8, 1024 - offset);
		}
		host.segment_bytes = ft_random_below(&random, 100);
		receive(ft_random_below(&random, 100), offset, bytes,
			offset + bytes < 1024 ? MORE : 0);
		if (host.delivered.count > 0)
			assert_int_equal(ft_pkt_info(host.delivered.first)->payload_length, 1024);
		test_host_forget();
		host.now += FT_MILLISECOND * ft_random_below(&random, 100);
	}
	assert_true(counters->count[FT_COUNTER_IP_REASSEMBLED] > 1000);
	assert_true(counters->dropped_late[FT_DROP_IP_BAD_FRAGMENT] > 100);
	assert_int_equal(counters->dropped_late[FT_DROP_UDP_BAD_CHECKSUM], 0);
}

// ---- what the trace tells ----

static void fragments_are_told_until_they_are_whole_or_too_late(void **state)
{
	told_listen(&host.stack, FT_TRACE_IP | FT_TRACE_TIMER | FT_TRACE_DROP);
	make_udp(24);
	receive(0x11, 0, 16, MORE);
	receive(0x11, 16, 8, 0);
	receive(0x12, 16, 8, 0);
	test_host_pass(31 * FT_SECOND);
	told_expect(
		"ip #1 10.9.0.1 -> 10.9.0.2, protocol 17, TTL 64; header checksum verified in software\n"
		"timer #1 reassembly of datagram 0x0011 may take 30000.000 ms\n"
		"ip #1 fragment of datagram 0x0011: bytes 0 to 15; 16 are there\n"
		"ip #2 10.9.0.1 -> 10.9.0.2, protocol 17, TTL 64; header checksum verified in software\n"
		"ip #2 fragment of datagram 0x0011: bytes 16 to 23, the last; 24 are there\n"
		"ip #2 datagram of 44 bytes put together from fragments\n"
		"ip #3 10.9.0.1 -> 10.9.0.2, protocol 17, TTL 64; header checksum verified in software\n"
		"timer #3 reassembly of datagram 0x0012 may take 30000.000 ms\n"
		"ip #3 fragment of datagram 0x0012: bytes 16 to 23, the last; 8 are there\n"
		"timer reassembly of datagram 0x0012 has taken too long\n"
		"drop discarded after it was taken: the missing fragments did not arrive in time\n");
	test_host_forget();
}

// ---- what the capture says ----

static void expect_comment(struct ft_recorded *recorded, const char *comment)
{
	struct ft_recorded_frame frame;

	assert_true(ft_recorded_next(recorded, &frame));
	assert_string_equal(frame.comment, comment);
}

// The datagram is dropped when its last fragment has come, whichever of them that is.
static void fragment_that_completes_a_bad_datagram_has_the_reason(void **state)
{
	char path[] = "/tmp/ft-test-fragments-XXXXXX";
	struct ft_recorded recorded;
	uint64_t lost = 0;

	close(mkstemp(path));
	host.stack.recorder = ft_recorder_open(path, "nic", 2048, 0, &lost);
	assert_non_null(host.stack.recorder);
	make_udp(2000);
	payload[1999] ^= 1;
	receive(1, 0, 1480, MORE);
	receive(1, 1480, 520, 0);
	receive(2, 1480, 520, 0);
	receive(2, 0, 1480, MORE);
	ft_recorder_close(host.stack.recorder);
	host.stack.recorder = NULL;
	assert_int_equal(host.stack.counters.dropped_late[FT_DROP_UDP_BAD_CHECKSUM], 2);
	assert_true(ft_recorded_open(&recorded, path));
	unlink(path);
	for (int i = 0; i < 2; i++) {
		expect_comment(&recorded, "");
		expect_comment(&recorded, "udp_bad_checksum: UDP checksum wrong");
	}
	ft_recorded_close(&recorded);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_host_start, test_host_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_fragments_become_one_datagram),
		TEST(fragments_in_any_order_become_one_datagram),
		TEST(largest_datagram_is_put_together),
		TEST(smallest_fragments_are_put_together),
		TEST(fragments_in_split_mbufs_are_put_together),
		TEST(datagrams_under_way_do_not_mix),
		TEST(duplicates_change_nothing),
		TEST(header_is_made_whole),
		TEST(overlap_drops_the_whole_datagram_and_what_follows),
		TEST(overlap_from_above_drops_the_whole_datagram),
		TEST(surrounding_fragment_drops_the_whole_datagram),
		TEST(two_different_ends_drop_the_whole_datagram),
		TEST(impossible_fragments_are_dropped),
		TEST(first_header_that_makes_it_too_long_drops_the_datagram),
		TEST(tiny_tcp_fragments_are_dropped),
		TEST(incomplete_datagram_times_out_with_an_error),
		TEST(timeout_without_the_first_fragment_is_silent),
		TEST(each_datagram_has_its_own_lifetime),
		TEST(flood_of_datagrams_keeps_the_newest),
		TEST(memory_held_is_bounded_by_what_mbufs_occupy),
		TEST(datagram_that_alone_holds_too_much_is_dropped),
		TEST(fragments_leave_receive_memory_to_others),
		TEST(free_gives_everything_back),
		TEST(random_fragments_never_make_a_wrong_datagram),
		TEST(fragments_are_told_until_they_are_whole_or_too_late),
		TEST(fragment_that_completes_a_bad_datagram_has_the_reason),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, test_host_make_pools, test_host_free_pools);
}
