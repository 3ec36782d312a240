// Who takes nothing of what is sent, while others lack packets to send in.
//
// A peer may take its time: its window may stay shut for days (RFC 9293 3.8.6.1), or open by a byte now
// and then. But packets that wait for it are packets that others lack. When those to send have been scarce
// for half a minute, connections are reset whose peers in as long have neither freed a single packet nor
// taken all that there was for them at its beginning (RFC 6429 4 and 5 has it of shut windows: whoever
// manages the resources may do so). Before that each is sent something once more, and given time to take it:
// the path may have been interrupted, and the next retransmission a minute off.
#pragma once
#include "stack.h"
#include "tcp/conn.h"

// To be told when something has moved in a connection's send queue: the first packet has come, others have
// left, or the peer has taken all that was queued the last time. A byte for each connection does for the
// time: it goes round every 36 minutes, and then a hoarder has his half minute anew.
#define FT_HOARDERS_TICK_SHIFT 33 // of 8.6 s

static inline void ft_tcp_hoarders_moved(struct ft_tcp_conn *conn, ft_time now)
{
	conn->packets_moved = (uint8_t)(now >> FT_HOARDERS_TICK_SHIFT);
	conn->send_queue.old_bytes = (uint32_t)conn->send_queue.bytes;
	conn->was_hoarder_tried = false;
}

void ft_tcp_hoarders_search(struct ft_stack *stack, ft_time now);

// Once a turn: while packets to send are scarce, looks at some connections and resets those that hoard.
static inline void ft_tcp_hoarders_look(struct ft_stack *stack, ft_time now)
{
	if (unlikely(ft_budget_is_scarce(&stack->send_held)))
		ft_tcp_hoarders_search(stack, now);
}
