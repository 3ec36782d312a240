// The loop's beginning and end, for stack.c. The loop itself is ft_stack_poll() in stack.h.
#pragma once
#include "base/time.h"

struct ft_stack;

// Asks the link for the first time and announces our addresses.
void ft_poll_start(struct ft_stack *stack, ft_time now);

// Discards what still waits for the NIC.
void ft_poll_stop(struct ft_stack *stack);
