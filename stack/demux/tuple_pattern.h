// A pattern for four-tuples, as people write it: "10.9.0.1:*,10.9.0.2:7", "*:*,*:7" or "*:7".
#pragma once
#include "demux/tuple.h"

struct ft_tuple_pattern {
	struct {
		struct ft_addr addr;
		uint16_t port;
		bool is_any_addr;
		bool is_any_port;
	} ends[2];
};

// Two ends, ADDRESS:PORT by comma, with * for any address or port and brackets around an IPv6
// address. A second end that is left out is any. Returns 0 or -EINVAL.
int ft_tuple_pattern_parse(const char *text, struct ft_tuple_pattern *pattern);

// In either direction: the first end may be the local or the remote one.
bool ft_tuple_pattern_matches(const struct ft_tuple_pattern *pattern, const struct ft_tuple *tuple);
