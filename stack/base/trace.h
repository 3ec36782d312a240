// One line for each event, in words, for whoever wants to watch a packet find its socket: [log]
// trace. Off, it costs a test of a bit.
#pragma once
#include <stdint.h>

#include <rte_branch_prediction.h>

enum ft_trace_subsystem {
	FT_TRACE_ETH = 0x01,
	FT_TRACE_ARP = 0x02,
	FT_TRACE_IP = 0x04,
	FT_TRACE_ICMP = 0x08,
	FT_TRACE_UDP = 0x10,
	FT_TRACE_TCP = 0x20,
	FT_TRACE_DEMUX = 0x40,
	FT_TRACE_SOCKET = 0x80,
	FT_TRACE_TIMER = 0x100,
	FT_TRACE_DROP = 0x200,
};

struct ft_stack;

// Writes "TIME SUBSYSTEM text" to standard error.
void ft_trace_write(const struct ft_stack *stack, enum ft_trace_subsystem subsystem,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

// "tcp,arp" or "all" to bits. For an unknown word returns 0 and points *unknown at it, inside
// `words`; else *unknown is NULL.
uint32_t ft_trace_parse(const char *words, const char **unknown);

#define ft_trace(stack, subsystem, ...)                                \
	do {                                                           \
		if (unlikely((stack)->trace & (subsystem)))            \
			ft_trace_write(stack, subsystem, __VA_ARGS__); \
	} while (0)
