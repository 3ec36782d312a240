#include "../support.h"

#include <stdbool.h>
#include <string.h>

#include "base/pkt.h"

#define PACKETS	   64
#define DATA_BYTES 256

static struct rte_mempool *pool;

static int start(void **state)
{
	pool = ft_pkt_pool_create("test", PACKETS, DATA_BYTES, SOCKET_ID_ANY);
	return pool == NULL;
}

static int stop(void **state)
{
	rte_mempool_free(pool);
	return 0;
}

// After every test all packets are home again.
static int check_none_lost(void **state)
{
	return rte_mempool_avail_count(pool) != PACKETS;
}

// A packet of `bytes` bytes 0, 1, 2, ... in segments of `segment_bytes`.
static struct rte_mbuf *make_packet(uint32_t bytes, uint16_t segment_bytes)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(pool);
	uint32_t made = 0;

	assert_non_null(pkt);
	while (made < bytes) {
		uint16_t part = (uint16_t)RTE_MIN(bytes - made, (uint32_t)segment_bytes);
		struct rte_mbuf *segment = made == 0 ? pkt : rte_pktmbuf_alloc(pool);
		char *data = rte_pktmbuf_append(segment, part);

		for (uint16_t i = 0; i < part; i++)
			data[i] = (char)(made + i);
		if (segment != pkt)
			assert_int_equal(rte_pktmbuf_chain(pkt, segment), 0);
		made += part;
	}
	return pkt;
}

static void check_packet(struct rte_mbuf *pkt, uint8_t first, uint32_t bytes)
{
	uint8_t copy[1024];
	const char *reason;

	assert_int_equal(rte_mbuf_check(pkt, 1, &reason), 0);
	assert_int_equal(pkt->pkt_len, bytes);
	assert_int_equal(ft_pkt_copy_out(pkt, 0, copy, sizeof(copy)), bytes);
	for (uint32_t i = 0; i < bytes; i++)
		assert_int_equal(copy[i], (uint8_t)(first + i));
}

static void info_of_new_packet_clears_to_zero(void **state)
{
	struct rte_mbuf *pkt = make_packet(10, 10);
	struct ft_pkt_info *info = ft_pkt_info(pkt);

	memset(info, 0xff, sizeof(*info));
	assert_ptr_equal(ft_pkt_info_clear(pkt), info);
	assert_int_equal(info->kind, FT_PKT_UNPARSED);
	assert_int_equal(info->tuple.local_port, 0);
	assert_true((char *)(info + 1) <= (char *)pkt->buf_addr);
	rte_pktmbuf_free(pkt);
}

static void pull_of_contiguous_packet_moves_nothing(void **state)
{
	struct rte_mbuf *pkt = make_packet(100, 100);

	assert_ptr_equal(ft_pkt_pull(pkt, 100), rte_pktmbuf_mtod(pkt, void *));
	assert_null(ft_pkt_pull(pkt, 101));
	check_packet(pkt, 0, 100);
	rte_pktmbuf_free(pkt);
}

static void pull_joins_segments_of_every_size(void **state)
{
	for (uint16_t segment_bytes = 1; segment_bytes <= 40; segment_bytes++) {
		for (uint32_t pulled = 0; pulled <= 40; pulled++) {
			struct rte_mbuf *pkt = make_packet(40, segment_bytes);
			uint8_t *data = ft_pkt_pull(pkt, pulled);

			assert_non_null(data);
			assert_true(pkt->data_len >= pulled);
			for (uint8_t i = 0; i < pulled; i++)
				assert_int_equal(data[i], i);
			check_packet(pkt, 0, 40);
			rte_pktmbuf_free(pkt);
		}
	}
}

static void pull_uses_headroom_when_tailroom_is_short(void **state)
{
	struct rte_mbuf *pkt = make_packet(DATA_BYTES + 100, DATA_BYTES);

	assert_non_null(ft_pkt_pull(pkt, DATA_BYTES + 60));
	check_packet(pkt, 0, DATA_BYTES + 100);
	rte_pktmbuf_free(pkt);
}

static void pull_beyond_one_segment_is_null_and_changes_nothing(void **state)
{
	struct rte_mbuf *pkt = make_packet(2 * DATA_BYTES, DATA_BYTES);

	assert_null(ft_pkt_pull(pkt, DATA_BYTES + RTE_PKTMBUF_HEADROOM + 1));
	check_packet(pkt, 0, 2 * DATA_BYTES);
	rte_pktmbuf_free(pkt);
}

static void trim_keeps_the_front_whatever_the_segments(void **state)
{
	for (uint16_t segment_bytes = 1; segment_bytes <= 40; segment_bytes++) {
		for (uint32_t kept = 0; kept <= 40; kept++) {
			struct rte_mbuf *pkt = make_packet(40, segment_bytes);

			ft_pkt_trim_to(pkt, kept);
			check_packet(pkt, 0, kept);
			assert_int_equal(pkt->nb_segs,
				kept == 0 ? 1 : (kept + segment_bytes - 1) / segment_bytes);
			rte_pktmbuf_free(pkt);
		}
	}
}

static void cut_front_keeps_the_end_whatever_the_segments(void **state)
{
	for (uint16_t segment_bytes = 1; segment_bytes <= 40; segment_bytes++) {
		for (uint32_t cut = 0; cut <= 40; cut++) {
			struct rte_mbuf *pkt = make_packet(40, segment_bytes);

			ft_pkt_cut_front(pkt, cut);
			check_packet(pkt, (uint8_t)cut, 40 - cut);
			if (cut < 40)
				assert_int_equal(*(uint8_t *)ft_pkt_pull(pkt, 1), cut);
			rte_pktmbuf_free(pkt);
		}
	}
}

static void copy_out_ends_with_the_packet(void **state)
{
	struct rte_mbuf *pkt = make_packet(50, 7);
	uint8_t copy[100];

	assert_int_equal(ft_pkt_copy_out(pkt, 20, copy, 10), 10);
	assert_int_equal(copy[0], 20);
	assert_int_equal(copy[9], 29);
	assert_int_equal(ft_pkt_copy_out(pkt, 45, copy, 100), 5);
	assert_int_equal(ft_pkt_copy_out(pkt, 50, copy, 100), 0);
	assert_int_equal(ft_pkt_copy_out(pkt, 51, copy, 100), 0);
	rte_pktmbuf_free(pkt);
}

// To the pool at once, and as new packets should be.
static void freed_packet_comes_back_whatever_the_segments(void **state)
{
	struct rte_mbuf *pkts[PACKETS];

	for (uint16_t segment_bytes = 10; segment_bytes <= 40; segment_bytes += 10) {
		ft_pkt_free(make_packet(40, segment_bytes));
		assert_int_equal(rte_mempool_avail_count(pool), PACKETS);
	}
	for (int i = 0; i < PACKETS; i++) {
		pkts[i] = rte_pktmbuf_alloc(pool);
		check_packet(pkts[i], 0, 0);
	}
	rte_pktmbuf_free_bulk(pkts, PACKETS);
}

static void freed_packet_that_others_use_stays(void **state)
{
	struct rte_mbuf *pkt = make_packet(40, 40);
	struct rte_mbuf *clone = rte_pktmbuf_clone(pkt, pool);

	assert_non_null(clone);
	ft_pkt_free(pkt);
	check_packet(clone, 0, 40);
	ft_pkt_free(clone);
	assert_int_equal(rte_mempool_avail_count(pool), PACKETS);

	pkt = make_packet(40, 40);
	rte_mbuf_refcnt_update(pkt, 1);
	ft_pkt_free(pkt);
	assert_int_equal(rte_mempool_avail_count(pool), PACKETS - 1);
	check_packet(pkt, 0, 40);
	ft_pkt_free(pkt);
}

static void queue_is_first_in_first_out(void **state)
{
	struct ft_pkt_queue queue = { 0 };
	struct rte_mbuf *pkts[3];

	assert_null(ft_pkt_queue_take(&queue));
	for (unsigned i = 0; i < 3; i++)
		ft_pkt_queue_append(&queue, pkts[i] = make_packet(1, 1));
	assert_int_equal(queue.count, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_ptr_equal(ft_pkt_queue_take(&queue), pkts[i]);
		rte_pktmbuf_free(pkts[i]);
	}
	assert_null(ft_pkt_queue_take(&queue));
	assert_null(queue.last);
}

#define pkt_test(test) cmocka_unit_test_teardown(test, check_none_lost)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pkt_test(info_of_new_packet_clears_to_zero),
		pkt_test(pull_of_contiguous_packet_moves_nothing),
		pkt_test(pull_joins_segments_of_every_size),
		pkt_test(pull_uses_headroom_when_tailroom_is_short),
		pkt_test(pull_beyond_one_segment_is_null_and_changes_nothing),
		pkt_test(trim_keeps_the_front_whatever_the_segments),
		pkt_test(cut_front_keeps_the_end_whatever_the_segments),
		pkt_test(copy_out_ends_with_the_packet),
		pkt_test(freed_packet_comes_back_whatever_the_segments),
		pkt_test(freed_packet_that_others_use_stays),
		pkt_test(queue_is_first_in_first_out),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, start, stop);
}
