#include "drivers/hugepages.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <unistd.h>

#define SIZES_PATH	  "/sys/kernel/mm/hugepages"
#define DEEPEST_OPEN_DIRS 8

// ---- how many are free ----

// A file system of hugepages gives their size as its block's.
static bool is_mounted_for(unsigned long kib)
{
	FILE *mounts = setmntent("/proc/mounts", "re");
	struct mntent *mount;
	bool is_found = false;
	struct statfs system;

	if (mounts == NULL)
		return false;
	while (!is_found && (mount = getmntent(mounts)) != NULL)
		is_found = strcmp(mount->mnt_type, "hugetlbfs") == 0 &&
			   statfs(mount->mnt_dir, &system) == 0 &&
			   (unsigned long)system.f_bsize == kib * 1024 &&
			   access(mount->mnt_dir, W_OK) == 0;
	endmntent(mounts);
	return is_found;
}

// "hugepages-2048kB" and its free_hugepages.
static uint64_t free_bytes_of(const char *size_name, bool as_files)
{
	char path[512];
	unsigned long kib, pages = 0;
	FILE *file;

	if (sscanf(size_name, "hugepages-%lukB", &kib) != 1 || (as_files && !is_mounted_for(kib)))
		return 0;
	snprintf(path, sizeof(path), "%s/%s/free_hugepages", SIZES_PATH, size_name);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return (uint64_t)kib * 1024 * pages;
}

uint64_t ft_hugepages_free_bytes(bool as_files)
{
	DIR *sizes = opendir(SIZES_PATH);
	struct dirent *size;
	uint64_t bytes = 0;

	if (sizes == NULL)
		return 0;
	while ((size = readdir(sizes)) != NULL)
		bytes += free_bytes_of(size->d_name, as_files);
	closedir(sizes);
	return bytes;
}

// ---- files ----

// Which nftw() should remove: it hands nothing on to what it calls.
static struct {
	const char *name;
	bool are_ours;
} doomed;

// "ft-echomap_12" is of ft-echo.
static bool is_of(const char *file, const char *name)
{
	size_t bytes = strlen(name);

	if (strncmp(file, name, bytes) != 0 || strncmp(file + bytes, "map_", 4) != 0)
		return false;
	file += bytes + 4;
	return *file != '\0' && file[strspn(file, "0123456789")] == '\0';
}

// DPDK holds a shared lock on each file that it maps.
static bool is_locked(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool is_free = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;

	if (fd >= 0)
		close(fd);
	return !is_free;
}

static int remove_file(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	if (kind == FTW_F && is_of(path + where->base, doomed.name) &&
		(doomed.are_ours || !is_locked(path)))
		unlink(path);
	return 0;
}

void ft_hugepages_remove_files(const char *name, bool are_ours)
{
	FILE *mounts = setmntent("/proc/mounts", "re");
	struct mntent *mount;

	if (mounts == NULL)
		return;
	doomed.name = name;
	doomed.are_ours = are_ours;
	// --huge-dir may name a directory below: the whole tree is looked at.
	while ((mount = getmntent(mounts)) != NULL)
		if (strcmp(mount->mnt_type, "hugetlbfs") == 0)
			nftw(mount->mnt_dir, remove_file, DEEPEST_OPEN_DIRS, FTW_PHYS | FTW_MOUNT);
	endmntent(mounts);
}
