#include "apps/ss_summary.h"

#include <stdio.h>
#include <string.h>

json_t *ss_summary_ask(struct ft_app *app)
{
	static const char *const commands[] = { "states", "counters", "drops" };
	json_t *summary = json_object();

	for (int i = 0; i < 3; i++) {
		char command[64];
		json_t *answer;

		snprintf(command, sizeof(command), "/fourtuple/%s", commands[i]);
		answer = ft_client_ask(app, command);
		if (answer == NULL) {
			json_decref(summary);
			return NULL;
		}
		json_object_set_new(summary, commands[i], answer);
	}
	return summary;
}

static void print_states(json_t *states)
{
	const char *state;
	json_t *value;

	printf("Sockets:");
	json_object_foreach(states, state, value)
	{
		if (json_integer_value(value) != 0)
			printf(" %s %lld", state, (long long)json_integer_value(value));
	}
	printf("\n");
}

static void print_numbers(const char *title, json_t *now, const json_t *before, double seconds)
{
	const char *name;
	json_t *value;
	bool has_title = false;

	json_object_foreach(now, name, value)
	{
		long long number = json_integer_value(value);
		long long old = json_integer_value(json_object_get(before, name));

		if (number == 0)
			continue;
		if (!has_title)
			printf("%s\n", title);
		has_title = true;
		printf("%16lld  %-24s", number, name);
		if (before != NULL)
			printf(" %.1f/s", ((double)number - (double)old) / seconds);
		printf("\n");
	}
}

void ss_summary_print(const json_t *now, const json_t *before, double seconds)
{
	static const char *const kinds[] = { "input", "late", "output" };
	static const char *const titles[] = {
		"Dropped on receipt:", "Discarded after receipt:", "Not sent:"
	};

	print_states(json_object_get(now, "states"));
	print_numbers("Counters:", json_object_get(now, "counters"),
		json_object_get(before, "counters"), seconds);
	for (int i = 0; i < 3; i++)
		print_numbers(titles[i], json_object_get(json_object_get(now, "drops"), kinds[i]),
			json_object_get(json_object_get(before, "drops"), kinds[i]), seconds);
}

static void print_value(const char *name, const json_t *value, const char *indent)
{
	if (json_is_string(value))
		printf("%s%-18s %s\n", indent, name, json_string_value(value));
	else
		printf("%s%-18s %lld\n", indent, name, (long long)json_integer_value(value));
}

bool ss_nic_print(struct ft_app *app)
{
	json_t *nic = ft_client_ask(app, "/fourtuple/nic");
	const char *name, *inner;
	json_t *value, *entry;

	json_object_foreach(nic, name, value)
	{
		if (!json_is_object(value)) {
			print_value(name, value, "");
			continue;
		}
		printf("%s:\n", name);
		json_object_foreach(value, inner, entry)
		{
			print_value(inner, entry, "  ");
		}
	}
	json_decref(nic);
	return nic != NULL;
}
