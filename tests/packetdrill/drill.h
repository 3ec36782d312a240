// A stack under packetdrill: its wire is the script, its clock is virtual.
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "stack.h"

#define FT_DRILL_PACKETS     4096 // sent and not yet looked at by the script
#define FT_DRILL_DESCRIPTORS 1024

struct ft_drill_packet {
	ft_time sent;
	uint32_t length; // from the IP header on
	uint8_t *bytes;
};

// Both directions of the wire, seen from the stack.
struct ft_drill_wire {
	struct rte_mempool *receive_pool;
	struct rte_mbuf *arriving[64];
	uint32_t arriving_count;
	struct ft_drill_packet sent[FT_DRILL_PACKETS]; // a ring
	uint32_t sent_first;
	uint32_t sent_count;
};

// The tool makes calls from two threads: the script's, which also moves time, and one for calls
// that the script expects to wait. Only one of them is inside the stack at a time. See
// drill_clock.c.
struct ft_drill_clock {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	pthread_t script;
	ft_time now;
	ft_time give_up; // when a waiting call of the script's thread is hopeless
	bool has_turned; // within the present call of the script's thread
	uint64_t turns;	 // of the stack
	bool is_waiting; // a call of the other thread waits, or has ended and not asked the time
	uint64_t seen;	 // the turn after which that call last looked for its answer
};

struct ft_drill {
	struct ft_config config;
	struct ft_stack stack;
	struct ft_drill_wire wire;
	struct ft_drill_clock clock;
	// The tool's descriptors are the kernel's (it ends with libc's close() on those left open):
	// an eventfd stands for each of ours. 0: none.
	int descriptors[FT_DRILL_DESCRIPTORS];
};

// The one there is: EAL starts once in a process. NULL before it was made.
extern struct ft_drill *ft_drill_instance;

// ---- drill_wire.c ----

extern const struct rte_ether_addr ft_drill_wire_mac;
void ft_drill_wire_netif(struct ft_drill *drill, struct ft_netif *netif);
// False when the stack has no packet for it.
bool ft_drill_wire_arrive(struct ft_drill *drill, const void *packet, size_t bytes);
// The oldest packet sent; false when there is none.
bool ft_drill_wire_take(struct ft_drill *drill, struct ft_drill_packet *packet);

// ---- drill_clock.c ----

void ft_drill_clock_init(struct ft_drill *drill);
// Around each call that touches the stack. Leaving sends what the call made the stack owe, and
// keeps errno.
void ft_drill_enter(struct ft_drill *drill);
void ft_drill_leave(struct ft_drill *drill);
// Entered: turns the stack's loop as time passes up to `until`, or until a packet was sent.
void ft_drill_clock_run(struct ft_drill *drill, ft_time until, bool stop_when_sent);
// Entered: the time. Brings it forward a little, unless a call that waited has just ended.
ft_time ft_drill_clock_ask(struct ft_drill *drill);

// ---- drill_descriptors.c ----

// Gives a descriptor of ours one of the kernel's, which is returned; -1 stays -1.
int ft_drill_descriptor_add(struct ft_drill *drill, int ours);
// Ours for one of the kernel's; -1 when it is none.
int ft_drill_descriptor_find(const struct ft_drill *drill, int fd);
void ft_drill_descriptor_remove(struct ft_drill *drill, int fd);

// ---- drill_calls.c ----

struct packetdrill_interface;
void ft_drill_calls_fill(struct packetdrill_interface *interface);
