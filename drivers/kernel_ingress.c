#include "drivers/kernel_ingress.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/syscall.h>

#include <rte_common.h>

#define TCX_INGRESS 46 // BPF_TCX_INGRESS of <linux/bpf.h>, TCX_NEXT and TCX_DROP: since Linux 6.6
#define NEXT	    (-1)
#define DROP	    2
#define VLAN_ID	    0xfff // the bits of a tag that tell which (IEEE 802.1Q); 0 is none

#define MOST (FT_CONFIG_ADDRESSES + 10) // instructions

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
	int fd = (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));

	return fd < 0 ? -errno : fd;
}

// Loads from the frame into R0, in host byte order. A frame that is shorter ends the program with 0 (TCX_PASS): no IP
// packet is.
static struct bpf_insn load(uint8_t size, int32_t offset)
{
	return (struct bpf_insn){ .code = BPF_LD | BPF_ABS | size, .imm = offset };
}

// Into R0, the VLAN tag, which the kernel has taken off the frame; without one 0.
static struct bpf_insn load_tag(void)
{
	return (struct bpf_insn){
		.code = BPF_LDX | BPF_MEM | BPF_W,
		.dst_reg = BPF_REG_0,
		.src_reg = BPF_REG_6,
		.off = offsetof(struct __sk_buff, vlan_tci),
	};
}

static struct bpf_insn move(uint8_t source, uint8_t to, uint8_t from, int32_t value)
{
	return (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | source, .dst_reg = to, .src_reg = from, .imm = value
	};
}

// Over `skipped` instructions, if the lower half of R0 compares so to `value`.
static struct bpf_insn jump(uint8_t condition, uint32_t value, uint32_t skipped)
{
	return (struct bpf_insn){
		.code = BPF_JMP32 | BPF_K | condition,
		.dst_reg = BPF_REG_0,
		.off = (int16_t)skipped,
		.imm = (int32_t)value,
	};
}

static struct bpf_insn leave(void)
{
	return (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
}

// Returns how many instructions.
static uint32_t write_program(
	struct bpf_insn *to, const struct ft_config_address *addresses, uint32_t count)
{
	uint32_t n = 0;

	to[n++] = move(BPF_X, BPF_REG_6, BPF_REG_1, 0); // loads expect the packet there
	to[n++] = load_tag();
	to[n++] = jump(BPF_JSET, VLAN_ID, count + 3); // to "next": of a VLAN, and so not ours
	to[n++] = load(BPF_H, offsetof(struct ethhdr, h_proto));
	to[n++] = jump(BPF_JNE, ETH_P_IP, count + 1); // to "next"
	to[n++] = load(BPF_W, ETH_HLEN + offsetof(struct iphdr, daddr));
	for (uint32_t i = 0; i < count; i++)
		to[n++] = jump(BPF_JEQ, ntohl(ft_addr_ip4(&addresses[i].addr)),
			count - i + 1); // to "drop"
	to[n++] = move(BPF_K, BPF_REG_0, 0, NEXT);
	to[n++] = leave();
	to[n++] = move(BPF_K, BPF_REG_0, 0, DROP);
	to[n++] = leave();
	return n;
}

int ft_kernel_ingress_load(const struct ft_config_address *addresses, uint32_t count)
{
	struct bpf_insn program[MOST];
	union bpf_attr attributes = {
		.prog_type = BPF_PROG_TYPE_SCHED_CLS,
		.insns = (uintptr_t)program,
		.license = (uintptr_t) "Dual BSD/GPL",
		.prog_name = "ft_ingress",
	};

	attributes.insn_cnt =
		write_program(program, addresses, RTE_MIN(count, (uint32_t)FT_CONFIG_ADDRESSES));
	return bpf(BPF_PROG_LOAD, &attributes);
}

int ft_kernel_ingress_open(
	const char *interface, const struct ft_config_address *addresses, uint32_t count)
{
	union bpf_attr attributes = { .link_create = { .attach_type = TCX_INGRESS } };
	int program, link;

	attributes.link_create.target_ifindex = if_nametoindex(interface);
	if (attributes.link_create.target_ifindex == 0)
		return -ENODEV;
	program = ft_kernel_ingress_load(addresses, count);
	if (program < 0)
		return program;
	attributes.link_create.prog_fd = (uint32_t)program;
	link = bpf(BPF_LINK_CREATE, &attributes);
	close(program); // the link holds it
	return link;
}
