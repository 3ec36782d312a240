// Window arithmetic: pure functions, for the receiver (how much to offer) and the sender (whether
// to send now), both without silly windows (RFC 9293 3.8.6.2).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#define FT_WINDOW_MAXIMUM_SCALE 14 // RFC 7323 2.3

// ---- receiver ----

// The smallest shift with which a window of `buffer_bytes` fits its 16 bits.
uint8_t ft_window_scale(uint64_t buffer_bytes);

// What the receiver knows when it makes a segment.
struct ft_window_offer {
	uint64_t buffer_bytes; // all of the receive buffer
	uint64_t used_bytes;   // of it, in the receive queue
	uint32_t rcv_wnd;      // what is still offered: right edge - RCV.NXT
	uint16_t mss;	       // the peer's segments, about
	uint8_t shift;	       // of our window field: caps what can be offered
};

// What the buffer has room for, as far as the window field can say.
static inline uint32_t ft_window_free_bytes(const struct ft_window_offer *offer)
{
	const uint64_t most = (uint64_t)UINT16_MAX << offer->shift;

	if (offer->used_bytes >= offer->buffer_bytes)
		return 0;
	return RTE_MIN(offer->buffer_bytes - offer->used_bytes, most);
}

// The new RCV.WND. The right edge never moves left (RFC 7323 2.4), and moves right only by at least
// a segment or half the buffer (RFC 9293 3.8.6.2.2).
static inline uint32_t ft_window_choose(const struct ft_window_offer *offer)
{
	const uint64_t worthwhile = RTE_MIN(offer->buffer_bytes / 2, (uint64_t)offer->mss);
	const uint32_t free = ft_window_free_bytes(offer);

	return free >= offer->rcv_wnd + worthwhile ? free : offer->rcv_wnd;
}

// After the application has read: whether opening the window is worth a segment of its own. It is
// when the window was nearly shut, or has grown much.
static inline bool ft_window_has_opened(const struct ft_window_offer *offer)
{
	const uint64_t buffer = offer->buffer_bytes;
	const uint32_t free = ft_window_free_bytes(offer);
	const uint64_t grown = free - offer->rcv_wnd;

	if (free <= offer->rcv_wnd)
		return false;
	if (grown >= buffer / 2)
		return true;
	if (grown < offer->mss) // then ft_window_choose() leaves it as it is
		return false;
	return offer->rcv_wnd < offer->mss ||
	       (grown >= 2u * offer->mss && (grown >= buffer / 4 || offer->rcv_wnd <= buffer / 8));
}

// What is still offered is all of the buffer but less than a segment, as nearly always: then, whatever of the
// buffer is used, ft_window_choose() says `rcv_wnd` and ft_window_has_opened() no. Told without an offer.
static inline bool ft_window_is_all_but(uint64_t buffer_bytes, uint32_t rcv_wnd, uint16_t mss)
{
	return rcv_wnd > mss && (uint64_t)rcv_wnd + mss > buffer_bytes;
}

// The header's field for a window of `window` bytes: rounded down, so it may seem to the peer that
// the edge moves left by less than a unit; what lies within the true edge is accepted all the same
// (RFC 7323 2.4). The shift is 0 in segments with SYN.
static inline uint16_t ft_window_field(uint32_t window, uint8_t shift)
{
	return RTE_MIN(window >> shift, (uint32_t)UINT16_MAX);
}

// ---- sender ----

struct ft_window_send {
	uint32_t unsent_bytes;	 // D: queued and not sent
	uint32_t usable_bytes;	 // U: what the peer's window and cwnd leave
	uint32_t largest_window; // Max(SND.WND): the largest the peer ever offered
	uint16_t mss;		 // Eff.snd.MSS
	bool no_delay;		 // TCP_NODELAY
	bool is_corked;		 // TCP_CORK or MSG_MORE: only full segments
	bool is_last;		 // a FIN follows the data, so there is nothing to wait for
	// A segment shorter than the MSS is in flight: SND.SML after SND.UNA (Minshall's variant of
	// Nagle, as in Linux: only a second small segment waits). RFC 9293's own rule is SND.UNA !=
	// SND.NXT.
	bool has_small_in_flight;
};

// How many bytes the next segment may carry, at most the MSS; 0: wait (for an ACK, a window, more
// data, or the override timer of RFC 9293 3.8.6.2.1 (4), which is the persist timer).
uint32_t ft_window_send_bytes(const struct ft_window_send *send);
