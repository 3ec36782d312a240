// A limit on something held: mbufs in receive queues, fragments, bytes. Memory for a peer is
// bounded by what it really occupies, so what is charged is the buffers, not the payload in them.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct ft_budget {
	uint64_t used;
	uint64_t limit;
};

static inline bool ft_budget_take(struct ft_budget *budget, uint64_t amount)
{
	if (budget->used + amount > budget->limit)
		return false;
	budget->used += amount;
	return true;
}

// Whether there is no longer enough for all: three quarters are used.
static inline bool ft_budget_is_scarce(const struct ft_budget *budget)
{
	return budget->limit - budget->used <= budget->limit / 4;
}

// Whether a holder of `held` already may take more of what many share. Of what is scarce nobody may who has
// a 512th of what is left, so that with the default of packets it takes more than a thousand greedy ones to
// leave nothing to a newcomer (dynamic thresholds, Choudhury and Hahne 1998).
static inline bool ft_budget_has_share(const struct ft_budget *budget, uint64_t held)
{
	return !ft_budget_is_scarce(budget) || held * 512 < budget->limit - budget->used;
}

static inline void ft_budget_give(struct ft_budget *budget, uint64_t amount)
{
	budget->used -= amount;
}
