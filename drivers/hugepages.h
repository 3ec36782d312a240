// Hugepages: how many are free, and the files that DPDK makes of them when it shares its memory with
// other processes.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Bytes in free pages of all sizes; with `as_files` only of those sizes that a hugetlbfs in which we may
// write is mounted for.
uint64_t ft_hugepages_free_bytes(bool as_files);

// Removes the files NAMEmap_0, NAMEmap_1, ... in every hugetlbfs, `name` being DPDK's --file-prefix: the
// pages are free again once nobody maps them. What another process has locked stays, unless `are_ours`.
void ft_hugepages_remove_files(const char *name, bool are_ours);
