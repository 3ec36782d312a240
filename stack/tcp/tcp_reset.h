// Resets (RFC 9293 3.5.2).
#pragma once
#include "base/time.h"

struct rte_mbuf;
struct ft_stack;
struct ft_tcp_conn;

// Answers a segment that fits nothing here, as 3.10.7.1 says: with its own ACK as the number, or
// acknowledging it. Never answers a reset. The packet stays the caller's.
void ft_tcp_reset_answer(struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now);

// Tells the peer of a connection that it is being aborted, where it would otherwise not know.
void ft_tcp_reset_conn(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);

// Aborts a connection (RFC 9293 3.10.5): tells the peer, ends it with `error` (a positive errno) and gives
// its block back if no socket holds it.
void ft_tcp_abort_conn(struct ft_stack *stack, struct ft_tcp_conn *conn, int error, ft_time now);
