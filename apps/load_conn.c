// Connections. Each goes through these states, and stands in the list named below them:
//
//	          open              established            ask
//	CLOSED ────────► CONNECTING ────────────► IDLE ◄──────────► ASKING
//	closed           pending                  idle    answered  pending
//
// With --mode connect, a closed connection is what is idle: asking opens it, and the answer closes it.
// In bulk, established connections are STREAMING, in no list.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fourtuple.h"
#include "load.h"

// Before one that broke, or could not be opened again, is tried again.
#define PAUSE (LOAD_SECOND / 10)

#define CHUNK	  65536	      // read at once: the largest datagram fits
#define SENDS	  16	      // of bulk for an event, so that everyone gets their turn
#define GOODBYES  32	      // connections closed between two turns of the stack
#define PATIENCE  LOAD_SECOND // for a peer to close when we have
#define OPEN_ONCE 16	      // between two turns

static char chunk[CHUNK];

static uint32_t number_of(const struct load *load, const struct load_conn *conn)
{
	return (uint32_t)(conn - load->conns);
}

// ---- the descriptor ----

static int watch(
	const struct load *load, const struct load_conn *conn, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u32 = number_of(load, conn) };

	return ft_epoll_ctl(load->epoll_fd, operation, conn->fd, &event);
}

static void watch_output(struct load *load, struct load_conn *conn, bool is_wanted)
{
	if (conn->is_waiting_to_send == is_wanted)
		return;
	conn->is_waiting_to_send = is_wanted;
	watch(load, conn, EPOLL_CTL_MOD, is_wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

// Our addresses in turn, and for each of them the destinations.
static int bind_and_connect(const struct load *load, const struct load_conn *conn)
{
	const struct load_options *options = load->options;
	uint32_t number = number_of(load, conn);
	const struct sockaddr_in *from = &load->addresses[number % load->address_count];
	uint32_t turn = number / load->address_count % options->destination_count;
	const struct sockaddr_in *to = &options->destinations[turn];
	const int yes = 1;

	// Or bind() would take a port from all destinations.
	ft_setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
	if (load->address_count > 1 &&
		ft_bind(conn->fd, (const struct sockaddr *)from, sizeof(*from)) < 0)
		return -1;
	return ft_connect(conn->fd, (const struct sockaddr *)to, sizeof(*to));
}

static void set_options(const struct load *load, int fd)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	const int yes = 1;

	if (load->options->is_udp)
		return;
	if (!load_is_bulk(load->options))
		ft_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (load->options->is_reset)
		ft_setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

static int error_of(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (ft_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return errno;
	return error;
}

// ---- the states ----

static void leave_pending(struct load *load, struct load_conn *conn)
{
	if (conn->state == LOAD_CONNECTING)
		load->connecting--;
	if (conn->state == LOAD_CONNECTING || conn->state == LOAD_ASKING ||
		conn->state == LOAD_ENDING || conn->state == LOAD_LEAVING)
		load_list_remove(&load->pending, load->conns, number_of(load, conn));
	if (conn->state == LOAD_IDLE)
		load_list_remove(&load->idle, load->conns, number_of(load, conn));
}

static void become_idle(struct load *load, struct load_conn *conn, enum load_state state)
{
	leave_pending(load, conn);
	conn->state = state;
	load_list_append(&load->idle, load->conns, number_of(load, conn));
}

static void hang_up(struct load *load, struct load_conn *conn)
{
	if (conn->state != LOAD_CONNECTING)
		load->open--;
	ft_close(conn->fd);
	conn->fd = -1;
	conn->is_waiting_to_send = false;
}

static enum load_error name_error(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return LOAD_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return LOAD_RESET;
	case ETIMEDOUT:
		return LOAD_TIMEOUT;
	case EHOSTUNREACH:
	case ENETUNREACH:
		return LOAD_UNREACHABLE;
	case EADDRNOTAVAIL:
	case EADDRINUSE:
		return LOAD_NO_PORT;
	case EMFILE:
	case ENOMEM:
	case ENOBUFS:
		return LOAD_NO_MEMORY;
	default:
		return LOAD_OTHER;
	}
}

// One that could not be opened at the start stays away. One that breaks is opened again, as often as it
// takes, so that the load stays what it is and the stall is seen; a UDP socket does not break.
static void fail(struct load *load, struct load_conn *conn, enum load_error error)
{
	enum load_state state = conn->state;

	load->has_heard = true;
	load->results.errors[error]++;
	if (load->options->is_udp && !load_is_bulk(load->options) && state != LOAD_CONNECTING) {
		if (state == LOAD_ASKING)
			become_idle(load, conn, LOAD_IDLE);
		watch_output(load, conn, false);
		return;
	}
	if (conn->fd >= 0)
		hang_up(load, conn);
	if (load->options->mode == LOAD_CONNECT) {
		become_idle(load, conn, LOAD_CLOSED);
		return;
	}
	leave_pending(load, conn);
	if ((state == LOAD_CONNECTING && !load->is_running) || state == LOAD_ENDING) {
		conn->state = LOAD_GONE;
		return;
	}
	conn->state = LOAD_CLOSED;
	conn->begun_ns = state == LOAD_CONNECTING ? load_now() : 0;
	load_list_append(&load->closed, load->conns, number_of(load, conn));
}

static void fail_by_errno(struct load *load, struct load_conn *conn, int error)
{
	if (name_error(error) == LOAD_OTHER)
		load->results.last_errno = error;
	fail(load, conn, name_error(error));
}

// ---- a request ----

// Each request begins with its number, so that no other's answer is taken for its own. One from a file
// is what the file says.
static void stamp(const struct load *load, const struct load_conn *conn)
{
	uint32_t bytes = sizeof(conn->sequence);

	if (load->options->request_path != NULL)
		return;
	if (bytes > load->options->size)
		bytes = load->options->size;
	memcpy(load->request, &conn->sequence, bytes);
}

static bool has_all(const struct load *load, const struct load_conn *conn)
{
	return conn->sent == load->options->size && !load->options->is_any_answer &&
	       conn->received == load->options->answer_size;
}

static bool is_measured(const struct load *load, const struct load_conn *conn)
{
	return load->is_running && conn->due_ns >= load->measure_ns;
}

static void be_answered(struct load *load, struct load_conn *conn)
{
	struct load_results *results = &load->results;
	int64_t now = load_now();

	load->has_heard = true;
	load_histogram_record(&results->recent, (uint64_t)(now - conn->due_ns));
	if (is_measured(load, conn)) {
		results->answers++;
		results->answers_in_time += now < load->end_ns;
		results->bytes_received += conn->received;
		load_histogram_record(&results->latency, (uint64_t)(now - conn->due_ns));
		load_histogram_record(&results->service, (uint64_t)(now - conn->begun_ns));
	}
	if (load->options->mode == LOAD_CONNECT) {
		hang_up(load, conn);
		become_idle(load, conn, LOAD_CLOSED);
		return;
	}
	watch_output(load, conn, false);
	become_idle(load, conn, LOAD_IDLE);
}

static void send_rest(struct load *load, struct load_conn *conn)
{
	uint32_t left = load->options->size - conn->sent;
	ssize_t count;

	if (left > 0) {
		stamp(load, conn);
		count = ft_send(conn->fd, load->request + conn->sent, left, MSG_NOSIGNAL);
		if (count < 0 && errno != EAGAIN) {
			fail_by_errno(load, conn, errno);
			return;
		}
		conn->sent += count > 0 ? (uint32_t)count : 0;
	}
	if (has_all(load, conn)) // what wants no answer has it
		be_answered(load, conn);
	else
		watch_output(load, conn, conn->sent < load->options->size);
}

static void open_one(struct load *load, struct load_conn *conn);

void load_conn_ask(struct load *load, int64_t due_ns)
{
	struct load_conn *conn = &load->conns[load_list_take(&load->idle, load->conns)];

	conn->due_ns = due_ns;
	conn->sent = 0;
	conn->received = 0;
	conn->sequence++;
	if (is_measured(load, conn)) {
		load->results.requests++;
		load->results.bytes_sent += load->options->size;
	}
	if (conn->state == LOAD_CLOSED) {
		open_one(load, conn);
		return;
	}
	conn->state = LOAD_ASKING;
	conn->begun_ns = load_now();
	load_list_append(&load->pending, load->conns, number_of(load, conn));
	send_rest(load, conn);
}

// ---- opening ----

static void be_established(struct load *load, struct load_conn *conn)
{
	load->open++;
	load->results.connects++;
	watch_output(load, conn, false);
	if (!load->options->is_udp) {
		load->has_heard = true;
		load_histogram_record(
			&load->results.connect, (uint64_t)(load_now() - conn->begun_ns));
	}
	if (load->options->mode == LOAD_CONNECT) { // pending still
		load->connecting--;
		conn->state = LOAD_ASKING;
		send_rest(load, conn);
	} else if (load_is_bulk(load->options)) {
		leave_pending(load, conn);
		conn->state = LOAD_STREAMING;
		conn->streamed_out = conn->streamed_in = 0;
		watch_output(load, conn, load->is_running && load_is_sending_bulk(load->options));
	} else {
		become_idle(load, conn, LOAD_IDLE);
	}
}

static void open_one(struct load *load, struct load_conn *conn)
{
	int type = (load->options->is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK;
	int result;

	conn->state = LOAD_CONNECTING;
	conn->begun_ns = load_now();
	load->connecting++;
	load_list_append(&load->pending, load->conns, number_of(load, conn));
	conn->fd = ft_socket(AF_INET, type, 0);
	if (conn->fd < 0) {
		fail_by_errno(load, conn, errno);
		return;
	}
	set_options(load, conn->fd);
	result = bind_and_connect(load, conn);
	if (result < 0 && errno != EINPROGRESS) {
		fail_by_errno(load, conn, errno);
		return;
	}
	conn->is_waiting_to_send = true;
	if (watch(load, conn, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT) < 0)
		fail_by_errno(load, conn, errno);
	else if (result == 0)
		be_established(load, conn);
}

// The first goes alone: while its neighbour's MAC address is asked for, only so many packets can wait.
static uint32_t most_connecting(const struct load *load)
{
	return load->has_heard ? load->options->opening : 1;
}

// Those that failed are in the order in which they did; those that are to be opened at once have no time.
static bool is_one_to_open(const struct load *load, int64_t now)
{
	return load->closed.first != LOAD_NONE &&
	       now - load->conns[load->closed.first].begun_ns >= PAUSE;
}

void load_conn_open_some(struct load *load)
{
	int64_t now = load_now();

	for (int i = 0; i < OPEN_ONCE && load->connecting < most_connecting(load) &&
			is_one_to_open(load, now);
		i++)
		open_one(load, &load->conns[load_list_take(&load->closed, load->conns)]);
}

// ---- what comes ----

// Whether these are the next bytes of the answer.
static bool is_expected(
	struct load *load, const struct load_conn *conn, const char *bytes, uint32_t count)
{
	const struct load_options *options = load->options;

	if (options->is_any_answer)
		return true;
	if (count > options->answer_size - conn->received)
		return false;
	if (!options->is_echo)
		return true;
	stamp(load, conn);
	return memcmp(load->request + conn->received, bytes, count) == 0;
}

static void take_datagram(
	struct load *load, struct load_conn *conn, const char *bytes, uint32_t count)
{
	const struct load_options *options = load->options;

	conn->received = 0;
	if (conn->state != LOAD_ASKING || conn->sent < options->size ||
		(options->is_echo && !is_expected(load, conn, bytes, count))) {
		load->results.late++;
		return;
	}
	conn->received = count;
	if (!options->is_any_answer && count != options->answer_size)
		fail(load, conn, LOAD_WRONG_ANSWER);
	else
		be_answered(load, conn);
}

static void take_bytes(struct load *load, struct load_conn *conn, const char *bytes, uint32_t count)
{
	if (conn->state != LOAD_ASKING || !is_expected(load, conn, bytes, count)) {
		fail(load, conn, LOAD_WRONG_ANSWER);
		return;
	}
	conn->received += count;
	if (has_all(load, conn))
		be_answered(load, conn);
}

static void receive_answer(struct load *load, struct load_conn *conn)
{
	ssize_t count = ft_recv(conn->fd, chunk, sizeof(chunk), 0);

	if (count < 0) {
		if (errno != EAGAIN)
			fail_by_errno(load, conn, errno);
	} else if (load->options->is_udp) {
		take_datagram(load, conn, chunk, (uint32_t)count);
	} else if (count > 0) {
		take_bytes(load, conn, chunk, (uint32_t)count);
	} else if (load->options->is_any_answer && conn->state == LOAD_ASKING) {
		be_answered(load, conn);
	} else {
		fail(load, conn, LOAD_CLOSED_EARLY);
	}
}

// ---- bulk ----

static bool stream_out(struct load *load, struct load_conn *conn)
{
	const struct load_options *options = load->options;

	for (int i = 0; i < SENDS; i++) {
		uint32_t offset = (uint32_t)(conn->streamed_out % options->size);
		ssize_t count = ft_send(
			conn->fd, load->request + offset, options->size - offset, MSG_NOSIGNAL);

		if (count < 0 && errno != EAGAIN)
			return false;
		if (count < 0)
			return true;
		conn->streamed_out += (uint64_t)count;
		if (load->is_measuring) {
			load->results.bytes_sent += (uint64_t)count;
			load->results.requests++;
		}
	}
	return true;
}

// Whether the echo is what was sent.
static bool is_echo(
	const struct load *load, const struct load_conn *conn, const char *bytes, size_t count)
{
	size_t offset = conn->streamed_in % load->options->size;

	while (count > 0) {
		size_t part = load->options->size - offset;

		if (part > count)
			part = count;
		if (memcmp(load->request + offset, bytes, part) != 0)
			return false;
		bytes += part;
		count -= part;
		offset = 0;
	}
	return true;
}

// The peer has ended the stream: fine, when we have, and nothing is missing.
static void end_stream(struct load *load, struct load_conn *conn)
{
	if (conn->state != LOAD_ENDING || conn->streamed_in != conn->streamed_out) {
		fail(load, conn, LOAD_CLOSED_EARLY);
		return;
	}
	leave_pending(load, conn);
	hang_up(load, conn);
	conn->state = LOAD_GONE;
}

static void stream_in(struct load *load, struct load_conn *conn)
{
	const struct load_options *options = load->options;
	ssize_t count = ft_recv(conn->fd, chunk, sizeof(chunk), 0);

	if (count < 0) {
		if (errno != EAGAIN)
			fail_by_errno(load, conn, errno);
	} else if (count == 0 && !options->is_udp) {
		end_stream(load, conn);
	} else if (options->mode == LOAD_BULK_BOTH && !options->is_udp &&
		   !is_echo(load, conn, chunk, (size_t)count)) {
		fail(load, conn, LOAD_WRONG_ANSWER);
	} else {
		conn->streamed_in += (uint64_t)count;
		if (load->is_measuring) {
			load->results.bytes_received += (uint64_t)count;
			load->results.answers++;
			load->results.answers_in_time++;
		}
	}
}

static void stream(struct load *load, struct load_conn *conn, uint32_t events)
{
	if (events & EPOLLOUT && conn->state == LOAD_STREAMING && load->is_running &&
		!stream_out(load, conn)) {
		fail_by_errno(load, conn, errno);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		stream_in(load, conn);
}

void load_conn_start_streams(struct load *load)
{
	for (uint32_t i = 0; i < load->options->connections; i++)
		if (load->conns[i].state == LOAD_STREAMING)
			watch_output(load, &load->conns[i], load_is_sending_bulk(load->options));
}

void load_conn_end_streams(struct load *load, int64_t now)
{
	for (uint32_t i = 0; i < load->options->connections; i++) {
		struct load_conn *conn = &load->conns[i];

		if (conn->state != LOAD_STREAMING)
			continue;
		watch_output(load, conn, false);
		if (load->options->is_udp)
			continue;
		conn->state = LOAD_ENDING;
		conn->begun_ns = now;
		load_list_append(&load->pending, load->conns, i);
		ft_shutdown(conn->fd, SHUT_WR);
	}
}

uint64_t load_conn_unacknowledged(const struct load *load)
{
	uint64_t sum = 0;
	int bytes;

	for (uint32_t i = 0; i < load->options->connections; i++)
		if (load->conns[i].state == LOAD_STREAMING &&
			ft_ioctl(load->conns[i].fd, SIOCOUTQ, &bytes) == 0)
			sum += (uint64_t)bytes;
	return sum;
}

// ---- the end ----

static void drop(struct load *load, struct load_conn *conn)
{
	leave_pending(load, conn);
	hang_up(load, conn);
	conn->state = LOAD_GONE;
	if (++load->dropped % GOODBYES == 0) // or the farewells are more than the NIC takes
		ft_turn();
}

void load_conn_abandon_pending(struct load *load)
{
	while (load->pending.first != LOAD_NONE)
		drop(load, &load->conns[load->pending.first]);
}

static void say_goodbye(struct load *load, struct load_conn *conn, int64_t now)
{
	leave_pending(load, conn);
	watch_output(load, conn, false);
	conn->state = LOAD_LEAVING;
	conn->begun_ns = now;
	load_list_append(&load->pending, load->conns, number_of(load, conn));
	ft_shutdown(conn->fd, SHUT_WR);
}

static void await_goodbye(struct load *load, struct load_conn *conn)
{
	ssize_t count = ft_recv(conn->fd, chunk, sizeof(chunk), 0);

	if (count == 0 || (count < 0 && errno != EAGAIN))
		drop(load, conn);
}

// Who does not answer one goodbye will not answer the others.
static void expire_goodbyes(struct load *load, int64_t now)
{
	if (load->pending.first == LOAD_NONE ||
		now - load->conns[load->pending.first].begun_ns < PATIENCE)
		return;
	load->is_hurried = true;
	load_conn_abandon_pending(load);
}

bool load_conn_close_some(struct load *load, int64_t now)
{
	bool is_hurried = load->is_hurried || load->options->is_udp || load->options->is_reset;

	while (load->next_to_close < load->options->connections &&
		load->pending.count < load->options->opening) {
		struct load_conn *conn = &load->conns[load->next_to_close++];

		if (conn->fd >= 0 && is_hurried)
			drop(load, conn);
		else if (conn->fd >= 0)
			say_goodbye(load, conn, now);
	}
	expire_goodbyes(load, now);
	return load->next_to_close < load->options->connections || load->pending.count > 0;
}

// ---- events ----

static void finish_connecting(struct load *load, struct load_conn *conn)
{
	int error = error_of(conn->fd);

	if (error != 0)
		fail_by_errno(load, conn, error);
	else
		be_established(load, conn);
}

void load_conn_handle(struct load *load, struct load_conn *conn, uint32_t events)
{
	switch (conn->state) {
	case LOAD_CONNECTING:
		finish_connecting(load, conn);
		break;
	case LOAD_STREAMING:
	case LOAD_ENDING:
		stream(load, conn, events);
		break;
	case LOAD_ASKING:
		if (events & EPOLLOUT && conn->sent < load->options->size)
			send_rest(load, conn);
		if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && conn->fd >= 0)
			receive_answer(load, conn);
		break;
	case LOAD_IDLE:
		receive_answer(load, conn);
		break;
	case LOAD_LEAVING:
		await_goodbye(load, conn);
		break;
	default:
		break;
	}
}

void load_conn_expire(struct load *load, int64_t now)
{
	struct load_conn *conn;

	while (load->pending.first != LOAD_NONE) {
		conn = &load->conns[load->pending.first];
		if (now - conn->begun_ns < load->options->timeout_ns)
			return;
		fail(load, conn, LOAD_TIMEOUT);
	}
}
