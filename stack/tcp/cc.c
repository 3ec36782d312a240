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

void ft_cc_switch(struct ft_cc *cc, const struct ft_cc_algorithm *algorithm)
{
	if (cc->algorithm == algorithm)
		return;
	cc->algorithm = algorithm;
	memset(cc->room, 0, sizeof(cc->room));
	algorithm->init(cc);
}
