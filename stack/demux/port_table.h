// Who may use, and who has, each local port of one protocol: an array over the 65,536 ports. Bind
// conflicts follow Linux, which is what programs are written against.
//
// Two things use a port. A *binding* is a socket's claim by bind(), listen() or an unconnected UDP
// socket. A *use* stands for all the connections from one local address and port, in whatever state
// (TIME-WAIT too): they keep others from binding unless all of them allow it.
//
//	port 80 --> place 10.9.0.2:80 --> place 0.0.0.0:80    a place is one address at a port
//	              bindings              bindings          those that receive first
//	              group                 group             receivers with SO_REUSEPORT, an array
//	              uses                  uses              how many, by what they allow
#pragma once
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/random.h"
#include "demux/conn_table.h"
#include "demux/tuple.h"

#define FT_PORT_COUNT 65536

// Embedded in what is bound; filled by the owner before ft_port_bind().
struct ft_binding {
	struct ft_list node;		  // among the port's bindings
	struct ft_addr address;		  // ft_addr_is_any(): every address of ours
	uint16_t port;			  // host order; 0 until bound
	bool reuse_address;		  // SO_REUSEADDR, as it is now
	bool reuse_port;		  // SO_REUSEPORT, as it was at bind()
	bool is_listening;		  // TCP: in LISTEN, so SYNs find it
	bool is_connected;		  // UDP: has a peer; see ft_port_mark_connected()
	uint8_t owner;			  // for the owner's own use
	struct ft_tcp_listener *listener; // TCP in LISTEN: set by ft_tcp_listen()
};

// What a binding or a use allows others: SO_REUSEADDR, SO_REUSEPORT.
enum ft_port_reuse {
	FT_PORT_REUSE_ADDRESS = 1,
	FT_PORT_REUSE_PORT = 2,
	FT_PORT_REUSE_COMBINATIONS = 4,
};

static inline uint8_t ft_port_reuse(bool address, bool port)
{
	return (address ? FT_PORT_REUSE_ADDRESS : 0) | (port ? FT_PORT_REUSE_PORT : 0);
}

static inline uint8_t ft_port_reuse_of(const struct ft_binding *binding)
{
	return ft_port_reuse(binding->reuse_address, binding->reuse_port);
}

struct ft_ephemeral;
struct ft_port_place;

// What was found last at a local address and port: a listener's next connection is a comparison away from it.
struct ft_port_recent {
	struct ft_addr local;
	uint64_t changes;	     // the table's when it was found: good until there is another
	struct ft_binding *receiver; // or NULL
	struct ft_port_place *group; // where the receiver stands
	struct ft_port_place
		*used_at; // where the uses of this very address are counted; NULL: none yet
	uint32_t *uses; // the counts there, if no more than that is noted of a connection; or NULL
	uint16_t port;
};

#define FT_PORT_RECENT 16 // a power of two

struct ft_port_table {
	uint8_t protocol;			      // IPPROTO_TCP or IPPROTO_UDP
	uint64_t changes;			      // of places, and of who receives where
	struct ft_port_recent recent[FT_PORT_RECENT]; // by the last bits of the port
	uint32_t *first_places; // FT_PORT_COUNT: an index into places, FT_POOL_NONE for a free port
	struct ft_pool places;	// struct ft_port_place: one local address at one port
	struct ft_ephemeral *ephemeral; // which ports are free for whom: ephemeral.h
};

// `most_uses`: how many pairs of local address and port may have connections. Returns 0 or -ENOMEM.
int ft_port_table_init(struct ft_port_table *table, uint8_t protocol, uint16_t first_ephemeral,
	uint16_t last_ephemeral, uint32_t most_uses, struct ft_random *random,
	const struct ft_hash_key *key);
void ft_port_table_free(struct ft_port_table *table);

// Claims binding->port at binding->address; port 0 claims a free ephemeral port and fills it in.
// Returns 0, -EADDRINUSE on a conflict (POSIX bind()) or when no ephemeral port is free (as Linux;
// POSIX allows it there), -ENOMEM. After an error the binding is as it was.
int ft_port_bind(struct ft_port_table *table, struct ft_binding *binding);
// The end of what ft_port_bind() began; the binding's port is 0 again.
void ft_port_unbind(struct ft_port_table *table, struct ft_binding *binding);

// Makes a bound TCP socket's binding a listener: -EADDRINUSE when another listener has the same
// port and an overlapping address, unless both have SO_REUSEPORT. Linux asks at listen() all that
// it asks at bind(), with the options as they are now, and so does this.
int ft_port_listen(struct ft_port_table *table, struct ft_binding *binding);
// Ends LISTEN; the port stays bound (shutdown() of a listener).
void ft_port_unlisten(struct ft_port_table *table, struct ft_binding *binding);

// Of the bindings that keep `binding` from `port`, one; NULL when there is none, or only connections
// do. For telling people.
const struct ft_binding *ft_port_holder(
	const struct ft_port_table *table, const struct ft_binding *binding, uint16_t port);

// A bound UDP socket gets or loses its peer: with one, it is not found by ft_port_find().
void ft_port_mark_connected(
	struct ft_port_table *table, struct ft_binding *binding, bool connected);

// The listener (TCP) or unconnected socket (UDP) for a packet to `tuple->local`: the most specific
// address wins, then the one bound last, and if that has SO_REUSEPORT, all at its address that have
// share by `hash`. NULL when there is none.
struct ft_binding *ft_port_find(
	struct ft_port_table *table, const struct ft_tuple *tuple, uint64_t hash);

static inline const struct ft_port_recent *ft_port_recent_of(
	const struct ft_port_table *table, uint16_t port)
{
	return &table->recent[port % FT_PORT_RECENT];
}

static inline bool ft_port_is_recent(const struct ft_port_table *table,
	const struct ft_port_recent *recent, const struct ft_tuple *tuple)
{
	return recent->changes == table->changes && recent->port == tuple->local_port &&
	       ft_addr_is_equal(&recent->local, &tuple->local);
}

// What ft_port_find() would find, if that is at hand and shares the port with nobody; else NULL: ask ft_port_find().
static inline struct ft_binding *ft_port_recall(
	const struct ft_port_table *table, const struct ft_tuple *tuple)
{
	const struct ft_port_recent *recent = ft_port_recent_of(table, tuple->local_port);
	struct ft_binding *receiver = recent->receiver;

	if (unlikely(!ft_port_is_recent(table, recent, tuple) || receiver == NULL ||
		     receiver->reuse_port))
		return NULL;
	return receiver;
}

// For datagrams to a broadcast or multicast address, which every matching socket receives: the
// match after `previous` (NULL: the first), or NULL.
struct ft_binding *ft_port_find_next(const struct ft_port_table *table,
	const struct ft_tuple *tuple, const struct ft_binding *previous);

// A connection begins or ends to use tuple->local and local_port. `reuse` (enum ft_port_reuse) is
// what its socket, or the listener it came from, allows; it must be the same at both. Returns 0 or
// -ENOMEM.
int ft_port_hold(struct ft_port_table *table, const struct ft_tuple *tuple, uint8_t reuse);
void ft_port_release(struct ft_port_table *table, const struct ft_tuple *tuple, uint8_t reuse);

// ft_port_hold() for a tuple whose listener ft_port_find() or ft_port_recall() has found just now.
static inline int ft_port_hold_found(
	struct ft_port_table *table, const struct ft_tuple *tuple, uint8_t reuse)
{
	const struct ft_port_recent *recent = ft_port_recent_of(table, tuple->local_port);
	uint32_t *uses = recent->uses;

	assert(ft_port_is_recent(table, recent, tuple)); // nothing has changed since
	if (unlikely(uses == NULL))
		return ft_port_hold(table, tuple, reuse);
	uses[reuse]++;
	return 0;
}

// Chooses tuple->local_port (0 on entry) for an active open from tuple->local to the remote address
// and port, so that the whole tuple is not in use: RFC 6056's keyed, not guessable, order, in time
// that does not depend on how many are taken. Ports that a socket has bound are not chosen, nor a
// tuple that is in `connections` already (a bound port connected, a peer's connection to us). The
// choice is taken with ft_port_hold() and given back with ft_port_release(). Returns 0, or
// -EADDRNOTAVAIL when every port of the range is in use towards this destination.
int ft_port_choose(struct ft_port_table *table, const struct ft_conn_table *connections,
	struct ft_tuple *tuple);
