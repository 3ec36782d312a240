// Sequence numbers (RFC 9293 3.4): they count modulo 2^32, so "before" means "by less than half the
// circle". All true for numbers at most 2^31 - 1 apart, which windows of at most 1 GB guarantee.
#pragma once
#include <stdbool.h>
#include <stdint.h>

static inline bool ft_seq_is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool ft_seq_is_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline bool ft_seq_is_at_or_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline bool ft_seq_is_at_or_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) >= 0;
}

static inline uint32_t ft_seq_later(uint32_t a, uint32_t b)
{
	return ft_seq_is_before(a, b) ? b : a;
}

// In the `length` numbers that begin with `first`: false for all when length is 0.
static inline bool ft_seq_is_in(uint32_t seq, uint32_t first, uint32_t length)
{
	return seq - first < length;
}

// The four cases of RFC 9293 3.10.7.4 "first, check sequence number": whether any part of a segment
// that occupies `length` numbers from `seq` lies in the window. (The exceptions a closed window
// makes for ACKs and resets are the caller's.)
static inline bool ft_seq_is_acceptable(
	uint32_t seq, uint32_t length, uint32_t rcv_nxt, uint32_t rcv_wnd)
{
	if (length == 0)
		return rcv_wnd == 0 ? seq == rcv_nxt : ft_seq_is_in(seq, rcv_nxt, rcv_wnd);
	return ft_seq_is_in(seq, rcv_nxt, rcv_wnd) ||
	       ft_seq_is_in(seq + length - 1, rcv_nxt, rcv_wnd) ||
	       (rcv_wnd > 0 && ft_seq_is_before(seq, rcv_nxt) &&
		       ft_seq_is_after(seq + length - 1, rcv_nxt));
}
