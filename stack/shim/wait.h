// How a call waits: it tries, and while the answer is -EAGAIN it turns the loop and tries again.
//
//	ft_wait_begin(&wait, is_nonblocking, timeout);
//	while ((result = attempt()) == -EAGAIN && (error = ft_wait_turn(&wait)) == 0)
//		;
//
// A call that must not wait gets one turn all the same, so that a program that spins on such calls
// makes progress.
#pragma once
#include <stdbool.h>

#include "base/time.h"

struct ft_wait {
	ft_time deadline; // FT_NEVER: as long as it takes
	bool is_nonblocking;
	bool has_turned;
};

// `timeout` from now, or FT_NEVER.
void ft_wait_begin(struct ft_wait *wait, bool is_nonblocking, ft_time timeout);

// Turns the loop once. Returns 0: try again; -EAGAIN: the time is up; -EINTR: ft_interrupt().
int ft_wait_turn(struct ft_wait *wait);
