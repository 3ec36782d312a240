// Cache misses of a burst, taken together.
#pragma once
#include <stdint.h>

struct ft_stack;
struct rte_mbuf;

// Fetches ahead what will be touched when these packets are delivered and the applications read them:
// of each connection that the burst's lookup found its block, its socket, and what that points to. In
// stages, so that no stage waits for a miss of its own. A hint, no more.
void ft_tcp_prefetch(struct ft_stack *stack, struct rte_mbuf *const *pkts, uint16_t count);
