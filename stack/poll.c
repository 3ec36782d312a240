// One turn of the loop: the way of every packet, in and out. Start reading at ft_stack_poll(), at
// the end of this file.

#include <rte_ether.h>

#include "base/log.h"
#include "base/recorder.h"
#include "base/trace.h"
#include "eth/ethernet.h"
#include "stack.h"
#include "story.h"
#include "tcp/tcp_hoarders.h"
#include "tcp/tcp_prefetch.h"
#include "tcp/tcp_timers.h"
#include "usual_frame_take.h"

// A stack with work left over asks for its next turn this soon.
#define BUSY (10 * FT_MICROSECOND)

// A link that is down is asked more often, so that traffic resumes soon after it comes back.
#define LINK_UP_PERIOD	 (500 * FT_MILLISECOND)
#define LINK_DOWN_PERIOD (100 * FT_MILLISECOND)

// ---- in: a burst is parsed whole, looked up whole, then delivered packet by packet ----

static void drop_input(struct ft_stack *stack, struct rte_mbuf *pkt, enum ft_drop reason)
{
	stack->counters.dropped_input[reason]++;
	ft_trace(stack, FT_TRACE_DROP, "dropped, %s: %s", ft_drop_name(reason),
		ft_drop_text(reason));
	if (unlikely(stack->recorder != NULL))
		ft_recorder_drop(stack->recorder, pkt, reason);
	rte_pktmbuf_free(pkt);
}

static __attribute__((noinline)) void drop_unsound(
	struct ft_stack *stack, struct rte_mbuf *pkt, enum ft_drop reason)
{
	if (unlikely(stack->trace))
		ft_story_received(stack, pkt);
	drop_input(stack, pkt, reason);
	if (unlikely(stack->trace))
		ft_trace_end_packet(stack);
}

static __rte_always_inline enum ft_drop parse(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	if (likely(ft_usual_frame_take(stack, pkt)))
		return FT_TAKEN;
	if (ft_pkt_info(pkt)->flags & FT_PKT_LOOPBACK)
		return ft_ip_parse(stack, pkt, RTE_ETHER_TYPE_IPV4);
	return ft_ethernet_parse(stack, pkt);
}

// Where the packet's tuple is looked up (demux/conn_table.h); NULL: nowhere.
static inline const struct ft_conn_table *table_of(
	const struct ft_stack *stack, const struct ft_pkt_info *info)
{
	if (likely(info->kind == FT_PKT_TCP))
		return &stack->tcp.connections;
	return info->kind == FT_PKT_UDP ? &stack->udp.connected : NULL;
}

static inline void begin_look_up(const struct ft_stack *stack, struct ft_pkt_info *info)
{
	const struct ft_conn_table *table = table_of(stack, info);

	if (unlikely(table == NULL))
		return;
	info->hash = ft_tuple_hash(&stack->key, &info->tuple);
	ft_conn_table_expect(table, info->hash);
}

static __rte_always_inline bool glance(struct ft_stack *stack, struct ft_incoming *incoming)
{
	struct rte_mbuf *pkt = incoming->pkt;

	return (likely(ft_usual_is_vouched_for(pkt)) || ft_usual_frame_vouch_for(stack, pkt)) &&
	       ft_usual_glance(stack, pkt, incoming);
}

static __attribute__((noinline)) bool take_plain_syn(
	struct ft_stack *stack, struct ft_incoming *incoming)
{
	if (!ft_usual_frame_take_plain_syn(stack, incoming->pkt))
		return false;
	incoming->frame = NULL;
	ft_conn_table_expect(&stack->tcp.connections, ft_pkt_info(incoming->pkt)->hash);
	return true;
}

// Whether it is sound; else it is gone.
static __rte_always_inline bool parse_whole(
	struct ft_stack *stack, struct ft_incoming *incoming, bool is_new)
{
	struct rte_mbuf *pkt = incoming->pkt;
	enum ft_drop reason;

	if (is_new)
		ft_pkt_info_clear(pkt);
	reason = parse(stack, pkt);
	if (unlikely(reason != FT_TAKEN)) {
		drop_unsound(stack, pkt, reason);
		return false;
	}
	incoming->frame = NULL;
	begin_look_up(stack, ft_pkt_info(pkt));
	return true;
}

// Keeps the sound packets, in order, and returns how many they are. `may_glance` is a constant: of the packets nothing
// is noted yet, and nothing need be.
static __rte_always_inline uint16_t parse_burst(struct ft_stack *stack, struct rte_mbuf **pkts,
	uint16_t count, bool may_glance, struct ft_incoming *incoming)
{
	struct ft_incoming *next = incoming;
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < count; i++) {
		bytes += rte_pktmbuf_pkt_len(pkts[i]); // its padding included
		next->pkt = pkts[i];
		if (may_glance && likely(glance(stack, next)))
			ft_conn_table_expect(&stack->tcp.connections, next++->hash);
		else if (may_glance && pkts[i]->data_len == FT_USUAL_SYN_BYTES &&
			 take_plain_syn(stack, next))
			next++;
		else
			next += parse_whole(stack, next, may_glance);
	}
	stack->counters.count[FT_COUNTER_RX_PACKETS] += count;
	stack->counters.count[FT_COUNTER_RX_BYTES] += bytes;
	return (uint16_t)(next - incoming);
}

// ---- the stages of the lookup that follow ----

static inline uint32_t candidate_of_parsed(
	const struct ft_stack *stack, const struct ft_pkt_info *info)
{
	const struct ft_conn_table *table = table_of(stack, info);

	return likely(table != NULL) ? ft_conn_table_candidate(table, info->hash) : FT_CONN_NONE;
}

static inline struct ft_tcp_anchor *candidate_of_glanced(
	const struct ft_stack *stack, const struct ft_incoming *incoming)
{
	const struct ft_conn_table *table = &stack->tcp.connections;
	uint32_t candidate = ft_conn_table_candidate(table, incoming->hash);

	return likely(candidate < FT_CONN_ELSEWHERE) ? ft_conn_table_object(table, candidate)
						     : NULL;
}

// What is found of a packet that was parsed is noted in its info; of a connection it returns that.
static inline struct ft_tcp_anchor *prove_parsed(
	const struct ft_stack *stack, struct ft_pkt_info *info, uint32_t candidate)
{
	const struct ft_conn_table *table = table_of(stack, info);

	if (unlikely(table == NULL))
		return NULL;
	info->found = ft_conn_table_proven(table, candidate, &info->tuple, info->hash);
	return likely(info->kind == FT_PKT_TCP) ? info->found : NULL;
}

// One that is not the candidate is elsewhere, or nowhere. (While the table stands in the middle of a change of its
// size, and it may stand there for long, that may be half of all.)
static __attribute__((noinline)) struct ft_tcp_anchor *find_glanced(
	const struct ft_stack *stack, const struct ft_incoming *incoming)
{
	const struct ft_conn_table *table = &stack->tcp.connections;
	const struct ft_tuple tuple = ft_usual_tuple(incoming, stack);

	return ft_conn_table_proven(table, FT_CONN_ELSEWHERE, &tuple, incoming->hash);
}

static inline struct ft_tcp_anchor *prove_glanced(
	const struct ft_stack *stack, struct ft_incoming *incoming)
{
	if (unlikely(incoming->found == NULL ||
		     !ft_usual_is_of(incoming, stack, &incoming->found->tuple)))
		incoming->found = find_glanced(stack, incoming);
	return incoming->found;
}

static inline bool is_glanced_fin(const struct ft_incoming *incoming)
{
	return incoming->frame != NULL && ft_usual_has_fin(incoming);
}

// What will be touched of the connections found is fetched, too.
static void look_up(struct ft_stack *stack, struct ft_incoming *incoming, uint16_t count)
{
	uint32_t candidates[FT_RX_BURST];
	const struct ft_socket *hearing[FT_RX_BURST]; // of those with text or a FIN
	uint32_t hearing_count = 0;

	for (uint16_t i = 0; i < count; i++) {
		if (likely(incoming[i].frame != NULL))
			incoming[i].found = candidate_of_glanced(stack, &incoming[i]);
		else
			candidates[i] = candidate_of_parsed(stack, ft_pkt_info(incoming[i].pkt));
	}
	for (uint16_t i = 0; i < count; i++) {
		struct ft_incoming *one = &incoming[i];
		struct ft_tcp_anchor *found;
		uint32_t length;

		if (likely(one->frame != NULL)) {
			found = prove_glanced(stack, one);
			length = ft_usual_text_bytes(one);
		} else {
			found = prove_parsed(stack, ft_pkt_info(one->pkt), candidates[i]);
			length = ft_pkt_info(one->pkt)->seg.length;
		}
		if (unlikely(found == NULL))
			continue;
		ft_tcp_prefetch_block(found, length);
		if (likely(length > 0) || is_glanced_fin(one)) // (a FIN that was parsed has length)
			hearing[hearing_count++] = ft_tcp_prefetch_socket(stack, found);
	}
	ft_tcp_prefetch_around(stack, hearing, hearing_count);
}

// All of it for one packet alone.
static void look_up_one(struct ft_stack *stack, struct ft_pkt_info *info)
{
	begin_look_up(stack, info);
	prove_parsed(stack, info, candidate_of_parsed(stack, info));
}

// The object that a packet's tuple names.
static inline void *find_again(
	const struct ft_conn_table *table, uint64_t changes, const struct ft_pkt_info *info)
{
	return ft_conn_table_find_again(table, changes, info->found, &info->tuple, info->hash);
}

// The short way was nothing for a packet that was but glanced at.
static __attribute__((noinline)) enum ft_drop parse_after_all(
	struct ft_stack *stack, struct ft_incoming *incoming)
{
	enum ft_drop reason;

	ft_pkt_info_clear(incoming->pkt);
	reason = parse(stack, incoming->pkt);
	if (reason == FT_TAKEN)
		look_up_one(stack, ft_pkt_info(incoming->pkt));
	return reason;
}

static inline enum ft_drop deliver(struct ft_stack *stack, struct rte_mbuf *pkt,
	uint64_t tcp_changes, uint64_t udp_changes, ft_time now);

// A datagram put together from fragments, each of which was counted as taken when it came.
static void deliver_whole(struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now)
{
	const struct ft_conn_table *tcp = &stack->tcp.connections;
	const struct ft_conn_table *udp = &stack->udp.connected;
	enum ft_drop reason = ft_ip_parse(stack, pkt, RTE_ETHER_TYPE_IPV4);

	if (reason == FT_TAKEN && ft_pkt_info(pkt)->kind == FT_PKT_FRAGMENT)
		reason = FT_DROP_IP_BAD_FRAGMENT;
	if (reason == FT_TAKEN) {
		look_up_one(stack, ft_pkt_info(pkt));
		reason = deliver(stack, pkt, tcp->changes, udp->changes, now);
	}
	if (reason != FT_TAKEN)
		ft_stack_drop_late(stack, pkt, reason);
}

static enum ft_drop deliver_fragment(struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now)
{
	uint8_t recorded = ft_pkt_info(pkt)->recorded;
	struct rte_mbuf *whole = NULL;
	enum ft_drop reason = ft_reassembly_input(stack, pkt, now, &whole);

	if (whole == NULL)
		return reason;
	if (unlikely(stack->recorder != NULL))
		ft_recorder_assembled(stack->recorder, recorded, whole);
	deliver_whole(stack, whole, now);
	return reason;
}

static __attribute__((noinline)) enum ft_drop deliver_to_others(
	struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now)
{
	switch ((enum ft_pkt_kind)ft_pkt_info(pkt)->kind) {
	case FT_PKT_ARP:
		return ft_arp_input(stack, pkt, now);
	case FT_PKT_ICMP:
		return ft_icmp_input(stack, pkt, now);
	case FT_PKT_FRAGMENT:
		return deliver_fragment(stack, pkt, now);
	case FT_PKT_UNKNOWN_PROTOCOL:
		ft_icmp_send_error(stack, pkt, FT_ICMP_PROTOCOL_UNREACHABLE, now);
		return FT_DROP_IP_UNKNOWN_PROTOCOL;
	default:
		return FT_DROP_ETH_UNKNOWN_TYPE;
	}
}

static inline enum ft_drop deliver(struct ft_stack *stack, struct rte_mbuf *pkt,
	uint64_t tcp_changes, uint64_t udp_changes, ft_time now)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);

	if (likely(info->kind == FT_PKT_TCP))
		return ft_tcp_input(
			stack, pkt, find_again(&stack->tcp.connections, tcp_changes, info), now);
	if (likely(info->kind == FT_PKT_UDP))
		return ft_udp_input(
			stack, pkt, find_again(&stack->udp.connected, udp_changes, info), now);
	return deliver_to_others(stack, pkt, now);
}

static inline bool is_worth_predicting(const struct ft_incoming *incoming)
{
	return likely(incoming->frame != NULL) || ft_pkt_info(incoming->pkt)->kind == FT_PKT_TCP;
}

static inline uint16_t take_predicted(struct ft_stack *stack, struct ft_incoming *incoming,
	uint16_t count, uint64_t changes, ft_time now, enum ft_drop *reason)
{
	uint16_t taken = ft_tcp_input_predicted(stack, incoming, count, changes, now, reason);

	stack->counters.count[FT_COUNTER_RX_TAKEN] += taken;
	return taken;
}

// Told of in the trace.
static __attribute__((noinline)) enum ft_drop deliver_any(struct ft_stack *stack,
	struct rte_mbuf *pkt, uint64_t tcp_changes, uint64_t udp_changes, ft_time now)
{
	if (unlikely(stack->trace))
		ft_story_received(stack, pkt);
	return deliver(stack, pkt, tcp_changes, udp_changes, now);
}

static void free_done(struct ft_stack *stack)
{
	if (stack->done_count > 0)
		rte_mempool_put_bulk(stack->receive_pool, (void **)stack->done, stack->done_count);
	stack->done_count = 0;
}

// Parsed and looked up.
static void deliver_burst(
	struct ft_stack *stack, struct ft_incoming *incoming, uint16_t count, ft_time now)
{
	const uint64_t tcp_changes = stack->tcp.connections.changes;
	const uint64_t udp_changes = stack->udp.connected.changes;

	look_up(stack, incoming, count);
	for (uint16_t i = 0; i < count; i++) {
		enum ft_drop reason = FT_TAKEN;

		if (likely(is_worth_predicting(&incoming[i])))
			i += take_predicted(
				stack, incoming + i, count - i, tcp_changes, now, &reason);
		if (likely(i == count))
			break;
		if (reason == FT_TAKEN && incoming[i].frame != NULL)
			reason = parse_after_all(stack, &incoming[i]);
		if (reason == FT_TAKEN)
			reason = deliver_any(stack, incoming[i].pkt, tcp_changes, udp_changes, now);
		if (reason == FT_TAKEN)
			ft_stack_count(stack, FT_COUNTER_RX_TAKEN);
		else
			drop_input(stack, incoming[i].pkt, reason);
	}
	free_done(stack);
	if (unlikely(stack->trace))
		ft_trace_end_packet(stack);
}

static void receive_from_nic(struct ft_stack *stack, ft_time now)
{
	struct rte_mbuf *pkts[FT_RX_BURST];
	struct ft_incoming incoming[FT_RX_BURST];
	uint16_t count = stack->netif.receive(stack->netif.driver, pkts, FT_RX_BURST);

	stack->counters.bursts[count]++;
	if (likely(stack->trace == 0 && stack->recorder == NULL)) {
		count = parse_burst(stack, pkts, count, true, incoming);
		deliver_burst(stack, incoming, count, now);
		return;
	}
	for (uint16_t i = 0; i < count; i++)
		ft_pkt_info_clear(pkts[i]);
	if (stack->recorder != NULL)
		ft_recorder_receive(stack->recorder, pkts, count, now);
	count = parse_burst(stack, pkts, count, false, incoming);
	deliver_burst(stack, incoming, count, now);
	if (stack->recorder != NULL)
		ft_recorder_received(stack->recorder);
}

// Only what waits at the beginning: answers to ourselves are for the next turn.
static void receive_from_ourselves(struct ft_stack *stack, ft_time now)
{
	struct rte_mbuf *pkts[FT_RX_BURST];
	struct ft_incoming incoming[FT_RX_BURST];
	uint32_t waiting = stack->loopback.count;

	while (waiting > 0) {
		uint16_t count = RTE_MIN(waiting, (uint32_t)FT_RX_BURST);

		for (uint16_t i = 0; i < count; i++)
			pkts[i] = ft_pkt_queue_take(&stack->loopback);
		waiting -= count;
		count = parse_burst(stack, pkts, count, false, incoming);
		deliver_burst(stack, incoming, count, now);
	}
}

// ---- timers ----

static void ask_link(struct ft_stack *stack, ft_time now)
{
	bool is_up = stack->netif.is_link_up(stack->netif.driver);

	ft_timer_set(&stack->wheel, &stack->link_timer,
		now + (is_up ? LINK_UP_PERIOD : LINK_DOWN_PERIOD));
	if (is_up == stack->is_link_up)
		return;
	stack->is_link_up = is_up;
	ft_stack_count(stack, FT_COUNTER_LINK_CHANGES);
	ft_log_info("link %s", is_up ? "up" : "down");
	if (is_up)
		ft_arp_announce(stack, now);
}

static void link_expire(struct ft_stack *stack, struct ft_timer *timer, ft_time now)
{
	ask_link(stack, now);
}

typedef void expire_function(struct ft_stack *stack, struct ft_timer *timer, ft_time now);

static expire_function *const expire[FT_TIMER_KIND_COUNT] = {
	[FT_TIMER_ARP] = ft_arp_expire,
	[FT_TIMER_REASSEMBLY] = ft_reassembly_expire,
	[FT_TIMER_TCP] = ft_tcp_expire,
	[FT_TIMER_TCP_ALARM] = ft_tcp_expire_alarm,
	[FT_TIMER_LINK] = link_expire,
};

static void run_timers(struct ft_stack *stack, ft_time now)
{
	struct ft_timer *timer;

	ft_tcp_timers_start_acks(stack, now);
	while ((timer = ft_wheel_expire(&stack->wheel, now)) != NULL)
		expire[timer->kind](stack, timer, now);
}

// ---- out ----

// Of the first frames in the queue, also once the NIC has them. (When it takes few at a time of many that wait, only
// these few may be looked at.)
static uint64_t bytes_of_first(const struct ft_stack *stack, uint32_t count)
{
	const uint32_t first = stack->tx_first % FT_TX_QUEUE;
	const uint32_t next = (stack->tx_first + count) % FT_TX_QUEUE;
	const uint64_t end =
		count < stack->tx_count ? stack->tx_bytes_before[next] : stack->tx_bytes;

	return end - stack->tx_bytes_before[first];
}

static void discard_queue(struct ft_stack *stack, enum ft_drop reason)
{
	for (; stack->tx_count > 0; stack->tx_count--, stack->tx_first++)
		ft_stack_drop_output(stack, stack->tx[stack->tx_first % FT_TX_QUEUE], reason);
	stack->tx_prepared = 0;
}

// How many of the first `run` packets may go to the NIC. When it refuses the very first, that is dropped.
static uint32_t prepare(struct ft_stack *stack, uint32_t run)
{
	struct rte_mbuf **pkts = stack->tx + stack->tx_first % FT_TX_QUEUE;
	uint32_t known = stack->tx_prepared;

	if (known < run)
		stack->tx_prepared += stack->netif.prepare(
			stack->netif.driver, pkts + known, (uint16_t)(run - known));
	if (stack->tx_prepared == 0) {
		ft_stack_drop_output(stack, pkts[0], FT_DROP_TX_REFUSED);
		stack->tx_first++;
		stack->tx_count--;
	}
	return RTE_MIN(stack->tx_prepared, run);
}

// Hands the queue to the NIC, as far as it takes it; the rest waits for the next turn.
static void flush(struct ft_stack *stack)
{
	struct ft_netif *netif = &stack->netif;
	uint32_t run, sent;

	if (!stack->is_link_up)
		discard_queue(stack, FT_DROP_LINK_DOWN);
	while (stack->tx_count > 0) {
		uint32_t first = stack->tx_first % FT_TX_QUEUE;

		run = RTE_MIN(stack->tx_count, FT_TX_QUEUE - first);
		if (netif->prepare != NULL && (run = prepare(stack, run)) == 0)
			continue;
		if (unlikely(stack->recorder != NULL))
			run = ft_recorder_send(stack->recorder, stack->tx + first, run, stack->now);
		sent = netif->transmit(netif->driver, stack->tx + first, run);
		if (unlikely(stack->recorder != NULL))
			ft_recorder_sent(stack->recorder, (uint16_t)sent);
		stack->counters.count[FT_COUNTER_TX_PACKETS] += sent;
		stack->counters.count[FT_COUNTER_TX_BYTES] += bytes_of_first(stack, sent);
		stack->tx_first += sent;
		stack->tx_count -= sent;
		stack->tx_prepared -= RTE_MIN(stack->tx_prepared, sent);
		if (sent < run)
			return;
	}
}

bool ft_stack_make_room(struct ft_stack *stack)
{
	flush(stack);
	return stack->tx_count < FT_TX_QUEUE;
}

void ft_stack_transmit(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	if (!ft_stack_may_transmit(stack)) {
		ft_stack_drop_output(stack, pkt, FT_DROP_TX_FULL);
		return;
	}
	ft_stack_queue_frame(stack, pkt);
	if (ft_is_traced(stack, FT_TRACE_ETH))
		ft_story_sent(stack, pkt);
}

// ---- the turn ----

// The wheel's next expiry, or that of an ACK it has not heard of.
static ft_time next_expiry(const struct ft_stack *stack)
{
	const struct ft_tcp_fresh_acks *fresh = &stack->tcp.fresh_acks;
	const ft_time next = ft_wheel_next(&stack->wheel);

	return fresh->first < fresh->end ? RTE_MIN(next, fresh->first->deadline) : next;
}

ft_time ft_stack_next_turn(const struct ft_stack *stack, ft_time now)
{
	bool has_work = stack->tx_count > 0 || stack->loopback.count > 0 ||
			!ft_list_is_empty(&stack->tcp.owing) ||
			!ft_list_is_empty(&stack->tcp.wanting);
	ft_time next = next_expiry(stack);

	if (has_work)
		next = RTE_MIN(next, now + BUSY);
	return RTE_MAX(next, now + 1);
}

void ft_poll_start(struct ft_stack *stack, ft_time now)
{
	ft_timer_init(&stack->link_timer, FT_TIMER_LINK);
	stack->is_link_up = false;
	ask_link(stack, now);
	if (!stack->is_link_up)
		ft_log_warning("the link is down; waiting for it to come up");
}

void ft_poll_stop(struct ft_stack *stack)
{
	ft_timer_cancel(&stack->wheel, &stack->link_timer);
	discard_queue(stack, FT_DROP_OWNER_GONE);
}

ft_time ft_stack_poll(struct ft_stack *stack, ft_time now)
{
	stack->now = now;
	receive_from_nic(stack, now);
	receive_from_ourselves(stack, now);
	run_timers(stack, now);
	ft_mailbox_serve(&stack->mailbox, stack, now);
	ft_tcp_hoarders_look(stack, now);
	ft_tcp_pay(stack, now);
	flush(stack);
	if (unlikely(stack->recorder != NULL))
		ft_recorder_turn(stack->recorder, now);
	return ft_stack_next_turn(stack, now);
}
