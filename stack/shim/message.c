#include "shim/message.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include <rte_common.h>

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

// What Linux takes with data, cmsg(3). At the level of a protocol that is not asked it may be anything.
static bool is_control_known(const struct cmsghdr *control, bool is_udp)
{
	if (control->cmsg_level == SOL_SOCKET)
		return control->cmsg_type == SCM_RIGHTS || control->cmsg_type == SCM_CREDENTIALS ||
		       control->cmsg_type == SO_MARK || control->cmsg_type == SO_TIMESTAMPING ||
		       control->cmsg_type == SCM_TXTIME;
	if (control->cmsg_level == IPPROTO_IP && is_udp)
		return control->cmsg_type == IP_RETOPTS || control->cmsg_type == IP_PKTINFO ||
		       control->cmsg_type == IP_TTL || control->cmsg_type == IP_TOS;
	return true;
}

static __attribute__((noinline)) int check_control(const struct msghdr *message, bool is_udp)
{
	const char *at = message->msg_control;
	size_t left = message->msg_controllen;
	struct cmsghdr control;

	if (at == NULL)
		return -EFAULT;
	while (left >= sizeof(control)) {
		memcpy(&control, at, sizeof(control));
		if (control.cmsg_len < sizeof(control) || control.cmsg_len > left)
			return -EINVAL;
		if (!is_control_known(&control, is_udp))
			return -EINVAL;
		at += RTE_MIN(CMSG_ALIGN(control.cmsg_len), left);
		left -= RTE_MIN(CMSG_ALIGN(control.cmsg_len), left);
	}
	return 0;
}

int ft_message_check_name(const struct msghdr *message)
{
	return message->msg_name != NULL && (int)message->msg_namelen < 0 ? -EINVAL : 0;
}

int ft_message_check_extras(const struct msghdr *message, bool is_udp)
{
	int error = ft_message_check_name(message);

	if (error == 0 && message->msg_controllen > 0)
		error = check_control(message, is_udp);
	return error;
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
