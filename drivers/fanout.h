// Keeps the kernel from reassembling what af_packet receives: see fanout.c.
#pragma once
#include <stdbool.h>

// While true, packet sockets join fanout groups without PACKET_FANOUT_FLAG_DEFRAG.
void ft_fanout_keep_fragments(bool keep);
