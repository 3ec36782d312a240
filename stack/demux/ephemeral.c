#include "demux/ephemeral.h"

#include <errno.h>

#include <rte_common.h>

#include "base/pages.h"

struct record {
	struct ft_tuple key; // local_port 0; for a local address the remote half is zero, too
	uint32_t next;	     // record of the same bucket
	struct ft_port_set ports;
};

static const struct ft_port_set no_ports;

static size_t bucket_bytes(const struct ft_ephemeral *ephemeral)
{
	return ephemeral->bucket_count * sizeof(ephemeral->buckets[0]);
}

static int init_buckets(struct ft_ephemeral *ephemeral, uint32_t most_records)
{
	ephemeral->bucket_count = rte_align32pow2(RTE_MAX(most_records, 64u));
	ephemeral->buckets = ft_pages_map(bucket_bytes(ephemeral));
	return ephemeral->buckets == NULL ? -ENOMEM : 0;
}

int ft_ephemeral_init(struct ft_ephemeral *ephemeral, uint16_t first, uint16_t last,
	uint32_t most_records, struct ft_random *random, const struct ft_hash_key *key)
{
	// Each port noted needs a chunk at most; `used` and `bound` have all of theirs at most.
	uint32_t most_chunks = most_records + 2 * FT_PORT_SET_CHUNKS;
	int error;

	*ephemeral = (struct ft_ephemeral){
		.first = first,
		.last = last,
		.random = random,
		.key = key,
	};
	for (unsigned i = 0; i < FT_EPHEMERAL_COUNTERS; i++)
		ephemeral->counters[i] = (uint16_t)ft_random_next(random);
	error = ft_port_set_init_pool(&ephemeral->chunks, most_chunks);
	if (error == 0)
		error = ft_pool_init(&ephemeral->records, most_records, sizeof(struct record), 8);
	if (error == 0)
		error = init_buckets(ephemeral, most_records);
	if (error != 0)
		ft_ephemeral_free(ephemeral);
	return error;
}

void ft_ephemeral_free(struct ft_ephemeral *ephemeral)
{
	ft_pages_unmap(ephemeral->buckets, bucket_bytes(ephemeral));
	ft_pool_free(&ephemeral->records);
	ft_pool_free(&ephemeral->chunks);
	*ephemeral = (struct ft_ephemeral){ 0 };
}

// ---- records ----

static struct ft_tuple key_of_tuple(const struct ft_tuple *tuple)
{
	struct ft_tuple key = *tuple;

	key.local_port = 0;
	return key;
}

static struct ft_tuple key_of_local(const struct ft_addr *local)
{
	struct ft_tuple key = { .local = *local };

	// 0.0.0.0 and :: are one here: to choose too carefully does no harm.
	if (ft_addr_is_any(local))
		key.local = (struct ft_addr){ 0 };
	return key;
}

// A bucket holds the index of its first record plus one, so that memory fresh from the kernel is a
// table of empty buckets; so do the records' links.
static uint32_t *bucket_for(const struct ft_ephemeral *ephemeral, const struct ft_tuple *key)
{
	uint64_t hash = ft_tuple_hash(ephemeral->key, key);

	return &ephemeral->buckets[hash & (ephemeral->bucket_count - 1)];
}

// Where the link to the record stands: it points to 0 when there is none.
static uint32_t *find_link(const struct ft_ephemeral *ephemeral, const struct ft_tuple *key)
{
	uint32_t *link = bucket_for(ephemeral, key);

	while (*link != 0) {
		struct record *record = ft_pool_at(&ephemeral->records, *link - 1);

		if (ft_tuple_is_equal(&record->key, key))
			break;
		link = &record->next;
	}
	return link;
}

static const struct ft_port_set *ports_of(
	const struct ft_ephemeral *ephemeral, const struct ft_tuple *key)
{
	uint32_t link = *find_link(ephemeral, key);
	const struct record *record;

	if (link == 0)
		return &no_ports;
	record = ft_pool_at(&ephemeral->records, link - 1);
	return &record->ports;
}

static void give_if_empty(struct ft_ephemeral *ephemeral, uint32_t *link)
{
	struct record *record = ft_pool_at(&ephemeral->records, *link - 1);

	if (record->ports.count > 0)
		return;
	*link = record->next;
	ft_pool_give(&ephemeral->records, record);
}

static bool add_record(struct ft_ephemeral *ephemeral, const struct ft_tuple *key, uint32_t *link)
{
	struct record *record = ft_pool_take(&ephemeral->records);

	if (record == NULL)
		return false;
	*record = (struct record){ .key = *key };
	*link = ft_pool_index(&ephemeral->records, record) + 1;
	return true;
}

static void note(struct ft_ephemeral *ephemeral, const struct ft_tuple *key, uint16_t port)
{
	struct record *record;
	uint32_t *link;

	if (!ft_ephemeral_is_in_range(ephemeral, port))
		return;
	link = find_link(ephemeral, key);
	if (*link == 0 && !add_record(ephemeral, key, link))
		return;
	record = ft_pool_at(&ephemeral->records, *link - 1);
	ft_port_set_add(&ephemeral->chunks, &record->ports, port);
	give_if_empty(ephemeral, link);
}

static void forget(struct ft_ephemeral *ephemeral, const struct ft_tuple *key, uint16_t port)
{
	struct record *record;
	uint32_t *link;

	if (!ft_ephemeral_is_in_range(ephemeral, port))
		return;
	link = find_link(ephemeral, key);
	if (*link == 0)
		return;
	record = ft_pool_at(&ephemeral->records, *link - 1);
	ft_port_set_remove(&ephemeral->chunks, &record->ports, port);
	give_if_empty(ephemeral, link);
}

void ft_ephemeral_note_tuple(struct ft_ephemeral *ephemeral, const struct ft_tuple *tuple)
{
	struct ft_tuple key = key_of_tuple(tuple);

	note(ephemeral, &key, tuple->local_port);
}

void ft_ephemeral_forget_tuple(struct ft_ephemeral *ephemeral, const struct ft_tuple *tuple)
{
	struct ft_tuple key = key_of_tuple(tuple);

	forget(ephemeral, &key, tuple->local_port);
}

void ft_ephemeral_note_local(
	struct ft_ephemeral *ephemeral, const struct ft_addr *local, uint16_t port)
{
	struct ft_tuple key = key_of_local(local);

	note(ephemeral, &key, port);
}

void ft_ephemeral_forget_local(
	struct ft_ephemeral *ephemeral, const struct ft_addr *local, uint16_t port)
{
	struct ft_tuple key = key_of_local(local);

	forget(ephemeral, &key, port);
}

// ---- choosing ----

static struct ft_ephemeral_choice choice_from(const struct ft_ephemeral *ephemeral, uint32_t number,
	const struct ft_port_set *taken, const struct ft_port_set *also_taken)
{
	uint32_t count = ephemeral->last - ephemeral->first + 1u;
	uint32_t start = ephemeral->first + number % count;

	return (struct ft_ephemeral_choice){
		.taken = taken,
		.also_taken = also_taken,
		.next = start,
		.start = start,
	};
}

// RFC 6056's algorithm 4, "double-hash": each destination has its own place to start, which only
// the key tells, and goes through the ports in order from there, so that a port comes back as late
// as possible. The counters are shared by the destinations whose hash agrees; they advance by
// chance, so that whoever watches one of them does not learn how many connections went to another.
struct ft_ephemeral_choice ft_ephemeral_for_tuple(
	struct ft_ephemeral *ephemeral, const struct ft_tuple *tuple)
{
	struct ft_tuple key = key_of_tuple(tuple);
	uint64_t hash = ft_siphash(ephemeral->key, &key, sizeof(key));
	uint16_t *counter = &ephemeral->counters[hash % FT_EPHEMERAL_COUNTERS];

	*counter += (uint16_t)(1 + ft_random_below(ephemeral->random, 8));
	return choice_from(ephemeral, (uint32_t)(hash >> 40) + *counter, ports_of(ephemeral, &key),
		&ephemeral->bound);
}

struct ft_ephemeral_choice ft_ephemeral_for_local(
	struct ft_ephemeral *ephemeral, const struct ft_addr *local)
{
	const struct ft_addr any = { 0 };
	struct ft_tuple key = key_of_local(local);
	struct ft_tuple any_key = key_of_local(&any);
	uint32_t number = (uint32_t)ft_random_next(ephemeral->random);

	if (ft_addr_is_any(local))
		return choice_from(ephemeral, number, &ephemeral->used, &no_ports);
	return choice_from(
		ephemeral, number, ports_of(ephemeral, &key), ports_of(ephemeral, &any_key));
}

// From `start` to the last port of the range, then from the first one to before `start`.
uint16_t ft_ephemeral_next(const struct ft_ephemeral *ephemeral, struct ft_ephemeral_choice *choice)
{
	uint32_t to = choice->has_wrapped ? choice->start - 1u : ephemeral->last;
	int32_t port = ft_port_set_find_outside(
		&ephemeral->chunks, choice->taken, choice->also_taken, choice->next, to);

	if (port < 0 && !choice->has_wrapped) {
		choice->has_wrapped = true;
		choice->next = ephemeral->first;
		return ft_ephemeral_next(ephemeral, choice);
	}
	if (port < 0)
		return 0;
	choice->next = (uint32_t)port + 1;
	return (uint16_t)port;
}
