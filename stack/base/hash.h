// Keyed hashes. A peer chooses what is hashed, so without the key it must not be able to choose
// where it lands.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Each kind of hash has words of its own, so that what is on the wire (SipHash) tells nothing about where
// something lands (NH), and may be made from that.
#define FT_HASH_SIP_WORD 8

struct ft_hash_key {
	uint64_t words[FT_HASH_SIP_WORD + 2];
};

// The keyed finish of NH (demux/tuple.h), which has used the key's first six words.
static inline uint64_t ft_hash_finish(const struct ft_hash_key *key, unsigned __int128 sum)
{
	uint64_t folded = (uint64_t)sum ^ (uint64_t)(sum >> 64) ^ key->words[6];

	sum = (unsigned __int128)folded * (key->words[7] | 1);
	return (uint64_t)sum ^ (uint64_t)(sum >> 64);
}

// NH over two words, finished: ft_tuple_hash() for something short. What it gives never leaves this
// host.
static inline uint64_t ft_hash_pair(const struct ft_hash_key *key, uint64_t a, uint64_t b)
{
	return ft_hash_finish(key, (unsigned __int128)(a + key->words[0]) * (b + key->words[1]));
}

struct ft_random;
void ft_hash_key_init(struct ft_hash_key *key, struct ft_random *random);

// SipHash-2-4 (Aumasson and Bernstein 2012) with the last two words of the key: for what goes out
// on the wire and must tell nothing (RFC 6528 sequence numbers, RFC 6056 ports, IP identification).
uint64_t ft_siphash(const struct ft_hash_key *key, const void *data, size_t bytes);

// The same of a word's eight bytes, the lowest first.
uint64_t ft_siphash_word(const struct ft_hash_key *key, uint64_t word);
