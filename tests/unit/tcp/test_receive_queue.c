#include "tcp/receive_queue.h"

#include <string.h>

#include "../support.h"

enum { PACKETS = 63, SMALL_PACKETS = 31, ROOM = 2048, HEADERS = 66, FULL = 1448 };

static struct rte_mempool *pool;
static struct rte_mempool *small_pool;
static struct ft_held held;
static struct ft_receive_memory memory;
static struct ft_receive_queue queue;
static uint8_t stream[1 << 16];
static uint32_t arrived;

static int make_pool(void **state)
{
	pool = ft_pkt_pool_create("receive", PACKETS, ROOM, SOCKET_ID_ANY);
	small_pool = ft_pkt_small_pool_create("small", SMALL_PACKETS, SOCKET_ID_ANY);
	for (uint32_t i = 0; i < sizeof(stream); i++)
		stream[i] = i % 251;
	return pool == NULL || small_pool == NULL;
}

static int begin(void **state)
{
	held = (struct ft_held){ .mbufs.limit = PACKETS, .small_pool = small_pool };
	memory = (struct ft_receive_memory){ .bytes.limit = 1 << 20, .held = &held };
	queue = (struct ft_receive_queue){ 0 };
	arrived = 0;
	return 0;
}

static int end(void **state)
{
	struct rte_mbuf *pkt;

	while ((pkt = ft_receive_queue_pop(&queue, &memory)) != NULL)
		rte_pktmbuf_free(pkt);
	return queue.bytes != 0 || held.mbufs.used != 0 || memory.bytes.used != 0 ||
	       rte_mempool_avail_count(pool) != PACKETS ||
	       rte_mempool_avail_count(small_pool) != SMALL_PACKETS;
}

// A segment as input hands it over: headers before the payload, which is the stream's next bytes.
static struct rte_mbuf *next_segment(uint32_t bytes)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(pool);
	struct ft_pkt_info *info;

	assert_non_null(pkt);
	info = ft_pkt_info_clear(pkt);
	memset(rte_pktmbuf_append(pkt, HEADERS), 0xee, HEADERS);
	memcpy(rte_pktmbuf_append(pkt, bytes), stream + arrived, bytes);
	info->payload_offset = HEADERS;
	info->payload_length = bytes;
	info->seg.length = bytes;
	return pkt;
}

static void arrive(uint32_t bytes)
{
	assert_int_equal(ft_receive_queue_append(&queue, next_segment(bytes), &memory), FT_TAKEN);
	arrived += bytes;
}

// The same in two mbufs.
static struct rte_mbuf *next_chain(uint32_t first, uint32_t second)
{
	struct rte_mbuf *pkt = next_segment(first);
	struct rte_mbuf *rest = rte_pktmbuf_alloc(pool);

	assert_non_null(rest);
	memcpy(rte_pktmbuf_append(rest, second), stream + arrived + first, second);
	rte_pktmbuf_chain(pkt, rest);
	ft_pkt_info(pkt)->payload_length += second;
	return pkt;
}

static uint64_t peek(void *to, uint64_t bytes, uint64_t most)
{
	const struct iovec iov = { to, bytes };

	return ft_receive_queue_peek(&queue, 0, &iov, 1, most);
}

static void bytes_come_out_as_they_came(void **state)
{
	static uint8_t got[20000];
	uint32_t done = 0;

	for (int i = 0; i < 10; i++) {
		arrive(FULL);
		arrive(1);
		arrive(100 * i);
	}
	for (uint32_t i = 1; queue.bytes > 0; i++) {
		const struct iovec iov = { got + done, 17 * i };

		done += ft_receive_queue_take(&queue, &iov, 1, UINT64_MAX, &memory);
	}
	assert_int_equal(done, arrived);
	assert_memory_equal(got, stream, done);
}

static void peek_scatters_and_removes_nothing(void **state)
{
	uint8_t a[100], b[FULL], c[100];
	const struct iovec iov[] = { { a, sizeof(a) }, { NULL, 0 }, { b, sizeof(b) },
		{ c, sizeof(c) } };

	arrive(FULL);
	arrive(FULL);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(ft_receive_queue_peek(&queue, 0, iov, 4, UINT64_MAX), FULL + 200);
		assert_memory_equal(a, stream, 100);
		assert_memory_equal(b, stream + 100, FULL);
		assert_memory_equal(c, stream + 100 + FULL, 100);
	}
	assert_int_equal(queue.bytes, 2 * FULL);
}

static void peek_stops_at_the_mark(void **state)
{
	uint8_t got[100];

	arrive(80);
	assert_int_equal(peek(got, sizeof(got), 30), 30);
	assert_int_equal(peek(got, sizeof(got), 0), 0);
	assert_int_equal(peek(got, sizeof(got), UINT64_MAX), 80);
}

static void byte_at_offset_is_found(void **state)
{
	uint8_t byte;

	arrive(FULL);
	arrive(FULL);
	ft_receive_queue_discard(&queue, 10, &memory);
	assert_true(ft_receive_queue_byte_at(&queue, 2000, &byte));
	assert_int_equal(byte, stream[2010]);
	assert_false(ft_receive_queue_byte_at(&queue, 2 * FULL - 10, &byte));
}

// The peer that sends single bytes: 2000 of them need one mbuf or two, not 2000.
static void single_bytes_share_mbufs(void **state)
{
	uint8_t got[2000];

	for (int i = 0; i < 2000; i++)
		arrive(1);
	assert_int_equal(queue.bytes, 2000);
	assert_in_range(held.mbufs.used, 1, 2);
	assert_int_equal(peek(got, sizeof(got), UINT64_MAX), 2000);
	assert_memory_equal(got, stream, 2000);
}

// Whatever the sizes: what is held stays below twice the payload and one buffer more.
static void memory_held_is_bounded_by_payload(void **state)
{
	uint32_t size = 1;

	memory.bytes.limit = UINT64_MAX;
	while (arrived < 40000) {
		size = size * 1103515245 + 12345;
		arrive(1 + (size >> 16) % FULL);
		assert_true((held.mbufs.used - 1) * (ROOM - HEADERS) <= 2 * queue.bytes);
	}
}

static void shared_mbuf_is_not_written_to(void **state)
{
	struct rte_mbuf *pkt = next_segment(100);

	rte_mbuf_refcnt_update(pkt, 1);
	assert_int_equal(ft_receive_queue_append(&queue, pkt, &memory), FT_TAKEN);
	arrived += 100;
	arrive(10);
	assert_int_equal(held.mbufs.used, 2);
	assert_int_equal(pkt->pkt_len, 100);
	rte_mbuf_refcnt_update(pkt, -1);
}

static void connection_bound_refuses_and_keeps_nothing(void **state)
{
	struct rte_mbuf *pkt;

	memory.bytes.limit = 5000;
	arrive(FULL);
	arrive(FULL);
	pkt = next_segment(FULL);
	assert_int_equal(ft_receive_queue_append(&queue, pkt, &memory), FT_DROP_TCP_QUEUE_FULL);
	assert_int_equal(queue.bytes, 2 * FULL);
	assert_int_equal(held.mbufs.used, 2);
	rte_pktmbuf_free(pkt);
	ft_receive_queue_discard(&queue, FULL, &memory);
	arrive(FULL);
}

static void stack_bound_refuses_and_keeps_nothing(void **state)
{
	const uint64_t before = memory.bytes.used;
	struct rte_mbuf *pkt = next_segment(FULL);

	held.mbufs.limit = 0;
	assert_int_equal(ft_receive_queue_append(&queue, pkt, &memory), FT_DROP_RECEIVE_MEMORY);
	assert_int_equal(memory.bytes.used, before);
	rte_pktmbuf_free(pkt);
}

// ---- more than half of what may be held is held ----

static void scarce_small_segment_waits_in_a_small_buffer(void **state)
{
	uint8_t got[3 * 250];

	held.mbufs.limit = 1;
	for (int i = 0; i < 3; i++)
		arrive(250);
	assert_int_equal(held.mbufs.used, 0);
	assert_int_equal(rte_mempool_in_use_count(small_pool), 3);
	assert_true(memory.bytes.used < 3 * 700);
	assert_int_equal(peek(got, sizeof(got), UINT64_MAX), sizeof(got));
	assert_memory_equal(got, stream, sizeof(got));
}

static void scarce_single_bytes_share_small_buffers(void **state)
{
	enum { BYTES = FT_FEW + 1000 };
	uint8_t got[BYTES];
	const struct iovec iov = { got, BYTES };

	held.mbufs.limit = 1;
	for (int i = 0; i < BYTES; i++)
		arrive(1);
	assert_int_equal(rte_mempool_in_use_count(small_pool), 4);
	assert_int_equal(ft_receive_queue_take(&queue, &iov, 1, UINT64_MAX, &memory), BYTES);
	assert_memory_equal(got, stream, BYTES);
}

// One byte fits no small buffer, and the next large one still has its place.
static void scarce_larger_segment_stays_where_it_is(void **state)
{
	held.mbufs.limit = 1;
	arrive(FT_PKT_SMALL_BYTES + 1);
	assert_int_equal(held.mbufs.used, 1);
	assert_int_equal(rte_mempool_in_use_count(small_pool), 0);
	arrive(FULL);
	assert_int_equal(held.mbufs.used, 1); // copied behind it
}

static void scarce_no_small_buffer_keeps_the_large_one(void **state)
{
	held.mbufs.limit = 1;
	ft_test_drain(small_pool, 0);
	arrive(100);
	assert_int_equal(held.mbufs.used, 1);
	ft_test_refill();
	ft_receive_queue_discard(&queue, 100, &memory);
}

static void scarce_chain_of_few_bytes_is_moved_whole(void **state)
{
	struct rte_mbuf *pkt = next_chain(20, 60);
	uint8_t got[80];

	held.mbufs.limit = 1;
	assert_int_equal(ft_receive_queue_append(&queue, pkt, &memory), FT_TAKEN);
	assert_int_equal(held.mbufs.used, 0);
	assert_int_equal(peek(got, sizeof(got), UINT64_MAX), 80);
	assert_memory_equal(got, stream, 80);
}

static void scarce_connection_bound_counts_small_buffers(void **state)
{
	memory.bytes.limit = 3000;
	held.mbufs.limit = 1;
	arrive(FT_FEW);
	assert_int_equal(memory.bytes.used, 0);
	arrive(1);
	assert_in_range(memory.bytes.used, 256, 700);
	for (int i = 0; i < 255; i++)
		arrive(1);
	assert_in_range(memory.bytes.used, 256, 700);
}

static void empty_segment_is_taken_and_freed(void **state)
{
	arrive(0);
	assert_int_equal(queue.bytes, 0);
	assert_int_equal(held.mbufs.used, 0);
}

// A datagram put together from fragments is a chain; the charge that went in comes out.
static void chain_is_charged_whole(void **state)
{
	struct rte_mbuf *pkt = next_segment(FULL);
	struct rte_mbuf *rest = rte_pktmbuf_alloc(pool);
	uint8_t got[2 * FULL];

	arrived += FULL;
	memcpy(rte_pktmbuf_append(rest, FULL), stream + arrived, FULL);
	arrived += FULL;
	rte_pktmbuf_chain(pkt, rest);
	ft_pkt_info(pkt)->payload_length += FULL;
	assert_int_equal(ft_receive_queue_append(&queue, pkt, &memory), FT_TAKEN);
	assert_int_equal(held.mbufs.used, 2);
	assert_int_equal(peek(got, sizeof(got), UINT64_MAX), sizeof(got));
	assert_memory_equal(got, stream, sizeof(got));
	ft_receive_queue_discard(&queue, 2 * FULL - 1, &memory);
	assert_int_equal(held.mbufs.used, 2);
}

// ---- a packet that is all there is ----

static void take_only(uint32_t from, uint32_t bytes)
{
	uint8_t got[2 * FULL] = { 0 };

	assert_int_equal(queue.bytes, bytes);
	assert_int_equal(ft_receive_queue_take_only(&queue, got, &memory), bytes);
	assert_memory_equal(got, stream + from, bytes);
	assert_int_equal(got[bytes], 0);
	assert_int_equal(queue.bytes, 0);
	assert_int_equal(memory.bytes.used, 0);
	assert_int_equal(held.mbufs.used, 0);
	assert_int_equal(rte_mempool_avail_count(pool), PACKETS);
	assert_int_equal(rte_mempool_avail_count(small_pool), SMALL_PACKETS);
}

static void only_packet_is_taken_and_the_next_comes_in(void **state)
{
	arrive(70);
	take_only(0, 70);
	arrive(FULL);
	take_only(70, FULL);
	arrive(100);
	arrive(10); // copied behind the hundred
	take_only(70 + FULL, 110);
}

static void only_packet_begins_where_reading_stopped(void **state)
{
	arrive(FULL);
	ft_receive_queue_discard(&queue, 100, &memory);
	take_only(100, FULL - 100);
}

static void only_packet_may_be_a_chain(void **state)
{
	struct rte_mbuf *pkt = next_chain(20, 60);

	assert_int_equal(ft_receive_queue_append(&queue, pkt, &memory), FT_TAKEN);
	assert_int_equal(held.mbufs.used, 2);
	take_only(0, 80);
}

static void only_packet_may_be_in_a_small_buffer(void **state)
{
	held.mbufs.limit = 1;
	arrive(100);
	assert_int_equal(rte_mempool_in_use_count(small_pool), 1);
	take_only(0, 100);
}

// ---- few bytes, which wait in the queue ----

static void expect_packets(uint32_t packets)
{
	assert_int_equal(held.mbufs.used, packets);
	assert_int_equal(rte_mempool_in_use_count(pool), packets);
	assert_int_equal(memory.bytes.used == 0, packets == 0);
}

static void few_bytes_need_no_packet(void **state)
{
	uint8_t got[FT_FEW + 1] = { 0 };

	memory.bytes.limit = 0;
	held.mbufs.limit = 0;
	arrive(1);
	arrive(40);
	arrive(FT_FEW - 41);
	expect_packets(0);
	assert_true(ft_receive_queue_has_few(&queue));
	assert_int_equal(ft_receive_queue_take_few(&queue, got), FT_FEW);
	assert_memory_equal(got, stream, FT_FEW);
	assert_int_equal(got[FT_FEW], 0);
	assert_false(ft_receive_queue_has_few(&queue));
	assert_int_equal(queue.bytes, 0);
	arrive(FT_FEW);
	expect_packets(0);
}

static void few_bytes_of_a_chain_need_no_packet(void **state)
{
	uint8_t got[50];

	assert_int_equal(ft_receive_queue_append(&queue, next_chain(20, 30), &memory), FT_TAKEN);
	expect_packets(0);
	assert_int_equal(ft_receive_queue_take_few(&queue, got), 50);
	assert_memory_equal(got, stream, 50);
}

static void what_the_queue_has_no_room_for_waits_behind_it(void **state)
{
	const uint32_t sizes[] = { 60, 5, 3, FULL };
	uint8_t got[60 + 5 + 3 + FULL];
	const struct iovec iov[] = { { got, 59 }, { got + 59, 2 }, { got + 61, sizeof(got) } };

	for (uint32_t i = 0; i < RTE_DIM(sizes); i++)
		arrive(sizes[i]);
	expect_packets(1);
	assert_false(ft_receive_queue_has_few(&queue));
	assert_int_equal(peek(got, sizeof(got), UINT64_MAX), sizeof(got));
	assert_memory_equal(got, stream, sizeof(got));
	memset(got, 0, sizeof(got));
	assert_int_equal(ft_receive_queue_take(&queue, iov, 3, UINT64_MAX, &memory), sizeof(got));
	assert_memory_equal(got, stream, sizeof(got));
	expect_packets(0);
}

// From each offset, up to each other one.
static void bytes_before_and_in_packets_are_found(void **state)
{
	enum { BYTES = FT_FEW + 20 };
	uint8_t got[BYTES], byte;

	for (uint32_t i = 0; i < 4; i++)
		arrive(BYTES / 4);
	expect_packets(1);
	for (uint32_t from = 0; from <= BYTES; from++) {
		assert_int_equal(ft_receive_queue_byte_at(&queue, from, &byte), from < BYTES);
		if (from < BYTES)
			assert_int_equal(byte, stream[from]);
		for (uint32_t most = 0; most <= BYTES - from; most++) {
			const struct iovec iov[] = { { got, 7 }, { got + 7, sizeof(got) - 7 } };

			assert_int_equal(ft_receive_queue_peek(&queue, from, iov, 2, most), most);
			assert_memory_equal(got, stream + from, most);
		}
	}
}

// In steps of each size, the rest always where it was.
static void bytes_before_packets_are_taken_in_parts(void **state)
{
	enum { BYTES = FT_FEW + 20 };
	uint8_t got[BYTES];

	for (uint32_t step = 1; step <= BYTES; step++) {
		const uint32_t first = arrived;

		for (uint32_t i = 0; i < 4; i++)
			arrive(BYTES / 4);
		for (uint32_t done = 0; done < BYTES;) {
			const struct iovec iov = { got, BYTES };
			uint64_t count;

			assert_int_equal(queue.bytes, BYTES - done);
			if (done / step % 2)
				count = ft_receive_queue_discard(&queue, step, &memory);
			else
				count = ft_receive_queue_take(&queue, &iov, 1, step, &memory);
			assert_int_equal(count, RTE_MIN(step, BYTES - done));
			if (done / step % 2 == 0)
				assert_memory_equal(got, stream + first + done, count);
			done += count;
		}
		expect_packets(0);
	}
}

// What is read makes room for what comes, but not while there are packets, behind which it belongs.
static void few_bytes_do_not_overtake_packets(void **state)
{
	uint8_t got[FT_FEW + 30];

	arrive(FT_FEW);
	arrive(10);
	ft_receive_queue_discard(&queue, FT_FEW, &memory);
	arrive(20);
	expect_packets(1);
	assert_int_equal(peek(got, sizeof(got), UINT64_MAX), 30);
	assert_memory_equal(got, stream + FT_FEW, 30);
}

static void thrown_away_few_bytes_leave_nothing(void **state)
{
	arrive(10);
	assert_null(ft_receive_queue_pop(&queue, &memory));
	assert_int_equal(queue.bytes, 0);
	arrive(FT_FEW);
	expect_packets(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_come_out_as_they_came),
		TEST(peek_scatters_and_removes_nothing),
		TEST(peek_stops_at_the_mark),
		TEST(byte_at_offset_is_found),
		TEST(single_bytes_share_mbufs),
		TEST(memory_held_is_bounded_by_payload),
		TEST(shared_mbuf_is_not_written_to),
		TEST(connection_bound_refuses_and_keeps_nothing),
		TEST(stack_bound_refuses_and_keeps_nothing),
		TEST(scarce_small_segment_waits_in_a_small_buffer),
		TEST(scarce_single_bytes_share_small_buffers),
		TEST(scarce_larger_segment_stays_where_it_is),
		TEST(scarce_no_small_buffer_keeps_the_large_one),
		TEST(scarce_chain_of_few_bytes_is_moved_whole),
		TEST(scarce_connection_bound_counts_small_buffers),
		TEST(empty_segment_is_taken_and_freed),
		TEST(chain_is_charged_whole),
		TEST(only_packet_is_taken_and_the_next_comes_in),
		TEST(only_packet_begins_where_reading_stopped),
		TEST(only_packet_may_be_a_chain),
		TEST(only_packet_may_be_in_a_small_buffer),
		TEST(few_bytes_need_no_packet),
		TEST(few_bytes_of_a_chain_need_no_packet),
		TEST(what_the_queue_has_no_room_for_waits_behind_it),
		TEST(bytes_before_and_in_packets_are_found),
		TEST(bytes_before_packets_are_taken_in_parts),
		TEST(few_bytes_do_not_overtake_packets),
		TEST(thrown_away_few_bytes_leave_nothing),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/receive_queue", tests, make_pool, NULL);
}
