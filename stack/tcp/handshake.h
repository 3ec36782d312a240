// What both ways of opening a connection share: where the numbers begin, what our SYN offers, what
// the peer's SYN settles, and what is made of both when the connection is established.
#pragma once
#include <stdint.h>

#include "base/time.h"
#include "tcp/isn.h"

struct ft_segment;
struct ft_stack;
struct ft_tcp_conn;

// Before our SYN: where numbers and timestamps begin, the window to offer, the first timeout.
void ft_handshake_begin(
	struct ft_stack *stack, struct ft_tcp_conn *conn, struct ft_isn isn, ft_time now);

// The peer's SYN (or SYN-ACK): IRS, and its options.
void ft_handshake_take_syn(struct ft_stack *stack, struct ft_tcp_conn *conn,
	const struct ft_segment *seg, ft_time now);

// The options of our SYN, or of our SYN-ACK, which answers only what the peer offered.
void ft_handshake_offer(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn, struct ft_segment *seg);

// Our SYN is acknowledged and the peer's has come: SND.UNA moves behind it, ESTABLISHED.
void ft_handshake_established(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);

// The MSS our SYN announces: what the device's MTU allows, TCP_MAXSEG or the configuration permitting.
uint16_t ft_handshake_announced_mss(const struct ft_stack *stack, const struct ft_tcp_conn *conn);

// conn->cc for a connection that has sent nothing yet, when its MSS is known.
void ft_handshake_begin_congestion(const struct ft_stack *stack, struct ft_tcp_conn *conn);

// Eff.snd.MSS anew (RFC 9293 3.7.1): the path's MTU may have become known, or TCP_MAXSEG been set.
void ft_handshake_update_mss(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
