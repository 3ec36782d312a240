#include "shim/message.h"

#include <errno.h>
#include <stddef.h>

int ft_message_check(const struct msghdr *message, uint64_t *bytes)
{
	*bytes = 0;
	if (message->msg_iovlen > FT_MESSAGE_IOV_MAX)
		return -EMSGSIZE;
	if (message->msg_iovlen > 0 && message->msg_iov == NULL)
		return -EFAULT;
	for (size_t i = 0; i < message->msg_iovlen; i++) {
		const struct iovec *iov = &message->msg_iov[i];

		if (iov->iov_len > (uint64_t)INT64_MAX - *bytes)
			return -EINVAL;
		if (iov->iov_base == NULL && iov->iov_len > 0)
			return -EFAULT;
		*bytes += iov->iov_len;
	}
	return 0;
}

struct msghdr ft_message_of(struct iovec *iov, const void *bytes, size_t count)
{
	*iov = (struct iovec){ .iov_base = (void *)bytes, .iov_len = count };
	return (struct msghdr){ .msg_iov = iov, .msg_iovlen = 1 };
}

struct msghdr ft_message_of_vector(const struct iovec *iov, int iov_count)
{
	return (struct msghdr){ .msg_iov = (struct iovec *)iov, .msg_iovlen = iov_count };
}
