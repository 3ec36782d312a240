// The calls of RFC 9293 3.9.1 on a connection (OPEN is in tcp_connect.c and tcp_listen.c). A call
// changes the connection and notes what is owed; it goes out with the turn. What asks a connection at rest
// is answered from its anchor; what changes it wakes it.
#include <errno.h>

#include "stack.h"
#include "tcp/conn.h"
#include "tcp/tcp_at_once.h"
#include "tcp/tcp_hoarders.h"
#include "tcp/tcp_readiness.h"
#include "tcp/tcp_reset.h"
#include "tcp/tcp_timers.h"

static int take_error(struct ft_tcp_conn *conn)
{
	int error = conn->error;

	conn->error = 0;
	return error;
}

static bool is_opening(const struct ft_tcp_conn *conn)
{
	return conn->state == FT_TCP_SYN_SENT || conn->state == FT_TCP_SYN_RECEIVED;
}

static uint64_t bytes_of(const struct iovec *iov, int iov_count)
{
	uint64_t bytes = 0;

	for (int i = 0; i < iov_count; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

// ---- SEND ----

static ssize_t queue_bytes(
	struct ft_stack *stack, struct ft_tcp_conn *conn, const struct iovec *iov, int iov_count)
{
	struct ft_send_memory memory = ft_conn_send_memory(stack);
	uint64_t queued;
	bool had_packets;

	if (conn->send_queue.bytes >= conn->send_limit)
		return -EAGAIN;
	had_packets = conn->send_queue.packets.count > 0;
	queued = ft_send_queue_append(&conn->send_queue, iov, iov_count,
		conn->send_limit - conn->send_queue.bytes, &memory);
	if (!had_packets && conn->send_queue.packets.count > 0)
		ft_tcp_hoarders_moved(conn, stack->now);
	if (queued == 0) {
		ft_conn_owe(stack, conn, FT_OWE_ROOM, "word of packet buffers");
		return -EAGAIN;
	}
	return (ssize_t)queued;
}

static ssize_t owe_data(struct ft_stack *stack, struct ft_tcp_conn *conn, ssize_t queued, int flags)
{
	conn->is_more_coming = (flags & FT_TCP_SEND_MORE) != 0;
	conn->is_flushed = false;
	ft_trace_of(stack, FT_TRACE_SOCKET, &conn->tuple, "application sends %zd bytes", queued);
	ft_conn_owe(stack, conn, FT_OWE_OUTPUT, "data");
	return queued;
}

ssize_t ft_tcp_send(struct ft_stack *stack, struct ft_tcp_anchor *anchor, const struct iovec *iov,
	int iov_count, int flags, ft_time now)
{
	struct ft_tcp_conn *conn = ft_anchor_wake(stack, anchor, true);
	ssize_t queued;

	if (conn == NULL)
		return -ENOBUFS;
	if (conn->error != 0)
		return -take_error(conn);
	if (conn->is_fin_queued || conn->state == FT_TCP_CLOSED)
		return -EPIPE;
	if (is_opening(conn))
		return -EAGAIN;
	if (bytes_of(iov, iov_count) == 0)
		return 0;
	queued = queue_bytes(stack, conn, iov, iov_count);
	if (queued <= 0)
		return queued;
	if (flags & FT_TCP_SEND_URGENT) {
		conn->is_sending_urgent = true;
		conn->snd.up = ft_conn_end_seq(conn);
	}
	return owe_data(stack, conn, queued, flags);
}

void ft_tcp_flush(struct ft_stack *stack, struct ft_tcp_anchor *anchor)
{
	struct ft_tcp_conn *conn = anchor->conn;

	if (ft_anchor_is_at_rest(anchor))
		return;
	conn->is_flushed = true;
	if (ft_conn_is_synchronized(conn) && ft_conn_unsent_bytes(conn) > 0)
		ft_conn_owe(stack, conn, FT_OWE_OUTPUT, "data that was held back");
}

// ---- RECEIVE ----

static bool stands_at_mark(const struct ft_tcp_conn *conn)
{
	return conn->has_urgent && ft_conn_bytes_before_mark(conn) == 0;
}

static inline bool has_window_opened(const struct ft_tcp_conn *conn, uint64_t unread_bytes)
{
	struct ft_window_offer offer = ft_conn_window_offer(conn);

	offer.used_bytes = unread_bytes;
	return ft_conn_may_receive(conn) && ft_window_has_opened(&offer);
}

static ssize_t receive_urgent(
	struct ft_tcp_conn *conn, const struct iovec *iov, int iov_count, int flags)
{
	if (conn->options.oob_inline || !conn->has_urgent)
		return -EINVAL;
	if (!conn->is_urgent_readable) // taken, or announced and not here yet
		return ft_seq_is_before(conn->rcv_up, conn->rcv.nxt) ? -EINVAL : -EAGAIN;
	if (!(flags & FT_TCP_RECEIVE_PEEK))
		conn->is_urgent_readable = false;
	for (int i = 0; i < iov_count; i++)
		if (iov[i].iov_len > 0) {
			*(uint8_t *)iov[i].iov_base = conn->urgent_byte;
			return 1;
		}
	return 0;
}

// What there is to say when no byte can be read.
static ssize_t no_bytes(struct ft_tcp_conn *conn)
{
	// The peer has ended the stream: what went wrong since is for the writer to hear.
	if (conn->is_fin_received)
		return 0;
	if (conn->error != 0)
		return -take_error(conn);
	if (conn->is_read_shut || conn->state == FT_TCP_CLOSED)
		return 0;
	return -EAGAIN;
}

// Looking changes nothing, so what a read would pass over is looked past.
static ssize_t peek(struct ft_tcp_conn *conn, const struct iovec *iov, int iov_count, int flags)
{
	bool is_at_mark = stands_at_mark(conn) && ft_conn_is_mark_readable(conn);
	uint64_t from = is_at_mark && !conn->options.oob_inline;
	uint64_t most = is_at_mark ? UINT64_MAX : ft_conn_bytes_before_mark(conn);
	uint64_t readable = RTE_MIN(conn->receive_queue.bytes - from, most);

	if (readable == 0)
		return no_bytes(conn);
	if (flags & FT_TCP_RECEIVE_DISCARD)
		return (ssize_t)RTE_MIN(bytes_of(iov, iov_count), readable);
	return (ssize_t)ft_receive_queue_peek(&conn->receive_queue, from, iov, iov_count, most);
}

static uint64_t take_bytes(
	struct ft_tcp_conn *conn, const struct iovec *iov, int iov_count, int flags)
{
	uint64_t most = RTE_MIN(ft_conn_bytes_before_mark(conn), conn->receive_queue.bytes);

	if (!(flags & FT_TCP_RECEIVE_DISCARD))
		return ft_receive_queue_take(
			&conn->receive_queue, iov, iov_count, most, &conn->receive_memory);
	return ft_receive_queue_discard(&conn->receive_queue,
		RTE_MIN(bytes_of(iov, iov_count), most), &conn->receive_memory);
}

static ssize_t receive_at_rest(const struct ft_tcp_anchor *anchor, int flags)
{
	if (flags & FT_TCP_RECEIVE_URGENT)
		return -EINVAL;
	return anchor->state == FT_TCP_CLOSE_WAIT || anchor->is_read_shut ? 0 : -EAGAIN;
}

static uint64_t have_read(struct ft_stack *stack, struct ft_tcp_conn *conn, uint64_t bytes)
{
	ft_trace_of(stack, FT_TRACE_SOCKET, &conn->tuple, "application reads %llu bytes",
		(unsigned long long)bytes);
	if (!ft_window_is_all_but(conn->options.receive_buffer, conn->rcv.wnd, conn->rcv_mss) &&
		has_window_opened(conn, conn->receive_queue.bytes))
		ft_conn_owe(stack, conn, FT_OWE_ACK, "window update");
	return bytes;
}

uint64_t ft_tcp_have_read_all(struct ft_stack *stack, struct ft_tcp_conn *conn, uint64_t bytes)
{
	if (has_window_opened(conn, 0))
		ft_conn_owe_untold(stack, conn, FT_OWE_ACK);
	return bytes;
}

static __attribute__((noinline)) ssize_t receive_any(struct ft_stack *stack,
	struct ft_tcp_anchor *anchor, const struct iovec *iov, int iov_count, int flags)
{
	struct ft_tcp_conn *conn = anchor->conn;
	uint64_t bytes;

	if (unlikely(ft_anchor_is_at_rest(anchor)))
		return receive_at_rest(anchor, flags);
	if (flags & FT_TCP_RECEIVE_URGENT)
		return receive_urgent(conn, iov, iov_count, flags);
	if (flags & FT_TCP_RECEIVE_PEEK)
		return peek(conn, iov, iov_count, flags);
	if (unlikely(conn->has_urgent))
		ft_conn_pass_mark(conn);
	if (conn->receive_queue.bytes == 0)
		return no_bytes(conn);
	bytes = take_bytes(conn, iov, iov_count, flags);
	return (ssize_t)have_read(stack, conn, bytes);
}

// A request that waits in the block or in one packet, with room for all of it. Returns its bytes; 0: it is
// another case.
static inline uint64_t receive_whole(struct ft_tcp_conn *conn, const struct iovec *to)
{
	struct ft_receive_queue *queue = &conn->receive_queue;

	if (queue->bytes > to->iov_len || conn->has_urgent)
		return 0;
	if (ft_receive_queue_has_few(queue))
		return ft_receive_queue_take_few(queue, to->iov_base);
	if (queue->packets.count != 1 || queue->few_end != 0)
		return 0;
	return ft_receive_queue_take_only(queue, to->iov_base, &conn->receive_memory);
}

ssize_t ft_tcp_receive(struct ft_stack *stack, struct ft_tcp_anchor *anchor,
	const struct iovec *iov, int iov_count, int flags, ft_time now)
{
	uint64_t bytes = 0;

	if (likely(iov_count == 1 && flags == 0 && !ft_anchor_is_at_rest(anchor)))
		bytes = receive_whole(anchor->conn, iov);
	if (unlikely(bytes == 0))
		return receive_any(stack, anchor, iov, iov_count, flags);
	return (ssize_t)have_read(stack, anchor->conn, bytes);
}

uint64_t ft_conn_readable_bytes(const struct ft_tcp_conn *conn)
{
	bool is_apart =
		conn->has_urgent && !conn->options.oob_inline && ft_conn_is_mark_readable(conn);

	return conn->receive_queue.bytes - is_apart;
}

uint64_t ft_tcp_readable_bytes(const struct ft_tcp_anchor *anchor)
{
	return ft_anchor_is_at_rest(anchor) ? 0 : ft_conn_readable_bytes(anchor->conn);
}

uint64_t ft_tcp_bytes_to_mark(const struct ft_tcp_anchor *anchor)
{
	const struct ft_tcp_conn *conn = anchor->conn;

	if (ft_anchor_is_at_rest(anchor))
		return 0;
	return conn->options.oob_inline
		       ? conn->receive_queue.bytes
		       : RTE_MIN(conn->receive_queue.bytes, ft_conn_bytes_before_mark(conn));
}

uint64_t ft_tcp_unacked_bytes(const struct ft_tcp_anchor *anchor)
{
	return ft_anchor_is_at_rest(anchor) ? 0 : anchor->conn->send_queue.bytes;
}

static uint64_t unsent_bytes(const struct ft_tcp_conn *conn)
{
	uint64_t sent = conn->snd.max - ft_conn_data_seq(conn);

	return conn->send_queue.bytes - RTE_MIN(sent, conn->send_queue.bytes);
}

uint64_t ft_tcp_unsent_bytes(const struct ft_tcp_anchor *anchor)
{
	return ft_anchor_is_at_rest(anchor) ? 0 : unsent_bytes(anchor->conn);
}

bool ft_tcp_is_at_mark(const struct ft_tcp_anchor *anchor)
{
	return !ft_anchor_is_at_rest(anchor) && stands_at_mark(anchor->conn);
}

// ---- CLOSE, ABORT ----

// No more will be sent: the FIN follows what is queued. While the connection is being opened this
// waits for ESTABLISHED.
static __rte_always_inline void close_writing(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	if (conn->is_fin_queued)
		return;
	if (conn->state == FT_TCP_ESTABLISHED)
		ft_conn_set_state(stack, conn, FT_TCP_FIN_WAIT_1);
	else if (conn->state == FT_TCP_CLOSE_WAIT)
		ft_conn_set_state(stack, conn, FT_TCP_LAST_ACK);
	conn->is_fin_queued = true;
	if (!is_opening(conn))
		ft_conn_owe(stack, conn, FT_OWE_OUTPUT, "FIN");
	conn->owed &= ~FT_OWE_ROOM; // nobody will write any more
}

int ft_tcp_shutdown(
	struct ft_stack *stack, struct ft_tcp_anchor *anchor, bool read, bool write, ft_time now)
{
	struct ft_tcp_conn *conn = ft_anchor_wake(stack, anchor, true);

	if (conn == NULL)
		return -ENOBUFS;
	if (conn->state == FT_TCP_CLOSED || conn->state == FT_TCP_SYN_SENT ||
		conn->state == FT_TCP_TIME_WAIT)
		return -ENOTCONN;
	if (read)
		conn->is_read_shut = true;
	if (write)
		close_writing(stack, conn);
	ft_conn_notify(stack, conn, ft_conn_readiness(conn));
	return 0;
}

static bool has_unread(const struct ft_tcp_conn *conn)
{
	return conn->receive_queue.bytes > 0 &&
	       (ft_conn_may_receive(conn) || conn->state == FT_TCP_CLOSE_WAIT);
}

// It may be another connection's before this one ends.
static void leave_socket(struct ft_tcp_conn *conn)
{
	conn->socket->description.is_at_work = false;
	conn->socket = NULL;
}

static void abort_conn(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	leave_socket(conn);
	ft_tcp_abort_conn(stack, conn, ECONNABORTED, now);
}

void ft_tcp_abort(struct ft_stack *stack, struct ft_tcp_anchor *anchor, ft_time now)
{
	if (ft_anchor_is_at_rest(anchor))
		ft_anchor_abort(stack, anchor, now);
	else
		abort_conn(stack, anchor->conn, now);
}

static void close_conn(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	if (has_unread(conn)) {
		abort_conn(stack, conn, now);
		return;
	}
	leave_socket(conn);
	conn->is_orphan = true;
	ft_conn_discard_received(stack, conn);
	if (conn->state == FT_TCP_SYN_SENT) {
		ft_conn_end(stack, conn, 0);
	} else if (conn->state != FT_TCP_CLOSED) {
		close_writing(stack, conn);
		ft_conn_orphaned(stack, conn, now);
	}
	ft_conn_reap(stack, conn);
}

static __attribute__((noinline)) void close_any(
	struct ft_stack *stack, struct ft_tcp_anchor *anchor, ft_time now)
{
	struct ft_tcp_conn *conn;

	ft_trace_of(stack, FT_TRACE_SOCKET, &anchor->tuple, "application closes");
	if (stack->tcp.is_ending && ft_anchor_is_at_rest(anchor))
		return; // goes with all the others
	conn = ft_anchor_wake(stack, anchor, true);
	if (conn != NULL)
		close_conn(stack, conn, now);
	else
		ft_anchor_abort(stack, anchor, now);
}

// Open on our side, all that came was read, and nothing is traced.
static inline bool is_plainly_closed(const struct ft_stack *stack, const struct ft_tcp_conn *conn)
{
	return (conn->state == FT_TCP_ESTABLISHED || conn->state == FT_TCP_CLOSE_WAIT) &&
	       ft_receive_queue_is_empty(&conn->receive_queue) && stack->trace == 0;
}

// What close_any() comes to then: a FIN is owed, and nothing to be told or given back.
static inline void close_plainly(struct ft_stack *stack, struct ft_tcp_conn *conn, ft_time now)
{
	leave_socket(conn);
	conn->is_orphan = true;
	conn->is_fin_queued = true;
	if (conn->state == FT_TCP_ESTABLISHED)
		ft_conn_set_state_untold(stack, conn, FT_TCP_FIN_WAIT_1);
	else
		ft_conn_set_state_untold(stack, conn, FT_TCP_LAST_ACK);
	ft_conn_owe_untold(stack, conn, FT_OWE_OUTPUT);
	conn->owed &= ~FT_OWE_ROOM; // nobody will write any more
	ft_tcp_timers_closed(stack, conn, now);
}

void ft_tcp_close(struct ft_stack *stack, struct ft_tcp_anchor *anchor, ft_time now)
{
	if (likely(!ft_anchor_is_at_rest(anchor) && is_plainly_closed(stack, anchor->conn)))
		close_plainly(stack, anchor->conn, now);
	else
		close_any(stack, anchor, now);
}

// ---- STATUS ----

enum ft_tcp_state ft_tcp_state(const struct ft_tcp_anchor *anchor)
{
	return ft_anchor_is_at_rest(anchor) ? anchor->state : anchor->conn->state;
}

const struct ft_tuple *ft_tcp_tuple(const struct ft_tcp_anchor *anchor)
{
	return &anchor->tuple;
}

int ft_tcp_take_error(struct ft_tcp_anchor *anchor)
{
	return ft_anchor_is_at_rest(anchor) ? 0 : take_error(anchor->conn);
}
