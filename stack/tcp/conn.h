// A TCP connection: what RFC 9293 3.3.1 calls the transmission control block. The files of tcp/
// read and change its fields, but its state changes through ft_conn_set_state() alone, and it ends
// through ft_conn_end() alone. While nothing goes on there is no block, only the anchor (anchor.h).
#pragma once
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/time.h"
#include "base/timer.h"
#include "base/trace.h"
#include "demux/tuple.h"
#include "socket/socket.h"
#include "stack.h"
#include "tcp/anchor.h"
#include "tcp/cc.h"
#include "tcp/receive_queue.h"
#include "tcp/reorder.h"
#include "tcp/retransmit.h"
#include "tcp/rtt.h"
#include "tcp/send_queue.h"
#include "tcp/seq.h"
#include "tcp/tcp.h"
#include "tcp/window.h"

struct ft_tcp_listener;

// What a connection owes its peer. Input, timers and calls note it; output pays once a turn, in this
// order, so that an ACK rides on whatever else goes.
enum ft_tcp_owed {
	FT_OWE_RETRANSMIT = 0x01, // the first segment not acknowledged, once more
	FT_OWE_PROBE = 0x02,	  // a byte into a closed window, or what was held back too long
	FT_OWE_OUTPUT = 0x04,	  // SYN, data or FIN may have become sendable: look
	FT_OWE_KEEPALIVE = 0x08,  // a segment with nothing new, to hear whether the peer is there
	FT_OWE_ACK = 0x10,	  // an ACK, riding on data or alone
	FT_OWE_ROOM = 0x20,	  // to the application: word that there are packet buffers again
};

// The deadlines of a connection, in the order in which those due at once expire; tcp_timers.c says in words what each is
// for.
enum ft_tcp_timer {
	FT_TCP_TIMER_RETRANSMIT,
	FT_TCP_TIMER_DELAYED_ACK,
	FT_TCP_TIMER_USER,
	FT_TCP_TIMER_REST,
	FT_TCP_TIMER_KEEPALIVE,
	FT_TCP_TIMER_QUIET,
	FT_TCP_TIMER_COUNT
};

struct ft_tcp_conn {
	// Line 0: the checks on a segment.
	struct ft_tuple tuple;
	// Of one word, so that one compare tells that a connection is open and of these that are rare there is
	// none.
	uint32_t state : 8;	     // enum ft_tcp_state
	uint32_t error : 8;	     // pending, an errno (they are below 256)
	uint32_t is_read_shut : 1;   // SHUT_RD: what comes is acknowledged and thrown away
	uint32_t has_urgent : 1;     // a mark at rcv_up that was not passed yet
	uint32_t is_more_coming : 1; // MSG_MORE: like cork, until the next send or ACK
	uint32_t is_sending_urgent : 1;
	uint32_t has_gap : 1;	       // something may wait in `reorder`
	uint32_t has_martian_peer : 1; // as ft_conn_is_peer_martian() says
	uint32_t : 2;
	uint32_t owed : 8; // enum ft_tcp_owed
	struct {
		uint32_t nxt;
		uint32_t wnd;	    // from nxt to the right edge last offered
		uint32_t acked;	    // nxt as last sent: RFC 7323's Last.ACK.sent
		uint32_t ts_recent; // TS.Recent
		uint32_t irs;
	} rcv;

	// Line 1: what an ACK moves and output asks.
	struct {
		uint32_t una;
		uint32_t nxt; // goes back to una after a timeout
		uint32_t max; // the highest number ever sent, plus one
		uint32_t wnd; // scaled
		uint32_t wl1;
		uint32_t wl2;
		uint32_t up; // the byte behind urgent data, if is_sending_urgent
		uint32_t iss;
		uint32_t sml;	  // the end of the last segment shorter than the MSS (Minshall)
		uint32_t max_wnd; // the largest window the peer ever offered
	} snd;
	uint32_t ts_offset;
	uint16_t mss; // Eff.snd.MSS: payload of a full segment, options deducted (RFC 9293 3.7.1)
	uint16_t rcv_mss;	// the peer's full segment, as far as seen
	uint16_t offer_mss;	// what the peer's MSS option said, or 536
	uint16_t announced_mss; // what ours said
	uint8_t snd_scale;
	uint8_t rcv_scale;
	bool has_timestamps : 1; // both sides sent the option with SYN (RFC 7323 3.2)
	bool has_scaling : 1;
	bool is_fin_queued : 1; // the application sends no more; a FIN follows the data
	bool is_fin_acked : 1;
	bool is_fin_received : 1;    // in order: rcv.nxt is behind it
	bool is_orphan : 1;	     // the application has closed it
	bool is_passive : 1;	     // opened by a SYN to a listener
	bool is_cwnd_limited : 1;    // cwnd ended the last sending (cc.h)
	bool is_flushed : 1;	     // nothing of what is queued is held back
	bool is_urgent_readable : 1; // urgent_byte has come and MSG_OOB has not taken it
	bool was_syn_lost : 1;	    // SYN or SYN-ACK was sent again: begin carefully (RFC 5681 3.1)
	bool was_hoarder_tried : 1; // since packets_moved
	uint8_t reuse : 4;	    // enum ft_port_reuse, as the port was held with
	uint8_t soft_error; // told by ICMP, reported if the connection times out (RFC 1122 4.2.3.9)
	uint8_t packets_moved; // when something last moved in the send queue: tcp_hoarders.h
	uint16_t snd_laps;     // how often SND.UNA has gone round past the ISS: every 4 GB
	uint32_t send_limit;   // bytes of the send queue: options.send_buffer, and as it has grown

	// Line 2: what an ACK tells of the path.
	struct ft_rtt rtt;
	struct ft_retransmit retransmit;

	// Lines 3 and 4: when what happens, and to whom it matters.
	struct ft_timer timer; // stands at the earliest deadline or before it
	ft_time deadlines[FT_TCP_TIMER_COUNT];
	ft_time last_heard;	   // the last acceptable segment
	ft_time last_sent;	   // data
	ft_time last_received;	   // data
	struct ft_list owing_node; // in tcp->owing or tcp->wanting
	struct ft_socket *socket;  // NULL: not accepted yet, or closed

	// Lines 5 and 7 begin with what a queue of few bytes needs.
	struct ft_receive_queue receive_queue;
	struct ft_receive_memory receive_memory;
	struct ft_send_queue send_queue;
	struct ft_reorder reorder;

	// Line 10, from the middle of the options on, is the last that a request needs.
	struct ft_tcp_options options;
	uint64_t head_number;	   // of the IP head that it last had (ip_head.h), or 0
	uint32_t ts_recent_age;	   // when ts_recent was taken: ft_conn_age()
	uint16_t rcv_laps;	   // how often RCV.NXT has gone round past the IRS: every 4 GB
	uint8_t unanswered_probes; // of a silent peer, or of a closed window
	uint8_t timeouts;	   // in a row, with nothing acknowledged between them
	struct ft_cc cc;

	uint8_t again;	       // why snd.nxt last went back: enum ft_pkt_cause
	uint8_t window_probes; // since the window closed, answered or not
	uint8_t challenges_left;
	uint8_t urgent_byte;
	uint32_t rcv_up;		  // where the urgent byte is, if has_urgent
	struct ft_list queue_node;	  // in a listener's queue, or in tcp->lingering
	struct ft_tcp_listener *listener; // while in one of its queues
	struct ft_tcp_anchor *anchor;
	uint32_t challenge_second; // the second that challenges_left counts for
	uint32_t total_retransmits;
};

_Static_assert(offsetof(struct ft_tcp_conn, snd) == 64,
	"the checks on a segment need one line of the block: line 0");
_Static_assert(
	offsetof(struct ft_tcp_conn, rtt) == 128 && offsetof(struct ft_tcp_conn, timer) == 192,
	"lines 0 and 1 are full, and so is line 2");
_Static_assert(offsetof(struct ft_tcp_conn, receive_queue) == 320 &&
		       offsetof(struct ft_tcp_conn, send_queue) == 448 &&
		       offsetof(struct ft_tcp_conn, options.receive_buffer) == 640,
	"a request of few bytes needs eight lines: 0 to 5, 7, 10 (tcp_prefetch.h)");
_Static_assert(sizeof(struct ft_tcp_conn) <= 768,
	"a core's cache holds the blocks of a thousand connections at work");

// Whether there are fewer than `most` blocks in use, once the connections that can rest do, and what lingers has
// ended, as far as it takes.
bool ft_conn_make_room(struct ft_stack *stack, uint32_t most);

// What lingers protects the peer's future, or waits for a peer that may have gone; a new connection is
// the present. When all blocks are in use, the one that has lingered longest goes (RFC 6429 asks for
// such a policy; Linux has tcp_max_tw_buckets and tcp_max_orphans).
bool ft_conn_end_oldest_lingering(struct ft_stack *stack);

// A block, its bytes as the last user left them. NULL: there is none, but for a reserve of an eighth that
// `leaves_reserve` leaves.
static inline struct ft_tcp_conn *ft_conn_take_block(struct ft_stack *stack, bool leaves_reserve)
{
	struct ft_tcp *tcp = &stack->tcp;
	const uint32_t most = tcp->conns.maximum - (leaves_reserve ? tcp->conns_reserved : 0);

	if (unlikely(tcp->conns.in_use >= most) && !ft_conn_make_room(stack, most))
		return NULL;
	return ft_pool_take(&tcp->conns);
}

// Fills a block with what every connection with these options begins with; or a model that blocks are copied from. It
// has no tuple yet.
void ft_conn_init(struct ft_stack *stack, struct ft_tcp_conn *conn,
	const struct ft_tcp_options *options, uint8_t reuse);

// Whether no frame may come from the peer's address (RFC 1812 5.3.7): it is ours, or nobody's.
bool ft_conn_is_peer_martian(const struct ft_stack *stack, const struct ft_tuple *tuple);

// RFC 9293 figure 5: of the state that is left, a bit for each that may follow.
extern const uint16_t ft_conn_legal_moves[FT_TCP_STATE_COUNT];

// tcp_trace.c: it is about to move to `state`.
void ft_tcp_trace_move(struct ft_stack *stack, const struct ft_tcp_conn *conn,
	enum ft_tcp_state state) __attribute__((cold));

// The one gate for state changes while nothing is traced: asserts that the move is legal, and counts.
static inline void ft_conn_set_state_untold(
	struct ft_stack *stack, struct ft_tcp_conn *conn, enum ft_tcp_state state)
{
	assert(ft_conn_legal_moves[conn->state] & (1u << state));
	stack->tcp.in_state[conn->state]--;
	stack->tcp.in_state[state]++;
	conn->state = state;
	if (state == FT_TCP_ESTABLISHED)
		ft_stack_count(stack, FT_COUNTER_TCP_ESTABLISHED);
}

// The one gate at any time: traces, too.
static inline void ft_conn_set_state(
	struct ft_stack *stack, struct ft_tcp_conn *conn, enum ft_tcp_state state)
{
	if (unlikely(stack->trace & FT_TRACE_TCP))
		ft_tcp_trace_move(stack, conn, state);
	ft_conn_set_state_untold(stack, conn, state);
}

// The connection is over: into CLOSED, out of the table, nothing owed, timers stopped, send queue
// and gaps thrown away. `error` (a positive errno or 0) is for the application, which may still
// read what was received in order. The block itself lives on until ft_conn_reap().
void ft_conn_end(struct ft_stack *stack, struct ft_tcp_conn *conn, int error);
// The same, by whoever has its tuple's hash at hand.
void ft_conn_end_hashed(struct ft_stack *stack, struct ft_tcp_conn *conn, uint64_t hash, int error);

// What ft_conn_reap() does once there may be something to do.
void ft_conn_release(struct ft_stack *stack, struct ft_tcp_conn *conn);

// Open, and the timer has found it quiet, or others need room in the cache. (Before it has a socket it can't rest.)
static inline bool ft_conn_is_rest_due(const struct ft_stack *stack, const struct ft_tcp_conn *conn)
{
	if (conn->state != FT_TCP_ESTABLISHED && conn->state != FT_TCP_CLOSE_WAIT)
		return false;
	return conn->deadlines[FT_TCP_TIMER_REST] == FT_NEVER ||
	       (stack->tcp.conns.in_use > FT_TCP_WARM_BLOCKS && conn->socket != NULL);
}

// Gives block and anchor back if the connection has ended and neither a socket nor an accept queue holds
// it; and the block alone if the connection can rest now. Every entry (segment, expiry, call) ends with
// this; nobody else frees.
static inline void ft_conn_reap(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	if (unlikely(conn->state == FT_TCP_CLOSED || ft_conn_is_rest_due(stack, conn)))
		ft_conn_release(stack, conn);
}

// A time to about a second: 2^30 ns.
static inline uint32_t ft_conn_age(ft_time now)
{
	return (uint32_t)(now >> 30);
}

// Notes what is owed, while nothing is traced.
static inline void ft_conn_owe_untold(
	struct ft_stack *stack, struct ft_tcp_conn *conn, uint8_t owed)
{
	if (unlikely(conn->owed == FT_OWE_ROOM)) // in tcp->wanting until now
		ft_list_remove(&conn->owing_node);
	conn->owed |= owed;
	if (ft_list_is_empty(&conn->owing_node))
		ft_list_append(&stack->tcp.owing, &conn->owing_node);
}

// Notes what is owed, and why, for the trace.
static inline void ft_conn_owe(
	struct ft_stack *stack, struct ft_tcp_conn *conn, uint8_t owed, const char *why)
{
	ft_conn_owe_untold(stack, conn, owed);
	ft_trace_of(stack, FT_TRACE_TCP, &conn->tuple, "owes %s", why);
}

// Tells the socket, if there is one.
static inline void ft_conn_notify(struct ft_stack *stack, struct ft_tcp_conn *conn, uint32_t events)
{
	if (conn->socket != NULL)
		ft_socket_notify(stack, conn->socket, events);
}

// One of the states in which both sides know each other's numbers (RFC 9293 3.3.2).
static inline bool ft_conn_is_synchronized(const struct ft_tcp_conn *conn)
{
	return conn->state >= FT_TCP_ESTABLISHED;
}

static inline bool ft_conn_may_receive(const struct ft_tcp_conn *conn)
{
	return conn->state == FT_TCP_ESTABLISHED || conn->state == FT_TCP_FIN_WAIT_1 ||
	       conn->state == FT_TCP_FIN_WAIT_2;
}

// The number of the first byte in the send queue: SND.UNA, but SYN comes before it.
static inline uint32_t ft_conn_data_seq(const struct ft_tcp_conn *conn)
{
	return ft_conn_is_synchronized(conn) ? conn->snd.una : conn->snd.iss + 1;
}

// The number behind the last byte queued, where the FIN will stand.
static inline uint32_t ft_conn_end_seq(const struct ft_tcp_conn *conn)
{
	return ft_conn_data_seq(conn) + (uint32_t)conn->send_queue.bytes - conn->is_fin_acked;
}

static inline bool ft_conn_has_in_flight(const struct ft_tcp_conn *conn)
{
	return conn->snd.nxt != conn->snd.una;
}

// Data bytes not sent, or to be sent again after a timeout.
static inline uint32_t ft_conn_unsent_bytes(const struct ft_tcp_conn *conn)
{
	uint32_t nxt, end;

	if (conn->send_queue.bytes == 0)
		return 0;
	nxt = ft_seq_later(conn->snd.nxt, ft_conn_data_seq(conn));
	end = ft_conn_end_seq(conn);
	return ft_seq_is_before(nxt, end) ? end - nxt : 0;
}

// Whether something waits for the peer's window, or to be pushed: data, not only a FIN.
static inline bool ft_conn_data_waits(const struct ft_tcp_conn *conn)
{
	return conn->send_queue.bytes > 0;
}

// For a segment without data, a number that the peer accepts: the highest sent, since after a timeout
// SND.NXT may lie behind what the peer has; but not beyond a closed window, where a probe or a FIN has gone.
// (A SYN needs no window.)
static inline uint32_t ft_conn_acceptable_seq(const struct ft_tcp_conn *conn)
{
	return conn->snd.wnd == 0 && ft_conn_is_synchronized(conn) ? conn->snd.una : conn->snd.max;
}

// The number of the first byte received that the application has not read.
static inline uint32_t ft_conn_unread_seq(const struct ft_tcp_conn *conn)
{
	return conn->rcv.nxt - conn->is_fin_received - (uint32_t)conn->receive_queue.bytes;
}

// Bytes before the urgent one; all when there is none.
static inline uint64_t ft_conn_bytes_before_mark(const struct ft_tcp_conn *conn)
{
	return conn->has_urgent ? conn->rcv_up - ft_conn_unread_seq(conn) : UINT64_MAX;
}

static inline bool ft_conn_is_mark_readable(const struct ft_tcp_conn *conn)
{
	return ft_conn_bytes_before_mark(conn) < conn->receive_queue.bytes;
}

// RFC 6093 6: without SO_OOBINLINE the urgent byte is not part of the stream; a reader that stands
// before it passes over it. Then it is gone for MSG_OOB, too, and no longer news for EPOLLPRI.
void ft_conn_pass_mark(struct ft_tcp_conn *conn);

// Whether a FIN is to be sent now that all data is: queued, and SND.NXT not beyond it.
static inline bool ft_conn_owes_fin(const struct ft_tcp_conn *conn)
{
	return conn->is_fin_queued && !conn->is_fin_acked &&
	       ft_seq_is_at_or_before(conn->snd.nxt, ft_conn_end_seq(conn));
}

// The application has closed it, or one closed before has reached FIN-WAIT-2: deadlines that only
// orphans have.
void ft_conn_orphaned(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);

// In TIME-WAIT the application and the peer are done; 2 MSL pass.
void ft_conn_enter_time_wait(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);

// What ft_tcp_readiness() and ft_tcp_readable_bytes() say of a connection that does not rest.
uint32_t ft_conn_readiness(const struct ft_tcp_conn *conn);
uint64_t ft_conn_readable_bytes(const struct ft_tcp_conn *conn);

// ft_tcp_info() of a block, or of the likeness of one.
void ft_conn_info(
	struct ft_stack *stack, const struct ft_tcp_conn *conn, ft_time now, struct tcp_info *info);

// ft_tcp_volume() of the same.
struct ft_tcp_volume ft_conn_volume(const struct ft_tcp_conn *conn);

// Throws away what was received and not read.
void ft_conn_discard_unread(struct ft_stack *stack, struct ft_tcp_conn *conn);

static inline void ft_conn_discard_received(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	if (unlikely(!ft_receive_queue_is_empty(&conn->receive_queue)))
		ft_conn_discard_unread(stack, conn);
}

// Whether an ACK that a stranger may have provoked is within its limit (RFC 5961 7). The limit is
// each connection's own and random, so that it tells nothing about another (CVE-2016-5696).
bool ft_conn_may_challenge(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);

// RFC 5961: owes the ACK that makes an honest peer prove itself and tells a blind attacker nothing.
void ft_conn_challenge(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now);

// SO_RCVBUF, and what the packets in it may occupy.
void ft_conn_set_receive_buffer(struct ft_tcp_conn *conn, uint64_t bytes);

// What ft_send_queue_*() needs.
static inline struct ft_send_memory ft_conn_send_memory(struct ft_stack *stack)
{
	return (struct ft_send_memory){ .pool = stack->send_pool, .held = &stack->send_held };
}

#define FT_CONN_SEGMENTS_UNDER_PRESSURE 4ull

// When packets unread fill most of what the stack may hold, nobody is offered more than a few
// segments: so those who read slowly do not starve those who read. What was offered stays offered.
static inline uint64_t ft_conn_buffer_offered(const struct ft_tcp_conn *conn)
{
	const struct ft_budget *packets = &conn->receive_memory.held->mbufs;
	uint64_t modest = FT_CONN_SEGMENTS_UNDER_PRESSURE * conn->rcv_mss;

	if (packets->used <= packets->limit / 4 * 3)
		return conn->options.receive_buffer;
	return RTE_MIN(conn->options.receive_buffer, modest);
}

// What ft_window_*() needs.
static inline struct ft_window_offer ft_conn_window_offer(const struct ft_tcp_conn *conn)
{
	return (struct ft_window_offer){
		.buffer_bytes = ft_conn_buffer_offered(conn),
		.used_bytes = conn->receive_queue.bytes,
		.rcv_wnd = conn->rcv.wnd,
		.mss = conn->rcv_mss,
		.shift = conn->rcv_scale,
	};
}

// The window field of a segment that is no SYN: what is offered is chosen anew with each.
static inline uint16_t ft_conn_offer_window(struct ft_tcp_conn *conn)
{
	struct ft_window_offer offer;

	if (!likely(ft_window_is_all_but(
		    conn->options.receive_buffer, conn->rcv.wnd, conn->rcv_mss))) {
		offer = ft_conn_window_offer(conn);
		conn->rcv.wnd = ft_window_choose(&offer);
	}
	return ft_window_field(conn->rcv.wnd, conn->rcv_scale);
}
