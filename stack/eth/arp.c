// The life of a neighbour:
//
//	        output                  reply                 reachable_time
//	(none) --------> INCOMPLETE ------------> REACHABLE ------------------> STALE
//	                  | no reply after           ^  ^                         |
//	                  v  `retries` requests      |  | reply                   | output
//	                (none), waiting packets      |  |                         v
//	                dropped                      |  +---------------------- PROBE --> (none)
//	                                             |                            no reply
//	(none) --------------------------------------+
//	        a request that asks for us
//
// In STALE and PROBE packets go to the address known so far; PROBE asks it alone, by unicast.
#include "eth/arp.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_arp.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/trace.h"
#include "eth/ethernet.h"
#include "stack.h"

// RFC 5227 1.1
#define ANNOUNCE_NUM	  2
#define ANNOUNCE_INTERVAL (2 * FT_SECOND)
#define DEFEND_INTERVAL	  (10 * FT_SECOND)

#define WAITING_SHARE 16 // of memory.packets: one in so many may wait for neighbours

enum state { INCOMPLETE, REACHABLE, STALE, PROBE };

struct ft_neighbour {
	struct ft_addr addr;
	struct rte_ether_addr mac;
	uint8_t state;	   // enum state
	uint32_t requests; // sent since we last heard from it
	struct ft_list in_bucket;
	struct ft_list in_order; // of arp.resolved or arp.unresolved
	struct ft_timer timer;
	struct ft_pkt_queue waiting;
};

static const struct rte_ether_addr broadcast_mac = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
static const struct rte_ether_addr zero_mac;

// ---- in words, for the trace ----

static __attribute__((cold)) void trace_message(
	struct ft_stack *stack, const struct rte_arp_ipv4 *said, bool is_request)
{
	const struct ft_addr sender = ft_addr_from_ip4(said->arp_sip);
	const struct ft_addr target = ft_addr_from_ip4(said->arp_tip);
	char who[FT_ADDR_TEXT_BYTES], asked[FT_ADDR_TEXT_BYTES];

	if (is_request)
		ft_trace(stack, FT_TRACE_ARP, "%s asks who has %s", ft_addr_text(&sender, who),
			ft_addr_text(&target, asked));
	else
		ft_trace(stack, FT_TRACE_ARP, "%s answers that it is at " RTE_ETHER_ADDR_PRT_FMT,
			ft_addr_text(&sender, who), RTE_ETHER_ADDR_BYTES(&said->arp_sha));
}

static __attribute__((cold)) void trace_timer(
	struct ft_stack *stack, const struct ft_neighbour *neighbour, ft_time now)
{
	char who[FT_ADDR_TEXT_BYTES], left[FT_TRACE_TIME_BYTES];

	ft_trace(stack, FT_TRACE_TIMER, "ARP timer of %s set to %s",
		ft_addr_text(&neighbour->addr, who),
		ft_trace_time_left(now, neighbour->timer.deadline, left));
}

// ---- messages ----

static void fill_message(const struct ft_stack *stack, struct rte_arp_hdr *arp, uint16_t opcode,
	const struct ft_addr *sender, const struct rte_ether_addr *target_mac,
	const struct ft_addr *target)
{
	*arp = (struct rte_arp_hdr){
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = sizeof(struct rte_ether_addr),
		.arp_plen = sizeof(rte_be32_t),
		.arp_opcode = rte_cpu_to_be_16(opcode),
		.arp_data = {
			.arp_sha = stack->netif.mac,
			.arp_sip = ft_addr_ip4(sender),
			.arp_tha = *target_mac,
			.arp_tip = ft_addr_ip4(target),
		},
	};
}

// Asks `to` (everybody, or the neighbour alone) who has `target`.
static void send_request(struct ft_stack *stack, const struct rte_ether_addr *to,
	const struct ft_addr *sender, const struct ft_addr *target)
{
	struct rte_mbuf *pkt = ft_stack_new_packet(stack);
	struct rte_arp_hdr *arp;

	if (pkt == NULL) {
		stack->counters.dropped_output[FT_DROP_NO_MBUF]++;
		return;
	}
	arp = (struct rte_arp_hdr *)rte_pktmbuf_append(pkt, sizeof(*arp));
	fill_message(stack, arp, RTE_ARP_OP_REQUEST, sender, &zero_mac, target);
	ft_stack_count(stack, FT_COUNTER_ARP_REQUESTS_SENT);
	ft_ethernet_output(stack, pkt, to, RTE_ETHER_TYPE_ARP);
}

// The request becomes the reply.
static void send_reply(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct rte_arp_ipv4 *asked)
{
	const struct ft_addr ours = ft_addr_from_ip4(asked->arp_tip);
	const struct ft_addr theirs = ft_addr_from_ip4(asked->arp_sip);
	const struct rte_ether_addr to = asked->arp_sha;
	char who[FT_ADDR_TEXT_BYTES], text[FT_ADDR_TEXT_BYTES];
	struct rte_arp_hdr *arp;

	ft_pkt_cut_front(pkt, ft_pkt_info(pkt)->ip_offset);
	ft_pkt_trim_to(pkt, sizeof(*arp));
	pkt->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL; // what receiving left there
	arp = rte_pktmbuf_mtod(pkt, struct rte_arp_hdr *);
	fill_message(stack, arp, RTE_ARP_OP_REPLY, &ours, &to, &theirs);
	ft_trace(stack, FT_TRACE_ARP, "answers %s that %s is at " RTE_ETHER_ADDR_PRT_FMT,
		ft_addr_text(&theirs, who), ft_addr_text(&ours, text),
		RTE_ETHER_ADDR_BYTES(&stack->netif.mac));
	ft_stack_count(stack, FT_COUNTER_ARP_REPLIES_SENT);
	ft_ethernet_output(stack, pkt, &to, RTE_ETHER_TYPE_ARP);
}

static void set_timer(
	struct ft_stack *stack, struct ft_neighbour *neighbour, ft_time deadline, ft_time now)
{
	ft_timer_set(&stack->wheel, &neighbour->timer, deadline);
	if (ft_is_traced(stack, FT_TRACE_TIMER) && deadline != FT_NEVER)
		trace_timer(stack, neighbour, now);
}

// ---- the table ----

static struct ft_list *bucket_of(struct ft_stack *stack, const struct ft_addr *addr)
{
	uint64_t hash = ft_hash_pair(&stack->key, addr->halves[0], addr->halves[1]);

	return &stack->arp.buckets[hash & (stack->arp.bucket_count - 1)];
}

static __attribute__((noinline)) struct ft_neighbour *find_in_bucket(
	struct ft_stack *stack, const struct ft_addr *addr)
{
	ft_list_for_each (node, bucket_of(stack, addr)) {
		struct ft_neighbour *neighbour =
			ft_container_of(node, struct ft_neighbour, in_bucket);

		if (ft_addr_is_equal(&neighbour->addr, addr))
			return neighbour;
	}
	return NULL;
}

static inline struct ft_neighbour *find(struct ft_stack *stack, const struct ft_addr *addr)
{
	struct ft_neighbour *last = stack->arp.last;

	if (unlikely(last == NULL || !ft_addr_is_equal(&last->addr, addr)))
		stack->arp.last = last = find_in_bucket(stack, addr);
	return last;
}

static void drop_oldest_waiting(
	struct ft_stack *stack, struct ft_neighbour *neighbour, enum ft_drop reason)
{
	struct rte_mbuf *pkt = ft_pkt_queue_take(&neighbour->waiting);

	ft_budget_give(&stack->arp.waiting, pkt->nb_segs);
	ft_stack_drop_output(stack, pkt, reason);
}

static void forget(struct ft_stack *stack, struct ft_neighbour *neighbour, enum ft_drop reason)
{
	while (neighbour->waiting.count > 0)
		drop_oldest_waiting(stack, neighbour, reason);
	if (neighbour->state == INCOMPLETE)
		stack->arp.unresolved_count--;
	if (stack->arp.last == neighbour)
		stack->arp.last = NULL;
	if (neighbour->state == REACHABLE)
		stack->arp.changes++;
	ft_timer_cancel(&stack->wheel, &neighbour->timer);
	ft_list_remove(&neighbour->in_bucket);
	ft_list_remove(&neighbour->in_order);
	ft_pool_give(&stack->arp.neighbours, neighbour);
}

// Those that never answered may fill half of the table before they only replace each other.
static void make_room(struct ft_stack *stack)
{
	struct ft_arp *arp = &stack->arp;
	bool is_storm = arp->unresolved_count > arp->neighbours.maximum / 2;
	struct ft_list *list =
		is_storm || ft_list_is_empty(&arp->resolved) ? &arp->unresolved : &arp->resolved;

	forget(stack, ft_container_of(list->next, struct ft_neighbour, in_order),
		FT_DROP_ARP_TABLE_FULL);
}

static struct ft_neighbour *add(struct ft_stack *stack, const struct ft_addr *addr)
{
	struct ft_arp *arp = &stack->arp;
	struct ft_neighbour *neighbour;

	if (arp->neighbours.in_use == arp->neighbours.maximum)
		make_room(stack);
	neighbour = ft_pool_take(&arp->neighbours);
	*neighbour = (struct ft_neighbour){ .addr = *addr, .state = INCOMPLETE };
	ft_timer_init(&neighbour->timer, FT_TIMER_ARP);
	ft_list_append(bucket_of(stack, addr), &neighbour->in_bucket);
	ft_list_append(&arp->unresolved, &neighbour->in_order);
	arp->unresolved_count++;
	return neighbour;
}

// ---- asking ----

static void ask(struct ft_stack *stack, struct ft_neighbour *neighbour, ft_time now)
{
	const struct rte_ether_addr *to =
		neighbour->state == PROBE ? &neighbour->mac : &broadcast_mac;
	char text[FT_ADDR_TEXT_BYTES];
	struct ft_route route;

	neighbour->requests++;
	ft_trace(stack, FT_TRACE_ARP, "asks %s %s, request %u of %u",
		neighbour->state == PROBE ? "whether it is still there:" : "everybody who has",
		ft_addr_text(&neighbour->addr, text), neighbour->requests,
		stack->config.arp.retries);
	set_timer(stack, neighbour, now + stack->config.arp.retry_time, now);
	if (ft_route_find(stack, &neighbour->addr, now, &route) == 0)
		send_request(stack, to, &route.source, &neighbour->addr);
}

// Nobody answered: who sent something there learns it, as from a router's "host unreachable".
static void give_up(struct ft_stack *stack, struct ft_neighbour *neighbour, ft_time now)
{
	struct ft_pkt_queue waiting = neighbour->waiting;
	char text[FT_ADDR_TEXT_BYTES];
	struct rte_mbuf *pkt;

	ft_trace(stack, FT_TRACE_ARP, "%s does not answer; %u packets waited for it in vain",
		ft_addr_text(&neighbour->addr, text), waiting.count);
	neighbour->waiting = (struct ft_pkt_queue){ 0 };
	forget(stack, neighbour, FT_DROP_ARP_UNRESOLVED);
	while ((pkt = ft_pkt_queue_take(&waiting)) != NULL) {
		ft_budget_give(&stack->arp.waiting, pkt->nb_segs);
		ft_icmp_report_unreachable(stack, pkt, now);
		ft_stack_drop_output(stack, pkt, FT_DROP_ARP_UNRESOLVED);
	}
}

static void wait_for(struct ft_stack *stack, struct ft_neighbour *neighbour, struct rte_mbuf *pkt)
{
	char text[FT_ADDR_TEXT_BYTES];

	if (neighbour->waiting.count == stack->config.arp.queue_packets &&
		neighbour->waiting.count > 0) // RFC 1122 2.3.2.2: the latest packet is kept
		drop_oldest_waiting(stack, neighbour, FT_DROP_ARP_QUEUE_FULL);
	if (neighbour->waiting.count == stack->config.arp.queue_packets ||
		!ft_budget_take(&stack->arp.waiting, pkt->nb_segs)) {
		ft_stack_drop_output(stack, pkt, FT_DROP_ARP_QUEUE_FULL);
		return;
	}
	ft_pkt_queue_append(&neighbour->waiting, pkt);
	ft_trace(stack, FT_TRACE_ARP, "packet waits until it is known where %s is; %u wait",
		ft_addr_text(&neighbour->addr, text), neighbour->waiting.count);
}

static __attribute__((noinline)) void output_to_any(struct ft_stack *stack, struct rte_mbuf *pkt,
	const struct ft_addr *next_hop, struct ft_neighbour *neighbour, ft_time now)
{
	if (neighbour == NULL) {
		neighbour = add(stack, next_hop);
		ask(stack, neighbour, now);
	}
	if (neighbour->state == INCOMPLETE) {
		wait_for(stack, neighbour, pkt);
		return;
	}
	ft_arp_note_use(&stack->arp, &neighbour->in_order);
	if (neighbour->state == STALE) {
		neighbour->state = PROBE;
		neighbour->requests = 0;
		ask(stack, neighbour, now);
	}
	ft_ethernet_output(stack, pkt, &neighbour->mac, RTE_ETHER_TYPE_IPV4);
}

void ft_arp_output(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_addr *next_hop, ft_time now)
{
	struct ft_neighbour *neighbour = find(stack, next_hop);
	bool is_usual = neighbour != NULL && neighbour->state == REACHABLE &&
			stack->arp.resolved.previous == &neighbour->in_order;

	if (likely(is_usual))
		ft_ethernet_output(stack, pkt, &neighbour->mac, RTE_ETHER_TYPE_IPV4);
	else
		output_to_any(stack, pkt, next_hop, neighbour, now);
}

struct ft_list *ft_arp_recall(
	struct ft_stack *stack, const struct ft_addr *next_hop, struct rte_ether_addr *mac)
{
	struct ft_neighbour *neighbour = find(stack, next_hop);

	if (neighbour == NULL || neighbour->state != REACHABLE)
		return NULL;
	*mac = neighbour->mac;
	return &neighbour->in_order;
}

// ---- hearing ----

static void send_waiting(struct ft_stack *stack, struct ft_neighbour *neighbour)
{
	struct rte_mbuf *pkt;

	while ((pkt = ft_pkt_queue_take(&neighbour->waiting)) != NULL) {
		ft_budget_give(&stack->arp.waiting, pkt->nb_segs);
		ft_ethernet_output(stack, pkt, &neighbour->mac, RTE_ETHER_TYPE_IPV4);
	}
}

// What was said to us proves that the neighbour hears us; a mere announcement does not.
static void resolve(struct ft_stack *stack, struct ft_neighbour *neighbour,
	const struct rte_ether_addr *mac, bool is_to_us, ft_time now)
{
	char text[FT_ADDR_TEXT_BYTES];

	if (neighbour->state == INCOMPLETE) {
		stack->arp.unresolved_count--;
		ft_list_remove(&neighbour->in_order);
		ft_list_append(&stack->arp.resolved, &neighbour->in_order);
	} else if (!is_to_us && rte_is_same_ether_addr(&neighbour->mac, mac)) {
		return;
	}
	if (neighbour->state != REACHABLE || !rte_is_same_ether_addr(&neighbour->mac, mac))
		stack->arp.changes++;
	neighbour->mac = *mac;
	neighbour->state = is_to_us ? REACHABLE : STALE;
	ft_trace(stack, FT_TRACE_ARP,
		"learned: %s is at " RTE_ETHER_ADDR_PRT_FMT "; %u packets waited for that",
		ft_addr_text(&neighbour->addr, text), RTE_ETHER_ADDR_BYTES(mac),
		neighbour->waiting.count);
	set_timer(stack, neighbour, is_to_us ? now + stack->config.arp.reachable_time : FT_NEVER,
		now);
	send_waiting(stack, neighbour);
}

// RFC 826's algorithm: a sender already known is updated, whatever it says; a new one is noted when
// it asks for us, since our answer is about to follow. A reply nobody asked for teaches nothing.
static bool learn(struct ft_stack *stack, const struct rte_arp_ipv4 *said, bool is_request,
	bool is_to_us, ft_time now)
{
	const struct ft_addr sender = ft_addr_from_ip4(said->arp_sip);
	struct ft_neighbour *neighbour = find(stack, &sender);

	if (neighbour == NULL) {
		if (!is_request || !is_to_us || !ft_route_is_on_link(stack, &sender))
			return false;
		neighbour = add(stack, &sender);
	}
	resolve(stack, neighbour, &said->arp_sha, is_to_us, now);
	return true;
}

// RFC 5227 2.4 (b): say once that the address is ours; if the other insists, do not quarrel.
static void defend(struct ft_stack *stack, const struct rte_arp_ipv4 *said, ft_time now)
{
	const struct ft_addr ours = ft_addr_from_ip4(said->arp_sip);
	char text[FT_ADDR_TEXT_BYTES];

	ft_stack_count(stack, FT_COUNTER_ARP_CONFLICTS);
	if (stack->arp.defended != FT_NEVER && now - stack->arp.defended < DEFEND_INTERVAL)
		return;
	stack->arp.defended = now;
	ft_log_warning("address conflict: " RTE_ETHER_ADDR_PRT_FMT " also claims %s",
		RTE_ETHER_ADDR_BYTES(&said->arp_sha), ft_addr_text(&ours, text));
	send_request(stack, &broadcast_mac, &ours, &ours);
}

// The message if it is one for Ethernet and IPv4 from a host that can exist, else NULL.
static const struct rte_arp_hdr *read_message(struct rte_mbuf *pkt)
{
	uint16_t offset = ft_pkt_info(pkt)->ip_offset;
	const struct rte_arp_hdr *arp;

	if (ft_pkt_pull(pkt, offset + sizeof(*arp)) == NULL)
		return NULL;
	arp = rte_pktmbuf_mtod_offset(pkt, const struct rte_arp_hdr *, offset);
	if (arp->arp_hardware != RTE_BE16(RTE_ARP_HRD_ETHER) ||
		arp->arp_protocol != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
		arp->arp_hlen != sizeof(struct rte_ether_addr) ||
		arp->arp_plen != sizeof(rte_be32_t))
		return NULL;
	if (arp->arp_opcode != RTE_BE16(RTE_ARP_OP_REQUEST) &&
		arp->arp_opcode != RTE_BE16(RTE_ARP_OP_REPLY))
		return NULL;
	return rte_is_valid_assigned_ether_addr(&arp->arp_data.arp_sha) ? arp : NULL;
}

// Addresses that nobody has: what is behind them must not be answered, let alone learnt. (Zero is a
// probe's, which has none yet: RFC 5227 2.1.1.)
static bool is_nobody(const struct ft_stack *stack, const struct ft_addr *sender)
{
	return ft_addr_is_loopback(sender) || sender->bytes[12] >= 224 ||
	       ft_route_is_broadcast(stack, sender);
}

// RARP (its own EtherType) never comes here, and no message changes our own addresses.
enum ft_drop ft_arp_input(struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now)
{
	const struct rte_arp_hdr *arp = read_message(pkt);
	struct rte_arp_ipv4 said;
	struct ft_addr sender, target;
	bool is_request, is_to_us, is_known;

	if (arp == NULL)
		return FT_DROP_ARP_MALFORMED;
	said = arp->arp_data;
	is_request = arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST);
	if (ft_is_traced(stack, FT_TRACE_ARP))
		trace_message(stack, &said, is_request);
	sender = ft_addr_from_ip4(said.arp_sip);
	target = ft_addr_from_ip4(said.arp_tip);
	if (is_nobody(stack, &sender) || ft_addr_is_loopback(&target))
		return FT_DROP_ARP_MALFORMED;
	if (ft_route_is_local(stack, &sender)) {
		if (rte_is_same_ether_addr(&said.arp_sha, &stack->netif.mac))
			return FT_DROP_ARP_NOT_FOR_US; // our own words come back
		defend(stack, &said, now);
		return FT_DROP_ARP_CONFLICT;
	}

	is_to_us = ft_route_is_local(stack, &target);
	is_known = learn(stack, &said, is_request, is_to_us, now);
	if (is_request && is_to_us) {
		send_reply(stack, pkt, &said);
		return FT_TAKEN;
	}
	if (!is_known)
		return FT_DROP_ARP_NOT_FOR_US;
	rte_pktmbuf_free(pkt);
	return FT_TAKEN;
}

// ---- announcing ourselves ----

static void announce(struct ft_stack *stack, ft_time now)
{
	const struct ft_routes *routes = &stack->ip.routes;
	char text[FT_ADDR_TEXT_BYTES];

	for (uint32_t i = 0; i < routes->local_count; i++) {
		ft_trace(stack, FT_TRACE_ARP, "announces %s to everybody",
			ft_addr_text(&routes->local[i].addr, text));
		send_request(stack, &broadcast_mac, &routes->local[i].addr, &routes->local[i].addr);
	}
	stack->arp.announcements_left--;
	ft_timer_set(&stack->wheel, &stack->arp.announce,
		stack->arp.announcements_left > 0 ? now + ANNOUNCE_INTERVAL : FT_NEVER);
}

void ft_arp_announce(struct ft_stack *stack, ft_time now)
{
	stack->arp.announcements_left = ANNOUNCE_NUM;
	announce(stack, now);
}

// ---- time and life ----

static void become_stale(struct ft_stack *stack, struct ft_neighbour *neighbour)
{
	char text[FT_ADDR_TEXT_BYTES];

	stack->arp.changes++;
	neighbour->state = STALE;
	ft_trace(stack, FT_TRACE_ARP, "%s may have moved: the next packet to it asks it again",
		ft_addr_text(&neighbour->addr, text));
}

void ft_arp_expire(struct ft_stack *stack, struct ft_timer *timer, ft_time now)
{
	struct ft_neighbour *neighbour = ft_container_of(timer, struct ft_neighbour, timer);

	if (timer == &stack->arp.announce)
		announce(stack, now);
	else if (neighbour->state == REACHABLE)
		become_stale(stack, neighbour);
	else if (neighbour->requests < stack->config.arp.retries)
		ask(stack, neighbour, now);
	else
		give_up(stack, neighbour, now);
}

int ft_arp_init(struct ft_stack *stack)
{
	struct ft_arp *arp = &stack->arp;
	uint32_t maximum = stack->config.arp.entries;

	arp->bucket_count = rte_align32pow2(maximum);
	arp->buckets = calloc(arp->bucket_count, sizeof(*arp->buckets));
	if (arp->buckets == NULL)
		return -ENOMEM;
	if (ft_pool_init(&arp->neighbours, maximum, sizeof(struct ft_neighbour), 64) != 0) {
		free(arp->buckets);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < arp->bucket_count; i++)
		ft_list_init(&arp->buckets[i]);
	ft_list_init(&arp->resolved);
	ft_list_init(&arp->unresolved);
	ft_timer_init(&arp->announce, FT_TIMER_ARP);
	arp->waiting.limit = stack->config.memory.packets / WAITING_SHARE;
	arp->defended = FT_NEVER;
	arp->changes = 1; // so that what is all zero is of another time
	return 0;
}

static void forget_all(struct ft_stack *stack, struct ft_list *list)
{
	while (!ft_list_is_empty(list))
		forget(stack, ft_container_of(list->next, struct ft_neighbour, in_order),
			FT_DROP_OWNER_GONE);
}

void ft_arp_free(struct ft_stack *stack)
{
	struct ft_arp *arp = &stack->arp;

	forget_all(stack, &arp->resolved);
	forget_all(stack, &arp->unresolved);
	ft_timer_cancel(&stack->wheel, &arp->announce);
	ft_pool_free(&arp->neighbours);
	free(arp->buckets);
}
