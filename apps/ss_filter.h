// The filter of ft-ss, in the syntax of ss(8):
//
//	state established '( dport = :ssh or sport = :7 )' and not dst 10.0.0.0/8
//
//	filter  = { ("state" | "exclude") NAME } [ joined ]
//	joined  = not { ("or" | "|" | "||" | ["and" | "&" | "&&"]) not }, from left to right
//	not     = ("not" | "!") not | "(" joined ")" | test
//	test    = ("src" | "dst") ["=" | "!="] HOST | ("sport" | "dport") COMPARISON port
//	port    = ["inet:" | "inet6:"] ["*:" | ":"] PORT
#pragma once
#include <netinet/in.h>

#include "apps/ss_socket.h"

#define SS_FILTER_NODES 1024 // as many tests, "and"s, "or"s and "not"s

enum ss_node_kind { SS_OR, SS_AND, SS_NOT, SS_HOST, SS_PORT };
enum ss_comparison { SS_EQUAL, SS_UNEQUAL, SS_LESS, SS_MORE, SS_AT_MOST, SS_AT_LEAST };

struct ss_node {
	enum ss_node_kind kind;
	enum ss_comparison comparison;
	int left, right; // of SS_OR, SS_AND; SS_NOT has the left
	bool is_local;	 // src, sport
	int family;	 // of AF_UNSPEC any
	uint8_t prefix_bits;
	bool has_port; // false: any
	struct ss_address address;
};

struct ss_filter {
	bool has_states; // false: it says nothing of states
	uint32_t states; // a mask of 1 << enum ss_state
	int root;	 // -1: every socket
	int count;
	struct ss_node nodes[SS_FILTER_NODES];
};

// Writes the addresses of IPv4 that the host `name` has, at most `most`. Returns how many, 0 when there is
// no such host.
typedef int (*ss_resolve)(const char *name, struct in_addr *ips, int most);

// Reads the words of the command line, which may also stand in one. Names of hosts go to `resolve`, or
// with NULL are refused. Returns false, and in `error` (128 bytes) a sentence, when they are no filter.
bool ss_filter_parse(
	struct ss_filter *filter, int count, char **words, ss_resolve resolve, char error[128]);

// Whether the expression holds. (States are the caller's, who asks only for those.)
bool ss_filter_matches(const struct ss_filter *filter, const struct ss_socket *socket);
