// What the NIC is and does. Asked of DPDK, not of the loop: ethdev's questions may come from any thread.
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "drivers/nic.h"
#include "stack.h"
#include "telemetry/telemetry.h"

static const struct offload {
	const char *name;
	uint64_t flag;
	bool is_transmit;
	const char *unused; // why the stack never wants it; NULL: it does
} offloads[] = {
	{ "rx_ip4_checksum", RTE_ETH_RX_OFFLOAD_IPV4_CKSUM, false, NULL },
	{ "rx_udp_checksum", RTE_ETH_RX_OFFLOAD_UDP_CKSUM, false, NULL },
	{ "rx_tcp_checksum", RTE_ETH_RX_OFFLOAD_TCP_CKSUM, false, NULL },
	{ "rx_scatter", RTE_ETH_RX_OFFLOAD_SCATTER, false, NULL },
	{ "rx_vlan_strip", RTE_ETH_RX_OFFLOAD_VLAN_STRIP, false, "the stack drops tagged frames" },
	{ "rx_lro", RTE_ETH_RX_OFFLOAD_TCP_LRO, false, "the stack takes each segment as it came" },
	{ "rx_rss_hash", RTE_ETH_RX_OFFLOAD_RSS_HASH, false, "the stack hashes with its own key" },
	{ "tx_ip4_checksum", RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, true, NULL },
	{ "tx_udp_checksum", RTE_ETH_TX_OFFLOAD_UDP_CKSUM, true, NULL },
	{ "tx_tcp_checksum", RTE_ETH_TX_OFFLOAD_TCP_CKSUM, true, NULL },
	{ "tx_multi_segment", RTE_ETH_TX_OFFLOAD_MULTI_SEGS, true, NULL },
	{ "tx_tso", RTE_ETH_TX_OFFLOAD_TCP_TSO, true, NULL },
};

// Where it is wanted, it is done: by the device, by the kernel (drivers/kernel_gso.h), or by drivers/gso.c.
static const char *tso_state(
	bool is_on, bool device_has_it, const struct ft_nic *nic, const struct ft_config *config)
{
	if (is_on)
		return "on, in hardware";
	if (!nic->is_cutting)
		return "off: the device takes no chains, and a segment fits no packet buffer";
	if (nic->gso.kernel >= 0)
		return "on, by the kernel";
	if (!device_has_it)
		return "on, in software: the device does not have it";
	if (!config->nic.checksum_offload)
		return "on, in software: nic.checksum_offload is no";
	return "on, in software: not with this device's checksums, or segments of this size";
}

static const char *gro_state(const struct ft_nic *nic, const struct rte_eth_conf *conf)
{
	const uint64_t verified = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;

	if (!nic->is_merging)
		return "off: nic.gro is no";
	if ((conf->rxmode.offloads & verified) != verified)
		return "on, in vain: the device does not verify what is to be merged";
	return "on, in software";
}

static const char *state_of(const struct offload *offload, const struct rte_eth_conf *conf,
	const struct rte_eth_dev_info *info, const struct ft_telemetry_subject *asked,
	char text[128])
{
	const struct ft_config *config = &asked->stack->config;
	uint64_t on = offload->is_transmit ? conf->txmode.offloads : conf->rxmode.offloads;
	uint64_t has = offload->is_transmit ? info->tx_offload_capa : info->rx_offload_capa;
	bool is_tso = offload->flag == RTE_ETH_TX_OFFLOAD_TCP_TSO && offload->is_transmit;
	bool is_checksum = is_tso || strstr(offload->name, "checksum") != NULL;

	if (is_tso && config->nic.tso)
		return tso_state(on & offload->flag, has & offload->flag, asked->nic, config);
	if (on & offload->flag)
		return "on";
	if (!(has & offload->flag))
		return "off: the device does not have it";
	if (is_checksum && !config->nic.checksum_offload)
		return "off: nic.checksum_offload is no";
	if (is_tso)
		return "off: nic.tso is no";
	if (offload->unused == NULL)
		return "off: not needed, a frame of this MTU fits one packet buffer";
	snprintf(text, 128, "off: %s", offload->unused);
	return text;
}

static void add_container(
	struct rte_tel_data *reply, const char *name, struct rte_tel_data *container)
{
	if (container != NULL)
		rte_tel_data_add_dict_container(reply, name, container, 0);
}

static struct rte_tel_data *new_dict(void)
{
	struct rte_tel_data *dict = rte_tel_data_alloc();

	if (dict != NULL)
		rte_tel_data_start_dict(dict);
	return dict;
}

static struct rte_tel_data *offloads_of(const struct ft_telemetry_subject *asked,
	const struct rte_eth_conf *conf, const struct rte_eth_dev_info *info)
{
	struct rte_tel_data *dict = new_dict();
	char text[128];

	for (size_t i = 0; dict != NULL && i < RTE_DIM(offloads); i++)
		rte_tel_data_add_dict_string(
			dict, offloads[i].name, state_of(&offloads[i], conf, info, asked, text));
	if (dict != NULL)
		rte_tel_data_add_dict_string(dict, "rx_gro", gro_state(asked->nic, conf));
	return dict;
}

static struct rte_tel_data *statistics_of(const struct ft_nic *nic)
{
	struct rte_tel_data *dict = new_dict();
	struct rte_eth_stats stats;

	if (dict == NULL || rte_eth_stats_get(nic->ethdev, &stats) != 0)
		return dict;
	rte_tel_data_add_dict_u64(dict, "rx_packets", stats.ipackets);
	rte_tel_data_add_dict_u64(dict, "tx_packets", stats.opackets + nic->gso.kernel_segments);
	rte_tel_data_add_dict_u64(dict, "rx_bytes", stats.ibytes);
	rte_tel_data_add_dict_u64(dict, "tx_bytes", stats.obytes + nic->gso.kernel_bytes);
	rte_tel_data_add_dict_u64(dict, "rx_missed", stats.imissed);
	rte_tel_data_add_dict_u64(dict, "rx_errors", stats.ierrors);
	rte_tel_data_add_dict_u64(dict, "tx_errors", stats.oerrors + nic->gso.kernel_errors);
	rte_tel_data_add_dict_u64(dict, "rx_no_mbuf", stats.rx_nombuf);
	rte_tel_data_add_dict_u64(dict, "rx_gro_merged", nic->merged);
	rte_tel_data_add_dict_u64(dict, "tx_tso_in_software", nic->gso.packets);
	rte_tel_data_add_dict_u64(dict, "tx_tso_by_kernel", nic->gso.kernel_packets);
	return dict;
}

static struct rte_tel_data *pool_of(const struct rte_mempool *pool)
{
	struct rte_tel_data *dict = new_dict();

	if (dict == NULL)
		return dict;
	rte_tel_data_add_dict_u64(dict, "packets", pool->size);
	rte_tel_data_add_dict_u64(dict, "available", rte_mempool_avail_count(pool));
	return dict;
}

static void add_link(struct rte_tel_data *reply, const struct ft_nic *nic)
{
	struct rte_eth_link link = { 0 };
	bool is_up = nic->netif.is_link_up(nic->netif.driver);

	rte_tel_data_add_dict_string(reply, "link", is_up ? "up" : "down");
	if (rte_eth_link_get_nowait(nic->ethdev, &link) == 0 &&
		link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		rte_tel_data_add_dict_u64(reply, "speed_mbps", link.link_speed);
}

static void answer(struct rte_tel_data *reply, const struct ft_telemetry_subject *asked)
{
	const struct ft_nic *nic = asked->nic;
	struct rte_eth_dev_info device = { 0 };
	struct rte_eth_conf conf = { 0 };
	char mac[RTE_ETHER_ADDR_FMT_SIZE];

	rte_tel_data_start_dict(reply);
	rte_eth_dev_info_get(nic->ethdev, &device);
	rte_eth_dev_conf_get(nic->ethdev, &conf);
	rte_ether_format_addr(mac, sizeof(mac), &nic->netif.mac);
	rte_tel_data_add_dict_string(reply, "device", asked->device);
	rte_tel_data_add_dict_string(
		reply, "driver", device.driver_name != NULL ? device.driver_name : "");
	rte_tel_data_add_dict_string(reply, "mac", mac);
	rte_tel_data_add_dict_u64(reply, "mtu", nic->netif.mtu);
	rte_tel_data_add_dict_u64(reply, "promiscuous", rte_eth_promiscuous_get(nic->ethdev) == 1);
	add_link(reply, nic);
	add_container(reply, "offloads", offloads_of(asked, &conf, &device));
	add_container(reply, "stats", statistics_of(nic));
	add_container(reply, "receive_pool", pool_of(nic->pools.receive));
	add_container(reply, "send_pool", pool_of(nic->pools.send));
	add_container(reply, "small_pool", pool_of(nic->pools.small));
}

int ft_telemetry_nic(const char *command, const char *parameters, struct rte_tel_data *reply)
{
	const struct ft_telemetry_subject *asked = ft_telemetry_begin();

	if (asked == NULL)
		ft_telemetry_error(reply, "the application has ended its stack");
	else
		answer(reply, asked);
	ft_telemetry_end();
	return 0;
}
