#include "drivers/gro.h"

#include <netinet/in.h>

#include <rte_ether.h>
#include <rte_gro.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#define VOUCHED (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)

struct headers {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
} __attribute__((packed, aligned(2)));

// DPDK's library believes the lengths that it is told, and takes for payload what is behind the headers.
static bool may_merge(const struct rte_mbuf *pkt)
{
	const struct headers *headers = rte_pktmbuf_mtod(pkt, const struct headers *);
	uint32_t tcp_bytes;

	if ((pkt->ol_flags & VOUCHED) != VOUCHED || pkt->nb_segs != 1 ||
		pkt->data_len < sizeof(*headers))
		return false;
	tcp_bytes = (headers->tcp.data_off >> 4) * 4;
	return headers->eth.ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
	       headers->ip.version_ihl == RTE_IPV4_VHL_DEF &&
	       headers->ip.next_proto_id == IPPROTO_TCP &&
	       headers->ip.fragment_offset == RTE_BE16(RTE_IPV4_HDR_DF_FLAG) &&
	       rte_be_to_cpu_16(headers->ip.total_length) == pkt->pkt_len - sizeof(headers->eth) &&
	       headers->tcp.tcp_flags == RTE_TCP_ACK_FLAG && tcp_bytes >= sizeof(headers->tcp) &&
	       sizeof(headers->eth) + sizeof(headers->ip) + tcp_bytes < pkt->pkt_len;
}

static void describe(struct rte_mbuf *pkt)
{
	const struct headers *headers = rte_pktmbuf_mtod(pkt, const struct headers *);

	pkt->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_TCP;
	pkt->l2_len = sizeof(headers->eth);
	pkt->l3_len = sizeof(headers->ip);
	pkt->l4_len = (headers->tcp.data_off >> 4) * 4;
}

uint16_t ft_gro_merge(struct rte_mbuf **pkts, uint16_t count)
{
	const struct rte_gro_param what = {
		.gro_types = RTE_GRO_TCP_IPV4,
		.max_flow_num = count,
		.max_item_per_flow = count,
	};
	uint16_t candidates = 0;

	for (uint16_t i = 0; i < count; i++) {
		pkts[i]->packet_type = RTE_PTYPE_UNKNOWN; // the library leaves it alone
		if (may_merge(pkts[i])) {
			describe(pkts[i]);
			candidates++;
		}
	}
	return candidates < 2 ? count : rte_gro_reassemble_burst(pkts, count, &what);
}
