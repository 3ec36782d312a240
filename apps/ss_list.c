#include "apps/ss_list.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

uint32_t ss_wanted_states(const struct ss_wanted *wanted)
{
	const uint32_t quiet = SS_BIT(SS_LISTEN) | SS_BIT(SS_CLOSED);

	if (wanted->filter.has_states)
		return wanted->filter.states;
	if (wanted->is_bound)
		return SS_BIT(SS_CLOSED);
	if (wanted->is_all)
		return SS_ALL_STATES;
	if (wanted->is_listening)
		return quiet;
	return SS_ALL_STATES & ~quiet & ~SS_BIT(SS_TIME_WAIT) & ~SS_BIT(SS_SYN_RECEIVED);
}

// ---- a record of the answer: {"proto", "state", "local", "lport", "remote", "rport", ...} ----

static bool read_address(
	const json_t *record, const char *ip_key, const char *port_key, struct ss_address *address)
{
	const char *text = json_string_value(json_object_get(record, ip_key));
	json_int_t port = json_integer_value(json_object_get(record, port_key));

	*address = (struct ss_address){ .ip = { .s6_addr = { [10] = 0xff, [11] = 0xff } },
		.port = (uint16_t)port };
	return text != NULL && port >= 0 && port <= UINT16_MAX &&
	       (inet_pton(AF_INET6, text, &address->ip) == 1 ||
		       inet_pton(AF_INET, text, &address->ip.s6_addr[12]) == 1);
}

static bool read_state(const json_t *record, enum ss_state *state)
{
	static const char *const names[SS_STATES] = { "CLOSED", "LISTEN", "SYN-SENT",
		"SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",
		"LAST-ACK", "TIME-WAIT" };
	const char *name = json_string_value(json_object_get(record, "state"));

	for (*state = 0; name != NULL && *state < SS_STATES; (*state)++)
		if (strcmp(name, names[*state]) == 0)
			return true;
	return false;
}

static bool read_socket(const json_t *record, struct ss_socket *socket)
{
	const char *protocol = json_string_value(json_object_get(record, "proto"));

	*socket = (struct ss_socket){ .is_udp = protocol != NULL && strcmp(protocol, "udp") == 0 };
	return protocol != NULL && read_state(record, &socket->state) &&
	       read_address(record, "local", "lport", &socket->local) &&
	       read_address(record, "remote", "rport", &socket->remote);
}

// ---- which, and what becomes of them ----

// As ss(8) has it: a socket of both families, which waits for anybody's IPv4 and IPv6, is IPv6's.
static bool is_of_family(const struct ss_wanted *wanted, const struct ss_socket *socket)
{
	if (wanted->is_ipv4 == wanted->is_ipv6)
		return true;
	return wanted->is_ipv4 == (bool)IN6_IS_ADDR_V4MAPPED(&socket->local.ip);
}

// In CLOSED, -l means UDP sockets, and not TCP ones, which are bound and do nothing.
static bool is_wanted(const struct ss_wanted *wanted, const struct ss_socket *socket)
{
	bool is_bound_only = !socket->is_udp && socket->state == SS_CLOSED;

	if (is_bound_only && wanted->is_listening && !wanted->is_all && !wanted->is_bound &&
		!wanted->filter.has_states)
		return false;
	return (socket->is_udp ? wanted->is_udp : wanted->is_tcp) && is_of_family(wanted, socket) &&
	       ss_filter_matches(&wanted->filter, socket);
}

static bool is_resettable(const struct ss_socket *socket)
{
	return !socket->is_udp && socket->state != SS_LISTEN && socket->state != SS_CLOSED;
}

// False when it was not there any more, or the application did not answer.
static bool reset(struct ft_app *app, const json_t *record, const struct ss_socket *socket)
{
	char command[160];
	json_t *answer;
	bool was_reset;

	snprintf(command, sizeof(command), "/fourtuple/reset,%s,%u,%s,%u",
		json_string_value(json_object_get(record, "local")), socket->local.port,
		json_string_value(json_object_get(record, "remote")), socket->remote.port);
	answer = ft_client_ask(app, command);
	was_reset = json_integer_value(json_object_get(answer, "reset")) == 1;
	json_decref(answer);
	return was_reset;
}

void ss_list_name(json_t *record, const struct ft_app *app)
{
	json_object_set_new(record, "app", json_string(app->name));
	json_object_set_new(record, "program", json_string(app->program));
	json_object_set_new(record, "pid", json_integer(app->pid));
}

static bool take(struct ss_list *list, const struct ss_wanted *wanted, const struct ss_style *style,
	struct ft_app *app, json_t *record, const struct ss_socket *socket)
{
	if (!is_wanted(wanted, socket))
		return true;
	if (wanted->is_kill && (!is_resettable(socket) || !reset(app, record, socket)))
		return true;
	if (!wanted->is_json)
		return ss_table_add(&list->table, style, socket, record, app);
	ss_list_name(record, app);
	return json_array_append(list->records, record) == 0;
}

// ---- one application, page by page ----

static bool take_page(struct ss_list *list, const struct ss_wanted *wanted,
	const struct ss_style *style, struct ft_app *app, json_t *page)
{
	const char *key, *error = NULL;
	json_t *record;
	struct ss_socket socket;

	json_object_foreach(page, key, record)
	{
		if (!json_is_object(record))
			continue;
		if (!read_socket(record, &socket))
			error = "answers what is no socket; is it of another version?";
		else if (!take(list, wanted, style, app, record, &socket))
			error = "has more sockets than there is memory";
	}
	if (error != NULL)
		fprintf(stderr, "ft-ss: %s (pid %d) %s\n", app->name, app->pid, error);
	return error == NULL;
}

// {"next": CURSOR, "0": record, "1": ...}, until the cursor is 0 again. It only grows, or asking would
// not end.
bool ss_list_add(struct ss_list *list, const struct ss_wanted *wanted, const struct ss_style *style,
	struct ft_app *app)
{
	uint32_t mask = ss_wanted_states(wanted) | (wanted->is_udp ? SS_UDP : 0);
	bool is_detailed = style->has_details || wanted->is_json;
	json_int_t cursor, next = 0;
	bool is_good;

	do {
		char command[128];
		json_t *page;

		cursor = next;
		snprintf(command, sizeof(command), "/fourtuple/sockets,%lld,%u%s",
			(long long)cursor, mask, is_detailed ? ",details" : "");
		page = ft_client_ask(app, command);
		is_good = page != NULL && take_page(list, wanted, style, app, page);
		next = json_integer_value(json_object_get(page, "next"));
		json_decref(page);
	} while (is_good && next > cursor);
	if (is_good && next != 0)
		fprintf(stderr, "ft-ss: %s (pid %d) answers the same again and again\n", app->name,
			app->pid);
	return is_good && next == 0 && app->fd >= 0;
}
