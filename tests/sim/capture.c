#include "capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HALF_BYTES    (8u << 20)
#define ETHERNET_TYPE 1 // LINKTYPE_ETHERNET

// Blocks of the pcapng format (draft-ietf-opsawg-pcapng): all in whole 32-bit words, the total
// length at the beginning and at the end.
struct section_header {
	uint32_t type, total_length, byte_order_magic;
	uint16_t major, minor;
	uint64_t section_length;
	uint32_t total_length_again;
} __attribute__((packed));

struct interface_description {
	uint32_t type, total_length;
	uint16_t link_type, reserved;
	uint32_t snap_length;
	uint16_t resolution_option, resolution_length;
	uint8_t resolution, padding[3];
	uint32_t end_of_options;
	uint32_t total_length_again;
} __attribute__((packed));

struct enhanced_packet {
	uint32_t type, total_length, interface, time_high, time_low, captured, length;
} __attribute__((packed));

struct enhanced_packet_end {
	uint16_t flags_option, flags_length;
	uint32_t flags; // 1 received, 2 sent
	uint32_t end_of_options;
	uint32_t total_length;
} __attribute__((packed));

void ft_capture_init(struct ft_capture *capture)
{
	*capture = (struct ft_capture){ .halves = { malloc(HALF_BYTES), malloc(HALF_BYTES) } };
}

void ft_capture_free(struct ft_capture *capture)
{
	free(capture->halves[0]);
	free(capture->halves[1]);
}

static uint8_t *make_room(struct ft_capture *capture, uint32_t bytes)
{
	uint32_t newer = capture->newer;

	if (capture->used[newer] + bytes > HALF_BYTES) {
		newer = capture->newer = !newer;
		capture->used[newer] = 0;
	}
	capture->used[newer] += bytes;
	return capture->halves[newer] + capture->used[newer] - bytes;
}

void ft_capture_frame(struct ft_capture *capture, uint32_t host, bool is_sent, const void *bytes,
	uint32_t length, ft_time now)
{
	uint32_t padded = (length + 3) & ~3u;
	uint32_t total =
		sizeof(struct enhanced_packet) + padded + sizeof(struct enhanced_packet_end);
	struct enhanced_packet begin = { 6, total, host, now >> 32, (uint32_t)now, length, length };
	struct enhanced_packet_end end = { 2, 4, is_sent ? 2 : 1, 0, total };
	uint8_t *to = make_room(capture, total);

	memcpy(to, &begin, sizeof(begin));
	memcpy(to + sizeof(begin), bytes, length);
	memset(to + sizeof(begin) + length, 0, padded - length);
	memcpy(to + sizeof(begin) + padded, &end, sizeof(end));
}

static void write_headers(FILE *file, uint32_t host_count)
{
	struct section_header section = { 0x0a0d0d0a, sizeof(section), 0x1a2b3c4d, 1, 0, UINT64_MAX,
		sizeof(section) };
	struct interface_description interface = { 1, sizeof(interface), ETHERNET_TYPE, 0, 0, 9, 1,
		9, { 0 }, 0, sizeof(interface) };

	fwrite(&section, sizeof(section), 1, file);
	for (uint32_t i = 0; i < host_count; i++)
		fwrite(&interface, sizeof(interface), 1, file);
}

int ft_capture_write(const struct ft_capture *capture, const char *path, uint32_t host_count)
{
	FILE *file = fopen(path, "wb");
	uint32_t newer = capture->newer;

	if (file == NULL)
		return -errno;
	write_headers(file, host_count);
	fwrite(capture->halves[!newer], 1, capture->used[!newer], file);
	fwrite(capture->halves[newer], 1, capture->used[newer], file);
	return fclose(file) == 0 ? 0 : -errno;
}
