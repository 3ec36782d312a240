// One cache line of the connection table, and how its tags are compared.
//
//	 0           12         16                                                  64
//	 | tags 0..11 | overflow | index 0 | index 1 | ...                | index 11 |
//
// A tag is 8 bits of the tuple's hash, 0 for an empty slot. Of the tuples that are not the one
// asked for, one tag in 255 agrees by chance.
#pragma once
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define FT_CONN_BUCKET_SLOTS 12
#define FT_CONN_BUCKET_EMPTY 0 // the tag of an empty slot

struct ft_conn_bucket {
	uint8_t tags[FT_CONN_BUCKET_SLOTS];
	uint32_t overflow; // entries that wanted to be here, or came past, and found it full
	uint32_t indices[FT_CONN_BUCKET_SLOTS];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct ft_conn_bucket) == 64, "a bucket is one cache line");

// The tag comes from the top of the hash; which bucket it is, from the bottom (conn_table.c).
static inline uint8_t ft_conn_bucket_tag(uint64_t hash)
{
	return (uint8_t)(1 + ((hash >> 56) * 255 >> 8));
}

#define FT_CONN_BUCKET_ALL_SLOTS ((1u << FT_CONN_BUCKET_SLOTS) - 1)

// A bit for each of the 8 bytes of `word` that equals `tag`.
static inline uint32_t ft_conn_bucket_match_word(uint64_t word, uint8_t tag)
{
	const uint64_t low_bits = UINT64_C(0x7f7f7f7f7f7f7f7f);
	uint64_t different = word ^ tag * UINT64_C(0x0101010101010101);
	// The top bit of each byte that is zero; no carry leaves its byte.
	uint64_t equal = ~(((different & low_bits) + low_bits) | different | low_bits);

	// The product brings the bit of byte i to bit 56 + i.
	return (uint32_t)((equal >> 7) * UINT64_C(0x0102040810204080) >> 56);
}

// A bit for each slot whose tag is `tag`, on any machine. Reads 16 bytes; the last four are not
// tags.
static inline uint32_t ft_conn_bucket_match_portable(
	const struct ft_conn_bucket *bucket, uint8_t tag)
{
	uint64_t words[2];

	memcpy(words, bucket, sizeof(words));
	return (ft_conn_bucket_match_word(rte_le_to_cpu_64(words[0]), tag) |
		       ft_conn_bucket_match_word(rte_le_to_cpu_64(words[1]), tag) << 8) &
	       FT_CONN_BUCKET_ALL_SLOTS;
}

#ifdef __SSE2__
static inline uint32_t ft_conn_bucket_match(const struct ft_conn_bucket *bucket, uint8_t tag)
{
	__m128i tags = _mm_load_si128((const __m128i *)bucket);
	__m128i equal = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag));

	return (uint32_t)_mm_movemask_epi8(equal) & FT_CONN_BUCKET_ALL_SLOTS;
}
#else
#define ft_conn_bucket_match ft_conn_bucket_match_portable
#endif
