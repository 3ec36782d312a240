// What the recorder has written (base/recorder.h), read back frame by frame.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pcapng.h"

struct ft_recorded {
	uint8_t *bytes;
	size_t count;
	size_t at;
};

struct ft_recorded_frame {
	bool is_sent;
	const uint8_t *bytes; // in the file, valid until it is closed
	uint32_t captured;
	char comment[FT_PCAPNG_COMMENT_MAX + 1]; // empty: none
};

// Reads the whole file, which must have no half block in it. False when it can't.
bool ft_recorded_open(struct ft_recorded *recorded, const char *path);
void ft_recorded_close(struct ft_recorded *recorded);

// The next frame; false when there is none.
bool ft_recorded_next(struct ft_recorded *recorded, struct ft_recorded_frame *frame);
