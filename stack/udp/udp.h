// UDP (RFC 768, RFC 1122 4.1). The calls the shim makes, and what the packet path calls.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/budget.h"
#include "base/pkt.h"
#include "demux/conn_table.h"
#include "demux/port_table.h"
#include "ip/icmp.h"

struct ft_socket;
struct ft_stack;

struct ft_udp {
	struct ft_pool sockets; // struct ft_udp_socket
	struct ft_conn_table connected;
	struct ft_port_table ports;
};

// A UDP socket; its tuple comes first because the connection table proves matches there.
struct ft_udp_socket {
	struct ft_tuple tuple; // zero unless connected
	struct ft_binding binding;
	struct ft_socket *socket;
	struct ft_pkt_queue received;
	struct ft_budget receive_bytes; // of packet buffers held (SO_RCVBUF), not of payload
	bool is_bound;
	bool has_chosen_port; // by us, not by bind(): given back on disconnect
	bool is_connected;
	bool is_shut_read;
	bool is_shut_write;
	bool can_broadcast;
	bool dont_fragment; // IP_PMTUDISC_DO: too large a datagram is EMSGSIZE, not fragments
	uint8_t ttl;	    // 0: the configured default
	uint8_t tos;
	int error; // pending SO_ERROR, an errno
};

int ft_udp_init(struct ft_stack *stack);
void ft_udp_free(struct ft_stack *stack);

// ---- from the packet path (udp.c) ----

// Parses the header at info->transport_offset; called by ft_ip_parse() for protocol 17. Checks
// length and checksum, fills ports, payload and kind. Changes nothing in the stack.
enum ft_drop ft_udp_parse(struct ft_stack *stack, struct rte_mbuf *pkt);

// Takes a datagram of kind FT_PKT_UDP. `candidate` is the connected socket the burst's lookup
// found, or NULL.
enum ft_drop ft_udp_input(
	struct ft_stack *stack, struct rte_mbuf *pkt, struct ft_udp_socket *candidate, ft_time now);

// An ICMP error about a datagram of ours: pending error of the connected socket it names. FT_TAKEN
// when there was one, else the reason it is ignored.
enum ft_drop ft_udp_error(struct ft_stack *stack, const struct ft_icmp_error *error, ft_time now);

// ---- from the shim (udp_user.c); none of them blocks; errors are negative errnos ----

// A socket with neither name nor peer, or NULL when the pool is empty.
struct ft_udp_socket *ft_udp_open(struct ft_stack *stack, struct ft_socket *socket);
// Discards what was not received.
void ft_udp_close(struct ft_stack *stack, struct ft_udp_socket *udp);

// Claims a port (0: one is chosen) at an address of ours, a broadcast address, or all (any).
// binding.reuse_address and reuse_port say what bind() may share. -EADDRINUSE.
int ft_udp_bind(struct ft_stack *stack, struct ft_udp_socket *udp, const struct ft_addr *address,
	uint16_t port);

// Sets the peer, or changes it. -ENETUNREACH, -EACCES (broadcast not allowed), -EADDRNOTAVAIL (no
// port left), -EADDRINUSE (another socket has this very tuple), -ENOMEM; the old peer is then gone.
int ft_udp_connect(struct ft_stack *stack, struct ft_udp_socket *udp, const struct ft_addr *remote,
	uint16_t remote_port, ft_time now);
void ft_udp_disconnect(struct ft_stack *stack, struct ft_udp_socket *udp);

// Sends one datagram of `bytes` bytes from `iov`, to `remote` or, when that is NULL, to the peer.
// Returns `bytes`, or the pending error (taken by telling it), -EPIPE, -EMSGSIZE, -EDESTADDRREQ,
// -EACCES, -EINVAL (port 0), -ENETUNREACH, -EADDRNOTAVAIL, -EAGAIN (the transmit queue is full),
// -ENOBUFS.
ssize_t ft_udp_send(struct ft_stack *stack, struct ft_udp_socket *udp, const struct ft_addr *remote,
	uint16_t remote_port, const struct iovec *iov, int iov_count, uint64_t bytes, ft_time now);

// Receives one datagram into `iov`; what does not fit is lost. Returns its whole length and, in
// *from, who sent it; 0 with *from zero at the end after shutdown(); -EAGAIN when there is none; or
// the pending error. With `is_peek` the datagram stays.
ssize_t ft_udp_receive(struct ft_stack *stack, struct ft_udp_socket *udp, const struct iovec *iov,
	int iov_count, bool is_peek, struct ft_tuple *from);

// Payload bytes of the first datagram waiting, 0 when there is none (FIONREAD).
uint64_t ft_udp_readable_bytes(const struct ft_udp_socket *udp);

// SHUT_RD: receiving ends once the queue is empty. SHUT_WR: sending fails. -ENOTCONN without a
// peer, but done all the same, as in Linux: it wakes a reader.
int ft_udp_shutdown(struct ft_stack *stack, struct ft_udp_socket *udp, bool read, bool write);

// The EPOLL* events that hold now.
uint32_t ft_udp_readiness(const struct ft_udp_socket *udp);
int ft_udp_take_error(struct ft_udp_socket *udp); // a positive errno or 0, cleared
