// Receive coalescing (GRO): segments of one connection that came in one burst and follow each other become
// one packet, a chain of mbufs behind the first one's headers.
#pragma once
#include <stdint.h>

struct rte_mbuf;

// Merges what can be among `count` received frames and returns how many there are now. Looked at are plain
// TCP segments that no NIC has doubts about: both checksums verified, IPv4 without options or fragments,
// no bytes behind the datagram, no flag but ACK. Frames of one connection stay in order but for bare ACKs,
// which may come after data received later.
uint16_t ft_gro_merge(struct rte_mbuf **pkts, uint16_t count);
