// A network in memory and in virtual time: hosts with a stack each, joined by a switch. Nothing
// here reads a clock or the kernel's entropy, so a run is the same whenever its seed is the same.
//
//	host 0 ── to_switch ──►          ── from_switch ──► host 1
//	         delay, loss, ...  switch      delay, loss, ...
//	       ◄── from_switch ──          ◄── to_switch ──
//
// The applications are tasks (task.h). One step of the network is: frames arrive at NICs, the hosts
// that have something to do turn their loop once, their tasks run until they block.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "base/time.h"
#include "capture.h"
#include "stack.h"

#define FT_NETWORK_HOSTS 4
#define FT_NETWORK_TASKS 128
#define FT_NIC_RING	 1024 // frames that wait in a NIC for the next turn

struct ft_task;

// One direction of a host's cable. The first group may be changed at any time.
struct ft_wire {
	ft_time delay;
	ft_time jitter; // up to so much more for each frame: they overtake each other
	double loss;	// of each frame; 0.1 is one in ten
	double duplication;
	double corruption;    // flips bits of one byte behind the Ethernet header
	uint64_t rate_bps;    // bits a second, 0: no limit
	uint32_t queue_bytes; // what may wait for the rate; more is lost
	uint16_t mtu;	      // larger IP packets vanish, 0: no limit
	bool reports_mtu;     // ... and the sender is told (ICMP fragmentation needed)

	ft_time busy_until; // the frames before are on the wire then
	uint64_t carried;
	uint64_t lost;
	uint64_t duplicated;
	uint64_t corrupted;
	uint64_t overflowed;
	uint64_t too_big;
};

// A frame in flight or waiting in a NIC.
struct ft_frame {
	ft_time arrives;
	uint64_t order;	 // of two that arrive at once, the first sent is first
	uint32_t target; // number of the host
	uint32_t length;
	uint8_t bytes[];
};

struct ft_host {
	struct ft_network *network;
	uint32_t number; // 0 .. FT_NETWORK_HOSTS - 1
	struct ft_stack stack;
	struct ft_addr address; // 10.9.0.1 for host 0, ...
	struct rte_ether_addr mac;
	struct rte_mempool *receive_pool;
	struct rte_mempool *small_pool;
	uint32_t segments_cut; // by the NIC: stack.netif.tso_bytes
	struct rte_mempool *send_pool;

	struct ft_wire to_switch;
	struct ft_wire from_switch;
	bool is_plugged;    // the link is up
	bool is_gone;	    // vanished without a word: its loop does not turn any more
	bool has_restarted; // its tasks are dead, its loop turns

	// What kind of NIC it is.
	uint16_t scatter_bytes;	 // received packets are chains of mbufs of so many bytes, 0: never
	uint16_t transmit_room;	 // frames taken in one call, 0: all
	ft_time interrupt_delay; // a frame waits up to so long for a turn, so that bursts form

	struct ft_frame *ring[FT_NIC_RING];
	uint32_t ring_first;
	uint32_t ring_count;
	uint64_t ring_overflows;
	uint64_t without_mbuf; // frames lost because the receive pool was empty

	ft_time poll_at; // its next turn
	uint64_t turns;
};

struct ft_network {
	uint64_t seed;
	ft_time now;
	ft_time limit; // a run that lasts longer has failed
	struct ft_random random;
	uint64_t events;
	uint64_t trace_hash; // of every frame sent and delivered, and when

	struct ft_host *hosts[FT_NETWORK_HOSTS];
	uint32_t host_count;
	struct ft_task *tasks[FT_NETWORK_TASKS];
	uint32_t task_count;

	struct ft_frame **flight; // a heap, the earliest arrival first
	uint32_t flight_count;
	uint32_t flight_room;
	uint64_t frames_sent;

	struct ft_capture capture;
};

// An empty network whose every chance follows from `seed`.
void ft_network_init(struct ft_network *network, uint64_t seed);

// What a host is configured with unless a scenario changes it: small pools, otherwise the defaults.
void ft_network_config(struct ft_config *config);

// Adds a host and starts its stack; NULL for ft_network_config(). Its address is added to the
// configuration. `offloads` (enum ft_offload) is what its NIC can do.
struct ft_host *ft_network_add(
	struct ft_network *network, const struct ft_config *config, uint32_t offloads);

// An empty network with two hosts alike, a client and a server; `wire` is the way from each to the
// switch, the way from the switch costs nothing.
void ft_network_pair(struct ft_network *network, uint64_t seed, const struct ft_config *config,
	const struct ft_wire *wire);
#define FT_CLIENT 0
#define FT_SERVER 1

static inline uint64_t ft_network_count(const struct ft_host *host, enum ft_counter counter)
{
	return host->stack.counters.count[counter];
}

// Gives a host one of the NICs there are: with and without offloads, scattering, reluctant to send,
// slow to tell.
void ft_network_vary_nic(struct ft_host *host);

// Pulls a host's cable out or puts it in; frames on their way over it are lost.
void ft_network_plug(struct ft_host *host, bool is_plugged);

// The host disappears: it will neither hear nor answer, and its tasks never run again.
void ft_network_vanish(struct ft_host *host);

// The host restarts with an empty stack; its tasks never run again.
void ft_network_restart(struct ft_host *host);

// The machine room is frozen: no loop turns for so long, then all goes on.
void ft_network_skip(struct ft_network *network, ft_time duration);

// One step: the next event.
void ft_network_step(struct ft_network *network);

// Runs until every task is over; the run fails when that takes longer than `limit` from now.
void ft_network_run(struct ft_network *network, ft_time limit);

// Runs on for `duration`, tasks or no tasks.
void ft_network_run_for(struct ft_network *network, ft_time duration);

// The end of a run: waits until the last connection is out of TIME-WAIT, checks that every packet
// is back in its pool, and frees all.
void ft_network_free(struct ft_network *network);

// One turn of the host's loop, now.
void ft_network_turn(struct ft_host *host);

// The host's loop has something to do now (its application did something).
void ft_network_wake(struct ft_host *host);
