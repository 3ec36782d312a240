// An application in a simulation: straight, blocking code with a stack of its own (makecontext(3)),
// all in one thread. A blocking ft_* call lets the network go on until its host has turned its
// loop; so do ft_task_sleep() and ft_task_yield(). Only one task runs at a time, always in the same
// order.
#pragma once
#include <stdbool.h>

#include "base/time.h"

struct ft_host;
struct ft_network;
struct ft_task;

// Starts `function(arg)` on `host`, with the host's stack attached to its ft_* calls. It runs for
// the first time in the next step. Without a host (NULL) it can only sleep and change the network.
struct ft_task *ft_task_start(
	struct ft_network *network, struct ft_host *host, void (*function)(void *arg), void *arg);

// For the task that runs: pauses for virtual time; pauses until its host has turned its loop.
void ft_task_sleep(ft_time duration);
void ft_task_yield(void);

// Waits until another task is over.
void ft_task_join(struct ft_task *other);
bool ft_task_is_over(const struct ft_task *task);
// Its host vanished or restarted under it.
bool ft_task_is_dead(const struct ft_task *task);

// ---- for network.c ----

// When the task wants to run by itself: FT_NEVER while it waits for its host.
ft_time ft_task_wakes_at(const struct ft_task *task);

// Lets the task go on if its time has come, or if it waits for its host and `has_turned` is that
// host. Returns whether it ran.
bool ft_task_resume(struct ft_task *task, const struct ft_host *has_turned);
struct ft_host *ft_task_host(const struct ft_task *task);
void ft_task_free(struct ft_task *task);
