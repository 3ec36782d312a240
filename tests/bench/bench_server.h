// The application that is measured: a server as it would stand in a textbook on epoll, written against
// fourtuple.h alone. It echoes, or for bulk reads or writes all it can; then the other end is the same
// program that has connected instead of listening.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define BENCH_SERVER_PORT   7 // the first of them
#define BENCH_SERVER_PORTS  4 // at most
#define BENCH_SERVER_EVENTS 64

enum bench_role { BENCH_ECHO, BENCH_SINK, BENCH_SOURCE };

struct bench_server {
	enum bench_role role;
	int listener, epoll; // of several listeners the first: their descriptors follow one another
	uint32_t listeners;
	bool closes_first; // ECHO: ends each connection once it has answered
	uint64_t accepted, ended;
	uint64_t reads, bytes;
};

// Listens at `ports` ports in a row; the calling thread has a stack, and no descriptor yet. Exits with a
// sentence when it can't.
void bench_server_start(struct bench_server *server, uint32_t ports);

// Connects `count` times to a server at `address` (host byte order), without waiting.
void bench_server_connect(struct bench_server *server, uint32_t address, uint32_t count);

// Asks epoll once, without waiting, and serves what it names. The stack's loop turns in here.
void bench_server_serve(struct bench_server *server);
