#include "usual_frame_take.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "eth/ethernet.h"
#include "tcp/peer.h"
#include "two_ways.h"

enum {
	IP = sizeof(struct rte_ether_hdr),
	TCP = IP + sizeof(struct rte_ipv4_hdr),
	OPTIONS = TCP + sizeof(struct rte_tcp_hdr),
	FRAME_MAX = 256,
	PAYLOAD = 5,
};

#define US	  RTE_IPV4(10, 9, 0, 2)
#define US_TOO	  RTE_IPV4(172U, 16, 3, 4)
#define BROADCAST RTE_IPV4(172U, 16, 3, 255)
#define PEER	  RTE_IPV4(10, 9, 0, 1)

#define GOOD (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)

// A frame, and how it came.
struct frame {
	uint8_t bytes[FRAME_MAX];
	uint32_t length;
	uint32_t segment_bytes; // in each mbuf of a chain; 0: in one
	uint64_t ol_flags;
	uint16_t vlan_tci;
	uint8_t info_flags;
};

static struct rte_ipv4_hdr *ip_of(struct frame *frame)
{
	return (struct rte_ipv4_hdr *)(frame->bytes + IP);
}

static struct rte_tcp_hdr *tcp_of(struct frame *frame)
{
	return (struct rte_tcp_hdr *)(frame->bytes + TCP);
}

// Makes the checksums right, where the lengths allow it.
static void sign(struct frame *frame)
{
	struct rte_ipv4_hdr *ip = ip_of(frame);
	const uint32_t header_bytes = rte_ipv4_hdr_len(ip);
	const uint32_t total = rte_be_to_cpu_16(ip->total_length);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(frame->bytes + IP + header_bytes);

	if (header_bytes < sizeof(*ip) || total < header_bytes + sizeof(*tcp) ||
		IP + total > frame->length)
		return;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, header_bytes);
	tcp->cksum = 0;
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
}

// An honest segment, every field of which has a value of its own.
static struct frame make_frame(const uint8_t *options, uint32_t options_bytes)
{
	struct frame frame = { .ol_flags = GOOD };
	const struct rte_ether_hdr eth = { .dst_addr = peer.stack.netif.mac,
		.src_addr = { { 2, 0, 0, 0, 0, 1 } },
		.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4) };
	const uint32_t total = OPTIONS - IP + options_bytes + PAYLOAD;

	memcpy(frame.bytes, &eth, sizeof(eth));
	*ip_of(&frame) = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = 0x2a,
		.total_length = rte_cpu_to_be_16(total),
		.packet_id = 0x1234,
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 61,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = RTE_BE32(PEER),
		.dst_addr = RTE_BE32(US),
	};
	*tcp_of(&frame) = (struct rte_tcp_hdr){
		.src_port = RTE_BE16(40000),
		.dst_port = RTE_BE16(7),
		.sent_seq = RTE_BE32(0x01020304),
		.recv_ack = RTE_BE32(0xf5f6f7f8),
		.data_off = (uint8_t)((sizeof(struct rte_tcp_hdr) + options_bytes) << 2),
		.tcp_flags = ACK | PSH,
		.rx_win = RTE_BE16(0xabcd),
		.tcp_urp = RTE_BE16(0x1357),
	};
	if (options_bytes > 0)
		memcpy(frame.bytes + OPTIONS, options, options_bytes);
	memcpy(frame.bytes + OPTIONS + options_bytes, "hello", PAYLOAD);
	frame.length = IP + total;
	sign(&frame);
	return frame;
}

static const uint8_t timestamps[] = { 1, 1, 8, 10, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24 };

static const uint8_t syn_options[] = { 2, 4, 0x31, 0x32, 4, 2, 8, 10, 0x11, 0x12, 0x13, 0x14, 0x21,
	0x22, 0x23, 0x24, 1, 3, 3, 7 };

static struct frame make_bare(void)
{
	return make_frame(NULL, 0);
}

static struct frame make_with_timestamps(void)
{
	return make_frame(timestamps, sizeof(timestamps));
}

static struct frame make_syn(void)
{
	struct frame frame = make_frame(syn_options, sizeof(syn_options));

	tcp_of(&frame)->tcp_flags = SYN;
	sign(&frame);
	return frame;
}

// Nothing beside it.
static struct frame make_plain_syn(void)
{
	struct frame frame = make_syn();

	frame.length -= PAYLOAD;
	ip_of(&frame)->total_length = rte_cpu_to_be_16(frame.length - IP);
	sign(&frame);
	return frame;
}

// ---- the two ways ----

static struct rte_mbuf *make_packet(const struct frame *frame)
{
	const uint32_t step = frame->segment_bytes != 0 ? frame->segment_bytes : FRAME_MAX;
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(peer.stack.receive_pool);
	uint32_t done = RTE_MIN(step, frame->length);

	memcpy(rte_pktmbuf_append(pkt, done), frame->bytes, done);
	for (; done < frame->length; done += RTE_MIN(step, frame->length - done)) {
		struct rte_mbuf *more = rte_pktmbuf_alloc(peer.stack.receive_pool);
		const uint32_t part = RTE_MIN(step, frame->length - done);

		memcpy(rte_pktmbuf_append(more, part), frame->bytes + done, part);
		assert_int_equal(rte_pktmbuf_chain(pkt, more), 0);
	}
	pkt->ol_flags = frame->ol_flags;
	pkt->vlan_tci = frame->vlan_tci;
	ft_pkt_info_clear(pkt)->flags = frame->info_flags;
	return pkt;
}

static void tell(const struct frame *frame)
{
	print_error("in mbufs of %u, ol_flags %#lx:", frame->segment_bytes, frame->ol_flags);
	for (uint32_t i = 0; i < frame->length; i++)
		print_error(" %02x", frame->bytes[i]);
	print_error("\n");
}

// Returns whether the short way takes the frame.
static bool is_taken(const struct frame *frame)
{
	const enum test_way way =
		test_two_ways(&peer.stack, make_packet(frame), make_packet(frame));

	if (way == TEST_WRONG_WAY)
		tell(frame);
	assert_int_not_equal(way, TEST_WRONG_WAY);
	return way == TEST_SHORT_WAY;
}

// What is copied of few bytes may go on behind them.
static void stack_wants_packets_with_room(void **state)
{
	const uint16_t least = FT_USUAL_TIMESTAMPS_BYTES + FT_FEW;
	struct rte_mempool *roomy = ft_pkt_pool_create("roomy", 7, least, SOCKET_ID_ANY);
	struct rte_mempool *tight = ft_pkt_pool_create("tight", 7, least - 1, SOCKET_ID_ANY);
	const struct ft_pkt_pools pools[3] = { { roomy, roomy, roomy }, { tight, roomy, roomy },
		{ roomy, tight, roomy } };
	static struct ft_stack stack;

	for (int i = 0; i < 3; i++) {
		int error = ft_stack_init(
			&stack, &peer.config, &peer.stack.netif, &pools[i], 1, peer.now);

		assert_int_equal(error, i == 0 ? 0 : -EINVAL);
		if (error == 0)
			ft_stack_free(&stack);
	}
	rte_mempool_free(roomy);
	rte_mempool_free(tight);
}

// ---- what is usual ----

static void usual_frames_are_taken(void **state)
{
	struct frame bare = make_bare(), with_timestamps = make_with_timestamps();
	struct frame syn = make_syn();

	assert_true(is_taken(&bare));
	assert_true(is_taken(&with_timestamps));
	assert_true(is_taken(&syn));
	for (uint32_t flags = 0; flags < 256; flags++) {
		tcp_of(&bare)->tcp_flags = (uint8_t)flags;
		tcp_of(&with_timestamps)->tcp_flags = (uint8_t)flags;
		tcp_of(&syn)->tcp_flags = (uint8_t)flags;
		assert_int_equal(is_taken(&bare), !(flags & SYN));
		assert_int_equal(is_taken(&with_timestamps), !(flags & SYN));
		assert_int_equal(is_taken(&syn), !!(flags & SYN));
	}
}

static bool is_plain_syn(const struct frame *frame)
{
	struct rte_mbuf *pkt = make_packet(frame);
	const bool is_plain = ft_usual_frame_take_plain_syn(&peer.stack, pkt);

	rte_pktmbuf_free(pkt);
	return is_plain;
}

static void syn_with_nothing_beside_it_is_noted_at_once(void **state)
{
	const uint8_t beside = PSH | FT_TCP_ECE | FT_TCP_CWR;
	struct frame syn = make_plain_syn();

	for (uint32_t flags = 0; flags < 256; flags++) {
		tcp_of(&syn)->tcp_flags = (uint8_t)flags;
		assert_int_equal(is_plain_syn(&syn), (flags & ~beside) == SYN);
		is_taken(&syn);
	}
	tcp_of(&syn)->tcp_flags = SYN;
	syn.ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	assert_false(is_plain_syn(&syn));
	syn.ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	assert_false(is_plain_syn(&syn));
}

// The shift may be any, beyond 14 too, and so may the numbers; all else must be in its place.
static void syn_with_other_options_goes_the_long_way(void **state)
{
	for (uint32_t at = 0; at < sizeof(syn_options); at++) {
		const bool is_value = at == 2 || at == 3 || (at >= 8 && at < 16) || at == 19;

		for (uint32_t value = 0; value < 256; value++) {
			const bool is_usual = is_value || value == syn_options[at];
			struct frame frame = make_syn(), plain = make_plain_syn();

			frame.bytes[OPTIONS + at] = plain.bytes[OPTIONS + at] = (uint8_t)value;
			assert_int_equal(is_taken(&frame), is_usual);
			assert_int_equal(is_taken(&plain), is_usual);
			assert_int_equal(is_plain_syn(&plain), is_usual);
		}
	}
}

static void ports_of_zero_go_the_long_way(void **state)
{
	struct frame from = make_bare(), to = make_bare();

	tcp_of(&from)->src_port = 0;
	assert_false(is_taken(&from));
	tcp_of(&to)->dst_port = 0;
	assert_false(is_taken(&to));
}

static void padding_is_cut(void **state)
{
	struct frame frame = make_bare();

	for (; frame.length < FRAME_MAX; frame.length++)
		assert_true(is_taken(&frame));
}

// As long as it is, or as any shorter length says.
static void payload_of_any_length_is_taken(void **state)
{
	struct frame frame = make_with_timestamps();
	const uint32_t headers_bytes = OPTIONS - IP + sizeof(timestamps);

	for (uint32_t total = 0; total < FRAME_MAX; total++) {
		ip_of(&frame)->total_length = rte_cpu_to_be_16(total);
		assert_int_equal(
			is_taken(&frame), total >= headers_bytes && IP + total <= frame.length);
	}
}

static void truncated_frames_go_the_long_way(void **state)
{
	struct frame frame = make_with_timestamps();

	while (frame.length-- > 0)
		assert_false(is_taken(&frame));
}

static void leave(void *bytes, void *opaque)
{
}

// In memory that ends where the frame does: a page that cannot be read follows. IP says that it is whole.
static void nothing_behind_the_frame_is_read(void **state)
{
	const size_t page_bytes = sysconf(_SC_PAGESIZE);
	struct frame frames[] = { make_bare(), make_with_timestamps(), make_syn() };
	struct rte_mbuf_ext_shared_info shared = { .free_cb = leave };
	uint8_t *page = mmap(
		NULL, 2 * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(mprotect(page + page_bytes, page_bytes, PROT_NONE), 0);
	for (uint32_t i = 0; i < RTE_DIM(frames) * FRAME_MAX; i++) {
		struct frame *frame = &frames[i % RTE_DIM(frames)];
		const uint32_t most = i / RTE_DIM(frames);
		const uint32_t length = RTE_MIN(most, frame->length) & ~1; // headers lie even
		struct rte_mbuf *pkt = rte_pktmbuf_alloc(peer.stack.receive_pool);

		ip_of(frame)->total_length = rte_cpu_to_be_16((uint16_t)(length - IP));
		rte_mbuf_ext_refcnt_set(&shared, 1);
		rte_pktmbuf_attach_extbuf(pkt, page, RTE_BAD_IOVA, page_bytes, &shared);
		pkt->data_off = page_bytes - length;
		pkt->data_len = pkt->pkt_len = length;
		pkt->ol_flags |= GOOD;
		memcpy(rte_pktmbuf_mtod(pkt, void *), frame->bytes, length);
		ft_pkt_info_clear(pkt);
		ft_usual_frame_take(&peer.stack, pkt);
		rte_pktmbuf_free(pkt);
	}
	munmap(page, 2 * page_bytes);
}

// Two addresses more, as a host may have them; the first alone is usual.
static void restart_with_three_addresses(void)
{
	const uint32_t addresses[] = { US, US_TOO, RTE_IPV4(192U, 168, 1, 1) };

	for (unsigned i = 0; i < RTE_DIM(addresses); i++)
		peer.config.ip.address[i] = (struct ft_config_address){
			.addr = ft_addr_from_ip4(rte_cpu_to_be_32(addresses[i])), .prefix_bits = 24
		};
	peer.config.ip.address_count = RTE_DIM(addresses);
	peer_restart();
	peer_take_all();
}

static bool is_taken_between(uint32_t from, uint32_t to)
{
	struct frame frame = make_bare();

	ip_of(&frame)->src_addr = rte_cpu_to_be_32(from);
	ip_of(&frame)->dst_addr = rte_cpu_to_be_32(to);
	return is_taken(&frame);
}

static void check_sources(void)
{
	static const uint32_t martians[] = { 0, RTE_IPV4(0, 1, 2, 3), RTE_IPV4(127, 0, 0, 1),
		RTE_IPV4(224U, 0, 0, 1), RTE_IPV4(255U, 255, 255, 255), US,
		RTE_IPV4(10, 9, 0, 255) };
	static const uint32_t hosts[] = { PEER, RTE_IPV4(1, 2, 3, 4), RTE_IPV4(126, 0, 0, 1),
		RTE_IPV4(128U, 0, 0, 1), RTE_IPV4(223U, 255, 255, 255) };

	for (unsigned i = 0; i < RTE_DIM(martians); i++)
		assert_false(is_taken_between(martians[i], US));
	for (unsigned i = 0; i < RTE_DIM(hosts); i++)
		assert_true(is_taken_between(hosts[i], US));
}

static void martians_go_the_long_way(void **state)
{
	check_sources();
	assert_true(is_taken_between(US_TOO, US)); // not yet ours
	restart_with_three_addresses();
	check_sources();
	assert_false(is_taken_between(US_TOO, US));
	assert_false(is_taken_between(BROADCAST, US));
	assert_false(is_taken_between(RTE_IPV4(192U, 168, 1, 1), US));
	assert_false(is_taken_between(RTE_IPV4(192U, 168, 1, 255), US));
	assert_false(is_taken_between(PEER, US_TOO));
}

static void nothing_is_usual_to_a_station_without_an_address(void **state)
{
	struct frame frame = make_bare();
	struct ft_stack *stack = &peer.stack;

	stack->netif.mac.addr_bytes[0] |= RTE_ETHER_GROUP_ADDR;
	ft_usual_frame_init(stack);
	assert_false(is_taken(&frame));
	memcpy(frame.bytes, &stack->netif.mac, sizeof(stack->netif.mac));
	assert_false(is_taken(&frame));
	stack->netif.mac.addr_bytes[0] ^= RTE_ETHER_GROUP_ADDR;

	frame = make_bare();
	stack->ip.routes.local_count = 0;
	ft_usual_frame_init(stack);
	assert_false(is_taken(&frame));
	memset(frame.bytes, 0xff, IP);
	memset(ip_of(&frame), 0xff, sizeof(struct rte_ipv4_hdr));
	assert_false(is_taken(&frame));
	stack->ip.routes.local_count = 1;
}

// ---- how it came ----

static void chains_go_the_long_way(void **state)
{
	struct frame frame = make_with_timestamps();

	for (uint32_t i = 1; i < frame.length; i++) {
		frame.segment_bytes = i;
		assert_false(is_taken(&frame));
	}
}

static void packets_from_loopback_go_the_long_way(void **state)
{
	struct frame frame = make_bare();

	frame.info_flags = FT_PKT_LOOPBACK;
	assert_false(is_taken(&frame));
	memmove(frame.bytes, frame.bytes + IP, frame.length);
	assert_false(is_taken(&frame));
}

static void tag_that_the_nic_took_off_goes_the_long_way(void **state)
{
	const uint64_t stripped = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	struct frame frame = make_bare();

	for (uint16_t tci = 0; tci < 3; tci++) {
		frame.vlan_tci = tci;
		frame.ol_flags = GOOD | stripped;
		assert_false(is_taken(&frame));
		frame.ol_flags = stripped;
		assert_false(is_taken(&frame));
	}
}

static const uint64_t ip_words[] = { RTE_MBUF_F_RX_IP_CKSUM_GOOD, RTE_MBUF_F_RX_IP_CKSUM_BAD,
	RTE_MBUF_F_RX_IP_CKSUM_NONE, 0 };
static const uint64_t tcp_words[] = { RTE_MBUF_F_RX_L4_CKSUM_GOOD, RTE_MBUF_F_RX_L4_CKSUM_BAD,
	RTE_MBUF_F_RX_L4_CKSUM_NONE, 0 };

// Whatever the NIC says of the two checksums, one wrong or none: what it does not vouch for is
// verified, and counted.
static void checksums_are_verified_unless_vouched_for(void **state)
{
	const struct frame right = make_with_timestamps();

	for (unsigned i = 0; i < RTE_DIM(ip_words) * RTE_DIM(tcp_words); i++) {
		struct frame frame = right;
		const bool is_ip_good = i % 4 == 0, is_tcp_good = i / 4 == 0;

		frame.ol_flags = ip_words[i % 4] | tcp_words[i / 4];
		assert_true(is_taken(&frame));
		ip_of(&frame)->hdr_checksum ^= 1;
		assert_int_equal(is_taken(&frame), is_ip_good);
		ip_of(&frame)->hdr_checksum ^= 1;
		tcp_of(&frame)->cksum ^= 1;
		assert_int_equal(is_taken(&frame), is_tcp_good);
	}
}

static bool is_vouched_for_by_us(const struct frame *frame, uint64_t *flags)
{
	struct rte_mbuf *pkt = make_packet(frame);
	const bool is = ft_usual_frame_vouch_for(&peer.stack, pkt);

	*flags = pkt->ol_flags;
	rte_pktmbuf_free(pkt);
	return is;
}

// Whatever the NIC says, one wrong or none: what it vouches for counts as right.
static void what_the_nic_does_not_vouch_for_the_stack_may(void **state)
{
	const uint64_t good = GOOD | RTE_MBUF_F_RX_RSS_HASH;
	uint64_t *verified = &peer.stack.counters.count[FT_COUNTER_IP_CHECKSUMS_VERIFIED];
	uint64_t flags;

	for (unsigned i = 0; i < RTE_DIM(ip_words) * RTE_DIM(tcp_words); i++) {
		struct frame frame = i % 2 == 0 ? make_with_timestamps() : make_syn();
		const bool is_ip_good = i % 4 == 0, is_tcp_good = i / 4 == 0;

		frame.ol_flags = ip_words[i % 4] | tcp_words[i / 4] | RTE_MBUF_F_RX_RSS_HASH;
		*verified = 0;
		assert_true(is_vouched_for_by_us(&frame, &flags));
		assert_int_equal(flags, good);
		assert_int_equal(*verified, !is_ip_good + !is_tcp_good);
		ip_of(&frame)->hdr_checksum ^= 1;
		assert_int_equal(is_vouched_for_by_us(&frame, &flags), is_ip_good);
		assert_int_equal(flags, is_ip_good ? good : frame.ol_flags);
		ip_of(&frame)->hdr_checksum ^= 1;
		tcp_of(&frame)->cksum ^= 1;
		assert_int_equal(is_vouched_for_by_us(&frame, &flags), is_tcp_good);
		assert_int_equal(flags, is_tcp_good ? good : frame.ol_flags);
	}
}

// Any bit of what is summed up: one is always noticed.
static void changed_bit_is_not_vouched_for(void **state)
{
	const struct frame right = make_with_timestamps();
	uint64_t flags;

	for (uint32_t bit = 8 * IP; bit < 8 * right.length; bit++) {
		struct frame frame = right;

		frame.ol_flags = 0;
		frame.bytes[bit / 8] ^= 1 << bit % 8;
		assert_false(is_vouched_for_by_us(&frame, &flags));
		assert_int_equal(flags, 0);
	}
}

static void only_usual_frames_are_vouched_for(void **state)
{
	struct frame padded = make_bare(), split = make_bare(), tagged = make_bare();
	struct frame elsewhere = make_bare();
	uint64_t flags;

	padded.ol_flags = split.ol_flags = elsewhere.ol_flags = 0;
	tagged.ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	padded.bytes[padded.length++] = 0;
	split.segment_bytes = split.length - 1;
	elsewhere.bytes[0] ^= 2;
	assert_false(is_vouched_for_by_us(&padded, &flags));
	assert_false(is_vouched_for_by_us(&split, &flags));
	assert_false(is_vouched_for_by_us(&tagged, &flags));
	assert_false(is_vouched_for_by_us(&elsewhere, &flags));
}

// IP says that they are whole, and both sums, as far as there is anything to sum up, are right.
static void cut_frames_are_not_vouched_for(void **state)
{
	for (uint32_t length = IP; length < OPTIONS; length++) {
		struct frame cut = make_bare();
		struct rte_ipv4_hdr *ip = ip_of(&cut);
		uint64_t flags;

		memset(cut.bytes + TCP, 0, FRAME_MAX - TCP);
		cut.ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
		cut.length = length;
		ip->total_length = rte_cpu_to_be_16(length - IP);
		ip->hdr_checksum = 0;
		ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, sizeof(*ip));
		assert_false(is_vouched_for_by_us(&cut, &flags));
	}
}

static void frame_with_an_mbuf_behind_it_is_not_vouched_for(void **state)
{
	struct frame frame = make_bare();
	struct rte_mbuf *pkt, *more = rte_pktmbuf_alloc(peer.stack.receive_pool);

	frame.ol_flags = 0;
	pkt = make_packet(&frame);
	assert_int_equal(rte_pktmbuf_chain(pkt, more), 0);
	assert_false(ft_usual_frame_vouch_for(&peer.stack, pkt));
	rte_pktmbuf_free(pkt);
}

static void padding_goes_the_long_way_where_nobody_vouches(void **state)
{
	struct frame frame = make_bare();

	frame.ol_flags = 0;
	assert_true(is_taken(&frame));
	frame.bytes[frame.length++] = 0;
	assert_false(is_taken(&frame));
}

// The odd byte that the sum is filled up with, then what the checksum lacks.
static void padding_does_not_make_a_checksum_right(void **state)
{
	struct frame frame = make_bare();
	struct rte_tcp_hdr *tcp = tcp_of(&frame);

	frame.ol_flags = 0;
	tcp->cksum = rte_cpu_to_be_16(rte_be_to_cpu_16(tcp->cksum) - 1);
	frame.length += 3;
	frame.bytes[frame.length - 1] = 1;
	assert_int_equal(rte_raw_cksum(tcp, frame.length - TCP),
		(uint16_t)~rte_ipv4_phdr_cksum(ip_of(&frame), 0));
	assert_false(is_taken(&frame));
}

// ---- any frame ----

static uint32_t any_address(struct ft_random *random)
{
	static const uint32_t addresses[] = { 0, US, US_TOO, BROADCAST, PEER, 0xffffffff,
		RTE_IPV4(10, 9, 0, 255), RTE_IPV4(127, 0, 0, 1), RTE_IPV4(224U, 0, 0, 1),
		RTE_IPV4(126, 0, 0, 1), RTE_IPV4(223U, 0, 0, 1) };

	return rte_cpu_to_be_32(addresses[ft_random_below(random, RTE_DIM(addresses))]);
}

static void insert(struct frame *frame, uint32_t at, const uint8_t *bytes, uint32_t count)
{
	memmove(frame->bytes + at + count, frame->bytes + at, FRAME_MAX - at - count);
	memcpy(frame->bytes + at, bytes, count);
	frame->length = RTE_MIN(frame->length + count, (uint32_t)FRAME_MAX);
}

// IP options, with which the lengths still fit.
static void insert_ip_options(struct frame *frame)
{
	static const uint8_t nops[] = { 1, 1, 1, 0 };
	struct rte_ipv4_hdr *ip = ip_of(frame);

	insert(frame, TCP, nops, sizeof(nops));
	ip->version_ihl++;
	ip->total_length = rte_cpu_to_be_16(rte_be_to_cpu_16(ip->total_length) + sizeof(nops));
}

static void mutate(struct ft_random *random, struct frame *frame)
{
	static const uint8_t values[] = { 0, 1, 2, 5, 6, 8, 0x45, 0x50, 0x7f, 0x80, 0xe0, 0xff };
	static const uint8_t tag[] = { 0x81, 0, 0xe0, 0 };
	const uint32_t at = ft_random_below(random, OPTIONS + sizeof(syn_options) + PAYLOAD);

	switch (ft_random_below(random, 12)) {
	case 0:
	case 1:
	case 2:
		frame->bytes[at] ^= 1 << ft_random_below(random, 8);
		break;
	case 3:
		frame->bytes[at] = values[ft_random_below(random, RTE_DIM(values))];
		break;
	case 4:
		frame->length = ft_random_below(random, frame->length + 1);
		break;
	case 5:
		frame->length = RTE_MIN(frame->length + 1 + ft_random_below(random, 30), FRAME_MAX);
		break;
	case 6:
		frame->segment_bytes = 1 + ft_random_below(random, frame->length + 1);
		break;
	case 7:
		insert(frame, 12, tag, sizeof(tag));
		break;
	case 8:
		insert_ip_options(frame);
		break;
	case 9:
		ip_of(frame)->src_addr = any_address(random);
		break;
	case 10:
		ip_of(frame)->dst_addr = any_address(random);
		break;
	default:
		ip_of(frame)->total_length =
			rte_cpu_to_be_16(frame->length - ft_random_below(random, 90));
	}
}

static uint64_t any_flags(struct ft_random *random)
{
	uint64_t flags = ip_words[ft_random_below(random, RTE_DIM(ip_words))] |
			 tcp_words[ft_random_below(random, RTE_DIM(tcp_words))];

	if (ft_random_below(random, 3) > 0)
		flags = GOOD;
	if (ft_random_below(random, 8) == 0)
		flags |= RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_RSS_HASH;
	return flags;
}

// Whether the stack vouches for it; then the long way finds no checksum wrong.
static bool is_rightly_vouched_for(const struct frame *frame)
{
	struct rte_mbuf *pkt = make_packet(frame);
	enum ft_drop reason;
	uint64_t flags;

	if (!is_vouched_for_by_us(frame, &flags))
		flags = 0;
	reason = ft_ethernet_parse(&peer.stack, pkt);
	rte_pktmbuf_free(pkt);
	if (flags != 0 && (reason == FT_DROP_IP_BAD_CHECKSUM || reason == FT_DROP_TCP_BAD_CHECKSUM))
		tell(frame);
	assert_false(flags != 0 &&
		     (reason == FT_DROP_IP_BAD_CHECKSUM || reason == FT_DROP_TCP_BAD_CHECKSUM));
	return flags != 0;
}

static void any_frame_is_as_on_the_long_way(void **state)
{
	struct ft_random random;
	uint32_t taken = 0, vouched = 0;

	restart_with_three_addresses();
	ft_random_init(&random, 1);
	for (int i = 0; i < 300000; i++) {
		struct frame frame = i % 4 == 0	  ? make_bare()
				     : i % 4 == 1 ? make_with_timestamps()
				     : i % 4 == 2 ? make_syn()
						  : make_plain_syn();

		for (uint32_t j = ft_random_below(&random, 3); j < 3; j++)
			mutate(&random, &frame);
		if (ft_random_below(&random, 2) == 0)
			sign(&frame);
		frame.ol_flags = any_flags(&random);
		frame.vlan_tci = ft_random_below(&random, 4);
		taken += is_taken(&frame);
		vouched += is_rightly_vouched_for(&frame);
	}
	assert_in_range(vouched, 10000, 200000);
	assert_in_range(taken, 10000, 200000); // both ways are seen
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PEER_TEST(stack_wants_packets_with_room),
		PEER_TEST(usual_frames_are_taken),
		PEER_TEST(syn_with_nothing_beside_it_is_noted_at_once),
		PEER_TEST(syn_with_other_options_goes_the_long_way),
		PEER_TEST(ports_of_zero_go_the_long_way),
		PEER_TEST(padding_is_cut),
		PEER_TEST(payload_of_any_length_is_taken),
		PEER_TEST(truncated_frames_go_the_long_way),
		PEER_TEST(nothing_behind_the_frame_is_read),
		PEER_TEST(martians_go_the_long_way),
		PEER_TEST(nothing_is_usual_to_a_station_without_an_address),
		PEER_TEST(chains_go_the_long_way),
		PEER_TEST(packets_from_loopback_go_the_long_way),
		PEER_TEST(tag_that_the_nic_took_off_goes_the_long_way),
		PEER_TEST(checksums_are_verified_unless_vouched_for),
		PEER_TEST(what_the_nic_does_not_vouch_for_the_stack_may),
		PEER_TEST(changed_bit_is_not_vouched_for),
		PEER_TEST(only_usual_frames_are_vouched_for),
		PEER_TEST(cut_frames_are_not_vouched_for),
		PEER_TEST(frame_with_an_mbuf_behind_it_is_not_vouched_for),
		PEER_TEST(padding_goes_the_long_way_where_nobody_vouches),
		PEER_TEST(padding_does_not_make_a_checksum_right),
		PEER_TEST(any_frame_is_as_on_the_long_way),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, peer_make_pools, peer_free_pools);
}
