// The timers of a connection are told events; tcp_timers.c alone decides which starts or stops.
#pragma once
#include <stdbool.h>

#include "stack.h"
#include "tcp/conn.h"

void ft_tcp_timers_init(struct ft_tcp_conn *conn);
// The connection ended.
void ft_tcp_timers_stop(struct ft_stack *stack, struct ft_tcp_conn *conn);

// A segment that must be acknowledged (SYN, data, FIN) was sent.
void ft_tcp_timers_sent(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
// SND.UNA moved. `may_restart` is false for the later partial ACKs of a fast recovery (RFC 6582 3.2
// step 3: they leave the retransmission timer running).
void ft_tcp_timers_acked(
	struct ft_stack *stack, struct ft_tcp_conn *conn, bool may_restart, ft_time now);
// Output sent what it could; something may have been held back.
void ft_tcp_timers_output_done(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
// The peer's window closed, or opened again.
void ft_tcp_timers_window_closed(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
void ft_tcp_timers_window_opened(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);

// An ACK is due, but may wait for data to ride on.
void ft_tcp_timers_ack_waits(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
void ft_tcp_timers_ack_sent(struct ft_stack *stack, struct ft_tcp_conn *conn);

// An acceptable segment came.
static inline void ft_tcp_timers_heard(struct ft_tcp_conn *conn, ft_time now)
{
	// The keepalive deadline is not moved with each segment: its expiry looks at last_heard.
	conn->last_heard = now;
	conn->unanswered_probes = 0;
}

void ft_tcp_timers_established(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
// It rested, with keepalive's deadline (FT_NEVER: without).
void ft_tcp_timers_woken(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time keepalive);
void ft_tcp_timers_time_wait(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
// The application closed the connection, or a connection it closed reached FIN-WAIT-2.
void ft_tcp_timers_orphaned(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
// What the retransmission timer does, it is to do in the next turn: a retransmission or a probe.
void ft_tcp_timers_try_now(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
// SO_KEEPALIVE, TCP_KEEPIDLE, TCP_USER_TIMEOUT... changed.
void ft_tcp_timers_options_changed(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);

// RFC 6298's bounds, as configured.
static inline struct ft_rtt_limits ft_tcp_timers_limits(const struct ft_stack *stack)
{
	return (struct ft_rtt_limits){ .minimum = stack->config.tcp.minimum_rto,
		.maximum = stack->config.tcp.maximum_rto };
}
