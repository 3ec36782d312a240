#include "base/hash.h"

#include <string.h>

#include <rte_byteorder.h>

#include "base/random.h"

void ft_hash_key_init(struct ft_hash_key *key, struct ft_random *random)
{
	for (unsigned i = 0; i < sizeof(key->words) / sizeof(key->words[0]); i++)
		key->words[i] = ft_random_next(random);
}

static inline uint64_t rotate_left(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate_left(v[1], 13) ^ v[0];
	v[3] = rotate_left(v[3], 16) ^ v[2];
	v[0] = rotate_left(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate_left(v[1], 17) ^ v[2];
	v[3] = rotate_left(v[3], 21) ^ v[0];
	v[2] = rotate_left(v[2], 32);
}

static inline void sip_compress(uint64_t v[4], uint64_t message)
{
	v[3] ^= message;
	sip_round(v);
	sip_round(v);
	v[0] ^= message;
}

static uint64_t load_little_endian(const uint8_t *bytes, size_t count)
{
	uint64_t word = 0;

	memcpy(&word, bytes, count);
	return rte_le_to_cpu_64(word);
}

static inline void sip_begin(uint64_t v[4], const struct ft_hash_key *key)
{
	const uint64_t *secret = &key->words[FT_HASH_SIP_WORD];

	v[0] = secret[0] ^ 0x736f6d6570736575;
	v[1] = secret[1] ^ 0x646f72616e646f6d;
	v[2] = secret[0] ^ 0x6c7967656e657261;
	v[3] = secret[1] ^ 0x7465646279746573;
}

// `rest`: the bytes that do not fill a word.
static inline uint64_t sip_end(uint64_t v[4], uint64_t rest, size_t bytes)
{
	sip_compress(v, rest | (uint64_t)bytes << 56);
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t ft_siphash(const struct ft_hash_key *key, const void *data, size_t bytes)
{
	const uint8_t *at = data;
	const uint8_t *last_word = at + bytes - bytes % 8;
	uint64_t v[4];

	sip_begin(v, key);
	for (; at < last_word; at += 8)
		sip_compress(v, load_little_endian(at, 8));
	return sip_end(v, load_little_endian(at, bytes % 8), bytes);
}

uint64_t ft_siphash_word(const struct ft_hash_key *key, uint64_t word)
{
	uint64_t v[4];

	sip_begin(v, key);
	sip_compress(v, word);
	return sip_end(v, 0, sizeof(word));
}
