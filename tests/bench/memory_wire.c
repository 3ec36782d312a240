#include "memory_wire.h"

#include <err.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_gso.h>
#include <rte_ring.h>

#include "base/pkt.h"
#include "drivers/gro.h"

#define GOOD (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)

void memory_wire_init(struct memory_wire *wire, bool has_offload)
{
	const unsigned one_at_each_end = RING_F_SP_ENQ | RING_F_SC_DEQ;

	memset(wire, 0, sizeof(*wire));
	for (int i = 0; i < 2; i++) {
		wire->ends[i].arriving = rte_ring_create(i == 0 ? "wire0" : "wire1",
			MEMORY_WIRE_FRAMES, SOCKET_ID_ANY, one_at_each_end | RING_F_EXACT_SZ);
		if (wire->ends[i].arriving == NULL)
			errx(1, "no memory for the wire");
		wire->ends[i].other = &wire->ends[1 - i];
		wire->ends[i].has_offload = has_offload;
	}
}

void memory_wire_empty(struct memory_wire *wire)
{
	struct rte_mbuf *pkt;

	for (int i = 0; i < 2; i++)
		while (memory_end_receive(&wire->ends[i], &pkt, 1) > 0)
			rte_pktmbuf_free(pkt);
}

void memory_wire_free(struct memory_wire *wire)
{
	memory_wire_empty(wire);
	for (int i = 0; i < 2; i++)
		rte_ring_free(wire->ends[i].arriving);
}

uint32_t memory_end_room(const struct memory_end *end)
{
	return rte_ring_free_count(end->other->arriving);
}

bool memory_end_has_frames(const struct memory_end *end)
{
	return rte_ring_count(end->arriving) > 0;
}

void memory_end_expect_tso(struct memory_end *end, struct rte_mempool *pool)
{
	end->pool = pool;
	end->indirect_pool = ft_pkt_pool_create("indirect", 1024, 0, SOCKET_ID_ANY);
	if (end->indirect_pool == NULL)
		errx(1, "no memory for cutting segments");
}

static uint16_t transmit(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	return memory_end_transmit(driver, pkts, count);
}

void memory_end_cut(struct memory_end *end, struct rte_mempool *pool)
{
	end->gso = (struct ft_gso){ .kernel = -1,
		.transmit = transmit,
		.driver = end,
		.headers = pool,
		.takes_chains = true };
	if (ft_gso_init(&end->gso, MEMORY_WIRE_FRAMES, SOCKET_ID_ANY) != 0)
		errx(1, "no memory for cutting segments");
}

// DPDK makes a chain of two of each segment; a NIC at the other end would receive it as one.
static void cut(struct memory_end *end, struct rte_mbuf *pkt)
{
	const struct rte_gso_ctx how = {
		.direct_pool = end->pool,
		.indirect_pool = end->indirect_pool,
		.flag = RTE_GSO_FLAG_IPID_FIXED,
		.gso_types = RTE_ETH_TX_OFFLOAD_TCP_TSO,
		.gso_size = pkt->l2_len + pkt->l3_len + pkt->l4_len + pkt->tso_segsz,
	};
	int count = rte_gso_segment(pkt, &how, end->cut, MEMORY_WIRE_SEGMENTS);

	if (count <= 0)
		errx(1, "a packet of %u bytes can't be cut: %d", pkt->pkt_len, count);
	for (int i = 0; i < count; i++) {
		struct rte_mbuf *chain = end->cut[i];

		end->cut[i] = rte_pktmbuf_copy(chain, end->pool, 0, UINT32_MAX);
		if (end->cut[i] == NULL)
			errx(1, "no packet is left for cutting");
		end->cut[i]->ol_flags = GOOD;
		rte_pktmbuf_free(chain);
	}
	end->cut_first = 0;
	end->cut_count = (uint32_t)count;
	rte_pktmbuf_free(pkt);
}

// NULL when nothing has arrived.
static struct rte_mbuf *next_frame(struct memory_end *end)
{
	struct rte_mbuf *pkt;

	if (end->cut_count == 0) {
		if (rte_ring_sc_dequeue(end->arriving, (void **)&pkt) != 0)
			return NULL;
		if (!(pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG))
			return pkt;
		cut(end, pkt);
	}
	end->cut_count--;
	return end->cut[end->cut_first++];
}

uint16_t memory_end_receive(struct memory_end *end, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t given = 0;

	if (end->pool == NULL) // of nothing that arrives a segment is to be made
		return (uint16_t)rte_ring_sc_dequeue_burst(
			end->arriving, (void **)pkts, count, NULL);
	while (given < count && (pkts[given] = next_frame(end)) != NULL)
		given++;
	return given;
}

uint16_t memory_end_transmit(struct memory_end *end, struct rte_mbuf **pkts, uint16_t count)
{
	const uint64_t vouched_for = end->has_offload ? GOOD : 0;
	const uint16_t taken = RTE_MIN(count, memory_end_room(end));

	for (uint16_t i = 0; i < taken; i++)
		if (!(pkts[i]->ol_flags & RTE_MBUF_F_TX_TCP_SEG))
			pkts[i]->ol_flags = vouched_for;
	return (uint16_t)rte_ring_sp_enqueue_burst(
		end->other->arriving, (void **)pkts, taken, NULL);
}

static uint16_t receive(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	return memory_end_receive(driver, pkts, count);
}

static uint16_t receive_and_merge(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	return ft_gro_merge(pkts, memory_end_receive(driver, pkts, count));
}

static uint16_t transmit_and_cut(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	struct memory_end *end = driver;

	return ft_gso_transmit(&end->gso, pkts, count);
}

static bool is_link_up(void *driver)
{
	return true;
}

struct ft_netif memory_wire_netif(struct memory_end *end, uint8_t number)
{
	return (struct ft_netif){
		.driver = end,
		.receive = end->has_gro ? receive_and_merge : receive,
		.transmit = end->has_tso && !end->has_offload ? transmit_and_cut : transmit,
		.is_link_up = is_link_up,
		.mac = { { 0x02, 0, 0, 0, 0, number } },
		.mtu = 1500,
		.offloads = end->has_offload ? FT_OFFLOAD_IP4_CHECKSUM | FT_OFFLOAD_TCP_CHECKSUM |
						       FT_OFFLOAD_UDP_CHECKSUM
					     : 0,
		.tso_bytes = end->has_tso ? UINT16_MAX - 120 : 0,
	};
}
