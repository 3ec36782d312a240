// The retransmission timeout from measured round trips (RFC 6298; Jacobson 1988), in nanoseconds.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "base/time.h"
#include "base/timer.h"

// What the configuration allows; the same for all connections, so it is not kept in each.
struct ft_rtt_limits {
	ft_time minimum; // RFC 6298 says a second, all the world 200 ms
	ft_time maximum;
};

struct ft_rtt {
	ft_time srtt; // smoothed; meaningful when has_sample
	ft_time rttvar;
	ft_time rto;	 // before backoff; `initial` until the first sample
	uint8_t backoff; // how often the timeout has doubled since the last valid sample
	bool has_sample;
};

// RFC 6298 (2.1): before anything is known the timeout is `initial`.
void ft_rtt_init(struct ft_rtt *rtt, ft_time initial);

// RFC 6298's clock granularity G: the timer wheel's tick.
#define FT_RTT_GRANULARITY (1ull << FT_WHEEL_TICK_BITS)

// The parts of a measurement: (2.2), (2.3) with alpha = 1/8 and beta = 1/4, and what both come to.
static inline void ft_rtt_take_first(struct ft_rtt *rtt, ft_time measured)
{
	rtt->srtt = measured;
	rtt->rttvar = measured / 2;
	rtt->has_sample = true;
}

static inline void ft_rtt_take_next(struct ft_rtt *rtt, ft_time measured)
{
	const int64_t error = (int64_t)measured - (int64_t)rtt->srtt;
	const int64_t distance = error < 0 ? -error : error;

	rtt->rttvar += (distance - (int64_t)rtt->rttvar) >> 2; // rounded down: a nanosecond
	rtt->srtt += error >> 3;
}

static inline void ft_rtt_set_timeout(struct ft_rtt *rtt, const struct ft_rtt_limits *limits)
{
	rtt->rto = rtt->srtt + RTE_MAX(FT_RTT_GRANULARITY, 4 * rtt->rttvar);
	rtt->rto = RTE_MAX(rtt->rto, limits->minimum);
	rtt->backoff = 0;
}

// One measurement. It must be of a segment sent once only, or from a timestamp echo: that is Karn's
// algorithm, kept by who measures (tcp_ack.h). Ends any backoff.
static inline void ft_rtt_sample(
	struct ft_rtt *rtt, ft_time measured, const struct ft_rtt_limits *limits)
{
	if (likely(rtt->has_sample))
		ft_rtt_take_next(rtt, measured);
	else
		ft_rtt_take_first(rtt, measured);
	ft_rtt_set_timeout(rtt, limits);
}

// As it was when SRTT and RTTVAR were these, and no timeout has been since.
void ft_rtt_restore(
	struct ft_rtt *rtt, ft_time srtt, ft_time rttvar, const struct ft_rtt_limits *limits);

// The timer expired: the next timeout is twice as long (5.5).
void ft_rtt_back_off(struct ft_rtt *rtt);

// The path is alive though nothing was measured: the window opened again, or the measurement says
// nothing about the path.
void ft_rtt_end_backoff(struct ft_rtt *rtt);

// The handshake was retransmitted and data begins with nothing measured: the timeout starts again
// at `initial` (RFC 6298 5.7, which says three seconds).
void ft_rtt_restart(struct ft_rtt *rtt, ft_time initial);

// The timeout now, backed off and limited to the maximum.
static inline ft_time ft_rtt_timeout(const struct ft_rtt *rtt, const struct ft_rtt_limits *limits)
{
	if (likely(rtt->backoff == 0))
		return RTE_MIN(rtt->rto, limits->maximum);
	if (rtt->backoff >= 32 || rtt->rto > limits->maximum >> rtt->backoff)
		return limits->maximum;
	return rtt->rto << rtt->backoff;
}
