#include "ip/icmp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <rte_icmp.h>
#include <rte_ip.h>

#include "base/random.h"
#include "base/trace.h"
#include "ip/checksum.h"
#include "stack.h"

#define HEADER_BYTES	 sizeof(struct rte_icmp_hdr)
#define ERROR_BYTES_MAX	 576 // of an error message: as much of the packet as fits (RFC 1812 4.3.2.3)
#define QUOTE_BYTES_MAX	 (ERROR_BYTES_MAX - sizeof(struct rte_ipv4_hdr) - HEADER_BYTES)
#define QUOTED_TRANSPORT 8 // bytes of the transport header that every error quotes (RFC 792)
#define BURST_MAX	 50

// ---- in words, for the trace ----

static __attribute__((cold)) const char *name_of(uint8_t type, uint8_t code)
{
	static const char *const unreachable[] = {
		[ICMP_NET_UNREACH] = "network unreachable",
		[ICMP_HOST_UNREACH] = "host unreachable",
		[ICMP_PROT_UNREACH] = "protocol unreachable",
		[ICMP_PORT_UNREACH] = "port unreachable",
		[ICMP_FRAG_NEEDED] = "fragmentation needed",
	};

	switch (type) {
	case ICMP_ECHO:
		return "echo request";
	case ICMP_ECHOREPLY:
		return "echo reply";
	case ICMP_TIME_EXCEEDED:
		return code == ICMP_EXC_FRAGTIME ? "reassembly time exceeded" : "time exceeded";
	case ICMP_PARAMETERPROB:
		return "parameter problem";
	case ICMP_DEST_UNREACH:
		return code < RTE_DIM(unreachable) ? unreachable[code] : "destination unreachable";
	default:
		return "message";
	}
}

static __attribute__((cold)) void trace_sent(
	struct ft_stack *stack, const struct rte_icmp_hdr *icmp, const struct ft_tuple *tuple)
{
	char to[FT_ADDR_TEXT_BYTES];

	ft_trace(stack, FT_TRACE_ICMP, "sends %s to %s", name_of(icmp->icmp_type, icmp->icmp_code),
		ft_addr_text(&tuple->remote, to));
}

static __attribute__((cold)) void trace_error(
	struct ft_stack *stack, const struct ft_icmp_error *error, enum ft_drop reason)
{
	char mtu[48] = "";

	if (error->mtu != 0)
		snprintf(mtu, sizeof(mtu), ", the path takes %u bytes", error->mtu);
	ft_trace_sent(stack, FT_TRACE_ICMP, &error->tuple, "had caused it: %s%s%s",
		strerror(error->error), mtu, reason == FT_TAKEN ? "; its socket is told" : "");
}

// ---- how many errors we send ----

// A token bucket, so that nobody uses us to flood a third host. But a peer who can count exactly
// how many errors are left learns from that count which of its guesses met an open port (SAD DNS,
// CVE-2020-25705); so an error costs a random 0 to 2 tokens, one on average.
static double bucket_size(const struct ft_stack *stack)
{
	return RTE_MIN(stack->config.ip.icmp_rate, (uint32_t)BURST_MAX);
}

static bool may_send_error(struct ft_stack *stack, ft_time now)
{
	struct ft_icmp *icmp = &stack->ip.icmp;
	double gained = (double)(now - icmp->refilled) / FT_SECOND * stack->config.ip.icmp_rate;

	icmp->tokens = RTE_MIN(icmp->tokens + gained, bucket_size(stack));
	icmp->refilled = now;
	if (icmp->tokens <= 0)
		return false;
	icmp->tokens -= ft_random_below(&stack->random, 2001) / 1000.0;
	return true;
}

void ft_icmp_init(struct ft_stack *stack)
{
	stack->ip.icmp.tokens = bucket_size(stack);
	stack->ip.icmp.refilled = stack->now;
}

// ---- sending ----

// Sends a message complete but for its checksum; the packet begins at the ICMP header.
static void send_message(struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_tuple *tuple,
	uint8_t tos, ft_time now)
{
	const struct ft_ip_send send = {
		.source = tuple->local,
		.destination = tuple->remote,
		.protocol = IPPROTO_ICMP,
		.tos = tos,
		.checksum_offset = UINT16_MAX,
	};
	struct rte_icmp_hdr *icmp = rte_pktmbuf_mtod(pkt, struct rte_icmp_hdr *);

	if (ft_is_traced(stack, FT_TRACE_ICMP))
		trace_sent(stack, icmp, tuple);
	icmp->icmp_cksum = 0;
	icmp->icmp_cksum = ft_checksum_from(pkt, 0);
	ft_ip_output(stack, pkt, &send, now);
}

static bool is_error_type(uint8_t type)
{
	return type != ICMP_ECHO && type != ICMP_ECHOREPLY && type != ICMP_TIMESTAMP &&
	       type != ICMP_TIMESTAMPREPLY && type != ICMP_INFO_REQUEST &&
	       type != ICMP_INFO_REPLY && type != ICMP_ADDRESS && type != ICMP_ADDRESSREPLY;
}

// RFC 1122 3.2.2: never about an error, a group address, or a fragment but the first. (A source
// that is no single host was dropped as a martian.)
static bool may_answer(struct rte_mbuf *pkt)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct rte_ipv4_hdr ip;
	uint8_t type;

	if (info->flags & (FT_PKT_LINK_GROUP | FT_PKT_IP_GROUP))
		return false;
	if (ft_pkt_copy_out(pkt, info->ip_offset, &ip, sizeof(ip)) != sizeof(ip) ||
		ip.fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK))
		return false;
	if (info->tuple.protocol != IPPROTO_ICMP)
		return true;
	return ft_pkt_copy_out(pkt, info->transport_offset, &type, 1) == 1 && !is_error_type(type);
}

void ft_icmp_send_error(
	struct ft_stack *stack, struct rte_mbuf *pkt, enum ft_icmp_reason reason, ft_time now)
{
	static const uint8_t types[][2] = {
		[FT_ICMP_PORT_UNREACHABLE] = { ICMP_DEST_UNREACH, ICMP_PORT_UNREACH },
		[FT_ICMP_PROTOCOL_UNREACHABLE] = { ICMP_DEST_UNREACH, ICMP_PROT_UNREACH },
		[FT_ICMP_REASSEMBLY_TIMEOUT] = { ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME },
	};
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct rte_icmp_hdr *icmp;
	struct rte_mbuf *message;
	uint32_t quoted;

	if (!may_answer(pkt))
		return;
	if (!may_send_error(stack, now)) {
		stack->counters.dropped_output[FT_DROP_ICMP_RATE_LIMIT]++;
		return;
	}
	message = ft_stack_new_packet(stack);
	if (message == NULL) {
		stack->counters.dropped_output[FT_DROP_NO_MBUF]++;
		return;
	}
	quoted = RTE_MIN(rte_pktmbuf_pkt_len(pkt) - info->ip_offset, QUOTE_BYTES_MAX);
	icmp = (struct rte_icmp_hdr *)rte_pktmbuf_append(message, HEADER_BYTES + quoted);
	*icmp = (struct rte_icmp_hdr){ types[reason][0], types[reason][1], 0, 0, 0 };
	ft_pkt_copy_out(pkt, info->ip_offset, icmp + 1, quoted);
	ft_stack_count(stack, FT_COUNTER_ICMP_ERRORS_SENT);
	send_message(stack, message, &info->tuple, 0, now);
}

// The request becomes the reply, addresses exchanged (RFC 1122 3.2.2.6). Options it came with are
// left behind.
static enum ft_drop answer_echo(struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now)
{
	const struct ft_pkt_info info = *ft_pkt_info(pkt);

	if (info.flags & (FT_PKT_LINK_GROUP | FT_PKT_IP_GROUP))
		return FT_DROP_ICMP_IGNORED;
	ft_pkt_cut_front(pkt, info.transport_offset);
	ft_pkt_info_clear(pkt);
	pkt->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL; // what receiving left there
	rte_pktmbuf_mtod(pkt, struct rte_icmp_hdr *)->icmp_type = ICMP_ECHOREPLY;
	ft_stack_count(stack, FT_COUNTER_ICMP_ECHO_REPLIES);
	send_message(stack, pkt, &info.tuple, info.tos, now);
	return FT_TAKEN;
}

// ---- errors received ----

struct meaning {
	int error;
	bool is_hard;
};

// As in Linux (icmp_err_convert), which applications know.
static struct meaning meaning_of(uint8_t type, uint8_t code)
{
	static const struct meaning unreachable[] = {
		[ICMP_NET_UNREACH] = { ENETUNREACH, false },
		[ICMP_HOST_UNREACH] = { EHOSTUNREACH, false },
		[ICMP_PROT_UNREACH] = { ENOPROTOOPT, true },
		[ICMP_PORT_UNREACH] = { ECONNREFUSED, true },
		[ICMP_FRAG_NEEDED] = { EMSGSIZE, false },
		[ICMP_SR_FAILED] = { EOPNOTSUPP, false },
		[ICMP_NET_UNKNOWN] = { ENETUNREACH, true },
		[ICMP_HOST_UNKNOWN] = { EHOSTDOWN, true },
		[ICMP_HOST_ISOLATED] = { ENONET, true },
		[ICMP_NET_ANO] = { ENETUNREACH, true },
		[ICMP_HOST_ANO] = { EHOSTUNREACH, true },
		[ICMP_NET_UNR_TOS] = { ENETUNREACH, false },
		[ICMP_HOST_UNR_TOS] = { EHOSTUNREACH, false },
		[ICMP_PKT_FILTERED] = { EHOSTUNREACH, true },
		[ICMP_PREC_VIOLATION] = { EHOSTUNREACH, true },
		[ICMP_PREC_CUTOFF] = { EHOSTUNREACH, true },
	};

	if (type == ICMP_PARAMETERPROB)
		return (struct meaning){ EPROTO, false };
	if (type == ICMP_DEST_UNREACH && code < RTE_DIM(unreachable))
		return unreachable[code];
	return (struct meaning){ EHOSTUNREACH, false };
}

// Routers older than RFC 1191 do not tell their MTU: then it is the next lower of those in use
// (RFC 1191 7.1).
static uint32_t next_plateau(uint32_t packet_bytes)
{
	static const uint16_t plateaus[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508 };

	for (unsigned i = 0; i < RTE_DIM(plateaus); i++)
		if (plateaus[i] < packet_bytes)
			return plateaus[i];
	return 68;
}

// Reads who the packet in question was from and for. `pkt` has, at `offset`, the packet's IP header
// and at least eight bytes behind it. False when it is not one of ours that a socket sent.
static bool read_quote(struct rte_mbuf *pkt, uint32_t offset, struct ft_icmp_error *error)
{
	struct rte_ipv4_hdr ip;
	struct {
		rte_be16_t source_port;
		rte_be16_t destination_port;
		rte_be32_t seq;
	} ports;

	if (ft_pkt_copy_out(pkt, offset, &ip, sizeof(ip)) != sizeof(ip))
		return false;
	if (ip.version_ihl >> 4 != IPVERSION || rte_ipv4_hdr_len(&ip) < sizeof(ip) ||
		ip.fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK))
		return false;
	offset += rte_ipv4_hdr_len(&ip);
	if (ft_pkt_copy_out(pkt, offset, &ports, QUOTED_TRANSPORT) != QUOTED_TRANSPORT)
		return false;

	error->tuple = (struct ft_tuple){
		.local = ft_addr_from_ip4(ip.src_addr),
		.remote = ft_addr_from_ip4(ip.dst_addr),
		.local_port = rte_be_to_cpu_16(ports.source_port),
		.remote_port = rte_be_to_cpu_16(ports.destination_port),
		.protocol = ip.next_proto_id,
	};
	error->seq = rte_be_to_cpu_32(ports.seq);
	return true;
}

static enum ft_drop tell_transport(
	struct ft_stack *stack, const struct ft_icmp_error *error, ft_time now)
{
	if (error->tuple.protocol == IPPROTO_TCP)
		return ft_tcp_error(stack, error, now);
	if (error->tuple.protocol == IPPROTO_UDP)
		return ft_udp_error(stack, error, now);
	return FT_DROP_ICMP_NO_SOCKET;
}

// RFC 1191 4: the MTU stands in the low half of the header's second word. Without it, the packet's
// own length tells what was too much.
static uint32_t read_mtu(struct rte_mbuf *pkt, const struct rte_icmp_hdr *icmp)
{
	struct rte_ipv4_hdr quoted;

	if (icmp->icmp_seq_nb != 0)
		return rte_be_to_cpu_16(icmp->icmp_seq_nb);
	ft_pkt_copy_out(
		pkt, ft_pkt_info(pkt)->transport_offset + HEADER_BYTES, &quoted, sizeof(quoted));
	return next_plateau(rte_be_to_cpu_16(quoted.total_length));
}

static enum ft_drop receive_error(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct rte_icmp_hdr *icmp, ft_time now)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct meaning meaning = meaning_of(icmp->icmp_type, icmp->icmp_code);
	struct ft_icmp_error error = { .error = meaning.error, .is_hard = meaning.is_hard };
	enum ft_drop reason;

	if (info->flags & (FT_PKT_LINK_GROUP | FT_PKT_IP_GROUP))
		return FT_DROP_ICMP_IGNORED;
	if (!read_quote(pkt, info->transport_offset + HEADER_BYTES, &error) ||
		!ft_addr_is_equal(&error.tuple.local, &info->tuple.local))
		return FT_DROP_ICMP_BAD_QUOTE;
	if (icmp->icmp_type == ICMP_DEST_UNREACH && icmp->icmp_code == ICMP_FRAG_NEEDED)
		error.mtu = read_mtu(pkt, icmp);

	reason = tell_transport(stack, &error, now);
	if (ft_is_traced(stack, FT_TRACE_ICMP))
		trace_error(stack, &error, reason);
	if (reason == FT_TAKEN) {
		ft_stack_count(stack, FT_COUNTER_ICMP_ERRORS_RECEIVED);
		rte_pktmbuf_free(pkt);
	}
	return reason;
}

enum ft_drop ft_icmp_input(struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	const struct rte_icmp_hdr *icmp;

	if (ft_pkt_pull(pkt, info->transport_offset + HEADER_BYTES) == NULL)
		return FT_DROP_ICMP_SHORT;
	icmp = rte_pktmbuf_mtod_offset(pkt, const struct rte_icmp_hdr *, info->transport_offset);
	if (ft_checksum_from(pkt, info->transport_offset) != 0)
		return FT_DROP_ICMP_BAD_CHECKSUM;
	ft_trace(stack, FT_TRACE_ICMP, "%s (type %u, code %u)",
		name_of(icmp->icmp_type, icmp->icmp_code), icmp->icmp_type, icmp->icmp_code);
	switch (icmp->icmp_type) {
	case ICMP_ECHO:
		return answer_echo(stack, pkt, now);
	case ICMP_DEST_UNREACH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB:
		return receive_error(stack, pkt, icmp, now);
	case ICMP_ECHOREPLY:
		return FT_DROP_ICMP_NO_SOCKET;
	default:
		return FT_DROP_ICMP_IGNORED;
	}
}

void ft_icmp_report_unreachable(struct ft_stack *stack, struct rte_mbuf *pkt, ft_time now)
{
	// Hard, as nobody can have forged it: a connection being opened fails at once, as on Linux.
	struct ft_icmp_error error = { .error = EHOSTUNREACH, .is_hard = true };

	if (read_quote(pkt, 0, &error))
		tell_transport(stack, &error, now);
}
