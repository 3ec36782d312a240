#include "mirror_client.h"

#include <err.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "bench_server.h"

#define BURST	  64
#define ISN_STEP  64021 // from one connection's first number to the next one's
#define OFFLOADED (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)
#define SYN_BYTES \
	20 // of options: MSS, SACK permitted, timestamps, window scale, as Linux sends them
#define PLAIN_BYTES 12 // timestamps

static const struct rte_ether_addr our_mac = { { 0x02, 0, 0, 0, 0, 1 } };
static const struct rte_ether_addr server_mac = { { 0x02, 0, 0, 0, 0, 2 } };

struct headers {
	struct rte_ether_hdr eth;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
	uint8_t options[SYN_BYTES];
} __attribute__((packed, aligned(2)));

void mirror_client_init(struct mirror_client *client, struct memory_end *end,
	struct rte_mempool *pool, uint32_t connections, uint16_t request_bytes)
{
	*client = (struct mirror_client){
		.end = end,
		.pool = pool,
		.connections = connections,
		.request_bytes = request_bytes,
	};
	client->conns = malloc(connections * sizeof(client->conns[0]));
	if (client->conns == NULL)
		err(1, "memory for %u connections", connections);
	// Touched now, so that what grows later is the server's.
	memset(client->conns, 0xff, connections * sizeof(client->conns[0]));
}

void mirror_client_free(struct mirror_client *client)
{
	for (uint32_t i = 0; i < client->out_count; i++)
		rte_pktmbuf_free(client->out[i]);
	free(client->conns);
}

// ---- numbers and tuples ----

static uint32_t address_of(uint32_t number)
{
	return MIRROR_FIRST + number / MIRROR_PORTS;
}

static uint16_t port_of(uint32_t number)
{
	return MIRROR_FIRST_PORT + number % MIRROR_PORTS;
}

static uint32_t number_of(const struct mirror_client *client, const struct headers *headers)
{
	uint32_t address = rte_be_to_cpu_32(headers->ip.dst_addr) - MIRROR_FIRST;
	uint32_t port = rte_be_to_cpu_16(headers->tcp.dst_port) - MIRROR_FIRST_PORT;
	uint32_t number = address * MIRROR_PORTS + port;

	if (port >= MIRROR_PORTS || number >= client->connections)
		errx(1, "the server speaks to a client that there is not");
	return number;
}

// Each request says whose it is and which, so that a wrong answer does not pass for a right one.
static uint8_t byte_at(uint32_t number, uint32_t seq, uint32_t index)
{
	return (uint8_t)(number * 31 + seq * 7 + index);
}

// ---- sending ----

void mirror_client_flush(struct mirror_client *client)
{
	uint32_t sent = memory_end_transmit(client->end, client->out, client->out_count);

	if (sent < client->out_count)
		errx(1, "the wire is full");
	client->out_count = 0;
}

static void hand_over(struct mirror_client *client, struct rte_mbuf *pkt)
{
	client->out[client->out_count++] = pkt;
	client->frames_sent++;
	if (client->out_count == RTE_DIM(client->out))
		mirror_client_flush(client);
}

static struct rte_mbuf *new_packet(struct mirror_client *client)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(client->pool);

	if (pkt == NULL)
		errx(1, "no packet is left for the client");
	return pkt;
}

static uint8_t *put_16(uint8_t *to, uint16_t value)
{
	*to++ = value >> 8;
	*to++ = value & 0xff;
	return to;
}

static uint8_t *put_32(uint8_t *to, uint32_t value)
{
	return put_16(put_16(to, value >> 16), value & 0xffff);
}

static uint32_t write_options(
	struct mirror_client *client, uint8_t *to, uint8_t flags, uint32_t ts_echo)
{
	static const uint8_t mss_and_sack[] = { 2, 4, 1460 >> 8, 1460 & 0xff, 4, 2 };
	static const uint8_t scale[] = { 1, 3, 3, 7 };
	uint8_t *start = to;

	if (flags & RTE_TCP_SYN_FLAG) {
		memcpy(to, mss_and_sack, sizeof(mss_and_sack));
		to += sizeof(mss_and_sack);
	} else {
		to = put_16(to, 0x0101); // two NOPs
	}
	to = put_16(to, 8 << 8 | 10); // timestamp, 10 bytes long
	to = put_32(put_32(to, (uint32_t)(client->now / FT_MILLISECOND) + 1), ts_echo);
	if (flags & RTE_TCP_SYN_FLAG) {
		memcpy(to, scale, sizeof(scale));
		to += sizeof(scale);
	}
	return to - start;
}

static void write_checksums(struct headers *headers)
{
	headers->ip.hdr_checksum = rte_ipv4_cksum(&headers->ip);
	headers->tcp.cksum = rte_ipv4_udptcp_cksum(&headers->ip, &headers->tcp);
}

// A segment of connection `number` with `bytes` of request.
static void send_segment(struct mirror_client *client, uint32_t number, uint8_t flags,
	uint32_t bytes, uint32_t ts_echo)
{
	struct mirror_conn *conn = &client->conns[number];
	struct rte_mbuf *pkt = new_packet(client);
	struct headers *headers = rte_pktmbuf_mtod(pkt, struct headers *);
	uint32_t options = write_options(client, headers->options, flags, ts_echo);
	uint32_t tcp_bytes = sizeof(headers->tcp) + options;
	uint8_t *payload = headers->options + options;

	headers->eth = (struct rte_ether_hdr){
		.dst_addr = server_mac,
		.src_addr = our_mac,
		.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4),
	};
	headers->ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(sizeof(headers->ip) + tcp_bytes + bytes),
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = rte_cpu_to_be_32(address_of(number)),
		.dst_addr = RTE_BE32(MIRROR_SERVER),
	};
	headers->tcp = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(port_of(number)),
		.dst_port = RTE_BE16(BENCH_SERVER_PORT),
		.sent_seq = rte_cpu_to_be_32(conn->snd_nxt),
		.recv_ack = flags & RTE_TCP_ACK_FLAG ? rte_cpu_to_be_32(conn->rcv_nxt) : 0,
		.data_off = tcp_bytes / 4 << 4,
		.tcp_flags = flags,
		.rx_win = RTE_BE16(65535),
	};
	for (uint32_t i = 0; i < bytes; i++)
		payload[i] = byte_at(number, conn->snd_nxt, i);
	pkt->data_len = sizeof(headers->eth) + sizeof(headers->ip) + tcp_bytes + bytes;
	pkt->pkt_len = pkt->data_len;
	if (!client->end->has_offload)
		write_checksums(headers);
	conn->snd_nxt += bytes + !!(flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG));
	hand_over(client, pkt);
}

void mirror_client_connect(struct mirror_client *client, uint32_t number)
{
	client->isn += ISN_STEP;
	client->conns[number] = (struct mirror_conn){ .snd_nxt = client->isn };
	send_segment(client, number, RTE_TCP_SYN_FLAG, 0, 0);
}

// The echoed timestamp may be any that the server sent: it measures its round trips by others.
static void ask(struct mirror_client *client, uint32_t number, uint32_t ts_echo)
{
	send_segment(client, number, RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, client->request_bytes,
		ts_echo);
}

void mirror_client_ask(struct mirror_client *client, uint32_t number)
{
	ask(client, number, 0);
}

// ---- receiving ----

static void answer_arp(struct mirror_client *client, struct rte_mbuf *pkt)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(pkt, struct rte_ether_hdr *);
	struct rte_arp_hdr *arp = (struct rte_arp_hdr *)(eth + 1);
	struct rte_arp_ipv4 asked = arp->arp_data;

	if (arp->arp_opcode != RTE_BE16(RTE_ARP_OP_REQUEST) ||
		asked.arp_tip != RTE_BE32(MIRROR_GATEWAY)) {
		rte_pktmbuf_free(pkt);
		return;
	}
	eth->dst_addr = eth->src_addr;
	eth->src_addr = our_mac;
	arp->arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
	arp->arp_data = (struct rte_arp_ipv4){
		.arp_sha = our_mac,
		.arp_sip = asked.arp_tip,
		.arp_tha = asked.arp_sha,
		.arp_tip = asked.arp_sip,
	};
	hand_over(client, pkt);
}

static uint32_t timestamp_of(const struct headers *headers)
{
	const uint8_t *value =
		headers->options + (headers->tcp.tcp_flags & RTE_TCP_SYN_FLAG ? 8 : 4);
	rte_be32_t be;

	memcpy(&be, value, sizeof(be));
	return rte_be_to_cpu_32(be);
}

static void check_answer(
	struct mirror_client *client, uint32_t number, const uint8_t *payload, uint32_t bytes)
{
	uint32_t asked = client->conns[number].snd_nxt - client->request_bytes;

	if (bytes != client->request_bytes)
		errx(1, "an answer of %u bytes to a request of %u", bytes, client->request_bytes);
	for (uint32_t i = 0; i < bytes; i++)
		if (payload[i] != byte_at(number, asked, i))
			errx(1, "connection %u: the answer is not what was sent", number);
}

static void connected(struct mirror_client *client, uint32_t number, uint32_t ts)
{
	client->established++;
	send_segment(client, number, RTE_TCP_ACK_FLAG, 0, ts);
	if (client->asks_at_once)
		ask(client, number, ts);
}

// The answer, the server's FIN, or both. Whoever closes first: the other's FIN is the answer to it.
static void take(
	struct mirror_client *client, uint32_t number, uint32_t bytes, bool is_fin, uint32_t ts)
{
	struct mirror_conn *conn = &client->conns[number];
	uint8_t flags = RTE_TCP_ACK_FLAG;

	conn->rcv_nxt += bytes + is_fin;
	client->answered += bytes > 0;
	client->closed += is_fin;
	if (client->closes_first ? bytes > 0 : is_fin)
		flags |= RTE_TCP_FIN_FLAG;
	if (client->acks_apart || is_fin || (flags & RTE_TCP_FIN_FLAG))
		send_segment(client, number, flags, 0, ts);
}

static void take_segment(struct mirror_client *client, const struct headers *headers)
{
	uint32_t number = number_of(client, headers);
	uint32_t header_bytes = sizeof(headers->ip) + (headers->tcp.data_off >> 4) * 4;
	uint32_t bytes = rte_be_to_cpu_16(headers->ip.total_length) - header_bytes;
	uint32_t seq = rte_be_to_cpu_32(headers->tcp.sent_seq);
	uint8_t flags = headers->tcp.tcp_flags;

	if (flags & RTE_TCP_RST_FLAG)
		errx(1, "connection %u was reset", number);
	if (flags & RTE_TCP_SYN_FLAG) {
		client->conns[number].rcv_nxt = seq + 1;
		connected(client, number, timestamp_of(headers));
		return;
	}
	if (bytes == 0 && !(flags & RTE_TCP_FIN_FLAG))
		return;
	if (seq != client->conns[number].rcv_nxt)
		errx(1, "connection %u: number %u instead of %u: sent again?", number, seq,
			client->conns[number].rcv_nxt);
	if (bytes > 0)
		check_answer(client, number, (const uint8_t *)&headers->ip + header_bytes, bytes);
	take(client, number, bytes, flags & RTE_TCP_FIN_FLAG, timestamp_of(headers));
}

uint32_t mirror_client_turn(struct mirror_client *client)
{
	struct rte_mbuf *pkts[BURST];
	uint32_t total = 0;
	uint16_t count;

	while ((count = memory_end_receive(client->end, pkts, BURST)) > 0) {
		total += count;
		for (uint16_t i = 0; i < count; i++) {
			const struct headers *headers =
				rte_pktmbuf_mtod(pkts[i], const struct headers *);

			if (headers->eth.ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP)) {
				answer_arp(client, pkts[i]);
				continue;
			}
			take_segment(client, headers);
			rte_pktmbuf_free(pkts[i]);
		}
	}
	return total;
}
