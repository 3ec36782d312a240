// Numbers: socket(2), dup(2), close(2), fcntl(2), ioctl(2), and what each call says of a bad number.
#include "steps.h"

static void any_socket_arguments(void)
{
	DO(os->socket(AF_INET, SOCK_STREAM, 0));
	DO(os->socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
	DO(os->socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP));
	DO(os->socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	DO(os->socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
	DO(os->socket(AF_INET, SOCK_STREAM, -1));
	DO(os->socket(AF_INET, SOCK_STREAM, 9999));
	DO(os->socket(AF_INET, 0, 0));
	DO(os->socket(AF_INET, 99, 0));
	DO(os->socket(AF_INET, -1, 0));
	DO(os->socket(AF_INET, SOCK_SEQPACKET, 0));
	DO(os->socket(AF_INET, SOCK_STREAM | 0x100000, 0));
	DO(os->socket(-1, SOCK_STREAM, 0));
	DO(os->socket(9999, SOCK_STREAM, 0));
	DO(os->socket(AF_UNSPEC, SOCK_STREAM, 0));
}

static void any_lowest_number(void)
{
	for (int i = 0; i < 5; i++)
		DO(os->socket(AF_INET, SOCK_STREAM, 0));
	DO(os->close(4));
	DO(os->close(6));
	DO(os->dup(3));
	DO(os->socket(AF_INET, SOCK_DGRAM, 0));
	DO(os->socket(AF_INET, SOCK_DGRAM, 0));
	DO(os->close(3));
	DO(os->epoll_create1(0));
}

static void any_accept_lowest_number(void)
{
	int first = new_tcp(), listener = new_listener();

	MUST(connect_to(new_tcp(), LOCAL, PORT));
	MUST(os->close(first));
	DO(os->accept(listener, NULL, NULL));
}

static void any_duplicate(void)
{
	int fd = new_tcp();

	DO(os->dup(fd));
	DO(os->dup(-1));
	DO(os->dup(99));
	DO(os->fcntl(fd, F_DUPFD, 0));
	DO(os->fcntl(fd, F_DUPFD, 50));
	DO(os->fcntl(fd, F_DUPFD, 50));
	DO(os->fcntl(fd, F_DUPFD_CLOEXEC, 60));
	DO(os->fcntl(60, F_GETFD));
	DO(os->fcntl(50, F_GETFD));
	DO(os->fcntl(fd, F_DUPFD, -1));
	DO(os->fcntl(fd, F_DUPFD, 1 << 30));
}

static void any_close_on_exec(void)
{
	int fd = new_tcp(), copy;

	DO(os->fcntl(fd, F_GETFD));
	DO(os->fcntl(fd, F_SETFD, FD_CLOEXEC));
	copy = DO(os->dup(fd));
	DO(os->fcntl(fd, F_GETFD));
	DO(os->fcntl(copy, F_GETFD));
	DO(os->fcntl(fd, F_SETFD, 0));
	DO(os->fcntl(fd, F_GETFD));
	DO(os->fcntl(MUST(os->socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), F_GETFD));
}

static void any_flags(void)
{
	int fd = new_tcp(), copy = MUST(os->dup(fd)), on = 1;

	DO(os->fcntl(fd, F_GETFL));
	DO(os->fcntl(fd, F_SETFL, O_NONBLOCK));
	DO(os->fcntl(copy, F_GETFL)); // shared
	DO(os->fcntl(copy, F_SETFL, 0));
	DO(os->fcntl(fd, F_GETFL));
	DO(os->ioctl(fd, FIONBIO, &on));
	DO(os->fcntl(fd, F_GETFL));
	on = 0;
	DO(os->ioctl(copy, FIONBIO, &on));
	DO(os->fcntl(fd, F_GETFL));
	DO(os->fcntl(fd, F_SETFL, O_RDONLY | O_NONBLOCK)); // the access mode stays
	DO(os->fcntl(fd, F_GETFL));
	DO(os->fcntl(fd, 9999));
	DO(os->fcntl(fd, -1));
	DO(os->fcntl(new_udp(), F_GETFL));
}

static void any_ioctl(void)
{
	int fd = new_tcp(), value;

	DO(os->ioctl(fd, 0));
	DO(os->ioctl(fd, FIONREAD, NULL));
	DO(os->ioctl(fd, FIONBIO, NULL));
	DO(os->ioctl(fd, SIOCATMARK, &value));
	DO(value);
	DO(os->ioctl(new_listener(), FIONREAD, &value));
}

// Who is to be told by SIGIO: nobody. And a flag that means nothing to a socket.
static void any_signals_and_append(void)
{
	int fd = new_tcp(), on = 1;

	DO(os->fcntl(fd, F_SETFL, O_APPEND));
	DO(os->fcntl(fd, F_GETFL));
	DO(os->fcntl(fd, F_SETFL, O_ASYNC));
	DO(os->fcntl(fd, F_GETFL) & ~O_APPEND);
	DO(os->fcntl(fd, F_GETOWN));
	DO(os->ioctl(fd, FIOASYNC, &on));
}

static void any_close_on_exec_by_ioctl(void)
{
	int fd = new_tcp();

	DO(os->ioctl(fd, FIOCLEX));
	DO(os->fcntl(fd, F_GETFD));
	DO(os->ioctl(fd, FIONCLEX));
	DO(os->fcntl(fd, F_GETFD));
}

static void closed_close_again(void)
{
	int fd = new_tcp();

	DO(os->close(fd));
	DO(os->close(fd));
	DO(os->close(-1));
	DO(os->close(99));
}

// Every call with a number, except the epoll calls (cases_epoll.c).
static void try_all_calls(int fd)
{
	struct sockaddr_in name = in4(LOCAL, PORT);
	struct sockaddr *address = (struct sockaddr *)&name;
	socklen_t length = sizeof(name);
	char bytes[4];
	struct iovec iov = { bytes, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	int value = 0;

	DO(os->bind(fd, address, length));
	DO(os->bind(fd, NULL, 0));
	DO(os->listen(fd, 1));
	DO(os->accept(fd, address, &length));
	DO(os->accept4(fd, NULL, NULL, 0));
	DO(os->accept4(fd, NULL, NULL, -1));
	DO(os->connect(fd, address, length));
	DO(os->connect(fd, NULL, 0));
	DO(os->shutdown(fd, SHUT_RDWR));
	DO(os->shutdown(fd, 99));
	DO(os->getsockname(fd, address, &length));
	DO(os->getpeername(fd, address, &length));
	DO(os->getpeername(fd, NULL, NULL));
	DO(os->sockatmark(fd));
	DO(os->send(fd, bytes, 1, 0));
	DO(os->send(fd, NULL, 1, 0));
	DO(os->sendto(fd, bytes, 1, 0, address, length));
	DO(os->sendmsg(fd, &message, 0));
	DO(os->recv(fd, bytes, 1, 0));
	DO(os->recvfrom(fd, bytes, 1, 0, address, &length));
	DO(os->recvmsg(fd, &message, 0));
	length = sizeof(value);
	DO(os->getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length));
	DO(os->setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, length));
	DO(os->setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, -1));
}

static void try_file_calls(int fd)
{
	struct iovec iov = { NULL, 0 };
	int value = 0;

	DO(os->write(fd, "x", 1));
	DO(os->write(fd, NULL, 0));
	DO(os->writev(fd, &iov, 1));
	DO(os->read(fd, &value, 1));
	DO(os->read(fd, NULL, 0));
	DO(os->readv(fd, &iov, 1));
	DO(os->readv(fd, &iov, -1));
	DO(os->fcntl(fd, F_GETFL));
	DO(os->fcntl(fd, F_SETFL, 0));
	DO(os->fcntl(fd, F_GETFD));
	DO(os->fcntl(fd, F_DUPFD, 0));
	DO(os->fcntl(fd, 9999));
	DO(os->ioctl(fd, FIONREAD, &value));
	DO(os->ioctl(fd, FIONREAD, NULL));
	DO(os->ioctl(fd, 9999));
	DO(events_of(fd, POLLIN));
}

static void never_open_calls(void)
{
	try_all_calls(99);
	try_file_calls(99);
}

static void negative_calls(void)
{
	try_all_calls(-1);
	try_file_calls(-1);
}

static void closed_calls(void)
{
	int fd = new_tcp();

	MUST(os->close(fd));
	try_all_calls(fd);
	try_file_calls(fd);
}

static void no_socket_calls(void)
{
	try_all_calls(new_epoll());
}

static void far_number_calls(void)
{
	DO(os->close(1 << 30));
	DO(os->listen(1 << 30, 1));
	DO(os->dup(0x7fffffff));
}

void ft_cases_descriptors(void)
{
	RUN(any_socket_arguments);
	RUN(any_lowest_number);
	RUN(any_accept_lowest_number);
	RUN(any_duplicate);
	RUN(any_close_on_exec);
	RUN(any_flags);
	RUN(any_ioctl);
	RUN(any_signals_and_append);
	RUN(any_close_on_exec_by_ioctl);
	RUN(closed_close_again);
	RUN(never_open_calls);
	RUN(negative_calls);
	RUN(closed_calls);
	RUN(no_socket_calls);
	RUN(far_number_calls);
}
