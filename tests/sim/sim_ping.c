// Below TCP: ARP and ICMP echo between stacks, over wires good and bad.
#include <netinet/ip_icmp.h>
#include <rte_ip.h>

#include "network.h"
#include "scenario.h"
#include "task.h"

struct ping {
	struct ft_network network;
	struct ft_host *from;
	struct ft_host *to;
	uint32_t requests;
	uint16_t bytes;
};

// An echo request as ping(8) would send it, through the stack's own IP output.
static void send_request(struct ft_host *from, const struct ft_host *to, uint16_t bytes)
{
	struct ft_stack *stack = &from->stack;
	struct ft_ip_send send = { .source = from->address,
		.destination = to->address,
		.protocol = IPPROTO_ICMP,
		.checksum_offset = UINT16_MAX };
	struct rte_mbuf *pkt = ft_stack_new_packet(stack);
	struct icmphdr *icmp;

	ft_expect(pkt != NULL);
	icmp = (void *)rte_pktmbuf_append(pkt, sizeof(*icmp) + bytes);
	ft_expect(icmp != NULL);
	memset(icmp, 0, sizeof(*icmp) + bytes);
	icmp->type = ICMP_ECHO;
	icmp->checksum = ~rte_raw_cksum(icmp, sizeof(*icmp) + bytes);
	ft_ip_output(stack, pkt, &send, from->network->now);
}

static void ping(void *arg)
{
	struct ping *state = arg;

	for (uint32_t i = 0; i < state->requests; i++) {
		send_request(state->from, state->to, state->bytes);
		ft_task_sleep(FT_SECOND / 10);
	}
}

static void build(struct ping *state, uint64_t seed, const struct ft_wire *wire)
{
	ft_network_pair(&state->network, seed, NULL, wire);
	state->from = state->network.hosts[0];
	state->to = state->network.hosts[1];
}

static void run(struct ping *state)
{
	ft_task_start(&state->network, state->from, ping, state);
	ft_network_run(&state->network, FT_SECOND * state->requests);
	ft_network_run_for(&state->network, 60 * FT_SECOND);
}

static void every_request_is_answered(uint64_t seed)
{
	static const struct ft_wire wire = { .delay = FT_MILLISECOND };
	struct ping state = { .requests = 100, .bytes = 1400 };

	build(&state, seed, &wire);
	run(&state);
	ft_expect_equal(ft_network_count(state.to, FT_COUNTER_ICMP_ECHO_REPLIES), 100);
	// The replies come back and name no socket: nobody here waits for them.
	ft_expect_equal(state.from->stack.counters.dropped_input[FT_DROP_ICMP_NO_SOCKET], 100);
	ft_expect_equal(ft_network_count(state.from, FT_COUNTER_ARP_REQUESTS_SENT) > 2, true);
	ft_network_free(&state.network);
}

// With two frames in ten lost, a third of all requests fails; ARP's retries keep it from being more.
static void arp_succeeds_under_loss(uint64_t seed)
{
	static const struct ft_wire wire = { .delay = FT_MILLISECOND, .loss = 0.2 };
	struct ping state = { .requests = 200, .bytes = 56 };
	uint64_t answered;

	build(&state, seed, &wire);
	run(&state);
	answered = state.from->stack.counters.dropped_input[FT_DROP_ICMP_NO_SOCKET];
	ft_expect(answered > 60 &&
		  answered <= ft_network_count(state.to, FT_COUNTER_ICMP_ECHO_REPLIES));
	ft_network_free(&state.network);
}

// Nothing corrupted is taken: each request answered was whole.
static void corrupted_requests_are_dropped(uint64_t seed)
{
	static const struct ft_wire bad = { .delay = FT_MILLISECOND, .corruption = 1 };
	static const struct ft_wire good = { .delay = FT_MILLISECOND };
	struct ping state = { .requests = 100, .bytes = 1400 };

	build(&state, seed, &good);
	send_request(state.from, state.to, 56); // resolves the address
	ft_network_run_for(&state.network, FT_SECOND);
	state.from->to_switch = bad;
	run(&state);
	ft_expect_equal(ft_network_count(state.to, FT_COUNTER_ICMP_ECHO_REPLIES), 1);
	ft_expect(state.to->stack.counters.dropped_input[FT_DROP_ICMP_BAD_CHECKSUM] > 50);
	ft_network_free(&state.network);
}

int main(int argc, char **argv)
{
	static const struct ft_scenario scenarios[] = {
		{ "every_request_is_answered", every_request_is_answered, 5 },
		{ "arp_succeeds_under_loss", arp_succeeds_under_loss, 20 },
		{ "corrupted_requests_are_dropped", corrupted_requests_are_dropped, 5 },
		{ 0 },
	};

	return ft_scenario_main(argc, argv, scenarios);
}
