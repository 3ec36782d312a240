#include "mutate.h"

// Most bytes that matter are in the headers.
#define HEADER_BYTES 80

static uint32_t any_place(struct fuzz_choice *choice, const struct fuzz_frame *frame)
{
	uint32_t end = frame->length;

	if (fuzz_choose(choice, 4) != 0)
		end = RTE_MIN(end, (uint32_t)HEADER_BYTES);
	return fuzz_choose(choice, end);
}

static void flip_bits(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	for (uint32_t i = fuzz_choose(choice, 8); i < 8; i++) {
		const uint8_t bit = 1 << fuzz_choose(choice, 8);

		frame->bytes[any_place(choice, frame)] ^= bit;
	}
}

static void set_byte(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	static const uint8_t values[] = { 0, 1, 2, 3, 4, 5, 8, 15, 16, 20, 40, 0x7f, 0x80, 0xff };
	const uint8_t value = values[fuzz_choose(choice, sizeof(values))];

	frame->bytes[any_place(choice, frame)] = value;
}

static void set_random_byte(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	const uint8_t value = (uint8_t)fuzz_choose(choice, 256);

	frame->bytes[any_place(choice, frame)] = value;
}

// The 16-bit fields that say how much there is and where, counted from the frame's begin: lengths,
// offsets, pointers of IP, UDP, TCP and the first options.
static void set_field(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	static const uint8_t fields[] = { 12, 14, 16, 18, 20, 22, 34, 36, 38, 40, 42, 46, 48, 50,
		52, 54, 56, 58 };
	const uint32_t at = fields[fuzz_choose(choice, sizeof(fields))];
	uint16_t value;

	if (at + sizeof(value) > frame->length)
		return;
	memcpy(&value, frame->bytes + at, sizeof(value));
	value = rte_be_to_cpu_16(value);
	switch (fuzz_choose(choice, 4)) {
	case 0:
		value += fuzz_choose(choice, 33) - 16;
		break;
	case 1:
		value ^= 1 << fuzz_choose(choice, 16);
		break;
	case 2:
		value = (uint16_t)fuzz_choose_any(choice);
		break;
	default:
		value = (uint16_t)(frame->length - fuzz_choose(choice, 64));
	}
	value = rte_cpu_to_be_16(value);
	memcpy(frame->bytes + at, &value, sizeof(value));
}

static void truncate(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	frame->length = any_place(choice, frame);
}

static void extend(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	const uint32_t room = FUZZ_FRAME_MAX - frame->length;
	const uint32_t bytes = fuzz_choose(choice, RTE_MIN(room, 2000U) + 1);

	memset(frame->bytes + frame->length, (int)fuzz_choose(choice, 256), bytes);
	frame->length += bytes;
}

static void move_part(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	const uint32_t from = any_place(choice, frame), to = any_place(choice, frame);
	const uint32_t most = frame->length - RTE_MAX(from, to);

	memmove(frame->bytes + to, frame->bytes + from, fuzz_choose(choice, most + 1));
}

static void insert_part(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	const uint32_t at = any_place(choice, frame);
	const uint32_t bytes = 1 + fuzz_choose(choice, 40);

	if (frame->length + bytes > FUZZ_FRAME_MAX)
		return;
	memmove(frame->bytes + at + bytes, frame->bytes + at, frame->length - at);
	frame->length += bytes;
}

static void splice(
	struct fuzz_choice *choice, struct fuzz_frame *frame, const struct fuzz_frame *other)
{
	const uint32_t at = any_place(choice, frame);

	if (at >= other->length)
		return;
	memcpy(frame->bytes + at, other->bytes + at, other->length - at);
	frame->length = other->length;
}

void fuzz_mutate(
	struct fuzz_choice *choice, struct fuzz_frame *frame, const struct fuzz_frame *other)
{
	static void (*const ways[])(struct fuzz_choice *, struct fuzz_frame *) = { flip_bits,
		set_byte, set_random_byte, set_field, set_field, truncate, extend, move_part,
		insert_part };
	const uint32_t way = fuzz_choose(choice, RTE_DIM(ways) + 1);

	if (frame->length == 0)
		return;
	if (way < RTE_DIM(ways))
		ways[way](choice, frame);
	else
		splice(choice, frame, other);
}
