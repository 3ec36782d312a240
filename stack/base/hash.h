// Keyed hashes. A peer chooses what is hashed, so without the key it must not be able to choose
// where it lands.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct ft_hash_key {
	uint64_t words[8];
};

struct ft_random;
void ft_hash_key_init(struct ft_hash_key *key, struct ft_random *random);

// SipHash-2-4 (Aumasson and Bernstein 2012) with the first two words of the key: for what goes out
// on the wire and must tell nothing (RFC 6528 sequence numbers, RFC 6056 ports, IP identification).
uint64_t ft_siphash(const struct ft_hash_key *key, const void *data, size_t bytes);
