// Walking the buffers that an application gave (struct iovec), a piece at a time.
#pragma once
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

struct ft_iov {
	const struct iovec *iov; // the one that comes next
	int count;		 // how many are left, that one included
	size_t offset;		 // bytes of it that are done
};

// Passes over buffers that are done or empty.
static inline void ft_iov_settle(struct ft_iov *walk)
{
	while (walk->count > 0 && walk->offset == walk->iov->iov_len) {
		walk->iov++;
		walk->count--;
		walk->offset = 0;
	}
}

// The next piece of at most `bytes`: returns where it is and sets *count, 0 at the end. There may be no memory
// there, in what receives only to throw away (MSG_TRUNC): so no arithmetic on pointers.
static inline void *ft_iov_next(struct ft_iov *walk, size_t bytes, size_t *count)
{
	void *piece;

	ft_iov_settle(walk);
	*count = 0;
	if (walk->count == 0)
		return NULL;
	piece = (void *)((uintptr_t)walk->iov->iov_base + walk->offset);
	*count = walk->iov->iov_len - walk->offset;
	if (*count > bytes)
		*count = bytes;
	walk->offset += *count;
	return piece;
}

// Copies the next `bytes` bytes to `to`; they must be there.
static inline void ft_iov_gather(struct ft_iov *walk, char *to, size_t bytes)
{
	while (bytes > 0) {
		size_t count;
		const void *piece = ft_iov_next(walk, bytes, &count);

		memcpy(to, piece, count);
		to += count;
		bytes -= count;
	}
}

// Passes over `bytes` bytes, or as many as there are; the walk then stands where something is left.
static inline void ft_iov_skip(struct ft_iov *walk, size_t bytes)
{
	size_t count;

	do {
		ft_iov_next(walk, bytes, &count);
		bytes -= count;
	} while (bytes > 0 && count > 0);
	ft_iov_settle(walk);
}
