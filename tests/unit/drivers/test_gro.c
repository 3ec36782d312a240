// Which received segments become one, and which must not.
#include "../support.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "base/pkt.h"
#include "drivers/gro.h"

#define HEADERS \
	(sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr))
#define BYTES 100 // of payload
#define GOOD  (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)

static struct rte_mempool *pool;

static struct rte_ipv4_hdr *ip_of(struct rte_mbuf *pkt)
{
	return rte_pktmbuf_mtod_offset(pkt, struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
}

static struct rte_tcp_hdr *tcp_of(struct rte_mbuf *pkt)
{
	return (struct rte_tcp_hdr *)(ip_of(pkt) + 1);
}

// Number `number` of a stream: its bytes are the number.
static struct rte_mbuf *segment(uint32_t number)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(pool);
	struct rte_ether_hdr *eth =
		(struct rte_ether_hdr *)rte_pktmbuf_append(pkt, HEADERS + BYTES);

	assert_non_null(eth);
	memset(eth, 0, sizeof(*eth));
	memset(rte_pktmbuf_mtod_offset(pkt, void *, HEADERS), (int)number, BYTES);
	eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	*ip_of(pkt) = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(HEADERS + BYTES - sizeof(*eth)),
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.next_proto_id = IPPROTO_TCP,
		.src_addr = RTE_BE32(RTE_IPV4(10, 9, 0, 1)),
		.dst_addr = RTE_BE32(RTE_IPV4(10, 9, 0, 2)),
	};
	*tcp_of(pkt) = (struct rte_tcp_hdr){
		.src_port = RTE_BE16(40000),
		.dst_port = RTE_BE16(7),
		.sent_seq = rte_cpu_to_be_32(1000 + number * BYTES),
		.data_off = 5 << 4,
		.tcp_flags = RTE_TCP_ACK_FLAG,
	};
	pkt->ol_flags = GOOD;
	return pkt;
}

static void segments_that_follow_each_other_become_one(void **state)
{
	struct rte_mbuf *pkts[] = { segment(0), segment(1), segment(2) };
	uint8_t bytes[3 * BYTES];

	assert_int_equal(ft_gro_merge(pkts, 3), 1);
	assert_int_equal(pkts[0]->pkt_len, HEADERS + sizeof(bytes));
	assert_int_equal(rte_be_to_cpu_16(ip_of(pkts[0])->total_length),
		HEADERS + sizeof(bytes) - sizeof(struct rte_ether_hdr));
	assert_int_equal(ft_pkt_copy_out(pkts[0], HEADERS, bytes, sizeof(bytes)), sizeof(bytes));
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], i / BYTES);
	rte_pktmbuf_free(pkts[0]);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void stay_apart(struct rte_mbuf *first, struct rte_mbuf *second)
{
	struct rte_mbuf *pkts[] = { first, second };

	assert_int_equal(ft_gro_merge(pkts, 2), 2);
	rte_pktmbuf_free_bulk(pkts, 2);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void others_stay_apart(void **state)
{
	struct rte_mbuf *first, *second;

	stay_apart(segment(0), segment(2));

	(second = segment(1))->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	stay_apart(segment(0), second);

	tcp_of(second = segment(1))->src_port = RTE_BE16(40001);
	stay_apart(segment(0), second);

	tcp_of(second = segment(1))->tcp_flags |= RTE_TCP_FIN_FLAG;
	stay_apart(segment(0), second);

	ip_of(second = segment(1))->total_length = RTE_BE16(60); // the rest is padding
	stay_apart(segment(0), second);

	ip_of(second = segment(1))->fragment_offset = RTE_BE16(RTE_IPV4_HDR_MF_FLAG);
	stay_apart(segment(0), second);

	ip_of(first = segment(0))->fragment_offset = RTE_BE16(RTE_IPV4_HDR_MF_FLAG);
	ip_of(second = segment(1))->fragment_offset = RTE_BE16(RTE_IPV4_HDR_MF_FLAG);
	ip_of(second)->packet_id = RTE_BE16(1); // the next after the first's
	stay_apart(first, second);

	tcp_of(second = segment(1))->data_off = 15 << 4; // into the payload: other options
	stay_apart(segment(0), second);

	rte_pktmbuf_trim(second = segment(1), HEADERS + BYTES - 20); // no whole header
	stay_apart(segment(0), second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_that_follow_each_other_become_one),
		cmocka_unit_test(others_stay_apart),
	};

	ft_test_start_eal();
	pool = ft_pkt_pool_create("gro", 64, 2048, SOCKET_ID_ANY);
	return cmocka_run_group_tests_name("drivers/gro", tests, NULL, NULL);
}
