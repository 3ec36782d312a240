#include "../support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "../lone.h"
#include "../recorded.h"
#include "base/pcapng.h"
#include "base/recorder.h"
#include "fourtuple.h"
#include "ip/checksum.h"

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
	lone.stack.recorder = ft_recorder_open(path, "nic", 64, 7 * FT_SECOND,
		&lone.stack.counters.count[FT_COUNTER_CAPTURE_LOST]);
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

// With two bytes of payload, which make it so.
static struct rte_mbuf *datagram_of_ones(void)
{
	const uint16_t bytes = sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_udp_hdr) + 2;
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(lone.stack.send_pool);
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(pkt, struct rte_ipv4_hdr *);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);

	assert_non_null(rte_pktmbuf_append(pkt, bytes));
	ft_pkt_info_clear(pkt);
	memset(ip, 0, bytes);
	*ip = (struct rte_ipv4_hdr){ .version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(bytes),
		.next_proto_id = IPPROTO_UDP,
		.src_addr = RTE_BE32(RTE_IPV4(10, 9, 0, 2)),
		.dst_addr = RTE_BE32(RTE_IPV4(10, 9, 0, 1)) };
	udp->dgram_len = RTE_BE16(sizeof(*udp) + 2);
	ft_checksum_fill(pkt, offsetof(struct rte_udp_hdr, dgram_cksum));
	memcpy(udp + 1, &udp->dgram_cksum, 2);
	udp->dgram_cksum = 0;
	return pkt;
}

// A datagram whose bytes add up to all ones. RFC 768: a checksum of zero would mean none, and a NIC that
// fills it in writes its other name.
static void udp_checksum_that_comes_to_zero_is_written_as_ones(void **state)
{
	char path[] = "/tmp/ft-test-recorder-XXXXXX";
	const uint16_t checksum =
		sizeof(struct rte_ipv4_hdr) + offsetof(struct rte_udp_hdr, dgram_cksum);
	struct ft_recorder *recorder;
	struct ft_recorded recorded;
	struct ft_recorded_frame frame;
	struct rte_mbuf *pkt;
	uint64_t lost = 0;

	close(mkstemp(path));
	ft_lone_start(&lone, NULL);
	pkt = datagram_of_ones();
	ft_checksum_offload(pkt, offsetof(struct rte_udp_hdr, dgram_cksum));
	rte_pktmbuf_prepend(pkt, sizeof(struct rte_ether_hdr));
	recorder = ft_recorder_open(path, "nic", 64, 0, &lost);
	assert_int_equal(ft_recorder_send(recorder, &pkt, 1, 0), 1);
	ft_recorder_sent(recorder, 1);
	ft_recorder_close(recorder);
	assert_true(ft_recorded_open(&recorded, path));
	assert_true(ft_recorded_next(&recorded, &frame));
	assert_memory_equal(frame.bytes + sizeof(struct rte_ether_hdr) + checksum, "\xff\xff", 2);
	ft_recorded_close(&recorded);
	rte_pktmbuf_free(pkt);
	ft_lone_stop(&lone);
	unlink(path);
}

struct slow_reader {
	int pipe;
	char file[64];
};

// Reads the pipe to its end, into a file.
static void *read_late(void *arg)
{
	const struct slow_reader *reader = arg;
	static uint8_t bytes[65536];
	FILE *to = fopen(reader->file, "wb");
	ssize_t count;

	fcntl(reader->pipe, F_SETFL, 0);
	while ((count = read(reader->pipe, bytes, sizeof(bytes))) > 0)
		fwrite(bytes, 1, (size_t)count, to);
	fclose(to);
	return NULL;
}

static void record_frames(struct ft_recorder *recorder, uint32_t count)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(lone.stack.send_pool);

	ft_pkt_info_clear(pkt);
	memset(rte_pktmbuf_append(pkt, 1500), 0, 1500);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(ft_recorder_send(recorder, &pkt, 1, i), 1);
		ft_recorder_sent(recorder, 1);
		ft_recorder_turn(recorder, i);
	}
	rte_pktmbuf_free(pkt);
}

static uint32_t count_frames(const char *path)
{
	struct ft_recorded recorded;
	struct ft_recorded_frame frame;
	uint32_t count = 0;

	assert_true(ft_recorded_open(&recorded, path));
	while (ft_recorded_next(&recorded, &frame))
		count++;
	ft_recorded_close(&recorded);
	return count;
}

// Ten megabytes into a pipe that nobody reads meanwhile: what has no room is counted, and what was
// kept is whole.
static void slow_reader_misses_frames_that_are_counted(void **state)
{
	char path[] = "/tmp/ft-test-pipe-XXXXXX";
	uint64_t *lost = &lone.stack.counters.count[FT_COUNTER_CAPTURE_LOST];
	struct ft_recorder *recorder;
	struct slow_reader reader;
	pthread_t thread;

	close(mkstemp(path));
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	reader.pipe = open(path, O_RDONLY | O_NONBLOCK);
	snprintf(reader.file, sizeof(reader.file), "%s.file", path);
	ft_lone_start(&lone, NULL);
	recorder = ft_recorder_open(path, "nic", 2048, 0, lost);
	assert_non_null(recorder);
	record_frames(recorder, 6500);
	assert_in_range(*lost, 3000, 4500);
	pthread_create(&thread, NULL, read_late, &reader);
	ft_recorder_close(recorder);
	pthread_join(thread, NULL);
	close(reader.pipe);
	assert_int_equal(count_frames(reader.file) + *lost, 6500);
	ft_lone_stop(&lone);
	unlink(path);
	unlink(reader.file);
}

// Records into a file that may not grow beyond `room`, and returns how many frames it has.
static uint32_t frames_in(uint32_t room, uint32_t count)
{
	char path[] = "/tmp/ft-test-full-XXXXXX";
	uint64_t *lost = &lone.stack.counters.count[FT_COUNTER_CAPTURE_LOST];
	struct ft_recorder *recorder;
	struct rlimit before, limit;
	uint32_t frames;

	close(mkstemp(path));
	getrlimit(RLIMIT_FSIZE, &before);
	limit = (struct rlimit){ .rlim_cur = room, .rlim_max = before.rlim_max };
	ft_lone_start(&lone, NULL);
	recorder = ft_recorder_open(path, "nic", 2048, 0, lost);
	assert_non_null(recorder);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	record_frames(recorder, count);
	ft_recorder_close(recorder);
	setrlimit(RLIMIT_FSIZE, &before);
	frames = count_frames(path);
	assert_int_equal(frames + *lost, count);
	ft_lone_stop(&lone);
	unlink(path);
	return frames;
}

// Full in the midst of a frame, now and at the end; between two; with room for no frame at all. The
// signal that the limit sends would end us.
static void full_disk_leaves_a_file_of_whole_frames(void **state)
{
	const struct ft_pcapng_frame frame = { .bytes = "", .captured = 1500 };
	uint32_t bytes = ft_pcapng_frame_bytes(&frame), header;
	uint8_t block[FT_PCAPNG_HEADER_MAX];

	header = ft_pcapng_write_section(block, "fourtuple " FT_VERSION);
	header += ft_pcapng_write_interface(block, "nic", 2048);
	assert_int_equal(frames_in(header + 50 * bytes, 30), 30);
	for (uint32_t spare = 0; spare < bytes; spare += 97)
		assert_int_equal(frames_in(header + 50 * bytes + spare, 80), 50);
	assert_int_equal(frames_in(header + 2 * bytes + 1000, 3), 2);
	assert_int_equal(frames_in(header + 20, 3), 0);
	assert_int_equal(frames_in(30, 3), 0);
}

static void file_that_cannot_be_made_is_an_error(void **state)
{
	uint64_t lost;

	assert_null(ft_recorder_open("/nowhere/file", "nic", 64, 0, &lost));
	assert_int_equal(errno, ENOENT);
	assert_null(ft_recorder_open("-", "nic", 64, 0, &lost));
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
		cmocka_unit_test(udp_checksum_that_comes_to_zero_is_written_as_ones),
		cmocka_unit_test(slow_reader_misses_frames_that_are_counted),
		cmocka_unit_test(full_disk_leaves_a_file_of_whole_frames),
		cmocka_unit_test(file_that_cannot_be_made_is_an_error),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
