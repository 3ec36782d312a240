// Who may use, and who has, each local port of one protocol: an array over the 65,536 ports. Bind
// conflicts follow Linux, which is what programs are written against.
//
// Two things use a port. A *binding* is a socket's claim by bind(), listen() or an unconnected UDP
// socket. A *use* stands for all the connections from one local address and port, in whatever state
// (TIME-WAIT too): they keep others from binding unless all of them allow it by SO_REUSEADDR.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/pool.h"
#include "base/random.h"
#include "demux/conn_table.h"
#include "demux/tuple.h"

#define FT_PORT_COUNT 65536

// Embedded in what is bound; filled by the owner before ft_port_bind().
struct ft_binding {
	struct ft_list node;	// among the port's bindings
	struct ft_addr address; // ft_addr_is_any(): every address of ours
	uint16_t port;		// host order; 0 until bound
	bool reuse_address;	// SO_REUSEADDR, as it is now
	bool reuse_port;	// SO_REUSEPORT, as it was at bind()
	bool is_listening;	// TCP: in LISTEN, so SYNs find it
	bool is_connected; // UDP: has a peer, so it is found through the connection table alone
	uint8_t owner;	   // for the owner's own use
	struct ft_tcp_listener *listener; // TCP in LISTEN: who takes the SYNs, set by ft_tcp_listen()
};

struct ft_port_table {
	uint8_t protocol;      // IPPROTO_TCP or IPPROTO_UDP
	struct ft_port *ports; // FT_PORT_COUNT
	uint16_t first_ephemeral;
	uint16_t last_ephemeral;
	// ... and what choosing an ephemeral port in constant time needs: see ephemeral.h
	struct ft_ephemeral *ephemeral;
	struct ft_pool uses;
	struct ft_random *random;
	const struct ft_hash_key *key;
};

// `most_uses`: how many pairs of local address and port may have connections. Returns 0 or -ENOMEM.
int ft_port_table_init(struct ft_port_table *table, uint8_t protocol, uint16_t first_ephemeral,
	uint16_t last_ephemeral, uint32_t most_uses, struct ft_random *random,
	const struct ft_hash_key *key);
void ft_port_table_free(struct ft_port_table *table);

// Claims binding->port at binding->address; port 0 claims a free ephemeral port and fills it in.
// Returns 0, -EADDRINUSE on a conflict (POSIX bind()), -EADDRINUSE when no ephemeral port is free
// (as Linux; POSIX allows EADDRINUSE there).
int ft_port_bind(struct ft_port_table *table, struct ft_binding *binding);
void ft_port_unbind(struct ft_port_table *table, struct ft_binding *binding);

// Makes a bound TCP socket's binding a listener: -EADDRINUSE when another listener has the same
// port and an overlapping address, unless both have SO_REUSEPORT.
int ft_port_listen(struct ft_port_table *table, struct ft_binding *binding);

// Ends LISTEN; the port stays bound (shutdown() of a listener).
static inline void ft_port_unlisten(struct ft_port_table *table, struct ft_binding *binding)
{
	binding->is_listening = false;
	binding->listener = NULL;
}

// The listener (TCP) or unconnected socket (UDP) for a packet to `tuple->local`: the most specific
// address wins, then a SO_REUSEPORT group is spread by `hash`. NULL when there is none.
struct ft_binding *ft_port_find(
	const struct ft_port_table *table, const struct ft_tuple *tuple, uint64_t hash);

// For datagrams to a broadcast or multicast address, which every matching socket receives: the
// match after `previous` (NULL: the first), or NULL.
struct ft_binding *ft_port_find_next(const struct ft_port_table *table,
	const struct ft_tuple *tuple, const struct ft_binding *previous);

// A connection begins or ends to use tuple->local and local_port. `may_reuse` is its SO_REUSEADDR
// and must be the same at both. Returns 0 or -ENOMEM.
int ft_port_hold(struct ft_port_table *table, const struct ft_tuple *tuple, bool may_reuse);
void ft_port_release(struct ft_port_table *table, const struct ft_tuple *tuple, bool may_reuse);

// Chooses tuple->local_port (0 on entry) for an active open from tuple->local to the remote address
// and port, so that the whole tuple is not in use: RFC 6056's keyed, not guessable, order, in time
// that does not depend on how many are taken. Ports that a socket has bound are not chosen, nor a
// tuple that is in `connections` already (a bound port connected, a peer's connection to us). The
// choice is taken with ft_port_hold() and given back with ft_port_release(). Returns 0, or
// -EADDRNOTAVAIL when every port of the range is in use towards this destination.
int ft_port_choose(struct ft_port_table *table, const struct ft_conn_table *connections,
	struct ft_tuple *tuple);
