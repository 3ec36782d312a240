// How often each time was seen. Log-linear, as in Gil Tene's HDR histogram, of which Debian 12 has no
// library for C: between two powers of two there are 1024 intervals of the same width, so that no
// value is off by more than a thousandth of itself, from a nanosecond to years.
//
//	0 1 2 ... 2047 | 2048 2050 ... 4094 | 4096 4100 ... 8188 | ...
//	exact          | 2 wide             | 4 wide             |
#pragma once
#include <stdint.h>

#define LOAD_HISTOGRAM_HALF  1024			// intervals of one width
#define LOAD_HISTOGRAM_SLOTS (55 * LOAD_HISTOGRAM_HALF) // all 64-bit numbers

struct load_histogram {
	uint64_t count;
	uint64_t lowest;
	uint64_t highest;
	double sum;
	uint64_t slots[LOAD_HISTOGRAM_SLOTS];
};

void load_histogram_clear(struct load_histogram *histogram);
void load_histogram_record(struct load_histogram *histogram, uint64_t value);
// The value that `percent` of those seen do not exceed; 0 when nothing was seen.
uint64_t load_histogram_percentile(const struct load_histogram *histogram, double percent);
double load_histogram_mean(const struct load_histogram *histogram);
// The largest value that is counted in a slot.
uint64_t load_histogram_slot_value(unsigned slot);
