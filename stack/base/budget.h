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

static inline void ft_budget_give(struct ft_budget *budget, uint64_t amount)
{
	budget->used -= amount;
}
