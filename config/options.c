#include "config/options.h"

#include <stdio.h>
#include <string.h>

#define FIELD(section, key)	 offsetof(struct ft_config, section.key)
#define TEXT_BYTES(section, key) (sizeof(((struct ft_config *)0)->section.key) - 1)

#define TEXT(section, key, standard, help)                                                        \
	{                                                                                         \
#section, #key, FT_OPTION_TEXT, FIELD(section, key), 0, TEXT_BYTES(section, key), \
			standard, NULL, help                                                      \
	}
#define CHOICE(section, key, standard, choices, help)                     \
	{                                                                 \
#section, #key, FT_OPTION_CHOICE, FIELD(section, key), 0, \
			TEXT_BYTES(section, key), standard, choices, help \
	}
#define NUMBER(section, key, minimum, maximum, standard, help)                                     \
	{                                                                                          \
#section, #key, FT_OPTION_NUMBER, FIELD(section, key), minimum, maximum, standard, \
			NULL, help                                                                 \
	}
#define BYTES(section, key, minimum, maximum, standard, help)                                     \
	{                                                                                         \
#section, #key, FT_OPTION_BYTES, FIELD(section, key), minimum, maximum, standard, \
			NULL, help                                                                \
	}
#define DURATION(section, key, minimum, maximum, standard, help)                           \
	{                                                                                  \
#section, #key, FT_OPTION_DURATION, FIELD(section, key), minimum, maximum, \
			standard, NULL, help                                               \
	}
#define FLAG(section, key, standard, help)                                                      \
	{                                                                                       \
#section, #key, FT_OPTION_FLAG, FIELD(section, key), 0, 1, standard, NULL, help \
	}
#define PORTS(section, key, standard, help)                                                     \
	{                                                                                       \
#section, #key, FT_OPTION_PORTS, FIELD(section, key), 1, 65535, standard, NULL, \
			help                                                                    \
	}

#define KIB    1024ull
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)
#define MINUTE (60 * FT_SECOND)
#define HOUR   (60 * MINUTE)

// In the order of config/fourtuple.conf, which explains each at length.
// clang-format off
const struct ft_option ft_options[] = {
	TEXT(nic, device, NULL, "what to drive: a vdev string or a PCI address"),
	NUMBER(nic, mtu, 0, 9216, "0", "bytes of the largest IP packet, 0: as the device says"),
	NUMBER(nic, rx_descriptors, 32, 32768, "1024", "packets the NIC can hold before we fetch them"),
	NUMBER(nic, tx_descriptors, 32, 32768, "1024", "packets the NIC can hold before they are sent"),
	FLAG(nic, checksum_offload, "yes", "have the NIC compute checksums if it can"),
	FLAG(nic, tso, "no", "have large packets cut into TCP segments, by the NIC if it can"),
	FLAG(nic, gro, "no", "merge TCP segments that were received in one burst"),
	FLAG(nic, promiscuous, "no", "receive frames for other stations too"),
	FLAG(nic, dumpcap, "no", "let dpdk-dumpcap attach; needs hugepages"),

	{ "ip", "address", FT_OPTION_ADDRESSES, 0, 0, 0, NULL, NULL,
	  "our address and prefix length; more as address1, address2, ..." },
	{ "ip", "gateway", FT_OPTION_GATEWAY, FIELD(ip, gateway), 0, 0, NULL, NULL,
	  "where packets for other networks go" },
	NUMBER(ip, ttl, 1, 255, "64", "hops a packet may take"),
	NUMBER(ip, reassembly_datagrams, 1, 4096, "64", "fragmented datagrams put together at once"),
	BYTES(ip, reassembly_bytes, 128 * KIB, GIB, "4M", "packet memory fragments may hold"),
	DURATION(ip, reassembly_timeout, FT_SECOND, 2 * MINUTE, "30 s", "how long to wait for missing fragments"),
	NUMBER(ip, icmp_rate, 0, 1000000, "1000", "ICMP errors sent a second at most"),
	NUMBER(ip, unprivileged_port_start, 0, 65535, "1024", "ports below need CAP_NET_BIND_SERVICE"),

	NUMBER(arp, entries, 16, 65536, "1024", "neighbours remembered"),
	DURATION(arp, reachable_time, FT_SECOND, HOUR, "30 s", "then a neighbour is asked again when used"),
	DURATION(arp, retry_time, 100 * FT_MILLISECOND, MINUTE, "1 s", "between two requests"),
	NUMBER(arp, retries, 1, 10, "3", "requests before a neighbour is given up"),
	NUMBER(arp, queue_packets, 1, 1024, "128", "packets waiting for one neighbour"),

	PORTS(tcp, ephemeral_ports, "49152-65535", "ports chosen for connections we open"),
	NUMBER(tcp, connections, 1, 16777216, "65536", "connections at once, TIME-WAIT included"),
	NUMBER(tcp, active_connections, 0, 16777216, "0", "of them, how many may be at work at once, 0: all"),
	NUMBER(tcp, listeners, 1, 65536, "1024", "listening sockets at once"),
	NUMBER(tcp, backlog, 1, 65535, "4096", "the most listen() grants"),
	BYTES(tcp, receive_buffer, 4 * KIB, GIB, "256K", "received bytes a connection may hold"),
	BYTES(tcp, send_buffer, 4 * KIB, GIB, "256K", "unacknowledged and unsent bytes a connection may hold"),
	BYTES(tcp, send_buffer_max, 4 * KIB, GIB, "4M", "what that grows to as the congestion window does"),
	NUMBER(tcp, mss, 0, 65495, "0", "largest segment's payload, 0: what the MTU allows"),
	NUMBER(tcp, initial_window, 1, 100, "10", "segments sent before the first ACK"),
	CHOICE(tcp, congestion, "newreno", "newreno reno", "congestion control"),
	FLAG(tcp, window_scaling, "yes", "windows above 64 KB"),
	FLAG(tcp, timestamps, "yes", "RTT measured by timestamps, and PAWS"),
	DURATION(tcp, delayed_ack, 0, 500 * FT_MILLISECOND, "40 ms", "how long an ACK may wait for data to ride on"),
	DURATION(tcp, minimum_rto, FT_MILLISECOND, MINUTE, "200 ms", "shortest retransmission timeout"),
	DURATION(tcp, maximum_rto, FT_SECOND, HOUR, "120 s", "longest retransmission timeout"),
	DURATION(tcp, initial_rto, FT_MILLISECOND, MINUTE, "1 s", "retransmission timeout before an RTT is known"),
	NUMBER(tcp, syn_retries, 0, 15, "6", "SYNs repeated before connect() fails"),
	NUMBER(tcp, synack_retries, 0, 15, "5", "SYN-ACKs repeated before a half-open connection ends"),
	DURATION(tcp, user_timeout, FT_SECOND, 24 * HOUR, "5 min", "how long data may stay unacknowledged"),
	DURATION(tcp, time_wait, 0, 10 * MINUTE, "60 s", "how long TIME-WAIT lasts"),
	DURATION(tcp, fin_wait_2, FT_SECOND, HOUR, "60 s", "how long a closed socket waits for the peer's FIN"),
	DURATION(tcp, keepalive_idle, FT_SECOND, 24 * HOUR, "2 h", "silence before the first keepalive probe"),
	DURATION(tcp, keepalive_interval, FT_SECOND, 24 * HOUR, "75 s", "between keepalive probes"),
	NUMBER(tcp, keepalive_count, 1, 127, "9", "unanswered probes before the connection ends"),

	PORTS(udp, ephemeral_ports, "49152-65535", "ports chosen for sockets that are not bound"),
	NUMBER(udp, sockets, 1, 1048576, "4096", "sockets at once"),
	BYTES(udp, receive_buffer, 4 * KIB, GIB, "256K", "packet memory a socket may hold"),

	NUMBER(socket, descriptors, 16, 16777216, "131072", "descriptors open at once"),

	NUMBER(memory, packets, 512, 16777216, "16384", "packets to receive into, and as many to send"),
	NUMBER(memory, small_packets, 64, 16777216, "16384", "small packets for few bytes that wait to be read"),

	FLAG(telemetry, enabled, "yes", "let ft-ss, ft-exporter and dpdk-telemetry.py look inside"),
	TEXT(telemetry, name, NULL, "what this running application is called; default the program's name"),

	CHOICE(log, level, "info", "error warning info debug", "what is written to standard error"),
	TEXT(log, trace, NULL, "subsystems to follow in words: tcp,arp or all"),
	TEXT(log, trace_tuple, NULL, "follow one conversation: ADDRESS:PORT,ADDRESS:PORT"),

	TEXT(capture, file, NULL, "write what passes the wire, as pcapng"),
	BYTES(capture, snap_bytes, 64, 64 * KIB, "16K", "kept of each frame in a capture"),

	{ "eal", "", FT_OPTION_EAL, 0, 0, 0, NULL, NULL, "handed to DPDK: [eal] KEY = VALUE as --KEY=VALUE" },
};
// clang-format on

const uint32_t ft_option_count = sizeof(ft_options) / sizeof(ft_options[0]);

// "address", "address1", "address63".
static bool is_numbered_key(const char *name, const char *key)
{
	size_t bytes = strlen(name);

	return strncmp(key, name, bytes) == 0 &&
	       strspn(key + bytes, "0123456789") == strlen(key + bytes);
}

static bool has_key(const struct ft_option *option, const char *key)
{
	switch (option->type) {
	case FT_OPTION_EAL:
		return true;
	case FT_OPTION_ADDRESSES:
		return is_numbered_key(option->key, key);
	default:
		return strcmp(option->key, key) == 0;
	}
}

const struct ft_option *ft_options_find(const char *section, const char *key)
{
	for (uint32_t i = 0; i < ft_option_count; i++)
		if (strcmp(ft_options[i].section, section) == 0 && has_key(&ft_options[i], key))
			return &ft_options[i];
	return NULL;
}

bool ft_options_has_section(const char *section)
{
	for (uint32_t i = 0; i < ft_option_count; i++)
		if (strcmp(ft_options[i].section, section) == 0)
			return true;
	return false;
}

static void append_word(char *text, size_t bytes, const char *word)
{
	size_t used = strlen(text);

	snprintf(text + used, bytes - used, "%s%s", used > 0 ? ", " : "", word);
}

void ft_options_list_sections(char *text, size_t bytes)
{
	text[0] = '\0';
	for (uint32_t i = 0; i < ft_option_count; i++)
		if (i == 0 || strcmp(ft_options[i].section, ft_options[i - 1].section) != 0)
			append_word(text, bytes, ft_options[i].section);
}

void ft_options_list_keys(const char *section, char *text, size_t bytes)
{
	text[0] = '\0';
	for (uint32_t i = 0; i < ft_option_count; i++)
		if (strcmp(ft_options[i].section, section) == 0)
			append_word(text, bytes, ft_options[i].key);
}
