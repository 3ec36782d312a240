// Sockets, a page at a time, and the end of one.
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "socket/snapshot.h"
#include "stack.h"
#include "tcp/conn.h"
#include "tcp/tcp_reset.h"
#include "telemetry/telemetry.h"

// DPDK's answers have 16 KB: this many records fit whatever is in them.
#define RECORDS		  32
#define RECORDS_DETAILED  14
#define TURNS_WITHOUT_ANY 64 // then the page goes out empty: the asker goes on with its cursor

struct page {
	struct ft_request request;
	uint64_t cursor;
	uint32_t wanted;
	uint32_t most;
	uint32_t count;
	struct ft_snapshot records[RECORDS];
};

static void take_page(struct ft_request *request, void *owner, ft_time now)
{
	struct page *page = ft_container_of(request, struct page, request);

	page->count = ft_snapshot_take(
		owner, &page->cursor, page->wanted, page->records, page->most, now);
}

static void add_details(struct rte_tel_data *dict, const struct ft_snapshot *record)
{
	const struct tcp_info *info = &record->info;
	const struct {
		const char *name;
		uint64_t value;
	} fields[] = {
		{ "rcvbuf", record->receive_buffer },
		{ "sndbuf", record->send_buffer },
		{ "timestamps", (info->tcpi_options & TCPI_OPT_TIMESTAMPS) != 0 },
		{ "wscale", (info->tcpi_options & TCPI_OPT_WSCALE) != 0 },
		{ "snd_wscale", info->tcpi_snd_wscale },
		{ "rcv_wscale", info->tcpi_rcv_wscale },
		{ "rto_us", info->tcpi_rto },
		{ "rtt_us", info->tcpi_rtt },
		{ "rttvar_us", info->tcpi_rttvar },
		{ "backoff", info->tcpi_backoff },
		{ "mss", info->tcpi_snd_mss },
		{ "pmtu", info->tcpi_pmtu },
		{ "rcvmss", info->tcpi_rcv_mss },
		{ "advmss", info->tcpi_advmss },
		{ "cwnd", info->tcpi_snd_cwnd },
		{ "ssthresh", info->tcpi_snd_ssthresh },
		{ "unacked", info->tcpi_unacked },
		{ "lost", info->tcpi_lost },
		{ "retrans", info->tcpi_retrans },
		{ "retrans_total", info->tcpi_total_retrans },
		{ "lastsnd_ms", info->tcpi_last_data_sent },
		{ "lastrcv_ms", info->tcpi_last_data_recv },
		{ "lastack_ms", info->tcpi_last_ack_recv },
		{ "rcv_space", info->tcpi_rcv_space },
		{ "bytes_acked", record->volume.bytes_acked },
		{ "bytes_received", record->volume.bytes_received },
	};

	for (size_t i = 0; i < RTE_DIM(fields); i++)
		rte_tel_data_add_dict_u64(dict, fields[i].name, fields[i].value);
	rte_tel_data_add_dict_string(dict, "congestion", record->congestion);
}

static void add_fds(struct rte_tel_data *dict, const struct ft_snapshot *record)
{
	char text[128] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < RTE_MIN(record->fd_count, (uint32_t)FT_SNAPSHOT_FDS); i++)
		used += snprintf(
			text + used, sizeof(text) - used, used > 0 ? ",%d" : "%d", record->fds[i]);
	if (used > 0)
		rte_tel_data_add_dict_string(dict, "fds", text);
	if (record->fd_count > FT_SNAPSHOT_FDS)
		rte_tel_data_add_dict_u64(dict, "more_fds", record->fd_count - FT_SNAPSHOT_FDS);
}

static void add_record(struct rte_tel_data *reply, uint32_t number,
	const struct ft_snapshot *record, bool detailed)
{
	struct rte_tel_data *dict = rte_tel_data_alloc();
	bool is_udp = record->tuple.protocol == IPPROTO_UDP;
	char text[FT_ADDR_TEXT_BYTES], key[16];

	if (dict == NULL)
		return;
	rte_tel_data_start_dict(dict);
	rte_tel_data_add_dict_string(dict, "proto", is_udp ? "udp" : "tcp");
	rte_tel_data_add_dict_string(dict, "state", ft_tcp_state_name(record->state));
	rte_tel_data_add_dict_u64(dict, "recvq", record->receive_queue);
	rte_tel_data_add_dict_u64(dict, "sendq", record->send_queue);
	rte_tel_data_add_dict_string(dict, "local", ft_addr_text(&record->tuple.local, text));
	rte_tel_data_add_dict_int(dict, "lport", record->tuple.local_port);
	rte_tel_data_add_dict_string(dict, "remote", ft_addr_text(&record->tuple.remote, text));
	rte_tel_data_add_dict_int(dict, "rport", record->tuple.remote_port);
	add_fds(dict, record);
	if (record->timer != FT_SNAPSHOT_NO_TIMER) {
		rte_tel_data_add_dict_string(dict, "timer", ft_snapshot_timer_name(record->timer));
		rte_tel_data_add_dict_u64(dict, "timer_ms", record->timer_ms);
		rte_tel_data_add_dict_int(dict, "retries", record->retries);
	}
	if (detailed)
		add_details(dict, record);
	snprintf(key, sizeof(key), "%u", number);
	rte_tel_data_add_dict_container(reply, key, dict, 0);
}

// "CURSOR[,STATES[,details]]"
static bool read_parameters(const char *parameters, struct page *page, bool *detailed)
{
	char *end;

	if (parameters == NULL)
		return false;
	page->cursor = strtoull(parameters, &end, 10);
	page->wanted = FT_SNAPSHOT_ALL;
	if (end == parameters)
		return false;
	if (*end == ',')
		page->wanted = (uint32_t)strtoul(end + 1, &end, 0);
	*detailed = strcmp(end, ",details") == 0;
	page->most = *detailed ? RECORDS_DETAILED : RECORDS;
	return *detailed || *end == '\0';
}

static bool ask_page(struct page *page, struct rte_tel_data *reply)
{
	page->request.serve = take_page;
	for (int turns = 0; turns < TURNS_WITHOUT_ANY; turns++) {
		if (!ft_telemetry_ask(&page->request, reply))
			return false;
		if (page->count > 0 || page->cursor == 0)
			return true;
	}
	return true;
}

int ft_telemetry_sockets(const char *command, const char *parameters, struct rte_tel_data *reply)
{
	struct page page;
	bool detailed;

	if (!read_parameters(parameters, &page, &detailed))
		return ft_telemetry_error(
			reply, "expected cursor[,states[,details]]: begin with 0");
	if (!ask_page(&page, reply))
		return 0;
	rte_tel_data_start_dict(reply);
	rte_tel_data_add_dict_u64(reply, "next", page.cursor);
	for (uint32_t i = 0; i < page.count; i++)
		add_record(reply, i, &page.records[i], detailed);
	return 0;
}

// ---- the end of one ----

struct reset {
	struct ft_request request;
	struct ft_tuple tuple;
	bool was_there;
};

// As an ABORT of the user (RFC 9293 3.10.5), but the application learns it as ECONNABORTED.
static void reset_connection(struct ft_request *request, void *owner, ft_time now)
{
	struct reset *reset = ft_container_of(request, struct reset, request);
	struct ft_stack *stack = owner;
	uint32_t index = ft_conn_table_find(
		&stack->tcp.connections, &reset->tuple, ft_tuple_hash(&stack->key, &reset->tuple));
	struct ft_tcp_conn *conn;

	reset->was_there = index != FT_CONN_NONE;
	if (!reset->was_there)
		return;
	conn = ft_anchor_wake(stack, ft_pool_at(&stack->tcp.anchors, index), false);
	reset->was_there = conn != NULL;
	if (conn == NULL) // no block to be had: the next try may find one
		return;
	ft_tcp_abort_conn(stack, conn, ECONNABORTED, now);
}

static bool read_port(const char *text, uint16_t *port)
{
	unsigned long value = strtoul(text, NULL, 10);

	*port = (uint16_t)value;
	return value > 0 && value <= UINT16_MAX;
}

static bool read_tuple(const char *parameters, struct ft_tuple *tuple)
{
	char local[FT_ADDR_TEXT_BYTES], local_port[8], remote[FT_ADDR_TEXT_BYTES], remote_port[8];

	memset(tuple, 0, sizeof(*tuple));
	tuple->protocol = IPPROTO_TCP;
	return parameters != NULL &&
	       sscanf(parameters, "%45[^,],%7[^,],%45[^,],%7[^,]", local, local_port, remote,
		       remote_port) == 4 &&
	       ft_addr_parse(local, &tuple->local) && ft_addr_parse(remote, &tuple->remote) &&
	       read_port(local_port, &tuple->local_port) &&
	       read_port(remote_port, &tuple->remote_port);
}

int ft_telemetry_reset(const char *command, const char *parameters, struct rte_tel_data *reply)
{
	struct reset reset = { .request.serve = reset_connection };

	if (!read_tuple(parameters, &reset.tuple))
		return ft_telemetry_error(reply, "expected local,port,remote,port of a connection");
	if (!ft_telemetry_ask(&reset.request, reply))
		return 0;
	rte_tel_data_start_dict(reply);
	rte_tel_data_add_dict_int(reply, "reset", reset.was_there);
	return 0;
}
