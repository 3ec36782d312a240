#include "../support.h"

#include "base/budget.h"

#define LIMIT 12288 // packets to send, by default

// One after the other takes all that it may have. Returns what the last has got.
static uint64_t be_greedy(struct ft_budget *budget, unsigned times)
{
	uint64_t held = 0;

	for (unsigned i = 0; i < times; i++)
		for (held = 0; ft_budget_has_share(budget, held) && ft_budget_take(budget, 1);)
			held++;
	return held;
}

static void one_may_have_three_quarters(void **state)
{
	struct ft_budget budget = { .limit = LIMIT };

	assert_int_equal(be_greedy(&budget, 1), LIMIT / 4 * 3);
}

static void a_thousand_greedy_leave_some_to_a_newcomer(void **state)
{
	struct ft_budget budget = { .limit = LIMIT };

	be_greedy(&budget, 1000);
	assert_true(ft_budget_has_share(&budget, 0));
	assert_false(ft_budget_has_share(&budget, 1));
	be_greedy(&budget, 1000);
	assert_int_equal(budget.used, LIMIT);
	assert_false(ft_budget_has_share(&budget, 0));
}

static void share_returns_with_what_is_given_back(void **state)
{
	struct ft_budget budget = { .limit = LIMIT, .used = LIMIT };

	ft_budget_give(&budget, LIMIT / 4);
	assert_true(ft_budget_has_share(&budget, 5));
	assert_false(ft_budget_has_share(&budget, 6));
	ft_budget_give(&budget, 1);
	assert_true(ft_budget_has_share(&budget, LIMIT / 4 * 3 - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_may_have_three_quarters),
		cmocka_unit_test(a_thousand_greedy_leave_some_to_a_newcomer),
		cmocka_unit_test(share_returns_with_what_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
