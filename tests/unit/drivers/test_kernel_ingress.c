// What the kernel is to drop, decided by the kernel's own BPF for frames made here; nothing is attached to any interface.
#include "drivers/kernel_ingress.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/syscall.h>

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_ip.h>

#include "tests/unit/support.h"

#define NEXT UINT32_MAX // TCX_NEXT and TCX_DROP of <linux/bpf.h>
#define DROP 2

static struct ft_config_address ours[FT_CONFIG_ADDRESSES];
static int program;

// 192.0.2.0 and on.
static rte_be32_t address(uint32_t number)
{
	return rte_cpu_to_be_32(RTE_IPV4(192u, 0, 2, number));
}

static void load_or_skip(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		ours[i].addr = ft_addr_from_ip4(address(i));
	program = ft_kernel_ingress_load(ours, count);
	if (program == -EPERM)
		skip();
	assert_true(program >= 0);
}

static int end(void **state)
{
	return program < 0 ? 0 : close(program);
}

static uint32_t verdict(const void *frame, uint32_t bytes)
{
	union bpf_attr attributes = { .test = {
					      .prog_fd = (uint32_t)program,
					      .data_in = (uintptr_t)frame,
					      .data_size_in = bytes,
				      } };

	assert_int_equal(syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attributes, sizeof(attributes)), 0);
	return attributes.test.retval;
}

static uint32_t verdict_on_ip(rte_be32_t to)
{
	struct {
		struct rte_ether_hdr eth;
		struct rte_ipv4_hdr ip;
		uint8_t payload[20];
	} frame = {
		.eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.ip = { .version_ihl = 0x45, .src_addr = address(200), .dst_addr = to },
	};

	return verdict(&frame, sizeof(frame));
}

static void packet_to_our_address_is_dropped(void **state)
{
	load_or_skip(1);
	assert_int_equal(verdict_on_ip(address(0)), DROP);
}

static void packet_to_another_address_goes_on(void **state)
{
	load_or_skip(3);
	assert_int_equal(verdict_on_ip(address(3)), NEXT);
	assert_int_equal(verdict_on_ip(RTE_BE32(RTE_IPV4(255u, 255, 255, 255))), NEXT);
	assert_int_equal(verdict_on_ip(RTE_BE32(RTE_IPV4(224u, 0, 0, 1))), NEXT);
}

static void packet_to_any_of_many_addresses_is_dropped(void **state)
{
	load_or_skip(FT_CONFIG_ADDRESSES);
	for (uint32_t i = 0; i < FT_CONFIG_ADDRESSES; i++)
		assert_int_equal(verdict_on_ip(address(i)), DROP);
	assert_int_equal(verdict_on_ip(address(FT_CONFIG_ADDRESSES)), NEXT);
}

// Its target's address does not stand there, but what does looks like ours.
static void arp_goes_on(void **state)
{
	struct {
		struct rte_ether_hdr eth;
		uint8_t body[46];
	} frame = { .eth.ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP) };
	const rte_be32_t to = address(0);

	load_or_skip(1);
	memcpy(frame.body + offsetof(struct rte_ipv4_hdr, dst_addr), &to, sizeof(to));
	assert_int_equal(verdict(&frame, sizeof(frame)), NEXT);
}

static void unknown_interface_is_refused(void **state)
{
	load_or_skip(1);
	assert_int_equal(ft_kernel_ingress_open("ft-nowhere", ours, 1), -ENODEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(packet_to_our_address_is_dropped, end),
		cmocka_unit_test_teardown(packet_to_another_address_goes_on, end),
		cmocka_unit_test_teardown(packet_to_any_of_many_addresses_is_dropped, end),
		cmocka_unit_test_teardown(arp_goes_on, end),
		cmocka_unit_test_teardown(unknown_interface_is_refused, end),
	};

	return cmocka_run_group_tests_name("drivers/kernel_ingress", tests, NULL, NULL);
}
