// A stack: everything that one core owns. It shares nothing with another.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/counters.h"
#include "base/hash.h"
#include "base/held.h"
#include "base/mailbox.h"
#include "base/pkt.h"
#include "base/random.h"
#include "base/time.h"
#include "base/timer.h"
#include "base/trace.h"
#include "config/config.h"
#include "eth/arp.h"
#include "ip/ip.h"
#include "netif.h"
#include "tcp/tcp.h"
#include "udp/udp.h"
#include "usual_frame.h"

#define FT_RX_BURST	  (FT_BURST_SIZES - 1)
#define FT_TX_QUEUE	  512 // packets that wait for the NIC within a turn, a power of two
#define FT_LOOPBACK_QUEUE 512

struct ft_recorder;
struct ft_sockets; // socket/: descriptors and what is behind them

struct ft_stack {
	struct ft_netif netif;
	struct ft_config config; // as given, checked
	ft_time now;		 // of the turn under way or the last one
	bool is_link_up;
	struct ft_timer link_timer;
	struct ft_wheel wheel;
	struct ft_random random;
	struct ft_hash_key key;
	struct ft_counters counters;
	struct ft_mailbox mailbox; // questions of other threads (telemetry/)
	uint32_t trace;		   // enum ft_trace_subsystem bits that are on
	struct ft_tracer tracer;
	struct ft_recorder *recorder; // of what passes the wire; NULL: off. Its owner closes it.

	struct rte_mempool *receive_pool; // what the netif fills
	struct rte_mempool *send_pool;	  // what we make
	// Of receive_pool, done with in this burst, and freed with it.
	struct rte_mbuf *done[FT_RX_BURST];
	uint32_t done_count;
	// What queues hold of receive_pool; the rest always stays with the NIC.
	struct ft_held receive_held;
	// mbufs of send_pool that send queues hold; the rest is for ACKs, resets, ARP, ICMP.
	struct ft_budget send_held;

	struct rte_mbuf *tx[FT_TX_QUEUE]; // a ring: tx_first .. tx_first + tx_count
	uint32_t tx_first;
	uint32_t tx_count;
	uint32_t tx_prepared;		       // of these, at the front: netif.prepare has said yes
	uint64_t tx_bytes;		       // of all frames ever queued
	uint64_t tx_bytes_before[FT_TX_QUEUE]; // [i]: of those queued before tx[i]
	struct ft_pkt_queue loopback;

	struct ft_arp arp;
	struct ft_ip ip;
	struct ft_usual_frame usual;
	struct ft_udp udp;
	struct ft_tcp tcp;
	struct ft_sockets *sockets;
};

// Makes a stack. `netif` is copied. The pools outlive the stack. `seed` feeds every random choice and
// secret. On an error returns a negative errno and has logged a sentence; nothing is left allocated.
int ft_stack_init(struct ft_stack *stack, const struct ft_config *config,
	const struct ft_netif *netif, const struct ft_pkt_pools *pools, uint64_t seed, ft_time now);

// Gives everything back: connections are reset without a word to their peers (call ft_stack_poll()
// after closing the sockets for a polite end), packets freed.
void ft_stack_free(struct ft_stack *stack);

// One turn of the loop (poll.c: start reading there). Returns the time by which it wants to be
// called again: always after now. A packet that arrives earlier wants an earlier call.
ft_time ft_stack_poll(struct ft_stack *stack, ft_time now);

// The same time, asked again: calls of the application since the last turn may have made it earlier.
ft_time ft_stack_next_turn(const struct ft_stack *stack, ft_time now);

// The beginning and end of the loop, for ft_stack_init() and ft_stack_free() (a poll.h would
// stand before the system's). Start asks the link for the first time and announces our addresses;
// stop discards what still waits for the NIC.
void ft_poll_start(struct ft_stack *stack, ft_time now);
void ft_poll_stop(struct ft_stack *stack);

// Queues a frame for the NIC, sent at the latest at the end of the turn; owns the packet. When NIC
// and queue are full the packet is dropped (TX_FULL).
void ft_stack_transmit(struct ft_stack *stack, struct rte_mbuf *pkt);

// The queue is full: has the NIC take what it can. False when that was nothing.
bool ft_stack_make_room(struct ft_stack *stack);

// False when ft_stack_transmit() would drop a frame now. Who can wait asks before, and again next turn.
static inline bool ft_stack_may_transmit(struct ft_stack *stack)
{
	return likely(stack->tx_count < FT_TX_QUEUE) || ft_stack_make_room(stack);
}

// Queues a frame where that is known to be possible; the caller tells the trace.
static inline void ft_stack_queue_frame(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const uint32_t place = (stack->tx_first + stack->tx_count) % FT_TX_QUEUE;

	stack->tx[place] = pkt;
	stack->tx_bytes_before[place] = stack->tx_bytes;
	stack->tx_bytes += pkt->pkt_len;
	stack->tx_count++;
}

// Frees a packet of the burst that is under way, which costs less for all of it together. (So there is room.) The first
// is known to be plain.
static inline void ft_stack_done_with_plain(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	if (likely(pkt->pool == stack->receive_pool))
		stack->done[stack->done_count++] = pkt;
	else
		rte_mbuf_raw_free(pkt);
}

static inline void ft_stack_done_with(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	if (likely(ft_pkt_is_plain(pkt)))
		ft_stack_done_with_plain(stack, pkt);
	else
		rte_pktmbuf_free(pkt);
}

// Queues a packet for ourselves: its data begins at the IP header, and it is received with the next
// turn. When too many wait it is dropped (LOOPBACK_FULL).
void ft_stack_loop_back(struct ft_stack *stack, struct rte_mbuf *pkt);

// An empty packet to send, with its info cleared and RTE_PKTMBUF_HEADROOM before it, or NULL (count
// NO_MBUF as an output drop where that loses something).
struct rte_mbuf *ft_stack_new_packet(struct ft_stack *stack);

// Discards a packet that we made, or that was taken before, and counts why.
void ft_stack_drop_output(struct ft_stack *stack, struct rte_mbuf *pkt, enum ft_drop reason);
void ft_stack_drop_late(struct ft_stack *stack, struct rte_mbuf *pkt, enum ft_drop reason);

static inline void ft_stack_count(struct ft_stack *stack, enum ft_counter counter)
{
	stack->counters.count[counter]++;
}
