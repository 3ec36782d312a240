// A socket as ft-ss sees it.
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

// In the numbers of the telemetry's mask of states (stack/socket/snapshot.h), which are those of
// enum ft_tcp_state.
enum ss_state {
	SS_CLOSED,
	SS_LISTEN,
	SS_SYN_SENT,
	SS_SYN_RECEIVED,
	SS_ESTABLISHED,
	SS_FIN_WAIT_1,
	SS_FIN_WAIT_2,
	SS_CLOSE_WAIT,
	SS_CLOSING,
	SS_LAST_ACK,
	SS_TIME_WAIT,
	SS_STATES
};
#define SS_UDP	      (1u << 16)
#define SS_BIT(state) (1u << (state))
#define SS_ALL_STATES ((1u << SS_STATES) - 1)

struct ss_address {
	struct in6_addr ip; // IPv4 as ::ffff:a.b.c.d
	uint16_t port;
};

struct ss_socket {
	bool is_udp;
	enum ss_state state;
	struct ss_address local, remote;
};
