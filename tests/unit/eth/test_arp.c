#include "../host.h"
#include "../told.h"

#include <errno.h>
#include <string.h>

#include <netinet/in.h>

#include "eth/arp.h"

#define STRANGER RTE_IPV4(10, 9, 0, 77)

static const struct rte_ether_addr stranger_mac = { { 0x02, 0, 0, 0, 0, 0x77 } };
static const struct rte_ether_addr zero_mac;

static enum ft_drop receive_arp(
	uint16_t opcode, const struct rte_ether_addr *mac, uint32_t sender, uint32_t target)
{
	uint8_t frame[64];

	return test_host_receive(frame, test_frame_arp(frame, opcode, mac, sender, target));
}

// An UDP packet, its port a number to know it by again.
static void send_to(uint32_t destination, uint16_t number)
{
	struct rte_mbuf *pkt = ft_stack_new_packet(&host.stack);
	const struct ft_ip_send send = {
		.source = ft_addr_from_ip4(rte_cpu_to_be_32(TEST_US)),
		.destination = ft_addr_from_ip4(rte_cpu_to_be_32(destination)),
		.protocol = IPPROTO_UDP,
		.checksum_offset = 6,
	};
	uint8_t header[8] = { number >> 8, number & 0xff, 0, 9, 0, 8, 0, 0 };

	memcpy(rte_pktmbuf_append(pkt, 8), header, 8);
	ft_ip_output(&host.stack, pkt, &send, host.now);
	test_host_pass(0);
}

static void check_frame(uint32_t index, const struct rte_ether_addr *to, uint16_t type)
{
	const struct rte_ether_hdr *eth = test_host_sent(index, 0);

	assert_memory_equal(&eth->dst_addr, to, sizeof(*to));
	assert_memory_equal(&eth->src_addr, &test_us_mac, sizeof(*to));
	assert_int_equal(rte_be_to_cpu_16(eth->ether_type), type);
}

static void check_arp_sent(uint32_t index, const struct rte_ether_addr *to, uint16_t opcode,
	uint32_t sender, const struct rte_ether_addr *target_mac, uint32_t target)
{
	const struct rte_arp_hdr *arp = test_host_sent(index, sizeof(struct rte_ether_hdr));

	check_frame(index, to, RTE_ETHER_TYPE_ARP);
	assert_int_equal(test_host_sent_bytes(index), 42);
	assert_int_equal(arp->arp_hardware, RTE_BE16(1));
	assert_int_equal(arp->arp_protocol, RTE_BE16(0x0800));
	assert_int_equal(arp->arp_hlen, 6);
	assert_int_equal(arp->arp_plen, 4);
	assert_int_equal(arp->arp_opcode, rte_cpu_to_be_16(opcode));
	assert_memory_equal(&arp->arp_data.arp_sha, &test_us_mac, 6);
	assert_int_equal(arp->arp_data.arp_sip, rte_cpu_to_be_32(sender));
	assert_memory_equal(&arp->arp_data.arp_tha, target_mac, 6);
	assert_int_equal(arp->arp_data.arp_tip, rte_cpu_to_be_32(target));
}

static void check_request_sent(uint32_t index, const struct rte_ether_addr *to, uint32_t target)
{
	check_arp_sent(index, to, RTE_ARP_OP_REQUEST, TEST_US, &zero_mac, target);
}

static void check_udp_sent(uint32_t index, const struct rte_ether_addr *to, uint16_t number)
{
	const uint8_t *udp =
		test_host_sent(index, sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv4_hdr));

	check_frame(index, to, RTE_ETHER_TYPE_IPV4);
	assert_int_equal(udp[0] << 8 | udp[1], number);
}

// ---- answering ----

static void request_for_us_is_answered(void **state)
{
	assert_int_equal(
		receive_arp(RTE_ARP_OP_REQUEST, &stranger_mac, STRANGER, TEST_US), FT_TAKEN);
	assert_int_equal(host.sent_count, 1);
	check_arp_sent(0, &stranger_mac, RTE_ARP_OP_REPLY, TEST_US, &stranger_mac, STRANGER);
}

static void request_in_split_mbufs_and_with_padding_is_answered(void **state)
{
	uint8_t frame[60] = { 0 };

	test_frame_arp(frame, RTE_ARP_OP_REQUEST, &stranger_mac, STRANGER, TEST_US);
	for (host.segment_bytes = 1; host.segment_bytes < 60; host.segment_bytes++) {
		assert_int_equal(test_host_receive(frame, sizeof(frame)), FT_TAKEN);
		check_arp_sent(
			0, &stranger_mac, RTE_ARP_OP_REPLY, TEST_US, &stranger_mac, STRANGER);
		test_host_forget();
	}
}

static void request_for_another_is_not_answered(void **state)
{
	assert_int_equal(receive_arp(RTE_ARP_OP_REQUEST, &stranger_mac, STRANGER, TEST_GATEWAY),
		FT_DROP_ARP_NOT_FOR_US);
	assert_int_equal(host.sent_count, 0);
}

// RFC 5227 2.1.1: a host about to take an address asks with sender 0.0.0.0.
static void probe_for_our_address_is_answered_and_not_learnt(void **state)
{
	uint32_t known = host.stack.arp.neighbours.in_use;

	assert_int_equal(receive_arp(RTE_ARP_OP_REQUEST, &stranger_mac, 0, TEST_US), FT_TAKEN);
	check_arp_sent(0, &stranger_mac, RTE_ARP_OP_REPLY, TEST_US, &stranger_mac, 0);
	assert_int_equal(host.stack.arp.neighbours.in_use, known);
}

static void malformed_messages_are_dropped(void **state)
{
	static const struct {
		uint8_t offset, value;
	} lies[] = { { 0, 1 }, { 1, 6 }, { 2, 9 }, { 4, 5 }, { 4, 0 }, { 4, 255 }, { 5, 16 },
		{ 5, 0 }, { 7, 0 }, { 7, 3 }, { 7, 8 }, { 6, 1 }, { 8, 1 }, { 14, 127 },
		{ 14, 224 }, { 14, 255 }, { 17, 255 }, { 24, 127 } };
	uint8_t frame[64];
	uint32_t bytes;

	for (unsigned i = 0; i < RTE_DIM(lies); i++) {
		bytes = test_frame_arp(frame, RTE_ARP_OP_REQUEST, &stranger_mac, STRANGER, TEST_US);
		frame[sizeof(struct rte_ether_hdr) + lies[i].offset] = lies[i].value;
		assert_int_equal(test_host_receive(frame, bytes), FT_DROP_ARP_MALFORMED);
	}
	for (bytes = 14; bytes < 42; bytes++)
		assert_int_equal(test_host_receive(frame, bytes), FT_DROP_ARP_MALFORMED);
	assert_int_equal(host.sent_count, 0);
}

// ---- resolving ----

static void incomplete_reply_sends_what_waits_in_order(void **state)
{
	for (uint16_t i = 0; i < 5; i++)
		send_to(STRANGER, i);
	assert_int_equal(host.sent_count, 1);
	check_request_sent(0, &test_broadcast_mac, STRANGER);
	assert_int_equal(receive_arp(RTE_ARP_OP_REPLY, &stranger_mac, STRANGER, TEST_US), FT_TAKEN);
	assert_int_equal(host.sent_count, 6);
	for (uint16_t i = 0; i < 5; i++)
		check_udp_sent(1 + i, &stranger_mac, i);
}

static void incomplete_full_queue_keeps_the_latest(void **state)
{
	host.config.arp.queue_packets = 3;
	test_host_restart();
	for (uint16_t i = 0; i < 5; i++)
		send_to(STRANGER, i);
	assert_int_equal(host.stack.counters.dropped_output[FT_DROP_ARP_QUEUE_FULL], 2);
	receive_arp(RTE_ARP_OP_REPLY, &stranger_mac, STRANGER, TEST_US);
	assert_int_equal(host.sent_count, 4);
	for (uint16_t i = 0; i < 3; i++)
		check_udp_sent(1 + i, &stranger_mac, 2 + i);
}

static void incomplete_unanswered_asks_again_then_gives_up(void **state)
{
	send_to(STRANGER, 1);
	send_to(STRANGER, 2);
	test_host_pass(host.config.arp.retries * host.config.arp.retry_time - FT_MILLISECOND);
	assert_int_equal(host.sent_count, host.config.arp.retries);
	assert_int_equal(host.error_count, 0);
	test_host_pass(2 * FT_MILLISECOND);
	assert_int_equal(host.sent_count, host.config.arp.retries);
	assert_int_equal(host.stack.counters.dropped_output[FT_DROP_ARP_UNRESOLVED], 2);
	assert_int_equal(host.error_count, 2);
	assert_int_equal(host.error.error, EHOSTUNREACH);
	assert_int_equal(host.error.tuple.local_port, 2);
	assert_int_equal(host.error.tuple.remote.words[3], rte_cpu_to_be_32(STRANGER));
	assert_int_equal(host.error.tuple.local.words[3], rte_cpu_to_be_32(TEST_US));
}

static void given_up_packet_begins_anew(void **state)
{
	send_to(STRANGER, 1);
	test_host_pass(10 * FT_SECOND);
	test_host_forget();
	send_to(STRANGER, 2);
	assert_int_equal(host.sent_count, 1);
	check_request_sent(0, &test_broadcast_mac, STRANGER);
}

static void far_destination_asks_for_the_gateway(void **state)
{
	send_to(TEST_FAR, 1);
	assert_int_equal(host.sent_count, 1);
	check_request_sent(0, &test_broadcast_mac, TEST_GATEWAY);
}

static void reply_nobody_asked_for_teaches_nothing(void **state)
{
	uint32_t known = host.stack.arp.neighbours.in_use;

	assert_int_equal(receive_arp(RTE_ARP_OP_REPLY, &stranger_mac, STRANGER, TEST_US),
		FT_DROP_ARP_NOT_FOR_US);
	assert_int_equal(host.stack.arp.neighbours.in_use, known);
}

static void request_for_us_teaches_its_sender(void **state)
{
	receive_arp(RTE_ARP_OP_REQUEST, &stranger_mac, STRANGER, TEST_US);
	test_host_forget();
	send_to(STRANGER, 1);
	assert_int_equal(host.sent_count, 1);
	check_udp_sent(0, &stranger_mac, 1);
}

static void request_from_another_network_is_answered_and_not_learnt(void **state)
{
	uint32_t known = host.stack.arp.neighbours.in_use;

	assert_int_equal(
		receive_arp(RTE_ARP_OP_REQUEST, &stranger_mac, TEST_FAR, TEST_US), FT_TAKEN);
	assert_int_equal(host.stack.arp.neighbours.in_use, known);
}

// ---- refreshing ----

static void reachable_sends_without_asking(void **state)
{
	test_host_pass(host.config.arp.reachable_time - 10 * FT_MILLISECOND);
	send_to(TEST_PEER, 1);
	assert_int_equal(host.sent_count, 1);
	check_udp_sent(0, &test_peer_mac, 1);
}

static void stale_sends_and_asks_by_unicast(void **state)
{
	test_host_pass(host.config.arp.reachable_time + FT_SECOND);
	send_to(TEST_PEER, 1);
	send_to(TEST_PEER, 2);
	assert_int_equal(host.sent_count, 3);
	check_request_sent(0, &test_peer_mac, TEST_PEER);
	check_udp_sent(1, &test_peer_mac, 1);
	check_udp_sent(2, &test_peer_mac, 2);
}

static void probe_answered_is_reachable_again(void **state)
{
	test_host_pass(host.config.arp.reachable_time + FT_SECOND);
	send_to(TEST_PEER, 1);
	receive_arp(RTE_ARP_OP_REPLY, &test_peer_mac, TEST_PEER, TEST_US);
	test_host_forget();
	test_host_pass(host.config.arp.reachable_time - FT_SECOND);
	send_to(TEST_PEER, 2);
	assert_int_equal(host.sent_count, 1);
	check_udp_sent(0, &test_peer_mac, 2);
}

static void probe_unanswered_is_asked_for_by_broadcast(void **state)
{
	test_host_pass(host.config.arp.reachable_time + FT_SECOND);
	send_to(TEST_PEER, 1);
	test_host_pass(host.config.arp.retries * host.config.arp.retry_time + FT_SECOND);
	assert_int_equal(host.sent_count, 1 + host.config.arp.retries);
	test_host_forget();
	send_to(TEST_PEER, 2);
	assert_int_equal(host.sent_count, 1);
	check_request_sent(0, &test_broadcast_mac, TEST_PEER);
}

static void announcement_of_a_known_neighbour_updates_it(void **state)
{
	assert_int_equal(
		receive_arp(RTE_ARP_OP_REQUEST, &stranger_mac, TEST_PEER, TEST_PEER), FT_TAKEN);
	send_to(TEST_PEER, 1);
	assert_int_equal(host.sent_count, 2);
	check_request_sent(0, &stranger_mac, TEST_PEER); // believed, but asked
	check_udp_sent(1, &stranger_mac, 1);
}

static void announcement_of_what_is_known_changes_nothing(void **state)
{
	receive_arp(RTE_ARP_OP_REQUEST, &test_peer_mac, TEST_PEER, TEST_PEER);
	send_to(TEST_PEER, 1);
	assert_int_equal(host.sent_count, 1);
	check_udp_sent(0, &test_peer_mac, 1);
}

// ---- our own address ----

static void start_announces_every_address_twice(void **state)
{
	const struct ft_counters *counters = &host.stack.counters;

	assert_int_equal(counters->count[FT_COUNTER_ARP_REQUESTS_SENT], 2);
	host.is_link_up = false;
	test_host_pass(FT_SECOND);
	host.is_link_up = true;
	test_host_pass(500 * FT_MILLISECOND);
	assert_int_equal(host.sent_count, 1);
	check_request_sent(0, &test_broadcast_mac, TEST_US);
	test_host_pass(2 * FT_SECOND);
	assert_int_equal(host.sent_count, 2);
	check_request_sent(1, &test_broadcast_mac, TEST_US);
	test_host_pass(60 * FT_SECOND);
	assert_int_equal(host.sent_count, 2);
}

static void conflict_is_counted_and_defended_once_in_a_while(void **state)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(receive_arp(RTE_ARP_OP_REQUEST, &stranger_mac, TEST_US, TEST_US),
			FT_DROP_ARP_CONFLICT);
	assert_int_equal(receive_arp(RTE_ARP_OP_REPLY, &stranger_mac, TEST_US, TEST_PEER),
		FT_DROP_ARP_CONFLICT);
	assert_int_equal(host.stack.counters.count[FT_COUNTER_ARP_CONFLICTS], 6);
	assert_int_equal(host.sent_count, 1);
	check_request_sent(0, &test_broadcast_mac, TEST_US);
	test_host_pass(11 * FT_SECOND);
	receive_arp(RTE_ARP_OP_REQUEST, &stranger_mac, TEST_US, TEST_US);
	assert_int_equal(host.sent_count, 2);
	assert_true(ft_addr_ip4(&host.stack.ip.routes.local[0].addr) == rte_cpu_to_be_32(TEST_US));
}

// ---- floods ----

static void flood_of_unknown_destinations_spares_neighbours(void **state)
{
	host.config.arp.entries = 16;
	test_host_restart();
	receive_arp(RTE_ARP_OP_REQUEST, &test_peer_mac, TEST_PEER, TEST_US);
	for (uint32_t i = 0; i < 100; i++)
		send_to(RTE_IPV4(10, 9, 0, 100) + i, 1);
	assert_int_equal(host.stack.arp.neighbours.in_use, 16);
	assert_int_not_equal(host.stack.counters.dropped_output[FT_DROP_ARP_TABLE_FULL], 0);
	test_host_forget();
	send_to(TEST_PEER, 2);
	check_udp_sent(0, &test_peer_mac, 2);
}

static void flood_of_requests_spares_the_neighbour_in_use(void **state)
{
	host.config.arp.entries = 16;
	test_host_restart();
	receive_arp(RTE_ARP_OP_REQUEST, &test_peer_mac, TEST_PEER, TEST_US);
	for (uint32_t i = 0; i < 100; i++) {
		receive_arp(
			RTE_ARP_OP_REQUEST, &stranger_mac, RTE_IPV4(10, 9, 0, 100) + i, TEST_US);
		test_host_forget();
		send_to(TEST_PEER, i);
		check_udp_sent(0, &test_peer_mac, i);
	}
	assert_int_equal(host.stack.arp.neighbours.in_use, 16);
}

static void waiting_packets_are_bounded_all_together(void **state)
{
	for (uint32_t i = 0; i < 100; i++)
		for (int j = 0; j < 16; j++)
			send_to(RTE_IPV4(10, 9, 0, 100) + i, 1);
	assert_true(host.stack.arp.waiting.used <= TEST_PACKETS / 16);
	assert_true(rte_mempool_avail_count(host.send_pool) > TEST_PACKETS / 2);
	assert_true(host.stack.counters.dropped_output[FT_DROP_ARP_QUEUE_FULL] > 0);
}

// ---- what the trace tells ----

static void asked_for_us_is_told(void **state)
{
	told_listen(&host.stack, FT_TRACE_ARP | FT_TRACE_TIMER | FT_TRACE_DROP);
	receive_arp(RTE_ARP_OP_REQUEST, &stranger_mac, STRANGER, TEST_US);
	receive_arp(RTE_ARP_OP_REQUEST, &stranger_mac, STRANGER, TEST_PEER);
	told_expect("arp #1 10.9.0.77 asks who has 10.9.0.2\n"
		    "arp #1 learned: 10.9.0.77 is at 02:00:00:00:00:77; 0 packets waited for that\n"
		    "timer #1 ARP timer of 10.9.0.77 set to 30000.000 ms\n"
		    "arp #1 answers 10.9.0.77 that 10.9.0.2 is at 02:00:00:00:00:02\n"
		    "arp #2 10.9.0.77 asks who has 10.9.0.1\n");
}

static void unknown_neighbour_is_told_from_asking_to_giving_up(void **state)
{
	host.config.arp.retries = 2;
	test_host_restart();
	told_listen(&host.stack, FT_TRACE_ARP | FT_TRACE_TIMER);
	send_to(STRANGER, 1);
	send_to(STRANGER, 2);
	test_host_pass(3 * FT_SECOND);
	told_expect("arp asks everybody who has 10.9.0.77, request 1 of 2\n"
		    "timer ARP timer of 10.9.0.77 set to 1000.000 ms\n"
		    "arp packet waits until it is known where 10.9.0.77 is; 1 wait\n"
		    "arp packet waits until it is known where 10.9.0.77 is; 2 wait\n"
		    "arp asks everybody who has 10.9.0.77, request 2 of 2\n"
		    "timer ARP timer of 10.9.0.77 set to 1000.000 ms\n"
		    "arp 10.9.0.77 does not answer; 2 packets waited for it in vain\n");
}

static void answer_and_doubt_are_told(void **state)
{
	host.config.arp.reachable_time = 5 * FT_SECOND;
	test_host_restart();
	told_listen(&host.stack, FT_TRACE_ARP);
	send_to(STRANGER, 1);
	receive_arp(RTE_ARP_OP_REPLY, &stranger_mac, STRANGER, TEST_US);
	test_host_pass(6 * FT_SECOND);
	send_to(STRANGER, 2);
	told_expect("arp asks everybody who has 10.9.0.77, request 1 of 3\n"
		    "arp packet waits until it is known where 10.9.0.77 is; 1 wait\n"
		    "arp #1 10.9.0.77 answers that it is at 02:00:00:00:00:77\n"
		    "arp #1 learned: 10.9.0.77 is at 02:00:00:00:00:77; 1 packets waited for that\n"
		    "arp 10.9.0.77 may have moved: the next packet to it asks it again\n"
		    "arp asks whether it is still there: 10.9.0.77, request 1 of 3\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_host_start, test_host_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(request_for_us_is_answered),
		TEST(request_in_split_mbufs_and_with_padding_is_answered),
		TEST(request_for_another_is_not_answered),
		TEST(probe_for_our_address_is_answered_and_not_learnt),
		TEST(malformed_messages_are_dropped),
		TEST(incomplete_reply_sends_what_waits_in_order),
		TEST(incomplete_full_queue_keeps_the_latest),
		TEST(incomplete_unanswered_asks_again_then_gives_up),
		TEST(given_up_packet_begins_anew),
		TEST(far_destination_asks_for_the_gateway),
		TEST(reply_nobody_asked_for_teaches_nothing),
		TEST(request_for_us_teaches_its_sender),
		TEST(request_from_another_network_is_answered_and_not_learnt),
		TEST(reachable_sends_without_asking),
		TEST(stale_sends_and_asks_by_unicast),
		TEST(probe_answered_is_reachable_again),
		TEST(probe_unanswered_is_asked_for_by_broadcast),
		TEST(announcement_of_a_known_neighbour_updates_it),
		TEST(announcement_of_what_is_known_changes_nothing),
		TEST(start_announces_every_address_twice),
		TEST(conflict_is_counted_and_defended_once_in_a_while),
		TEST(flood_of_unknown_destinations_spares_neighbours),
		TEST(flood_of_requests_spares_the_neighbour_in_use),
		TEST(waiting_packets_are_bounded_all_together),
		TEST(asked_for_us_is_told),
		TEST(unknown_neighbour_is_told_from_asking_to_giving_up),
		TEST(answer_and_doubt_are_told),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, test_host_make_pools, test_host_free_pools);
}
