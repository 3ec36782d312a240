// Any frames through a whole stack. The input is a sequence of
//
//	layout (1 byte) | length (2, little-endian) | that many bytes
#include "application.h"
#include "target.h"
#include "wellformed.h"

enum { // of the layout byte; the other bits: the bytes in each mbuf
	IS_SIGNED = 0x01,
	IS_OUTSIDE = 0x02,
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	fuzz_host_start_eal();
	fuzz_host_start(1);
	return 0;
}

static void receive_frame(struct fuzz_choice *choice, bool is_vouched_for)
{
	static struct fuzz_frame frame;
	const uint32_t layout = fuzz_choose(choice, 256);
	const uint32_t claimed = fuzz_choose(choice, FUZZ_FRAME_MAX);
	const struct fuzz_layout lies = { .segment_bytes = (uint16_t)(layout >> 2),
		.is_outside = layout & IS_OUTSIDE,
		.is_vouched_for = is_vouched_for };

	frame.length = RTE_MIN((size_t)claimed, choice->left);
	memcpy(frame.bytes, choice->bytes, frame.length);
	choice->bytes += frame.length;
	choice->left -= frame.length;
	if (layout & IS_SIGNED)
		fuzz_wellformed_sign(&frame);
	fuzz_host_go_two_ways(frame.bytes, frame.length, lies);
	fuzz_host_queue(frame.bytes, frame.length, lies);
	fuzz_host_pass(FT_MILLISECOND);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct fuzz_choice choice = { .bytes = bytes, .left = size };

	fuzz_host_watch(size % 4 == 0);
	fuzz_application_open();
	while (choice.left > 0)
		receive_frame(&choice, size / 4 % 2);
	fuzz_host_end_all();
	return 0;
}
