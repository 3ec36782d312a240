#include "tcp/window.h"

#include <rte_common.h>

// ---- receiver ----

uint8_t ft_window_scale(uint64_t buffer_bytes)
{
	const uint8_t bits = 64 - (uint8_t)__builtin_clzll(buffer_bytes | UINT16_MAX);

	return RTE_MIN(bits - 16, FT_WINDOW_MAXIMUM_SCALE);
}

// ---- sender ----

// The cases of RFC 9293 3.8.6.2.1 in their order; (2) and (3) with Nagle's condition in brackets.
uint32_t ft_window_send_bytes(const struct ft_window_send *send)
{
	const uint32_t usable = RTE_MIN(send->usable_bytes, (uint32_t)send->mss);
	const uint32_t bytes = RTE_MIN(send->unsent_bytes, usable);
	const bool may_send_small = send->no_delay || !send->has_small_in_flight;

	if (bytes == send->mss)
		return bytes;
	if (bytes == send->unsent_bytes) {
		if (send->is_last || (may_send_small && !send->is_corked))
			return bytes;
		return 0;
	}
	return may_send_small && bytes >= send->largest_window / 2 ? bytes : 0;
}
