// packetdrill_interface_init(): a stack for the script, as much like Linux's defaults as it goes.
#include "drill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mempool.h>

#include "base/log.h"
#include "drill_interface.h"
#include "drivers/eal.h"
#include "shim/thread.h"

#define PACKETS		16384
#define SEED		1 // the same run every time
#define FLAGS_MOST	32
#define DATA_BYTES(mtu) (RTE_PKTMBUF_HEADROOM + (mtu) + RTE_ETHER_HDR_LEN)

// What the stock scripts take for granted: their addresses, the kernel's MTU, initial window,
// window scale 8 (tcp_rmem up to 15 MB) and timers.
static const char *const profile[] = {
	"--ip.address=192.168.0.1/16",
	"--ip.gateway=192.168.0.2",
	"--ip.unprivileged_port_start=0",
	"--nic.mtu=1500",
	"--tcp.initial_window=10",
	"--tcp.receive_buffer=15M",
	"--tcp.send_buffer=4M",
	"--tcp.delayed_ack=0", // Linux acknowledges the first segments of a connection at once
	"--tcp.connections=1024",
	"--socket.descriptors=1024",
	("--memory.packets=" RTE_STR(PACKETS)),
	"--log.level=warning",
};

struct ft_drill *ft_drill_instance;

static void die(const char *what)
{
	fprintf(stderr, "libfourtuple-packetdrill: %s\n", what);
	exit(EXIT_FAILURE);
}

static void configure(struct ft_config *config, char **arguments, int count)
{
	ft_config_init(config);
	if (ft_config_take_arguments(config, &count, arguments, stderr) != 0)
		die("--so_flags is not understood");
	if (count > 1)
		die("--so_flags has words that are not options of fourtuple");
}

// The profile, then what --so_flags says, which wins.
static void configure_from(struct ft_config *config, const char *flags)
{
	char *arguments[1 + RTE_DIM(profile) + FLAGS_MOST + 1];
	char *text = strdup(flags != NULL ? flags : "");
	int count = 0;

	arguments[count++] = (char *)"packetdrill";
	for (size_t i = 0; i < RTE_DIM(profile); i++)
		arguments[count++] = (char *)profile[i];
	for (char *rest, *word = strtok_r(text, " ", &rest); word != NULL;
		word = strtok_r(NULL, " ", &rest)) {
		if (count == RTE_DIM(arguments) - 1)
			die("too many --so_flags");
		arguments[count++] = word;
	}
	arguments[count] = NULL;
	configure(config, arguments, count);
	free(text);
}

static void start(struct ft_drill *drill)
{
	const struct ft_device no_device = { 0 };
	const uint16_t data_bytes = RTE_MAX(2048u, DATA_BYTES(drill->config.nic.mtu));
	struct ft_pkt_pools pools;
	struct ft_netif netif;

	if (ft_eal_start(&drill->config, &no_device) != 0)
		die("DPDK does not start; was the object preloaded, too (LD_PRELOAD)?");
	pools.receive = ft_pkt_pool_create("receive", PACKETS, data_bytes, SOCKET_ID_ANY);
	pools.send = ft_pkt_pool_create("send", PACKETS, data_bytes, SOCKET_ID_ANY);
	pools.small = ft_pkt_small_pool_create("small", PACKETS, SOCKET_ID_ANY);
	if (pools.receive == NULL || pools.send == NULL || pools.small == NULL)
		die("not enough memory for packets");
	drill->wire.receive_pool = pools.receive;
	ft_drill_clock_init(drill);
	ft_drill_wire_netif(drill, &netif);
	drill->config.nic.rx_descriptors = RTE_DIM(drill->wire.arriving);
	if (ft_stack_init(&drill->stack, &drill->config, &netif, &pools, SEED, drill->clock.now) !=
		0)
		die("the stack does not start");
}

static void stop(void *userdata)
{
	struct ft_drill *drill = userdata;
	struct ft_drill_packet packet;

	ft_drill_instance = NULL;
	ft_thread_attach(NULL, NULL);
	ft_stack_free(&drill->stack);
	while (ft_drill_wire_take(drill, &packet))
		free(packet.bytes);
	rte_pktmbuf_free_bulk(drill->wire.arriving, drill->wire.arriving_count);
	ft_eal_stop();
	ft_config_free(&drill->config);
	free(drill);
}

__attribute__((visibility("default"))) void packetdrill_interface_init(
	const char *flags, struct packetdrill_interface *interface)
{
	struct ft_drill *drill = calloc(1, sizeof(*drill));

	if (drill == NULL)
		die("not enough memory");
	unsetenv("LD_PRELOAD"); // the commands of scripts are nobody's stack
	ft_log_init();
	configure_from(&drill->config, flags);
	start(drill);
	ft_drill_instance = drill;
	ft_drill_calls_fill(interface);
	interface->userdata = drill;
	interface->free = stop;
}
