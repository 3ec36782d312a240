#include "ip/checksum.h"

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_ip.h>

uint16_t ft_checksum_from(const struct rte_mbuf *pkt, uint32_t offset)
{
	uint16_t sum = 0;

	rte_raw_cksum_mbuf(pkt, offset, rte_pktmbuf_pkt_len(pkt) - offset, &sum);
	return ~sum;
}

bool ft_checksum_is_good(const struct rte_mbuf *pkt, uint16_t ip_offset, uint16_t transport_offset)
{
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(pkt, const struct rte_ipv4_hdr *, ip_offset);

	return rte_ipv4_udptcp_cksum_mbuf_verify(pkt, ip, transport_offset) == 0;
}

void ft_checksum_fill(struct rte_mbuf *pkt, uint16_t checksum_offset)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(pkt, const struct rte_ipv4_hdr *);
	rte_be16_t *checksum =
		rte_pktmbuf_mtod_offset(pkt, rte_be16_t *, sizeof(*ip) + checksum_offset);

	*checksum = rte_ipv4_udptcp_cksum_mbuf(pkt, ip, sizeof(*ip));
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
