#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>

#include "base/capability.h"
#include "base/log.h"
#include "drivers/device.h"
#include "drivers/eal.h"
#include "drivers/quiet.h"
#include "tests/unit/support.h"

static struct ft_device device;
static char said[4096]; // on standard error

// What a check returns, and in `said` its message.
static int check(const char *text, bool has_hugepages)
{
	FILE *log = tmpfile();
	int error;

	rte_openlog_stream(log);
	error = ft_device_parse(&device, text);
	if (error == 0)
		error = ft_device_check(&device, has_hugepages);
	rewind(log);
	said[fread(said, 1, sizeof(said) - 1, log)] = '\0';
	rte_openlog_stream(stderr);
	fclose(log);
	return error;
}

static void assert_said_one_line_with(const char *words)
{
	if (strstr(said, words) == NULL || strchr(said, '\n') != said + strlen(said) - 1)
		fail_msg("expected one line with '%s', got '%s'", words, said);
}

static void vdev_without_arguments_is_understood(void **state)
{
	assert_int_equal(check("net_ring0", false), 0);
	assert_string_equal(device.name, "net_ring0");
	assert_string_equal(device.devargs, "net_ring0");
	assert_string_equal(device.interface, "");
	assert_false(device.is_pci);
	assert_true(device.family.passes_sender_flags);
	assert_string_equal(said, "");
}

static void vdev_arguments_are_kept_and_interface_found(void **state)
{
	assert_int_equal(
		ft_device_parse(&device, "net_af_packet7,blocksz=4096,iface=lo,qpairs=1"), 0);
	assert_string_equal(device.name, "net_af_packet7");
	assert_string_equal(device.devargs, "net_af_packet7,blocksz=4096,iface=lo,qpairs=1");
	assert_string_equal(device.interface, "lo");
	assert_true(device.family.needs_kernel_interface);
}

static void vdev_interface_name_too_long_is_none(void **state)
{
	assert_int_equal(check("net_af_packet0,iface=abcdefghijklmnop", false), -EINVAL);
	assert_said_one_line_with("net_af_packet0,iface=NAME");
}

static void vdev_interface_missing_refused(void **state)
{
	assert_int_equal(check("net_af_packet0,iface=ftnothere", false), -ENODEV);
	assert_said_one_line_with("there is no interface ftnothere");
}

static void tap_of_an_interface_that_exists_refused(void **state)
{
	assert_int_equal(check("net_tap0,iface=lo", false), -EBUSY);
	assert_said_one_line_with("there is an interface lo already");
}

static void vdev_needing_hugepages_without_any_refused(void **state)
{
	assert_int_equal(check("net_virtio_user0,path=/dev/vhost-net", false), -ENOMEM);
	assert_said_one_line_with("dpdk-hugepages.py");
	assert_int_equal(check("net_virtio_user0,path=/dev/vhost-net", true), 0);
	assert_string_equal(device.family.eal, "--single-file-segments");
}

static void vdev_unknown_is_left_to_dpdk(void **state)
{
	assert_int_equal(check("net_something0", false), 0);
	assert_false(device.family.needs_kernel_interface);
}

static void pci_short_address_is_completed(void **state)
{
	assert_int_equal(ft_device_parse(&device, "fe:1f.7,mprq_en=1"), 0);
	assert_true(device.is_pci);
	assert_string_equal(device.name, "0000:fe:1f.7");
	assert_string_equal(device.devargs, "0000:fe:1f.7,mprq_en=1");
}

static void pci_missing_device_refused(void **state)
{
	assert_int_equal(check("ffff:fe:1f.7", true), -ENODEV);
	assert_said_one_line_with("there is no PCI device ffff:fe:1f.7");
}

static void text_that_is_no_device_refused(void **state)
{
	static const char *const wrong[] = { "eth0", ",", "net_null0 net_null1",
		"net_null0;net_null1", "0000:01", "gibberish", "01:00.0.0" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(check(wrong[i], true), -EINVAL);
		assert_said_one_line_with("expected one vdev string");
	}
}

// DPDK's limit. What was cut there was taken for the device.
static void vdev_name_too_long_refused(void **state)
{
	char text[200] = "net_af_packet";

	memset(text + strlen(text), 'x', 140);
	strcpy(text + 153, ",iface=lo");
	assert_int_equal(check(text, false), -EINVAL);
	assert_said_one_line_with("expected one vdev string");
	strcpy(text + 64, ",iface=lo");
	assert_int_equal(check(text, false), -EINVAL);
	strcpy(text + 63, ",iface=lo");
	assert_int_equal(ft_device_parse(&device, text), 0);
	assert_string_equal(device.devargs, text);
}

static void text_empty_tells_where_to_set_it(void **state)
{
	assert_int_equal(check("", true), -EINVAL);
	assert_said_one_line_with("--nic.device=");
}

static void family_kernel_driver_decides_for_pci(void **state)
{
	assert_true(ft_family_find("vfio-pci", true)->needs_hugepages);
	assert_false(ft_family_find("mlx5_core", true)->needs_hugepages);
	assert_null(ft_family_find("e1000e", true));
	assert_null(ft_family_find("vfio-pci", false));
}

static void capability_none_asked_is_always_held(void **state)
{
	assert_true(ft_capability_has(0));
	assert_false(ft_capability_has(1ull << 63)); // there is none of that number
}

static void quiet_hides_both_streams_until_its_end(void **state)
{
	struct ft_quiet quiet;
	FILE *captured = tmpfile();
	int saved = dup(STDERR_FILENO);
	char text[64] = "";

	dup2(fileno(captured), STDERR_FILENO);
	ft_quiet_begin(&quiet, true);
	fprintf(stderr, "noise");
	ft_quiet_end(&quiet);
	fprintf(stderr, "sentence");
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(captured);
	assert_true(fread(text, 1, sizeof(text) - 1, captured) > 0);
	fclose(captured);
	assert_string_equal(text, "sentence");
}

static void hugepages_refused_by_eal_option_are_not_used(void **state)
{
	static struct ft_config config;

	ft_config_init(&config);
	assert_int_equal(ft_config_set(&config, "eal", "no-huge", "", "test", stderr), 0);
	assert_false(ft_eal_has_hugepages(&config));
	ft_config_free(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vdev_without_arguments_is_understood),
		cmocka_unit_test(vdev_arguments_are_kept_and_interface_found),
		cmocka_unit_test(vdev_interface_name_too_long_is_none),
		cmocka_unit_test(vdev_interface_missing_refused),
		cmocka_unit_test(tap_of_an_interface_that_exists_refused),
		cmocka_unit_test(vdev_needing_hugepages_without_any_refused),
		cmocka_unit_test(vdev_unknown_is_left_to_dpdk),
		cmocka_unit_test(pci_short_address_is_completed),
		cmocka_unit_test(pci_missing_device_refused),
		cmocka_unit_test(text_that_is_no_device_refused),
		cmocka_unit_test(vdev_name_too_long_refused),
		cmocka_unit_test(text_empty_tells_where_to_set_it),
		cmocka_unit_test(family_kernel_driver_decides_for_pci),
		cmocka_unit_test(capability_none_asked_is_always_held),
		cmocka_unit_test(quiet_hides_both_streams_until_its_end),
		cmocka_unit_test(hugepages_refused_by_eal_option_are_not_used),
	};

	ft_log_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
