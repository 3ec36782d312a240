#include "base/pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_common.h>
#include <rte_errno.h>
#include <rte_ring.h>

#define HUGE_BYTES ((size_t)2 << 20)

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
	if (bytes >= HUGE_BYTES)
		(void)madvise(pages, bytes, MADV_HUGEPAGE);
	return pages;
}

void ft_pages_unmap(void *pages, size_t bytes)
{
	if (pages != NULL)
		munmap(pages, mapped_bytes(bytes));
}

// ---- the service ----

#define MOST_REQUESTS 1024

// It looks again after so long, and a millisecond later each time that there is nothing to do.
#define SHORTEST_PAUSE_US 2000
#define LONGEST_PAUSE_US  16000

struct request {
	char *start;
	size_t bytes;
	enum { GIVE, UNMAP } what;
};

static struct {
	struct rte_ring *requests; // NULL: nobody serves
	uint64_t pause_us;
} service;

// A kernel before 5.14 refuses; then pages come at the touch.
static void give(char *start, size_t bytes)
{
	size_t before = (uintptr_t)start % (size_t)sysconf(_SC_PAGESIZE);

	(void)madvise(start - before, before + bytes, MADV_POPULATE_WRITE);
}

static bool serve_all(void)
{
	struct request request;
	bool has_served = false;

	while (rte_ring_dequeue_elem(service.requests, &request, sizeof(request)) == 0) {
		has_served = true;
		if (request.what == UNMAP)
			ft_pages_unmap(request.start, request.bytes);
		else
			give(request.start, request.bytes);
	}
	return has_served;
}

static void serve(void *argument)
{
	service.pause_us = serve_all() ? SHORTEST_PAUSE_US
				       : RTE_MIN(service.pause_us + 1000, LONGEST_PAUSE_US);
	rte_eal_alarm_set(service.pause_us, serve, NULL);
}

int ft_pages_service_start(void)
{
	int error;

	if (service.requests != NULL)
		return -EALREADY;
	service.requests = rte_ring_create_elem(
		"ft_pages", sizeof(struct request), MOST_REQUESTS, SOCKET_ID_ANY, RING_F_SC_DEQ);
	if (service.requests == NULL)
		return -rte_errno;
	service.pause_us = SHORTEST_PAUSE_US;
	error = rte_eal_alarm_set(service.pause_us, serve, NULL);
	if (error != 0) {
		rte_ring_free(service.requests);
		service.requests = NULL;
	}
	return error;
}

void ft_pages_service_stop(void)
{
	if (service.requests == NULL)
		return;
	rte_eal_alarm_cancel(serve, NULL);
	serve_all();
	rte_ring_free(service.requests);
	service.requests = NULL;
}

// False when nobody serves, or is late.
static bool ask(const struct request *request)
{
	return service.requests != NULL &&
	       rte_ring_enqueue_elem(service.requests, (void *)request, sizeof(*request)) == 0;
}

bool ft_pages_unmap_later(void *pages, size_t bytes)
{
	return ask(&(struct request){ .start = pages, .bytes = bytes, .what = UNMAP });
}

void ft_pages_give_soon(void *pages, size_t bytes)
{
	ask(&(struct request){ .start = pages, .bytes = bytes, .what = GIVE });
}

// ---- fronts ----

// The first huge page comes with the first touch, whoever touches.
void ft_pages_front_init(struct ft_pages_front *front, void *start, size_t bytes)
{
	*front = (struct ft_pages_front){
		.start = start,
		.bytes = bytes,
		.asked = RTE_MIN(bytes, HUGE_BYTES),
		.ask_at = bytes <= HUGE_BYTES ? SIZE_MAX : HUGE_BYTES / 2,
	};
}

static void advance(struct ft_pages_front *front, size_t from, size_t until)
{
	ft_pages_give_soon(front->start + from, until - from);
	front->asked = until;
	front->ask_at = until == front->bytes ? SIZE_MAX : until - HUGE_BYTES;
}

void ft_pages_front_prepare(struct ft_pages_front *front)
{
	advance(front, 0, RTE_MIN(front->bytes, 2 * HUGE_BYTES));
}

void ft_pages_front_advance(struct ft_pages_front *front, size_t used_bytes)
{
	advance(front, front->asked,
		RTE_MIN(front->bytes, RTE_MAX(used_bytes, front->asked) + HUGE_BYTES));
}
