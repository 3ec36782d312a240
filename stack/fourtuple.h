// fourtuple: a TCP/IP stack inside your program. This is the one header that applications include.
//
// The calls are those of POSIX and Linux with `ft_` before the name: the same arguments, the same
// structures and constants (they come from the system's own headers), -1 and errno on an error. A
// program is ported by a change of prefix. A complete echo server:
//
//	#include <fourtuple.h>
//	#include <err.h>
//
//	int main(int argc, char **argv)
//	{
//		struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(7) };
//		char bytes[4096];
//		ssize_t count;
//		int listener, peer;
//
//		if (ft_init(&argc, argv) < 0) // ./echo --config fourtuple.conf
//			return 1;
//		listener = ft_socket(AF_INET, SOCK_STREAM, 0);
//		if (ft_bind(listener, (struct sockaddr *)&here, sizeof(here)) < 0)
//			err(1, "bind");
//		if (ft_listen(listener, 128) < 0)
//			err(1, "listen");
//		while ((peer = ft_accept(listener, NULL, NULL)) >= 0) {
//			while ((count = ft_recv(peer, bytes, sizeof(bytes), 0)) > 0)
//				ft_send(peer, bytes, count, MSG_NOSIGNAL);
//			ft_close(peer);
//		}
//		ft_exit();
//	}
//
// cc echo.c $(pkg-config --cflags --libs fourtuple)
//
// The stack has no thread of its own. It runs while the thread that called ft_init() is inside a
// call that waits (ft_accept, ft_recv, ft_epoll_wait, ft_poll, ...); such a call turns the stack's
// loop until it has its answer, and so keeps the core busy. A call that does not wait turns the loop
// once where it fails (EAGAIN too), and else now and then, so that no program stops its stack by calling
// only. One that computes, or sleeps, for long calls ft_turn() now and then, or its peers see it as slow.
//
// Descriptors are small integers like the kernel's, counted separately: the lowest free number from
// 3 on, since a program takes 0 to 2 for its standard streams. They belong to the thread that
// called ft_init() and mean nothing to the kernel's calls, nor the kernel's descriptors to these
// (EBADF). Called from a thread without a stack, every call fails with ENXIO.
//
// Besides what is declared here the library exports two names of libc's, `setsockopt` and `sendmsg`, so
// that a program linked with it finds these and not libc's. They are for DPDK, which calls both in this
// process. setsockopt() keeps DPDK's af_packet driver out of the kernel's fanout groups (PACKET_FANOUT, which
// would lose fragments), sendmsg() lets DPDK's answer to a dpdk-dumpcap that
// detaches wait for the end of the burst in hand. All else goes to the kernel unchanged, also what the
// program itself asks about the kernel's sockets. A program that has a function of one of these names
// can't be linked with libfourtuple.a; with libfourtuple.so its own is used, and should pass on what is not
// for it.
#pragma once
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include <linux/sockios.h> // SIOCOUTQ, SIOCOUTQNSD

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default) // all else in the library is hidden

// ---- starting, stopping, turning ----

// Takes fourtuple's own options out of the argument list (--config FILE, --SECTION.KEY=VALUE,
// --eal "ARGS"; the program's own stay, in order), starts DPDK, the NIC, and a stack which is from
// then on the calling thread's. Returns 0, or -1 with errno set and a sentence on standard error
// that says what was wrong and how to mend it.
int ft_init(int *argc, char **argv);

// Closes what is still open, lets connections say goodbye for a moment, stops the NIC. Only in the thread
// that called ft_init(); in others it does nothing.
void ft_exit(void);

// Writes the options that ft_init() takes, for a program's --help.
void ft_print_help(FILE *to);

// One turn of the loop: receives what came, runs timers, sends what is owed; never waits.
// Returns 0, or -1 with ENXIO.
int ft_turn(void);

// For signal handlers (async-signal-safe): in each thread, the call that waits now, or the next
// that would have to wait, fails with EINTR. Calls that have their answer at once are not
// disturbed.
//
//	static void stop(int signal) { is_stopping = 1; ft_interrupt(); }
//
// A signal alone does not interrupt a call: nothing here waits in the kernel.
void ft_interrupt(void);

// Our own address number `index` as configured: 0 is ip.address, 1 is ip.address1, ... Its port is 0.
// Returns 0, or -1 with EADDRNOTAVAIL when there are not so many, ENXIO.
int ft_local_address(unsigned index, struct sockaddr *address, socklen_t *length);

// Writes the counters that are not zero, the packets dropped for each reason, and what is in use now
// of packets, connections, sockets, descriptors: a line each, "NUMBER name explanation".
void ft_print_statistics(FILE *to);

// ---- sockets: as socket(2), bind(2), ... ----

// AF_INET with SOCK_STREAM or SOCK_DGRAM; SOCK_NONBLOCK as in Linux, SOCK_CLOEXEC accepted
// (descriptors never survive exec).
int ft_socket(int domain, int type, int protocol);
// Ports below ip.unprivileged_port_start (1024) need CAP_NET_BIND_SERVICE: EACCES.
int ft_bind(int fd, const struct sockaddr *address, socklen_t length);
int ft_listen(int fd, int backlog);
int ft_accept(int fd, struct sockaddr *address, socklen_t *length);
int ft_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int ft_connect(int fd, const struct sockaddr *address, socklen_t length);
int ft_shutdown(int fd, int how);
int ft_close(int fd);
int ft_dup(int fd);
int ft_getsockname(int fd, struct sockaddr *address, socklen_t *length);
int ft_getpeername(int fd, struct sockaddr *address, socklen_t *length);
int ft_sockatmark(int fd);

// ---- data: as send(2), recv(2), ... ----
//
// MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE, MSG_OOB (TCP) when sending; MSG_DONTWAIT, MSG_PEEK,
// MSG_WAITALL, MSG_TRUNC, MSG_OOB when receiving. Control messages are not carried: one that Linux
// would take is ignored, any other is EINVAL, and msg_controllen is 0 on return.

ssize_t ft_send(int fd, const void *bytes, size_t count, int flags);
ssize_t ft_sendto(int fd, const void *bytes, size_t count, int flags,
	const struct sockaddr *address, socklen_t length);
ssize_t ft_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t ft_write(int fd, const void *bytes, size_t count);
ssize_t ft_writev(int fd, const struct iovec *iov, int iov_count);
ssize_t ft_recv(int fd, void *bytes, size_t count, int flags);
ssize_t ft_recvfrom(
	int fd, void *bytes, size_t count, int flags, struct sockaddr *address, socklen_t *length);
ssize_t ft_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t ft_read(int fd, void *bytes, size_t count);
ssize_t ft_readv(int fd, const struct iovec *iov, int iov_count);

// ---- options ----

//	SOL_SOCKET	SO_REUSEADDR, SO_REUSEPORT, SO_KEEPALIVE, SO_LINGER, SO_RCVBUF, SO_SNDBUF,
//			SO_RCVTIMEO, SO_SNDTIMEO, SO_BROADCAST, SO_OOBINLINE; to be read only:
//			SO_ERROR, SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN
//	IPPROTO_IP	IP_TTL, IP_TOS, IP_MTU_DISCOVER (IP_PMTUDISC_DONT, _WANT, _DO: whether a
//			datagram may be cut), IP_BIND_ADDRESS_NO_PORT (bind() to port 0 leaves the
//			port to connect(), which may use one again towards another peer); to be
//			read only: IP_MTU
//	IPPROTO_TCP	TCP_NODELAY, TCP_CORK, TCP_QUICKACK, TCP_MAXSEG, TCP_KEEPIDLE,
//			TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT, TCP_CONGESTION; to be read
//			only: TCP_INFO
//
// Anything else: ENOPROTOOPT; ft_getsockopt() of another level: EOPNOTSUPP. A buffer size is what was
// set (Linux sets and tells the double, for its bookkeeping). A UDP socket's receive buffer is charged
// with whole packet buffers, about 2.5 KB each at an MTU of 1500; its send buffer has no effect, as a
// datagram goes to the NIC at once or the call says EAGAIN.
int ft_getsockopt(int fd, int level, int name, void *value, socklen_t *length);
int ft_setsockopt(int fd, int level, int name, const void *value, socklen_t length);

// F_GETFL, F_SETFL (O_NONBLOCK), F_GETFD, F_SETFD (kept, without effect), F_DUPFD, F_DUPFD_CLOEXEC.
int ft_fcntl(int fd, int command, ...);
// FIONREAD, FIONBIO, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK; FIOCLEX, FIONCLEX: as F_SETFD.
int ft_ioctl(int fd, unsigned long request, ...);

// ---- waiting for many ----
//
// A timeout of 0 turns the loop once. The signal mask of ft_ppoll() is set during the call; the
// timeout of ft_select() stays as it is.

int ft_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int ft_ppoll(
	struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);
int ft_select(int count, fd_set *read_fds, fd_set *write_fds, fd_set *except_fds,
	struct timeval *timeout);

// Level and edge triggered, EPOLLONESHOT, EPOLLRDHUP; EPOLLEXCLUSIVE is accepted (there is one
// thread to wake). An epoll descriptor can't be added to another: EINVAL. The cost of a wait
// depends on how many sockets are ready, not on how many are watched.
int ft_epoll_create(int size);
int ft_epoll_create1(int flags);
int ft_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int ft_epoll_wait(int epoll_fd, struct epoll_event *events, int max_events, int timeout_ms);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
