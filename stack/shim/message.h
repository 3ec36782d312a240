// What sendmsg(2) and recvmsg(2) have in common: the checks of the buffers given.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define FT_MESSAGE_IOV_MAX 1024 // UIO_MAXIOV

// Checks the buffers of a message and adds up their length. -EMSGSIZE: too many of them; -EINVAL:
// together longer than a ssize_t can say; -EFAULT: NULL with a length.
int ft_message_check(const struct msghdr *message, uint64_t *bytes);

// -EINVAL: the length of a name is below 0. Without a name it may be anything.
int ft_message_check_name(const struct msghdr *message);

// Checks what sendmsg(2) is given besides the buffers, as Linux does: the length of a name and, though
// none is carried, the control messages. -EINVAL: a length below 0, or a control message cut off or
// unknown; -EFAULT: NULL with a length.
int ft_message_check_extras(const struct msghdr *message, bool is_udp);

// A message of one buffer, which `iov` (the caller's) describes.
struct msghdr ft_message_of(struct iovec *iov, const void *bytes, size_t count);

// A message of buffers as writev(2) and readv(2) take them.
struct msghdr ft_message_of_vector(const struct iovec *iov, int iov_count);
