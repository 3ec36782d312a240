// The peers of the stack's connections: what an honest host would have learnt from what the stack
// has sent. Well-formed segments are made from that.
#pragma once
#include "fuzz_host.h"

// Sees a frame that the stack has sent; answers ARP requests.
void fuzz_peers_listen(struct rte_mbuf *pkt);
