// What every simulation program shares: its table of scenarios, the seeds, and what happens when an
// expectation fails: seed and virtual time are printed, the last frames written to a pcapng file.
#pragma once
#include <errno.h>
#include <stdint.h>
#include <string.h>

struct ft_network;

struct ft_scenario {
	const char *name;
	// Builds a network from the seed, runs it, and frees it.
	void (*run)(uint64_t seed);
	uint32_t seeds; // how many to run unless told otherwise
};

// main() of a simulation program: see README.md for the arguments. `scenarios` ends with a NULL
// name.
int ft_scenario_main(int argc, char **argv, const struct ft_scenario *scenarios);

// The network that a failure reports about; ft_network_init() and ft_network_free() say which.
void ft_scenario_watch(struct ft_network *network);

// The subsystems to trace (--trace), as [log] trace wants them.
const char *ft_scenario_trace(void);

_Noreturn void ft_scenario_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// Ends the run unless the condition holds. May be used in tasks.
#define ft_expect(condition)                                                              \
	do {                                                                              \
		if (!(condition))                                                         \
			ft_scenario_fail(__FILE__, __LINE__, "expected: %s", #condition); \
	} while (0)

#define ft_expect_equal(value, expected)                                                       \
	do {                                                                                   \
		long long ft_a = (long long)(value), ft_b = (long long)(expected);             \
		if (ft_a != ft_b)                                                              \
			ft_scenario_fail(__FILE__, __LINE__, "%s is %lld, expected %lld (%s)", \
				#value, ft_a, ft_b, #expected);                                \
	} while (0)

// A call in POSIX style that must not fail; the value is its result.
#define ft_expect_ok(call)                                                                    \
	({                                                                                    \
		long long ft_result = (call);                                                 \
		if (ft_result < 0)                                                            \
			ft_scenario_fail(                                                     \
				__FILE__, __LINE__, "%s failed: %s", #call, strerror(errno)); \
		ft_result;                                                                    \
	})

// A call in POSIX style that must fail with this errno.
#define ft_expect_errno(call, expected)                                                           \
	do {                                                                                      \
		long long ft_result = (call);                                                     \
		if (ft_result >= 0)                                                               \
			ft_scenario_fail(__FILE__, __LINE__,                                      \
				"%s gave %lld, expected to fail (%s)", #call, ft_result,          \
				#expected);                                                       \
		if (errno != (expected))                                                          \
			ft_scenario_fail(__FILE__, __LINE__, "%s failed: %s, expected %s", #call, \
				strerror(errno), #expected);                                      \
	} while (0)
