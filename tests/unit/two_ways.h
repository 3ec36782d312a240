// The short way of parsing a frame (usual_frame.h) against the long one: for unit tests and fuzzers.
#pragma once
#include "stack.h"

enum test_way {
	TEST_LONG_WAY,	// the short one said no, and changed nothing
	TEST_SHORT_WAY, // it left everything as the long one does
	TEST_WRONG_WAY,
};

// Parses two packets that lie in memory alike, one on each way. Compared are the packets, all that is
// noted about them, and the counters, which stay as they were. Frees both.
enum test_way test_two_ways(struct ft_stack *stack, struct rte_mbuf *pkt, struct rte_mbuf *other);
