#include "socket/snapshot.h"

#include <netinet/in.h>
#include <string.h>

#include "socket/socket.h"
#include "stack.h"
#include "tcp/conn.h"
#include "tcp/listener.h"

enum part { LISTENERS, UDP, BOUND, CONNECTIONS, PARTS };

static const char *const timer_names[] = {
	[FT_SNAPSHOT_NO_TIMER] = "",
	[FT_SNAPSHOT_ON] = "on",
	[FT_SNAPSHOT_KEEPALIVE] = "keepalive",
	[FT_SNAPSHOT_TIME_WAIT] = "timewait",
	[FT_SNAPSHOT_PERSIST] = "persist",
};

const char *ft_snapshot_timer_name(enum ft_snapshot_timer timer)
{
	return timer_names[timer];
}

static bool is_wanted(uint32_t wanted, enum ft_tcp_state state)
{
	return wanted & (1u << state);
}

static void fill_owner(
	struct ft_stack *stack, struct ft_snapshot *record, const struct ft_socket *socket)
{
	const struct ft_descriptor *table = stack->sockets->descriptors.table;
	uint32_t count = 0;

	if (socket == NULL)
		return;
	record->fd_count = socket->description.descriptors;
	for (int fd = socket->description.first; fd != 0 && count < FT_SNAPSHOT_FDS;
		fd = table[fd].next)
		record->fds[count++] = fd;
}

static void fill_local(
	struct ft_snapshot *record, const struct ft_binding *binding, uint8_t protocol)
{
	record->tuple = (struct ft_tuple){
		.local = binding->address,
		.remote = ft_addr_any_like(&binding->address),
		.local_port = binding->port,
		.protocol = protocol,
	};
}

static bool fill_listener(struct ft_stack *stack, void *object, uint32_t wanted,
	struct ft_snapshot *record, ft_time now)
{
	const struct ft_tcp_listener *listener = object;

	if (listener->socket == NULL || !is_wanted(wanted, FT_TCP_LISTEN))
		return false;
	fill_local(record, listener->binding, IPPROTO_TCP);
	record->state = FT_TCP_LISTEN;
	record->receive_queue = listener->accept_count;
	record->send_queue = listener->backlog;
	record->receive_buffer = listener->options->receive_buffer;
	record->send_buffer = listener->options->send_buffer;
	fill_owner(stack, record, listener->socket);
	return true;
}

// As the kernel's, a UDP socket that has no port yet is not there for others.
static bool fill_udp(struct ft_stack *stack, void *object, uint32_t wanted,
	struct ft_snapshot *record, ft_time now)
{
	const struct ft_udp_socket *udp = object;
	enum ft_tcp_state state = udp->is_connected ? FT_TCP_ESTABLISHED : FT_TCP_CLOSED;

	if (udp->socket == NULL || (!udp->is_bound && !udp->is_connected))
		return false;
	if (!(wanted & FT_SNAPSHOT_UDP) || !is_wanted(wanted, state))
		return false;
	if (udp->is_connected)
		record->tuple = udp->tuple;
	else
		fill_local(record, &udp->binding, IPPROTO_UDP);
	record->state = state;
	record->receive_queue = udp->receive_bytes.used;
	record->receive_buffer = udp->receive_bytes.limit;
	fill_owner(stack, record, udp->socket);
	return true;
}

// A TCP socket that has a port, and neither listens nor connects; or its connection is over.
static bool fill_bound(struct ft_stack *stack, void *object, uint32_t wanted,
	struct ft_snapshot *record, ft_time now)
{
	const struct ft_socket *socket = object;
	bool is_open = socket->description.descriptors > 0 && !socket->is_udp;

	if (!is_open || !socket->is_bound || !is_wanted(wanted, FT_TCP_CLOSED))
		return false;
	if (ft_socket_listener(socket) != NULL ||
		(socket->conn != NULL && ft_tcp_state(socket->conn) != FT_TCP_CLOSED))
		return false;
	fill_local(record, socket->binding, IPPROTO_TCP);
	record->state = FT_TCP_CLOSED;
	record->receive_buffer = socket->settings->options.receive_buffer;
	record->send_buffer = socket->settings->options.send_buffer;
	fill_owner(stack, record, socket);
	return true;
}

static void set_timer(struct ft_snapshot *record, enum ft_snapshot_timer timer, ft_time deadline,
	uint8_t retries, ft_time now)
{
	record->timer = timer;
	record->timer_ms = deadline > now ? (uint32_t)((deadline - now) / FT_MILLISECOND) : 0;
	record->retries = retries;
}

// One timer is shown, as Linux does: what retransmits or probes comes before what keeps alive.
static void fill_timer(struct ft_snapshot *record, const struct ft_tcp_conn *conn, ft_time now)
{
	const ft_time *deadlines = conn->deadlines;
	bool is_persisting = conn->snd.wnd == 0 && ft_conn_data_waits(conn);

	if (deadlines[FT_TCP_TIMER_RETRANSMIT] != FT_NEVER)
		set_timer(record, is_persisting ? FT_SNAPSHOT_PERSIST : FT_SNAPSHOT_ON,
			deadlines[FT_TCP_TIMER_RETRANSMIT],
			is_persisting ? conn->unanswered_probes : record->info.tcpi_retransmits,
			now);
	else if (deadlines[FT_TCP_TIMER_QUIET] != FT_NEVER)
		set_timer(record, FT_SNAPSHOT_TIME_WAIT, deadlines[FT_TCP_TIMER_QUIET], 0, now);
	else if (deadlines[FT_TCP_TIMER_KEEPALIVE] != FT_NEVER)
		set_timer(record, FT_SNAPSHOT_KEEPALIVE, deadlines[FT_TCP_TIMER_KEEPALIVE],
			conn->unanswered_probes, now);
}

// An anchor without a connection is free; a socket may have yet to learn of the end of one in CLOSED.
static bool fill_connection(struct ft_stack *stack, void *object, uint32_t wanted,
	struct ft_snapshot *record, ft_time now)
{
	struct ft_tcp_anchor *anchor = object;
	bool is_free = !ft_anchor_is_at_rest(anchor) && anchor->conn == NULL;
	enum ft_tcp_state state = is_free ? FT_TCP_CLOSED : ft_tcp_state(anchor);
	const struct ft_tcp_conn *conn;
	struct ft_tcp_conn room;

	if (state == FT_TCP_CLOSED || !is_wanted(wanted, state))
		return false;
	conn = ft_anchor_look(stack, anchor, &room);
	record->tuple = conn->tuple;
	record->state = state;
	record->receive_queue = conn->receive_queue.bytes;
	record->send_queue = conn->send_queue.bytes;
	record->receive_buffer = conn->options.receive_buffer;
	record->send_buffer = conn->send_limit;
	memcpy(record->congestion, conn->options.congestion, sizeof(record->congestion));
	ft_conn_info(stack, conn, now, &record->info);
	record->volume = ft_conn_volume(conn);
	fill_timer(record, conn, now);
	fill_owner(stack, record, conn->socket);
	return true;
}

static bool (*const fill[PARTS])(struct ft_stack *stack, void *object, uint32_t wanted,
	struct ft_snapshot *record, ft_time now) = {
	[LISTENERS] = fill_listener,
	[UDP] = fill_udp,
	[BOUND] = fill_bound,
	[CONNECTIONS] = fill_connection,
};

static const struct ft_pool *pool_of(const struct ft_stack *stack, enum part part)
{
	const struct ft_pool *const pools[PARTS] = {
		[LISTENERS] = &stack->tcp.listeners,
		[UDP] = &stack->udp.sockets,
		[BOUND] = &stack->sockets->sockets,
		[CONNECTIONS] = &stack->tcp.anchors,
	};

	return pools[part];
}

uint32_t ft_snapshot_take(struct ft_stack *stack, uint64_t *cursor, uint32_t wanted,
	struct ft_snapshot *records, uint32_t most, ft_time now)
{
	uint64_t part = *cursor >> 32;
	uint32_t index = (uint32_t)*cursor;
	uint32_t examined = 0, count = 0;

	most = RTE_MIN(most, (uint32_t)FT_SNAPSHOT_RECORDS);
	for (; part < PARTS; part++, index = 0) {
		const struct ft_pool *pool = pool_of(stack, part);

		for (; index < pool->fresh; index++) {
			if (count == most || examined++ == FT_SNAPSHOT_EXAMINED) {
				*cursor = part << 32 | index;
				return count;
			}
			memset(&records[count], 0, sizeof(records[count]));
			count += fill[part](
				stack, ft_pool_at(pool, index), wanted, &records[count], now);
		}
	}
	*cursor = 0;
	return count;
}
