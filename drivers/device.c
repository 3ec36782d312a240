#include "drivers/device.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_pci.h>

#include "base/capability.h"
#include "base/log.h"

static const struct ft_family unknown_family = {
	.name = "",
	.remedy = "its arguments may be wrong",
};

// The kernel driver a PCI device is bound to, "" for none. Returns false when there is no such
// device.
static bool find_kernel_driver(const char *address, char driver[64])
{
	char path[128], target[256];
	ssize_t bytes;

	driver[0] = '\0';
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	if (access(path, F_OK) < 0)
		return false;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", address);
	bytes = readlink(path, target, sizeof(target) - 1);
	if (bytes <= 0)
		return true;
	target[bytes] = '\0';
	snprintf(driver, 64, "%s", basename(target));
	return true;
}

static void find_family(struct ft_device *device)
{
	const struct ft_family *family;
	char driver[64];

	if (device->is_pci)
		find_kernel_driver(device->name, driver);
	family = ft_family_find(device->is_pci ? driver : device->name, device->is_pci);
	device->family = family != NULL ? *family : unknown_family;
}

// The value of "key=" among the arguments, or "" when there is none or it is too long to be one.
static void find_argument(const char *devargs, const char *key, char *value, size_t bytes)
{
	const char *argument = strstr(devargs, key);
	size_t length;

	value[0] = '\0';
	if (argument == NULL)
		return;
	argument += strlen(key);
	length = strcspn(argument, ",");
	if (length < bytes)
		snprintf(value, bytes, "%.*s", (int)length, argument);
}

static int refuse_text(const char *text)
{
	ft_log_error("[nic] device = %s: expected one vdev string like "
		     "net_af_packet0,iface=eth1 or one PCI address like 0000:01:00.0",
		text);
	return -EINVAL;
}

int ft_device_parse(struct ft_device *device, const char *text)
{
	size_t name_bytes = strcspn(text, ",");
	struct rte_pci_addr address;

	memset(device, 0, sizeof(*device));
	if (text[0] == '\0') {
		ft_log_error("no device: set [nic] device in a file given with --config, or "
			     "--nic.device=net_af_packet0,iface=NAME");
		return -EINVAL;
	}
	if (name_bytes == 0 || name_bytes >= RTE_DEV_NAME_MAX_LEN || strpbrk(text, " \t;") != NULL)
		return refuse_text(text);
	snprintf(device->name, sizeof(device->name), "%.*s", (int)name_bytes, text);
	device->is_pci = rte_pci_addr_parse(device->name, &address) == 0;
	if (device->is_pci)
		rte_pci_device_name(&address, device->name, sizeof(device->name));
	else if (strncmp(device->name, "net_", 4) != 0 && strncmp(device->name, "eth_", 4) != 0)
		return refuse_text(text);
	snprintf(device->devargs, sizeof(device->devargs), "%.128s%s", device->name,
		text + name_bytes);
	find_argument(device->devargs, ",iface=", device->interface, sizeof(device->interface));
	find_family(device);
	return 0;
}

static int check_pci(const struct ft_device *device)
{
	char driver[64];

	if (!find_kernel_driver(device->name, driver)) {
		ft_log_error("there is no PCI device %s: \"lspci -D\" lists those there are",
			device->name);
		return -ENODEV;
	}
	if (device->family.name[0] != '\0')
		return 0;
	ft_log_error("%s is bound to %s%s: give it to DPDK with \"modprobe vfio-pci; "
		     "dpdk-devbind.py --bind=vfio-pci %s\" (the kernel then loses it)",
		device->name, driver[0] != '\0' ? "the kernel's " : "no driver", driver,
		device->name);
	return -EBUSY;
}

static int check_interface(const struct ft_device *device)
{
	if (device->interface[0] == '\0') {
		ft_log_error("%s needs the name of a kernel interface: %s,iface=NAME",
			device->devargs, device->name);
		return -EINVAL;
	}
	if (if_nametoindex(device->interface) == 0) {
		ft_log_error("%s: there is no interface %s here: \"ip link\" lists those there are",
			device->devargs, device->interface);
		return -ENODEV;
	}
	return 0;
}

// DPDK would become one more queue of the interface that is there, and share its frames with whoever
// has it.
static int check_tap(const struct ft_device *device)
{
	if (device->interface[0] == '\0' || if_nametoindex(device->interface) == 0)
		return 0;
	ft_log_error("%s: there is an interface %s already, perhaps of another process: choose "
		     "another name",
		device->devargs, device->interface);
	return -EBUSY;
}

int ft_device_check(const struct ft_device *device, bool has_hugepages)
{
	int error = 0;

	if (device->is_pci)
		error = check_pci(device);
	else if (device->family.needs_kernel_interface)
		error = check_interface(device);
	else if (strncmp(device->name, "net_tap", strlen("net_tap")) == 0)
		error = check_tap(device);
	if (error != 0)
		return error;
	if (!ft_capability_has(device->family.capabilities)) {
		ft_log_error("%s needs %s: run as root", device->name, device->family.privilege);
		return -EPERM;
	}
	if (device->family.needs_hugepages && !has_hugepages) {
		ft_log_error(
			"%s needs hugepages and too few are free: \"dpdk-hugepages.py --setup 1G\" "
			"reserves some",
			device->name);
		return -ENOMEM;
	}
	return 0;
}
