#include "tcp/retransmit.h"

#include "../support.h"

enum { ISS = 0xffffff00 };

static struct ft_retransmit begin(void)
{
	struct ft_retransmit retransmit;

	ft_retransmit_init(&retransmit, ISS);
	return retransmit;
}

static struct ft_segment pure_ack(uint32_t ack)
{
	return (struct ft_segment){ .ack = ack, .flags = FT_TCP_ACK };
}

static void duplicate_needs_all_five_conditions(void **state)
{
	struct ft_segment seg = pure_ack(100);

	assert_true(ft_retransmit_is_duplicate(&seg, 100, 200, 5, 5));
	assert_false(ft_retransmit_is_duplicate(&seg, 100, 100, 5, 5));
	assert_false(ft_retransmit_is_duplicate(&seg, 100, 200, 6, 5));
	seg.ack = 101;
	assert_false(ft_retransmit_is_duplicate(&seg, 100, 200, 5, 5));
	seg = pure_ack(100);
	seg.length = 1;
	assert_false(ft_retransmit_is_duplicate(&seg, 100, 200, 5, 5));
}

static void third_duplicate_enters_recovery(void **state)
{
	struct ft_retransmit r = begin();

	assert_int_equal(ft_retransmit_duplicate(&r, ISS + 1, ISS + 9000), FT_RETRANSMIT_DUPLICATE);
	assert_int_equal(ft_retransmit_allowance(&r), 1);
	assert_int_equal(ft_retransmit_duplicate(&r, ISS + 1, ISS + 9000), FT_RETRANSMIT_DUPLICATE);
	assert_int_equal(ft_retransmit_allowance(&r), 2);
	assert_int_equal(ft_retransmit_duplicate(&r, ISS + 1, ISS + 9000), FT_RETRANSMIT_ENTER);
	assert_int_equal(ft_retransmit_allowance(&r), 0);
	assert_int_equal(ft_retransmit_duplicate(&r, ISS + 1, ISS + 9000), FT_RETRANSMIT_INFLATE);
}

static void new_ack_restarts_the_count(void **state)
{
	struct ft_retransmit r = begin();

	ft_retransmit_duplicate(&r, ISS + 1, ISS + 9000);
	ft_retransmit_duplicate(&r, ISS + 1, ISS + 9000);
	assert_int_equal(ft_retransmit_acked(&r, ISS + 1000), FT_RETRANSMIT_NOTHING);
	assert_int_equal(
		ft_retransmit_duplicate(&r, ISS + 1000, ISS + 9000), FT_RETRANSMIT_DUPLICATE);
}

static void enter(struct ft_retransmit *r, uint32_t snd_una, uint32_t snd_max)
{
	ft_retransmit_duplicate(r, snd_una, snd_max);
	ft_retransmit_duplicate(r, snd_una, snd_max);
	assert_int_equal(ft_retransmit_duplicate(r, snd_una, snd_max), FT_RETRANSMIT_ENTER);
}

static void recovery_partial_acks_stay_full_ack_exits(void **state)
{
	struct ft_retransmit r = begin();

	enter(&r, ISS + 1, ISS + 9001);
	assert_int_equal(ft_retransmit_acked(&r, ISS + 3001), FT_RETRANSMIT_PARTIAL);
	assert_int_equal(r.partial_acks, 1);
	assert_int_equal(
		ft_retransmit_duplicate(&r, ISS + 3001, ISS + 9001), FT_RETRANSMIT_INFLATE);
	assert_int_equal(ft_retransmit_acked(&r, ISS + 9000), FT_RETRANSMIT_PARTIAL);
	assert_int_equal(ft_retransmit_acked(&r, ISS + 9001), FT_RETRANSMIT_EXIT);
	assert_int_equal(r.phase, FT_RETRANSMIT_OPEN);
}

// RFC 6582 3.2 step 2: duplicates for what was sent before the last loss start nothing.
static void after_recovery_duplicates_at_recover_do_not_reenter(void **state)
{
	struct ft_retransmit r = begin();

	enter(&r, ISS + 1, ISS + 9001);
	ft_retransmit_acked(&r, ISS + 9001);
	for (int i = 0; i < 2; i++)
		ft_retransmit_duplicate(&r, ISS + 9001, ISS + 12001);
	assert_int_equal(
		ft_retransmit_duplicate(&r, ISS + 9001, ISS + 12001), FT_RETRANSMIT_NOTHING);
	ft_retransmit_acked(&r, ISS + 10001);
	enter(&r, ISS + 10001, ISS + 12001);
}

static void timeout_duplicates_do_nothing_until_recovered(void **state)
{
	struct ft_retransmit r = begin();

	enter(&r, ISS + 1, ISS + 9001);
	ft_retransmit_timeout(&r, ISS + 9001);
	for (int i = 0; i < 5; i++)
		assert_int_equal(
			ft_retransmit_duplicate(&r, ISS + 1, ISS + 9001), FT_RETRANSMIT_NOTHING);
	assert_int_equal(ft_retransmit_allowance(&r), 0);
	assert_int_equal(ft_retransmit_acked(&r, ISS + 5001), FT_RETRANSMIT_NOTHING);
	assert_int_equal(r.phase, FT_RETRANSMIT_LOSS);
	assert_int_equal(ft_retransmit_acked(&r, ISS + 9001), FT_RETRANSMIT_NOTHING);
	assert_int_equal(r.phase, FT_RETRANSMIT_OPEN);
}

// Half the circle without a loss: `recover` must not seem to lie ahead.
static void long_transfer_without_loss_still_enters(void **state)
{
	struct ft_retransmit r = begin();
	uint32_t una = ISS;

	for (int i = 0; i < 300; i++) {
		una += 10 << 20;
		ft_retransmit_acked(&r, una);
	}
	enter(&r, una, una + 9000);
}

static void measurement_is_from_sending_to_its_ack(void **state)
{
	struct ft_retransmit r = begin();
	ft_time rtt = 0;

	ft_retransmit_sent(&r, 1000, 2000, 1000, 5 * FT_SECOND);
	ft_retransmit_sent(&r, 2000, 3000, 2000, 6 * FT_SECOND);
	assert_false(ft_retransmit_measure(&r, 1999, 7 * FT_SECOND, &rtt));
	assert_true(ft_retransmit_measure(&r, 2000, 7 * FT_SECOND, &rtt));
	assert_int_equal(rtt, 2 * FT_SECOND);
	assert_false(ft_retransmit_measure(&r, 3000, 8 * FT_SECOND, &rtt));
}

static void measurement_of_what_was_sent_again_is_void(void **state)
{
	struct ft_retransmit r = begin();
	ft_time rtt = 0;

	ft_retransmit_sent(&r, 1000, 2000, 1000, FT_SECOND);
	ft_retransmit_sent(&r, 1000, 2000, 2000, 2 * FT_SECOND);
	assert_false(ft_retransmit_measure(&r, 2000, 3 * FT_SECOND, &rtt));
	ft_retransmit_sent(&r, 2000, 3000, 2000, 4 * FT_SECOND);
	ft_retransmit_timeout(&r, 3000);
	assert_false(ft_retransmit_measure(&r, 3000, 5 * FT_SECOND, &rtt));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duplicate_needs_all_five_conditions),
		cmocka_unit_test(third_duplicate_enters_recovery),
		cmocka_unit_test(new_ack_restarts_the_count),
		cmocka_unit_test(recovery_partial_acks_stay_full_ack_exits),
		cmocka_unit_test(after_recovery_duplicates_at_recover_do_not_reenter),
		cmocka_unit_test(timeout_duplicates_do_nothing_until_recovered),
		cmocka_unit_test(long_transfer_without_loss_still_enters),
		cmocka_unit_test(measurement_is_from_sending_to_its_ack),
		cmocka_unit_test(measurement_of_what_was_sent_again_is_void),
	};

	return cmocka_run_group_tests_name("tcp/retransmit", tests, NULL, NULL);
}
