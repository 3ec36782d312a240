// What a stack can be told: filled with defaults, then from a file (config/fourtuple.conf is the
// manual), then from the command line. options.c has the one table of keys.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/time.h"
#include "ip/addr.h"

#define FT_CONFIG_ADDRESSES 64
#define FT_CONFIG_TEXT	    512
#define FT_CONFIG_EAL_ARGS  64
#define FT_CONFIG_NAME	    64

struct ft_config_address {
	struct ft_addr addr;
	uint8_t prefix_bits; // of the address's own family: 24 in 10.9.0.2/24
};

struct ft_config_range {
	uint16_t first;
	uint16_t last; // included
};

struct ft_config {
	struct {
		char device[FT_CONFIG_TEXT]; // vdev string or PCI address
		uint32_t mtu;		     // 0: the device's own
		uint32_t rx_descriptors;
		uint32_t tx_descriptors;
		bool checksum_offload; // use what the device offers
		bool tso;	       // the same for cutting TCP segments
		bool gro;	       // merge received segments in software
		bool promiscuous;
		bool dumpcap; // share memory, so that dpdk-dumpcap can attach
	} nic;
	struct {
		struct ft_config_address address[FT_CONFIG_ADDRESSES];
		uint32_t address_count;
		struct ft_addr gateway; // all zero: none
		uint32_t ttl;
		uint32_t reassembly_datagrams; // at most so many at once
		uint64_t reassembly_bytes;     // of packet memory, at most
		ft_time reassembly_timeout;
		uint32_t icmp_rate;		  // errors and unreachables sent a second, at most
		uint32_t unprivileged_port_start; // ports below need CAP_NET_BIND_SERVICE, for TCP
						  // and UDP
	} ip;
	struct {
		uint32_t entries;
		ft_time reachable_time; // then the entry is stale and asked about again when used
		ft_time retry_time;	// between requests
		uint32_t retries;
		uint32_t queue_packets; // waiting for one neighbour
	} arp;
	struct {
		struct ft_config_range ephemeral_ports;
		uint32_t connections;
		uint32_t active_connections; // of them; 0: all
		uint32_t listeners;
		uint32_t backlog;	 // the most that listen() grants (Linux: somaxconn)
		uint64_t receive_buffer; // bytes, SO_RCVBUF's default
		uint64_t send_buffer;
		uint64_t send_buffer_max;
		uint32_t mss;		 // most we announce and send; 0: what the MTU allows
		uint32_t initial_window; // segments, RFC 6928
		char congestion[16];
		bool window_scaling;
		bool timestamps;
		ft_time delayed_ack;
		ft_time minimum_rto;
		ft_time maximum_rto;
		ft_time initial_rto;
		uint32_t syn_retries;
		uint32_t synack_retries;
		ft_time user_timeout; // how long data may stay unacknowledged
		ft_time time_wait;    // 2 MSL
		ft_time fin_wait_2;   // how long a closed socket waits for the peer's FIN
		ft_time keepalive_idle;
		ft_time keepalive_interval;
		uint32_t keepalive_count;
	} tcp;
	struct {
		struct ft_config_range ephemeral_ports;
		uint32_t sockets;
		uint64_t receive_buffer;
	} udp;
	struct {
		uint32_t descriptors; // the most a process (here: a stack) may have open
	} socket;
	struct {
		uint32_t packets;	// mbufs in the receive pool, and again as many for sending
		uint32_t small_packets; // of FT_PKT_SMALL_BYTES
	} memory;
	struct {
		bool enabled;
		char name[FT_CONFIG_NAME]; // "": the program's
	} telemetry;
	struct {
		char level[16];
		char trace[FT_CONFIG_TEXT];	  // subsystems, by comma
		char trace_tuple[FT_CONFIG_TEXT]; // demux/tuple_pattern.h; empty: all
	} log;
	struct {
		char file[FT_CONFIG_TEXT]; // empty: no capture
		uint64_t snap_bytes;
	} capture;
	struct {
		char *args[FT_CONFIG_EAL_ARGS]; // passed to rte_eal_init; owned by the config
		uint32_t arg_count;
	} eal;
};

// Every key at its default; no device, no address.
void ft_config_init(struct ft_config *config);
void ft_config_free(struct ft_config *config);

// Reads an INI file over what is there. On a mistake writes one line to `errors` naming file, line,
// the key and what was expected, and returns -EINVAL; -ENOENT or -EACCES when it can't be read.
int ft_config_read_file(struct ft_config *config, const char *path, FILE *errors);

// Sets one key as if it stood in a file: section "tcp", key "ephemeral_ports", value "40000-50000".
// `origin` is named in the message ("--tcp.ephemeral_ports"). Returns 0 or -EINVAL.
int ft_config_set(struct ft_config *config, const char *section, const char *key, const char *value,
	const char *origin, FILE *errors);

// What no single key can say: that the values go together. Writes a line on a mistake; 0 or
// -EINVAL.
int ft_config_check(const struct ft_config *config, FILE *errors);

// Takes what is ours out of an argument list: --config FILE, --SECTION.KEY VALUE (or =VALUE), short
// options (--trace WORDS is --log.trace WORDS) and --eal "ARGS", leaving the rest in order, argv[0]
// first, *argc lowered. The file is read first, so that the command line wins wherever it stands; at
// last everything is checked. Returns 0 or a negative errno as above, the message written.
int ft_config_take_arguments(struct ft_config *config, int *argc, char **argv, FILE *errors);

// Writes the options of the table for --help, a line or two each.
void ft_config_print_help(FILE *to);
