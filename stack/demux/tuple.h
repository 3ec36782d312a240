// The four-tuple that names a conversation, with the protocol: what the demultiplexer looks up.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "ip/addr.h"

// Seen from this host: `local` is the destination of a packet received. Ports in host byte order.
// The unused bytes are zero, so that two tuples are equal when their 40 bytes are.
struct ft_tuple {
	struct ft_addr local;
	struct ft_addr remote;
	uint16_t local_port;
	uint16_t remote_port;
	uint8_t protocol; // IPPROTO_TCP or IPPROTO_UDP
	uint8_t zero[3];
} __attribute__((aligned(8)));

_Static_assert(sizeof(struct ft_tuple) == 40, "compared and hashed as five 64-bit words");

static inline bool ft_tuple_is_equal(const struct ft_tuple *a, const struct ft_tuple *b)
{
	const uint64_t *x = (const uint64_t *)a;
	const uint64_t *y = (const uint64_t *)b;

	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4])) == 0;
}

// Of one that is an IPv4 conversation with `local`: the words in which such tuples differ.
static inline bool ft_tuple_ends_in(
	const struct ft_tuple *tuple, const struct ft_addr *local, uint64_t remote, uint64_t ports)
{
	const uint64_t *word = (const uint64_t *)tuple;

	return ((word[0] ^ local->halves[0]) | (word[1] ^ local->halves[1]) | word[2] |
		       (word[3] ^ remote) | (word[4] ^ ports)) == 0;
}

// That one itself.
static inline struct ft_tuple ft_tuple_that_ends_in(
	const struct ft_addr *local, uint64_t remote, uint64_t ports)
{
	const uint64_t words[] = { local->halves[0], local->halves[1], 0, remote, ports };
	struct ft_tuple tuple;

	_Static_assert(sizeof(tuple) == sizeof(words), "five words");
	memcpy(&tuple, words, sizeof(tuple));
	return tuple;
}

// NH over the five words (Black et al., CRYPTO 1999; RFC 4418 5.2.2, here with 64-bit words), then
// a keyed finish. For any two tuples a peer may choose, the chance over the secret key that they
// agree in the bits used is about that of random values; unlike a CRC it is not linear, so one
// collision found does not give the next.
//
// First the part of the local address, which many have in common, then the rest.
static inline unsigned __int128 ft_tuple_hash_begin(
	const struct ft_hash_key *key, const struct ft_addr *local)
{
	return (unsigned __int128)(local->halves[0] + key->words[0]) *
	       (local->halves[1] + key->words[1]);
}

static inline uint64_t ft_tuple_hash_end(const struct ft_hash_key *key, unsigned __int128 begin,
	uint64_t remote_front, uint64_t remote_back, uint64_t ports)
{
	const uint64_t *secret = key->words;
	unsigned __int128 sum = begin;

	sum += (unsigned __int128)(remote_front + secret[2]) * (remote_back + secret[3]);
	sum += (unsigned __int128)(ports + secret[4]) * secret[5];
	return ft_hash_finish(key, sum);
}

static inline uint64_t ft_tuple_hash(const struct ft_hash_key *key, const struct ft_tuple *tuple)
{
	const uint64_t *word = (const uint64_t *)tuple;

	return ft_tuple_hash_end(
		key, ft_tuple_hash_begin(key, &tuple->local), word[2], word[3], word[4]);
}

// "10.9.0.2:7" into `text` of at least FT_ENDPOINT_TEXT_BYTES; returns it.
#define FT_ENDPOINT_TEXT_BYTES 54
const char *ft_endpoint_text(const struct ft_addr *addr, uint16_t port, char *text);

// "10.9.0.2:7 10.9.0.1:40000" into `text` of at least FT_TUPLE_TEXT_BYTES; returns it.
#define FT_TUPLE_TEXT_BYTES 112
const char *ft_tuple_text(const struct ft_tuple *tuple, char *text);
