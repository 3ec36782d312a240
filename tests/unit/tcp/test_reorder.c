#include "tcp/reorder.h"

#include <string.h>

#include "base/random.h"
#include "tcp/segment.h"

#include "../support.h"

// The stream begins shortly before the sequence numbers wrap.
enum { PACKETS = 1023, ROOM = 2048, HEADERS = 66, FIRST = 0xfffff000 };

static struct rte_mempool *pool;
static struct rte_mempool *small_pool;
static struct ft_held held;
static struct ft_receive_memory memory;
static struct ft_reorder reorder;
static uint8_t stream[1 << 16];

static int make_pool(void **state)
{
	pool = ft_pkt_pool_create("reorder", PACKETS, ROOM, SOCKET_ID_ANY);
	small_pool = ft_pkt_small_pool_create("small", PACKETS, SOCKET_ID_ANY);
	for (uint32_t i = 0; i < sizeof(stream); i++)
		stream[i] = i % 251;
	return pool == NULL || small_pool == NULL;
}

static int begin(void **state)
{
	held = (struct ft_held){ .mbufs.limit = PACKETS, .small_pool = small_pool };
	memory = (struct ft_receive_memory){ .bytes.limit = UINT64_MAX, .held = &held };
	reorder = (struct ft_reorder){ 0 };
	return 0;
}

static void empty(void)
{
	struct rte_mbuf *pkt;

	while ((pkt = ft_reorder_pop(&reorder, &memory)) != NULL)
		rte_pktmbuf_free(pkt);
}

static int end(void **state)
{
	empty();
	return reorder.bytes != 0 || reorder.block_count != 0 || reorder.last_block != NULL ||
	       held.mbufs.used != 0 || memory.bytes.used != 0 ||
	       rte_mempool_avail_count(pool) != PACKETS ||
	       rte_mempool_avail_count(small_pool) != PACKETS;
}

// A segment of the stream's bytes from `from` to `to`.
static struct rte_mbuf *segment(uint32_t from, uint32_t to, uint8_t flags)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(pool);
	struct ft_pkt_info *info;

	assert_non_null(pkt);
	info = ft_pkt_info_clear(pkt);
	memset(rte_pktmbuf_append(pkt, HEADERS), 0xee, HEADERS);
	memcpy(rte_pktmbuf_append(pkt, to - from), stream + from, to - from);
	info->payload_offset = HEADERS;
	info->payload_length = to - from;
	info->seg.seq = FIRST + from;
	info->seg.flags = flags;
	info->seg.length = to - from + (flags & FT_TCP_FIN ? 1 : 0);
	return pkt;
}

static enum ft_drop insert(uint32_t from, uint32_t to)
{
	struct rte_mbuf *pkt = segment(from, to, 0);
	enum ft_drop reason = ft_reorder_insert(&reorder, pkt, &memory);

	if (reason != FT_TAKEN)
		rte_pktmbuf_free(pkt);
	return reason;
}

// Takes all that is contiguous from `from` on, comparing it with the stream; returns where it ends.
static uint32_t take_from(uint32_t from)
{
	struct rte_mbuf *pkt;

	while ((pkt = ft_reorder_take(&reorder, FIRST + from, &memory)) != NULL) {
		const struct ft_pkt_info *info = ft_pkt_info(pkt);

		if (info->payload_length > 0)
			assert_int_equal(info->seg.seq, FIRST + from);
		assert_int_equal(pkt->pkt_len, info->payload_offset + info->payload_length);
		assert_memory_equal(rte_pktmbuf_mtod_offset(pkt, uint8_t *, info->payload_offset),
			stream + from, info->payload_length);
		from += info->payload_length;
		rte_pktmbuf_free(pkt);
	}
	return from;
}

static void gap_holds_what_comes_after_it(void **state)
{
	insert(1000, 2000);
	insert(2000, 3000);
	assert_int_equal(reorder.block_count, 1);
	assert_int_equal(reorder.bytes, 2000);
	assert_int_equal(take_from(0), 0);
	assert_int_equal(take_from(999), 999);
	assert_int_equal(take_from(1000), 3000);
	assert_true(ft_reorder_is_empty(&reorder));
}

static void middle_segment_joins_its_neighbours(void **state)
{
	insert(1000, 2500);
	insert(4000, 5500);
	assert_int_equal(reorder.block_count, 2);
	insert(2500, 4000);
	assert_int_equal(reorder.block_count, 1);
	insert(7000, 8000);
	assert_int_equal(reorder.block_count, 2);
	assert_int_equal(take_from(1000), 5500);
	assert_int_equal(take_from(7000), 8000);
}

static void descending_segments_become_one_block(void **state)
{
	for (uint32_t from = 9000; from > 0; from -= 1500)
		insert(from, from + 1500);
	assert_int_equal(reorder.block_count, 1);
	assert_int_equal(take_from(1500), 10500);
}

static void known_bytes_are_duplicates(void **state)
{
	insert(1000, 2000);
	assert_int_equal(insert(1000, 2000), FT_DROP_TCP_DUPLICATE);
	assert_int_equal(insert(1500, 1600), FT_DROP_TCP_DUPLICATE);
	assert_int_equal(reorder.bytes, 1000);
}

static void overlap_is_cut_on_both_sides(void **state)
{
	insert(1000, 2000);
	insert(2500, 3500);
	insert(1500, 3000);
	assert_int_equal(reorder.bytes, 2500);
	assert_int_equal(take_from(1000), 3500);
}

// What the new segment has beyond the block it covers comes again; nothing wrong is kept.
static void swallowed_block_stays(void **state)
{
	insert(2000, 2500);
	assert_int_equal(insert(1000, 2800), FT_TAKEN);
	assert_int_equal(reorder.block_count, 1);
	assert_int_equal(take_from(1000), 2500);
}

static void overtaken_packets_are_freed_and_cut(void **state)
{
	insert(1000, 2400);
	insert(2400, 3800);
	assert_int_equal(take_from(3000), 3800);
}

static void fin_is_remembered_until_its_turn(void **state)
{
	assert_int_equal(
		ft_reorder_insert(&reorder, segment(1000, 2000, FT_TCP_FIN), &memory), FT_TAKEN);
	assert_int_equal(reorder.bytes, 1000);
	assert_false(ft_reorder_has_fin_at(&reorder, FIRST + 1000));
	assert_int_equal(take_from(1000), 2000);
	assert_true(ft_reorder_has_fin_at(&reorder, FIRST + 2000));
}

static void fin_alone_needs_no_packet(void **state)
{
	assert_int_equal(
		ft_reorder_insert(&reorder, segment(2000, 2000, FT_TCP_FIN), &memory), FT_TAKEN);
	assert_int_equal(held.mbufs.used, 0);
	assert_true(ft_reorder_has_fin_at(&reorder, FIRST + 2000));
}

// CVE-2018-5390: every second byte, each a segment.
static void scattered_bytes_are_bounded(void **state)
{
	uint32_t kept = 0;

	for (uint32_t at = 1; at < 2000; at += 2)
		kept += insert(at, at + 1) == FT_TAKEN;
	assert_in_range(
		FT_REORDER_BLOCKS, 1, 128); // a list: what a segment costs is bounded by this
	assert_int_equal(kept, FT_REORDER_BLOCKS);
	assert_int_equal(reorder.block_count, FT_REORDER_BLOCKS);
	assert_int_equal(held.mbufs.used, FT_REORDER_BLOCKS);
	assert_int_equal(insert(5000, 5001), FT_DROP_TCP_QUEUE_FULL);
	assert_int_equal(insert(2, 3), FT_TAKEN); // joining two makes room for one
	assert_int_equal(insert(5000, 5001), FT_TAKEN);
}

// ... and consecutive single bytes share mbufs.
static void single_bytes_share_mbufs(void **state)
{
	for (uint32_t at = 1; at < 1500; at++)
		assert_int_equal(insert(at, at + 1), FT_TAKEN);
	assert_int_equal(held.mbufs.used, 1);
	assert_int_equal(take_from(1), 1500);
}

// When half of what may be held is, they are moved to small buffers, wherever they belong.
static void scarce_memory_scattered_bytes_wait_in_small_buffers(void **state)
{
	held.mbufs.limit = 100;
	for (uint32_t at = 1001; at > 900; at -= 2)
		assert_int_equal(insert(at, at + 1), FT_TAKEN);
	for (uint32_t at = 901; at < 1002; at += 2)
		assert_int_equal(insert(at - 1, at), FT_TAKEN);
	assert_int_equal(held.mbufs.used, 50);
	assert_true(rte_mempool_in_use_count(small_pool) > 0);
	assert_int_equal(take_from(900), 1002);
}

static void exhausted_memory_refuses(void **state)
{
	held.mbufs.limit = 1;
	insert(1000, 2400);
	assert_int_equal(insert(3000, 4400), FT_DROP_RECEIVE_MEMORY);
	memory.bytes.limit = memory.bytes.used;
	assert_int_equal(insert(2400, 3800), FT_DROP_TCP_QUEUE_FULL);
	assert_int_equal(take_from(1000), 2400);
}

// Any segments in any order, overlapping at random: what comes out is the stream.
static void random_segments_give_the_stream(void **state)
{
	struct ft_random random;

	ft_random_init(&random, 7);
	for (int run = 0; run < 50; run++) {
		uint32_t done = 0;

		while (done < 30000) {
			uint32_t from = done + 1 + ft_random_below(&random, 20000);
			uint32_t to = from + 1 + ft_random_below(&random, 1900);

			insert(from, to);
			if (ft_random_below(&random, 10) == 0)
				done = take_from(done + ft_random_below(&random, 1500));
		}
		empty();
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gap_holds_what_comes_after_it),
		TEST(middle_segment_joins_its_neighbours),
		TEST(descending_segments_become_one_block),
		TEST(known_bytes_are_duplicates),
		TEST(overlap_is_cut_on_both_sides),
		TEST(swallowed_block_stays),
		TEST(overtaken_packets_are_freed_and_cut),
		TEST(fin_is_remembered_until_its_turn),
		TEST(fin_alone_needs_no_packet),
		TEST(scattered_bytes_are_bounded),
		TEST(single_bytes_share_mbufs),
		TEST(scarce_memory_scattered_bytes_wait_in_small_buffers),
		TEST(exhausted_memory_refuses),
		TEST(random_segments_give_the_stream),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/reorder", tests, make_pool, NULL);
}
