// The wire: IP packets of the script one way, the stack's frames the other. ARP is answered here,
// since scripts know nothing of it.
#include <stdlib.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_ether.h>

#include "drill.h"

#define FRAME_MOST (RTE_ETHER_HDR_LEN + UINT16_MAX)

const struct rte_ether_addr ft_drill_wire_mac = { { 2, 0, 0, 0, 0, 1 } };
static const struct rte_ether_addr peer_mac = { { 2, 0, 0, 0, 0, 2 } };

// Appends bytes to the packet, in as many mbufs as it takes: scripts send segments larger than the
// MTU, as a NIC would that puts several together.
static bool append(
	struct ft_drill_wire *wire, struct rte_mbuf *pkt, const uint8_t *from, size_t bytes)
{
	struct rte_mbuf *part = pkt;

	for (;;) {
		const uint16_t count = RTE_MIN(bytes, rte_pktmbuf_tailroom(part));

		memcpy(rte_pktmbuf_append(part, count), from, count);
		if (part != pkt && rte_pktmbuf_chain(pkt, part) != 0)
			return false;
		from += count;
		bytes -= count;
		if (bytes == 0)
			return true;
		part = rte_pktmbuf_alloc(wire->receive_pool);
		if (part == NULL)
			return false;
	}
}

static bool arrive(struct ft_drill_wire *wire, uint16_t type, const void *payload, size_t bytes)
{
	struct rte_ether_hdr *header;
	struct rte_mbuf *pkt;

	if (wire->arriving_count == RTE_DIM(wire->arriving))
		return false;
	pkt = rte_pktmbuf_alloc(wire->receive_pool);
	if (pkt == NULL)
		return false;
	header = (struct rte_ether_hdr *)rte_pktmbuf_append(pkt, sizeof(*header));
	header->dst_addr = ft_drill_wire_mac;
	header->src_addr = peer_mac;
	header->ether_type = rte_cpu_to_be_16(type);
	if (!append(wire, pkt, payload, bytes)) {
		rte_pktmbuf_free(pkt);
		return false;
	}
	wire->arriving[wire->arriving_count++] = pkt;
	return true;
}

bool ft_drill_wire_arrive(struct ft_drill *drill, const void *packet, size_t bytes)
{
	const uint8_t version = bytes > 0 ? *(const uint8_t *)packet >> 4 : 0;
	const uint16_t type = version == 6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4;

	return arrive(&drill->wire, type, packet, bytes);
}

static uint16_t receive(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	struct ft_drill_wire *wire = &((struct ft_drill *)driver)->wire;
	const uint16_t taken = RTE_MIN(count, wire->arriving_count);

	memcpy(pkts, wire->arriving, taken * sizeof(*pkts));
	wire->arriving_count -= taken;
	memmove(wire->arriving, wire->arriving + taken,
		wire->arriving_count * sizeof(wire->arriving[0]));
	return taken;
}

// Whoever is asked for is there; an announcement (sender and target the same) asks for nobody.
static void answer_arp(struct ft_drill_wire *wire, const uint8_t *frame)
{
	struct rte_arp_hdr arp;
	rte_be32_t asked;

	memcpy(&arp, frame + RTE_ETHER_HDR_LEN, sizeof(arp));
	asked = arp.arp_data.arp_tip;
	if (arp.arp_opcode != RTE_BE16(RTE_ARP_OP_REQUEST) || asked == arp.arp_data.arp_sip)
		return;
	arp.arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
	arp.arp_data.arp_tha = arp.arp_data.arp_sha;
	arp.arp_data.arp_tip = arp.arp_data.arp_sip;
	arp.arp_data.arp_sha = peer_mac;
	arp.arp_data.arp_sip = asked;
	arrive(wire, RTE_ETHER_TYPE_ARP, &arp, sizeof(arp));
}

static void keep(struct ft_drill *drill, const uint8_t *packet, uint32_t length)
{
	struct ft_drill_wire *wire = &drill->wire;
	struct ft_drill_packet *sent;

	if (wire->sent_count == FT_DRILL_PACKETS)
		return;
	sent = &wire->sent[(wire->sent_first + wire->sent_count) % FT_DRILL_PACKETS];
	sent->bytes = malloc(length);
	if (sent->bytes == NULL)
		return;
	sent->sent = drill->clock.now;
	sent->length = length;
	memcpy(sent->bytes, packet, length);
	wire->sent_count++;
}

static void transmit_frame(struct ft_drill *drill, const struct rte_mbuf *pkt)
{
	uint8_t frame[FRAME_MOST];
	const uint32_t length = ft_pkt_copy_out(pkt, 0, frame, sizeof(frame));
	struct rte_ether_hdr header;

	memcpy(&header, frame, sizeof(header));
	if (header.ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP))
		answer_arp(&drill->wire, frame);
	else
		keep(drill, frame + sizeof(header), length - sizeof(header));
}

static uint16_t transmit(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		transmit_frame(driver, pkts[i]);
	rte_pktmbuf_free_bulk(pkts, count);
	return count;
}

static bool is_link_up(void *driver)
{
	return true;
}

void ft_drill_wire_netif(struct ft_drill *drill, struct ft_netif *netif)
{
	*netif = (struct ft_netif){
		.driver = drill,
		.receive = receive,
		.transmit = transmit,
		.is_link_up = is_link_up,
		.mac = ft_drill_wire_mac,
		.mtu = drill->config.nic.mtu,
	};
}

bool ft_drill_wire_take(struct ft_drill *drill, struct ft_drill_packet *packet)
{
	struct ft_drill_wire *wire = &drill->wire;

	if (wire->sent_count == 0)
		return false;
	*packet = wire->sent[wire->sent_first];
	wire->sent_first = (wire->sent_first + 1) % FT_DRILL_PACKETS;
	wire->sent_count--;
	return true;
}
