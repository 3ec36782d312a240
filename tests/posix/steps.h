// What the cases are written with. A step is one call, and one line of the transcript:
//
//	DO(bind_to(fd, LOCAL, PORT))	->	bind_to(fd, LOCAL, PORT) = -1 EADDRINUSE
//
// After each step all packets arrive, so the next one finds both sides at rest.
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "calls.h"

// The calls of the side that runs now.
extern const struct ft_calls *os;

// Two ports that nobody uses, new for each case.
extern uint16_t ft_step_port;
#define PORT	   ft_step_port
#define OTHER_PORT (ft_step_port + 1)

#define ANY    INADDR_ANY
#define LOCAL  INADDR_LOOPBACK	     // 127.0.0.1
#define OTHER  (INADDR_LOOPBACK + 1) // 127.0.0.2, ours as well
#define NOBODY 0xc0000201	     // 192.0.2.1, of nobody (RFC 5737)

#define DO(call) ft_step_end(#call, (ft_step_begin(), (long)(call)))

// Preparation: not recorded; when it fails, so does the case.
#define MUST(call) ft_step_must(#call, (ft_step_begin(), (long)(call)))

void ft_step_begin(void);
long ft_step_end(const char *text, long result);
long ft_step_must(const char *text, long result);

// Adds to the line of the step under way: what the call gave besides its result.
void ft_step_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void ft_step_say_events(uint32_t events);
void ft_step_say_bytes(const void *bytes, long count);
// Ports that were chosen for us are "chosen", and ours have their names.
void ft_step_say_name(const struct sockaddr_in *name, socklen_t length);

// A line between the steps.
void ft_step_head(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Whether the time since ft_step_clock() was asked is at least so long.
uint64_t ft_step_clock(void);
bool ft_step_has_passed(uint64_t since_ns, uint64_t duration_ms);

void ft_case_run(const char *name, void (*run)(void));
void ft_case_run_each(const char *name, void (*run)(int variant), int variants);
#define RUN(function)		 ft_case_run(#function, function)
#define RUN_EACH(function, many) ft_case_run_each(#function, function, many)

void ft_cases_bind(void);
void ft_cases_connect(void);
void ft_cases_accept(void);
void ft_cases_stream(void);
void ft_cases_close(void);
void ft_cases_datagram(void);
void ft_cases_epoll(void);
void ft_cases_poll(void);
void ft_cases_options(void);
void ft_cases_descriptors(void);

// ---- shorthand ----

static inline struct sockaddr_in in4(uint32_t ip, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)
	};
}

static inline int bind_to(int fd, uint32_t ip, uint16_t port)
{
	struct sockaddr_in name = in4(ip, port);

	return os->bind(fd, (struct sockaddr *)&name, sizeof(name));
}

static inline int connect_to(int fd, uint32_t ip, uint16_t port)
{
	struct sockaddr_in name = in4(ip, port);

	return os->connect(fd, (struct sockaddr *)&name, sizeof(name));
}

// connect() to AF_UNSPEC.
static inline int disconnect(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	return os->connect(fd, &none, sizeof(none));
}

static inline int own_name(int fd)
{
	struct sockaddr_in name = { 0 };
	socklen_t length = sizeof(name);
	int result = os->getsockname(fd, (struct sockaddr *)&name, &length);

	if (result == 0)
		ft_step_say_name(&name, length);
	return result;
}

static inline int peer_name(int fd)
{
	struct sockaddr_in name = { 0 };
	socklen_t length = sizeof(name);
	int result = os->getpeername(fd, (struct sockaddr *)&name, &length);

	if (result == 0)
		ft_step_say_name(&name, length);
	return result;
}

static inline int new_tcp(void)
{
	return MUST(os->socket(AF_INET, SOCK_STREAM, 0));
}

static inline int new_tcp_nonblocking(void)
{
	return MUST(os->socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
}

static inline int new_udp(void)
{
	return MUST(os->socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
}

// Bound to LOCAL:PORT.
static inline int new_udp_bound(void)
{
	int fd = new_udp();

	MUST(bind_to(fd, LOCAL, PORT));
	return fd;
}

static inline int set(int fd, int level, int name, int value)
{
	return os->setsockopt(fd, level, name, &value, sizeof(value));
}

// The option's value, or -1 and errno.
static inline int get(int fd, int level, int name)
{
	int value = -2;
	socklen_t length = sizeof(value);

	return os->getsockopt(fd, level, name, &value, &length) < 0 ? -1 : value;
}

// SO_ERROR by its name.
static inline int take_error(int fd)
{
	int error = get(fd, SOL_SOCKET, SO_ERROR);

	if (error > 0)
		ft_step_say("%s", strerrorname_np(error));
	return error > 0;
}

// As TCP_INFO has it; but Linux delays the ACK of a FIN, so FIN-WAIT-1 and 2 are told as one.
static inline int tcp_state(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (os->getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		return -1;
	return info.tcpi_state == TCP_FIN_WAIT1 ? TCP_FIN_WAIT2 : info.tcpi_state;
}

static inline int set_linger(int fd, int is_on, int seconds)
{
	struct linger linger = { .l_onoff = is_on, .l_linger = seconds };

	return os->setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static inline int set_timeout(int fd, int name, long ms)
{
	struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	return os->setsockopt(fd, SOL_SOCKET, name, &time, sizeof(time));
}

static inline int set_nonblocking(int fd)
{
	return os->fcntl(fd, F_SETFL, O_NONBLOCK);
}

// At LOCAL:PORT.
static inline int new_listener(void)
{
	int fd = new_tcp();

	MUST(bind_to(fd, LOCAL, PORT));
	MUST(os->listen(fd, 8));
	return fd;
}

struct pair {
	int client;
	int server; // at LOCAL:PORT
};

// A connection, non-blocking and without Nagle's delay at both ends, and no listener left.
static inline struct pair new_pair(void)
{
	struct pair pair = { .client = new_tcp() };
	int listener = new_listener();

	MUST(connect_to(pair.client, LOCAL, PORT));
	pair.server = MUST(os->accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	MUST(set_nonblocking(pair.client));
	MUST(set(pair.client, IPPROTO_TCP, TCP_NODELAY, 1));
	MUST(set(pair.server, IPPROTO_TCP, TCP_NODELAY, 1));
	MUST(os->close(listener));
	return pair;
}

static inline long put(int fd, const char *text, int flags)
{
	return os->send(fd, text, strlen(text), flags);
}

static inline long take(int fd, size_t room, int flags)
{
	char bytes[256] = "";
	long count = os->recv(fd, bytes, room, flags);

	ft_step_say_bytes(bytes, count < (long)room ? count : (long)room);
	return count;
}

static inline long put_to(int fd, const char *text, uint32_t ip, uint16_t port)
{
	struct sockaddr_in name = in4(ip, port);

	return os->sendto(fd, text, strlen(text), 0, (struct sockaddr *)&name, sizeof(name));
}

// recvfrom(), and from whom.
static inline long take_from(int fd, size_t room, int flags)
{
	struct sockaddr_in name = { 0 };
	socklen_t length = sizeof(name);
	char bytes[256] = "";
	long count = os->recvfrom(fd, bytes, room, flags, (struct sockaddr *)&name, &length);

	ft_step_say_bytes(bytes, count < (long)room ? count : (long)room);
	if (count >= 0)
		ft_step_say_name(&name, length);
	return count;
}

// poll() now.
static inline int events_of(int fd, short events)
{
	struct pollfd pollfd = { .fd = fd, .events = events };
	int result = os->poll(&pollfd, 1, 0);

	ft_step_say_events((unsigned short)pollfd.revents);
	return result;
}

#define ALL_EVENTS (POLLIN | POLLOUT | POLLPRI | POLLRDHUP)

static inline int new_epoll(void)
{
	return MUST(os->epoll_create1(0));
}

static inline int watch(int epoll, int operation, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = fd };

	return os->epoll_ctl(epoll, operation, fd, &event);
}

// epoll_wait() now; each event with its descriptor.
static inline int collect(int epoll)
{
	struct epoll_event events[8];
	int count = os->epoll_wait(epoll, events, 8, 0);

	for (int i = 0; i < count; i++) {
		ft_step_say("fd%d", (int)events[i].data.u64);
		ft_step_say_events(events[i].events);
	}
	return count;
}
