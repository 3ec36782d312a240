#include "load_histogram.h"

#include <string.h>

void load_histogram_clear(struct load_histogram *histogram)
{
	memset(histogram, 0, sizeof(*histogram));
}

// The value's leading 11 bits choose among the 1024 intervals of its width, since the first bit is
// always 1; what is below 2048 has all of its bits.
static unsigned slot_of(uint64_t value)
{
	unsigned shift;

	if (value < 2 * LOAD_HISTOGRAM_HALF)
		return (unsigned)value;
	shift = 63 - 10 - (unsigned)__builtin_clzll(value);
	return shift * LOAD_HISTOGRAM_HALF + (unsigned)(value >> shift);
}

uint64_t load_histogram_slot_value(unsigned slot)
{
	unsigned shift;

	if (slot < 2 * LOAD_HISTOGRAM_HALF)
		return slot;
	shift = slot / LOAD_HISTOGRAM_HALF - 1;
	slot -= shift * LOAD_HISTOGRAM_HALF;
	return ((uint64_t)slot << shift) + ((UINT64_C(1) << shift) - 1);
}

void load_histogram_record(struct load_histogram *histogram, uint64_t value)
{
	histogram->slots[slot_of(value)]++;
	if (histogram->count == 0 || value < histogram->lowest)
		histogram->lowest = value;
	if (value > histogram->highest)
		histogram->highest = value;
	histogram->count++;
	histogram->sum += (double)value;
}

// The rank is rounded up: of 10 values, 99 % are all 10.
static uint64_t rank_of(const struct load_histogram *histogram, double percent)
{
	double exact = (double)histogram->count * percent / 100;
	uint64_t rank = (uint64_t)exact;

	if ((double)rank < exact)
		rank++;
	if (rank == 0)
		return 1;
	return rank > histogram->count ? histogram->count : rank;
}

uint64_t load_histogram_percentile(const struct load_histogram *histogram, double percent)
{
	uint64_t rank, seen = 0, value;

	if (histogram->count == 0)
		return 0;
	rank = rank_of(histogram, percent);
	for (unsigned slot = 0; slot < LOAD_HISTOGRAM_SLOTS; slot++) {
		seen += histogram->slots[slot];
		if (seen < rank)
			continue;
		value = load_histogram_slot_value(slot);
		return value > histogram->highest ? histogram->highest : value;
	}
	return histogram->highest;
}

double load_histogram_mean(const struct load_histogram *histogram)
{
	return histogram->count == 0 ? 0 : histogram->sum / (double)histogram->count;
}
