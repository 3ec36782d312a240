#include "drivers/nic.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "base/log.h"
#include "base/pkt.h"
#include "drivers/dumpcap.h"
#include "drivers/fanout.h"
#include "drivers/gro.h"
#include "drivers/kernel_gso.h"
#include "drivers/kernel_ingress.h"
#include "drivers/quiet.h"

#define FRAME_OVERHEAD (RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN + RTE_ETHER_CRC_LEN)
#define SMALLEST_MTU   68 // of IPv4: RFC 791 3.2

// What the device says about itself, and what of it we use.
struct plan {
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	uint16_t mtu;
	uint16_t rx_descriptors;
	uint16_t tx_descriptors;
	uint16_t room_bytes; // in each packet of the pools
};

// ---- the functions of the netif ----

static uint16_t receive(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	struct ft_nic *nic = driver;
	uint16_t received;

	ft_dumpcap_begin_burst();
	received = rte_eth_rx_burst(nic->ethdev, 0, pkts, count);
	ft_dumpcap_end_burst();
	return received;
}

static uint16_t receive_and_clear_flags(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t received = receive(driver, pkts, count);

	for (uint16_t i = 0; i < received; i++)
		pkts[i]->ol_flags = 0;
	return received;
}

static uint16_t receive_and_merge(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	struct ft_nic *nic = driver;
	uint16_t received = receive(driver, pkts, count);
	uint16_t left = ft_gro_merge(pkts, received);

	nic->merged += received - left;
	return left;
}

static uint16_t transmit(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	struct ft_nic *nic = driver;
	uint16_t sent;

	ft_dumpcap_begin_burst();
	sent = rte_eth_tx_burst(nic->ethdev, 0, pkts, count);
	ft_dumpcap_end_burst();
	return sent;
}

static uint16_t transmit_and_cut(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	struct ft_nic *nic = driver;

	return ft_gso_transmit(&nic->gso, pkts, count);
}

static uint16_t prepare(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	struct ft_nic *nic = driver;

	return rte_eth_tx_prepare(nic->ethdev, 0, pkts, count);
}

// Segments cut in software ask for nothing.
static uint16_t prepare_others(void *driver, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t ready = 0;

	while (ready < count && ((pkts[ready]->ol_flags & RTE_MBUF_F_TX_TCP_SEG) ||
					prepare(driver, pkts + ready, 1) == 1))
		ready++;
	return ready;
}

static bool is_link_up(void *driver)
{
	struct ft_nic *nic = driver;
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(nic->ethdev, &link) == 0 &&
	       link.link_status == RTE_ETH_LINK_UP;
}

// For devices that are always up in DPDK's eyes.
static bool is_kernel_link_up(void *driver)
{
	struct ft_nic *nic = driver;
	struct ifreq request = { 0 };

	strcpy(request.ifr_name, nic->interface);
	if (ioctl(nic->kernel_socket, SIOCGIFFLAGS, &request) < 0)
		return false;
	return (request.ifr_flags & IFF_UP) && (request.ifr_flags & IFF_RUNNING);
}

// ---- opening ----

static uint32_t count_ethdevs(const struct ft_device *device, uint16_t *ethdev)
{
	struct rte_dev_iterator iterator;
	uint32_t count = 0;
	uint16_t id;

	RTE_ETH_FOREACH_MATCHING_DEV(id, device->name, &iterator)
	{
		if (count++ == 0)
			*ethdev = id;
	}
	return count;
}

static int probe(struct ft_nic *nic, const struct ft_device *device)
{
	struct ft_quiet quiet;
	int error = 0;
	uint32_t count;

	ft_quiet_begin(&quiet, nic->is_quiet);
	ft_fanout_stay_out(true);
	if (!device->is_pci)
		error = rte_dev_probe(device->devargs);
	ft_fanout_stay_out(false);
	ft_quiet_end(&quiet);
	if (error == -EFAULT) {
		ft_log_error("DPDK has no driver for %s: is it spelled right, and is the package "
			     "with the driver installed (Debian: dpdk)?",
			device->name);
		return -ENODEV;
	}
	count = error == 0 ? count_ethdevs(device, &nic->ethdev) : 0;
	if (count == 0) {
		ft_log_error("%s did not start: %s; --log.level=debug shows what its driver says",
			device->devargs, device->family.remedy);
		return -ENODEV;
	}
	if (count > 1) {
		ft_log_error("%s is %u devices: expected one", device->devargs, count);
		return -EINVAL;
	}
	return 0;
}

// Asks the kernel for the MTU of an interface it shares with us.
static uint32_t kernel_mtu(const struct ft_nic *nic)
{
	struct ifreq request = { 0 };

	strcpy(request.ifr_name, nic->interface);
	return ioctl(nic->kernel_socket, SIOCGIFMTU, &request) < 0 ? RTE_ETHER_MTU
								   : (uint32_t)request.ifr_mtu;
}

// The device says it twice; ethdev refuses what is above either.
static uint16_t largest_mtu(const struct rte_eth_dev_info *info)
{
	uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;

	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu)
		overhead = info->max_rx_pktlen - info->max_mtu;
	return (uint16_t)RTE_MIN(info->max_rx_pktlen - overhead, (uint32_t)info->max_mtu);
}

// The MTU before we have changed anything.
static uint32_t present_mtu(const struct ft_nic *nic)
{
	uint16_t mtu = RTE_ETHER_MTU;

	if (nic->kernel_socket >= 0)
		return kernel_mtu(nic);
	rte_eth_dev_get_mtu(nic->ethdev, &mtu);
	return mtu;
}

static int plan_mtu(const struct ft_nic *nic, const struct ft_config *config, struct plan *plan)
{
	uint32_t smallest = RTE_MAX(plan->info.min_mtu, SMALLEST_MTU);
	uint32_t largest = largest_mtu(&plan->info);
	uint32_t mtu = config->nic.mtu > 0 ? config->nic.mtu : present_mtu(nic);

	if (mtu < smallest || (config->nic.mtu > 0 && mtu > largest)) {
		ft_log_error("an MTU of %u: this device, as DPDK drives it, takes %u to %u", mtu,
			smallest, largest);
		return -EINVAL;
	}
	plan->mtu = (uint16_t)RTE_MIN(mtu, largest);
	return 0;
}

// All that it takes, or none of it: the NIC also computes the checksums of the segments it cuts.
static uint64_t tso_offloads(
	const struct ft_nic *nic, const struct ft_config *config, const struct plan *plan)
{
	const uint32_t headers = sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr);
	uint64_t all = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS |
		       RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	bool is_wanted = config->nic.tso && config->nic.checksum_offload;
	bool fits =
		!nic->has_shorter_tso ||
		(config->tcp.mss > 0 && config->tcp.mss + headers + RTE_ETHER_HDR_LEN <= plan->mtu);

	return is_wanted && fits && (plan->info.tx_offload_capa & all) == all ? all : 0;
}

static void plan_offloads(
	const struct ft_nic *nic, const struct ft_config *config, struct plan *plan)
{
	uint64_t rx = 0, tx = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;

	if (config->nic.checksum_offload) {
		rx = RTE_ETH_RX_OFFLOAD_CHECKSUM;
		tx |= RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
		      RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	}
	tx |= tso_offloads(nic, config, plan);
	if (plan->mtu + FRAME_OVERHEAD > plan->room_bytes)
		rx |= RTE_ETH_RX_OFFLOAD_SCATTER;
	// Some devices refuse to be configured with an offload they have not.
	plan->conf.rxmode.offloads = rx & plan->info.rx_offload_capa;
	plan->conf.txmode.offloads = tx & plan->info.tx_offload_capa;
}

// A frame that does not fit a packet is scattered over several by the device, if it can; else every
// packet must have the room.
static void plan_room(struct plan *plan)
{
	uint32_t frame_bytes = plan->mtu + FRAME_OVERHEAD;

	plan->room_bytes = RTE_MBUF_DEFAULT_DATAROOM;
	if (frame_bytes > plan->room_bytes &&
		!(plan->info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER))
		plan->room_bytes = (uint16_t)RTE_ALIGN_CEIL(frame_bytes, RTE_CACHE_LINE_SIZE);
}

static int make_plan(const struct ft_nic *nic, const struct ft_config *config, struct plan *plan)
{
	int error;

	memset(plan, 0, sizeof(*plan));
	error = rte_eth_dev_info_get(nic->ethdev, &plan->info);
	if (error != 0) {
		ft_log_error("the device does not say what it can: %s", rte_strerror(-error));
		return error;
	}
	if (plan->info.max_rx_queues < 1 || plan->info.max_tx_queues < 1) {
		ft_log_error(
			"the device has %u receive and %u transmit queues: expected one of each "
			"at least",
			plan->info.max_rx_queues, plan->info.max_tx_queues);
		return -ENODEV;
	}
	error = plan_mtu(nic, config, plan);
	if (error != 0)
		return error;
	plan_room(plan);
	plan_offloads(nic, config, plan);
	plan->conf.rxmode.mtu = plan->mtu;
	plan->rx_descriptors = (uint16_t)config->nic.rx_descriptors;
	plan->tx_descriptors = (uint16_t)config->nic.tx_descriptors;
	return 0;
}

static int create_pools(struct ft_nic *nic, const struct ft_config *config, const struct plan *plan)
{
	int socket = rte_eth_dev_socket_id(nic->ethdev);

	nic->pools = (struct ft_pkt_pools){
		.receive = ft_pkt_pool_create(
			"ft_receive", config->memory.packets, plan->room_bytes, socket),
		.send = ft_pkt_pool_create(
			"ft_send", config->memory.packets, plan->room_bytes, socket),
		.small = ft_pkt_small_pool_create("ft_small", config->memory.small_packets, socket),
	};
	if (nic->pools.receive != NULL && nic->pools.send != NULL && nic->pools.small != NULL)
		return 0;
	ft_log_error(
		"no memory for twice %u packets and %u small ones: %s; lower [memory] packets, "
		"or raise what [eal] sets aside",
		config->memory.packets, config->memory.small_packets, rte_strerror(rte_errno));
	return -ENOMEM;
}

static int set_up_queues(struct ft_nic *nic, struct plan *plan)
{
	int socket = rte_eth_dev_socket_id(nic->ethdev);
	struct rte_eth_rxconf rx = plan->info.default_rxconf;
	struct rte_eth_txconf tx = plan->info.default_txconf;
	int error;

	error = rte_eth_dev_configure(nic->ethdev, 1, 1, &plan->conf);
	if (error != 0)
		return error;
	error = rte_eth_dev_adjust_nb_rx_tx_desc(
		nic->ethdev, &plan->rx_descriptors, &plan->tx_descriptors);
	if (error != 0)
		return error;
	rx.offloads = plan->conf.rxmode.offloads;
	tx.offloads = plan->conf.txmode.offloads;
	error = rte_eth_rx_queue_setup(
		nic->ethdev, 0, plan->rx_descriptors, socket, &rx, nic->pools.receive);
	if (error != 0)
		return error;
	return rte_eth_tx_queue_setup(nic->ethdev, 0, plan->tx_descriptors, socket, &tx);
}

// What some devices take only one at a time, in this order, and others not at all.
static int apply_settings(struct ft_nic *nic, const struct ft_config *config)
{
	int error;

	if (config->nic.mtu > 0) {
		error = rte_eth_dev_set_mtu(nic->ethdev, (uint16_t)config->nic.mtu);
		if (error != 0 && error != -ENOTSUP) {
			ft_log_error("[nic] mtu = %u: the device refused it: %s", config->nic.mtu,
				rte_strerror(-error));
			return error;
		}
	}
	if (config->nic.promiscuous && rte_eth_promiscuous_enable(nic->ethdev) != 0)
		ft_log_warning("[nic] promiscuous = yes: the device does not do that");
	return 0;
}

static int start(struct ft_nic *nic, const struct ft_config *config, const struct ft_device *device,
	struct plan *plan)
{
	struct ft_quiet quiet;
	int error;

	ft_quiet_begin(&quiet, nic->is_quiet);
	error = set_up_queues(nic, plan);
	if (error == 0)
		error = rte_eth_dev_start(nic->ethdev);
	ft_quiet_end(&quiet);
	if (error == 0)
		return apply_settings(nic, config);
	ft_log_error("%s did not start (%s): %s; --log.level=debug shows what its driver says",
		device->devargs, rte_strerror(-error), device->family.remedy);
	return error;
}

static bool has_tso(const struct plan *plan)
{
	return plan->conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO;
}

// A socket through which the kernel cuts, or -1 where it does not: its interfaces only, and not where dpdk-dumpcap
// is to see what is sent.
static int open_kernel_gso(const struct ft_nic *nic, const struct ft_config *config)
{
	int fd;

	if (nic->kernel_socket < 0 || config->nic.dumpcap)
		return -1;
	fd = ft_kernel_gso_open(nic->interface);
	if (fd < 0)
		ft_log_warning(
			"[nic] tso = yes: no packet socket for the kernel to cut segments (%s); "
			"they are cut here, which takes longer",
			rte_strerror(-fd));
	return fd;
}

static int start_cutting(
	struct ft_nic *nic, const struct ft_config *config, const struct plan *plan)
{
	bool takes_chains = plan->conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	bool fits = plan->mtu + FRAME_OVERHEAD <= plan->room_bytes;
	int kernel;

	if (!config->nic.tso || has_tso(plan))
		return 0;
	kernel = open_kernel_gso(nic, config);
	if (kernel < 0 && !takes_chains && !fits)
		return 0;
	nic->is_cutting = true;
	nic->gso = (struct ft_gso){
		.transmit = transmit,
		.driver = nic,
		.kernel = kernel,
		.headers = nic->pools.send,
		.takes_chains = takes_chains,
	};
	return ft_gso_init(&nic->gso, plan->tx_descriptors, rte_eth_dev_socket_id(nic->ethdev));
}

static uint32_t offloads_of(uint64_t tx)
{
	uint32_t offloads = 0;

	if (tx & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM)
		offloads |= FT_OFFLOAD_IP4_CHECKSUM;
	if (tx & RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
		offloads |= FT_OFFLOAD_TCP_CHECKSUM;
	if (tx & RTE_ETH_TX_OFFLOAD_UDP_CKSUM)
		offloads |= FT_OFFLOAD_UDP_CHECKSUM;
	if (tx & RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
		offloads |= FT_OFFLOAD_MULTI_SEGMENT;
	return offloads;
}

// What fits an IP packet, in a chain that the device takes: its headers, then mbufs of which the first and the last
// may be used in part.
static uint16_t tso_bytes_of(const struct ft_nic *nic, const struct plan *plan)
{
	uint32_t most = RTE_IPV4_MAX_PKT_LEN - 2 * 60;
	uint32_t mbufs = plan->info.tx_desc_lim.nb_seg_max; // 0: as many as one likes

	if (nic->is_cutting)
		return (uint16_t)most;
	if (!has_tso(plan))
		return 0;
	if (mbufs > 0)
		most = RTE_MIN(most, (RTE_MAX(mbufs, 2u) - 2) * plan->room_bytes);
	return (uint16_t)most;
}

// A ring has no address of its own, and a tap says its kernel end's.
static void choose_mac(struct ft_nic *nic, const struct ft_device *device)
{
	struct rte_ether_addr *mac = &nic->netif.mac;

	if (device->family.is_far_end || rte_eth_macaddr_get(nic->ethdev, mac) != 0 ||
		!rte_is_valid_assigned_ether_addr(mac))
		rte_eth_random_addr(mac->addr_bytes);
}

static void note_held_packets(
	struct ft_nic *nic, const struct ft_device *device, const struct plan *plan)
{
	nic->held_packets =
		RTE_MAX(rte_mempool_in_use_count(nic->pools.receive), plan->rx_descriptors);
	if (device->family.sends_from_receive_pool)
		nic->held_packets += plan->tx_descriptors;
}

static void fill_netif(struct ft_nic *nic, const struct ft_device *device, const struct plan *plan)
{
	struct ft_netif *netif = &nic->netif;

	netif->driver = nic;
	netif->offloads = offloads_of(plan->conf.txmode.offloads);
	netif->receive = nic->is_merging ? receive_and_merge : receive;
	if (device->family.passes_sender_flags)
		netif->receive = receive_and_clear_flags;
	netif->transmit = nic->is_cutting ? transmit_and_cut : transmit;
	if (netif->offloads & ~FT_OFFLOAD_MULTI_SEGMENT)
		netif->prepare = nic->is_cutting ? prepare_others : prepare;
	netif->is_link_up = nic->kernel_socket >= 0 ? is_kernel_link_up : is_link_up;
	netif->mtu = plan->mtu;
	netif->tso_bytes = tso_bytes_of(nic, plan);
	choose_mac(nic, device);
}

static void open_kernel_socket(struct ft_nic *nic, const struct ft_device *device)
{
	nic->kernel_socket = -1;
	if (!device->family.needs_kernel_interface)
		return;
	strcpy(nic->interface, device->interface);
	nic->kernel_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

// Where it cannot be the kernel throws them away itself, which takes longer.
static void keep_kernel_out(
	struct ft_nic *nic, const struct ft_config *config, const struct ft_device *device)
{
	nic->kernel_ingress = -1;
	if (!device->family.is_seen_by_kernel)
		return;
	nic->kernel_ingress = ft_kernel_ingress_open(
		nic->interface, config->ip.address, config->ip.address_count);
	if (nic->kernel_ingress < 0)
		ft_log_info(
			"the kernel's own IP receives what is for us, too, and throws it away (%s): "
			"to keep it out takes Linux 6.6 and CAP_BPF",
			rte_strerror(-nic->kernel_ingress));
}

int ft_nic_open(struct ft_nic *nic, const struct ft_config *config, const struct ft_device *device)
{
	struct plan plan;
	int error;

	memset(nic, 0, sizeof(*nic));
	nic->ethdev = RTE_MAX_ETHPORTS;
	nic->has_shorter_tso = device->family.has_shorter_tso;
	nic->is_merging = config->nic.gro;
	nic->is_quiet = strcmp(config->log.level, "debug") != 0;
	open_kernel_socket(nic, device);
	keep_kernel_out(nic, config, device);
	error = probe(nic, device);
	if (error == 0)
		error = make_plan(nic, config, &plan);
	if (error == 0)
		error = create_pools(nic, config, &plan);
	if (error == 0)
		error = start(nic, config, device, &plan);
	if (error == 0)
		error = start_cutting(nic, config, &plan);
	if (error != 0) {
		ft_nic_close(nic);
		return error;
	}
	note_held_packets(nic, device, &plan);
	fill_netif(nic, device, &plan);
	return 0;
}

static void stop(struct ft_nic *nic)
{
	struct ft_quiet quiet;

	if (!rte_eth_dev_is_valid_port(nic->ethdev))
		return;
	ft_quiet_begin(&quiet, nic->is_quiet);
	rte_eth_dev_stop(nic->ethdev);
	rte_eth_dev_close(nic->ethdev);
	ft_quiet_end(&quiet);
}

void ft_nic_close(struct ft_nic *nic)
{
	stop(nic);
	if (nic->is_cutting)
		ft_gso_free(&nic->gso);
	rte_mempool_free(nic->pools.receive);
	rte_mempool_free(nic->pools.send);
	rte_mempool_free(nic->pools.small);
	if (nic->kernel_socket >= 0)
		close(nic->kernel_socket);
	if (nic->kernel_ingress >= 0)
		close(nic->kernel_ingress);
}
