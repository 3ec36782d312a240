#include "base/pcapng.h"

#include <string.h>

// Everything is made of 32-bit words in the order of this machine, which the section's magic number
// tells. A block has its total length at the beginning and again at the end.
enum block_type {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_FRAME = 6,
};

enum option_code {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	OPTION_INTERFACE_NAME = 2,
	OPTION_FRAME_FLAGS = 2,
	OPTION_APPLICATION = 4,
	OPTION_RESOLUTION = 9,
};

#define LINK_TYPE_ETHERNET 1
#define NANOSECONDS	   9 // negative power of ten
#define OPTION_HEADER	   4
#define FRAME_FIXED_BYTES  (28 + OPTION_HEADER + 4 + OPTION_HEADER + 4)

// Written one behind the other; `from` is where the block begins.
struct cursor {
	uint8_t *from;
	uint8_t *to;
};

static uint32_t padded(uint32_t bytes)
{
	return (bytes + 3) & ~3u;
}

static void put(struct cursor *cursor, const void *bytes, uint32_t count)
{
	memcpy(cursor->to, bytes, count);
	memset(cursor->to + count, 0, padded(count) - count);
	cursor->to += padded(count);
}

static void put_word(struct cursor *cursor, uint32_t word)
{
	put(cursor, &word, sizeof(word));
}

static void put_option(struct cursor *cursor, uint16_t code, const void *value, uint32_t bytes)
{
	uint16_t header[2] = { code, (uint16_t)bytes };

	put(cursor, header, sizeof(header));
	put(cursor, value, bytes);
}

static uint32_t word_of(const void *block, uint32_t index)
{
	uint32_t word;

	memcpy(&word, (const uint8_t *)block + index * sizeof(word), sizeof(word));
	return word;
}

static struct cursor begin_block(void *to, enum block_type type)
{
	struct cursor cursor = { to, to };

	put_word(&cursor, type);
	put_word(&cursor, 0); // end_block() knows
	return cursor;
}

static uint32_t end_block(struct cursor *cursor)
{
	uint32_t total;

	put_word(cursor, OPTION_END);
	total = (uint32_t)(cursor->to - cursor->from) + sizeof(total);
	put_word(cursor, total);
	memcpy(cursor->from + 4, &total, sizeof(total));
	return total;
}

uint32_t ft_pcapng_write_section(void *to, const char *application)
{
	static const uint16_t version[2] = { 1, 0 };
	static const uint64_t length_unknown = UINT64_MAX;
	struct cursor cursor = begin_block(to, BLOCK_SECTION);

	put_word(&cursor, 0x1a2b3c4d);
	put(&cursor, version, sizeof(version));
	put(&cursor, &length_unknown, sizeof(length_unknown));
	put_option(&cursor, OPTION_APPLICATION, application,
		(uint32_t)strnlen(application, FT_PCAPNG_NAME_MAX));
	return end_block(&cursor);
}

uint32_t ft_pcapng_write_interface(void *to, const char *name, uint32_t snap_bytes)
{
	static const uint16_t link_type[2] = { LINK_TYPE_ETHERNET, 0 };
	static const uint8_t resolution = NANOSECONDS;
	struct cursor cursor = begin_block(to, BLOCK_INTERFACE);

	put(&cursor, link_type, sizeof(link_type));
	put_word(&cursor, snap_bytes);
	put_option(
		&cursor, OPTION_INTERFACE_NAME, name, (uint32_t)strnlen(name, FT_PCAPNG_NAME_MAX));
	put_option(&cursor, OPTION_RESOLUTION, &resolution, sizeof(resolution));
	return end_block(&cursor);
}

static uint32_t comment_bytes(const struct ft_pcapng_frame *frame)
{
	return frame->comment == NULL ? 0
				      : (uint32_t)strnlen(frame->comment, FT_PCAPNG_COMMENT_MAX);
}

uint32_t ft_pcapng_frame_bytes(const struct ft_pcapng_frame *frame)
{
	uint32_t comment = comment_bytes(frame);

	return FRAME_FIXED_BYTES + padded(frame->captured) +
	       (comment > 0 ? OPTION_HEADER + padded(comment) : 0);
}

uint32_t ft_pcapng_write_frame(void *to, const struct ft_pcapng_frame *frame)
{
	struct cursor cursor = begin_block(to, BLOCK_FRAME);
	uint32_t flags = frame->is_sent ? 2 : 1;
	uint32_t comment = comment_bytes(frame);

	put_word(&cursor, frame->interface);
	put_word(&cursor, (uint32_t)(frame->time >> 32));
	put_word(&cursor, (uint32_t)frame->time);
	put_word(&cursor, frame->captured);
	put_word(&cursor, frame->length);
	put(&cursor, frame->bytes, frame->captured);
	put_option(&cursor, OPTION_FRAME_FLAGS, &flags, sizeof(flags));
	if (comment > 0)
		put_option(&cursor, OPTION_COMMENT, frame->comment, comment);
	return end_block(&cursor);
}

uint32_t ft_pcapng_block_bytes(const void *block)
{
	return word_of(block, 1);
}

bool ft_pcapng_is_frame(const void *block)
{
	return word_of(block, 0) == BLOCK_FRAME;
}
