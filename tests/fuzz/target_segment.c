// A TCP header with options, its trimming to a window, and the way back: what was parsed and is
// written again is parsed as the same. The input is
//
//	layout (1 byte) | cut from the front (2) | cut from the end (2) | the segment
#include <netinet/in.h>

#include "choice.h"
#include "fuzz_host.h"
#include "target.h"

#define MOST_BYTES 1500 // in as many mbufs: the pool has more

enum { // of the layout byte; the other bits: the bytes in each mbuf
	IS_OUTSIDE = 0x01,
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_host_start_eal();
	fuzz_host_start(1); // parsing changes nothing in it
	return 0;
}

static struct rte_mbuf *make_packet(const uint8_t *segment, size_t bytes, uint32_t layout)
{
	static uint8_t packet[sizeof(struct rte_ipv4_hdr) + MOST_BYTES];
	struct rte_ipv4_hdr ip = { .version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(sizeof(ip) + bytes),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = RTE_BE32(FUZZ_PEER),
		.dst_addr = RTE_BE32(FUZZ_US) };

	memcpy(packet, &ip, sizeof(ip));
	memcpy(packet + sizeof(ip), segment, bytes);
	return fuzz_host_make_packet(packet, sizeof(ip) + bytes,
		(struct fuzz_layout){ .segment_bytes = (uint16_t)(layout >> 1),
			.is_outside = layout & IS_OUTSIDE });
}

static bool is_parsed(struct rte_mbuf *pkt)
{
	ft_pkt_info(pkt)->flags |= FT_PKT_IP_CHECKSUM_GOOD | FT_PKT_L4_CHECKSUM_GOOD;
	return ft_ip_parse(&fuzz.stack, pkt, RTE_ETHER_TYPE_IPV4) == FT_TAKEN &&
	       ft_pkt_info(pkt)->kind == FT_PKT_TCP;
}

static uint32_t flag_length(const struct ft_segment *seg)
{
	return ((seg->flags & FT_TCP_SYN) != 0) + ((seg->flags & FT_TCP_FIN) != 0);
}

static void check_lengths(struct rte_mbuf *pkt)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);

	fuzz_check(info->seg.length == info->payload_length + flag_length(&info->seg));
	fuzz_check(info->payload_offset + info->payload_length <= pkt->pkt_len);
}

static void cut(struct rte_mbuf *pkt, uint32_t front, uint32_t end)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	const uint32_t seq = info->seg.seq, length = info->seg.length;

	front = RTE_MIN(front, length);
	end = RTE_MIN(end, length - front);
	ft_segment_cut_front(pkt, front);
	check_lengths(pkt);
	ft_segment_cut_end(pkt, end);
	check_lengths(pkt);
	fuzz_check(info->seg.seq == seq + front);
	fuzz_check(info->seg.length == length - front - end);
}

static void check_stripped(struct rte_mbuf *pkt)
{
	const char *reason;

	ft_pkt_strip(pkt);
	fuzz_check(pkt->pkt_len == ft_pkt_info(pkt)->payload_length);
	fuzz_check(rte_mbuf_check(pkt, 1, &reason) == 0);
}

// What the parser accepts anywhere, the writer only writes with a SYN, and with the numbers that
// their flags make valid.
static struct ft_segment as_written(struct ft_segment seg)
{
	if (!(seg.flags & FT_TCP_ACK))
		seg.ack = 0;
	if (!(seg.flags & FT_TCP_URG))
		seg.urgent = 0;
	seg.length = flag_length(&seg);
	return seg;
}

static bool is_same(const struct ft_segment *a, const struct ft_segment *b)
{
	return a->seq == b->seq && a->ack == b->ack && a->length == b->length &&
	       a->ts_value == b->ts_value && a->ts_echo == b->ts_echo && a->window == b->window &&
	       a->urgent == b->urgent && a->mss == b->mss && a->flags == b->flags &&
	       a->options == b->options && a->window_scale == b->window_scale;
}

static void write_and_parse_again(const struct ft_segment *parsed)
{
	const struct ft_segment seg = as_written(*parsed);
	struct rte_mbuf *pkt = ft_stack_new_packet(&fuzz.stack);
	uint8_t bytes[64];
	uint32_t count;

	ft_segment_write(pkt, &seg, 1, 2);
	fuzz_check(pkt->pkt_len == ft_segment_header_bytes(&seg));
	count = ft_pkt_copy_out(pkt, 0, bytes, sizeof(bytes));
	rte_pktmbuf_free(pkt);
	pkt = make_packet(bytes, count, 0);
	fuzz_check(is_parsed(pkt));
	fuzz_check(is_same(&ft_pkt_info(pkt)->seg, &seg));
	rte_pktmbuf_free(pkt);
}

static void run_segment(struct fuzz_choice *choice)
{
	const uint32_t layout = fuzz_choose(choice, 256);
	const uint32_t front = fuzz_choose(choice, 65536), end = fuzz_choose(choice, 65536);
	struct rte_mbuf *pkt =
		make_packet(choice->bytes, RTE_MIN(choice->left, (size_t)MOST_BYTES), layout);

	if (is_parsed(pkt)) {
		check_lengths(pkt);
		write_and_parse_again(&ft_pkt_info(pkt)->seg);
		cut(pkt, front, end);
		check_stripped(pkt);
	}
	rte_pktmbuf_free(pkt);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct fuzz_choice choice = { .bytes = bytes, .left = size };

	run_segment(&choice);
	fuzz_check(fuzz.outside_buffers == 0);
	fuzz_check(rte_mempool_in_use_count(fuzz.stack.receive_pool) == 0);
	fuzz_check(rte_mempool_in_use_count(fuzz.stack.send_pool) == 0);
	return 0;
}
