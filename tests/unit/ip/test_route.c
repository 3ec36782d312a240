#include "../host.h"

#include <errno.h>

#include "ip/route.h"

static struct ft_addr addr(uint32_t ip4)
{
	return ft_addr_from_ip4(rte_cpu_to_be_32(ip4));
}

static struct ft_route find(uint32_t destination)
{
	struct ft_addr to = addr(destination);
	struct ft_route route;

	assert_int_equal(ft_route_find(&host.stack, &to, host.now, &route), 0);
	return route;
}

static void check_way(uint32_t destination, uint32_t source, uint32_t next_hop)
{
	struct ft_route route = find(destination);

	assert_int_equal(rte_be_to_cpu_32(ft_addr_ip4(&route.source)), source);
	assert_int_equal(rte_be_to_cpu_32(ft_addr_ip4(&route.next_hop)), next_hop);
	assert_false(route.is_local || route.is_broadcast || route.is_multicast);
	assert_int_equal(route.mtu, 1500);
}

static void add_address(uint32_t ip4, uint8_t prefix_bits)
{
	host.config.ip.address[host.config.ip.address_count++] =
		(struct ft_config_address){ addr(ip4), prefix_bits };
}

static void neighbour_is_reached_directly_and_others_by_the_gateway(void **state)
{
	check_way(TEST_PEER, TEST_US, TEST_PEER);
	check_way(TEST_FAR, TEST_US, TEST_GATEWAY);
	check_way(RTE_IPV4(10, 9, 1, 0), TEST_US, TEST_GATEWAY);
}

static void longest_prefix_chooses_the_source(void **state)
{
	add_address(RTE_IPV4(10, 9, 0, 130), 25);
	add_address(RTE_IPV4(10, 0, 0, 1), 8);
	test_host_restart();
	check_way(RTE_IPV4(10, 9, 0, 129), RTE_IPV4(10, 9, 0, 130), RTE_IPV4(10, 9, 0, 129));
	check_way(TEST_PEER, TEST_US, TEST_PEER);
	check_way(RTE_IPV4(10, 1, 1, 1), RTE_IPV4(10, 0, 0, 1), RTE_IPV4(10, 1, 1, 1));
	check_way(TEST_FAR, RTE_IPV4(10, 9, 0, 130), TEST_GATEWAY);
}

static void without_gateway_far_is_unreachable(void **state)
{
	struct ft_addr far = addr(TEST_FAR), any = addr(0), unset = { 0 };
	struct ft_route route;

	assert_int_equal(ft_route_find(&host.stack, &any, host.now, &route), -ENETUNREACH);
	assert_int_equal(ft_route_find(&host.stack, &unset, host.now, &route), -ENETUNREACH);
	host.config.ip.gateway = (struct ft_addr){ 0 };
	test_host_restart();
	assert_int_equal(ft_route_find(&host.stack, &far, host.now, &route), -ENETUNREACH);
	check_way(TEST_PEER, TEST_US, TEST_PEER);
}

static void own_addresses_are_local(void **state)
{
	struct ft_route route = find(TEST_US);

	assert_true(route.is_local);
	assert_int_equal(rte_be_to_cpu_32(ft_addr_ip4(&route.source)), TEST_US);
	route = find(RTE_IPV4(127, 5, 5, 5));
	assert_true(route.is_local);
	assert_int_equal(rte_be_to_cpu_32(ft_addr_ip4(&route.source)), RTE_IPV4(127, 0, 0, 1));
}

static void broadcast_and_multicast_are_groups(void **state)
{
	struct ft_route route = find(TEST_BROADCAST);

	assert_true(route.is_broadcast && !route.is_multicast && !route.is_local);
	route = find(RTE_IPV4(255U, 255, 255, 255));
	assert_true(route.is_broadcast && !route.is_multicast);
	assert_int_equal(rte_be_to_cpu_32(ft_addr_ip4(&route.source)), TEST_US);
	route = find(RTE_IPV4(224U, 0, 0, 1));
	assert_true(!route.is_broadcast && route.is_multicast);
	assert_int_equal(rte_be_to_cpu_32(ft_addr_ip4(&route.source)), TEST_US);
}

static void prefix_31_and_32_have_no_broadcast(void **state)
{
	struct ft_addr pair = addr(RTE_IPV4(10, 8, 0, 1)), single = addr(RTE_IPV4(10, 7, 0, 255));

	add_address(RTE_IPV4(10, 8, 0, 0), 31);
	add_address(RTE_IPV4(10, 7, 0, 255), 32);
	test_host_restart();
	assert_false(ft_route_is_broadcast(&host.stack, &pair));
	assert_false(ft_route_is_broadcast(&host.stack, &single));
	assert_true(ft_route_is_local(&host.stack, &single));
	check_way(RTE_IPV4(10, 8, 0, 1), RTE_IPV4(10, 8, 0, 0), RTE_IPV4(10, 8, 0, 1));
}

static void path_mtu_is_lowered_and_comes_back(void **state)
{
	struct ft_addr far = addr(TEST_FAR);

	assert_int_equal(ft_route_lower_mtu(&host.stack, &far, 1400, host.now), 1400);
	assert_int_equal(find(TEST_FAR).mtu, 1400);
	assert_int_equal(find(TEST_FAR + 1).mtu, 1500);
	assert_int_equal(ft_route_lower_mtu(&host.stack, &far, 1450, host.now), 1400);
	assert_int_equal(ft_route_lower_mtu(&host.stack, &far, 9000, host.now), 1400);
	host.now += 599 * FT_SECOND;
	assert_int_equal(find(TEST_FAR).mtu, 1400);
	host.now += FT_SECOND;
	assert_int_equal(find(TEST_FAR).mtu, 1500);
}

// Or whoever repeats it keeps it small for ever.
static void path_mtu_told_again_lasts_no_longer(void **state)
{
	struct ft_addr far = addr(TEST_FAR);

	ft_route_lower_mtu(&host.stack, &far, 1400, host.now);
	host.now += 599 * FT_SECOND;
	assert_int_equal(ft_route_lower_mtu(&host.stack, &far, 1400, host.now), 1400);
	assert_int_equal(find(TEST_FAR).mtu, 1400);
	host.now += FT_SECOND;
	assert_int_equal(find(TEST_FAR).mtu, 1500);
}

static void path_mtu_has_a_floor(void **state)
{
	struct ft_addr far = addr(TEST_FAR);

	assert_int_equal(ft_route_lower_mtu(&host.stack, &far, 0, host.now), 576);
	assert_int_equal(find(TEST_FAR).mtu, 576);
	assert_int_equal(ft_route_lower_mtu(&host.stack, &far, 68, host.now), 576);
}

static void path_mtus_of_many_destinations_are_right_or_forgotten(void **state)
{
	uint32_t remembered = 0;

	for (uint32_t i = 0; i < 10000; i++) {
		struct ft_addr far = addr(TEST_FAR + i);

		ft_route_lower_mtu(&host.stack, &far, 600 + i % 100, host.now);
	}
	for (uint32_t i = 0; i < 10000; i++) {
		uint16_t mtu = find(TEST_FAR + i).mtu;

		assert_true(mtu == 1500 || mtu == 600 + i % 100);
		remembered += mtu != 1500;
	}
	assert_true(remembered > FT_ROUTE_PATHS / 2 && remembered <= FT_ROUTE_PATHS);
}

static int init_with(uint32_t ip4, uint8_t prefix_bits, uint32_t gateway)
{
	struct ft_stack *stack = &host.stack;

	stack->config.ip.address[0] = (struct ft_config_address){ addr(ip4), prefix_bits };
	stack->config.ip.address_count = 1;
	stack->config.ip.gateway = gateway != 0 ? addr(gateway) : (struct ft_addr){ 0 };
	return ft_route_init(stack);
}

static void configuration_that_no_host_can_have_is_refused(void **state)
{
	assert_int_equal(init_with(TEST_US, 24, TEST_GATEWAY), 0);
	assert_int_equal(init_with(0, 24, 0), -EINVAL);
	assert_int_equal(init_with(RTE_IPV4(127, 0, 0, 1), 8, 0), -EINVAL);
	assert_int_equal(init_with(RTE_IPV4(224U, 0, 0, 1), 4, 0), -EINVAL);
	assert_int_equal(init_with(RTE_IPV4(255U, 255, 255, 255), 32, 0), -EINVAL);
	assert_int_equal(init_with(TEST_BROADCAST, 24, 0), -EINVAL);
	assert_int_equal(init_with(RTE_IPV4(10, 9, 0, 0), 24, 0), -EINVAL);
	assert_int_equal(init_with(TEST_US, 33, 0), -EINVAL);
	assert_int_equal(init_with(TEST_US, 255, 0), -EINVAL);
	assert_int_equal(init_with(TEST_US, 24, TEST_FAR), -EINVAL);
	assert_int_equal(init_with(TEST_US, 24, TEST_US), -EINVAL);
	assert_int_equal(init_with(TEST_US, 24, TEST_BROADCAST), -EINVAL);
	assert_int_equal(init_with(TEST_US, 32, TEST_GATEWAY), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_host_start, test_host_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(neighbour_is_reached_directly_and_others_by_the_gateway),
		TEST(longest_prefix_chooses_the_source),
		TEST(without_gateway_far_is_unreachable),
		TEST(own_addresses_are_local),
		TEST(broadcast_and_multicast_are_groups),
		TEST(prefix_31_and_32_have_no_broadcast),
		TEST(path_mtu_is_lowered_and_comes_back),
		TEST(path_mtu_told_again_lasts_no_longer),
		TEST(path_mtu_has_a_floor),
		TEST(path_mtus_of_many_destinations_are_right_or_forgotten),
		TEST(configuration_that_no_host_can_have_is_refused),
	};

	ft_test_start_eal();
	return cmocka_run_group_tests(tests, test_host_make_pools, test_host_free_pools);
}
