// The application above the stack under attack: listeners, datagram sockets, and calls in any
// order.
#pragma once
#include "choice.h"

#define FUZZ_TCP_PORT	    7	  // and the two above: of which one does not listen
#define FUZZ_UDP_PORT	    7	  // bound to any address
#define FUZZ_CONNECTED_PORT 4000  // of a UDP socket connected to the peer
#define FUZZ_PEER_PORT	    30000 // where the peer sends datagrams from

// Opens the sockets that stay; the stack must be attached.
void fuzz_application_open(void);

// One call, or a few that belong together.
void fuzz_application_act(struct fuzz_choice *choice);
