// Bursts of any frames through what merges segments (GRO), which reads them before the stack does. The input is
// a sequence of
//
//	layout (1 byte) | length (2, little-endian) | that many bytes
#include <netinet/in.h>

#include "choice.h"
#include "drivers/gro.h"
#include "fuzz_host.h"
#include "target.h"
#include "wellformed.h"

#define BURST 32

enum { // of the layout byte; the other bits: the bytes in each mbuf
	IS_OUTSIDE = 0x01,
	IS_VOUCHED_FOR = 0x02, // the NIC has found both checksums good
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_host_start_eal();
	fuzz_host_start(1); // its pools are used, no more
	return 0;
}

static struct rte_mbuf *make_frame(struct fuzz_choice *choice)
{
	static uint8_t lent[BURST][1600]; // as long as the burst
	static uint32_t next;
	const uint32_t layout = fuzz_choose(choice, 256);
	const uint32_t claimed = fuzz_choose(choice, sizeof(lent[0]));
	const uint32_t length = RTE_MIN((size_t)claimed, choice->left);
	uint8_t *bytes = lent[next++ % BURST];
	struct rte_mbuf *pkt;

	memcpy(bytes, choice->bytes, length);
	choice->bytes += length;
	choice->left -= length;
	pkt = fuzz_host_make_packet(bytes, length,
		(struct fuzz_layout){ .segment_bytes = (uint16_t)(layout >> 2) * 64,
			.is_outside = layout & IS_OUTSIDE });
	fuzz_check(pkt != NULL);
	if (layout & IS_VOUCHED_FOR)
		pkt->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	return pkt;
}

// A merged packet is a sound one, and says how long it is.
static void check_merged(const struct rte_mbuf *pkt, bool has_less)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(
		pkt, const struct rte_ipv4_hdr *, sizeof(struct rte_ether_hdr));
	const char *reason;

	fuzz_check(rte_mbuf_check(pkt, 1, &reason) == 0);
	if (has_less && pkt->packet_type != RTE_PTYPE_UNKNOWN)
		fuzz_check(rte_be_to_cpu_16(ip->total_length) ==
			   pkt->pkt_len - sizeof(struct rte_ether_hdr));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct fuzz_choice choice = { .bytes = bytes, .left = size };
	struct rte_mbuf *pkts[BURST];
	uint16_t count = 0, left;

	while (choice.left > 0 && count < BURST)
		pkts[count++] = make_frame(&choice);
	if (count == 0)
		return 0;
	left = ft_gro_merge(pkts, count);
	fuzz_check(left >= 1 && left <= count);
	for (uint16_t i = 0; i < left; i++)
		check_merged(pkts[i], left < count);
	rte_pktmbuf_free_bulk(pkts, left);
	fuzz_check(fuzz.outside_buffers == 0);
	fuzz_check(rte_mempool_in_use_count(fuzz.stack.receive_pool) == 0);
	return 0;
}
