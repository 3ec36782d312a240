// What wire-to-wire is asked for.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum wire_mode { WIRE_REQUESTS, WIRE_ESTABLISH, WIRE_RATE, WIRE_BULK };

struct wire_options {
	enum wire_mode mode;
	uint32_t connections;
	uint32_t request_bytes;
	uint64_t requests;
	uint32_t in_flight;
	bool is_hot; // requests over 64 connections only
	bool acks_apart;
	bool echo_once;		  // ESTABLISH: then one request on each
	bool client_is_stack;	  // ESTABLISH
	bool server_closes_first; // RATE
	bool server_sends;	  // BULK
	uint64_t bytes;		  // BULK
	bool has_offload;
	bool has_tso;
	bool has_gro;
	bool is_clock_real;
	const char *json_path; // "-": standard output
};

// Exits when something is wrong, or after --help.
struct wire_options wire_options_read(int argc, char **argv);
