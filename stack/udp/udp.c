#include "udp/udp.h"

#include <errno.h>
#include <sys/epoll.h>

#include <netinet/in.h>
#include <rte_udp.h>

#include "base/recorder.h"
#include "base/trace.h"
#include "socket/socket.h"
#include "stack.h"
#include "udp/udp_queue.h"

int ft_udp_init(struct ft_stack *stack)
{
	struct ft_udp *udp = &stack->udp;
	const struct ft_config_range *range = &stack->config.udp.ephemeral_ports;
	uint32_t sockets = stack->config.udp.sockets;
	int error;

	error = ft_pool_init(&udp->sockets, sockets, sizeof(struct ft_udp_socket), 64);
	if (error != 0)
		return error;
	error = ft_conn_table_init(&udp->connected, &udp->sockets, &stack->key);
	if (error != 0)
		goto no_table;
	error = ft_port_table_init(&udp->ports, IPPROTO_UDP, range->first, range->last, sockets,
		&stack->random, &stack->key);
	if (error != 0)
		goto no_ports;
	return 0;

no_ports:
	ft_conn_table_free(&udp->connected);
no_table:
	ft_pool_free(&udp->sockets);
	return error;
}

void ft_udp_free(struct ft_stack *stack)
{
	ft_port_table_free(&stack->udp.ports);
	ft_conn_table_free(&stack->udp.connected);
	ft_pool_free(&stack->udp.sockets);
}

// Zero: the sender did not compute one (RFC 768).
static bool has_good_checksum(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct rte_udp_hdr *header)
{
	if (header->dgram_cksum == 0)
		return ft_ip_may_lack_checksum(pkt);
	return ft_ip_has_good_checksum(stack, pkt);
}

enum ft_drop ft_udp_parse(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	const struct rte_udp_hdr *header;
	const char *frame;
	uint32_t length;

	frame = ft_pkt_pull(pkt, info->transport_offset + sizeof(*header));
	if (frame == NULL)
		return FT_DROP_UDP_SHORT;
	header = (const struct rte_udp_hdr *)(frame + info->transport_offset);
	length = rte_be_to_cpu_16(header->dgram_len);
	if (length < sizeof(*header) || length > pkt->pkt_len - info->transport_offset)
		return FT_DROP_UDP_SHORT;
	ft_pkt_trim_to(pkt, info->transport_offset + length);

	info->kind = FT_PKT_UDP;
	info->tuple.local_port = rte_be_to_cpu_16(header->dst_port);
	info->tuple.remote_port = rte_be_to_cpu_16(header->src_port);
	info->payload_offset = info->transport_offset + sizeof(*header);
	info->payload_length = length - sizeof(*header);
	if (!has_good_checksum(stack, pkt, header))
		return FT_DROP_UDP_BAD_CHECKSUM;
	return info->tuple.local_port == 0 ? FT_DROP_UDP_BAD_PORT : FT_TAKEN;
}

static __attribute__((cold)) void trace_queued(
	struct ft_stack *stack, const struct ft_udp_socket *udp, uint16_t bytes)
{
	char endpoint[FT_ENDPOINT_TEXT_BYTES];

	ft_trace(stack, FT_TRACE_UDP, "datagram of %u bytes queued for fd %d, %s %s; %u wait there",
		bytes, ft_socket_number(udp->socket),
		udp->is_connected ? "connected to" : "bound to",
		udp->is_connected
			? ft_endpoint_text(&udp->tuple.remote, udp->tuple.remote_port, endpoint)
			: ft_endpoint_text(&udp->binding.address, udp->binding.port, endpoint),
		udp->received.count);
}

static enum ft_drop deliver(struct ft_stack *stack, struct ft_udp_socket *udp, struct rte_mbuf *pkt)
{
	const uint16_t bytes = ft_pkt_info(pkt)->payload_length;
	enum ft_drop reason = ft_udp_queue_append(stack, udp, pkt);

	if (reason != FT_TAKEN)
		return reason;
	ft_stack_count(stack, FT_COUNTER_UDP_DATAGRAMS_IN);
	if (ft_is_traced(stack, FT_TRACE_UDP))
		trace_queued(stack, udp, bytes);
	ft_socket_notify(stack, udp->socket, EPOLLIN);
	return FT_TAKEN;
}

static struct rte_mbuf *copy_of(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(pkt, stack->receive_pool, 0, UINT32_MAX);

	if (copy != NULL)
		*ft_pkt_info(copy) = *ft_pkt_info(pkt);
	return copy;
}

static void drop_copy(struct ft_stack *stack, const struct ft_udp_socket *udp, struct rte_mbuf *pkt,
	struct rte_mbuf *copy, enum ft_drop reason)
{
	int fd = ft_socket_number(udp->socket);

	stack->counters.dropped_late[reason]++;
	ft_trace(stack, FT_TRACE_DROP, "fd %d's copy discarded: %s", fd, ft_drop_text(reason));
	if (unlikely(stack->recorder != NULL))
		ft_recorder_drop_copy(stack->recorder, pkt, fd, reason);
	rte_pktmbuf_free(copy);
}

// `copy` may be NULL, or the packet itself.
static void deliver_copy(struct ft_stack *stack, struct ft_udp_socket *udp, struct rte_mbuf *pkt,
	struct rte_mbuf *copy)
{
	enum ft_drop reason = copy != NULL ? deliver(stack, udp, copy) : FT_DROP_NO_MBUF;

	if (reason != FT_TAKEN)
		drop_copy(stack, udp, pkt, copy, reason);
}

static struct ft_udp_socket *owner_of(struct ft_binding *binding)
{
	return ft_container_of(binding, struct ft_udp_socket, binding);
}

// Broadcast and multicast reach every socket bound to the port (RFC 1122 4.1.3.3): the last one gets
// the packet itself. Among several, what one can't take does not make the datagram a dropped one.
static enum ft_drop deliver_to_all(struct ft_stack *stack, struct rte_mbuf *pkt)
{
	const struct ft_port_table *ports = &stack->udp.ports;
	const struct ft_tuple *tuple = &ft_pkt_info(pkt)->tuple;
	struct ft_binding *binding = ft_port_find_next(ports, tuple, NULL);
	struct ft_binding *next;

	if (binding == NULL)
		return FT_DROP_UDP_NO_SOCKET;
	next = ft_port_find_next(ports, tuple, binding);
	if (next == NULL)
		return deliver(stack, owner_of(binding), pkt);
	for (; next != NULL; binding = next, next = ft_port_find_next(ports, tuple, binding))
		deliver_copy(stack, owner_of(binding), pkt, copy_of(stack, pkt));
	deliver_copy(stack, owner_of(binding), pkt, pkt);
	return FT_TAKEN;
}

enum ft_drop ft_udp_input(
	struct ft_stack *stack, struct rte_mbuf *pkt, struct ft_udp_socket *candidate, ft_time now)
{
	struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct ft_binding *binding;

	if (info->flags & FT_PKT_IP_GROUP)
		return deliver_to_all(stack, pkt);
	if (candidate != NULL)
		return deliver(stack, candidate, pkt);
	binding = ft_port_find(&stack->udp.ports, &info->tuple, info->hash);
	if (binding == NULL) {
		ft_trace(stack, FT_TRACE_UDP, "nobody has port %u", info->tuple.local_port);
		ft_icmp_send_error(stack, pkt, FT_ICMP_PORT_UNREACHABLE, now);
		return FT_DROP_UDP_NO_SOCKET;
	}
	return deliver(stack, owner_of(binding), pkt);
}

static struct ft_udp_socket *find_connected(struct ft_stack *stack, const struct ft_tuple *tuple)
{
	uint32_t index =
		ft_conn_table_find(&stack->udp.connected, tuple, ft_tuple_hash(&stack->key, tuple));

	return index == FT_CONN_NONE ? NULL : ft_pool_at(&stack->udp.sockets, index);
}

// An unconnected socket is not told: it could not know which of its datagrams failed (RFC 1122
// 4.1.3.3 leaves it open, Linux and BSD do the same). A connected one is told of all, also of what may
// pass, such as a host unreachable (RFC 1122 4.1.3.3 asks for it; Linux keeps those back unless
// IP_RECVERR is set). A smaller path MTU counts for everyone.
enum ft_drop ft_udp_error(struct ft_stack *stack, const struct ft_icmp_error *error, ft_time now)
{
	struct ft_udp_socket *udp = find_connected(stack, &error->tuple);

	if (udp == NULL && ft_port_find(&stack->udp.ports, &error->tuple, 0) == NULL)
		return FT_DROP_ICMP_NO_SOCKET;
	if (error->mtu != 0)
		ft_route_lower_mtu(stack, &error->tuple.remote, error->mtu, now);
	if (udp == NULL)
		return error->mtu != 0 ? FT_TAKEN : FT_DROP_ICMP_NO_SOCKET;
	if (error->mtu == 0 || udp->dont_fragment) {
		udp->error = error->error;
		ft_socket_notify(stack, udp->socket, EPOLLERR | EPOLLIN | EPOLLOUT);
	}
	return FT_TAKEN;
}
