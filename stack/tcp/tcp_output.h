// Sending: once a turn each connection that owes something pays it.
#pragma once
#include "base/time.h"

struct ft_stack;
struct ft_tcp_conn;

// Pays as much as cwnd, windows, packet buffers and fairness between connections allow. What is
// still in conn->owed afterwards is for the next turn.
void ft_tcp_output_pay(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
