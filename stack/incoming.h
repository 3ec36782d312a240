// A packet of a burst on its way through the stages of the loop (poll.c).
//
// Nearly every packet is but glanced at: a usual frame (usual_frame.h) that looks like a short segment of an open
// connection. If it is one indeed, which the lookup and tcp_predicted.h find out from the frame itself, nothing need be
// noted about it. Of all others ft_pkt_info() says what they are.
#pragma once
#include <stdint.h>

struct ft_tcp_anchor;
struct ft_usual_headers;
struct rte_mbuf;

struct ft_incoming {
	struct rte_mbuf *pkt;
	// NULL: parsed, and what follows is in its info instead. Else the packet is as the NIC left it, but that the
	// stack may have vouched for it, and its info as its last user left it.
	const struct ft_usual_headers *frame;
	uint64_t hash;		     // of the tuple
	uint64_t remote, ports;	     // the end of the tuple: ft_tuple_ends_in()
	struct ft_tcp_anchor *found; // or NULL
};
