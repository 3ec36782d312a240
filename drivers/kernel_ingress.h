// af_packet is shown each frame that an interface receives, and the kernel's own IP has it, too: it looks for a route to
// our address, finds none and throws the packet away, or forwards it to somebody. All that happens where the frame comes
// from: on a veth the other end waits for it. Here the kernel is told to let go of what is for us, as soon as the packet
// sockets have seen it.
//
//	frame ── packet sockets ── here ── bridges, ARP, IP ...
//	              │             └ IPv4 to one of our addresses: dropped
//	              └ af_packet: ours
#pragma once
#include <stdint.h>

#include "config/config.h"

// Has the kernel drop IPv4 packets to `addresses` that the interface receives, until the descriptor that this returns is
// closed, or the process has ended in whatever way. Needs Linux 6.6 or later, and the privilege (bpf(2)); a negative
// errno when that is not there, or there is no such interface.
int ft_kernel_ingress_open(
	const char *interface, const struct ft_config_address *addresses, uint32_t count);

// The BPF program that decides: 2 (TCX_DROP) for what is to be dropped, -1 (TCX_NEXT: whoever comes next decides) for
// all else. Returns its descriptor, the caller's to close, or a negative errno.
int ft_kernel_ingress_load(const struct ft_config_address *addresses, uint32_t count);
