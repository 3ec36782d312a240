// What every fuzzer shares: a whole stack at 10.9.0.2 in virtual time, with a NIC that hands it any
// bytes, and an honest eye on what it sends. A check that fails ends the process.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "stack.h"

#define FUZZ_US		RTE_IPV4(10, 9, 0, 2) // /24, host byte order
#define FUZZ_PEER	RTE_IPV4(10, 9, 0, 1)
#define FUZZ_PEERS	32
#define FUZZ_SENT_BYTES 128
#define FUZZ_FRAME_MAX	9000

// The far end of a connection, as an honest host would have it from what the stack has sent.
struct fuzz_peer {
	uint16_t port;
	uint16_t our_port; // 0: not in use
	uint32_t seq;	   // of the next segment to the stack
	uint32_t ack;
	uint32_t ts_echo;
	bool has_timestamps;
	bool owes_syn; // the stack has sent a SYN and waits for the answer
};

struct fuzz_host {
	struct ft_stack stack;
	ft_time now;
	struct ft_pkt_queue arriving;
	struct fuzz_peer peers[FUZZ_PEERS];
	uint32_t next_peer;	       // the place taken by the next connection seen
	uint8_t sent[FUZZ_SENT_BYTES]; // the beginning of the IP packet sent last
	uint32_t sent_bytes;
	uint64_t outside_buffers; // lent to the stack
};

extern struct fuzz_host fuzz;
extern const struct rte_ether_addr fuzz_us_mac, fuzz_peer_mac;

#define fuzz_check(condition)                                           \
	do {                                                            \
		if (!(condition))                                       \
			fuzz_host_fail(__FILE__, __LINE__, #condition); \
	} while (0)

_Noreturn void fuzz_host_fail(const char *file, int line, const char *condition);

// Starts DPDK's EAL; once a process.
void fuzz_host_start_eal(void);

// A new stack that knows its peer's MAC address, attached to the ft_* calls.
void fuzz_host_start(uint64_t seed);

// Capture and trace, of everything, on or off: what they write is looked at, and kept nowhere.
void fuzz_host_watch(bool is_on);

// Closes all, waits until the last connection is over, and checks that every packet, connection,
// socket and fragment is back; nobody watches any more. The stack is then nearly as good as new, for
// the next input: making one takes longer than most inputs do.
void fuzz_host_end_all(void);
// The same, and the stack is gone.
void fuzz_host_stop(void);

// How a frame lies in memory.
struct fuzz_layout {
	uint16_t segment_bytes; // in each mbuf of a chain; 0: all in one
	// In memory of its own of exactly the right size, as with drivers that lend the stack their
	// receive buffers: so that the sanitizer sees a single byte read beyond the end.
	bool is_outside;
	// The NIC says it has verified the checksums. Only such a frame, and in an mbuf of the pool, may be but
	// glanced at (stack/incoming.h).
	bool is_vouched_for;
};

// Puts a frame into the NIC's ring. False when no packets are left.
bool fuzz_host_queue(const void *bytes, uint32_t length, struct fuzz_layout layout);

// A packet that lies as asked, for what needs no NIC; NULL when none are left.
struct rte_mbuf *fuzz_host_make_packet(
	const void *bytes, uint32_t length, struct fuzz_layout layout);

// Checks that the short way of parsing (usual_frame.h) agrees with the long one, whether the NIC
// vouches for the checksums or not. Nothing changes in the stack.
void fuzz_host_go_two_ways(const void *bytes, uint32_t length, struct fuzz_layout layout);

// One turn of the loop, and the check that every packet received was taken or dropped for a reason.
void fuzz_host_turn(void);

// Lets time pass, turning the loop whenever it asks to be.
void fuzz_host_pass(ft_time duration);
