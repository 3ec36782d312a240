// The other end as an application on a stack of its own: connects from as many addresses and to as many
// ports as its connections need, sends a request when told to, and checks the answer. Written against
// fourtuple.h alone.
#pragma once
#include <stdint.h>

#include "bench_server.h"

#define BENCH_CLIENT_PORTS     60000 // of each address to each port of the server
#define BENCH_CLIENT_ADDRESSES 63
#define BENCH_CLIENT_MOST      (BENCH_SERVER_PORTS * BENCH_CLIENT_ADDRESSES * BENCH_CLIENT_PORTS)

struct bench_client {
	int epoll;
	int *fds; // by the connection's number
	uint32_t connections;
	uint32_t server; // its address, host byte order
	uint64_t established, answered;
};

// How many addresses that many connections need, and the address `index` (host byte order).
uint32_t bench_client_addresses(uint32_t connections);
uint32_t bench_client_address(uint32_t index);

// The calling thread has a stack with these addresses, whose ephemeral ports are BENCH_CLIENT_PORTS at least.
// Exits with a sentence when something fails, now or later.
void bench_client_start(struct bench_client *client, uint32_t server, uint32_t connections);
void bench_client_free(struct bench_client *client);

// Begins to connect, or sends a byte, on connection `number`.
void bench_client_connect(struct bench_client *client, uint32_t number);
void bench_client_ask(struct bench_client *client, uint32_t number);

// Asks epoll once, without waiting, and takes what has come. The stack's loop turns in here.
void bench_client_serve(struct bench_client *client);
