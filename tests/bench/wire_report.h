// What wire-to-wire found, for people and for programs.
#pragma once
#include <stdint.h>

#include "stack.h"
#include "wire_options.h"

#define WIRE_PARTS 8

// Memory of one kind: what it is for, bytes of one, how many are in use.
struct wire_part {
	const char *name;
	double bytes;
	uint64_t count;
};

struct wire_result {
	uint64_t operations;	 // requests, or connections
	uint64_t server_ns;	 // of processor time
	uint64_t total_ns;	 // the client's part included
	uint64_t resident_bytes; // that the process gained
	struct wire_part parts[WIRE_PARTS];
	uint32_t part_count;
};

// Resident bytes of this process now.
uint64_t wire_report_resident_bytes(void);
// Fills the parts: from the sizes of the server's pools and tables.
void wire_report_memory(const struct ft_stack *stack, struct wire_result *result);
// Exits when a stack, the "server" or the "client", has dropped or repeated anything.
void wire_report_check(const struct ft_stack *stack, const char *whose);
void wire_report_trouble(const struct ft_stack *stack);
void wire_report_print(const struct wire_options *options, const struct wire_result *result);
