// fcntl(2), ioctl(2), sockatmark(3).
#include <errno.h>
#include <stdarg.h>

#include "fourtuple.h"
#include "shim/call.h"
#include "stack.h"

static int duplicate(
	struct ft_stack *stack, struct ft_description *description, int lowest, bool close_on_exec)
{
	struct ft_descriptors *descriptors = &stack->sockets->descriptors;
	int fd;

	if (lowest < 0 || (uint32_t)lowest >= descriptors->maximum)
		return -EINVAL;
	fd = ft_descriptor_take(descriptors, description, lowest);
	if (fd >= 0)
		ft_descriptor_find(descriptors, fd)->close_on_exec = close_on_exec;
	return fd;
}

static int control(struct ft_stack *stack, int fd, struct ft_description *description, int command,
	int argument)
{
	struct ft_descriptor *descriptor = ft_descriptor_find(&stack->sockets->descriptors, fd);

	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return duplicate(stack, description, argument, command == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return descriptor->close_on_exec ? FD_CLOEXEC : 0;
	case F_SETFD:
		descriptor->close_on_exec = argument & FD_CLOEXEC;
		return 0;
	case F_GETFL:
		return O_RDWR | (description->is_nonblocking ? O_NONBLOCK : 0);
	case F_SETFL:
		description->is_nonblocking = argument & O_NONBLOCK;
		return 0;
	default:
		return -EINVAL;
	}
}

int ft_fcntl(int fd, int command, ...)
{
	struct ft_stack *stack;
	struct ft_description *description = ft_call_description(fd, &stack);
	va_list arguments;
	int argument;

	if (description == NULL)
		return -1;
	va_start(arguments, command);
	argument = va_arg(arguments, int); // not there for F_GET*, and not looked at
	va_end(arguments);
	return ft_call_result(control(stack, fd, description, command, argument));
}

// A datagram socket tells of the first datagram only (udp(7)); a listener has nothing to read.
static int readable_bytes(const struct ft_socket *socket, int *bytes)
{
	if (ft_socket_listener(socket) != NULL)
		return -EINVAL;
	*bytes = 0;
	if (socket->is_udp)
		*bytes = (int)ft_udp_readable_bytes(socket->udp);
	else if (socket->conn != NULL)
		*bytes = (int)RTE_MIN(ft_tcp_bytes_to_mark(socket->conn), (uint64_t)INT32_MAX);
	return 0;
}

// What a UDP socket has sent is no longer its own.
static int queued_bytes(const struct ft_socket *socket, bool is_unsent, int *bytes)
{
	uint64_t queued = 0;

	if (socket->is_udp && is_unsent)
		return -ENOTTY;
	if (ft_socket_listener(socket) != NULL)
		return -EINVAL;
	if (socket->conn != NULL)
		queued = is_unsent ? ft_tcp_unsent_bytes(socket->conn)
				   : ft_tcp_unacked_bytes(socket->conn);
	*bytes = (int)RTE_MIN(queued, (uint64_t)INT32_MAX);
	return 0;
}

static int is_at_mark(const struct ft_socket *socket, int *answer)
{
	if (socket->is_udp)
		return -ENOTTY;
	*answer = socket->conn != NULL && ft_tcp_is_at_mark(socket->conn);
	return 0;
}

static int request_of(struct ft_socket *socket, unsigned long request, int *argument)
{
	switch (request) {
	case FIONREAD:
	case FIONBIO:
	case SIOCOUTQ:
	case SIOCOUTQNSD:
	case SIOCATMARK:
		break;
	default:
		return -ENOTTY;
	}
	if (argument == NULL)
		return -EFAULT;
	switch (request) {
	case FIONREAD:
		return readable_bytes(socket, argument);
	case SIOCOUTQ:
	case SIOCOUTQNSD:
		return queued_bytes(socket, request == SIOCOUTQNSD, argument);
	case SIOCATMARK:
		return is_at_mark(socket, argument);
	default:
		socket->description.is_nonblocking = *argument != 0;
		return 0;
	}
}

int ft_ioctl(int fd, unsigned long request, ...)
{
	struct ft_stack *stack;
	struct ft_socket *socket;
	va_list arguments;
	int *argument;

	if (request == FIOCLEX || request == FIONCLEX)
		return ft_fcntl(fd, F_SETFD, request == FIOCLEX ? FD_CLOEXEC : 0);
	socket = ft_call_socket(fd, &stack);
	if (socket == NULL)
		return -1;
	va_start(arguments, request);
	argument = va_arg(arguments, int *);
	va_end(arguments);
	return ft_call_result(request_of(socket, request, argument));
}

int ft_sockatmark(int fd)
{
	int answer;

	return ft_ioctl(fd, SIOCATMARK, &answer) < 0 ? -1 : answer;
}
