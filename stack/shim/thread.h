// Which stack the calling thread's ft_* calls speak to, and how its loop is turned. An application
// gets this from ft_init(); tests attach stacks of their own and turn a whole simulated network.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

struct ft_stack;

struct ft_runner {
	void *arg;
	// The present. Called by calls that need the time; cheap.
	ft_time (*now)(void *arg);
	// One turn: in an application ft_stack_poll(); in a simulation the next event of the
	// network. Blocked calls turn until they have their answer. Returns the present after it.
	ft_time (*turn)(void *arg);
	// One turn by a call that may have its answer already, so that time must not be passed with it.
	// NULL where `turn` passes none.
	void (*turn_at_once)(void *arg);
};

// Makes `stack` the calling thread's, from now on; copies `runner`. Calling it again switches to
// another stack (simulations hold several). NULL detaches.
void ft_thread_attach(struct ft_stack *stack, const struct ft_runner *runner);

// Of the few bytes that a library may have at a fixed place in each thread: else every call would begin with
// one to __tls_get_addr().
#define FT_THREAD_FIXED __attribute__((tls_model("initial-exec")))

// What every call begins with.
struct ft_thread_begin {
	struct ft_stack *stack; // the calling thread's, or NULL: set by ft_thread_attach() alone
	uint32_t calls_left;	// before the loop has to turn; none without a stack
};

extern _Thread_local struct ft_thread_begin ft_thread_begin FT_THREAD_FIXED;

static inline struct ft_stack *ft_thread_stack(void)
{
	return ft_thread_begin.stack;
}

// ---- for the shim; the thread must have a stack ----

ft_time ft_thread_now(void);
ft_time ft_thread_turn(void);
void ft_thread_turn_at_once(void);

// True once in this thread for all the calls of ft_interrupt() since it was last true.
bool ft_thread_take_interrupt(void);
