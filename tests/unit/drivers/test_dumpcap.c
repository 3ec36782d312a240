// An answer to dpdk-dumpcap waits for the end of the burst, so that it frees nothing that the burst
// writes to. The thread that answers is DPDK's in life, and one of ours here.
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "drivers/dumpcap.h"
#include "tests/unit/support.h"

#define A_WHILE_MS 100

static char directory[] = "/tmp/ft-dumpcap-XXXXXX";
static struct sockaddr_un other_process = { .sun_family = AF_UNIX };
static int receiver;

static int setup(void **state)
{
	strcpy(directory, "/tmp/ft-dumpcap-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(other_process.sun_path, sizeof(other_process.sun_path), "%s/mp_socket_7_1f",
		directory);
	receiver = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(
		bind(receiver, (struct sockaddr *)&other_process, sizeof(other_process)), 0);
	ft_dumpcap.is_on = true;
	return 0;
}

static int teardown(void **state)
{
	ft_dumpcap.is_on = false;
	close(receiver);
	unlink(other_process.sun_path);
	return rmdir(directory);
}

static void *answer(void *arg)
{
	struct iovec part = { .iov_base = "gone", .iov_len = 4 };
	struct msghdr message = { .msg_name = &other_process,
		.msg_namelen = sizeof(other_process),
		.msg_iov = &part,
		.msg_iovlen = 1 };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	ssize_t sent = sendmsg(fd, &message, 0);

	close(fd);
	return sent == 4 ? NULL : arg;
}

static bool has_answer(int timeout_ms)
{
	struct pollfd wanted = { .fd = receiver, .events = POLLIN };

	return poll(&wanted, 1, timeout_ms) == 1;
}

static void burst_under_way_answer_waits_for_its_end(void **state)
{
	pthread_t thread;
	void *failed;

	ft_dumpcap_begin_burst();
	assert_int_equal(pthread_create(&thread, NULL, answer, &failed), 0);
	assert_false(has_answer(A_WHILE_MS));
	ft_dumpcap_end_burst();
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	assert_true(has_answer(0));
}

static void no_burst_answer_goes_at_once(void **state)
{
	ft_dumpcap_begin_burst();
	ft_dumpcap_end_burst();
	assert_null(answer(state));
	assert_true(has_answer(0));
}

// The loop's own thread sends something else meanwhile, as a driver may.
static void burst_under_way_other_messages_go_at_once(void **state)
{
	struct iovec part = { .iov_base = "else", .iov_len = 4 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	ft_dumpcap_begin_burst();
	assert_int_equal(sendmsg(pair[0], &message, 0), 4);
	ft_dumpcap_end_burst();
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			burst_under_way_answer_waits_for_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(no_burst_answer_goes_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			burst_under_way_other_messages_go_at_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
