// What both ways of opening a connection share: where the numbers begin, what our SYN offers, what
// the peer's SYN settles, and what is made of both when the connection is established.
#pragma once
#include <stdint.h>

#include "base/time.h"
#include "stack.h"
#include "tcp/conn.h"
#include "tcp/isn.h"

#define FT_HANDSHAKE_MINIMUM_MSS \
	64 // a peer that says less wants to cost us packets (CVE-2019-11479)

// Of what our SYN says that which does not depend on when and to whom in the family of `remote`: the window to offer,
// the MSS; and the first timeout. May be done to a model (conn.h).
void ft_handshake_prepare(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_addr *remote);

// Then, before our SYN: where numbers and timestamps begin.
static inline void ft_handshake_begin(struct ft_tcp_conn *conn, struct ft_isn isn, ft_time now)
{
	const uint32_t iss = isn.sequence;

	conn->snd.iss = iss;
	conn->snd.una = iss;
	conn->snd.nxt = iss;
	conn->snd.max = iss;
	conn->snd.sml = iss;
	conn->ts_offset = isn.ts_offset;
	conn->last_heard = now;
	conn->last_sent = now;
	conn->last_received = now;
	conn->retransmit.recover = iss;
}

// The peer's SYN (or SYN-ACK): IRS, and its options.
static inline void ft_handshake_take_syn(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct ft_segment *seg, ft_time now)
{
	const bool scales =
		stack->config.tcp.window_scaling && (seg->options & FT_TCP_HAS_WINDOW_SCALE);
	const bool stamps = stack->config.tcp.timestamps && (seg->options & FT_TCP_HAS_TIMESTAMP);

	conn->rcv.irs = seg->seq;
	conn->rcv.nxt = seg->seq + 1;
	conn->rcv.acked = conn->rcv.nxt;
	if (seg->options & FT_TCP_HAS_MSS)
		conn->offer_mss = RTE_MAX(seg->mss, FT_HANDSHAKE_MINIMUM_MSS);
	conn->has_scaling = scales;
	conn->has_timestamps = stamps;
	conn->snd_scale = scales ? seg->window_scale : 0;
	if (unlikely(!scales))
		conn->rcv_scale = 0;
	conn->rcv.ts_recent = seg->ts_value;
	conn->ts_recent_age = ft_conn_age(now);
	// The window of a SYN is never scaled (RFC 7323 2.2).
	conn->snd.wnd = seg->window;
	conn->snd.max_wnd = seg->window;
	conn->snd.wl1 = seg->seq;
	conn->snd.wl2 = seg->ack;
}

// The options of our SYN, or of our SYN-ACK, which answers only what the peer offered.
static inline void ft_handshake_offer(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn, struct ft_segment *seg)
{
	bool is_answer = conn->state == FT_TCP_SYN_RECEIVED;

	seg->options = FT_TCP_HAS_MSS;
	seg->mss = conn->announced_mss;
	if (is_answer ? conn->has_timestamps : stack->config.tcp.timestamps)
		seg->options |= FT_TCP_HAS_TIMESTAMP;
	if (is_answer ? conn->has_scaling : stack->config.tcp.window_scaling)
		seg->options |= FT_TCP_HAS_WINDOW_SCALE;
	seg->window_scale = conn->rcv_scale;
}

// Our SYN is acknowledged and the peer's has come: SND.UNA moves behind it, ESTABLISHED.
void ft_handshake_established(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);

// The same in SYN-RECEIVED, with an ACK that is no SYN and has these numbers: the connection moves on to the accept
// queue, if a listener has it.
void ft_handshake_acknowledged(
	struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t seq, uint32_t ack, ft_time now);

// The MSS our SYN announces to `remote`: what the device's MTU allows, TCP_MAXSEG or the configuration permitting.
uint16_t ft_handshake_announced_mss(
	const struct ft_stack *stack, const struct ft_tcp_conn *conn, const struct ft_addr *remote);

// conn->cc for a connection that has sent nothing yet, when its MSS is known.
void ft_handshake_begin_congestion(const struct ft_stack *stack, struct ft_tcp_conn *conn);

// Eff.snd.MSS anew (RFC 9293 3.7.1): the path's MTU may have become known, or TCP_MAXSEG been set.
void ft_handshake_update_mss(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);
