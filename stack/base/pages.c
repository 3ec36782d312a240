#include "base/pages.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_common.h>

static size_t mapped_bytes(size_t bytes)
{
	return bytes == 0 ? 1 : bytes;
}

// MAP_NORESERVE: a large maximum costs address space, not memory.
static void *map(size_t bytes)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return pages == MAP_FAILED ? NULL : pages;
}

// What is too much at both ends goes back.
static void *map_aligned(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t kept = RTE_ALIGN_CEIL(bytes, page);
	char *pages = map(kept + FT_PAGES_HUGE_BYTES), *start;

	if (pages == NULL)
		return NULL;
	start = RTE_PTR_ALIGN_CEIL(pages, FT_PAGES_HUGE_BYTES);
	if (start != pages)
		munmap(pages, (size_t)(start - pages));
	munmap(start + kept, (size_t)(pages + FT_PAGES_HUGE_BYTES - start));
	return start;
}

void *ft_pages_map(size_t bytes)
{
	void *pages;

	if (bytes < FT_PAGES_HUGE_BYTES)
		return map(mapped_bytes(bytes));
	pages = map_aligned(bytes);
	// Only advice: a kernel without transparent huge pages refuses, and small pages do as well.
	if (pages != NULL)
		(void)madvise(pages, bytes, MADV_HUGEPAGE);
	return pages;
}

void ft_pages_unmap(void *pages, size_t bytes)
{
	if (pages != NULL)
		munmap(pages, mapped_bytes(bytes));
}

void ft_pages_keep_small(void *pages, size_t bytes)
{
	(void)madvise(pages, bytes, MADV_NOHUGEPAGE);
}

// A kernel before 5.14 refuses; then pages come at the touch.
void ft_pages_give(void *pages, size_t bytes)
{
	size_t before = (uintptr_t)pages % (size_t)sysconf(_SC_PAGESIZE);

	(void)madvise((char *)pages - before, before + bytes, MADV_POPULATE_WRITE);
}

void ft_pages_take(void *pages, size_t bytes)
{
	(void)madvise(pages, bytes, MADV_DONTNEED);
}

// ---- the service ----

// It looks again after so long, and a millisecond later each time that there is nothing to do.
#define SHORTEST_PAUSE_US 2000
#define LONGEST_PAUSE_US  16000

static struct {
	pthread_mutex_t lock; // of the list, and held while it is gone through
	struct ft_list watches;
	bool is_running;
	uint64_t pause_us;
} service = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.watches = { &service.watches, &service.watches },
};

bool ft_pages_are_tended(void)
{
	return __atomic_load_n(&service.is_running, __ATOMIC_RELAXED);
}

void ft_pages_watch(struct ft_pages_watch *watch, bool (*tend)(struct ft_pages_watch *watch))
{
	watch->tend = tend;
	pthread_mutex_lock(&service.lock);
	ft_list_append(&service.watches, &watch->link);
	pthread_mutex_unlock(&service.lock);
}

void ft_pages_unwatch(struct ft_pages_watch *watch)
{
	if (watch->tend == NULL)
		return;
	pthread_mutex_lock(&service.lock);
	ft_list_remove(&watch->link);
	pthread_mutex_unlock(&service.lock);
	watch->tend = NULL;
}

bool ft_pages_tend_all(void)
{
	bool is_busy = false;

	pthread_mutex_lock(&service.lock);
	ft_list_for_each (link, &service.watches) {
		struct ft_pages_watch *watch = ft_container_of(link, struct ft_pages_watch, link);

		is_busy = watch->tend(watch) || is_busy;
	}
	pthread_mutex_unlock(&service.lock);
	return is_busy;
}

static void say_running(bool is_running)
{
	__atomic_store_n(&service.is_running, is_running, __ATOMIC_RELAXED);
}

static void serve(void *argument)
{
	service.pause_us = ft_pages_tend_all() ? SHORTEST_PAUSE_US
					       : RTE_MIN(service.pause_us + 1000, LONGEST_PAUSE_US);
	if (rte_eal_alarm_set(service.pause_us, serve, NULL) != 0)
		say_running(false);
}

static void hold(void)
{
	pthread_mutex_lock(&service.lock);
}

static void let_go(void)
{
	pthread_mutex_unlock(&service.lock);
}

// A child of fork(2) has no thread that would let go of what ours holds at that moment.
static void prepare_for_fork(void)
{
	pthread_atfork(hold, let_go, let_go);
}

int ft_pages_service_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int error;

	if (ft_pages_are_tended())
		return -EALREADY;
	pthread_once(&once, prepare_for_fork);
	service.pause_us = SHORTEST_PAUSE_US;
	error = rte_eal_alarm_set(service.pause_us, serve, NULL);
	say_running(error == 0);
	return error;
}

void ft_pages_service_stop(void)
{
	if (!ft_pages_are_tended())
		return;
	rte_eal_alarm_cancel(serve, NULL);
	ft_pages_tend_all();
	say_running(false);
}

bool ft_pages_front_give(struct ft_pages_front *front, size_t until)
{
	size_t wanted = RTE_MIN(front->bytes, RTE_ALIGN_CEIL(until, FT_PAGES_HUGE_BYTES));

	if (wanted <= front->given)
		return false;
	ft_pages_give(front->start + front->given, wanted - front->given);
	front->given = wanted;
	return true;
}
