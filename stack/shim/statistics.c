// What ft_print_statistics() shows.
#include <inttypes.h>

#include "fourtuple.h"
#include "shim/call.h"
#include "stack.h"

static void print(FILE *to, uint64_t count, const char *name, const char *text)
{
	if (count != 0)
		fprintf(to, "%12" PRIu64 "  %-24s %s\n", count, name, text);
}

static void print_drops(FILE *to, const char *title, const uint64_t *dropped)
{
	bool has_title = false;

	for (int i = 1; i < FT_DROP_COUNT; i++) {
		if (dropped[i] != 0 && !has_title) {
			fprintf(to, "%s\n", title);
			has_title = true;
		}
		print(to, dropped[i], ft_drop_name(i), ft_drop_text(i));
	}
}

void ft_print_statistics(FILE *to)
{
	struct ft_stack *stack = ft_call_stack();

	if (stack == NULL)
		return;
	for (int i = 0; i < FT_COUNTER_COUNT; i++)
		print(to, stack->counters.count[i], ft_counter_name(i), ft_counter_text(i));
	print_drops(to, "dropped on receipt:", stack->counters.dropped_input);
	print_drops(to, "discarded after receipt:", stack->counters.dropped_late);
	print_drops(to, "not sent:", stack->counters.dropped_output);
}
