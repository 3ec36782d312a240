#include "tcp/isn.h"

// Two tuples have one hash by chance alone (demux/tuple.h), and SipHash's own key keeps it secret. A half for
// each number: of a keyed hash one half tells nothing about the other.
struct ft_isn ft_isn_choose(const struct ft_hash_key *key, uint64_t tuple_hash, ft_time now)
{
	uint64_t hash = ft_siphash_word(key, tuple_hash);

	return (struct ft_isn){
		.sequence = (uint32_t)hash + (uint32_t)(now / (4 * FT_MICROSECOND)),
		.ts_offset = (uint32_t)(hash >> 32),
	};
}
