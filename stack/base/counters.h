// Everything a stack counts. Plain integers: a stack belongs to one core.
#pragma once
#include <stdint.h>

#include "base/drop.h"

enum ft_counter {
#define FT_COUNTER(name, text) FT_COUNTER_##name,
#include "base/counters.def"
#undef FT_COUNTER
	FT_COUNTER_COUNT
};

// What the NIC gives at once: none to 32 packets (FT_RX_BURST).
#define FT_BURST_SIZES 33

// Each packet received is taken or dropped at input: RX_PACKETS = RX_TAKEN + sum of dropped_input.
// What was taken and discarded before its application saw it is in dropped_late (reassembly that
// timed out, a queue thrown away). What we made and could not send is in dropped_output.
struct ft_counters {
	uint64_t count[FT_COUNTER_COUNT];
	uint64_t dropped_input[FT_DROP_COUNT];
	uint64_t dropped_late[FT_DROP_COUNT];
	uint64_t dropped_output[FT_DROP_COUNT];
	uint64_t bursts[FT_BURST_SIZES]; // [n]: how often the NIC gave n packets at once
};

// Static strings: "rx_packets", "packets received".
const char *ft_counter_name(enum ft_counter counter);
const char *ft_counter_text(enum ft_counter counter);
