// The directory where DPDK keeps the socket of its telemetry, and when other processes may attach all that
// they need to find. Its name is also what a running application is called. Knows nothing of DPDK but its
// rules, so that ft-ss can look there without starting it.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define FT_RUNTIME_NAME_BYTES 80 // with "-PID" behind it

// Where DPDK makes a directory for each name, as its EAL chooses: "/run/user/1000/dpdk".
void ft_runtime_dir_base(char *path, size_t bytes);

bool ft_runtime_dir_is_name(const char *name);

// Whether a directory there may be what an ended process called `name` left: its entry is `name` itself, or
// "NAME-PID" of a process that is no more. Whether it is held is for its lock to say.
bool ft_runtime_dir_is_left(const char *entry, const char *name);

// Removes what processes called `name` or "NAME-PID" left when they were killed: directories, and the
// files of their hugepages. What is somebody's stays.
void ft_runtime_dir_sweep(const char *name);

// Makes `name` ours until the process ends: its directory exists and is locked. When another process
// has that name it becomes "NAME-PID". Writes the name that it became. Returns 0, or a negative errno
// (-EINVAL: not a name). At exit the directory goes with all that DPDK put there, and the files of
// hugepages of that name.
int ft_runtime_dir_claim(const char *name, char claimed[FT_RUNTIME_NAME_BYTES]);

// Removes them now: DPDK did not start.
void ft_runtime_dir_release(void);
