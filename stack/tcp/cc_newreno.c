// NewReno: slow start and congestion avoidance (RFC 5681 3.1) counting bytes (RFC 3465), fast
// recovery (RFC 5681 3.2, RFC 6582).
#include <rte_common.h>

#include "tcp/cc.h"

#define CWND_MAXIMUM (1u << 30) // no window is larger (RFC 7323 2.3)

static void init(struct ft_cc *cc)
{
	cc->newreno.acked_bytes = 0;
}

static void grow(struct ft_cc *cc, uint32_t bytes)
{
	cc->cwnd = RTE_MIN(cc->cwnd + bytes, CWND_MAXIMUM);
}

// An ACK may count at most L segments: 8, as RFC 9406 4.3 has it, since receivers that merge segments answer many
// with one ACK, and 2 would keep their sender from doubling in a round trip; or 1 when after a timeout an ACK can
// cover much that had long left the network (RFC 3465 2.3).
static void slow_start(struct ft_cc *cc, uint32_t acked_bytes)
{
	const uint32_t limit = (cc->is_after_timeout ? 1 : 8) * cc->mss;

	grow(cc, RTE_MIN(acked_bytes, limit));
}

// One segment for each window acknowledged (RFC 3465 2.1).
static void avoid_congestion(struct ft_cc *cc, uint32_t acked_bytes)
{
	cc->is_after_timeout = false;
	cc->newreno.acked_bytes += acked_bytes;
	if (cc->newreno.acked_bytes < cc->cwnd)
		return;
	cc->newreno.acked_bytes -= cc->cwnd;
	grow(cc, cc->mss);
}

static void ack(struct ft_cc *cc, uint32_t acked_bytes, ft_time now)
{
	if (ft_cc_is_slow_start(cc))
		slow_start(cc, acked_bytes);
	else
		avoid_congestion(cc, acked_bytes);
}

// RFC 5681 (4). What limited transmit sent beyond cwnd does not count (3.2, step 2).
static uint32_t half_of(const struct ft_cc *cc, uint32_t flight)
{
	const uint32_t in_window = RTE_MIN(flight, cc->cwnd);

	return RTE_MAX(in_window / 2, 2u * cc->mss);
}

// The three segments whose duplicate ACKs told us of the loss have left the network.
static void enter_recovery(struct ft_cc *cc, uint32_t flight, ft_time now)
{
	cc->ssthresh = half_of(cc, flight);
	cc->cwnd = cc->ssthresh + 3 * cc->mss;
	cc->newreno.acked_bytes = 0;
}

static void duplicate_ack(struct ft_cc *cc)
{
	grow(cc, cc->mss);
}

// Deflate by what was acknowledged, less the segment that is sent again (RFC 6582 3.2 (4)).
static void partial_ack(struct ft_cc *cc, uint32_t acked_bytes)
{
	const uint32_t regained = acked_bytes >= cc->mss ? cc->mss : 0;

	cc->cwnd -= RTE_MIN(acked_bytes, cc->cwnd);
	cc->cwnd = RTE_MAX(cc->cwnd + regained, (uint32_t)cc->mss);
}

// RFC 6582 3.2 (3), the first choice, which sends no burst.
static void exit_recovery(struct ft_cc *cc, uint32_t flight)
{
	const uint32_t in_flight = RTE_MAX(flight, (uint32_t)cc->mss);

	cc->cwnd = RTE_MIN(cc->ssthresh, in_flight + cc->mss);
}

static void timeout(struct ft_cc *cc, uint32_t flight, bool is_first, ft_time now)
{
	if (is_first)
		cc->ssthresh = half_of(cc, flight);
	cc->cwnd = cc->mss;
	cc->newreno.acked_bytes = 0;
	cc->is_after_timeout = true;
}

static void idle_restart(struct ft_cc *cc)
{
	cc->cwnd = RTE_MIN(cc->cwnd, cc->initial_window);
}

const struct ft_cc_algorithm ft_cc_newreno = {
	.name = "newreno",
	.init = init,
	.ack = ack,
	.enter_recovery = enter_recovery,
	.duplicate_ack = duplicate_ack,
	.partial_ack = partial_ack,
	.exit_recovery = exit_recovery,
	.timeout = timeout,
	.idle_restart = idle_restart,
};
