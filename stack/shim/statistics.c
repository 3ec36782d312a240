// What ft_print_statistics() shows.
#include <inttypes.h>

#include "fourtuple.h"
#include "shim/call.h"
#include "socket/socket.h"
#include "stack.h"

static void print(FILE *to, uint64_t count, const char *name, const char *text)
{
	if (count != 0)
		fprintf(to, "%12" PRIu64 "  %-24s %s\n", count, name, text);
}

static void print_drops(FILE *to, const char *title, const uint64_t *dropped)
{
	bool has_title = false;

	for (int i = 1; i < FT_DROP_COUNT; i++) {
		if (dropped[i] != 0 && !has_title) {
			fprintf(to, "%s\n", title);
			has_title = true;
		}
		print(to, dropped[i], ft_drop_name(i), ft_drop_text(i));
	}
}

static uint32_t descriptors_in_use(const struct ft_descriptors *descriptors)
{
	uint32_t count = 0;

	for (uint32_t fd = 0; fd < descriptors->maximum; fd++)
		count += descriptors->table[fd].description != NULL;
	return count;
}

// When all that was opened has been closed and TIME-WAIT is over, this is as it was at the start.
static void print_in_use(FILE *to, const struct ft_stack *stack)
{
	const struct ft_sockets *sockets = stack->sockets;

	fprintf(to, "in use now:\n");
	print(to, rte_mempool_in_use_count(stack->receive_pool), "receive_packets",
		"packets of the receive pool, those in the NIC's ring among them");
	print(to, rte_mempool_in_use_count(stack->send_pool), "send_packets",
		"packets of the send pool");
	print(to, stack->receive_held.mbufs.used, "receive_packets_held",
		"packets that wait to be read or put in order");
	print(to, rte_mempool_in_use_count(stack->receive_held.small_pool), "receive_packets_small",
		"few bytes that wait, moved to small buffers");
	print(to, stack->send_held.used, "send_packets_held",
		"packets that wait to be sent or acknowledged");
	print(to, stack->ip.reassembly.datagrams.in_use, "ip_datagrams",
		"datagrams of which fragments are missing");
	print(to, stack->tcp.anchors.in_use, "tcp_connections",
		"connections, those in TIME-WAIT among them");
	print(to, stack->tcp.conns.in_use, "tcp_connections_active", "of them, those not at rest");
	print(to, stack->tcp.listeners.in_use, "tcp_listeners", "listening sockets");
	print(to, stack->udp.sockets.in_use, "udp_sockets", "UDP sockets");
	print(to, sockets->sockets.in_use, "sockets", "sockets of every kind");
	print(to, sockets->epolls.in_use, "epolls", "epoll instances");
	print(to, sockets->watches.in_use, "epoll_watches", "sockets in epoll instances");
	print(to, descriptors_in_use(&sockets->descriptors), "descriptors", "descriptors");
}

void ft_print_statistics(FILE *to)
{
	struct ft_stack *stack = ft_call_stack();

	if (stack == NULL)
		return;
	for (int i = 0; i < FT_COUNTER_COUNT; i++)
		print(to, stack->counters.count[i], ft_counter_name(i), ft_counter_text(i));
	print_drops(to, "dropped on receipt:", stack->counters.dropped_input);
	print_drops(to, "discarded after receipt:", stack->counters.dropped_late);
	print_drops(to, "not sent:", stack->counters.dropped_output);
	print_in_use(to, stack);
}
