// The commands /fourtuple/... of DPDK's telemetry: README.md lists them. ft_init() starts it for the one
// stack of the process.
#pragma once
#include <stdbool.h>

#include <rte_telemetry.h>

#include "base/mailbox.h"

struct ft_nic;
struct ft_stack;

// From here on questions are answered. All of it must stay until ft_telemetry_stop(). `name` is what
// the running application is called, `device` what it drives.
void ft_telemetry_start(
	struct ft_stack *stack, const struct ft_nic *nic, const char *name, const char *device);

// No question is being answered any more when it returns. Called by the loop's thread.
void ft_telemetry_stop(void);

// ---- for the files of this folder ----

// Who answers. Between ft_telemetry_begin() and _end() it stays; NULL when the stack is gone.
struct ft_telemetry_subject {
	struct ft_stack *stack;
	const struct ft_nic *nic;
	const char *name;
	const char *device;
};
const struct ft_telemetry_subject *ft_telemetry_begin(void);
void ft_telemetry_end(void);

// Has the loop serve `request`. False when it could not, and `reply` then says why.
bool ft_telemetry_ask(struct ft_request *request, struct rte_tel_data *reply);

// A reply that is only { "error": text }. Returns 0.
int ft_telemetry_error(struct rte_tel_data *reply, const char *text);

int ft_telemetry_nic(const char *command, const char *parameters, struct rte_tel_data *reply);
int ft_telemetry_sockets(const char *command, const char *parameters, struct rte_tel_data *reply);
int ft_telemetry_reset(const char *command, const char *parameters, struct rte_tel_data *reply);
