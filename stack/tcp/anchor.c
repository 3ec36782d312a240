// Read ft_anchor_may_rest() first, then fold() and unfold(), which are each other's reverse.
#include "tcp/anchor.h"

#include <rte_common.h>

#include "socket/socket.h"
#include "stack.h"
#include "tcp/conn.h"
#include "tcp/handshake.h"
#include "tcp/tcp_reset.h"
#include "tcp/tcp_timers.h"

#define LAPS_MOST 15 // that an anchor has room for: 64 GB

// ---- may it rest? ----

static bool is_in_resting_state(const struct ft_tcp_conn *conn)
{
	bool is_open = conn->state == FT_TCP_ESTABLISHED || conn->state == FT_TCP_CLOSE_WAIT;

	return is_open && conn->socket != NULL && conn->error == 0;
}

static bool is_nothing_to_send(const struct ft_tcp_conn *conn)
{
	return conn->owed == 0 && ft_list_is_empty(&conn->owing_node) &&
	       conn->send_queue.bytes == 0 && conn->snd.una == conn->snd.max &&
	       conn->snd.nxt == conn->snd.max && conn->rcv.acked == conn->rcv.nxt;
}

static bool is_nothing_to_read(const struct ft_tcp_conn *conn)
{
	return conn->receive_queue.bytes == 0 && ft_reorder_is_empty(&conn->reorder) &&
	       !conn->reorder.has_fin && !conn->has_urgent && !conn->is_urgent_readable;
}

// Of the deadlines only keepalive's may stand.
static bool is_nothing_timed(const struct ft_tcp_conn *conn)
{
	return conn->deadlines[FT_TCP_TIMER_RETRANSMIT] == FT_NEVER &&
	       conn->deadlines[FT_TCP_TIMER_DELAYED_ACK] == FT_NEVER &&
	       conn->deadlines[FT_TCP_TIMER_USER] == FT_NEVER &&
	       conn->deadlines[FT_TCP_TIMER_QUIET] == FT_NEVER;
}

// What is rare and for which an anchor has no room: the block is kept until it is over.
static bool is_nothing_unusual(const struct ft_stack *stack, const struct ft_tcp_conn *conn)
{
	return conn->unanswered_probes == 0 && conn->timeouts == 0 && conn->soft_error == 0 &&
	       conn->rtt.backoff == 0 && conn->retransmit.phase == FT_RETRANSMIT_OPEN &&
	       !conn->retransmit.is_timing && conn->total_retransmits <= UINT16_MAX &&
	       conn->snd_laps <= LAPS_MOST && conn->rcv_laps <= LAPS_MOST &&
	       conn->challenge_second != (uint32_t)(stack->now / FT_SECOND);
}

bool ft_anchor_may_rest(const struct ft_stack *stack, const struct ft_tcp_conn *conn)
{
	return is_in_resting_state(conn) && is_nothing_to_send(conn) && is_nothing_to_read(conn) &&
	       is_nothing_timed(conn) && is_nothing_unusual(stack, conn);
}

// ---- folding ----

// A time a little or long ago, and back; after 49 days of silence it seems nearer than it was.
static uint32_t fold_time(ft_time time)
{
	return (uint32_t)(time / FT_MILLISECOND);
}

static ft_time unfold_time(uint32_t time_ms, ft_time now)
{
	uint64_t now_ms = now / FT_MILLISECOND;
	uint32_t ago_ms = (uint32_t)now_ms - time_ms;

	return (now_ms - RTE_MIN(now_ms, (uint64_t)ago_ms)) * FT_MILLISECOND;
}

static uint32_t fold_duration(ft_time duration)
{
	return (uint32_t)RTE_MIN(duration / FT_MICROSECOND, (ft_time)UINT32_MAX);
}

// SND.WL1 and SND.WL2 are not kept: after the pause no segment is under way that they would tell from
// what comes, so RCV.NXT and SND.UNA do for them.
static struct ft_tcp_rest fold_numbers(const struct ft_tcp_conn *conn, uint32_t alarm)
{
	const struct ft_rtt *rtt = &conn->rtt;

	return (struct ft_tcp_rest){
		.alarm = alarm,
		.mss = conn->mss,
		.rcv_mss = conn->rcv_mss,
		.offer_mss = conn->offer_mss,
		.total_retransmits = (uint16_t)conn->total_retransmits,
		.rcv = { conn->rcv.nxt, conn->rcv.wnd, conn->rcv.ts_recent, conn->rcv.irs },
		.snd = { conn->snd.una, conn->snd.wnd, conn->snd.max_wnd, conn->snd.iss },
		.ts_recent_age = conn->ts_recent_age,
		.ts_offset = conn->ts_offset,
		.srtt_us = fold_duration(rtt->has_sample ? rtt->srtt : rtt->rto),
		.rttvar_us = fold_duration(rtt->rttvar),
		.cwnd = conn->cc.cwnd,
		.ssthresh = conn->cc.ssthresh,
		.last_heard_ms = fold_time(conn->last_heard),
		.last_sent_ms = fold_time(conn->last_sent),
		.last_received_ms = fold_time(conn->last_received),
	};
}

static void fold(struct ft_tcp_anchor *anchor, const struct ft_tcp_conn *conn, uint32_t alarm)
{
	anchor->state = conn->state;
	anchor->snd_scale = conn->snd_scale;
	anchor->rcv_scale = conn->rcv_scale;
	anchor->has_timestamps = conn->has_timestamps;
	anchor->has_scaling = conn->has_scaling;
	anchor->is_read_shut = conn->is_read_shut;
	anchor->is_passive = conn->is_passive;
	anchor->was_syn_lost = conn->was_syn_lost;
	anchor->has_sample = conn->rtt.has_sample;
	anchor->is_after_timeout = conn->cc.is_after_timeout;
	anchor->is_after_loss = !ft_seq_is_after(conn->snd.una, conn->retransmit.recover);
	anchor->reuse = conn->reuse;
	anchor->snd_laps = conn->snd_laps & LAPS_MOST;
	anchor->rcv_laps = conn->rcv_laps & LAPS_MOST;
	anchor->rest = fold_numbers(conn, alarm);
}

static void unfold_numbers(struct ft_tcp_conn *conn, const struct ft_tcp_rest *rest, ft_time now)
{
	conn->mss = rest->mss;
	conn->rcv_mss = rest->rcv_mss;
	conn->offer_mss = rest->offer_mss;
	conn->total_retransmits = rest->total_retransmits;
	conn->rcv.nxt = conn->rcv.acked = conn->snd.wl1 = rest->rcv.nxt;
	conn->rcv.wnd = rest->rcv.wnd;
	conn->rcv.ts_recent = rest->rcv.ts_recent;
	conn->rcv.irs = rest->rcv.irs;
	conn->snd.una = conn->snd.nxt = conn->snd.max = rest->snd.una;
	conn->snd.wl2 = conn->snd.up = conn->snd.sml = rest->snd.una;
	conn->snd.wnd = rest->snd.wnd;
	conn->snd.max_wnd = rest->snd.max_wnd;
	conn->snd.iss = rest->snd.iss;
	conn->ts_recent_age = rest->ts_recent_age;
	conn->ts_offset = rest->ts_offset;
	conn->last_heard = unfold_time(rest->last_heard_ms, now);
	conn->last_sent = unfold_time(rest->last_sent_ms, now);
	conn->last_received = unfold_time(rest->last_received_ms, now);
}

static void unfold_path(struct ft_stack *stack, struct ft_tcp_conn *conn,
	const struct ft_tcp_anchor *anchor, const struct ft_tcp_rest *rest)
{
	struct ft_rtt_limits limits = ft_tcp_timers_limits(stack);

	if (anchor->has_sample)
		ft_rtt_restore(&conn->rtt, rest->srtt_us * FT_MICROSECOND,
			rest->rttvar_us * FT_MICROSECOND, &limits);
	else
		ft_rtt_init(&conn->rtt, rest->srtt_us * FT_MICROSECOND);
	ft_retransmit_init(&conn->retransmit, rest->snd.una - !anchor->is_after_loss);
	ft_handshake_begin_congestion(stack, conn);
	conn->cc.cwnd = rest->cwnd;
	conn->cc.ssthresh = rest->ssthresh;
	conn->cc.is_after_timeout = anchor->is_after_timeout;
}

// The options are the socket's: it and its connection are always told the same.
static void unfold(
	struct ft_stack *stack, const struct ft_tcp_anchor *anchor, struct ft_tcp_conn *conn)
{
	struct ft_socket *socket = ft_pool_at(&stack->sockets->sockets, anchor->socket);

	ft_conn_init(stack, conn, &socket->settings->options, anchor->reuse);
	conn->tuple = anchor->tuple;
	conn->has_martian_peer = ft_conn_is_peer_martian(stack, &anchor->tuple);
	conn->socket = socket;
	conn->state = anchor->state;
	conn->snd_scale = anchor->snd_scale;
	conn->rcv_scale = anchor->rcv_scale;
	conn->has_timestamps = anchor->has_timestamps;
	conn->has_scaling = anchor->has_scaling;
	conn->is_fin_received = anchor->state == FT_TCP_CLOSE_WAIT;
	conn->is_read_shut = anchor->is_read_shut;
	conn->is_passive = anchor->is_passive;
	conn->was_syn_lost = anchor->was_syn_lost;
	conn->snd_laps = anchor->snd_laps;
	conn->rcv_laps = anchor->rcv_laps;
	conn->announced_mss = ft_handshake_announced_mss(stack, conn, &conn->tuple.remote);
	unfold_numbers(conn, &anchor->rest, stack->now);
	unfold_path(stack, conn, anchor, &anchor->rest);
}

// ---- keepalive ----

static struct ft_tcp_alarm *alarm_of(struct ft_stack *stack, const struct ft_tcp_anchor *anchor)
{
	uint32_t index = anchor->rest.alarm;

	return index == FT_POOL_NONE ? NULL : ft_pool_at(&stack->tcp.alarms, index);
}

static void give_alarm(struct ft_stack *stack, struct ft_tcp_alarm *alarm)
{
	if (alarm == NULL)
		return;
	ft_timer_cancel(&stack->wheel, &alarm->timer);
	ft_pool_give(&stack->tcp.alarms, alarm);
}

// There are as many alarms as anchors.
static uint32_t take_alarm(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	struct ft_tcp_alarm *alarm;

	if (conn->deadlines[FT_TCP_TIMER_KEEPALIVE] == FT_NEVER)
		return FT_POOL_NONE;
	alarm = ft_pool_take(&stack->tcp.alarms);
	alarm->anchor = conn->anchor;
	ft_timer_init(&alarm->timer, FT_TIMER_TCP_ALARM);
	ft_timer_set(&stack->wheel, &alarm->timer, conn->deadlines[FT_TCP_TIMER_KEEPALIVE]);
	return ft_pool_index(&stack->tcp.alarms, alarm);
}

// ---- waking, resting, looking ----

struct ft_tcp_conn *ft_anchor_unfold(
	struct ft_stack *stack, struct ft_tcp_anchor *anchor, bool is_call)
{
	struct ft_tcp_conn *conn;
	struct ft_tcp_alarm *alarm;
	ft_time keepalive;

	conn = ft_conn_take_block(stack, is_call);
	if (conn == NULL)
		return NULL;
	alarm = alarm_of(stack, anchor);
	keepalive = alarm != NULL ? alarm->timer.deadline : FT_NEVER;
	give_alarm(stack, alarm);
	unfold(stack, anchor, conn);
	anchor->state = FT_TCP_CLOSED;
	anchor->conn = conn;
	conn->anchor = anchor;
	conn->socket->description.is_at_work = true;
	ft_tcp_timers_woken(stack, conn, keepalive);
	return conn;
}

bool ft_anchor_rest(struct ft_stack *stack, struct ft_tcp_conn *conn)
{
	if (!ft_anchor_may_rest(stack, conn))
		return false;
	fold(conn->anchor, conn, take_alarm(stack, conn));
	ft_tcp_timers_stop(stack, conn);
	conn->state = FT_TCP_CLOSED; // how a free block is told
	conn->socket->description.is_at_work = false;
	conn->socket = NULL;
	ft_pool_give(&stack->tcp.conns, conn);
	return true;
}

const struct ft_tcp_conn *ft_anchor_look(
	struct ft_stack *stack, struct ft_tcp_anchor *anchor, struct ft_tcp_conn *room)
{
	const struct ft_tcp_alarm *alarm;

	if (!ft_anchor_is_at_rest(anchor))
		return anchor->conn;
	unfold(stack, anchor, room);
	alarm = alarm_of(stack, anchor);
	if (alarm != NULL)
		room->deadlines[FT_TCP_TIMER_KEEPALIVE] = alarm->timer.deadline;
	return room;
}

void ft_anchor_abort(struct ft_stack *stack, struct ft_tcp_anchor *anchor, ft_time now)
{
	struct ft_tcp *tcp = &stack->tcp;
	struct ft_tcp_conn likeness;

	unfold(stack, anchor, &likeness);
	ft_tcp_reset_conn(stack, &likeness, now);
	ft_stack_count(stack, FT_COUNTER_TCP_CONNECTIONS_CLOSED);
	give_alarm(stack, alarm_of(stack, anchor));
	ft_conn_table_remove(&tcp->connections, ft_tuple_hash(&stack->key, &anchor->tuple),
		ft_pool_index(&tcp->anchors, anchor));
	ft_port_release(&tcp->ports, &anchor->tuple, anchor->reuse);
	tcp->in_state[anchor->state]--;
	anchor->state = FT_TCP_CLOSED;
	anchor->conn = NULL;
	ft_pool_give(&tcp->anchors, anchor);
}
