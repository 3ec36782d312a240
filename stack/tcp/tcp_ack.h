// The fifth step: what an ACK acknowledges, and what its absence tells (RFC 9293 3.10.7.4, RFC
// 5681).
#pragma once
#include "tcp/tcp_input.h"

// In all states but LISTEN and SYN-SENT.
enum ft_drop ft_tcp_ack_step(struct ft_arrival *arrival);

// SND.WND from a segment new enough (RFC 9293 3.10.7.4: SND.WL1, SND.WL2). What a SYN said was not
// scaled; this one is.
void ft_tcp_ack_update_window(struct ft_arrival *arrival);
