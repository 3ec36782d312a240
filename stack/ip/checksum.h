// The Internet checksum (RFC 1071) over packets that may be split over several mbufs.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

// The checksum of all bytes from `offset` on, to be stored where zeros stand. Over a message whose
// checksum is filled in, 0 means that it is right.
uint16_t ft_checksum_from(const struct rte_mbuf *pkt, uint32_t offset);

// True when the TCP or UDP checksum at `transport_offset` is right for the IPv4 header at
// `ip_offset`. The packet ends where the IP header says, and that header is
// contiguous.
bool ft_checksum_is_good(const struct rte_mbuf *pkt, uint16_t ip_offset, uint16_t transport_offset);

// Fills in the TCP or UDP checksum `checksum_offset` bytes into the transport header of a packet
// that begins with its IPv4 header (without options). The two bytes must be zero.
void ft_checksum_fill(struct rte_mbuf *pkt, uint16_t checksum_offset);

// Leaves the sum over the payload to the NIC: fills in the pseudo-header's part and asks for the
// rest through the packet's ol_flags.
void ft_checksum_offload(struct rte_mbuf *pkt, uint16_t checksum_offset);

// The same for a TCP packet that the NIC cuts into segments with `segment_bytes` of payload each: the
// pseudo-header's part is without the length, which differs from segment to segment.
void ft_checksum_offload_segments(
	struct rte_mbuf *pkt, uint16_t checksum_offset, uint16_t segment_bytes);
