#include "told.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stack.h"
#include "support.h"

static struct ft_stack *traced;
static FILE *told;
static int error_before;

void told_listen(struct ft_stack *stack, uint32_t subsystems)
{
	traced = stack;
	told = tmpfile();
	error_before = dup(STDERR_FILENO);
	dup2(fileno(told), STDERR_FILENO);
	stack->trace = subsystems;
}

// Ten digits of a sequence number, or 0x and a hash, become N.
static void hide_numbers(char *text)
{
	static const char *const before[] = { "SEQ ", "ACK ", "hash 0x", "bucket ", "tag 0x" };

	for (unsigned i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		char *at = text;

		while ((at = strstr(at, before[i])) != NULL) {
			char *end = at += strlen(before[i]);

			while (isxdigit((unsigned char)*end))
				end++;
			if (end == at)
				continue;
			memmove(at + 1, end, strlen(end) + 1);
			*at = 'N';
		}
	}
}

void told_expect(const char *wanted)
{
	static char text[65536], lines[65536];

	traced->trace = 0;
	dup2(error_before, STDERR_FILENO);
	close(error_before);
	rewind(told);
	lines[0] = 0;
	while (fgets(text, sizeof(text), told) != NULL)
		strcat(lines, strchr(text, ' ') + 1);
	fclose(told);
	hide_numbers(lines);
	if (strcmp(lines, wanted) != 0)
		fprintf(stderr, "told:\n%s", lines);
	assert_string_equal(lines, wanted);
}
