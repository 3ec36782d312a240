#include "tcp/segment.h"

#include <string.h>

#include <rte_tcp.h>

#include "base/pkt.h"
#include "ip/ip.h"
#include "tcp/tcp.h"

#include "../support.h"

// The header's offset in the packets below, as behind Ethernet and IPv4 headers.
enum { OFFSET = 34, PACKETS = 31 };

static struct rte_mempool *pool;
static struct rte_mbuf *pkt;
static bool is_checksum_good;

// In place of ip/: checksums are tested there.
bool ft_ip_verify_checksum(struct ft_stack *stack, struct rte_mbuf *checked)
{
	return is_checksum_good;
}

static int make_pool(void **state)
{
	pool = ft_pkt_pool_create("segment", PACKETS, 2048, SOCKET_ID_ANY);
	return pool == NULL;
}

static int begin(void **state)
{
	pkt = rte_pktmbuf_alloc(pool);
	ft_pkt_info_clear(pkt);
	is_checksum_good = true;
	return pkt == NULL;
}

static int end(void **state)
{
	rte_pktmbuf_free(pkt);
	return rte_mempool_avail_count(pool) != PACKETS;
}

// Parses what is in `pkt` from its TCP header on.
static enum ft_drop parse(void)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);

	rte_pktmbuf_prepend(pkt, OFFSET);
	info->transport_offset = OFFSET;
	return ft_tcp_parse(NULL, pkt);
}

// A header by hand: ports 7 and 40000, `words` long by its data offset, with these option bytes.
static void write_raw(uint8_t words, uint8_t flags, const uint8_t *options, uint16_t option_bytes)
{
	const struct rte_tcp_hdr header = { .src_port = RTE_BE16(40000),
		.dst_port = RTE_BE16(7),
		.data_off = words << 4,
		.tcp_flags = flags };

	memcpy(rte_pktmbuf_append(pkt, sizeof(header)), &header, sizeof(header));
	if (option_bytes > 0)
		memcpy(rte_pktmbuf_append(pkt, option_bytes), options, option_bytes);
}

#define WRITE_OPTIONS(flags, ...)                                                    \
	do {                                                                         \
		const uint8_t options[] = { __VA_ARGS__ };                           \
		write_raw(5 + sizeof(options) / 4, flags, options, sizeof(options)); \
	} while (0)

static void written_syn_is_parsed_the_same(void **state)
{
	const struct ft_segment syn = { .seq = 0x01020304,
		.flags = FT_TCP_SYN,
		.window = 64240,
		.mss = 1460,
		.window_scale = 7,
		.ts_value = 0xa0b0c0d0,
		.ts_echo = 5,
		.length = 1,
		.options = FT_TCP_HAS_MSS | FT_TCP_HAS_TIMESTAMP | FT_TCP_HAS_WINDOW_SCALE |
			   FT_TCP_HAS_SACK_PERMITTED };

	ft_segment_write(pkt, &syn, 40000, 7);
	assert_int_equal(pkt->pkt_len, ft_segment_header_bytes(&syn));
	assert_int_equal(parse(), FT_TAKEN);
	assert_memory_equal(&ft_pkt_info(pkt)->seg, &syn, sizeof(syn));
	assert_int_equal(ft_pkt_info(pkt)->tuple.local_port, 7);
	assert_int_equal(ft_pkt_info(pkt)->tuple.remote_port, 40000);
	assert_int_equal(ft_pkt_info(pkt)->kind, FT_PKT_TCP);
	assert_int_equal(ft_pkt_info(pkt)->payload_length, 0);
}

// Byte for byte what Linux sends, less SACK-permitted.
static void written_syn_has_linux_order(void **state)
{
	const struct ft_segment syn = { .flags = FT_TCP_SYN,
		.mss = 1460,
		.window_scale = 7,
		.ts_value = 1,
		.options = FT_TCP_HAS_MSS | FT_TCP_HAS_TIMESTAMP | FT_TCP_HAS_WINDOW_SCALE };
	const uint8_t expected[] = { 2, 4, 0x05, 0xb4, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3,
		7 };

	ft_segment_write(pkt, &syn, 40000, 7);
	assert_int_equal(pkt->pkt_len, 20 + sizeof(expected));
	assert_memory_equal(rte_pktmbuf_mtod_offset(pkt, void *, 20), expected, sizeof(expected));
}

static void written_sack_permitted_without_timestamp_is_padded(void **state)
{
	const struct ft_segment syn = { .flags = FT_TCP_SYN, .options = FT_TCP_HAS_SACK_PERMITTED };
	const uint8_t expected[] = { 1, 1, 4, 2 };

	ft_segment_write(pkt, &syn, 40000, 7);
	assert_int_equal(pkt->pkt_len, 20 + sizeof(expected));
	assert_memory_equal(rte_pktmbuf_mtod_offset(pkt, void *, 20), expected, sizeof(expected));
}

static void written_data_segment_is_parsed_the_same(void **state)
{
	const struct ft_segment data = { .seq = 10,
		.ack = 20,
		.ts_value = 30,
		.ts_echo = 40,
		.window = 50,
		.urgent = 3,
		.flags = FT_TCP_ACK | FT_TCP_PSH | FT_TCP_URG | FT_TCP_FIN,
		.options = FT_TCP_HAS_TIMESTAMP,
		.length = 6 };

	memcpy(rte_pktmbuf_append(pkt, 5), "bytes", 5);
	ft_segment_write(pkt, &data, 40000, 7);
	assert_int_equal(pkt->pkt_len, 32 + 5);
	assert_int_equal(parse(), FT_TAKEN);
	assert_memory_equal(&ft_pkt_info(pkt)->seg, &data, sizeof(data));
	assert_int_equal(ft_pkt_info(pkt)->payload_length, 5);
	assert_memory_equal(
		rte_pktmbuf_mtod_offset(pkt, char *, ft_pkt_info(pkt)->payload_offset), "bytes", 5);
}

// Options of SYN only, a number without ACK, an urgent pointer without URG: not written.
static void unflagged_fields_are_not_written(void **state)
{
	const struct ft_segment reset = { .seq = 10,
		.ack = 20,
		.urgent = 3,
		.flags = FT_TCP_RST,
		.mss = 1460,
		.options = FT_TCP_HAS_MSS | FT_TCP_HAS_WINDOW_SCALE };

	ft_segment_write(pkt, &reset, 40000, 7);
	assert_int_equal(pkt->pkt_len, 20);
	assert_int_equal(parse(), FT_TAKEN);
	assert_int_equal(ft_pkt_info(pkt)->seg.ack, 0);
	assert_int_equal(ft_pkt_info(pkt)->seg.urgent, 0);
	assert_int_equal(ft_pkt_info(pkt)->seg.options, 0);
}

static void short_header_is_dropped(void **state)
{
	rte_pktmbuf_append(pkt, 19);
	assert_int_equal(parse(), FT_DROP_TCP_SHORT);
}

static void data_offset_below_five_is_dropped(void **state)
{
	write_raw(4, FT_TCP_ACK, NULL, 0);
	assert_int_equal(parse(), FT_DROP_TCP_SHORT);
}

static void data_offset_past_the_segment_is_dropped(void **state)
{
	const uint8_t nops[] = { 1, 1, 1 };

	write_raw(6, FT_TCP_ACK, nops, sizeof(nops));
	assert_int_equal(parse(), FT_DROP_TCP_SHORT);
}

static void port_zero_is_dropped(void **state)
{
	const struct ft_segment seg = { .flags = FT_TCP_ACK };

	ft_segment_write(pkt, &seg, 40000, 0);
	assert_int_equal(parse(), FT_DROP_TCP_BAD_PORT);
}

static void bad_checksum_is_dropped(void **state)
{
	write_raw(5, FT_TCP_ACK, NULL, 0);
	is_checksum_good = false;
	assert_int_equal(parse(), FT_DROP_TCP_BAD_CHECKSUM);
}

static uint8_t parsed_options(void)
{
	assert_int_equal(parse(), FT_TAKEN);
	return ft_pkt_info(pkt)->seg.options;
}

static void option_of_length_zero_ends_parsing(void **state)
{
	WRITE_OPTIONS(FT_TCP_SYN, 2, 0, 5, 180, 3, 3, 7, 0);
	assert_int_equal(parsed_options(), 0);
}

static void option_of_length_one_ends_parsing(void **state)
{
	WRITE_OPTIONS(FT_TCP_SYN, 99, 1, 1, 1, 3, 3, 7, 0);
	assert_int_equal(parsed_options(), 0);
}

static void option_past_the_header_ends_parsing(void **state)
{
	WRITE_OPTIONS(FT_TCP_SYN, 2, 4, 5, 180, 1, 8, 10, 0);
	assert_int_equal(parsed_options(), FT_TCP_HAS_MSS);
}

static void option_kind_in_the_last_byte_ends_parsing(void **state)
{
	WRITE_OPTIONS(FT_TCP_SYN, 1, 1, 1, 2);
	assert_int_equal(parsed_options(), 0);
}

static void options_of_wrong_length_are_skipped(void **state)
{
	WRITE_OPTIONS(
		FT_TCP_SYN, 2, 3, 5, 3, 4, 0, 0, 8, 9, 0, 0, 0, 0, 0, 0, 0, 4, 3, 0, 3, 3, 7, 0, 0);
	assert_int_equal(parsed_options(), FT_TCP_HAS_WINDOW_SCALE);
}

static void unknown_option_is_skipped(void **state)
{
	WRITE_OPTIONS(FT_TCP_SYN, 254, 6, 1, 2, 3, 4, 4, 2);
	assert_int_equal(parsed_options(), FT_TCP_HAS_SACK_PERMITTED);
}

static void option_behind_the_end_is_not_read(void **state)
{
	WRITE_OPTIONS(FT_TCP_SYN, 0, 2, 4, 5, 180, 0, 0, 0);
	assert_int_equal(parsed_options(), 0);
}

static void syn_options_without_syn_are_ignored(void **state)
{
	WRITE_OPTIONS(FT_TCP_ACK, 2, 4, 5, 180, 3, 3, 7, 1, 4, 2, 1, 1);
	assert_int_equal(parsed_options(), 0);
}

// RFC 7323 2.3.
static void window_scale_above_14_is_14(void **state)
{
	WRITE_OPTIONS(FT_TCP_SYN, 3, 3, 255, 0);
	assert_int_equal(parsed_options(), FT_TCP_HAS_WINDOW_SCALE);
	assert_int_equal(ft_pkt_info(pkt)->seg.window_scale, 14);
}

static void header_split_over_mbufs_is_parsed(void **state)
{
	const struct ft_segment seg = {
		.seq = 7, .flags = FT_TCP_ACK, .ts_value = 9, .options = FT_TCP_HAS_TIMESTAMP
	};
	struct rte_mbuf *rest = rte_pktmbuf_alloc(pool);

	ft_segment_write(pkt, &seg, 40000, 7);
	memcpy(rte_pktmbuf_append(rest, 25), rte_pktmbuf_mtod_offset(pkt, void *, 7), 25);
	rte_pktmbuf_trim(pkt, 25);
	rte_pktmbuf_chain(pkt, rest);
	assert_int_equal(parsed_options(), FT_TCP_HAS_TIMESTAMP);
	assert_int_equal(ft_pkt_info(pkt)->seg.ts_value, 9);
}

// SYN and FIN and five bytes, beginning at 100: 100 SYN, 101..105 "bytes", 106 FIN.
static struct ft_pkt_info *parse_syn_bytes_fin(void)
{
	const struct ft_segment seg = { .seq = 100, .flags = FT_TCP_SYN | FT_TCP_FIN };

	memcpy(rte_pktmbuf_append(pkt, 5), "bytes", 5);
	ft_segment_write(pkt, &seg, 40000, 7);
	assert_int_equal(parse(), FT_TAKEN);
	assert_int_equal(ft_pkt_info(pkt)->seg.length, 7);
	return ft_pkt_info(pkt);
}

static void assert_stripped(const char *expected)
{
	for (int twice = 0; twice < 2; twice++) {
		ft_pkt_strip(pkt);
		assert_int_equal(pkt->pkt_len, strlen(expected));
		assert_memory_equal(rte_pktmbuf_mtod(pkt, char *), expected, pkt->pkt_len);
	}
}

static void cut_front_takes_syn_payload_fin_in_order(void **state)
{
	struct ft_pkt_info *info = parse_syn_bytes_fin();

	ft_segment_cut_front(pkt, 1);
	assert_int_equal(info->seg.flags, FT_TCP_FIN);
	assert_int_equal(info->payload_length, 5);
	ft_segment_cut_front(pkt, 2);
	assert_int_equal(info->seg.seq, 103);
	assert_int_equal(info->seg.length, 4);
	assert_stripped("tes");
	ft_segment_cut_front(pkt, 3);
	assert_int_equal(info->seg.flags, FT_TCP_FIN);
	ft_segment_cut_front(pkt, 1);
	assert_int_equal(info->seg.flags, 0);
	assert_int_equal(info->seg.length, 0);
}

static void cut_end_takes_fin_payload_syn_in_order(void **state)
{
	struct ft_pkt_info *info = parse_syn_bytes_fin();

	ft_segment_cut_end(pkt, 1);
	assert_int_equal(info->seg.flags, FT_TCP_SYN);
	ft_segment_cut_end(pkt, 2);
	assert_int_equal(info->seg.seq, 100);
	assert_int_equal(info->seg.length, 4);
	assert_stripped("byt");
	ft_segment_cut_end(pkt, 4);
	assert_int_equal(info->seg.flags, 0);
	assert_int_equal(info->seg.length, 0);
	assert_int_equal(info->payload_length, 0);
}

static void cut_whole_at_once_leaves_nothing(void **state)
{
	struct ft_pkt_info *info = parse_syn_bytes_fin();

	ft_segment_cut_front(pkt, 7);
	assert_int_equal(info->seg.flags, 0);
	assert_int_equal(info->payload_length, 0);
	assert_stripped("");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(written_syn_is_parsed_the_same),
		TEST(written_syn_has_linux_order),
		TEST(written_data_segment_is_parsed_the_same),
		TEST(unflagged_fields_are_not_written),
		TEST(short_header_is_dropped),
		TEST(data_offset_below_five_is_dropped),
		TEST(data_offset_past_the_segment_is_dropped),
		TEST(port_zero_is_dropped),
		TEST(bad_checksum_is_dropped),
		TEST(option_of_length_zero_ends_parsing),
		TEST(option_of_length_one_ends_parsing),
		TEST(option_past_the_header_ends_parsing),
		TEST(option_kind_in_the_last_byte_ends_parsing),
		TEST(options_of_wrong_length_are_skipped),
		TEST(unknown_option_is_skipped),
		TEST(option_behind_the_end_is_not_read),
		TEST(syn_options_without_syn_are_ignored),
		TEST(window_scale_above_14_is_14),
		TEST(header_split_over_mbufs_is_parsed),
		TEST(cut_front_takes_syn_payload_fin_in_order),
		TEST(cut_end_takes_fin_payload_syn_in_order),
		TEST(cut_whole_at_once_leaves_nothing),
		TEST(written_sack_permitted_without_timestamp_is_padded),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests_name("tcp/segment", tests, make_pool, NULL);
}
