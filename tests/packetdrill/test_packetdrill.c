// Drives the object as packetdrill does: preloaded (meson.build) and opened by name, and then only through
// the pointers it fills in. The other end of the wire is this file.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drill_interface.h"

#ifndef __has_feature
#define __has_feature(name) 0 // gcc has it not
#endif
#define POINTERS     33
#define PACKET_BYTES 2048
#define PEER_PORT    40000
#define PORT	     8080
#define PEER_ISS     1000
#define SECOND	     1000000ll // times here are microseconds

// A TCP segment in an IP packet, in the order of this machine.
struct segment {
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;
	uint8_t options[40];
	uint32_t option_bytes;
	const char *text;
	uint32_t text_bytes;
};

static struct packetdrill_interface drill;
static uint8_t packet[PACKET_BYTES];
static uint32_t iss; // the stack's, from its SYN-ACK
static int listener, conn;

// ---- packets ----

static uint32_t sum(const void *bytes, size_t count, uint32_t before)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < count; i++)
		before += (uint32_t)at[i] << (i % 2 == 0 ? 8 : 0);
	while (before > 0xffff)
		before = (before & 0xffff) + (before >> 16);
	return before;
}

// Of the segment with its pseudo header (RFC 9293 3.1); 0xffff when the checksum in it is right.
static uint32_t segment_sum(const struct iphdr *ip, size_t bytes)
{
	uint32_t before = sum(&ip->saddr, 8, IPPROTO_TCP + (uint32_t)bytes);

	return sum((const uint8_t *)ip + ip->ihl * 4, bytes, before);
}

static void send_segment(struct segment segment)
{
	struct iphdr *ip = (struct iphdr *)packet;
	struct tcphdr *tcp = (struct tcphdr *)(ip + 1);
	size_t header = sizeof(*tcp) + segment.option_bytes;
	size_t length = sizeof(*ip) + header + segment.text_bytes;

	memset(packet, 0, sizeof(packet));
	*ip = (struct iphdr){ .version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)length),
		.ttl = 64,
		.protocol = IPPROTO_TCP,
		.saddr = inet_addr("192.0.2.1"),
		.daddr = inet_addr("192.168.0.1") };
	ip->check = htons((uint16_t)~sum(ip, sizeof(*ip), 0));
	*tcp = (struct tcphdr){ .th_sport = htons(PEER_PORT),
		.th_dport = htons(PORT),
		.th_seq = htonl(segment.seq),
		.th_ack = htonl(segment.ack),
		.th_off = (uint8_t)(header / 4),
		.th_flags = segment.flags,
		.th_win = htons(segment.window) };
	memcpy(tcp + 1, segment.options, segment.option_bytes);
	if (segment.text_bytes > 0)
		memcpy((uint8_t *)tcp + header, segment.text, segment.text_bytes);
	tcp->th_sum = htons((uint16_t)~segment_sum(ip, length - sizeof(*ip)));
	assert_int_equal(drill.netdev_send(drill.userdata, packet, length), 0);
}

#define SEND(...) send_segment((struct segment){ .window = 60000, __VA_ARGS__ })

// The next packet of the stack, all of it checked but what the segment says. Returns when it was sent.
static long long receive_segment(struct segment *segment)
{
	struct iphdr *ip = (struct iphdr *)packet;
	struct tcphdr *tcp = (struct tcphdr *)(ip + 1);
	size_t bytes = sizeof(packet), header;
	long long sent = -1;

	assert_int_equal(drill.netdev_receive(drill.userdata, packet, &bytes, &sent), 0);
	assert_true(bytes >= sizeof(*ip) + sizeof(*tcp));
	assert_int_equal(ntohs(ip->tot_len), bytes);
	assert_true(ip->version == 4 && ip->ihl == 5 && ip->protocol == IPPROTO_TCP);
	assert_true(ip->ttl == 64 && ip->frag_off == htons(IP_DF));
	assert_true(ip->saddr == inet_addr("192.168.0.1") && ip->daddr == inet_addr("192.0.2.1"));
	assert_int_equal(sum(ip, sizeof(*ip), 0), 0xffff);
	assert_true(ntohs(tcp->th_sport) == PORT && ntohs(tcp->th_dport) == PEER_PORT);
	assert_int_equal(segment_sum(ip, bytes - sizeof(*ip)), 0xffff);
	header = tcp->th_off * 4u;
	assert_true(header >= sizeof(*tcp) && sizeof(*ip) + header <= bytes);
	*segment = (struct segment){ .seq = ntohl(tcp->th_seq),
		.ack = ntohl(tcp->th_ack),
		.flags = tcp->th_flags,
		.window = ntohs(tcp->th_win),
		.option_bytes = (uint32_t)(header - sizeof(*tcp)),
		.text = (const char *)tcp + header,
		.text_bytes = (uint32_t)(bytes - sizeof(*ip) - header) };
	memcpy(segment->options, tcp + 1, segment->option_bytes);
	return sent;
}

static void expect(uint32_t seq, uint32_t ack, uint8_t flags, const char *text)
{
	struct segment segment;

	receive_segment(&segment);
	assert_int_equal(segment.seq, iss + seq);
	assert_int_equal(segment.ack, PEER_ISS + ack);
	assert_int_equal(segment.flags, flags);
	assert_int_equal(segment.text_bytes, strlen(text));
	assert_memory_equal(segment.text, text, segment.text_bytes);
}

// ---- time ----

static long long now(void)
{
	struct timeval time;

	assert_int_equal(drill.gettimeofday(drill.userdata, &time, NULL), 0);
	return time.tv_sec * SECOND + time.tv_usec;
}

static void expect_nothing(void)
{
	size_t bytes = sizeof(packet);
	long long before = now(), sent = -1;

	assert_int_equal(drill.netdev_receive(drill.userdata, packet, &bytes, &sent), 0);
	assert_int_equal(bytes, 0);
	assert_true(sent > before && sent <= now());
}

// ---- a connection from its SYN to its end, test by test ----

static void interface_every_pointer_is_filled_in(void **state)
{
	void *pointers[POINTERS];

	assert_int_equal(sizeof(drill), sizeof(pointers));
	memcpy(pointers, &drill, sizeof(pointers));
	for (int i = 0; i < POINTERS; i++)
		assert_non_null(pointers[i]);
}

static void clock_each_look_and_each_sleep_bring_it_forward(void **state)
{
	long long before = now(), asked = now();

	assert_in_range(asked - before, 1, 1000);
	assert_int_equal(drill.usleep(drill.userdata, 250000), 0);
	assert_in_range(now() - asked, 250000, 251000);
}

static void silence_ends_by_itself_with_no_packet(void **state)
{
	expect_nothing();
}

static void listen_syn_is_answered(void **state)
{
	// MSS 1000, NOP, window scale 7; the answer is 1460 and 8, as Linux orders them.
	const uint8_t offer[] = { 2, 4, 1000 / 256, 1000 % 256, 1, 3, 3, 7 };
	const uint8_t answer[] = { 2, 4, 1460 / 256, 1460 % 256, 1, 3, 3, 8 };
	struct sockaddr_in here = { .sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = inet_addr("192.168.0.1") };
	struct segment syn = {
		.seq = PEER_ISS, .flags = TH_SYN, .window = 60000, .option_bytes = sizeof(offer)
	};
	struct segment syn_ack;
	long long before;

	listener = drill.socket(drill.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP);
	assert_true(listener > 2);
	assert_int_equal(drill.bind(drill.userdata, listener, (void *)&here, sizeof(here)), 0);
	assert_int_equal(drill.listen(drill.userdata, listener, 5), 0);
	memcpy(syn.options, offer, sizeof(offer));
	before = now();
	send_segment(syn);
	assert_in_range(receive_segment(&syn_ack) - before, 0, 1000);
	iss = syn_ack.seq;
	assert_int_equal(syn_ack.ack, PEER_ISS + 1);
	assert_int_equal(syn_ack.flags, TH_SYN | TH_ACK);
	assert_true(syn_ack.window > 60000);
	assert_int_equal(syn_ack.text_bytes, 0);
	assert_int_equal(syn_ack.option_bytes, sizeof(answer));
	assert_memory_equal(syn_ack.options, answer, sizeof(answer));
}

// The tool makes a call that is to wait from a thread of its own, looks whether it sleeps, and asks that
// thread for the time when it has ended.
struct waiting {
	pthread_t thread;
	pid_t tid;
	int result;
	long long ended;
};

static void *accept_in_thread(void *arg)
{
	struct waiting *call = arg;
	struct sockaddr_in from = { 0 };
	socklen_t length = sizeof(from);

	__atomic_store_n(&call->tid, gettid(), __ATOMIC_RELEASE);
	call->result = drill.accept(drill.userdata, listener, (void *)&from, &length);
	call->ended = now();
	assert_int_equal(ntohs(from.sin_port), PEER_PORT);
	return NULL;
}

static char state_of(pid_t tid)
{
	char path[64], text[512] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	return strrchr(text, ')')[2];
}

static void accept_sleeps_until_the_handshake_is_done(void **state)
{
	struct waiting call = { 0 };
	long long acked;

	pthread_create(&call.thread, NULL, accept_in_thread, &call);
	while (__atomic_load_n(&call.tid, __ATOMIC_ACQUIRE) == 0 || state_of(call.tid) != 'S')
		sched_yield();
	drill.usleep(drill.userdata, 100000);
	acked = now();
	SEND(.seq = PEER_ISS + 1, .ack = iss + 1, .flags = TH_ACK);
	pthread_join(call.thread, NULL);
	conn = call.result;
	assert_true(conn > 2 && conn != listener);
	assert_in_range(call.ended - acked, 0, 1000);
}

static void established_data_goes_both_ways(void **state)
{
	char bytes[16];

	SEND(.seq = PEER_ISS + 1, .ack = iss + 1, .flags = TH_PUSH | TH_ACK, .text = "ping",
		.text_bytes = 4);
	assert_int_equal(drill.read(drill.userdata, conn, bytes, sizeof(bytes)), 4);
	assert_memory_equal(bytes, "ping", 4);
	expect(1, 5, TH_ACK, "");
	assert_int_equal(drill.write(drill.userdata, conn, "pong!", 5), 5);
	expect(1, 5, TH_PUSH | TH_ACK, "pong!");
	SEND(.seq = PEER_ISS + 5, .ack = iss + 6, .flags = TH_ACK);
}

// With large files switched on the header renames it; the tool does not.
ssize_t plain_sendfile(int out, int in, off_t *offset, size_t count) __asm__("sendfile");

// What the tool asks libc comes to the object all the same.
static void established_libc_calls_find_the_connection(void **state)
{
	char path[] = "/tmp/ft-test-packetdrill-XXXXXX";
	int file = mkstemp(path);
	struct tcp_info info;
	socklen_t length = sizeof(info);
	off_t offset = 1;

	assert_int_equal(getsockopt(conn, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	assert_int_equal(info.tcpi_state, TCP_ESTABLISHED);
	assert_int_equal(info.tcpi_snd_wscale, 7);
	unlink(path);
	assert_int_equal(write(file, "a file", 6), 6);
	assert_int_equal(plain_sendfile(conn, file, &offset, 5), 5);
	assert_int_equal(offset, 6);
	close(file);
	expect(6, 5, TH_PUSH | TH_ACK, " file");
	SEND(.seq = PEER_ISS + 5, .ack = iss + 11, .flags = TH_ACK);
}

// Lost, it is sent again; in virtual time.
static void established_silence_is_a_retransmission(void **state)
{
	struct segment segment;
	long long first, again;

	assert_int_equal(drill.send(drill.userdata, conn, "lost", 4, 0), 4);
	first = receive_segment(&segment);
	assert_int_equal(segment.seq, iss + 11);
	again = receive_segment(&segment);
	assert_int_equal(segment.seq, iss + 11);
	assert_in_range(again - first, 200000, SECOND);
	SEND(.seq = PEER_ISS + 5, .ack = iss + 15, .flags = TH_ACK);
}

static void close_says_goodbye_and_then_nothing(void **state)
{
	char byte;

	SEND(.seq = PEER_ISS + 5, .ack = iss + 15, .flags = TH_FIN | TH_ACK);
	expect(15, 6, TH_ACK, "");
	assert_int_equal(drill.read(drill.userdata, conn, &byte, 1), 0);
	assert_int_equal(drill.close(drill.userdata, conn), 0);
	expect(15, 6, TH_FIN | TH_ACK, "");
	SEND(.seq = PEER_ISS + 6, .ack = iss + 16, .flags = TH_ACK);
	expect_nothing();
	assert_int_equal(drill.read(drill.userdata, conn, &byte, 1), -1);
	assert_int_equal(drill.close(drill.userdata, listener), 0);
	SEND(.seq = PEER_ISS + 6, .ack = iss + 16, .flags = TH_ACK); // to nobody
	expect(16, 0u - PEER_ISS, TH_RST, "");
}

// The tool's flags; the address sanitizer refuses the last.
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define OPEN_FLAGS (RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)
#else
#define OPEN_FLAGS (RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | RTLD_DEEPBIND)
#endif

static int open_object(void **state)
{
	void (*init)(const char *flags, struct packetdrill_interface *interface);
	void *object = dlopen(getenv("FT_OBJECT"), OPEN_FLAGS);

	if (object == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return -1;
	}
	*(void **)&init = dlsym(object, "packetdrill_interface_init");
	if (init == NULL)
		return -1;
	init("--tcp.timestamps=no", &drill);
	return 0;
}

static int free_object(void **state)
{
	drill.free(drill.userdata);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interface_every_pointer_is_filled_in),
		cmocka_unit_test(clock_each_look_and_each_sleep_bring_it_forward),
		cmocka_unit_test(silence_ends_by_itself_with_no_packet),
		cmocka_unit_test(listen_syn_is_answered),
		cmocka_unit_test(accept_sleeps_until_the_handshake_is_done),
		cmocka_unit_test(established_data_goes_both_ways),
		cmocka_unit_test(established_libc_calls_find_the_connection),
		cmocka_unit_test(established_silence_is_a_retransmission),
		cmocka_unit_test(close_says_goodbye_and_then_nothing),
	};

	return cmocka_run_group_tests(tests, open_object, free_object);
}
