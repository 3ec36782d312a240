// Applications that do anything at any time, on networks that do too. What arrives is still a
// beginning of what was sent, and in the end nothing is left over.
#include <stdbool.h>

#include "network.h"
#include "scenario.h"
#include "task.h"
#include "traffic.h"

#define HOSTS	 3
#define WORKERS	 3  // servers of a host, each with a port of its own, and as many clients
#define SESSIONS 12 // of each client
#define BLOCK	 20000
#define FEW	 200

static struct ft_network network;
static uint32_t clients_left;

struct worker {
	int host;
	uint16_t port;
};

// One end of a connection, and how far its streams have come.
struct session {
	int fd;
	uint64_t out_stream, in_stream;
	uint64_t sent, received;
	bool has_lost_count; // received bytes were thrown away unseen
};

static uint32_t below(uint32_t limit)
{
	return ft_random_below(&network.random, limit);
}

// What a call may answer when the peer or the path has done its worst.
static void expect_plausible(ssize_t result)
{
	if (result >= 0)
		return;
	switch (errno) {
	case EAGAIN:
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case ENOTCONN:
	case EPIPE:
	case ETIMEDOUT:
		return;
	default:
		ft_scenario_fail(__FILE__, __LINE__, "surprised by: %s", strerror(errno));
	}
}

// ---- what an application may do next ----

static void send_some(struct session *session)
{
	uint8_t bytes[BLOCK];
	uint64_t count = 1 + below(below(2) == 0 ? FEW : BLOCK);
	ssize_t result;

	ft_traffic_fill(bytes, count, session->out_stream, session->sent);
	result = ft_send(session->fd, bytes, count,
		MSG_DONTWAIT | MSG_NOSIGNAL | (below(20) == 0 ? MSG_OOB : 0));
	expect_plausible(result);
	if (result > 0)
		session->sent += result;
}

static void receive_some(struct session *session)
{
	uint8_t bytes[BLOCK];
	bool is_peek = below(4) == 0;
	ssize_t result = ft_recv(
		session->fd, bytes, 1 + below(BLOCK), MSG_DONTWAIT | (is_peek ? MSG_PEEK : 0));

	expect_plausible(result);
	if (result <= 0 || session->has_lost_count)
		return;
	ft_traffic_check(bytes, result, session->in_stream, session->received);
	if (!is_peek)
		session->received += result;
}

static void sleep_a_while(struct session *session)
{
	ft_task_sleep((uint64_t)below(2000) * FT_MILLISECOND);
}

static void wait_for_events(struct session *session)
{
	struct pollfd wait = { .fd = session->fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	ft_expect_ok(ft_poll(&wait, 1, below(500)));
}

static void half_close(struct session *session)
{
	static const int hows[] = { SHUT_RD, SHUT_WR, SHUT_RDWR };
	int how = hows[below(3)];

	if (below(4) != 0)
		return;
	expect_plausible(ft_shutdown(session->fd, how));
	if (how != SHUT_WR)
		session->has_lost_count = true;
}

static void set_options(struct session *session)
{
	ft_traffic_set(session->fd, IPPROTO_TCP, TCP_NODELAY, below(2));
	ft_traffic_set(session->fd, IPPROTO_TCP, TCP_CORK, below(2));
	ft_traffic_set(session->fd, SOL_SOCKET, SO_KEEPALIVE, below(2));
	ft_traffic_set(session->fd, SOL_SOCKET, SO_RCVBUF, 4096 + below(100000));
	ft_traffic_set(session->fd, SOL_SOCKET, SO_SNDBUF, 4096 + below(100000));
}

static void look_at_it(struct session *session)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);
	int bytes = 0;

	ft_expect_ok(ft_getsockopt(session->fd, IPPROTO_TCP, TCP_INFO, &info, &length));
	ft_expect_ok(ft_ioctl(session->fd, FIONREAD, &bytes));
	ft_expect(bytes >= 0);
}

static void duplicate(struct session *session)
{
	int twin = ft_expect_ok(ft_dup(session->fd));

	ft_expect_ok(ft_close(session->fd));
	session->fd = twin;
}

static void finish(struct session *session)
{
	struct linger linger = { .l_onoff = below(2), .l_linger = below(3) };

	ft_expect_ok(ft_setsockopt(session->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	expect_plausible(ft_close(session->fd));
}

static void do_anything(struct session *session)
{
	static void (*const deeds[])(struct session * session) = { send_some, send_some, send_some,
		receive_some, receive_some, receive_some, receive_some, sleep_a_while,
		wait_for_events, wait_for_events, half_close, set_options, look_at_it, duplicate };
	uint32_t count = below(40);

	ft_traffic_set(
		session->fd, SOL_SOCKET, SO_OOBINLINE, 1); // the urgent byte stays in the stream
	for (uint32_t i = 0; i < count; i++)
		deeds[below(RTE_DIM(deeds))](session);
	finish(session);
}

// ---- servers and clients ----

// Both ends name their streams by the client's address and port and the server's port.
static uint64_t stream_of(const struct sockaddr_in *client, uint16_t server_port)
{
	uint64_t host = ntohl(client->sin_addr.s_addr) & 0xff;

	return host << 20 ^ (uint64_t)ntohs(client->sin_port) << 4 ^ (server_port & 15);
}

static void serve_one(int listener, uint16_t port)
{
	struct sockaddr_in client;
	socklen_t length = sizeof(client);
	struct session session = { .fd = ft_accept(listener, (struct sockaddr *)&client, &length) };

	expect_plausible(session.fd);
	if (session.fd < 0)
		return;
	session.in_stream = stream_of(&client, port);
	session.out_stream = session.in_stream | 1 << 30;
	do_anything(&session);
}

static void serve(void *arg)
{
	const struct worker *worker = arg;
	int listener = ft_traffic_listen(worker->port, 2);

	// Accepted connections have it from their beginning: what is urgent may come, and be overtaken by what is urgent
	// then, before the application knows of the connection.
	ft_traffic_set(listener, SOL_SOCKET, SO_OOBINLINE, 1);
	while (clients_left > 0) {
		struct pollfd wait = { .fd = listener, .events = POLLIN };

		if (ft_expect_ok(ft_poll(&wait, 1, 1000)) > 0)
			serve_one(listener, worker->port);
	}
	ft_expect_ok(ft_close(listener));
}

static void visit(struct worker *worker)
{
	uint16_t port = 10 + below(WORKERS + 1); // nobody listens at the last
	int fd = ft_traffic_try_connect(network.hosts[(worker->host + below(HOSTS)) % HOSTS], port);
	struct session session = { .fd = fd };
	struct sockaddr_in self;
	socklen_t length = sizeof(self);

	expect_plausible(fd);
	if (fd < 0)
		return;
	ft_expect_ok(ft_getsockname(fd, (struct sockaddr *)&self, &length));
	session.out_stream = stream_of(&self, port);
	session.in_stream = session.out_stream | 1 << 30;
	do_anything(&session);
}

static void visit_many(void *arg)
{
	for (int i = 0; i < SESSIONS; i++)
		visit(arg);
	clients_left--;
}

// ---- the network ----

static void change_wire(struct ft_wire *wire)
{
	wire->delay = below(30) * FT_MILLISECOND;
	wire->jitter = below(3) * 5 * FT_MILLISECOND;
	wire->loss = below(10) / 100.0;
	wire->duplication = below(5) / 100.0;
	wire->corruption = below(3) / 100.0;
	wire->rate_bps = below(3) == 0 ? 1000000 : 0;
	wire->queue_bytes = 10000 + below(100000);
}

static void direct(void *arg)
{
	while (clients_left > 0) {
		struct ft_host *host = network.hosts[below(HOSTS)];

		ft_task_sleep(below(5000) * FT_MILLISECOND);
		change_wire(&host->to_switch);
		ft_network_plug(host, below(5) != 0);
	}
	for (int i = 0; i < HOSTS; i++)
		ft_network_plug(network.hosts[i], true);
}

// `trace`: more bits of what the stacks trace. Returns the hash of all frames.
static uint64_t run(uint64_t seed, uint32_t trace)
{
	struct worker workers[HOSTS * WORKERS];
	struct ft_config config;

	ft_network_config(&config);
	config.memory.packets = seed % 2 == 0 ? 4096 : 512;
	ft_network_init(&network, seed);
	clients_left = RTE_DIM(workers);
	for (int i = 0; i < HOSTS; i++) {
		struct ft_host *host = ft_network_add(&network, &config, 0);

		ft_network_vary_nic(host);
		host->stack.trace |= trace;
	}
	for (uint32_t i = 0; i < RTE_DIM(workers); i++) {
		workers[i] = (struct worker){ i % HOSTS, 10 + i / HOSTS };
		ft_task_start(&network, network.hosts[i % HOSTS], serve, &workers[i]);
		ft_task_start(&network, network.hosts[i % HOSTS], visit_many, &workers[i]);
	}
	ft_task_start(&network, NULL, direct, NULL);
	ft_network_run(&network, 24 * 3600 * FT_SECOND);
	ft_network_free(&network);
	return network.trace_hash;
}

static void anything_may_happen(uint64_t seed)
{
	run(seed, 0);
}

// A stack that is watched takes no short way (tcp_predicted.h), and tells nothing of a subsystem that there
// is not.
static void short_ways_lead_where_the_long_ones_do(uint64_t seed)
{
	ft_expect_equal(run(seed, 1u << 31), run(seed, 0));
}

int main(int argc, char **argv)
{
	static const struct ft_scenario scenarios[] = {
		{ "anything_may_happen", anything_may_happen, 50 },
		{ "short_ways_lead_where_the_long_ones_do", short_ways_lead_where_the_long_ones_do,
			30 },
		{ 0 },
	};

	return ft_scenario_main(argc, argv, scenarios);
}
