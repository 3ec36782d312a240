// Fragments in any order and number. Each byte of a datagram's payload follows from where it stands,
// so that whatever is put together can be told to be right. The input is a sequence of
//
//	kind (1 byte) | identification (1) | offset in 8 bytes (2) | payload bytes (2)
#include <netinet/in.h>

#include "choice.h"
#include "fuzz_host.h"
#include "target.h"

#define MOST_PAYLOAD 1480

enum { // of the kind byte; the other bits: milliseconds until the next
	IS_LAST = 0x01,
	IS_OUTSIDE = 0x02,
	IS_SPLIT = 0x04,
	HAS_OPTIONS = 0x08,
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_host_start_eal();
	fuzz_host_start(1);
	return 0;
}

static uint8_t byte_at(uint32_t position)
{
	return (uint8_t)(position * 31 + (position >> 8) + 5);
}

static struct rte_mbuf *make_fragment(
	uint32_t kind, uint32_t id, uint32_t block, uint32_t payload_bytes)
{
	const uint32_t header_bytes = kind & HAS_OPTIONS ? 28 : 20;
	const struct fuzz_layout layout = { .segment_bytes = kind & IS_SPLIT ? 77 : 0,
		.is_outside = kind & IS_OUTSIDE };
	static uint8_t packet[28 + MOST_PAYLOAD];
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)packet;

	memset(packet, 1, header_bytes); // as options: NOP
	*ip = (struct rte_ipv4_hdr){ .version_ihl = (uint8_t)(0x40 | header_bytes / 4),
		.total_length = rte_cpu_to_be_16(header_bytes + payload_bytes),
		.packet_id = (uint16_t)id,
		.fragment_offset =
			rte_cpu_to_be_16(block | (kind & IS_LAST ? 0 : RTE_IPV4_HDR_MF_FLAG)),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = RTE_BE32(FUZZ_PEER),
		.dst_addr = RTE_BE32(FUZZ_US) };
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, header_bytes);
	for (uint32_t i = 0; i < payload_bytes; i++)
		packet[header_bytes + i] = byte_at(block * 8 + i);
	return fuzz_host_make_packet(packet, header_bytes + payload_bytes, layout);
}

static void check_whole(struct rte_mbuf *whole)
{
	static uint8_t packet[UINT16_MAX];
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)packet;
	const char *reason;
	uint32_t header_bytes;

	fuzz_check(rte_mbuf_check(whole, 1, &reason) == 0);
	fuzz_check(whole->pkt_len <= sizeof(packet));
	fuzz_check(ft_pkt_copy_out(whole, 0, packet, sizeof(packet)) == whole->pkt_len);
	header_bytes = rte_ipv4_hdr_len(ip);
	fuzz_check(rte_be_to_cpu_16(ip->total_length) == whole->pkt_len);
	fuzz_check(ip->fragment_offset == 0);
	fuzz_check(rte_ipv4_cksum(ip) == 0);
	for (uint32_t i = header_bytes; i < whole->pkt_len; i++)
		fuzz_check(packet[i] == byte_at(i - header_bytes));
}

static void receive_fragment(struct fuzz_choice *choice)
{
	const uint32_t kind = fuzz_choose(choice, 256);
	const uint32_t id = fuzz_choose(choice, 256);
	const uint32_t block = fuzz_choose(choice, RTE_IPV4_HDR_OFFSET_MASK + 1);
	struct rte_mbuf *pkt, *whole = NULL;

	pkt = make_fragment(kind, id, block, fuzz_choose(choice, MOST_PAYLOAD + 1));
	if (pkt == NULL)
		return;
	if (ft_ip_parse(&fuzz.stack, pkt, RTE_ETHER_TYPE_IPV4) != FT_TAKEN ||
		ft_pkt_info(pkt)->kind != FT_PKT_FRAGMENT ||
		ft_reassembly_input(&fuzz.stack, pkt, fuzz.now, &whole) != FT_TAKEN)
		rte_pktmbuf_free(pkt);
	if (whole != NULL)
		check_whole(whole);
	rte_pktmbuf_free(whole);
	fuzz_host_pass((kind >> 4) * (kind >> 4) * 100 * FT_MILLISECOND);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct fuzz_choice choice = { .bytes = bytes, .left = size };

	while (choice.left > 0)
		receive_fragment(&choice);
	fuzz_host_end_all();
	return 0;
}
