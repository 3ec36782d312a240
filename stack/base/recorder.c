#include "base/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "base/log.h"
#include "base/pcapng.h"
#include "base/pkt.h"
#include "ip/checksum.h"

#define BUFFER_BYTES (4u << 20)
#define ENOUGH_BYTES (64u << 10)
#define LONG_ENOUGH  (100 * FT_MILLISECOND)
#define PATIENCE_MS  1000 // with a pipe's reader, at the end

// Frames whose outcome is not known yet.
struct stage {
	const struct rte_mbuf *pkts[FT_RECORDER_BURST];
	uint8_t *bytes; // FT_RECORDER_BURST times snap_bytes
	struct ft_pcapng_frame frames[FT_RECORDER_BURST];
	char comments[FT_RECORDER_BURST][FT_PCAPNG_COMMENT_MAX];
	uint16_t count;
};

struct ft_recorder {
	int fd; // negative: the capture has ended
	uint32_t snap_bytes;
	ft_time offset;
	ft_time written_at;
	uint64_t frames;
	uint64_t *lost; // the stack's counter
	struct stage received;
	struct stage sent;
	uint8_t *buffer; // whole blocks that are not, or not wholly, in the file
	uint32_t used;
	uint32_t begun; // bytes of the first of them that are
};

// ---- the file ----

// write() that answers EPIPE or EFBIG and sends neither SIGPIPE nor SIGXFSZ, whatever the program has
// made of those signals.
static ssize_t write_quietly(int fd, const void *bytes, size_t count)
{
	const struct timespec at_once = { 0 };
	sigset_t ours, before, pending;
	ssize_t written;
	int error;

	sigpending(&pending);
	sigemptyset(&ours);
	if (!sigismember(&pending, SIGPIPE))
		sigaddset(&ours, SIGPIPE);
	if (!sigismember(&pending, SIGXFSZ))
		sigaddset(&ours, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &ours, &before);
	written = write(fd, bytes, count);
	error = errno;
	if (written < 0 && (error == EPIPE || error == EFBIG))
		sigtimedwait(&ours, NULL, &at_once);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return written;
}

// Of the first `bytes` of the buffer, those that are whole blocks; and how many of these are frames.
static uint32_t whole_blocks(const struct ft_recorder *recorder, uint32_t bytes, uint32_t *frames)
{
	uint32_t at = 0, length;

	*frames = 0;
	while (at < bytes &&
		(length = ft_pcapng_block_bytes(recorder->buffer + at)) <= bytes - at) {
		*frames += ft_pcapng_is_frame(recorder->buffer + at);
		at += length;
	}
	return at;
}

// What has not been written is lost. A file ends where its last whole block does, so that it can be
// read; a pipe has no end to cut.
static void close_file(struct ft_recorder *recorder)
{
	off_t end = lseek(recorder->fd, 0, SEEK_CUR);
	uint32_t frames;

	whole_blocks(recorder, recorder->used, &frames);
	*recorder->lost += frames;
	recorder->frames -= frames;
	if (recorder->begun > 0 && end >= recorder->begun &&
		ftruncate(recorder->fd, end - recorder->begun) < 0)
		ft_log_warning("the capture's last frame is not whole: %s", strerror(errno));
	close(recorder->fd);
	recorder->fd = -1;
	recorder->used = recorder->begun = 0;
}

static void take_written(struct ft_recorder *recorder, uint32_t written)
{
	uint32_t frames, whole;

	recorder->begun += written;
	whole = whole_blocks(recorder, recorder->begun, &frames);
	recorder->begun -= whole;
	recorder->used -= whole;
	memmove(recorder->buffer, recorder->buffer + whole, recorder->used);
}

// As much as there is room for: a file with room for a part is full, which the next write() says.
static void write_out(struct ft_recorder *recorder)
{
	while (recorder->used > 0) {
		ssize_t written = write_quietly(recorder->fd, recorder->buffer + recorder->begun,
			recorder->used - recorder->begun);

		if (written > 0) {
			take_written(recorder, (uint32_t)written);
			continue;
		}
		if (written < 0 && errno != EAGAIN && errno != EINTR) {
			ft_log_warning("the capture ends here: %s", strerror(errno));
			close_file(recorder);
		}
		return;
	}
}

static void append(struct ft_recorder *recorder, const struct ft_pcapng_frame *frame)
{
	uint32_t bytes = ft_pcapng_frame_bytes(frame);

	if (recorder->used + bytes > BUFFER_BYTES)
		write_out(recorder);
	if (recorder->fd < 0 || recorder->used + bytes > BUFFER_BYTES) {
		(*recorder->lost)++;
		return;
	}
	recorder->used += ft_pcapng_write_frame(recorder->buffer + recorder->used, frame);
	recorder->frames++;
}

void ft_recorder_turn(struct ft_recorder *recorder, ft_time now)
{
	if (recorder->used < ENOUGH_BYTES && now < recorder->written_at + LONG_ENOUGH)
		return;
	recorder->written_at = now;
	write_out(recorder);
}

// ---- staging ----

static void clear_stage(struct stage *stage)
{
	stage->count = 0;
}

// A copy of the frame as it is now; returns where it lies.
static uint8_t *stage_frame(struct ft_recorder *recorder, struct stage *stage,
	const struct rte_mbuf *pkt, bool is_sent, ft_time now)
{
	uint16_t slot = stage->count++;
	uint8_t *bytes = stage->bytes + (size_t)slot * recorder->snap_bytes;

	stage->pkts[slot] = pkt;
	stage->comments[slot][0] = '\0';
	stage->frames[slot] = (struct ft_pcapng_frame){
		.is_sent = is_sent,
		.time = now + recorder->offset,
		.bytes = bytes,
		.captured = ft_pkt_copy_out(pkt, 0, bytes, recorder->snap_bytes),
		.length = rte_pktmbuf_pkt_len(pkt),
		.comment = stage->comments[slot],
	};
	return bytes;
}

void ft_recorder_receive(
	struct ft_recorder *recorder, struct rte_mbuf **pkts, uint16_t count, ft_time now)
{
	clear_stage(&recorder->received);
	for (uint16_t i = 0; i < count; i++) {
		stage_frame(recorder, &recorder->received, pkts[i], false, now);
		ft_pkt_info(pkts[i])->recorded = (uint8_t)(i + 1);
	}
}

void ft_recorder_assembled(struct ft_recorder *recorder, uint8_t recorded, struct rte_mbuf *whole)
{
	if (recorded == 0 || recorded > recorder->received.count)
		return;
	recorder->received.pkts[recorded - 1] = whole;
	ft_pkt_info(whole)->recorded = recorded;
}

// A packet kept from an earlier burst may have the number of one that came now, but not its mbuf: it still
// occupies its own.
static bool is_of_this_burst(const struct stage *received, struct rte_mbuf *pkt)
{
	uint8_t recorded = ft_pkt_info(pkt)->recorded;

	return recorded > 0 && recorded <= received->count && received->pkts[recorded - 1] == pkt;
}

// TCP_CONSUMED is what a good ACK comes to; nobody should look for a fault there.
void ft_recorder_drop(struct ft_recorder *recorder, struct rte_mbuf *pkt, enum ft_drop reason)
{
	struct stage *received = &recorder->received;

	if (!is_of_this_burst(received, pkt) || reason == FT_DROP_TCP_CONSUMED)
		return;
	snprintf(received->comments[ft_pkt_info(pkt)->recorded - 1], FT_PCAPNG_COMMENT_MAX,
		"%s: %s", ft_drop_name(reason), ft_drop_text(reason));
}

void ft_recorder_drop_copy(
	struct ft_recorder *recorder, struct rte_mbuf *pkt, int fd, enum ft_drop reason)
{
	struct stage *received = &recorder->received;
	size_t used;
	char *comment;

	if (!is_of_this_burst(received, pkt))
		return;
	comment = received->comments[ft_pkt_info(pkt)->recorded - 1];
	used = strlen(comment);
	snprintf(comment + used, FT_PCAPNG_COMMENT_MAX - used, "%sfd %d's copy: %s: %s",
		used > 0 ? "; " : "", fd, ft_drop_name(reason), ft_drop_text(reason));
}

void ft_recorder_received(struct ft_recorder *recorder)
{
	for (uint16_t i = 0; i < recorder->received.count; i++)
		append(recorder, &recorder->received.frames[i]);
	clear_stage(&recorder->received);
}

// ---- what is sent ----

static const char *const cause_texts[] = {
	[FT_PKT_SYN_AGAIN] = "SYN sent again",
	[FT_PKT_SYN_ACK_AGAIN] = "SYN-ACK sent again",
	[FT_PKT_SYN_CAME_AGAIN] = "SYN-ACK sent again, as the SYN came again",
	[FT_PKT_TIMEOUT] = "retransmission after a timeout",
	[FT_PKT_FAST_RETRANSMIT] = "fast retransmission after 3 duplicate ACKs",
	[FT_PKT_PARTIAL_ACK] = "retransmission after a partial ACK (RFC 6582)",
	[FT_PKT_SMALLER_MTU] = "retransmission in smaller segments",
	[FT_PKT_WINDOW_OPENED] = "sent again, the window has opened",
	[FT_PKT_WINDOW_PROBE] = "zero-window probe",
	[FT_PKT_KEEPALIVE] = "keepalive probe",
};

static void comment_cause(char *comment, const struct ft_pkt_info *info)
{
	if (info->cause == FT_PKT_FIRST_TIME)
		return;
	if (info->cause_number > 0)
		snprintf(comment, FT_PCAPNG_COMMENT_MAX, "%s, no. %u", cause_texts[info->cause],
			info->cause_number);
	else
		snprintf(comment, FT_PCAPNG_COMMENT_MAX, "%s", cause_texts[info->cause]);
}

static void fill_header_checksum(const struct rte_mbuf *pkt, uint8_t *bytes, uint32_t captured)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(bytes + pkt->l2_len);

	if (pkt->l2_len + pkt->l3_len > captured)
		return;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

// The NIC is to cut the packet, so its pseudo header's sum lacks the length: as if it went whole.
static uint16_t with_length(uint16_t checksum, uint32_t bytes)
{
	uint32_t sum = (uint16_t)~checksum + rte_cpu_to_be_16((uint16_t)bytes);

	return ~((sum & 0xffff) + (sum >> 16));
}

// The field holds the pseudo header's sum (ip/checksum.h), so that summing up from the transport's
// header on gives the whole.
static void fill_transport_checksum(const struct rte_mbuf *pkt, uint8_t *bytes, uint32_t captured)
{
	bool is_tcp = (pkt->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM;
	uint32_t transport = pkt->l2_len + pkt->l3_len;
	uint32_t field = transport + (is_tcp ? offsetof(struct rte_tcp_hdr, cksum)
					     : offsetof(struct rte_udp_hdr, dgram_cksum));
	uint16_t sum;

	if (field + sizeof(sum) > captured)
		return;
	sum = ft_checksum_from(pkt, transport);
	if (pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
		sum = with_length(sum, rte_pktmbuf_pkt_len(pkt) - transport);
	if (sum == 0 && !is_tcp)
		sum = UINT16_MAX; // RFC 768: zero would mean none
	memcpy(bytes + field, &sum, sizeof(sum));
}

static void fill_checksums(const struct rte_mbuf *pkt, uint8_t *bytes, uint32_t captured)
{
	if (pkt->ol_flags & RTE_MBUF_F_TX_IP_CKSUM)
		fill_header_checksum(pkt, bytes, captured);
	if (pkt->ol_flags & RTE_MBUF_F_TX_L4_MASK)
		fill_transport_checksum(pkt, bytes, captured);
}

uint16_t ft_recorder_send(
	struct ft_recorder *recorder, struct rte_mbuf **pkts, uint32_t count, ft_time now)
{
	struct stage *stage = &recorder->sent;

	clear_stage(stage);
	for (uint32_t i = 0; i < RTE_MIN(count, (uint32_t)FT_RECORDER_BURST); i++) {
		uint8_t *bytes = stage_frame(recorder, stage, pkts[i], true, now);

		fill_checksums(pkts[i], bytes, stage->frames[i].captured);
		comment_cause(stage->comments[i], ft_pkt_info(pkts[i]));
	}
	return stage->count;
}

void ft_recorder_sent(struct ft_recorder *recorder, uint16_t sent)
{
	for (uint16_t i = 0; i < sent; i++)
		append(recorder, &recorder->sent.frames[i]);
	clear_stage(&recorder->sent);
}

// ---- the beginning and the end ----

static struct ft_recorder *allocate(uint32_t snap_bytes)
{
	struct ft_recorder *recorder = calloc(1, sizeof(*recorder));

	if (recorder == NULL)
		return NULL;
	recorder->fd = -1;
	recorder->snap_bytes = snap_bytes;
	recorder->buffer = malloc(BUFFER_BYTES);
	recorder->received.bytes = calloc(FT_RECORDER_BURST, snap_bytes);
	recorder->sent.bytes = calloc(FT_RECORDER_BURST, snap_bytes);
	if (recorder->buffer != NULL && recorder->received.bytes != NULL &&
		recorder->sent.bytes != NULL)
		return recorder;
	ft_recorder_close(recorder);
	errno = ENOMEM;
	return NULL;
}

// Opening may wait for a FIFO's reader; writing never does.
static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

struct ft_recorder *ft_recorder_open(const char *path, const char *interface, uint32_t snap_bytes,
	ft_time offset, uint64_t *lost)
{
	struct ft_recorder *recorder;

	if (strcmp(path, "-") == 0) {
		ft_log_error("capture: standard output is the program's; for a pipe make a FIFO: "
			     "mkfifo NAME");
		errno = EINVAL;
		return NULL;
	}
	recorder = allocate(snap_bytes);
	if (recorder != NULL)
		recorder->fd = open_file(path);
	if (recorder == NULL || recorder->fd < 0) {
		int error = errno;

		ft_log_error("capture: %s: %s", path, strerror(error));
		ft_recorder_close(recorder);
		errno = error;
		return NULL;
	}
	recorder->offset = offset;
	recorder->lost = lost;
	recorder->used = ft_pcapng_write_section(recorder->buffer, "fourtuple " FT_VERSION);
	recorder->used +=
		ft_pcapng_write_interface(recorder->buffer + recorder->used, interface, snap_bytes);
	return recorder;
}

// Nobody is in a hurry any more: a reader that is only slow gets the rest.
static void write_rest(struct ft_recorder *recorder)
{
	struct pollfd pipe = { .fd = recorder->fd, .events = POLLOUT };

	write_out(recorder);
	while (recorder->used > 0 && poll(&pipe, 1, PATIENCE_MS) > 0)
		write_out(recorder);
	if (recorder->used > 0)
		ft_log_warning("the capture lacks its last %u bytes: its reader stands still",
			recorder->used - recorder->begun);
}

static void tell_losses(const struct ft_recorder *recorder)
{
	uint64_t lost = recorder->lost != NULL ? *recorder->lost : 0;

	if (lost > 0)
		ft_log_warning(
			"the capture lacks %lu frames of %lu", lost, lost + recorder->frames);
}

void ft_recorder_close(struct ft_recorder *recorder)
{
	if (recorder == NULL)
		return;
	if (recorder->fd >= 0)
		write_rest(recorder);
	if (recorder->fd >= 0)
		close_file(recorder);
	tell_losses(recorder);
	free(recorder->received.bytes);
	free(recorder->sent.bytes);
	free(recorder->buffer);
	free(recorder);
}
