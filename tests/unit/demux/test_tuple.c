#include "../support.h"

#include <string.h>

#include "demux/tuple.h"

static struct ft_tuple tuple_of(const char *local, const char *remote)
{
	struct ft_tuple tuple = { .local_port = 65535, .remote_port = 7, .protocol = 6 };

	assert_true(ft_addr_parse(local, &tuple.local));
	assert_true(ft_addr_parse(remote, &tuple.remote));
	return tuple;
}

static void text_is_local_then_remote(void **state)
{
	struct ft_tuple tuple = tuple_of("10.9.0.2", "10.9.0.1");
	char text[FT_TUPLE_TEXT_BYTES];

	assert_string_equal(ft_tuple_text(&tuple, text), "10.9.0.2:65535 10.9.0.1:7");
}

static void longest_text_fits(void **state)
{
	const char *longest = "aaaa:bbbb:cccc:dddd:eeee:ffff:1111:2222";
	struct ft_tuple tuple = tuple_of(longest, longest);
	char text[FT_TUPLE_TEXT_BYTES];

	tuple.remote_port = 65535;
	assert_string_equal(ft_tuple_text(&tuple, text),
		"[aaaa:bbbb:cccc:dddd:eeee:ffff:1111:2222]:65535 "
		"[aaaa:bbbb:cccc:dddd:eeee:ffff:1111:2222]:65535");
}

static void equal_only_when_all_bytes_are(void **state)
{
	struct ft_tuple tuple = tuple_of("10.9.0.2", "10.9.0.1");

	for (size_t byte = 0; byte < sizeof(tuple); byte++) {
		struct ft_tuple other = tuple;

		assert_true(ft_tuple_is_equal(&tuple, &other));
		((uint8_t *)&other)[byte] ^= 0x80;
		assert_false(ft_tuple_is_equal(&tuple, &other));
	}
}

// Without the key a peer must not be able to find tuples that collide: what collides under one key
// is scattered under another.
static void hash_collisions_do_not_survive_another_key(void **state)
{
	struct ft_hash_key key, other;
	unsigned common = 0;

	for (unsigned i = 0; i < 8; i++) {
		key.words[i] = 0x9e3779b97f4a7c15 * (i + 1);
		other.words[i] = 0xd1b54a32d192ed03 * (i + 1);
	}
	for (uint32_t i = 0; i < 200000; i++) {
		struct ft_tuple tuple = tuple_of("10.9.0.2", "10.9.0.1");

		tuple.remote.words[3] += i;
		if (ft_tuple_hash(&key, &tuple) % 256 == 0)
			common += ft_tuple_hash(&other, &tuple) % 256 == 0;
	}
	assert_in_range(common, 0, 20); // by chance: three
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_local_then_remote),
		cmocka_unit_test(longest_text_fits),
		cmocka_unit_test(equal_only_when_all_bytes_are),
		cmocka_unit_test(hash_collisions_do_not_survive_another_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
