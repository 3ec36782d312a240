#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include <netinet/in.h>
#include <rte_udp.h>

#include "base/iov.h"
#include "base/trace.h"
#include "socket/socket.h"
#include "stack.h"
#include "udp/udp.h"
#include "udp/udp_queue.h"

struct ft_udp_socket *ft_udp_open(struct ft_stack *stack, struct ft_socket *socket)
{
	struct ft_udp_socket *udp = ft_pool_take(&stack->udp.sockets);

	if (udp == NULL)
		return NULL;
	*udp = (struct ft_udp_socket){
		.socket = socket,
		.receive_bytes.limit = stack->config.udp.receive_buffer,
	};
	ft_list_init(&udp->binding.node);
	return udp;
}

static void unbind(struct ft_stack *stack, struct ft_udp_socket *udp)
{
	if (!udp->is_bound)
		return;
	ft_port_unbind(&stack->udp.ports, &udp->binding);
	udp->binding.port = 0;
	udp->is_bound = false;
	udp->has_chosen_port = false;
}

void ft_udp_close(struct ft_stack *stack, struct ft_udp_socket *udp)
{
	struct rte_mbuf *pkt;

	while ((pkt = ft_udp_queue_take(stack, udp)) != NULL)
		ft_stack_drop_late(stack, pkt, FT_DROP_OWNER_GONE);
	ft_udp_disconnect(stack, udp);
	unbind(stack, udp);
	udp->socket = NULL; // how a listing tells a free block
	ft_pool_give(&stack->udp.sockets, udp);
}

int ft_udp_bind(struct ft_stack *stack, struct ft_udp_socket *udp, const struct ft_addr *address,
	uint16_t port)
{
	int error;

	udp->binding.address = *address;
	udp->binding.port = port;
	error = ft_port_bind(&stack->udp.ports, &udp->binding);
	udp->is_bound = error == 0;
	if (error != 0)
		udp->binding.port = 0;
	return error;
}

// A socket that sends before it was bound gets a port at all addresses of the peer's family, or at the
// address that bind() has given it without one.
static int choose_port(
	struct ft_stack *stack, struct ft_udp_socket *udp, const struct ft_addr *remote)
{
	struct ft_addr address = udp->binding.address;

	if (udp->is_bound)
		return 0;
	if (ft_addr_is_any(&address))
		address = ft_addr_any_like(remote);
	if (ft_udp_bind(stack, udp, &address, 0) != 0)
		return -EADDRNOTAVAIL;
	udp->has_chosen_port = true;
	return 0;
}

// The way to `remote` and the address that datagrams there come from.
static int find_way(struct ft_stack *stack, struct ft_udp_socket *udp, const struct ft_addr *remote,
	ft_time now, struct ft_route *route)
{
	int error = ft_route_find(stack, remote, now, route);

	if (error != 0)
		return error;
	if (route->is_broadcast && !udp->can_broadcast)
		return -EACCES;
	if (!ft_addr_is_any(&udp->binding.address) &&
		!ft_route_is_broadcast(stack, &udp->binding.address))
		route->source = udp->binding.address;
	if (ft_addr_is_loopback(&route->source) && !route->is_local)
		return -EINVAL;
	return 0;
}

static bool is_anothers(const struct ft_stack *stack, const struct ft_udp_socket *udp,
	const struct ft_tuple *tuple, uint64_t hash)
{
	uint32_t found = ft_conn_table_find(&stack->udp.connected, tuple, hash);

	return found != FT_CONN_NONE && found != ft_pool_index(&stack->udp.sockets, udp);
}

static void forget_peer(struct ft_stack *stack, struct ft_udp_socket *udp)
{
	if (!udp->is_connected)
		return;
	ft_conn_table_remove(&stack->udp.connected, ft_tuple_hash(&stack->key, &udp->tuple),
		ft_pool_index(&stack->udp.sockets, udp));
	udp->tuple = (struct ft_tuple){ 0 };
	udp->is_connected = false;
	ft_port_mark_connected(&stack->udp.ports, &udp->binding, false);
}

// A peer that can't be had leaves the one before.
int ft_udp_connect(struct ft_stack *stack, struct ft_udp_socket *udp, const struct ft_addr *remote,
	uint16_t remote_port, ft_time now)
{
	struct ft_tuple tuple = {
		.remote = *remote, .remote_port = remote_port, .protocol = IPPROTO_UDP
	};
	struct ft_route route;
	uint64_t hash;
	int error;

	error = find_way(stack, udp, remote, now, &route);
	if (error == 0)
		error = choose_port(stack, udp, remote);
	if (error != 0)
		return error;
	tuple.local = route.source;
	tuple.local_port = udp->binding.port;
	hash = ft_tuple_hash(&stack->key, &tuple);
	if (is_anothers(stack, udp, &tuple, hash))
		return -EADDRINUSE;
	forget_peer(stack, udp);
	udp->tuple = tuple;
	error = ft_conn_table_insert(
		&stack->udp.connected, hash, ft_pool_index(&stack->udp.sockets, udp));
	if (error != 0) {
		udp->tuple = (struct ft_tuple){ 0 };
		return error;
	}
	udp->is_connected = true;
	ft_port_mark_connected(&stack->udp.ports, &udp->binding, true);
	return 0;
}

void ft_udp_disconnect(struct ft_stack *stack, struct ft_udp_socket *udp)
{
	forget_peer(stack, udp);
	if (udp->has_chosen_port)
		unbind(stack, udp);
}

static bool append_payload(struct ft_stack *stack, struct rte_mbuf *pkt, const struct iovec *iov,
	int iov_count, uint64_t bytes)
{
	struct ft_iov from = { .iov = iov, .count = iov_count };
	struct rte_mbuf *part = pkt;

	while (bytes > 0) {
		uint64_t count = RTE_MIN(bytes, (uint64_t)rte_pktmbuf_tailroom(part));

		ft_iov_gather(&from, rte_pktmbuf_append(part, count), count);
		bytes -= count;
		if (part != pkt && rte_pktmbuf_chain(pkt, part) != 0) {
			rte_pktmbuf_free(part);
			return false;
		}
		if (bytes > 0 && (part = ft_stack_new_packet(stack)) == NULL)
			return false;
	}
	return true;
}

// The datagram as a chain of packets' buffers; IP cuts it into fragments where it has to.
static struct rte_mbuf *make_datagram(struct ft_stack *stack, uint16_t source_port,
	uint16_t destination_port, const struct iovec *iov, int iov_count, uint64_t bytes)
{
	struct rte_mbuf *pkt = ft_stack_new_packet(stack);
	struct rte_udp_hdr *header;

	if (pkt == NULL)
		return NULL;
	header = (struct rte_udp_hdr *)rte_pktmbuf_append(pkt, sizeof(*header));
	header->src_port = rte_cpu_to_be_16(source_port);
	header->dst_port = rte_cpu_to_be_16(destination_port);
	header->dgram_len = rte_cpu_to_be_16(sizeof(*header) + bytes);
	header->dgram_cksum = 0;
	if (!append_payload(stack, pkt, iov, iov_count, bytes)) {
		rte_pktmbuf_free(pkt);
		return NULL;
	}
	return pkt;
}

// Half the queues stay free for what the protocols have to say.
static bool has_room(const struct ft_stack *stack)
{
	return stack->tx_count < FT_TX_QUEUE / 2 && stack->loopback.count < FT_LOOPBACK_QUEUE / 2;
}

static int check_send(struct ft_udp_socket *udp, const struct ft_addr *remote, uint16_t remote_port,
	uint64_t bytes)
{
	const struct ft_addr *destination = remote != NULL ? remote : &udp->tuple.remote;

	if (remote == NULL && !udp->is_connected)
		return -EDESTADDRREQ;
	if (bytes > ft_ip_largest_payload(destination) - sizeof(struct rte_udp_hdr))
		return -EMSGSIZE;
	if ((remote != NULL ? remote_port : udp->tuple.remote_port) == 0)
		return -EINVAL;
	return -ft_udp_take_error(udp);
}

static __attribute__((cold)) void trace_sent(
	struct ft_stack *stack, struct rte_mbuf *pkt, const struct ft_ip_send *send, uint64_t bytes)
{
	const struct rte_udp_hdr *header = rte_pktmbuf_mtod(pkt, const struct rte_udp_hdr *);
	const struct ft_tuple tuple = {
		.local = send->source,
		.remote = send->destination,
		.local_port = rte_be_to_cpu_16(header->src_port),
		.remote_port = rte_be_to_cpu_16(header->dst_port),
		.protocol = IPPROTO_UDP,
	};

	ft_trace_sent(stack, FT_TRACE_UDP, &tuple, "sends datagram of %lu bytes", bytes);
}

ssize_t ft_udp_send(struct ft_stack *stack, struct ft_udp_socket *udp, const struct ft_addr *remote,
	uint16_t remote_port, const struct iovec *iov, int iov_count, uint64_t bytes, ft_time now)
{
	struct ft_ip_send send = { .protocol = IPPROTO_UDP,
		.ttl = udp->ttl,
		.tos = udp->tos,
		.dont_fragment = udp->dont_fragment,
		.checksum_offset = offsetof(struct rte_udp_hdr, dgram_cksum) };
	struct ft_route route;
	struct rte_mbuf *pkt;
	int error;

	error = check_send(udp, remote, remote_port, bytes);
	if (error != 0)
		return error;
	send.destination = remote != NULL ? *remote : udp->tuple.remote;
	error = find_way(stack, udp, &send.destination, now, &route);
	if (error == 0)
		error = choose_port(stack, udp, &send.destination);
	if (error != 0)
		return error;
	if (udp->is_shut_write)
		return -EPIPE;
	send.source = udp->is_connected ? udp->tuple.local : route.source;
	if (udp->dont_fragment &&
		bytes + sizeof(struct rte_udp_hdr) + ft_ip_header_bytes(&send.destination) >
			route.mtu)
		return -EMSGSIZE;
	if (!has_room(stack))
		return -EAGAIN;
	pkt = make_datagram(stack, udp->binding.port,
		remote != NULL ? remote_port : udp->tuple.remote_port, iov, iov_count, bytes);
	if (pkt == NULL)
		return -ENOBUFS;
	ft_stack_count(stack, FT_COUNTER_UDP_DATAGRAMS_OUT);
	if (ft_is_traced(stack, FT_TRACE_UDP))
		trace_sent(stack, pkt, &send, bytes);
	ft_ip_output(stack, pkt, &send, now);
	return bytes;
}

// The datagram's payload into `iov`, as much as fits.
static void copy_payload(struct rte_mbuf *pkt, const struct iovec *iov, int iov_count)
{
	const struct ft_pkt_info *info = ft_pkt_info(pkt);
	struct ft_iov to = { .iov = iov, .count = iov_count };
	uint32_t done = 0;
	size_t count;
	void *piece;

	while (done < info->payload_length) {
		piece = ft_iov_next(&to, info->payload_length - done, &count);
		if (count == 0)
			return;
		ft_pkt_copy_out(pkt, info->payload_offset + done, piece, count);
		done += count;
	}
}

ssize_t ft_udp_receive(struct ft_stack *stack, struct ft_udp_socket *udp, const struct iovec *iov,
	int iov_count, bool is_peek, struct ft_tuple *from)
{
	struct rte_mbuf *pkt;
	ssize_t bytes;

	*from = (struct ft_tuple){ 0 };
	if (udp->error != 0)
		return -ft_udp_take_error(udp);
	pkt = is_peek ? udp->received.first : ft_udp_queue_take(stack, udp);
	if (pkt == NULL)
		return udp->is_shut_read ? 0 : -EAGAIN;
	copy_payload(pkt, iov, iov_count);
	*from = ft_pkt_info(pkt)->tuple;
	bytes = ft_pkt_info(pkt)->payload_length;
	if (!is_peek)
		rte_pktmbuf_free(pkt);
	return bytes;
}

uint64_t ft_udp_readable_bytes(const struct ft_udp_socket *udp)
{
	struct rte_mbuf *pkt = udp->received.first;

	return pkt == NULL ? 0 : ft_pkt_info(pkt)->payload_length;
}

int ft_udp_shutdown(struct ft_stack *stack, struct ft_udp_socket *udp, bool read, bool write)
{
	udp->is_shut_read |= read;
	udp->is_shut_write |= write;
	ft_socket_notify(stack, udp->socket, ft_udp_readiness(udp));
	return udp->is_connected ? 0 : -ENOTCONN;
}

uint32_t ft_udp_readiness(const struct ft_udp_socket *udp)
{
	uint32_t events = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;

	if (udp->received.first != NULL || udp->is_shut_read)
		events |= EPOLLIN | EPOLLRDNORM;
	if (udp->is_shut_read)
		events |= EPOLLRDHUP;
	if (udp->is_shut_read && udp->is_shut_write)
		events |= EPOLLHUP;
	if (udp->error != 0)
		events |= EPOLLERR;
	return events;
}

int ft_udp_take_error(struct ft_udp_socket *udp)
{
	int error = udp->error;

	udp->error = 0;
	return error;
}
