#include "drivers/quiet.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int put_aside(FILE *stream, int null)
{
	int saved = fcntl(fileno(stream), F_DUPFD_CLOEXEC, 3);

	fflush(stream);
	if (saved >= 0)
		dup2(null, fileno(stream));
	return saved;
}

static void put_back(FILE *stream, int saved)
{
	if (saved < 0)
		return;
	fflush(stream);
	dup2(saved, fileno(stream));
	close(saved);
}

void ft_quiet_begin(struct ft_quiet *quiet, bool is_wanted)
{
	int null = is_wanted ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;

	quiet->saved_stdout = quiet->saved_stderr = -1;
	if (null < 0)
		return;
	quiet->saved_stdout = put_aside(stdout, null);
	quiet->saved_stderr = put_aside(stderr, null);
	close(null);
}

void ft_quiet_end(struct ft_quiet *quiet)
{
	put_back(stdout, quiet->saved_stdout);
	put_back(stderr, quiet->saved_stderr);
}
