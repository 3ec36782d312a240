// What packetdrill asks of a stack that it loads with --so_filename. It looks up
// packetdrill_interface_init(), which fills these pointers; their order is the tool's.
#pragma once
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

struct packetdrill_interface {
	void *userdata; // handed back to each call
	void (*free)(void *userdata);

	// The socket calls, as POSIX has them.
	int (*socket)(void *, int domain, int type, int protocol);
	int (*bind)(void *, int fd, const struct sockaddr *address, socklen_t length);
	int (*listen)(void *, int fd, int backlog);
	int (*accept)(void *, int fd, struct sockaddr *address, socklen_t *length);
	int (*connect)(void *, int fd, const struct sockaddr *address, socklen_t length);
	ssize_t (*read)(void *, int fd, void *bytes, size_t count);
	ssize_t (*readv)(void *, int fd, const struct iovec *iov, int iov_count);
	ssize_t (*recv)(void *, int fd, void *bytes, size_t count, int flags);
	ssize_t (*recvfrom)(void *, int fd, void *bytes, size_t count, int flags,
		struct sockaddr *address, socklen_t *length);
	ssize_t (*recvmsg)(void *, int fd, struct msghdr *message, int flags);
	ssize_t (*write)(void *, int fd, const void *bytes, size_t count);
	ssize_t (*writev)(void *, int fd, const struct iovec *iov, int iov_count);
	ssize_t (*send)(void *, int fd, const void *bytes, size_t count, int flags);
	ssize_t (*sendto)(void *, int fd, const void *bytes, size_t count, int flags,
		const struct sockaddr *address, socklen_t length);
	ssize_t (*sendmsg)(void *, int fd, const struct msghdr *message, int flags);
	int (*fcntl)(void *, int fd, int command, ...);
	int (*ioctl)(void *, int fd, unsigned long request, ...);
	int (*close)(void *, int fd);
	int (*shutdown)(void *, int fd, int how);
	int (*getsockopt)(void *, int fd, int level, int name, void *value, socklen_t *length);
	int (*setsockopt)(void *, int fd, int level, int name, const void *value, socklen_t length);
	int (*poll)(void *, struct pollfd *fds, nfds_t count, int timeout_ms);

	// One IP packet for the stack. 0 or -1.
	int (*netdev_send)(void *, const void *packet, size_t bytes);
	// The stack's next IP packet and when it left. *bytes is the room there is, then what was
	// written: 0 when nothing came. -1 makes the tool ask again without end.
	int (*netdev_receive)(void *, void *packet, size_t *bytes, long long *time_us);

	// The tool's clock. It spins on gettimeofday(), so each call must bring time forward.
	int (*usleep)(void *, useconds_t duration_us);
	int (*gettimeofday)(void *, struct timeval *time, struct timezone *zone);

	int (*epoll_create)(void *, int size);
	int (*epoll_ctl)(void *, int epoll_fd, int operation, int fd, struct epoll_event *event);
	int (*epoll_wait)(
		void *, int epoll_fd, struct epoll_event *events, int max_events, int timeout_ms);
	int (*pipe)(void *, int fds[2]);
	ssize_t (*splice)(void *, int in, off_t *in_offset, int out, off_t *out_offset,
		size_t count, unsigned flags);
};

// `flags` is what stood behind --so_flags, or NULL.
void packetdrill_interface_init(const char *flags, struct packetdrill_interface *interface);
