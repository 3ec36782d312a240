// What a connection is ready for, as poll() says it: also asked by whoever tells sockets of
// changes.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "tcp/conn.h"

// EPOLLOUT: at least a third of the send buffer is free (as on Linux, so that a writer is woken for
// more than a few bytes), and no packet buffers are being waited for.
static inline bool ft_tcp_is_writable(const struct ft_tcp_conn *conn)
{
	return 3 * conn->send_queue.bytes <= 2 * conn->send_limit && !(conn->owed & FT_OWE_ROOM);
}
