#include "tcp/tcp_trace.h"

#include <stdio.h>

#include "socket/socket.h"
#include "stack.h"
#include "story.h"
#include "tcp/listener.h"
#include "tcp/segment.h"

// A connection that a SYN opens comes from LISTEN in RFC 9293's picture; its block is new.
static const char *state_before(const struct ft_tcp_conn *conn)
{
	return ft_tcp_state_name(
		conn->state == FT_TCP_CLOSED && conn->is_passive ? FT_TCP_LISTEN : conn->state);
}

void ft_tcp_trace_move(
	struct ft_stack *stack, const struct ft_tcp_conn *conn, enum ft_tcp_state state)
{
	ft_trace_of(stack, FT_TRACE_TCP, &conn->tuple, "%s -> %s", state_before(conn),
		ft_tcp_state_name(state));
}

// Before the peer's SYN has come nothing is known of its numbers.
void ft_tcp_trace_arrival(
	struct ft_stack *stack, const struct ft_tcp_conn *conn, const struct ft_segment *seg)
{
	const char *state = ft_tcp_state_name(conn->state);
	char ack[64] = "";

	if (seg->flags & FT_TCP_ACK)
		snprintf(ack, sizeof(ack), "; ACK is ISS+%u, SND.UNA is ISS+%u",
			seg->ack - conn->snd.iss, conn->snd.una - conn->snd.iss);
	if (conn->state == FT_TCP_SYN_SENT)
		ft_trace_of(stack, FT_TRACE_TCP, &conn->tuple, "in %s%s", state, ack);
	else
		ft_trace_of(stack, FT_TRACE_TCP, &conn->tuple,
			"in %s: SEQ is IRS+%u, RCV.NXT is IRS+%u%s", state,
			seg->seq - conn->rcv.irs, conn->rcv.nxt - conn->rcv.irs, ack);
}

void ft_tcp_trace_listener(struct ft_stack *stack, const struct ft_tuple *tuple,
	const struct ft_tcp_listener *listener)
{
	char endpoint[FT_ENDPOINT_TEXT_BYTES];

	if (listener == NULL)
		ft_trace(stack, FT_TRACE_DEMUX, "nobody listens at port %u", tuple->local_port);
	else
		ft_trace(stack, FT_TRACE_DEMUX, "port %u: fd %d listens there, bound to %s",
			tuple->local_port, ft_socket_number(listener->socket),
			ft_endpoint_text(
				&listener->binding->address, listener->binding->port, endpoint));
}

void ft_tcp_trace_sent(struct ft_stack *stack, const struct ft_tcp_conn *conn,
	const struct ft_segment *seg, uint32_t bytes)
{
	bool has_news = bytes > 0 || (seg->flags & (FT_TCP_SYN | FT_TCP_FIN));
	bool is_again = has_news && ft_seq_is_before(seg->seq, conn->snd.max);
	char flags[FT_STORY_FLAGS_BYTES], options[FT_STORY_OPTIONS_BYTES], ack[24] = "";

	if (seg->flags & FT_TCP_ACK)
		snprintf(ack, sizeof(ack), ", ACK IRS+%u", seg->ack - conn->rcv.irs);
	ft_trace_sent(stack, FT_TRACE_TCP, &conn->tuple,
		"sends %s%s, SEQ ISS+%u%s, window %u%s, %u bytes", is_again ? "again " : "",
		ft_story_flags(seg->flags, flags), seg->seq - conn->snd.iss, ack, seg->window,
		ft_story_options(seg, options), bytes);
}

static const char *const timer_names[FT_TCP_TIMER_COUNT] = {
	[FT_TCP_TIMER_RETRANSMIT] = "retransmission",
	[FT_TCP_TIMER_DELAYED_ACK] = "delayed ACK",
	[FT_TCP_TIMER_KEEPALIVE] = "keepalive",
	[FT_TCP_TIMER_USER] = "user",
};

// The last timer is that of the state: FIN-WAIT-2 or TIME-WAIT.
static const char *timer_name(const struct ft_tcp_conn *conn, enum ft_tcp_timer timer)
{
	return timer == FT_TCP_TIMER_QUIET ? ft_tcp_state_name(conn->state) : timer_names[timer];
}

// The timer after which a connection rests is our own housekeeping: no RFC has it, and it is not told.
void ft_tcp_trace_timer(struct ft_stack *stack, const struct ft_tcp_conn *conn,
	enum ft_tcp_timer timer, ft_time deadline)
{
	ft_time before = conn->deadlines[timer];
	char left[FT_TRACE_TIME_BYTES];

	if (timer == FT_TCP_TIMER_REST || (deadline == FT_NEVER && before == FT_NEVER))
		return;
	if (deadline == FT_NEVER)
		ft_trace_of(stack, FT_TRACE_TIMER, &conn->tuple, "%s timer stopped",
			timer_name(conn, timer));
	else
		ft_trace_of(stack, FT_TRACE_TIMER, &conn->tuple, "%s timer %s %s",
			timer_name(conn, timer), before == FT_NEVER ? "set to" : "moved to",
			ft_trace_time_left(stack->now, deadline, left));
}

void ft_tcp_trace_expired(
	struct ft_stack *stack, const struct ft_tcp_conn *conn, enum ft_tcp_timer timer)
{
	if (timer == FT_TCP_TIMER_REST)
		return;
	ft_trace_of(
		stack, FT_TRACE_TIMER, &conn->tuple, "%s timer expired", timer_name(conn, timer));
}
