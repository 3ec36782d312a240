// What nearly every segment is, in as few steps as can be (header prediction: Van Jacobson 1990; RFC 7323
// appendix E).
#pragma once
#include <stdbool.h>

#include "base/drop.h"
#include "base/time.h"

struct rte_mbuf;
struct ft_stack;
struct ft_tcp_conn;

// Takes a segment of a connection, if it is the one that comes next on an open one, with text or an ACK in it and
// nothing else; then *reason is FT_TAKEN, or why its text was not. False: nothing has happened, and tcp_input.c
// has to look.
bool ft_tcp_predicted_input(struct ft_stack *stack, struct ft_tcp_conn *conn, struct rte_mbuf *pkt,
	ft_time now, enum ft_drop *reason);

// Pays all that the connection owes, if that is an answer: one short segment with all that is queued, and
// nothing that holds it back. False: nothing has happened, and tcp_output.c has to look.
bool ft_tcp_predicted_output(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
