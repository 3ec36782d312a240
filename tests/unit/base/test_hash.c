#include "../support.h"

#include "base/hash.h"
#include "base/random.h"

// The key and message of the SipHash paper's appendix A, and the first rows of vectors.h in its
// authors' reference code: message i is the bytes 0, 1, ... i - 1.
static void siphash_gives_published_vectors(void **state)
{
	static const uint64_t expected[] = {
		0x726fdb47dd0e0e31,
		0x74f839c593dc67fd,
		0x0d6c8009d9a94f5a,
		0x85676696d7fb7e2d,
		0xcf2794e0277187b7,
		0x18765564cd99a68d,
		0xcbc9466e58fee3ce,
		0xab0200f58b01d137,
		0x93f5f5799a932462,
		0x9e0082df0ba9e4b0,
		0x7a5dbbc594ddb9f3,
		0xf4b32f46226bada7,
		0x751e8fbc860ee5fb,
		0x14ea5627c0843d90,
		0xf723ca908e7af2ee,
		0xa129ca6149be45e5,
	};
	const struct ft_hash_key key = {
		.words[FT_HASH_SIP_WORD] = 0x0706050403020100,
		.words[FT_HASH_SIP_WORD + 1] = 0x0f0e0d0c0b0a0908,
	};
	uint8_t message[16];

	for (uint8_t i = 0; i < sizeof(message); i++)
		message[i] = i;
	for (size_t bytes = 0; bytes < 16; bytes++)
		assert_true(ft_siphash(&key, message, bytes) == expected[bytes]);
	assert_true(ft_siphash_word(&key, 0x0706050403020100) == expected[8]);
}

static void key_init_fills_all_words_from_the_seed(void **state)
{
	struct ft_random random;
	struct ft_hash_key a, b, other;

	ft_random_init(&random, 1);
	ft_hash_key_init(&a, &random);
	ft_random_init(&random, 1);
	ft_hash_key_init(&b, &random);
	ft_hash_key_init(&other, &random);
	assert_memory_equal(&a, &b, sizeof(a));
	for (unsigned i = 0; i < sizeof(a.words) / sizeof(a.words[0]); i++)
		assert_true(a.words[i] != other.words[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_gives_published_vectors),
		cmocka_unit_test(key_init_fills_all_words_from_the_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
