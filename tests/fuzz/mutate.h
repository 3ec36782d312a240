// What is done to a frame so that it is not one that an honest host sends.
#pragma once
#include "choice.h"
#include "wellformed.h"

// One mutation: bits, bytes, header fields, the length, parts moved about or taken from `other`.
void fuzz_mutate(
	struct fuzz_choice *choice, struct fuzz_frame *frame, const struct fuzz_frame *other);
