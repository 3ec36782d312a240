// The test plays the peer of one connection: it sends segments to a whole stack in virtual time,
// and says exactly which come back. Sequence numbers are told from each side's ISS, so that both
// SYNs are at 0 and the first byte of data is at 1.
//
//	the test: 10.9.0.1, port 40000                      the stack: 10.9.0.2, port 7
//	SEND(.seq = 1, .ack = 1, .flags = ACK, ...)   ──►   one turn of the loop
//	EXPECT(.seq = 1, .ack = 6, .flags = ACK)      ◄──   what it sent, in order
//	EXPECT_NOTHING                                      ... and nothing more
//
// Each test's tear-down too checks that nothing more was sent, that every packet received was taken
// or dropped for a reason, and that no mbuf is missing.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/drop.h"
#include "socket/socket.h"
#include "stack.h"
#include "tcp/listener.h"

#include "../support.h"

#define PEER_PACKETS	   1024 // in each pool
#define PEER_SMALL_PACKETS 4096
#define PEER_FRAMES	   512	// that the stack may have sent, not yet looked at
#define PEER_MSS	   1000 // what the test's SYN announces
#define PEER_WINDOW	   60000
#define PEER_EDGE \
	65536 // the first sequence number beyond the window of a stack that has read nothing

enum {
	FIN = FT_TCP_FIN,
	SYN = FT_TCP_SYN,
	RST = FT_TCP_RST,
	PSH = FT_TCP_PSH,
	ACK = FT_TCP_ACK,
	URG = FT_TCP_URG,
};

// A segment, sent by the test or expected from the stack.
struct peer_segment {
	uint32_t seq; // from the sender's ISS on
	uint32_t ack; // from the other's ISS on
	uint8_t flags;
	const char *text; // payload ...
	uint32_t bytes;	  // ... or so many bytes of the stream, from the position `seq` says
	// Sent: 0 is PEER_WINDOW, and `is_window_shut` 0. Expected: 0 is any.
	uint16_t window;
	bool is_window_shut;
	uint16_t urgent;
	uint8_t options; // ft_tcp_option_bit; SYNs sent always have an MSS
	uint16_t mss;
	uint8_t window_scale;
	uint32_t ts_value; // sent as it is; not compared
	uint32_t ts_echo;
	uint16_t from_port; // of the test, 0: 40000
	// Sent only: other addresses, host byte order; options as they are, a multiple of four bytes.
	uint32_t from_ip;
	uint32_t to_ip;
	const uint8_t *raw_options;
	uint8_t raw_bytes;
};

struct peer {
	struct ft_config config; // change it, then peer_restart()
	uint64_t seed;		 // likewise: what the stack's secrets are made from
	struct ft_stack stack;
	ft_time now;
	struct ft_socket *socket;   // the application's end of the connection
	struct ft_socket listening; // and of the listener
	struct ft_tcp_listener *listener;
	struct ft_tcp_anchor *conn; // what the socket holds
	uint32_t iss;		    // the stack's
	uint32_t peer_iss;
	struct ft_segment last; // the last one expected, as it came: timestamps, window, options
	ft_time last_at;	// when it was sent
	bool is_last_to_be_cut; // the NIC is asked to
	uint8_t last_ttl;
	uint8_t last_tos;
	uint64_t heard;		// a sum of all the frames expected or taken so far
	uint16_t announced_mss; // by the test's last SYN
	uint16_t mbuf_bytes;	// frames arrive in mbufs of so many bytes; 0: in one
	bool is_vouched_for;	// the NIC has verified the checksums
	struct rte_mempool
		*lent_pool; // frames arrive in mbufs of this one; NULL: of the stack's own
	bool is_flooding;   // what the stack sends is thrown away unseen
	bool is_link_down;
	bool is_nic_busy; // takes nothing
};

extern struct peer peer;

// For cmocka: of a group, of a test.
int peer_make_pools(void **state);
int peer_free_pools(void **state);
int peer_begin(void **state);
int peer_end(void **state);
#define PEER_TEST(name) cmocka_unit_test_setup_teardown(name, peer_begin, peer_end)

// Starts the stack anew with what is in peer.config.
void peer_restart(void);

// Sends a segment and turns the loop once. Returns FT_TAKEN or the reason for dropping it.
enum ft_drop peer_send(const struct peer_segment *segment);
// The same without the turn: several make a burst.
void peer_queue(const struct peer_segment *segment);
void peer_turn(void);
// The next segment the stack sent must be this one.
void peer_expect(const struct peer_segment *segment);
// `count` full segments of the stream from the `first` (from 0) on, and nothing more, sent by a stack that
// has received nothing.
void peer_expect_segments(uint32_t first, uint32_t count);
void peer_expect_nothing(void);
bool peer_has_sent(void); // the stack, something not yet expected
void peer_set_options(const struct ft_tcp_options *options); // the socket's and the connection's
void peer_set_listening_options(const struct ft_tcp_options *options);
uint32_t peer_snd_una(void); // relative, also of a connection at rest
#define SEND(...)      peer_send(&(struct peer_segment){ __VA_ARGS__ })
#define QUEUE(...)     peer_queue(&(struct peer_segment){ __VA_ARGS__ })
#define EXPECT(...)    peer_expect(&(struct peer_segment){ __VA_ARGS__ })
#define EXPECT_NOTHING peer_expect_nothing()

// The segment must be taken, or be dropped for this reason, which must be counted.
#define TAKES(...)	   assert_int_equal(SEND(__VA_ARGS__), FT_TAKEN)
#define DROPS(reason, ...) assert_int_equal(SEND(__VA_ARGS__), FT_DROP_##reason)

// Takes what the stack sent, whatever it is, and returns how many segments. Leaves in `last` the
// last.
uint32_t peer_take_all(void);

// Lets time pass, turning the loop whenever it asks to be.
void peer_pass(ft_time duration);
// Lets time pass until something is sent; the test fails when that takes longer than `limit`.
// Returns how long it took.
ft_time peer_wait(ft_time limit);
// The next thing sent is sent in `duration`, up to two ticks of the wheel later.
void peer_expect_quiet(ft_time duration);
#define QUIET(duration) peer_expect_quiet(duration)

// Brings a new connection into a state, by the usual way: SYN-SENT by connecting, all others
// by accepting (without an application's socket before ESTABLISHED). Afterwards nothing is
// unexpected:
//
//	                stack has sent up to   peer has sent up to
//	ESTABLISHED     1                      1
//	FIN-WAIT-1, -2  2 (the FIN is at 1)    1
//	CLOSE-WAIT      1                      2 (the FIN is at 1)
//	CLOSING, LAST-ACK, TIME-WAIT: 2        2
void peer_enter(enum ft_tcp_state state);
// The same until ESTABLISHED, with what the test's SYN says.
void peer_establish(const struct peer_segment *syn);
#define ESTABLISH(...) peer_establish(&(struct peer_segment){ .flags = SYN, __VA_ARGS__ })
// A connection of the listener's with another port of the peer, which waits to be accepted. From here on
// peer.iss is its own.
void peer_complete_from(uint16_t port);

// The state of the one connection, CLOSED when there is none.
enum ft_tcp_state peer_state(void);
#define ASSERT_STATE(state) assert_string_equal(ft_tcp_state_name(peer_state()), state)

// How a story ends: nothing more was sent, not even when a delayed ACK's time has passed, and the one
// connection is in this state. LISTEN: there is no connection, but still the listener.
void peer_expect_end(const char *state);
#define ENDS_IN(state) peer_expect_end(state)

// The application's calls.
void peer_connect(void);
void peer_connect_to(uint16_t port);
void peer_listen(void);
void peer_accept(void);
void peer_write(const char *text);
void peer_write_bytes(uint32_t bytes); // the next of the stream
void peer_shutdown(void);	       // of writing
void peer_close(void);
// RECEIVE must give exactly this text, or this error (-EAGAIN, ...; 0: the end of the stream).
void peer_expect_read(const char *text);
void peer_expect_read_bytes(uint32_t bytes); // the next of the stream
void peer_expect_read_error(int error);
void peer_expect_urgent(char byte); // with MSG_OOB
void peer_expect_urgent_error(int error);

uint64_t peer_counter(enum ft_counter counter);
