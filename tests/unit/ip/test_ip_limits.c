// What happens below the transports when there is no packet buffer, no room in a queue, no link: each
// loss has its name, what comes after it is as ever, and nothing is missing in the end (the tear-down
// counts the packets).
#include "../host.h"

#include <string.h>

#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include "eth/arp.h"
#include "eth/ethernet.h"
#include "ip/icmp.h"

#define STRANGER RTE_IPV4(10, 9, 0, 77)

static uint64_t dropped(enum ft_drop reason)
{
	return host.stack.counters.dropped_output[reason];
}

// A UDP datagram of `bytes`, its header included, in as many mbufs as that takes.
static struct rte_mbuf *make_udp(uint32_t bytes)
{
	struct rte_mbuf *pkt = NULL;

	while (bytes > 0) {
		struct rte_mbuf *segment = ft_stack_new_packet(&host.stack);
		uint16_t part = (uint16_t)RTE_MIN(1400u, bytes);

		assert_non_null(segment);
		memset(rte_pktmbuf_append(segment, part), 0, part);
		if (pkt == NULL)
			pkt = segment;
		else
			assert_int_equal(rte_pktmbuf_chain(pkt, segment), 0);
		bytes -= part;
	}
	return pkt;
}

static void output(struct rte_mbuf *pkt, uint32_t destination)
{
	const struct ft_ip_send send = {
		.source = ft_addr_from_ip4(RTE_BE32(TEST_US)),
		.destination = ft_addr_from_ip4(rte_cpu_to_be_32(destination)),
		.protocol = IPPROTO_UDP,
		.checksum_offset = 6,
	};

	ft_ip_output(&host.stack, pkt, &send, host.now);
}

// ---- no packet buffer ----

static void no_packet_left_datagram_is_cut_as_far_as_it_goes(void **state)
{
	struct rte_mbuf *pkt = make_udp(8008); // six fragments

	ft_test_drain(host.send_pool, 2);
	output(pkt, TEST_PEER);
	test_host_pass(0);
	assert_int_equal(host.sent_count, 2);
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 1);
	ft_test_refill();
	test_host_forget();
	output(make_udp(8008), TEST_PEER);
	test_host_pass(0);
	assert_int_equal(host.sent_count, 6);
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 1);
}

static void no_room_for_the_header_packet_is_dropped(void **state)
{
	struct rte_mbuf *pkt = make_udp(8);

	pkt->data_off = sizeof(struct rte_ipv4_hdr) - 1;
	output(pkt, TEST_PEER);
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 1);
	output(make_udp(8), TEST_PEER);
	test_host_pass(0);
	assert_int_equal(host.sent_count, 1);
}

static void no_packet_left_chain_is_not_made_linear(void **state)
{
	struct rte_mbuf *pkt;

	host.netif.offloads = 0;
	test_host_restart();
	pkt = make_udp(1401);
	ft_test_drain(host.send_pool, 0);
	ft_ethernet_output(&host.stack, pkt, &test_peer_mac, RTE_ETHER_TYPE_IPV4);
	test_host_pass(0);
	assert_int_equal(host.sent_count, 0);
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 1);
	ft_test_refill();
	ft_ethernet_output(&host.stack, make_udp(1401), &test_peer_mac, RTE_ETHER_TYPE_IPV4);
	test_host_pass(0);
	assert_int_equal(host.sent_count, 1);
}

// The packet waits for the answer to a question that could not be asked; a second later it can.
static void no_packet_left_arp_asks_later(void **state)
{
	const struct rte_arp_hdr *arp;
	struct rte_mbuf *pkt = make_udp(8);

	ft_test_drain(host.send_pool, 0);
	output(pkt, STRANGER);
	test_host_pass(0);
	assert_int_equal(host.sent_count, 0);
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 1);
	ft_test_refill();
	test_host_pass(2 * FT_SECOND);
	assert_true(host.sent_count > 0);
	arp = test_host_sent(0, sizeof(struct rte_ether_hdr));
	assert_int_equal(arp->arp_opcode, RTE_BE16(RTE_ARP_OP_REQUEST));
	assert_int_equal(arp->arp_data.arp_tip, rte_cpu_to_be_32(STRANGER));
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 1);
}

// The question becomes the answer, so nothing is needed.
static void no_packet_left_arp_answers(void **state)
{
	uint8_t frame[64];

	ft_test_drain(host.send_pool, 0);
	assert_int_equal(test_host_receive(frame, test_frame_arp(frame, RTE_ARP_OP_REQUEST,
							  &test_peer_mac, TEST_PEER, TEST_US)),
		FT_TAKEN);
	ft_test_refill();
	assert_int_equal(host.sent_count, 1);
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 0);
}

static enum ft_drop receive_echo(uint16_t bytes)
{
	uint8_t message[UINT16_MAX] = { ICMP_ECHO };
	uint16_t checksum = ~rte_raw_cksum(message, bytes);

	memcpy(message + 2, &checksum, 2);
	return test_host_receive_ip4(&(struct test_ip4){
		.protocol = IPPROTO_ICMP, .payload = message, .payload_bytes = bytes });
}

static void no_packet_left_echo_is_answered_unless_it_must_be_cut(void **state)
{
	ft_test_drain(host.send_pool, 0);
	assert_int_equal(receive_echo(100), FT_TAKEN);
	assert_int_equal(host.sent_count, 1);
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 0);
	assert_int_equal(receive_echo(3000), FT_TAKEN);
	assert_int_equal(host.sent_count, 1);
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 1);
	ft_test_refill();
	assert_int_equal(receive_echo(3000), FT_TAKEN);
	assert_int_equal(host.sent_count, 4);
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 1);
}

static enum ft_drop receive_unknown_protocol(void)
{
	return test_host_receive_ip4(
		&(struct test_ip4){ .protocol = 99, .payload = "x", .payload_bytes = 1 });
}

static void no_packet_left_icmp_error_is_dropped(void **state)
{
	const uint64_t *sent = &host.stack.counters.count[FT_COUNTER_ICMP_ERRORS_SENT];

	ft_test_drain(host.send_pool, 0);
	assert_int_equal(receive_unknown_protocol(), FT_DROP_IP_UNKNOWN_PROTOCOL);
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 1);
	assert_int_equal(*sent, 0);
	ft_test_refill();
	assert_int_equal(receive_unknown_protocol(), FT_DROP_IP_UNKNOWN_PROTOCOL);
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 1);
	assert_int_equal(*sent, 1);
	assert_int_equal(host.sent_count, 1);
}

// What we send ourselves goes from the pool for sending to the one for receiving.
static void no_packet_left_to_receive_in_packet_to_ourselves_is_dropped(void **state)
{
	ft_test_drain(host.receive_pool, 0);
	output(make_udp(8), TEST_US);
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 1);
	ft_test_refill();
	output(make_udp(8), TEST_US);
	test_host_pass(FT_MILLISECOND);
	assert_int_equal(host.delivered.count, 1);
	assert_int_equal(dropped(FT_DROP_NO_MBUF), 1);
}

// ---- no room in a queue ----

static void loopback_full_packet_to_ourselves_is_dropped(void **state)
{
	for (int i = 0; i < FT_LOOPBACK_QUEUE; i++)
		output(make_udp(8), TEST_US);
	assert_int_equal(dropped(FT_DROP_LOOPBACK_FULL), 0);
	output(make_udp(8), TEST_US);
	assert_int_equal(dropped(FT_DROP_LOOPBACK_FULL), 1);
	test_host_pass(FT_MILLISECOND);
	assert_int_equal(host.delivered.count, FT_LOOPBACK_QUEUE);
	output(make_udp(8), TEST_US);
	test_host_pass(FT_MILLISECOND);
	assert_int_equal(host.delivered.count, FT_LOOPBACK_QUEUE + 1);
	assert_int_equal(dropped(FT_DROP_LOOPBACK_FULL), 1);
}

static uint64_t counted(enum ft_counter counter)
{
	return host.stack.counters.count[counter];
}

// Of frames of different sizes, more than the queue has places for, in turns that each leave some behind.
static void bytes_are_counted_when_the_nic_takes_a_part(void **state)
{
	const uint64_t before = counted(FT_COUNTER_TX_BYTES);
	uint64_t bytes = 0;
	uint32_t seen = host.sent_count;

	for (uint32_t i = 0; i < FT_TX_QUEUE + 100; i++) {
		host.nic_room = 1 + i % 5;
		for (uint32_t more = 0; more < 1 + i % 4 && host.stack.tx_count < 50; more++)
			output(make_udp(8 + (i + more) % 90), TEST_PEER);
		test_host_pass(0);
		for (; seen < host.sent_count; seen++)
			bytes += test_host_sent_bytes(seen);
		assert_int_equal(counted(FT_COUNTER_TX_BYTES) - before, bytes);
		test_host_forget();
		seen = 0;
	}
	assert_true(bytes > FT_TX_QUEUE * 50);
}

static void transmit_queue_full_packet_is_dropped(void **state)
{
	host.is_nic_full = true;
	for (int i = 0; i < FT_TX_QUEUE; i++)
		output(make_udp(8), TEST_PEER);
	test_host_pass(0);
	assert_int_equal(dropped(FT_DROP_TX_FULL), 0);
	output(make_udp(8), TEST_PEER);
	assert_int_equal(dropped(FT_DROP_TX_FULL), 1);
	assert_int_equal(host.stack.tx_count, FT_TX_QUEUE);

	// When the queue is full the NIC is asked at once, not with the turn's end.
	host.is_nic_full = false;
	output(make_udp(8), TEST_PEER);
	assert_int_equal(host.sent_count, FT_TX_QUEUE);
	test_host_pass(0);
	assert_int_equal(host.sent_count, FT_TX_QUEUE + 1);
	assert_int_equal(dropped(FT_DROP_TX_FULL), 1);
}

static struct rte_mbuf *refused;
static uint32_t asked;

static uint16_t nic_prepare(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t ready = 0;

	while (ready < count && pkts[ready] != refused)
		ready++;
	asked += ready;
	return ready;
}

static void transmit_refused_packet_is_dropped_and_the_others_go(void **state)
{
	host.stack.netif.prepare = nic_prepare;
	asked = 0;
	for (int i = 0; i < 5; i++) {
		struct rte_mbuf *pkt = make_udp(8);

		if (i == 0 || i == 2)
			refused = pkt;
		output(pkt, TEST_PEER);
		if (i == 0) {
			test_host_pass(0);
			refused = NULL; // the buffer has other lives
		}
	}
	test_host_pass(0);
	assert_int_equal(dropped(FT_DROP_TX_REFUSED), 2);
	assert_int_equal(host.sent_count, 3);
	assert_int_equal(asked, 3);
}

// Once it has said yes, it is not asked about the same packet again.
static void transmit_prepared_packets_wait_for_a_full_nic(void **state)
{
	host.stack.netif.prepare = nic_prepare;
	refused = NULL;
	asked = 0;
	host.is_nic_full = true;
	for (int i = 0; i < 5; i++) {
		output(make_udp(8), TEST_PEER);
		test_host_pass(0);
	}
	assert_int_equal(asked, 5);
	host.is_nic_full = false;
	test_host_pass(0);
	assert_int_equal(host.sent_count, 5);
	assert_int_equal(asked, 5);
	output(make_udp(8), TEST_PEER);
	test_host_pass(0);
	assert_int_equal(asked, 6);
}

// ---- no link ----

static void link_down_packets_are_dropped_until_it_is_up(void **state)
{
	host.is_link_up = false;
	test_host_pass(FT_SECOND);
	output(make_udp(8), TEST_PEER);
	test_host_pass(0);
	assert_int_equal(host.sent_count, 0);
	assert_int_equal(dropped(FT_DROP_LINK_DOWN), 1);
	assert_int_equal(host.stack.tx_count, 0);

	host.is_link_up = true;
	test_host_pass(FT_SECOND); // its addresses are announced
	test_host_forget();
	output(make_udp(8), TEST_PEER);
	test_host_pass(0);
	assert_int_equal(host.sent_count, 1);
	assert_int_equal(dropped(FT_DROP_LINK_DOWN), 1);
	assert_int_equal(host.stack.counters.count[FT_COUNTER_LINK_CHANGES], 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_host_start, test_host_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_packet_left_datagram_is_cut_as_far_as_it_goes),
		TEST(no_room_for_the_header_packet_is_dropped),
		TEST(no_packet_left_chain_is_not_made_linear),
		TEST(no_packet_left_arp_asks_later),
		TEST(no_packet_left_arp_answers),
		TEST(no_packet_left_echo_is_answered_unless_it_must_be_cut),
		TEST(no_packet_left_icmp_error_is_dropped),
		TEST(no_packet_left_to_receive_in_packet_to_ourselves_is_dropped),
		TEST(loopback_full_packet_to_ourselves_is_dropped),
		TEST(transmit_queue_full_packet_is_dropped),
		TEST(bytes_are_counted_when_the_nic_takes_a_part),
		TEST(transmit_refused_packet_is_dropped_and_the_others_go),
		TEST(transmit_prepared_packets_wait_for_a_full_nic),
		TEST(link_down_packets_are_dropped_until_it_is_up),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name(
		"ip/limits", tests, test_host_make_pools, test_host_free_pools);
}
