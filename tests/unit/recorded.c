#include "recorded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#define BLOCK_FRAME    6
#define OPTION_COMMENT 1
#define OPTION_FLAGS   2

// Of a block with a frame; its length once more stands at the end.
struct frame_block {
	uint32_t type;
	uint32_t total;
	uint32_t interface;
	uint32_t time[2];
	uint32_t captured;
	uint32_t length;
};

struct option {
	uint16_t code;
	uint16_t bytes;
};

static uint32_t word_at(const uint8_t *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

static bool is_whole(const struct ft_recorded *recorded)
{
	size_t at = 0;

	while (at + 12 <= recorded->count) {
		uint32_t total = word_at(recorded->bytes + at + 4);

		if (total < 12 || total > recorded->count - at ||
			word_at(recorded->bytes + at + total - 4) != total)
			return false;
		at += total;
	}
	return at == recorded->count;
}

bool ft_recorded_open(struct ft_recorded *recorded, const char *path)
{
	FILE *file = fopen(path, "rb");
	long bytes;

	*recorded = (struct ft_recorded){ 0 };
	if (file == NULL)
		return false;
	fseek(file, 0, SEEK_END);
	bytes = ftell(file);
	rewind(file);
	recorded->bytes = malloc((size_t)bytes + 1);
	recorded->count = fread(recorded->bytes, 1, (size_t)bytes, file);
	fclose(file);
	return recorded->count == (size_t)bytes && is_whole(recorded);
}

void ft_recorded_close(struct ft_recorded *recorded)
{
	free(recorded->bytes);
}

static void read_options(struct ft_recorded_frame *frame, const uint8_t *at, const uint8_t *end)
{
	struct option option;

	for (; at + sizeof(option) <= end; at += sizeof(option) + RTE_ALIGN(option.bytes, 4u)) {
		memcpy(&option, at, sizeof(option));
		if (option.code == OPTION_FLAGS)
			frame->is_sent = (word_at(at + sizeof(option)) & 3) == 2;
		if (option.code == OPTION_COMMENT)
			snprintf(frame->comment, sizeof(frame->comment), "%.*s", option.bytes,
				(const char *)at + sizeof(option));
	}
}

bool ft_recorded_next(struct ft_recorded *recorded, struct ft_recorded_frame *frame)
{
	struct frame_block head;
	const uint8_t *block;

	do {
		if (recorded->at + 12 > recorded->count)
			return false;
		block = recorded->bytes + recorded->at;
		recorded->at += word_at(block + 4);
	} while (word_at(block) != BLOCK_FRAME);
	memcpy(&head, block, sizeof(head));
	*frame = (struct ft_recorded_frame){
		.bytes = block + sizeof(head),
		.captured = head.captured,
	};
	read_options(frame, frame->bytes + RTE_ALIGN(head.captured, 4u), block + head.total - 4);
	return true;
}
