#include "../support.h"

#include <string.h>

#include "base/random.h"

// RFC 8439 2.3.2: key 00 01 .. 1f, nonce 00:00:00:09:00:00:00:4a:00:00:00:00, counter 1.
static void chacha20_gives_the_rfc_block(void **state)
{
	static const uint32_t nonce[3] = { 0x09000000, 0x4a000000, 0 };
	static const uint32_t expected[16] = { 0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3,
		0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214,
		0xa2028bd9, 0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2 };
	uint32_t key[8];
	uint32_t block[16];

	for (uint32_t i = 0; i < 8; i++)
		key[i] = 0x03020100 + i * 0x04040404;
	ft_random_chacha20(key, 1, nonce, block);
	assert_memory_equal(block, expected, sizeof(expected));
}

static void same_seed_replays_and_another_differs(void **state)
{
	struct ft_random a, b, other;
	unsigned equal = 0;

	ft_random_init(&a, 42);
	ft_random_init(&b, 42);
	ft_random_init(&other, 43);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t result = ft_random_next(&a);

		assert_true(result == ft_random_next(&b));
		equal += result == ft_random_next(&other);
	}
	assert_int_equal(equal, 0);
}

static void state_holds_no_earlier_result(void **state)
{
	struct ft_random random;

	ft_random_init(&random, 7);
	for (unsigned i = 0; i < 100; i++) {
		uint64_t result = ft_random_next(&random);

		for (size_t at = 0; at + sizeof(result) <= sizeof(random); at += 4)
			assert_memory_not_equal((char *)&random + at, &result, sizeof(result));
	}
}

static void below_is_uniform_within_its_limit(void **state)
{
	struct ft_random random;
	uint32_t seen[7] = { 0 };

	ft_random_init(&random, 7);
	for (unsigned i = 0; i < 70000; i++) {
		uint32_t result = ft_random_below(&random, 7);

		assert_true(result < 7);
		seen[result]++;
	}
	for (unsigned i = 0; i < 7; i++)
		assert_in_range(seen[i], 9600, 10400); // 10,000, four standard deviations
	assert_int_equal(ft_random_below(&random, 1), 0);
}

static void below_large_limit_keeps_low_results_as_likely(void **state)
{
	struct ft_random random;
	uint32_t limit = 3u << 30; // where a plain modulo would favour the lowest third two to one
	uint32_t low = 0;

	ft_random_init(&random, 9);
	for (unsigned i = 0; i < 30000; i++)
		low += ft_random_below(&random, limit) < 1u << 30;
	assert_in_range(low, 9600, 10400);
}

static void kernel_seeds_differ(void **state)
{
	assert_true(ft_random_seed() != ft_random_seed());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chacha20_gives_the_rfc_block),
		cmocka_unit_test(same_seed_replays_and_another_differs),
		cmocka_unit_test(state_holds_no_earlier_result),
		cmocka_unit_test(below_is_uniform_within_its_limit),
		cmocka_unit_test(below_large_limit_keeps_low_results_as_likely),
		cmocka_unit_test(kernel_seeds_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
