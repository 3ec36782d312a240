// send(2) and its sisters: all become a struct msghdr, then a stream's bytes or one datagram.
#include <errno.h>
#include <limits.h>
#include <signal.h>

#include "base/iov.h"
#include "fourtuple.h"
#include "shim/address.h"
#include "shim/call.h"
#include "shim/message.h"
#include "shim/thread.h"
#include "shim/wait.h"
#include "stack.h"

#define FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE | MSG_OOB | MSG_EOR | MSG_CONFIRM)

static int tcp_flags(int flags)
{
	return (flags & MSG_MORE ? FT_TCP_SEND_MORE : 0) |
	       (flags & MSG_OOB ? FT_TCP_SEND_URGENT : 0);
}

// Offers the stream what is left of the buffers: the rest of one half done, or all that follow.
static ssize_t offer(
	struct ft_stack *stack, struct ft_socket *socket, struct ft_iov *left, int flags)
{
	struct iovec rest;
	ssize_t count;

	if (left->offset == 0) {
		count = ft_tcp_send(
			stack, socket->conn, left->iov, left->count, tcp_flags(flags), stack->now);
	} else {
		rest.iov_base = (char *)left->iov->iov_base + left->offset;
		rest.iov_len = left->iov->iov_len - left->offset;
		count = ft_tcp_send(stack, socket->conn, &rest, 1, tcp_flags(flags), stack->now);
	}
	if (count > 0)
		ft_iov_skip(left, count);
	return count;
}

// An error that comes when some bytes are sent already is left for the next call to tell.
static bool has_failed(const struct ft_socket *socket)
{
	return ft_tcp_readiness(socket->conn) & (EPOLLERR | EPOLLHUP);
}

// All of the bytes, or with a non-blocking socket as many as there is room for.
static ssize_t send_stream(struct ft_stack *stack, struct ft_socket *socket,
	const struct msghdr *message, uint64_t bytes, int flags)
{
	struct ft_iov left = { .iov = message->msg_iov, .count = (int)message->msg_iovlen };
	struct ft_wait wait;
	uint64_t sent = 0;
	ssize_t count;
	int error;

	if (socket->conn == NULL)
		return -EPIPE; // Linux's answer, with its SIGPIPE, for a stream never connected
	ft_wait_begin(&wait, socket->description.is_nonblocking || (flags & MSG_DONTWAIT),
		socket->settings->send_timeout);
	do {
		count = offer(stack, socket, &left, flags);
		if (count >= 0) {
			sent += count;
			continue;
		}
		if (count != -EAGAIN)
			return sent > 0 ? (ssize_t)sent : count;
		if (wait.is_nonblocking && sent > 0)
			return sent;
		error = ft_wait_turn(&wait);
		if (error != 0)
			return sent > 0 ? (ssize_t)sent : error;
	} while (sent < bytes && !(sent > 0 && has_failed(socket)));
	return sent;
}

static ssize_t send_datagram(struct ft_stack *stack, struct ft_socket *socket,
	const struct msghdr *message, uint64_t bytes, int flags)
{
	struct ft_addr remote;
	uint16_t port = 0;
	struct ft_wait wait;
	ssize_t result;
	int error;

	if (flags & (MSG_OOB | MSG_MORE))
		return -EOPNOTSUPP;
	if (message->msg_name != NULL) {
		error = ft_address_read_leniently(
			message->msg_name, message->msg_namelen, &remote, &port);
		if (error != 0)
			return error;
		if (ft_addr_is_any(&remote))
			remote = ft_address_of_host(stack, socket);
	}
	ft_wait_begin(&wait, socket->description.is_nonblocking || (flags & MSG_DONTWAIT),
		socket->settings->send_timeout);
	while ((result = ft_udp_send(stack, socket->udp, message->msg_name ? &remote : NULL, port,
			message->msg_iov, (int)message->msg_iovlen, bytes, ft_thread_now())) ==
		-EAGAIN) {
		error = ft_wait_turn(&wait);
		if (error != 0)
			return error;
	}
	return result;
}

static ssize_t send_message(
	struct ft_stack *stack, struct ft_socket *socket, const struct msghdr *message, int flags)
{
	uint64_t bytes;
	ssize_t result;
	int error;

	if (message == NULL)
		return -EFAULT;
	if (flags & ~FLAGS)
		return -EOPNOTSUPP;
	error = ft_message_check(message, &bytes);
	if (error == 0)
		error = ft_message_check_extras(message, socket->is_udp);
	if (error != 0)
		return error;
	if (socket->is_udp)
		return send_datagram(stack, socket, message, bytes, flags);
	result = send_stream(stack, socket, message, bytes, flags);
	if (result == -EPIPE && !(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	return result;
}

static ssize_t send_to(int fd, const struct msghdr *message, int flags)
{
	struct ft_stack *stack;
	struct ft_socket *socket = ft_call_socket(fd, &stack);

	if (socket == NULL)
		return -1;
	return ft_call_result(send_message(stack, socket, message, flags));
}

// A name of no length is none, and what is longer than any name is cut, as in Linux.
ssize_t ft_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct msghdr named;

	if (message == NULL)
		return send_to(fd, NULL, flags);
	named = *message;
	if (named.msg_namelen == 0)
		named.msg_name = NULL;
	else if (named.msg_namelen <= INT_MAX)
		named.msg_namelen = RTE_MIN(named.msg_namelen, sizeof(struct sockaddr_storage));
	return send_to(fd, &named, flags);
}

ssize_t ft_sendto(int fd, const void *bytes, size_t count, int flags,
	const struct sockaddr *address, socklen_t length)
{
	struct iovec iov;
	struct msghdr message = ft_message_of(&iov, bytes, count);

	message.msg_name = (void *)address;
	message.msg_namelen = length;
	return send_to(fd, &message, flags);
}

// What most calls of a server ask for, without the detour: as many bytes of one buffer as the
// stream has room for. -EAGAIN: it is another kind of call, or there is no room.
static ssize_t send_simply(struct ft_stack *stack, struct ft_socket *socket, const void *bytes,
	size_t count, int flags)
{
	const struct iovec iov = { .iov_base = (void *)bytes, .iov_len = count };
	bool may_wait = !socket->description.is_nonblocking && !(flags & MSG_DONTWAIT);

	if (may_wait || socket->conn == NULL || (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) ||
		bytes == NULL || count > INT64_MAX)
		return -EAGAIN;
	return ft_tcp_send(stack, socket->conn, &iov, 1, 0, stack->now);
}

static __attribute__((noinline)) ssize_t send_otherwise(
	int fd, const void *bytes, size_t count, int flags)
{
	struct ft_stack *stack;
	struct ft_socket *socket = ft_call_socket(fd, &stack);
	ssize_t result;

	if (socket == NULL)
		return -1;
	result = send_simply(stack, socket, bytes, count, flags);
	if (result != -EAGAIN && result != -EPIPE)
		return ft_call_result(result);
	return ft_sendto(fd, bytes, count, flags, NULL, 0);
}

// What has room need not wait for it, so that O_NONBLOCK makes no difference.
ssize_t ft_send(int fd, const void *bytes, size_t count, int flags)
{
	struct ft_stack *stack = ft_thread_stack();
	struct ft_tcp_conn *conn = ft_call_find_at_work(fd, stack);

	if (unlikely(conn == NULL || (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) || bytes == NULL ||
		     !ft_tcp_may_send_at_once(stack, conn, count)))
		return send_otherwise(fd, bytes, count, flags);
	ft_thread_begin.calls_left--;
	ft_tcp_send_at_once(stack, conn, bytes, count);
	return (ssize_t)count;
}

ssize_t ft_write(int fd, const void *bytes, size_t count)
{
	return ft_sendto(fd, bytes, count, 0, NULL, 0);
}

ssize_t ft_writev(int fd, const struct iovec *iov, int iov_count)
{
	struct msghdr message = ft_message_of_vector(iov, iov_count);

	struct ft_stack *stack;
	uint64_t bytes;

	if (ft_call_socket(fd, &stack) == NULL)
		return -1;
	if (iov_count < 0 || iov_count > FT_MESSAGE_IOV_MAX)
		return ft_call_result(-EINVAL);
	// Unlike write(), it makes no datagram of nothing, as in Linux.
	if (ft_message_check(&message, &bytes) == 0 && bytes == 0)
		return 0;
	return send_to(fd, &message, 0);
}
