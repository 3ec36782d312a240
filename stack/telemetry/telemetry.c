#include "telemetry/telemetry.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "socket/socket.h"
#include "stack.h"

// How long a question waits for the loop to turn.
#define PATIENCE FT_SECOND

// One question at a time; the loop's thread takes this lock only to end it all.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ft_telemetry_subject subject;

const struct ft_telemetry_subject *ft_telemetry_begin(void)
{
	pthread_mutex_lock(&lock);
	return subject.stack != NULL ? &subject : NULL;
}

void ft_telemetry_end(void)
{
	pthread_mutex_unlock(&lock);
}

int ft_telemetry_error(struct rte_tel_data *reply, const char *text)
{
	rte_tel_data_start_dict(reply);
	rte_tel_data_add_dict_string(reply, "error", text);
	return 0;
}

bool ft_telemetry_ask(struct ft_request *request, struct rte_tel_data *reply)
{
	const struct ft_telemetry_subject *asked = ft_telemetry_begin();
	int error = -ENXIO;

	if (asked != NULL)
		error = ft_mailbox_ask(&asked->stack->mailbox, request, PATIENCE);
	ft_telemetry_end();
	if (error == -ENXIO)
		ft_telemetry_error(reply, "the application has ended its stack");
	else if (error != 0)
		ft_telemetry_error(reply,
			"the application has not turned its stack's loop for 1 s: "
			"it computes, or waits outside of the ft_ calls");
	return error == 0;
}

// ---- what the stack counts ----

struct statistics {
	struct ft_request request;
	struct ft_counters counters;
	uint64_t in_state[FT_TCP_STATE_COUNT];
	uint64_t udp_sockets;
};

static void copy_statistics(struct ft_request *request, void *owner, ft_time now)
{
	struct statistics *statistics = ft_container_of(request, struct statistics, request);
	const struct ft_stack *stack = owner;

	statistics->counters = stack->counters;
	memcpy(statistics->in_state, stack->tcp.in_state, sizeof(statistics->in_state));
	statistics->udp_sockets = stack->udp.sockets.in_use;
}

static bool ask_statistics(struct statistics *statistics, struct rte_tel_data *reply)
{
	statistics->request.serve = copy_statistics;
	if (!ft_telemetry_ask(&statistics->request, reply))
		return false;
	rte_tel_data_start_dict(reply);
	return true;
}

static int counters(const char *command, const char *parameters, struct rte_tel_data *reply)
{
	struct statistics statistics;

	if (!ask_statistics(&statistics, reply))
		return 0;
	for (int i = 0; i < FT_COUNTER_COUNT; i++)
		rte_tel_data_add_dict_u64(reply, ft_counter_name(i), statistics.counters.count[i]);
	return 0;
}

static void add_drops(struct rte_tel_data *reply, const char *name, const uint64_t *dropped)
{
	struct rte_tel_data *drops = rte_tel_data_alloc();

	if (drops == NULL)
		return;
	rte_tel_data_start_dict(drops);
	for (int i = FT_TAKEN + 1; i < FT_DROP_COUNT; i++)
		rte_tel_data_add_dict_u64(drops, ft_drop_name(i), dropped[i]);
	rte_tel_data_add_dict_container(reply, name, drops, 0);
}

static int drops(const char *command, const char *parameters, struct rte_tel_data *reply)
{
	struct statistics statistics;

	if (!ask_statistics(&statistics, reply))
		return 0;
	add_drops(reply, "input", statistics.counters.dropped_input);
	add_drops(reply, "late", statistics.counters.dropped_late);
	add_drops(reply, "output", statistics.counters.dropped_output);
	return 0;
}

// "syn_sent": DPDK takes no '-' in a name.
static const char *state_key(enum ft_tcp_state state, char key[32])
{
	snprintf(key, 32, "%s", ft_tcp_state_name(state));
	for (char *c = key; *c != '\0'; c++)
		*c = *c == '-' ? '_' : (char)tolower((unsigned char)*c);
	return key;
}

static int states(const char *command, const char *parameters, struct rte_tel_data *reply)
{
	struct statistics statistics;
	char key[32];

	if (!ask_statistics(&statistics, reply))
		return 0;
	for (int i = 0; i < FT_TCP_STATE_COUNT; i++)
		rte_tel_data_add_dict_u64(reply, state_key(i, key), statistics.in_state[i]);
	rte_tel_data_add_dict_u64(reply, "udp", statistics.udp_sockets);
	return 0;
}

static int bursts(const char *command, const char *parameters, struct rte_tel_data *reply)
{
	struct statistics statistics;
	char size[8];

	if (!ask_statistics(&statistics, reply))
		return 0;
	for (int i = 0; i < FT_BURST_SIZES; i++) {
		snprintf(size, sizeof(size), "%d", i);
		rte_tel_data_add_dict_u64(reply, size, statistics.counters.bursts[i]);
	}
	return 0;
}

// ---- who it is ----

static void add_addresses(struct rte_tel_data *reply, const struct ft_config *config)
{
	struct rte_tel_data *addresses = rte_tel_data_alloc();
	char text[FT_ADDR_TEXT_BYTES];

	if (addresses == NULL)
		return;
	rte_tel_data_start_array(addresses, RTE_TEL_STRING_VAL);
	for (uint32_t i = 0; i < config->ip.address_count; i++)
		rte_tel_data_add_array_string(
			addresses, ft_addr_text(&config->ip.address[i].addr, text));
	rte_tel_data_add_dict_container(reply, "addresses", addresses, 0);
}

static int info(const char *command, const char *parameters, struct rte_tel_data *reply)
{
	const struct ft_telemetry_subject *asked = ft_telemetry_begin();

	if (asked == NULL) {
		ft_telemetry_error(reply, "the application has ended its stack");
	} else {
		rte_tel_data_start_dict(reply);
		rte_tel_data_add_dict_string(reply, "name", asked->name);
		rte_tel_data_add_dict_int(reply, "pid", getpid());
		rte_tel_data_add_dict_string(reply, "version", FT_VERSION);
		rte_tel_data_add_dict_string(reply, "program", program_invocation_short_name);
		rte_tel_data_add_dict_string(reply, "device", asked->device);
		add_addresses(reply, &asked->stack->config);
	}
	ft_telemetry_end();
	return 0;
}

// ---- beginning and end ----

static const struct {
	const char *name;
	telemetry_cb answer;
	const char *help; // below 64 characters
} commands[] = {
	{ "/fourtuple/info", info, "Returns who this is. Takes no parameters" },
	{ "/fourtuple/counters", counters, "Returns counters. Takes no parameters" },
	{ "/fourtuple/drops", drops, "Returns dropped packets by reason. Takes no parameters" },
	{ "/fourtuple/states", states,
		"Returns how many sockets are in each state. No parameters" },
	{ "/fourtuple/bursts", bursts, "Returns receive bursts by size. Takes no parameters" },
	{ "/fourtuple/nic", ft_telemetry_nic, "Returns the NIC's state. Takes no parameters" },
	{ "/fourtuple/sockets", ft_telemetry_sockets,
		"Returns sockets. Parameters: cursor[,states[,details]]" },
	{ "/fourtuple/reset", ft_telemetry_reset,
		"Resets a connection. Parameters: local,port,remote,port" },
};

void ft_telemetry_start(
	struct ft_stack *stack, const struct ft_nic *nic, const char *name, const char *device)
{
	pthread_mutex_lock(&lock);
	subject = (struct ft_telemetry_subject){
		.stack = stack, .nic = nic, .name = name, .device = device
	};
	pthread_mutex_unlock(&lock);
	for (size_t i = 0; i < RTE_DIM(commands); i++)
		if (rte_telemetry_register_cmd(
			    commands[i].name, commands[i].answer, commands[i].help) != 0)
			ft_log_warning(
				"DPDK did not take the telemetry command %s", commands[i].name);
}

// A question under way waits for the loop: it gets its answer here.
void ft_telemetry_stop(void)
{
	while (pthread_mutex_trylock(&lock) != 0) {
		ft_mailbox_serve(&subject.stack->mailbox, subject.stack, subject.stack->now);
		sched_yield();
	}
	subject = (struct ft_telemetry_subject){ 0 };
	pthread_mutex_unlock(&lock);
}
