// Blocks of a pcapng file (draft-ietf-opsawg-pcapng), as Wireshark reads them: one section, its
// interfaces, then frames, each with its direction and perhaps a comment. Times are nanoseconds.
//
//	section | interface 0 | interface 1 ... | frame | frame | ...
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define FT_PCAPNG_NAME_MAX    512
#define FT_PCAPNG_HEADER_MAX  (2 * FT_PCAPNG_NAME_MAX) // bytes of a section's or interface's block
#define FT_PCAPNG_COMMENT_MAX 160

struct ft_pcapng_frame {
	uint32_t interface; // 0 for the first one described
	bool is_sent;
	ft_time time; // since 1970
	const void *bytes;
	uint32_t captured;   // bytes there are
	uint32_t length;     // and there were on the wire
	const char *comment; // NULL or empty: none; cut at FT_PCAPNG_COMMENT_MAX bytes
};

// Each writes a block and returns how many bytes it has. The names are cut at FT_PCAPNG_NAME_MAX
// bytes; `snap_bytes` is the most that is kept of a frame, 0: all.
uint32_t ft_pcapng_write_section(void *to, const char *application);
uint32_t ft_pcapng_write_interface(void *to, const char *name, uint32_t snap_bytes);
uint32_t ft_pcapng_write_frame(void *to, const struct ft_pcapng_frame *frame);

// What ft_pcapng_write_frame() will return.
uint32_t ft_pcapng_frame_bytes(const struct ft_pcapng_frame *frame);

// Of a block written by these: its bytes, and whether it is a frame.
uint32_t ft_pcapng_block_bytes(const void *block);
bool ft_pcapng_is_frame(const void *block);
