// recv(2) and its sisters: all become a struct msghdr.
#include <errno.h>

#include "base/iov.h"
#include "fourtuple.h"
#include "shim/address.h"
#include "shim/call.h"
#include "shim/message.h"
#include "shim/thread.h"
#include "shim/wait.h"
#include "stack.h"

#define FLAGS                                                                         \
	(MSG_DONTWAIT | MSG_PEEK | MSG_WAITALL | MSG_TRUNC | MSG_OOB | MSG_NOSIGNAL | \
		MSG_CMSG_CLOEXEC)

static int tcp_flags(int flags)
{
	return (flags & MSG_PEEK ? FT_TCP_RECEIVE_PEEK : 0) |
	       (flags & MSG_OOB ? FT_TCP_RECEIVE_URGENT : 0) |
	       (flags & MSG_TRUNC ? FT_TCP_RECEIVE_DISCARD : 0);
}

// One RECEIVE into what is left of the buffers.
static ssize_t fetch(
	struct ft_stack *stack, struct ft_socket *socket, struct ft_iov *left, int flags)
{
	struct iovec rest;
	ssize_t count;

	if (left->offset == 0) {
		count = ft_tcp_receive(
			stack, socket->conn, left->iov, left->count, tcp_flags(flags), stack->now);
	} else {
		rest.iov_base = (char *)left->iov->iov_base + left->offset;
		rest.iov_len = left->iov->iov_len - left->offset;
		count = ft_tcp_receive(stack, socket->conn, &rest, 1, tcp_flags(flags), stack->now);
	}
	if (count > 0)
		ft_iov_skip(left, count);
	return count;
}

// Nothing more will come; a failure is left for the next call to tell.
static bool has_ended(const struct ft_socket *socket)
{
	return ft_tcp_readiness(socket->conn) & (EPOLLERR | EPOLLHUP | EPOLLRDHUP);
}

// With MSG_WAITALL more is wanted, unless the stream has ended or has come to the urgent mark.
static bool is_enough(const struct ft_socket *socket, uint64_t received, uint64_t bytes, int flags)
{
	if (!(flags & MSG_WAITALL) || (flags & (MSG_PEEK | MSG_OOB)) || received >= bytes)
		return true;
	return ft_tcp_is_at_mark(socket->conn) ||
	       (ft_tcp_readable_bytes(socket->conn) == 0 && has_ended(socket));
}

// Looking at a stream with MSG_WAITALL: first waits until as much is there to be looked at.
static int await_bytes(struct ft_socket *socket, uint64_t bytes, struct ft_wait *wait)
{
	int error = 0;

	while (error == 0 && ft_tcp_readable_bytes(socket->conn) < bytes && !has_ended(socket))
		error = ft_wait_turn(wait);
	return error;
}

static ssize_t receive_stream(struct ft_stack *stack, struct ft_socket *socket,
	const struct msghdr *message, uint64_t bytes, int flags)
{
	struct ft_iov left = { .iov = message->msg_iov, .count = (int)message->msg_iovlen };
	struct ft_wait wait;
	uint64_t received = 0;
	ssize_t count;
	int error = 0;

	if (socket->conn == NULL && ft_socket_listener(socket) == NULL && (flags & MSG_OOB))
		return -EINVAL; // no urgent byte there, says Linux before anything else
	if (socket->conn == NULL)
		return -ENOTCONN;
	ft_wait_begin(&wait, socket->description.is_nonblocking || (flags & MSG_DONTWAIT),
		socket->settings->receive_timeout);
	if ((flags & MSG_WAITALL) && (flags & MSG_PEEK) &&
		await_bytes(socket, bytes, &wait) == -EINTR &&
		ft_tcp_readable_bytes(socket->conn) == 0)
		return -EINTR;
	do {
		count = fetch(stack, socket, &left, flags);
		if (count > 0)
			received += count;
		if (count != -EAGAIN && (count <= 0 || is_enough(socket, received, bytes, flags)))
			break;
		error = ft_wait_turn(&wait);
	} while (error == 0 && (received == 0 || !is_enough(socket, received, bytes, flags)));
	if (received > 0 || count == 0)
		return received;
	return error != 0 ? error : count;
}

// MSG_TRUNC asks for the datagram's whole length, and in msg_flags tells that some of it was lost.
static ssize_t receive_datagram(struct ft_stack *stack, struct ft_socket *socket,
	struct msghdr *message, uint64_t bytes, int flags, struct ft_tuple *from)
{
	struct ft_wait wait;
	ssize_t length;
	int error;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	ft_wait_begin(&wait, socket->description.is_nonblocking || (flags & MSG_DONTWAIT),
		socket->settings->receive_timeout);
	while ((length = ft_udp_receive(stack, socket->udp, message->msg_iov,
			(int)message->msg_iovlen, flags & MSG_PEEK, from)) == -EAGAIN) {
		error = ft_wait_turn(&wait);
		if (error != 0)
			return error;
	}
	if (length < 0 || (uint64_t)length <= bytes)
		return length;
	message->msg_flags |= MSG_TRUNC;
	return flags & MSG_TRUNC ? length : (ssize_t)bytes;
}

static bool may_discard(const struct ft_socket *socket, int flags)
{
	return !socket->is_udp && (flags & MSG_TRUNC);
}

// Fills message->msg_flags and, with `from`, says who sent a datagram.
static ssize_t receive_message(struct ft_stack *stack, struct ft_socket *socket,
	struct msghdr *message, int flags, struct ft_tuple *from)
{
	uint64_t bytes;
	int error;

	if (flags & ~FLAGS)
		return -EOPNOTSUPP;
	if ((error = ft_message_check_name(message)) != 0)
		return error;
	error = ft_message_check(message, &bytes);
	if (error != 0 && !(error == -EFAULT && may_discard(socket, flags)))
		return error;
	if (!socket->is_udp)
		return receive_stream(stack, socket, message, bytes, flags);
	return receive_datagram(stack, socket, message, bytes, flags, from);
}

// The sender's name as recvfrom(2) gives it: none for a stream, whose peer is known.
static void write_sender(const struct ft_tuple *from, struct msghdr *message)
{
	if (message->msg_name == NULL)
		return;
	if (from->protocol == 0)
		message->msg_namelen = 0;
	else
		ft_address_write(
			&from->remote, from->remote_port, message->msg_name, &message->msg_namelen);
}

static ssize_t receive_from(int fd, struct msghdr *message, int flags)
{
	struct ft_tuple from = { 0 };
	struct ft_stack *stack;
	struct ft_socket *socket = ft_call_socket(fd, &stack);
	ssize_t result;

	if (socket == NULL)
		return -1;
	message->msg_flags = 0;
	message->msg_controllen = 0;
	result = receive_message(stack, socket, message, flags, &from);
	if (result >= 0) {
		message->msg_flags |= flags & MSG_OOB;
		write_sender(&from, message);
	}
	return ft_call_result(result);
}

ssize_t ft_recvmsg(int fd, struct msghdr *message, int flags)
{
	if (message == NULL)
		return ft_call_result(-EFAULT);
	return receive_from(fd, message, flags);
}

ssize_t ft_recvfrom(
	int fd, void *bytes, size_t count, int flags, struct sockaddr *address, socklen_t *length)
{
	struct iovec iov;
	struct msghdr message = ft_message_of(&iov, bytes, count);
	ssize_t result;

	if (address != NULL && length == NULL)
		return ft_call_result(-EFAULT);
	if (address != NULL) {
		message.msg_name = address;
		message.msg_namelen = *length;
	}
	result = receive_from(fd, &message, flags);
	if (result >= 0 && address != NULL)
		*length = message.msg_namelen;
	return result;
}

// What most calls ask for, without the detour: bytes of a stream, one buffer, no wish that
// needs more than one look. -EAGAIN: it is another kind of call, or nothing is there.
static ssize_t receive_simply(
	struct ft_stack *stack, struct ft_socket *socket, void *bytes, size_t count, int flags)
{
	const struct iovec iov = { .iov_base = bytes, .iov_len = count };

	if (socket->conn == NULL || (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) || bytes == NULL ||
		count > INT64_MAX)
		return -EAGAIN;
	return ft_tcp_receive(stack, socket->conn, &iov, 1, 0, stack->now);
}

static __attribute__((noinline)) ssize_t receive_otherwise(
	int fd, void *bytes, size_t count, int flags)
{
	struct ft_stack *stack;
	struct ft_socket *socket = ft_call_socket(fd, &stack);
	ssize_t result;

	if (socket == NULL)
		return -1;
	result = receive_simply(stack, socket, bytes, count, flags);
	if (result != -EAGAIN)
		return ft_call_result(result);
	return ft_recvfrom(fd, bytes, count, flags, NULL, NULL);
}

// A count beyond INT64_MAX is none, and no room either.
ssize_t ft_recv(int fd, void *bytes, size_t count, int flags)
{
	struct ft_stack *stack = ft_thread_stack();
	struct ft_tcp_conn *conn = ft_call_find_at_work(fd, stack);

	if (unlikely(conn == NULL || (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) || bytes == NULL))
		return receive_otherwise(fd, bytes, count, flags);
	if (likely(ft_tcp_may_receive_at_once(stack, conn, (ssize_t)count))) {
		ft_thread_begin.calls_left--;
		return (ssize_t)ft_tcp_receive_at_once(stack, conn, bytes);
	}
	if (!ft_tcp_is_at_end(stack, conn, (ssize_t)count))
		return receive_otherwise(fd, bytes, count, flags);
	ft_thread_begin.calls_left--;
	return 0;
}

// Unlike recv(), read() of nothing takes nothing and waits for nothing (POSIX), be it a datagram.
static ssize_t read_message(int fd, struct msghdr *message)
{
	struct ft_stack *stack;
	uint64_t bytes;

	if (ft_call_socket(fd, &stack) == NULL)
		return -1;
	if (ft_message_check(message, &bytes) == 0 && bytes == 0)
		return 0;
	return receive_from(fd, message, 0);
}

ssize_t ft_read(int fd, void *bytes, size_t count)
{
	struct iovec iov;
	struct msghdr message = ft_message_of(&iov, bytes, count);

	return read_message(fd, &message);
}

ssize_t ft_readv(int fd, const struct iovec *iov, int iov_count)
{
	struct msghdr message = ft_message_of_vector(iov, iov_count);
	struct ft_stack *stack;

	if (ft_call_socket(fd, &stack) == NULL)
		return -1;
	if (iov_count < 0 || iov_count > FT_MESSAGE_IOV_MAX)
		return ft_call_result(-EINVAL);
	return read_message(fd, &message);
}
