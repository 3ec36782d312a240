// Numbers on the command lines of what measures: "100", "10k", "1M".
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Reads `text` into *number. False when it is none of lowest .. highest, or none at all.
bool bench_number_read(const char *text, uint64_t lowest, uint64_t highest, uint64_t *number);
