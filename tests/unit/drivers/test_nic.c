// Devices that need neither hardware nor root: a ring (what is sent comes back), null (frames
// without end), pcap files.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>

#include <rte_ip.h>
#include <rte_mempool.h>
#include <rte_tcp.h>

#include "base/log.h"
#include "base/pkt.h"
#include "drivers/nic.h"
#include "ip/checksum.h"
#include "tests/unit/support.h"

static struct ft_config config;
static struct ft_nic nic;
static char said[4096];

static int setup(void **state)
{
	ft_config_init(&config);
	config.memory.packets = 2048;
	config.nic.rx_descriptors = 256;
	config.nic.tx_descriptors = 256;
	return 0;
}

static int open_nic(const char *text)
{
	struct ft_device device;
	FILE *log = tmpfile();
	int error;

	rte_openlog_stream(log);
	assert_int_equal(ft_device_parse(&device, text), 0);
	error = ft_nic_open(&nic, &config, &device);
	rewind(log);
	said[fread(said, 1, sizeof(said) - 1, log)] = '\0';
	rte_openlog_stream(stderr);
	fclose(log);
	return error;
}

static void assert_said(const char *words)
{
	if (strstr(said, words) == NULL)
		fail_msg("expected '%s' in '%s'", words, said);
}

static struct rte_mbuf *new_frame(const char *text)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(nic.pools.send);

	assert_non_null(pkt);
	strcpy(rte_pktmbuf_append(pkt, 60), text);
	return pkt;
}

static void ring_opened_describes_itself(void **state)
{
	assert_int_equal(open_nic("net_ring0"), 0);
	assert_int_equal(nic.netif.mtu, 1500);
	assert_true(rte_is_valid_assigned_ether_addr(&nic.netif.mac));
	assert_int_equal(nic.netif.offloads, FT_OFFLOAD_MULTI_SEGMENT);
	assert_true(nic.netif.is_link_up(nic.netif.driver));
	assert_true(nic.held_packets >= 256);
	ft_nic_close(&nic);
}

static void ring_frame_sent_comes_back_without_its_flags(void **state)
{
	struct rte_mbuf *sent, *received[4];

	assert_int_equal(open_nic("net_ring1"), 0);
	sent = new_frame("frame");
	// As left by a NIC that this packet came from in an earlier life.
	sent->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	assert_int_equal(nic.netif.transmit(nic.netif.driver, &sent, 1), 1);
	assert_int_equal(nic.netif.receive(nic.netif.driver, received, 4), 1);
	assert_string_equal(rte_pktmbuf_mtod(received[0], char *), "frame");
	assert_int_equal(received[0]->ol_flags, 0);
	rte_pktmbuf_free(received[0]);
	ft_nic_close(&nic);
}

static void null_checksum_offload_missing_is_not_asked_for(void **state)
{
	struct rte_mbuf *received[8];

	assert_int_equal(open_nic("net_null0"), 0);
	assert_int_equal(nic.netif.offloads & FT_OFFLOAD_TCP_CHECKSUM, 0);
	assert_int_equal(nic.netif.receive(nic.netif.driver, received, 8), 8);
	assert_int_equal(nic.netif.transmit(nic.netif.driver, received, 8), 8);
	assert_int_equal(rte_mempool_in_use_count(nic.pools.receive), 0);
	ft_nic_close(&nic);
}

static void null_large_mtu_gets_the_room(void **state)
{
	config.nic.mtu = 9000;
	assert_int_equal(open_nic("net_null1"), 0);
	assert_int_equal(nic.netif.mtu, 9000);
	assert_true(rte_pktmbuf_data_room_size(nic.pools.receive) >=
		    RTE_PKTMBUF_HEADROOM + 9000 + RTE_ETHER_HDR_LEN);
	ft_nic_close(&nic);
}

static void null_mtu_below_ip_minimum_refused(void **state)
{
	config.nic.mtu = 60;
	assert_int_equal(open_nic("net_null2"), -EINVAL);
	assert_said("an MTU of 60");
}

static void pcap_frames_written_are_read_again(void **state)
{
	char file[] = "/tmp/ft-test-nic-XXXXXX";
	char text[128];
	struct rte_mbuf *pkt;

	close(mkstemp(file));
	snprintf(text, sizeof(text), "net_pcap0,tx_pcap=%s", file);
	assert_int_equal(open_nic(text), 0);
	pkt = new_frame("kept");
	assert_int_equal(nic.netif.transmit(nic.netif.driver, &pkt, 1), 1);
	ft_nic_close(&nic);

	snprintf(text, sizeof(text), "net_pcap1,rx_pcap=%s", file);
	assert_int_equal(open_nic(text), 0);
	assert_int_equal(nic.netif.receive(nic.netif.driver, &pkt, 1), 1);
	assert_string_equal(rte_pktmbuf_mtod(pkt, char *), "kept");
	rte_pktmbuf_free(pkt);
	ft_nic_close(&nic);
	unlink(file);
}

static void pcap_file_missing_names_the_remedy(void **state)
{
	assert_int_equal(open_nic("net_pcap2,rx_pcap=/nowhere/at.all"), -ENODEV);
	assert_said("did not start: rx_pcap= must be a readable pcap file");
	assert_null(rte_mempool_lookup("ft_receive"));
}

static void driver_unknown_refused(void **state)
{
	assert_int_equal(open_nic("net_nosuchdriver0"), -ENODEV);
	assert_said("DPDK has no driver for net_nosuchdriver0");
}

static void memory_too_little_refused_and_nothing_left(void **state)
{
	config.memory.packets = 1000000;
	assert_int_equal(open_nic("net_null3"), -ENOMEM);
	assert_said("lower [memory] packets");
	assert_null(rte_mempool_lookup("ft_receive"));
	config.memory.packets = 2048;
	assert_int_equal(open_nic("net_null4"), 0);
	ft_nic_close(&nic);
}

// A TCP packet of 3 segments, as the stack makes it; the ring has no TSO, and gives the segments back.
static void ring_tso_is_done_in_software(void **state)
{
	struct rte_mbuf *pkt, *received[4];
	struct rte_ipv4_hdr *ip;
	struct rte_tcp_hdr *tcp;

	config.nic.tso = true;
	assert_int_equal(open_nic("net_ring2"), 0);
	assert_true(nic.netif.tso_bytes > 60000);
	pkt = rte_pktmbuf_alloc(nic.pools.send);
	ip = (struct rte_ipv4_hdr *)rte_pktmbuf_append(pkt, sizeof(*ip) + sizeof(*tcp) + 300);
	memset(ip, 0, pkt->data_len);
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->next_proto_id = IPPROTO_TCP;
	ip->total_length = rte_cpu_to_be_16(pkt->data_len);
	tcp = (struct rte_tcp_hdr *)(ip + 1);
	tcp->data_off = 5 << 4;
	ft_checksum_offload_segments(pkt, offsetof(struct rte_tcp_hdr, cksum), 100);
	memset(rte_pktmbuf_prepend(pkt, sizeof(struct rte_ether_hdr)), 0,
		sizeof(struct rte_ether_hdr));
	if (nic.netif.prepare != NULL)
		assert_int_equal(nic.netif.prepare(nic.netif.driver, &pkt, 1), 1);
	assert_int_equal(nic.netif.transmit(nic.netif.driver, &pkt, 1), 1);
	assert_int_equal(nic.netif.receive(nic.netif.driver, received, 4), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(received[i]->pkt_len,
			sizeof(struct rte_ether_hdr) + sizeof(*ip) + sizeof(*tcp) + 100);
	rte_pktmbuf_free_bulk(received, 3);
	ft_nic_close(&nic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(ring_opened_describes_itself, setup),
		cmocka_unit_test_setup(ring_frame_sent_comes_back_without_its_flags, setup),
		cmocka_unit_test_setup(ring_tso_is_done_in_software, setup),
		cmocka_unit_test_setup(null_checksum_offload_missing_is_not_asked_for, setup),
		cmocka_unit_test_setup(null_large_mtu_gets_the_room, setup),
		cmocka_unit_test_setup(null_mtu_below_ip_minimum_refused, setup),
		cmocka_unit_test_setup(pcap_frames_written_are_read_again, setup),
		cmocka_unit_test_setup(pcap_file_missing_names_the_remedy, setup),
		cmocka_unit_test_setup(driver_unknown_refused, setup),
		cmocka_unit_test_setup(memory_too_little_refused_and_nothing_left, setup),
	};

	ft_test_start_eal();
	ft_log_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
