// How ft-ss and ft-exporter find what runs: against a process that answers as a hundred applications.
#include "apps/telemetry_client.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#define APPS 100

static char directory[64] = "/tmp/ft-telemetry-XXXXXX";
static pid_t answerer;

static void path_of(int app, const char *file, char path[108])
{
	snprintf(path, 108, "%s/dpdk/app%02d%s", directory, app, file);
}

static int listen_as(int app)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	path_of(app, "", address.sun_path);
	mkdir(address.sun_path, 0700);
	path_of(app, "/dpdk_telemetry.v2", address.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

// DPDK's greeting and the one answer that makes it an application; then the asker has hung up.
static void answer(int app, int peer)
{
	char text[128];

	send(peer, "{}", 2, MSG_NOSIGNAL);
	recv(peer, text, sizeof(text), 0);
	snprintf(text, sizeof(text),
		"{\"/fourtuple/info\": {\"name\": \"app%02d\", \"program\": \"test\", \"pid\": %d}}",
		app, app + 1);
	send(peer, text, strlen(text), MSG_NOSIGNAL);
	close(peer);
}

static void answer_all(const int listeners[APPS])
{
	struct pollfd waits[APPS];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < APPS; i++)
		waits[i] = (struct pollfd){ .fd = listeners[i], .events = POLLIN };
	while (poll(waits, APPS, -1) > 0)
		for (int i = 0; i < APPS; i++)
			if (waits[i].revents != 0)
				answer(i, accept(listeners[i], NULL, NULL));
}

static int start_answering(void **state)
{
	int listeners[APPS];
	char path[108];

	assert_non_null(mkdtemp(directory));
	setenv("RUNTIME_DIRECTORY", directory, 1);
	snprintf(path, sizeof(path), "%s/dpdk", directory);
	mkdir(path, 0700);
	for (int i = 0; i < APPS; i++)
		listeners[i] = listen_as(i);
	answerer = fork();
	if (answerer == 0) {
		answer_all(listeners);
		_exit(1);
	}
	for (int i = 0; i < APPS; i++)
		close(listeners[i]);
	return answerer < 0;
}

static int stop_answering(void **state)
{
	char path[108];

	kill(answerer, SIGKILL);
	waitpid(answerer, NULL, 0);
	for (int i = 0; i < APPS; i++) {
		path_of(i, "/dpdk_telemetry.v2", path);
		unlink(path);
		path_of(i, "", path);
		rmdir(path);
	}
	snprintf(path, sizeof(path), "%s/dpdk", directory);
	rmdir(path);
	return rmdir(directory);
}

static void hang_up(struct ft_app *apps, int count)
{
	for (int i = 0; i < count; i++)
		ft_client_close(&apps[i]);
	free(apps);
}

static void all_are_found(void **state)
{
	struct ft_app *apps;
	int count = ft_client_find(&apps, NULL);

	assert_int_equal(count, APPS);
	for (int i = 0; i < count; i++)
		assert_int_equal(apps[i].pid, i + 1);
	hang_up(apps, count);
}

static void one_is_found_by_its_name(void **state)
{
	struct ft_app *apps;
	int count = ft_client_find(&apps, "app70");

	assert_int_equal(count, 1);
	assert_int_equal(apps[0].pid, 71);
	hang_up(apps, count);
	assert_int_equal(ft_client_find(&apps, "app"), 0);
	hang_up(apps, 0);
}

// They are there, and the exit status has to say that not all was shown.
static void those_beyond_our_descriptors_count(void **state)
{
	struct rlimit before, few;
	struct ft_app *apps;
	int count;

	getrlimit(RLIMIT_NOFILE, &before);
	few = (struct rlimit){ .rlim_cur = APPS / 2, .rlim_max = before.rlim_max };
	setrlimit(RLIMIT_NOFILE, &few);
	count = ft_client_find(&apps, NULL);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(count, APPS);
	assert_true(apps[0].fd >= 0);
	assert_int_equal(apps[APPS - 1].fd, -1);
	assert_string_equal(apps[APPS - 1].name, "app99");
	hang_up(apps, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_found),
		cmocka_unit_test(one_is_found_by_its_name),
		cmocka_unit_test(those_beyond_our_descriptors_count),
	};

	return cmocka_run_group_tests(tests, start_answering, stop_answering);
}
