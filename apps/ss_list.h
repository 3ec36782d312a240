// The sockets that ft-ss lists: which are wanted, and what applications answer when they are asked for them.
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "apps/ss_filter.h"
#include "apps/ss_print.h"
#include "apps/telemetry_client.h"

struct ss_wanted {
	struct ss_filter filter;
	bool is_tcp, is_udp;
	bool is_ipv4, is_ipv6; // -4, -6; neither: both
	bool is_listening, is_all,
		is_bound; // -l, -a, -B: what states, when the filter says nothing of them
	bool is_kill;	  // -K: only connections, and they are reset
	bool is_json;
};

struct ss_list {
	struct ss_table table;
	json_t *records; // for --json, instead of the table: an array, the caller's
};

// A mask of SS_BIT().
uint32_t ss_wanted_states(const struct ss_wanted *wanted);

// Adds the wanted sockets of one application, asked for page by page. False when it did not answer, or
// not what is understood, or memory is out; that has been written to stderr.
bool ss_list_add(struct ss_list *list, const struct ss_wanted *wanted, const struct ss_style *style,
	struct ft_app *app);

// "app", "program" and "pid": whose a record is.
void ss_list_name(json_t *record, const struct ft_app *app);
