// Asking running applications through DPDK's telemetry: a SOCK_SEQPACKET socket for each, in DPDK's
// runtime directory, that answers a command with a JSON object.
#pragma once
#include <jansson.h>
#include <stdbool.h>

struct ft_app {
	char name[128];
	char program[128];
	int pid;
	int fd; // the connection; -1: it is there, and does not answer
};

// Connects to every application that answers /fourtuple/info, or only to those called `name` (NULL: all).
// Returns how many; the list is the caller's to free(). One that is there and does not answer is told of on
// stderr, and counts: only its name is known, and whatever it is asked, the answer is NULL.
int ft_client_find(struct ft_app **apps, const char *name);

// Learns who is at the other end of app->fd, which DPDK's greeting is still to come from. False when that
// is no application of ours; or with errno when it does not answer.
bool ft_client_greet(struct ft_app *app);

// An array of zeros, the caller's to free(). Without memory for it, the program ends.
void *ft_client_allocate(int count, size_t bytes);

void ft_client_close(struct ft_app *app);

// What it answers to "/fourtuple/counters"; the caller's to json_decref(). NULL: it did not answer, or
// answered with an error; that has been written to stderr.
json_t *ft_client_ask(struct ft_app *app, const char *command);
