#include "tcp/send_queue.h"

#include "../support.h"

enum { PACKETS = 64, BUDGET = 20, ROOM = 2048 };

static struct rte_mempool *pool;
static struct ft_budget held;
static struct ft_send_memory memory;
static struct ft_send_queue queue;
static uint8_t stream[80000];

static int make_pool(void **state)
{
	pool = ft_pkt_pool_create("send", PACKETS, ROOM, SOCKET_ID_ANY);
	for (uint32_t i = 0; i < sizeof(stream); i++)
		stream[i] = i % 251;
	return pool == NULL;
}

static int begin(void **state)
{
	held = (struct ft_budget){ .limit = BUDGET };
	memory = (struct ft_send_memory){ .pool = pool, .held = &held };
	queue = (struct ft_send_queue){ 0 };
	return 0;
}

// Whatever a test did, all mbufs and all of the budget come back.
static int end(void **state)
{
	ft_send_queue_free(&queue, &memory);
	return queue.bytes != 0 || held.used != 0 || rte_mempool_avail_count(pool) != PACKETS;
}

static uint64_t append(uint32_t from, uint32_t bytes)
{
	struct iovec iov[3] = {
		{ stream + from, bytes / 3 },
		{ NULL, 0 },
		{ stream + from + bytes / 3, bytes - bytes / 3 },
	};

	return ft_send_queue_append(&queue, iov, 3, UINT64_MAX, &memory);
}

// The queue's bytes at offset are those of the stream at `expected`.
static void assert_copy(uint64_t offset, uint32_t bytes, uint32_t expected)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(pool);

	assert_true(ft_send_queue_copy(&queue, offset, bytes, pkt));
	assert_int_equal(pkt->pkt_len, bytes);
	assert_memory_equal(rte_pktmbuf_mtod(pkt, void *), stream + expected, bytes);
	rte_pktmbuf_free(pkt);
}

static void small_appends_share_an_mbuf(void **state)
{
	for (int i = 0; i < 100; i++)
		assert_int_equal(append(i * 20, 20), 20);
	assert_int_equal(queue.bytes, 2000);
	assert_int_equal(held.used, 1);
	assert_copy(0, 2000, 0);
}

static void few_bytes_need_no_mbuf(void **state)
{
	assert_int_equal(append(0, 40), 40);
	assert_int_equal(append(40, FT_SEND_QUEUE_FEW - 40), FT_SEND_QUEUE_FEW - 40);
	assert_int_equal(held.used, 0);
	assert_copy(0, FT_SEND_QUEUE_FEW, 0);
	ft_send_queue_drop(&queue, 10, &memory);
	assert_copy(0, FT_SEND_QUEUE_FEW - 10, 10);
	assert_copy(FT_SEND_QUEUE_FEW - 11, 1, FT_SEND_QUEUE_FEW - 1);
	assert_int_equal(append(FT_SEND_QUEUE_FEW, 10), 10);
	assert_int_equal(held.used, 0);
	assert_copy(0, FT_SEND_QUEUE_FEW, 10);
	ft_send_queue_drop(&queue, FT_SEND_QUEUE_FEW, &memory);
	assert_int_equal(queue.bytes, 0);
	assert_int_equal(append(100, 1), 1);
	assert_copy(0, 1, 100);
}

static void one_byte_more_than_few_takes_all_to_an_mbuf(void **state)
{
	assert_int_equal(append(0, FT_SEND_QUEUE_FEW), FT_SEND_QUEUE_FEW);
	assert_int_equal(append(FT_SEND_QUEUE_FEW, 1), 1);
	assert_int_equal(held.used, 1);
	assert_copy(0, FT_SEND_QUEUE_FEW + 1, 0);
	ft_send_queue_drop(&queue, FT_SEND_QUEUE_FEW, &memory);
	assert_copy(0, 1, FT_SEND_QUEUE_FEW);
	ft_send_queue_drop(&queue, 1, &memory);
	assert_int_equal(held.used, 0);
	assert_int_equal(append(200, 3), 3);
	assert_copy(0, 3, 200);
	assert_int_equal(held.used, 0);
}

static void sequential_copies_give_the_stream(void **state)
{
	assert_int_equal(append(0, 20000), 20000);
	for (uint32_t offset = 0; offset + 1000 <= 20000; offset += 1000)
		assert_copy(offset, 1000, offset);
	assert_copy(19999, 1, 19999);
}

static void copies_in_any_order_give_the_stream(void **state)
{
	assert_int_equal(append(0, 20000), 20000);
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t offset = i * 7919 % 19000;

		assert_copy(offset, 1 + i * 5, offset);
	}
}

static void acked_bytes_are_dropped_and_the_rest_stays(void **state)
{
	uint32_t acked = 0;

	assert_int_equal(append(0, 20000), 20000);
	for (uint32_t i = 1; acked + i * 37 < 20000; i++) {
		assert_copy(20000 - acked - 1, 1, 19999); // moves the cursor to the end ...
		ft_send_queue_drop(&queue, i * 37, &memory);
		acked += i * 37;
		assert_int_equal(queue.bytes, 20000 - acked);
		assert_copy(0, 1, acked); // ... and the front is the front
		assert_copy((20000 - acked) / 2, 1, acked + (20000 - acked) / 2);
	}
}

static void cursor_dropped_with_its_mbuf_is_forgotten(void **state)
{
	assert_int_equal(append(0, 10000), 10000);
	assert_copy(3000, 100, 3000);
	ft_send_queue_drop(&queue, 9000, &memory);
	assert_copy(0, 1000, 9000);
	assert_int_equal(append(10000, 10000), 10000);
	assert_copy(5000, 1000, 14000);
}

static void cursor_behind_what_is_dropped_stays_where_it_is(void **state)
{
	assert_int_equal(append(0, 20000), 20000);
	assert_copy(7000, 100, 7000);
	ft_send_queue_drop(&queue, 3000, &memory);
	assert_copy(10000, 1000, 13000);
}

static void emptied_queue_starts_again(void **state)
{
	assert_int_equal(append(0, 5000), 5000);
	assert_copy(4000, 1000, 4000);
	ft_send_queue_drop(&queue, 5000, &memory);
	assert_int_equal(held.used, 0);
	assert_int_equal(append(5000, 5000), 5000);
	assert_copy(4000, 1000, 9000);
}

// More of them than come from the pool, or go back, at once.
static void one_call_takes_many_mbufs(void **state)
{
	struct iovec iov = { stream, sizeof(stream) };

	held.limit = PACKETS;
	assert_int_equal(ft_send_queue_append(&queue, &iov, 1, UINT64_MAX, &memory), 80000);
	assert_int_equal(held.used, 37);
	for (uint32_t offset = 0; offset < 80000; offset += 1000)
		assert_copy(offset, 1000, offset);
	ft_send_queue_drop(&queue, 79000, &memory);
	assert_int_equal(held.used, 1);
	assert_copy(0, 1000, 79000);
}

static void exhausted_budget_takes_what_fits(void **state)
{
	const uint32_t room = ROOM + RTE_PKTMBUF_HEADROOM;

	held.used = BUDGET - 1; // others'
	assert_int_equal(append(0, 2 * room), room);
	assert_int_equal(append(0, 1), 0);
	ft_send_queue_drop(&queue, room, &memory);
	assert_int_equal(append(0, 1), 1);
	held.used -= BUDGET - 1;
}

static void greedy_queue_leaves_a_quarter_of_the_budget(void **state)
{
	const uint32_t room = BUDGET / 4 * 3 * (ROOM + RTE_PKTMBUF_HEADROOM);

	assert_int_equal(append(0, room + 1), room);
	assert_int_equal(append(0, 1), 0);
	assert_false(ft_send_queue_may_grow(&queue, &held));
	ft_send_queue_drop(&queue, ROOM + RTE_PKTMBUF_HEADROOM, &memory);
	assert_true(ft_send_queue_may_grow(&queue, &held));
	assert_int_equal(append(0, 1), 1);
}

// A 512th of what is left, and that changes with each.
static void one_call_takes_no_more_than_its_share(void **state)
{
	const uint32_t room = ROOM + RTE_PKTMBUF_HEADROOM;

	held = (struct ft_budget){ .used = 3072, .limit = 4096 };
	assert_int_equal(append(0, 20000), 2 * room);
	held.used -= 3072;
}

static void exhausted_pool_takes_what_fits(void **state)
{
	struct rte_mbuf *taken[PACKETS];

	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, taken, PACKETS - 1), 0);
	assert_int_equal(append(0, 5000), ROOM + RTE_PKTMBUF_HEADROOM);
	assert_int_equal(held.used, 1);
	rte_pktmbuf_free_bulk(taken, PACKETS - 1);
}

static void exhausted_pool_leaves_the_few_as_they_are(void **state)
{
	struct rte_mbuf *taken[PACKETS];

	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, taken, PACKETS), 0);
	assert_int_equal(append(0, 60), 60);
	assert_int_equal(append(60, 5), 1);
	assert_int_equal(append(61, 10), 3);
	assert_int_equal(append(64, 1000), 0);
	assert_int_equal(held.used, 0);
	rte_pktmbuf_free_bulk(taken, PACKETS);
	assert_copy(0, 64, 0);
	assert_int_equal(append(64, 1000), 1000);
	assert_copy(0, 1064, 0);
}

static void limit_of_bytes_is_kept(void **state)
{
	struct iovec iov[] = { { stream, 100 }, { stream + 100, 100 } };

	assert_int_equal(ft_send_queue_append(&queue, iov, 2, 150, &memory), 150);
	assert_copy(0, 150, 0);
}

static void copy_beyond_the_end_is_refused(void **state)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(pool);

	assert_int_equal(append(0, 5000), 5000);
	assert_false(ft_send_queue_copy(&queue, 5001, 0, pkt));
	assert_false(ft_send_queue_copy(&queue, 4000, 1001, pkt));
	assert_false(ft_send_queue_copy(&queue, 0, ROOM + 1, pkt));
	assert_int_equal(pkt->pkt_len, 0);
	assert_true(ft_send_queue_copy(&queue, 5000, 0, pkt));
	rte_pktmbuf_free(pkt);
}

// A packet with a header of its own, to which bytes of the queue are to be appended.
static struct rte_mbuf *packet_with_header(void)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(pool);

	memset(rte_pktmbuf_append(pkt, 54), 'h', 54);
	return pkt;
}

static void assert_refers_to(struct rte_mbuf *pkt, uint32_t bytes, uint32_t expected)
{
	static uint8_t copy[sizeof(stream)];
	const char *reason;

	assert_int_equal(rte_mbuf_check(pkt, 1, &reason), 0);
	assert_int_equal(ft_pkt_copy_out(pkt, 0, copy, sizeof(copy)), 54 + bytes);
	assert_int_equal(copy[53], 'h');
	assert_memory_equal(copy + 54, stream + expected, bytes);
}

static void references_in_any_order_give_the_stream(void **state)
{
	assert_int_equal(append(0, 20000), 20000);
	ft_send_queue_drop(&queue, 1000, &memory);
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t offset = i * 7919 % 18000, bytes = (1 + i * 50) % (19000 - offset);
		struct rte_mbuf *pkt = packet_with_header();

		assert_true(ft_send_queue_refer(&queue, offset, bytes, pool, pkt));
		assert_refers_to(pkt, bytes, 1000 + offset);
		rte_pktmbuf_free(pkt);
	}
}

// The NIC may still be at it when the peer has it all, and more is written behind.
static void what_is_referred_to_outlives_the_queue(void **state)
{
	struct rte_mbuf *pkt = packet_with_header();

	assert_int_equal(append(0, 5000), 5000);
	assert_true(ft_send_queue_refer(&queue, 100, 4900, pool, pkt));
	assert_int_equal(append(7, 5000), 5000);
	ft_send_queue_drop(&queue, 3000, &memory);
	assert_refers_to(pkt, 4900, 100);
	ft_send_queue_drop(&queue, 7000, &memory);
	assert_int_equal(append(9, 20000), 20000);
	assert_refers_to(pkt, 4900, 100);
	rte_pktmbuf_free(pkt);
}

// But for the first, of which a part was acknowledged, and the last, to which more is to be appended.
static void whole_mbufs_are_parts_of_the_packet(void **state)
{
	struct rte_mbuf *pkt = packet_with_header();
	unsigned available;

	assert_int_equal(append(0, 20000), 20000);
	ft_send_queue_drop(&queue, 1, &memory);
	available = rte_mempool_avail_count(pool);
	assert_true(ft_send_queue_refer(&queue, 0, 19999, pool, pkt));
	assert_int_equal(rte_mempool_avail_count(pool), available - 2);
	assert_ptr_equal(pkt->next->next, ft_pkt_info(queue.packets.first)->next);
	assert_refers_to(pkt, 19999, 1);
	rte_pktmbuf_free(pkt);
	assert_int_equal(rte_mempool_avail_count(pool), available + 1);
	assert_copy(0, 1000, 1);
}

// An mbuf can be part of one packet only. The one that is gone first leaves the others as they were.
static void packets_that_overlap_are_each_whole(void **state)
{
	struct rte_mbuf *first = packet_with_header(), *second = packet_with_header();
	struct rte_mbuf *third = packet_with_header();

	assert_int_equal(append(0, 20000), 20000);
	assert_true(ft_send_queue_refer(&queue, 0, 12000, pool, first));
	assert_true(ft_send_queue_refer(&queue, 3000, 12000, pool, second));
	assert_refers_to(first, 12000, 0);
	assert_refers_to(second, 12000, 3000);
	rte_pktmbuf_free(first);
	assert_true(ft_send_queue_refer(&queue, 1000, 19000, pool, third));
	assert_refers_to(second, 12000, 3000);
	ft_send_queue_drop(&queue, 20000, &memory);
	assert_refers_to(second, 12000, 3000);
	rte_pktmbuf_free(second);
	assert_refers_to(third, 19000, 1000);
	rte_pktmbuf_free(third);
}

static void part_of_an_earlier_packet_ends_a_later_one(void **state)
{
	const uint32_t room = ROOM + RTE_PKTMBUF_HEADROOM;
	struct rte_mbuf *earlier = packet_with_header(), *later = packet_with_header();

	assert_int_equal(append(0, 20000), 20000);
	assert_true(ft_send_queue_refer(&queue, 0, 3 * room, pool, earlier));
	rte_pktmbuf_free(earlier);
	assert_true(ft_send_queue_refer(&queue, 0, room, pool, later));
	assert_refers_to(later, room, 0);
	rte_pktmbuf_free(later);
}

static void reference_beyond_the_end_is_refused(void **state)
{
	struct rte_mbuf *pkt = packet_with_header();

	assert_int_equal(append(0, 60), 60);
	assert_false(ft_send_queue_refer(&queue, 0, 60, pool, pkt)); // the queue's own few
	assert_int_equal(append(60, 4940), 4940);
	assert_false(ft_send_queue_refer(&queue, 5001, 0, pool, pkt));
	assert_false(ft_send_queue_refer(&queue, 4000, 1001, pool, pkt));
	assert_true(ft_send_queue_refer(&queue, 5000, 0, pool, pkt));
	assert_refers_to(pkt, 0, 0);
	rte_pktmbuf_free(pkt);
}

static void exhausted_pool_refuses_a_reference(void **state)
{
	struct rte_mbuf *taken[PACKETS], *pkt = packet_with_header();
	unsigned count;

	assert_int_equal(append(0, 9000), 9000);
	count = rte_mempool_avail_count(pool);
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, taken, count), 0);
	assert_false(ft_send_queue_refer(&queue, 0, 9000, pool, pkt));
	rte_pktmbuf_free(pkt);
	rte_pktmbuf_free_bulk(taken, count);
	assert_copy(0, 2000, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_appends_share_an_mbuf, begin, end),
		cmocka_unit_test_setup_teardown(few_bytes_need_no_mbuf, begin, end),
		cmocka_unit_test_setup_teardown(
			one_byte_more_than_few_takes_all_to_an_mbuf, begin, end),
		cmocka_unit_test_setup_teardown(sequential_copies_give_the_stream, begin, end),
		cmocka_unit_test_setup_teardown(copies_in_any_order_give_the_stream, begin, end),
		cmocka_unit_test_setup_teardown(
			acked_bytes_are_dropped_and_the_rest_stays, begin, end),
		cmocka_unit_test_setup_teardown(
			cursor_dropped_with_its_mbuf_is_forgotten, begin, end),
		cmocka_unit_test_setup_teardown(
			cursor_behind_what_is_dropped_stays_where_it_is, begin, end),
		cmocka_unit_test_setup_teardown(emptied_queue_starts_again, begin, end),
		cmocka_unit_test_setup_teardown(one_call_takes_many_mbufs, begin, end),
		cmocka_unit_test_setup_teardown(exhausted_budget_takes_what_fits, begin, end),
		cmocka_unit_test_setup_teardown(
			greedy_queue_leaves_a_quarter_of_the_budget, begin, end),
		cmocka_unit_test_setup_teardown(one_call_takes_no_more_than_its_share, begin, end),
		cmocka_unit_test_setup_teardown(exhausted_pool_takes_what_fits, begin, end),
		cmocka_unit_test_setup_teardown(
			exhausted_pool_leaves_the_few_as_they_are, begin, end),
		cmocka_unit_test_setup_teardown(limit_of_bytes_is_kept, begin, end),
		cmocka_unit_test_setup_teardown(copy_beyond_the_end_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(
			references_in_any_order_give_the_stream, begin, end),
		cmocka_unit_test_setup_teardown(what_is_referred_to_outlives_the_queue, begin, end),
		cmocka_unit_test_setup_teardown(whole_mbufs_are_parts_of_the_packet, begin, end),
		cmocka_unit_test_setup_teardown(packets_that_overlap_are_each_whole, begin, end),
		cmocka_unit_test_setup_teardown(
			part_of_an_earlier_packet_ends_a_later_one, begin, end),
		cmocka_unit_test_setup_teardown(reference_beyond_the_end_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(exhausted_pool_refuses_a_reference, begin, end),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/send_queue", tests, make_pool, NULL);
}
