#include "apps/ss_print.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NETID, STATE, RECV_Q, SEND_Q, LOCAL, LOCAL_PORT, PEER, PEER_PORT, COLUMNS };
_Static_assert(
	COLUMNS == sizeof(((struct ss_row *)0)->columns) / sizeof(char *), "the columns of a row");

const char *ss_state_name(const struct ss_socket *socket)
{
	static const char *const names[SS_STATES] = {
		[SS_CLOSED] = "UNCONN",
		[SS_LISTEN] = "LISTEN",
		[SS_SYN_SENT] = "SYN-SENT",
		[SS_SYN_RECEIVED] = "SYN-RECV",
		[SS_ESTABLISHED] = "ESTAB",
		[SS_FIN_WAIT_1] = "FIN-WAIT-1",
		[SS_FIN_WAIT_2] = "FIN-WAIT-2",
		[SS_CLOSE_WAIT] = "CLOSE-WAIT",
		[SS_CLOSING] = "CLOSING",
		[SS_LAST_ACK] = "LAST-ACK",
		[SS_TIME_WAIT] = "TIME-WAIT",
	};

	return names[socket->state];
}

static long long number_of(const json_t *record, const char *key)
{
	return json_integer_value(json_object_get(record, key));
}

static const char *text_of(const json_t *record, const char *key)
{
	const char *text = json_string_value(json_object_get(record, key));

	return text != NULL ? text : "";
}

static char *address_text(const struct ss_address *address)
{
	char text[INET6_ADDRSTRLEN + 2];

	if (IN6_IS_ADDR_V4MAPPED(&address->ip)) {
		inet_ntop(AF_INET, &address->ip.s6_addr[12], text, sizeof(text));
	} else {
		text[0] = '[';
		inet_ntop(AF_INET6, &address->ip, text + 1, INET6_ADDRSTRLEN);
		strcat(text, "]");
	}
	return strdup(text);
}

static char *port_text(const struct ss_socket *socket, uint16_t port, bool is_numeric)
{
	const struct servent *service = NULL;
	char text[8];

	if (port == 0)
		return strdup("*");
	if (!is_numeric)
		service = getservbyport(htons(port), socket->is_udp ? "udp" : "tcp");
	if (service != NULL)
		return strdup(service->s_name);
	snprintf(text, sizeof(text), "%u", port);
	return strdup(text);
}

static char *number_text(long long number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", number);
	return strdup(text);
}

// ---- what stands behind the columns ----

// users:(("ft-echo",pid=12,fd=4),("ft-echo",pid=12,fd=5)); of many descriptors the first, and "+12 more". An
// application that was given a name has that behind it: app:NAME.
static void write_users(FILE *to, const json_t *record, const struct ft_app *app)
{
	const char *fd = text_of(record, "fds");

	if (*fd == '\0')
		return;
	fprintf(to, "users:(");
	for (const char *comma = ""; *fd != '\0'; comma = ",") {
		size_t digits = strcspn(fd, ",");

		fprintf(to, "%s(\"%s\",pid=%d,fd=%.*s)", comma, app->program, app->pid, (int)digits,
			fd);
		fd += digits + (fd[digits] == ',');
	}
	if (number_of(record, "more_fds") > 0)
		fprintf(to, ",+%lld more", number_of(record, "more_fds"));
	fprintf(to, ") ");
	if (strcmp(app->name, app->program) != 0)
		fprintf(to, "app:%s ", app->name);
}

// As ss writes it: 1min2sec, 12sec, 9.050ms, 200ms.
static void write_duration(FILE *to, long long ms)
{
	long long minutes = ms / 60000, seconds = ms / 1000 % 60;

	ms %= 1000;
	if (minutes > 0) {
		fprintf(to, "%lldmin", minutes);
		ms = 0;
		seconds = minutes > 9 ? 0 : seconds;
	}
	if (seconds > 0) {
		ms = seconds > 9 ? 0 : ms;
		fprintf(to, "%lld%s", seconds, ms > 0 ? "." : "sec");
	}
	if (ms > 0 || (minutes == 0 && seconds == 0))
		fprintf(to, "%03lldms", ms);
}

static void write_timer(FILE *to, const json_t *record)
{
	const char *timer = text_of(record, "timer");

	if (*timer == '\0')
		return;
	fprintf(to, "timer:(%s,", timer);
	write_duration(to, number_of(record, "timer_ms"));
	fprintf(to, ",%lld) ", number_of(record, "retries"));
}

static void write_number(FILE *to, const json_t *record, const char *name, const char *key)
{
	long long number = number_of(record, key);

	if (number != 0)
		fprintf(to, " %s:%lld", name, number);
}

static void write_details(FILE *to, const json_t *record)
{
	fprintf(to, "\t %s%s", number_of(record, "timestamps") ? "ts " : "",
		text_of(record, "congestion"));
	if (number_of(record, "wscale"))
		fprintf(to, " wscale:%lld,%lld", number_of(record, "snd_wscale"),
			number_of(record, "rcv_wscale"));
	if (number_of(record, "rto_us"))
		fprintf(to, " rto:%g", (double)number_of(record, "rto_us") / 1000);
	write_number(to, record, "backoff", "backoff");
	if (number_of(record, "rtt_us"))
		fprintf(to, " rtt:%g/%g", (double)number_of(record, "rtt_us") / 1000,
			(double)number_of(record, "rttvar_us") / 1000);
	write_number(to, record, "mss", "mss");
	write_number(to, record, "pmtu", "pmtu");
	write_number(to, record, "rcvmss", "rcvmss");
	write_number(to, record, "advmss", "advmss");
	write_number(to, record, "cwnd", "cwnd");
	if (number_of(record, "ssthresh") < INT32_MAX)
		write_number(to, record, "ssthresh", "ssthresh");
	write_number(to, record, "bytes_acked", "bytes_acked");
	write_number(to, record, "bytes_received", "bytes_received");
	write_number(to, record, "lastsnd", "lastsnd_ms");
	write_number(to, record, "lastrcv", "lastrcv_ms");
	write_number(to, record, "lastack", "lastack_ms");
	write_number(to, record, "unacked", "unacked");
	write_number(to, record, "lost", "lost");
	if (number_of(record, "retrans_total"))
		fprintf(to, " retrans:%lld/%lld", number_of(record, "retrans"),
			number_of(record, "retrans_total"));
	write_number(to, record, "rcv_space", "rcv_space");
}

static char *rest_of(const struct ss_style *style, const json_t *record, const struct ft_app *app)
{
	char *text = NULL;
	size_t bytes;
	FILE *to = open_memstream(&text, &bytes);

	if (to == NULL)
		return NULL;
	if (style->has_processes)
		write_users(to, record, app);
	if (style->has_timers)
		write_timer(to, record);
	fclose(to);
	return text;
}

static char *details_of(
	const struct ss_style *style, const struct ss_socket *socket, const json_t *record)
{
	bool has_peer = socket->state != SS_LISTEN && socket->state != SS_CLOSED;
	char *text = NULL;
	size_t bytes;
	FILE *to;

	if (!style->has_details || socket->is_udp || !has_peer)
		return NULL;
	to = open_memstream(&text, &bytes);
	if (to == NULL)
		return NULL;
	write_details(to, record);
	fclose(to);
	return text;
}

// ---- the table ----

bool ss_table_add(struct ss_table *table, const struct ss_style *style,
	const struct ss_socket *socket, const json_t *record, const struct ft_app *app)
{
	struct ss_row *row;

	if (table->count == table->room) {
		int room = table->room > 0 ? 2 * table->room : 64;
		struct ss_row *rows = realloc(table->rows, room * sizeof(*rows));

		if (rows == NULL)
			return false;
		table->rows = rows;
		table->room = room;
	}
	row = &table->rows[table->count++];
	*row = (struct ss_row){
		.columns = {
			[NETID] = strdup(socket->is_udp ? "udp" : "tcp"),
			[STATE] = strdup(ss_state_name(socket)),
			[RECV_Q] = number_text(number_of(record, "recvq")),
			[SEND_Q] = number_text(number_of(record, "sendq")),
			[LOCAL] = address_text(&socket->local),
			[LOCAL_PORT] = port_text(socket, socket->local.port, style->is_numeric),
			[PEER] = address_text(&socket->remote),
			[PEER_PORT] = port_text(socket, socket->remote.port, style->is_numeric),
		},
		.rest = rest_of(style, record, app),
		.details = details_of(style, socket, record),
	};
	return true;
}

static const char *cell(const struct ss_row *row, int column)
{
	return row->columns[column] != NULL ? row->columns[column] : "";
}

static void measure(const struct ss_table *table, int widths[COLUMNS])
{
	static const char *const heads[COLUMNS] = { "Netid", "State", "Recv-Q", "Send-Q",
		"Local Address", "Port", "Peer Address", "Port" };

	for (int column = 0; column < COLUMNS; column++) {
		widths[column] = (int)strlen(heads[column]);
		for (int i = 0; i < table->count; i++) {
			int length = (int)strlen(cell(&table->rows[i], column));

			widths[column] = length > widths[column] ? length : widths[column];
		}
	}
}

// Addresses end at the colon, ports begin there.
static void print_cells(
	const struct ss_style *style, const int *w, const char *const cells[COLUMNS])
{
	if (style->has_netid)
		printf("%-*s ", w[NETID], cells[NETID]);
	if (style->has_state)
		printf("%-*s ", w[STATE], cells[STATE]);
	printf("%-*s %-*s %*s:%-*s %*s:%-*s", w[RECV_Q], cells[RECV_Q], w[SEND_Q], cells[SEND_Q],
		w[LOCAL], cells[LOCAL], w[LOCAL_PORT], cells[LOCAL_PORT], w[PEER], cells[PEER],
		w[PEER_PORT], cells[PEER_PORT]);
}

static void print_row(const struct ss_row *row, const struct ss_style *style, const int *widths)
{
	const char *cells[COLUMNS];

	for (int column = 0; column < COLUMNS; column++)
		cells[column] = cell(row, column);
	print_cells(style, widths, cells);
	printf(" %s\n", row->rest != NULL ? row->rest : "");
	if (row->details != NULL)
		printf("%s\n", row->details);
}

static void print_kind(const struct ss_table *table, const struct ss_style *style,
	const int *widths, const char *netid)
{
	for (int i = 0; i < table->count; i++)
		if (strcmp(cell(&table->rows[i], NETID), netid) == 0)
			print_row(&table->rows[i], style, widths);
}

// As ss(8), however many applications there are: all of UDP, then all of TCP.
void ss_table_print(const struct ss_table *table, const struct ss_style *style)
{
	static const char *const heads[COLUMNS] = { "Netid", "State", "Recv-Q", "Send-Q",
		"Local Address", "Port", "Peer Address", "Port" };
	int widths[COLUMNS];

	measure(table, widths);
	if (!style->has_no_header) {
		print_cells(style, widths, heads);
		printf("%s\n", style->has_processes ? " Process" : "");
	}
	print_kind(table, style, widths, "udp");
	print_kind(table, style, widths, "tcp");
}

void ss_table_free(struct ss_table *table)
{
	for (int i = 0; i < table->count; i++) {
		for (int column = 0; column < COLUMNS; column++)
			free(table->rows[i].columns[column]);
		free(table->rows[i].rest);
		free(table->rows[i].details);
	}
	free(table->rows);
	*table = (struct ss_table){ 0 };
}
