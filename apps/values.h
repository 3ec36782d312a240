// Values on the command lines of the executables: "10k", "500 ms", "10.9.0.1:80".
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <netinet/in.h>

struct value_unit {
	const char *name;
	double factor;
};

// Each ends with a unit without a name.
extern const struct value_unit value_counts[];	  // "", k, M
extern const struct value_unit value_sizes[];	  // bytes: "", K, M, of 1024
extern const struct value_unit value_durations[]; // nanoseconds: s, ms, us, min, h
extern const struct value_unit value_seconds[];	  // seconds: "", s

// Reads a number, not negative, and its unit; spaces may stand between. False when it is none, or what
// both make is not in lowest .. highest.
bool value_read_number(const char *text, const struct value_unit *units, double lowest,
	double highest, double *number);

// Reads a whole number, "100", "10k" or "1M", exactly. False when it is none of lowest .. highest.
bool value_read_count(const char *text, uint64_t lowest, uint64_t highest, uint64_t *count);

// Reads a port, 1 to 65535. False when it is none.
bool value_read_port(const char *text, uint16_t *port);

// Reads a range of ports as the configuration has them, "49152-65535". False when it is none.
bool value_read_ports(const char *text, uint16_t *first, uint16_t *last);

// Reads ADDRESS:PORT. Returns NULL, or what was expected there.
const char *value_read_address(const char *text, struct sockaddr_in *address);
