// ft-load's histogram: no value is off by more than a thousandth, and percentiles are ranks.
#include "apps/load_histogram.h"

#include "support.h"

static struct load_histogram histogram;

static int start(void **state)
{
	load_histogram_clear(&histogram);
	return 0;
}

static void empty_is_all_zero(void **state)
{
	assert_int_equal(load_histogram_percentile(&histogram, 50), 0);
	assert_int_equal(load_histogram_percentile(&histogram, 100), 0);
	assert_true(load_histogram_mean(&histogram) == 0);
}

// The slots, in order, hold every number once.
static void slots_are_without_gap_or_overlap(void **state)
{
	uint64_t last = load_histogram_slot_value(0);

	assert_int_equal(last, 0);
	for (unsigned slot = 1; slot < LOAD_HISTOGRAM_SLOTS; slot++) {
		uint64_t value = load_histogram_slot_value(slot);

		assert_true(value > last);
		load_histogram_record(&histogram, last + 1); // the lowest of its slot
		load_histogram_record(&histogram, value);
		assert_int_equal(histogram.slots[slot], 2);
		last = value;
	}
	assert_true(last == UINT64_MAX);
}

static void one_value_is_told_within_a_thousandth(void **state)
{
	uint64_t random = 1;

	for (int i = 0; i < 2000; i++) {
		uint64_t value, told;

		random = random * 6364136223846793005u + 1442695040888963407u;
		value = random >> (random % 64);
		load_histogram_clear(&histogram);
		load_histogram_record(&histogram, value);
		histogram.highest = UINT64_MAX; // or it would be the answer
		told = load_histogram_percentile(&histogram, 50);
		assert_true(told >= value && told - value <= value / 1000);
	}
}

static void percentiles_are_ranks(void **state)
{
	for (uint64_t value = 1; value <= 10000; value++)
		load_histogram_record(&histogram, value);
	// Rounded up to the end of the interval, which above 2048 is two wide, then four, then eight.
	assert_int_equal(load_histogram_percentile(&histogram, 0), 1);
	assert_int_equal(load_histogram_percentile(&histogram, 10), 1000);
	assert_int_equal(load_histogram_percentile(&histogram, 20), 2000);
	assert_in_range(load_histogram_percentile(&histogram, 50), 5000, 5003);
	assert_in_range(load_histogram_percentile(&histogram, 99), 9900, 9907);
	assert_in_range(load_histogram_percentile(&histogram, 99.99), 9999, 10000);
	assert_int_equal(load_histogram_percentile(&histogram, 100), 10000);
	assert_true(load_histogram_mean(&histogram) == 5000.5);
	assert_int_equal(histogram.lowest, 1);
	assert_int_equal(histogram.highest, 10000);
}

static void rare_slow_one_is_only_in_the_high_percentiles(void **state)
{
	for (int i = 0; i < 999; i++)
		load_histogram_record(&histogram, 10);
	load_histogram_record(&histogram, 1000000000);
	assert_int_equal(load_histogram_percentile(&histogram, 99), 10);
	assert_int_equal(load_histogram_percentile(&histogram, 99.9), 10);
	assert_int_equal(load_histogram_percentile(&histogram, 99.99), 1000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(empty_is_all_zero, start),
		cmocka_unit_test_setup(slots_are_without_gap_or_overlap, start),
		cmocka_unit_test_setup(one_value_is_told_within_a_thousandth, start),
		cmocka_unit_test_setup(percentiles_are_ranks, start),
		cmocka_unit_test_setup(rare_slow_one_is_only_in_the_high_percentiles, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
