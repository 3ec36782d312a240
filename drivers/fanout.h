// Keeps DPDK's af_packet driver out of the kernel's fanout groups: see fanout.c.
#pragma once
#include <stdbool.h>

// While true, a packet socket that asks to join a fanout group joins none, and does not receive what it sees sent.
void ft_fanout_stay_out(bool stay_out);
