// Which ports are free, for whom: what is needed to choose one in constant time.
//
// A port may be taken towards one destination and free towards another, so that a host has some
// 64,000 connections to each server, not in all. So there is a set of ports (port_set.h) for each
//
//	local address -> remote address and port    that connections with a chosen port go to
//	local address                               where something uses a port
//
// kept in records from a pool, found by a keyed hash, and given back with their last port. The sets
// make the choice quick; they do not decide. Whether a tuple is in use, the connection table says;
// whether a bind conflicts, the port table. So a port that could not be noted because a pool is
// empty costs time, and nothing else.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/pool.h"
#include "base/random.h"
#include "demux/port_set.h"
#include "demux/tuple.h"

#define FT_EPHEMERAL_COUNTERS 4096

struct ft_ephemeral {
	uint16_t first;
	uint16_t last; // included
	struct ft_pool chunks;
	struct ft_pool records;
	uint32_t *buckets; // of records
	uint32_t bucket_count;
	struct ft_port_set used;  // at any address, by anyone
	struct ft_port_set bound; // at any address, by a socket's bind()
	struct ft_random *random;
	const struct ft_hash_key *key;
	uint16_t counters[FT_EPHEMERAL_COUNTERS];
};

// Room for `most_records` destinations and local addresses. Returns 0 or -ENOMEM.
int ft_ephemeral_init(struct ft_ephemeral *ephemeral, uint16_t first, uint16_t last,
	uint32_t most_records, struct ft_random *random, const struct ft_hash_key *key);
void ft_ephemeral_free(struct ft_ephemeral *ephemeral);

// Ports outside are never chosen, and so not noted.
static inline bool ft_ephemeral_is_in_range(const struct ft_ephemeral *ephemeral, uint16_t port)
{
	return port >= ephemeral->first && port <= ephemeral->last;
}

// Notes and forgets that tuple->local_port is in use towards tuple's destination, or at a local
// address. Forgetting what is not noted is harmless.
void ft_ephemeral_note_tuple(struct ft_ephemeral *ephemeral, const struct ft_tuple *tuple);
void ft_ephemeral_forget_tuple(struct ft_ephemeral *ephemeral, const struct ft_tuple *tuple);
void ft_ephemeral_note_local(
	struct ft_ephemeral *ephemeral, const struct ft_addr *local, uint16_t port);
void ft_ephemeral_forget_local(
	struct ft_ephemeral *ephemeral, const struct ft_addr *local, uint16_t port);

// The ports still to try for one choice, in order; to be used before anything is noted or
// forgotten.
struct ft_ephemeral_choice {
	const struct ft_port_set *taken;
	const struct ft_port_set *also_taken;
	uint32_t next; // to try
	uint32_t start;
	bool has_wrapped;
};

// For a connection from tuple->local to tuple's remote address and port: ports not noted for this
// tuple and not bound, in an order that nobody else can foresee (RFC 6056 3.3.4).
struct ft_ephemeral_choice ft_ephemeral_for_tuple(
	struct ft_ephemeral *ephemeral, const struct ft_tuple *tuple);

// For a bind() to `local`, which may be any address: ports used neither there nor at all addresses,
// in random order.
struct ft_ephemeral_choice ft_ephemeral_for_local(
	struct ft_ephemeral *ephemeral, const struct ft_addr *local);

// The next port to try, or 0 when there is none.
uint16_t ft_ephemeral_next(
	const struct ft_ephemeral *ephemeral, struct ft_ephemeral_choice *choice);
