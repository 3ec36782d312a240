// Where a connection stands: what the connection table finds and a socket holds, in one place as long as
// the connection lives. Its block, with queues, timers and all that moves, comes and goes:
//
//	table, socket ──► anchor, 128 bytes ──► struct ft_tcp_conn     while anything goes on
//	                       or
//	                  anchor, 128 bytes: struct ft_tcp_rest        at rest
//
// A connection rests when nothing is in flight, unread or owed, and nothing has happened for a second (or
// other connections need the blocks). What cannot be told from the rest of the stack is written down in
// the anchor; whatever touches the connection wakes it, and the block is made again. The files of tcp/
// see blocks alone; only entries, and who lists connections, meet one at rest.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/timer.h"
#include "demux/tuple.h"
#include "tcp/tcp.h"

struct ft_tcp_conn;

#define FT_TCP_REST_AFTER FT_SECOND

// So many blocks stay with their connections until that time has passed: they fit into a core's cache,
// and a bulk transfer does not fold and unfold with each burst. Beyond, a connection rests at once.
#define FT_TCP_WARM_BLOCKS 1024

// What of a connection is kept while it rests, by the names of struct ft_tcp_conn. Nothing is in flight,
// so SND.UNA is SND.NXT, and RCV.NXT was acknowledged.
struct ft_tcp_rest {
	uint32_t alarm; // struct ft_tcp_alarm, or FT_POOL_NONE
	uint16_t mss;
	uint16_t rcv_mss;
	uint16_t offer_mss;
	uint16_t total_retransmits;
	struct {
		uint32_t nxt;
		uint32_t wnd;
		uint32_t ts_recent;
		uint32_t irs;
	} rcv;
	struct {
		uint32_t una;
		uint32_t wnd;
		uint32_t max_wnd;
		uint32_t iss;
	} snd;
	uint32_t ts_recent_age;
	uint32_t ts_offset;
	uint32_t srtt_us; // without a sample: the timeout
	uint32_t rttvar_us;
	uint32_t cwnd;
	uint32_t ssthresh;
	uint32_t last_heard_ms; // of the stack's clock, modulo 2^32
	uint32_t last_sent_ms;
	uint32_t last_received_ms;
};

struct ft_tcp_anchor {
	struct ft_tuple tuple; // first: the demultiplexer proves its match here
	uint8_t state : 4;     // at rest: enum ft_tcp_state; else CLOSED
	uint8_t snd_laps : 4;
	uint8_t snd_scale : 4;
	uint8_t rcv_scale : 4;
	bool has_timestamps : 1;
	bool has_scaling : 1;
	bool is_read_shut : 1;
	bool is_passive : 1;
	bool was_syn_lost : 1;
	bool has_sample : 1;	   // of the round trip
	bool is_after_timeout : 1; // cc.h
	bool is_after_loss : 1;	   // the recovery point of retransmit.h is SND.UNA, not behind us
	uint8_t reuse : 4;
	uint8_t rcv_laps : 4;
	uint32_t socket; // an index, from when it has one on
	union {
		struct ft_tcp_conn *conn; // not at rest; NULL: a free anchor
		struct ft_tcp_rest rest;
	};
};

_Static_assert(sizeof(struct ft_tcp_anchor) == 128,
	"two cache lines: ten million connections at rest are ten million times this");

// The timer of a connection that rests with SO_KEEPALIVE.
struct ft_tcp_alarm {
	struct ft_timer timer;
	struct ft_tcp_anchor *anchor;
};

static inline bool ft_anchor_is_at_rest(const struct ft_tcp_anchor *anchor)
{
	return anchor->state != FT_TCP_CLOSED;
}

// Makes the block of a connection at rest again, for ft_anchor_wake().
struct ft_tcp_conn *ft_anchor_unfold(
	struct ft_stack *stack, struct ft_tcp_anchor *anchor, bool is_call);

// The connection's block, made again if it rested. NULL: all blocks are in use, and none of the
// connections that have them can rest. Calls leave an eighth of the blocks to what comes from outside
// (`is_call` false), or those who send would take all from those who are to receive.
static inline struct ft_tcp_conn *ft_anchor_wake(
	struct ft_stack *stack, struct ft_tcp_anchor *anchor, bool is_call)
{
	return likely(!ft_anchor_is_at_rest(anchor)) ? anchor->conn
						     : ft_anchor_unfold(stack, anchor, is_call);
}

// Puts a connection to rest if nothing goes on; then its block is given back, and true returned.
bool ft_anchor_rest(struct ft_stack *stack, struct ft_tcp_conn *conn);

// Whether ft_anchor_rest() would.
bool ft_anchor_may_rest(const struct ft_stack *stack, const struct ft_tcp_conn *conn);

// To look at a connection without waking it: its block, or if it rests a likeness of that in *room. NULL
// when the anchor is free.
const struct ft_tcp_conn *ft_anchor_look(
	struct ft_stack *stack, struct ft_tcp_anchor *anchor, struct ft_tcp_conn *room);

// Resets a connection at rest and gives back its anchor: without a block it cannot say goodbye as it
// should.
void ft_anchor_abort(struct ft_stack *stack, struct ft_tcp_anchor *anchor, ft_time now);

// The expiry of FT_TIMER_TCP_ALARM is in tcp_timers.c.
