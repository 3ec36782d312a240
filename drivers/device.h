// A device string, understood and checked before DPDK is started: most mistakes can be told in
// clear words only then.
#pragma once
#include <net/if.h>

#include "config/config.h"
#include "drivers/family.h"

struct ft_device {
	char devargs[FT_CONFIG_TEXT]; // for DPDK: the PCI address in full, the arguments
	char name[FT_CONFIG_TEXT];    // up to the first comma
	char interface[IF_NAMESIZE];  // iface=NAME, or ""
	bool is_pci;
	struct ft_family family;
};

// Reads "net_tap0,iface=x", "0000:01:00.0" or "01:00.0". 0; or -EINVAL and has said why.
int ft_device_parse(struct ft_device *device, const char *text);

// Looks whether it is there, whether we may use it, and whether its driver is the right one. 0; or
// a negative errno (-ENODEV, -EPERM, -EBUSY, -ENOMEM) and has said why and what to do.
int ft_device_check(const struct ft_device *device, bool has_hugepages);
