// Drivers and the libraries below them print to standard output and error whatever their log level
// (libxdp, libbpf, the EAL's usage). What a user should read is said by us, once it is over.
#pragma once
#include <stdbool.h>

struct ft_quiet {
	int saved_stdout;
	int saved_stderr;
};

// Lets both streams go nowhere until ft_quiet_end(); nothing happens unless `is_wanted`.
void ft_quiet_begin(struct ft_quiet *quiet, bool is_wanted);
void ft_quiet_end(struct ft_quiet *quiet);
