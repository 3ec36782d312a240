#include "../support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lone.h"
#include "base/pcapng.h"
#include "base/recorder.h"
#include "fourtuple.h"

static void section_names_the_application(void **state)
{
	static const uint8_t expected[] = { 0x0a, 0x0d, 0x0d, 0x0a, 44, 0, 0, 0, 0x4d, 0x3c, 0x2b,
		0x1a, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff,					      // the section's length, not known
		4, 0, 5, 0, 'h', 'e', 'l', 'l', 'o', 0, 0, 0, // shb_userappl
		0, 0, 0, 0, 44, 0, 0, 0 };
	uint8_t block[FT_PCAPNG_HEADER_MAX];

	assert_int_equal(ft_pcapng_write_section(block, "hello"), sizeof(expected));
	assert_memory_equal(block, expected, sizeof(expected));
}

static void interface_has_name_and_nanoseconds(void **state)
{
	static const uint8_t expected[] = { 1, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0,
		0, // Ethernet, 256 bytes
		2, 0, 3, 0, 'n', 'i', 'c', 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0 };
	uint8_t block[FT_PCAPNG_HEADER_MAX];

	assert_int_equal(ft_pcapng_write_interface(block, "nic", 256), sizeof(expected));
	assert_memory_equal(block, expected, sizeof(expected));
}

static void frame_has_direction_and_comment(void **state)
{
	static const uint8_t expected[] = { 6, 0, 0, 0, 60, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0,
		0, 0, // block, interface, time
		5, 0, 0, 0, 9, 0, 0, 0, 'f', 'r', 'a', 'm', 'e', 0, 0, 0, 2, 0, 4, 0, 2, 0, 0, 0, 1,
		0, 3, 0, 'w', 'h', 'y', 0, 0, 0, 0, 0, 60, 0, 0, 0 };
	const struct ft_pcapng_frame frame = { 1, true, (UINT64_C(2) << 32) + 3, "frame", 5, 9,
		"why" };
	uint8_t block[128];

	assert_int_equal(ft_pcapng_frame_bytes(&frame), sizeof(expected));
	assert_int_equal(ft_pcapng_write_frame(block, &frame), sizeof(expected));
	assert_memory_equal(block, expected, sizeof(expected));
}

static void frame_without_comment_has_none(void **state)
{
	const struct ft_pcapng_frame frame = { .bytes = "frame", .captured = 5, .comment = "" };
	uint8_t block[128];

	assert_int_equal(ft_pcapng_write_frame(block, &frame), ft_pcapng_frame_bytes(&frame));
	assert_int_equal(ft_pcapng_frame_bytes(&frame), 52);
	assert_int_equal(block[40], 1); // received
}

static void comment_too_long_is_cut(void **state)
{
	char comment[FT_PCAPNG_COMMENT_MAX + 2] = { 0 };
	struct ft_pcapng_frame frame = { .bytes = "", .comment = comment };

	memset(comment, 'x', sizeof(comment) - 1);
	assert_int_equal(ft_pcapng_frame_bytes(&frame), 44 + 4 + FT_PCAPNG_COMMENT_MAX);
}

// ---- the recorder of a whole stack ----

static struct ft_lone lone;

static const uint8_t *find(const uint8_t *bytes, size_t count, const char *text)
{
	return memmem(bytes, count, text, strlen(text));
}

// To a host that is not there: ARP requests, each handed to the NIC.
static void stack_with_recorder_writes_what_it_sends(void **state)
{
	char path[] = "/tmp/ft-test-recorder-XXXXXX";
	static uint8_t file[4096];
	struct sockaddr_in nobody = { .sin_family = AF_INET };
	int fd = mkstemp(path), socket;
	ssize_t bytes;

	assert_true(fd >= 0);
	ft_lone_start(&lone, NULL);
	lone.stack.recorder = ft_recorder_open(path, "nic", 64, 7 * FT_SECOND);
	assert_non_null(lone.stack.recorder);
	nobody.sin_addr.s_addr = htonl(0x0a090009);
	nobody.sin_port = htons(9);
	socket = ft_socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(ft_sendto(socket, "x", 1, 0, (void *)&nobody, sizeof(nobody)), 1);
	ft_lone_run_for(&lone, 10 * FT_SECOND);
	ft_recorder_close(lone.stack.recorder);
	lone.stack.recorder = NULL;
	ft_lone_stop(&lone);
	bytes = read(fd, file, sizeof(file));
	assert_true(bytes > 300);
	assert_memory_equal(file, "\x0a\x0d\x0d\x0a", 4);
	assert_non_null(find(file, (size_t)bytes, "\x08\x06"));
	close(fd);
	unlink(path);
}

static void file_that_cannot_be_made_is_an_error(void **state)
{
	assert_null(ft_recorder_open("/nowhere/file", "nic", 64, 0));
	assert_int_equal(errno, ENOENT);
	assert_null(ft_recorder_open("-", "nic", 64, 0));
	assert_int_equal(errno, EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(section_names_the_application),
		cmocka_unit_test(interface_has_name_and_nanoseconds),
		cmocka_unit_test(frame_has_direction_and_comment),
		cmocka_unit_test(frame_without_comment_has_none),
		cmocka_unit_test(comment_too_long_is_cut),
		cmocka_unit_test(stack_with_recorder_writes_what_it_sends),
		cmocka_unit_test(file_that_cannot_be_made_is_an_error),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
