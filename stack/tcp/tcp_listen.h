// Passive opens: segments for a listener.
#pragma once
#include "base/drop.h"
#include "base/time.h"

struct rte_mbuf;
struct ft_stack;
struct ft_tcp_listener;

// RFC 9293 3.10.7.2. `least_iss`: where the numbers of a new connection must begin at least, since
// one of the same tuple has just gone; 0 when there was none.
enum ft_drop ft_tcp_listen_input(struct ft_stack *stack, struct ft_tcp_listener *listener,
	struct rte_mbuf *pkt, uint32_t least_iss, ft_time now);
