// The NIC of a simulated host: struct ft_netif on one side, frames on wires on the other.
#pragma once
#include <stdint.h>

struct ft_frame;
struct ft_host;
struct ft_netif;

void ft_sim_nic_fill(struct ft_netif *netif, struct ft_host *host, uint32_t offloads);

// A frame has come over the wire; the NIC owns it.
void ft_sim_nic_arrive(struct ft_host *host, struct ft_frame *frame);

// Throws away what waits in the ring.
void ft_sim_nic_empty(struct ft_host *host);
