// Memory straight from the kernel: zero, untouched until used, on huge pages where there are some.
#pragma once
#include <stddef.h>

// Returns NULL when there is none. `bytes` may be 0: the result is then a page all the same.
void *ft_pages_map(size_t bytes);

// `bytes` as given to ft_pages_map(). NULL is allowed.
void ft_pages_unmap(void *pages, size_t bytes);
