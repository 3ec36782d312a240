// The application that is measured: an echo server as it would stand in a textbook on epoll, written
// against fourtuple.h alone.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define BENCH_SERVER_PORT   7
#define BENCH_SERVER_EVENTS 64

struct bench_server {
	int listener, epoll;
	bool closes_first; // ends each connection once it has answered
	bool only_reads;   // throws away what comes: bulk
	uint64_t accepted, ended;
	uint64_t reads, bytes;
};

// Listens; the calling thread has a stack. Exits with a sentence when it can't.
void bench_server_start(struct bench_server *server);

// Asks epoll once, without waiting, and serves what it names. The stack's loop turns in here.
void bench_server_serve(struct bench_server *server);
