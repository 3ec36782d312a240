// A segment on its way through the steps of RFC 9293 3.10.7. Each step returns FT_TAKEN to go on to
// the next, or why the segment goes no further: a loss by its name, or TCP_CONSUMED, all done.
#pragma once
#include <stdbool.h>

#include "base/drop.h"
#include "base/time.h"
#include "tcp/segment.h"

struct rte_mbuf;
struct ft_stack;
struct ft_tcp_conn;

struct ft_arrival {
	struct ft_stack *stack;
	struct ft_tcp_conn *conn;
	struct rte_mbuf *pkt;  // NULL from when a queue has it
	struct ft_segment seg; // as parsed, or what is left of it after cutting
	ft_time now;
	bool owes_reset; // the segment is to be answered by <CTL=RST> (3.10.7.1)
};

// Cuts sequence numbers off both the packet and the segment.
void ft_arrival_cut_front(struct ft_arrival *arrival, uint32_t count);
void ft_arrival_cut_end(struct ft_arrival *arrival, uint32_t count);
