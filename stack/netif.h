// The waist between a stack and the outside. drivers/ fills it for a DPDK ethdev, tests/sim for a
// wire in memory.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

// What the NIC does on transmit when a packet asks for it through ol_flags. On receive, the mbuf's
// own flags tell: only RTE_MBUF_F_RX_*_CKSUM_GOOD means good.
enum ft_offload {
	FT_OFFLOAD_IP4_CHECKSUM = 0x01,
	FT_OFFLOAD_TCP_CHECKSUM = 0x02,
	FT_OFFLOAD_UDP_CHECKSUM = 0x04,
	FT_OFFLOAD_MULTI_SEGMENT = 0x08, // a packet may be a chain of mbufs
};

struct ft_netif {
	void *driver;
	// Fills `pkts` with up to `count` frames, each beginning at its Ethernet header, and gives
	// them to the caller. Returns how many.
	uint16_t (*receive)(void *driver, struct rte_mbuf **pkts, uint16_t count);
	// How many of these frames, from the front, may be transmitted. What they ask of the NIC through ol_flags
	// is looked at, and made as it wants it, so each is asked about once. The one behind them the NIC
	// never takes. NULL: it takes all.
	uint16_t (*prepare)(void *driver, struct rte_mbuf **pkts, uint16_t count);
	// Takes frames from the front of `pkts` and returns how many; the others stay the caller's.
	uint16_t (*transmit)(void *driver, struct rte_mbuf **pkts, uint16_t count);
	// Cheap enough to be asked a few times a second.
	bool (*is_link_up)(void *driver);
	struct rte_ether_addr mac;
	uint16_t mtu;	   // bytes of the largest IP packet, 1500 on Ethernet
	uint32_t offloads; // enum ft_offload
	// What is cut into segments behind this waist (TSO): bytes of TCP payload in one packet at most, a
	// chain of mbufs, without its checksums; 0: nothing is.
	uint16_t tso_bytes;
};
