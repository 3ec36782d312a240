// Starting DPDK's environment abstraction layer (EAL) so that one device can be used by one thread.
#pragma once
#include "config/config.h"
#include "drivers/device.h"

// Whether enough hugepages are free for the packets of this configuration, or [eal] decides itself.
bool ft_eal_has_hugepages(const struct ft_config *config);

// Before ft_eal_has_hugepages(): gives back what a process of this name left when it was killed, and looks
// whether what dpdk-dumpcap needs is there. 0; or -EINVAL or -ENOMEM and has said what to do.
int ft_eal_prepare(const struct ft_config *config);

// Once in a process. Keeps the calling thread on the cores it may use, is quiet unless [log] level
// is debug, touches no file that another process could use unless nic.dumpcap is set. [eal] arguments
// come last and win. 0; or a negative errno and has said why.
int ft_eal_start(const struct ft_config *config, const struct ft_device *device);
// The runtime directory, and with it the name, stay until the process ends: DPDK removes its telemetry
// socket only then.
void ft_eal_stop(void);

// What the running application is called: telemetry.name or the program's name, "-PID" behind it when
// another has that name.
const char *ft_eal_name(void);
