// ft-load: asks a server, over as many connections and as often as wanted, and tells how long the
// answers took. One thread, one epoll loop; nothing in it waits.
//
//	main ─► load_options_read, ft_init ─► run ─► turn, again and again:
//	            open some connections ─► send the requests that are due ─► ft_epoll_wait(0)
//	            ─► load_conn_handle for each event ─► give up what waits too long ─► progress
//
// In an open loop a request is due when the schedule says, whether or not the server has answered those
// before, and its latency counts from then, also if it could be sent only later: a server that stalls
// for a second makes all requests late that were due in that second. (A client that waits for each
// answer before it asks again, and measures from there, asks nothing in that second and sees one slow
// answer: "coordinated omission".) In a closed loop an answered connection is asked again at once.
#include "load.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fourtuple.h"

#define EVENTS	       256
#define BURST	       32 // requests sent between two looks at what came
#define LAST_LEAVE_NS  (LOAD_SECOND / 50)
#define FIRST_ALONE_NS (LOAD_SECOND / 10)
#define LAST_LOST_NS   (LOAD_SECOND / 5) // how long datagrams of bulk are waited for at the end

static struct load load;
static struct load_options options;
static volatile sig_atomic_t is_stopping;

// ---- the schedule ----

static void schedule_next(void)
{
	load.scheduled++;
	// A constant rate is counted from the beginning, so that nothing adds up.
	if (options.is_poisson)
		load.due_ns += -log(1 - drand48()) * (double)LOAD_SECOND / options.rate;
	else
		load.due_ns = (double)load.scheduled * (double)LOAD_SECOND / options.rate;
}

static int64_t next_due(void)
{
	return load.begin_ns + (int64_t)load.due_ns;
}

static bool is_due(int64_t now)
{
	if (options.rate > 0)
		return next_due() <= now && next_due() < load.end_ns;
	return now < load.end_ns &&
	       load.pending.count - (options.mode == LOAD_CONNECT ? 0 : load.connecting) <
		       options.outstanding;
}

// The first goes alone, for a while: until its neighbour's MAC address is known, only so many packets can
// wait.
static bool is_first_under_way(int64_t now)
{
	return !load.has_heard && load.pending.count > 0 && now < load.begin_ns + FIRST_ALONE_NS;
}

static void send_what_is_due(int64_t now)
{
	if (!load.is_running || load_is_bulk(&options))
		return;
	for (int i = 0; i < BURST && load.idle.count > 0 && is_due(now) && !is_first_under_way(now);
		i++) {
		if (options.rate > 0) {
			load_conn_ask(&load, next_due());
			schedule_next();
		} else {
			load_conn_ask(&load, load_now());
		}
	}
}

// ---- the loop ----

// A UDP socket can nearly always be written to: with something ready, waiting for events turns no stack.
static void handle_events(void)
{
	struct epoll_event events[EVENTS];
	int count = ft_epoll_wait(load.epoll_fd, events, EVENTS, 0);

	if (options.is_udp && load_is_bulk(&options))
		ft_turn();
	for (int i = 0; i < count; i++)
		load_conn_handle(&load, &load.conns[events[i].data.u32], events[i].events);
}

static void turn(int64_t now)
{
	send_what_is_due(now);
	handle_events();
	load_conn_expire(&load, now);
	if (!options.is_quiet)
		load_report_progress(&load, now);
}

// A server that none of the first can reach is not there.
static bool is_hopeless(void)
{
	return load.open == 0 && load_report_errors(&load.results) >= options.opening;
}

static void open_all(void)
{
	while (!is_stopping && load.closed.count + load.connecting > 0 && !is_hopeless()) {
		load_conn_open_some(&load);
		turn(load_now());
	}
}

static void begin(void)
{
	load.begin_ns = load_now();
	load.measure_ns = load.begin_ns + options.warmup_ns;
	load.end_ns = load.measure_ns + options.duration_ns;
	load.is_running = true;
	if (load_is_bulk(&options))
		load_conn_start_streams(&load);
	else if (options.is_poisson)
		schedule_next();
}

// What the peer has acknowledged was sent; what it has not may still be in our own buffers.
static void begin_measuring(void)
{
	load.is_measuring = true;
	if (load_is_sending_bulk(&options) && !options.is_udp)
		load.results.bytes_sent = load_conn_unacknowledged(&load);
}

static void end_measuring(int64_t now)
{
	uint64_t unacknowledged;

	load.results.measured_ns = now > load.measure_ns ? now - load.measure_ns : 0;
	if (load.is_measuring && load_is_sending_bulk(&options) && !options.is_udp) {
		unacknowledged = load_conn_unacknowledged(&load);
		load.results.bytes_sent -= unacknowledged < load.results.bytes_sent
						   ? unacknowledged
						   : load.results.bytes_sent;
	}
	load.is_measuring = false;
}

static bool is_anyone_left(void)
{
	return options.mode == LOAD_CONNECT || load.open + load.connecting + load.closed.count > 0;
}

static void put_under_load(void)
{
	int64_t now = load_now();

	while (!is_stopping && now < load.end_ns && is_anyone_left()) {
		if (!load.is_measuring && now >= load.measure_ns)
			begin_measuring();
		if (options.mode != LOAD_CONNECT)
			load_conn_open_some(&load);
		turn(now);
		now = load_now();
	}
	end_measuring(now < load.end_ns ? now : load.end_ns);
}

static bool is_last_expected(int64_t now)
{
	if (load_is_bulk(&options))
		return options.is_udp ? now < load.end_ns + LAST_LOST_NS : load.pending.count > 0;
	return load.pending.count > 0 || (options.rate > 0 && is_due(now) && is_anyone_left());
}

// Not what has become due since the last turn of an interrupted loop: connections were free for it.
static void count_what_was_not_sent(int64_t now)
{
	if (options.rate == 0 || (is_stopping && load.idle.count > 0))
		return;
	while (is_due(now)) {
		load.results.not_sent++;
		schedule_next();
	}
}

// What was due before the end is still sent, and answers are waited for, --timeout at most.
static void await_the_last(void)
{
	int64_t now = load_now();
	int64_t deadline = now + options.timeout_ns + LOAD_SECOND;

	if (options.mode == LOAD_BULK_BOTH)
		load_conn_end_streams(&load, now);
	while (!is_stopping && now < deadline && is_last_expected(now)) {
		if (options.mode != LOAD_CONNECT && options.rate > 0 && is_due(now))
			load_conn_open_some(&load); // what broke meanwhile
		turn(now);
		now = load_now();
	}
	if (is_stopping && load.end_ns > now)
		load.end_ns = now;
	count_what_was_not_sent(now);
}

static int print_results(void)
{
	load.results.is_interrupted = is_stopping;
	load_report_print(&load);
	if (options.json_path != NULL && load_json_write(&load, options.json_path) < 0)
		return 1;
	return load_report_errors(&load.results) > 0 ? 1 : 0;
}

// A reset is sent once, and is gone with the NIC's ring if that is stopped at once.
static void close_all(void)
{
	int64_t until;

	load_conn_abandon_pending(&load);
	while (load_conn_close_some(&load, load_now()))
		handle_events();
	until = load_now() + LAST_LEAVE_NS;
	while (load_now() < until)
		ft_turn();
}

static int run(void)
{
	int status;

	if (options.mode != LOAD_CONNECT)
		open_all();
	if (options.mode == LOAD_CONNECT || load.open > 0) {
		begin();
		put_under_load();
		await_the_last();
	} else {
		fprintf(stderr, "ft-load: no connection could be opened\n");
	}
	status = print_results();
	close_all();
	return status;
}

// ---- the beginning ----

static void on_signal(int signal)
{
	is_stopping = 1;
	ft_interrupt();
}

static void handle_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void find_addresses(void)
{
	socklen_t length = sizeof(load.addresses[0]);

	while (load.address_count < LOAD_ADDRESSES &&
		ft_local_address(load.address_count,
			(struct sockaddr *)&load.addresses[load.address_count], &length) == 0) {
		load.address_count++;
		length = sizeof(load.addresses[0]);
	}
}

// Bytes that are not all the same, or the file's.
static int make_request(void)
{
	FILE *file;
	size_t count;

	load.request = malloc(options.size + 1);
	if (load.request == NULL)
		return -1;
	for (uint32_t i = 0; i < options.size; i++)
		load.request[i] = (char)('a' + i % 26);
	if (options.request_path == NULL)
		return 0;
	file = fopen(options.request_path, "rb");
	if (file == NULL)
		return -1;
	count = fread(load.request, 1, options.size, file);
	fclose(file);
	return count == options.size ? 0 : -1;
}

static int make_connections(void)
{
	struct load_list *list = options.mode == LOAD_CONNECT ? &load.idle : &load.closed;

	load_list_init(&load.closed);
	load_list_init(&load.idle);
	load_list_init(&load.pending);
	load.conns = calloc(options.connections, sizeof(*load.conns));
	if (load.conns == NULL)
		return -1;
	for (uint32_t i = 0; i < options.connections; i++) {
		load.conns[i].fd = -1;
		load_list_append(list, load.conns, i);
	}
	load.epoll_fd = ft_epoll_create1(0);
	return load.epoll_fd < 0 ? -1 : make_request();
}

static int serve(void)
{
	find_addresses();
	if (!load_options_fit(&options, load.address_count))
		return 2;
	load.options = &options;
	load.measure_ns = INT64_MAX;
	if (make_connections() < 0) {
		fprintf(stderr, "ft-load: %s\n", strerror(errno));
		return 1;
	}
	srand48(options.seed);
	handle_signals();
	return run();
}

int main(int argc, char **argv)
{
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	load_options_read(&options, argc, argv, false);
	argv = load_options_for_stack(&options, &argc, argv);
	if (ft_init(&argc, argv) < 0)
		return 1;
	load_options_read(&options, argc, argv, true);
	status = serve();
	ft_exit();
	free(load.request);
	free(load.conns);
	return status;
}
