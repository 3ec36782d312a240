// What applications in simulations do over and over: addresses, listening, connecting, and streams
// whose every byte depends on its place, so that a byte lost, doubled or moved is seen.
#pragma once
#include <stdint.h>

#include <netinet/in.h>

#include "fourtuple.h"
#include "network.h"

struct sockaddr_in ft_traffic_address(const struct ft_host *host, uint16_t port);

// A listener on every address of the task's host. Fails the run when it can't.
int ft_traffic_listen(uint16_t port, int backlog);
int ft_traffic_accept(int listener);

// A connection, or -1 with errno.
int ft_traffic_try_connect(const struct ft_host *to, uint16_t port);
// A connection; fails the run when it can't.
int ft_traffic_connect(const struct ft_host *to, uint16_t port);

// The bytes of stream `stream` from `offset` on.
void ft_traffic_fill(uint8_t *bytes, uint64_t count, uint64_t stream, uint64_t offset);
void ft_traffic_check(const uint8_t *bytes, uint64_t count, uint64_t stream, uint64_t offset);

// Sends, or receives and checks, bytes `from` to `to` of a stream, blocking.
void ft_traffic_send(int fd, uint64_t stream, uint64_t from, uint64_t to);
void ft_traffic_receive(int fd, uint64_t stream, uint64_t from, uint64_t to);
// Receives nothing but the end of the stream.
void ft_traffic_receive_end(int fd);

// Both at once: sends one stream and half-closes, receives another to its end; both are `bytes`
// long.
void ft_traffic_exchange(int fd, uint64_t sent, uint64_t received, uint64_t bytes);

void ft_traffic_set(int fd, int level, int option, int value);
