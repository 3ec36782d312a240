// Frames, mutated at random, through a whole stack with connections, datagrams and reassembly under
// way: mutated-frames COUNT [SEED]. Each round is a stack of its own, and follows from its seed
// alone; the process that runs the rounds is a child, so that whatever ends it (a check, an assertion,
// a sanitizer) its seed and frame are told.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "application.h"
#include "mutate.h"

#define ROUND_FRAMES 4000

struct position {
	uint64_t seed;
	uint64_t frame;	  // of the round
	uint64_t mutated; // frames, in all rounds
};

static struct position *position; // shared with the parent

static ft_time any_pause(struct fuzz_choice *choice)
{
	if (fuzz_choose_once_in(choice, 400))
		return fuzz_choose(choice, 120) * FT_SECOND;
	if (fuzz_choose_once_in(choice, 20))
		return fuzz_choose(choice, 300) * FT_MILLISECOND;
	return fuzz_choose(choice, 1000) * FT_MICROSECOND;
}

static struct fuzz_layout any_layout(struct fuzz_choice *choice)
{
	struct fuzz_layout layout = { .is_outside = fuzz_choose(choice, 3) == 0,
		.is_vouched_for = fuzz_choose(choice, 2) };

	if (fuzz_choose(choice, 4) == 0)
		layout.segment_bytes = (uint16_t)(1 + fuzz_choose(choice, 200));
	return layout;
}

// Half of the frames are left alone: connections must open and move on for the others to matter.
static void make_frame(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	static struct fuzz_frame other;

	fuzz_wellformed_make(choice, frame);
	if (fuzz_choose(choice, 2) == 0)
		return;
	fuzz_wellformed_make(choice, &other);
	for (uint32_t i = fuzz_choose(choice, 3); i < 3; i++)
		fuzz_mutate(choice, frame, &other);
	position->mutated++;
	if (fuzz_choose(choice, 4) != 0)
		fuzz_wellformed_sign(frame);
}

// One turn for each frame, or one for a few.
static void run_frame(struct fuzz_choice *choice)
{
	static struct fuzz_frame frame;

	make_frame(choice, &frame);
	fuzz_host_go_two_ways(frame.bytes, frame.length, any_layout(choice));
	fuzz_host_queue(frame.bytes, frame.length, any_layout(choice));
	if (fuzz_choose_once_in(choice, 16))
		fuzz_host_queue(frame.bytes, frame.length, any_layout(choice));
	if (fuzz_choose_once_in(choice, 8))
		return;
	fuzz_host_pass(any_pause(choice));
	if (fuzz_choose(choice, 3) == 0)
		fuzz_application_act(choice);
}

static void run_round(void)
{
	struct ft_random random;
	struct fuzz_choice choice = { .random = &random };

	ft_random_init(&random, position->seed);
	fuzz_host_start(position->seed);
	fuzz_host_watch(position->seed % 4 == 0);
	fuzz_application_open();
	for (position->frame = 0; position->frame < ROUND_FRAMES; position->frame++)
		run_frame(&choice);
	fuzz_host_stop();
}

static void run_rounds(uint64_t mutated)
{
	fuzz_host_start_eal();
	for (; position->mutated < mutated; position->seed++)
		run_round();
}

static void tell_how_to_replay(const char *program)
{
	fprintf(stderr, "FAILED at frame %lu of seed %lu; again: %s 1 %lu\n", position->frame,
		position->seed, program, position->seed);
}

int main(int argc, char **argv)
{
	uint64_t mutated = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000;
	int status;

	position = mmap(
		NULL, sizeof(*position), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (position == MAP_FAILED)
		return 1;
	position->seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	if (fork() == 0) {
		run_rounds(mutated);
		exit(0);
	}
	if (wait(&status) < 0 || status != 0) {
		tell_how_to_replay(argv[0]);
		return 1;
	}
	printf("%lu mutated frames, and about as many others; the last seed %lu\n",
		position->mutated, position->seed - 1);
	return 0;
}
