#include "tcp/isn.h"

// A half of the hash for each number: of a keyed hash one half tells nothing about the other.
struct ft_isn ft_isn_choose(
	const struct ft_hash_key *key, const struct ft_tuple *tuple, ft_time now)
{
	uint64_t hash = ft_siphash(key, tuple, sizeof(*tuple));

	return (struct ft_isn){
		.sequence = (uint32_t)hash + (uint32_t)(now / (4 * FT_MICROSECOND)),
		.ts_offset = (uint32_t)(hash >> 32),
	};
}
