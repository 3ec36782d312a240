// The calls of the interface: each finds our descriptor for the tool's, and asks the shim.
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drill.h"
#include "drill_interface.h"
#include "fourtuple.h"

#define PATIENCE   (300 * FT_SECOND) // of a script that expects a packet
#define POLL_MOST  64
#define PIPE_BYTES 65536

// Enters, has `call` answer, leaves. `call` names our descriptor `ours`.
#define ANSWER(type, fd, call)                              \
	do {                                                \
		struct ft_drill *drill = userdata;          \
		type result;                                \
		int ours;                                   \
		ft_drill_enter(drill);                      \
		ours = ft_drill_descriptor_find(drill, fd); \
		result = call;                              \
		ft_drill_leave(drill);                      \
		return result;                              \
	} while (0)

// ---- sockets ----

static int drill_socket(void *userdata, int domain, int type, int protocol)
{
	struct ft_drill *drill = userdata;
	int fd;

	ft_drill_enter(drill);
	fd = ft_drill_descriptor_add(drill, ft_socket(domain, type, protocol));
	ft_drill_leave(drill);
	return fd;
}

static int drill_bind(void *userdata, int fd, const struct sockaddr *address, socklen_t length)
{
	ANSWER(int, fd, ft_bind(ours, address, length));
}

static int drill_listen(void *userdata, int fd, int backlog)
{
	ANSWER(int, fd, ft_listen(ours, backlog));
}

static int drill_accept(void *userdata, int fd, struct sockaddr *address, socklen_t *length)
{
	ANSWER(int, fd, ft_drill_descriptor_add(drill, ft_accept(ours, address, length)));
}

static int drill_connect(void *userdata, int fd, const struct sockaddr *address, socklen_t length)
{
	ANSWER(int, fd, ft_connect(ours, address, length));
}

static int drill_shutdown(void *userdata, int fd, int how)
{
	ANSWER(int, fd, ft_shutdown(ours, how));
}

static int close_both(struct ft_drill *drill, int fd, int ours)
{
	int result;

	if (ours < 0)
		return close(fd);
	result = ft_close(ours);
	ft_drill_descriptor_remove(drill, fd);
	return result;
}

static int drill_close(void *userdata, int fd)
{
	ANSWER(int, fd, close_both(drill, fd, ours));
}

// ---- data ----

static ssize_t drill_read(void *userdata, int fd, void *bytes, size_t count)
{
	ANSWER(ssize_t, fd, ours < 0 ? read(fd, bytes, count) : ft_read(ours, bytes, count));
}

static ssize_t drill_readv(void *userdata, int fd, const struct iovec *iov, int iov_count)
{
	ANSWER(ssize_t, fd, ft_readv(ours, iov, iov_count));
}

static ssize_t drill_recv(void *userdata, int fd, void *bytes, size_t count, int flags)
{
	ANSWER(ssize_t, fd, ft_recv(ours, bytes, count, flags));
}

static ssize_t drill_recvfrom(void *userdata, int fd, void *bytes, size_t count, int flags,
	struct sockaddr *address, socklen_t *length)
{
	ANSWER(ssize_t, fd, ft_recvfrom(ours, bytes, count, flags, address, length));
}

static ssize_t drill_recvmsg(void *userdata, int fd, struct msghdr *message, int flags)
{
	ANSWER(ssize_t, fd, ft_recvmsg(ours, message, flags));
}

static ssize_t drill_write(void *userdata, int fd, const void *bytes, size_t count)
{
	ANSWER(ssize_t, fd, ours < 0 ? write(fd, bytes, count) : ft_write(ours, bytes, count));
}

static ssize_t drill_writev(void *userdata, int fd, const struct iovec *iov, int iov_count)
{
	ANSWER(ssize_t, fd, ft_writev(ours, iov, iov_count));
}

static ssize_t drill_send(void *userdata, int fd, const void *bytes, size_t count, int flags)
{
	ANSWER(ssize_t, fd, ft_send(ours, bytes, count, flags));
}

static ssize_t drill_sendto(void *userdata, int fd, const void *bytes, size_t count, int flags,
	const struct sockaddr *address, socklen_t length)
{
	ANSWER(ssize_t, fd, ft_sendto(ours, bytes, count, flags, address, length));
}

static ssize_t drill_sendmsg(void *userdata, int fd, const struct msghdr *message, int flags)
{
	ANSWER(ssize_t, fd, ft_sendmsg(ours, message, flags));
}

// ---- control ----

static int drill_fcntl(void *userdata, int fd, int command, ...)
{
	va_list arguments;
	long argument;

	va_start(arguments, command);
	argument = va_arg(arguments, long);
	va_end(arguments);
	ANSWER(int, fd, ft_fcntl(ours, command, argument));
}

static int drill_ioctl(void *userdata, int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	ANSWER(int, fd, ft_ioctl(ours, request, argument));
}

static int drill_getsockopt(
	void *userdata, int fd, int level, int name, void *value, socklen_t *length)
{
	ANSWER(int, fd, ft_getsockopt(ours, level, name, value, length));
}

static int drill_setsockopt(
	void *userdata, int fd, int level, int name, const void *value, socklen_t length)
{
	ANSWER(int, fd, ft_setsockopt(ours, level, name, value, length));
}

// ---- waiting for many ----

static int poll_ours(struct ft_drill *drill, struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct pollfd translated[POLL_MOST];
	int result;

	if (count > POLL_MOST) {
		errno = EINVAL;
		return -1;
	}
	for (nfds_t i = 0; i < count; i++) {
		translated[i] = fds[i];
		translated[i].fd = ft_drill_descriptor_find(drill, fds[i].fd);
	}
	result = ft_poll(translated, count, timeout_ms);
	for (nfds_t i = 0; i < count; i++)
		fds[i].revents = translated[i].revents;
	return result;
}

static int drill_poll(void *userdata, struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct ft_drill *drill = userdata;
	int result;

	ft_drill_enter(drill);
	result = poll_ours(drill, fds, count, timeout_ms);
	ft_drill_leave(drill);
	return result;
}

static int drill_epoll_create(void *userdata, int size)
{
	struct ft_drill *drill = userdata;
	int fd;

	ft_drill_enter(drill);
	fd = ft_drill_descriptor_add(drill, ft_epoll_create(size));
	ft_drill_leave(drill);
	return fd;
}

static int drill_epoll_ctl(
	void *userdata, int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	ANSWER(int, epoll_fd,
		ft_epoll_ctl(ours, operation, ft_drill_descriptor_find(drill, fd), event));
}

static int drill_epoll_wait(
	void *userdata, int epoll_fd, struct epoll_event *events, int max_events, int timeout_ms)
{
	ANSWER(int, epoll_fd, ft_epoll_wait(ours, events, max_events, timeout_ms));
}

// ---- pipes: the kernel's; what goes between one and a socket is carried by hand ----

static int drill_pipe(void *userdata, int fds[2])
{
	return pipe(fds);
}

static ssize_t splice_in(int ours, int pipe_fd, char *bytes, size_t count, int flags)
{
	const ssize_t received = ft_recv(ours, bytes, count, flags);

	return received > 0 ? write(pipe_fd, bytes, received) : received;
}

static ssize_t splice_out(int pipe_fd, int ours, char *bytes, size_t count)
{
	const ssize_t taken = read(pipe_fd, bytes, count);

	return taken > 0 ? ft_send(ours, bytes, taken, 0) : taken;
}

static ssize_t splice_any(struct ft_drill *drill, int in, int out, size_t count, unsigned flags)
{
	char bytes[PIPE_BYTES];
	const int from = ft_drill_descriptor_find(drill, in);
	const int to = ft_drill_descriptor_find(drill, out);
	const int waiting = flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0;

	count = RTE_MIN(count, sizeof(bytes));
	if (from >= 0)
		return splice_in(from, out, bytes, count, waiting);
	if (to >= 0)
		return splice_out(in, to, bytes, count);
	return splice(in, NULL, out, NULL, count, flags);
}

static ssize_t drill_splice(void *userdata, int in, off_t *in_offset, int out, off_t *out_offset,
	size_t count, unsigned flags)
{
	struct ft_drill *drill = userdata;
	ssize_t result;

	ft_drill_enter(drill);
	result = splice_any(drill, in, out, count, flags);
	ft_drill_leave(drill);
	return result;
}

// ---- wire and clock ----

static int drill_netdev_send(void *userdata, const void *packet, size_t bytes)
{
	struct ft_drill *drill = userdata;
	bool has_arrived;

	ft_drill_enter(drill);
	has_arrived = ft_drill_wire_arrive(drill, packet, bytes);
	ft_drill_leave(drill);
	return has_arrived ? 0 : -1;
}

static int drill_netdev_receive(void *userdata, void *packet, size_t *bytes, long long *time_us)
{
	struct ft_drill *drill = userdata;
	struct ft_drill_packet sent = { 0 };

	ft_drill_enter(drill);
	ft_drill_clock_run(drill, drill->clock.now + PATIENCE, true);
	if (ft_drill_wire_take(drill, &sent)) {
		*bytes = RTE_MIN(*bytes, sent.length);
		memcpy(packet, sent.bytes, *bytes);
		free(sent.bytes);
	} else {
		*bytes = 0;
		sent.sent = drill->clock.now;
	}
	*time_us = (long long)(sent.sent / FT_MICROSECOND);
	ft_drill_leave(drill);
	return 0;
}

static int drill_usleep(void *userdata, useconds_t duration_us)
{
	struct ft_drill *drill = userdata;

	ft_drill_enter(drill);
	ft_drill_clock_run(drill, drill->clock.now + duration_us * FT_MICROSECOND, false);
	ft_drill_leave(drill);
	return 0;
}

static int drill_gettimeofday(void *userdata, struct timeval *time, struct timezone *zone)
{
	struct ft_drill *drill = userdata;
	ft_time now;

	ft_drill_enter(drill);
	now = ft_drill_clock_ask(drill);
	ft_drill_leave(drill);
	time->tv_sec = (time_t)(now / FT_SECOND);
	time->tv_usec = (suseconds_t)(now % FT_SECOND / FT_MICROSECOND);
	return 0;
}

void ft_drill_calls_fill(struct packetdrill_interface *interface)
{
	*interface = (struct packetdrill_interface){
		.socket = drill_socket,
		.bind = drill_bind,
		.listen = drill_listen,
		.accept = drill_accept,
		.connect = drill_connect,
		.read = drill_read,
		.readv = drill_readv,
		.recv = drill_recv,
		.recvfrom = drill_recvfrom,
		.recvmsg = drill_recvmsg,
		.write = drill_write,
		.writev = drill_writev,
		.send = drill_send,
		.sendto = drill_sendto,
		.sendmsg = drill_sendmsg,
		.fcntl = drill_fcntl,
		.ioctl = drill_ioctl,
		.close = drill_close,
		.shutdown = drill_shutdown,
		.getsockopt = drill_getsockopt,
		.setsockopt = drill_setsockopt,
		.poll = drill_poll,
		.netdev_send = drill_netdev_send,
		.netdev_receive = drill_netdev_receive,
		.usleep = drill_usleep,
		.gettimeofday = drill_gettimeofday,
		.epoll_create = drill_epoll_create,
		.epoll_ctl = drill_epoll_ctl,
		.epoll_wait = drill_epoll_wait,
		.pipe = drill_pipe,
		.splice = drill_splice,
	};
}
