// TCP (RFC 9293). What the packet path, the loop and the shim call; everything else is inside tcp/.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/pkt.h"
#include "base/pool.h"
#include "base/timer.h"
#include "demux/conn_table.h"
#include "demux/port_table.h"
#include "ip/icmp.h"

struct ft_cc_algorithm;
struct ft_incoming;
struct ft_socket;
struct ft_stack;
struct ft_tcp_anchor; // a connection, for all outside tcp/: anchor.h
struct ft_tcp_listener;
struct tcp_info; // that of <netinet/tcp.h>, as applications see it

// RFC 9293 3.3.2.
enum ft_tcp_state {
	FT_TCP_CLOSED,
	FT_TCP_LISTEN,
	FT_TCP_SYN_SENT,
	FT_TCP_SYN_RECEIVED,
	FT_TCP_ESTABLISHED,
	FT_TCP_FIN_WAIT_1,
	FT_TCP_FIN_WAIT_2,
	FT_TCP_CLOSE_WAIT,
	FT_TCP_CLOSING,
	FT_TCP_LAST_ACK,
	FT_TCP_TIME_WAIT,
	FT_TCP_STATE_COUNT
};

#define FT_TCP_FRESH_ACKS 256

struct ft_tcp_fresh_ack {
	struct ft_tcp_conn *conn;
	ft_time deadline;
};

// Connections whose delayed ACK the wheel has not heard of yet (tcp_timers.h), the oldest first. A block given back
// meanwhile, and whatever it is now, does no harm here: its deadlines say so.
struct ft_tcp_fresh_acks {
	struct ft_tcp_fresh_ack acks[FT_TCP_FRESH_ACKS];
	struct ft_tcp_fresh_ack *first; // the oldest that still waits
	struct ft_tcp_fresh_ack *end;
};

struct ft_tcp {
	struct ft_pool
		anchors;      // struct ft_tcp_anchor, which begins with its tuple: all connections
	struct ft_pool conns; // struct ft_tcp_conn: of those that do not rest
	uint32_t conns_reserved;  // of these, for what comes from outside
	struct ft_pool alarms;	  // struct ft_tcp_alarm
	struct ft_pool listeners; // struct ft_tcp_listener
	struct ft_conn_table connections;
	struct ft_port_table ports;
	struct ft_list owing;	// connections that owe the peer something: each visited once a turn
	struct ft_list wanting; // those that owe nothing but word of packet buffers
	struct ft_list lingering; // TIME-WAIT, and FIN-WAIT-2 once closed: the longest there first
	uint32_t rest_hand;	  // the block to look at next when one is wanted
	uint32_t hoarder_hand;	  // and when packets to send are short
	ft_time scarce_began, scarce_for, scarce_at; // packets to send; in which turn last
	const struct ft_cc_algorithm *congestion;    // as configured
	bool is_ending;				     // nothing will be sent any more
	ft_time chain_failed_at; // the turn in which there were not enough packets for a chain
	uint64_t in_state[FT_TCP_STATE_COUNT];
	struct ft_tcp_fresh_acks fresh_acks;
};

// What a socket has been told by setsockopt() before it has a connection, and a listener passes on
// to the connections it accepts.
struct ft_tcp_options {
	uint64_t send_buffer; // bytes: what a connection begins with, unless is_send_buffer_set
	ft_time keepalive_idle;
	ft_time keepalive_interval;
	char congestion[16];
	uint32_t keepalive_count;
	uint16_t mss; // TCP_MAXSEG, 0: what the path allows
	bool reuse_address;
	bool reuse_port;
	// What is asked with each segment.
	uint64_t receive_buffer; // bytes
	ft_time user_timeout;	 // 0: the configured default
	uint8_t ttl;		 // 0: the configured default
	uint8_t tos;
	bool no_delay;		 // TCP_NODELAY: Nagle off
	bool cork;		 // TCP_CORK
	bool quick_ack;		 // TCP_QUICKACK
	bool keepalive;		 // SO_KEEPALIVE
	bool oob_inline;	 // SO_OOBINLINE
	bool is_send_buffer_set; // SO_SNDBUF: it does not grow by itself
};

int ft_tcp_init(struct ft_stack *stack);
// From here on nothing is sent: sockets that are closed need not wake their connections for it.
void ft_tcp_stop(struct ft_stack *stack);
void ft_tcp_free(struct ft_stack *stack);

// ---- from the packet path ----

// Parses the header and options at info->transport_offset; called by ft_ip_parse() for protocol 6.
// Checks data offset, checksum, ports; fills info->seg, ports, payload and kind. Changes nothing.
enum ft_drop ft_tcp_parse(struct ft_stack *stack, struct rte_mbuf *pkt);

// Takes a segment of kind FT_PKT_TCP. `candidate` is the connection that the burst's lookup found,
// or NULL. (The caller makes sure that it is still in the table.)
enum ft_drop ft_tcp_input(
	struct ft_stack *stack, struct rte_mbuf *pkt, struct ft_tcp_anchor *candidate, ft_time now);

// Takes packets of a burst from the front, as long as each is a segment of a connection that comes next there
// (tcp_predicted.h, tcp_passage.h); none while anything is traced or recorded. Returns how many. Of the next, if there
// is one, *reason says why it is not taken; or FT_TAKEN: nothing has happened with it, and it is for ft_tcp_input() or
// others. (Even so what was but glanced at may have been parsed.) The table had seen `changes` when the packets were
// looked up.
uint16_t ft_tcp_input_predicted(struct ft_stack *stack, struct ft_incoming *incoming,
	uint16_t count, uint64_t changes, ft_time now, enum ft_drop *reason);

// An ICMP error about a segment of ours (RFC 5927 checks are made here).
enum ft_drop ft_tcp_error(struct ft_stack *stack, const struct ft_icmp_error *error, ft_time now);

// ---- from the loop ----

// The expiries of FT_TIMER_TCP and FT_TIMER_TCP_ALARM.
void ft_tcp_expire(struct ft_stack *stack, struct ft_timer *timer, ft_time now);
void ft_tcp_expire_alarm(struct ft_stack *stack, struct ft_timer *timer, ft_time now);

// Sends what connections owe (tcp->owing): data, ACKs, window updates, FINs. Once a turn.
void ft_tcp_pay(struct ft_stack *stack, ft_time now);

// ---- from the shim (RFC 9293 3.9.1); none of them blocks; errors are negative errnos ----
//
// -ENOBUFS from what wakes a connection at rest: all blocks are in use.

// The defaults of the configuration.
void ft_tcp_options_init(struct ft_stack *stack, struct ft_tcp_options *options);

// Active OPEN. `tuple` is whole: local port chosen and held (ft_port_choose(), or bound and held
// with ft_port_hold()); from here on the connection gives the hold back when it ends. On an error
// the hold stays the caller's. The socket is told of writability or of the error. -EADDRNOTAVAIL: the
// tuple is in use. -ENOMEM. -ENETUNREACH.
int ft_tcp_connect(struct ft_stack *stack, const struct ft_tuple *tuple, struct ft_socket *socket,
	const struct ft_tcp_options *options, ft_time now, struct ft_tcp_anchor **conn);

// Passive OPEN of a socket whose binding is bound and listening (ft_port_listen()). The options are
// read when a SYN comes, so later changes count.
int ft_tcp_listen(struct ft_stack *stack, struct ft_binding *binding, struct ft_socket *socket,
	const struct ft_tcp_options *options, uint32_t backlog, struct ft_tcp_listener **listener);
// Other options to read; and a `backlog` is taken as it is: the shim limits it to tcp.backlog.
void ft_tcp_set_listener_options(
	struct ft_tcp_listener *listener, const struct ft_tcp_options *options);
void ft_tcp_set_backlog(struct ft_tcp_listener *listener, uint32_t backlog);
// Resets what was not accepted, frees the listener; the binding stays the caller's.
void ft_tcp_close_listener(struct ft_stack *stack, struct ft_tcp_listener *listener, ft_time now);

// Who accepts, and whether there is something to accept: listener.h.

enum ft_tcp_send_flag { FT_TCP_SEND_MORE = 1, FT_TCP_SEND_URGENT = 2 };
// SEND: queues up to the bytes of `iov`, as much as fits the send buffer; returns how many, or
// -EAGAIN when none fits, -ENOTCONN, -EPIPE (after a FIN of ours or once the connection ended), or
// the connection's pending error, which is taken by telling it.
ssize_t ft_tcp_send(struct ft_stack *stack, struct ft_tcp_anchor *conn, const struct iovec *iov,
	int iov_count, int flags, ft_time now);

enum ft_tcp_receive_flag {
	FT_TCP_RECEIVE_PEEK = 1,
	FT_TCP_RECEIVE_URGENT = 2,
	FT_TCP_RECEIVE_DISCARD = 4
};
// RECEIVE: up to the bytes of `iov` in order; 0 at the end of the stream, -EAGAIN when nothing is
// there, -ENOTCONN, or the pending error. Stops at the urgent mark unless it stands there. URGENT:
// the one urgent byte, -EINVAL when there is none. DISCARD (MSG_TRUNC): counts, copies nothing.
ssize_t ft_tcp_receive(struct ft_stack *stack, struct ft_tcp_anchor *conn, const struct iovec *iov,
	int iov_count, int flags, ft_time now);

// Bytes that can be received, bytes not acknowledged, bytes not sent (SIOCOUTQ, SIOCOUTQNSD); and bytes
// before the urgent mark, which one call can receive (FIONREAD, as Linux counts).
uint64_t ft_tcp_readable_bytes(const struct ft_tcp_anchor *conn);
uint64_t ft_tcp_bytes_to_mark(const struct ft_tcp_anchor *conn);
uint64_t ft_tcp_unacked_bytes(const struct ft_tcp_anchor *conn);
uint64_t ft_tcp_unsent_bytes(const struct ft_tcp_anchor *conn);
bool ft_tcp_is_at_mark(const struct ft_tcp_anchor *conn); // sockatmark()

// Half-close: no more will be sent (a FIN follows the data), or received is thrown away (SHUT_RD:
// what comes later is acknowledged and discarded, as Linux does). -ENOTCONN.
int ft_tcp_shutdown(
	struct ft_stack *stack, struct ft_tcp_anchor *conn, bool read, bool write, ft_time now);

// CLOSE: the application lets go; the connection lives on without a socket until its FIN is
// acknowledged and TIME-WAIT is over. With received bytes unread it is reset (RFC 9293 3.10.4 and
// RFC 2525 2.17); so it is by ABORT (SO_LINGER with zero).
void ft_tcp_close(struct ft_stack *stack, struct ft_tcp_anchor *conn, ft_time now);
void ft_tcp_abort(struct ft_stack *stack, struct ft_tcp_anchor *conn, ft_time now);

enum ft_tcp_state ft_tcp_state(const struct ft_tcp_anchor *conn);
const char *ft_tcp_state_name(enum ft_tcp_state state); // "ESTABLISHED", RFC 9293's spelling

// EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI, as Linux's tcp_poll() says
// them.
uint32_t ft_tcp_readiness(const struct ft_tcp_anchor *conn);

int ft_tcp_take_error(struct ft_tcp_anchor *conn); // SO_ERROR: a positive errno or 0, cleared
const struct ft_tuple *ft_tcp_tuple(const struct ft_tcp_anchor *conn);
// Whether those of a connection just accepted, which does not rest, are these.
bool ft_tcp_has_options(const struct ft_tcp_anchor *anchor, const struct ft_tcp_options *options);
void ft_tcp_get_options(
	struct ft_stack *stack, struct ft_tcp_anchor *conn, struct ft_tcp_options *options);
// Applies what differs: starts keepalive, sends what NODELAY or an end of CORK releases, ...
// -ENOENT: no such congestion control.
int ft_tcp_set_options(struct ft_stack *stack, struct ft_tcp_anchor *conn,
	const struct ft_tcp_options *options, ft_time now);
// Sends what Nagle, MSG_MORE or a cork hold back; what is written afterwards they hold again.
void ft_tcp_flush(struct ft_stack *stack, struct ft_tcp_anchor *conn);
uint16_t ft_tcp_mss(
	const struct ft_tcp_anchor *conn); // TCP_MAXSEG of a connection, bytes of payload
// Fills what it knows, truthfully; fields for what does not exist here are zero.
void ft_tcp_info(
	struct ft_stack *stack, struct ft_tcp_anchor *conn, ft_time now, struct tcp_info *info);
// Of a listener, as on Linux: connections that wait in tcpi_unacked, the backlog in tcpi_sacked.
void ft_tcp_listener_info(const struct ft_tcp_listener *listener, struct tcp_info *info);

// Bytes of data since the connection was opened, each once (RFC 4898: HCThruOctetsAcked, HCThruOctetsReceived).
struct ft_tcp_volume {
	uint64_t bytes_acked;	 // sent, and acknowledged by the peer
	uint64_t bytes_received; // in order
};
struct ft_tcp_volume ft_tcp_volume(struct ft_stack *stack, struct ft_tcp_anchor *conn);
