#include "../host.h"
#include "../told.h"

#include <errno.h>
#include <string.h>

#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include "ip/icmp.h"

static uint8_t message[UINT16_MAX];
static uint8_t got[UINT16_MAX + 64];

static struct ft_addr addr(uint32_t ip4)
{
	return ft_addr_from_ip4(rte_cpu_to_be_32(ip4));
}

static void sign(uint32_t bytes)
{
	uint16_t checksum;

	memset(message + 2, 0, 2);
	checksum = ~rte_raw_cksum(message, bytes);
	memcpy(message + 2, &checksum, 2);
}

static void make_echo(uint32_t bytes)
{
	test_fill(message, bytes);
	message[0] = ICMP_ECHO;
	message[1] = 0;
	sign(bytes);
}

static enum ft_drop receive_to(uint32_t source, uint32_t destination, uint32_t bytes)
{
	return test_host_receive_ip4(&(struct test_ip4){
		.source = source,
		.destination = destination,
		.protocol = IPPROTO_ICMP,
		.tos = 0x20,
		.payload = message,
		.payload_bytes = bytes,
	});
}

static enum ft_drop receive(uint32_t bytes)
{
	return receive_to(TEST_PEER, TEST_US, bytes);
}

// ---- echo ----

static void check_echo_reply(uint32_t bytes)
{
	struct rte_ipv4_hdr ip;

	assert_int_equal(test_host_sent_datagram(0, &ip, got), 20 + bytes);
	assert_int_equal(ip.src_addr, RTE_BE32(TEST_US));
	assert_int_equal(ip.dst_addr, RTE_BE32(TEST_PEER));
	assert_int_equal(ip.next_proto_id, IPPROTO_ICMP);
	assert_int_equal(ip.type_of_service, 0x20);
	assert_int_equal(got[20], ICMP_ECHOREPLY);
	assert_int_equal(rte_raw_cksum(got + 20, bytes), 0xffff);
	assert_memory_equal(got + 24, message + 4, bytes - 4);
}

static void echo_of_any_size_is_answered(void **state)
{
	const uint32_t sizes[] = { 8, 9, 64, 65, 1479, 1480 };

	for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
		make_echo(sizes[i]);
		assert_int_equal(receive(sizes[i]), FT_TAKEN);
		assert_int_equal(host.sent_count, 1);
		check_echo_reply(sizes[i]);
		test_host_forget();
	}
	assert_int_equal(host.stack.counters.count[FT_COUNTER_ICMP_ECHO_REPLIES], 6);
}

static void echo_in_split_mbufs_is_answered(void **state)
{
	make_echo(101);
	for (host.segment_bytes = 1; host.segment_bytes < 140; host.segment_bytes++) {
		assert_int_equal(receive(101), FT_TAKEN);
		check_echo_reply(101);
		assert_true(host.sent[0]->nb_segs <= 8);
		test_host_forget();
	}
}

static void receive_in_fragments(uint32_t bytes, uint32_t step)
{
	for (uint32_t offset = 0; offset < bytes; offset += step)
		assert_int_equal(
			test_host_receive_ip4(&(struct test_ip4){
				.protocol = IPPROTO_ICMP,
				.tos = 0x20,
				.id = 9,
				.fragment = offset / 8 |
					    (offset + step < bytes ? RTE_IPV4_HDR_MF_FLAG : 0),
				.payload = message + offset,
				.payload_bytes = RTE_MIN(step, bytes - offset),
			}),
			FT_TAKEN);
}

static void echo_in_fragments_is_answered_in_fragments(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		host.stack.netif.offloads = i == 0 ? FT_OFFLOAD_MULTI_SEGMENT : 0;
		make_echo(65515);
		receive_in_fragments(65515, 1480);
		assert_int_equal(host.sent_count, 45);
		check_echo_reply(65515);
		test_host_forget();
		make_echo(1203);
		receive_in_fragments(1203, 8); // the chain is longer than a NIC takes
		assert_int_equal(host.sent_count, 1);
		check_echo_reply(1203);
		test_host_forget();
	}
}

static void echo_to_a_group_is_not_answered(void **state)
{
	make_echo(64);
	assert_int_equal(receive_to(TEST_PEER, TEST_BROADCAST, 64), FT_DROP_ICMP_IGNORED);
	assert_int_equal(receive_to(TEST_PEER, RTE_IPV4(224U, 0, 0, 1), 64), FT_DROP_ICMP_IGNORED);
	assert_int_equal(host.sent_count, 0);
}

static void short_or_broken_messages_are_dropped(void **state)
{
	make_echo(64);
	for (uint32_t bytes = 0; bytes < 8; bytes++)
		assert_int_equal(receive(bytes), FT_DROP_ICMP_SHORT);
	message[10] ^= 1;
	assert_int_equal(receive(64), FT_DROP_ICMP_BAD_CHECKSUM);
	message[10] ^= 1;
	assert_int_equal(receive(63), FT_DROP_ICMP_BAD_CHECKSUM);
	assert_int_equal(host.sent_count, 0);
}

static void types_that_hosts_ignore_are_ignored(void **state)
{
	for (int type = 0; type < 256; type++) {
		enum ft_drop reason;

		if (type == ICMP_ECHO || type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
			type == ICMP_PARAMETERPROB)
			continue;
		make_echo(64);
		message[0] = type;
		sign(64);
		reason = type == ICMP_ECHOREPLY ? FT_DROP_ICMP_NO_SOCKET : FT_DROP_ICMP_IGNORED;
		assert_int_equal(receive(64), reason);
	}
	assert_int_equal(host.sent_count + host.error_count, 0);
}

// ---- errors received ----

// An error about a packet of ours from port 1000 to port 7 of TEST_FAR, its sequence number
// 0x01020304.
static uint32_t make_error(uint8_t type, uint8_t code, uint8_t protocol)
{
	const uint8_t transport[8] = { 1000 >> 8, 1000 & 0xff, 0, 7, 1, 2, 3, 4 };
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = RTE_BE16(1500),
		.time_to_live = 1,
		.next_proto_id = protocol,
		.src_addr = RTE_BE32(TEST_US),
		.dst_addr = RTE_BE32(TEST_FAR),
	};

	memset(message, 0, 64);
	message[0] = type;
	message[1] = code;
	memcpy(message + 8, &ip, sizeof(ip));
	memcpy(message + 28, transport, sizeof(transport));
	sign(36);
	return 36;
}

static void error_is_handed_to_the_transport(void **state)
{
	const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	for (unsigned i = 0; i < RTE_DIM(protocols); i++) {
		make_error(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, protocols[i]);
		assert_int_equal(receive(36), FT_TAKEN);
		assert_int_equal(host.error_count, i + 1);
		assert_int_equal(host.error.error, ECONNREFUSED);
		assert_true(host.error.is_hard);
		assert_int_equal(host.error.mtu, 0);
		assert_int_equal(host.error.seq, 0x01020304);
		assert_int_equal(host.error.tuple.protocol, protocols[i]);
		assert_int_equal(host.error.tuple.local_port, 1000);
		assert_int_equal(host.error.tuple.remote_port, 7);
		assert_int_equal(ft_addr_ip4(&host.error.tuple.local), RTE_BE32(TEST_US));
		assert_int_equal(ft_addr_ip4(&host.error.tuple.remote), RTE_BE32(TEST_FAR));
	}
	assert_int_equal(host.stack.counters.count[FT_COUNTER_ICMP_ERRORS_RECEIVED], 2);
}

static void error_that_the_transport_refuses_is_dropped_for_its_reason(void **state)
{
	host.error_answer = FT_DROP_ICMP_REJECTED;
	make_error(ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, IPPROTO_TCP);
	assert_int_equal(receive(36), FT_DROP_ICMP_REJECTED);
	assert_int_equal(host.stack.counters.count[FT_COUNTER_ICMP_ERRORS_RECEIVED], 0);
}

static void errors_mean_what_they_mean_to_linux(void **state)
{
	static const struct {
		uint8_t type, code;
		int error;
		bool is_hard;
	} meanings[] = {
		{ ICMP_DEST_UNREACH, ICMP_NET_UNREACH, ENETUNREACH, false },
		{ ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, EHOSTUNREACH, false },
		{ ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, ENOPROTOOPT, true },
		{ ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, EMSGSIZE, false },
		{ ICMP_DEST_UNREACH, ICMP_SR_FAILED, EOPNOTSUPP, false },
		{ ICMP_DEST_UNREACH, ICMP_HOST_UNKNOWN, EHOSTDOWN, true },
		{ ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, EHOSTUNREACH, true },
		{ ICMP_DEST_UNREACH, ICMP_PREC_CUTOFF, EHOSTUNREACH, true },
		{ ICMP_DEST_UNREACH, 16, EHOSTUNREACH, false },
		{ ICMP_DEST_UNREACH, 255, EHOSTUNREACH, false },
		{ ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, EHOSTUNREACH, false },
		{ ICMP_PARAMETERPROB, 0, EPROTO, false },
	};

	for (unsigned i = 0; i < RTE_DIM(meanings); i++) {
		make_error(meanings[i].type, meanings[i].code, IPPROTO_TCP);
		assert_int_equal(receive(36), FT_TAKEN);
		assert_int_equal(host.error.error, meanings[i].error);
		assert_int_equal(host.error.is_hard, meanings[i].is_hard);
	}
}

static uint32_t mtu_told(uint16_t next_hop_mtu, uint16_t packet_bytes)
{
	make_error(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, IPPROTO_TCP);
	message[6] = next_hop_mtu >> 8;
	message[7] = next_hop_mtu & 0xff;
	message[10] = packet_bytes >> 8;
	message[11] = packet_bytes & 0xff;
	sign(36);
	assert_int_equal(receive(36), FT_TAKEN);
	return host.error.mtu;
}

static void fragmentation_needed_tells_the_mtu(void **state)
{
	assert_int_equal(mtu_told(1400, 1500), 1400);
	assert_int_equal(mtu_told(0, 1500), 1492);
	assert_int_equal(mtu_told(0, 1492), 1006);
	assert_int_equal(mtu_told(0, 65535), 32000);
	assert_int_equal(mtu_told(0, 100), 68);
	// The transport decides whether to believe it.
	assert_int_equal(host.stack.ip.routes.paths_expire, 0);
}

static void short_quotes_are_dropped(void **state)
{
	for (uint32_t bytes = 8; bytes < 36; bytes++) {
		make_error(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, IPPROTO_UDP);
		sign(bytes);
		assert_int_equal(receive(bytes), FT_DROP_ICMP_BAD_QUOTE);
	}
	assert_int_equal(host.error_count, 0);
}

static enum ft_drop receive_error_with(uint32_t offset, uint8_t value)
{
	make_error(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, IPPROTO_UDP);
	message[8 + offset] = value;
	sign(36);
	return receive(36);
}

static void quotes_not_of_ours_are_dropped(void **state)
{
	assert_int_equal(receive_error_with(0, 0x65), FT_DROP_ICMP_BAD_QUOTE);
	assert_int_equal(receive_error_with(0, 0x44), FT_DROP_ICMP_BAD_QUOTE);
	assert_int_equal(receive_error_with(0, 0x4f), FT_DROP_ICMP_BAD_QUOTE);
	assert_int_equal(receive_error_with(7, 1), FT_DROP_ICMP_BAD_QUOTE);  // a later fragment
	assert_int_equal(receive_error_with(15, 9), FT_DROP_ICMP_BAD_QUOTE); // another's source
	assert_int_equal(receive_error_with(9, IPPROTO_ICMP), FT_DROP_ICMP_NO_SOCKET);
	assert_int_equal(host.error_count, 0);
	make_error(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, IPPROTO_UDP);
	assert_int_equal(receive_to(TEST_PEER, TEST_BROADCAST, 36), FT_DROP_ICMP_IGNORED);
	assert_int_equal(host.error_count, 0);
}

// ---- errors sent ----

// A packet as if just received and parsed, with `bytes` behind the IP header.
static struct rte_mbuf *make_received(uint8_t protocol, uint32_t bytes, uint8_t flags)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(host.receive_pool);
	struct test_ip4 what = { .protocol = protocol, .payload = message, .payload_bytes = bytes };
	struct ft_pkt_info *info = ft_pkt_info_clear(pkt);
	uint8_t frame[2048];
	uint32_t frame_bytes = test_frame_ip4(frame, &what);

	memcpy(rte_pktmbuf_append(pkt, frame_bytes), frame, frame_bytes);
	info->tuple.local = addr(TEST_US);
	info->tuple.remote = addr(TEST_PEER);
	info->tuple.protocol = protocol;
	info->ip_offset = 14;
	info->transport_offset = 34;
	info->flags = flags;
	return pkt;
}

static void send_error(struct rte_mbuf *pkt, enum ft_icmp_reason reason)
{
	ft_icmp_send_error(&host.stack, pkt, reason, host.now);
	rte_pktmbuf_free(pkt);
	ft_stack_poll(&host.stack, host.now);
}

static void check_error_sent(uint8_t type, uint8_t code, uint32_t quoted)
{
	struct rte_ipv4_hdr ip;

	assert_int_equal(host.sent_count, 1);
	assert_int_equal(test_host_sent_datagram(0, &ip, got), 28 + quoted);
	assert_int_equal(ip.src_addr, RTE_BE32(TEST_US));
	assert_int_equal(ip.dst_addr, RTE_BE32(TEST_PEER));
	assert_int_equal(got[20], type);
	assert_int_equal(got[21], code);
	assert_int_equal(rte_raw_cksum(got + 20, 8 + quoted), 0xffff);
	assert_int_equal(got[28], 0x45);
	assert_memory_equal(got + 48, message, quoted - 20);
	test_host_forget();
}

static void error_quotes_as_much_as_fits(void **state)
{
	test_fill(message, 1480);
	send_error(make_received(IPPROTO_UDP, 8, 0), FT_ICMP_PORT_UNREACHABLE);
	check_error_sent(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 28);
	send_error(make_received(IPPROTO_UDP, 1480, 0), FT_ICMP_PORT_UNREACHABLE);
	check_error_sent(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 548);
	send_error(make_received(99, 0, 0), FT_ICMP_PROTOCOL_UNREACHABLE);
	check_error_sent(ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 20);
	send_error(make_received(IPPROTO_UDP, 100, 0), FT_ICMP_REASSEMBLY_TIMEOUT);
	check_error_sent(ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 120);
}

static void no_error_about_groups_errors_or_later_fragments(void **state)
{
	struct rte_mbuf *pkt;

	test_fill(message, 100);
	send_error(make_received(IPPROTO_UDP, 8, FT_PKT_IP_GROUP), FT_ICMP_PORT_UNREACHABLE);
	send_error(make_received(IPPROTO_UDP, 8, FT_PKT_LINK_GROUP), FT_ICMP_PORT_UNREACHABLE);
	pkt = make_received(IPPROTO_UDP, 8, 0);
	rte_pktmbuf_mtod(pkt, uint8_t *)[14 + 7] = 1;
	send_error(pkt, FT_ICMP_PORT_UNREACHABLE);
	message[0] = ICMP_DEST_UNREACH;
	send_error(make_received(IPPROTO_ICMP, 64, 0), FT_ICMP_REASSEMBLY_TIMEOUT);
	send_error(make_received(IPPROTO_ICMP, 0, 0), FT_ICMP_REASSEMBLY_TIMEOUT);
	assert_int_equal(host.sent_count, 0);
	message[0] = ICMP_ECHO;
	send_error(make_received(IPPROTO_ICMP, 64, 0), FT_ICMP_REASSEMBLY_TIMEOUT);
	check_error_sent(ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 84);
}

// How many of `count` errors asked for at one moment are sent.
static uint32_t errors_sent_of(uint32_t count)
{
	uint64_t before = host.stack.counters.count[FT_COUNTER_ICMP_ERRORS_SENT];

	for (uint32_t i = 0; i < count; i++) {
		send_error(make_received(IPPROTO_UDP, 8, 0), FT_ICMP_PORT_UNREACHABLE);
		test_host_forget();
	}
	return host.stack.counters.count[FT_COUNTER_ICMP_ERRORS_SENT] - before;
}

static void errors_are_limited_to_the_rate(void **state)
{
	uint32_t sent = errors_sent_of(1000);

	assert_in_range(sent, 25, 90);
	assert_int_equal(host.stack.counters.dropped_output[FT_DROP_ICMP_RATE_LIMIT], 1000 - sent);
	sent = 0;
	for (int i = 0; i < 1000; i++) {
		host.now += FT_MILLISECOND;
		sent += errors_sent_of(5);
	}
	assert_in_range(sent, 900, 1100);
}

// SAD DNS: who fills the bucket again and again must not get the same number each time.
static void limit_cannot_be_counted(void **state)
{
	uint32_t different = 0, last = 0;

	for (int i = 0; i < 50; i++) {
		uint32_t sent;

		host.now += FT_SECOND;
		sent = errors_sent_of(200);
		different += sent != last;
		last = sent;
	}
	assert_true(different > 25);
}

static void rate_zero_sends_none(void **state)
{
	host.config.ip.icmp_rate = 0;
	test_host_restart();
	assert_int_equal(errors_sent_of(10), 0);
}

static void unreachable_neighbour_is_reported(void **state)
{
	struct rte_mbuf *pkt;

	memcpy(message, (const uint8_t[]){ 1000 >> 8, 1000 & 0xff, 0, 7, 1, 2, 3, 4 }, 8);
	pkt = make_received(IPPROTO_TCP, 20, 0);
	rte_pktmbuf_adj(pkt, 14);
	ft_icmp_report_unreachable(&host.stack, pkt, host.now);
	assert_int_equal(host.error_count, 1);
	assert_int_equal(host.error.error, EHOSTUNREACH);
	assert_true(host.error.is_hard);
	assert_int_equal(host.error.seq, 0x01020304);
	assert_int_equal(host.error.tuple.local_port, 1000);
	rte_pktmbuf_free(pkt);
}

// ---- what the trace tells ----

static void echo_is_told(void **state)
{
	told_listen(&host.stack, FT_TRACE_ICMP | FT_TRACE_ETH);
	make_echo(100);
	receive(100);
	told_expect(
		"eth #1 frame of 134 bytes from 02:00:00:00:00:01 to 02:00:00:00:00:02, EtherType 0x0800\n"
		"icmp #1 echo request (type 8, code 0)\n"
		"icmp #1 sends echo reply to 10.9.0.1\n"
		"eth #1 10.9.0.2:0 -> 10.9.0.1:0 frame of 134 bytes to 02:00:00:00:00:01\n");
}

static void errors_are_told_with_what_caused_them(void **state)
{
	told_listen(&host.stack, FT_TRACE_ICMP);
	receive(make_error(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, IPPROTO_UDP));
	host.error_answer = FT_DROP_ICMP_NO_SOCKET;
	receive(make_error(ICMP_TIME_EXCEEDED, 0, IPPROTO_TCP));
	make_error(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, IPPROTO_TCP);
	message[6] = 1280 >> 8;
	message[7] = 1280 & 0xff;
	sign(36);
	receive(36);
	told_expect(
		"icmp #1 port unreachable (type 3, code 3)\n"
		"icmp #1 10.9.0.2:1000 -> 192.0.2.7:7 had caused it: Connection refused; its socket is told\n"
		"icmp #2 time exceeded (type 11, code 0)\n"
		"icmp #2 10.9.0.2:1000 -> 192.0.2.7:7 had caused it: No route to host\n"
		"icmp #3 fragmentation needed (type 3, code 4)\n"
		"icmp #3 10.9.0.2:1000 -> 192.0.2.7:7 had caused it: Message too long, the path takes 1280 bytes\n");
}

static void error_sent_is_told(void **state)
{
	test_fill(message, 100);
	told_listen(&host.stack, FT_TRACE_ICMP);
	send_error(make_received(IPPROTO_UDP, 100, 0), FT_ICMP_PORT_UNREACHABLE);
	told_expect("icmp sends port unreachable to 10.9.0.1\n");
	test_host_forget();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_host_start, test_host_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(echo_of_any_size_is_answered),
		TEST(echo_in_split_mbufs_is_answered),
		TEST(echo_in_fragments_is_answered_in_fragments),
		TEST(echo_to_a_group_is_not_answered),
		TEST(short_or_broken_messages_are_dropped),
		TEST(types_that_hosts_ignore_are_ignored),
		TEST(error_is_handed_to_the_transport),
		TEST(error_that_the_transport_refuses_is_dropped_for_its_reason),
		TEST(errors_mean_what_they_mean_to_linux),
		TEST(fragmentation_needed_tells_the_mtu),
		TEST(short_quotes_are_dropped),
		TEST(quotes_not_of_ours_are_dropped),
		TEST(error_quotes_as_much_as_fits),
		TEST(no_error_about_groups_errors_or_later_fragments),
		TEST(errors_are_limited_to_the_rate),
		TEST(limit_cannot_be_counted),
		TEST(rate_zero_sends_none),
		TEST(unreachable_neighbour_is_reported),
		TEST(echo_is_told),
		TEST(errors_are_told_with_what_caused_them),
		TEST(error_sent_is_told),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, test_host_make_pools, test_host_free_pools);
}
