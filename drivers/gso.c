#include "drivers/gso.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_gso.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "base/pkt.h"
#include "drivers/kernel_gso.h"
#include "ip/checksum.h"

#define ASKED  (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_SEG)
#define PIECES 3 // a segment's payload may lie in so many mbufs of its packet

int ft_gso_init(struct ft_gso *gso, uint32_t in_flight, int socket)
{
	if (gso->kernel >= 0)
		return 0;
	gso->pieces =
		ft_pkt_pool_create("ft_gso", PIECES * (in_flight + FT_GSO_SEGMENTS), 0, socket);
	return gso->pieces == NULL ? -ENOMEM : 0;
}

static void forget(struct ft_gso *gso)
{
	rte_pktmbuf_free_bulk(gso->cut + gso->first, gso->count);
	rte_pktmbuf_free(gso->whole);
	gso->whole = NULL;
	gso->count = 0;
}

void ft_gso_free(struct ft_gso *gso)
{
	forget(gso);
	rte_mempool_free(gso->pieces);
	if (gso->kernel >= 0)
		close(gso->kernel);
}

static bool is_large(const struct ft_gso *gso, const struct rte_mbuf *pkt)
{
	return (pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG) || pkt == gso->whole;
}

// The library has left both checksums as they were in the packet.
static void fill_checksums(struct rte_mbuf *segment)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)rte_pktmbuf_adj(segment, segment->l2_len);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);

	segment->ol_flags &= ~ASKED;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = 0;
	ft_checksum_fill(segment, offsetof(struct rte_tcp_hdr, cksum));
	rte_pktmbuf_prepend(segment, segment->l2_len);
}

// Where a packet's first mbuf holds its headers alone, the library has the first segment point at nothing behind
// them. Not every NIC takes an empty mbuf.
static void leave_out_empty(struct rte_mbuf *segment)
{
	struct rte_mbuf *second = segment->next;

	if (second->data_len > 0)
		return;
	segment->next = second->next;
	segment->nb_segs--;
	rte_pktmbuf_free_seg(second);
}

static bool cut(struct ft_gso *gso, struct rte_mbuf *pkt)
{
	const struct rte_gso_ctx how = {
		.direct_pool = gso->headers,
		.indirect_pool = gso->pieces,
		.flag = RTE_GSO_FLAG_IPID_FIXED, // RFC 6864 4.1: they are not to be fragmented
		.gso_types = RTE_ETH_TX_OFFLOAD_TCP_TSO,
		.gso_size = pkt->l2_len + pkt->l3_len + pkt->l4_len + pkt->tso_segsz,
	};
	int count = rte_gso_segment(pkt, &how, gso->cut, FT_GSO_SEGMENTS);

	assert(count > 0 || count == -ENOMEM);
	if (count <= 0)
		return false;
	gso->first = 0;
	gso->count = (uint16_t)count;
	gso->whole = pkt;
	rte_pktmbuf_refcnt_update(pkt, 1);
	gso->packets++;
	leave_out_empty(gso->cut[0]);
	for (int i = 0; i < count; i++) {
		fill_checksums(gso->cut[i]);
		if (!gso->takes_chains)
			rte_pktmbuf_linearize(gso->cut[i]); // there is room
	}
	return true;
}

// True when it is gone.
static bool send_by_kernel(struct ft_gso *gso, struct rte_mbuf *pkt)
{
	const uint32_t headers = pkt->l2_len + pkt->l3_len + pkt->l4_len;
	const uint32_t payload = pkt->pkt_len - headers;
	const uint32_t segments = (payload + pkt->tso_segsz - 1) / pkt->tso_segsz;
	int error = ft_kernel_gso_send(gso->kernel, pkt);

	if (error == -EAGAIN)
		return false;
	if (error == 0) {
		gso->kernel_packets++;
		gso->kernel_segments += segments;
		gso->kernel_bytes += payload + segments * headers;
	} else {
		gso->kernel_errors++; // lost, as on any wire: TCP sends it again
	}
	rte_pktmbuf_free(pkt);
	return true;
}

// True when all of it is gone.
static bool send_cut(struct ft_gso *gso, struct rte_mbuf *pkt)
{
	uint16_t sent;

	if (pkt != gso->whole && !cut(gso, pkt))
		return false;
	sent = gso->transmit(gso->driver, gso->cut + gso->first, gso->count);
	gso->first += sent;
	gso->count -= sent;
	if (gso->count > 0)
		return false;
	forget(gso);
	rte_pktmbuf_free(pkt);
	return true;
}

static bool send_large(struct ft_gso *gso, struct rte_mbuf *pkt)
{
	return gso->kernel >= 0 ? send_by_kernel(gso, pkt) : send_cut(gso, pkt);
}

static uint16_t count_others(const struct ft_gso *gso, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t others = 0;

	while (others < count && !is_large(gso, pkts[others]))
		others++;
	return others;
}

uint16_t ft_gso_transmit(struct ft_gso *gso, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t taken = 0;

	if (gso->whole != NULL && count > 0 && pkts[0] != gso->whole)
		forget(gso); // what it was cut from has been given up
	while (taken < count) {
		uint16_t others = count_others(gso, pkts + taken, count - taken);
		uint16_t sent = others == 0 ? 0 : gso->transmit(gso->driver, pkts + taken, others);

		taken += sent;
		if (sent < others || taken == count || !send_large(gso, pkts[taken]))
			return taken;
		taken++;
	}
	return taken;
}
