// A TCP header (RFC 9293 3.1) in host byte order: as parsed by ft_tcp_parse() and then read-only
// but for the cutting below, or as it is to be written.
#pragma once
#include <endian.h> // rte_cpu_to_be_32() is assembly, of which the compiler can share nothing
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_tcp.h>

#include "tcp/window.h"

// The flags as they stand in byte 13 of the header.
enum ft_tcp_flag {
	FT_TCP_FIN = 0x01,
	FT_TCP_SYN = 0x02,
	FT_TCP_RST = 0x04,
	FT_TCP_PSH = 0x08,
	FT_TCP_ACK = 0x10,
	FT_TCP_URG = 0x20,
	FT_TCP_ECE = 0x40,
	FT_TCP_CWR = 0x80,
};

// What the option takes of a segment, laid out as RFC 7323 A recommends, and how that begins: NOP, NOP,
// kind, length.
#define FT_TCP_TIMESTAMP_BYTES 12
#define FT_TCP_TIMESTAMP_WORD  0x0101080a

// Which options were present and well-formed.
enum ft_tcp_option_bit {
	FT_TCP_HAS_MSS = 0x01,
	FT_TCP_HAS_WINDOW_SCALE = 0x02,
	FT_TCP_HAS_TIMESTAMP = 0x04,
	FT_TCP_HAS_SACK_PERMITTED = 0x08,
};

struct ft_segment {
	uint32_t seq;	   // SEG.SEQ
	uint32_t ack;	   // SEG.ACK
	uint32_t length;   // SEG.LEN: payload bytes, plus one each for SYN and FIN
	uint32_t ts_value; // TSval, TSecr (RFC 7323 3.2)
	uint32_t ts_echo;
	uint16_t window; // SEG.WND, not scaled
	uint16_t urgent; // SEG.UP
	uint16_t mss;
	uint8_t flags;
	uint8_t options; // ft_tcp_option_bit
	uint8_t window_scale;
};

// A SYN's options as Linux lays them out, and as nearly every peer does: MSS, SACK-permitted (or padding),
// timestamp, NOP, window scale. "Usual": with SACK-permitted.
struct ft_segment_syn_options {
	rte_be16_t mss_word; // kind, length
	rte_be16_t mss;
	rte_be32_t timestamp_word; // SACK-permitted, then the timestamp's kind and length
	rte_be32_t ts_value;
	rte_be32_t ts_echo;
	rte_be32_t scale_word; // NOP, kind, length; the shift in the lowest byte
} __rte_packed;

_Static_assert(sizeof(struct ft_segment_syn_options) == 20, "nothing lies between the options");

// The options that it holds, SACK-permitted aside.
#define FT_TCP_USUAL_SYN_OPTIONS (FT_TCP_HAS_MSS | FT_TCP_HAS_TIMESTAMP | FT_TCP_HAS_WINDOW_SCALE)

#define FT_TCP_MSS_WORD		   0x0204
#define FT_TCP_SYN_TIMESTAMP_WORD  0x0402080a
#define FT_TCP_SCALE_WORD	   0x01030300
#define FT_TCP_SCALE_WORD_CONSTANT 0xffffff00

static inline bool ft_segment_has_usual_syn_options(const struct ft_segment_syn_options *options)
{
	return options->mss_word == RTE_BE16(FT_TCP_MSS_WORD) &&
	       options->timestamp_word == RTE_BE32(FT_TCP_SYN_TIMESTAMP_WORD) &&
	       (options->scale_word & RTE_BE32(FT_TCP_SCALE_WORD_CONSTANT)) ==
		       RTE_BE32(FT_TCP_SCALE_WORD);
}

// Above 14 is to be taken as 14 (RFC 7323 2.3).
static inline uint8_t ft_segment_scale_of(uint8_t shift)
{
	return RTE_MIN(shift, FT_WINDOW_MAXIMUM_SCALE);
}

// Notes them, if they are laid out so.
static inline void ft_segment_take_usual_syn_options(
	struct ft_segment *seg, const struct ft_segment_syn_options *options)
{
	seg->mss = rte_be_to_cpu_16(options->mss);
	seg->ts_value = rte_be_to_cpu_32(options->ts_value);
	seg->ts_echo = rte_be_to_cpu_32(options->ts_echo);
	seg->window_scale = ft_segment_scale_of((uint8_t)rte_be_to_cpu_32(options->scale_word));
	seg->options = FT_TCP_USUAL_SYN_OPTIONS | FT_TCP_HAS_SACK_PERMITTED;
}

struct rte_mbuf;

// ---- to send ----

// Bytes of the header that ft_segment_write() makes for these flags and options, a multiple of 4.
// For a full-sized segment the payload is the path's MTU less the IP header less this.
uint16_t ft_segment_header_bytes(const struct ft_segment *seg);

// Puts the TCP header before the packet's data, which is the payload. Of `seg` it writes seq, ack
// (0 unless the flag is set), flags, window, urgent (0 unless flagged) and the options named in
// seg->options, in the order Linux sends them:
//
//	with SYN    MSS | SACK-permitted, or NOP NOP | timestamp | NOP | window scale
//	without     NOP NOP timestamp
//
// Others are not written, `length` is not read. The checksum field is zero: IP fills it in. The
// headroom must be that of a fresh packet.
void ft_segment_write(struct rte_mbuf *pkt, const struct ft_segment *seg, uint16_t source_port,
	uint16_t destination_port);

// The parts of ft_segment_write() for a segment that is no SYN, where a caller has the room already:
// how many bytes, the header, and the option behind it if seg->options names it.
static inline uint16_t ft_segment_plain_bytes(const struct ft_segment *seg)
{
	bool has_timestamp = seg->options & FT_TCP_HAS_TIMESTAMP;

	return sizeof(struct rte_tcp_hdr) + (has_timestamp ? FT_TCP_TIMESTAMP_BYTES : 0);
}

// Word by word, as RFC 9293 3.1 draws it.
static inline void ft_segment_write_header(struct rte_tcp_hdr *header, uint16_t bytes,
	const struct ft_segment *seg, uint16_t source_port, uint16_t destination_port)
{
	const rte_be32_t words[] = {
		htobe32((uint32_t)source_port << 16 | destination_port),
		htobe32(seg->seq),
		seg->flags & FT_TCP_ACK ? htobe32(seg->ack) : 0,
		htobe32((uint32_t)bytes / 4 << 28 | (uint32_t)seg->flags << 16 | seg->window),
	};

	memcpy(header, words, sizeof(words));
	header->cksum = 0;
	header->tcp_urp = seg->flags & FT_TCP_URG ? htobe16(seg->urgent) : 0;
}

static inline void ft_segment_write_timestamp(
	struct rte_tcp_hdr *header, const struct ft_segment *seg)
{
	rte_be32_t *words = (rte_be32_t *)(header + 1);

	if (!(seg->options & FT_TCP_HAS_TIMESTAMP))
		return;
	words[0] = RTE_BE32(FT_TCP_TIMESTAMP_WORD);
	words[1] = htobe32(seg->ts_value);
	words[2] = htobe32(seg->ts_echo);
}

// Whether a SYN's options, which seg->options names, are laid out as struct ft_segment_syn_options, and to write them
// behind the header.
static inline bool ft_segment_is_usual_syn(const struct ft_segment *seg)
{
	return (seg->options & FT_TCP_USUAL_SYN_OPTIONS) == FT_TCP_USUAL_SYN_OPTIONS;
}

static inline void ft_segment_write_usual_syn_options(
	struct rte_tcp_hdr *header, const struct ft_segment *seg)
{
	const bool is_sack_permitted = seg->options & FT_TCP_HAS_SACK_PERMITTED;
	const struct ft_segment_syn_options options = {
		.mss_word = RTE_BE16(FT_TCP_MSS_WORD),
		.mss = htobe16(seg->mss),
		.timestamp_word = is_sack_permitted ? RTE_BE32(FT_TCP_SYN_TIMESTAMP_WORD)
						    : RTE_BE32(FT_TCP_TIMESTAMP_WORD),
		.ts_value = htobe32(seg->ts_value),
		.ts_echo = htobe32(seg->ts_echo),
		.scale_word = htobe32(FT_TCP_SCALE_WORD | seg->window_scale),
	};

	memcpy(header + 1, &options, sizeof(options));
}

// ---- received: taking only a part (RFC 9293 3.10.7.4: "segments ... trimmed to the window") ----

// Cuts the first `count` sequence numbers off a received segment: SYN, then payload, then FIN.
// Adjusts seg.seq, seg.length, seg.flags, payload_offset and payload_length; copies and frees
// nothing. seg.length must be at least `count`.
void ft_segment_cut_front(struct rte_mbuf *pkt, uint32_t count);

// Cuts the last `count` sequence numbers: FIN, then payload, then SYN.
void ft_segment_cut_end(struct rte_mbuf *pkt, uint32_t count);

// Copies the payload of a stripped packet behind that of another stripped packet, when there is
// room in its last mbuf and nobody else uses that. Then true, and the caller frees `pkt`. The two
// must be neighbours in sequence; `to` stands for both afterwards.
bool ft_segment_merge(struct rte_mbuf *to, const struct rte_mbuf *pkt);
