// What a listing shows (ft-ss): every connection, listener, bound TCP socket and UDP socket as a plain
// record, a bounded number at a time.
//
//	cursor   listeners 0 1 ... | UDP sockets 0 1 ... | bound ones 0 1 ... | connections 0 1 ... | end
//
// A socket is listed once it has a port, as the kernel's are (ss -a); a connection until it is over.
// The objects themselves are walked, not the descriptors that lead to them: an object keeps its place as
// long as it lives, whether its application has accepted it yet, holds it or has closed it. So what
// exists from the first page to the last is listed once; what comes or goes meanwhile may be missed.
#pragma once
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "demux/tuple.h"
#include "tcp/tcp.h"

struct ft_stack;

// The work of one call, so that a turn of the loop that serves one is hardly longer than others: as many
// records as packets in a burst, and places looked at that may be free.
#define FT_SNAPSHOT_RECORDS  32
#define FT_SNAPSHOT_EXAMINED 256

#define FT_SNAPSHOT_FDS 8 // of one socket; dup() makes more than one

// The mask of what to list: 1 << enum ft_tcp_state, and UDP.
#define FT_SNAPSHOT_UDP (1u << 16)
#define FT_SNAPSHOT_ALL UINT32_MAX

struct ft_snapshot {
	struct ft_tuple tuple; // protocol, addresses, ports; of a listener only the local half
	uint8_t state; // enum ft_tcp_state; CLOSED: only bound; UDP: ESTABLISHED with a peer, else CLOSED
	uint8_t timer;		// enum ft_snapshot_timer
	uint8_t retries;	// of that timer: timeouts or probes in a row
	uint32_t timer_ms;	// until it expires
	uint64_t receive_queue; // bytes unread; of a listener: connections waiting for accept()
	uint64_t send_queue;	// bytes not acknowledged; of a listener: how many may wait
	uint32_t fd_count;
	int fds[FT_SNAPSHOT_FDS]; // the newest of them
	uint64_t receive_buffer;  // SO_RCVBUF and SO_SNDBUF
	uint64_t send_buffer;
	struct tcp_info info; // TCP connections
	struct ft_tcp_volume volume;
	char congestion[16];
};

// As ss names them.
enum ft_snapshot_timer {
	FT_SNAPSHOT_NO_TIMER,
	FT_SNAPSHOT_ON, // retransmission
	FT_SNAPSHOT_KEEPALIVE,
	FT_SNAPSHOT_TIME_WAIT,
	FT_SNAPSHOT_PERSIST,
};
const char *ft_snapshot_timer_name(enum ft_snapshot_timer timer);

// Fills up to FT_SNAPSHOT_RECORDS records and up to `most`, from *cursor on (0 at first), which it
// moves; 0 again when it was the last call. Returns how many; none does not mean the end.
uint32_t ft_snapshot_take(struct ft_stack *stack, uint64_t *cursor, uint32_t wanted,
	struct ft_snapshot *records, uint32_t most, ft_time now);
