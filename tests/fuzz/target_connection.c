// Connections in virtual time: the input decides which segments come, which calls the application
// makes and how the clock moves, step by step until it is used up.
#include "application.h"
#include "mutate.h"
#include "target.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_host_start_eal();
	fuzz_host_start(1);
	return 0;
}

static void receive_segment(struct fuzz_choice *choice, bool is_mutated, struct fuzz_layout layout)
{
	static struct fuzz_frame frame, other;

	fuzz_wellformed_make_segment(choice, &frame);
	if (is_mutated) {
		fuzz_wellformed_make_segment(choice, &other);
		fuzz_mutate(choice, &frame, &other);
	}
	fuzz_wellformed_sign(&frame);
	fuzz_host_queue(frame.bytes, frame.length, layout);
	fuzz_host_turn();
}

static void let_time_pass(struct fuzz_choice *choice)
{
	static const ft_time units[] = { FT_MICROSECOND, FT_MILLISECOND, 50 * FT_MILLISECOND,
		FT_SECOND };
	const ft_time unit = units[fuzz_choose(choice, RTE_DIM(units))];

	fuzz_host_pass(unit * fuzz_choose(choice, 64));
}

static void take_step(struct fuzz_choice *choice, struct fuzz_layout layout)
{
	switch (fuzz_choose(choice, 8)) {
	case 0:
	case 1:
	case 2:
		receive_segment(choice, false, layout);
		break;
	case 3:
	case 4:
		receive_segment(choice, true, layout);
		break;
	case 5:
	case 6:
		fuzz_application_act(choice);
		break;
	default:
		let_time_pass(choice);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const bool is_vouched_for = size / 4 % 2;
	const struct fuzz_layout layout = { .is_outside = !is_vouched_for,
		.is_vouched_for = is_vouched_for };
	struct fuzz_choice choice = { .bytes = bytes, .left = size };

	fuzz_host_watch(size % 4 == 0);
	fuzz_application_open();
	while (choice.left > 0)
		take_step(&choice, layout);
	fuzz_host_end_all();
	return 0;
}
