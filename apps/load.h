// ft-load, a load generator on fourtuple.
//
//	load.c            the beginning; the run: opening, load, the last answers, the end
//	load_options.c    the command line, and what the stack must be told for so many connections
//	values.c          numbers with their units, addresses
//	load_conn.c       connections: opening, asking, the answer, bulk
//	load_list.c       which connections are idle, which wait: lists without memory of their own
//	load_histogram.c  times, in intervals as wide as a thousandth of them
//	load_report.c     progress, the table of results
//	load_json.c       the same for programs
//
// Times are nanoseconds of CLOCK_MONOTONIC.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <netinet/in.h>

#include "load_histogram.h"
#include "load_list.h"

#define LOAD_DESTINATIONS 64
#define LOAD_ADDRESSES	  64 // of our own, as many as a configuration may have
#define LOAD_SECOND	  INT64_C(1000000000)
#define LOAD_MOST	  16000000 // connections

enum load_mode {
	LOAD_PING_PONG,
	LOAD_CONNECT,
	LOAD_BULK_SEND,
	LOAD_BULK_RECEIVE,
	LOAD_BULK_BOTH,
	LOAD_MODES
};

struct load_options {
	enum load_mode mode;
	bool is_udp;
	bool is_poisson;
	bool is_echo;	    // the answer is the request again, and is compared
	bool is_any_answer; // as long as it likes: a datagram, or all until the server closes
	bool is_reset;	    // connections end with a RST
	bool is_quiet;
	uint32_t connections;
	uint32_t outstanding; // requests at a time, closed loop
	uint32_t opening;     // connections being opened at a time
	double rate;	      // requests a second, 0: closed loop
	uint32_t size;	      // bytes of a request, or written at once
	uint32_t answer_size;
	int64_t duration_ns;
	int64_t warmup_ns;
	int64_t timeout_ns;
	long seed;
	const char *request_path;
	const char *json_path;
	struct sockaddr_in destinations[LOAD_DESTINATIONS];
	uint32_t destination_count;
	uint32_t ports;	    // of each local address
	bool has_time_wait; // the user says how long it lasts
};

extern const char *const load_mode_names[LOAD_MODES];

// What is asked of ft-load. Exits with status 2, having said why, on a mistake. At first the stack's
// options still stand among ours, and what is not known is passed over; when ft_init() has taken
// them out, `is_all_ours`.
void load_options_read(struct load_options *options, int argc, char **argv, bool is_all_ours);
// `argv` with the keys of the stack that the load needs before the user's own, which win. Lowers
// options->ports to what the user allows.
char **load_options_for_stack(struct load_options *options, int *argc, char **argv);
// Whether that many connections are possible from `addresses` of our own. If not, says how many
// addresses they take.
bool load_options_fit(const struct load_options *options, uint32_t addresses);

static inline bool load_is_bulk(const struct load_options *options)
{
	return options->mode >= LOAD_BULK_SEND;
}

static inline bool load_is_sending_bulk(const struct load_options *options)
{
	return options->mode == LOAD_BULK_SEND || options->mode == LOAD_BULK_BOTH;
}

enum load_error {
	LOAD_REFUSED,
	LOAD_RESET,
	LOAD_TIMEOUT,
	LOAD_UNREACHABLE,
	LOAD_CLOSED_EARLY,
	LOAD_WRONG_ANSWER,
	LOAD_NO_PORT,
	LOAD_NO_MEMORY,
	LOAD_OTHER,
	LOAD_ERRORS
};

struct load_results {
	uint64_t requests; // after the warmup, as everything but connects and errors
	uint64_t answers;
	uint64_t answers_in_time; // before the end of what is measured: their number is a rate
	uint64_t bytes_sent;
	uint64_t bytes_received;
	uint64_t connects; // since the start
	uint64_t errors[LOAD_ERRORS];
	uint64_t late;	   // datagrams that came when nothing was asked, or after their time
	uint64_t not_sent; // due by the open loop's schedule, when it ended
	int last_errno;	   // of LOAD_OTHER
	bool is_interrupted;
	int64_t measured_ns;
	struct load_histogram latency; // from the time at which the request was due
	struct load_histogram service; // from the time at which it was sent
	struct load_histogram connect;
	struct load_histogram recent; // latency since the last line of progress
};

enum load_state {
	LOAD_CLOSED,
	LOAD_CONNECTING,
	LOAD_IDLE,
	LOAD_ASKING,	// the request is not sent as a whole, or not answered
	LOAD_STREAMING, // bulk
	LOAD_ENDING,	// bulk: our end is closed, the last bytes are still to come back
	LOAD_LEAVING,	// the results are told, our end is closed, the peer's is waited for
	LOAD_GONE,	// could not be opened, or is over
};

// All that is kept of a connection here: there are millions of them.
struct load_conn {
	union {
		struct {
			int64_t due_ns;
			uint32_t sent; // bytes of this request
			uint32_t received;
		};
		struct {
			uint64_t streamed_out;
			uint64_t streamed_in;
		};
	};
	int64_t begun_ns; // the request, or the opening: what --timeout counts from
	struct load_link link;
	uint32_t sequence; // the first bytes of a request
	int32_t fd;
	uint8_t state; // enum load_state
	bool is_waiting_to_send;
};
_Static_assert(sizeof(struct load_conn) <= 48, "small, for there are millions");

struct load {
	const struct load_options *options;
	int epoll_fd;
	struct sockaddr_in addresses[LOAD_ADDRESSES];
	uint32_t address_count;
	struct load_conn *conns;
	struct load_list closed;  // to be opened
	struct load_list idle;	  // may be asked something
	struct load_list pending; // connecting or asking, the oldest first
	uint32_t connecting;
	uint32_t open;
	char *request;
	bool has_heard; // from a server, or that it can't be reached
	bool is_running;
	bool is_measuring;
	int64_t begin_ns;
	int64_t measure_ns; // the end of the warmup
	int64_t end_ns;
	uint64_t scheduled; // requests of the open loop
	double due_ns;	    // the next of them, since begin_ns
	uint32_t next_to_close;
	uint32_t dropped;
	bool is_hurried; // peers do not close when we do
	struct load_results results;
};

static inline int64_t load_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * LOAD_SECOND + time.tv_nsec;
}

// ---- load_conn.c ----

// Opens what is to be opened, not too many at a time.
void load_conn_open_some(struct load *load);
// Takes an idle connection (in LOAD_CONNECT: opens one) and sends it a request that was due then.
void load_conn_ask(struct load *load, int64_t due_ns);
void load_conn_handle(struct load *load, struct load_conn *conn, uint32_t events);
// Gives up what has waited for longer than --timeout.
void load_conn_expire(struct load *load, int64_t now);
// Bulk: all connections begin, or end, to send.
void load_conn_start_streams(struct load *load);
void load_conn_end_streams(struct load *load, int64_t now);
// Bytes that all connections have sent and no peer has acknowledged.
uint64_t load_conn_unacknowledged(const struct load *load);
// At the end: closes those that wait for something, then the others, as many at a time as are opened.
// A connection waits for its peer to close, too, so that no peer is left with half of one. Returns
// whether there are more.
void load_conn_abandon_pending(struct load *load);
bool load_conn_close_some(struct load *load, int64_t now);

// ---- load_report.c and load_json.c ----

extern const char *const load_error_names[LOAD_ERRORS];

uint64_t load_report_errors(const struct load_results *results);
// A line of progress, if a second has passed since the last.
void load_report_progress(struct load *load, int64_t now);
void load_report_print(const struct load *load);
// 0, or -1 when the file can't be written, and says so.
int load_json_write(const struct load *load, const char *path);
