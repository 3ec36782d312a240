// What the trace tells of a connection: [log] trace with tcp and timer. Called only while that is on.
#pragma once
#include "tcp/conn.h"

// A segment received for this connection: its numbers beside what is expected.
void ft_tcp_trace_arrival(struct ft_stack *stack, const struct ft_tcp_conn *conn,
	const struct ft_segment *seg) __attribute__((cold));

// A segment received belongs to no connection; `listener` takes it, NULL: nobody does.
void ft_tcp_trace_listener(struct ft_stack *stack, const struct ft_tuple *tuple,
	const struct ft_tcp_listener *listener) __attribute__((cold));

// A segment with `bytes` of payload goes out.
void ft_tcp_trace_sent(struct ft_stack *stack, const struct ft_tcp_conn *conn,
	const struct ft_segment *seg, uint32_t bytes) __attribute__((cold));

// The deadline of a timer is about to become `deadline` (FT_NEVER: it stops).
void ft_tcp_trace_timer(struct ft_stack *stack, const struct ft_tcp_conn *conn,
	enum ft_tcp_timer timer, ft_time deadline) __attribute__((cold));

void ft_tcp_trace_expired(struct ft_stack *stack, const struct ft_tcp_conn *conn,
	enum ft_tcp_timer timer) __attribute__((cold));
