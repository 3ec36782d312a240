// A stranger on the network who can forge any address but does not see what others say.
#include <rte_ip.h>
#include <rte_tcp.h>

#include "frames.h"
#include "network.h"
#include "scenario.h"
#include "task.h"
#include "traffic.h"

#define STRANGER    2 // the third host
#define SERVER_PORT 7
#define CLIENT_PORT 5000
#define BYTES	    (2u << 20)
#define FORGERIES   20000

static struct ft_network network;

struct forgery {
	struct rte_ether_hdr ethernet;
	struct rte_ipv4_hdr ip;
	struct rte_tcp_hdr tcp;
	uint8_t payload[100];
} __attribute__((packed, aligned(2)));

static uint32_t chance(void)
{
	return (uint32_t)ft_random_next(&network.random);
}

// Sends a segment with numbers out of thin air to the server, in the name of `source`.
static void forge(rte_be32_t source, uint16_t port, uint8_t flags)
{
	struct ft_host *stranger = network.hosts[STRANGER];
	const struct ft_host *server = network.hosts[FT_SERVER];
	uint16_t ip_bytes = sizeof(struct forgery) - sizeof(struct rte_ether_hdr);
	struct forgery forgery = {
		.ethernet = { server->mac, stranger->mac, RTE_BE16(RTE_ETHER_TYPE_IPV4) },
		.ip = { .version_ihl = RTE_IPV4_VHL_DEF,
			.total_length = rte_cpu_to_be_16(ip_bytes),
			.time_to_live = 64,
			.next_proto_id = IPPROTO_TCP,
			.src_addr = source,
			.dst_addr = ft_addr_ip4(&server->address) },
		.tcp = { .src_port = rte_cpu_to_be_16(port),
			.dst_port = RTE_BE16(SERVER_PORT),
			.sent_seq = chance(),
			.recv_ack = flags & RTE_TCP_ACK_FLAG ? chance() : 0,
			.data_off = 5 << 4,
			.tcp_flags = flags,
			.rx_win = 0xffff },
	};

	forgery.ip.hdr_checksum = rte_ipv4_cksum(&forgery.ip);
	forgery.tcp.cksum = rte_ipv4_udptcp_cksum(&forgery.ip, &forgery.tcp);
	ft_frames_send(stranger, (const uint8_t *)&forgery, sizeof(forgery));
}

// ---- blind attacks on a connection whose addresses and ports are known (RFC 5961) ----

static void serve(void *arg)
{
	int listener = ft_traffic_listen(SERVER_PORT, 8);
	int fd = ft_traffic_accept(listener);

	ft_traffic_exchange(fd, 2, 1, BYTES);
	ft_expect_ok(ft_close(fd));
	ft_expect_ok(ft_close(listener));
}

static void visit(void *arg)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(CLIENT_PORT) };
	struct sockaddr_in there = ft_traffic_address(network.hosts[FT_SERVER], SERVER_PORT);
	int fd = ft_expect_ok(ft_socket(AF_INET, SOCK_STREAM, 0));

	ft_expect_ok(ft_bind(fd, (struct sockaddr *)&here, sizeof(here)));
	ft_expect_ok(ft_connect(fd, (struct sockaddr *)&there, sizeof(there)));
	ft_traffic_exchange(fd, 1, 2, BYTES);
	ft_expect_ok(ft_close(fd));
}

static void attack_blindly(void *arg)
{
	static const uint8_t flags[] = { RTE_TCP_RST_FLAG, RTE_TCP_SYN_FLAG, RTE_TCP_ACK_FLAG,
		RTE_TCP_RST_FLAG | RTE_TCP_ACK_FLAG, RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG,
		RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, RTE_TCP_URG_FLAG | RTE_TCP_ACK_FLAG, 0, 0xff };
	rte_be32_t client = ft_addr_ip4(&network.hosts[FT_CLIENT]->address);

	ft_task_sleep(FT_SECOND / 2);
	for (uint32_t i = 0; i < FORGERIES; i++) {
		forge(client, CLIENT_PORT, flags[chance() % RTE_DIM(flags)]);
		ft_task_sleep(50 * FT_MICROSECOND);
	}
}

static void build(uint64_t seed, const struct ft_wire *wire)
{
	ft_network_pair(&network, seed, NULL, wire);
	ft_network_add(&network, NULL, 0);
}

static void forged_segments_change_nothing(uint64_t seed)
{
	static const struct ft_wire wire = {
		.delay = 5 * FT_MILLISECOND, .rate_bps = 10000000, .queue_bytes = 100000
	};
	const struct ft_counters *counters;

	build(seed, &wire);
	ft_task_start(&network, network.hosts[FT_SERVER], serve, NULL);
	ft_task_start(&network, network.hosts[FT_CLIENT], visit, NULL);
	ft_task_start(&network, NULL, attack_blindly, NULL);
	ft_network_run(&network, 600 * FT_SECOND);
	counters = &network.hosts[FT_SERVER]->stack.counters;
	ft_expect_equal(counters->count[FT_COUNTER_TCP_RESETS_RECEIVED], 0);
	// However often it is provoked, it answers with a few challenge ACKs a second (RFC 5961 7).
	ft_expect(counters->count[FT_COUNTER_TCP_CHALLENGE_ACKS] < FORGERIES / 10);
	ft_network_free(&network);
}

// ---- SYNs from addresses that do not exist ----

static void flood(void *arg)
{
	for (uint32_t i = 0; i < FORGERIES; i++) {
		rte_be32_t nobody = rte_cpu_to_be_32(RTE_IPV4(10, 9, 0, 10 + i % 200));

		forge(nobody, 1024 + i / 200, RTE_TCP_SYN_FLAG);
		ft_task_sleep(100 * FT_MICROSECOND);
	}
}

// Waits until the flood is over and the half-open connections it left have been given up.
static void visit_after_flood(void *arg)
{
	ft_task_sleep(120 * FT_SECOND);
	visit(NULL);
}

static void syn_flood_passes(uint64_t seed)
{
	static const struct ft_wire wire = { .delay = FT_MILLISECOND };
	const struct ft_host *server;

	build(seed, &wire);
	server = network.hosts[FT_SERVER];
	ft_task_start(&network, network.hosts[FT_SERVER], serve, NULL);
	ft_task_start(&network, network.hosts[FT_CLIENT], visit_after_flood, NULL);
	ft_task_start(&network, NULL, flood, NULL);
	ft_network_run(&network, 600 * FT_SECOND);
	ft_expect(server->stack.counters.dropped_input[FT_DROP_TCP_BACKLOG_FULL] > 0);
	ft_network_free(&network);
}

int main(int argc, char **argv)
{
	static const struct ft_scenario scenarios[] = {
		{ "forged_segments_change_nothing", forged_segments_change_nothing, 5 },
		{ "syn_flood_passes", syn_flood_passes, 2 },
		{ 0 },
	};

	return ft_scenario_main(argc, argv, scenarios);
}
