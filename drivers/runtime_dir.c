#include "drivers/runtime_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME_CHARACTERS                                                  \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" \
	"-_."

// What this process holds. The lock is the kernel's, so it ends with the process however that ends.
static struct {
	char path[PATH_MAX];
	int lock;
	pid_t owner; // a child that exits must not take its parent's directory away
	bool is_held;
} held;

void ft_runtime_dir_base(char *path, size_t bytes)
{
	const char *directory = getenv("RUNTIME_DIRECTORY");

	if (directory == NULL && getuid() == 0)
		directory = "/var/run";
	if (directory == NULL)
		directory = getenv("XDG_RUNTIME_DIR");
	snprintf(path, bytes, "%s/dpdk", directory != NULL ? directory : "/tmp");
}

static bool is_name(const char *name)
{
	size_t bytes = strlen(name);

	return bytes > 0 && bytes < 64 && name[0] != '.' && name[0] != '-' &&
	       strspn(name, NAME_CHARACTERS) == bytes;
}

// A DPDK program that is not ours locks nothing, but its socket answers.
static bool is_answering(const char *directory)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool is_connected;

	snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/dpdk_telemetry.v2", directory);
	is_connected = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return is_connected;
}

// Whether what was opened is still what the path names: its last owner may just have removed it.
static bool is_still_there(int fd, const char *path)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
	       opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

// Returns `fd`, locked; -EAGAIN when the directory went meanwhile, -EADDRINUSE when it is another's.
static int lock_opened(int fd, const char *path)
{
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -EADDRINUSE;
	if (!is_still_there(fd, path))
		return -EAGAIN;
	return is_answering(path) ? -EADDRINUSE : fd;
}

// The lock's descriptor, or an error as above, or another of mkdir() and open().
static int lock_directory(const char *path)
{
	int fd, result;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	result = lock_opened(fd, path);
	if (result < 0)
		close(fd);
	return result;
}

void ft_runtime_dir_release(void)
{
	char path[PATH_MAX + 32];

	if (!held.is_held || held.owner != getpid())
		return;
	snprintf(path, sizeof(path), "%s/dpdk_telemetry.v2", held.path);
	unlink(path);
	rmdir(held.path);
	close(held.lock);
	held.is_held = false;
}

static int hold(const char *base, const char *name)
{
	int fd;

	snprintf(held.path, sizeof(held.path), "%s/%s", base, name);
	do
		fd = lock_directory(held.path);
	while (fd == -EAGAIN);
	if (fd < 0)
		return fd;
	held.lock = fd;
	held.owner = getpid();
	held.is_held = true;
	return 0;
}

int ft_runtime_dir_claim(const char *name, char claimed[FT_RUNTIME_NAME_BYTES])
{
	char base[PATH_MAX / 2];
	int error;

	if (!is_name(name))
		return -EINVAL;
	ft_runtime_dir_base(base, sizeof(base));
	if (mkdir(base, 0700) < 0 && errno != EEXIST)
		return -errno;
	snprintf(claimed, FT_RUNTIME_NAME_BYTES, "%s", name);
	error = hold(base, claimed);
	if (error == -EADDRINUSE) {
		snprintf(claimed, FT_RUNTIME_NAME_BYTES, "%s-%d", name, (int)getpid());
		error = hold(base, claimed);
	}
	// Handlers run in the reverse order: DPDK's, registered later, removes the socket first.
	if (error == 0)
		atexit(ft_runtime_dir_release);
	return error;
}
