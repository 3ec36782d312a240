// One line for each event, in words, for whoever wants to watch a packet find its socket: [log]
// trace. The lines told while a received packet is in hand bear its number. Off, it costs a test of
// a bit: what formats is in functions of their own, out of the way.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>

#include "demux/tuple_pattern.h"

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

// What the trace of a stack remembers between two lines.
struct ft_tracer {
	bool has_pattern; // only what concerns `pattern` is told
	struct ft_tuple_pattern pattern;
	uint64_t packets;      // told so far
	uint64_t packet;       // the number of the one in hand, 0: none
	bool has_tuple;	       // it is known who speaks to whom in it
	struct ft_tuple tuple; // if so
};

// Writes "TIME SUBSYSTEM [#PACKET] text" to standard error, if the pattern lets it pass. The tuple
// is that of the packet in hand; what belongs to none is not told while there is a pattern.
void ft_trace_write(const struct ft_stack *stack, enum ft_trace_subsystem subsystem,
	const char *format, ...) __attribute__((cold, format(printf, 3, 4)));
// The same about another tuple, which the text begins with; NULL: as above.
void ft_trace_write_of(const struct ft_stack *stack, enum ft_trace_subsystem subsystem,
	const struct ft_tuple *tuple, const char *format, ...)
	__attribute__((cold, format(printf, 4, 5)));

// The same about what goes out: the tuple is told as "LOCAL -> REMOTE".
void ft_trace_write_sent(const struct ft_stack *stack, enum ft_trace_subsystem subsystem,
	const struct ft_tuple *tuple, const char *format, ...)
	__attribute__((cold, format(printf, 4, 5)));

// "1000.000 ms" into `text` of FT_TRACE_TIME_BYTES: how long from `now` to `deadline`; returns it.
#define FT_TRACE_TIME_BYTES 32
const char *ft_trace_time_left(uint64_t now, uint64_t deadline, char *text) __attribute__((cold));

// A received packet is in hand from now on; `tuple` may be NULL. Gives it the next number.
void ft_trace_begin_packet(struct ft_stack *stack, const struct ft_tuple *tuple)
	__attribute__((cold));
void ft_trace_end_packet(struct ft_stack *stack) __attribute__((cold));

// "tcp,arp" or "all" to bits. For an unknown word returns 0 and points *unknown at it, inside
// `words`; else *unknown is NULL.
uint32_t ft_trace_parse(const char *words, const char **unknown);

#define ft_is_traced(stack, subsystems) unlikely((stack)->trace &(subsystems))

#define ft_trace(stack, subsystem, ...)                                \
	do {                                                           \
		if (ft_is_traced(stack, subsystem))                    \
			ft_trace_write(stack, subsystem, __VA_ARGS__); \
	} while (0)

#define ft_trace_of(stack, subsystem, tuple, ...)                                \
	do {                                                                     \
		if (ft_is_traced(stack, subsystem))                              \
			ft_trace_write_of(stack, subsystem, tuple, __VA_ARGS__); \
	} while (0)

#define ft_trace_sent(stack, subsystem, tuple, ...)                                \
	do {                                                                       \
		if (ft_is_traced(stack, subsystem))                                \
			ft_trace_write_sent(stack, subsystem, tuple, __VA_ARGS__); \
	} while (0)
