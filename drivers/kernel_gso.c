#include "drivers/kernel_gso.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <rte_ip.h>
#include <rte_tcp.h>

static int set_up(int fd, const char *interface)
{
	// No protocol: nothing is received here.
	const struct sockaddr_ll where = { .sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex(interface) };
	const int on = 1;

	if (where.sll_ifindex == 0 ||
		bind(fd, (const struct sockaddr *)&where, sizeof(where)) < 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

int ft_kernel_gso_open(const char *interface)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	error = set_up(fd, interface);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

// The header that stands before each frame on such a socket says how to cut it (virtio 1.2, 5.1.6.2). The kernel wants
// the checksum field to hold the sum of the pseudo-header with the whole length, and adapts it for each segment.
static struct virtio_net_hdr describe(struct rte_mbuf *pkt)
{
	const uint16_t tcp_offset = pkt->l2_len + pkt->l3_len;
	const struct rte_ipv4_hdr *ip =
		rte_pktmbuf_mtod_offset(pkt, const struct rte_ipv4_hdr *, pkt->l2_len);
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(pkt, struct rte_tcp_hdr *, tcp_offset);

	tcp->cksum = rte_ipv4_phdr_cksum(ip, 0);
	return (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = tcp_offset + pkt->l4_len,
		.gso_size = pkt->tso_segsz,
		.csum_start = tcp_offset,
		.csum_offset = offsetof(struct rte_tcp_hdr, cksum),
	};
}

int ft_kernel_gso_send(int fd, struct rte_mbuf *pkt)
{
	struct virtio_net_hdr description = describe(pkt);
	struct iovec pieces[1 + FT_KERNEL_GSO_PIECES] = { { &description, sizeof(description) } };
	int count = 1;

	assert(pkt->nb_segs <= FT_KERNEL_GSO_PIECES);
	for (struct rte_mbuf *piece = pkt; piece != NULL; piece = piece->next)
		pieces[count++] =
			(struct iovec){ rte_pktmbuf_mtod(piece, void *), piece->data_len };
	if (writev(fd, pieces, count) >= 0)
		return 0;
	return errno == ENOBUFS || errno == ENOMEM ? -EAGAIN : -errno;
}
