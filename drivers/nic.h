// A NIC brought up through DPDK's ethdev: one queue each way, filling a struct ft_netif.
#pragma once
#include <net/if.h>

#include "base/pkt.h"
#include "config/config.h"
#include "drivers/device.h"
#include "drivers/gso.h"
#include "netif.h"

struct ft_nic {
	struct ft_netif netif; // its driver is this struct, which so must stay where it is
	uint16_t ethdev;       // DPDK's number for it
	struct ft_pkt_pools pools;
	uint32_t held_packets; // of the receive pool, that the device keeps or may come to need
	int kernel_socket;     // to ask the kernel about `interface`, or -1
	char interface[IF_NAMESIZE];
	int kernel_ingress; // what keeps the kernel from our packets (drivers/kernel_ingress.h), or -1
	bool is_merging;    // received segments: drivers/gro.h
	bool is_cutting;    // segments, in software: drivers/gso.h
	struct ft_gso gso;
	uint64_t merged;      // received segments that went into the one before them
	bool has_shorter_tso; // drivers/family.h
	bool is_quiet;	      // hide what drivers print: unless [log] level is debug
};

// Probes, configures and starts the device; the EAL must run. Makes the pools. Returns 0; or a
// negative errno, and has logged what was wrong and what to do about it, with nothing left behind.
int ft_nic_open(struct ft_nic *nic, const struct ft_config *config, const struct ft_device *device);

// Stops and closes the device, frees the pools. The stack that used them must be gone.
void ft_nic_close(struct ft_nic *nic);
