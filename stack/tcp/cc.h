// Congestion control: how much may be in flight. What lost segments mean is told by retransmit.h;
// an algorithm answers with `cwnd` and `ssthresh` (RFC 5681), in bytes. Call through the functions
// below.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#include "base/time.h"

struct ft_cc;

// One algorithm; the table of them is in cc.c. `flight` is SND.MAX - SND.UNA before the event.
struct ft_cc_algorithm {
	const char *name; // TCP_CONGESTION
	void (*init)(struct ft_cc *cc);
	// New data acknowledged outside recovery, when cwnd ended the last sending.
	void (*ack)(struct ft_cc *cc, uint32_t acked_bytes, ft_time now);
	void (*enter_recovery)(struct ft_cc *cc, uint32_t flight, ft_time now);
	void (*duplicate_ack)(struct ft_cc *cc); // another one in recovery
	void (*partial_ack)(struct ft_cc *cc, uint32_t acked_bytes);
	void (*exit_recovery)(struct ft_cc *cc, uint32_t flight); // flight after the ACK
	// `is_first`: not the same segment's second timeout, which leaves ssthresh alone (RFC
	// 5681 3.1).
	void (*timeout)(struct ft_cc *cc, uint32_t flight, bool is_first, ft_time now);
	// Nothing was sent for longer than a retransmission timeout (RFC 5681 4.1).
	void (*idle_restart)(struct ft_cc *cc);
};

struct ft_cc {
	const struct ft_cc_algorithm *algorithm;
	uint32_t cwnd;
	uint32_t ssthresh; // UINT32_MAX until the first loss
	uint32_t initial_window;
	uint16_t mss;	       // SMSS; set anew when the path MTU shrinks
	bool is_after_timeout; // slow start after a timeout counts 1 MSS for an ACK (RFC 3465 2.3)
	union {		       // the algorithm's own
		struct {
			uint32_t acked_bytes; // since cwnd last grew (RFC 3465 2.1)
		} newreno;
		uint64_t room[2];
	};
};

extern const struct ft_cc_algorithm ft_cc_newreno; // cc_newreno.c

// By name, or NULL: "newreno" ("reno" is taken for it).
const struct ft_cc_algorithm *ft_cc_find(const char *name);

// RFC 6928 2, for 10 segments: min(10 * MSS, max(2 * MSS, 14600)).
static inline uint32_t ft_cc_initial_window(uint32_t mss, uint32_t segments)
{
	const uint32_t most = RTE_MAX(2 * mss, segments * 1460);

	return RTE_MIN(segments * mss, most);
}

// At ESTABLISHED, when the MSS is known. The initial window is that of RFC 6928 for `segments`
// segments (10), or one when the handshake's SYN or SYN-ACK was lost (`segments` 1; RFC 5681 3.1).
static inline void ft_cc_init(
	struct ft_cc *cc, const struct ft_cc_algorithm *algorithm, uint16_t mss, uint32_t segments)
{
	const uint32_t window = ft_cc_initial_window(mss, segments);

	*cc = (struct ft_cc){
		.algorithm = algorithm,
		.cwnd = window,
		.ssthresh = UINT32_MAX,
		.initial_window = window,
		.mss = mss,
	};
	algorithm->init(cc);
}

// Another algorithm from now on, keeping cwnd and ssthresh (TCP_CONGESTION).
void ft_cc_switch(struct ft_cc *cc, const struct ft_cc_algorithm *algorithm);

// How much may be in flight now: cwnd, and what limited transmit allows
// (ft_retransmit_allowance()).
static inline uint32_t ft_cc_window(const struct ft_cc *cc, uint32_t extra_segments)
{
	return cc->cwnd + extra_segments * cc->mss;
}

static inline bool ft_cc_is_slow_start(const struct ft_cc *cc)
{
	return cc->cwnd < cc->ssthresh;
}

// `is_limited`: cwnd, not the application or the peer's window, ended the last sending; only then may it grow
// (RFC 7661 4.3, as Linux).
static inline void ft_cc_ack(struct ft_cc *cc, uint32_t acked_bytes, bool is_limited, ft_time now)
{
	if (is_limited)
		cc->algorithm->ack(cc, acked_bytes, now);
}

static inline void ft_cc_enter_recovery(struct ft_cc *cc, uint32_t flight, ft_time now)
{
	cc->algorithm->enter_recovery(cc, flight, now);
}

static inline void ft_cc_duplicate_ack(struct ft_cc *cc)
{
	cc->algorithm->duplicate_ack(cc);
}

static inline void ft_cc_partial_ack(struct ft_cc *cc, uint32_t acked_bytes)
{
	cc->algorithm->partial_ack(cc, acked_bytes);
}

static inline void ft_cc_exit_recovery(struct ft_cc *cc, uint32_t flight)
{
	cc->algorithm->exit_recovery(cc, flight);
}

static inline void ft_cc_timeout(struct ft_cc *cc, uint32_t flight, bool is_first, ft_time now)
{
	cc->algorithm->timeout(cc, flight, is_first, now);
}

static inline void ft_cc_idle_restart(struct ft_cc *cc)
{
	cc->algorithm->idle_restart(cc);
}
