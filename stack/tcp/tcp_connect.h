// Active opens: the steps of a segment in SYN-SENT (RFC 9293 3.10.7.3).
#pragma once
#include "tcp/tcp_input.h"

enum ft_drop ft_tcp_connect_ack_step(struct ft_arrival *arrival);
enum ft_drop ft_tcp_connect_rst_step(struct ft_arrival *arrival);
enum ft_drop ft_tcp_connect_syn_step(struct ft_arrival *arrival);
