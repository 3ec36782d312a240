// What a connection begins counting with, so that nobody off the path can guess it.
#pragma once
#include <stdint.h>

#include "base/hash.h"
#include "base/time.h"

struct ft_isn {
	// ISN = M + F(tuple, secret) (RFC 6528 3): M is a clock of 4 microseconds (RFC 9293 3.4.1), so that
	// a later connection of the same tuple begins beyond an earlier one; F is SipHash of what the tuple
	// is looked up by, so that one tuple's numbers tell nothing about another's.
	uint32_t sequence;
	// What is added to the clock in this connection's timestamps (RFC 7323 5.4, 7.1): the same for the
	// same tuple, so that PAWS and TIME-WAIT reuse (RFC 6191) see them grow; else unrelated.
	uint32_t ts_offset;
};

// `tuple_hash` is the tuple's ft_tuple_hash() with the same key. Two tuples have one hash by chance alone
// (demux/tuple.h), and SipHash's own key keeps it secret. A half for each number: of a keyed hash one half tells nothing
// about the other.
static inline struct ft_isn ft_isn_choose(
	const struct ft_hash_key *key, uint64_t tuple_hash, ft_time now)
{
	uint64_t hash = ft_siphash_word(key, tuple_hash);

	return (struct ft_isn){
		.sequence = (uint32_t)hash + (uint32_t)(now / (4 * FT_MICROSECOND)),
		.ts_offset = (uint32_t)(hash >> 32),
	};
}

// TSval: a clock of 1 millisecond, plus the offset. 24.8 days to half its circle.
static inline uint32_t ft_isn_timestamp(uint32_t offset, ft_time now)
{
	return offset + (uint32_t)(now / FT_MILLISECOND);
}
