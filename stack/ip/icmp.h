// ICMP as a host speaks it (RFC 792, RFC 1122 3.2.2): answers echo, sends errors within a rate,
// checks errors received and hands them to the socket they name.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/drop.h"
#include "base/pkt.h"
#include "base/time.h"
#include "demux/tuple.h"

struct ft_stack;

struct ft_icmp {
	double tokens; // errors that may be sent now; see icmp.c on why the rate is randomised
	ft_time refilled;
};

enum ft_icmp_reason { // why we send an error
	FT_ICMP_PORT_UNREACHABLE,
	FT_ICMP_PROTOCOL_UNREACHABLE,
	FT_ICMP_REASSEMBLY_TIMEOUT,
};

// An error a router or host sent about a packet of ours, without the family's type numbers.
struct ft_icmp_error {
	struct ft_tuple tuple; // local is us: the quoted packet's source
	uint32_t seq;	       // the quoted TCP sequence number, host order (for TCP)
	int error;    // errno for the application: ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ...
	bool is_hard; // ends a connection that is being opened: see RFC 1122 4.2.3.9
	uint32_t mtu; // next-hop MTU of "fragmentation needed", else 0
};

// Takes a packet of kind FT_PKT_ICMP: turns an echo request into its reply in place, hands errors
// to ft_udp_error() or ft_tcp_error().
enum ft_drop ft_icmp_input(struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now);

// Sends an error about `pkt` (received, its data still beginning at the frame, its info filled)
// unless RFC 1122 3.2.2 forbids it (broadcast, multicast, fragments but the first, errors about
// errors) or the rate is used up. The packet stays the caller's.
void ft_icmp_send_error(
	struct ft_stack *stack, struct rte_mbuf *pkt, enum ft_icmp_reason reason, ft_time now);

// Tells the transport that its packet (data at the IP header, not sent) found no way: what a router
// would say with "host unreachable". The packet stays the caller's.
void ft_icmp_report_unreachable(struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now);

void ft_icmp_init(struct ft_stack *stack);
