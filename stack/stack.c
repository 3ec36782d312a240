#include "stack.h"

#include <errno.h>
#include <string.h>

#include "base/few.h"
#include "base/log.h"
#include "base/recorder.h"
#include "base/trace.h"
#include "socket/socket.h"
#include "usual_frame_take.h"

// Of the send pool a quarter stays for what must go out even when applications have filled their send queues: ACKs,
// resets, ARP, ICMP.
static uint64_t reserved_to_send(const struct ft_config *config)
{
	uint64_t quarter = config->memory.packets / 4;
	uint64_t in_ring;

	if (!config->nic.tso)
		return quarter;
	// The NIC gives back what it has sent only when it needs the place for more. Until then each packet that points
	// into a send queue holds one that the queue has done with, and nobody else may have (tcp/send_queue.h).
	in_ring = 2 * (uint64_t)config->nic.tx_descriptors + 4 * FT_RX_BURST;
	return RTE_MAX(quarter, RTE_MIN(in_ring, (uint64_t)config->memory.packets / 2));
}

// The receive pool also feeds the NIC: what its ring and the bursts under way need is never lent to queues.
static int set_budgets(struct ft_stack *stack)
{
	uint64_t packets = stack->config.memory.packets;
	uint64_t nic_share = stack->config.nic.rx_descriptors + 4 * FT_RX_BURST;

	if (packets <= nic_share) {
		ft_log_error(
			"memory.packets is %lu, but the receive ring and bursts alone need %lu: "
			"raise memory.packets or lower nic.rx_descriptors",
			packets, nic_share);
		return -EINVAL;
	}
	stack->receive_held.mbufs.limit = packets - nic_share;
	stack->send_held.limit = packets - reserved_to_send(&stack->config);
	return 0;
}

static int set_trace(struct ft_stack *stack)
{
	const char *words = stack->config.log.trace, *only = stack->config.log.trace_tuple;
	const char *unknown = NULL;

	stack->tracer.has_pattern = only[0] != 0;
	if (only[0] != 0 && ft_tuple_pattern_parse(only, &stack->tracer.pattern) != 0) {
		ft_log_error("log.trace_tuple: \"%s\" is not ADDRESS:PORT,ADDRESS:PORT "
			     "(* for any, as in 10.9.0.1:*,10.9.0.2:7)",
			only);
		return -EINVAL;
	}
	stack->trace = ft_trace_parse(words, &unknown);
	if (unknown != NULL) {
		ft_log_error("log.trace: there is no subsystem \"%s\" to trace", unknown);
		return -EINVAL;
	}
	if (words[0] == 0 && only[0] != 0) // who asks for a conversation wants all of it
		stack->trace = UINT32_MAX;
	return 0;
}

static int init_protocols(struct ft_stack *stack)
{
	int error;

	if ((error = ft_ip_init(stack)) != 0)
		return error;
	ft_usual_frame_init(stack);
	if ((error = ft_arp_init(stack)) != 0)
		goto no_arp;
	if ((error = ft_udp_init(stack)) != 0)
		goto no_udp;
	if ((error = ft_tcp_init(stack)) != 0)
		goto no_tcp;
	if ((error = ft_socket_init(stack)) != 0)
		goto no_sockets;
	return 0;

no_sockets:
	ft_tcp_free(stack);
no_tcp:
	ft_udp_free(stack);
no_udp:
	ft_arp_free(stack);
no_arp:
	ft_ip_free(stack);
	return error;
}

// Of few bytes so many are copied as there may be (ft_few_copy_roomy()), however many there are: the buffer that they
// stand in goes on as far.
static int check_room(const struct ft_pkt_pools *pools)
{
	const uint32_t least = RTE_PKTMBUF_HEADROOM + FT_USUAL_TIMESTAMPS_BYTES + FT_FEW;
	const uint32_t room = RTE_MIN(rte_pktmbuf_data_room_size(pools->receive),
		rte_pktmbuf_data_room_size(pools->send));

	if (room >= least)
		return 0;
	ft_log_error("packets have room for %u bytes, headroom included; the stack needs %u", room,
		least);
	return -EINVAL;
}

int ft_stack_init(struct ft_stack *stack, const struct ft_config *config,
	const struct ft_netif *netif, const struct ft_pkt_pools *pools, uint64_t seed, ft_time now)
{
	int error = check_room(pools);

	if (error != 0)
		return error;
	memset(stack, 0, sizeof(*stack));
	stack->netif = *netif;
	stack->config = *config;
	stack->now = now;
	stack->receive_pool = pools->receive;
	stack->send_pool = pools->send;
	stack->receive_held.small_pool = pools->small;
	ft_mailbox_init(&stack->mailbox);
	ft_wheel_init(&stack->wheel, now);
	ft_random_init(&stack->random, seed);
	ft_hash_key_init(&stack->key, &stack->random);

	if ((error = set_budgets(stack)) != 0 || (error = set_trace(stack)) != 0)
		return error;
	if ((error = init_protocols(stack)) != 0) {
		ft_log_error("the stack could not start: %s", strerror(-error));
		return error;
	}
	ft_poll_start(stack, now);
	return 0;
}

void ft_stack_free(struct ft_stack *stack)
{
	struct rte_mbuf *pkt;

	ft_tcp_stop(stack);
	ft_socket_free(stack);
	ft_tcp_free(stack);
	ft_udp_free(stack);
	ft_arp_free(stack);
	ft_ip_free(stack);
	ft_poll_stop(stack);
	while ((pkt = ft_pkt_queue_take(&stack->loopback)) != NULL)
		ft_stack_drop_late(stack, pkt, FT_DROP_OWNER_GONE);
	ft_mailbox_free(&stack->mailbox);
}

struct rte_mbuf *ft_stack_new_packet(struct ft_stack *stack)
{
	struct rte_mbuf *pkt = rte_pktmbuf_alloc(stack->send_pool);

	if (pkt != NULL)
		ft_pkt_info_clear(pkt);
	return pkt;
}

// The copy moves the packet from the send pool to the receive pool, so that an application that
// does not read what it sends itself holds no more than any other receiver may.
void ft_stack_loop_back(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	struct rte_mbuf *copy;

	if (stack->loopback.count >= FT_LOOPBACK_QUEUE) {
		ft_stack_drop_output(stack, pkt, FT_DROP_LOOPBACK_FULL);
		return;
	}
	copy = rte_pktmbuf_copy(pkt, stack->receive_pool, 0, UINT32_MAX);
	if (copy == NULL) {
		ft_stack_drop_output(stack, pkt, FT_DROP_NO_MBUF);
		return;
	}
	rte_pktmbuf_free(pkt);
	ft_pkt_info_clear(copy)->flags = FT_PKT_LOOPBACK;
	ft_pkt_queue_append(&stack->loopback, copy);
	ft_stack_count(stack, FT_COUNTER_LOOPBACK_PACKETS);
}

void ft_stack_drop_output(struct ft_stack *stack, struct rte_mbuf *pkt, enum ft_drop reason)
{
	stack->counters.dropped_output[reason]++;
	ft_trace(stack, FT_TRACE_DROP, "not sent: %s", ft_drop_text(reason));
	rte_pktmbuf_free(pkt);
}

void ft_stack_drop_late(struct ft_stack *stack, struct rte_mbuf *pkt, enum ft_drop reason)
{
	stack->counters.dropped_late[reason]++;
	ft_trace(stack, FT_TRACE_DROP, "discarded after it was taken: %s", ft_drop_text(reason));
	if (unlikely(stack->recorder != NULL))
		ft_recorder_drop(stack->recorder, pkt, reason);
	rte_pktmbuf_free(pkt);
}
