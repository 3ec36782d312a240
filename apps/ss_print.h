// How ft-ss shows sockets: rows collected, then printed in columns as wide as they need be.
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "apps/ss_socket.h"
#include "apps/telemetry_client.h"

struct ss_style {
	bool is_numeric;    // -n: no names of services
	bool has_processes; // -p
	bool has_timers;    // -o
	bool has_details;   // -i
	bool has_no_header; // -H
	bool has_netid;	    // more than one kind of socket is asked for
	bool has_state;	    // more than one state is asked for
};

struct ss_row {
	char *columns[8]; // netid, state, both queues, both addresses with their ports
	char *rest;	  // users:(...) timer:(...)
	char *details;
};

struct ss_table {
	struct ss_row *rows;
	int count, room;
};

// Adds a socket of an application, `record` being what telemetry says of it. Returns false when memory is out.
bool ss_table_add(struct ss_table *table, const struct ss_style *style,
	const struct ss_socket *socket, const json_t *record, const struct ft_app *app);
void ss_table_print(const struct ss_table *table, const struct ss_style *style);
void ss_table_free(struct ss_table *table);

// What is common with --json.
const char *ss_state_name(const struct ss_socket *socket); // "ESTAB"
