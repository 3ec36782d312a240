// The directory of a running application: made, kept from others, and cleared away, also after those who
// could not do it themselves. In a temporary directory: RUNTIME_DIRECTORY names it.
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_common.h>

#include "drivers/runtime_dir.h"
#include "tests/unit/support.h"

static char home[] = "/tmp/ft-runtime-XXXXXX";
static char base[128];

static int setup(void **state)
{
	strcpy(home, "/tmp/ft-runtime-XXXXXX");
	assert_non_null(mkdtemp(home));
	assert_int_equal(setenv("RUNTIME_DIRECTORY", home, 1), 0);
	ft_runtime_dir_base(base, sizeof(base));
	assert_int_equal(mkdir(base, 0700), 0);
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	return remove(path);
}

static int teardown(void **state)
{
	ft_runtime_dir_release();
	return nftw(home, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const char *directory, const char *file)
{
	static char path[512];

	snprintf(
		path, sizeof(path), "%s/%s%s%s", base, directory, file[0] != '\0' ? "/" : "", file);
	return path;
}

static bool exists(const char *directory, const char *file)
{
	return access(path_of(directory, file), F_OK) == 0;
}

static void make_file(const char *directory, const char *file)
{
	int fd;

	mkdir(path_of(directory, ""), 0700);
	fd = open(path_of(directory, file), O_CREAT | O_RDWR, 0600);
	assert_true(fd >= 0);
	close(fd);
}

// As a primary process leaves it that shares its memory, and a secondary of it.
static void make_leavings(const char *directory)
{
	static const char *const files[] = { "config", "hugepage_info", "fbarray_memzone",
		"fbarray_memseg-2048k-0-0_77", "mp_socket", "mp_socket_77_1f", "dpdk_telemetry.v2",
		"fourtuple.lock" };

	for (size_t i = 0; i < RTE_DIM(files); i++)
		make_file(directory, files[i]);
}

static pid_t dead_pid(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

static void claim_twice_the_second_gets_its_number(void **state)
{
	char name[FT_RUNTIME_NAME_BYTES], wanted[FT_RUNTIME_NAME_BYTES];
	pid_t pid;
	int status;

	assert_int_equal(ft_runtime_dir_claim("echo", name), 0);
	assert_string_equal(name, "echo");
	pid = fork();
	if (pid == 0) {
		snprintf(wanted, sizeof(wanted), "echo-%d", (int)getpid());
		_exit(ft_runtime_dir_claim("echo", name) != 0 || strcmp(name, wanted) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	ft_runtime_dir_sweep("echo");
	snprintf(wanted, sizeof(wanted), "echo-%d", (int)pid);
	assert_false(exists(wanted, ""));
	assert_true(exists("echo", ""));
}

static void release_takes_all_that_dpdk_made(void **state)
{
	char name[FT_RUNTIME_NAME_BYTES];

	assert_int_equal(ft_runtime_dir_claim("echo", name), 0);
	make_leavings("echo");
	ft_runtime_dir_release();
	assert_false(exists("echo", ""));
}

static void claim_not_a_name_refused(void **state)
{
	static const char *const names[] = { "", ".", "..", "a/b", "-x", "a b" };
	char name[FT_RUNTIME_NAME_BYTES];

	for (size_t i = 0; i < RTE_DIM(names); i++)
		assert_int_equal(ft_runtime_dir_claim(names[i], name), -EINVAL);
}

static void sweep_takes_what_killed_processes_left(void **state)
{
	char numbered[64];

	snprintf(numbered, sizeof(numbered), "echo-%d", (int)dead_pid());
	make_leavings("echo");
	make_leavings(numbered);
	ft_runtime_dir_sweep("echo");
	assert_false(exists("echo", ""));
	assert_false(exists(numbered, ""));
}

static void sweep_leaves_what_is_not_ours(void **state)
{
	static const char *const others[] = { "echo-", "echo-12x", "echoes", "echo-1", "ech" };
	char stranger[64];

	for (size_t i = 0; i < RTE_DIM(others); i++)
		make_leavings(others[i]);
	snprintf(stranger, sizeof(stranger), "relay-%d", (int)dead_pid());
	make_leavings(stranger);
	make_leavings("echo");
	make_file("echo", "a user's file");
	ft_runtime_dir_sweep("echo");
	for (size_t i = 0; i < RTE_DIM(others); i++)
		assert_true(exists(others[i], "config"));
	assert_true(exists(stranger, "config"));
	assert_true(exists("echo", "a user's file"));
	assert_false(exists("echo", "config"));
}

// A primary process that is not ours, as DPDK locks it.
static void sweep_leaves_a_strangers_directory_that_is_in_use(void **state)
{
	char name[FT_RUNTIME_NAME_BYTES], wanted[FT_RUNTIME_NAME_BYTES];
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 64, .l_len = 9 };
	int ready[2];
	char byte;
	pid_t pid;

	make_file("echo", "config");
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(path_of("echo", "config"), O_RDWR);

		if (fcntl(fd, F_SETLK, &lock) != 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	ft_runtime_dir_sweep("echo");
	assert_true(exists("echo", "config"));
	assert_false(exists("echo", "fourtuple.lock"));
	assert_int_equal(ft_runtime_dir_claim("echo", name), 0);
	snprintf(wanted, sizeof(wanted), "echo-%d", (int)getpid());
	assert_string_equal(name, wanted);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			claim_twice_the_second_gets_its_number, setup, teardown),
		cmocka_unit_test_setup_teardown(release_takes_all_that_dpdk_made, setup, teardown),
		cmocka_unit_test_setup_teardown(claim_not_a_name_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep_takes_what_killed_processes_left, setup, teardown),
		cmocka_unit_test_setup_teardown(sweep_leaves_what_is_not_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sweep_leaves_a_strangers_directory_that_is_in_use, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
