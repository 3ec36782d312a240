#include "tcp/rtt.h"

void ft_rtt_init(struct ft_rtt *rtt, ft_time initial)
{
	*rtt = (struct ft_rtt){ .rto = initial };
}

void ft_rtt_restore(
	struct ft_rtt *rtt, ft_time srtt, ft_time rttvar, const struct ft_rtt_limits *limits)
{
	*rtt = (struct ft_rtt){ .srtt = srtt, .rttvar = rttvar, .has_sample = true };
	ft_rtt_set_timeout(rtt, limits);
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
