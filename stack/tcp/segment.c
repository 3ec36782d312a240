#include "tcp/segment.h"

#include <assert.h>
#include <string.h>

#include <rte_tcp.h>

#include "base/pkt.h"
#include "ip/ip.h"
#include "tcp/tcp.h"
#include "tcp/window.h"

// Kinds (IANA "TCP Option Kind Numbers") and lengths of options.
enum option_kind {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_WINDOW_SCALE = 3,
	OPTION_SACK_PERMITTED = 4,
	OPTION_TIMESTAMP = 8,
};
enum option_length {
	LENGTH_MSS = 4,
	LENGTH_WINDOW_SCALE = 3,
	LENGTH_SACK_PERMITTED = 2,
	LENGTH_TIMESTAMP = 10,
};

_Static_assert(FT_TCP_TIMESTAMP_WORD == (OPTION_NOP << 24 | OPTION_NOP << 16 |
						OPTION_TIMESTAMP << 8 | LENGTH_TIMESTAMP),
	"as RFC 7323 A recommends");
_Static_assert(FT_TCP_MSS_WORD == (OPTION_MSS << 8 | LENGTH_MSS), "the SYN's first option");
_Static_assert(
	FT_TCP_SYN_TIMESTAMP_WORD == (OPTION_SACK_PERMITTED << 24 | LENGTH_SACK_PERMITTED << 16 |
					     OPTION_TIMESTAMP << 8 | LENGTH_TIMESTAMP),
	"the second and the third");
_Static_assert(FT_TCP_SCALE_WORD ==
		       (OPTION_NOP << 24 | OPTION_WINDOW_SCALE << 16 | LENGTH_WINDOW_SCALE << 8),
	"the last");

static uint16_t read_16(const uint8_t *from)
{
	return (uint16_t)(from[0] << 8 | from[1]);
}

static uint32_t read_32(const uint8_t *from)
{
	rte_be32_t value;

	memcpy(&value, from, sizeof(value));
	return rte_be_to_cpu_32(value);
}

static uint8_t *write_16(uint8_t *to, uint16_t value)
{
	*to++ = value >> 8;
	*to++ = value & 0xff;
	return to;
}

static uint8_t *write_32(uint8_t *to, uint32_t value)
{
	const rte_be32_t be = rte_cpu_to_be_32(value);

	memcpy(to, &be, sizeof(be));
	return to + sizeof(be);
}

static inline void take_timestamp(struct ft_segment *seg, const uint8_t *option)
{
	seg->ts_value = read_32(option + 2);
	seg->ts_echo = read_32(option + 6);
	seg->options |= FT_TCP_HAS_TIMESTAMP;
}

// One option other than END and NOP. An unknown kind, or a known one of the wrong length or where
// it has no business, is skipped.
static void parse_option(struct ft_segment *seg, const uint8_t *option, uint8_t length)
{
	const bool is_syn = seg->flags & FT_TCP_SYN;

	if (option[0] == OPTION_TIMESTAMP && length == LENGTH_TIMESTAMP) {
		take_timestamp(seg, option);
	} else if (option[0] == OPTION_MSS && length == LENGTH_MSS && is_syn) {
		seg->mss = read_16(option + 2);
		seg->options |= FT_TCP_HAS_MSS;
	} else if (option[0] == OPTION_WINDOW_SCALE && length == LENGTH_WINDOW_SCALE && is_syn) {
		seg->window_scale = ft_segment_scale_of(option[2]);
		seg->options |= FT_TCP_HAS_WINDOW_SCALE;
	} else if (option[0] == OPTION_SACK_PERMITTED && length == LENGTH_SACK_PERMITTED &&
		   is_syn) {
		seg->options |= FT_TCP_HAS_SACK_PERMITTED;
	}
}

// A malformed option ends the parsing; the segment itself is good all the same, or anyone could end
// a connection with one.
static __attribute__((noinline)) void parse_any_options(
	struct ft_segment *seg, const uint8_t *option, const uint8_t *end)
{
	while (option < end && option[0] != OPTION_END) {
		if (option[0] == OPTION_NOP) {
			option++;
			continue;
		}
		if (end - option < 2 || option[1] < 2 || option[1] > end - option)
			return;
		parse_option(seg, option, option[1]);
		option += option[1];
	}
}

// What nearly every segment has: timestamps alone, laid out as RFC 7323 A recommends; or nothing.
static inline void parse_options(struct ft_segment *seg, const uint8_t *option, const uint8_t *end)
{
	if (end - option == 2 + LENGTH_TIMESTAMP && read_32(option) == FT_TCP_TIMESTAMP_WORD)
		take_timestamp(seg, option + 2);
	else if (option < end)
		parse_any_options(seg, option, end);
}

static void parse_header(struct ft_pkt_info *info, const struct rte_tcp_hdr *header)
{
	struct ft_segment *seg = &info->seg;

	*seg = (struct ft_segment){
		.seq = rte_be_to_cpu_32(header->sent_seq),
		.ack = rte_be_to_cpu_32(header->recv_ack),
		.window = rte_be_to_cpu_16(header->rx_win),
		.urgent = rte_be_to_cpu_16(header->tcp_urp),
		.flags = header->tcp_flags,
	};
	seg->length = info->payload_length + ((seg->flags & FT_TCP_SYN) != 0) +
		      ((seg->flags & FT_TCP_FIN) != 0);
	info->tuple.remote_port = rte_be_to_cpu_16(header->src_port);
	info->tuple.local_port = rte_be_to_cpu_16(header->dst_port);
}

enum ft_drop ft_tcp_parse(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	const uint32_t offset = info->transport_offset;
	const struct rte_tcp_hdr *header;
	const uint8_t *start;
	uint32_t header_bytes;

	start = ft_pkt_pull(pkt, offset + sizeof(*header));
	if (start == NULL)
		return FT_DROP_TCP_SHORT;
	header_bytes = (start[offset + 12] >> 4) * 4;
	if (header_bytes < sizeof(*header))
		return FT_DROP_TCP_SHORT;
	start = ft_pkt_pull(pkt, offset + header_bytes);
	if (start == NULL)
		return FT_DROP_TCP_SHORT;
	if (!ft_ip_has_good_checksum(stack, pkt))
		return FT_DROP_TCP_BAD_CHECKSUM;

	header = (const struct rte_tcp_hdr *)(start + offset);
	info->payload_offset = offset + header_bytes;
	info->payload_length = pkt->pkt_len - info->payload_offset;
	parse_header(info, header);
	parse_options(&info->seg, (const uint8_t *)(header + 1), start + info->payload_offset);
	if (info->tuple.local_port == 0 || info->tuple.remote_port == 0)
		return FT_DROP_TCP_BAD_PORT;
	info->kind = FT_PKT_TCP;
	return FT_TAKEN;
}

// ---- to send ----

static __attribute__((noinline)) uint16_t syn_header_bytes(const struct ft_segment *seg)
{
	const bool has_timestamp = seg->options & FT_TCP_HAS_TIMESTAMP;
	uint16_t bytes = sizeof(struct rte_tcp_hdr);

	if (likely(ft_segment_is_usual_syn(seg)))
		return bytes + sizeof(struct ft_segment_syn_options);
	if (seg->options & FT_TCP_HAS_MSS)
		bytes += LENGTH_MSS;
	if (has_timestamp)
		bytes += 2 + LENGTH_TIMESTAMP;
	else if (seg->options & FT_TCP_HAS_SACK_PERMITTED)
		bytes += 2 + LENGTH_SACK_PERMITTED;
	if (seg->options & FT_TCP_HAS_WINDOW_SCALE)
		bytes += 1 + LENGTH_WINDOW_SCALE;
	return bytes;
}

uint16_t ft_segment_header_bytes(const struct ft_segment *seg)
{
	return unlikely(seg->flags & FT_TCP_SYN) ? syn_header_bytes(seg)
						 : ft_segment_plain_bytes(seg);
}

// The two bytes that bring a timestamp, or what follows, to a multiple of four: SACK-permitted
// where wanted, else padding.
static uint8_t *write_pair(uint8_t *to, bool is_sack_permitted)
{
	*to++ = is_sack_permitted ? OPTION_SACK_PERMITTED : OPTION_NOP;
	*to++ = is_sack_permitted ? LENGTH_SACK_PERMITTED : OPTION_NOP;
	return to;
}

static uint8_t *write_timestamp(uint8_t *to, const struct ft_segment *seg)
{
	*to++ = OPTION_TIMESTAMP;
	*to++ = LENGTH_TIMESTAMP;
	return write_32(write_32(to, seg->ts_value), seg->ts_echo);
}

static __attribute__((noinline)) void write_any_syn_options(
	uint8_t *to, const struct ft_segment *seg)
{
	const bool is_sack_permitted = seg->options & FT_TCP_HAS_SACK_PERMITTED;

	if (seg->options & FT_TCP_HAS_MSS) {
		*to++ = OPTION_MSS;
		*to++ = LENGTH_MSS;
		to = write_16(to, seg->mss);
	}
	if (seg->options & FT_TCP_HAS_TIMESTAMP)
		to = write_timestamp(write_pair(to, is_sack_permitted), seg);
	else if (is_sack_permitted)
		to = write_pair(write_pair(to, false), true);
	if (seg->options & FT_TCP_HAS_WINDOW_SCALE) {
		*to++ = OPTION_NOP;
		*to++ = OPTION_WINDOW_SCALE;
		*to++ = LENGTH_WINDOW_SCALE;
		*to++ = seg->window_scale;
	}
}

static inline void write_syn_options(struct rte_tcp_hdr *header, const struct ft_segment *seg)
{
	if (likely(ft_segment_is_usual_syn(seg)))
		ft_segment_write_usual_syn_options(header, seg);
	else
		write_any_syn_options((uint8_t *)(header + 1), seg);
}

void ft_segment_write(struct rte_mbuf *pkt, const struct ft_segment *seg, uint16_t source_port,
	uint16_t destination_port)
{
	const uint16_t bytes = ft_segment_header_bytes(seg);
	struct rte_tcp_hdr *header = (struct rte_tcp_hdr *)rte_pktmbuf_prepend(pkt, bytes);

	assert(header != NULL);
	ft_segment_write_header(header, bytes, seg, source_port, destination_port);
	if (seg->flags & FT_TCP_SYN)
		write_syn_options(header, seg);
	else
		ft_segment_write_timestamp(header, seg);
}

// ---- received ----

void ft_segment_cut_front(struct rte_mbuf *pkt, uint32_t count)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct ft_segment *seg = &info->seg;
	uint32_t payload;

	seg->seq += count;
	seg->length -= count;
	if (count > 0 && (seg->flags & FT_TCP_SYN)) {
		seg->flags &= ~FT_TCP_SYN;
		count--;
	}
	payload = RTE_MIN(count, info->payload_length);
	info->payload_offset += payload;
	info->payload_length -= payload;
	if (count > payload)
		seg->flags &= ~FT_TCP_FIN;
}

void ft_segment_cut_end(struct rte_mbuf *pkt, uint32_t count)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct ft_segment *seg = &info->seg;
	uint32_t payload;

	seg->length -= count;
	if (count > 0 && (seg->flags & FT_TCP_FIN)) {
		seg->flags &= ~FT_TCP_FIN;
		count--;
	}
	payload = RTE_MIN(count, info->payload_length);
	info->payload_length -= payload;
	if (count > payload)
		seg->flags &= ~FT_TCP_SYN;
}

bool ft_segment_merge(struct rte_mbuf *to, const struct rte_mbuf *pkt)
{
	struct ft_pkt_info *info = ft_pkt_info(to);
	struct rte_mbuf *last = rte_pktmbuf_lastseg(to);
	const uint32_t bytes = pkt->pkt_len;

	if (bytes > rte_pktmbuf_tailroom(last) || bytes + info->payload_length > UINT16_MAX)
		return false;
	if (!RTE_MBUF_DIRECT(last) || rte_mbuf_refcnt_read(last) != 1)
		return false;
	ft_pkt_copy_out(pkt, 0, rte_pktmbuf_mtod_offset(last, void *, last->data_len), bytes);
	last->data_len += bytes;
	to->pkt_len += bytes;
	info->payload_length += bytes;
	info->seg.length += bytes;
	return true;
}
