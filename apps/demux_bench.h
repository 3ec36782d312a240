// ft-demux-bench: what it costs to find the connection of a packet. Start reading at main() in
// demux_bench.c, then:
//
//	demux_bench_options.c    the command line; values.c
//	demux_bench_workload.c   the connections, and which of them packets arrive for
//	demux_bench_measure.c    rounds of lookups, timed and checked
//	demux_bench_fourtuple.c  the subject: demux/conn_table.h as stack/poll.c uses it
//	demux_bench_rte_hash.c   the rivals: DPDK's hash table,
//	demux_bench_kernel.c     and real sockets of the kernel, found by a BPF program
//	demux_bench_floor.c      what is left when finding costs nothing
//	demux_bench_growth.c     what insertions cost while the table grows
//	demux_bench_ports.c      listeners, SO_REUSEPORT groups, UDP and the choice of a port,
//	demux_bench_connect.c    which is also the kernel's in connect()
//	demux_bench_report.c     the table that is printed; _json.c, _plot.c, _machine.c
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/random.h"
#include "demux/tuple.h"

#define BENCH_VALUES 16 // in one list of an option

struct bench_list {
	uint64_t values[BENCH_VALUES];
	unsigned count;
};

enum bench_pattern {
	BENCH_UNIFORM, // any connection, each as likely as the other
	BENCH_ZIPF,    // the connection of rank k with a probability of nearly 1/k
	BENCH_SWEEP,   // all in turn, in the order they were opened
	BENCH_HOT,     // nine lookups of ten go to one connection of a hundred
	BENCH_PATTERNS
};
extern const char *const bench_pattern_names[BENCH_PATTERNS];

enum bench_pages { BENCH_HUGE_PAGES, BENCH_SMALL_PAGES, BENCH_PAGE_KINDS };
extern const char *const bench_pages_names[BENCH_PAGE_KINDS];

enum bench_mode { BENCH_LOOKUPS, BENCH_GROWTH, BENCH_PORTS };

struct bench_options {
	enum bench_mode mode;
	struct bench_list connections;
	struct bench_list patterns; // enum bench_pattern
	struct bench_list misses;   // percent
	struct bench_list bursts;
	struct bench_list pages; // enum bench_pages
	bool against_kernel;
	bool against_rte_hash;
	bool against_floor;
	uint64_t repeat;  // rounds
	uint64_t lookups; // of each subject in a round
	uint64_t object_bytes;
	uint64_t seed;
	bool may_overlap; // no fence after a burst
	const char *json_path;
	const char *csv_path;
	const char *plot_path;
};

// Exits for --help and --version, and with 2 after a mistake.
struct bench_options bench_options_read(int argc, char **argv);

// Set by SIGINT and SIGTERM; whoever works long looks at it.
extern volatile sig_atomic_t bench_stop_signal;
void bench_stop_if_asked(void); // exits, and all is undone

// "ft-demux-bench: ..." to standard error, and the end with status 1. What must be undone is
// undone by atexit().
void bench_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

// Where the program is, on standard error: one line that replaces itself on a terminal.
void bench_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void bench_progress_end(void);

// ---- the workload ----

struct bench_workload {
	enum bench_pattern pattern;
	uint32_t miss_percent;
	uint64_t connections;
	uint64_t position; // BENCH_SWEEP's
	struct ft_random random;
};

// `round` chooses where in the endless sequence of lookups it begins, the same for each subject.
void bench_workload_start(
	struct bench_workload *workload, const struct bench_options *options, uint64_t round);

// The number of a connection that a packet arrives for; `is_miss`: for one like it that is not open.
uint64_t bench_workload_next(struct bench_workload *workload, bool *is_miss);

// The tuple of connection `number`: a server's, with clients of which each has 60,000 ports.
struct ft_tuple bench_tuple(uint64_t number, bool is_open);

// A pool with `connections` objects, object i beginning with bench_tuple(i, true).
void bench_connections_make(struct ft_pool *pool, uint64_t connections, uint64_t object_bytes);

// ---- measuring ----

// Lookups are prepared and checked in batches, and timed in between: small enough that the tuples
// are in the nearest cache, as those of packets just parsed are, and large enough that reading the
// clock costs nothing beside it.
#define BENCH_BATCH 256

struct bench_batch {
	struct ft_tuple tuples[BENCH_BATCH];
	uint32_t expected[BENCH_BATCH]; // index, or FT_CONN_NONE
	uint32_t found[BENCH_BATCH];
	void *private; // the subject's own form of the tuples
};

// One row of the results.
struct bench_result {
	const char *subject;
	uint64_t connections;
	uint64_t connections_asked;
	uint64_t burst;
	enum bench_pattern pattern;
	enum bench_pages pages;
	uint32_t miss_percent;
	uint64_t rounds;
	uint64_t lookups;     // in a round
	uint64_t interrupted; // batches done again because the kernel had taken the core away
	double ns;	      // for a lookup: the median of the rounds
	double ns_min, ns_max;
	double p50, p99, p999;	      // of single lookups, or of bursts, for a lookup
	double distribution_clock_ns; // what the clock costs, subtracted from each of those
	double bytes_per_connection;  // of what the subject keeps to find it
	const char *includes;
};

struct bench_subject {
	const char *name;
	const char *includes;
	void *state;
	// Turns the batch's tuples into what the subject looks up; not timed. May be NULL.
	void (*prepare)(void *state, struct bench_batch *batch);
	// Looks up `count` tuples from number `from` on, in bursts, into batch->found.
	void (*look_up)(void *state, struct bench_batch *batch, uint32_t from, uint32_t count,
		uint32_t burst);
};

// One column of a group: a subject in bursts of one size, or the kernel.
struct bench_runner {
	const struct bench_subject *subject; // NULL: the kernel
	struct bench_result result;
	double *rounds; // ns for each
};

// Measures all runners in turn, round after round, so that what disturbs the machine disturbs all.
// Ends the program when a lookup finds what it should not.
void bench_measure(
	const struct bench_options *options, struct bench_runner *runners, unsigned count);

double bench_clock_ns(void);	    // what one reading of the clock costs
uint64_t bench_interruptions(void); // how often the kernel has taken the core away from us
double bench_ticks_to_ns(double ticks);
void bench_sort(double *values, size_t count);
double bench_quantile(const double *sorted, size_t count, double quantile);
uint64_t bench_available_bytes(void); // memory that can still be had
uint64_t bench_huge_bytes(void);      // memory of this process that is on huge pages

// ---- subjects ----

struct bench_fourtuple;
struct bench_fourtuple *bench_fourtuple_make(
	const struct ft_pool *pool, const struct bench_options *options);
void bench_fourtuple_free(struct bench_fourtuple *table);
struct bench_subject bench_fourtuple_subject(struct bench_fourtuple *table);
double bench_fourtuple_bytes(const struct bench_fourtuple *table);

struct bench_rte_hash;
struct bench_rte_hash *bench_rte_hash_make(
	const struct ft_pool *pool, const struct bench_options *options);
void bench_rte_hash_free(struct bench_rte_hash *table);
struct bench_subject bench_rte_hash_subject(struct bench_rte_hash *table);
double bench_rte_hash_bytes(const struct bench_rte_hash *table);

struct bench_floor;
struct bench_floor *bench_floor_make(
	const struct ft_pool *pool, const struct bench_options *options);
void bench_floor_free(struct bench_floor *floor);
struct bench_subject bench_floor_subject(struct bench_floor *floor);

// The kernel: sockets in a network namespace that nobody else is in.
void bench_kernel_open(void); // ends the program, saying why, where it can't be
// At least so many sockets are there, or as many as memory allows. Returns how many.
uint64_t bench_kernel_grow(uint64_t sockets);
double bench_kernel_bytes(void); // for a socket
// One round: ns for a lookup.
double bench_kernel_round(struct bench_workload *workload, uint64_t lookups);
void bench_kernel_distribution(struct bench_workload *workload, struct bench_result *result);
extern const char *const bench_kernel_includes;

// connect() of the kernel, in a namespace with a range of bench_connect_ports() ports.
struct bench_connect;
struct bench_connect *bench_connect_open(void); // ends the program, saying why, where it can't be
uint32_t bench_connect_ports(void);
// Sorted: ns for each of *count calls, the handshake over loopback included, while `used` ports, no
// fewer than before, are in use towards the same destination. The caller frees it.
double *bench_connect_measure(struct bench_connect *state, uint32_t used, size_t *count);

// ---- other modes ----

struct bench_machine;
void bench_growth(const struct bench_options *options, const struct bench_machine *machine);
void bench_ports(const struct bench_options *options, const struct bench_machine *machine);

// ---- reports ----

#define BENCH_FACT 160

struct bench_machine {
	char cpu[BENCH_FACT];
	char caches[BENCH_FACT];
	char kernel[BENCH_FACT];
	char huge_pages[BENCH_FACT];
	char dpdk[BENCH_FACT];
	char compiler[BENCH_FACT];
	uint64_t cores;
	uint64_t memory_bytes;
	bool is_virtual;
	uint64_t socket_hash_buckets; // of the kernel; 0: unknown
	double clock_hz;
	double clock_ns;
	double load; // average of the last minute, at the start
};

void bench_machine_read(struct bench_machine *machine);
void bench_machine_print(const struct bench_machine *machine);

void bench_report_header(void);
void bench_report(const struct bench_result *result, double fourtuple_ns);
void bench_report_ratios(const struct bench_result *results, unsigned count);
void bench_report_includes(const struct bench_result *results, unsigned count);

// Each ends the program when the file can't be written. A json_t list of results is left to the
// caller.
struct json_t;
void bench_json_write_list(
	const char *path, const struct bench_machine *machine, struct json_t *results);
void bench_json_write(const char *path, const struct bench_machine *machine,
	const struct bench_result *results, unsigned count);
void bench_csv_write(const char *path, const struct bench_result *results, unsigned count);
void bench_plot_write(const char *path, const struct bench_machine *machine,
	const struct bench_result *results, unsigned count);
