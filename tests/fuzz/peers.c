#include "peers.h"

#include <string.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <rte_arp.h>
#include <rte_tcp.h>

static struct fuzz_peer *find(uint16_t our_port, uint16_t port)
{
	for (uint32_t i = 0; i < FUZZ_PEERS; i++) {
		struct fuzz_peer *peer = &fuzz.peers[i];

		if (peer->our_port == our_port && peer->port == port)
			return peer;
	}
	return NULL;
}

static struct fuzz_peer *find_or_begin(uint16_t our_port, uint16_t port)
{
	struct fuzz_peer *peer = find(our_port, port);

	if (peer != NULL)
		return peer;
	peer = &fuzz.peers[fuzz.next_peer++ % FUZZ_PEERS];
	*peer = (struct fuzz_peer){ .port = port, .our_port = our_port };
	return peer;
}

static void learn_timestamp(struct fuzz_peer *peer, const uint8_t *option, const uint8_t *end)
{
	while (option < end && *option != TCPOPT_EOL) {
		if (*option == TCPOPT_TIMESTAMP) {
			rte_be32_t value;

			memcpy(&value, option + 2, sizeof(value));
			peer->ts_echo = rte_be_to_cpu_32(value);
			peer->has_timestamps = true;
		}
		option += *option == TCPOPT_NOP ? 1 : option[1];
	}
}

static void hear_segment(const struct rte_tcp_hdr *tcp, uint32_t tcp_bytes)
{
	const uint32_t header_bytes = (tcp->data_off >> 4) * 4;
	const uint8_t flags = tcp->tcp_flags;
	struct fuzz_peer *peer;

	if (flags & RTE_TCP_RST_FLAG)
		return;
	peer = find_or_begin(rte_be_to_cpu_16(tcp->src_port), rte_be_to_cpu_16(tcp->dst_port));
	peer->owes_syn = (flags & (RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG)) == RTE_TCP_SYN_FLAG;
	if (flags & RTE_TCP_ACK_FLAG)
		peer->seq = rte_be_to_cpu_32(tcp->recv_ack);
	peer->ack = rte_be_to_cpu_32(tcp->sent_seq) + tcp_bytes - header_bytes +
		    ((flags & RTE_TCP_SYN_FLAG) != 0) + ((flags & RTE_TCP_FIN_FLAG) != 0);
	learn_timestamp(peer, (const uint8_t *)(tcp + 1), (const uint8_t *)tcp + header_bytes);
}

static void hear_ip(const struct rte_mbuf *pkt, const struct rte_ipv4_hdr *ip)
{
	const uint32_t bytes = pkt->data_len - sizeof(struct rte_ether_hdr);

	fuzz.sent_bytes = RTE_MIN(bytes, (uint32_t)FUZZ_SENT_BYTES);
	memcpy(fuzz.sent, ip, fuzz.sent_bytes);
	if (ip->next_proto_id == IPPROTO_TCP && ip->version_ihl == RTE_IPV4_VHL_DEF)
		hear_segment((const struct rte_tcp_hdr *)(ip + 1),
			rte_be_to_cpu_16(ip->total_length) - sizeof(*ip));
}

static void answer_arp(const struct rte_arp_hdr *request)
{
	const struct rte_ether_hdr eth = { .dst_addr = fuzz_us_mac,
		.src_addr = fuzz_peer_mac,
		.ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP) };
	struct rte_arp_hdr reply = *request;
	uint8_t frame[sizeof(eth) + sizeof(reply)];

	if (request->arp_data.arp_tip != RTE_BE32(FUZZ_PEER))
		return;
	reply.arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
	reply.arp_data = (struct rte_arp_ipv4){ .arp_sha = fuzz_peer_mac,
		.arp_sip = RTE_BE32(FUZZ_PEER),
		.arp_tha = fuzz_us_mac,
		.arp_tip = RTE_BE32(FUZZ_US) };
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + sizeof(eth), &reply, sizeof(reply));
	fuzz_host_queue(frame, sizeof(frame), (struct fuzz_layout){ 0 });
}

void fuzz_peers_listen(struct rte_mbuf *pkt)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(pkt, const struct rte_ether_hdr *);

	if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP))
		answer_arp((const struct rte_arp_hdr *)(eth + 1));
	else if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
		hear_ip(pkt, (const struct rte_ipv4_hdr *)(eth + 1));
}
