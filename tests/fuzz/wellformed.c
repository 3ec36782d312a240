#include "wellformed.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <rte_arp.h>
#include <rte_icmp.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "application.h"

#define ETH_BYTES     sizeof(struct rte_ether_hdr)
#define IP_BYTES      sizeof(struct rte_ipv4_hdr)
#define PAYLOAD_BYTES 1400

static uint8_t *ip_payload(struct fuzz_frame *frame)
{
	return frame->bytes + ETH_BYTES + IP_BYTES;
}

static void put_ethernet(struct fuzz_frame *frame, uint16_t type)
{
	struct rte_ether_hdr eth = { .dst_addr = fuzz_us_mac,
		.src_addr = fuzz_peer_mac,
		.ether_type = rte_cpu_to_be_16(type) };

	memcpy(frame->bytes, &eth, sizeof(eth));
}

// The headers before a payload of `bytes` that is there already.
static void put_ip(struct fuzz_frame *frame, uint8_t protocol, uint32_t bytes)
{
	struct rte_ipv4_hdr ip = { .version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(IP_BYTES + bytes),
		.time_to_live = 64,
		.next_proto_id = protocol,
		.src_addr = RTE_BE32(FUZZ_PEER),
		.dst_addr = RTE_BE32(FUZZ_US) };

	put_ethernet(frame, RTE_ETHER_TYPE_IPV4);
	memcpy(frame->bytes + ETH_BYTES, &ip, sizeof(ip));
	frame->length = ETH_BYTES + IP_BYTES + bytes;
}

static uint32_t put_pattern(uint8_t *to, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)(i * 7 + i / 256);
	return bytes;
}

// ---- the kinds ----

static void make_arp(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	const uint16_t opcode = 1 + fuzz_choose(choice, 2);
	const uint32_t other = fuzz_choose(choice, 4) == 0 ? fuzz_choose(choice, 250) : 0;
	struct rte_arp_hdr arp = { .arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = 6,
		.arp_plen = 4,
		.arp_opcode = rte_cpu_to_be_16(opcode),
		.arp_data = { .arp_sha = fuzz_peer_mac,
			.arp_sip = rte_cpu_to_be_32(FUZZ_PEER + other),
			.arp_tip = RTE_BE32(FUZZ_US) } };

	put_ethernet(frame, RTE_ETHER_TYPE_ARP);
	memcpy(frame->bytes + ETH_BYTES, &arp, sizeof(arp));
	frame->length = ETH_BYTES + sizeof(arp);
}

static void make_echo(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	struct rte_icmp_hdr icmp = { .icmp_type = fuzz_choose(choice, 2) * 8 };
	uint8_t *payload = ip_payload(frame);

	memcpy(payload, &icmp, sizeof(icmp));
	put_ip(frame, IPPROTO_ICMP,
		sizeof(icmp) +
			put_pattern(payload + sizeof(icmp), fuzz_choose(choice, PAYLOAD_BYTES)));
}

// An error about the packet that the stack has sent last.
static void make_icmp_error(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	static const uint8_t types[] = { 3, 3, 3, 11, 12, 4, 5 };
	struct rte_icmp_hdr icmp = { .icmp_type = types[fuzz_choose(choice, sizeof(types))] };
	uint32_t quoted = fuzz.sent_bytes;

	icmp.icmp_code = (uint8_t)fuzz_choose(choice, 16);
	icmp.icmp_seq_nb = rte_cpu_to_be_16(fuzz_choose(choice, 2000)); // of code 4: the MTU
	if (fuzz_choose(choice, 2) == 0)
		quoted = RTE_MIN(quoted, IP_BYTES + 8);
	memcpy(ip_payload(frame), &icmp, sizeof(icmp));
	memcpy(ip_payload(frame) + sizeof(icmp), fuzz.sent, quoted);
	put_ip(frame, IPPROTO_ICMP, sizeof(icmp) + quoted);
}

static uint32_t put_datagram(struct fuzz_choice *choice, uint8_t *to, uint32_t bytes)
{
	static const uint16_t ports[] = { FUZZ_UDP_PORT, FUZZ_UDP_PORT, FUZZ_CONNECTED_PORT, 9 };
	struct rte_udp_hdr udp = {
		.src_port = RTE_BE16(FUZZ_PEER_PORT),
		.dst_port = rte_cpu_to_be_16(ports[fuzz_choose(choice, RTE_DIM(ports))]),
		.dgram_len = rte_cpu_to_be_16(sizeof(udp) + bytes),
	};

	memcpy(to, &udp, sizeof(udp));
	return sizeof(udp) + put_pattern(to + sizeof(udp), bytes);
}

static void make_datagram(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	put_ip(frame, IPPROTO_UDP,
		put_datagram(choice, ip_payload(frame), fuzz_choose(choice, PAYLOAD_BYTES)));
}

// One of the pieces of a datagram or of an echo request; few identifications, so that the pieces of
// one meet. UDP without a checksum, that it may be complete and right.
static void make_fragment(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	const uint32_t piece_bytes = 8 << fuzz_choose(choice, 6);
	const uint32_t pieces = 2 + fuzz_choose(choice, 5);
	const uint32_t piece = fuzz_choose(choice, pieces);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame->bytes + ETH_BYTES);
	static uint8_t whole[8 + 6 * 256];

	put_datagram(choice, whole, piece_bytes * pieces - sizeof(struct rte_udp_hdr));
	memcpy(ip_payload(frame), whole + piece * piece_bytes, piece_bytes);
	put_ip(frame, IPPROTO_UDP, piece_bytes);
	ip->packet_id = (uint16_t)(piece_bytes + 8 * pieces + fuzz_choose(choice, 2));
	ip->fragment_offset = rte_cpu_to_be_16(
		piece * piece_bytes / 8 | (piece < pieces - 1 ? RTE_IPV4_HDR_MF_FLAG : 0));
}

static void make_unknown(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	const uint8_t protocol = (uint8_t)fuzz_choose(choice, 256);

	put_ip(frame, protocol, put_pattern(ip_payload(frame), fuzz_choose(choice, 64)));
}

// ---- TCP ----

static uint8_t *put_timestamp(uint8_t *to, uint32_t echo)
{
	const rte_be32_t value = rte_cpu_to_be_32((uint32_t)(fuzz.now / FT_MILLISECOND));
	const rte_be32_t back = rte_cpu_to_be_32(echo);

	*to++ = TCPOPT_NOP;
	*to++ = TCPOPT_NOP;
	*to++ = TCPOPT_TIMESTAMP;
	*to++ = TCPOLEN_TIMESTAMP;
	memcpy(to, &value, sizeof(value));
	memcpy(to + 4, &back, sizeof(back));
	return to + 8;
}

static uint8_t *put_syn_options(struct fuzz_choice *choice, uint8_t *to, uint32_t echo)
{
	static const uint8_t mss_sack_scale[] = { 2, 4, 0x05, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7 };
	const uint32_t bytes = 4 * fuzz_choose(choice, 4);

	memcpy(to, mss_sack_scale, bytes);
	return fuzz_choose(choice, 2) ? put_timestamp(to + bytes, echo) : to + bytes;
}

static void put_segment(struct fuzz_choice *choice, struct fuzz_frame *frame,
	const struct fuzz_peer *peer, uint8_t flags, uint32_t bytes)
{
	struct rte_tcp_hdr tcp = { .src_port = rte_cpu_to_be_16(peer->port),
		.dst_port = rte_cpu_to_be_16(peer->our_port),
		.sent_seq = rte_cpu_to_be_32(peer->seq),
		.recv_ack = rte_cpu_to_be_32(flags & RTE_TCP_ACK_FLAG ? peer->ack : 0),
		.tcp_flags = flags,
		.rx_win = rte_cpu_to_be_16(fuzz_choose_once_in(choice, 8) ? 0 : 60000) };
	uint8_t *start = ip_payload(frame), *end = start + sizeof(tcp);

	if (flags & RTE_TCP_SYN_FLAG)
		end = put_syn_options(choice, end, peer->ts_echo);
	else if (peer->has_timestamps)
		end = put_timestamp(end, peer->ts_echo);
	tcp.data_off = (uint8_t)((end - start) / 4 << 4);
	if (flags & RTE_TCP_URG_FLAG)
		tcp.tcp_urp = (uint16_t)fuzz_choose(choice, 65536);
	memcpy(start, &tcp, sizeof(tcp));
	put_pattern(end, bytes);
	put_ip(frame, IPPROTO_TCP, end + bytes - start);
}

static void make_syn(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	struct fuzz_peer peer = { .port = 20000 + fuzz_choose(choice, 32) };

	peer.our_port = FUZZ_TCP_PORT + fuzz_choose(choice, 3);
	peer.seq = fuzz_choose_any(choice);
	put_segment(choice, frame, &peer, RTE_TCP_SYN_FLAG, 0);
}

// Where an honest sender may stand too: a little before (it repeats itself) or behind (something
// was lost).
static uint32_t shift_sequence(struct fuzz_choice *choice, uint32_t seq)
{
	switch (fuzz_choose(choice, 6)) {
	case 1:
		return seq + fuzz_choose(choice, 4096);
	case 2:
		return seq - fuzz_choose(choice, 4096);
	default:
		return seq;
	}
}

void fuzz_wellformed_make_segment(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	struct fuzz_peer peer = fuzz.peers[fuzz_choose(choice, FUZZ_PEERS)];
	uint8_t flags = RTE_TCP_ACK_FLAG;

	if (peer.our_port == 0 || fuzz_choose_once_in(choice, 16)) {
		make_syn(choice, frame);
		return;
	}
	if (peer.owes_syn) {
		put_segment(choice, frame, &peer, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, 0);
		return;
	}
	peer.seq = shift_sequence(choice, peer.seq);
	flags |= fuzz_choose_once_in(choice, 12) ? RTE_TCP_FIN_FLAG : 0;
	flags |= fuzz_choose_once_in(choice, 40) ? RTE_TCP_RST_FLAG : 0;
	flags |= fuzz_choose_once_in(choice, 16) ? RTE_TCP_URG_FLAG : 0;
	put_segment(choice, frame, &peer, flags,
		fuzz_choose(choice, 2) ? fuzz_choose(choice, PAYLOAD_BYTES) : 0);
}

void fuzz_wellformed_make(struct fuzz_choice *choice, struct fuzz_frame *frame)
{
	switch (fuzz_choose(choice, 16)) {
	case 0:
		make_arp(choice, frame);
		break;
	case 1:
		make_echo(choice, frame);
		break;
	case 2:
		make_icmp_error(choice, frame);
		break;
	case 3:
	case 4:
		make_datagram(choice, frame);
		break;
	case 5:
	case 6:
	case 7:
		make_fragment(choice, frame);
		break;
	case 8:
		make_unknown(choice, frame);
		break;
	default:
		fuzz_wellformed_make_segment(choice, frame);
	}
	fuzz_wellformed_sign(frame);
}

// ---- checksums ----

// Where each protocol has its checksum, behind the IP header; UINT32_MAX: nowhere.
static uint32_t checksum_at(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_ICMP:
		return offsetof(struct rte_icmp_hdr, icmp_cksum);
	case IPPROTO_UDP:
		return offsetof(struct rte_udp_hdr, dgram_cksum);
	case IPPROTO_TCP:
		return offsetof(struct rte_tcp_hdr, cksum);
	default:
		return UINT32_MAX;
	}
}

static uint16_t checksum_of(const struct rte_ipv4_hdr *ip, const uint8_t *payload, uint32_t bytes)
{
	uint32_t sum = rte_raw_cksum(payload, bytes);

	if (ip->next_proto_id != IPPROTO_ICMP)
		sum += rte_ipv4_phdr_cksum(ip, 0);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static void sign_payload(struct fuzz_frame *frame, const struct rte_ipv4_hdr *ip)
{
	const uint32_t header_bytes = rte_ipv4_hdr_len(ip);
	const uint32_t total = rte_be_to_cpu_16(ip->total_length);
	const uint32_t at = checksum_at(ip->next_proto_id);
	uint8_t *payload = frame->bytes + ETH_BYTES + header_bytes;
	const bool is_fragment = ip->fragment_offset & ~RTE_BE16(RTE_IPV4_HDR_DF_FLAG);
	uint16_t sum = 0;

	if (at == UINT32_MAX || total > frame->length - ETH_BYTES ||
		(uint64_t)total < (uint64_t)header_bytes + at + sizeof(sum))
		return;
	memcpy(payload + at, &sum, sizeof(sum));
	if (is_fragment)
		return;
	sum = checksum_of(ip, payload, total - header_bytes);
	memcpy(payload + at, &sum, sizeof(sum));
}

void fuzz_wellformed_sign(struct fuzz_frame *frame)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame->bytes + ETH_BYTES);

	if (frame->length < ETH_BYTES + IP_BYTES || rte_ipv4_hdr_len(ip) < IP_BYTES ||
		frame->length < ETH_BYTES + rte_ipv4_hdr_len(ip) || frame->bytes[12] != 0x08 ||
		frame->bytes[13] != 0x00)
		return;
	sign_payload(frame, ip);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, rte_ipv4_hdr_len(ip));
}
