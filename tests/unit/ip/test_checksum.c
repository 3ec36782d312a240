#include "../host.h"

#include <string.h>

#include <netinet/in.h>

#include "ip/checksum.h"

// RFC 1071 by the book, to compare with.
static uint16_t plain_sum(const uint8_t *bytes, uint32_t count, uint32_t sum)
{
	for (uint32_t i = 0; i < count; i++)
		sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static struct rte_mbuf *make_packet(const uint8_t *bytes, uint32_t count, uint32_t step)
{
	struct rte_mbuf *pkt = NULL;

	for (uint32_t at = 0; at < count; at += step) {
		struct rte_mbuf *segment = rte_pktmbuf_alloc(host.send_pool);
		uint16_t part = (uint16_t)RTE_MIN(step, count - at);

		memcpy(rte_pktmbuf_append(segment, part), bytes + at, part);
		if (pkt == NULL)
			pkt = segment;
		else
			rte_pktmbuf_chain(pkt, segment);
	}
	return pkt;
}

static void sum_is_the_same_however_the_packet_is_split(void **state)
{
	uint8_t bytes[97];

	test_fill(bytes, sizeof(bytes));
	for (uint32_t step = 1; step <= sizeof(bytes); step++) {
		for (uint32_t offset = 0; offset < sizeof(bytes); offset++) {
			struct rte_mbuf *pkt = make_packet(bytes, sizeof(bytes), step);
			uint16_t expected = ~plain_sum(bytes + offset, sizeof(bytes) - offset, 0);

			assert_int_equal(rte_be_to_cpu_16(ft_checksum_from(pkt, offset)), expected);
			rte_pktmbuf_free(pkt);
		}
	}
}

// The largest numbers: nothing is carried out of a sum and lost. The pools' packets hold 2,000 bytes.
static void no_carry_is_lost(void **state)
{
	static uint8_t bytes[30000];

	for (uint32_t fill = 0xfe; fill <= 0xff; fill++) {
		memset(bytes, (int)fill, sizeof(bytes));
		for (uint32_t count = sizeof(bytes) - 40; count <= sizeof(bytes); count++) {
			struct rte_mbuf *pkt = make_packet(bytes, count, 1999);

			assert_int_equal(rte_be_to_cpu_16(ft_checksum_from(pkt, 0)),
				(uint16_t)~plain_sum(bytes, count, 0));
			rte_pktmbuf_free(pkt);
		}
	}
}

// An IP header and a UDP datagram with `payload` bytes, checksum zero.
static uint32_t make_udp(uint8_t *bytes, uint32_t payload)
{
	uint8_t frame[256];
	uint8_t udp[128] = { 0x30, 0x39, 0, 7, 0, 8 + payload };
	struct test_ip4 ip = {
		.protocol = IPPROTO_UDP, .payload = udp, .payload_bytes = 8 + payload
	};

	test_fill(udp + 8, payload);
	test_frame_ip4(frame, &ip);
	memcpy(bytes, test_frame_ip(frame), 28 + payload);
	return 28 + payload;
}

static uint16_t pseudo_sum(const uint8_t *ip, uint32_t l4_bytes)
{
	return plain_sum(ip + 12, 8, ip[9] + l4_bytes);
}

static void filled_checksum_is_good_and_any_change_is_not(void **state)
{
	uint8_t bytes[128];

	for (uint32_t payload = 0; payload < 40; payload++) {
		uint32_t count = make_udp(bytes, payload);
		struct rte_mbuf *pkt = make_packet(bytes, count, 28 + payload / 2);
		uint16_t *checksum = rte_pktmbuf_mtod_offset(pkt, uint16_t *, 26);

		ft_checksum_fill(pkt, 6);
		assert_int_equal(
			rte_be_to_cpu_16(*checksum), (uint16_t)~plain_sum(bytes + 20, count - 20,
							     pseudo_sum(bytes, count - 20)));
		assert_true(ft_checksum_is_good(pkt, 0, 20));
		*checksum ^= 0x0100;
		assert_false(ft_checksum_is_good(pkt, 0, 20));
		rte_pktmbuf_free(pkt);
	}
}

// RFC 768: a computed zero is sent as all ones, since zero means "none".
static void udp_checksum_of_zero_is_sent_as_ones(void **state)
{
	uint8_t bytes[128];
	uint32_t count = make_udp(bytes, 2);
	struct rte_mbuf *pkt;
	uint16_t sum;

	bytes[28] = 0;
	bytes[29] = 0;
	sum = ~plain_sum(bytes + 20, count - 20, pseudo_sum(bytes, count - 20));
	bytes[28] = sum >> 8;
	bytes[29] = sum & 0xff;
	pkt = make_packet(bytes, count, count);
	ft_checksum_fill(pkt, 6);
	assert_int_equal(*rte_pktmbuf_mtod_offset(pkt, uint16_t *, 26), 0xffff);
	assert_true(ft_checksum_is_good(pkt, 0, 20));
	rte_pktmbuf_free(pkt);
}

static void offload_leaves_the_pseudo_headers_sum(void **state)
{
	uint8_t bytes[128];
	uint32_t count = make_udp(bytes, 11);
	struct rte_mbuf *pkt = make_packet(bytes, count, count);

	ft_checksum_offload(pkt, 6);
	assert_int_equal(rte_be_to_cpu_16(*rte_pktmbuf_mtod_offset(pkt, uint16_t *, 26)),
		pseudo_sum(bytes, count - 20));
	assert_true(pkt->ol_flags & RTE_MBUF_F_TX_IPV4);
	assert_int_equal(pkt->ol_flags & RTE_MBUF_F_TX_L4_MASK, RTE_MBUF_F_TX_UDP_CKSUM);
	assert_int_equal(pkt->l2_len, 14);
	assert_int_equal(pkt->l3_len, 20);
	rte_pktmbuf_free(pkt);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_host_start, test_host_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sum_is_the_same_however_the_packet_is_split),
		TEST(no_carry_is_lost),
		TEST(filled_checksum_is_good_and_any_change_is_not),
		TEST(udp_checksum_of_zero_is_sent_as_ones),
		TEST(offload_leaves_the_pseudo_headers_sum),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, test_host_make_pools, test_host_free_pools);
}
