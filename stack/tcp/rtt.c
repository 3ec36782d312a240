#include "tcp/rtt.h"

#include <rte_common.h>

#include "base/timer.h"

// RFC 6298's clock granularity G: the timer wheel's tick.
static const ft_time granularity = 1ull << FT_WHEEL_TICK_BITS;

void ft_rtt_init(struct ft_rtt *rtt, ft_time initial)
{
	*rtt = (struct ft_rtt){ .rto = initial };
}

// (2.2)
static void take_first(struct ft_rtt *rtt, ft_time measured)
{
	rtt->srtt = measured;
	rtt->rttvar = measured / 2;
	rtt->has_sample = true;
}

// (2.3): alpha = 1/8, beta = 1/4.
static void take_next(struct ft_rtt *rtt, ft_time measured)
{
	const int64_t error = (int64_t)measured - (int64_t)rtt->srtt;
	const int64_t distance = error < 0 ? -error : error;

	rtt->rttvar += (distance - (int64_t)rtt->rttvar) / 4;
	rtt->srtt += error / 8;
}

static void set_timeout(struct ft_rtt *rtt, const struct ft_rtt_limits *limits)
{
	rtt->rto = rtt->srtt + RTE_MAX(granularity, 4 * rtt->rttvar);
	rtt->rto = RTE_MAX(rtt->rto, limits->minimum);
	rtt->backoff = 0;
}

void ft_rtt_sample(struct ft_rtt *rtt, ft_time measured, const struct ft_rtt_limits *limits)
{
	if (rtt->has_sample)
		take_next(rtt, measured);
	else
		take_first(rtt, measured);
	set_timeout(rtt, limits);
}

void ft_rtt_restore(
	struct ft_rtt *rtt, ft_time srtt, ft_time rttvar, const struct ft_rtt_limits *limits)
{
	*rtt = (struct ft_rtt){ .srtt = srtt, .rttvar = rttvar, .has_sample = true };
	set_timeout(rtt, limits);
}

void ft_rtt_back_off(struct ft_rtt *rtt)
{
	if (rtt->backoff < UINT8_MAX)
		rtt->backoff++;
}

void ft_rtt_end_backoff(struct ft_rtt *rtt)
{
	rtt->backoff = 0;
}

void ft_rtt_restart(struct ft_rtt *rtt, ft_time initial)
{
	if (!rtt->has_sample)
		rtt->rto = initial;
	rtt->backoff = 0;
}
