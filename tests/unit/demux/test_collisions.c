// An attacker who knows the code, and one key, chooses tuples that collide under it, and then meets a
// table with another key, which is secret. What a lookup costs is counted, not timed: the buckets it
// reads, and the connections whose tuple it compares.
#include "../support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "demux/conn_table.h"

#define TUPLES (1u << 20)

struct work {
	uint64_t buckets;
	uint64_t candidates;
	uint64_t worst; // of one lookup, both together
};

struct setting {
	struct ft_pool pool; // of tuples
	struct ft_hash_key key;
	struct ft_conn_table table;
};

static struct ft_hash_key make_key(uint64_t seed)
{
	struct ft_hash_key key;
	struct ft_random random;

	ft_random_init(&random, seed);
	ft_hash_key_init(&key, &random);
	return key;
}

// ---- the tuples ----

typedef struct ft_tuple tuple_maker(const struct ft_hash_key *known, uint32_t number);

static struct ft_tuple make_tuple(uint64_t remote_high, uint64_t remote_low, uint16_t remote_port)
{
	struct ft_tuple tuple = {
		.local = ft_addr_from_ip4(RTE_BE32(0x0a090002)),
		.local_port = 443,
		.remote_port = remote_port,
		.protocol = 6,
	};

	memcpy((char *)&tuple.remote, &remote_high, 8);
	memcpy((char *)&tuple.remote + 8, &remote_low, 8);
	return tuple;
}

static struct ft_tuple make_tuple_ip4(uint32_t remote, uint16_t remote_port)
{
	struct ft_tuple tuple = make_tuple(0, 0, remote_port);

	tuple.remote = ft_addr_from_ip4(rte_cpu_to_be_32(remote));
	return tuple;
}

// Different for different numbers, and otherwise without order (the finish of SplitMix64).
static uint64_t scramble(uint64_t number)
{
	number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
	return number ^ number >> 31;
}

static struct ft_tuple random_tuple(const struct ft_hash_key *known, uint32_t number)
{
	return make_tuple(scramble(2 * number), scramble(2 * number + 1), (uint16_t)number);
}

// By algebra: of (word 2 + secret 2) * (word 3 + secret 3) the first factor is made 0, so that the
// hash is the same whatever word 3 is.
static struct ft_tuple equal_hash_tuple(const struct ft_hash_key *known, uint32_t number)
{
	return make_tuple(-known->words[2], number, 40000);
}

// The same with the other factor, and a step that leaves the low bits of the address alone.
static struct ft_tuple other_factor_tuple(const struct ft_hash_key *known, uint32_t number)
{
	return make_tuple((uint64_t)number << 40, -known->words[3], 40000);
}

// By search, among a client network's addresses and ports: all in one bucket of 64. Numbers are asked
// for in order, so the search goes on where it was.
static struct ft_tuple searched_tuple(const struct ft_hash_key *known, uint32_t number)
{
	static uint64_t at;
	struct ft_tuple tuple;

	if (number == 0)
		at = 0;
	do {
		tuple = make_tuple_ip4(
			0x0a000000 + (uint32_t)(at >> 15), (uint16_t)(32768 + at % 32768));
		at++;
	} while (ft_tuple_hash(known, &tuple) % 64 != 0);
	return tuple;
}

// ---- the table, and what a lookup costs there ----

static void fill(struct setting *setting, tuple_maker *make, const struct ft_hash_key *known)
{
	assert_int_equal(ft_pool_init(&setting->pool, TUPLES, sizeof(struct ft_tuple), 64), 0);
	assert_int_equal(ft_conn_table_init(&setting->table, &setting->pool, &setting->key), 0);
	for (uint32_t number = 0; number < TUPLES; number++) {
		struct ft_tuple *tuple = ft_pool_take(&setting->pool);

		*tuple = make(known, number);
		assert_int_equal(ft_conn_table_insert(&setting->table,
					 ft_tuple_hash(&setting->key, tuple), number),
			0);
	}
}

static void empty(struct setting *setting)
{
	ft_conn_table_free(&setting->table);
	ft_pool_free(&setting->pool);
}

static struct work count_lookup(const struct setting *setting, uint32_t number)
{
	const struct ft_tuple *tuple = ft_pool_at(&setting->pool, number);
	struct ft_conn_explanation found;

	ft_conn_table_explain(&setting->table, tuple, ft_tuple_hash(&setting->key, tuple), &found);
	assert_int_equal(found.index, number);
	return (struct work){ .buckets = found.asked, .candidates = found.compared };
}

static struct work count_work(const struct setting *setting)
{
	struct work sum = { 0 };

	for (uint32_t number = 0; number < TUPLES; number++) {
		struct work one = count_lookup(setting, number);

		sum.buckets += one.buckets;
		sum.candidates += one.candidates;
		sum.worst = RTE_MAX(sum.worst, one.buckets + one.candidates);
	}
	return sum;
}

static struct work work_of(tuple_maker *make, const struct ft_hash_key *known, uint64_t secret_seed)
{
	struct setting setting = { .key = make_key(secret_seed) };
	struct work work;

	fill(&setting, make, known);
	work = count_work(&setting);
	empty(&setting);
	return work;
}

// ---- the attacks ----

// That of random tuples, counted once for each key.
static struct work usual_work(uint64_t secret)
{
	static struct work usual[4];

	if (usual[secret].buckets == 0)
		usual[secret] = work_of(random_tuple, NULL, secret);
	return usual[secret];
}

static void attack(const char *name, tuple_maker *make)
{
	const struct ft_hash_key known = make_key(1000);

	for (uint64_t secret = 1; secret <= 3; secret++) {
		struct work usual = usual_work(secret);
		struct work chosen = work_of(make, &known, secret);

		print_message("# %s, secret %u: %.4f buckets, %.4f candidates, worst %u; random "
			      "tuples: %.4f, %.4f, %u\n",
			name, (unsigned)secret, (double)chosen.buckets / TUPLES,
			(double)chosen.candidates / TUPLES, (unsigned)chosen.worst,
			(double)usual.buckets / TUPLES, (double)usual.candidates / TUPLES,
			(unsigned)usual.worst);
		assert_true((chosen.buckets + chosen.candidates) * 5 <=
			    (usual.buckets + usual.candidates) * 6);
		assert_true(chosen.worst <= 2 * usual.worst);
	}
}

static void tuples_of_equal_hash_gain_nothing_against_a_secret_key(void **state)
{
	attack("equal hash", equal_hash_tuple);
}

static void tuples_by_the_other_factor_gain_nothing_against_a_secret_key(void **state)
{
	attack("other factor", other_factor_tuple);
}

static void tuples_by_search_gain_nothing_against_a_secret_key(void **state)
{
	attack("search", searched_tuple);
}

// Else the tests above would prove nothing.
static void chosen_tuples_do_collide_under_the_known_key(void **state)
{
	const struct ft_hash_key known = make_key(1000);
	struct ft_tuple first = equal_hash_tuple(&known, 0);
	struct ft_tuple other_first = other_factor_tuple(&known, 0);

	for (uint32_t number = 0; number < 1000; number++) {
		struct ft_tuple tuple = equal_hash_tuple(&known, number);
		struct ft_tuple other = other_factor_tuple(&known, number);
		struct ft_tuple searched = searched_tuple(&known, number);

		assert_int_equal(ft_tuple_hash(&known, &tuple), ft_tuple_hash(&known, &first));
		assert_int_equal(
			ft_tuple_hash(&known, &other), ft_tuple_hash(&known, &other_first));
		assert_int_equal(ft_tuple_hash(&known, &searched) % 64, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chosen_tuples_do_collide_under_the_known_key),
		cmocka_unit_test(tuples_of_equal_hash_gain_nothing_against_a_secret_key),
		cmocka_unit_test(tuples_by_the_other_factor_gain_nothing_against_a_secret_key),
		cmocka_unit_test(tuples_by_search_gain_nothing_against_a_secret_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
