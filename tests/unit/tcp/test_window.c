#include "tcp/window.h"

#include "../support.h"

static void scale_is_smallest_that_fits(void **state)
{
	assert_int_equal(ft_window_scale(65535), 0);
	assert_int_equal(ft_window_scale(65536), 1);
	assert_int_equal(ft_window_scale(6 << 20), 7);
	assert_int_equal(ft_window_scale(UINT64_MAX), 14);
}

static void field_is_rounded_down_and_capped(void **state)
{
	assert_int_equal(ft_window_field(255, 7), 1);
	assert_int_equal(ft_window_field(70000, 0), 65535);
	assert_int_equal(ft_window_field(70000, 2), 17500);
}

static uint32_t choose(uint64_t buffer, uint64_t used, uint32_t rcv_wnd)
{
	const struct ft_window_offer offer = { .buffer_bytes = buffer,
		.used_bytes = used,
		.rcv_wnd = rcv_wnd,
		.mss = 1000,
		.shift = 2 };

	return ft_window_choose(&offer);
}

static void free_buffer_by_a_segment_is_offered(void **state)
{
	assert_int_equal(choose(10000, 0, 9000), 10000);
	assert_int_equal(choose(10000, 4000, 5000), 6000);
}

static void free_buffer_by_less_is_not_offered(void **state)
{
	assert_int_equal(choose(10000, 0, 9001), 9001);
	assert_int_equal(choose(10000, 9500, 0), 0);
}

static void small_buffer_is_offered_by_halves(void **state)
{
	assert_int_equal(choose(600, 301, 0), 0);
	assert_int_equal(choose(600, 300, 0), 300);
}

// SO_RCVBUF lowered, or bytes held that were never offered: the right edge stays.
static void used_buffer_does_not_shrink_window(void **state)
{
	assert_int_equal(choose(10000, 8000, 6000), 6000);
	assert_int_equal(choose(1000, 8000, 6000), 6000);
}

static void offer_is_limited_by_the_field(void **state)
{
	assert_int_equal(choose(1 << 30, 0, 0), 65535 << 2);
}

static bool has_opened(uint64_t used, uint32_t rcv_wnd)
{
	const struct ft_window_offer offer = { .buffer_bytes = 64000,
		.used_bytes = used,
		.rcv_wnd = rcv_wnd,
		.mss = 1000,
		.shift = 0 };

	return ft_window_has_opened(&offer);
}

static void shut_window_opening_is_announced(void **state)
{
	assert_false(has_opened(63001, 0));
	assert_true(has_opened(63000, 0));
	assert_true(has_opened(62001, 999));
}

static void wide_window_growing_a_little_is_not_announced(void **state)
{
	assert_false(has_opened(0, 61000));
	assert_false(has_opened(0, 48001));
	assert_true(has_opened(0, 48000));
}

static bool is_much(const struct ft_window_offer *offer, uint64_t grown)
{
	const uint64_t buffer = offer->buffer_bytes;

	return offer->rcv_wnd < offer->mss || grown >= buffer / 2 ||
	       (grown >= 2u * offer->mss && (grown >= buffer / 4 || offer->rcv_wnd <= buffer / 8));
}

static void assert_opened_if_moved_and_much(const struct ft_window_offer *offer)
{
	const uint64_t grown = ft_window_choose(offer) - offer->rcv_wnd;

	assert_int_equal(ft_window_has_opened(offer), grown > 0 && is_much(offer, grown));
}

// Of every small buffer.
static void window_opens_only_as_far_as_it_is_moved(void **state)
{
	enum { LARGEST = 40 };

	for (uint32_t buffer = 0; buffer <= LARGEST; buffer++)
		for (uint32_t rcv_wnd = 0; rcv_wnd <= LARGEST; rcv_wnd++)
			for (uint16_t mss = 0; mss <= LARGEST; mss++)
				for (uint32_t used = 0; used <= LARGEST; used++)
					assert_opened_if_moved_and_much(&(struct ft_window_offer){
						.buffer_bytes = buffer,
						.used_bytes = used,
						.rcv_wnd = rcv_wnd,
						.mss = mss,
					});
}

// Of every small buffer, whatever is used of it, and whatever less is offered while packets are short.
static void nearly_whole_window_is_kept_and_not_announced(void **state)
{
	enum { LARGEST = 24 };
	struct ft_window_offer offer;
	uint32_t told = 0;

	for (uint32_t buffer = 0; buffer <= LARGEST; buffer++)
		for (uint32_t rcv_wnd = 0; rcv_wnd <= LARGEST; rcv_wnd++)
			for (uint16_t mss = 1; mss <= LARGEST; mss++)
				for (uint32_t used = 0; used <= LARGEST; used++)
					for (uint32_t less = 0; less <= buffer; less++) {
						if (!ft_window_is_all_but(buffer, rcv_wnd, mss))
							continue;
						offer = (struct ft_window_offer){
							.buffer_bytes = buffer - less,
							.used_bytes = used,
							.rcv_wnd = rcv_wnd,
							.mss = mss,
						};
						assert_int_equal(ft_window_choose(&offer), rcv_wnd);
						assert_false(ft_window_has_opened(&offer));
						told++;
					}
	assert_true(told > 0);
	assert_true(ft_window_is_all_but(64000, 63001, 1000));
	assert_false(ft_window_is_all_but(64000, 63000, 1000));
}

static uint32_t send(struct ft_window_send ask)
{
	ask.mss = 1000;
	if (ask.largest_window == 0)
		ask.largest_window = 60000;
	return ft_window_send_bytes(&ask);
}

#define ASK(...) send((struct ft_window_send){ __VA_ARGS__ })

static void full_segment_is_always_sent(void **state)
{
	assert_int_equal(ASK(.unsent_bytes = 5000, .usable_bytes = 5000, .is_corked = true,
				 .has_small_in_flight = true),
		1000);
}

static void nothing_to_send_or_no_window_waits(void **state)
{
	assert_int_equal(ASK(.usable_bytes = 5000, .no_delay = true), 0);
	assert_int_equal(ASK(.unsent_bytes = 5000, .no_delay = true), 0);
}

static void small_segment_waits_for_a_small_one_in_flight(void **state)
{
	assert_int_equal(ASK(.unsent_bytes = 10, .usable_bytes = 5000), 10);
	assert_int_equal(
		ASK(.unsent_bytes = 10, .usable_bytes = 5000, .has_small_in_flight = true), 0);
	assert_int_equal(ASK(.unsent_bytes = 10, .usable_bytes = 5000, .has_small_in_flight = true,
				 .no_delay = true),
		10);
}

static void corked_small_segment_waits_unless_last(void **state)
{
	assert_int_equal(
		ASK(.unsent_bytes = 10, .usable_bytes = 5000, .is_corked = true, .no_delay = true),
		0);
	assert_int_equal(ASK(.unsent_bytes = 10, .usable_bytes = 5000, .is_corked = true,
				 .has_small_in_flight = true, .is_last = true),
		10);
}

static void silly_window_waits_half_of_the_largest_does_not(void **state)
{
	assert_int_equal(ASK(.unsent_bytes = 5000, .usable_bytes = 300, .no_delay = true), 0);
	assert_int_equal(ASK(.unsent_bytes = 5000, .usable_bytes = 300, .largest_window = 600,
				 .no_delay = true),
		300);
	assert_int_equal(ASK(.unsent_bytes = 5000, .usable_bytes = 299, .largest_window = 600,
				 .no_delay = true),
		0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scale_is_smallest_that_fits),
		cmocka_unit_test(field_is_rounded_down_and_capped),
		cmocka_unit_test(free_buffer_by_a_segment_is_offered),
		cmocka_unit_test(free_buffer_by_less_is_not_offered),
		cmocka_unit_test(small_buffer_is_offered_by_halves),
		cmocka_unit_test(used_buffer_does_not_shrink_window),
		cmocka_unit_test(offer_is_limited_by_the_field),
		cmocka_unit_test(shut_window_opening_is_announced),
		cmocka_unit_test(wide_window_growing_a_little_is_not_announced),
		cmocka_unit_test(window_opens_only_as_far_as_it_is_moved),
		cmocka_unit_test(nearly_whole_window_is_kept_and_not_announced),
		cmocka_unit_test(full_segment_is_always_sent),
		cmocka_unit_test(nothing_to_send_or_no_window_waits),
		cmocka_unit_test(small_segment_waits_for_a_small_one_in_flight),
		cmocka_unit_test(corked_small_segment_waits_unless_last),
		cmocka_unit_test(silly_window_waits_half_of_the_largest_does_not),
	};

	return cmocka_run_group_tests_name("tcp/window", tests, NULL, NULL);
}
