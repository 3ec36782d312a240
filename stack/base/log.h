// Messages for people, through DPDK's rte_log: --log-level and [log] level choose what is shown.
// Never called for each packet.
#pragma once
#include <rte_log.h>

extern int ft_log_type; // registered by ft_log_init() as "fourtuple"

// Call once after (or without) rte_eal_init(); calling again changes nothing.
void ft_log_init(void);

#define ft_log_error(format, ...) \
	rte_log(RTE_LOG_ERR, ft_log_type, "fourtuple: " format "\n", ##__VA_ARGS__)
#define ft_log_warning(format, ...) \
	rte_log(RTE_LOG_WARNING, ft_log_type, "fourtuple: " format "\n", ##__VA_ARGS__)
#define ft_log_info(format, ...) \
	rte_log(RTE_LOG_INFO, ft_log_type, "fourtuple: " format "\n", ##__VA_ARGS__)
