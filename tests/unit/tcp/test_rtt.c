#include "tcp/rtt.h"

#include "../support.h"

static const struct ft_rtt_limits limits = { 200 * FT_MILLISECOND, 120 * FT_SECOND };

static void no_sample_timeout_is_initial(void **state)
{
	struct ft_rtt rtt;

	ft_rtt_init(&rtt, FT_SECOND);
	assert_false(rtt.has_sample);
	assert_int_equal(ft_rtt_timeout(&rtt, &limits), FT_SECOND);
}

// RFC 6298 (2.2): SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 * RTTVAR = 3 R.
static void first_sample_triples(void **state)
{
	struct ft_rtt rtt;

	ft_rtt_init(&rtt, FT_SECOND);
	ft_rtt_sample(&rtt, 300 * FT_MILLISECOND, &limits);
	assert_int_equal(rtt.srtt, 300 * FT_MILLISECOND);
	assert_int_equal(rtt.rttvar, 150 * FT_MILLISECOND);
	assert_int_equal(ft_rtt_timeout(&rtt, &limits), 900 * FT_MILLISECOND);
}

// (2.3), by hand: R = 300, then 500 ms: RTTVAR = 3/4 * 150 + 1/4 * 200 = 162.5, SRTT = 7/8 * 300 +
// 1/8 * 500 = 325.
static void second_sample_smooths(void **state)
{
	struct ft_rtt rtt;

	ft_rtt_init(&rtt, FT_SECOND);
	ft_rtt_sample(&rtt, 300 * FT_MILLISECOND, &limits);
	ft_rtt_sample(&rtt, 500 * FT_MILLISECOND, &limits);
	assert_int_equal(rtt.srtt, 325 * FT_MILLISECOND);
	assert_int_equal(rtt.rttvar, 162500 * FT_MICROSECOND);
	assert_int_equal(ft_rtt_timeout(&rtt, &limits), 975 * FT_MILLISECOND);
}

static void steady_path_timeout_is_minimum(void **state)
{
	struct ft_rtt rtt;

	ft_rtt_init(&rtt, FT_SECOND);
	for (int i = 0; i < 100; i++)
		ft_rtt_sample(&rtt, FT_MILLISECOND, &limits);
	assert_int_equal(ft_rtt_timeout(&rtt, &limits), limits.minimum);
}

// Even without variance the timeout lies a tick beyond the round trip (RFC 6298's G).
static void steady_long_path_timeout_exceeds_srtt(void **state)
{
	struct ft_rtt rtt;

	ft_rtt_init(&rtt, FT_SECOND);
	for (int i = 0; i < 1000; i++)
		ft_rtt_sample(&rtt, FT_SECOND, &limits);
	assert_true(ft_rtt_timeout(&rtt, &limits) > FT_SECOND);
	assert_true(ft_rtt_timeout(&rtt, &limits) < FT_SECOND + FT_MILLISECOND);
}

static void backoff_doubles_up_to_maximum(void **state)
{
	struct ft_rtt rtt;

	ft_rtt_init(&rtt, FT_SECOND);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(ft_rtt_timeout(&rtt, &limits), FT_SECOND << i);
		ft_rtt_back_off(&rtt);
	}
	for (int i = 0; i < 1000; i++) {
		ft_rtt_back_off(&rtt);
		assert_int_equal(ft_rtt_timeout(&rtt, &limits), limits.maximum);
	}
}

static void sample_ends_backoff(void **state)
{
	struct ft_rtt rtt;

	ft_rtt_init(&rtt, FT_SECOND);
	ft_rtt_back_off(&rtt);
	ft_rtt_sample(&rtt, 100 * FT_MILLISECOND, &limits);
	assert_int_equal(ft_rtt_timeout(&rtt, &limits), 300 * FT_MILLISECOND);
	ft_rtt_back_off(&rtt);
	ft_rtt_end_backoff(&rtt);
	assert_int_equal(ft_rtt_timeout(&rtt, &limits), 300 * FT_MILLISECOND);
}

static void restart_changes_only_an_unmeasured_path(void **state)
{
	struct ft_rtt rtt;

	ft_rtt_init(&rtt, FT_SECOND);
	ft_rtt_back_off(&rtt);
	ft_rtt_restart(&rtt, 3 * FT_SECOND);
	assert_int_equal(ft_rtt_timeout(&rtt, &limits), 3 * FT_SECOND);
	ft_rtt_sample(&rtt, 100 * FT_MILLISECOND, &limits);
	ft_rtt_restart(&rtt, 3 * FT_SECOND);
	assert_int_equal(ft_rtt_timeout(&rtt, &limits), 300 * FT_MILLISECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_sample_timeout_is_initial),
		cmocka_unit_test(first_sample_triples),
		cmocka_unit_test(second_sample_smooths),
		cmocka_unit_test(steady_path_timeout_is_minimum),
		cmocka_unit_test(steady_long_path_timeout_exceeds_srtt),
		cmocka_unit_test(backoff_doubles_up_to_maximum),
		cmocka_unit_test(sample_ends_backoff),
		cmocka_unit_test(restart_changes_only_an_unmeasured_path),
	};

	return cmocka_run_group_tests_name("tcp/rtt", tests, NULL, NULL);
}
