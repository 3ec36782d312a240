// What is printed meanwhile, in memory instead of on standard output.
#pragma once
#include <stdio.h>
#include <unistd.h>

struct printed {
	int output; // where it went before
	FILE *file;
};

static inline struct printed printed_begin(void)
{
	struct printed printed = { .output = dup(STDOUT_FILENO), .file = tmpfile() };

	assert_non_null(printed.file);
	fflush(stdout);
	dup2(fileno(printed.file), STDOUT_FILENO);
	return printed;
}

static inline void printed_end(struct printed printed, char *text, size_t room)
{
	fflush(stdout);
	dup2(printed.output, STDOUT_FILENO);
	close(printed.output);
	rewind(printed.file);
	text[fread(text, 1, room - 1, printed.file)] = '\0';
	fclose(printed.file);
}
