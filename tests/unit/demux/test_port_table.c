#include "../support.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <netinet/in.h>

#include "base/random.h"
#include "demux/ephemeral.h"
#include "demux/port_table.h"

#define ANY   0x00000000
#define US    0x0a090002
#define US_2  0x0a090003
#define PEER  0x0a090001
#define FIRST 49152
#define LAST  65535
#define COUNT (LAST - FIRST + 1)

static struct ft_random chance;
static struct ft_hash_key key;
static struct ft_port_table table;

static void start(uint8_t protocol)
{
	ft_random_init(&chance, 1);
	ft_hash_key_init(&key, &chance);
	assert_int_equal(
		ft_port_table_init(&table, protocol, FIRST, LAST, 200000, &chance, &key), 0);
}

static int start_tcp(void **state)
{
	start(IPPROTO_TCP);
	return 0;
}

static int start_udp(void **state)
{
	start(IPPROTO_UDP);
	return 0;
}

static int stop(void **state)
{
	ft_port_table_free(&table);
	return 0;
}

static struct ft_addr addr(uint32_t ip4)
{
	return ft_addr_from_ip4(rte_cpu_to_be_32(ip4));
}

enum { ADDRESS = FT_PORT_REUSE_ADDRESS, PORT = FT_PORT_REUSE_PORT };

static struct ft_binding make(uint32_t ip4, uint16_t port, unsigned reuse)
{
	return (struct ft_binding){
		.address = addr(ip4),
		.port = port,
		.reuse_address = (reuse & ADDRESS) != 0,
		.reuse_port = (reuse & PORT) != 0,
	};
}

static int bind_to(struct ft_binding *binding, uint32_t ip4, uint16_t port, unsigned reuse)
{
	*binding = make(ip4, port, reuse);
	return ft_port_bind(&table, binding);
}

static int listen_on(struct ft_binding *binding, uint32_t ip4, uint16_t port, unsigned reuse)
{
	int error = bind_to(binding, ip4, port, reuse);

	return error != 0 ? error : ft_port_listen(&table, binding);
}

static struct ft_tuple to_us(uint32_t local, uint16_t port)
{
	return (struct ft_tuple){
		.local = addr(local),
		.remote = addr(PEER),
		.local_port = port,
		.remote_port = 40000,
		.protocol = table.protocol,
	};
}

static struct ft_binding *find(uint32_t local, uint16_t port)
{
	struct ft_tuple tuple = to_us(local, port);

	return ft_port_find(&table, &tuple, 0);
}

// ---- bind(): one row for each pair of sockets ----

struct pair {
	uint32_t first_ip4;
	unsigned first_reuse;
	bool first_listens;
	uint32_t second_ip4;
	unsigned second_reuse;
	int expected;
};

static void check_pair(const struct pair *pair)
{
	struct ft_binding first, second;

	assert_int_equal(bind_to(&first, pair->first_ip4, 80, pair->first_reuse), 0);
	if (pair->first_listens)
		assert_int_equal(ft_port_listen(&table, &first), 0);
	assert_int_equal(
		bind_to(&second, pair->second_ip4, 80, pair->second_reuse), pair->expected);
	if (pair->expected == 0)
		ft_port_unbind(&table, &second);
	ft_port_unbind(&table, &first);
	assert_int_equal(table.places.in_use, 0);
}

static void tcp_second_bind_conflicts_as_on_linux(void **state)
{
	static const struct pair pairs[] = {
		{ US, 0, false, US, 0, -EADDRINUSE },
		{ US, 0, true, US, 0, -EADDRINUSE },
		{ ANY, 0, true, US, 0, -EADDRINUSE },
		{ US, 0, true, ANY, 0, -EADDRINUSE },
		{ US, 0, true, US_2, 0, 0 },
		{ US, ADDRESS, false, US, ADDRESS, 0 },
		{ US, ADDRESS, false, US, 0, -EADDRINUSE },
		{ US, 0, false, US, ADDRESS, -EADDRINUSE },
		{ US, ADDRESS, true, US, ADDRESS, -EADDRINUSE },
		{ ANY, ADDRESS, true, US, ADDRESS, -EADDRINUSE },
		{ US, PORT, true, US, PORT, 0 },
		{ ANY, PORT, true, US, PORT, 0 },
		{ US, PORT, true, US, 0, -EADDRINUSE },
		{ US, PORT, true, US, ADDRESS, -EADDRINUSE },
		{ US, PORT | ADDRESS, true, US, ADDRESS, -EADDRINUSE },
		{ US, PORT | ADDRESS, false, US, ADDRESS, 0 },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check_pair(&pairs[i]);
}

static void udp_second_bind_conflicts_as_on_linux(void **state)
{
	static const struct pair pairs[] = {
		{ US, 0, false, US, 0, -EADDRINUSE },
		{ ANY, 0, false, US, 0, -EADDRINUSE },
		{ US, 0, false, ANY, 0, -EADDRINUSE },
		{ US, 0, false, US_2, 0, 0 },
		{ US, ADDRESS, false, US, ADDRESS, 0 },
		{ US, ADDRESS, false, US, 0, -EADDRINUSE },
		{ US, PORT, false, US, PORT, 0 },
		{ US, PORT, false, US, ADDRESS, -EADDRINUSE },
		{ US, PORT, false, ANY, PORT, 0 },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		check_pair(&pairs[i]);
}

static void binding_that_failed_stays_unbound(void **state)
{
	struct ft_binding first, second, other;

	assert_int_equal(bind_to(&first, US, 80, 0), 0);
	assert_int_equal(bind_to(&second, US, 80, 0), -EADDRINUSE);
	assert_int_equal(bind_to(&other, US, 81, 0), 0);
	ft_port_unbind(&table, &first);
	assert_int_equal(bind_to(&second, US, 80, 0), 0);
}

static void listen_second_of_two_bound_is_refused(void **state)
{
	struct ft_binding first, second;

	assert_int_equal(bind_to(&first, US, 80, ADDRESS), 0);
	assert_int_equal(bind_to(&second, US, 80, ADDRESS), 0);
	assert_int_equal(ft_port_listen(&table, &first), 0);
	assert_int_equal(ft_port_listen(&table, &second), -EADDRINUSE);
	assert_ptr_equal(find(US, 80), &first);
	ft_port_unlisten(&table, &first);
	assert_null(find(US, 80));
	assert_int_equal(ft_port_listen(&table, &second), 0);
	assert_ptr_equal(find(US, 80), &second);
}

static void listen_twice_changes_nothing(void **state)
{
	struct ft_binding listener;

	assert_int_equal(listen_on(&listener, US, 80, PORT), 0);
	assert_int_equal(ft_port_listen(&table, &listener), 0);
	ft_port_unbind(&table, &listener);
	assert_null(find(US, 80));
	assert_int_equal(table.places.in_use, 0);
}

// ---- connections that use the port, TIME-WAIT among them ----

static int bind_over_use(unsigned use_reuse, unsigned bind_reuse)
{
	struct ft_tuple tuple = to_us(US, 80);
	struct ft_binding binding;
	int error;

	assert_int_equal(ft_port_hold(&table, &tuple, (uint8_t)use_reuse), 0);
	error = bind_to(&binding, ANY, 80, bind_reuse);
	if (error == 0)
		ft_port_unbind(&table, &binding);
	ft_port_release(&table, &tuple, (uint8_t)use_reuse);
	assert_int_equal(table.places.in_use, 0);
	return error;
}

static void use_allows_bind_when_both_allow_reuse(void **state)
{
	assert_int_equal(bind_over_use(0, 0), -EADDRINUSE);
	assert_int_equal(bind_over_use(0, ADDRESS | PORT), -EADDRINUSE);
	assert_int_equal(bind_over_use(ADDRESS, 0), -EADDRINUSE);
	assert_int_equal(bind_over_use(ADDRESS, PORT), -EADDRINUSE);
	assert_int_equal(bind_over_use(ADDRESS, ADDRESS), 0);
	assert_int_equal(bind_over_use(PORT, PORT), 0);
	assert_int_equal(bind_over_use(ADDRESS | PORT, ADDRESS), 0);
	assert_int_equal(bind_over_use(ADDRESS | PORT, PORT), 0);
}

static void one_use_without_reuse_among_many_blocks(void **state)
{
	struct ft_tuple tuple = to_us(US, 80);
	struct ft_binding binding;

	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(ft_port_hold(&table, &tuple, ADDRESS), 0);
	assert_int_equal(ft_port_hold(&table, &tuple, 0), 0);
	assert_int_equal(bind_to(&binding, US, 80, ADDRESS), -EADDRINUSE);
	assert_int_equal(bind_to(&binding, US_2, 80, 0), 0);
	ft_port_unbind(&table, &binding);
	ft_port_release(&table, &tuple, 0);
	assert_int_equal(bind_to(&binding, US, 80, ADDRESS), 0);
	assert_int_equal(table.places.in_use, 1);
}

// The first has no place to be counted at, the second finds it; the last takes it away, and the next one needs it anew.
static void uses_found_again_are_counted_where_they_were(void **state)
{
	struct ft_tuple here = to_us(US, 80), there = to_us(US_2, 80);
	struct ft_tuple other_port = to_us(US, 80 + FT_PORT_RECENT);
	struct ft_binding listener, other;

	assert_int_equal(listen_on(&listener, ANY, 80, 0), 0);
	assert_int_equal(listen_on(&other, ANY, 80 + FT_PORT_RECENT, 0), 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 2; i++) {
			assert_ptr_equal(ft_port_find(&table, &here, 0), &listener);
			assert_int_equal(ft_port_hold_found(&table, &here, 0), 0);
			assert_int_equal(table.places.in_use, 3);
		}
		assert_int_equal(ft_port_hold(&table, &there, 0), 0);
		assert_ptr_equal(ft_port_find(&table, &here, 0), &listener);
		assert_int_equal(ft_port_hold(&table, &other_port, 0), 0);
		assert_int_equal(table.places.in_use, 5);
		ft_port_release(&table, &other_port, 0);
		ft_port_release(&table, &there, 0);
		ft_port_release(&table, &here, 0);
		assert_int_equal(table.places.in_use, 3);
		assert_ptr_equal(ft_port_find(&table, &other_port, 0), &other);
		assert_ptr_equal(ft_port_find(&table, &here, 0), &listener);
		ft_port_release(&table, &here, 0);
		assert_int_equal(table.places.in_use, 2);
	}
}

// Nothing was found or held in between: what was found last had it there.
static void place_that_went_with_its_last_use_is_not_used_again(void **state)
{
	struct ft_tuple here = to_us(US, 80);
	struct ft_binding listener;

	assert_int_equal(listen_on(&listener, ANY, 80, 0), 0);
	assert_int_equal(ft_port_hold(&table, &here, 0), 0);
	assert_ptr_equal(ft_port_find(&table, &here, 0), &listener);
	ft_port_release(&table, &here, 0);
	assert_int_equal(table.places.in_use, 1);
	assert_int_equal(ft_port_hold(&table, &here, 0), 0);
	assert_int_equal(table.places.in_use, 2);
	ft_port_release(&table, &here, 0);
}

static void socket_bound_after_another_was_found_is_found(void **state)
{
	struct ft_binding first, second;

	assert_int_equal(bind_to(&first, US, 53, ADDRESS), 0);
	assert_ptr_equal(find(US, 53), &first);
	assert_int_equal(bind_to(&second, US, 53, ADDRESS), 0);
	assert_ptr_equal(find(US, 53), &second);
}

static void server_restarts_over_time_wait_but_not_over_listener(void **state)
{
	struct ft_tuple accepted = to_us(US, 80);
	struct ft_binding old, new;

	assert_int_equal(listen_on(&old, ANY, 80, ADDRESS), 0);
	assert_int_equal(ft_port_hold(&table, &accepted, ADDRESS), 0);
	assert_int_equal(bind_to(&new, ANY, 80, ADDRESS), -EADDRINUSE);
	ft_port_unbind(&table, &old);
	assert_int_equal(bind_to(&new, ANY, 80, 0), -EADDRINUSE);
	assert_int_equal(listen_on(&new, ANY, 80, ADDRESS), 0);
}

// ---- who receives ----

static void most_specific_address_wins(void **state)
{
	struct ft_binding any, us;

	assert_int_equal(listen_on(&us, US, 80, PORT), 0);
	assert_int_equal(listen_on(&any, ANY, 80, PORT), 0);
	assert_ptr_equal(find(US, 80), &us);
	assert_ptr_equal(find(US_2, 80), &any);
	assert_null(find(US, 81));
	ft_port_unbind(&table, &us);
	assert_ptr_equal(find(US, 80), &any);
}

static void bound_without_listening_is_not_found(void **state)
{
	struct ft_binding any, us;

	assert_int_equal(listen_on(&any, ANY, 80, PORT), 0);
	assert_int_equal(bind_to(&us, US, 80, PORT), 0);
	assert_ptr_equal(find(US, 80), &any);
	assert_int_equal(ft_port_listen(&table, &us), 0);
	assert_ptr_equal(find(US, 80), &us);
}

static void ip6_any_takes_both_families_after_ip4_any(void **state)
{
	struct ft_binding any6 = make(ANY, 80, PORT);
	struct ft_binding any4;
	struct ft_tuple tuple6 = to_us(US, 80);

	any6.address = (struct ft_addr){ 0 };
	tuple6.local.bytes[0] = 0x20;
	assert_int_equal(ft_port_bind(&table, &any6), 0);
	assert_int_equal(ft_port_listen(&table, &any6), 0);
	assert_ptr_equal(find(US, 80), &any6);
	assert_ptr_equal(ft_port_find(&table, &tuple6, 0), &any6);
	assert_int_equal(listen_on(&any4, ANY, 80, 0), -EADDRINUSE);
	assert_int_equal(listen_on(&any4, ANY, 80, PORT), 0);
	assert_ptr_equal(find(US, 80), &any4);
	assert_ptr_equal(ft_port_find(&table, &tuple6, 0), &any6);
}

#define GROUP 1000

static void reuse_port_group_shares_evenly_and_firmly(void **state)
{
	struct ft_binding *group = calloc(GROUP, sizeof(*group));
	unsigned shares[GROUP] = { 0 };
	struct ft_tuple tuple = to_us(US, 80);

	for (unsigned i = 0; i < GROUP; i++)
		assert_int_equal(listen_on(&group[i], ANY, 80, PORT), 0);
	for (unsigned i = 0; i < 100 * GROUP; i++) {
		uint64_t hash = ft_random_next(&chance);
		struct ft_binding *found = ft_port_find(&table, &tuple, hash);

		assert_ptr_equal(found, ft_port_find(&table, &tuple, hash));
		shares[found - group]++;
	}
	for (unsigned i = 0; i < GROUP; i++)
		assert_in_range(shares[i], 50, 150); // 100, five standard deviations
	for (unsigned i = 0; i < GROUP; i += 2)
		ft_port_unbind(&table, &group[i]);
	for (unsigned i = 0; i < 10 * GROUP; i++)
		assert_int_equal(
			(ft_port_find(&table, &tuple, ft_random_next(&chance)) - group) % 2, 1);
	free(group);
}

static void reuse_port_member_gets_nothing_before_it_listens(void **state)
{
	struct ft_binding listening, bound;
	struct ft_tuple tuple = to_us(US, 80);

	assert_int_equal(listen_on(&listening, US, 80, PORT), 0);
	assert_int_equal(bind_to(&bound, US, 80, PORT), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_ptr_equal(ft_port_find(&table, &tuple, ft_random_next(&chance)), &listening);
}

static void udp_bound_last_receives_first_until_it_goes(void **state)
{
	struct ft_tuple datagram = to_us(US, 80);
	struct ft_binding first, last;

	assert_int_equal(bind_to(&first, ANY, 80, ADDRESS), 0);
	assert_ptr_equal(ft_port_find(&table, &datagram, 0), &first);
	assert_int_equal(bind_to(&last, ANY, 80, ADDRESS), 0);
	assert_ptr_equal(ft_port_find(&table, &datagram, 0), &last);
	ft_port_unbind(&table, &last);
	assert_ptr_equal(ft_port_find(&table, &datagram, 0), &first);
}

static void udp_connected_socket_leaves_the_rest_to_the_others(void **state)
{
	struct ft_binding first, second;

	assert_int_equal(bind_to(&first, US, 53, ADDRESS), 0);
	assert_int_equal(bind_to(&second, US, 53, ADDRESS), 0);
	assert_ptr_equal(find(US, 53), &second); // the one bound last
	ft_port_mark_connected(&table, &second, true);
	assert_ptr_equal(find(US, 53), &first);
	ft_port_mark_connected(&table, &first, true);
	assert_null(find(US, 53));
	ft_port_mark_connected(&table, &first, false);
	assert_ptr_equal(find(US, 53), &first);
}

static void udp_broadcast_visits_each_receiver_once(void **state)
{
	struct ft_binding us, any[3], connected, other;
	struct ft_tuple tuple = to_us(0x0a0900ff, 67);
	struct ft_binding *found = NULL;
	unsigned visits = 0;

	assert_int_equal(bind_to(&us, US, 67, ADDRESS), 0); // not at the broadcast address
	assert_int_equal(bind_to(&other, 0x0a0900ff, 67, ADDRESS), 0);
	assert_int_equal(bind_to(&connected, ANY, 67, ADDRESS), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(bind_to(&any[i], ANY, 67, ADDRESS), 0);
	ft_port_mark_connected(&table, &connected, true);
	while ((found = ft_port_find_next(&table, &tuple, found)) != NULL) {
		assert_ptr_not_equal(found, &us);
		assert_ptr_not_equal(found, &connected);
		visits++;
	}
	assert_int_equal(visits, 4);
}

// ---- port 0 ----

static void bind_to_port_zero_takes_each_free_port_once(void **state)
{
	struct ft_binding *bindings = calloc(COUNT + 1, sizeof(*bindings));
	bool *seen = calloc(65536, sizeof(*seen));

	for (unsigned i = 0; i < COUNT; i++) {
		assert_int_equal(bind_to(&bindings[i], ANY, 0, 0), 0);
		assert_in_range(bindings[i].port, FIRST, LAST);
		assert_false(seen[bindings[i].port]);
		seen[bindings[i].port] = true;
	}
	assert_int_equal(bind_to(&bindings[COUNT], ANY, 0, 0), -EADDRINUSE);
	assert_int_equal(bindings[COUNT].port, 0);
	assert_int_equal(bind_to(&bindings[COUNT], US, 0, ADDRESS), -EADDRINUSE);
	for (unsigned i = 0; i < COUNT; i++)
		ft_port_unbind(&table, &bindings[i]);
	assert_int_equal(table.places.in_use, 0);
	assert_int_equal(table.ephemeral->records.in_use, 0);
	free(bindings);
	free(seen);
}

// How a host with several addresses has more than one range of ports.
static void bind_to_port_zero_counts_each_local_address_alone(void **state)
{
	struct ft_binding *bindings = calloc(2 * COUNT + 1, sizeof(*bindings));

	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(bind_to(&bindings[i], US, 0, 0), 0);
	assert_int_equal(bind_to(&bindings[2 * COUNT], US, 0, 0), -EADDRINUSE);
	assert_int_equal(bind_to(&bindings[2 * COUNT], ANY, 0, 0), -EADDRINUSE);
	for (unsigned i = COUNT; i < 2 * COUNT; i++)
		assert_int_equal(bind_to(&bindings[i], US_2, 0, 0), 0);
	assert_int_equal(bind_to(&bindings[2 * COUNT], US_2, 0, 0), -EADDRINUSE);
	free(bindings);
}

// ---- choosing for a connection ----

#define CONNECTIONS (3 * COUNT)

struct client {
	struct ft_pool pool; // of tuples
	struct ft_conn_table connections;
};

static void client_start(struct client *client)
{
	assert_int_equal(ft_pool_init(&client->pool, CONNECTIONS, sizeof(struct ft_tuple), 64), 0);
	assert_int_equal(ft_conn_table_init(&client->connections, &client->pool, &key), 0);
}

static void client_stop(struct client *client)
{
	ft_conn_table_free(&client->connections);
	ft_pool_free(&client->pool);
}

static void client_insert(struct client *client, const struct ft_tuple *tuple)
{
	struct ft_tuple *object = ft_pool_take(&client->pool);

	*object = *tuple;
	assert_int_equal(ft_conn_table_insert(&client->connections, ft_tuple_hash(&key, tuple),
				 ft_pool_index(&client->pool, object)),
		0);
	assert_int_equal(ft_port_hold(&table, tuple, 0), 0);
}

static void client_remove(struct client *client, const struct ft_tuple *tuple)
{
	uint64_t hash = ft_tuple_hash(&key, tuple);
	uint32_t index = ft_conn_table_find(&client->connections, tuple, hash);

	assert_int_not_equal(index, FT_CONN_NONE);
	ft_conn_table_remove(&client->connections, hash, index);
	ft_pool_give(&client->pool, ft_pool_at(&client->pool, index));
	ft_port_release(&table, tuple, 0);
}

static int client_connect(struct client *client, uint32_t local, uint32_t remote,
	uint16_t remote_port, struct ft_tuple *tuple)
{
	int error;

	*tuple = (struct ft_tuple){
		.local = addr(local),
		.remote = addr(remote),
		.remote_port = remote_port,
		.protocol = IPPROTO_TCP,
	};
	error = ft_port_choose(&table, &client->connections, tuple);
	if (error == 0)
		client_insert(client, tuple);
	return error;
}

// The 64K trap: the range is used up towards one destination, and towards that alone.
static void exhausted_destination_leaves_the_others_all_ports(void **state)
{
	struct ft_tuple *tuples = calloc(COUNT, sizeof(*tuples));
	struct ft_tuple tuple;
	struct client client;

	client_start(&client);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(client_connect(&client, US, PEER, 80, &tuples[i]), 0);
	assert_int_equal(client_connect(&client, US, PEER, 80, &tuple), -EADDRNOTAVAIL);
	assert_int_equal(tuple.local_port, 0);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(client_connect(&client, US, PEER, 81, &tuple), 0);
	assert_int_equal(client_connect(&client, US, PEER, 81, &tuple), -EADDRNOTAVAIL);
	assert_int_equal(client_connect(&client, US, PEER + 1, 80, &tuple), 0);
	assert_int_equal(client_connect(&client, US_2, PEER, 80, &tuple), 0);

	// One that is given back is the one that is got.
	client_remove(&client, &tuples[1234]);
	assert_int_equal(client_connect(&client, US, PEER, 80, &tuple), 0);
	assert_int_equal(tuple.local_port, tuples[1234].local_port);
	assert_int_equal(client_connect(&client, US, PEER, 80, &tuple), -EADDRNOTAVAIL);
	client_stop(&client);
	free(tuples);
}

static void connections_given_back_leave_no_records(void **state)
{
	struct ft_tuple tuples[300];
	struct client client;

	client_start(&client);
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(client_connect(&client, US, PEER + i % 100, 80, &tuples[i]), 0);
	for (uint32_t i = 0; i < 300; i++)
		client_remove(&client, &tuples[i]);
	assert_int_equal(table.ephemeral->records.in_use, 0);
	assert_int_equal(table.ephemeral->chunks.in_use, 1);
	assert_int_equal(table.places.in_use, 0);
	client_stop(&client);
}

static void chosen_port_is_not_one_that_is_bound(void **state)
{
	struct ft_binding *bindings = calloc(COUNT, sizeof(*bindings));
	struct ft_tuple tuple;
	struct client client;

	client_start(&client);
	for (unsigned i = 0; i < COUNT; i++) {
		if (i != 777)
			assert_int_equal(bind_to(&bindings[i], US_2, (uint16_t)(FIRST + i), 0), 0);
	}
	assert_int_equal(client_connect(&client, US, PEER, 80, &tuple), 0);
	assert_int_equal(tuple.local_port, FIRST + 777);
	assert_int_equal(client_connect(&client, US, PEER, 80, &tuple), -EADDRNOTAVAIL);
	client_stop(&client);
	free(bindings);
}

// A peer's connection to a listener that is gone, its port since then free for us.
static void chosen_tuple_is_not_in_the_connection_table(void **state)
{
	struct ft_binding *listeners = calloc(COUNT, sizeof(*listeners));
	struct ft_tuple tuple;
	struct client client;

	client_start(&client);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(listen_on(&listeners[i], ANY, (uint16_t)(FIRST + i), 0), 0);
	for (unsigned i = 1; i < COUNT; i++) {
		tuple = to_us(US, (uint16_t)(FIRST + i));
		client_insert(&client, &tuple);
	}
	for (unsigned i = 0; i < COUNT; i++)
		ft_port_unbind(&table, &listeners[i]);
	assert_int_equal(client_connect(&client, US, PEER, 40000, &tuple), 0);
	assert_int_equal(tuple.local_port, FIRST);
	assert_int_equal(client_connect(&client, US, PEER, 40000, &tuple), -EADDRNOTAVAIL);
	for (unsigned i = 0; i < COUNT; i++) {
		tuple = to_us(US, (uint16_t)(FIRST + i));
		client_remove(&client, &tuple);
	}
	assert_int_equal(table.places.in_use, 0);
	client_stop(&client);
	free(listeners);
}

// What choosing looks through: from where it begins, round the range, to just before that.
static void every_port_is_offered_once_wherever_it_begins(void **state)
{
	for (uint32_t i = 0; i < 50; i++) {
		const struct ft_tuple tuple = { .local = addr(US), .remote = addr(PEER + i) };
		struct ft_ephemeral_choice choice = ft_ephemeral_for_tuple(table.ephemeral, &tuple);
		uint32_t offered = 0;
		uint16_t first = ft_ephemeral_next(table.ephemeral, &choice), port = first;

		for (; port != 0; port = ft_ephemeral_next(table.ephemeral, &choice)) {
			assert_int_equal(port, FIRST + (first - FIRST + offered) % COUNT);
			offered++;
		}
		assert_int_equal(offered, COUNT);
	}
}

// However many ports are in use towards a destination, the first one offered is free: nothing is tried in vain.
static void nearly_all_taken_the_free_port_is_offered_at_once(void **state)
{
	const uint16_t free_port = FIRST + COUNT / 3;
	struct ft_tuple tuple = { .local = addr(US), .remote = addr(PEER), .remote_port = 80 };
	struct ft_ephemeral_choice choice;

	for (uint32_t port = FIRST; port <= LAST; port++) {
		tuple.local_port = (uint16_t)port;
		if (port != free_port)
			assert_int_equal(ft_port_hold(&table, &tuple, 0), 0);
	}
	for (int i = 0; i < 100; i++) {
		choice = ft_ephemeral_for_tuple(table.ephemeral, &tuple);
		assert_int_equal(ft_ephemeral_next(table.ephemeral, &choice), free_port);
	}
	for (uint32_t port = FIRST; port <= LAST; port++) {
		tuple.local_port = (uint16_t)port;
		if (port != free_port)
			ft_port_release(&table, &tuple, 0);
	}
}

// A server's connections, whose port nobody chooses, cost no records.
static void connections_outside_the_range_are_not_noted(void **state)
{
	struct ft_tuple tuple = { .local = addr(US), .remote = addr(PEER), .local_port = 80 };

	assert_int_equal(ft_port_hold(&table, &tuple, 0), 0);
	tuple.local_port = FIRST - 1;
	assert_int_equal(ft_port_hold(&table, &tuple, 0), 0);
	assert_int_equal(table.ephemeral->records.in_use, 0);
	ft_port_release(&table, &tuple, 0);
	tuple.local_port = 80;
	ft_port_release(&table, &tuple, 0);
	assert_int_equal(table.places.in_use, 0);
}

// Where a listener's would be at hand.
static void connections_in_the_range_are_noted_after_a_stranger_asked(void **state)
{
	struct ft_tuple tuple = { .local = addr(US), .remote = addr(PEER), .local_port = FIRST };
	struct ft_tuple other = {
		.local = addr(US), .remote = addr(PEER + 1), .local_port = FIRST
	};

	assert_int_equal(ft_port_hold(&table, &tuple, 0), 0);
	assert_int_equal(table.ephemeral->records.in_use, 2); // the destination, our address
	assert_null(find(US, FIRST));
	assert_int_equal(ft_port_hold(&table, &other, 0), 0);
	assert_int_equal(table.ephemeral->records.in_use, 3);
	ft_port_release(&table, &other, 0);
	assert_int_equal(table.ephemeral->records.in_use, 2);
	assert_int_equal(ft_port_hold_found(&table, &other, 0), 0);
	assert_int_equal(table.ephemeral->records.in_use, 3);
	ft_port_release(&table, &other, 0);
	ft_port_release(&table, &tuple, 0);
	assert_int_equal(table.ephemeral->records.in_use, 0);
}

// RFC 6056 3.3.4: the counter is shared, and must not tell how many connections went elsewhere.
static void chosen_ports_advance_by_chance(void **state)
{
	uint32_t count[9] = { 0 };
	struct client client;
	uint16_t previous = 0;

	client_start(&client);
	for (unsigned i = 0; i < 1001; i++) {
		struct ft_tuple tuple;
		uint32_t step;

		assert_int_equal(client_connect(&client, US, PEER, 80, &tuple), 0);
		client_remove(&client, &tuple);
		step = (tuple.local_port - previous + COUNT) % COUNT;
		previous = tuple.local_port;
		if (i == 0)
			continue;
		assert_in_range(step, 1, 8);
		count[step]++;
	}
	for (unsigned step = 1; step <= 8; step++)
		assert_in_range(count[step], 80, 170);
	client_stop(&client);
}

// All else being equal, the random numbers too.
static void chosen_ports_differ_by_key(void **state)
{
	static uint16_t first[1000];
	struct ft_tuple tuple;
	struct client client;
	unsigned same = 0;

	for (int round = 0; round < 2; round++) {
		stop(NULL);
		start(IPPROTO_TCP);
		key.words[FT_HASH_SIP_WORD] ^= (uint64_t)round;
		client_start(&client);
		for (uint32_t i = 0; i < 1000; i++) {
			assert_int_equal(client_connect(&client, US, PEER + i, 80, &tuple), 0);
			same += round == 1 && tuple.local_port == first[i];
			first[i] = tuple.local_port;
		}
		client_stop(&client);
	}
	assert_in_range(same, 0, 5); // by chance: one in sixteen rounds
}

static void chosen_ports_differ_by_destination(void **state)
{
	struct ft_tuple tuple;
	struct client client;
	unsigned near = 0;

	client_start(&client);
	for (uint32_t i = 0; i < 1000; i++) {
		uint16_t previous;

		assert_int_equal(client_connect(&client, US, PEER + i, 80, &tuple), 0);
		previous = tuple.local_port;
		assert_int_equal(client_connect(&client, US, PEER + i + 1, 80, &tuple), 0);
		near += abs(tuple.local_port - previous) < COUNT / 100;
	}
	assert_in_range(near, 0, 50); // by chance: twenty
	client_stop(&client);
}

// Ports to one destination come in order, so that a port is used again as late as possible.
static void port_given_back_is_not_chosen_soon_again(void **state)
{
	uint16_t *chosen = calloc(COUNT, sizeof(*chosen));
	struct client client;

	client_start(&client);
	for (unsigned i = 0; i < 1000; i++) {
		struct ft_tuple tuple;

		assert_int_equal(client_connect(&client, US, PEER, 80, &tuple), 0);
		assert_int_equal(chosen[tuple.local_port - FIRST]++, 0);
		client_remove(&client, &tuple);
	}
	client_stop(&client);
	free(chosen);
}

static void empty_pools_cost_time_but_no_ports(void **state)
{
	struct ft_tuple tuple;
	struct client client;

	client_start(&client);
	while (ft_pool_take(&table.ephemeral->records) != NULL)
		;
	for (unsigned i = 0; i < 2000; i++)
		assert_int_equal(client_connect(&client, US, PEER, 80, &tuple), 0);
	client_remove(&client, &tuple);
	client_stop(&client);
}

static void hold_without_memory_is_enomem(void **state)
{
	struct ft_tuple tuple = to_us(US, 80);
	struct ft_binding binding;

	while (ft_pool_take(&table.places) != NULL)
		;
	assert_int_equal(ft_port_hold(&table, &tuple, 0), -ENOMEM);
	assert_int_equal(bind_to(&binding, US, 80, 0), -ENOMEM);
}

// ---- binds and uses at random, against the rule as one sentence over all pairs ----

#define SOCKETS 60

struct model_socket {
	struct ft_binding binding;
	bool is_bound;
};

static bool model_overlaps(const struct ft_binding *a, const struct ft_binding *b)
{
	return a->port == b->port && (ft_addr_is_any(&a->address) || ft_addr_is_any(&b->address) ||
					     ft_addr_is_equal(&a->address, &b->address));
}

static bool model_shares(const struct ft_binding *a, const struct ft_binding *b)
{
	return (a->reuse_port && b->reuse_port) ||
	       (a->reuse_address && b->reuse_address &&
		       (table.protocol == IPPROTO_UDP || !b->is_listening));
}

static int model_bind(const struct model_socket *sockets, const struct ft_binding *binding)
{
	for (unsigned i = 0; i < SOCKETS; i++) {
		const struct ft_binding *other = &sockets[i].binding;

		if (sockets[i].is_bound && other != binding && model_overlaps(binding, other) &&
			!model_shares(binding, other))
			return -EADDRINUSE;
	}
	return 0;
}

static void model_find(struct model_socket *sockets, uint32_t local, uint16_t port)
{
	struct ft_tuple tuple = to_us(local, port);
	struct ft_binding *recalled = ft_port_recall(&table, &tuple);
	struct ft_binding *found = ft_port_find(&table, &tuple, ft_random_next(&chance));
	bool is_one = found != NULL && !found->reuse_port;
	bool has_specific = false, has_any = false;

	for (unsigned i = 0; i < SOCKETS; i++) {
		const struct ft_binding *binding = &sockets[i].binding;
		bool receives = sockets[i].is_bound && binding->port == port &&
				(table.protocol == IPPROTO_UDP || binding->is_listening);

		has_specific |= receives && ft_addr_is_equal(&binding->address, &tuple.local);
		has_any |= receives && ft_addr_is_any(&binding->address);
	}
	assert_int_equal(found != NULL, has_specific || has_any);
	assert_true(recalled == NULL || recalled == found);
	assert_ptr_equal(ft_port_recall(&table, &tuple), is_one ? found : NULL);
	if (found == NULL)
		return;
	assert_int_equal(found->port, port);
	assert_int_equal(ft_addr_is_any(&found->address), !has_specific);
}

static void model_change(struct model_socket *socket, const struct model_socket *sockets)
{
	static const uint32_t addresses[] = { ANY, US, US_2 };
	int expected;

	if (socket->is_bound && ft_random_below(&chance, 2) == 0) {
		ft_port_unbind(&table, &socket->binding);
		socket->is_bound = false;
	} else if (socket->is_bound && table.protocol == IPPROTO_TCP) {
		expected = socket->binding.is_listening ? 0 : model_bind(sockets, &socket->binding);
		assert_int_equal(ft_port_listen(&table, &socket->binding), expected);
	} else if (!socket->is_bound) {
		socket->binding = make(addresses[ft_random_below(&chance, 3)],
			(uint16_t)(1 + ft_random_below(&chance, 5)), ft_random_below(&chance, 4));
		expected = model_bind(sockets, &socket->binding);
		assert_int_equal(ft_port_bind(&table, &socket->binding), expected);
		socket->is_bound = expected == 0;
	}
}

static void random_binds_agree_with_model(void **state)
{
	struct model_socket sockets[SOCKETS] = { 0 };

	for (unsigned step = 0; step < 100000; step++) {
		model_change(&sockets[ft_random_below(&chance, SOCKETS)], sockets);
		model_find(sockets, ft_random_below(&chance, 2) == 0 ? US : US_2,
			(uint16_t)(1 + ft_random_below(&chance, 5)));
	}
	for (unsigned i = 0; i < SOCKETS; i++) {
		if (sockets[i].is_bound)
			ft_port_unbind(&table, &sockets[i].binding);
	}
	assert_int_equal(table.places.in_use, 0);
	assert_int_equal(table.ephemeral->used.count + table.ephemeral->bound.count, 0);
}

#define tcp_test(test) cmocka_unit_test_setup_teardown(test, start_tcp, stop)
#define udp_test(test) cmocka_unit_test_setup_teardown(test, start_udp, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		tcp_test(tcp_second_bind_conflicts_as_on_linux),
		udp_test(udp_second_bind_conflicts_as_on_linux),
		tcp_test(binding_that_failed_stays_unbound),
		tcp_test(listen_second_of_two_bound_is_refused),
		tcp_test(listen_twice_changes_nothing),
		tcp_test(use_allows_bind_when_both_allow_reuse),
		tcp_test(one_use_without_reuse_among_many_blocks),
		tcp_test(uses_found_again_are_counted_where_they_were),
		tcp_test(place_that_went_with_its_last_use_is_not_used_again),
		udp_test(socket_bound_after_another_was_found_is_found),
		tcp_test(server_restarts_over_time_wait_but_not_over_listener),
		tcp_test(most_specific_address_wins),
		tcp_test(bound_without_listening_is_not_found),
		tcp_test(ip6_any_takes_both_families_after_ip4_any),
		tcp_test(reuse_port_group_shares_evenly_and_firmly),
		tcp_test(reuse_port_member_gets_nothing_before_it_listens),
		udp_test(udp_bound_last_receives_first_until_it_goes),
		udp_test(udp_connected_socket_leaves_the_rest_to_the_others),
		udp_test(udp_broadcast_visits_each_receiver_once),
		tcp_test(bind_to_port_zero_takes_each_free_port_once),
		tcp_test(bind_to_port_zero_counts_each_local_address_alone),
		tcp_test(exhausted_destination_leaves_the_others_all_ports),
		tcp_test(connections_given_back_leave_no_records),
		tcp_test(chosen_port_is_not_one_that_is_bound),
		tcp_test(chosen_tuple_is_not_in_the_connection_table),
		tcp_test(every_port_is_offered_once_wherever_it_begins),
		tcp_test(nearly_all_taken_the_free_port_is_offered_at_once),
		tcp_test(connections_outside_the_range_are_not_noted),
		tcp_test(connections_in_the_range_are_noted_after_a_stranger_asked),
		tcp_test(chosen_ports_advance_by_chance),
		tcp_test(chosen_ports_differ_by_key),
		tcp_test(chosen_ports_differ_by_destination),
		tcp_test(port_given_back_is_not_chosen_soon_again),
		tcp_test(empty_pools_cost_time_but_no_ports),
		tcp_test(hold_without_memory_is_enomem),
		tcp_test(random_binds_agree_with_model),
		udp_test(random_binds_agree_with_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
