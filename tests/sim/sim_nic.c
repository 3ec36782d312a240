#include "sim_nic.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "frames.h"
#include "network.h"
#include "scenario.h"

#define ETHERNET      RTE_ETHER_HDR_LEN
#define SHORTEST      (RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN)
#define TX_L4_OF(pkt) ((pkt)->ol_flags & RTE_MBUF_F_TX_L4_MASK)

// ---- receiving ----

void ft_sim_nic_arrive(struct ft_host *host, struct ft_frame *frame)
{
	struct ft_network *network = host->network;
	ft_time delay = 0;

	if (host->ring_count == FT_NIC_RING) {
		host->ring_overflows++;
		free(frame);
		return;
	}
	host->ring[(host->ring_first + host->ring_count++) % FT_NIC_RING] = frame;
	if (host->interrupt_delay > 0)
		delay = ft_random_next(&network->random) % host->interrupt_delay;
	host->poll_at = RTE_MIN(host->poll_at, network->now + delay);
}

void ft_sim_nic_empty(struct ft_host *host)
{
	for (; host->ring_count > 0; host->ring_count--)
		free(host->ring[host->ring_first++ % FT_NIC_RING]);
}

// Puts the frame into mbufs: one, or a chain of small ones for NICs that scatter.
static struct rte_mbuf *to_mbufs(struct ft_host *host, const struct ft_frame *frame)
{
	uint32_t most = host->scatter_bytes > 0 ? host->scatter_bytes : frame->length;
	struct rte_mbuf *pkt = NULL;

	for (uint32_t offset = 0; offset < frame->length; offset += most) {
		uint32_t bytes = RTE_MIN(most, frame->length - offset);
		struct rte_mbuf *part = rte_pktmbuf_alloc(host->receive_pool);

		if (part == NULL) {
			rte_pktmbuf_free(pkt);
			return NULL;
		}
		memcpy(rte_pktmbuf_append(part, bytes), frame->bytes + offset, bytes);
		if (pkt == NULL)
			pkt = part;
		else
			ft_expect_equal(rte_pktmbuf_chain(pkt, part), 0);
	}
	return pkt;
}

static bool has_good_transport(const struct rte_ipv4_hdr *ip, uint32_t bytes)
{
	const void *transport = (const uint8_t *)ip + rte_ipv4_hdr_len(ip);
	uint32_t total = rte_be_to_cpu_16(ip->total_length);

	if (total > bytes || total < rte_ipv4_hdr_len(ip) + sizeof(struct rte_udp_hdr))
		return false;
	return rte_ipv4_udptcp_cksum_verify(ip, transport) == 0;
}

// What a NIC that checks says; one that does not check leaves the flags at "unknown".
static uint64_t checksum_flags(const struct ft_host *host, const struct ft_frame *frame)
{
	const struct rte_ipv4_hdr *ip = (const void *)(frame->bytes + ETHERNET);
	uint32_t bytes = frame->length - ETHERNET;
	uint32_t header;

	if (!(host->stack.netif.offloads & FT_OFFLOAD_IP4_CHECKSUM) || frame->bytes[12] != 0x08 ||
		frame->bytes[13] != 0x00)
		return 0;
	header = rte_ipv4_hdr_len(ip);
	if (header < sizeof(*ip) || header > bytes || rte_raw_cksum(ip, header) != 0xffff)
		return RTE_MBUF_F_RX_IP_CKSUM_BAD;
	if ((ip->fragment_offset & ~RTE_BE16(RTE_IPV4_HDR_DF_FLAG)) != 0 ||
		(ip->next_proto_id != IPPROTO_TCP && ip->next_proto_id != IPPROTO_UDP))
		return RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	return RTE_MBUF_F_RX_IP_CKSUM_GOOD |
	       (has_good_transport(ip, bytes) ? RTE_MBUF_F_RX_L4_CKSUM_GOOD
					      : RTE_MBUF_F_RX_L4_CKSUM_BAD);
}

static uint16_t receive(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	struct ft_host *host = driver;
	uint16_t received = 0;

	while (received < count && host->ring_count > 0) {
		struct ft_frame *frame = host->ring[host->ring_first++ % FT_NIC_RING];
		struct rte_mbuf *pkt = to_mbufs(host, frame);

		host->ring_count--;
		if (pkt != NULL) {
			pkt->ol_flags |= checksum_flags(host, frame);
			pkts[received++] = pkt;
		} else {
			host->without_mbuf++;
		}
		free(frame);
	}
	return received;
}

// ---- sending ----

static void fill_transport_checksum(struct rte_mbuf *pkt, uint8_t *frame)
{
	struct rte_ipv4_hdr *ip = (void *)(frame + pkt->l2_len);
	uint8_t *transport = (uint8_t *)ip + pkt->l3_len;
	bool is_tcp = TX_L4_OF(pkt) == RTE_MBUF_F_TX_TCP_CKSUM;
	uint8_t *checksum = transport + (is_tcp ? offsetof(struct rte_tcp_hdr, cksum)
						: offsetof(struct rte_udp_hdr, dgram_cksum));
	uint16_t expected = rte_ipv4_phdr_cksum(ip, pkt->ol_flags);
	uint16_t sum;

	// DPDK's contract: the field holds the pseudo-header's sum when the NIC takes over.
	ft_expect(memcmp(checksum, &expected, sizeof(expected)) == 0);
	memset(checksum, 0, sizeof(sum));
	sum = rte_ipv4_udptcp_cksum(ip, transport);
	memcpy(checksum, &sum, sizeof(sum));
}

// Does what the packet asks of the NIC through its flags, if the NIC said it can.
static void offload(const struct ft_host *host, struct rte_mbuf *pkt, uint8_t *frame)
{
	uint32_t offloads = host->stack.netif.offloads;
	uint64_t l4 = TX_L4_OF(pkt);
	struct rte_ipv4_hdr *ip = (void *)(frame + pkt->l2_len);

	ft_expect(l4 != RTE_MBUF_F_TX_TCP_CKSUM || (offloads & FT_OFFLOAD_TCP_CHECKSUM));
	ft_expect(l4 != RTE_MBUF_F_TX_UDP_CKSUM || (offloads & FT_OFFLOAD_UDP_CHECKSUM));
	if (l4 != 0)
		fill_transport_checksum(pkt, frame);
	if (pkt->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) {
		ft_expect(offloads & FT_OFFLOAD_IP4_CHECKSUM);
		ft_expect_equal(ip->hdr_checksum, 0);
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
}

// One of the segments: the packet's headers, as if the bytes from `offset` on were all, and these.
static uint32_t make_segment(const struct rte_mbuf *pkt, uint32_t offset, uint8_t *frame)
{
	const uint32_t headers = pkt->l2_len + pkt->l3_len + pkt->l4_len;
	const uint32_t bytes = RTE_MIN((uint32_t)pkt->tso_segsz, pkt->pkt_len - headers - offset);
	struct rte_ipv4_hdr *ip = (void *)(frame + pkt->l2_len);
	struct rte_tcp_hdr *tcp = (void *)(frame + pkt->l2_len + pkt->l3_len);

	ft_expect_equal(ft_pkt_copy_out(pkt, 0, frame, headers), headers);
	ft_expect_equal(ft_pkt_copy_out(pkt, headers + offset, frame + headers, bytes), bytes);
	// DPDK's contract: the sum of a pseudo-header without the length, which is each segment's.
	ft_expect_equal(tcp->cksum, rte_ipv4_phdr_cksum(ip, pkt->ol_flags));
	ip->total_length = rte_cpu_to_be_16(headers + bytes - pkt->l2_len);
	tcp->sent_seq = rte_cpu_to_be_32(rte_be_to_cpu_32(tcp->sent_seq) + offset);
	if (headers + offset + bytes < pkt->pkt_len)
		tcp->tcp_flags &= ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = 0;
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	return headers + bytes;
}

// TSO.
static void send_segments(struct ft_host *host, const struct rte_mbuf *pkt)
{
	const uint32_t headers = pkt->l2_len + pkt->l3_len + pkt->l4_len;
	uint8_t frame[ETHERNET + UINT16_MAX] __attribute__((aligned(8)));

	ft_expect(pkt->pkt_len > headers && pkt->pkt_len - headers <= host->stack.netif.tso_bytes);
	ft_expect(
		pkt->tso_segsz > 0 && headers + pkt->tso_segsz <= ETHERNET + host->stack.netif.mtu);
	for (uint32_t offset = 0; offset < pkt->pkt_len - headers; offset += pkt->tso_segsz) {
		ft_frames_send(host, frame, make_segment(pkt, offset, frame));
		host->segments_cut++;
	}
}

static void send_packet(struct ft_host *host, struct rte_mbuf *pkt)
{
	uint8_t frame[ETHERNET + UINT16_MAX] __attribute__((aligned(8)));
	uint32_t length = rte_pktmbuf_pkt_len(pkt);
	const char *reason = NULL;

	if (rte_mbuf_check(pkt, 1, &reason) != 0)
		ft_scenario_fail(__FILE__, __LINE__, "sent a broken mbuf: %s", reason);
	if (pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
		send_segments(host, pkt);
		rte_pktmbuf_free(pkt);
		return;
	}
	ft_expect(length >= ETHERNET && length <= ETHERNET + host->stack.netif.mtu);
	ft_expect(pkt->nb_segs == 1 || (host->stack.netif.offloads & FT_OFFLOAD_MULTI_SEGMENT));
	memset(frame, 0, SHORTEST);
	ft_expect_equal(ft_pkt_copy_out(pkt, 0, frame, length), length);
	offload(host, pkt, frame);
	ft_frames_send(host, frame, RTE_MAX(length, (uint32_t)SHORTEST));
	rte_pktmbuf_free(pkt);
}

static uint16_t transmit(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	struct ft_host *host = driver;

	if (host->transmit_room > 0 && count > host->transmit_room)
		count = host->transmit_room;
	for (uint16_t i = 0; i < count; i++)
		send_packet(host, pkts[i]);
	return count;
}

static bool is_link_up(void *driver)
{
	const struct ft_host *host = driver;

	return host->is_plugged;
}

void ft_sim_nic_fill(struct ft_netif *netif, struct ft_host *host, uint32_t offloads)
{
	*netif = (struct ft_netif){
		.driver = host,
		.receive = receive,
		.transmit = transmit,
		.is_link_up = is_link_up,
		.mac = host->mac,
		.mtu = 1500,
		.offloads = offloads,
	};
}
