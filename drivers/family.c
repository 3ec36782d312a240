#include "drivers/family.h"

#include <linux/capability.h>
#include <stddef.h>
#include <string.h>

#define BIT(capability) (1ull << (capability))

// On checksums: af_packet, af_xdp, pcap, memif and null say nothing about received packets, so the
// stack verifies in software; tap and the NICs say good or bad. On transmit, the ethdev's
// capabilities tell.
static const struct ft_family families[] = {
	{ .name = "net_af_packet",
		.capabilities = BIT(CAP_NET_RAW) | BIT(CAP_NET_ADMIN),
		.privilege = "CAP_NET_RAW and CAP_NET_ADMIN",
		.needs_kernel_interface = true,
		.is_seen_by_kernel = true,
		.remedy = "its arguments may be wrong" },
	{ .name = "net_af_xdp",
		.capabilities = BIT(CAP_NET_RAW) | BIT(CAP_NET_ADMIN) | BIT(CAP_SYS_ADMIN),
		.privilege = "CAP_NET_RAW, CAP_NET_ADMIN and CAP_SYS_ADMIN",
		.needs_kernel_interface = true,
		.remedy =
			"the interface may have an XDP program or another AF_XDP socket already "
			"(\"ip link\" shows prog/xdp; \"ip link set dev NAME xdp off\" removes it)" },
	{ .name = "net_tap",
		.capabilities = BIT(CAP_NET_ADMIN),
		.privilege = "CAP_NET_ADMIN",
		.has_shorter_tso = true, // it counts the Ethernet header, too
		.is_far_end = true,
		.remedy =
			"/dev/net/tun may be missing, or another process has an interface of that name "
			"(choose one with iface=NAME)" },
	{ .name = "net_memif",
		.remedy =
			"a client (role=client, the default) needs a server at socket=PATH, which must "
			"run already; a server (role=server) needs a PATH that nobody else uses" },
	{ .name = "net_pcap",
		.remedy = "rx_pcap= must be a readable pcap file, tx_pcap= writable" },
	{ .name = "net_ring", .passes_sender_flags = true, .remedy = "its arguments may be wrong" },
	{ .name = "net_null", .remedy = "its arguments may be wrong" },
	// The other side maps our memory by file descriptor and can hold only a few.
	{ .name = "net_virtio_user",
		.eal = "--single-file-segments",
		.needs_hugepages = true,
		.remedy = "path= must be /dev/vhost-net or the socket of a vhost backend" },
	{ .name = "vfio-pci",
		.is_pci = true,
		.needs_hugepages = true,
		.remedy = "another process may use it, or /dev/vfio may not be accessible" },
	{ .name = "igb_uio",
		.capabilities = BIT(CAP_SYS_RAWIO),
		.privilege = "CAP_SYS_RAWIO",
		.is_pci = true,
		.needs_hugepages = true,
		.remedy = "another process may use it" },
	{ .name = "uio_pci_generic",
		.capabilities = BIT(CAP_SYS_RAWIO),
		.privilege = "CAP_SYS_RAWIO",
		.is_pci = true,
		.needs_hugepages = true,
		.remedy = "another process may use it" },
	// Mellanox: the kernel's driver stays, and DPDK's works beside it through libibverbs.
	{ .name = "mlx5_core",
		.capabilities = BIT(CAP_NET_RAW),
		.privilege = "CAP_NET_RAW",
		.is_pci = true,
		.remedy =
			"\"ibv_devinfo\" must list it (Debian: ibverbs-providers, module mlx5_ib)" },
	{ .name = "mlx4_core",
		.capabilities = BIT(CAP_NET_RAW),
		.privilege = "CAP_NET_RAW",
		.is_pci = true,
		.remedy =
			"\"ibv_devinfo\" must list it (Debian: ibverbs-providers, module mlx4_ib)" },
};

const struct ft_family *ft_family_find(const char *name, bool is_pci)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].is_pci == is_pci &&
			strncmp(name, families[i].name, strlen(families[i].name)) == 0)
			return &families[i];
	return NULL;
}
