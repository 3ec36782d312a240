// What telemetry answers about sockets, and what becomes of a connection that it resets. The test is
// both threads: it asks, and turns the loop that answers.
#include "telemetry/telemetry.h"

#include <inttypes.h>
#include <stdio.h>

#include "socket/snapshot.h"

#include "shim/shim_support.h"

// Of the answer; DPDK's own cannot be looked into.
static struct {
	bool has_more_fds;
	uint64_t more_fds;
	int reset; // -1: nothing was said
	uint64_t next;
	int records, questions;
} told;

// The linker has these called instead (--wrap).
int __real_rte_tel_data_add_dict_u64(struct rte_tel_data *dict, const char *name, uint64_t value);
int __wrap_rte_tel_data_add_dict_u64(struct rte_tel_data *dict, const char *name, uint64_t value);
int __real_rte_tel_data_add_dict_int(struct rte_tel_data *dict, const char *name, int value);
int __wrap_rte_tel_data_add_dict_int(struct rte_tel_data *dict, const char *name, int value);
int __wrap_rte_tel_data_add_dict_container(
	struct rte_tel_data *dict, const char *name, struct rte_tel_data *inner, int keep);
int __wrap_ft_mailbox_ask(struct ft_mailbox *mailbox, struct ft_request *request, ft_time patience);

int __wrap_rte_tel_data_add_dict_u64(struct rte_tel_data *dict, const char *name, uint64_t value)
{
	if (strcmp(name, "more_fds") == 0) {
		told.has_more_fds = true;
		told.more_fds = value;
	}
	if (strcmp(name, "next") == 0)
		told.next = value;
	return __real_rte_tel_data_add_dict_u64(dict, name, value);
}

int __wrap_rte_tel_data_add_dict_int(struct rte_tel_data *dict, const char *name, int value)
{
	if (strcmp(name, "reset") == 0)
		told.reset = value;
	return __real_rte_tel_data_add_dict_int(dict, name, value);
}

// DPDK frees what is within an answer when it has been sent.
int __wrap_rte_tel_data_add_dict_container(
	struct rte_tel_data *dict, const char *name, struct rte_tel_data *inner, int keep)
{
	told.records++;
	rte_tel_data_free(inner);
	return 0;
}

int __wrap_ft_mailbox_ask(struct ft_mailbox *mailbox, struct ft_request *request, ft_time patience)
{
	bool is_waiting;

	told.questions++;
	sem_init(&request->answered, 0, 0);
	atomic_store(&mailbox->waiting, request);
	ft_lone_settle(&lone);
	is_waiting = atomic_exchange(&mailbox->waiting, NULL) != NULL;
	sem_destroy(&request->answered);
	return is_waiting ? -ETIMEDOUT : 0;
}

static int start_asked(void **state)
{
	start_lone(state);
	ft_telemetry_start(&lone.stack, NULL, "unit", "none");
	return 0;
}

static int stop_asked(void **state)
{
	ft_telemetry_stop();
	return stop_lone(state);
}

#define asked_test(function) cmocka_unit_test_setup_teardown(function, start_asked, stop_asked)

static void ask(telemetry_cb answer, const char *parameters)
{
	struct rte_tel_data *reply = rte_tel_data_alloc();

	assert_non_null(reply);
	memset(&told, 0, sizeof(told));
	told.reset = -1;
	assert_int_equal(answer("", parameters, reply), 0);
	rte_tel_data_free(reply);
}

static void no_socket_is_found_out_at_once(void **state)
{
	ask(ft_telemetry_sockets, "0");
	assert_int_equal(told.records, 0);
	assert_int_equal(told.next, 0);
	assert_int_equal(told.questions, 1);
}

// Behind the first page is only a place that is free again: the list ends there, and does not begin anew.
static void last_page_is_empty_the_list_ends(void **state)
{
	char cursor[32];
	int fd = -1;

	for (uint16_t i = 0; i <= FT_SNAPSHOT_RECORDS; i++) {
		fd = new_udp();
		assert_int_equal(bind_to(fd, ANY, 10000 + i), 0);
	}
	ft_close(fd);
	ask(ft_telemetry_sockets, "0");
	assert_int_equal(told.records, FT_SNAPSHOT_RECORDS);
	assert_int_not_equal(told.next, 0);
	snprintf(cursor, sizeof(cursor), "%" PRIu64, told.next);
	ask(ft_telemetry_sockets, cursor);
	assert_int_equal(told.records, 0);
	assert_int_equal(told.next, 0);
}

// Eight are listed, so the ninth is one more.
static void descriptors_beyond_those_listed_are_counted(void **state)
{
	int fd = new_listener(7);

	for (int count = 1; count < 8; count++)
		fd = ft_dup(fd);
	ask(ft_telemetry_sockets, "0");
	assert_false(told.has_more_fds);
	fd = ft_dup(fd);
	ask(ft_telemetry_sockets, "0");
	assert_int_equal(told.more_fds, 1);
	for (int count = 9; count < 20; count++)
		fd = ft_dup(fd);
	ask(ft_telemetry_sockets, "0");
	assert_int_equal(told.more_fds, 12);
}

static void reset(uint16_t local_port, uint16_t remote_port)
{
	char parameters[64];

	snprintf(parameters, sizeof(parameters), "%s,%u,%s,%u", LONE_ADDRESS, local_port,
		LONE_ADDRESS, remote_port);
	ask(ft_telemetry_reset, parameters);
}

// What ft-ss -K promises: the application learns that somebody else ended it, its peer of a reset.
static void connection_reset_from_outside_was_aborted(void **state)
{
	struct pair pair = new_pair();
	char byte;

	reset(port_of(pair.client), port_of(pair.server));
	assert_int_equal(told.reset, 1);
	ft_lone_settle(&lone);
	assert_fails(ft_recv(pair.client, &byte, 1, 0), ECONNABORTED);
	assert_fails(ft_recv(pair.server, &byte, 1, 0), ECONNRESET);
	close_pair(pair);
}

static void connection_reset_from_outside_cannot_be_written(void **state)
{
	struct pair pair = new_pair();

	reset(port_of(pair.client), port_of(pair.server));
	assert_fails(ft_send(pair.client, "x", 1, MSG_NOSIGNAL), ECONNABORTED);
	assert_fails(ft_send(pair.client, "x", 1, MSG_NOSIGNAL), EPIPE);
	close_pair(pair);
}

static void nobody_there_nothing_is_reset(void **state)
{
	struct pair pair = new_pair();

	reset(port_of(pair.client), 1);
	assert_int_equal(told.reset, 0);
	assert_int_equal(ft_send(pair.client, "x", 1, 0), 1);
	close_pair(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		asked_test(no_socket_is_found_out_at_once),
		asked_test(last_page_is_empty_the_list_ends),
		asked_test(descriptors_beyond_those_listed_are_counted),
		asked_test(connection_reset_from_outside_was_aborted),
		asked_test(connection_reset_from_outside_cannot_be_written),
		asked_test(nobody_there_nothing_is_reset),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
