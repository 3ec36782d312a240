#include "memory_wire.h"

#include <string.h>

#define GOOD (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)

void memory_wire_init(struct memory_wire *wire, bool has_offload)
{
	memset(wire, 0, sizeof(*wire));
	for (int i = 0; i < 2; i++) {
		wire->ends[i].other = &wire->ends[1 - i];
		wire->ends[i].has_offload = has_offload;
	}
}

void memory_wire_free(struct memory_wire *wire)
{
	struct rte_mbuf *pkt;

	for (int i = 0; i < 2; i++)
		while (memory_end_receive(&wire->ends[i], &pkt, 1) > 0)
			rte_pktmbuf_free(pkt);
}

uint32_t memory_end_room(const struct memory_end *end)
{
	return MEMORY_WIRE_FRAMES - end->other->arriving.count;
}

uint16_t memory_end_receive(struct memory_end *end, struct rte_mbuf **pkts, uint16_t count)
{
	struct memory_ring *ring = &end->arriving;
	uint16_t given = RTE_MIN(count, ring->count);

	for (uint16_t i = 0; i < given; i++)
		pkts[i] = ring->frames[ring->first++ % MEMORY_WIRE_FRAMES];
	ring->count -= given;
	return given;
}

uint16_t memory_end_transmit(struct memory_end *end, struct rte_mbuf **pkts, uint16_t count)
{
	struct memory_ring *ring = &end->other->arriving;
	uint16_t taken = RTE_MIN(count, memory_end_room(end));

	for (uint16_t i = 0; i < taken; i++) {
		pkts[i]->ol_flags = end->has_offload ? GOOD : 0;
		ring->frames[(ring->first + ring->count++) % MEMORY_WIRE_FRAMES] = pkts[i];
	}
	return taken;
}

static uint16_t receive(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	return memory_end_receive(driver, pkts, count);
}

static uint16_t transmit(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	return memory_end_transmit(driver, pkts, count);
}

static bool is_link_up(void *driver)
{
	return true;
}

struct ft_netif memory_wire_netif(struct memory_end *end, uint8_t number)
{
	return (struct ft_netif){
		.driver = end,
		.receive = receive,
		.transmit = transmit,
		.is_link_up = is_link_up,
		.mac = { { 0x02, 0, 0, 0, 0, number } },
		.mtu = 1500,
		.offloads = end->has_offload ? FT_OFFLOAD_IP4_CHECKSUM | FT_OFFLOAD_TCP_CHECKSUM |
						       FT_OFFLOAD_UDP_CHECKSUM
					     : 0,
	};
}
