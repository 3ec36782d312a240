#include "tcp/isn.h"

#include "base/random.h"
#include "demux/tuple.h"

#include "../support.h"

static struct ft_hash_key key;

static struct ft_tuple tuple_from(uint16_t port)
{
	return (struct ft_tuple){
		.local = ft_addr_from_ip4(RTE_BE32(0x0a090002)),
		.remote = ft_addr_from_ip4(RTE_BE32(0x0a090001)),
		.local_port = 7,
		.remote_port = port,
		.protocol = 6,
	};
}

static uint32_t sequence(const struct ft_hash_key *with, const struct ft_tuple *tuple, ft_time now)
{
	return ft_isn_choose(with, ft_tuple_hash(with, tuple), now).sequence;
}

static uint32_t ts_offset(const struct ft_hash_key *with, const struct ft_tuple *tuple)
{
	return ft_isn_choose(with, ft_tuple_hash(with, tuple), FT_SECOND).ts_offset;
}

static int make_key(void **state)
{
	struct ft_random random;

	ft_random_init(&random, 1);
	ft_hash_key_init(&key, &random);
	return 0;
}

static void same_tuple_grows_with_the_clock(void **state)
{
	struct ft_tuple tuple = tuple_from(40000);
	uint32_t first = sequence(&key, &tuple, FT_SECOND);

	assert_int_equal(sequence(&key, &tuple, FT_SECOND + 4 * FT_MICROSECOND), first + 1);
	assert_int_equal((uint32_t)(sequence(&key, &tuple, 61 * FT_SECOND) - first), 15000000);
}

// What NUMBER:JACK found elsewhere: differences between neighbours that repeat or are small. Of
// 10,000 random 32-bit differences about 12 pairs are equal, and each of the 16 highest nibbles
// comes 625 times.
static void other_tuples_show_no_pattern(void **state)
{
	uint32_t count[16] = { 0 };
	uint32_t repeated = 0;
	uint32_t previous = 0, difference = 0;

	for (uint32_t i = 0; i < 10000; i++) {
		struct ft_tuple tuple = tuple_from(10000 + i);
		uint32_t isn = sequence(&key, &tuple, FT_SECOND);

		repeated += isn - previous == difference;
		difference = isn - previous;
		previous = isn;
		count[difference >> 28]++;
	}
	assert_true(repeated == 0);
	for (int i = 0; i < 16; i++)
		assert_in_range(count[i], 500, 750);
}

// They are halves of one hash: half of all bits differ, as between random numbers.
static void sequence_tells_nothing_about_the_offset(void **state)
{
	uint32_t different = 0;

	for (uint32_t i = 0; i < 10000; i++) {
		struct ft_tuple tuple = tuple_from(10000 + i);

		different +=
			__builtin_popcount(sequence(&key, &tuple, 0) ^ ts_offset(&key, &tuple));
	}
	assert_in_range(different, 158000, 162000);
}

static void other_key_gives_other_numbers(void **state)
{
	struct ft_tuple tuple = tuple_from(40000);
	struct ft_hash_key other = key;

	other.words[0] ^= 1;
	assert_int_not_equal(sequence(&key, &tuple, 0), sequence(&other, &tuple, 0));
	assert_int_not_equal(ts_offset(&key, &tuple), ts_offset(&other, &tuple));
}

// Whoever learned where tuples land, and so their hashes, could foretell nothing from that.
static void known_hash_does_not_tell_the_numbers(void **state)
{
	struct ft_hash_key other = key;
	uint32_t different = 0;

	other.words[FT_HASH_SIP_WORD + 1] ^= 1;
	for (uint32_t i = 0; i < 10000; i++) {
		struct ft_tuple tuple = tuple_from(10000 + i);

		assert_true(ft_tuple_hash(&key, &tuple) == ft_tuple_hash(&other, &tuple));
		different +=
			__builtin_popcount(sequence(&key, &tuple, 0) ^ sequence(&other, &tuple, 0));
	}
	assert_in_range(different, 158000, 162000);
}

static void timestamp_grows_and_is_not_the_isn(void **state)
{
	struct ft_tuple tuple = tuple_from(40000);
	struct ft_tuple neighbour = tuple_from(40001);
	uint32_t offset = ts_offset(&key, &tuple);

	assert_int_not_equal(offset, sequence(&key, &tuple, 0));
	assert_int_equal(
		ft_isn_choose(&key, ft_tuple_hash(&key, &tuple), 61 * FT_SECOND).ts_offset, offset);
	assert_int_not_equal(offset, ts_offset(&key, &neighbour));
	assert_int_equal((uint32_t)(ft_isn_timestamp(offset, FT_SECOND) - offset), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_tuple_grows_with_the_clock),
		cmocka_unit_test(other_tuples_show_no_pattern),
		cmocka_unit_test(sequence_tells_nothing_about_the_offset),
		cmocka_unit_test(other_key_gives_other_numbers),
		cmocka_unit_test(known_hash_does_not_tell_the_numbers),
		cmocka_unit_test(timestamp_grows_and_is_not_the_isn),
	};

	return cmocka_run_group_tests_name("tcp/isn", tests, make_key, NULL);
}
