// What is in flight, and when it counts as lost: duplicate ACKs and NewReno's recovery point (RFC
// 5681 3.2, RFC 6582), and the timing of one segment per round trip (Karn 1987). It decides nothing
// about the congestion window (cc.h) and sends nothing; each function says what has happened.
//
// A scoreboard for SACK (RFC 6675) and the times of RACK (RFC 8985) belong into this struct, behind
// the same events.
//
// Below, SND.MAX is the highest sequence number sent, plus one. It is SND.NXT, but after a timeout
// SND.NXT goes back to SND.UNA and SND.MAX stays.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>

#include "base/time.h"
#include "tcp/segment.h"
#include "tcp/seq.h"

#define FT_RETRANSMIT_DUPLICATES 3 // ACKs that make a loss (RFC 5681 3.2)

enum ft_retransmit_phase {
	FT_RETRANSMIT_OPEN,	// nothing known to be lost
	FT_RETRANSMIT_RECOVERY, // fast recovery, until `recover` is acknowledged
	FT_RETRANSMIT_LOSS,	// after a timeout, until `recover` is acknowledged
};

// What an acknowledgment meant, and so what is to be done.
enum ft_retransmit_event {
	FT_RETRANSMIT_NOTHING,	 // a new ACK outside recovery (ft_cc_ack), or a duplicate past the
				 // second that may not start recovery
	FT_RETRANSMIT_DUPLICATE, // first or second: limited transmit (ft_retransmit_allowance)
	FT_RETRANSMIT_ENTER,	 // third: send the segment at SND.UNA again (ft_cc_enter_recovery)
	FT_RETRANSMIT_INFLATE,	 // another in recovery: a packet left the network
				 // (ft_cc_duplicate_ack)
	FT_RETRANSMIT_PARTIAL,	 // not up to `recover`: send the segment at the new SND.UNA again
				 // (ft_cc_partial_ack)
	FT_RETRANSMIT_EXIT,	 // all acknowledged: recovery is over (ft_cc_exit_recovery)
};

struct ft_retransmit {
	uint32_t recover;   // SND.MAX when the last loss was found
	uint32_t timed_end; // the ACK that ends the measurement under way, if is_timing
	ft_time timed_from;
	uint32_t duplicate_acks; // in a row
	uint32_t partial_acks; // in this recovery: only the first restarts the timer (RFC 6582 3.2)
	uint8_t phase;	       // enum ft_retransmit_phase
	bool is_timing;
};

static inline void ft_retransmit_init(struct ft_retransmit *retransmit, uint32_t iss)
{
	*retransmit = (struct ft_retransmit){ .recover = iss };
}

// Whether this segment is a duplicate ACK as RFC 5681 2 defines it: data outstanding, no payload,
// SYN or FIN, ACK = SND.UNA, and the window the last one had (both in bytes, scaled).
bool ft_retransmit_is_duplicate(const struct ft_segment *seg, uint32_t snd_una, uint32_t snd_max,
	uint32_t window, uint32_t last_window);

// How many segments limited transmit allows beyond cwnd now (RFC 3042): 0, 1 or 2.
static inline uint32_t ft_retransmit_allowance(const struct ft_retransmit *retransmit)
{
	if (retransmit->phase != FT_RETRANSMIT_OPEN)
		return 0;
	return retransmit->duplicate_acks < 2 ? retransmit->duplicate_acks : 2;
}

// A duplicate ACK came.
enum ft_retransmit_event ft_retransmit_duplicate(
	struct ft_retransmit *retransmit, uint32_t snd_una, uint32_t snd_max);

// SND.UNA moved to `ack` and nothing was lost: then it is FT_RETRANSMIT_NOTHING. `recover` is drawn along, or 2 GB
// later it would seem to lie ahead.
static inline void ft_retransmit_acked_open(struct ft_retransmit *retransmit, uint32_t ack)
{
	retransmit->duplicate_acks = 0;
	if (ft_seq_is_after(ack, retransmit->recover))
		retransmit->recover = ack - 1;
}

// SND.UNA moved to `ack`. PARTIAL and EXIT only come from fast recovery; after a timeout the lost
// segments go out again because SND.NXT went back, and the ACKs are NOTHING.
static inline enum ft_retransmit_event ft_retransmit_acked(
	struct ft_retransmit *retransmit, uint32_t ack)
{
	const bool is_recovered = ft_seq_is_at_or_after(ack, retransmit->recover);
	const bool was_recovering = retransmit->phase == FT_RETRANSMIT_RECOVERY;

	if (likely(retransmit->phase == FT_RETRANSMIT_OPEN)) {
		ft_retransmit_acked_open(retransmit, ack);
		return FT_RETRANSMIT_NOTHING;
	}
	retransmit->duplicate_acks = 0;
	if (!is_recovered && was_recovering) {
		retransmit->partial_acks++;
		return FT_RETRANSMIT_PARTIAL;
	}
	if (!is_recovered)
		return FT_RETRANSMIT_NOTHING;
	retransmit->phase = FT_RETRANSMIT_OPEN;
	return was_recovering ? FT_RETRANSMIT_EXIT : FT_RETRANSMIT_NOTHING;
}

// The retransmission timer expired: ends fast recovery, forgets duplicates and the measurement.
void ft_retransmit_timeout(struct ft_retransmit *retransmit, uint32_t snd_max);

// A segment seq .. end - 1 is sent. New ones may be timed, one at a time; sending anything again
// ends the measurement, since its ACK could mean either copy.
static inline void ft_retransmit_sent(
	struct ft_retransmit *retransmit, uint32_t seq, uint32_t end, uint32_t snd_max, ft_time now)
{
	if (ft_seq_is_before(seq, snd_max)) {
		retransmit->is_timing = false;
	} else if (!retransmit->is_timing) {
		retransmit->is_timing = true;
		retransmit->timed_end = end;
		retransmit->timed_from = now;
	}
}

// The same for a new one with nothing in flight before it: no measurement is under way.
static inline void ft_retransmit_sent_first(
	struct ft_retransmit *retransmit, uint32_t end, ft_time now)
{
	retransmit->is_timing = true;
	retransmit->timed_end = end;
	retransmit->timed_from = now;
}

// Call with each ACK that moves SND.UNA: true when it ends the measurement, with the round trip in
// *rtt.
static inline bool ft_retransmit_measure(
	struct ft_retransmit *retransmit, uint32_t ack, ft_time now, ft_time *rtt)
{
	if (!retransmit->is_timing || ft_seq_is_before(ack, retransmit->timed_end))
		return false;
	retransmit->is_timing = false;
	*rtt = now - retransmit->timed_from;
	return true;
}
