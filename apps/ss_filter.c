#include "apps/ss_filter.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT_BYTES (32 * SS_FILTER_NODES)
#define DEEPEST	   32 // nested parentheses and nots
#define NAME_IPS   8  // of a host, which may have several

struct parser {
	struct ss_filter *filter;
	ss_resolve resolve;
	char *rest;
	char token[128];
	char *error;
	bool has_failed;
	int depth;
};

static void fail(struct parser *parser, const char *expected)
{
	if (!parser->has_failed)
		snprintf(parser->error, 128, "filter: expected %s instead of \"%.40s\"", expected,
			parser->token[0] != '\0' ? parser->token : "the end");
	parser->has_failed = true;
}

static void fail_too_long(struct parser *parser)
{
	if (!parser->has_failed)
		snprintf(parser->error, 128,
			"filter: too long; expected at most %d tests, and, or, not, %d characters",
			SS_FILTER_NODES, TEXT_BYTES - 2);
	parser->has_failed = true;
}

// ---- words: operators end a word, '!' only before a space, '=' or '(' ----

static size_t token_length(const char *text)
{
	if (strchr("()", text[0]) != NULL)
		return 1;
	if (strchr("=!<>&|", text[0]) != NULL)
		return text[1] == '=' || (text[1] == text[0] && text[0] != '!') ? 2 : 1;
	return strcspn(text, " \t\n()=!<>&|");
}

static void next(struct parser *parser)
{
	size_t length;

	parser->rest += strspn(parser->rest, " \t\n");
	length = *parser->rest == '\0' ? 0 : token_length(parser->rest);
	snprintf(parser->token, sizeof(parser->token), "%.*s", (int)length, parser->rest);
	parser->rest += length;
}

static bool is_one_of(const char *token, const char *words)
{
	size_t length = strlen(token);

	for (const char *word = words; *word != '\0'; word += strspn(word, " ")) {
		size_t word_length = strcspn(word, " ");

		if (word_length == length && memcmp(word, token, length) == 0)
			return true;
		word += word_length;
	}
	return false;
}

static bool take(struct parser *parser, const char *words)
{
	if (parser->token[0] == '\0' || !is_one_of(parser->token, words))
		return false;
	next(parser);
	return true;
}

static int new_node(struct parser *parser, enum ss_node_kind kind)
{
	struct ss_filter *filter = parser->filter;

	if (filter->count == SS_FILTER_NODES) {
		fail_too_long(parser);
		return 0;
	}
	filter->nodes[filter->count] = (struct ss_node){ .kind = kind };
	return filter->count++;
}

// ---- tests ----

static bool read_port(const char *text, uint16_t *port)
{
	const struct servent *service;
	char *end;
	unsigned long number;

	if (isdigit((unsigned char)*text)) {
		number = strtoul(text, &end, 0);
		*port = (uint16_t)number;
		return *end == '\0' && number <= UINT16_MAX;
	}
	service = getservbyname(text, NULL);
	if (service != NULL)
		*port = ntohs((uint16_t)service->s_port);
	return service != NULL;
}

// "" and "*" are any port.
static bool read_port_or_any(const char *text, struct ss_node *node)
{
	node->has_port = text[0] != '\0' && strcmp(text, "*") != 0;
	return !node->has_port || read_port(text, &node->address.port);
}

// "10.9" is 10.9.0.0: what is left out is 0, as in ss(8). (To inet_aton() it would be 10.0.0.9.)
static bool read_ip4(const char *text, struct in_addr *ip)
{
	uint8_t bytes[4] = { 0 };
	unsigned long byte;
	char *end;

	for (int i = 0; i < 4; i++) {
		if (!isdigit((unsigned char)*text))
			return false;
		byte = strtoul(text, &end, 0);
		if (byte > UINT8_MAX || (*end != '.' && *end != '\0'))
			return false;
		bytes[i] = (uint8_t)byte;
		if (*end == '\0') {
			memcpy(ip, bytes, sizeof(*ip));
			return true;
		}
		text = end + 1;
	}
	return false;
}

static void set_ip4(struct ss_node *node, struct in_addr ip4)
{
	struct in6_addr *ip = &node->address.ip;

	*ip = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	memcpy(&ip->s6_addr[12], &ip4, sizeof(ip4));
}

static bool read_address(const char *text, struct ss_node *node)
{
	struct in_addr ip4;
	int family = AF_INET;

	if (inet_pton(AF_INET6, text, &node->address.ip) == 1)
		family = AF_INET6;
	else if (read_ip4(text, &ip4))
		set_ip4(node, ip4);
	else
		return false;
	if (node->family != AF_UNSPEC && node->family != family)
		return false;
	node->family = family;
	return true;
}

// "8", or as a mask "255.0.0.0".
static bool read_prefix_bits(const char *text, unsigned long most, unsigned long *bits)
{
	struct in_addr mask;
	uint32_t hosts;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	*bits = strtoul(text, &end, 10);
	if (*end == '\0')
		return *bits <= most;
	if (most != 32 || !read_ip4(text, &mask))
		return false;
	hosts = ~ntohl(mask.s_addr);
	*bits = 32 - (unsigned long)__builtin_popcount(hosts);
	return (hosts & (hosts + 1)) == 0;
}

// "10.0.0.0/8" into the node; what comes before it is in the address's own family.
static bool read_prefix(char *text, struct ss_node *node)
{
	char *slash = strchr(text, '/');
	unsigned long most, bits;

	if (slash != NULL)
		*slash = '\0';
	if (!read_address(text, node))
		return false;
	most = bits = node->family == AF_INET ? 32 : 128;
	if (slash != NULL && !read_prefix_bits(slash + 1, most, &bits))
		return false;
	node->prefix_bits = (uint8_t)(128 - most + bits);
	return true;
}

// Cuts the port, which is returned, off the address, which is left without brackets. NULL when they are
// not closed.
static const char *cut_port(char **address)
{
	char *text = *address, *colon = strchr(text, ':'), *bracket = strchr(text, ']');

	if (text[0] == '[') {
		*address = text + 1;
		if (bracket == NULL || strchr(":", bracket[1]) == NULL)
			return NULL;
		colon = bracket[1] == ':' ? bracket + 1 : NULL;
		*bracket = '\0';
	} else if (colon != NULL && strchr(colon + 1, ':') != NULL) {
		return ""; // an address of IPv6
	}
	if (colon == NULL)
		return "";
	*colon = '\0';
	return colon + 1;
}

// A typing error in a number is not worth asking the network.
static int read_name(
	struct parser *parser, const char *name, struct ss_node *node, struct in_addr ips[NAME_IPS])
{
	int count = 0;

	if (parser->resolve != NULL && name[strspn(name, "0123456789.")] != '\0')
		count = parser->resolve(name, ips, NAME_IPS);
	if (count > 0)
		set_ip4(node, ips[0]);
	node->family = AF_INET;
	node->prefix_bits = 128;
	return count;
}

// Takes "inet:" or "inet6:" off.
static int take_family(char **text)
{
	bool is_ip4 = strncmp(*text, "inet:", 5) == 0;

	if (!is_ip4 && strncmp(*text, "inet6:", 6) != 0)
		return AF_UNSPEC;
	*text = strchr(*text, ':') + 1;
	return is_ip4 ? AF_INET : AF_INET6;
}

// "10.9.0.1", "10.9/16:7", ":7", "*:7", "any", "inet:10.9.0.1", "[2001:db8::1]:7"; an address of IPv6
// with a port needs the brackets. Returns how many addresses it stands for: of a host's name all are in
// `ips`, the first in the node as well. 0: no host.
static int read_host(struct parser *parser, struct ss_node *node, struct in_addr ips[NAME_IPS])
{
	char text[sizeof(parser->token)], *address = text;
	const char *port;
	bool may_be_name;

	strcpy(text, parser->token);
	node->family = take_family(&address);
	port = cut_port(&address);
	if (parser->token[0] == '\0' || port == NULL || !read_port_or_any(port, node))
		return 0;
	if (address[0] == '\0' || is_one_of(address, "* any all default"))
		return 1;
	may_be_name = strchr(address, '/') == NULL && node->family != AF_INET6;
	if (read_prefix(address, node))
		return 1;
	return may_be_name ? read_name(parser, address, node, ips) : 0;
}

static bool take_comparison(struct parser *parser, enum ss_comparison *comparison)
{
	static const char *const words[] = {
		[SS_EQUAL] = "= == eq",
		[SS_UNEQUAL] = "!= ne neq",
		[SS_LESS] = "< lt",
		[SS_MORE] = "> gt",
		[SS_AT_MOST] = "<= le leq",
		[SS_AT_LEAST] = ">= ge geq",
	};

	for (int i = SS_EQUAL; i <= SS_AT_LEAST; i++) {
		*comparison = (enum ss_comparison)i;
		if (take(parser, words[i]))
			return true;
	}
	*comparison = SS_EQUAL;
	return false;
}

static int join(struct parser *parser, enum ss_node_kind kind, int left, int right)
{
	int index = new_node(parser, kind);

	parser->filter->nodes[index].left = left;
	parser->filter->nodes[index].right = right;
	return index;
}

static int parse_host(struct parser *parser, bool is_local)
{
	struct ss_node *nodes = parser->filter->nodes;
	int first = new_node(parser, SS_HOST), index = first, other, count;
	struct in_addr ips[NAME_IPS];

	nodes[first].is_local = is_local;
	take_comparison(parser, &nodes[first].comparison);
	count = read_host(parser, &nodes[first], ips);
	if (nodes[first].comparison > SS_UNEQUAL || count == 0)
		fail(parser, "a host's name or address like 10.9.0.1:7, 10/8");
	for (int i = 1; i < count; i++) {
		other = new_node(parser, SS_HOST);
		nodes[other] = nodes[first];
		set_ip4(&nodes[other], ips[i]);
		index = join(
			parser, nodes[first].comparison == SS_EQUAL ? SS_OR : SS_AND, index, other);
	}
	next(parser);
	return index;
}

// "7", ":7", "*:7", "inet::7"; "*" is any.
static bool read_port_test(char *text, struct ss_node *node)
{
	node->family = take_family(&text);
	if (strncmp(text, "*:", 2) == 0)
		text++;
	if (text[0] == ':')
		return read_port_or_any(text + 1, node);
	return text[0] != '\0' && read_port_or_any(text, node);
}

static int parse_port(struct parser *parser, bool is_local)
{
	int index = new_node(parser, SS_PORT);
	struct ss_node *node = &parser->filter->nodes[index];

	node->is_local = is_local;
	take_comparison(parser, &node->comparison);
	if (!read_port_test(parser->token, node))
		fail(parser, "a port like :7 or :echo");
	next(parser);
	return index;
}

static int parse_test(struct parser *parser)
{
	if (take(parser, "src"))
		return parse_host(parser, true);
	if (take(parser, "dst"))
		return parse_host(parser, false);
	if (take(parser, "sport"))
		return parse_port(parser, true);
	if (take(parser, "dport"))
		return parse_port(parser, false);
	fail(parser, "src, dst, sport, dport, not or (");
	return 0;
}

// ---- the expression ----

static int parse_joined(struct parser *parser);

static int parse_not(struct parser *parser)
{
	int inner, index;

	if (++parser->depth > DEEPEST)
		fail(parser, "fewer parentheses");
	if (parser->has_failed)
		return 0;
	if (take(parser, "not !")) {
		index = new_node(parser, SS_NOT);
		inner = parse_not(parser);
		parser->filter->nodes[index].left = inner;
	} else if (take(parser, "(")) {
		index = parse_joined(parser);
		if (!take(parser, ")"))
			fail(parser, ")");
	} else {
		index = parse_test(parser);
	}
	parser->depth--;
	return index;
}

// From left to right, as ss(8) does: no joining word binds closer than another.
static int parse_joined(struct parser *parser)
{
	int left = parse_not(parser);

	while (!parser->has_failed) {
		if (take(parser, "or | ||"))
			left = join(parser, SS_OR, left, parse_not(parser));
		else if (take(parser, "and & &&") ||
			 is_one_of(parser->token, "src dst sport dport not ! ("))
			left = join(parser, SS_AND, left, parse_not(parser));
		else
			break;
	}
	return left;
}

// ---- states ----

#define CONNECTED (SS_ALL_STATES & ~(SS_BIT(SS_LISTEN) | SS_BIT(SS_CLOSED)))
#define BUCKET	  (SS_BIT(SS_SYN_RECEIVED) | SS_BIT(SS_TIME_WAIT))

static const struct {
	const char *name;
	uint32_t mask;
} states[] = {
	{ "all", SS_ALL_STATES },
	{ "connected", CONNECTED },
	{ "synchronized", CONNECTED & ~SS_BIT(SS_SYN_SENT) },
	{ "bucket", BUCKET },
	{ "big", SS_ALL_STATES & ~BUCKET },
	{ "established", SS_BIT(SS_ESTABLISHED) },
	{ "syn-sent", SS_BIT(SS_SYN_SENT) },
	{ "syn-recv", SS_BIT(SS_SYN_RECEIVED) },
	{ "syn-rcv", SS_BIT(SS_SYN_RECEIVED) },
	{ "syn-received", SS_BIT(SS_SYN_RECEIVED) },
	{ "fin-wait-1", SS_BIT(SS_FIN_WAIT_1) },
	{ "fin-wait-2", SS_BIT(SS_FIN_WAIT_2) },
	{ "time-wait", SS_BIT(SS_TIME_WAIT) },
	{ "closed", SS_BIT(SS_CLOSED) },
	{ "close", SS_BIT(SS_CLOSED) },
	{ "unconnected", SS_BIT(SS_CLOSED) },
	{ "close-wait", SS_BIT(SS_CLOSE_WAIT) },
	{ "last-ack", SS_BIT(SS_LAST_ACK) },
	{ "listening", SS_BIT(SS_LISTEN) },
	{ "listen", SS_BIT(SS_LISTEN) },
	{ "closing", SS_BIT(SS_CLOSING) },
};

static uint32_t take_state(struct parser *parser)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcasecmp(parser->token, states[i].name) == 0) {
			next(parser);
			return states[i].mask;
		}
	}
	fail(parser, "a state like established, time-wait, listening, all");
	return 0;
}

static void parse_states(struct parser *parser)
{
	struct ss_filter *filter = parser->filter;

	while (!parser->has_failed) {
		if (take(parser, "state"))
			filter->states |= take_state(parser);
		else if (take(parser, "exclude excl"))
			filter->states = (filter->has_states ? filter->states : SS_ALL_STATES) &
					 ~take_state(parser);
		else
			return;
		filter->has_states = true;
	}
}

bool ss_filter_parse(
	struct ss_filter *filter, int count, char **words, ss_resolve resolve, char error[128])
{
	char text[TEXT_BYTES] = "";
	struct parser parser = {
		.filter = filter, .resolve = resolve, .rest = text, .error = error
	};

	*filter = (struct ss_filter){ .root = -1 };
	for (int i = 0; i < count; i++) {
		if (strlen(text) + strlen(words[i]) + 2 > sizeof(text)) {
			fail_too_long(&parser);
			return false;
		}
		strcat(strcat(text, words[i]), " ");
	}
	next(&parser);
	parse_states(&parser);
	if (!parser.has_failed && parser.token[0] != '\0')
		filter->root = parse_joined(&parser);
	if (!parser.has_failed && parser.token[0] != '\0')
		fail(&parser, "and, or, or the end");
	return !parser.has_failed;
}

// ---- does it hold? ----

static bool is_within(const struct in6_addr *ip, const struct in6_addr *network, uint8_t bits)
{
	uint8_t mask = (uint8_t)(0xff << (8 - bits % 8));

	if (memcmp(ip, network, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || ((ip->s6_addr[bits / 8] ^ network->s6_addr[bits / 8]) & mask) == 0;
}

static bool compare(uint16_t port, enum ss_comparison comparison, uint16_t with)
{
	switch (comparison) {
	case SS_EQUAL:
		return port == with;
	case SS_UNEQUAL:
		return port != with;
	case SS_LESS:
		return port < with;
	case SS_MORE:
		return port > with;
	case SS_AT_MOST:
		return port <= with;
	default:
		return port >= with;
	}
}

static bool is_of_family(const struct ss_node *node, const struct ss_address *address)
{
	int family = IN6_IS_ADDR_V4MAPPED(&address->ip) ? AF_INET : AF_INET6;

	return node->family == AF_UNSPEC || node->family == family;
}

static bool is_host(const struct ss_node *node, const struct ss_address *address)
{
	bool is_equal = is_of_family(node, address) &&
			is_within(&address->ip, &node->address.ip, node->prefix_bits) &&
			(!node->has_port || address->port == node->address.port);

	return is_equal == (node->comparison == SS_EQUAL);
}

static bool is_port(const struct ss_node *node, const struct ss_address *address)
{
	if (!is_of_family(node, address))
		return false;
	if (!node->has_port) // any is equal, and neither more nor less
		return node->comparison == SS_EQUAL;
	return compare(address->port, node->comparison, node->address.port);
}

static bool holds(const struct ss_filter *filter, int index, const struct ss_socket *socket)
{
	const struct ss_node *node = &filter->nodes[index];
	const struct ss_address *address = node->is_local ? &socket->local : &socket->remote;

	switch (node->kind) {
	case SS_OR:
		return holds(filter, node->left, socket) || holds(filter, node->right, socket);
	case SS_AND:
		return holds(filter, node->left, socket) && holds(filter, node->right, socket);
	case SS_NOT:
		return !holds(filter, node->left, socket);
	case SS_HOST:
		return is_host(node, address);
	default:
		return is_port(node, address);
	}
}

bool ss_filter_matches(const struct ss_filter *filter, const struct ss_socket *socket)
{
	return filter->root < 0 || holds(filter, filter->root, socket);
}
