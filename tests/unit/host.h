// A whole stack in virtual time between a NIC that only remembers and transports that only record:
// for what eth/ and ip/ do by themselves. (The transports and the socket layer are replaced when a
// test is linked with this file.)
#pragma once
#include <stdbool.h>

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_icmp.h>
#include <rte_ip.h>

#include "stack.h"
#include "support.h"

#define TEST_US	       RTE_IPV4(10, 9, 0, 2) // /24, host byte order as all addresses below
#define TEST_PEER      RTE_IPV4(10, 9, 0, 1)
#define TEST_GATEWAY   RTE_IPV4(10, 9, 0, 254)
#define TEST_BROADCAST RTE_IPV4(10, 9, 0, 255)
#define TEST_FAR       RTE_IPV4(192U, 0, 2, 7) // behind the gateway
#define TEST_PACKETS   4096		       // in each pool
#define TEST_SENT_MAX  1024

struct test_host {
	struct ft_stack stack;
	struct ft_config config;
	struct ft_netif netif;
	struct rte_mempool *receive_pool;
	struct rte_mempool *small_pool;
	struct rte_mempool *send_pool;
	ft_time now;
	bool is_link_up;
	bool is_nic_full;  // it takes no frame
	uint16_t nic_room; // frames that it takes at a time; 0: all
	struct ft_pkt_queue arriving;
	struct rte_mbuf *sent[TEST_SENT_MAX]; // frames, not yet forgotten
	uint32_t sent_count;
	struct ft_pkt_queue delivered; // packets that a transport took
	struct ft_icmp_error error;    // the last one a transport was told
	uint32_t error_count;
	enum ft_drop error_answer; // what it says to that
	uint16_t segment_bytes;	   // frames arrive in mbufs of so many bytes; 0: in one
};

extern struct test_host host;

extern const struct rte_ether_addr test_us_mac, test_peer_mac, test_broadcast_mac;

// For cmocka: a group's set-up makes the pools; each test's set-up makes a host at TEST_US that
// knows its peer's MAC address and has announced itself, each test's tear-down checks that every
// packet received was taken or dropped and that no mbuf is missing.
int test_host_make_pools(void **state);
int test_host_free_pools(void **state);
int test_host_start(void **state);
int test_host_stop(void **state);

// Starts anew after host.config or host.netif was changed.
void test_host_restart(void);

// Forgets what was sent, delivered and told.
void test_host_forget(void);

// Lets `duration` pass, turning the loop whenever it asks to be.
void test_host_pass(ft_time duration);

// A packet from the wire, and one turn of the loop. Returns FT_TAKEN or why it was dropped.
enum ft_drop test_host_receive(const void *frame, uint32_t bytes);

// Frame `index` sent since the last forgetting, checked to be there; its header at `offset`.
const void *test_host_sent(uint32_t index, uint32_t offset);
uint32_t test_host_sent_bytes(uint32_t index);

// The datagram (header included, which is `*ip`) of frames sent from `first` on, put together if it
// was fragmented, with every header checksum verified; returns its length. `to` has room for 64
// KiB.
uint32_t test_host_sent_datagram(uint32_t first, struct rte_ipv4_hdr *ip, uint8_t *to);

// ---- frames, built in place ----

struct test_ip4 {
	uint32_t source;
	uint32_t destination;
	uint8_t protocol;
	uint8_t tos;
	uint16_t id;
	uint16_t fragment; // flags and offset as in the header
	const void *options;
	uint32_t options_bytes; // a multiple of 4
	const void *payload;
	uint32_t payload_bytes;
};

// From TEST_PEER to TEST_US. Returns the frame's length.
uint32_t test_frame_ip4(uint8_t *frame, const struct test_ip4 *ip);
uint32_t test_frame_arp(uint8_t *frame, uint16_t opcode, const struct rte_ether_addr *sender_mac,
	uint32_t sender, uint32_t target);
struct rte_ether_hdr *test_frame_eth(uint8_t *frame);
struct rte_ipv4_hdr *test_frame_ip(uint8_t *frame);
// Makes the IP header's checksum right again.
void test_frame_sign(uint8_t *frame);

enum ft_drop test_host_receive_ip4(const struct test_ip4 *ip);

// Fills `bytes` with a pattern in which each position differs from those nearby.
void test_fill(uint8_t *bytes, uint32_t count);
