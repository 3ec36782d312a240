// Values on ft-load's command line: "1.5k", "500 ms", "10.9.0.1:80".
#pragma once
#include <stdbool.h>

#include <netinet/in.h>

struct load_unit {
	const char *name;
	double factor;
};

// Each ends with a unit without a name.
extern const struct load_unit load_counts[];	// "", k, M
extern const struct load_unit load_sizes[];	// bytes: "", K, M, of 1024
extern const struct load_unit load_durations[]; // nanoseconds: s, ms, us, min, h

// Reads a number, not negative, and its unit; spaces may stand between. False when it is none, or what
// both make is not in lowest .. highest.
bool load_read_number(const char *text, const struct load_unit *units, double lowest,
	double highest, double *number);

// Reads ADDRESS:PORT. Returns NULL, or what was expected there.
const char *load_read_address(const char *text, struct sockaddr_in *address);
