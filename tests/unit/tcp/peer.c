#include "peer.h"

#include <errno.h>
#include <netinet/in.h>

#include <rte_arp.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "base/log.h"
#include "demux/port_table.h"
#include "tcp/conn.h"

enum {
	ETH_BYTES = sizeof(struct rte_ether_hdr),
	HEADERS = ETH_BYTES + sizeof(struct rte_ipv4_hdr),
	US_PORT = 7,
	PEER_PORT = 40000,
	STREAM_BYTES = 1 << 18,
};

static const rte_be32_t us_ip = RTE_BE32(RTE_IPV4(10, 9, 0, 2));
static const rte_be32_t peer_ip = RTE_BE32(RTE_IPV4(10, 9, 0, 1));
static const struct rte_ether_addr us_mac = { { 2, 0, 0, 0, 0, 2 } };
static const struct rte_ether_addr peer_mac = { { 2, 0, 0, 0, 0, 1 } };

struct peer peer;

static struct rte_mempool *receive_pool;
static struct rte_mempool *send_pool;
static struct rte_mempool *small_pool;
static struct ft_pkt_queue arriving;
static struct {
	struct rte_mbuf *pkt;
	ft_time at;
} sent[PEER_FRAMES]; // a ring of TCP segments
static uint32_t sent_first, sent_count;
static struct rte_mbuf *taken; // the segment that is being looked at
static uint8_t stream[STREAM_BYTES];
static uint32_t written_bytes, read_bytes; // by the application

// ---- the NIC ----

static uint16_t nic_receive(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t given = 0;

	while (given < count && arriving.count > 0)
		pkts[given++] = ft_pkt_queue_take(&arriving);
	return given;
}

static struct rte_ether_hdr *add_ethernet(struct rte_mbuf *pkt, uint16_t type)
{
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)rte_pktmbuf_prepend(pkt, ETH_BYTES);

	*eth = (struct rte_ether_hdr){
		.dst_addr = us_mac, .src_addr = peer_mac, .ether_type = rte_cpu_to_be_16(type)
	};
	return eth;
}

// The neighbour, or any other, is there and says so, before it is asked and whenever it is.
static void send_arp(uint16_t opcode, rte_be32_t ip)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(receive_pool);
	struct rte_arp_hdr *arp = (struct rte_arp_hdr *)rte_pktmbuf_append(pkt, sizeof(*arp));

	*arp = (struct rte_arp_hdr){
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = 6,
		.arp_plen = 4,
		.arp_opcode = rte_cpu_to_be_16(opcode),
		.arp_data = { .arp_sha = peer_mac,
			.arp_sip = ip,
			.arp_tip = us_ip,
			.arp_tha = us_mac },
	};
	add_ethernet(pkt, RTE_ETHER_TYPE_ARP);
	ft_pkt_queue_append(&arriving, pkt);
}

static void handle_arp(struct rte_mbuf *pkt)
{
	const struct rte_arp_hdr *arp = rte_pktmbuf_mtod_offset(pkt, void *, ETH_BYTES);

	if (arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST) && arp->arp_data.arp_tip != us_ip)
		send_arp(RTE_ARP_OP_REPLY, arp->arp_data.arp_tip);
	rte_pktmbuf_free(pkt);
}

static uint16_t nic_transmit(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	if (peer.is_nic_busy)
		return 0;
	for (uint16_t i = 0; i < count; i++) {
		const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(pkts[i], void *);

		if (eth->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP)) {
			handle_arp(pkts[i]);
			continue;
		}
		if (peer.is_flooding) {
			rte_pktmbuf_free(pkts[i]);
			continue;
		}
		assert_true(sent_count < PEER_FRAMES);
		sent[(sent_first + sent_count) % PEER_FRAMES].pkt = pkts[i];
		sent[(sent_first + sent_count) % PEER_FRAMES].at = peer.now;
		sent_count++;
	}
	return count;
}

static bool nic_is_link_up(void *driver)
{
	return !peer.is_link_down;
}

// Gives a packet of the stack's back as a NIC does that has written to its header what it likes: the next user
// has to say all that matters. Whose the buffer is stays: by that the packet is freed.
static void give_back(struct rte_mbuf *pkt)
{
	for (struct rte_mbuf *part = pkt; part != NULL; part = part->next) {
		part->ol_flags &= RTE_MBUF_F_INDIRECT;
		part->ol_flags |=
			RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_SEC_OFFLOAD;
		part->tx_offload = UINT64_MAX;
		part->vlan_tci = UINT16_MAX;
		part->data_off = 1;
	}
	rte_pktmbuf_free(pkt);
}

// ---- what was sent, in words ----

// What a NIC is told that cuts the packet into segments: how long each is, where its headers are, and a
// pseudo header's sum without the length.
static void check_for_nic(const struct rte_mbuf *pkt, const struct rte_ipv4_hdr *ip)
{
	const struct rte_tcp_hdr *tcp = (const struct rte_tcp_hdr *)(ip + 1);
	uint32_t headers = HEADERS + (tcp->data_off >> 4) * 4;

	assert_int_equal(pkt->l2_len + pkt->l3_len + pkt->l4_len, headers);
	assert_int_equal(pkt->l3_len, sizeof(*ip));
	assert_int_equal(pkt->tso_segsz, peer.announced_mss - (pkt->l4_len - sizeof(*tcp)));
	assert_int_equal((pkt->pkt_len - headers) % pkt->tso_segsz, 0);
	assert_true(pkt->pkt_len - headers > pkt->tso_segsz);
	assert_int_equal(tcp->cksum, rte_ipv4_phdr_cksum(ip, pkt->ol_flags));
}

// The frame parsed by the stack's own parser, which test_segment.c has found sound. Its headers and
// checksums are checked here.
static struct ft_pkt_info *parse(struct rte_mbuf *pkt)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(pkt, void *, ETH_BYTES);
	struct ft_pkt_info *info = ft_pkt_info_clear(pkt);

	assert_int_equal(ip->next_proto_id, IPPROTO_TCP);
	assert_int_equal(ip->src_addr, us_ip);
	assert_int_equal(ip->dst_addr, peer_ip);
	assert_int_equal(rte_be_to_cpu_16(ip->total_length), pkt->pkt_len - ETH_BYTES);
	if (pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
		check_for_nic(pkt, ip);
	else
		assert_int_equal(rte_ipv4_udptcp_cksum_verify(ip, ip + 1), 0);
	assert_int_equal(pkt->ol_flags & (RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_SEC_OFFLOAD), 0);
	info->transport_offset = HEADERS;
	info->flags = FT_PKT_L4_CHECKSUM_GOOD;
	assert_int_equal(ft_tcp_parse(&peer.stack, pkt), FT_TAKEN);
	peer.last_ttl = ip->time_to_live;
	peer.last_tos = ip->type_of_service;
	peer.is_last_to_be_cut = pkt->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
	return info;
}

static void describe(
	char *text, size_t room, uint32_t seq, uint32_t bytes, uint32_t ack, uint8_t flags)
{
	snprintf(text, room, "seq %u, %u bytes, ack %u,%s%s%s%s%s%s", seq, bytes, ack,
		flags & FIN ? " FIN" : "", flags & SYN ? " SYN" : "", flags & RST ? " RST" : "",
		flags & PSH ? " PSH" : "", flags & ACK ? " ACK" : "", flags & URG ? " URG" : "");
}

// A segment as the test tells it.
static void describe_sent(char *text, size_t room, const struct ft_pkt_info *info)
{
	const struct ft_segment *seg = &info->seg;

	describe(text, room, seg->seq - peer.iss, info->payload_length,
		seg->flags & ACK ? seg->ack - peer.peer_iss : 0, seg->flags);
}

// ---- beginning and end ----

int peer_make_pools(void **state)
{
	ft_log_init();
	rte_log_set_level(ft_log_type, RTE_LOG_WARNING);
	receive_pool = ft_pkt_pool_create("receive", PEER_PACKETS, 2048, SOCKET_ID_ANY);
	send_pool = ft_pkt_pool_create("send", PEER_PACKETS, 2048, SOCKET_ID_ANY);
	for (uint32_t i = 0; i < STREAM_BYTES; i++)
		stream[i] = (uint8_t)(i % 251);
	small_pool = ft_pkt_small_pool_create("small", PEER_SMALL_PACKETS, SOCKET_ID_ANY);
	return receive_pool == NULL || send_pool == NULL || small_pool == NULL;
}

int peer_free_pools(void **state)
{
	rte_mempool_free(receive_pool);
	rte_mempool_free(send_pool);
	rte_mempool_free(small_pool);
	return 0;
}

static void configure(void)
{
	ft_config_init(&peer.config);
	peer.config.ip.address[0] =
		(struct ft_config_address){ .addr = ft_addr_from_ip4(us_ip), .prefix_bits = 24 };
	peer.config.ip.address_count = 1;
	peer.config.nic.rx_descriptors = 64;
	peer.config.memory.packets = PEER_PACKETS;
	peer.config.tcp.connections = 64;
	peer.config.udp.sockets = 16;
	peer.config.socket.descriptors = 64;
}

static void clear_socket(struct ft_socket *socket)
{
	*socket = (struct ft_socket){ .first_watch = FT_POOL_NONE };
	socket->settings = peer.stack.sockets->first_settings[false];
	ft_settings_share(socket->settings);
}

static void start_stack(void)
{
	const struct ft_netif netif = {
		.receive = nic_receive,
		.transmit = nic_transmit,
		.is_link_up = nic_is_link_up,
		.mac = us_mac,
		.mtu = 1500,
		.offloads = FT_OFFLOAD_MULTI_SEGMENT,
	};
	const struct ft_pkt_pools pools = { receive_pool, send_pool, small_pool };

	peer.now = 1000 * FT_SECOND;
	peer.conn = NULL;
	peer.listener = NULL;
	peer.mbuf_bytes = 0;
	peer.is_flooding = false;
	peer.is_link_down = false;
	peer.is_nic_busy = false;
	peer.iss = 0;
	peer.heard = 0;
	peer.peer_iss = 0xfffffff0; // wraps within the first bytes
	written_bytes = 0;
	read_bytes = 0;
	assert_int_equal(
		ft_stack_init(&peer.stack, &peer.config, &netif, &pools, peer.seed, peer.now), 0);
	peer.socket = ft_pool_take(&peer.stack.sockets->sockets);
	clear_socket(peer.socket);
	clear_socket(&peer.listening);
	peer.listening.description.first = 3; // as a descriptor would
	peer.socket->description.first = 4;
	ft_socket_need_binding(&peer.stack, &peer.listening);
	send_arp(RTE_ARP_OP_REQUEST, peer_ip);
	peer_pass(3 * FT_SECOND);
}

static void stop_stack(void)
{
	const struct ft_counters *counters = &peer.stack.counters;
	uint64_t accounted = counters->count[FT_COUNTER_RX_TAKEN];

	for (int i = 0; i < FT_DROP_COUNT; i++)
		accounted += counters->dropped_input[i];
	assert_int_equal(accounted, counters->count[FT_COUNTER_RX_PACKETS]);
	if (peer.conn != NULL)
		ft_tcp_abort(&peer.stack, peer.conn, peer.now);
	if (peer.listener != NULL)
		ft_tcp_close_listener(&peer.stack, peer.listener, peer.now);
	ft_stack_free(&peer.stack);
	for (; sent_count > 0; sent_count--) {
		rte_pktmbuf_free(sent[sent_first].pkt);
		sent_first = (sent_first + 1) % PEER_FRAMES;
	}
	rte_pktmbuf_free(taken);
	taken = NULL;
	while (arriving.count > 0) // too late
		rte_pktmbuf_free(ft_pkt_queue_take(&arriving));
	assert_int_equal(peer.stack.receive_held.mbufs.used, 0);
	assert_int_equal(peer.stack.send_held.used, 0);
	assert_int_equal(rte_mempool_avail_count(receive_pool), PEER_PACKETS);
	assert_int_equal(rte_mempool_avail_count(send_pool), PEER_PACKETS);
	assert_int_equal(rte_mempool_avail_count(small_pool), PEER_SMALL_PACKETS);
}

int peer_begin(void **state)
{
	configure();
	peer.seed = 1;
	start_stack();
	return 0;
}

// A test that failed must not make the next one fail: all is given back before anything is said.
int peer_end(void **state)
{
	char unexpected[128];
	const uint32_t count = sent_count;

	if (count > 0)
		describe_sent(unexpected, sizeof(unexpected), parse(sent[sent_first].pkt));
	stop_stack();
	ft_config_free(&peer.config);
	if (count > 0)
		print_error("%u more sent, the first: %s\n", count, unexpected);
	return count > 0;
}

void peer_restart(void)
{
	peer_expect_nothing();
	stop_stack();
	start_stack();
}

// ---- time ----

void peer_turn(void)
{
	ft_stack_poll(&peer.stack, peer.now);
}

// Turns until `end`, or until something was sent if that is what is waited for.
static void turn_until(ft_time end, bool is_waiting)
{
	ft_time next = ft_stack_poll(&peer.stack, peer.now);

	while (next <= end && !(is_waiting && sent_count > 0)) {
		assert_true(next > peer.now);
		peer.now = next;
		next = ft_stack_poll(&peer.stack, peer.now);
	}
	if (!is_waiting)
		peer.now = end;
}

void peer_pass(ft_time duration)
{
	turn_until(peer.now + duration, false);
}

ft_time peer_wait(ft_time limit)
{
	const ft_time start = peer.now;

	peer_expect_nothing();
	turn_until(start + limit, true);
	if (sent_count == 0)
		fail_msg("nothing was sent in %llu ms", limit / FT_MILLISECOND);
	return peer.now - start;
}

void peer_expect_quiet(ft_time duration)
{
	const ft_time tick = 1ull << FT_WHEEL_TICK_BITS;
	const ft_time took = peer_wait(duration + 2 * tick);

	if (took < duration)
		fail_msg("sent after %llu us, expected %llu us", took / FT_MICROSECOND,
			duration / FT_MICROSECOND);
}

// ---- segments ----

// The payload a segment is to have. The first byte of the stream stands at sequence number 1.
static const uint8_t *payload_of(const struct peer_segment *segment, uint32_t *bytes)
{
	*bytes = segment->text != NULL ? strlen(segment->text) : segment->bytes;
	if (segment->text != NULL)
		return (const uint8_t *)segment->text;
	return *bytes > 0 ? stream + segment->seq - 1 : NULL;
}

static void add_ip(struct rte_mbuf *pkt, const struct peer_segment *segment)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)rte_pktmbuf_prepend(pkt, sizeof(*ip));
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)pkt->pkt_len),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = segment->from_ip != 0 ? rte_cpu_to_be_32(segment->from_ip) : peer_ip,
		.dst_addr = segment->to_ip != 0 ? rte_cpu_to_be_32(segment->to_ip) : us_ip,
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
}

// Stands behind the header's fixed part, which is written afterwards.
static void add_raw_options(struct rte_mbuf *pkt, const struct peer_segment *segment)
{
	memcpy(rte_pktmbuf_prepend(pkt, segment->raw_bytes), segment->raw_options,
		segment->raw_bytes);
}

static void count_raw_options(struct rte_mbuf *pkt, const struct peer_segment *segment)
{
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod(pkt, void *);

	tcp->data_off += (uint8_t)(segment->raw_bytes / 4 << 4);
}

// The same packet in a chain of mbufs of `bytes` each.
static struct rte_mbuf *split(struct rte_mbuf *pkt, uint16_t bytes)
{
	struct rte_mbuf *chain = NULL;

	for (uint32_t at = 0; at < pkt->pkt_len; at += bytes) {
		const uint16_t count = (uint16_t)RTE_MIN(bytes, pkt->pkt_len - at);
		struct rte_mbuf *part = rte_pktmbuf_alloc(receive_pool);

		assert_non_null(part);
		memcpy(rte_pktmbuf_append(part, count), rte_pktmbuf_mtod_offset(pkt, void *, at),
			count);
		if (chain == NULL)
			chain = part;
		else
			assert_int_equal(rte_pktmbuf_chain(chain, part), 0);
	}
	rte_pktmbuf_free(pkt);
	return chain;
}

void peer_queue(const struct peer_segment *segment)
{
	struct rte_mempool *pool = peer.lent_pool != NULL ? peer.lent_pool : receive_pool;
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(pool);
	uint32_t bytes;
	const uint8_t *payload = payload_of(segment, &bytes);
	struct ft_segment seg = {
		.seq = peer.peer_iss + segment->seq,
		.ack = peer.iss + segment->ack,
		.flags = segment->flags,
		.window = segment->window,
		.urgent = segment->urgent,
		.options = segment->options,
		.mss = segment->mss != 0 ? segment->mss : PEER_MSS,
		.window_scale = segment->window_scale,
		.ts_value = segment->ts_value,
		.ts_echo = segment->ts_echo,
	};

	assert_non_null(pkt);
	if (segment->window == 0 && !segment->is_window_shut)
		seg.window = PEER_WINDOW;
	if ((seg.flags & SYN) && segment->raw_bytes == 0) {
		seg.options |= FT_TCP_HAS_MSS;
		peer.announced_mss = seg.mss;
	}
	if (bytes > 0)
		memcpy(rte_pktmbuf_append(pkt, (uint16_t)bytes), payload, bytes);
	if (segment->raw_bytes > 0)
		add_raw_options(pkt, segment);
	ft_segment_write(
		pkt, &seg, segment->from_port != 0 ? segment->from_port : PEER_PORT, US_PORT);
	count_raw_options(pkt, segment);
	add_ip(pkt, segment);
	add_ethernet(pkt, RTE_ETHER_TYPE_IPV4);
	if (peer.mbuf_bytes > 0)
		pkt = split(pkt, peer.mbuf_bytes);
	if (peer.is_vouched_for)
		pkt->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	memset(ft_pkt_info(pkt), 0xff, sizeof(struct ft_pkt_info)); // its last user's
	ft_pkt_queue_append(&arriving, pkt);
}

enum ft_drop peer_send(const struct peer_segment *segment)
{
	const struct ft_counters before = peer.stack.counters;

	peer_queue(segment);
	peer_turn();
	for (int i = 0; i < FT_DROP_COUNT; i++)
		if (peer.stack.counters.dropped_input[i] != before.dropped_input[i])
			return i;
	return FT_TAKEN;
}

static void add_to_heard(struct rte_mbuf *pkt)
{
	uint8_t byte;

	for (uint32_t i = 0; ft_pkt_copy_out(pkt, i, &byte, 1) == 1; i++)
		peer.heard = peer.heard * UINT64_C(0x100000001b3) + byte + 1;
}

// The next segment the stack sent is in `taken` until the one after it.
static void take_sent(void)
{
	give_back(taken);
	taken = sent[sent_first].pkt;
	peer.last_at = sent[sent_first].at;
	sent_first = (sent_first + 1) % PEER_FRAMES;
	sent_count--;
	add_to_heard(taken);
	peer.last = parse(taken)->seg;
}

uint32_t peer_take_all(void)
{
	const uint32_t count = sent_count;

	while (sent_count > 0)
		take_sent();
	return count;
}

static void compare(const struct peer_segment *segment, struct rte_mbuf *pkt)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	static uint8_t came_payload[UINT16_MAX];
	char expected[128], came[128];
	uint32_t bytes;
	const uint8_t *payload = payload_of(segment, &bytes);

	describe(expected, sizeof(expected), segment->seq, bytes, segment->ack, segment->flags);
	describe_sent(came, sizeof(came), info);
	assert_string_equal(came, expected);
	assert_int_equal(ft_pkt_copy_out(pkt, info->payload_offset, came_payload, bytes), bytes);
	if (bytes > 0)
		assert_memory_equal(came_payload, payload, bytes);
	if (segment->window != 0 || segment->is_window_shut)
		assert_int_equal(info->seg.window, segment->window);
	if (segment->flags & URG)
		assert_int_equal(info->seg.urgent, segment->urgent);
}

static void fail_without(const struct peer_segment *segment)
{
	char expected[128];
	uint32_t bytes;

	payload_of(segment, &bytes);
	describe(expected, sizeof(expected), segment->seq, bytes, segment->ack, segment->flags);
	fail_msg("nothing was sent, but expected: %s", expected);
}

// A SYN says where the stack's numbers begin.
void peer_expect(const struct peer_segment *segment)
{
	if (sent_count == 0)
		fail_without(segment);
	take_sent();
	if (segment->flags & SYN)
		peer.iss = peer.last.seq;
	compare(segment, taken);
}

bool peer_has_sent(void)
{
	return sent_count > 0;
}

void peer_expect_nothing(void)
{
	char came[128];

	if (sent_count == 0)
		return;
	describe_sent(came, sizeof(came), parse(sent[sent_first].pkt));
	fail_msg("%u more sent, the first: %s", sent_count, came);
}

static void change_settings(struct ft_socket *socket, const struct ft_tcp_options *options)
{
	struct ft_settings settings = *socket->settings;

	settings.options = *options;
	ft_settings_change(&peer.stack, socket, &settings);
}

void peer_set_options(const struct ft_tcp_options *options)
{
	assert_int_equal(ft_tcp_set_options(&peer.stack, peer.conn, options, peer.now), 0);
	change_settings(peer.socket, options);
}

void peer_set_listening_options(const struct ft_tcp_options *options)
{
	change_settings(&peer.listening, options);
}

uint32_t peer_snd_una(void)
{
	struct ft_tcp_conn room;

	return ft_anchor_look(&peer.stack, peer.conn, &room)->snd.una - peer.iss;
}

void peer_expect_segments(uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		EXPECT(.seq = 1 + PEER_MSS * i, .ack = 1, .flags = ACK, .bytes = PEER_MSS);
	EXPECT_NOTHING;
}

// ---- the application ----

void peer_connect_to(uint16_t port)
{
	const struct ft_tuple tuple = {
		.local = ft_addr_from_ip4(us_ip),
		.remote = ft_addr_from_ip4(peer_ip),
		.local_port = US_PORT,
		.remote_port = port,
		.protocol = IPPROTO_TCP,
	};

	assert_int_equal(ft_port_hold(&peer.stack.tcp.ports, &tuple, false), 0);
	assert_int_equal(ft_tcp_connect(&peer.stack, &tuple, peer.socket,
				 &peer.socket->settings->options, peer.now, &peer.conn),
		0);
	peer.socket->conn = peer.conn;
	assert_true(peer.socket->description.is_at_work);
	peer_turn();
}

void peer_connect(void)
{
	peer_connect_to(PEER_PORT);
}

void peer_listen(void)
{
	struct ft_binding *binding = peer.listening.binding;

	binding->address = ft_addr_from_ip4(0);
	binding->port = US_PORT;
	assert_int_equal(ft_port_bind(&peer.stack.tcp.ports, binding), 0);
	assert_int_equal(ft_port_listen(&peer.stack.tcp.ports, binding), 0);
	assert_int_equal(ft_tcp_listen(&peer.stack, binding, &peer.listening,
				 &peer.listening.settings->options, 8, &peer.listener),
		0);
}

void peer_accept(void)
{
	struct ft_tcp_options options;

	assert_true(ft_tcp_has_waiting(peer.listener));
	peer.socket->conn = peer.conn = ft_tcp_accept(&peer.stack, peer.listener, peer.socket);
	ft_tcp_get_options(&peer.stack, peer.conn, &options);
	change_settings(peer.socket, &options);
}

static void write_all(const void *from, uint32_t bytes)
{
	const struct iovec iov = { (void *)from, bytes };

	assert_int_equal(ft_tcp_send(&peer.stack, peer.conn, &iov, 1, 0, peer.now), bytes);
	peer_turn();
}

void peer_write(const char *text)
{
	write_all(text, strlen(text));
}

void peer_write_bytes(uint32_t bytes)
{
	write_all(stream + written_bytes, bytes);
	written_bytes += bytes;
}

void peer_shutdown(void)
{
	assert_int_equal(ft_tcp_shutdown(&peer.stack, peer.conn, false, true, peer.now), 0);
	peer_turn();
}

void peer_close(void)
{
	ft_tcp_close(&peer.stack, peer.conn, peer.now);
	peer.socket->conn = peer.conn = NULL;
	peer_turn();
}

static void expect_read(const void *expected, uint32_t bytes)
{
	static uint8_t got[STREAM_BYTES];
	const struct iovec iov = { got, sizeof(got) };

	assert_int_equal(ft_tcp_receive(&peer.stack, peer.conn, &iov, 1, 0, peer.now), bytes);
	assert_memory_equal(got, expected, bytes);
	peer_turn();
}

void peer_expect_read(const char *text)
{
	expect_read(text, strlen(text));
}

void peer_expect_read_bytes(uint32_t bytes)
{
	expect_read(stream + read_bytes, bytes);
	read_bytes += bytes;
}

void peer_expect_read_error(int error)
{
	uint8_t byte;
	const struct iovec iov = { &byte, 1 };

	assert_int_equal(ft_tcp_receive(&peer.stack, peer.conn, &iov, 1, 0, peer.now), error);
}

static ssize_t receive_urgent(char *byte)
{
	const struct iovec iov = { byte, 1 };

	return ft_tcp_receive(&peer.stack, peer.conn, &iov, 1, FT_TCP_RECEIVE_URGENT, peer.now);
}

void peer_expect_urgent(char byte)
{
	char got = 0;

	assert_int_equal(receive_urgent(&got), 1);
	assert_int_equal(got, byte);
}

void peer_expect_urgent_error(int error)
{
	char got;

	assert_int_equal(receive_urgent(&got), error);
}

uint64_t peer_counter(enum ft_counter counter)
{
	return peer.stack.counters.count[counter];
}

// ---- states ----

enum ft_tcp_state peer_state(void)
{
	for (int state = FT_TCP_SYN_SENT; state < FT_TCP_STATE_COUNT; state++)
		if (peer.stack.tcp.in_state[state] > 0)
			return state;
	return FT_TCP_CLOSED;
}

// A delayed ACK that nobody owes would come with its time, and before any retransmission.
void peer_expect_end(const char *state)
{
	const bool is_listening = strcmp(state, "LISTEN") == 0;

	peer_pass(peer.config.tcp.delayed_ack + 10 * FT_MILLISECOND);
	peer_expect_nothing();
	assert_string_equal(ft_tcp_state_name(peer_state()), is_listening ? "CLOSED" : state);
	if (is_listening)
		assert_int_equal(peer.stack.tcp.in_state[FT_TCP_LISTEN], 1);
}

void peer_establish(const struct peer_segment *syn)
{
	if (peer.listener == NULL)
		peer_listen();
	SEND(.flags = SYN, .options = syn->options, .mss = syn->mss, .window = syn->window,
		.is_window_shut = syn->is_window_shut, .window_scale = syn->window_scale,
		.ts_value = syn->ts_value);
	EXPECT(.ack = 1, .flags = SYN | ACK);
	SEND(.seq = 1, .ack = 1, .flags = ACK, .window = syn->window,
		.is_window_shut = syn->is_window_shut,
		.options = syn->options & FT_TCP_HAS_TIMESTAMP, .ts_value = syn->ts_value,
		.ts_echo = peer.last.ts_value);
	EXPECT_NOTHING;
	peer_accept();
}

void peer_complete_from(uint16_t port)
{
	TAKES(.flags = SYN, .from_port = port);
	EXPECT(.ack = 1, .flags = SYN | ACK, .from_port = port);
	TAKES(.seq = 1, .ack = 1, .flags = ACK, .from_port = port);
}

static void enter_syn_received(void)
{
	peer_listen();
	SEND(.flags = SYN);
	EXPECT(.ack = 1, .flags = SYN | ACK);
}

static void enter_fin_wait_1(void)
{
	ESTABLISH();
	peer_shutdown();
	EXPECT(.seq = 1, .ack = 1, .flags = FIN | ACK);
}

static void enter_fin_wait_2(void)
{
	enter_fin_wait_1();
	SEND(.seq = 1, .ack = 2, .flags = ACK);
}

static void enter_close_wait(void)
{
	ESTABLISH();
	SEND(.seq = 1, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 1, .ack = 2, .flags = ACK);
}

static void enter_closing(void)
{
	enter_fin_wait_1();
	SEND(.seq = 1, .ack = 1, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
}

static void enter_last_ack(void)
{
	enter_close_wait();
	peer_shutdown();
	EXPECT(.seq = 1, .ack = 2, .flags = FIN | ACK);
}

static void enter_time_wait(void)
{
	enter_fin_wait_2();
	SEND(.seq = 1, .ack = 2, .flags = FIN | ACK);
	EXPECT(.seq = 2, .ack = 2, .flags = ACK);
}

static void enter_syn_sent(void)
{
	peer_connect();
	EXPECT(.flags = SYN);
}

static void enter_established(void)
{
	ESTABLISH();
}

static void enter_closed(void)
{
}

void peer_enter(enum ft_tcp_state state)
{
	static void (*const enter[FT_TCP_STATE_COUNT])(void) = {
		[FT_TCP_CLOSED] = enter_closed,
		[FT_TCP_LISTEN] = peer_listen,
		[FT_TCP_SYN_SENT] = enter_syn_sent,
		[FT_TCP_SYN_RECEIVED] = enter_syn_received,
		[FT_TCP_ESTABLISHED] = enter_established,
		[FT_TCP_FIN_WAIT_1] = enter_fin_wait_1,
		[FT_TCP_FIN_WAIT_2] = enter_fin_wait_2,
		[FT_TCP_CLOSE_WAIT] = enter_close_wait,
		[FT_TCP_CLOSING] = enter_closing,
		[FT_TCP_LAST_ACK] = enter_last_ack,
		[FT_TCP_TIME_WAIT] = enter_time_wait,
	};

	enter[state]();
	EXPECT_NOTHING;
	if (state != FT_TCP_LISTEN)
		assert_int_equal(peer_state(), state);
}
