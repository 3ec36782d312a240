// Cutting large TCP packets into segments in software: nic.tso where the NIC has no TSO. On an interface of the
// kernel's that is left to the kernel (kernel_gso.h). Elsewhere DPDK's GSO library does it: a segment's headers are
// copied, its payload stays where it is and is pointed to; checksums are computed here.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#define FT_GSO_SEGMENTS 64 // of one packet, at most

struct ft_gso {
	uint16_t (*transmit)(void *driver, struct rte_mbuf **pkts, uint16_t count); // as of a netif
	void *driver;
	int kernel; // the packet socket, or -1
	struct rte_mempool *headers;
	struct rte_mempool *pieces; // mbufs that point into others
	bool takes_chains;	    // the device: else each segment is copied together
	struct rte_mbuf
		*whole; // the packet that was cut last, ours too while segments of it are left
	struct rte_mbuf *cut[FT_GSO_SEGMENTS];
	uint16_t first, count; // of these, not yet sent
	uint64_t packets;      // that were cut
	// Through the packet socket, and so not through `transmit`: packets, and what they are cut into.
	uint64_t kernel_packets, kernel_segments, kernel_bytes;
	uint64_t kernel_errors; // packets that it refused
};

// `gso` is all zero but for transmit, driver, kernel, takes_chains and headers, a pool whose packets have room for a
// segment. `in_flight` is how many the device may hold. Returns 0 or -ENOMEM.
int ft_gso_init(struct ft_gso *gso, uint32_t in_flight, int socket);
void ft_gso_free(struct ft_gso *gso); // closes the packet socket, too

// As a netif's transmit: frames that ask for TSO through their ol_flags are cut. Such a one counts as taken when
// the last of its segments has been; until then it is the caller's, and is to be the first of the next call,
// unless the caller has given it up.
uint16_t ft_gso_transmit(struct ft_gso *gso, struct rte_mbuf **pkts, uint16_t count);
