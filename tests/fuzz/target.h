// The two functions that libFuzzer calls, of which each target_*.c has its own pair; without
// libFuzzer, replay.c calls them with the files of the corpus.
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

// Aborts when something does not hold. Returns 0.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
