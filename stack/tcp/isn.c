#include "tcp/isn.h"

// What is hashed. The purpose keeps one number from telling the other; all 48 bytes are set.
struct isn_input {
	struct ft_tuple tuple;
	uint64_t purpose;
};

enum isn_purpose { PURPOSE_SEQUENCE = 1, PURPOSE_TIMESTAMP = 2 };

static uint32_t hash(
	const struct ft_hash_key *key, const struct ft_tuple *tuple, enum isn_purpose purpose)
{
	const struct isn_input input = { .tuple = *tuple, .purpose = purpose };

	return (uint32_t)ft_siphash(key, &input, sizeof(input));
}

uint32_t ft_isn_choose(const struct ft_hash_key *key, const struct ft_tuple *tuple, ft_time now)
{
	return hash(key, tuple, PURPOSE_SEQUENCE) + (uint32_t)(now / (4 * FT_MICROSECOND));
}

uint32_t ft_isn_timestamp_offset(const struct ft_hash_key *key, const struct ft_tuple *tuple)
{
	return hash(key, tuple, PURPOSE_TIMESTAMP);
}
