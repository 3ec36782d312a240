// What ft-ss shows besides sockets.
#pragma once
#include "apps/telemetry_client.h"

// -s: sockets by state, counters and drops by reason that are not zero, with what was added a second
// since `before` (an answer of ss_summary_ask(), or NULL for none) over `seconds`.
json_t *ss_summary_ask(struct ft_app *app); // NULL: it does not answer
void ss_summary_print(const json_t *now, const json_t *before, double seconds);

// --nic.
bool ss_nic_print(struct ft_app *app);
