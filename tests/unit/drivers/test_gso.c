// Large packets become segments in software, in order, whole, however few the device takes at a time.
#include "../support.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_net.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "base/pkt.h"
#include "drivers/gso.h"
#include "drivers/kernel_gso.h"
#include "ip/checksum.h"

enum {
	ETHERNET = sizeof(struct rte_ether_hdr),
	HEADERS = ETHERNET + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr),
	PACKETS = 256,
	MSS = 1000,
	FIRST = 4000000000u,
};

static struct rte_mempool *pool;
static struct ft_gso gso;
static struct rte_mbuf *sent[PACKETS];
static uint16_t sent_count, room;

static uint16_t transmit(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t taken = RTE_MIN(count, room);

	for (uint16_t i = 0; i < taken; i++)
		sent[sent_count++] = pkts[i];
	room -= taken;
	return taken;
}

static int begin(void **state)
{
	gso = (struct ft_gso){
		.transmit = transmit, .kernel = -1, .headers = pool, .takes_chains = true
	};
	room = UINT16_MAX;
	sent_count = 0;
	return ft_gso_init(&gso, 64, SOCKET_ID_ANY);
}

static void forget_sent(void)
{
	rte_pktmbuf_free_bulk(sent, sent_count);
	sent_count = 0;
}

static int end(void **state)
{
	forget_sent();
	if (rte_mempool_in_use_count(gso.pieces) != 0)
		return 1;
	ft_gso_free(&gso);
	return rte_mempool_in_use_count(pool) != 0;
}

// A TCP packet with FIN and PSH whose byte at `i` is i % 251, in mbufs of `part` bytes; to be cut when it is
// longer than one segment.
static struct rte_mbuf *packet(uint32_t bytes, uint32_t part)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(pool);
	struct rte_ipv4_hdr *ip =
		(struct rte_ipv4_hdr *)rte_pktmbuf_append(pkt, HEADERS - ETHERNET);

	*ip = (struct rte_ipv4_hdr){ .version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(HEADERS - ETHERNET + bytes),
		.fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = RTE_BE32(RTE_IPV4(10, 9, 0, 2)),
		.dst_addr = RTE_BE32(RTE_IPV4(10, 9, 0, 1)) };
	*(struct rte_tcp_hdr *)(ip + 1) = (struct rte_tcp_hdr){ .sent_seq = RTE_BE32(FIRST),
		.data_off = 5 << 4,
		.tcp_flags = RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG };
	for (uint32_t done = 0; done < bytes; done += part) {
		struct rte_mbuf *piece = rte_pktmbuf_alloc(pool);
		uint32_t count = RTE_MIN(part, bytes - done);
		uint8_t *to = (uint8_t *)rte_pktmbuf_append(piece, (uint16_t)count);

		for (uint32_t i = 0; i < count; i++)
			to[i] = (done + i) % 251;
		assert_int_equal(rte_pktmbuf_chain(pkt, piece), 0);
	}
	if (bytes > MSS)
		ft_checksum_offload_segments(pkt, offsetof(struct rte_tcp_hdr, cksum), MSS);
	memset(rte_pktmbuf_prepend(pkt, ETHERNET), 0xee, ETHERNET);
	return pkt;
}

// The segment has these of the packet's bytes, sound headers, no mbuf that is empty, and asks the NIC for nothing.
static void check_segment(struct rte_mbuf *segment, uint32_t from, uint32_t bytes, bool is_last)
{
	uint8_t frame[HEADERS + MSS];
	const struct rte_ipv4_hdr *ip = (const void *)(frame + ETHERNET);
	const struct rte_tcp_hdr *tcp = (const void *)(ip + 1);
	const char *reason;

	assert_int_equal(rte_mbuf_check(segment, 1, &reason), 0);
	for (const struct rte_mbuf *part = segment; part != NULL; part = part->next)
		assert_true(part->data_len > 0);
	assert_int_equal(segment->pkt_len, HEADERS + bytes);
	assert_int_equal(ft_pkt_copy_out(segment, 0, frame, sizeof(frame)), HEADERS + bytes);
	assert_int_equal(frame[0], 0xee);
	assert_int_equal(rte_be_to_cpu_16(ip->total_length), HEADERS - ETHERNET + bytes);
	assert_int_equal(rte_raw_cksum(ip, sizeof(*ip)), 0xffff);
	assert_int_equal(rte_ipv4_udptcp_cksum_verify(ip, tcp), 0);
	assert_int_equal(rte_be_to_cpu_32(tcp->sent_seq), FIRST + from);
	assert_int_equal(
		tcp->tcp_flags, is_last ? RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG
					: RTE_TCP_ACK_FLAG);
	for (uint32_t i = 0; i < bytes; i++)
		assert_int_equal(frame[HEADERS + i], (from + i) % 251);
	assert_int_equal(segment->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_L4_MASK |
						     RTE_MBUF_F_TX_IP_CKSUM),
		0);
}

static void check_segments(uint32_t bytes)
{
	for (uint16_t i = 0; i < sent_count; i++)
		check_segment(sent[i], i * MSS, RTE_MIN(bytes - i * MSS, (uint32_t)MSS),
			i == sent_count - 1);
}

static void large_packet_is_cut(void **state)
{
	struct rte_mbuf *pkt = packet(4500, 2048);

	assert_int_equal(ft_gso_transmit(&gso, &pkt, 1), 1);
	assert_int_equal(sent_count, 5);
	check_segments(4500);
	assert_int_equal(gso.packets, 1);
}

static void device_without_chains_gets_each_in_one(void **state)
{
	struct rte_mbuf *pkt = packet(4500, 700);

	gso.takes_chains = false;
	assert_int_equal(ft_gso_transmit(&gso, &pkt, 1), 1);
	assert_int_equal(sent_count, 5);
	for (uint16_t i = 0; i < sent_count; i++)
		assert_int_equal(sent[i]->nb_segs, 1);
	check_segments(4500);
}

static void others_pass_in_their_order(void **state)
{
	struct rte_mbuf *pkts[] = { packet(10, 10), packet(2000, 2000), packet(20, 20),
		packet(3000, 2000) };

	assert_int_equal(ft_gso_transmit(&gso, pkts, 4), 4);
	assert_int_equal(sent_count, 7);
	assert_ptr_equal(sent[0], pkts[0]);
	assert_ptr_equal(sent[3], pkts[2]);
	check_segment(sent[2], MSS, MSS, true);
	check_segment(sent[6], 2 * MSS, MSS, true);
}

static void full_device_gets_the_rest_later(void **state)
{
	struct rte_mbuf *pkts[] = { packet(4500, 2048), packet(10, 10) };

	for (int i = 0; i < 4; i++) {
		room = 1;
		assert_int_equal(ft_gso_transmit(&gso, pkts, 2), 0);
	}
	room = 2;
	assert_int_equal(ft_gso_transmit(&gso, pkts, 2), 2);
	assert_ptr_equal(sent[5], pkts[1]);
	rte_pktmbuf_free(sent[--sent_count]);
	assert_int_equal(sent_count, 5);
	check_segments(4500);
	assert_int_equal(gso.packets, 1);
}

// The link went down: the caller has freed what was half sent, and comes with something else.
static void packet_given_up_is_forgotten(void **state)
{
	struct rte_mbuf *pkt = packet(4500, 2048);

	room = 2;
	assert_int_equal(ft_gso_transmit(&gso, &pkt, 1), 0);
	rte_pktmbuf_free(pkt);
	room = UINT16_MAX;
	forget_sent();
	pkt = packet(2500, 2048);
	assert_int_equal(ft_gso_transmit(&gso, &pkt, 1), 1);
	assert_int_equal(sent_count, 3);
	check_segments(2500);
}

static void no_packet_left_waits(void **state)
{
	struct rte_mbuf *pkt = packet(4500, 2048);

	ft_test_drain(pool, 3);
	assert_int_equal(ft_gso_transmit(&gso, &pkt, 1), 0);
	assert_int_equal(sent_count, 0);
	ft_test_refill();
	assert_int_equal(ft_gso_transmit(&gso, &pkt, 1), 1);
	check_segments(4500);
}

// What a packet socket would be given, told by a pair of local ones.
static int receiver;

static int begin_with_kernel(void **state)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0 || begin(state) != 0)
		return 1;
	ft_gso_free(&gso);
	gso.pieces = NULL;
	gso.kernel = pair[0];
	receiver = pair[1];
	return ft_gso_init(&gso, 64, SOCKET_ID_ANY);
}

static int end_with_kernel(void **state)
{
	forget_sent();
	ft_gso_free(&gso);
	return close(receiver) != 0 || rte_mempool_in_use_count(pool) != 0;
}

// The kernel is told where to cut and where to sum; the frame behind that is the packet, whole.
static void check_given_to_kernel(uint32_t bytes)
{
	static struct {
		struct virtio_net_hdr how;
		uint8_t frame[UINT16_MAX];
	} given;
	const struct rte_ipv4_hdr *ip = (const void *)(given.frame + ETHERNET);
	const struct rte_tcp_hdr *tcp = (const void *)(ip + 1);

	assert_int_equal(
		recv(receiver, &given, sizeof(given), 0), sizeof(given.how) + HEADERS + bytes);
	assert_int_equal(given.how.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(given.how.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(given.how.gso_size, MSS);
	assert_int_equal(given.how.hdr_len, HEADERS);
	assert_int_equal(given.how.csum_start, ETHERNET + sizeof(*ip));
	assert_int_equal(given.how.csum_offset, offsetof(struct rte_tcp_hdr, cksum));
	assert_int_equal(rte_be_to_cpu_16(ip->total_length), HEADERS - ETHERNET + bytes);
	assert_int_equal(tcp->cksum, rte_ipv4_phdr_cksum(ip, 0));
	assert_int_equal(tcp->tcp_flags, RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG | RTE_TCP_FIN_FLAG);
	for (uint32_t i = 0; i < bytes; i++)
		assert_int_equal(given.frame[HEADERS + i], i % 251);
}

static void kernel_is_given_large_packets_whole_and_the_driver_the_others(void **state)
{
	struct rte_mbuf *pkts[] = { packet(10, 10), packet(2500, 700), packet(20, 20) };
	struct rte_mbuf *small[] = { pkts[0], pkts[2] };

	assert_int_equal(ft_gso_transmit(&gso, pkts, 3), 3);
	assert_int_equal(sent_count, 2);
	assert_memory_equal(sent, small, sizeof(small));
	check_given_to_kernel(2500);
	assert_int_equal(gso.packets, 0);
	assert_int_equal(gso.kernel_packets, 1);
	assert_int_equal(gso.kernel_segments, 3);
	assert_int_equal(gso.kernel_bytes, 2500 + 3 * HEADERS);
}

static void kernel_without_room_gets_it_later(void **state)
{
	struct rte_mbuf *pkt;
	uint64_t given = 0;

	while (pkt = packet(30000, 2048), ft_gso_transmit(&gso, &pkt, 1) == 1)
		given++;
	assert_true(given > 0);
	assert_int_equal(gso.kernel_packets, given);
	check_given_to_kernel(30000);
	assert_int_equal(ft_gso_transmit(&gso, &pkt, 1), 1);
	for (; given > 0; given--)
		check_given_to_kernel(30000);
	assert_int_equal(recv(receiver, &(char){ 0 }, 1, 0), -1);
}

// As when the interface goes down: retransmission is TCP's.
static void kernel_that_refuses_loses_it(void **state)
{
	struct rte_mbuf *pkt = packet(2500, 2048);

	assert_int_equal(shutdown(gso.kernel, SHUT_WR), 0);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(ft_gso_transmit(&gso, &pkt, 1), 1);
	assert_int_equal(sent_count, 0);
	assert_int_equal(gso.kernel_packets, 0);
	assert_int_equal(gso.kernel_errors, 1);
}

static void no_interface_no_packet_socket(void **state)
{
	const int error = ft_kernel_gso_open("ft-nowhere");

	assert_int_equal(error, geteuid() == 0 ? -ENODEV : -EPERM);
}

#define TEST(name)	  cmocka_unit_test_setup_teardown(name, begin, end)
#define KERNEL_TEST(name) cmocka_unit_test_setup_teardown(name, begin_with_kernel, end_with_kernel)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(large_packet_is_cut),
		TEST(device_without_chains_gets_each_in_one),
		TEST(others_pass_in_their_order),
		TEST(full_device_gets_the_rest_later),
		TEST(packet_given_up_is_forgotten),
		TEST(no_packet_left_waits),
		KERNEL_TEST(kernel_is_given_large_packets_whole_and_the_driver_the_others),
		KERNEL_TEST(kernel_without_room_gets_it_later),
		KERNEL_TEST(kernel_that_refuses_loses_it),
		cmocka_unit_test(no_interface_no_packet_socket),
	};

	ft_test_start_eal();
	pool = ft_pkt_pool_create("packets", PACKETS - 1, 2048, SOCKET_ID_ANY);
	return cmocka_run_group_tests_name("drivers/gso", tests, NULL, NULL);
}
