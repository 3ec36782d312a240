// The sixth to eighth steps: urgent data, text, FIN (RFC 9293 3.10.7.4).
#pragma once
#include "tcp/tcp_input.h"

enum ft_drop ft_tcp_receive_urgent_step(struct ft_arrival *arrival);
enum ft_drop ft_tcp_receive_text_step(struct ft_arrival *arrival);

// The text of a segment that begins at RCV.NXT and ends within the window, when the application still
// listens: what ft_tcp_receive_text_step() comes to then.
enum ft_drop ft_tcp_receive_in_order(struct ft_arrival *arrival);

enum ft_drop ft_tcp_receive_fin_step(struct ft_arrival *arrival);
