#include "tcp/tcp_readiness.h"

#include <sys/epoll.h>

#include "tcp/conn.h"

static bool is_open(const struct ft_tcp_conn *conn)
{
	return conn->state != FT_TCP_SYN_SENT && conn->state != FT_TCP_SYN_RECEIVED;
}

// In the order and with the conditions of Linux's tcp_poll(): a side that is shut never blocks, so
// it is ready.
static __attribute__((noinline)) uint32_t readiness_of_any(const struct ft_tcp_conn *conn)
{
	bool is_over = conn->state == FT_TCP_CLOSED;
	bool is_reading_over = is_over || conn->is_fin_received || conn->is_read_shut;
	bool is_writing_over = is_over || conn->is_fin_queued;
	uint32_t events = 0;

	if (is_reading_over && is_writing_over)
		events |= EPOLLHUP;
	if (is_reading_over)
		events |= FT_TCP_READABLE | EPOLLRDHUP;
	if (ft_conn_readable_bytes(conn) > 0)
		events |= FT_TCP_READABLE;
	if (is_open(conn) && (is_writing_over || ft_tcp_is_writable(conn)))
		events |= FT_TCP_WRITABLE;
	if (conn->is_urgent_readable)
		events |= EPOLLPRI;
	if (conn->error != 0)
		events |= EPOLLERR;
	return events;
}

static inline uint32_t readiness_of(const struct ft_tcp_conn *conn)
{
	return likely(ft_tcp_is_plainly_ready(conn)) ? ft_tcp_plain_readiness(conn, FT_TCP_WRITABLE)
						     : readiness_of_any(conn);
}

uint32_t ft_conn_readiness(const struct ft_tcp_conn *conn)
{
	return readiness_of(conn);
}

// Nothing to read, all room to write, and no error; but the peer, or SHUT_RD, may have ended reading.
static uint32_t readiness_at_rest(const struct ft_tcp_anchor *anchor)
{
	bool is_reading_over = anchor->state == FT_TCP_CLOSE_WAIT || anchor->is_read_shut;

	return FT_TCP_WRITABLE | (is_reading_over ? FT_TCP_READABLE | EPOLLRDHUP : 0);
}

uint32_t ft_tcp_readiness(const struct ft_tcp_anchor *anchor)
{
	return ft_anchor_is_at_rest(anchor) ? readiness_at_rest(anchor)
					    : readiness_of(anchor->conn);
}
