#include "base/few.h"

#include "../support.h"

enum { MARGIN = 16, AREA = MARGIN + FT_FEW + MARGIN };

static uint8_t from[AREA], to[AREA];

static void begin(void)
{
	for (uint32_t i = 0; i < AREA; i++)
		from[i] = (uint8_t)(i + 1);
	memset(to, 0xee, sizeof(to));
}

static void every_number_of_bytes_is_copied_and_no_more(void **state)
{
	uint8_t untouched[AREA];

	memset(untouched, 0xee, sizeof(untouched));
	for (uint32_t bytes = 1; bytes <= FT_FEW; bytes++) {
		begin();
		ft_few_copy(to + MARGIN, from + MARGIN, bytes);
		assert_memory_equal(to, untouched, MARGIN);
		assert_memory_equal(to + MARGIN, from + MARGIN, bytes);
		assert_memory_equal(to + MARGIN + bytes, untouched, AREA - MARGIN - bytes);
	}
}

static void with_room_the_bytes_are_copied_and_none_beyond_the_room(void **state)
{
	uint8_t untouched[AREA];

	memset(untouched, 0xee, sizeof(untouched));
	for (uint32_t bytes = 1; bytes <= FT_FEW; bytes++) {
		begin();
		ft_few_copy_roomy(to + MARGIN, from + MARGIN, bytes);
		assert_memory_equal(to, untouched, MARGIN);
		assert_memory_equal(to + MARGIN, from + MARGIN, bytes);
		assert_memory_equal(to + MARGIN + FT_FEW, untouched, MARGIN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_of_bytes_is_copied_and_no_more),
		cmocka_unit_test(with_room_the_bytes_are_copied_and_none_beyond_the_room),
	};

	return cmocka_run_group_tests_name("base/few", tests, NULL, NULL);
}
