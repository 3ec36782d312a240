// ARP (RFC 826), its cache with the states of a neighbour (named as in RFC 4861 7.3.2), and the
// announcement and defence of our addresses (RFC 5227).
#pragma once
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_ether.h>

#include "base/budget.h"
#include "base/drop.h"
#include "base/list.h"
#include "base/pkt.h"
#include "base/pool.h"
#include "base/timer.h"

struct ft_stack;

// Hosts that answered and hosts that did not (yet) stand in lists of their own: a storm of
// addresses that nobody has replaces other such addresses, not the neighbours we talk to.
struct ft_arp {
	struct ft_pool neighbours;
	struct ft_list *buckets;   // by keyed hash of the address
	uint32_t bucket_count;	   // a power of two
	struct ft_neighbour *last; // found, since many packets in a row go to one gateway; or NULL
	struct ft_list resolved;   // least recently used first
	struct ft_list unresolved; // oldest first
	uint32_t unresolved_count;
	uint64_t changes;	  // of who is REACHABLE, and where
	struct ft_budget waiting; // mbufs queued for unresolved neighbours, all together
	struct ft_timer announce;
	uint32_t announcements_left;
	ft_time defended; // when we last stood up for an address; FT_NEVER: not yet
};

int ft_arp_init(struct ft_stack *stack);
void ft_arp_free(struct ft_stack *stack);

// Announces our addresses (gratuitous ARP): at start and when the link comes up.
void ft_arp_announce(struct ft_stack *stack, ft_time now);

// Takes a packet of kind FT_PKT_ARP.
enum ft_drop ft_arp_input(struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now);

// Sends an IPv4 packet (data at the IP header) to an on-link neighbour; owns the packet. Resolves
// the address when needed: the packet then waits, in order, with at most arp.queue_packets others.
// A stale entry is used while it is asked about again.
void ft_arp_output(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_addr *next_hop, ft_time now);

// The MAC address of a neighbour heard of lately, in *mac, and its place in arp->resolved; both hold until
// arp->changes rises. NULL: it is for ft_arp_output() to see to it.
struct ft_list *ft_arp_recall(
	struct ft_stack *stack, const struct ft_addr *next_hop, struct rte_ether_addr *mac);

// Something is sent to a neighbour that ft_arp_recall() has found.
static inline void ft_arp_note_use(struct ft_arp *arp, struct ft_list *neighbour)
{
	if (likely(arp->resolved.previous == neighbour))
		return;
	ft_list_remove(neighbour);
	ft_list_append(&arp->resolved, neighbour);
}

// The expiry of FT_TIMER_ARP.
void ft_arp_expire(struct ft_stack *stack, struct ft_timer *timer, ft_time now);
