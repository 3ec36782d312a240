#include "drivers/eal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "base/log.h"
#include "base/pkt.h"
#include "drivers/dumpcap.h"
#include "drivers/hugepages.h"
#include "drivers/quiet.h"
#include "drivers/runtime_dir.h"

#define OWN_ARGS       16
#define OWN_ARG_BYTES  1024
#define MIB	       (UINT64_C(1) << 20)
#define DEVICE_MEMORY  (64 * MIB) // for the driver's rings, DPDK's own tables
#define DUMPCAP_MEMORY (32 * MIB) // copies of packets on their way to dpdk-dumpcap

// What this application is called among those running, DPDK's --file-prefix.
static char running_name[FT_RUNTIME_NAME_BYTES];

struct arguments {
	char text[OWN_ARGS][OWN_ARG_BYTES];
	char *list[OWN_ARGS + FT_CONFIG_EAL_ARGS + 1];
	int count;
};

__attribute__((format(printf, 2, 3))) static void add(
	struct arguments *arguments, const char *format, ...)
{
	char *text = arguments->text[arguments->count];
	va_list values;

	va_start(values, format);
	vsnprintf(text, OWN_ARG_BYTES, format, values);
	va_end(values);
	arguments->list[arguments->count++] = text;
}

// True when [eal] has one of these options, so that ours would be one too many.
static bool is_given(const struct ft_config *config, const char *options)
{
	for (uint32_t i = 0; i < config->eal.arg_count; i++) {
		const char *arg = config->eal.args[i];
		char option[64];

		snprintf(option, sizeof(option), " %.*s ", (int)strcspn(arg, "="), arg);
		if (strstr(options, option) != NULL)
			return true;
	}
	return false;
}

// What the pools, the device and dpdk-dumpcap take.
static uint64_t memory_bytes(const struct ft_config *config)
{
	uint64_t frame_bytes = RTE_MAX(config->nic.mtu, (uint32_t)RTE_MBUF_DEFAULT_DATAROOM);
	uint64_t besides =
		sizeof(struct rte_mbuf) + sizeof(struct ft_pkt_info) + 4 * RTE_CACHE_LINE_SIZE;

	return 2 * config->memory.packets * (besides + RTE_PKTMBUF_HEADROOM + frame_bytes) +
	       config->memory.small_packets * (besides + FT_PKT_SMALL_BYTES) + DEVICE_MEMORY +
	       (config->nic.dumpcap ? DUMPCAP_MEMORY : 0);
}

bool ft_eal_has_hugepages(const struct ft_config *config)
{
	return !is_given(config, " --no-huge ") &&
	       ft_hugepages_free_bytes(config->nic.dumpcap) >= memory_bytes(config);
}

// One lcore, free to move among the processors that the thread may use now: "0@(0,1,5)".
static void add_lcore(struct arguments *arguments)
{
	char cpus[OWN_ARG_BYTES - 32];
	size_t used = 0;
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE && used < sizeof(cpus) - 8; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			used += snprintf(
				cpus + used, sizeof(cpus) - used, used > 0 ? ",%d" : "%d", cpu);
	add(arguments, "--lcores=0@(%s)", cpus);
}

// Nothing on disk, nothing shared with other processes: for hugepages --in-memory says it, which
// does not go with --no-huge. dpdk-dumpcap is another process: it finds our memory through files.
static void add_memory(struct arguments *arguments, const struct ft_config *config)
{
	bool has_hugepages = ft_eal_has_hugepages(config);
	bool is_chosen = is_given(config, " --no-huge --huge-dir --legacy-mem --in-memory ");

	if (config->nic.dumpcap) {
		// A file for each page would take a descriptor for each.
		if (!is_given(config, " --legacy-mem "))
			add(arguments, "--single-file-segments");
		return;
	}
	if (!is_chosen)
		add(arguments, has_hugepages ? "--in-memory" : "--no-huge");
	if (is_chosen || !has_hugepages)
		add(arguments, "--no-shconf");
	if (!has_hugepages && !is_given(config, " -m --socket-mem ")) {
		// Untouched, ordinary memory costs nothing: enough for a large MTU of the kernel's
		// too.
		add(arguments, "-m");
		add(arguments, "%" PRIu64, 2 * memory_bytes(config) / MIB + 1);
	}
}

// A PCI device is probed while the EAL starts, as the choice of I/O addresses depends on it; a vdev
// is probed afterwards by ft_nic_open(), which then can tell what went wrong.
static void add_device(struct arguments *arguments, const struct ft_device *device)
{
	if (device->is_pci) {
		add(arguments, "-a");
		add(arguments, "%s", device->devargs);
	} else {
		add(arguments, "--no-pci");
		add(arguments, "--iova-mode=va");
	}
	if (device->family.eal != NULL)
		add(arguments, "%s", device->family.eal);
}

static void add_log_levels(struct arguments *arguments, const struct ft_config *config)
{
	if (strcmp(config->log.level, "debug") != 0)
		add(arguments, "--log-level=*:emergency");
	add(arguments, "--log-level=fourtuple:%s", config->log.level);
}

static void build(
	struct arguments *arguments, const struct ft_config *config, const struct ft_device *device)
{
	arguments->count = 0;
	add(arguments, "fourtuple");
	add(arguments, "--file-prefix=%s", running_name);
	add(arguments, config->telemetry.enabled ? "--telemetry" : "--no-telemetry");
	add_log_levels(arguments, config);
	if (!is_given(config, " -l -c --lcores "))
		add_lcore(arguments);
	add_memory(arguments, config);
	add_device(arguments, device);
	for (uint32_t i = 0; i < config->eal.arg_count; i++)
		arguments->list[arguments->count++] = config->eal.args[i];
	arguments->list[arguments->count] = NULL;
}

// A program may be called what no directory may be.
static const char *wanted_name(const struct ft_config *config)
{
	if (config->telemetry.name[0] != '\0')
		return config->telemetry.name;
	return ft_runtime_dir_is_name(program_invocation_short_name) ? program_invocation_short_name
								     : "fourtuple";
}

static int claim_name(const struct ft_config *config)
{
	const char *wanted = wanted_name(config);
	int error = ft_runtime_dir_claim(wanted, running_name);
	char base[PATH_MAX / 2];

	if (error == -EINVAL)
		ft_log_error("telemetry.name = %s: expected up to 63 letters, digits, '-', '_' and "
			     "'.', the first a letter, digit or '_'",
			wanted);
	if (error == 0 || error == -EINVAL)
		return error;
	ft_runtime_dir_base(base, sizeof(base));
	ft_log_error(
		"DPDK's runtime directory %s/%s could not be made: %s; XDG_RUNTIME_DIR can name "
		"another place for it, a directory of ours",
		base, wanted, strerror(-error));
	return error;
}

// ---- dpdk-dumpcap ----

// Another process maps our memory, by files that have our name.
static int check_dumpcap(const struct ft_config *config)
{
	static const char *const contradictions[] = { " --no-huge ", " --in-memory ",
		" --no-shconf ", " --huge-unlink ", " --file-prefix ", " --proc-type " };
	unsigned long mib = (memory_bytes(config) + 2 * MIB - 1) / (2 * MIB) * 2;

	for (size_t i = 0; i < RTE_DIM(contradictions); i++) {
		if (is_given(config, contradictions[i])) {
			ft_log_error("[nic] dumpcap = yes: no process can attach with%sof [eal]",
				contradictions[i]);
			return -EINVAL;
		}
	}
	if (ft_eal_has_hugepages(config))
		return 0;
	ft_log_error(
		"[nic] dumpcap = yes needs %lu MB of free hugepages, and a hugetlbfs to write in: "
		"\"dpdk-hugepages.py --setup %luM\" makes both, for root",
		mib, mib);
	return -ENOMEM;
}

// ---- beginning and end ----

// A program may be started with its standard descriptors closed. What is opened from here on must not become
// one of them, or what is printed would be written there.
static void occupy_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int ft_eal_prepare(const struct ft_config *config)
{
	occupy_standard_descriptors();
	ft_runtime_dir_sweep(wanted_name(config));
	return config->nic.dumpcap ? check_dumpcap(config) : 0;
}

const char *ft_eal_name(void)
{
	return running_name;
}

static int start_dpdk(const struct ft_config *config, const struct ft_device *device)
{
	struct arguments *arguments = calloc(1, sizeof(*arguments));
	struct ft_quiet quiet;
	int result;

	if (arguments == NULL)
		return -ENOMEM;
	build(arguments, config, device);
	rte_openlog_stream(stderr);
	ft_quiet_begin(&quiet, strcmp(config->log.level, "debug") != 0);
	result = rte_eal_init(arguments->count, arguments->list);
	ft_quiet_end(&quiet);
	free(arguments);
	if (result >= 0)
		return 0;
	ft_log_error("DPDK did not start: %s; --log.level=debug shows what it says",
		rte_strerror(rte_errno));
	return rte_errno > 0 ? -rte_errno : -EINVAL;
}

int ft_eal_start(const struct ft_config *config, const struct ft_device *device)
{
	int error = claim_name(config);

	if (error != 0)
		return error;
	error = start_dpdk(config, device);
	if (error != 0) {
		ft_runtime_dir_release();
		return error;
	}
	ft_log_init();
	if (!config->nic.dumpcap)
		return 0;
	error = ft_dumpcap_start();
	if (error != 0)
		ft_eal_stop();
	return error;
}

void ft_eal_stop(void)
{
	ft_dumpcap_stop();
	rte_eal_cleanup();
	ft_hugepages_remove_files(running_name, true);
}
