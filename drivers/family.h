// What differs between kinds of devices, in one table.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct ft_family {
	// How a vdev string begins ("net_af_packet"), or the kernel driver that a PCI device must
	// be bound to ("vfio-pci").
	const char *name;
	uint64_t capabilities; // that the process needs, a mask of 1 << CAP_*
	const char *privilege; // the same in words
	const char *eal;       // one more argument for the EAL, or NULL
	bool is_pci;
	bool needs_hugepages;	     // hardware writes to memory, which must not be moved meanwhile
	bool needs_kernel_interface; // iface=NAME must exist; its MTU and link state are ours
	bool is_seen_by_kernel;	     // whose own IP receives each frame, too
	bool passes_sender_flags;    // received mbufs carry whatever flags their sender had
	bool has_shorter_tso;	     // takes no segments to cut that fill its MTU: 14 bytes less
	bool is_far_end;	     // speaks with the station whose MAC address it tells
	bool sends_from_receive_pool; // copies each packet sent into one of the receive pool
	const char *remedy;	      // what to look at when such a device does not start
};

// By the name of a vdev ("net_tap0") or of a PCI device's kernel driver; NULL when it is not in the
// table.
const struct ft_family *ft_family_find(const char *name, bool is_pci);
