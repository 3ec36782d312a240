// Does the capture tell the truth? What a host's recorder has written, against what was counted.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_ether.h>
#include <rte_ip.h>

#include "../unit/recorded.h"
#include "base/recorder.h"
#include "network.h"
#include "scenario.h"
#include "task.h"
#include "traffic.h"

#define QUARTER (1u << 18)

struct seen {
	uint64_t sent;
	uint64_t received;
	uint64_t causes;     // comments of frames sent
	uint64_t drops;	     // and received
	uint64_t fast;	     // of the causes
	uint64_t timeouts;   // of the causes, the segment at SND.UNA
	uint64_t checksums;  // frames sent whose IP and TCP checksums are right
	uint64_t ip_packets; // frames sent that should have some
};

static struct ft_network network;

static void server(void *arg)
{
	int listener = ft_traffic_listen(7, 8);
	int fd = ft_traffic_accept(listener);

	ft_traffic_exchange(fd, 2, 1, QUARTER);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

static void client(void *arg)
{
	int fd = ft_traffic_connect(network.hosts[FT_SERVER], 7);

	ft_traffic_exchange(fd, 1, 2, QUARTER);
	ft_expect_ok(ft_close(fd));
}

static bool has_right_checksums(const struct ft_recorded_frame *frame)
{
	const struct rte_ipv4_hdr *ip = (const void *)(frame->bytes + RTE_ETHER_HDR_LEN);

	return rte_raw_cksum(ip, rte_ipv4_hdr_len(ip)) == 0xffff &&
	       rte_ipv4_udptcp_cksum_verify(ip, (const uint8_t *)ip + rte_ipv4_hdr_len(ip)) == 0;
}

static void see(struct seen *seen, const struct ft_recorded_frame *frame)
{
	bool has_comment = frame->comment[0] != 0;

	if (!frame->is_sent) {
		seen->received++;
		seen->drops += has_comment;
		return;
	}
	seen->sent++;
	seen->causes += has_comment;
	seen->fast += strncmp(frame->comment, "fast retransmission", 19) == 0;
	seen->timeouts += strstr(frame->comment, "timeout, no. ") != NULL ||
			  strstr(frame->comment, "SYN sent again") != NULL;
	if (frame->bytes[12] == 0x08 && frame->bytes[13] == 0x00) {
		seen->ip_packets++;
		seen->checksums += has_right_checksums(frame);
	}
}

// A transfer each way, with the client's wire recorded.
static struct seen run_recorded(void)
{
	struct ft_host *host = network.hosts[FT_CLIENT];
	char path[] = "/tmp/ft-sim-capture-XXXXXX";
	struct ft_recorded recorded;
	struct ft_recorded_frame frame;
	struct seen seen = { 0 };
	int fd = ft_expect_ok(mkstemp(path));

	host->stack.recorder = ft_recorder_open(
		path, "client", 2048, 0, &host->stack.counters.count[FT_COUNTER_CAPTURE_LOST]);
	ft_expect(host->stack.recorder != NULL);
	ft_task_start(&network, network.hosts[FT_SERVER], server, NULL);
	ft_task_start(&network, host, client, NULL);
	ft_network_run(&network, 3600 * FT_SECOND);
	ft_recorder_close(host->stack.recorder);
	host->stack.recorder = NULL;
	ft_expect(ft_recorded_open(&recorded, path));
	while (ft_recorded_next(&recorded, &frame))
		see(&seen, &frame);
	ft_recorded_close(&recorded);
	close(fd);
	unlink(path);
	return seen;
}

// An ACK that brought nothing but its number is not told as a loss.
static uint64_t drops_of(const struct ft_host *host)
{
	const uint64_t *dropped = host->stack.counters.dropped_input;
	uint64_t sum = 0;

	for (int i = 0; i < FT_DROP_COUNT; i++)
		sum += i == FT_DROP_TCP_CONSUMED ? 0 : dropped[i];
	return sum;
}

// Every frame is there, and has a comment if, and only if, it was sent again or dropped.
static void bad_wires_every_retransmission_has_its_cause(uint64_t seed)
{
	static const struct ft_wire wire = { .delay = 10 * FT_MILLISECOND,
		.jitter = FT_MILLISECOND,
		.loss = 0.05,
		.duplication = 0.02,
		.corruption = 0.02 };
	struct ft_host *host;
	struct seen seen;

	ft_network_pair(&network, seed, NULL, &wire);
	host = network.hosts[FT_CLIENT];
	ft_network_vary_nic(host);
	seen = run_recorded();
	ft_expect_equal(seen.sent, ft_network_count(host, FT_COUNTER_TX_PACKETS));
	ft_expect_equal(seen.received, ft_network_count(host, FT_COUNTER_RX_PACKETS));
	ft_expect_equal(ft_network_count(host, FT_COUNTER_TCP_PERSIST_PROBES), 0);
	ft_expect(seen.causes > 0);
	ft_expect_equal(seen.causes, ft_network_count(host, FT_COUNTER_TCP_RETRANSMITTED));
	// A partial ACK in the same burst is the later cause.
	ft_expect(seen.fast <= ft_network_count(host, FT_COUNTER_TCP_FAST_RETRANSMITS));
	ft_expect_equal(seen.timeouts, ft_network_count(host, FT_COUNTER_TCP_TIMEOUTS));
	ft_expect_equal(seen.drops, drops_of(host));
	ft_expect_equal(seen.checksums, seen.ip_packets);
	ft_expect_equal(ft_network_count(host, FT_COUNTER_CAPTURE_LOST), 0);
	ft_network_free(&network);
}

// The NIC fills in checksums after the recorder has seen the frame.
static void offloaded_checksums_are_filled_in(uint64_t seed)
{
	static const struct ft_wire wire = { .delay = FT_MILLISECOND };
	struct ft_host *host;
	struct seen seen;

	ft_network_pair(&network, seed, NULL, &wire);
	host = network.hosts[FT_CLIENT];
	host->stack.netif.offloads = UINT32_MAX;
	seen = run_recorded();
	ft_expect(seen.ip_packets > 100);
	ft_expect_equal(seen.checksums, seen.ip_packets);
	ft_network_free(&network);
}

int main(int argc, char **argv)
{
	static const struct ft_scenario scenarios[] = {
		{ "bad_wires_every_retransmission_has_its_cause",
			bad_wires_every_retransmission_has_its_cause, 50 },
		{ "offloaded_checksums_are_filled_in", offloaded_checksums_are_filled_in, 2 },
		{ 0 },
	};

	return ft_scenario_main(argc, argv, scenarios);
}
