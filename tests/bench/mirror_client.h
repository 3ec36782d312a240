// A client that makes load and keeps next to nothing: of each connection the next sequence number in
// either direction, 8 bytes. Everything else follows from the connection's number (its address and
// port) or stands in the segment that is being answered. It loses nothing, so it sends nothing twice;
// what it did not expect ends the run.
//
// Connection i comes from 10.1.0.0 + i / 60000, port 1024 + i % 60000; the server is 10.0.0.1, and
// believes all of them behind the gateway 10.0.0.254.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <rte_ip.h>
#include <rte_mempool.h>

#include "base/time.h"
#include "memory_wire.h"

#define MIRROR_SERVER	   RTE_IPV4(10, 0, 0, 1)
#define MIRROR_GATEWAY	   RTE_IPV4(10, 0, 0, 254)
#define MIRROR_FIRST	   RTE_IPV4(10, 1, 0, 0)
#define MIRROR_PORTS	   60000 // of one address
#define MIRROR_FIRST_PORT  1024
#define MIRROR_REQUEST_MAX 1024

struct mirror_conn {
	uint32_t snd_nxt, rcv_nxt;
};

struct mirror_client {
	struct memory_end *end;
	struct rte_mempool *pool; // for its frames: the one that a NIC would fill
	ft_time now;		  // for its timestamps

	uint32_t connections;
	struct mirror_conn *conns;
	uint16_t request_bytes;
	bool acks_apart;   // acknowledges an answer at once, instead of with the next request
	bool asks_at_once; // sends a request as soon as a connection stands
	bool closes_first; // after the answer

	uint64_t established, answered, closed;
	uint64_t frames_sent;
	uint32_t isn;
	struct rte_mbuf *out[64];
	uint32_t out_count;
};

void mirror_client_init(struct mirror_client *client, struct memory_end *end,
	struct rte_mempool *pool, uint32_t connections, uint16_t request_bytes);
void mirror_client_free(struct mirror_client *client);

// Sends a SYN, or a request, from connection `number`.
void mirror_client_connect(struct mirror_client *client, uint32_t number);
void mirror_client_ask(struct mirror_client *client, uint32_t number);

// Answers the frames that have come. Returns how many they were.
uint32_t mirror_client_turn(struct mirror_client *client);
// Hands over what was written; connect and ask do so only when much waits.
void mirror_client_flush(struct mirror_client *client);
