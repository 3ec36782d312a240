// Datagrams as bytes: the checks of the header, who gets what, and ICMP errors about ours.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_ip.h>
#include <rte_udp.h>

#include "../recorded.h"
#include "../shim/shim_support.h"
#include "base/recorder.h"
#include "shim/call.h"
#include "udp/udp_queue.h"

#define STRANGER 0x0a090007

// A datagram as IP hands it over: from 10.9.0.7:9 to `ip`:`port`, the UDP header `length` and
// checksum as given, `payload` bytes behind it.
static struct rte_mbuf *arriving(uint32_t ip, uint16_t port, uint16_t length, uint16_t payload)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(lone.stack.receive_pool);
	struct ft_pkt_info *info = ft_pkt_info_clear(pkt);
	struct rte_ipv4_hdr *header;
	struct rte_udp_hdr *udp;

	header = (struct rte_ipv4_hdr *)rte_pktmbuf_append(pkt, sizeof(*header));
	udp = (struct rte_udp_hdr *)rte_pktmbuf_append(pkt, sizeof(*udp));
	memset(rte_pktmbuf_append(pkt, payload), 'p', payload);
	*header = (struct rte_ipv4_hdr){ .version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16(pkt->pkt_len),
		.next_proto_id = IPPROTO_UDP,
		.src_addr = rte_cpu_to_be_32(STRANGER),
		.dst_addr = rte_cpu_to_be_32(ip) };
	*udp = (struct rte_udp_hdr){ .src_port = rte_cpu_to_be_16(9),
		.dst_port = rte_cpu_to_be_16(port),
		.dgram_len = rte_cpu_to_be_16(length) };
	info->transport_offset = sizeof(*header);
	info->tuple.local = ft_addr_from_ip4(header->dst_addr);
	info->tuple.remote = ft_addr_from_ip4(header->src_addr);
	info->tuple.protocol = IPPROTO_UDP;
	return pkt;
}

static struct rte_udp_hdr *header_of(struct rte_mbuf *pkt)
{
	return rte_pktmbuf_mtod_offset(pkt, struct rte_udp_hdr *, sizeof(struct rte_ipv4_hdr));
}

static enum ft_drop parse(struct rte_mbuf *pkt)
{
	enum ft_drop reason = ft_udp_parse(&lone.stack, pkt);

	rte_pktmbuf_free(pkt);
	return reason;
}

// ---- parsing ----

static void sound_header_parse_fills_the_info(void **state)
{
	struct rte_mbuf *pkt = arriving(OURS, 7, 13, 5);
	struct ft_pkt_info *info = ft_pkt_info(pkt);

	assert_int_equal(ft_udp_parse(&lone.stack, pkt), FT_TAKEN);
	assert_int_equal(info->kind, FT_PKT_UDP);
	assert_int_equal(info->tuple.local_port, 7);
	assert_int_equal(info->tuple.remote_port, 9);
	assert_int_equal(info->payload_offset, 28);
	assert_int_equal(info->payload_length, 5);
	rte_pktmbuf_free(pkt);
}

static void wrong_length_parse_is_short(void **state)
{
	struct rte_mbuf *pkt;

	assert_int_equal(parse(arriving(OURS, 7, 0, 5)), FT_DROP_UDP_SHORT);
	assert_int_equal(parse(arriving(OURS, 7, 7, 5)), FT_DROP_UDP_SHORT);
	assert_int_equal(parse(arriving(OURS, 7, 14, 5)), FT_DROP_UDP_SHORT);
	assert_int_equal(parse(arriving(OURS, 7, 65535, 5)), FT_DROP_UDP_SHORT);
	assert_int_equal(parse(arriving(OURS, 7, 8, 0)), FT_TAKEN);
	for (int cut = 1; cut <= 8; cut++) {
		pkt = arriving(OURS, 7, 8, 0);
		rte_pktmbuf_trim(pkt, cut);
		assert_int_equal(parse(pkt), FT_DROP_UDP_SHORT);
	}
}

// What IP carries behind the datagram is not the datagram's.
static void longer_packet_parse_cuts_it(void **state)
{
	struct rte_mbuf *pkt = arriving(OURS, 7, 10, 5);

	assert_int_equal(ft_udp_parse(&lone.stack, pkt), FT_TAKEN);
	assert_int_equal(ft_pkt_info(pkt)->payload_length, 2);
	assert_int_equal(pkt->pkt_len, 30);
	rte_pktmbuf_free(pkt);
}

static void checksum_parse_is_verified_unless_zero(void **state)
{
	struct rte_mbuf *pkt = arriving(OURS, 7, 13, 5);
	uint16_t right;

	header_of(pkt)->dgram_cksum =
		rte_ipv4_udptcp_cksum(rte_pktmbuf_mtod(pkt, void *), header_of(pkt));
	right = header_of(pkt)->dgram_cksum;
	assert_int_equal(parse(pkt), FT_TAKEN);
	pkt = arriving(OURS, 7, 13, 5);
	header_of(pkt)->dgram_cksum = right ^ 0x0100;
	assert_int_equal(parse(pkt), FT_DROP_UDP_BAD_CHECKSUM);
}

static void port_zero_parse_is_refused(void **state)
{
	assert_int_equal(parse(arriving(OURS, 0, 13, 5)), FT_DROP_UDP_BAD_PORT);
}

// ---- delivery ----

static enum ft_drop input(uint32_t ip, uint16_t port, uint8_t flags)
{
	struct rte_mbuf *pkt = arriving(ip, port, 9, 1);
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct ft_udp_socket *candidate = NULL;
	enum ft_drop reason;
	uint32_t index;

	assert_int_equal(ft_udp_parse(&lone.stack, pkt), FT_TAKEN);
	info->flags |= flags;
	info->hash = ft_tuple_hash(&lone.stack.key, &info->tuple);
	index = ft_conn_table_find(&lone.stack.udp.connected, &info->tuple, info->hash);
	if (index != FT_CONN_NONE)
		candidate = ft_pool_at(&lone.stack.udp.sockets, index);
	reason = ft_udp_input(&lone.stack, pkt, candidate, lone.now);
	if (reason != FT_TAKEN)
		rte_pktmbuf_free(pkt);
	return reason;
}

static int bytes_waiting(int fd)
{
	int bytes;

	assert_int_equal(ft_ioctl(fd, FIONREAD, &bytes), 0);
	return bytes;
}

static int new_named(uint32_t ip, uint16_t port)
{
	int fd = new_udp();

	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	assert_int_equal(bind_to(fd, ip, port), 0);
	return fd;
}

static void most_specific_socket_gets_the_datagram(void **state)
{
	int any = new_named(ANY, 7000), ours = new_named(OURS, 7000);
	int peers = new_named(OURS, 7000);

	assert_int_equal(connect_to(peers, STRANGER, 9), 0);
	assert_int_equal(input(OURS, 7000, 0), FT_TAKEN);
	assert_int_equal(bytes_waiting(peers), 1);
	ft_close(peers);
	assert_int_equal(input(OURS, 7000, 0), FT_TAKEN);
	assert_int_equal(bytes_waiting(ours), 1);
	assert_int_equal(bytes_waiting(any), 0);
	ft_close(ours);
	assert_int_equal(input(OURS, 7000, 0), FT_TAKEN);
	assert_int_equal(bytes_waiting(any), 1);
}

static void nobody_bound_input_is_answered_unreachable(void **state)
{
	uint64_t sent = lone.stack.counters.count[FT_COUNTER_ICMP_ERRORS_SENT];

	assert_int_equal(input(OURS, 7000, 0), FT_DROP_UDP_NO_SOCKET);
	assert_int_equal(lone.stack.counters.count[FT_COUNTER_ICMP_ERRORS_SENT], sent + 1);
	assert_int_equal(input(0x0a0900ff, 7000, FT_PKT_IP_GROUP), FT_DROP_UDP_NO_SOCKET);
	assert_int_equal(lone.stack.counters.count[FT_COUNTER_ICMP_ERRORS_SENT], sent + 1);
}

static void broadcast_reaches_every_socket(void **state)
{
	int fds[3] = { new_named(ANY, 7000), new_named(ANY, 7000), new_named(0x0a0900ff, 7000) };
	int ours = new_named(OURS, 7000), other = new_named(ANY, 7001);
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	char byte;

	assert_int_equal(input(0x0a0900ff, 7000, FT_PKT_IP_GROUP), FT_TAKEN);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ft_recvfrom(fds[i], &byte, 1, MSG_DONTWAIT,
					 (struct sockaddr *)&from, &length),
			1);
		assert_int_equal(byte, 'p');
		assert_int_equal(from.sin_addr.s_addr, htonl(STRANGER));
	}
	assert_int_equal(bytes_waiting(ours), 0);
	assert_int_equal(bytes_waiting(other), 0);
}

// All but the last get copies: without packets for them, that one alone is served.
static void no_packet_left_broadcast_reaches_the_last(void **state)
{
	const uint64_t *dropped = &lone.stack.counters.dropped_late[FT_DROP_NO_MBUF];
	int fds[3] = { new_named(ANY, 7000), new_named(ANY, 7000), new_named(ANY, 7000) };
	int got = 0;

	ft_test_drain(lone.stack.receive_pool, 1);
	assert_int_equal(input(0x0a0900ff, 7000, FT_PKT_IP_GROUP), FT_TAKEN);
	assert_int_equal(*dropped, 2);
	ft_test_refill();
	for (int i = 0; i < 3; i++)
		got += bytes_waiting(fds[i]);
	assert_int_equal(got, 1);
	assert_int_equal(input(0x0a0900ff, 7000, FT_PKT_IP_GROUP), FT_TAKEN);
	assert_int_equal(*dropped, 2);
	assert_int_equal(lone.stack.receive_held.mbufs.used, 4);
}

// Input of a broadcast datagram with the capture on: what its frame's comment says, into `comment`.
static enum ft_drop recorded_input(char *comment)
{
	char path[] = "/tmp/ft-test-udp-XXXXXX";
	struct rte_mbuf *pkt = arriving(0x0a0900ff, 7000, 13, 5);
	struct ft_recorded recorded;
	struct ft_recorded_frame frame;
	enum ft_drop reason;
	uint64_t lost = 0;

	close(mkstemp(path));
	lone.stack.recorder = ft_recorder_open(path, "nic", 2048, 0, &lost);
	assert_non_null(lone.stack.recorder);
	ft_recorder_receive(lone.stack.recorder, &pkt, 1, lone.now);
	ft_pkt_info(pkt)->flags |= FT_PKT_IP_GROUP;
	assert_int_equal(ft_udp_parse(&lone.stack, pkt), FT_TAKEN);
	reason = ft_udp_input(&lone.stack, pkt, NULL, lone.now);
	if (reason != FT_TAKEN) {
		ft_recorder_drop(lone.stack.recorder, pkt, reason);
		rte_pktmbuf_free(pkt);
	}
	ft_recorder_received(lone.stack.recorder);
	ft_recorder_close(lone.stack.recorder);
	lone.stack.recorder = NULL;
	assert_true(ft_recorded_open(&recorded, path));
	unlink(path);
	assert_true(ft_recorded_next(&recorded, &frame));
	strcpy(comment, frame.comment);
	ft_recorded_close(&recorded);
	return reason;
}

static struct ft_udp_socket *udp_of(int fd)
{
	struct ft_stack *stack;

	return ft_call_socket(fd, &stack)->udp;
}

// It is full with one datagram.
static int new_with_room_for_one(void)
{
	int fd = new_named(ANY, 7000);

	udp_of(fd)->receive_bytes.limit = 1;
	return fd;
}

// Whichever of them it is: the last one, too, which gets the packet itself.
static void one_queue_full_broadcast_reaches_the_others(void **state)
{
	const struct ft_counters *counters = &lone.stack.counters;
	char comment[FT_PCAPNG_COMMENT_MAX + 1], wanted[FT_PCAPNG_COMMENT_MAX + 1];
	int fds[3];

	for (int full = 0; full < 3; full++) {
		for (int i = 0; i < 3; i++)
			fds[i] = i == full ? new_with_room_for_one() : new_named(ANY, 7000);
		assert_int_equal(recorded_input(comment), FT_TAKEN);
		assert_string_equal(comment, "");
		assert_int_equal(recorded_input(comment), FT_TAKEN);
		snprintf(wanted, sizeof(wanted),
			"fd %d's copy: udp_queue_full: the UDP socket's receive buffer is full",
			fds[full]);
		assert_string_equal(comment, wanted);
		assert_int_equal(counters->dropped_late[FT_DROP_UDP_QUEUE_FULL], full + 1);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(udp_of(fds[i])->received.count, i == full ? 1 : 2);
			ft_close(fds[i]);
		}
	}
	assert_int_equal(counters->dropped_input[FT_DROP_UDP_QUEUE_FULL], 0);
}

static void all_queues_full_broadcast_names_each(void **state)
{
	char comment[FT_PCAPNG_COMMENT_MAX + 1], start[FT_PCAPNG_COMMENT_MAX + 1];
	int fds[2] = { new_with_room_for_one(), new_with_room_for_one() };

	assert_int_equal(recorded_input(comment), FT_TAKEN);
	assert_int_equal(recorded_input(comment), FT_TAKEN);
	for (int i = 0; i < 2; i++) {
		snprintf(start, sizeof(start), "fd %d's copy: udp_queue_full: ", fds[i]);
		assert_non_null(strstr(comment, start));
	}
	assert_non_null(strstr(comment, "buffer is full; fd "));
}

static void only_queue_full_broadcast_is_dropped(void **state)
{
	char comment[FT_PCAPNG_COMMENT_MAX + 1];

	new_with_room_for_one();
	assert_int_equal(recorded_input(comment), FT_TAKEN);
	assert_int_equal(recorded_input(comment), FT_DROP_UDP_QUEUE_FULL);
	assert_string_equal(comment, "udp_queue_full: the UDP socket's receive buffer is full");
}

static void no_memory_for_queues_input_is_dropped(void **state)
{
	int fd = new_named(ANY, 7000);
	uint64_t limit = lone.stack.receive_held.mbufs.limit;
	char byte;

	lone.stack.receive_held.mbufs.limit = 1;
	ft_test_drain(lone.stack.receive_held.small_pool, 0);
	assert_int_equal(input(OURS, 7000, 0), FT_TAKEN);
	assert_int_equal(input(OURS, 7000, 0), FT_DROP_RECEIVE_MEMORY);
	assert_int_equal(ft_recv(fd, &byte, 1, 0), 1);
	assert_int_equal(input(OURS, 7000, 0), FT_TAKEN);
	lone.stack.receive_held.mbufs.limit = limit;
	ft_test_refill();
}

// Small datagrams that nobody reads leave half of the large buffers to the others.
static void unread_small_datagrams_wait_in_small_buffers(void **state)
{
	int fd = new_named(ANY, 7000);
	uint64_t limit = lone.stack.receive_held.mbufs.limit;
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	char bytes[64];

	lone.stack.receive_held.mbufs.limit = 8;
	for (int i = 0; i < 20; i++)
		assert_int_equal(input(OURS, 7000, 0), FT_TAKEN);
	assert_int_equal(lone.stack.receive_held.mbufs.used, 4);
	assert_int_equal(rte_mempool_in_use_count(lone.stack.receive_held.small_pool), 16);
	for (int i = 0; i < 20; i++) {
		assert_true(ft_recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from,
				    &length) > 0);
		assert_int_equal(bytes[0], 'p');
		assert_int_equal(from.sin_addr.s_addr, RTE_BE32(STRANGER));
		assert_int_equal(from.sin_port, RTE_BE16(9));
	}
	assert_int_equal(lone.stack.receive_held.mbufs.used, 0);
	lone.stack.receive_held.mbufs.limit = limit;
}

// A datagram in many small buffers is charged for all of them.
static void scattered_datagram_is_charged_whole(void **state)
{
	int fd = new_named(ANY, 7000);
	struct ft_udp_socket *udp = ft_pool_at(&lone.stack.udp.sockets, 0);
	struct rte_mbuf *pkt = arriving(OURS, 7000, 12, 0);
	uint64_t one;

	assert_int_equal(input(OURS, 7000, 0), FT_TAKEN);
	one = udp->receive_bytes.used;
	assert_true(one > 2048);
	for (int i = 0; i < 4; i++) {
		struct rte_mbuf *part = rte_pktmbuf_alloc(lone.stack.receive_pool);

		*rte_pktmbuf_append(part, 1) = 'a' + i;
		assert_int_equal(rte_pktmbuf_chain(pkt, part), 0);
	}
	assert_int_equal(ft_udp_parse(&lone.stack, pkt), FT_TAKEN);
	assert_int_equal(ft_udp_input(&lone.stack, pkt, NULL, lone.now), FT_TAKEN);
	assert_int_equal(udp->receive_bytes.used, 6 * one);
	assert_int_equal(lone.stack.receive_held.mbufs.used, 6);

	char bytes[3], rest[10];
	struct iovec iov[] = { { bytes, 3 }, { rest, 10 } };

	assert_int_equal(ft_recv(fd, bytes, 1, 0), 1);
	assert_int_equal(ft_readv(fd, iov, 2), 4);
	assert_memory_equal(bytes, "abc", 3);
	assert_int_equal(rest[0], 'd');
	assert_int_equal(udp->receive_bytes.used, 0);
}

// ---- ICMP errors ----

static struct ft_icmp_error error_about(int fd, uint32_t ip, uint16_t port)
{
	return (struct ft_icmp_error){ .error = ECONNREFUSED,
		.is_hard = true,
		.tuple = { .local = ft_addr_from_ip4(htonl(OURS)),
			.remote = ft_addr_from_ip4(htonl(ip)),
			.local_port = port_of(fd),
			.remote_port = port,
			.protocol = IPPROTO_UDP } };
}

static void connected_error_about_the_peer_is_told(void **state)
{
	int fd = new_udp();
	struct ft_icmp_error error;

	assert_int_equal(connect_to(fd, STRANGER, 9), 0);
	error = error_about(fd, STRANGER, 10);
	assert_int_equal(ft_udp_error(&lone.stack, &error, lone.now), FT_DROP_ICMP_NO_SOCKET);
	error = error_about(fd, STRANGER, 9);
	assert_int_equal(ft_udp_error(&lone.stack, &error, lone.now), FT_TAKEN);
	assert_int_equal(get_option(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
}

static void unconnected_error_is_ignored(void **state)
{
	int fd = new_named(ANY, 7000);
	struct ft_icmp_error error = error_about(fd, STRANGER, 9);

	assert_int_equal(ft_udp_error(&lone.stack, &error, lone.now), FT_DROP_ICMP_NO_SOCKET);
	assert_int_equal(get_option(fd, SOL_SOCKET, SO_ERROR), 0);
}

static uint16_t mtu_to(uint32_t ip)
{
	struct ft_addr addr = ft_addr_from_ip4(htonl(ip));
	struct ft_route route;

	assert_int_equal(ft_route_find(&lone.stack, &addr, lone.now, &route), 0);
	return route.mtu;
}

static void too_big_error_lowers_the_mtu(void **state)
{
	int fd = new_udp(), strict = new_udp();
	struct ft_icmp_error error;

	set_option(strict, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	assert_int_equal(connect_to(fd, STRANGER, 9), 0);
	assert_int_equal(connect_to(strict, STRANGER, 9), 0);
	error = error_about(fd, STRANGER, 9);
	error.error = EMSGSIZE;
	error.mtu = 1300;
	assert_int_equal(ft_udp_error(&lone.stack, &error, lone.now), FT_TAKEN);
	assert_int_equal(mtu_to(STRANGER), 1300);
	assert_int_equal(get_option(fd, SOL_SOCKET, SO_ERROR), 0); // its datagrams are cut
	assert_int_equal(get_option(strict, IPPROTO_IP, IP_MTU), 1300);
	error = error_about(strict, STRANGER, 9);
	error.error = EMSGSIZE;
	error.mtu = 1200;
	assert_int_equal(ft_udp_error(&lone.stack, &error, lone.now), FT_TAKEN);
	assert_int_equal(get_option(strict, SOL_SOCKET, SO_ERROR), EMSGSIZE);
}

static void nobodys_too_big_error_changes_nothing(void **state)
{
	int fd = new_named(ANY, 7000);
	struct ft_icmp_error error = error_about(fd, STRANGER, 9);

	error.mtu = 1300;
	error.tuple.local_port = 7001;
	assert_int_equal(ft_udp_error(&lone.stack, &error, lone.now), FT_DROP_ICMP_NO_SOCKET);
	assert_int_equal(mtu_to(STRANGER), 1500);
	error.tuple.local_port = 7000;
	assert_int_equal(ft_udp_error(&lone.stack, &error, lone.now), FT_TAKEN);
	assert_int_equal(mtu_to(STRANGER), 1300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lone_test(sound_header_parse_fills_the_info),
		lone_test(wrong_length_parse_is_short),
		lone_test(longer_packet_parse_cuts_it),
		lone_test(checksum_parse_is_verified_unless_zero),
		lone_test(port_zero_parse_is_refused),
		lone_test(most_specific_socket_gets_the_datagram),
		lone_test(nobody_bound_input_is_answered_unreachable),
		lone_test(broadcast_reaches_every_socket),
		lone_test(no_packet_left_broadcast_reaches_the_last),
		lone_test(one_queue_full_broadcast_reaches_the_others),
		lone_test(all_queues_full_broadcast_names_each),
		lone_test(only_queue_full_broadcast_is_dropped),
		lone_test(no_memory_for_queues_input_is_dropped),
		lone_test(unread_small_datagrams_wait_in_small_buffers),
		lone_test(scattered_datagram_is_charged_whole),
		lone_test(connected_error_about_the_peer_is_told),
		lone_test(unconnected_error_is_ignored),
		lone_test(too_big_error_lowers_the_mtu),
		lone_test(nobodys_too_big_error_changes_nothing),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
