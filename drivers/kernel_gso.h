// Large TCP packets on an interface of the kernel's: it is given them whole, through a packet socket (packet(7)), and
// cuts them as it cuts its own TCP's (GSO), or has the interface's hardware do so (TSO).
//
//	           one packet of 44 segments              44 frames
//	DPDK's driver:  cut here ── 44 copies, 44 skbs, one softirq each ── interface
//	packet socket:  one copy, one skb ── cut in the kernel ──────────── interface
#pragma once
#include <rte_mbuf.h>

// Opens a packet socket on the interface, which only sends. Returns its descriptor, which is the caller's to close;
// or a negative errno as of packet(7): -EPERM without CAP_NET_RAW, -ENODEV when there is no such interface.
int ft_kernel_gso_open(const char *interface);

// Sends a frame of TCP over IPv4 that asks for TSO (RTE_MBUF_F_TX_TCP_SEG; l2_len, l3_len, l4_len, tso_segsz) in a
// chain of up to FT_KERNEL_GSO_PIECES mbufs, which stays the caller's. Returns 0; -EAGAIN when the kernel has no room
// or no memory for it now; or another negative errno when it does not want it at all (-ENETDOWN: the interface is).
#define FT_KERNEL_GSO_PIECES 64
int ft_kernel_gso_send(int fd, struct rte_mbuf *pkt);
