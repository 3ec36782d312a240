// What the trace tells, word for word. Numbers that a secret decides (initial sequence numbers, hashes,
// chosen ports) are written as N.
#pragma once
#include <stdint.h>

struct ft_stack;

// What `stack` tells of these subsystems (enum ft_trace_subsystem) goes into a file from now on.
void told_listen(struct ft_stack *stack, uint32_t subsystems);

// The lines since told_listen(), without their times, must be these; ends the listening. Nothing of
// the test's own may be printed meanwhile.
void told_expect(const char *wanted);
