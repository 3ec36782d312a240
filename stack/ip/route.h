// Which of our addresses, which next hop, which MTU: a short list, as a host has (RFC 1122 3.3.1).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "ip/addr.h"

struct ft_stack;

#define FT_ROUTE_ADDRESSES 64
#define FT_ROUTE_PATHS	   256
#define FT_ROUTE_MEMOS	   256 // a power of two

struct ft_local_address {
	struct ft_addr addr;
	struct ft_addr mask;	  // ones over the prefix: 120 of the 128 for an IPv4 /24
	struct ft_addr broadcast; // the prefix's directed broadcast address; all zero: none
	uint8_t prefix_bits;	  // of the 128
};

// A destination whose path MTU was found to be lower than the NIC's (RFC 1191, RFC 8201).
struct ft_path_mtu {
	struct ft_addr destination;
	uint16_t mtu;
	ft_time expires; // after ten minutes the NIC's MTU is tried again
};

struct ft_route {
	struct ft_addr source;	 // the address of ours to use
	struct ft_addr next_hop; // the destination itself when on-link
	// Bytes of the largest IP packet on this path, as far as known. (For our own addresses the
	// NIC's, though loopback carries any size: so a segment fits one mbuf.)
	uint16_t mtu;
	bool is_local;	   // one of our own addresses, or 127.0.0.0/8
	bool is_broadcast; // limited or directed broadcast
	bool is_multicast;
};

// The way last found to a destination, since the next packet often goes there.
struct ft_route_memo {
	struct ft_addr destination;
	struct ft_route route; // its MTU is 0: nothing is noted here yet
};

struct ft_routes {
	struct ft_local_address local[FT_ROUTE_ADDRESSES];
	uint32_t local_count;
	struct ft_addr gateway;			  // all zero: none
	struct ft_addr gateway_source;		  // the address of ours in its prefix
	struct ft_path_mtu paths[FT_ROUTE_PATHS]; // a small keyed hash table; a new entry replaces
	ft_time paths_expire; // the last of them; past it none need be looked up
	// By the address's last bytes, without a key: a collision costs what no memo costs.
	struct ft_route_memo memos[FT_ROUTE_MEMOS];
};

// One of our own addresses, or the directed broadcast address of one of our prefixes.
static inline bool ft_route_is_taken(const struct ft_routes *routes, const struct ft_addr *addr)
{
	for (uint32_t i = 0; i < routes->local_count; i++)
		if (ft_addr_is_equal(&routes->local[i].addr, addr) ||
			ft_addr_is_equal(&routes->local[i].broadcast, addr))
			return true;
	return false;
}

// Finds the way to `destination`. Returns 0, or -ENETUNREACH when no prefix and no gateway fits.
int ft_route_find(struct ft_stack *stack, const struct ft_addr *destination, ft_time now,
	struct ft_route *route);

// The same for a packet to be sent: remembers the way for the next packet there. NULL when there is none.
// What is returned stays as it is until the next call.
const struct ft_route *ft_route_recall(
	struct ft_stack *stack, const struct ft_addr *destination, ft_time now);

// One of our own unicast addresses (127.0.0.0/8 included: loopback).
bool ft_route_is_local(const struct ft_stack *stack, const struct ft_addr *addr);

// Within one of our prefixes and not its broadcast address: a neighbour to be asked for by ARP.
bool ft_route_is_on_link(const struct ft_stack *stack, const struct ft_addr *addr);

// 255.255.255.255, or the directed broadcast address of one of our prefixes.
bool ft_route_is_broadcast(const struct ft_stack *stack, const struct ft_addr *addr);

// Notes a lower path MTU, as told by an ICMP message already found genuine. Values below 576 (552
// is Linux's floor; RFC 1191 says 68) are raised to 576, values not below what is known are
// ignored. Returns the MTU now in force.
uint16_t ft_route_lower_mtu(
	struct ft_stack *stack, const struct ft_addr *destination, uint32_t mtu, ft_time now);

// Takes addresses and gateway from the configuration. Returns 0, or -EINVAL with a sentence logged
// when one cannot be a host's.
int ft_route_init(struct ft_stack *stack);
