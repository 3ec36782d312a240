#include "demux/port_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include <rte_branch_prediction.h>

#include "base/pages.h"
#include "demux/ephemeral.h"

#define FIRST_PLACES_BYTES (FT_PORT_COUNT * sizeof(uint32_t))

// One local address at one port: it exists while something is bound there or uses it.
struct ft_port_place {
	struct ft_addr address;
	uint16_t port;
	uint32_t next;		   // place of the same port, FT_POOL_NONE at the end
	struct ft_list bindings;   // those that receive first, the latest at the head
	struct ft_binding **group; // those that receive and have SO_REUSEPORT
	uint32_t group_count;
	uint32_t group_seats; // all that have SO_REUSEPORT, whether they receive now or not
	uint32_t group_room;
	uint32_t uses[FT_PORT_REUSE_COMBINATIONS];
};

int ft_port_table_init(struct ft_port_table *table, uint8_t protocol, uint16_t first_ephemeral,
	uint16_t last_ephemeral, uint32_t most_uses, struct ft_random *random,
	const struct ft_hash_key *key)
{
	// A binding needs a place, too: so many at least can have a port of their own.
	uint32_t most_places = most_uses + FT_PORT_COUNT;
	int error;

	*table = (struct ft_port_table){ .protocol = protocol, .changes = 1 };
	table->first_places = ft_pages_map(FIRST_PLACES_BYTES);
	table->ephemeral = calloc(1, sizeof(*table->ephemeral));
	error = table->first_places == NULL || table->ephemeral == NULL ? -ENOMEM : 0;
	if (error == 0)
		error = ft_pool_init(&table->places, most_places, sizeof(struct ft_port_place), 8);
	// A connection is noted for its destination and, when it is the first, for its local
	// address.
	if (error == 0)
		error = ft_ephemeral_init(table->ephemeral, first_ephemeral, last_ephemeral,
			most_uses + most_places, random, key);
	if (error == 0)
		memset(table->first_places, 0xff, FIRST_PLACES_BYTES);
	else
		ft_port_table_free(table);
	return error;
}

// ---- places ----

static struct ft_port_place *place_at(const struct ft_port_table *table, uint32_t index)
{
	return index == FT_POOL_NONE ? NULL : ft_pool_at(&table->places, index);
}

static struct ft_port_place *first_place(const struct ft_port_table *table, uint16_t port)
{
	return place_at(table, table->first_places[port]);
}

static struct ft_port_place *next_place(
	const struct ft_port_table *table, const struct ft_port_place *place)
{
	return place_at(table, place->next);
}

static struct ft_port_place *find_place(
	const struct ft_port_table *table, const struct ft_addr *address, uint16_t port)
{
	struct ft_port_place *place = first_place(table, port);

	while (place != NULL && !ft_addr_is_equal(&place->address, address))
		place = next_place(table, place);
	return place;
}

static struct ft_port_place *add_place(
	struct ft_port_table *table, const struct ft_addr *address, uint16_t port)
{
	struct ft_ephemeral *ephemeral = table->ephemeral;
	struct ft_port_place *place = ft_pool_take(&table->places);

	if (place == NULL)
		return NULL;
	*place = (struct ft_port_place){
		.address = *address,
		.port = port,
		.next = table->first_places[port],
	};
	ft_list_init(&place->bindings);
	table->first_places[port] = ft_pool_index(&table->places, place);
	table->changes++;
	ft_port_set_add(&ephemeral->chunks, &ephemeral->used, port);
	ft_ephemeral_note_local(ephemeral, address, port);
	return place;
}

static struct ft_port_place *find_or_add_place(
	struct ft_port_table *table, const struct ft_addr *address, uint16_t port)
{
	struct ft_port_place *place = find_place(table, address, port);

	return place != NULL ? place : add_place(table, address, port);
}

static bool is_place_used(const struct ft_port_place *place)
{
	uint32_t uses = 0;

	for (unsigned reuse = 0; reuse < FT_PORT_REUSE_COMBINATIONS; reuse++)
		uses |= place->uses[reuse];
	return uses != 0 || !ft_list_is_empty(&place->bindings);
}

static void remove_place(struct ft_port_table *table, struct ft_port_place *place)
{
	struct ft_ephemeral *ephemeral = table->ephemeral;
	uint32_t index = ft_pool_index(&table->places, place);
	uint32_t *link = &table->first_places[place->port];

	while (*link != index)
		link = &place_at(table, *link)->next;
	*link = place->next;
	table->changes++;
	if (table->first_places[place->port] == FT_POOL_NONE)
		ft_port_set_remove(&ephemeral->chunks, &ephemeral->used, place->port);
	ft_ephemeral_forget_local(ephemeral, &place->address, place->port);
	free(place->group);
	place->group = NULL; // ft_port_table_free() visits the places given back, too
	ft_pool_give(&table->places, place);
}

static void remove_place_if_unused(struct ft_port_table *table, struct ft_port_place *place)
{
	if (!is_place_used(place))
		remove_place(table, place);
}

static bool is_bound(const struct ft_port_table *table, uint16_t port)
{
	const struct ft_port_place *place = first_place(table, port);

	while (place != NULL && ft_list_is_empty(&place->bindings))
		place = next_place(table, place);
	return place != NULL;
}

void ft_port_table_free(struct ft_port_table *table)
{
	for (uint32_t i = 0; i < table->places.fresh; i++)
		free(place_at(table, i)->group);
	if (table->ephemeral != NULL)
		ft_ephemeral_free(table->ephemeral);
	free(table->ephemeral);
	ft_pool_free(&table->places);
	ft_pages_unmap(table->first_places, FIRST_PLACES_BYTES);
	*table = (struct ft_port_table){ 0 };
}

// ---- conflicts ----

// Packets to `address` reach what is bound to `bound`: 0.0.0.0 takes all of IPv4, :: takes all.
static inline bool covers(const struct ft_addr *bound, const struct ft_addr *address)
{
	if (ft_addr_is_equal(bound, address))
		return true;
	return ft_addr_is_any(bound) && (!ft_addr_is_ip4(bound) || ft_addr_is_ip4(address));
}

static bool overlaps(const struct ft_addr *a, const struct ft_addr *b)
{
	return covers(a, b) || covers(b, a);
}

// Linux's inet_csk_bind_conflict() for TCP, inet_rcv_saddr_conflict() under udp_lib_lport_inuse()
// for UDP, for sockets of one user.
static bool may_share(const struct ft_port_table *table, const struct ft_binding *binding,
	const struct ft_binding *other)
{
	if (binding->reuse_port && other->reuse_port)
		return true;
	if (!binding->reuse_address || !other->reuse_address)
		return false;
	return table->protocol == IPPROTO_UDP || !other->is_listening;
}

static bool conflicts_at(const struct ft_port_table *table, const struct ft_port_place *place,
	const struct ft_binding *binding)
{
	for (uint8_t reuse = 0; reuse < FT_PORT_REUSE_COMBINATIONS; reuse++) {
		if (place->uses[reuse] > 0 && (reuse & ft_port_reuse_of(binding)) == 0)
			return true;
	}
	ft_list_for_each (node, &place->bindings) {
		const struct ft_binding *other = ft_container_of(node, struct ft_binding, node);

		if (other != binding && !may_share(table, binding, other))
			return true;
	}
	return false;
}

static bool has_conflict(
	const struct ft_port_table *table, const struct ft_binding *binding, uint16_t port)
{
	for (const struct ft_port_place *place = first_place(table, port); place != NULL;
		place = next_place(table, place)) {
		if (overlaps(&place->address, &binding->address) &&
			conflicts_at(table, place, binding))
			return true;
	}
	return false;
}

const struct ft_binding *ft_port_holder(
	const struct ft_port_table *table, const struct ft_binding *binding, uint16_t port)
{
	for (const struct ft_port_place *place = first_place(table, port); place != NULL;
		place = next_place(table, place)) {
		if (!overlaps(&place->address, &binding->address))
			continue;
		ft_list_for_each (node, &place->bindings) {
			const struct ft_binding *other =
				ft_container_of(node, struct ft_binding, node);

			if (other != binding && !may_share(table, binding, other))
				return other;
		}
	}
	return NULL;
}

// ---- who receives ----

static bool is_receiver(const struct ft_port_table *table, const struct ft_binding *binding)
{
	return table->protocol == IPPROTO_TCP ? binding->is_listening : !binding->is_connected;
}

// Room in the group for one more binding with SO_REUSEPORT, when it is bound: so it can join whenever it
// begins to receive.
static bool add_seat(struct ft_port_place *place)
{
	if (place->group_seats == place->group_room) {
		uint32_t room = place->group_room == 0 ? 4 : 2 * place->group_room;
		struct ft_binding **group = realloc(place->group, room * sizeof(*group));

		if (group == NULL)
			return false;
		place->group = group;
		place->group_room = room;
	}
	place->group_seats++;
	return true;
}

static void join_group(struct ft_port_place *place, struct ft_binding *binding)
{
	assert(place->group_count < place->group_seats);
	place->group[place->group_count++] = binding;
}

static void leave_group(struct ft_port_place *place, const struct ft_binding *binding)
{
	for (uint32_t i = 0; i < place->group_count; i++) {
		if (place->group[i] == binding)
			place->group[i] = place->group[--place->group_count];
	}
}

// To the head of the list when it receives, else to its end.
static void enter(
	struct ft_port_table *table, struct ft_port_place *place, struct ft_binding *binding)
{
	bool receives = is_receiver(table, binding);

	table->changes++;
	if (receives && binding->reuse_port)
		join_group(place, binding);
	ft_list_insert_before(receives ? place->bindings.next : &place->bindings, &binding->node);
}

static void leave(
	struct ft_port_table *table, struct ft_port_place *place, struct ft_binding *binding)
{
	table->changes++;
	leave_group(place, binding);
	ft_list_remove(&binding->node);
}

static struct ft_port_place *place_of(
	const struct ft_port_table *table, const struct ft_binding *binding)
{
	struct ft_port_place *place = find_place(table, &binding->address, binding->port);

	assert(place != NULL);
	return place;
}

// ---- binding ----

static uint16_t choose_for(const struct ft_port_table *table, const struct ft_binding *binding)
{
	struct ft_ephemeral_choice choice =
		ft_ephemeral_for_local(table->ephemeral, &binding->address);
	uint16_t port;

	do {
		port = ft_ephemeral_next(table->ephemeral, &choice);
	} while (port != 0 && has_conflict(table, binding, port));
	return port;
}

static int bind_to(struct ft_port_table *table, struct ft_binding *binding, uint16_t port)
{
	struct ft_port_place *place = find_or_add_place(table, &binding->address, port);

	if (place == NULL)
		return -ENOMEM;
	if (binding->reuse_port && !add_seat(place)) {
		remove_place_if_unused(table, place);
		return -ENOMEM;
	}
	ft_port_set_add(&table->ephemeral->chunks, &table->ephemeral->bound, port);
	enter(table, place, binding);
	binding->port = port;
	return 0;
}

int ft_port_bind(struct ft_port_table *table, struct ft_binding *binding)
{
	uint16_t port = binding->port;

	if (port == 0)
		port = choose_for(table, binding);
	if (port == 0 || has_conflict(table, binding, port))
		return -EADDRINUSE;
	return bind_to(table, binding, port);
}

void ft_port_unbind(struct ft_port_table *table, struct ft_binding *binding)
{
	struct ft_ephemeral *ephemeral = table->ephemeral;
	struct ft_port_place *place = place_of(table, binding);

	leave(table, place, binding);
	place->group_seats -= binding->reuse_port;
	remove_place_if_unused(table, place);
	if (!is_bound(table, binding->port))
		ft_port_set_remove(&ephemeral->chunks, &ephemeral->bound, binding->port);
	binding->port = 0;
	binding->is_listening = false;
	binding->is_connected = false;
	binding->listener = NULL;
}

// The binding is the same, but receives now, or no longer does.
static void enter_anew(struct ft_port_table *table, struct ft_binding *binding)
{
	struct ft_port_place *place = place_of(table, binding);

	leave(table, place, binding);
	enter(table, place, binding);
}

int ft_port_listen(struct ft_port_table *table, struct ft_binding *binding)
{
	if (binding->is_listening)
		return 0;
	if (has_conflict(table, binding, binding->port))
		return -EADDRINUSE;
	binding->is_listening = true;
	enter_anew(table, binding);
	return 0;
}

void ft_port_unlisten(struct ft_port_table *table, struct ft_binding *binding)
{
	binding->is_listening = false;
	binding->listener = NULL;
	enter_anew(table, binding);
}

void ft_port_mark_connected(struct ft_port_table *table, struct ft_binding *binding, bool connected)
{
	binding->is_connected = connected;
	enter_anew(table, binding);
}

// ---- finding ----

static struct ft_binding *first_receiver(
	const struct ft_port_table *table, const struct ft_port_place *place)
{
	struct ft_binding *first;

	if (ft_list_is_empty(&place->bindings))
		return NULL;
	first = ft_container_of(place->bindings.next, struct ft_binding, node);
	return is_receiver(table, first) ? first : NULL;
}

// The high half of the product: every member gets its share of the hash's values.
static struct ft_binding *member_for(const struct ft_port_place *place, uint64_t hash)
{
	return place->group[((hash >> 32) * place->group_count) >> 32];
}

static unsigned specificity(const struct ft_addr *bound)
{
	if (!ft_addr_is_any(bound))
		return 3;
	return ft_addr_is_ip4(bound) ? 2 : 1;
}

static void find_anew(struct ft_port_table *table, struct ft_port_recent *recent,
	const struct ft_addr *local, uint16_t port)
{
	unsigned most = 0;

	*recent =
		(struct ft_port_recent){ .local = *local, .port = port, .changes = table->changes };
	recent->used_at = find_place(table, local, port);
	if (recent->used_at != NULL && !ft_ephemeral_is_in_range(table->ephemeral, port))
		recent->uses = recent->used_at->uses;
	for (struct ft_port_place *place = first_place(table, port); place != NULL;
		place = next_place(table, place)) {
		// Most have none: they stand for connections.
		struct ft_binding *receiver = first_receiver(table, place);

		if (receiver == NULL || specificity(&place->address) <= most ||
			!covers(&place->address, local))
			continue;
		recent->receiver = receiver;
		recent->group = place;
		most = specificity(&place->address);
	}
}

static inline struct ft_binding *receiver_for(const struct ft_port_recent *recent, uint64_t hash)
{
	if (recent->receiver != NULL && recent->receiver->reuse_port)
		return member_for(recent->group, hash);
	return recent->receiver;
}

// Apart, as what follows further down: so the usual way has nothing to keep over a call.
static __attribute__((noinline)) struct ft_binding *find_what_is_not_recent(
	struct ft_port_table *table, const struct ft_tuple *tuple, uint64_t hash)
{
	struct ft_port_recent *recent = &table->recent[tuple->local_port % FT_PORT_RECENT];

	find_anew(table, recent, &tuple->local, tuple->local_port);
	return receiver_for(recent, hash);
}

struct ft_binding *ft_port_find(
	struct ft_port_table *table, const struct ft_tuple *tuple, uint64_t hash)
{
	const struct ft_port_recent *recent = ft_port_recent_of(table, tuple->local_port);

	if (unlikely(!ft_port_is_recent(table, recent, tuple)))
		return find_what_is_not_recent(table, tuple, hash);
	return receiver_for(recent, hash);
}

static struct ft_binding *next_receiver(const struct ft_port_table *table,
	const struct ft_port_place *place, const struct ft_binding *previous)
{
	struct ft_binding *next;

	if (previous->node.next == &place->bindings)
		return NULL;
	next = ft_container_of(previous->node.next, struct ft_binding, node);
	return is_receiver(table, next) ? next : NULL;
}

struct ft_binding *ft_port_find_next(const struct ft_port_table *table,
	const struct ft_tuple *tuple, const struct ft_binding *previous)
{
	const struct ft_port_place *place = first_place(table, tuple->local_port);
	struct ft_binding *next = NULL;

	if (previous != NULL) {
		place = place_of(table, previous);
		next = next_receiver(table, place, previous);
		place = next_place(table, place);
	}
	for (; next == NULL && place != NULL; place = next_place(table, place)) {
		if (covers(&place->address, &tuple->local))
			next = first_receiver(table, place);
	}
	return next;
}

// ---- connections ----

// As find_place(), but a listener's is at hand. What is no listener's would drive that out, so it is not noted.
static inline struct ft_port_place *recall_place(
	struct ft_port_table *table, const struct ft_tuple *tuple)
{
	const struct ft_port_recent *recent = ft_port_recent_of(table, tuple->local_port);

	return ft_port_is_recent(table, recent, tuple)
		       ? recent->used_at
		       : find_place(table, &tuple->local, tuple->local_port);
}

// The counts of a listener's place, as nearly all are, at a port that is never chosen; NULL: look for it.
static inline uint32_t *recall_uses(struct ft_port_table *table, const struct ft_tuple *tuple)
{
	const struct ft_port_recent *recent = ft_port_recent_of(table, tuple->local_port);

	return likely(ft_port_is_recent(table, recent, tuple)) ? recent->uses : NULL;
}

// A bound port is never chosen, so there is no need to note which destinations it has connections
// to: a server's ten million cost nothing here.
static void note_tuple(struct ft_port_table *table, const struct ft_tuple *tuple)
{
	struct ft_ephemeral *ephemeral = table->ephemeral;

	if (ft_ephemeral_is_in_range(ephemeral, tuple->local_port) &&
		!ft_port_set_has(&ephemeral->chunks, &ephemeral->bound, tuple->local_port))
		ft_ephemeral_note_tuple(ephemeral, tuple);
}

static __attribute__((noinline)) int hold_any(
	struct ft_port_table *table, const struct ft_tuple *tuple, uint8_t reuse)
{
	struct ft_port_place *place = recall_place(table, tuple);

	if (place == NULL)
		place = add_place(table, &tuple->local, tuple->local_port);
	if (place == NULL)
		return -ENOMEM;
	place->uses[reuse]++;
	note_tuple(table, tuple);
	return 0;
}

int ft_port_hold(struct ft_port_table *table, const struct ft_tuple *tuple, uint8_t reuse)
{
	uint32_t *uses = recall_uses(table, tuple);

	if (unlikely(uses == NULL))
		return hold_any(table, tuple, reuse);
	uses[reuse]++;
	return 0;
}

static __attribute__((noinline)) void release_any(
	struct ft_port_table *table, const struct ft_tuple *tuple, uint8_t reuse)
{
	struct ft_port_place *place = recall_place(table, tuple);

	assert(place != NULL && place->uses[reuse] > 0);
	if (--place->uses[reuse] == 0)
		remove_place_if_unused(table, place);
	if (ft_ephemeral_is_in_range(table->ephemeral, tuple->local_port))
		ft_ephemeral_forget_tuple(table->ephemeral, tuple);
}

void ft_port_release(struct ft_port_table *table, const struct ft_tuple *tuple, uint8_t reuse)
{
	uint32_t *uses = recall_uses(table, tuple);

	if (likely(uses != NULL && uses[reuse] > 1))
		uses[reuse]--;
	else
		release_any(table, tuple, reuse);
}

static bool is_in_use(const struct ft_conn_table *connections, const struct ft_tuple *tuple)
{
	uint64_t hash = ft_tuple_hash(connections->key, tuple);

	return ft_conn_table_find(connections, tuple, hash) != FT_CONN_NONE;
}

int ft_port_choose(struct ft_port_table *table, const struct ft_conn_table *connections,
	struct ft_tuple *tuple)
{
	struct ft_ephemeral_choice choice = ft_ephemeral_for_tuple(table->ephemeral, tuple);

	do {
		tuple->local_port = ft_ephemeral_next(table->ephemeral, &choice);
	} while (tuple->local_port != 0 && is_in_use(connections, tuple));
	return tuple->local_port == 0 ? -EADDRNOTAVAIL : 0;
}
