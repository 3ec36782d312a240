#include "tcp/cc.h"

#include <string.h>

#include <rte_common.h>

static const struct ft_cc_algorithm *const algorithms[] = { &ft_cc_newreno };

const struct ft_cc_algorithm *ft_cc_find(const char *name)
{
	for (uint32_t i = 0; i < RTE_DIM(algorithms); i++)
		if (strcmp(name, algorithms[i]->name) == 0)
			return algorithms[i];
	return strcmp(name, "reno") == 0 ? &ft_cc_newreno : NULL;
}

// RFC 6928 2, for 10 segments: min(10 * MSS, max(2 * MSS, 14600)).
static uint32_t initial_window(uint32_t mss, uint32_t segments)
{
	const uint32_t most = RTE_MAX(2 * mss, segments * 1460);

	return RTE_MIN(segments * mss, most);
}

void ft_cc_init(
	struct ft_cc *cc, const struct ft_cc_algorithm *algorithm, uint16_t mss, uint32_t segments)
{
	*cc = (struct ft_cc){
		.algorithm = algorithm,
		.cwnd = initial_window(mss, segments),
		.ssthresh = UINT32_MAX,
		.initial_window = initial_window(mss, segments),
		.mss = mss,
	};
	algorithm->init(cc);
}

void ft_cc_switch(struct ft_cc *cc, const struct ft_cc_algorithm *algorithm)
{
	if (cc->algorithm == algorithm)
		return;
	cc->algorithm = algorithm;
	memset(cc->room, 0, sizeof(cc->room));
	algorithm->init(cc);
}
