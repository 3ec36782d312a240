#include "tcp/seq.h"

#include "../support.h"

static void order_across_the_wrap_is_kept(void **state)
{
	assert_true(ft_seq_is_before(0xfffffff0, 0x10));
	assert_true(ft_seq_is_after(0x10, 0xfffffff0));
	assert_false(ft_seq_is_before(7, 7));
	assert_true(ft_seq_is_at_or_before(7, 7));
	assert_true(ft_seq_is_at_or_after(7, 7));
	assert_int_equal(ft_seq_later(0xfffffff0, 0x10), 0x10);
}

static void range_of_no_length_contains_nothing(void **state)
{
	assert_false(ft_seq_is_in(5, 5, 0));
	assert_true(ft_seq_is_in(5, 5, 1));
	assert_true(ft_seq_is_in(1, 0xffffffff, 3));
	assert_false(ft_seq_is_in(2, 0xffffffff, 3));
}

// The table of RFC 9293 3.10.7.4, near the wrap.
static void acceptability_follows_the_table(void **state)
{
	const uint32_t nxt = 0xfffffffe;

	assert_true(ft_seq_is_acceptable(nxt, 0, nxt, 0));
	assert_false(ft_seq_is_acceptable(nxt + 1, 0, nxt, 0));
	assert_true(ft_seq_is_acceptable(nxt + 9, 0, nxt, 10));
	assert_false(ft_seq_is_acceptable(nxt + 10, 0, nxt, 10));
	assert_false(ft_seq_is_acceptable(nxt - 1, 0, nxt, 10));
	assert_false(ft_seq_is_acceptable(nxt, 1, nxt, 0));
	assert_true(ft_seq_is_acceptable(nxt, 1, nxt, 10));
	assert_true(ft_seq_is_acceptable(nxt - 5, 6, nxt, 10));
	assert_false(ft_seq_is_acceptable(nxt - 5, 5, nxt, 10));
	assert_true(ft_seq_is_acceptable(nxt + 9, 100, nxt, 10));
	assert_false(ft_seq_is_acceptable(nxt + 10, 100, nxt, 10));
	assert_true(ft_seq_is_acceptable(nxt - 5, 100, nxt, 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_across_the_wrap_is_kept),
		cmocka_unit_test(range_of_no_length_contains_nothing),
		cmocka_unit_test(acceptability_follows_the_table),
	};

	return cmocka_run_group_tests_name("tcp/seq", tests, NULL, NULL);
}
