#include "base/capability.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

bool ft_capability_has(uint64_t capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct halves[2] = { 0 };
	uint64_t effective;

	if (syscall(SYS_capget, &header, halves) < 0)
		return false;
	effective = (uint64_t)halves[1].effective << 32 | halves[0].effective;
	return (effective & capabilities) == capabilities;
}
