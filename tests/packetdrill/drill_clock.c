// Virtual time. The script's thread moves it (the other one, too, before its call begins, while the
// script's thread waits for that):
//
//	script's thread		usleep() ─ turn ─ turn ─────── turn ─ ...
//				             │      │     wait   ↑
//	the other thread	read() ──────┴──────┴─ answer ── gettimeofday()
//
// After each turn the call that waits in the other thread looks for its answer, and no time passes
// before it has looked. When it has the answer, the tool's next step is to ask that thread for the
// time: until then the clock stands, so that the call ends at the very time of what it waited for.
#include <errno.h>

#include "drill.h"
#include "fourtuple.h"
#include "shim/thread.h"

#define BEGIN	 (1000 * FT_SECOND)
#define STEP	 FT_MILLISECOND	   // by which a call of the script's thread waits
#define HOPELESS (600 * FT_SECOND) // no script lets its own thread wait so long

static bool is_script(const struct ft_drill *drill)
{
	return pthread_equal(pthread_self(), drill->clock.script);
}

// Lets the other thread's call look at what the turn brought.
static void let_look(struct ft_drill_clock *clock)
{
	pthread_cond_broadcast(&clock->changed);
	while (clock->is_waiting && clock->seen != clock->turns)
		pthread_cond_wait(&clock->changed, &clock->mutex);
}

// All that is to be done at this time: ARP may answer what was sent.
static void turn_now(struct ft_drill *drill)
{
	do {
		ft_stack_poll(&drill->stack, drill->clock.now);
		drill->clock.turns++;
	} while (drill->wire.arriving_count > 0 || drill->stack.loopback.count > 0);
}

void ft_drill_clock_run(struct ft_drill *drill, ft_time until, bool stop_when_sent)
{
	struct ft_drill_clock *clock = &drill->clock;

	for (;;) {
		ft_time next;

		turn_now(drill);
		let_look(clock);
		if (stop_when_sent && drill->wire.sent_count > 0)
			return;
		if (clock->now >= until)
			return;
		next = ft_stack_next_turn(&drill->stack, clock->now);
		clock->now = RTE_MIN(next, until);
	}
}

static ft_time present(void *arg)
{
	return ((struct ft_drill *)arg)->clock.now;
}

// The first turn takes no time, so that a call that must not wait does not; nor does it wake a
// call of the other thread.
static ft_time turn_script(void *arg)
{
	struct ft_drill *drill = arg;
	struct ft_drill_clock *clock = &drill->clock;

	if (clock->has_turned)
		ft_drill_clock_run(drill, clock->now + STEP, false);
	else
		turn_now(drill);
	clock->has_turned = true;
	if (clock->now > clock->give_up)
		ft_interrupt();
	return clock->now;
}

// It really sleeps: the tool looks whether its second thread does.
static ft_time turn_other(void *arg)
{
	struct ft_drill *drill = arg;
	struct ft_drill_clock *clock = &drill->clock;

	turn_now(drill);
	clock->is_waiting = true;
	clock->seen = clock->turns;
	pthread_cond_broadcast(&clock->changed);
	while (clock->seen == clock->turns)
		pthread_cond_wait(&clock->changed, &clock->mutex);
	return clock->now;
}

static void turn_at_once(void *arg)
{
	turn_now(arg);
}

void ft_drill_clock_init(struct ft_drill *drill)
{
	struct ft_drill_clock *clock = &drill->clock;

	pthread_mutex_init(&clock->mutex, NULL);
	pthread_cond_init(&clock->changed, NULL);
	clock->script = pthread_self();
	clock->now = BEGIN;
}

void ft_drill_enter(struct ft_drill *drill)
{
	struct ft_drill_clock *clock = &drill->clock;
	const struct ft_runner runner = {
		.arg = drill,
		.now = present,
		.turn = is_script(drill) ? turn_script : turn_other,
		.turn_at_once = turn_at_once,
	};

	pthread_mutex_lock(&clock->mutex);
	if (ft_thread_stack() == NULL)
		ft_thread_attach(&drill->stack, &runner);
	if (is_script(drill)) {
		clock->has_turned = false;
		clock->give_up = clock->now + HOPELESS;
	}
}

void ft_drill_leave(struct ft_drill *drill)
{
	const int error = errno;

	turn_now(drill);
	if (is_script(drill))
		let_look(&drill->clock);
	pthread_mutex_unlock(&drill->clock.mutex);
	errno = error;
}

ft_time ft_drill_clock_ask(struct ft_drill *drill)
{
	struct ft_drill_clock *clock = &drill->clock;

	if (clock->is_waiting && !is_script(drill)) {
		clock->is_waiting = false;
		pthread_cond_broadcast(&clock->changed);
	} else {
		ft_drill_clock_run(drill, clock->now + FT_MICROSECOND, false);
	}
	return clock->now;
}
