// A stack alone, in virtual time, with a NIC that swallows: what tests of the shim speak to. Its
// connections go to its own addresses, so both ends are real and no wire is needed.
#pragma once
#include "stack.h"

#define LONE_ADDRESS "10.9.0.2"

struct ft_lone {
	struct ft_stack stack;
	ft_time now;
	ft_time next;		// the turn the stack wants
	uint64_t swallowed;	// frames sent
	uint16_t transmit_room; // frames the NIC takes at a time
};

// Starts the stack, 10.9.0.2/24 its address, and attaches it to the ft_* calls. `configure` may
// change the configuration, NULL leaves it.
void ft_lone_start(struct ft_lone *lone, void (*configure)(struct ft_config *config));

// Closes all, waits until the last connection is over, and checks that every packet is back.
void ft_lone_stop(struct ft_lone *lone);

// Turns the loop until nothing more is to be done at this time.
void ft_lone_settle(struct ft_lone *lone);

// Lets time pass.
void ft_lone_run_for(struct ft_lone *lone, ft_time duration);
