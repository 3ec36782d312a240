// The public calls of fourtuple.h, done by the kernel: what is linked with this instead of
// libfourtuple is the same application on the kernel's stack. So ft-echo and ft-load have rivals
// that differ from them in nothing else.
//
// Of the stack's options there is one that means something here, --kernel.spin: a wait without end is
// a loop around epoll_wait() with a timeout of 0, which never gives up the processor, as a poll-mode
// stack does not. Without it the kernel puts the thread to sleep and wakes it up.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fourtuple.h"

static struct sockaddr_in local = { .sin_family = AF_INET };
static bool is_spinning;
static volatile sig_atomic_t is_interrupted;

// ---- starting ----

// "--SECTION.KEY" is for a stack; its value is behind a "=".
static bool take_option(const char *argument)
{
	const char *name = argument + 2;
	const char *value = strchr(argument, '=');

	if (strncmp(argument, "--", 2) != 0 || name[strcspn(name, ".=")] != '.')
		return false;
	if (strcmp(name, "kernel.spin") == 0)
		is_spinning = true;
	if (strncmp(name, "ip.address=", 11) == 0)
		inet_pton(AF_INET, value + 1, &local.sin_addr);
	return true;
}

int ft_init(int *argc, char **argv)
{
	int kept = 1;

	for (int i = 1; i < *argc; i++)
		if (!take_option(argv[i]))
			argv[kept++] = argv[i];
	argv[kept] = NULL;
	*argc = kept;
	return 0;
}

void ft_exit(void)
{
}

void ft_print_help(FILE *to)
{
	fprintf(to, "  --kernel.spin, --ip.address=ADDRESS\n");
}

void ft_print_statistics(FILE *to)
{
	(void)to;
}

int ft_turn(void)
{
	return 0;
}

void ft_interrupt(void)
{
	is_interrupted = 1;
}

int ft_local_address(unsigned index, struct sockaddr *address, socklen_t *length)
{
	if (index > 0) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	memcpy(address, &local, *length < sizeof(local) ? *length : sizeof(local));
	*length = sizeof(local);
	return 0;
}

// ---- waiting ----

int ft_epoll_create1(int flags)
{
	return epoll_create1(flags);
}

int ft_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	return epoll_ctl(epoll_fd, operation, fd, event);
}

static int spin(int epoll_fd, struct epoll_event *events, int max_events)
{
	int count;

	do
		count = epoll_wait(epoll_fd, events, max_events, 0);
	while (count == 0 && !is_interrupted);
	return count;
}

int ft_epoll_wait(int epoll_fd, struct epoll_event *events, int max_events, int timeout_ms)
{
	int count;

	if (is_spinning && timeout_ms < 0)
		count = spin(epoll_fd, events, max_events);
	else
		count = epoll_wait(epoll_fd, events, max_events, timeout_ms);
	if (count == 0 && is_interrupted) {
		is_interrupted = 0;
		errno = EINTR;
		return -1;
	}
	return count;
}

// ---- sockets ----

int ft_socket(int domain, int type, int protocol)
{
	return socket(domain, type, protocol);
}

int ft_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	return bind(fd, address, length);
}

int ft_listen(int fd, int backlog)
{
	return listen(fd, backlog);
}

int ft_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	return accept4(fd, address, length, flags);
}

int ft_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	return connect(fd, address, length);
}

int ft_shutdown(int fd, int how)
{
	return shutdown(fd, how);
}

int ft_close(int fd)
{
	return close(fd);
}

int ft_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
	return getsockname(fd, address, length);
}

int ft_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	return getsockopt(fd, level, name, value, length);
}

int ft_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	return setsockopt(fd, level, name, value, length);
}

int ft_ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	return ioctl(fd, request, argument);
}

// ---- data ----

ssize_t ft_send(int fd, const void *bytes, size_t count, int flags)
{
	return send(fd, bytes, count, flags);
}

ssize_t ft_sendto(int fd, const void *bytes, size_t count, int flags,
	const struct sockaddr *address, socklen_t length)
{
	return sendto(fd, bytes, count, flags, address, length);
}

ssize_t ft_recv(int fd, void *bytes, size_t count, int flags)
{
	return recv(fd, bytes, count, flags);
}

ssize_t ft_recvfrom(
	int fd, void *bytes, size_t count, int flags, struct sockaddr *address, socklen_t *length)
{
	return recvfrom(fd, bytes, count, flags, address, length);
}
