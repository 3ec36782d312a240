#include "shim/thread.h"

#include <stdatomic.h>
#include <stddef.h>

#include "fourtuple.h"
#include "shim/call.h"

struct thread {
	struct ft_runner runner;
	unsigned interrupts_seen;
	bool was_attached;
};

static _Thread_local struct thread thread;
_Thread_local struct ft_thread_begin ft_thread_begin FT_THREAD_FIXED;

// Counted, not set and cleared, so that every thread sees each interrupt. A lock-free atomic is
// what a signal handler may touch (C17 7.14.1.1).
static atomic_uint interrupts;
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "ft_interrupt() is called by signal handlers");

void ft_thread_attach(struct ft_stack *stack, const struct ft_runner *runner)
{
	// (Who goes from one stack to another has made its calls all the same.)
	if (stack == NULL || ft_thread_begin.stack == NULL)
		ft_thread_begin.calls_left = stack != NULL ? FT_CALLS_TO_A_TURN : 0;
	ft_thread_begin.stack = stack;
	thread.runner = stack != NULL ? *runner : (struct ft_runner){ 0 };
	if (!thread.was_attached)
		thread.interrupts_seen = atomic_load(&interrupts);
	thread.was_attached = true;
}

ft_time ft_thread_now(void)
{
	return thread.runner.now(thread.runner.arg);
}

ft_time ft_thread_turn(void)
{
	ft_thread_begin.calls_left = FT_CALLS_TO_A_TURN;
	return thread.runner.turn(thread.runner.arg);
}

void ft_thread_turn_at_once(void)
{
	ft_thread_begin.calls_left = FT_CALLS_TO_A_TURN;
	if (thread.runner.turn_at_once != NULL)
		thread.runner.turn_at_once(thread.runner.arg);
	else
		ft_thread_turn();
}

bool ft_thread_take_interrupt(void)
{
	unsigned count = atomic_load_explicit(&interrupts, memory_order_relaxed);

	if (count == thread.interrupts_seen)
		return false;
	thread.interrupts_seen = count;
	return true;
}

void ft_interrupt(void)
{
	atomic_fetch_add(&interrupts, 1);
}

int ft_turn(void)
{
	if (ft_call_stack() == NULL)
		return -1;
	ft_thread_turn();
	return 0;
}
