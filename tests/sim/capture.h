// What was on the wires lately, kept in memory and written as a pcapng file when a run fails: each
// host is an interface, each frame is marked as sent or received by it.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

struct ft_capture {
	uint8_t *
		halves[2]; // blocks of the file; when the newer half is full the older is forgotten
	uint32_t used[2];
	uint32_t newer;
};

void ft_capture_init(struct ft_capture *capture);
void ft_capture_free(struct ft_capture *capture);

void ft_capture_frame(struct ft_capture *capture, uint32_t host, bool is_sent, const void *bytes,
	uint32_t length, ft_time now);

// Returns 0 or a negative errno.
int ft_capture_write(const struct ft_capture *capture, const char *path, uint32_t host_count);
