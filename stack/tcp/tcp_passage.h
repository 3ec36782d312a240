#pragma once
#include <stdbool.h>

#include "base/time.h"

struct ft_segment;
struct ft_stack;
struct ft_tcp_conn;
struct rte_mbuf;
struct rte_mempool_cache;

// Takes a segment without text, if it is one that tcp_passage.c knows; not while ft_tcp_predicted_is_off(). `hash` is
// that of its tuple. The caller is done with its packet then, and reaps the connection, which may have ended. False:
// nothing has happened, and tcp_input.c has to look.
bool ft_tcp_passage_input(struct ft_stack *stack, struct ft_tcp_conn *conn,
	const struct ft_segment *seg, uint64_t hash, ft_time now);

// Pays all that the connection owes, if that is one segment that it knows; not while ft_tcp_predicted_is_off(), nor
// without ft_tcp_output_room(). False: nothing has happened, and tcp_output.c has to look. It has been reaped. `cache`
// is that of the send pool, or NULL. (As in tcp_predicted.h, what is noted about a packet is not cleared.)
bool ft_tcp_passage_output(struct ft_stack *stack, struct ft_tcp_conn *conn,
	struct rte_mempool_cache *cache, ft_time now);
