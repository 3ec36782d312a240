// The datagrams that wait for their application, and what they occupy.
#pragma once
#include "base/drop.h"
#include "base/pkt.h"

struct ft_stack;
struct ft_udp_socket;

// Takes a datagram, or says which bound was hit. A queue that is not yet full takes one more
// whatever its size, so that the largest datagram arrives even at a small SO_RCVBUF; the limit is
// passed by one at most.
enum ft_drop ft_udp_queue_append(
	struct ft_stack *stack, struct ft_udp_socket *udp, struct rte_mbuf *pkt);

// The oldest, the caller's from here on, or NULL.
struct rte_mbuf *ft_udp_queue_take(struct ft_stack *stack, struct ft_udp_socket *udp);
