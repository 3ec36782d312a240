#include "base/log.h"

int ft_log_type = RTE_LOGTYPE_USER1;

void ft_log_init(void)
{
	int type = rte_log_register_type_and_pick_level("fourtuple", RTE_LOG_INFO);

	if (type >= 0)
		ft_log_type = type;
}
