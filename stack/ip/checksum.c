#include "ip/checksum.h"

#include <string.h>

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#define BLOCK 16 // bytes, what a vector register holds on any machine

typedef uint64_t block __attribute__((vector_size(BLOCK)));

// Each half is added to the other and the carry to that: twice, from 64 bits to 32 and to 16.
static inline uint16_t fold(uint64_t sum)
{
	uint32_t half;

	sum += sum << 32 | sum >> 32;
	half = (uint32_t)(sum >> 32);
	half += half << 16 | half >> 16;
	return (uint16_t)(half >> 16);
}

static inline block load(const void *from)
{
	block value;

	memcpy(&value, from, BLOCK);
	return value;
}

static inline block add_halves(block sum, block value)
{
	return sum + (value & 0xffffffff) + (value >> 32);
}

// What is left behind whole blocks: as the end of a block, the bytes of which that were added already are not
// added again; or padded with zeros where there is no such block.
static inline uint64_t sum_rest(const uint8_t *rest, uint32_t count, bool is_block_before)
{
	static const uint8_t keep[2 * BLOCK] = { [BLOCK... 2 * BLOCK - 1] = UINT8_MAX };
	uint8_t padded[BLOCK] = { 0 };
	block sum;

	if (likely(is_block_before)) {
		sum = add_halves((block){ 0 }, load(rest + count - BLOCK) & load(keep + count));
		return (sum[0] + sum[1]) << (count % 2 * 8); // at an odd place: see sum_of_chain()
	}
	memcpy(padded, rest, count);
	sum = add_halves((block){ 0 }, load(padded));
	return sum[0] + sum[1];
}

// The words of a sum may be added in any grouping, and wider (RFC 1071 2): here 32 bits of each half
// of a block into 64, which no packet is long enough to overflow.
static inline uint64_t sum_bytes(const uint8_t *from, uint32_t bytes)
{
	const uint32_t rest = bytes % BLOCK;
	const uint8_t *end = from + (bytes - rest);
	block blocks = { 0 };
	uint64_t sum;

	for (; from < end; from += BLOCK)
		blocks = add_halves(blocks, load(from));
	sum = blocks[0] + blocks[1];
	return rest > 0 ? sum + sum_rest(end, rest, bytes > rest) : sum;
}

// A segment that begins at an odd place has its bytes in the other halves of the words (RFC 1071 2 B). Not
// rte_raw_cksum_mbuf(), which in DPDK 22.11 loses such a segment's carries.
static __attribute__((noinline)) uint64_t sum_of_chain(const struct rte_mbuf *pkt, uint32_t offset)
{
	bool is_odd = false;
	uint64_t sum = 0;

	for (; pkt != NULL; pkt = pkt->next) {
		uint32_t skipped = RTE_MIN(offset, (uint32_t)pkt->data_len);
		uint32_t bytes = pkt->data_len - skipped;
		uint16_t part = fold(
			sum_bytes(rte_pktmbuf_mtod_offset(pkt, const uint8_t *, skipped), bytes));

		sum += is_odd ? rte_bswap16(part) : part;
		is_odd ^= bytes & 1;
		offset -= skipped;
	}
	return sum;
}

// The sum of all bytes from `offset` on, not folded.
static inline uint64_t sum_from(const struct rte_mbuf *pkt, uint32_t offset)
{
	if (likely(pkt->next == NULL && offset <= pkt->data_len))
		return sum_bytes(rte_pktmbuf_mtod_offset(pkt, const uint8_t *, offset),
			pkt->data_len - offset);
	return sum_of_chain(pkt, offset);
}

// The pseudo-header's addresses, protocol and length (RFC 9293 3.1), not complemented.
static inline uint64_t pseudo_header_sum(const struct rte_ipv4_hdr *ip)
{
	uint16_t length = rte_be_to_cpu_16(ip->total_length) - rte_ipv4_hdr_len(ip);

	return (uint64_t)ip->src_addr + ip->dst_addr + rte_cpu_to_be_16(ip->next_proto_id) +
	       rte_cpu_to_be_16(length);
}

static uint16_t transport_sum(
	const struct rte_mbuf *pkt, const struct rte_ipv4_hdr *ip, uint32_t transport_offset)
{
	return fold(sum_from(pkt, transport_offset) + pseudo_header_sum(ip));
}

uint16_t ft_checksum_from(const struct rte_mbuf *pkt, uint32_t offset)
{
	return ~fold(sum_from(pkt, offset));
}

bool ft_checksum_is_good(const struct rte_mbuf *pkt, uint16_t ip_offset, uint16_t transport_offset)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(pkt, const struct rte_ipv4_hdr *, ip_offset);

	return transport_sum(pkt, ip, transport_offset) == 0xffff;
}

void ft_checksum_fill(struct rte_mbuf *pkt, uint16_t checksum_offset)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(pkt, const struct rte_ipv4_hdr *);
	rte_be16_t *checksum =
		rte_pktmbuf_mtod_offset(pkt, rte_be16_t *, sizeof(*ip) + checksum_offset);
	uint16_t sum = ~transport_sum(pkt, ip, sizeof(*ip));

	// RFC 768: zero would say that there is none. To TCP the two are the same number.
	*checksum = sum == 0 && ip->next_proto_id == IPPROTO_UDP ? 0xffff : sum;
}

void ft_checksum_offload(struct rte_mbuf *pkt, uint16_t checksum_offset)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(pkt, const struct rte_ipv4_hdr *);
	bool is_tcp = ip->next_proto_id == IPPROTO_TCP;
	rte_be16_t *checksum =
		rte_pktmbuf_mtod_offset(pkt, rte_be16_t *, sizeof(*ip) + checksum_offset);

	pkt->ol_flags |=
		RTE_MBUF_F_TX_IPV4 | (is_tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM);
	pkt->l2_len = sizeof(struct rte_ether_hdr);
	pkt->l3_len = sizeof(*ip);
	*checksum = fold(pseudo_header_sum(ip));
}

void ft_checksum_offload_segments(
	struct rte_mbuf *pkt, uint16_t checksum_offset, uint16_t segment_bytes)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(pkt, const struct rte_ipv4_hdr *);
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)(ip + 1);
	rte_be16_t *checksum =
		rte_pktmbuf_mtod_offset(pkt, rte_be16_t *, sizeof(*ip) + checksum_offset);

	ft_checksum_offload(pkt, checksum_offset);
	pkt->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	pkt->l4_len = (tcp->data_off >> 4) * 4;
	pkt->tso_segsz = segment_bytes;
	*checksum =
		fold((uint64_t)ip->src_addr + ip->dst_addr + rte_cpu_to_be_16(ip->next_proto_id));
}
