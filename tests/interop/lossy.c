// Loses five IP packets in a hundred: a program for the kernel's traffic control, which trouble.py
// compiles for BPF and hangs on an end of the wire. ARP is left alone: when that is lost, the SYN waits
// for a second, the kernel takes this for the round-trip time, and each loss then costs it three.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#define LOST_IN_1000 50

static __u32 (*const random_number)(void) = (void *)BPF_FUNC_get_prandom_u32;

__attribute__((section("classifier"), used)) int lose_some(struct __sk_buff *packet)
{
	if (packet->protocol != __builtin_bswap16(ETH_P_IP)) // in network order
		return TC_ACT_OK;
	return random_number() % 1000 < LOST_IN_1000 ? TC_ACT_SHOT : TC_ACT_OK;
}
