#include "base/pages.h"

#include <sys/mman.h>

static size_t mapped_bytes(size_t bytes)
{
	return bytes == 0 ? 1 : bytes;
}

void *ft_pages_map(size_t bytes)
{
	// MAP_NORESERVE: a large maximum costs address space, not memory.
	void *pages = mmap(NULL, mapped_bytes(bytes), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	// Only advice: a kernel without transparent huge pages refuses, and small pages do as well.
	(void)madvise(pages, mapped_bytes(bytes), MADV_HUGEPAGE);
	return pages;
}

void ft_pages_unmap(void *pages, size_t bytes)
{
	if (pages != NULL)
		munmap(pages, mapped_bytes(bytes));
}
