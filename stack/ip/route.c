#include "ip/route.h"

#include <errno.h>
#include <netinet/in.h>

#include "base/hash.h"
#include "base/log.h"
#include "stack.h"

#define PATH_LIFETIME (600 * FT_SECOND) // RFC 1191 6.3
#define MTU_FLOOR     576

static const struct ft_addr limited_broadcast = {
	.words = { 0, 0, RTE_BE32(0xffff), 0xffffffff },
};

// ---- our addresses ----

static bool is_within(const struct ft_addr *addr, const struct ft_local_address *local)
{
	uint64_t high = (addr->halves[0] ^ local->addr.halves[0]) & local->mask.halves[0];
	uint64_t low = (addr->halves[1] ^ local->addr.halves[1]) & local->mask.halves[1];

	return (high | low) == 0;
}

// The longest of our prefixes that holds `addr`, or NULL.
static const struct ft_local_address *find_prefix(
	const struct ft_routes *routes, const struct ft_addr *addr)
{
	const struct ft_local_address *best = NULL;

	for (uint32_t i = 0; i < routes->local_count; i++) {
		const struct ft_local_address *local = &routes->local[i];

		if ((best == NULL || local->prefix_bits > best->prefix_bits) &&
			is_within(addr, local))
			best = local;
	}
	return best;
}

bool ft_route_is_local(const struct ft_stack *stack, const struct ft_addr *addr)
{
	const struct ft_routes *routes = &stack->ip.routes;

	for (uint32_t i = 0; i < routes->local_count; i++)
		if (ft_addr_is_equal(&routes->local[i].addr, addr))
			return true;
	return ft_addr_is_loopback(addr);
}

bool ft_route_is_broadcast(const struct ft_stack *stack, const struct ft_addr *addr)
{
	const struct ft_routes *routes = &stack->ip.routes;

	if (ft_addr_is_equal(addr, &limited_broadcast))
		return true;
	if (ft_addr_is_any(addr))
		return false;
	for (uint32_t i = 0; i < routes->local_count; i++)
		if (ft_addr_is_equal(&routes->local[i].broadcast, addr))
			return true;
	return false;
}

bool ft_route_is_on_link(const struct ft_stack *stack, const struct ft_addr *addr)
{
	return find_prefix(&stack->ip.routes, addr) != NULL && !ft_route_is_broadcast(stack, addr);
}

static bool is_single_host(const struct ft_addr *addr)
{
	return !ft_addr_is_multicast(addr) && !ft_addr_is_loopback(addr) &&
	       !ft_addr_is_equal(addr, &limited_broadcast);
}

// ---- path MTUs ----

static struct ft_path_mtu *path_slot(struct ft_stack *stack, const struct ft_addr *destination)
{
	uint64_t hash = ft_siphash(&stack->key, destination, sizeof(*destination));

	return &stack->ip.routes.paths[hash % FT_ROUTE_PATHS];
}

static __attribute__((noinline)) uint16_t find_path_mtu(
	struct ft_stack *stack, const struct ft_addr *destination, ft_time now)
{
	const struct ft_path_mtu *path = path_slot(stack, destination);

	if (now >= path->expires || !ft_addr_is_equal(&path->destination, destination))
		return stack->netif.mtu;
	return path->mtu;
}

static inline uint16_t path_mtu(
	struct ft_stack *stack, const struct ft_addr *destination, ft_time now)
{
	if (likely(now >= stack->ip.routes.paths_expire))
		return stack->netif.mtu;
	return find_path_mtu(stack, destination, now);
}

uint16_t ft_route_lower_mtu(
	struct ft_stack *stack, const struct ft_addr *destination, uint32_t mtu, ft_time now)
{
	uint16_t known = path_mtu(stack, destination, now);

	if (mtu < MTU_FLOOR)
		mtu = MTU_FLOOR;
	if (mtu >= known)
		return known;
	*path_slot(stack, destination) = (struct ft_path_mtu){
		.destination = *destination,
		.mtu = mtu,
		.expires = now + PATH_LIFETIME,
	};
	stack->ip.routes.paths_expire = now + PATH_LIFETIME;
	return mtu;
}

// ---- the way to a destination ----

static void route_to_ourselves(struct ft_stack *stack, struct ft_route *route)
{
	route->is_local = true;
	route->source = ft_addr_is_loopback(&route->next_hop)
				? ft_addr_from_ip4(RTE_BE32(INADDR_LOOPBACK))
				: route->next_hop;
}

// Limited broadcast and multicast have no prefix: our first address speaks.
static int route_to_group(struct ft_stack *stack, struct ft_route *route)
{
	const struct ft_routes *routes = &stack->ip.routes;
	const struct ft_local_address *local = find_prefix(routes, &route->next_hop);

	if (routes->local_count == 0)
		return -ENETUNREACH;
	route->source = local != NULL ? local->addr : routes->local[0].addr;
	return 0;
}

static int route_to_gateway(struct ft_stack *stack, struct ft_route *route)
{
	const struct ft_routes *routes = &stack->ip.routes;

	if (ft_addr_is_any(&routes->gateway))
		return -ENETUNREACH;
	route->next_hop = routes->gateway;
	route->source = routes->gateway_source;
	return 0;
}

int ft_route_find(struct ft_stack *stack, const struct ft_addr *destination, ft_time now,
	struct ft_route *route)
{
	const struct ft_local_address *local = find_prefix(&stack->ip.routes, destination);

	*route = (struct ft_route){ .next_hop = *destination };
	if (ft_addr_is_any(destination))
		return -ENETUNREACH;
	route->mtu = path_mtu(stack, destination, now);
	// Our own addresses and directed broadcasts lie within our prefixes.
	if (local == NULL && is_single_host(destination))
		return route_to_gateway(stack, route);
	if (ft_route_is_local(stack, destination)) {
		route_to_ourselves(stack, route);
		return 0;
	}
	route->is_multicast = ft_addr_is_multicast(destination);
	route->is_broadcast = ft_route_is_broadcast(stack, destination);
	if (route->is_multicast || route->is_broadcast)
		return route_to_group(stack, route);
	route->source = local->addr;
	return 0;
}

// ---- what was found last ----

static uint32_t memo_index(const struct ft_addr *destination)
{
	uint32_t last = rte_be_to_cpu_32(destination->words[3]);

	return (last ^ last >> 8) % FT_ROUTE_MEMOS;
}

static bool is_about(const struct ft_route_memo *memo, const struct ft_addr *destination)
{
	return ft_addr_is_equal(&memo->destination, destination) && memo->route.mtu != 0;
}

static __attribute__((noinline)) const struct ft_route *find_and_note(struct ft_stack *stack,
	struct ft_route_memo *memo, const struct ft_addr *destination, ft_time now)
{
	struct ft_route route;

	if (ft_route_find(stack, destination, now, &route) != 0)
		return NULL;
	*memo = (struct ft_route_memo){ .destination = *destination, .route = route };
	return &memo->route;
}

// Which way does not change, but the path's MTU does.
const struct ft_route *ft_route_recall(
	struct ft_stack *stack, const struct ft_addr *destination, ft_time now)
{
	struct ft_route_memo *memo = &stack->ip.routes.memos[memo_index(destination)];

	if (unlikely(!is_about(memo, destination)))
		return find_and_note(stack, memo, destination, now);
	memo->route.mtu = path_mtu(stack, destination, now);
	return &memo->route;
}

// ---- from the configuration ----

static struct ft_addr make_mask(uint8_t prefix_bits)
{
	struct ft_addr mask = { 0 };

	for (int bit = 0; bit < prefix_bits; bit++)
		mask.bytes[bit / 8] |= 0x80 >> bit % 8;
	return mask;
}

static struct ft_local_address make_local(const struct ft_config_address *address)
{
	struct ft_local_address local = {
		.addr = address->addr,
		.mask = make_mask(96 + address->prefix_bits),
		.prefix_bits = 96 + address->prefix_bits,
	};

	// A /31 joins two hosts (RFC 3021) and a /32 is one: neither has a broadcast address.
	if (address->prefix_bits < 31)
		local.broadcast = ft_addr_from_ip4(local.addr.words[3] | ~local.mask.words[3]);
	return local;
}

// RFC 1122 3.2.1.3: not this network, loopback, a group or a prefix's own first and last address.
static bool can_be_host(const struct ft_local_address *local)
{
	uint8_t first_byte = local->addr.bytes[12];
	uint32_t host_bits = local->addr.words[3] & ~local->mask.words[3];

	if (first_byte == 0 || first_byte == 127 || first_byte >= 224)
		return false;
	if (local->prefix_bits >= 96 + 31)
		return true;
	return host_bits != 0 && host_bits != ~local->mask.words[3];
}

static int add_address(struct ft_routes *routes, const struct ft_config_address *address)
{
	bool is_ip4 = ft_addr_is_ip4(&address->addr) && address->prefix_bits <= 32;
	struct ft_local_address local = { 0 };
	char text[FT_ADDR_TEXT_BYTES];

	if (is_ip4)
		local = make_local(address);
	if (!is_ip4 || !can_be_host(&local)) {
		ft_log_error("ip.address %s/%u cannot be the address of a host",
			ft_addr_text(&address->addr, text), address->prefix_bits);
		return -EINVAL;
	}
	routes->local[routes->local_count++] = local;
	return 0;
}

static int set_gateway(struct ft_stack *stack, const struct ft_addr *gateway)
{
	char text[FT_ADDR_TEXT_BYTES];

	if (ft_addr_is_any(gateway))
		return 0;
	if (!ft_route_is_on_link(stack, gateway) || ft_route_is_local(stack, gateway)) {
		ft_log_error("ip.gateway %s is not a neighbour within any ip.address prefix",
			ft_addr_text(gateway, text));
		return -EINVAL;
	}
	stack->ip.routes.gateway = *gateway;
	stack->ip.routes.gateway_source = find_prefix(&stack->ip.routes, gateway)->addr;
	return 0;
}

int ft_route_init(struct ft_stack *stack)
{
	struct ft_routes *routes = &stack->ip.routes;
	int error;

	routes->local_count = 0;
	for (uint32_t i = 0; i < stack->config.ip.address_count; i++)
		if ((error = add_address(routes, &stack->config.ip.address[i])) != 0)
			return error;
	return set_gateway(stack, &stack->config.ip.gateway);
}
