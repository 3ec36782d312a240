// What setsockopt() has told a socket. Most sockets are told the same, or inherit it from a listener, so
// each set of settings exists once, and sockets share it: a socket that is told something else goes over
// to another set.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>

#include "base/time.h"
#include "tcp/tcp.h"

struct ft_socket;
struct ft_stack;

struct ft_settings {
	struct ft_tcp_options options; // of UDP too, as far as they apply
	ft_time receive_timeout;       // SO_RCVTIMEO, FT_NEVER when there is none
	ft_time send_timeout;
	uint32_t linger_s; // SO_LINGER
	bool has_linger;

	uint32_t users; // what follows is the sharing's own
	uint32_t next;	// of the same chain, FT_POOL_NONE at either end
	uint32_t previous;
};

#define FT_SETTINGS_CHAINS 256

// The pool has a set for each socket, the two that sockets begin with, and one for a socket that goes over
// to another: so there always is one.
#define FT_SETTINGS_SPARE 3

// The settings sockets begin with, which stack->sockets holds for as long as it lives.
void ft_settings_init(struct ft_stack *stack);

// A new socket has them.
static inline void ft_settings_share(struct ft_settings *settings)
{
	settings->users++;
}

// From now on the socket's settings are equal to `wanted`; a listener's connections follow.
void ft_settings_change(
	struct ft_stack *stack, struct ft_socket *socket, const struct ft_settings *wanted);

// Nobody has them any more.
void ft_settings_discard(struct ft_stack *stack, struct ft_settings *settings);

// A socket that has them is being closed.
static inline void ft_settings_release(struct ft_stack *stack, struct ft_settings *settings)
{
	if (unlikely(--settings->users == 0))
		ft_settings_discard(stack, settings);
}
