#include "../host.h"

#include <string.h>

#include <netinet/in.h>

#include "ip/ip_head.h"

#define NEIGHBOUR RTE_IPV4(10, 9, 0, 77)
#define TCP_BYTES 1460

// With TEST_PEER in the same place as TEST_US.
#define ANOTHER_OF_OURS (TEST_US ^ 0x0101)

static const struct rte_ether_addr other_mac = { { 0x02, 0, 0, 0, 0, 0x99 } };

static struct ft_addr addr(uint32_t ip4)
{
	return ft_addr_from_ip4(rte_cpu_to_be_32(ip4));
}

static struct ft_tuple to(uint32_t destination)
{
	return (struct ft_tuple){ .local = addr(TEST_US), .remote = addr(destination) };
}

static const struct ft_ip_head *recall(uint32_t destination)
{
	struct ft_tuple tuple = to(destination);

	return ft_ip_head_recall(&host.stack, &tuple, 0, 0, host.now);
}

static void hear_from(uint32_t who, const struct rte_ether_addr *mac)
{
	uint8_t frame[64];

	test_host_receive(frame, test_frame_arp(frame, RTE_ARP_OP_REQUEST, mac, who, TEST_US));
}

static void start_anew(void)
{
	test_host_restart();
	hear_from(TEST_PEER, &test_peer_mac);
}

static struct rte_mbuf *make_segment(uint16_t bytes)
{
	struct rte_mbuf *pkt = ft_stack_new_packet(&host.stack);
	uint8_t *data = (uint8_t *)rte_pktmbuf_append(pkt, bytes);

	test_fill(data, bytes);
	memset(data + offsetof(struct rte_tcp_hdr, cksum), 0, sizeof(rte_be16_t));
	return pkt;
}

static void send_the_long_way(uint32_t destination, uint16_t bytes, uint8_t ttl, uint8_t tos)
{
	const struct ft_ip_send send = {
		.source = addr(TEST_US),
		.destination = addr(destination),
		.protocol = IPPROTO_TCP,
		.ttl = ttl,
		.tos = tos,
		.dont_fragment = true,
		.checksum_offset = offsetof(struct rte_tcp_hdr, cksum),
	};

	ft_ip_output(&host.stack, make_segment(bytes), &send, host.now);
}

static void send_with_head(uint32_t destination, uint16_t bytes, uint8_t ttl, uint8_t tos)
{
	struct ft_tuple tuple = to(destination);
	const struct ft_ip_head *head = ft_ip_head_recall(&host.stack, &tuple, ttl, tos, host.now);
	struct rte_mbuf *pkt = make_segment(bytes);

	assert_non_null(head);
	ft_ip_head_write(head, pkt);
	ft_stack_transmit(&host.stack, pkt);
}

// Both ways give the same frame, and ask the same of the NIC.
static void check_both(uint32_t destination, uint16_t bytes, uint8_t ttl, uint8_t tos)
{
	const struct rte_mbuf *one, *other;

	test_host_forget();
	send_the_long_way(destination, bytes, ttl, tos);
	send_with_head(destination, bytes, ttl, tos);
	test_host_pass(0);
	assert_int_equal(host.sent_count, 2);
	one = host.sent[0];
	other = host.sent[1];
	assert_int_equal(test_host_sent_bytes(0), sizeof(struct ft_ip_frame) + bytes);
	assert_int_equal(test_host_sent_bytes(1), sizeof(struct ft_ip_frame) + bytes);
	assert_memory_equal(
		test_host_sent(0, 0), test_host_sent(1, 0), sizeof(struct ft_ip_frame) + bytes);
	assert_int_equal(one->ol_flags, other->ol_flags);
	if (one->ol_flags == 0)
		return;
	assert_int_equal(one->l2_len, other->l2_len);
	assert_int_equal(one->l3_len, other->l3_len);
}

static void frames_are_those_of_the_long_way(void **state)
{
	const uint32_t offloads[] = { 0, FT_OFFLOAD_IP4_CHECKSUM, FT_OFFLOAD_TCP_CHECKSUM,
		FT_OFFLOAD_IP4_CHECKSUM | FT_OFFLOAD_TCP_CHECKSUM };

	for (unsigned i = 0; i < RTE_DIM(offloads); i++) {
		host.netif.offloads = offloads[i];
		start_anew();
		for (uint16_t bytes = 20; bytes < 70; bytes++)
			check_both(TEST_PEER, bytes, 0, 0);
		check_both(TEST_PEER, TCP_BYTES, 0, 0);
		check_both(TEST_PEER, 100, 1, 0x28);
		check_both(TEST_PEER, 100, 255, 0);
		hear_from(TEST_GATEWAY, &other_mac);
		check_both(TEST_FAR, 101, 0, 0xff);
	}
}

// The sums wrap round for some: all that they can be.
static void checksums_are_right_whatever_the_addresses(void **state)
{
	for (uint32_t i = 0; i < 2000; i++) {
		hear_from(TEST_GATEWAY, &other_mac);
		check_both(RTE_IPV4(192U, i >> 8, i, 7), (uint16_t)(20 + i % 1400), 0, 0);
	}
}

static void check_goes_to(uint32_t destination, const struct rte_ether_addr *mac)
{
	test_host_forget();
	send_with_head(destination, 40, 0, 0);
	test_host_pass(0);
	assert_memory_equal(test_host_sent(0, 0), mac, sizeof(*mac));
}

static void neighbour_that_moves_is_followed(void **state)
{
	check_goes_to(TEST_PEER, &test_peer_mac);
	hear_from(TEST_PEER, &other_mac);
	check_goes_to(TEST_PEER, &other_mac);
}

// Its MAC address is good for a while longer, but somebody has to ask.
static void stale_neighbour_has_none(void **state)
{
	assert_non_null(recall(TEST_PEER));
	test_host_pass(host.config.arp.reachable_time + FT_SECOND);
	assert_null(recall(TEST_PEER));
	hear_from(TEST_PEER, &test_peer_mac);
	assert_non_null(recall(TEST_PEER));
}

static void unknown_neighbour_has_none_until_it_answers(void **state)
{
	for (int i = 0; i < 3; i++)
		assert_null(recall(NEIGHBOUR));
	hear_from(NEIGHBOUR, &other_mac);
	check_goes_to(NEIGHBOUR, &other_mac);
}

static void neighbour_that_gave_way_has_none(void **state)
{
	host.config.arp.entries = 16;
	start_anew();
	hear_from(NEIGHBOUR, &other_mac);
	assert_non_null(recall(NEIGHBOUR));
	for (uint32_t i = 100; i < 116; i++)
		hear_from(RTE_IPV4(10, 9, 0, i), &test_peer_mac);
	assert_null(recall(NEIGHBOUR));
}

// Its place is an unresolved one's now, which must not come among the resolved.
static void neighbour_that_gave_way_to_an_unknown_one_has_none(void **state)
{
	host.config.arp.entries = 16;
	start_anew();
	for (uint32_t i = 100; i < 115; i++)
		hear_from(RTE_IPV4(10, 9, 0, i), &other_mac);
	assert_non_null(recall(TEST_PEER));
	for (uint32_t i = 100; i < 115; i++)
		assert_non_null(recall(RTE_IPV4(10, 9, 0, i)));
	send_the_long_way(NEIGHBOUR, 40, 0, 0);
	assert_null(recall(TEST_PEER));
	assert_false(ft_list_is_empty(&host.stack.arp.unresolved));
}

// As with those that the long way leads to.
static void neighbour_in_use_does_not_give_way(void **state)
{
	host.config.arp.entries = 16;
	start_anew();
	hear_from(NEIGHBOUR, &other_mac);
	for (uint32_t i = 100; i < 200; i++) {
		check_goes_to(NEIGHBOUR, &other_mac);
		hear_from(RTE_IPV4(10, 9, 0, i), &test_peer_mac);
	}
}

static void only_single_hosts_have_one(void **state)
{
	struct ft_tuple from_loopback = to(TEST_PEER);

	assert_null(recall(TEST_US));
	assert_null(recall(RTE_IPV4(127, 0, 0, 1)));
	assert_null(recall(TEST_BROADCAST));
	assert_null(recall(UINT32_MAX));
	assert_null(recall(RTE_IPV4(224U, 0, 0, 1)));
	from_loopback.local = addr(RTE_IPV4(127, 0, 0, 1));
	assert_null(ft_ip_head_recall(&host.stack, &from_loopback, 0, 0, host.now));
	host.config.ip.gateway = (struct ft_addr){ 0 };
	start_anew();
	assert_null(recall(TEST_FAR));
	assert_non_null(recall(TEST_PEER));
}

static void no_packet_goes_so_while_a_path_has_a_smaller_mtu(void **state)
{
	const struct ft_addr far = addr(TEST_FAR);

	assert_non_null(recall(TEST_PEER));
	ft_route_lower_mtu(&host.stack, &far, 1400, host.now);
	assert_null(recall(TEST_PEER));
	test_host_pass(601 * FT_SECOND);
	hear_from(TEST_PEER, &test_peer_mac);
	assert_non_null(recall(TEST_PEER));
}

static void no_packet_goes_so_on_a_link_for_small_ones(void **state)
{
	host.config.ip.gateway = (struct ft_addr){ 0 };
	host.stack.netif.mtu = FT_IP_HEAD_SMALLEST_MTU - 1;
	assert_null(recall(TEST_PEER));
	start_anew();
	host.stack.netif.mtu = FT_IP_HEAD_SMALLEST_MTU;
	assert_non_null(recall(TEST_PEER));
}

static const struct ft_ip_head *again(uint64_t number)
{
	return ft_ip_head_again(&host.stack, number, host.now);
}

// By its number it is found as long as it would be by all that it is for.
static void head_is_known_by_its_number_until_something_changes(void **state)
{
	const struct ft_addr far = addr(TEST_FAR);
	const struct ft_ip_head *head = recall(TEST_PEER);
	struct ft_tuple as_another = to(TEST_PEER);
	const uint64_t first = head->number;

	assert_ptr_equal(again(first), head);
	assert_null(again(0));
	assert_null(again(first + 1));
	as_another.local = addr(ANOTHER_OF_OURS);
	assert_ptr_equal(ft_ip_head_recall(&host.stack, &as_another, 0, 0, host.now), head);
	assert_null(again(first));
	assert_ptr_equal(again(head->number), head);
	assert_ptr_equal(recall(TEST_PEER), head);
	assert_null(again(first));
	assert_ptr_equal(again(head->number), head);
	ft_route_lower_mtu(&host.stack, &far, 1400, host.now);
	assert_null(again(head->number));
	start_anew();
	head = recall(TEST_PEER);
	assert_ptr_equal(again(head->number), head);
	host.stack.arp.changes++;
	assert_null(again(head->number));
}

// Who asks for another TTL, another type of service, or as another of ours, gets its own.
static void heads_are_made_for_what_is_asked(void **state)
{
	struct ft_tuple as_another = to(TEST_PEER);
	const struct ft_ip_head *head;

	check_both(TEST_PEER, 40, 0, 0);
	check_both(TEST_PEER, 40, 9, 0);
	check_both(TEST_PEER, 40, 9, 8);
	check_both(TEST_PEER, 40, 0, 8);
	as_another.local = addr(ANOTHER_OF_OURS);
	assert_ptr_equal(ft_ip_head_of(&host.stack, &as_another), recall(TEST_PEER));
	head = ft_ip_head_recall(&host.stack, &as_another, 0, 0, host.now);
	assert_non_null(head);
	assert_int_equal(head->frame.ip.src_addr, rte_cpu_to_be_32(ANOTHER_OF_OURS));
}

// More destinations than heads, in turn.
static void heads_give_way_to_each_other(void **state)
{
	hear_from(TEST_GATEWAY, &other_mac);
	for (uint32_t round = 0; round < 3; round++)
		for (uint32_t i = 0; i < 600; i++)
			check_both(RTE_IPV4(192U, 168, i >> 8, i), 40, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_host_start, test_host_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_are_those_of_the_long_way),
		TEST(checksums_are_right_whatever_the_addresses),
		TEST(neighbour_that_moves_is_followed),
		TEST(stale_neighbour_has_none),
		TEST(unknown_neighbour_has_none_until_it_answers),
		TEST(neighbour_that_gave_way_has_none),
		TEST(neighbour_that_gave_way_to_an_unknown_one_has_none),
		TEST(neighbour_in_use_does_not_give_way),
		TEST(only_single_hosts_have_one),
		TEST(no_packet_goes_so_while_a_path_has_a_smaller_mtu),
		TEST(no_packet_goes_so_on_a_link_for_small_ones),
		TEST(head_is_known_by_its_number_until_something_changes),
		TEST(heads_are_made_for_what_is_asked),
		TEST(heads_give_way_to_each_other),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, test_host_make_pools, test_host_free_pools);
}
