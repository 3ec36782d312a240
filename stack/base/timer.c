// Where a timer is follows from the ticks alone. Written in digits of 6 bits, one for each level,
//
//	hand      0 0 3 17 60 05
//	deadline  0 0 3 21 02 44
//	                ^ the highest digit that differs: level 2 (from the right, from 0), slot 21
//
// So every timer of a level is due before every timer of the levels above it, and the next thing to
// happen is the first slot in use of the lowest level in use: the bitmaps find it without a search,
// however far away it is. As the hand moves towards a slot without reaching it, no digit from the
// slot's own upwards changes its order, so nothing has to move.
//
// At the top the digits wrap: there a lower slot is after a higher one. A deadline is kept less
// than one round away, so that there too no timer stands in the hand's slot.
#include "base/timer.h"

#include <rte_common.h>
#include <rte_prefetch.h>

#define SLOT_MASK (FT_WHEEL_SLOTS - 1)
#define TOP_LEVEL (FT_WHEEL_LEVELS - 1)
#define REACH	  ((uint64_t)SLOT_MASK << (TOP_LEVEL * FT_WHEEL_SLOT_BITS)) // ticks

static inline unsigned level_shift(unsigned level)
{
	return level * FT_WHEEL_SLOT_BITS;
}

static inline uint64_t tick_at_or_before(ft_time time)
{
	return time >> FT_WHEEL_TICK_BITS;
}

static inline uint64_t tick_at_or_after(ft_time time)
{
	uint64_t tick = tick_at_or_before(time);

	return tick << FT_WHEEL_TICK_BITS == time ? tick : tick + 1;
}

static inline unsigned slot_of_hand(const struct ft_wheel *wheel, unsigned level)
{
	return wheel->tick >> level_shift(level) & SLOT_MASK;
}

static inline unsigned lowest_bit(uint64_t bits)
{
	return (unsigned)__builtin_ctzll(bits);
}

static void init_slot(struct ft_wheel_slot *slot)
{
	for (unsigned i = 0; i < FT_WHEEL_CHAINS; i++)
		ft_list_init(&slot->chains[i]);
}

void ft_wheel_init(struct ft_wheel *wheel, ft_time now)
{
	*wheel = (struct ft_wheel){
		.now = now, .tick = tick_at_or_before(now), .moves_left = FT_WHEEL_MOVES
	};
	for (unsigned level = 0; level < FT_WHEEL_LEVELS; level++) {
		for (unsigned slot = 0; slot < FT_WHEEL_SLOTS; slot++)
			init_slot(&wheel->slots[level][slot]);
	}
}

static unsigned level_for(const struct ft_wheel *wheel, uint64_t tick)
{
	uint64_t different = tick ^ wheel->tick;
	unsigned level;

	if (different == 0)
		return 0;
	level = (63 - (unsigned)__builtin_clzll(different)) / FT_WHEEL_SLOT_BITS;
	return level < TOP_LEVEL ? level : TOP_LEVEL;
}

static inline struct ft_list *chain_at(struct ft_wheel_slot *slot, uint32_t turn)
{
	return &slot->chains[turn % FT_WHEEL_CHAINS];
}

static inline void link_at(struct ft_wheel *wheel, struct ft_timer *timer, uint64_t tick)
{
	unsigned level = level_for(wheel, tick);
	unsigned number = tick >> level_shift(level) & SLOT_MASK;
	struct ft_wheel_slot *slot = &wheel->slots[level][number];

	timer->level = (uint8_t)level;
	timer->slot = (uint8_t)number;
	ft_list_append(chain_at(slot, slot->taken + slot->count), &timer->node);
	slot->count++;
	wheel->used[level] |= UINT64_C(1) << number;
}

// The tick a timer expires with: not the present one, whose expiry may be under way, and not beyond
// the wheel's reach.
static uint64_t expiry_tick(const struct ft_wheel *wheel, ft_time deadline)
{
	uint64_t tick = tick_at_or_after(deadline);
	uint64_t first = tick_at_or_before(wheel->now) + 1;
	uint64_t last = wheel->tick + REACH;

	if (tick < first)
		tick = first;
	return tick < last ? tick : last;
}

void ft_timer_set(struct ft_wheel *wheel, struct ft_timer *timer, ft_time deadline)
{
	uint64_t tick;

	ft_timer_cancel(wheel, timer);
	if (deadline == FT_NEVER)
		return;
	tick = expiry_tick(wheel, deadline);
	timer->deadline = deadline;
	if (tick != tick_at_or_after(deadline))
		timer->deadline = tick << FT_WHEEL_TICK_BITS;
	link_at(wheel, timer, tick);
	wheel->timer_count++;
}

struct slot_place {
	unsigned level;
	unsigned slot;
	uint64_t tick; // where the slot begins
};

// Where the hand stands there is a timer only as long as that slot has not been emptied.
static bool is_moving(const struct ft_wheel *wheel)
{
	unsigned level = wheel->moving_level;

	return level > 0 && wheel->used[level] >> slot_of_hand(wheel, level) & 1;
}

// The first slot in use that the hand will come to. False when no timer is set.
static bool find_next_slot(const struct ft_wheel *wheel, struct slot_place *place)
{
	unsigned level = is_moving(wheel) ? wheel->moving_level : 0;
	unsigned hand, ahead;
	uint64_t rotated;

	if (wheel->timer_count == 0)
		return false;
	while (wheel->used[level] == 0)
		level++;
	// Turned so that the hand's slot is bit 0, the lowest bit is the next slot, also after a
	// wrap.
	hand = slot_of_hand(wheel, level);
	rotated = wheel->used[level] >> hand | wheel->used[level] << (-hand & SLOT_MASK);
	ahead = lowest_bit(rotated);
	*place = (struct slot_place){
		.level = level,
		.slot = (hand + ahead) & SLOT_MASK,
		.tick = ((wheel->tick >> level_shift(level)) + ahead) << level_shift(level),
	};
	return true;
}

static inline struct ft_wheel_slot *slot_at(struct ft_wheel *wheel, const struct slot_place *place)
{
	return &wheel->slots[place->level][place->slot];
}

// The one behind it in its chain, whose turn comes after those of the other chains. What its owner looks at then
// stands near it, as in a connection.
static inline void expect_next_of(const struct ft_timer *timer)
{
	const char *next = (const char *)timer->node.next;

	rte_prefetch0(next);
	rte_prefetch0(next + RTE_CACHE_LINE_SIZE);
}

// The timer whose turn it is, in a slot that has one: after some were cancelled the chains are not of one length.
static inline struct ft_timer *next_in_turn(struct ft_wheel_slot *slot)
{
	struct ft_timer *timer;
	struct ft_list *chain;

	do
		chain = chain_at(slot, slot->taken++);
	while (ft_list_is_empty(chain));
	timer = ft_container_of(chain->next, struct ft_timer, node);
	expect_next_of(timer);
	return timer;
}

// The hand has come to the slot's beginning: now the digits below tell its timers apart. Moves as many down as may
// move in this turn, up to a lazy one, which is returned instead. NULL: none is lazy.
static struct ft_timer *move_down(struct ft_wheel *wheel, const struct slot_place *place)
{
	struct ft_wheel_slot *slot = slot_at(wheel, place);

	wheel->moving_level = (uint8_t)place->level;
	while (wheel->moves_left > 0 && slot->count > 0) {
		struct ft_timer *timer = next_in_turn(slot);

		wheel->moves_left--;
		if (timer->is_lazy)
			return timer;
		ft_wheel_unlink(wheel, timer);
		link_at(wheel, timer, tick_at_or_after(timer->deadline));
	}
	return NULL;
}

// Up to the present; or up to a slot that could not be emptied, where the hand must wait. NULL: nothing expires.
static struct ft_timer *advance(struct ft_wheel *wheel)
{
	struct slot_place place;
	struct ft_timer *timer;

	while (find_next_slot(wheel, &place) && place.tick <= tick_at_or_before(wheel->now)) {
		wheel->tick = place.tick;
		if (place.level == 0)
			return next_in_turn(slot_at(wheel, &place));
		timer = move_down(wheel, &place);
		if (timer != NULL || slot_at(wheel, &place)->count > 0)
			return timer;
	}
	wheel->tick = tick_at_or_before(wheel->now);
	return NULL;
}

struct ft_timer *ft_wheel_expire(struct ft_wheel *wheel, ft_time now)
{
	struct ft_timer *timer;

	if (now > wheel->now)
		wheel->now = now;
	timer = advance(wheel);
	if (timer == NULL)
		wheel->moves_left = FT_WHEEL_MOVES; // the next turn's
	else
		ft_timer_cancel(wheel, timer);
	return timer;
}

ft_time ft_wheel_next(const struct ft_wheel *wheel)
{
	struct slot_place place;
	ft_time next;

	if (!find_next_slot(wheel, &place))
		return FT_NEVER;
	next = place.tick << FT_WHEEL_TICK_BITS;
	return next > wheel->now ? next : wheel->now + 1;
}
