// What a connection is ready for, as poll() says it: also asked by whoever tells sockets of
// changes.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "tcp/conn.h"

// EPOLLOUT: at least a third of the send buffer is free (as on Linux, so that a writer is woken for
// more than a few bytes), and no packet buffers are being waited for.
static inline bool ft_tcp_is_writable(const struct ft_tcp_conn *conn)
{
	return 3 * (uint64_t)conn->send_queue.bytes <= 2 * (uint64_t)conn->send_limit &&
	       !(conn->owed & FT_OWE_ROOM);
}

// The events under both of their names.
#define FT_TCP_READABLE (EPOLLIN | EPOLLRDNORM)
#define FT_TCP_WRITABLE (EPOLLOUT | EPOLLWRNORM)

// Nothing shut (the state knows of FINs), nothing urgent, nothing wrong: then what it is ready for is a
// matter of bytes.
static inline bool ft_tcp_is_plainly_ready(const struct ft_tcp_conn *conn)
{
	return conn->state == FT_TCP_ESTABLISHED && conn->error == 0 && !conn->is_read_shut &&
	       !conn->has_urgent;
}

// Of `wanted` at least.
static inline uint32_t ft_tcp_plain_readiness(const struct ft_tcp_conn *conn, uint32_t wanted)
{
	uint32_t events = 0;

	if ((wanted & FT_TCP_WRITABLE) && ft_tcp_is_writable(conn))
		events = FT_TCP_WRITABLE;
	return conn->receive_queue.bytes > 0 ? events | FT_TCP_READABLE : events;
}

// What ft_tcp_readiness() says, of `wanted` at least.
static inline uint32_t ft_tcp_readiness_now(const struct ft_tcp_conn *conn, uint32_t wanted)
{
	return likely(ft_tcp_is_plainly_ready(conn)) ? ft_tcp_plain_readiness(conn, wanted)
						     : ft_tcp_readiness(conn->anchor);
}
