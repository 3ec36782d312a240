// A hierarchical timing wheel (Varghese and Lauck, SOSP 1987): setting, cancelling and expiring
// cost the same however many timers there are, and a turn with nothing due costs a few comparisons.
//
//	level 0  64 slots of one tick          a timer goes into the lowest level that reaches
//	level 1  64 slots of 64 ticks          its deadline; when the hand enters a slot of a
//	level 2  64 slots of 64 * 64 ticks     higher level, its timers move down one level
//	...
//
// A tick is 2^16 ns (65.5 microseconds): a deadline counts as the first tick that is not before it,
// so a timer never expires early, and less than a tick late; unless more than FT_WHEEL_MOVES timers
// are in one slot of a higher level: then the hand waits at its beginning for as many turns as it
// takes to move all of them down, and timers due meanwhile wait too, but packets don't.
//
// Who moves a deadline back far more often than it comes leaves the timer where it is, and makes it lazy: instead of
// moving down it is handed out, early, and is set anew to where the deadline stands by now. That spares the timer
// the way down to level 0, where it would only have been told to go back up.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/time.h"

#define FT_WHEEL_TICK_BITS 16
#define FT_WHEEL_SLOT_BITS 6
#define FT_WHEEL_SLOTS	   (1 << FT_WHEEL_SLOT_BITS)
#define FT_WHEEL_LEVELS	   7
#define FT_WHEEL_CHAINS	   8
#define FT_WHEEL_MOVES	   256 // timers that a turn with nothing due moves down or hands out at most

// What an expiry means. stack/poll.c has the table from kind to function.
enum ft_timer_kind {
	FT_TIMER_ARP,
	FT_TIMER_REASSEMBLY,
	FT_TIMER_TCP,
	FT_TIMER_TCP_ALARM,
	FT_TIMER_LINK,
	FT_TIMER_TEST, // for unit tests of the wheel
	FT_TIMER_KIND_COUNT
};

struct ft_timer {
	struct ft_list node; // on itself when not set
	ft_time deadline; // as set, or where it had to be moved: see ft_timer_set(); else FT_NEVER
	uint8_t kind;	  // enum ft_timer_kind
	uint8_t level;
	uint8_t slot;
	bool is_lazy; // may expire early, and is then set anew
};

// The timers of a slot are dealt to its chains in turn, and taken from them in turn, so that while one is looked at the
// others' first ones are on their way to the cache. Of a single chain each would have to be there before it is known
// where the next one is.
//
//	chains[0]  t0 - t8 - t16 ...
//	chains[1]  t1 - t9 - t17 ...
//	...
struct ft_wheel_slot {
	struct ft_list chains[FT_WHEEL_CHAINS];
	uint32_t count; // in all of them
	uint32_t taken; // ever: says whose turn it is
};

struct ft_wheel {
	ft_time now;			// the latest time ft_wheel_expire() was given
	uint64_t tick;			// the hand
	uint64_t used[FT_WHEEL_LEVELS]; // a bit for each slot that is not empty
	uint64_t timer_count;
	uint8_t moving_level; // where the hand last came to a slot whose timers move down
	uint32_t moves_left;  // of FT_WHEEL_MOVES, in this turn
	struct ft_wheel_slot slots[FT_WHEEL_LEVELS][FT_WHEEL_SLOTS];
};

void ft_wheel_init(struct ft_wheel *wheel, ft_time now);

static inline void ft_timer_init(struct ft_timer *timer, enum ft_timer_kind kind)
{
	*timer = (struct ft_timer){ .deadline = FT_NEVER, .kind = (uint8_t)kind };
	ft_list_init(&timer->node);
}

static inline bool ft_timer_is_set(const struct ft_timer *timer)
{
	return !ft_list_is_empty(&timer->node);
}

// Sets or moves a timer. A deadline that is past becomes the next tick; one beyond the wheel's
// reach (63 * 2^36 ticks, about nine years) is brought back to it; FT_NEVER cancels.
void ft_timer_set(struct ft_wheel *wheel, struct ft_timer *timer, ft_time deadline);

// Out of its slot; for ft_timer_cancel() and timer.c.
static inline void ft_wheel_unlink(struct ft_wheel *wheel, struct ft_timer *timer)
{
	struct ft_wheel_slot *slot = &wheel->slots[timer->level][timer->slot];

	ft_list_remove(&timer->node);
	if (--slot->count == 0)
		wheel->used[timer->level] &= ~(UINT64_C(1) << timer->slot);
}

// Harmless on a timer that is not set.
static inline void ft_timer_cancel(struct ft_wheel *wheel, struct ft_timer *timer)
{
	if (!ft_timer_is_set(timer))
		return;
	ft_wheel_unlink(wheel, timer);
	timer->deadline = FT_NEVER;
	wheel->timer_count--;
}

// Advances to `now` (which may be hours later; an earlier `now` is taken as the present) and
// returns one timer whose deadline has come, or a lazy one on its way down, no longer set, or NULL when none is
// left for this turn (ft_wheel_next() says if the next one is due at once). The caller
// may set and cancel any timer between calls; one that is set to a deadline already past is
// returned by a call with a `now` in a later tick, so that a handler which sets itself again cannot
// hold the loop.
struct ft_timer *ft_wheel_expire(struct ft_wheel *wheel, ft_time now);

// The time by which ft_wheel_expire() should be called again: never later than the next deadline
// rounded up to a tick, always after the wheel's present, FT_NEVER when no timer is set. While the
// deadline is far the answer may be earlier, and the next one nearer.
ft_time ft_wheel_next(const struct ft_wheel *wheel);
