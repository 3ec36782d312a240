#include "../support.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <rte_common.h>

#include "base/random.h"
#include "base/timer.h"

#define TICK (UINT64_C(1) << FT_WHEEL_TICK_BITS)

static struct ft_wheel wheel;

// A list node that is alone points at itself, so a timer must be made where it stays.
#define NEW_TIMER(name)                                                                         \
	struct ft_timer name = {                                                                \
		.node = { &name.node, &name.node }, .deadline = FT_NEVER, .kind = FT_TIMER_TEST \
	}

static void empty_wheel_has_nothing_due(void **state)
{
	ft_wheel_init(&wheel, 5);
	assert_null(ft_wheel_expire(&wheel, 1000 * FT_SECOND));
	assert_true(ft_wheel_next(&wheel) == FT_NEVER);
}

static void deadline_inside_tick_expires_with_next_tick(void **state)
{
	NEW_TIMER(timer);

	ft_wheel_init(&wheel, 0);
	ft_timer_set(&wheel, &timer, 10 * TICK + 1);
	assert_null(ft_wheel_expire(&wheel, 10 * TICK + 1));
	assert_null(ft_wheel_expire(&wheel, 11 * TICK - 1));
	assert_true(ft_timer_is_set(&timer));
	assert_ptr_equal(ft_wheel_expire(&wheel, 11 * TICK), &timer);
	assert_false(ft_timer_is_set(&timer));
	assert_null(ft_wheel_expire(&wheel, 11 * TICK));
}

static void deadline_on_tick_expires_with_it(void **state)
{
	NEW_TIMER(timer);

	ft_wheel_init(&wheel, 0);
	ft_timer_set(&wheel, &timer, 4096 * TICK);
	assert_null(ft_wheel_expire(&wheel, 4096 * TICK - 1));
	assert_ptr_equal(ft_wheel_expire(&wheel, 4096 * TICK), &timer);
}

static void past_deadline_expires_with_next_tick(void **state)
{
	NEW_TIMER(timer);

	ft_wheel_init(&wheel, 100 * TICK + 3);
	ft_timer_set(&wheel, &timer, 7);
	assert_true(ft_wheel_next(&wheel) == 101 * TICK);
	assert_null(ft_wheel_expire(&wheel, 101 * TICK - 1));
	assert_ptr_equal(ft_wheel_expire(&wheel, 101 * TICK), &timer);
}

static void never_cancels(void **state)
{
	NEW_TIMER(timer);

	ft_wheel_init(&wheel, 0);
	assert_true(timer.deadline == FT_NEVER);
	ft_timer_set(&wheel, &timer, FT_SECOND);
	ft_timer_set(&wheel, &timer, FT_NEVER);
	assert_false(ft_timer_is_set(&timer));
	assert_true(timer.deadline == FT_NEVER);
	assert_null(ft_wheel_expire(&wheel, 2 * FT_SECOND));
	ft_timer_cancel(&wheel, &timer);
	assert_true(wheel.timer_count == 0);
}

static void deadline_beyond_reach_is_brought_back(void **state)
{
	NEW_TIMER(timer);
	ft_time reach = UINT64_C(63) << 36 << FT_WHEEL_TICK_BITS;

	ft_wheel_init(&wheel, 12345 * FT_SECOND);
	ft_timer_set(&wheel, &timer, UINT64_MAX - 1);
	assert_true(timer.deadline <= 12345 * FT_SECOND + reach);
	assert_true(timer.deadline >= 12345 * FT_SECOND + reach - TICK);
	assert_null(ft_wheel_expire(&wheel, timer.deadline - 1));
	assert_ptr_equal(ft_wheel_expire(&wheel, timer.deadline), &timer);
	assert_true(timer.deadline == FT_NEVER);
}

// The handler of a timer always due must not keep the loop: not even when the wheel's hand is far
// behind because of a jump, with other timers still to expire.
static void timer_set_to_past_while_expiring_waits_for_later_now(void **state)
{
	NEW_TIMER(again);
	NEW_TIMER(other);
	ft_time now = 3600 * FT_SECOND;
	unsigned expired = 0;

	ft_wheel_init(&wheel, 0);
	ft_timer_set(&wheel, &again, FT_SECOND);
	ft_timer_set(&wheel, &other, 3599 * FT_SECOND);
	for (struct ft_timer *timer; (timer = ft_wheel_expire(&wheel, now)) != NULL;) {
		expired++;
		if (timer == &again)
			ft_timer_set(&wheel, timer, expired % 2 == 0 ? now : 0);
		assert_true(expired < 3);
	}
	assert_int_equal(expired, 2);
	assert_true(ft_timer_is_set(&again));
	assert_ptr_equal(ft_wheel_expire(&wheel, now + TICK), &again);
}

static void handler_may_cancel_others_that_are_due(void **state)
{
	NEW_TIMER(first);
	NEW_TIMER(second);

	ft_wheel_init(&wheel, 0);
	ft_timer_set(&wheel, &first, FT_SECOND);
	ft_timer_set(&wheel, &second, FT_SECOND);
	assert_ptr_equal(ft_wheel_expire(&wheel, 2 * FT_SECOND), &first);
	ft_timer_cancel(&wheel, &second);
	assert_null(ft_wheel_expire(&wheel, 2 * FT_SECOND));
}

static void earlier_now_is_taken_as_the_present(void **state)
{
	NEW_TIMER(timer);

	ft_wheel_init(&wheel, 0);
	assert_null(ft_wheel_expire(&wheel, FT_SECOND));
	ft_timer_set(&wheel, &timer, 2 * FT_SECOND);
	assert_null(ft_wheel_expire(&wheel, 5));
	assert_true(ft_wheel_next(&wheel) > FT_SECOND);
	assert_null(ft_wheel_expire(&wheel, 2 * FT_SECOND - 1));
	assert_ptr_equal(ft_wheel_expire(&wheel, 2 * FT_SECOND + TICK), &timer);
}

// ---- against a model: an array that is searched ----

#define MODEL_TIMERS 300

struct model {
	struct ft_random random;
	struct ft_timer timers[MODEL_TIMERS];
	ft_time expiry[MODEL_TIMERS]; // the tick's time, FT_NEVER when not set
	ft_time now;
	uint64_t early_count; // lazy timers handed out before their time
};

static ft_time round_up(ft_time time)
{
	return (time + TICK - 1) / TICK * TICK;
}

// From nanoseconds to years, each order of magnitude as likely as the next.
static ft_time random_span(struct model *model)
{
	return ft_random_next(&model->random) >> (8 + ft_random_below(&model->random, 56));
}

static void set_one(struct model *model)
{
	uint32_t i = ft_random_below(&model->random, MODEL_TIMERS);
	ft_time span = random_span(model);
	bool is_past = ft_random_below(&model->random, 10) == 0 && span <= model->now;
	ft_time deadline = is_past ? model->now - span : model->now + span;
	ft_time first = (model->now / TICK + 1) * TICK;

	ft_timer_set(&wheel, &model->timers[i], deadline);
	model->expiry[i] = round_up(deadline) < first ? first : round_up(deadline);
}

static void cancel_one(struct model *model)
{
	uint32_t i = ft_random_below(&model->random, MODEL_TIMERS);

	ft_timer_cancel(&wheel, &model->timers[i]);
	model->expiry[i] = FT_NEVER;
}

static ft_time earliest(const struct model *model)
{
	ft_time first = FT_NEVER;

	for (uint32_t i = 0; i < MODEL_TIMERS; i++) {
		if (model->expiry[i] < first)
			first = model->expiry[i];
	}
	return first;
}

// One that was handed out early: each time it has come down a level.
static void set_anew(struct model *model, struct ft_timer *timer)
{
	const uint8_t level = timer->level;

	ft_timer_set(&wheel, timer, model->expiry[timer - model->timers]);
	assert_true(timer->level < level || level == FT_WHEEL_LEVELS - 1);
	model->early_count++;
}

static void advance(struct model *model)
{
	ft_time next = ft_wheel_next(&wheel);
	ft_time last = 0;

	assert_true(next > model->now && next <= earliest(model));
	if (next != FT_NEVER && ft_random_below(&model->random, 2) == 0)
		model->now = next - ft_random_below(&model->random, 2);
	else
		model->now += random_span(model) >> 4;
	for (struct ft_timer *timer; (timer = ft_wheel_expire(&wheel, model->now)) != NULL;) {
		uint64_t i = (uint64_t)(timer - model->timers);

		assert_false(ft_timer_is_set(timer));
		if (timer->is_lazy && model->expiry[i] > model->now) {
			set_anew(model, timer);
			continue;
		}
		assert_true(model->expiry[i] <= model->now);
		assert_true(
			timer->is_lazy || model->expiry[i] >= last); // in the order of their ticks
		last = timer->is_lazy ? last : model->expiry[i];
		model->expiry[i] = FT_NEVER;
	}
	assert_true(earliest(model) > model->now);
}

static uint64_t run_model(uint64_t seed)
{
	struct model model = { .now = 0 };
	uint64_t set_count = 0;

	ft_random_init(&model.random, seed);
	model.now = random_span(&model);
	ft_wheel_init(&wheel, model.now);
	for (uint32_t i = 0; i < MODEL_TIMERS; i++) {
		ft_timer_init(&model.timers[i], FT_TIMER_TEST);
		model.timers[i].is_lazy = i % 3 == 0;
		model.expiry[i] = FT_NEVER;
	}
	for (unsigned step = 0; step < 4000; step++) {
		switch (ft_random_below(&model.random, 4)) {
		case 0:
			cancel_one(&model);
			break;
		case 1:
			advance(&model);
			break;
		default:
			set_one(&model);
		}
	}
	for (uint32_t i = 0; i < MODEL_TIMERS; i++)
		set_count += model.expiry[i] != FT_NEVER;
	assert_true(wheel.timer_count == set_count);
	return model.early_count;
}

static void random_sets_cancels_and_jumps_agree_with_model(void **state)
{
	uint64_t early_count = 0;

	for (uint64_t seed = 0; seed < 300; seed++)
		early_count += run_model(seed);
	assert_true(early_count > 300);
}

// ---- ten million: nothing is measured by time, what is touched is counted ----

#if defined(__SANITIZE_ADDRESS__)
#define MANY 1000000 // to stay within seconds
#else
#define MANY 10000000
#endif
#define SPAN (7200 * FT_SECOND)

struct many {
	struct ft_timer *timers; // on pages of their own
	struct ft_random random;
};

static size_t many_bytes(void)
{
	return MANY * sizeof(struct ft_timer);
}

// All are set to between `from` and `to`, at random.
static void set_many(struct many *many, ft_time now, ft_time from, ft_time to)
{
	void *pages = mmap(NULL, many_bytes(), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(pages != MAP_FAILED);
	many->timers = pages;
	ft_random_init(&many->random, 10);
	ft_wheel_init(&wheel, now);
	for (uint32_t i = 0; i < MANY; i++) {
		ft_timer_init(&many->timers[i], FT_TIMER_TEST);
		ft_timer_set(&wheel, &many->timers[i],
			from + ft_random_next(&many->random) % (to - from));
	}
}

static void forget_many(struct many *many)
{
	assert_int_equal(munmap(many->timers, many_bytes()), 0);
}

static void forbid(struct many *many, bool is_forbidden)
{
	int access = is_forbidden ? PROT_NONE : PROT_READ | PROT_WRITE;

	assert_int_equal(mprotect(many->timers, many_bytes(), access), 0);
}

// Timers of the levels below `level`.
static uint64_t count_below(unsigned level)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < level; i++)
		for (unsigned slot = 0; slot < FT_WHEEL_SLOTS; slot++)
			for (unsigned chain = 0; chain < FT_WHEEL_CHAINS; chain++)
				ft_list_for_each (node, &wheel.slots[i][slot].chains[chain])
					count++;
	return count;
}

// A turn before the next slot in use looks at the wheel, of always the same size, and at no timer: to
// touch one would end the program.
static void turn_before_next_slot_touches_none_of_ten_million(void **state)
{
	struct many many;
	ft_time now = 0, next;
	uint64_t turns = 0;

	set_many(&many, now, FT_SECOND, SPAN);
	for (int i = 0; i < 10; i++) {
		forbid(&many, true);
		for (next = ft_wheel_next(&wheel); now + TICK / 8 < next; turns++) {
			now += TICK / 8;
			assert_null(ft_wheel_expire(&wheel, now));
			assert_true(ft_wheel_next(&wheel) == next);
		}
		forbid(&many, false);
		for (now = next; ft_wheel_expire(&wheel, now) != NULL;)
			;
	}
	assert_true(turns > 1000);
	forget_many(&many);
}

// All of them come near with the same turn; it moves a few, and so does each that follows.
static void turn_with_none_due_moves_few_of_ten_million(void **state)
{
	const unsigned level = 4;
	const ft_time slot = TICK << (level * FT_WHEEL_SLOT_BITS);
	struct many many;

	set_many(&many, 0, slot + slot / 2, 2 * slot);
	assert_null(ft_wheel_expire(&wheel, slot - 1));
	assert_int_equal(count_below(level), 0);
	for (uint64_t turn = 1; turn <= 100; turn++) {
		assert_null(ft_wheel_expire(&wheel, slot + turn));
		assert_int_equal(count_below(level), turn * FT_WHEEL_MOVES);
		assert_true(ft_wheel_next(&wheel) == slot + turn + 1);
	}
	forget_many(&many);
}

// While they are moved down, time goes on, and one that moves next is cancelled or set anew.
static void many_in_one_slot_expire_all_and_none_early(void **state)
{
	static struct ft_timer timers[20 * FT_WHEEL_MOVES];
	static ft_time deadlines[20 * FT_WHEEL_MOVES];
	const ft_time slot = TICK << (2 * FT_WHEEL_SLOT_BITS);
	uint32_t expired = 0, cancelled = 0;

	ft_wheel_init(&wheel, 0);
	for (uint32_t i = 0; i < RTE_DIM(timers); i++) {
		ft_timer_init(&timers[i], FT_TIMER_TEST);
		deadlines[i] = slot + i * TICK / 8;
		ft_timer_set(&wheel, &timers[i], deadlines[i]);
	}
	for (ft_time now = slot; now < 2 * slot; now = ft_wheel_next(&wheel)) {
		uint32_t other = (uint32_t)(now % RTE_DIM(timers));
		struct ft_timer *timer = ft_wheel_expire(&wheel, now);

		if (timer != NULL) {
			assert_true(deadlines[timer - timers] <= now);
			expired++;
		} else if (cancelled < 10 && ft_timer_is_set(&timers[other])) {
			ft_timer_cancel(&wheel, &timers[other]);
			cancelled++;
		} else if (ft_timer_is_set(&timers[other])) {
			deadlines[other] = now + TICK;
			ft_timer_set(&wheel, &timers[other], deadlines[other]);
		}
	}
	assert_int_equal(cancelled, 10);
	assert_int_equal(expired, RTE_DIM(timers) - cancelled);
	assert_true(wheel.timer_count == 0);
}

// Whose deadline has moved back meanwhile: one expiry for nothing, where it would have moved down, and none at level 0.
static void lazy_timer_is_handed_out_early_and_goes_back_up(void **state)
{
	const ft_time slot = TICK << FT_WHEEL_SLOT_BITS;
	struct ft_timer timer;

	ft_wheel_init(&wheel, 0);
	ft_timer_init(&timer, FT_TIMER_TEST);
	timer.is_lazy = true;
	ft_timer_set(&wheel, &timer, 3 * slot + slot / 2);
	assert_null(ft_wheel_expire(&wheel, 3 * slot - 1));
	assert_ptr_equal(ft_wheel_expire(&wheel, 3 * slot), &timer);
	assert_false(ft_timer_is_set(&timer));
	ft_timer_set(&wheel, &timer, 6 * slot + TICK);
	assert_null(ft_wheel_expire(&wheel, 6 * slot - 1));
	assert_ptr_equal(ft_wheel_expire(&wheel, 6 * slot), &timer);
	ft_timer_set(&wheel, &timer, 6 * slot + TICK);
	assert_null(ft_wheel_expire(&wheel, 6 * slot));
	assert_null(ft_wheel_expire(&wheel, 6 * slot + TICK - 1));
	assert_ptr_equal(ft_wheel_expire(&wheel, 6 * slot + TICK), &timer);
}

// As those that move down, no more than a turn has moves for; the next turn goes on.
static void turn_hands_out_few_of_many_lazy_ones(void **state)
{
	static struct ft_timer timers[3 * FT_WHEEL_MOVES];
	const ft_time slot = TICK << FT_WHEEL_SLOT_BITS;
	struct ft_timer *timer;

	ft_wheel_init(&wheel, 0);
	for (uint32_t i = 0; i < RTE_DIM(timers); i++) {
		ft_timer_init(&timers[i], FT_TIMER_TEST);
		timers[i].is_lazy = true;
		ft_timer_set(&wheel, &timers[i], slot + slot / 2);
	}
	for (uint32_t turn = 0; turn < 3; turn++) {
		for (uint32_t i = 0; i < FT_WHEEL_MOVES; i++) {
			timer = ft_wheel_expire(&wheel, slot);
			assert_non_null(timer);
			ft_timer_set(&wheel, timer, 10 * slot);
		}
		assert_null(ft_wheel_expire(&wheel, slot));
	}
	assert_null(ft_wheel_expire(&wheel, 2 * slot));
}

// Dealt to the chains and taken from them in the same turn, which no emptied slot may upset.
static void timers_of_one_tick_expire_in_the_order_they_were_set(void **state)
{
	struct ft_timer timers[3 * FT_WHEEL_CHAINS + 1];

	ft_wheel_init(&wheel, 0);
	for (uint32_t round = 1; round <= 3; round++) {
		const ft_time deadline = round * FT_WHEEL_SLOTS * TICK;

		for (uint32_t i = 0; i < RTE_DIM(timers); i++) {
			ft_timer_init(&timers[i], FT_TIMER_TEST);
			ft_timer_set(&wheel, &timers[i], deadline);
		}
		for (uint32_t i = 0; i < RTE_DIM(timers); i++)
			assert_ptr_equal(ft_wheel_expire(&wheel, deadline), &timers[i]);
		assert_null(ft_wheel_expire(&wheel, deadline));
	}
}

static void slot_with_all_but_one_chain_cancelled_expires_that_one(void **state)
{
	struct ft_timer timers[4 * FT_WHEEL_CHAINS];

	for (uint32_t left = 0; left < FT_WHEEL_CHAINS; left++) {
		ft_wheel_init(&wheel, 0);
		for (uint32_t i = 0; i < RTE_DIM(timers); i++) {
			ft_timer_init(&timers[i], FT_TIMER_TEST);
			ft_timer_set(&wheel, &timers[i], 5 * TICK);
		}
		for (uint32_t i = 0; i < RTE_DIM(timers); i++)
			if (i % FT_WHEEL_CHAINS != left)
				ft_timer_cancel(&wheel, &timers[i]);
		for (uint32_t i = left; i < RTE_DIM(timers); i += FT_WHEEL_CHAINS)
			assert_ptr_equal(ft_wheel_expire(&wheel, 5 * TICK), &timers[i]);
		assert_null(ft_wheel_expire(&wheel, 5 * TICK));
		assert_true(ft_wheel_next(&wheel) == FT_NEVER);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_wheel_has_nothing_due),
		cmocka_unit_test(deadline_inside_tick_expires_with_next_tick),
		cmocka_unit_test(deadline_on_tick_expires_with_it),
		cmocka_unit_test(past_deadline_expires_with_next_tick),
		cmocka_unit_test(never_cancels),
		cmocka_unit_test(deadline_beyond_reach_is_brought_back),
		cmocka_unit_test(timer_set_to_past_while_expiring_waits_for_later_now),
		cmocka_unit_test(handler_may_cancel_others_that_are_due),
		cmocka_unit_test(earlier_now_is_taken_as_the_present),
		cmocka_unit_test(random_sets_cancels_and_jumps_agree_with_model),
		cmocka_unit_test(turn_before_next_slot_touches_none_of_ten_million),
		cmocka_unit_test(turn_with_none_due_moves_few_of_ten_million),
		cmocka_unit_test(many_in_one_slot_expire_all_and_none_early),
		cmocka_unit_test(lazy_timer_is_handed_out_early_and_goes_back_up),
		cmocka_unit_test(turn_hands_out_few_of_many_lazy_ones),
		cmocka_unit_test(timers_of_one_tick_expire_in_the_order_they_were_set),
		cmocka_unit_test(slot_with_all_but_one_chain_cancelled_expires_that_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
