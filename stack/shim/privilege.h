// What the process may do.
#pragma once
#include <stdbool.h>

// True when the calling thread has CAP_NET_BIND_SERVICE in effect.
bool ft_privilege_may_bind_low_ports(void);
