#include "tcp/cc.h"

#include "../support.h"

enum { MSS = 1460 };

static struct ft_cc begin(void)
{
	struct ft_cc cc;

	ft_cc_init(&cc, &ft_cc_newreno, MSS, 10);
	return cc;
}

static void name_finds_algorithm(void **state)
{
	assert_ptr_equal(ft_cc_find("newreno"), &ft_cc_newreno);
	assert_ptr_equal(ft_cc_find("reno"), &ft_cc_newreno);
	assert_null(ft_cc_find("none"));
	assert_null(ft_cc_find(""));
}

static uint32_t initial(uint16_t mss, uint32_t segments)
{
	struct ft_cc cc;

	ft_cc_init(&cc, &ft_cc_newreno, mss, segments);
	return cc.cwnd;
}

// RFC 6928 2: min(10 * MSS, max(2 * MSS, 14600)).
static void initial_window_follows_rfc_6928(void **state)
{
	assert_int_equal(initial(1460, 10), 14600);
	assert_int_equal(initial(536, 10), 5360);
	assert_int_equal(initial(8960, 10), 17920);
	assert_int_equal(initial(1460, 1), 1460);
}

static void slow_start_counts_eight_segments_an_ack(void **state)
{
	struct ft_cc cc = begin();

	ft_cc_ack(&cc, 1000, true, 0);
	assert_int_equal(cc.cwnd, 14600 + 1000);
	ft_cc_ack(&cc, 10 * MSS, true, 0);
	assert_int_equal(cc.cwnd, 14600 + 1000 + 8 * MSS);
}

static void unused_window_does_not_grow(void **state)
{
	struct ft_cc cc = begin();

	ft_cc_ack(&cc, 2 * MSS, false, 0);
	assert_int_equal(cc.cwnd, 14600);
	cc.ssthresh = cc.cwnd;
	for (int i = 0; i < 100; i++)
		ft_cc_ack(&cc, 2 * MSS, false, 0);
	assert_int_equal(cc.cwnd, 14600);
}

static void congestion_avoidance_grows_one_segment_a_window(void **state)
{
	struct ft_cc cc = begin();

	cc.ssthresh = cc.cwnd;
	for (int i = 0; i < 9; i++)
		ft_cc_ack(&cc, MSS, true, 0);
	assert_int_equal(cc.cwnd, 10 * MSS);
	ft_cc_ack(&cc, MSS, true, 0);
	assert_int_equal(cc.cwnd, 11 * MSS);
}

static void loss_halves_inflates_and_deflates(void **state)
{
	struct ft_cc cc = begin();

	cc.cwnd = 20 * MSS;
	ft_cc_enter_recovery(&cc, 22 * MSS, 0); // two by limited transmit
	assert_int_equal(cc.ssthresh, 10 * MSS);
	assert_int_equal(cc.cwnd, 13 * MSS);
	ft_cc_duplicate_ack(&cc);
	assert_int_equal(cc.cwnd, 14 * MSS);
	ft_cc_partial_ack(&cc, 4 * MSS);
	assert_int_equal(cc.cwnd, 11 * MSS);
	ft_cc_partial_ack(&cc, 100 * MSS);
	assert_int_equal(cc.cwnd, MSS);
	ft_cc_exit_recovery(&cc, 30 * MSS);
	assert_int_equal(cc.cwnd, 10 * MSS);
}

static void recovery_exit_with_little_in_flight_sends_no_burst(void **state)
{
	struct ft_cc cc = begin();

	cc.cwnd = 20 * MSS;
	ft_cc_enter_recovery(&cc, 20 * MSS, 0);
	ft_cc_exit_recovery(&cc, 0);
	assert_int_equal(cc.cwnd, 2 * MSS);
}

static void loss_of_small_flight_keeps_two_segments(void **state)
{
	struct ft_cc cc = begin();

	ft_cc_enter_recovery(&cc, MSS, 0);
	assert_int_equal(cc.ssthresh, 2 * MSS);
}

static void timeout_falls_to_one_segment(void **state)
{
	struct ft_cc cc = begin();

	cc.cwnd = 20 * MSS;
	ft_cc_timeout(&cc, 16 * MSS, true, 0);
	assert_int_equal(cc.cwnd, MSS);
	assert_int_equal(cc.ssthresh, 8 * MSS);
	ft_cc_timeout(&cc, 16 * MSS, false, 0);
	assert_int_equal(cc.ssthresh, 8 * MSS);
}

static void after_timeout_an_ack_counts_one_segment(void **state)
{
	struct ft_cc cc = begin();

	cc.cwnd = 20 * MSS;
	ft_cc_timeout(&cc, 20 * MSS, true, 0);
	ft_cc_ack(&cc, 10 * MSS, true, 0);
	assert_int_equal(cc.cwnd, 2 * MSS);
}

static void idle_restart_falls_to_initial_window(void **state)
{
	struct ft_cc cc = begin();

	cc.cwnd = 50 * MSS;
	ft_cc_idle_restart(&cc);
	assert_int_equal(cc.cwnd, 10 * MSS);
	cc.cwnd = 3 * MSS;
	ft_cc_idle_restart(&cc);
	assert_int_equal(cc.cwnd, 3 * MSS);
}

static void window_never_exceeds_what_tcp_can_offer(void **state)
{
	struct ft_cc cc = begin();

	cc.cwnd = 1u << 30;
	ft_cc_ack(&cc, 2 * MSS, true, 0);
	ft_cc_duplicate_ack(&cc);
	assert_int_equal(cc.cwnd, 1u << 30);
}

static void switched_algorithm_keeps_the_window(void **state)
{
	static struct ft_cc_algorithm other;
	struct ft_cc cc = begin();

	other = ft_cc_newreno;
	cc.cwnd = 5 * MSS;
	cc.ssthresh = 4 * MSS;
	cc.newreno.acked_bytes = 77;
	ft_cc_switch(&cc, &ft_cc_newreno);
	assert_int_equal(cc.newreno.acked_bytes, 77);
	ft_cc_switch(&cc, &other);
	assert_ptr_equal(cc.algorithm, &other);
	assert_int_equal(cc.newreno.acked_bytes, 0);
	assert_int_equal(cc.cwnd, 5 * MSS);
	assert_int_equal(cc.ssthresh, 4 * MSS);
}

static void limited_transmit_adds_segments(void **state)
{
	struct ft_cc cc = begin();

	assert_int_equal(ft_cc_window(&cc, 0), 10 * MSS);
	assert_int_equal(ft_cc_window(&cc, 2), 12 * MSS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_finds_algorithm),
		cmocka_unit_test(initial_window_follows_rfc_6928),
		cmocka_unit_test(slow_start_counts_eight_segments_an_ack),
		cmocka_unit_test(unused_window_does_not_grow),
		cmocka_unit_test(congestion_avoidance_grows_one_segment_a_window),
		cmocka_unit_test(loss_halves_inflates_and_deflates),
		cmocka_unit_test(recovery_exit_with_little_in_flight_sends_no_burst),
		cmocka_unit_test(loss_of_small_flight_keeps_two_segments),
		cmocka_unit_test(timeout_falls_to_one_segment),
		cmocka_unit_test(after_timeout_an_ack_counts_one_segment),
		cmocka_unit_test(idle_restart_falls_to_initial_window),
		cmocka_unit_test(window_never_exceeds_what_tcp_can_offer),
		cmocka_unit_test(limited_transmit_adds_segments),
		cmocka_unit_test(switched_algorithm_keeps_the_window),
	};

	return cmocka_run_group_tests_name("tcp/cc", tests, NULL, NULL);
}
