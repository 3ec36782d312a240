#include "drivers/runtime_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "drivers/hugepages.h"

#define NAME_CHARACTERS                                                  \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" \
	"-_."
#define LOCK_NAME "fourtuple.lock"

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

bool ft_runtime_dir_is_name(const char *name)
{
	size_t bytes = strlen(name);

	return bytes > 0 && bytes < 64 && name[0] != '.' && name[0] != '-' &&
	       strspn(name, NAME_CHARACTERS) == bytes;
}

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

// A primary process that shares its memory locks its configuration.
static bool has_primary(const char *directory)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX + 32];
	bool is_locked;
	int fd;

	snprintf(path, sizeof(path), "%s/config", directory);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	is_locked = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(fd);
	return is_locked;
}

// Whether what was opened is still what the path names: its last owner may just have removed it.
static bool is_still_there(int fd, const char *path)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
	       opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

// Returns `fd`, locked; -EAGAIN when the file went meanwhile, -EADDRINUSE when the directory is
// another's: a DPDK program that is not ours knows nothing of this file.
static int lock_opened(int fd, const char *path, const char *directory)
{
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -EADDRINUSE;
	if (!is_still_there(fd, path))
		return -EAGAIN;
	if (!is_answering(directory) && !has_primary(directory))
		return fd;
	unlink(path);
	return -EADDRINUSE;
}

// The lock's descriptor, or an error as above, or another of mkdir() and open(). (The directory itself
// cannot be locked: DPDK does that while processes attach.)
static int lock_directory(const char *directory)
{
	char path[PATH_MAX + 32];
	int fd, result;

	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "%s/" LOCK_NAME, directory);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	result = lock_opened(fd, path, directory);
	if (result < 0)
		close(fd);
	return result;
}

// What DPDK makes in it, of primary and secondary processes.
static bool is_dpdks(const char *file)
{
	static const char *const patterns[] = { "config", "hugepage_info", "hugepage_data",
		"fbarray_*", "mp_socket*", "dpdk_telemetry.*", "telemetry*" };

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (fnmatch(patterns[i], file, 0) == 0)
			return true;
	return false;
}

static void remove_directory(const char *path, int lock)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	if (directory == NULL) {
		close(lock);
		return;
	}
	while ((entry = readdir(directory)) != NULL)
		if (is_dpdks(entry->d_name))
			unlinkat(dirfd(directory), entry->d_name, 0);
	// Last, as from here on it may be another's.
	unlinkat(dirfd(directory), LOCK_NAME, 0);
	rmdir(path);
	closedir(directory);
	close(lock);
}

void ft_runtime_dir_release(void)
{
	if (!held.is_held || held.owner != getpid())
		return;
	ft_hugepages_remove_files(strrchr(held.path, '/') + 1, true);
	remove_directory(held.path, held.lock);
	held.is_held = false;
}

// ---- what others left ----

bool ft_runtime_dir_is_left(const char *entry, const char *name)
{
	size_t bytes = strlen(name);
	char *end;
	long pid;

	if (strncmp(entry, name, bytes) != 0)
		return false;
	if (entry[bytes] == '\0')
		return true;
	pid = strtol(entry + bytes + 1, &end, 10);
	return entry[bytes] == '-' && pid > 0 && pid <= INT_MAX && *end == '\0' &&
	       kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

static void clear(const char *base, const char *name)
{
	char path[PATH_MAX];
	int lock;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	lock = lock_directory(path);
	if (lock < 0)
		return;
	ft_hugepages_remove_files(name, false);
	remove_directory(path, lock);
}

void ft_runtime_dir_sweep(const char *name)
{
	char base[PATH_MAX / 2];
	struct dirent *entry;
	DIR *entries;

	ft_runtime_dir_base(base, sizeof(base));
	entries = opendir(base);
	if (entries == NULL)
		return;
	while ((entry = readdir(entries)) != NULL)
		if (ft_runtime_dir_is_left(entry->d_name, name))
			clear(base, entry->d_name);
	closedir(entries);
}

// ---- what becomes ours ----

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

	if (!ft_runtime_dir_is_name(name))
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
	// Handlers run in the reverse order: DPDK's, registered later, ends its telemetry first.
	if (error == 0)
		atexit(ft_runtime_dir_release);
	return error;
}
