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
	struct ft_tuple tuple; // the remote half is zero unless connected
	struct ft_binding binding;
	struct ft_socket *socket;
	struct ft_pkt_queue received;
	struct ft_budget receive_bytes; // of packet buffers held (SO_RCVBUF), not of payload
	bool is_bound;
	bool is_connected;
	bool can_broadcast;
	uint8_t ttl;
	uint8_t tos;
	int error; // pending SO_ERROR, an errno
};

int ft_udp_init(struct ft_stack *stack);
void ft_udp_free(struct ft_stack *stack);

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
