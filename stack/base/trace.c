#include "base/trace.h"

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

// The line goes out in one piece: other threads, with other stacks, write there too.
void ft_trace_write(
	const struct ft_stack *stack, enum ft_trace_subsystem subsystem, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "%llu.%09llu %s %s\n", (unsigned long long)(stack->now / FT_SECOND),
		(unsigned long long)(stack->now % FT_SECOND), word_for(subsystem), text);
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
