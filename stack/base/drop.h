// Why a packet was discarded. Every packet that is not taken has exactly one of these reasons; the
// list is drops.def and nowhere else.
#pragma once

enum ft_drop {
	FT_TAKEN = 0, // not dropped: the function called owns the packet now
#define FT_DROP(name, text) FT_DROP_##name,
#include "base/drops.def"
#undef FT_DROP
	FT_DROP_COUNT
};

// The name as counters and tools show it ("ip_bad_checksum"), and one sentence for people.
// Both are static strings; FT_TAKEN is "taken".
const char *ft_drop_name(enum ft_drop reason);
const char *ft_drop_text(enum ft_drop reason);
