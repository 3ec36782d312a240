#include "ip/checksum.h"

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_ip.h>

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

// The one's complement sum of all bytes from `offset` on. A segment that begins at an odd place has
// its bytes in the other halves of the words (RFC 1071 2 B). Not rte_raw_cksum_mbuf(), which in
// DPDK 22.11 loses such a segment's carries.
static uint16_t sum_from(const struct rte_mbuf *pkt, uint32_t offset)
{
	bool is_odd = false;
	uint32_t sum = 0;

	for (; pkt != NULL; pkt = pkt->next) {
		uint32_t skipped = RTE_MIN(offset, (uint32_t)pkt->data_len);
		uint32_t bytes = pkt->data_len - skipped;
		uint16_t part =
			rte_raw_cksum(rte_pktmbuf_mtod_offset(pkt, const char *, skipped), bytes);

		sum += is_odd ? rte_bswap16(part) : part;
		is_odd ^= bytes & 1;
		offset -= skipped;
	}
	return fold(sum);
}

static uint16_t transport_sum(
	const struct rte_mbuf *pkt, const struct rte_ipv4_hdr *ip, uint32_t transport_offset)
{
	return fold(sum_from(pkt, transport_offset) + (uint32_t)rte_ipv4_phdr_cksum(ip, 0));
}

uint16_t ft_checksum_from(const struct rte_mbuf *pkt, uint32_t offset)
{
	return ~sum_from(pkt, offset);
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
	rte_be16_t *checksum =
		rte_pktmbuf_mtod_offset(pkt, rte_be16_t *, sizeof(*ip) + checksum_offset);

	pkt->ol_flags |= RTE_MBUF_F_TX_IPV4;
	pkt->ol_flags |= ip->next_proto_id == IPPROTO_TCP ? RTE_MBUF_F_TX_TCP_CKSUM
							  : RTE_MBUF_F_TX_UDP_CKSUM;
	pkt->l2_len = sizeof(struct rte_ether_hdr);
	pkt->l3_len = sizeof(*ip);
	*checksum = rte_ipv4_phdr_cksum(ip, pkt->ol_flags);
}
