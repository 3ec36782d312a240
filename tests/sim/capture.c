#include "capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pcapng.h"

#define HALF_BYTES (8u << 20)

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
	struct ft_pcapng_frame frame = { .interface = host,
		.is_sent = is_sent,
		.time = now,
		.bytes = bytes,
		.captured = length,
		.length = length };

	ft_pcapng_write_frame(make_room(capture, ft_pcapng_frame_bytes(&frame)), &frame);
}

static void write_headers(FILE *file, uint32_t host_count)
{
	uint8_t block[FT_PCAPNG_HEADER_MAX];
	char name[32];

	fwrite(block, ft_pcapng_write_section(block, "fourtuple, simulated"), 1, file);
	for (uint32_t i = 0; i < host_count; i++) {
		snprintf(name, sizeof(name), "host %u", i);
		fwrite(block, ft_pcapng_write_interface(block, name, 0), 1, file);
	}
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
