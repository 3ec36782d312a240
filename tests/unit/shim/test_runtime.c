// ft_init() to ft_exit() on a ring, which needs neither hardware nor root. A process can do this
// once, so the tests build on each other.
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "fourtuple.h"
#include "tests/unit/support.h"

static int call_init(char **argv)
{
	int argc = 0;

	while (argv[argc] != NULL)
		argc++;
	return ft_init(&argc, argv);
}

// What would be said goes nowhere: these messages have tests of their own.
static int call_init_in_silence(char **argv)
{
	FILE *saved = stderr;
	int result;

	stderr = fopen("/dev/null", "w");
	rte_openlog_stream(stderr);
	result = call_init(argv);
	fclose(stderr);
	stderr = saved;
	rte_openlog_stream(stderr);
	return result;
}

static void before_init_without_a_device_refused(void **state)
{
	char *argv[] = { "test", "--ip.address=10.9.0.2/24", NULL };

	assert_int_equal(call_init_in_silence(argv), -1);
	assert_int_equal(errno, EINVAL);
}

static void before_init_without_an_address_refused(void **state)
{
	char *argv[] = { "test", "--nic.device=net_ring0", NULL };

	assert_int_equal(call_init_in_silence(argv), -1);
	assert_int_equal(errno, EINVAL);
}

static void before_init_with_a_wrong_option_refused(void **state)
{
	char *argv[] = { "test", "--nic.device=net_ring0", "--ip.address=10.9.0.2/24",
		"--ip.ttl=300", NULL };

	assert_int_equal(call_init_in_silence(argv), -1);
	assert_int_equal(errno, EINVAL);
}

static void before_init_sockets_are_refused(void **state)
{
	assert_int_equal(ft_socket(AF_INET, SOCK_STREAM, 0), -1);
	assert_int_equal(errno, ENXIO);
}

static void init_takes_its_options_and_leaves_the_others(void **state)
{
	char *argv[] = { "test", "-x", "--nic.device=net_ring0", "--ip.address", "10.9.0.2/24",
		"--ip.address1=10.9.1.2/16", "file", "--memory.packets=2048",
		"--nic.rx_descriptors=256", "--nic.tx_descriptors=256", "--log.level=error", NULL };
	int argc = 11;

	assert_int_equal(ft_init(&argc, argv), 0);
	assert_int_equal(argc, 3);
	assert_string_equal(argv[1], "-x");
	assert_string_equal(argv[2], "file");
}

static void running_addresses_are_told_in_order(void **state)
{
	struct sockaddr_in here;
	socklen_t length = sizeof(here);

	assert_int_equal(ft_local_address(1, (struct sockaddr *)&here, &length), 0);
	assert_int_equal(length, sizeof(here));
	assert_int_equal(here.sin_family, AF_INET);
	assert_string_equal(inet_ntoa(here.sin_addr), "10.9.1.2");
	assert_int_equal(ft_local_address(2, (struct sockaddr *)&here, &length), -1);
	assert_int_equal(errno, EADDRNOTAVAIL);
}

static void running_init_again_refused(void **state)
{
	char *argv[] = { "test", "--nic.device=net_ring1", "--ip.address=10.9.0.3/24", NULL };

	assert_int_equal(call_init_in_silence(argv), -1);
	assert_int_equal(errno, EBUSY);
}

static void running_datagram_to_own_address_arrives(void **state)
{
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(7777) };
	struct timeval limit = { .tv_sec = 5 };
	int receiver = ft_socket(AF_INET, SOCK_DGRAM, 0);
	int sender = ft_socket(AF_INET, SOCK_DGRAM, 0);
	char text[8] = "";

	there.sin_addr.s_addr = inet_addr("10.9.0.2");
	assert_int_equal(ft_bind(receiver, (struct sockaddr *)&there, sizeof(there)), 0);
	ft_setsockopt(receiver, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(
		ft_sendto(sender, "hello", 5, 0, (struct sockaddr *)&there, sizeof(there)), 5);
	assert_int_equal(ft_recv(receiver, text, sizeof(text), 0), 5);
	assert_string_equal(text, "hello");
}

static void running_interrupt_ends_a_wait(void **state)
{
	int fd = ft_socket(AF_INET, SOCK_DGRAM, 0);
	char byte;

	ft_interrupt();
	assert_int_equal(ft_recv(fd, &byte, 1, 0), -1);
	assert_int_equal(errno, EINTR);
}

static void *exit_elsewhere(void *arg)
{
	ft_exit();
	return NULL;
}

static void running_exit_in_another_thread_changes_nothing(void **state)
{
	pthread_t thread;
	int fd;

	assert_int_equal(pthread_create(&thread, NULL, exit_elsewhere, NULL), 0);
	pthread_join(thread, NULL);
	fd = ft_socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(ft_close(fd), 0);
}

static void after_exit_sockets_are_refused(void **state)
{
	ft_exit();
	assert_int_equal(ft_socket(AF_INET, SOCK_STREAM, 0), -1);
	assert_int_equal(errno, ENXIO);
	ft_exit(); // once more changes nothing
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_init_without_a_device_refused),
		cmocka_unit_test(before_init_without_an_address_refused),
		cmocka_unit_test(before_init_with_a_wrong_option_refused),
		cmocka_unit_test(before_init_sockets_are_refused),
		cmocka_unit_test(init_takes_its_options_and_leaves_the_others),
		cmocka_unit_test(running_addresses_are_told_in_order),
		cmocka_unit_test(running_init_again_refused),
		cmocka_unit_test(running_datagram_to_own_address_arrives),
		cmocka_unit_test(running_interrupt_ends_a_wait),
		cmocka_unit_test(running_exit_in_another_thread_changes_nothing),
		cmocka_unit_test(after_exit_sockets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
