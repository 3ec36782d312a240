#include "base/trace.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "stack.h"

static const struct {
	const char *word;
	uint32_t bits;
} subsystems[] = {
	{ "eth", FT_TRACE_ETH },
	{ "arp", FT_TRACE_ARP },
	{ "ip", FT_TRACE_IP },
	{ "icmp", FT_TRACE_ICMP },
	{ "udp", FT_TRACE_UDP },
	{ "tcp", FT_TRACE_TCP },
	{ "demux", FT_TRACE_DEMUX },
	{ "socket", FT_TRACE_SOCKET },
	{ "timer", FT_TRACE_TIMER },
	{ "drop", FT_TRACE_DROP },
	{ "all", UINT32_MAX },
};

#define SUBSYSTEM_COUNT (sizeof(subsystems) / sizeof(subsystems[0]))
#define BETWEEN_WORDS	", \t"

static const char *word_for(enum ft_trace_subsystem subsystem)
{
	for (size_t i = 0; i < SUBSYSTEM_COUNT; i++) {
		if (subsystems[i].bits == (uint32_t)subsystem)
			return subsystems[i].word;
	}
	return "?";
}

// 0 when there is no such subsystem.
static uint32_t bits_for(const char *word, size_t length)
{
	for (size_t i = 0; i < SUBSYSTEM_COUNT; i++) {
		if (strlen(subsystems[i].word) == length &&
			strncasecmp(subsystems[i].word, word, length) == 0)
			return subsystems[i].bits;
	}
	return 0;
}

static bool is_wanted(const struct ft_tracer *tracer, const struct ft_tuple *tuple)
{
	if (!tracer->has_pattern)
		return true;
	if (tuple == NULL && tracer->has_tuple)
		tuple = &tracer->tuple;
	return tuple != NULL && ft_tuple_pattern_matches(&tracer->pattern, tuple);
}

// The line goes out in one piece: other threads, with other stacks, write there too.
__attribute__((format(printf, 4, 0))) static void write_line(const struct ft_stack *stack,
	enum ft_trace_subsystem subsystem, const char *about, const char *format, va_list args)
{
	char text[512], number[24] = "";

	if (stack->tracer.packet != 0)
		snprintf(
			number, sizeof(number), " #%llu", (unsigned long long)stack->tracer.packet);
	assert(format != NULL); // or gcc fears for it under sanitizers
	vsnprintf(text, sizeof(text), format, args);
	fprintf(stderr, "%llu.%09llu %s%s %s%s%s\n", (unsigned long long)(stack->now / FT_SECOND),
		(unsigned long long)(stack->now % FT_SECOND), word_for(subsystem), number, about,
		about[0] != 0 ? " " : "", text);
}

void ft_trace_write(
	const struct ft_stack *stack, enum ft_trace_subsystem subsystem, const char *format, ...)
{
	va_list args;

	if (!is_wanted(&stack->tracer, NULL))
		return;
	va_start(args, format);
	write_line(stack, subsystem, "", format, args);
	va_end(args);
}

void ft_trace_write_of(const struct ft_stack *stack, enum ft_trace_subsystem subsystem,
	const struct ft_tuple *tuple, const char *format, ...)
{
	char about[FT_TUPLE_TEXT_BYTES] = "";
	va_list args;

	if (!is_wanted(&stack->tracer, tuple))
		return;
	if (tuple != NULL)
		ft_tuple_text(tuple, about);
	va_start(args, format);
	write_line(stack, subsystem, about, format, args);
	va_end(args);
}

void ft_trace_write_sent(const struct ft_stack *stack, enum ft_trace_subsystem subsystem,
	const struct ft_tuple *tuple, const char *format, ...)
{
	char local[FT_ENDPOINT_TEXT_BYTES], remote[FT_ENDPOINT_TEXT_BYTES];
	char about[FT_TUPLE_TEXT_BYTES];
	va_list args;

	if (!is_wanted(&stack->tracer, tuple))
		return;
	snprintf(about, sizeof(about), "%s -> %s",
		ft_endpoint_text(&tuple->local, tuple->local_port, local),
		ft_endpoint_text(&tuple->remote, tuple->remote_port, remote));
	va_start(args, format);
	write_line(stack, subsystem, about, format, args);
	va_end(args);
}

const char *ft_trace_time_left(ft_time now, ft_time deadline, char *text)
{
	ft_time left = deadline > now ? deadline - now : 0;

	snprintf(text, FT_TRACE_TIME_BYTES, "%llu.%03llu ms",
		(unsigned long long)(left / FT_MILLISECOND),
		(unsigned long long)(left % FT_MILLISECOND / FT_MICROSECOND));
	return text;
}

void ft_trace_begin_packet(struct ft_stack *stack, const struct ft_tuple *tuple)
{
	struct ft_tracer *tracer = &stack->tracer;

	tracer->packet = ++tracer->packets;
	tracer->has_tuple = tuple != NULL;
	if (tuple != NULL)
		tracer->tuple = *tuple;
}

void ft_trace_end_packet(struct ft_stack *stack)
{
	stack->tracer.packet = 0;
	stack->tracer.has_tuple = false;
}

uint32_t ft_trace_parse(const char *words, const char **unknown)
{
	uint32_t all = 0;

	*unknown = NULL;
	for (words += strspn(words, BETWEEN_WORDS); *words != 0;
		words += strspn(words, BETWEEN_WORDS)) {
		size_t length = strcspn(words, BETWEEN_WORDS);
		uint32_t bits = bits_for(words, length);

		if (bits == 0) {
			*unknown = words;
			return 0;
		}
		all |= bits;
		words += length;
	}
	return all;
}
