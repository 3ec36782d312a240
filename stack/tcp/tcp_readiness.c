#include "tcp/tcp_readiness.h"

#include <sys/epoll.h>

#include "tcp/conn.h"

bool ft_tcp_is_writable(const struct ft_tcp_conn *conn)
{
	return conn->send_queue.bytes <= conn->options.send_buffer / 3 * 2 &&
	       !(conn->owed & FT_OWE_ROOM);
}

static bool is_open(const struct ft_tcp_conn *conn)
{
	return conn->state != FT_TCP_SYN_SENT && conn->state != FT_TCP_SYN_RECEIVED;
}

// In the order and with the conditions of Linux's tcp_poll(): a side that is shut never blocks, so
// it is ready.
uint32_t ft_conn_readiness(const struct ft_tcp_conn *conn)
{
	bool is_over = conn->state == FT_TCP_CLOSED;
	bool is_reading_over = is_over || conn->is_fin_received || conn->is_read_shut;
	bool is_writing_over = is_over || conn->is_fin_queued;
	uint32_t events = 0;

	if (is_reading_over && is_writing_over)
		events |= EPOLLHUP;
	if (is_reading_over)
		events |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (ft_conn_readable_bytes(conn) > 0)
		events |= EPOLLIN | EPOLLRDNORM;
	if (is_open(conn) && (is_writing_over || ft_tcp_is_writable(conn)))
		events |= EPOLLOUT | EPOLLWRNORM;
	if (conn->is_urgent_readable)
		events |= EPOLLPRI;
	if (conn->error != 0)
		events |= EPOLLERR;
	return events;
}

// Nothing to read, all room to write, and no error; but the peer, or SHUT_RD, may have ended reading.
static uint32_t readiness_at_rest(const struct ft_tcp_anchor *anchor)
{
	bool is_reading_over = anchor->state == FT_TCP_CLOSE_WAIT || anchor->is_read_shut;

	return EPOLLOUT | EPOLLWRNORM | (is_reading_over ? EPOLLIN | EPOLLRDNORM | EPOLLRDHUP : 0);
}

uint32_t ft_tcp_readiness(const struct ft_tcp_anchor *anchor)
{
	return ft_anchor_is_at_rest(anchor) ? readiness_at_rest(anchor)
					    : ft_conn_readiness(anchor->conn);
}
